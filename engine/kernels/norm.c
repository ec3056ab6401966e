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
