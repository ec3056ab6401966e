/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/sum-squares.h"

#include "engine/kernels/lanes16.h"

TN_KERNEL_INLINE void
tn_sum_squares_body (const float *x, gsize n, double *sum)
{
  TnSums16 sums = {0};
  gsize i = 0;

  for (; i + TN_LANES16 <= n; i += TN_LANES16)
    {
      TnFloats16 values;

      tn_load16 (x + i, &values);
      tn_accumulate16_squares (&values, &sums);
    }
  if (i < n)
    {
      TnFloats16 tail;

      tn_load16_tail (x + i, n - i, 0.0f, &tail);
      tn_accumulate16_squares (&tail, &sums);
    }
  *sum = tn_fold16 (&sums);
}

TN_KERNEL_DEFINE (tn_sum_squares, (const float *x, gsize n, double *sum), (x, n, sum))
