/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/quant/scheme.h"

G_BEGIN_DECLS

  /* How gradients go through a rounding, whose own derivative is 0 nearly everywhere. x: an element, g: the gradient of what came
   * out, s: its scale, low .. high: the codes (-1 .. 1 of ternary, -1 and 1 of binary), u = x / s. dx: the gradient of x. Scales
   * that are not learned are constants: no gradient goes into how they are found.
   *
   * identity   dx = g. Scales are those of engine/quant/rounding.h, found anew each time. Of BitNet b1.58 (Ma et al., The Era of
   * 1-bit LLMs, 2024); Bengio et al., Estimating or Propagating Gradients, 2013. It costs nothing: both gradients are one array.
   * clipped    the same forward; dx = g where nothing is clipped, else 0: |x| <= s of ternary and binary, low - 1/2 <= u <= high
   * + 1/2 of integers. Hubara et al., Binarized Neural Networks, 2016; ternary as in Spectra (Kaushal et al., 2024). soft       y
   * = s (i + h + h tanh (f / T) / tanh (h / T)), f = u' - i - h, in the cell i <= u' <= i + 2 h between two levels, u' = u
   * clipped to low .. high; h = 1/2 (binary: 1). T, the temperature: as it cools the steps grow hard, T = 0 is the rounding
   * itself with the gradient of clipped. dx is the derivative (0 outside); with a scale, ds = g (y / s - u dy/dx) inside, g low
   * or g high outside. Ternary without a scale: u = x / (2 threshold). Gong et al., Differentiable Soft Quantization, 2019,
   * section 3.2 (k = 1 / T). lsq        y = s clip (round (u), low, high), s learned; dx = g where low < u < high; ds = r sum g
   * d, d = round (u) - u inside, low or high outside; binary: y = s sign (x), d = sign (x), dx = g where |u| < 1. r = 1 / sqrt (N
   * high), N: the elements that train it (of a weight all of them, of activations those of a row). Esser et al., Learned Step
   * Size Quantization, 2020, section 2. Codes are the scheme's: symmetric ones reach -(2^(b-1) - 1), asymmetric ones 0 .. 2^b
   * - 1. lsq+       y = s clip (round ((x - b) / s), low, high) + b with a learned offset b: db = r sum over clipped g; the rest
   * with x - b for x. Bhalgat et al., LSQ+, 2020, equations 3 to 6. seq        "stretched elastic", a = s learned: y = a (round
   * (clip (u, -0.99, 0.99) n - c) + c) / n; ternary: n = 3/2, c = 0, so the levels are 0 and ±2/3 a; int2: n = 2, c = 1/2, levels
   * ±a/4 and ±3/4 a; binary as lsq. dx = g where |u| <= 0.99; da = r sum g d, d = y / a - u inside, m beyond 0.99, -m below
   * -0.99, m = (n - c) / n; r as of lsq with high = 1. Liu et al., ParetoQ, 2025, and its official code. trust      A = c rms
   * (x), c that of the least error of a normal distribution; levels at ±t/2, ±3t/2, … ±A (ternary: 0, ±A), t their distance; dx =
   * g where |x| <= A + t/2, that is where the error is at most half a step (binary: |x| <= 1.3 A). Best on rotated values:
   * engine/autograd/functions/hadamard.h. Panferov et al., QuEST, 2025, section 3. range      the range adapts: y = s round (clip
   * (x, -a, a) / s), s = a / high, a learned (asymmetric: clip (x, 0, a)); dx = g where |x| < a (0 < x < a); da = sum g sign (x)
   * where clipped above (or below, if symmetric). Choi et al., PACT, 2018, equation 3.
   *
   * A learned scale counts as 1e-5 where it is less. lambda, if there is one: y = x + lambda (Q (x) - x), gradients accordingly:
   * (1 - lambda) g + lambda dx, lambda ds. Source: Mekkouri et al., Fine-tuning LLMs to 1.58bit, 2024. */
  typedef enum
  {
    TN_ESTIMATOR_IDENTITY,
    TN_ESTIMATOR_CLIPPED,
    TN_ESTIMATOR_SOFT,
    TN_ESTIMATOR_LSQ,
    TN_ESTIMATOR_LSQ_PLUS,
    TN_ESTIMATOR_SEQ,
    TN_ESTIMATOR_TRUST,
    TN_ESTIMATOR_RANGE,
    TN_N_ESTIMATORS
  } TnEstimator;

  /* "identity", "clipped", … as above. TN_ERROR_ARGUMENT names those that there are. */
  gboolean tn_estimator_parse (const char *name, TnEstimator *estimator, GError **error);
  const char *tn_estimator_get_name (TnEstimator self);
  /* TRUE: its scale is a variable that must be given. */
  gboolean tn_estimator_is_learned (TnEstimator self);
  /* Whether it rounds to this scheme, weights or activations: TN_ERROR_ARGUMENT. Rows of columns elements. */
  gboolean tn_estimator_check (TnEstimator self, const TnScheme *scheme, gboolean of_activations, gsize rows, gsize columns,
                               GError **error);
  /* Elements that share a scale: they stand together. At least 1. */
  gsize tn_estimator_get_unit (const TnScheme *scheme, gsize rows, gsize columns);

G_END_DECLS
