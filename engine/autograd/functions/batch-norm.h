/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/tape.h"

G_BEGIN_DECLS

/* y = z gain + bias, z = (x - m) s, s = 1 / sqrt (v + epsilon), for each channel.  x: [n, channels] or [n, channels, height, width]; gain,
 * bias, mean, variance: [channels].
 * A tape that trains takes m and v (of all n elements, divided by n) from the batch, and moves the running statistics once a forward pass,
 * not when it runs again: mean += momentum (m - mean), variance += momentum (v n / (n - 1) - variance). A tape that only evaluates takes
 * m and v from these, and so does one that trains where momentum is 0: of a network that is frozen. The running statistics are variables that are not trained (starting values 0 and 1) and go with the tape's results.
 * dx = gain s (dy - mean dy - z mean (dy z)) while training, else gain s dy;  dgain = sum of dy z;  dbias = sum of dy.
 * float32: sums in double, in an order that depends on the shape alone.
 * Source: Ioffe, Szegedy, Batch Normalization, 2015. */
TnValue *tn_tape_batch_norm (TnTape *tape, TnValue *x, TnValue *gain, TnValue *bias, TnValue *mean, TnValue *variance, double momentum,
                             double epsilon);

G_END_DECLS
