/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/norm.h"

#include <math.h>

#include "engine/kernels/lanes16.h"

TN_KERNEL_INLINE void
tn_rmsnorm_body (const float *x, const float *weight, double epsilon, gsize n_rows, gsize width, float *out)
{
  for (gsize row = 0; row < n_rows; row++, x += width, out += width)
    {
      TnDouble8 sums[2] = {{0}, {0}};
      TnFloat16 value;
      float scale;
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
      scale = (float) (1.0 / sqrt (tn_fold16 (sums) / (double) width + epsilon));
      for (i = 0; i < width; i++)
        out[i] = x[i] * scale * weight[i];
    }
}

TN_KERNEL_DEFINE (tn_rmsnorm, (const float *x, const float *weight, double epsilon, gsize n_rows, gsize width, float *out),
                  (x, weight, epsilon, n_rows, width, out))
