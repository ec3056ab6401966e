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
#define CHUNK ((gsize) 256)

TN_KERNEL_INLINE gint32
get_bits (float value)
{
  gint32 bits;

  memcpy (&bits, &value, sizeof bits);
  return bits;
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

/* Largest bits of magnitudes, which are ordered as the magnitudes are; those that are not finite come last. */
TN_KERNEL_INLINE gint32
find_largest (const float *restrict x, const float *restrict weight, float norm, gsize width)
{
  gint32 largest = get_bits (ABSMAX_FLOOR);

  for (gsize i = 0; i < width; i++)
    {
      gint32 magnitude = get_bits (get_value (x, weight, norm, i)) & G_MAXINT32;

      largest = magnitude > largest ? magnitude : largest;
    }
  return largest;
}

/* Two roundings leave |value * factor| below 127.001: there is nothing to clip. Returns the sum of the codes. */
TN_KERNEL_INLINE guint32
write_codes (const float *restrict x, const float *restrict weight, float norm, float factor, gsize n, gint8 *restrict codes)
{
  guint32 sum = 0;

  for (gsize i = 0; i < n; i++)
    {
      guint32 code = (guint32) get_bits (get_value (x, weight, norm, i) * factor + ROUNDER);

      sum += code;
      codes[i] = (gint8) code;
    }
  return sum - (guint32) n * (guint32) get_bits (ROUNDER);
}

TN_KERNEL_INLINE void
quantize_row (const float *x, gsize x_stride, const float *weight, float norm, gsize width, gint8 *codes, float *scale,
              gint32 *sum_out)
{
  gint32 largest = find_largest (x, weight, norm, width);
  guint32 sum = 0;
  float absmax, factor;

  if (largest >= INFINITY_BITS)
    {
      quantize_broken_row (x, weight, norm, width, codes, scale, sum_out);
      return;
    }
  memcpy (&absmax, &largest, sizeof absmax);
  factor = LARGEST_CODE / absmax;
  for (gsize i = 0; i < width; i += CHUNK)
    {
      gsize n = MIN (CHUNK, width - i);

      /* The next row is on its way while this one, which is in the cache, leaves the memory idle. */
      if (x_stride > 0)
        for (gsize j = 0; j < n; j += 16)
          __builtin_prefetch (x + x_stride + i + j, 0, 2);
      sum += write_codes (x + i, weight != NULL ? weight + i : NULL, norm, factor, n, codes + i);
    }
  *scale = absmax / LARGEST_CODE;
  *sum_out = (gint32) sum;
}

TN_KERNEL_INLINE void
tn_quantize_rows_body (const float *x, gsize x_stride, gsize n_rows, gsize width, gint8 *codes, gsize stride, float *scales,
                       gint32 *sums)
{
  for (gsize row = 0; row < n_rows; row++, x += x_stride, codes += stride)
    {
      quantize_row (x, row + 1 < n_rows ? x_stride : 0, NULL, 1.0f, width, codes, &scales[row], &sums[row]);
      memset (codes + width, 0, stride - width);
    }
}

TN_KERNEL_INLINE void
tn_rmsnorm_quantize_rows_body (const float *x, gsize x_stride, const float *weight, double epsilon, gsize n_rows, gsize width,
                               gint8 *codes, gsize stride, float *scales, gint32 *sums)
{
  for (gsize row = 0; row < n_rows; row++, x += x_stride, codes += stride)
    {
      quantize_row (x, row + 1 < n_rows ? x_stride : 0, weight, tn_rmsnorm_factor (x, width, epsilon), width, codes, &scales[row],
                    &sums[row]);
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
