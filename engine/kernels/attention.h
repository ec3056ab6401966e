/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/kernels/rope.h"

G_BEGIN_DECLS

/* Causal attention of one sequence on itself, for one head: out = softmax (q k^T / sqrt (head_dim)) v, where q and k are rotated on their way
 * (engine/kernels/rope.h). Products are chains of fused multiply-adds (engine/kernels/matrix-product.h), and a query meets the keys up to
 * its own and no more. Queries go in tiles: scores take tile x length, never length x length. On the calling thread alone. */
#define TN_ATTENTION_TILE 48

typedef struct
{
  guint        length;                     /* tokens */
  gsize        head_dim;
  gsize        q_stride, kv_stride;        /* from token to token; q_stride is that of out and of gradients, too */
  gsize        rope_dim;                   /* leading dimensions that are rotated; 0: none */
  TnRopeLayout rope_layout;
  const float *cosines, *sines;            /* [length, rope_dim / 2] */
  const float *q, *k, *v;                  /* [length, head_dim] */
  float       *scratch;                    /* aligned to 64 */
} TnAttentionHead;

/* Floats of scratch. */
gsize tn_attention_head_count (guint length, gsize head_dim);
/* out [length, head_dim] may be q. */
void  tn_attention_head       (const TnAttentionHead *self, float *out);

/* Gradients of one key/value head and of the n_queries query heads that read it, which lie head_dim apart, in their order. With
 * y the probabilities (made again, to the same bits) and g the gradient of out:
 *   dv = y^T g;   ds = y (g v^T - sum y g v^T) / sqrt (head_dim);   dq = ds k;   dk = ds^T q;   dq and dk turned back.
 * Nothing is kept from the forward pass. Source: Dao et al., FlashAttention, 2022 (tiles, probabilities made again). */
typedef struct
{
  TnAttentionHead head;         /* its q is that of the first query head */
  guint           n_queries;
  const float    *out_gradient; /* [length, n_queries x head_dim] */
  float          *q_gradient, *k_gradient, *v_gradient; /* NULL: not wanted */
  gboolean        q_adds, k_adds, v_adds;
} TnAttentionGradient;

gsize tn_attention_gradient_count (guint length, gsize head_dim);
void  tn_attention_gradient       (const TnAttentionGradient *self);

G_END_DECLS
