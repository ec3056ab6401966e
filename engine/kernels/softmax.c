/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/softmax.h"

#include <math.h>

#include "engine/kernels/lanes16.h"

/* The largest value that is not NaN; -infinity when there is none. Any order gives the same. */
TN_KERNEL_INLINE float
maximum (const float *x, gsize n)
{
  TnFloat16 best = (TnFloat16){0} - INFINITY;
  TnFloat16 value;
  float result;
  gsize i = 0;

  for (; i + TN_LANES16 <= n; i += TN_LANES16)
    {
      tn_load16 (x + i, &value);
      best = TN_SELECT16 (value > best, value, best);
    }
  result = best[0];
  for (guint lane = 1; lane < TN_LANES16; lane++)
    result = best[lane] > result ? best[lane] : result;
  for (; i < n; i++)
    result = x[i] > result ? x[i] : result;
  return result;
}

/* The sum of exp (x - shift); writes the terms to out where it is not NULL. */
TN_KERNEL_INLINE double
sum_exponentials (const float *x, gsize n, float shift, float *out)
{
  TnDouble8 sums[2] = {{0}, {0}};
  TnFloat16 value;
  gsize i = 0;

  for (; i + TN_LANES16 <= n; i += TN_LANES16)
    {
      tn_load16 (x + i, &value);
      value -= shift;
      tn_exp16 (&value, &value);
      tn_accumulate16 (&value, sums);
      if (out != NULL)
        tn_store16 (out + i, &value);
    }
  if (i < n)
    {
      tn_load16_part (x + i, n - i, -INFINITY, &value);
      value -= shift;
      tn_exp16 (&value, &value);
      for (gsize lane = n - i; lane < TN_LANES16; lane++)
        value[lane] = 0.0f;
      tn_accumulate16 (&value, sums);
      if (out != NULL)
        tn_store16_part (out + i, n - i, &value);
    }
  return tn_fold16 (sums);
}

TN_KERNEL_INLINE void
tn_softmax_body (float *x, gsize n)
{
  float scale = (float) (1.0 / sum_exponentials (x, n, maximum (x, n), x));

  for (gsize i = 0; i < n; i++)
    x[i] *= scale;
}

TN_KERNEL_INLINE void
tn_log_sum_exp_piece_body (const float *x, gsize n, guint first, TnLogSumExp *piece)
{
  float shift = maximum (x, n);
  gsize best = 0;

  while (best < n && !(x[best] == shift))
    best++;
  *piece = (TnLogSumExp){.sum = sum_exponentials (x, n, shift == -INFINITY ? 0.0f : shift, NULL),
                         .maximum = shift,
                         .best = best < n ? first + (guint) best : G_MAXUINT};
}

TN_KERNEL_DEFINE (tn_softmax, (float *x, gsize n), (x, n))
TN_KERNEL_DEFINE (tn_log_sum_exp_piece, (const float *x, gsize n, guint first, TnLogSumExp *piece), (x, n, first, piece))

/* A sum of exp (x - from) as a sum of exp (x - to); both may be -infinity. */
static double
scaled (double sum, double from, double to)
{
  return from == to ? sum : sum * exp (from - to);
}

void
tn_log_sum_exp_join (TnLogSumExp *row, const TnLogSumExp *piece)
{
  double maximum = fmax ((double) row->maximum, (double) piece->maximum);

  row->sum = scaled (row->sum, (double) row->maximum, maximum) + scaled (piece->sum, (double) piece->maximum, maximum);
  if (piece->best != G_MAXUINT && (row->best == G_MAXUINT || piece->maximum > row->maximum))
    row->best = piece->best;
  row->maximum = (float) maximum;
}

double
tn_log_sum_exp_finish (const TnLogSumExp *row)
{
  return log (row->sum) + (double) row->maximum;
}
