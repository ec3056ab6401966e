/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/calibrate-options.h"
#include "engine/calibration/stats.h"

G_BEGIN_DECLS

/* What --gram and --rows keep of the inputs, in statistics that have seen nothing yet. TN_ERROR_NOT_FOUND: --gram names no site; TN_ERROR_MEMORY,
 * before any work. */
gboolean tn_calibrate_keep_inputs (TnStats *stats, const TnCalibrateOptions *options, GError **error);

G_END_DECLS
