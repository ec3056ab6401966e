/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/tape.h"

G_BEGIN_DECLS

/* Distances of x and y, of one shape (outputs and what they should be, or hidden states of a student and its teacher): scalars, means over
 * all n elements; of nothing 0. Sums are in double and of one order. Gradients go to both; dy = -dx but for the cosine. d = x - y. */

/* mean d^2;  dx = 2 d / n. */
TnValue *tn_tape_mse       (TnTape *tape, TnValue *x, TnValue *y);
/* mean |d|;  dx = sign (d) / n, sign (0) = 0. */
TnValue *tn_tape_l1        (TnTape *tape, TnValue *x, TnValue *y);
/* mean of d^2 / (2 beta) where |d| < beta, else |d| - beta / 2;  dx = d / (beta n) or sign (d) / n. beta > 0; beta times it is Huber's loss.
 * Source: Girshick, Fast R-CNN, 2015. */
TnValue *tn_tape_smooth_l1 (TnTape *tape, TnValue *x, TnValue *y, double beta);
/* Mean over rows (the last dimension) of 1 - c, c = x . y / (|x| |y|);  dx = (c x / |x|^2 - y / (|x| |y|)) / rows. A row whose x or y is
 * shorter than 1e-8 has c = 0 and no gradient. */
TnValue *tn_tape_cosine_loss (TnTape *tape, TnValue *x, TnValue *y);

G_END_DECLS
