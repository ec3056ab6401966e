/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/row-quantize.h"

#include <math.h>
#include <string.h>

#include "engine/kernels/lanes16.h"

#define ABSMAX_FLOOR 1e-5f
#define LARGEST_CODE 127.0f
/* 1.5 * 2^23: the sum with it holds the rounded number, half to even, in its lowest bits. */
#define ROUNDER 0x1.8p23f
#define INFINITY_BITS 0x7f800000

TN_KERNEL_INLINE gint32
get_bits (float value)
{
  gint32 bits;

  memcpy (&bits, &value, sizeof bits);
  return bits;
}

/* The factor of tn_rmsnorm(). */
TN_KERNEL_INLINE float
get_norm (const float *x, double epsilon, gsize width)
{
  TnDouble8 sums[2] = {{0}, {0}};
  TnFloat16 value;
  gsize i = 0;

  for (; i + TN_LANES16 <= width; i += TN_LANES16)
    {
      tn_load16 (x + i, &value);
      tn_accumulate16_squares (&value, sums);
    }
  if (i < width)
    {
      tn_load16_part (x + i, width - i, 0.0f, &value);
      tn_accumulate16_squares (&value, sums);
    }
  return (float) (1.0 / sqrt (tn_fold16 (sums) / (double) width + epsilon));
}

/* weight NULL: x as it is. */
TN_KERNEL_INLINE float
get_value (const float *x, const float *weight, float norm, gsize i)
{
  return weight != NULL ? x[i] * norm * weight[i] : x[i];
}

/* A row with a NaN or an infinity: what is finite is coded by its own largest magnitude. */
static void
quantize_broken_row (const float *x, const float *weight, float norm, gsize width, gint8 *codes, float *scale, gint32 *sum)
{
  float absmax = ABSMAX_FLOOR;

  for (gsize i = 0; i < width; i++)
    {
      float magnitude = fabsf (get_value (x, weight, norm, i));

      absmax = isfinite (magnitude) && magnitude > absmax ? magnitude : absmax;
    }
  *sum = 0;
  for (gsize i = 0; i < width; i++)
    {
      float value = get_value (x, weight, norm, i);

      codes[i] = isfinite (value) ? (gint8) get_bits (value * (LARGEST_CODE / absmax) + ROUNDER) : 0;
      *sum += codes[i];
    }
  *scale = NAN;
}

TN_KERNEL_INLINE void
quantize_row (const float *x, const float *weight, float norm, gsize width, gint8 *codes, float *scale, gint32 *sum_out)
{
  gint32 largest = get_bits (ABSMAX_FLOOR), sum = 0;
  float absmax, factor;

  /* Magnitudes are ordered as their bits are, and those that are not finite come last. */
  for (gsize i = 0; i < width; i++)
    {
      gint32 magnitude = get_bits (get_value (x, weight, norm, i)) & G_MAXINT32;

      largest = magnitude > largest ? magnitude : largest;
    }
  if (largest >= INFINITY_BITS)
    {
      quantize_broken_row (x, weight, norm, width, codes, scale, sum_out);
      return;
    }
  memcpy (&absmax, &largest, sizeof absmax);
  factor = LARGEST_CODE / absmax;
  /* Two roundings leave |value * factor| below 127.001: there is nothing to clip. */
  for (gsize i = 0; i < width; i++)
    {
      codes[i] = (gint8) get_bits (get_value (x, weight, norm, i) * factor + ROUNDER);
      sum += codes[i];
    }
  *scale = absmax / LARGEST_CODE;
  *sum_out = sum;
}

TN_KERNEL_INLINE void
tn_quantize_rows_body (const float *x, gsize x_stride, gsize n_rows, gsize width, gint8 *codes, gsize stride, float *scales,
                       gint32 *sums)
{
  for (gsize row = 0; row < n_rows; row++, x += x_stride, codes += stride)
    {
      quantize_row (x, NULL, 1.0f, width, codes, &scales[row], &sums[row]);
      memset (codes + width, 0, stride - width);
    }
}

TN_KERNEL_INLINE void
tn_rmsnorm_quantize_rows_body (const float *x, gsize x_stride, const float *weight, double epsilon, gsize n_rows, gsize width,
                               gint8 *codes, gsize stride, float *scales, gint32 *sums)
{
  for (gsize row = 0; row < n_rows; row++, x += x_stride, codes += stride)
    {
      quantize_row (x, weight, get_norm (x, epsilon, width), width, codes, &scales[row], &sums[row]);
      memset (codes + width, 0, stride - width);
    }
}

TN_KERNEL_DEFINE (tn_quantize_rows,
                  (const float *x, gsize x_stride, gsize n_rows, gsize width, gint8 *codes, gsize stride, float *scales,
                   gint32 *sums),
                  (x, x_stride, n_rows, width, codes, stride, scales, sums))
TN_KERNEL_DEFINE (tn_rmsnorm_quantize_rows,
                  (const float *x, gsize x_stride, const float *weight, double epsilon, gsize n_rows, gsize width, gint8 *codes,
                   gsize stride, float *scales, gint32 *sums),
                  (x, x_stride, weight, epsilon, n_rows, width, codes, stride, scales, sums))
