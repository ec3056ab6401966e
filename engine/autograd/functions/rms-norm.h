/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/tape.h"

G_BEGIN_DECLS

/* y = x s gain, s = 1 / sqrt (mean x^2 + epsilon) of each row.  x: [.., width]; gain: [width].
 * dx_j = s gain_j dy_j - x_j s^3 / width * sum_i gain_i dy_i x_i;  dgain = sum over rows of dy x s. Keeps nothing but x: s is found again.
 * float32: the bits of tn_rmsnorm(), the inference's.
 * Source: Zhang, Sennrich, Root Mean Square Layer Normalization, 2019. */
TnValue *tn_tape_rms_norm (TnTape *tape, TnValue *x, TnValue *gain, double epsilon);

G_END_DECLS
