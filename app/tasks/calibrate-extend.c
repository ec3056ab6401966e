/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/calibrate-extend.h"

#include "app/tasks/calibrate-inputs.h"
#include "engine/memory/pool.h"

#define HISTOGRAM_FRACTION 4
#define MOST_HISTOGRAM_BYTES ((gsize) 1 << 30)

gboolean
tn_calibrate_extend_stats (const TnCalibrateOptions *options, TnStats *stats, GError **error)
{
  gsize budget = tn_pool_get_budget (tn_pool_default ());

  if (tn_calibrate_options_is_given (options, "ema-decay"))
    tn_stats_keep_moving_ranges (stats, options->ema_decay);
  if (!tn_calibrate_keep_inputs (stats, options, error))
    return FALSE;
  if (options->channel_histograms == NULL)
    return TRUE;
  if (tn_stats_keep_channel_histograms (stats, options->channel_histograms, budget > 0 ? budget / HISTOGRAM_FRACTION : MOST_HISTOGRAM_BYTES, error))
    return TRUE;
  g_prefix_error (error, "--channel-histograms: ");
  return FALSE;
}
