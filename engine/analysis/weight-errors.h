/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/analysis.h"
#include "engine/listener.h"

G_BEGIN_DECLS

/* Fills `weight` of every cell: what rounding does to the weights alone (tn_quantize_errors()). Any thread; works on the compute thread.
 * TN_ERROR_NOT_FOUND: the model lacks a layer; G_IO_ERROR_CANCELLED. */
gboolean tn_analysis_measure_weights (TnAnalysis *self, TnModel *model, const TnListener *listener, GCancellable *cancellable,
                                      GError **error);

/* The weight of a layer; TN_ERROR_NOT_FOUND. */
const TnTensor *tn_analysis_find_weight (const TnAnalysis *self, TnModel *model, guint layer, GError **error);

G_END_DECLS
