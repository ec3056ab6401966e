/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/scratch.h"

G_BEGIN_DECLS

/* Causal grouped-query attention of every sequence on itself, in place on q:
 * q = softmax (q k^T / sqrt (head_dim)) v, head h reading key/value head h / (n_head / n_head_kv).
 * q: [n_tokens, n_head * head_dim]; k, v: [n_tokens, n_head_kv * head_dim]; q and k as the layers gave them: they are rotated here,
 * by the scratch's tables, on their way, and k stays as it was. Products are chains of fused multiply-adds
 * (engine/kernels/matrix-product.h), and a query meets the keys up to its own and no more; so a token has the same bits here as in
 * tn_attention_step(). Every head is a call of tn_attention_head(). Runs a parallel region: call on the compute thread.
 * Source: Ainslie et al., GQA, 2023. */

void  tn_attention_forward    (const TnLlamaConfig *config, float *q, const float *k, const float *v, const TnForwardScratch *scratch);
/* Floats of a thread's tile. */
gsize tn_attention_tile_count (const TnLlamaConfig *config, guint longest);

/* The last of n tokens alone: q [n_head * head_dim], k and v [n, n_head_kv * head_dim], q and k rotated; out like q. scratch:
 * [tn_attention_step_count (config, n or more, threads)], aligned to 64. May run a parallel region. */
void  tn_attention_step       (const TnLlamaConfig *config, const float *q, const float *k, const float *v, guint n, guint threads,
                               float *scratch, float *out);
gsize tn_attention_step_count (const TnLlamaConfig *config, guint n, guint threads);

G_END_DECLS
