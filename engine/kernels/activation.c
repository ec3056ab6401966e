/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/activation.h"

#include "engine/kernels/lanes16.h"

TN_KERNEL_INLINE void
silu_multiply16 (TnFloat16 *gate, const TnFloat16 *up)
{
  TnFloat16 negative = -*gate;
  TnFloat16 exponential;

  tn_exp16 (&negative, &exponential);
  *gate = *gate / (1.0f + exponential) * *up;
}

TN_KERNEL_INLINE void
tn_silu_multiply_body (float *gate, const float *up, gsize n)
{
  TnFloat16 a, b;
  gsize i = 0;

  for (; i + TN_LANES16 <= n; i += TN_LANES16)
    {
      tn_load16 (gate + i, &a);
      tn_load16 (up + i, &b);
      silu_multiply16 (&a, &b);
      tn_store16 (gate + i, &a);
    }
  if (i < n)
    {
      tn_load16_part (gate + i, n - i, 0.0f, &a);
      tn_load16_part (up + i, n - i, 0.0f, &b);
      silu_multiply16 (&a, &b);
      tn_store16_part (gate + i, n - i, &a);
    }
}

TN_KERNEL_INLINE void
tn_relu2_multiply_body (float *gate, const float *up, gsize n)
{
  for (gsize i = 0; i < n; i++)
    {
      float positive = gate[i] < 0.0f ? 0.0f : gate[i];

      gate[i] = positive * positive * up[i];
    }
}

TN_KERNEL_DEFINE (tn_silu_multiply, (float *gate, const float *up, gsize n), (gate, up, n))
TN_KERNEL_DEFINE (tn_relu2_multiply, (float *gate, const float *up, gsize n), (gate, up, n))
