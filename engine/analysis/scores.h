/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/analysis.h"
#include "engine/listener.h"
#include "engine/nn/batch.h"
#include "engine/quant/quant-params.h"

G_BEGIN_DECLS

/* Fast scores: what rounding one layer alone is predicted to do to the loss, from one forward and backward pass a sequence for all layers and schemes.
 *
 * D = what rounding changes: of the weights, W^ - W, and where the analysis rounds inputs, of them, X^ - X. g: gradient of the mean loss of a sequence
 * of T targets. To second order the loss changes by g.D + D H D / 2. H is taken for the Fisher information, which of independent tokens is T times the
 * mean square of g over sequences (LeCun, Denker and Solla, Optimal Brain Damage, 1990; Martens, New Insights and Perspectives on the Natural Gradient
 * Method, 2020, 11). A sequence gives
 *   fisher = T / 2 sum_i (g_i D_i)^2, the diagonal alone: steady, never negative, right where errors of weights are independent of each other;
 *   taylor = g.D + T / 2 (g.D)^2, the whole quadratic form and the linear term: sees errors that all pull one way, and scatters more.
 * The estimates are means over sequences. Errors of weights are kept as bfloat16: 2 bytes a weight and scheme. */

typedef struct
{
  /* For the analysis' activations per tensor: of layer i, or NULL where it is not rounded by fixed scales. */
  const TnQuantParams *const *static_params;
} TnScoreOptions;

/* Fills `fisher` and `taylor` of every cell that applies. sequences: with targets. Any thread; works on the compute thread. TN_ERROR_DATA: no sequence
 * has a target; a gradient that is not finite names its layer; TN_ERROR_MEMORY; G_IO_ERROR_CANCELLED. */
gboolean tn_analysis_score (TnAnalysis *self, TnModel *model, const TnBatch *sequences, const TnScoreOptions *options,
                            const TnListener *listener, GCancellable *cancellable, GError **error);

/* Trace of the Hessian of the loss with respect to each layer's weights, by Hutchinson's estimator E[v H v], v of random signs (Yao et al., HAWQ-V2,
 * 2020), H v by central differences of gradients, and from it `hessian` of every cell: tr(H) / n |W^ - W|^2 / 2. A probe is one direction and all
 * sequences; two passes each. probes > 1 gives intervals. Needs `weight` of the cells. */
gboolean tn_analysis_trace_hessian (TnAnalysis *self, TnModel *model, const TnBatch *sequences, guint probes, guint64 seed,
                                    const TnListener *listener, GCancellable *cancellable, GError **error);

G_END_DECLS
