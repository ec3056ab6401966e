/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/tape.h"

G_BEGIN_DECLS

/* Of values of the same shape, element by element. */

TnValue *tn_tape_add      (TnTape *tape, TnValue *a, TnValue *b);          /* a + b */
TnValue *tn_tape_multiply (TnTape *tape, TnValue *a, TnValue *b);          /* a * b */
TnValue *tn_tape_scale    (TnTape *tape, TnValue *x, double factor);       /* x * factor */
/* Sum of all elements, a scalar; in double, in their order. */
TnValue *tn_tape_sum      (TnTape *tape, TnValue *x);

G_END_DECLS
