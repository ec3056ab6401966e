/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/row-quantize.h"

#include <math.h>
#include <string.h>

#include "engine/kernels/row-quantize-private.h"
#include "engine/kernels/variant.h"

#define ABSMAX_FLOOR 1e-5f
#define LARGEST_CODE 127.0f

static const TnRowKernels *
get_kernels (void)
{
#if defined(__x86_64__)
  switch (tn_variant_get ())
    {
    case TN_VARIANT_AVX512_VNNI:
    case TN_VARIANT_AVX512:
      return &tn_row_avx512;
    case TN_VARIANT_AVX2:
      return &tn_row_avx2;
    default:
      return &tn_row_scalar;
    }
#else
  return &tn_row_scalar;
#endif
}

/* A row with a NaN or an infinity: what is finite is coded by its own largest magnitude. */
static void
quantize_broken_row (const float *x, const float *weight, float norm, gsize width, gint8 *codes, float *scale, gint32 *sum)
{
  float absmax = ABSMAX_FLOOR;

  for (gsize i = 0; i < width; i++)
    {
      float magnitude = fabsf (weight != NULL ? x[i] * norm * weight[i] : x[i]);

      absmax = isfinite (magnitude) && magnitude > absmax ? magnitude : absmax;
    }
  *sum = 0;
  for (gsize i = 0; i < width; i++)
    {
      float value = weight != NULL ? x[i] * norm * weight[i] : x[i];

      codes[i] = isfinite (value) ? (gint8) lrintf (value * (LARGEST_CODE / absmax)) : 0;
      *sum += codes[i];
    }
  *scale = NAN;
}

static void
quantize_row (const TnRowKernels *kernels, const float *x, const float *next, const float *weight, float norm, gsize width,
              gint8 *codes, float *scale, gint32 *sum)
{
  gint32 largest = kernels->find_largest (x, weight, norm, width, next);
  float absmax;

  memcpy (&absmax, &largest, sizeof absmax);
  if (!isfinite (absmax))
    {
      quantize_broken_row (x, weight, norm, width, codes, scale, sum);
      return;
    }
  absmax = MAX (absmax, ABSMAX_FLOOR);
  /* Division and product leave |v * factor| below 127.001: nothing has to be clipped. */
  *sum = kernels->write_codes (x, weight, norm, LARGEST_CODE / absmax, width, next, codes);
  *scale = absmax / LARGEST_CODE;
}

void
tn_quantize_rows (const float *x, gsize x_stride, gsize n_rows, gsize width, gint8 *codes, gsize stride, float *scales,
                  gint32 *sums)
{
  const TnRowKernels *kernels = get_kernels ();

  for (gsize row = 0; row < n_rows; row++, x += x_stride, codes += stride)
    {
      quantize_row (kernels, x, row + 1 < n_rows ? x + x_stride : NULL, NULL, 1.0f, width, codes, &scales[row], &sums[row]);
      if (stride > width)
        memset (codes + width, 0, stride - width);
    }
}

void
tn_rmsnorm_quantize_rows (const float *x, gsize x_stride, const float *weight, double epsilon, gsize n_rows, gsize width,
                          gint8 *codes, gsize stride, float *scales, gint32 *sums)
{
  const TnRowKernels *kernels = get_kernels ();

  for (gsize row = 0; row < n_rows; row++, x += x_stride, codes += stride)
    {
      float norm = kernels->get_norm (x, width, epsilon);

      quantize_row (kernels, x, row + 1 < n_rows ? x + x_stride : NULL, weight, norm, width, codes, &scales[row], &sums[row]);
      if (stride > width)
        memset (codes + width, 0, stride - width);
    }
}
