/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/calibrate-options.h"
#include "engine/calibration/stats.h"

G_BEGIN_DECLS

/* What the options ask of empty statistics beyond what is always kept: moving ranges, histograms of channels. These may take a quarter of the memory
 * limit, without one 1 GiB; a run holds such statistics twice, of all batches and of one. TN_ERROR_ARGUMENT: a site that there is not. */
gboolean tn_calibrate_extend_stats (const TnCalibrateOptions *options, TnStats *stats, GError **error);

G_END_DECLS
