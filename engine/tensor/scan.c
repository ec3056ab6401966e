/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tensor/scan.h"

#include <math.h>

#include "engine/tensor/lanes.h"

/* 32-bit lane counters are emptied after this many elements. */
#define COUNT_CHUNK ((gsize) 1 << 30)
#define PREFETCH_ELEMENTS 512

TN_LANES_INLINE void
scan_values (const float *x, gsize n, TnScan *scan)
{
  TnDouble4 sum_low = {0}, sum_high = {0}, abs_low = {0}, abs_high = {0};
  TnFloat8 min = (TnFloat8){0} + INFINITY, max = -min;
  TnInt8 finite_count = {0}, zero_count = {0};

  for (gsize i = 0; i < n; i += TN_LANES)
    {
      TN_LANES_LOAD (v, x, i, n);
      TnInt8 finite = TN_LANES_FINITE (v);

      min = TN_LANES_SELECT (finite & (v < min), v, min);
      max = TN_LANES_SELECT (finite & (v > max), v, max);
      v = (TnFloat8) ((TnInt8) v & finite);
      TN_LANES_ADD_COUNT (finite_count, finite);
      TN_LANES_ADD_COUNT (zero_count, (v == 0.0f) & finite);
      sum_low += TN_LANES_LOW (v);
      sum_high += TN_LANES_HIGH (v);
      v = TN_LANES_ABS (v);
      abs_low += TN_LANES_LOW (v);
      abs_high += TN_LANES_HIGH (v);
    }
  scan->sum += TN_LANES_SUM (sum_low, sum_high);
  scan->abs_sum += TN_LANES_SUM (abs_low, abs_high);
  for (guint lane = 0; lane < TN_LANES; lane++)
    {
      scan->finite += (guint32) finite_count[lane];
      scan->zeros += (guint32) zero_count[lane];
      scan->min = MIN (scan->min, min[lane]);
      scan->max = MAX (scan->max, max[lane]);
    }
}

/* Floats in the order of integers, -0 right before +0; its own inverse. */
static inline gint32
flip_negative (gint32 bits)
{
  return bits ^ (bits >> 31 & 0x7fffffff);
}

/* Integers, because their extremes are found in any order: compilers make vectors of this loop by themselves. */
TN_LANES_INLINE void
scan_range (const float *x, gsize n, float *min_out, float *max_out)
{
  gint32 min = G_MAXINT32, max = G_MININT32;

  for (gsize i = 0; i < n; i++)
    {
      gint32 bits, ordered, lost;

      memcpy (&bits, x + i, sizeof bits);
      lost = -((bits & 0x7fffffff) >= 0x7f800000);
      ordered = flip_negative (bits) & ~lost;
      min = MIN (min, ordered | (lost & G_MAXINT32));
      max = MAX (max, ordered | (lost & G_MININT32));
    }
  *min_out = INFINITY;
  *max_out = -INFINITY;
  if (min <= max)
    {
      min = flip_negative (min);
      max = flip_negative (max);
      memcpy (min_out, &min, sizeof min);
      memcpy (max_out, &max, sizeof max);
    }
}

/* threshold -1 lets every finite element pass. */
TN_LANES_INLINE double
scan_abs_above (const float *x, gsize n, float threshold, guint64 *above)
{
  TnDouble4 low = {0}, high = {0};
  TnInt8 count = {0};

  for (gsize i = 0; i < n; i += TN_LANES)
    {
      TN_LANES_LOAD (v, x, i, n);
      TnFloat8 magnitude = TN_LANES_ABS (v);
      TnInt8 taken = TN_LANES_FINITE (v) & (magnitude > threshold);

      magnitude = (TnFloat8) ((TnInt8) magnitude & taken);
      TN_LANES_ADD_COUNT (count, taken);
      low += TN_LANES_LOW (magnitude);
      high += TN_LANES_HIGH (magnitude);
    }
  for (guint lane = 0; lane < TN_LANES; lane++)
    *above += (guint32) count[lane];
  return TN_LANES_SUM (low, high);
}

/* The sum of all magnitudes, finite or not, in the order of scan_abs_above(). */
TN_LANES_INLINE double
scan_magnitudes (const float *x, gsize n)
{
  TnDouble4 low = {0}, high = {0};
  TnFloat8 v;
  gsize i = 0;

  for (; i + TN_LANES <= n; i += TN_LANES)
    {
      /* What the processor fetches by itself leaves memory idle half of the time. */
      __builtin_prefetch (x + i + PREFETCH_ELEMENTS);
      memcpy (&v, x + i, sizeof v);
      v = TN_LANES_ABS (v);
      low += TN_LANES_LOW (v);
      high += TN_LANES_HIGH (v);
    }
  if (i < n)
    {
      TnFloat8 tail = {0};

      memcpy (&tail, x + i, (n - i) * sizeof (float));
      v = TN_LANES_ABS (tail);
      low += TN_LANES_LOW (v);
      high += TN_LANES_HIGH (v);
    }
  return TN_LANES_SUM (low, high);
}

TN_LANES_INLINE double
scan_squares (const float *x, gsize n, guint64 *finite_total)
{
  TnDouble4 low = {0}, high = {0};
  TnInt8 count = {0};

  for (gsize i = 0; i < n; i += TN_LANES)
    {
      TN_LANES_LOAD (v, x, i, n);
      TnInt8 finite = TN_LANES_FINITE (v);

      v = (TnFloat8) ((TnInt8) v & finite);
      TN_LANES_ADD_COUNT (count, finite);
      low += TN_LANES_LOW (v) * TN_LANES_LOW (v);
      high += TN_LANES_HIGH (v) * TN_LANES_HIGH (v);
    }
  for (guint lane = 0; lane < TN_LANES; lane++)
    *finite_total += (guint32) count[lane];
  return TN_LANES_SUM (low, high);
}

TN_LANES_INLINE double
scan_deviation (const float *x, gsize n, double center)
{
  TnDouble4 low = {0}, high = {0};

  for (gsize i = 0; i < n; i += TN_LANES)
    {
      TN_LANES_LOAD (v, x, i, n);
      TnInt8 finite = TN_LANES_FINITE (v);
      TnFloat8 one_if_finite = (TnFloat8) (finite & (TnInt8) ((TnFloat8){0} + 1.0f));
      TnDouble4 distance;

      v = (TnFloat8) ((TnInt8) v & finite);
      distance = (TN_LANES_LOW (v) - center) * TN_LANES_LOW (one_if_finite);
      low += distance * distance;
      distance = (TN_LANES_HIGH (v) - center) * TN_LANES_HIGH (one_if_finite);
      high += distance * distance;
    }
  return TN_LANES_SUM (low, high);
}

#if TN_LANES_X86
TN_LANES_AVX2 static void
scan_values_avx2 (const float *x, gsize n, TnScan *scan)
{
  scan_values (x, n, scan);
}

TN_LANES_AVX2 static void
scan_range_avx2 (const float *x, gsize n, float *min, float *max)
{
  scan_range (x, n, min, max);
}

TN_LANES_AVX2 static double
scan_abs_above_avx2 (const float *x, gsize n, float threshold, guint64 *above)
{
  return scan_abs_above (x, n, threshold, above);
}

TN_LANES_AVX2 static double
scan_magnitudes_avx2 (const float *x, gsize n)
{
  return scan_magnitudes (x, n);
}

TN_LANES_AVX2 static double
scan_squares_avx2 (const float *x, gsize n, guint64 *finite)
{
  return scan_squares (x, n, finite);
}

TN_LANES_AVX2 static double
scan_deviation_avx2 (const float *x, gsize n, double center)
{
  return scan_deviation (x, n, center);
}
#else
#define scan_values_avx2 scan_values
#define scan_range_avx2 scan_range
#define scan_abs_above_avx2 scan_abs_above
#define scan_magnitudes_avx2 scan_magnitudes
#define scan_squares_avx2 scan_squares
#define scan_deviation_avx2 scan_deviation
#endif

void
tn_scan_values (const float *x, gsize n, TnScan *scan)
{
  *scan = (TnScan){.min = INFINITY, .max = -INFINITY};
  for (gsize i = 0; i < n; i += COUNT_CHUNK)
    if (tn_lanes_have_avx2 ())
      scan_values_avx2 (x + i, MIN (n - i, COUNT_CHUNK), scan);
    else
      scan_values (x + i, MIN (n - i, COUNT_CHUNK), scan);
}

void
tn_scan_range (const float *x, gsize n, float *min, float *max)
{
  if (tn_lanes_have_avx2 ())
    scan_range_avx2 (x, n, min, max);
  else
    scan_range (x, n, min, max);
}

double
tn_scan_abs_above (const float *x, gsize n, float threshold, guint64 *above)
{
  double sum = 0.0;

  *above = 0;
  for (gsize i = 0; i < n; i += COUNT_CHUNK)
    sum += tn_lanes_have_avx2 () ? scan_abs_above_avx2 (x + i, MIN (n - i, COUNT_CHUNK), threshold, above)
                                 : scan_abs_above (x + i, MIN (n - i, COUNT_CHUNK), threshold, above);
  return sum;
}

double
tn_scan_abs_sum (const float *x, gsize n, guint64 *finite)
{
  double sum = 0.0;

  for (gsize i = 0; i < n; i += COUNT_CHUNK)
    sum += tn_lanes_have_avx2 () ? scan_magnitudes_avx2 (x + i, MIN (n - i, COUNT_CHUNK))
                                 : scan_magnitudes (x + i, MIN (n - i, COUNT_CHUNK));
  /* Nothing finite makes the sum of doubles overflow. */
  if (!isfinite (sum))
    return tn_scan_abs_above (x, n, -1.0f, finite);
  *finite = n;
  return sum;
}

double
tn_scan_squares (const float *x, gsize n, guint64 *finite)
{
  double sum = 0.0;

  *finite = 0;
  for (gsize i = 0; i < n; i += COUNT_CHUNK)
    sum += tn_lanes_have_avx2 () ? scan_squares_avx2 (x + i, MIN (n - i, COUNT_CHUNK), finite)
                                 : scan_squares (x + i, MIN (n - i, COUNT_CHUNK), finite);
  return sum;
}

double
tn_scan_deviation (const float *x, gsize n, double center)
{
  return tn_lanes_have_avx2 () ? scan_deviation_avx2 (x, n, center) : scan_deviation (x, n, center);
}
