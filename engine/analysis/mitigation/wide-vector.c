/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/mitigation/wide-vector.h"

#include <string.h>

#include "engine/tensor/lanes.h"

TN_LANES_INLINE void
add_scaled (double factor, const double *x, gsize n, double *y)
{
  gsize i = 0;

  for (; i + 4 <= n; i += 4)
    {
      TnDouble4 a, b;

      memcpy (&a, x + i, sizeof a);
      memcpy (&b, y + i, sizeof b);
      b += a * factor;
      memcpy (y + i, &b, sizeof b);
    }
  for (; i < n; i++)
    y[i] += x[i] * factor;
}

TN_LANES_INLINE double
dot_product (const double *x, const double *y, gsize n)
{
  TnDouble4 low = {0}, high = {0};
  double sum = 0.0;
  gsize i = 0;

  for (; i + 8 <= n; i += 8)
    {
      TnDouble4 a, b;

      memcpy (&a, x + i, sizeof a);
      memcpy (&b, y + i, sizeof b);
      low += a * b;
      memcpy (&a, x + i + 4, sizeof a);
      memcpy (&b, y + i + 4, sizeof b);
      high += a * b;
    }
  for (; i < n; i++)
    sum += x[i] * y[i];
  return sum + TN_LANES_SUM (low, high);
}

#if TN_LANES_X86
TN_LANES_AVX2 static void
add_scaled_avx2 (double factor, const double *x, gsize n, double *y)
{
  add_scaled (factor, x, n, y);
}

TN_LANES_AVX2 static double
dot_product_avx2 (const double *x, const double *y, gsize n)
{
  return dot_product (x, y, n);
}
#else
#define add_scaled_avx2 add_scaled
#define dot_product_avx2 dot_product
#endif

void
tn_add_scaled (double factor, const double *x, gsize n, double *y)
{
  if (tn_lanes_have_avx2 ())
    add_scaled_avx2 (factor, x, n, y);
  else
    add_scaled (factor, x, n, y);
}

double
tn_dot_product (const double *x, const double *y, gsize n)
{
  return tn_lanes_have_avx2 () ? dot_product_avx2 (x, y, n) : dot_product (x, y, n);
}
