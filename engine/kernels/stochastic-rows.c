/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/stochastic-rows.h"

#include <math.h>
#include <string.h>

#include "engine/kernels/stochastic-private.h"
#include "engine/kernels/variant.h"

#define LARGEST_CODE 127.0f
#define SMALLEST_MAGNITUDE 1e-30f
#define CHUNK 1024

/* The largest bits of |v|: ordered as magnitudes are, those that are not finite last. */
TN_KERNEL_INLINE gint32
find_largest (const float *x, const float *factors, gsize n)
{
  gint32 largest = 0;

  for (gsize i = 0; i < n; i++)
    {
      float value = factors != NULL ? x[i] * factors[i] : x[i];
      gint32 bits;

      memcpy (&bits, &value, sizeof bits);
      bits &= G_MAXINT32;
      largest = bits > largest ? bits : largest;
    }
  return largest;
}

TN_KERNEL_INLINE gint32
write_codes (const float *x, const float *factors, float scale, guint32 seed, gsize first, gsize n, gint8 *codes)
{
  gint32 sum = 0;

  for (gsize i = 0; i < n; i++)
    {
      float value = factors != NULL ? x[i] * factors[i] : x[i];
      /* Positive, so that taking off the fraction is floor. */
      gint32 code = (gint32) (value * scale + tn_stochastic_uniform (seed, (guint32) (first + i)) + 256.0f) - 256;

      code = code > 127 ? 127 : code;
      sum += code;
      codes[i] = (gint8) code;
    }
  return sum;
}

TN_KERNEL_INLINE void
tn_stochastic_row_body (const float *x, const float *factors, gsize width, guint32 seed, gint8 *codes, float *scale, gint32 *sum)
{
  gint32 largest = factors != NULL ? find_largest (x, factors, width) : find_largest (x, NULL, width);
  float absmax;

  memcpy (&absmax, &largest, sizeof absmax);
  *sum = 0;
  *scale = isfinite (absmax) ? absmax / LARGEST_CODE : NAN;
  if (!isfinite (absmax) || absmax < SMALLEST_MAGNITUDE)
    {
      memset (codes, 0, width);
      *scale = isfinite (absmax) ? 0.0f : NAN;
      return;
    }
  for (gsize i = 0; i < width; i += CHUNK)
    *sum += factors != NULL ? write_codes (x + i, factors + i, LARGEST_CODE / absmax, seed, i, MIN (CHUNK, width - i), codes + i)
                            : write_codes (x + i, NULL, LARGEST_CODE / absmax, seed, i, MIN (CHUNK, width - i), codes + i);
}

TN_KERNEL_DEFINE (tn_stochastic_row,
                  (const float *x, const float *factors, gsize width, guint32 seed, gint8 *codes, float *scale, gint32 *sum),
                  (x, factors, width, seed, codes, scale, sum))

void
tn_int8_rows_quantize_stochastic (TnInt8Rows *self, const float *x, const float *factors, gsize n_rows, gsize width, guint64 key,
                                  guint threads)
{
#pragma omp parallel for schedule(static) num_threads((int) threads) if (n_rows > 1)
  for (gsize row = 0; row < n_rows; row++)
    {
      gint8 *codes = self->codes + row * self->stride;

      tn_stochastic_row (x + row * width, factors, width, tn_stochastic_seed (key, row), codes, &self->scales[row],
                         &self->sums[row]);
      memset (codes + width, 0, self->stride - width);
    }
}
