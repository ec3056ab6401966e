/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Sums and extremes over arrays of floats. Elements that are not finite enter nothing but the count of those that are. Sums are
 * of doubles in a fixed order: the same bits on every CPU. */
typedef struct
{
  guint64 finite;
  guint64 zeros;
  float   min, max; /* +inf, -inf when there is no finite element */
  double  sum;
  double  abs_sum;
} TnScan;

void   tn_scan_values    (const float *x, gsize n, TnScan *scan);
/* Finite elements only; +inf and -inf when there is none. */
void   tn_scan_range     (const float *x, gsize n, float *min, float *max);
/* Sum of |x| and number of finite elements. */
double tn_scan_abs_sum   (const float *x, gsize n, guint64 *finite);
/* The same for those with |x| > threshold. */
double tn_scan_abs_above (const float *x, gsize n, float threshold, guint64 *above);
/* Sum of squares and number of finite elements. */
double tn_scan_squares   (const float *x, gsize n, guint64 *finite);
/* Sum of squared distances to center. */
double tn_scan_deviation (const float *x, gsize n, double center);

G_END_DECLS
