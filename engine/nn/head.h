/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/kernels/softmax.h"
#include "engine/nn/scratch.h"

G_BEGIN_DECLS

/* The classifier over the vocabulary with softmax cross-entropy: nll = log sum exp (logits) - logits[target]. It goes by blocks
 * of the vocabulary and tiles of a sequence's rows, so [n_tokens, n_vocab] is whole only where logits ask for it.
 * x: [n_tokens, n_embd], normed; logits: [n_tokens, n_vocab] or NULL; loss, row_nll: as for tn_model_forward().
 * Runs parallel regions: call on the compute thread. Fails only with G_IO_ERROR_CANCELLED. */
gboolean tn_head_forward (const TnTensor *head, const float *x, float *logits, TnLoss *loss, double *row_nll,
                          const TnForwardScratch *scratch, GCancellable *cancellable, GError **error);

#define TN_HEAD_PIECE_BYTES sizeof (TnLogSumExp)

/* Floats of a thread's tile, and partial results kept at a time. */
gsize    tn_head_tile_count  (const TnTensor *head, gsize n_tokens);
gsize    tn_head_piece_count (const TnTensor *head, gsize n_tokens);

G_END_DECLS
