/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/tape.h"

G_BEGIN_DECLS

/* Rotates pieces of rows: y = x H in every piece of `block` elements of the last dimension, H the orthonormal Hadamard matrix in
 * Sylvester's order, H_1 = [1], H_2m = [[H_m, H_m], [H_m, -H_m]] / sqrt (2). H is its own transpose and inverse: dx = dy H, twice gives x again, and
 * the product of two rotated matrices along this dimension is that of the matrices. Spreads outliers, so that a rounding that is made
 * for normal distributions fits. Fast Walsh-Hadamard transform, block log2 (block) additions. block: a power of two that divides the
 * width. Source: Panferov et al., QuEST, 2025, section 3.1; Wang et al., BitNet v2, 2025, section 2. */
TnValue *tn_tape_hadamard      (TnTape *tape, TnValue *x, gsize block);
/* The largest power of two, at most 128 as QuEST has it, that divides the width. */
gsize    tn_hadamard_get_block (gsize width);
/* One piece of float32: y = x H, n a power of two; y may be x. The same bits in every variant. */
void     tn_hadamard_transform (const float *x, gsize n, float *y);

G_END_DECLS
