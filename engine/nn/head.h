/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/model.h"

G_BEGIN_DECLS

/* The classifier over the vocabulary with softmax cross-entropy, in blocks of TN_HEAD_BLOCK_ROWS tokens of the vocabulary, so that [tokens, n_vocab] is whole only
 * where logits ask for it. x: [batch->n_tokens, n_embd], already normed. logits: [n_tokens, n_vocab] or NULL; loss, row_nll: as tn_model_forward().
 * Runs parallel loops: call on the compute thread. TN_ERROR_MEMORY, G_IO_ERROR_CANCELLED. */
#define TN_HEAD_BLOCK_ROWS 2048
#define TN_HEAD_TILE 64

gboolean tn_head_forward          (const TnTensor *head, const TnBatch *batch, const float *x, float *logits, TnLoss *loss, double *row_nll,
                                   GCancellable *cancellable, GError **error);
gsize    tn_head_estimate_scratch (const TnTensor *head, gsize n_tokens);

G_END_DECLS
