/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/int8-rows.h"

#include "engine/kernels/row-quantize.h"
#include "engine/kernels/ternary.h"

gsize
tn_int8_rows_bytes (gsize n_rows, gsize width)
{
  return n_rows * (tn_ternary_padded (width) + sizeof (float) + sizeof (gint32));
}

void
tn_int8_rows_place (TnInt8Rows *self, void *memory, gsize n_rows, gsize width)
{
  self->codes = memory;
  self->stride = tn_ternary_padded (width);
  self->scales = (float *) (self->codes + n_rows * self->stride);
  self->sums = (gint32 *) (self->scales + n_rows);
}

void
tn_int8_rows_quantize (TnInt8Rows *self, const float *x, const float *gain, double epsilon, gsize n_rows, gsize width,
                       guint threads)
{
#pragma omp parallel for schedule(static) num_threads((int) threads) if (n_rows > 1)
  for (gsize row = 0; row < n_rows; row++)
    {
      gint8 *codes = self->codes + row * self->stride;

      if (gain != NULL)
        tn_rmsnorm_quantize_rows (x + row * width, width, gain, epsilon, 1, width, codes, self->stride, &self->scales[row],
                                  &self->sums[row]);
      else
        tn_quantize_rows (x + row * width, width, 1, width, codes, self->stride, &self->scales[row], &self->sums[row]);
    }
}

void
tn_int8_rows_decode (const TnInt8Rows *self, gsize n_rows, gsize width, float *out, guint threads)
{
#pragma omp parallel for schedule(static) num_threads((int) threads) if (n_rows > 1)
  for (gsize row = 0; row < n_rows; row++)
    {
      const gint8 *codes = self->codes + row * self->stride;
      float scale = self->scales[row];

      for (gsize i = 0; i < width; i++)
        out[row * width + i] = (float) codes[i] * scale;
    }
}
