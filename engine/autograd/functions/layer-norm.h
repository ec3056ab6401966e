/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/tape.h"

G_BEGIN_DECLS

/* y = z gain + bias, z = (x - m) s, m = mean x, s = 1 / sqrt (mean (x - m)^2 + epsilon) of each row.  x: [.., width]; gain: [width];
 * bias: [width] or NULL. With g = gain dy:  dx = s (g - mean g - z mean (g z));  dgain = sum over rows of dy z;  dbias = that of dy.
 * Keeps nothing but x: m and s are found again. Source: Ba, Kiros, Hinton, Layer Normalization, 2016. */
TnValue *tn_tape_layer_norm (TnTape *tape, TnValue *x, TnValue *gain, TnValue *bias, double epsilon);

G_END_DECLS
