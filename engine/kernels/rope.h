/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Rotary position embedding. Pair i of position p turns by a = p / scale * base^(-2 i / dim) / factors[i]:
 * (x0, x1) -> (x0 cos a - x1 sin a, x0 sin a + x1 cos a). Pairs are (2i, 2i + 1) or, half split, (i, i + dim / 2).
 * Sources: Su et al., RoFormer, 2021; half split: GPT-NeoX; factors: Llama 3.1 (rope_freqs in GGUF). */

typedef enum
{
  TN_ROPE_INTERLEAVED, /* pairs (2i, 2i+1): llama2.c, GGUF "llama" */
  TN_ROPE_HALF_SPLIT,  /* pairs (i, i + d/2): Hugging Face, GPT-NeoX */
} TnRopeLayout;

/* cosines and sines of positions first .. first + n - 1: [n, dim / 2] each, computed in double and rounded.
 * factors: [dim / 2] or NULL for ones. */
void tn_rope_table (gsize first, gsize n, gsize dim, double base, double scale, const float *factors, float *cosines, float *sines);

/* Turns the leading dim channels of each of n_heads heads [n_heads, head_dim] of one position, in place. dim is even. */
void tn_rope_interleaved (float *x, gsize n_heads, gsize head_dim, gsize dim, const float *cosines, const float *sines);
void tn_rope_half_split  (float *x, gsize n_heads, gsize head_dim, gsize dim, const float *cosines, const float *sines);

typedef void (*TnRopeFunc) (float *x, gsize n_heads, gsize head_dim, gsize dim, const float *cosines, const float *sines);

static inline TnRopeFunc
tn_rope_get_func (TnRopeLayout layout)
{
  return layout == TN_ROPE_INTERLEAVED ? tn_rope_interleaved : tn_rope_half_split;
}

/* Turns them back: by -a, which is what gradients go through. */
void tn_rope_back        (TnRopeLayout layout, float *x, gsize n_heads, gsize head_dim, gsize dim, const float *cosines, const float *sines);

G_END_DECLS
