/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/tape.h"

G_BEGIN_DECLS

/* y = x W^T + b.  x: [.., in], any dimensions, taken as rows; weight: [out, in]; bias: [out] or NULL; y: [.., out].
 * dx = dy W;  dW = dy^T x;  db = sum over rows of dy.
 * float32: every element is one chain of fused multiply-adds in the order of its depth (matrix-multiply.h), the bits of
 * tn_linear_forward() with our own products; gradients that are accumulated over batches are those of one batch with all rows. */
TnValue *tn_tape_linear           (TnTape *tape, TnValue *x, TnValue *weight, TnValue *bias);

/* y[..][j] = x[..][j] + bias[j], and x[..][j] * factors[j] (a learned scale of each output, say).  x: [.., n]; bias, factors: [n].
 * dbias = sum over rows of dy;  dx = dy * factors;  dfactors = sum over rows of dy * x. */
TnValue *tn_tape_add_columns      (TnTape *tape, TnValue *x, TnValue *bias);
TnValue *tn_tape_multiply_columns (TnTape *tape, TnValue *x, TnValue *factors);

G_END_DECLS
