/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/softmax.h"

#include <math.h>

#include "engine/kernels/lanes16.h"

#define FIND_CHUNK ((gsize) 64)

TN_KERNEL_INLINE float
larger (float a, float b)
{
  return a > b ? a : b;
}

/* Lanes that hold the larger of both; NaN is never larger. */
TN_KERNEL_INLINE void
take_larger (const TnFloats16 *values, TnFloats16 *best)
{
  TN_EACH_PIECE (k)
  best->pieces[k] = TN_SELECT (values->pieces[k] > best->pieces[k], values->pieces[k], best->pieces[k]);
}

/* The largest value that is not NaN; -infinity when there is none. Any order gives the same. */
TN_KERNEL_INLINE float
maximum (const float *x, gsize n)
{
  TnFloats16 best, values;
  float lanes[TN_LANES16];
  gsize i = 0;

  TN_EACH_PIECE (k)
  best.pieces[k] = TN_ALL (-INFINITY);
  for (; i + TN_LANES16 <= n; i += TN_LANES16)
    {
      tn_load16 (x + i, &values);
      take_larger (&values, &best);
    }
  if (i < n)
    {
      TnFloats16 tail;

      tn_load16_tail (x + i, n - i, -INFINITY, &tail);
      take_larger (&tail, &best);
    }
  memcpy (lanes, &best, sizeof lanes);
  _Pragma ("GCC unroll 4") for (guint half = TN_LANES16 / 2; half > 0; half /= 2) for (guint lane = 0; lane < half; lane++)
      lanes[lane] = larger (lanes[lane], lanes[lane + half]);
  return lanes[0];
}

/* Replaces 16 values by their terms exp (scale (x - shift)) and adds these to sums. */
TN_KERNEL_INLINE void
take_exponentials (TnFloats16 *values, float shift, float scale, TnSums16 *sums)
{
  TN_EACH_PIECE (k)
  {
    values->pieces[k] = (values->pieces[k] - shift) * scale;
    tn_exp (&values->pieces[k], &values->pieces[k]);
  }
  tn_accumulate16 (values, sums);
}

/* The sum of exp (scale (x - shift)). store, a constant: the terms go to out, which may be x. */
TN_KERNEL_INLINE double
sum_exponentials (const float *x, gsize n, float shift, float scale, gboolean store, float *out)
{
  TnSums16 sums = {0};
  TnFloats16 values;
  gsize i = 0;

  for (; i + TN_LANES16 <= n; i += TN_LANES16)
    {
      tn_load16 (x + i, &values);
      take_exponentials (&values, shift, scale, &sums);
      if (store)
        tn_store16 (out + i, &values);
    }
  if (i < n)
    {
      TnFloats16 tail;

      tn_load16_tail (x + i, n - i, -INFINITY, &tail);
      take_exponentials (&tail, shift, scale, &sums);
      if (store)
        memcpy (out + i, &tail, (n - i) * sizeof (float));
    }
  return tn_fold16 (&sums);
}

TN_KERNEL_INLINE void
tn_softmax_body (float *x, gsize n, float scale, float *factor)
{
  *factor = (float) (1.0 / sum_exponentials (x, n, maximum (x, n), scale, TRUE, x));
}

TN_KERNEL_INLINE void
take_products (const TnFloats16 *p, const TnFloats16 *g, TnSums16 *sums)
{
  TnFloats16 products;

  TN_EACH_PIECE (k)
  products.pieces[k] = p->pieces[k] * g->pieces[k];
  tn_accumulate16 (&products, sums);
}

TN_KERNEL_INLINE void
tn_softmax_gradient_body (float *p, float *g, gsize n, float scale, float factor)
{
  TnSums16 sums = {0};
  TnFloats16 values, gradients;
  float mean;
  gsize i = 0;

  for (; i + TN_LANES16 <= n; i += TN_LANES16)
    {
      tn_load16 (p + i, &values);
      tn_load16 (g + i, &gradients);
      TN_EACH_PIECE (k)
      values.pieces[k] *= factor;
      tn_store16 (p + i, &values);
      take_products (&values, &gradients, &sums);
    }
  if (i < n)
    {
      TnFloats16 tail, tail_gradients;

      tn_load16_tail (p + i, n - i, 0.0f, &tail);
      tn_load16_tail (g + i, n - i, 0.0f, &tail_gradients);
      TN_EACH_PIECE (k)
      tail.pieces[k] *= factor;
      memcpy (p + i, &tail, (n - i) * sizeof (float));
      take_products (&tail, &tail_gradients, &sums);
    }
  mean = (float) tn_fold16 (&sums);
  for (i = 0; i < n; i++)
    g[i] = (g[i] - mean) * p[i] * scale;
}

TN_KERNEL_INLINE void
scaled_exponentials (TnFloats16 *values, float shift, float scale, float factor)
{
  TN_EACH_PIECE (k)
  {
    values->pieces[k] = (values->pieces[k] - shift) * scale;
    tn_exp (&values->pieces[k], &values->pieces[k]);
    values->pieces[k] *= factor;
  }
}

TN_KERNEL_INLINE void
tn_exponentials_body (const float *x, gsize n, float shift, float scale, float factor, gboolean adds, float *out)
{
  TnFloats16 values, before;
  gsize i = 0;

  for (; i + TN_LANES16 <= n; i += TN_LANES16)
    {
      tn_load16 (x + i, &values);
      scaled_exponentials (&values, shift, scale, factor);
      if (adds)
        {
          TN_STAYS_A_BRANCH ();
          tn_load16 (out + i, &before);
          TN_EACH_PIECE (k)
          values.pieces[k] += before.pieces[k];
        }
      tn_store16 (out + i, &values);
    }
  if (i < n)
    {
      TnFloats16 tail;
      float lanes[TN_LANES16];

      tn_load16_tail (x + i, n - i, 0.0f, &tail);
      scaled_exponentials (&tail, shift, scale, factor);
      memcpy (lanes, &tail, sizeof lanes);
      for (gsize lane = 0; i < n; i++, lane++)
        out[i] = adds ? lanes[lane] + out[i] : lanes[lane];
    }
}

TN_KERNEL_INLINE void
tn_exponentials_shifted_body (const float *x, const float *shifts, gsize n, float factor, float *out)
{
  for (gsize i = 0; i < n; i += TN_LANES16)
    {
      gsize rest = MIN (TN_LANES16, n - i);
      float values[TN_LANES16] = {0}, from[TN_LANES16] = {0}, sums[TN_LANES16];
      TnFloats16 value, shift;

      memcpy (values, x + i, rest * sizeof *x);
      memcpy (from, shifts + i, rest * sizeof *x);
      tn_load16 (values, &value);
      tn_load16 (from, &shift);
      TN_EACH_PIECE (k)
      {
        value.pieces[k] -= shift.pieces[k];
        tn_exp (&value.pieces[k], &value.pieces[k]);
        value.pieces[k] *= factor;
      }
      tn_store16 (sums, &value);
      for (gsize lane = 0; lane < rest; lane++)
        out[i + lane] += sums[lane];
    }
}

/* The first place of value; n when it is nowhere. */
TN_KERNEL_INLINE gsize
find_first (const float *x, gsize n, float value)
{
  gsize i = 0;

  for (; i + FIND_CHUNK <= n; i += FIND_CHUNK)
    {
      gint found = FALSE;

      for (gsize j = 0; j < FIND_CHUNK; j++)
        found |= x[i + j] == value;
      if (found)
        break;
    }
  while (i < n && !(x[i] == value))
    i++;
  return i;
}

TN_KERNEL_INLINE void
tn_log_sum_exp_piece_body (const float *x, gsize n, guint first, TnLogSumExp *piece)
{
  float shift = maximum (x, n);
  gsize best = find_first (x, n, shift);

  *piece = (TnLogSumExp){.sum = sum_exponentials (x, n, shift == -INFINITY ? 0.0f : shift, 1.0f, FALSE, NULL),
                         .maximum = shift,
                         .best = best < n ? first + (guint) best : G_MAXUINT};
}

TN_KERNEL_DEFINE (tn_softmax, (float *x, gsize n, float scale, float *factor), (x, n, scale, factor))
TN_KERNEL_DEFINE (tn_softmax_gradient, (float *p, float *g, gsize n, float scale, float factor), (p, g, n, scale, factor))
TN_KERNEL_DEFINE (tn_exponentials, (const float *x, gsize n, float shift, float scale, float factor, gboolean adds, float *out),
                  (x, n, shift, scale, factor, adds, out))
TN_KERNEL_DEFINE (tn_exponentials_shifted, (const float *x, const float *shifts, gsize n, float factor, float *out),
                  (x, shifts, n, factor, out))
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
