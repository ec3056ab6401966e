/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/allocation.h"
#include "engine/analysis/loss-changes.h"

G_BEGIN_DECLS

/* Points of a front to look at: n of them (fewer where it has fewer), evenly over bits a weight, its ends among them from two on. GArray of guint. */
GArray  *tn_allocation_pick_points (const TnAllocation *self, guint n);
/* Every layer under one scheme, those to which it does not apply as they are. schemes: [layers]. */
void     tn_analysis_fill_uniform  (const TnAnalysis *self, guint scheme, gint *schemes);

/* Whether losses of layers add up: whole plans, rounded and measured, appended to `checks`: every scheme in all layers, and n_front
 * plans of the front, without its ends. static_params as TnLossChangeOptions has them. Needs estimates of the layers' changes; without any only the uniform
 * plans are measured. */
gboolean tn_analysis_check_plans   (TnAnalysis *self, TnModel *model, TnLossBaseline *baseline, guint n_front,
                                    const TnQuantParams *const *static_params, const TnListener *listener, GCancellable *cancellable,
                                    GError **error);

G_END_DECLS
