/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/tape.h"

G_BEGIN_DECLS

/* y = f(x), element by element; dx = dy f'(x). Formulas and sources: kernels/activation.h. */

/* In place; f' is 1 above 0 and 0 elsewhere, which y says. */
TnValue *tn_tape_relu      (TnTape *tape, TnValue *x);
/* f' = 2 max (x, 0). */
TnValue *tn_tape_relu2     (TnTape *tape, TnValue *x);
/* f' = s (1 + x (1 - s)), s = 1 / (1 + exp (-x)). */
TnValue *tn_tape_silu      (TnTape *tape, TnValue *x);
/* f' = P(x) + x exp (-x^2 / 2) / sqrt (2 pi), P(x) = (1 + erf (x / sqrt 2)) / 2. */
TnValue *tn_tape_gelu      (TnTape *tape, TnValue *x);
/* f' = (1 + tanh u) / 2 + x (1 - tanh^2 u) u' / 2, u = sqrt (2 / pi) (x + 0.044715 x^3), u' = sqrt (2 / pi) (1 + 0.134145 x^2). */
TnValue *tn_tape_gelu_tanh (TnTape *tape, TnValue *x);

G_END_DECLS
