/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/scratch.h"

G_BEGIN_DECLS

/* Causal grouped-query attention of every sequence on itself, in place on q:
 * q = softmax (q k^T / sqrt (head_dim)) v, head h reading key/value head h / (n_head / n_head_kv).
 * q: [n_tokens, n_head * head_dim]; k, v: [n_tokens, n_head_kv * head_dim], already rotated. Queries go in tiles, so scores take
 * tile x length a thread, never length x length. Runs a parallel region: call on the compute thread.
 * Source: Ainslie et al., GQA, 2023. */
#define TN_ATTENTION_TILE 64

void  tn_attention_forward    (const TnLlamaConfig *config, float *q, const float *k, const float *v, const TnForwardScratch *scratch);
/* Floats of a thread's tile. */
gsize tn_attention_tile_count (guint longest);

G_END_DECLS
