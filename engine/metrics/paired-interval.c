/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/metrics/paired-interval.h"

#include <math.h>
#include <stdlib.h>

#include "engine/metrics/student.h"
#include "engine/random.h"

/* Around a mean whose standard error is known from n values. */
static void
finish (double mean, double standard_error, gsize n, double error, TnMeanInterval *interval)
{
  double half = n > 1 ? standard_error * tn_student_half_width (error, (guint) MIN (n - 1, G_MAXINT32)) : (double) NAN;

  *interval = (TnMeanInterval){
      .mean = mean,
      .standard_error = n > 1 ? standard_error : (double) NAN,
      .low = mean - half,
      .high = mean + half,
      .n = n,
  };
}

/* b NULL: zeros. */
static void
difference_interval (const double *a, const double *b, gsize n, double error, TnMeanInterval *interval)
{
  double mean = 0.0, squares = 0.0;

  for (gsize i = 0; i < n; i++)
    mean += b != NULL ? a[i] - b[i] : a[i];
  mean /= (double) n;
  for (gsize i = 0; i < n; i++)
    {
      double residual = (b != NULL ? a[i] - b[i] : a[i]) - mean;

      squares += residual * residual;
    }
  finish (mean, sqrt (squares / ((double) n - 1.0) / (double) n), n, error, interval);
}

void
tn_mean_interval (const double *values, gsize n, double error, TnMeanInterval *interval)
{
  difference_interval (values, NULL, n, error, interval);
}

void
tn_paired_interval (const double *a, const double *b, gsize n, double error, TnMeanInterval *interval)
{
  difference_interval (a, b, n, error, interval);
}

void
tn_ratio_interval (const double *values, const double *weights, gsize n, double error, TnMeanInterval *interval)
{
  double sum = 0.0, weight = 0.0, squares = 0.0, ratio;

  for (gsize i = 0; i < n; i++)
    {
      sum += values[i];
      weight += weights[i];
    }
  ratio = weight > 0.0 ? sum / weight : (double) NAN;
  for (gsize i = 0; i < n; i++)
    {
      double residual = values[i] - ratio * weights[i];

      squares += residual * residual;
    }
  finish (ratio, sqrt (squares * (double) n / ((double) n - 1.0)) / weight, n, error, interval);
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  const double *first = a, *second = b;

  return *first < *second ? -1 : *first > *second;
}

/* Of n > 0 values in order, interpolated. */
static double
quantile (const double *sorted, gsize n, double q)
{
  double place = q * (double) (n - 1);
  gsize below = (gsize) place;

  return below + 1 < n ? sorted[below] + (place - (double) below) * (sorted[below + 1] - sorted[below]) : sorted[n - 1];
}

void
tn_bootstrap_interval (TnStatisticFunc func, gpointer user_data, gsize n, guint resamples, guint64 seed, double error,
                       TnMeanInterval *interval)
{
  g_autofree guint32 *order = g_new (guint32, MAX (n, 1));
  g_autofree double *drawn = g_new (double, MAX (resamples, 1));
  TnRandom random = tn_random_stream (seed, "bootstrap");
  gsize kept = 0;
  TnMeanInterval spread;

  for (gsize i = 0; i < n; i++)
    order[i] = (guint32) i;
  *interval = (TnMeanInterval){
      .mean = n > 0 ? func (order, n, user_data) : (double) NAN,
      .standard_error = (double) NAN,
      .low = (double) NAN,
      .high = (double) NAN,
      .n = n,
  };
  if (n < 2)
    return;
  for (guint round = 0; round < resamples; round++)
    {
      double value;

      for (gsize i = 0; i < n; i++)
        order[i] = (guint32) tn_random_below (&random, n);
      value = func (order, n, user_data);
      if (!isnan (value))
        drawn[kept++] = value;
    }
  if (kept < 2)
    return;
  tn_mean_interval (drawn, kept, error, &spread);
  qsort (drawn, kept, sizeof *drawn, compare_doubles);
  interval->standard_error = spread.standard_error * sqrt ((double) kept);
  interval->low = quantile (drawn, kept, 0.5 * error);
  interval->high = quantile (drawn, kept, 1.0 - 0.5 * error);
}
