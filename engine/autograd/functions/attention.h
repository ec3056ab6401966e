/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/functions/rope.h"
#include "engine/autograd/tape.h"

G_BEGIN_DECLS

/* Causal grouped-query attention of sequences of one length on themselves. Query head h reads key/value head h / (n_head / n_head_kv):
 *   out_i = sum_{j <= i} y_ij v_j,   y_i = softmax_j (rotated q_i . rotated k_j / sqrt (head_dim)).
 * Backward, with g the gradient of out (of rotated q and k, which is then turned back):
 *   dv_j = sum_i y_ij g_i;   ds_ij = y_ij (g_i . v_j - sum_l y_il g_i . v_l) / sqrt (head_dim);   dq_i = sum_j ds_ij k_j;
 *   dk_j = sum_i ds_ij q_i;  those of a key/value head summed over its query heads in their order.
 * Fused: no length x length matrix exists, nothing is saved beside q, k and v; the probabilities are made again for tiles of queries
 * (engine/kernels/attention.h). In float32 out has the bits of tn_attention_forward().
 * Sources: Ainslie et al., GQA, 2023; Dao et al., FlashAttention, 2022; Su et al., RoFormer, 2021. */
typedef struct
{
  guint        n_head, n_head_kv;
  guint        length;      /* tokens of every sequence; one sequence after the other */
  TnRopeLayout rope_layout;
} TnAttentionShape;

/* q: [n x length, n_head x head_dim]; k, v: [n x length, n_head_kv x head_dim]; out like q. cosines, sines: at least [length, rope_dim / 2],
 * rope_dim <= head_dim; both NULL: nothing is rotated. They have no gradient. */
TnValue *tn_tape_attention  (TnTape *tape, TnValue *q, TnValue *k, TnValue *v, TnValue *cosines, TnValue *sines,
                             const TnAttentionShape *shape);

G_END_DECLS
