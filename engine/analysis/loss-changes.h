/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/analysis.h"
#include "engine/listener.h"
#include "engine/nn/batch.h"
#include "engine/nn/quantized-model.h"
#include "engine/quant/quant-params.h"

G_BEGIN_DECLS

/* Measured changes of the loss. */

/* The model as it is on windows of data, which changed models are measured against: what came into each block is kept, so that a model that
 * differs from some block on runs from there. Memory: 4 n_embd (n_layer + 1) bytes a token. One thread at a time, any: it works on the compute thread. */
typedef struct _TnLossBaseline TnLossBaseline;

/* windows: with targets; each is one sample. together: how many go through the model at once, > 0. TN_ERROR_DATA: nothing is scored, or the loss is
 * not finite; TN_ERROR_MEMORY. */
TnLossBaseline *tn_loss_baseline_new      (TnModel *model, const TnBatch *windows, guint together, const TnListener *listener,
                                           GCancellable *cancellable, GError **error);
void            tn_loss_baseline_free     (TnLossBaseline *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnLossBaseline, tn_loss_baseline_free)
guint           tn_loss_baseline_n_windows (const TnLossBaseline *self);
TnEstimate      tn_loss_baseline_get_loss (const TnLossBaseline *self);
/* Windows that go through the model at once, the last of them maybe fewer. */
guint           tn_loss_baseline_n_groups (const TnLossBaseline *self);
/* Of the windows of a group, appended to arrays of double: the changed model's summed loss minus that of the model as it is, nats, and the targets.
 * first_block: the first in which they differ. Windows without a target are left out. */
gboolean        tn_loss_baseline_measure  (TnLossBaseline *self, TnModel *changed, guint first_block, guint group, GArray *differences,
                                           GArray *targets, GCancellable *cancellable, GError **error);
/* All windows: the change of the loss a target, with its paired interval. */
gboolean        tn_loss_baseline_compare  (TnLossBaseline *self, TnModel *changed, guint first_block, TnEstimate *change,
                                           GCancellable *cancellable, GError **error);

/* One layer of the model rounded as cell (layer, scheme) of an analysis says. static_params as TnScoreOptions has them, or NULL. */
TnModel        *tn_analysis_round_layer   (const TnAnalysis *self, TnModel *model, guint layer, guint scheme,
                                           const TnQuantParams *const *static_params, GCancellable *cancellable, GError **error);
/* Several layers: schemes [layers], -1: as it is. */
TnModel        *tn_analysis_round_layers  (const TnAnalysis *self, TnModel *model, const gint *schemes,
                                           const TnQuantParams *const *static_params, GCancellable *cancellable, GError **error);

typedef struct
{
  guint    most;       /* cells to measure: those with the highest scores (tn_analysis_get_loss()); G_MAXUINT: all */
  gboolean stops_early; /* a cell is measured no further once its place among the measured ones is certain: its interval of 99 % lies apart from
                           all others', after least_windows */
  guint    least_windows;
  const TnQuantParams *const *static_params;
} TnLossChangeOptions;

/* Fills `measured` of cells, one layer rounded at a time, and the agreement of scores with what was measured. */
gboolean        tn_analysis_measure_losses (TnAnalysis *self, TnModel *model, TnLossBaseline *baseline, const TnLossChangeOptions *options,
                                            const TnListener *listener, GCancellable *cancellable, GError **error);

G_END_DECLS
