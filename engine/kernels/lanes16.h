/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <math.h>
#include <string.h>

#include "engine/kernels/variant.h"

/* 16 floats side by side; private to engine/kernels. They come in pieces as wide as a register is, because compilers keep wider
 * vectors in memory and not in several registers. Values go through pointers, because passing wide vectors to functions has no
 * stable ABI on processors without them. */

#define TN_LANES16 16

/* a b + c rounded once, of pieces: written lane by lane, for there is no other way to say it for every instruction set. */
#define TN_FMA_LANE(a, b, c, lane) __builtin_fmaf ((a)[lane], (b)[lane], (c)[lane])

#if defined(__x86_64__)
#define TN_PIECE 8
#define TN_FMA(a, b, c)                                                                                                  \
  ((TnFloats){TN_FMA_LANE (a, b, c, 0), TN_FMA_LANE (a, b, c, 1), TN_FMA_LANE (a, b, c, 2), TN_FMA_LANE (a, b, c, 3), \
              TN_FMA_LANE (a, b, c, 4), TN_FMA_LANE (a, b, c, 5), TN_FMA_LANE (a, b, c, 6), TN_FMA_LANE (a, b, c, 7)})
#define TN_LOWER(v) __builtin_shufflevector ((v), (v), 0, 1, 2, 3)
#define TN_UPPER(v) __builtin_shufflevector ((v), (v), 4, 5, 6, 7)
#else
#define TN_PIECE 4
#define TN_FMA(a, b, c) \
  ((TnFloats){TN_FMA_LANE (a, b, c, 0), TN_FMA_LANE (a, b, c, 1), TN_FMA_LANE (a, b, c, 2), TN_FMA_LANE (a, b, c, 3)})
#define TN_LOWER(v) __builtin_shufflevector ((v), (v), 0, 1)
#define TN_UPPER(v) __builtin_shufflevector ((v), (v), 2, 3)
#endif
#define TN_PIECES (TN_LANES16 / TN_PIECE)

/* TN_PIECE lanes. */
typedef float TnFloats __attribute__ ((vector_size (TN_PIECE * 4)));
typedef gint32 TnInts __attribute__ ((vector_size (TN_PIECE * 4)));
typedef double TnWide __attribute__ ((vector_size (TN_PIECE * 8)));
/* Half as many. */
typedef double TnDoubles __attribute__ ((vector_size (TN_PIECE * 4)));

typedef struct
{
  TnFloats pieces[TN_PIECES];
} TnFloats16;

typedef struct
{
  TnDoubles parts[2 * TN_PIECES];
} TnSums16;

/* Unrolled, so that what the loop goes over stays in registers. */
#define TN_EACH_PIECE(k) _Pragma ("GCC unroll 4") for (guint k = 0; k < TN_PIECES; k++)

#define TN_SELECT(mask, a, b) ((TnFloats) (((mask) & (TnInts) (a)) | (~(mask) & (TnInts) (b))))

/* To stand in a branch on a number that is the same for all lanes, where a vector is added: GCC 12 turns such a branch into an addition masked
 * by the condition, of which it sets one bit for the first lane instead of one for each (AVX-512). What cannot be left out stays a branch. */
#define TN_STAYS_A_BRANCH() __asm__ volatile ("")

TN_KERNEL_INLINE void
tn_load (const float *x, TnFloats *out)
{
  memcpy (out, x, sizeof *out);
}

TN_KERNEL_INLINE void
tn_store (float *x, const TnFloats *value)
{
  memcpy (x, value, sizeof *value);
}

TN_KERNEL_INLINE void
tn_load16 (const float *x, TnFloats16 *out)
{
  TN_EACH_PIECE (k)
  tn_load (x + k * TN_PIECE, &out->pieces[k]);
}

TN_KERNEL_INLINE void
tn_store16 (float *x, const TnFloats16 *values)
{
  TN_EACH_PIECE (k)
  tn_store (x + k * TN_PIECE, &values->pieces[k]);
}

/* The last n < 16 of a row, with fill behind them. Into a variable of its own: one that is written lane by lane lives in memory.
 */
TN_KERNEL_INLINE void
tn_load16_tail (const float *x, gsize n, float fill, TnFloats16 *out)
{
  float lanes[TN_LANES16];

  for (gsize i = 0; i < TN_LANES16; i++)
    lanes[i] = i < n ? x[i] : fill;
  memcpy (out, lanes, sizeof *out);
}

/* Adds the values to the sums of their lanes, in double. */
TN_KERNEL_INLINE void
tn_accumulate16 (const TnFloats16 *values, TnSums16 *sums)
{
  TN_EACH_PIECE (k)
  {
    TnWide wide = __builtin_convertvector(values->pieces[k], TnWide);

    sums->parts[2 * k] += TN_LOWER (wide);
    sums->parts[2 * k + 1] += TN_UPPER (wide);
  }
}

/* The same with squares, each exact in double. */
TN_KERNEL_INLINE void
tn_accumulate16_squares (const TnFloats16 *values, TnSums16 *sums)
{
  TN_EACH_PIECE (k)
  {
    TnWide wide = __builtin_convertvector(values->pieces[k], TnWide);

    sums->parts[2 * k] += TN_LOWER (wide) * TN_LOWER (wide);
    sums->parts[2 * k + 1] += TN_UPPER (wide) * TN_UPPER (wide);
  }
}

TN_KERNEL_INLINE double
tn_fold16 (const TnSums16 *sums)
{
  double lanes[TN_LANES16], s[8];

  memcpy (lanes, sums, sizeof lanes);
  for (guint i = 0; i < 8; i++)
    s[i] = lanes[i] + lanes[i + 8];
  return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

/* 1 / sqrt (mean x^2 + epsilon), of the sums of x^2. */
TN_KERNEL_INLINE float
tn_rmsnorm_factor_of (const TnSums16 *sums, gsize width, double epsilon)
{
  return (float) (1.0 / sqrt (tn_fold16 (sums) / (double) width + epsilon));
}

TN_KERNEL_INLINE float
tn_rmsnorm_factor (const float *x, gsize width, double epsilon)
{
  TnSums16 sums = {0};
  gsize i = 0;

  for (; i + TN_LANES16 <= width; i += TN_LANES16)
    {
      TnFloats16 values;

      tn_load16 (x + i, &values);
      tn_accumulate16_squares (&values, &sums);
    }
  if (i < width)
    {
      TnFloats16 tail;

      tn_load16_tail (x + i, width - i, 0.0f, &tail);
      tn_accumulate16_squares (&tail, &sums);
    }
  return tn_rmsnorm_factor_of (&sums, width, epsilon);
}

#define TN_ALL(x) ((TnFloats){0} + (x))

/* exp(x) to about 1 unit in the last place; 0 below -104, infinity above 88.73, NaN for NaN.
 * x = n ln 2 + r, |r| <= ln 2 / 2; ln 2 in two parts and the polynomial for exp(r) are those of Cephes' expf (S. Moshier). */
TN_KERNEL_INLINE void
tn_exp (const TnFloats *x, TnFloats *out)
{
  const TnFloats rounder = TN_ALL (12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer */
  TnFloats value, n, r, square, high, middle, low, p;
  TnInts exponent, half;

  /* Both leave NaN as it is; it becomes the result whatever its exponent is. */
  value = TN_SELECT (*x < -104.0f, TN_ALL (-104.0f), *x);
  value = TN_SELECT (value > 89.0f, TN_ALL (89.0f), value);
  n = TN_FMA (value, TN_ALL (1.44269504088896341f), rounder) - rounder;
  r = TN_FMA (n, TN_ALL (-0.693359375f), value);
  r = TN_FMA (n, TN_ALL (2.12194440e-4f), r);
  /* Pairs of coefficients side by side: the chain of operations that wait for each other is what takes the time. */
  square = r * r;
  high = TN_FMA (r, TN_ALL (1.9875691500e-4f), TN_ALL (1.3981999507e-3f));
  middle = TN_FMA (r, TN_ALL (8.3334519073e-3f), TN_ALL (4.1665795894e-2f));
  low = TN_FMA (r, TN_ALL (1.6666665459e-1f), TN_ALL (5.0000001201e-1f));
  p = TN_FMA (TN_FMA (high, square, middle), square, low);
  p = TN_FMA (p, square, r) + 1.0f;

  /* In two factors, so that results below the normal range round once and those above become infinite. */
  exponent = __builtin_convertvector(n, TnInts);
  half = exponent >> 1;
  *out = p * (TnFloats) ((half + 127) << 23) * (TnFloats) ((exponent - half + 127) << 23);
}
