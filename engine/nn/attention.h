/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/batch.h"
#include "engine/nn/model.h"

G_BEGIN_DECLS

/* Causal grouped-query attention of every sequence on itself: out = softmax (q k^T / sqrt (head_dim)) v, head h reading key/value head h / (n_head / n_head_kv).
 * q, out: [batch->n_tokens, n_head * head_dim]; k, v: [batch->n_tokens, n_head_kv * head_dim], already rotated. Queries go in tiles of TN_ATTENTION_TILE rows, so
 * scores take tile x length a thread, never length x length. Runs parallel loops: call on the compute thread. TN_ERROR_MEMORY. */
#define TN_ATTENTION_TILE 64

gboolean tn_attention_forward          (const TnLlamaConfig *config, const TnBatch *batch, const float *q, const float *k, const float *v, float *out, GError **error);
gsize    tn_attention_estimate_scratch (guint longest);

G_END_DECLS
