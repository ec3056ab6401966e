/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/models/model-file.h"
#include "engine/calibration/stats.h"

G_BEGIN_DECLS

/* The statistics of one batch, on the compute thread: batch_stats is cleared first and whole afterwards, or of no use on failure. TN_ERROR_IO: the
 * file was cut under the model that is mapped from it. */
gboolean tn_calibrate_forward (TnModel *model, TnModelFile *file, const TnBatch *batch, TnSiteKind kinds, TnStats *batch_stats, GCancellable *cancellable,
                               GError **error);

G_END_DECLS
