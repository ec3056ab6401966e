/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/error-sums-private.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "engine/kernels/variant.h"

#define LANES 4

typedef float Floats __attribute__ ((vector_size (LANES * 4)));
typedef double Doubles __attribute__ ((vector_size (LANES * 8)));
typedef gint64 Masks __attribute__ ((vector_size (LANES * 8)));
typedef gint32 Masks32 __attribute__ ((vector_size (LANES * 4)));

#define ABSOLUTE(v) ((Doubles) ((Masks) (v) &G_MAXINT64))
/* Written lane by lane: there is no other way to say it for every instruction set. */
#define LARGER_LANE(a, b, lane) ((a)[lane] > (b)[lane] ? (a)[lane] : (b)[lane])
#define SMALLER_LANE(a, b, lane) ((a)[lane] < (b)[lane] ? (a)[lane] : (b)[lane])
#define LARGER(type, a, b) ((type){LARGER_LANE (a, b, 0), LARGER_LANE (a, b, 1), LARGER_LANE (a, b, 2), LARGER_LANE (a, b, 3)})
#define SMALLER(type, a, b)                                                                                                      \
  ((type){SMALLER_LANE (a, b, 0), SMALLER_LANE (a, b, 1), SMALLER_LANE (a, b, 2), SMALLER_LANE (a, b, 3)})

/* What the compiler keeps in registers: half of those there are on the smallest processor. */
typedef struct
{
  Doubles error_square, x_square, y_square, product, error, abs_error, abs_x, abs_product, relative, max_error;
  Masks zeros;
} Lanes;

TN_KERNEL_INLINE void
add_lanes (const Floats *fx, const Floats *fy, Lanes *lanes, Floats *magnitudes)
{
  const Floats most = {FLT_MAX, FLT_MAX, FLT_MAX, FLT_MAX};
  Doubles x = __builtin_convertvector(*fx, Doubles), y = __builtin_convertvector(*fy, Doubles);
  Doubles e = y - x, abs_e = ABSOLUTE (e), abs_x = ABSOLUTE (x);
  Masks zero = x == 0.0;
  Floats difference = *fy - *fx, magnitude = (Floats) ((Masks32) difference & G_MAXINT32), inverse = 1.0f / *fx;
  Doubles reciprocal = ABSOLUTE (__builtin_convertvector(inverse, Doubles));

  lanes->error_square += e * e;
  lanes->x_square += x * x;
  lanes->y_square += y * y;
  lanes->product += x * y;
  lanes->error += e;
  lanes->abs_error += abs_e;
  lanes->abs_x += abs_x;
  lanes->abs_product += abs_e * abs_x;
  reciprocal *= 2.0 - abs_x * reciprocal;
  lanes->relative += (Doubles) ((Masks) (abs_e * reciprocal) & ~zero);
  lanes->max_error = LARGER (Doubles, abs_e, lanes->max_error);
  lanes->zeros -= zero;
  *magnitudes = SMALLER (Floats, magnitude, most);
}

TN_KERNEL_INLINE double
fold (const Doubles *lanes)
{
  return ((*lanes)[0] + (*lanes)[2]) + ((*lanes)[1] + (*lanes)[3]);
}

TN_KERNEL_INLINE void
tn_error_sums_body (const float *x, const float *y, gsize n, float *magnitudes, TnErrorSums *sums)
{
  Lanes lanes = {0};
  Doubles low = {INFINITY, INFINITY, INFINITY, INFINITY}, high = -low;
  double min = INFINITY, max = -INFINITY, max_error = 0.0;
  guint64 zeros = 0;
  gsize i = 0;

  for (; i + LANES <= n; i += LANES)
    {
      Floats fx, fy, magnitude;
      Doubles wide;

      memcpy (&fx, x + i, sizeof fx);
      memcpy (&fy, y + i, sizeof fy);
      add_lanes (&fx, &fy, &lanes, &magnitude);
      memcpy (magnitudes + i, &magnitude, sizeof magnitude);
      wide = __builtin_convertvector(fx, Doubles);
      low = SMALLER (Doubles, wide, low);
      high = LARGER (Doubles, wide, high);
    }
  if (i < n)
    {
      float tail_x[LANES] = {0}, tail_y[LANES] = {0};
      Floats fx, fy, magnitude;

      for (gsize k = 0; k < n - i; k++)
        {
          tail_x[k] = x[i + k];
          tail_y[k] = y[i + k];
          min = (double) tail_x[k] < min ? (double) tail_x[k] : min;
          max = (double) tail_x[k] > max ? (double) tail_x[k] : max;
        }
      memcpy (&fx, tail_x, sizeof fx);
      memcpy (&fy, tail_y, sizeof fy);
      add_lanes (&fx, &fy, &lanes, &magnitude);
      memcpy (magnitudes + i, &magnitude, (n - i) * sizeof (float));
      zeros -= LANES - (n - i);
    }
  for (guint lane = 0; lane < LANES; lane++)
    {
      min = low[lane] < min ? low[lane] : min;
      max = high[lane] > max ? high[lane] : max;
      max_error = lanes.max_error[lane] > max_error ? lanes.max_error[lane] : max_error;
      zeros += (guint64) lanes.zeros[lane];
    }
  *sums = (TnErrorSums){
      .error_square = fold (&lanes.error_square),
      .x_square = fold (&lanes.x_square),
      .y_square = fold (&lanes.y_square),
      .product = fold (&lanes.product),
      .error = fold (&lanes.error),
      .abs_error = fold (&lanes.abs_error),
      .abs_x = fold (&lanes.abs_x),
      .abs_product = fold (&lanes.abs_product),
      .relative = fold (&lanes.relative),
      .max_error = max_error,
      .min = min,
      .max = max,
      .zeros = zeros,
  };
}

static void
count_magnitudes (const float *magnitudes, gsize n, TnMagnitudeCounts *counts)
{
  for (gsize i = 0; i < n; i++)
    {
      guint32 bits;

      memcpy (&bits, &magnitudes[i], sizeof bits);
      counts->even[bits >> 16]++;
      counts->zeros += bits == 0;
    }
}

void
tn_magnitude_counts_take_back (const float *magnitudes, gsize n, TnMagnitudeCounts *counts)
{
  for (gsize i = 0; i < n; i++)
    {
      guint32 bits;

      memcpy (&bits, &magnitudes[i], sizeof bits);
      counts->even[bits >> 16]--;
      counts->zeros -= bits == 0;
    }
}

static double
divide_all (const float *x, const float *y, gsize n)
{
  double sum = 0.0;

  for (gsize i = 0; i < n; i++)
    if (x[i] != 0.0f)
      sum += fabs ((double) y[i] - (double) x[i]) / fabs ((double) x[i]);
  return sum;
}

void
tn_error_sums (const float *x, const float *y, gsize n, float *magnitudes, TnMagnitudeCounts *counts, TnErrorSums *sums)
{
#if defined(__x86_64__)
  if (tn_variant_get () != TN_VARIANT_SCALAR)
    tn_error_sums_avx2 (x, y, n, magnitudes, counts, sums);
  else
#endif
    {
      tn_error_sums_body (x, y, n, magnitudes, sums);
      count_magnitudes (magnitudes, n, counts);
    }
  /* 1 / x of the smallest x is no float32. */
  if (G_UNLIKELY (!isfinite (sums->relative)))
    sums->relative = divide_all (x, y, n);
}

/* Columns side by side, so that their sums stay in registers over the rows. */
TN_KERNEL_INLINE void
add_columns (const float *x, gsize x_stride, const float *y, gsize y_stride, gsize rows, gsize n, gsize at,
             const TnErrorColumns *sums)
{
  double columns[6][LANES] = {0};
  guint64 counts[LANES] = {0};
  Doubles error_square, x_square, y_square, product, error, max_error;
  Masks left_out;

  memcpy (columns[0], sums->error_square + at, n * sizeof (double));
  memcpy (columns[1], sums->x_square + at, n * sizeof (double));
  memcpy (columns[2], sums->y_square + at, n * sizeof (double));
  memcpy (columns[3], sums->product + at, n * sizeof (double));
  memcpy (columns[4], sums->error + at, n * sizeof (double));
  memcpy (columns[5], sums->max_error + at, n * sizeof (double));
  memcpy (counts, sums->left_out + at, n * sizeof (guint64));
  memcpy (&error_square, columns[0], sizeof error_square);
  memcpy (&x_square, columns[1], sizeof x_square);
  memcpy (&y_square, columns[2], sizeof y_square);
  memcpy (&product, columns[3], sizeof product);
  memcpy (&error, columns[4], sizeof error);
  memcpy (&max_error, columns[5], sizeof max_error);
  memcpy (&left_out, counts, sizeof left_out);
  for (gsize row = 0; row < rows; row++)
    {
      float lanes_x[LANES] = {0}, lanes_y[LANES] = {0};
      Floats fx, fy;
      Doubles wide_x, wide_y, e, abs_e;
      Masks good;

      if (n == LANES)
        {
          memcpy (&fx, x + row * x_stride + at, sizeof fx);
          memcpy (&fy, y + row * y_stride + at, sizeof fy);
        }
      else
        {
          memcpy (lanes_x, x + row * x_stride + at, n * sizeof (float));
          memcpy (lanes_y, y + row * y_stride + at, n * sizeof (float));
          memcpy (&fx, lanes_x, sizeof fx);
          memcpy (&fy, lanes_y, sizeof fy);
        }
      wide_x = __builtin_convertvector(fx, Doubles);
      wide_y = __builtin_convertvector(fy, Doubles);
      good = (ABSOLUTE (wide_x) <= (double) FLT_MAX) & (ABSOLUTE (wide_y) <= (double) FLT_MAX);
      wide_x = (Doubles) ((Masks) wide_x & good);
      wide_y = (Doubles) ((Masks) wide_y & good);
      left_out += good + 1;
      e = wide_y - wide_x;
      abs_e = ABSOLUTE (e);
      error_square += e * e;
      x_square += wide_x * wide_x;
      y_square += wide_y * wide_y;
      product += wide_x * wide_y;
      error += e;
      max_error = LARGER (Doubles, abs_e, max_error);
    }
  memcpy (sums->error_square + at, &error_square, n * sizeof (double));
  memcpy (sums->x_square + at, &x_square, n * sizeof (double));
  memcpy (sums->y_square + at, &y_square, n * sizeof (double));
  memcpy (sums->product + at, &product, n * sizeof (double));
  memcpy (sums->error + at, &error, n * sizeof (double));
  memcpy (sums->max_error + at, &max_error, n * sizeof (double));
  memcpy (sums->left_out + at, &left_out, n * sizeof (guint64));
}

TN_KERNEL_INLINE void
tn_error_columns_body (const float *x, gsize x_stride, const float *y, gsize y_stride, gsize rows, gsize columns,
                       const TnErrorColumns *sums)
{
  gsize at = 0;

  for (; at + LANES <= columns; at += LANES)
    add_columns (x, x_stride, y, y_stride, rows, LANES, at, sums);
  if (at < columns)
    add_columns (x, x_stride, y, y_stride, rows, columns - at, at, sums);
}

TN_KERNEL_DEFINE (tn_error_columns,
                  (const float *x, gsize x_stride, const float *y, gsize y_stride, gsize rows, gsize columns,
                   const TnErrorColumns *sums),
                  (x, x_stride, y, y_stride, rows, columns, sums))
