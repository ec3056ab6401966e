/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/kernels/lanes16.h"

/* Activations of a piece of lanes, and their derivatives; private to engine/kernels. */

/* x / (1 + exp (-x)). */
TN_KERNEL_INLINE void
tn_silu_lanes (TnFloats *value)
{
  TnFloats exponential = -*value;

  tn_exp (&exponential, &exponential);
  *value = *value / (1.0f + exponential);
}

/* s = 1 / (1 + exp (-x)), value = x s, slope = s (1 + x (1 - s)). */
TN_KERNEL_INLINE void
tn_silu_slope_lanes (const TnFloats *x, TnFloats *value, TnFloats *slope)
{
  TnFloats exponential = -*x, s;

  tn_exp (&exponential, &exponential);
  s = 1.0f / (1.0f + exponential);
  *value = *x * s;
  *slope = s + *value * (1.0f - s);
}

/* max (x, 0); NaN stays. */
TN_KERNEL_INLINE void
tn_relu_lanes (TnFloats *value)
{
  *value = TN_SELECT (*value < 0.0f, (TnFloats){0}, *value);
}

/* max (x, 0)^2. */
TN_KERNEL_INLINE void
tn_relu2_lanes (TnFloats *value)
{
  tn_relu_lanes (value);
  *value *= *value;
}

/* The standard normal distribution function of x and exp (-x^2 / 2), with erf(z) = 1 - (a1 t + .. + a5 t^5) exp (-z^2), t = 1 / (1 + p z),
 * z >= 0, to 1.5e-7. Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26 (Hastings). */
TN_KERNEL_INLINE void
tn_normal_lanes (const TnFloats *x, TnFloats *probability, TnFloats *bell)
{
  TnFloats z = TN_SELECT (*x < 0.0f, -*x, *x) * 0.70710678118f, t, tail;

  t = 1.0f / (1.0f + 0.3275911f * z);
  *bell = -(z * z);
  tn_exp (bell, bell);
  tail = TN_FMA (t, TN_ALL (1.061405429f), TN_ALL (-1.453152027f));
  tail = TN_FMA (tail, t, TN_ALL (1.421413741f));
  tail = TN_FMA (tail, t, TN_ALL (-0.284496736f));
  tail = TN_FMA (tail, t, TN_ALL (0.254829592f));
  tail = 0.5f * (tail * t * *bell);
  *probability = TN_SELECT (*x < 0.0f, tail, 1.0f - tail);
}

/* x P(x), P the standard normal distribution function. */
TN_KERNEL_INLINE void
tn_gelu_lanes (TnFloats *value)
{
  TnFloats probability, bell;

  tn_normal_lanes (value, &probability, &bell);
  *value *= probability;
}

/* 2 u for u = sqrt (2 / pi) (x + 0.044715 x^3): (1 + tanh u) / 2 = 1 / (1 + exp (-2 u)). */
TN_KERNEL_INLINE void
tn_gelu_tanh_inner_lanes (const TnFloats *x, TnFloats *sigmoid)
{
  *sigmoid = *x * (1.59576912161f + 0.0713548162726f * (*x * *x));
  *sigmoid = -*sigmoid;
  tn_exp (sigmoid, sigmoid);
  *sigmoid = 1.0f / (1.0f + *sigmoid);
}

TN_KERNEL_INLINE void
tn_gelu_tanh_lanes (TnFloats *value)
{
  TnFloats sigmoid;

  tn_gelu_tanh_inner_lanes (value, &sigmoid);
  *value *= sigmoid;
}

/* slope: of the activation at x. */

TN_KERNEL_INLINE void
tn_silu_slope (const TnFloats *x, TnFloats *slope)
{
  TnFloats value;

  tn_silu_slope_lanes (x, &value, slope);
}

TN_KERNEL_INLINE void
tn_relu_slope (const TnFloats *x, TnFloats *slope)
{
  *slope = TN_SELECT (*x > 0.0f, TN_ALL (1.0f), (TnFloats){0});
}

TN_KERNEL_INLINE void
tn_relu2_slope (const TnFloats *x, TnFloats *slope)
{
  *slope = *x;
  tn_relu_lanes (slope);
  *slope += *slope;
}

TN_KERNEL_INLINE void
tn_gelu_slope (const TnFloats *x, TnFloats *slope)
{
  TnFloats bell;

  tn_normal_lanes (x, slope, &bell);
  *slope += *x * bell * 0.398942280401f;
}

/* s + x s (1 - s) 2 u'. */
TN_KERNEL_INLINE void
tn_gelu_tanh_slope (const TnFloats *x, TnFloats *slope)
{
  TnFloats s, inner = 1.59576912161f + 0.214064448818f * (*x * *x);

  tn_gelu_tanh_inner_lanes (x, &s);
  *slope = s + *x * (s * (1.0f - s)) * inner;
}
