/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/norm-gradient.h"

#include "engine/kernels/lanes16.h"

TN_KERNEL_INLINE double
sum_products (const float *x, const float *weight, const float *dn, gsize width)
{
  TnSums16 sums = {0};

  for (gsize i = 0; i < width; i += TN_LANES16)
    {
      float products[TN_LANES16] = {0};
      gsize n = MIN (TN_LANES16, width - i);
      TnFloats16 values;

      if (n == TN_LANES16)
        for (gsize k = 0; k < TN_LANES16; k++)
          products[k] = weight[i + k] * dn[i + k] * x[i + k];
      else
        for (gsize k = 0; k < n; k++)
          products[k] = weight[i + k] * dn[i + k] * x[i + k];
      tn_load16 (products, &values);
      tn_accumulate16 (&values, &sums);
    }
  return tn_fold16 (&sums);
}

TN_KERNEL_INLINE void
tn_rmsnorm_gradient_body (const float *x, const float *weight, double epsilon, const float *dn, gsize n_rows, gsize width,
                          float *dx, gboolean adds, float *dw)
{
  for (gsize row = 0; row < n_rows; row++, x += width, dn += width)
    {
      float s = tn_rmsnorm_factor (x, width, epsilon);
      float along = (float) ((double) s * (double) s * (double) s * sum_products (x, weight, dn, width) / (double) width);
      float *restrict out = dx != NULL ? dx + row * width : NULL;

      if (out != NULL && adds)
        for (gsize i = 0; i < width; i++)
          out[i] += weight[i] * dn[i] * s - x[i] * along;
      else if (out != NULL)
        for (gsize i = 0; i < width; i++)
          out[i] = weight[i] * dn[i] * s - x[i] * along;
      if (dw != NULL)
        for (gsize i = 0; i < width; i++)
          dw[i] += dn[i] * x[i] * s;
    }
}

TN_KERNEL_DEFINE (tn_rmsnorm_gradient,
                  (const float *x, const float *weight, double epsilon, const float *dn, gsize n_rows, gsize width, float *dx,
                   gboolean adds, float *dw),
                  (x, weight, epsilon, dn, n_rows, width, dx, adds, dw))
