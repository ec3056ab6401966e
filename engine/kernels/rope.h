/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Rotary position embedding. Pair i of position p turns by a = p / scale * base^(-2 i / dim) / factors[i]:
 * (x0, x1) -> (x0 cos a - x1 sin a, x0 sin a + x1 cos a). Pairs are (2i, 2i + 1) or, half split, (i, i + dim / 2).
 * Sources: Su et al., RoFormer, 2021; half split: GPT-NeoX; factors: Llama 3.1 (rope_freqs in GGUF). */

/* cosines and sines of positions first .. first + n - 1: [n, dim / 2] each, computed in double and rounded.
 * factors: [dim / 2] or NULL for ones. */
void tn_rope_table (gsize first, gsize n, gsize dim, double base, double scale, const float *factors, float *cosines, float *sines);

/* Turns the leading dim channels of each of n_heads heads [n_heads, head_dim] of one position, in place. dim is even. */
void tn_rope_interleaved (float *x, gsize n_heads, gsize head_dim, gsize dim, const float *cosines, const float *sines);
void tn_rope_half_split  (float *x, gsize n_heads, gsize head_dim, gsize dim, const float *cosines, const float *sines);

G_END_DECLS
