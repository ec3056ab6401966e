/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Of pairs (x, y), with e = y - x in double: sums over 4 fixed lanes. */
typedef struct
{
  double  error_square, x_square, y_square, product; /* e^2, x^2, y^2, x y */
  double  error, abs_error, abs_x, abs_product;      /* e, |e|, |x|, |e| |x| */
  double  relative;                                  /* |e| / |x| where x != 0 */
  double  max_error;                                 /* of |e| */
  double  min, max;                                  /* of x; +inf, -inf of nothing */
  guint64 zeros;                                     /* x = 0 */
} TnErrorSums;

/* Counts of magnitudes by the upper halves of their bits, in two tables whose sum is meant, modulo 2^32: equal neighbours do not wait for each
 * other. */
#define TN_MAGNITUDE_BINS 32768

typedef struct
{
  guint32 *even, *odd; /* [32768] each */
  guint64  zeros;      /* exact zeros, counted in bin 0, too */
} TnMagnitudeCounts;

/* magnitudes: [n], |y - x| in float32, FLT_MAX at most; they are counted. 1 / |x| of the relative error comes from its float32 by one step of Newton's
 * (to 2^-44), where that does not overflow. With a value that is not finite x_square or y_square is not finite, nothing else is to be used, and
 * what was counted is to be taken back. */
void tn_error_sums (const float *x, const float *y, gsize n, float *magnitudes, TnMagnitudeCounts *counts, TnErrorSums *sums);
void tn_magnitude_counts_take_back (const float *magnitudes, gsize n, TnMagnitudeCounts *counts);

/* The sums of columns, over rows in their order, added to [columns] of each; a pair that is not finite is counted and left out. */
typedef struct
{
  double  *error_square, *x_square, *y_square, *product, *error, *max_error;
  guint64 *left_out;
} TnErrorColumns;

void tn_error_columns (const float *x, gsize x_stride, const float *y, gsize y_stride, gsize rows, gsize columns, const TnErrorColumns *sums);

G_END_DECLS
