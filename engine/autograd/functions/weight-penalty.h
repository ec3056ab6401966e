/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/tape.h"

G_BEGIN_DECLS

/* What is added to a loss for the shape of a tensor of weights w of n elements: scalars, to be multiplied by a weight (tn_tape_scale())
 * and added. Sums are in double and of one order. */

/* sum w^2;  dw = 2 w. */
TnValue *tn_tape_l2 (TnTape *tape, TnValue *w);

/* (K - target)^2, K = m4 / m2^2 the kurtosis, mk = mean (w - mean w)^k; 1.8 is that of a uniform distribution. With d = w - mean w,
 *   dw = 2 (K - target) 4 / n ((d^3 - m3) / m2^2 - m4 d / m2^3).
 * 0 without a gradient where all weights are equal. Source: Chmiel et al., Robust Quantization: One Model to Rule Them All (KURE), 2020;
 * for ternary weights, whose distribution has three modes, the next two suit better. */
TnValue *tn_tape_kurtosis_penalty (TnTape *tape, TnValue *w, double target);

/* Codes lowest .. highest of a quantizer whose level is the scale times the code; scales: n_scales that divide n, each for as many elements
 * in turn (1: of the tensor, the rows: of each row, or of groups). */
typedef struct
{
  gint lowest, highest; /* at most 256 codes: -1 and 1 for ternary */
} TnCodeRange;

/* sum (q - clip (w, s lowest, s highest))^2, q the quantized weights [as w], which and whose scales s get no gradient;
 *   dw = 2 (w - q) between the ends, else 0.
 * Source: Nagel et al., Overcoming Oscillations in Quantization-Aware Training, 2022, eq. 8. */
TnValue *tn_tape_dampening (TnTape *tape, TnValue *w, TnValue *quantized, TnValue *scales, const TnCodeRange *range);

/* Sum over the codes c that weights have, w / s rounded and clipped, of (mean (w) - s c)^2 + variance (w) over these weights, which is
 * mean (w - s c)^2;  dw = 2 (w - s c) / (weights of that code); none for s.
 * Source: Han et al., Improving Low-Precision Network Quantization via Bin Regularization, 2021. */
TnValue *tn_tape_bin_regularization (TnTape *tape, TnValue *w, TnValue *scales, const TnCodeRange *range);

G_END_DECLS
