/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/norm.h"

#include "engine/kernels/lanes16.h"

TN_KERNEL_INLINE void
tn_rmsnorm_body (const float *x, const float *weight, double epsilon, gsize n_rows, gsize width, float *out)
{
  for (gsize row = 0; row < n_rows; row++, x += width, out += width)
    {
      float factor = tn_rmsnorm_factor (x, width, epsilon);

      for (gsize i = 0; i < width; i++)
        out[i] = x[i] * factor * weight[i];
    }
}

TN_KERNEL_DEFINE (tn_rmsnorm, (const float *x, const float *weight, double epsilon, gsize n_rows, gsize width, float *out),
                  (x, weight, epsilon, n_rows, width, out))

/* Sum of a b c along a row. */
TN_KERNEL_INLINE double
sum_products (const float *a, const float *b, const float *c, gsize width)
{
  TnSums16 sums = {0};
  TnFloats16 x, y, z;
  gsize i = 0;

  for (; i + TN_LANES16 <= width; i += TN_LANES16)
    {
      tn_load16 (a + i, &x);
      tn_load16 (b + i, &y);
      tn_load16 (c + i, &z);
      TN_EACH_PIECE (k)
      x.pieces[k] *= y.pieces[k] * z.pieces[k];
      tn_accumulate16 (&x, &sums);
    }
  if (i < width)
    {
      tn_load16_tail (a + i, width - i, 0.0f, &x);
      tn_load16_tail (b + i, width - i, 0.0f, &y);
      tn_load16_tail (c + i, width - i, 0.0f, &z);
      TN_EACH_PIECE (k)
      x.pieces[k] *= y.pieces[k] * z.pieces[k];
      tn_accumulate16 (&x, &sums);
    }
  return tn_fold16 (&sums);
}

TN_KERNEL_INLINE void
tn_rmsnorm_gradient_body (const TnNormGradient *gradient, gsize n_rows)
{
  const float *x = gradient->x, *dy = gradient->dy, *weight = gradient->weight;
  float *dx = gradient->dx, *dweight = gradient->dweight;
  gsize width = gradient->width;

  if (dweight != NULL)
    memset (dweight, 0, width * sizeof (float));
  for (gsize row = 0; row < n_rows; row++, x += width, dy += width, dx = dx != NULL ? dx + width : NULL)
    {
      float factor = tn_rmsnorm_factor (x, width, gradient->epsilon);

      if (dx != NULL)
        {
          double scale = pow ((double) factor, 3.0) / (double) width;
          float back = (float) (scale * sum_products (dy, weight, x, width));

          if (gradient->adds)
            for (gsize i = 0; i < width; i++)
              dx[i] += factor * weight[i] * dy[i] - x[i] * back;
          else
            for (gsize i = 0; i < width; i++)
              dx[i] = factor * weight[i] * dy[i] - x[i] * back;
        }
      if (dweight != NULL)
        for (gsize i = 0; i < width; i++)
          dweight[i] += dy[i] * (x[i] * factor);
    }
}

TN_KERNEL_DEFINE (tn_rmsnorm_gradient, (const TnNormGradient *gradient, gsize n_rows), (gradient, n_rows))
