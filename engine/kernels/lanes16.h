/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <string.h>

#include "engine/kernels/variant.h"

/* 16 floats side by side; private to engine/kernels. Values go through pointers, because passing wide vectors to functions has
 * no stable ABI on processors without them. */

#define TN_LANES16 16

typedef float TnFloat16 __attribute__ ((vector_size (64)));
typedef gint32 TnInt16 __attribute__ ((vector_size (64)));
typedef float TnHalf8 __attribute__ ((vector_size (32)));
typedef double TnDouble8 __attribute__ ((vector_size (64)));

#define TN_SELECT16(mask, a, b) ((TnFloat16) (((mask) & (TnInt16) (a)) | (~(mask) & (TnInt16) (b))))

TN_KERNEL_INLINE void
tn_load16 (const float *x, TnFloat16 *out)
{
  memcpy (out, x, sizeof *out);
}

/* n < 16 values, the rest is fill. */
TN_KERNEL_INLINE void
tn_load16_part (const float *x, gsize n, float fill, TnFloat16 *out)
{
  *out = (TnFloat16){ 0 } + fill;
  for (gsize i = 0; i < n; i++)
    (*out)[i] = x[i];
}

TN_KERNEL_INLINE void
tn_store16 (float *x, const TnFloat16 *value)
{
  memcpy (x, value, sizeof *value);
}

TN_KERNEL_INLINE void
tn_store16_part (float *x, gsize n, const TnFloat16 *value)
{
  for (gsize i = 0; i < n; i++)
    x[i] = (*value)[i];
}

/* Adds lanes 0..7 to sums[0] and 8..15 to sums[1], in double. */
TN_KERNEL_INLINE void
tn_accumulate16 (const TnFloat16 *value, TnDouble8 sums[2])
{
  TnHalf8 halves[2];

  memcpy (halves, value, sizeof halves);
  sums[0] += __builtin_convertvector(halves[0], TnDouble8);
  sums[1] += __builtin_convertvector(halves[1], TnDouble8);
}

/* The same with squares, each exact in double. */
TN_KERNEL_INLINE void
tn_accumulate16_squares (const TnFloat16 *value, TnDouble8 sums[2])
{
  TnHalf8 halves[2];
  TnDouble8 low, high;

  memcpy (halves, value, sizeof halves);
  low = __builtin_convertvector(halves[0], TnDouble8);
  high = __builtin_convertvector(halves[1], TnDouble8);
  sums[0] += low * low;
  sums[1] += high * high;
}

TN_KERNEL_INLINE double
tn_fold16 (const TnDouble8 sums[2])
{
  TnDouble8 s = sums[0] + sums[1];

  return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

/* exp(x) to about 1 unit in the last place; 0 below -104, infinity above 88.73, NaN for NaN.
 * x = n ln 2 + r, |r| <= ln 2 / 2; ln 2 in two parts and the polynomial for exp(r) are those of Cephes' expf (S. Moshier). */
TN_KERNEL_INLINE void
tn_exp16 (const TnFloat16 *x, TnFloat16 *out)
{
  const TnFloat16 rounder = (TnFloat16){0} + 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
  const TnInt16 is_nan = *x != *x;
  TnFloat16 value = TN_SELECT16 (*x < -104.0f, (TnFloat16){0} - 104.0f, *x);
  TnFloat16 n, r, p;
  TnInt16 exponent, half;

  value = TN_SELECT16 (value > 89.0f, (TnFloat16){0} + 89.0f, value);
  value = TN_SELECT16 (is_nan, (TnFloat16){0}, value);
  n = (value * 1.44269504088896341f + rounder) - rounder;
  r = (value - n * 0.693359375f) - n * -2.12194440e-4f;
  p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = (p * (r * r) + r) + 1.0f;

  /* In two factors, so that results below the normal range round once and those above become infinite. */
  exponent = __builtin_convertvector(n, TnInt16);
  half = exponent >> 1;
  p = p * (TnFloat16) ((half + 127) << 23) * (TnFloat16) ((exponent - half + 127) << 23);
  *out = TN_SELECT16 (is_nan, *x, p);
}
