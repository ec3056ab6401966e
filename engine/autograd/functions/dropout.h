/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/tape.h"

G_BEGIN_DECLS

/* While training: y_i = 0 with probability rate, else x_i / (1 - rate); dx = dy by the same mask. Which elements go depends on seed, the step
 * of the tape (tn_tape_set_step()) and their index alone: nothing is kept, the same mask comes whenever it is asked for, and each dropout
 * of a network takes a seed of its own. On a tape that only evaluates: y = x. rate: 0 <= rate < 1.
 * Source: Srivastava et al., Dropout, 2014. */
TnValue *tn_tape_dropout (TnTape *tape, TnValue *x, double rate, guint64 seed);

G_END_DECLS
