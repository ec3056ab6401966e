/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/elementwise.h"

#include "engine/kernels/variant.h"

TN_KERNEL_INLINE void
tn_add_body (float *y, const float *x, gsize n)
{
  for (gsize i = 0; i < n; i++)
    y[i] += x[i];
}

TN_KERNEL_DEFINE (tn_add, (float *y, const float *x, gsize n), (y, x, n))
