/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/metrics/code-flips.h"
#include "engine/metrics/paired-interval.h"
#include "engine/metrics/rank-correlation.h"
#include "engine/random.h"

static void
test_ranks (void)
{
  const double x[] = {3.0, -1.0, 3.0, 0.0, 3.0};
  double ranks[5];

  tn_ranks (x, 5, ranks);
  g_assert_cmpfloat (ranks[0], ==, 4.0);
  g_assert_cmpfloat (ranks[1], ==, 1.0);
  g_assert_cmpfloat (ranks[2], ==, 4.0);
  g_assert_cmpfloat (ranks[3], ==, 2.0);
  g_assert_cmpfloat (ranks[4], ==, 4.0);
}

static int
sign (double x)
{
  return (x > 0.0) - (x < 0.0);
}

/* Of all orders of 0 .. n - 1, the share with at least this concordance. */
static guint64
count_orders (double *order, gsize n, gsize at, double least)
{
  guint64 count = 0;

  if (at == n)
    {
      int concordance = 0;

      for (gsize i = 0; i < n; i++)
        for (gsize k = 0; k < i; k++)
          concordance += sign (order[i] - order[k]);
      return abs (concordance) >= least;
    }
  for (gsize i = at; i < n; i++)
    {
      double swapped = order[at];

      order[at] = order[i];
      order[i] = swapped;
      count += count_orders (order, n, at + 1, least);
      swapped = order[at];
      order[at] = order[i];
      order[i] = swapped;
    }
  return count;
}

static void
test_kendall (void)
{
  const double x[] = {1, 2, 3, 4, 5, 6, 7}, y[] = {2, 1, 4, 3, 7, 5, 6};
  const double tied_x[] = {12, 2, 1, 12, 2}, tied_y[] = {1, 4, 7, 1, 0};
  double order[] = {1, 2, 3, 4, 5, 6, 7};
  TnRankCorrelation correlation;

  tn_kendall (x, y, 7, 0.05, &correlation);
  /* 4 of 21 pairs are discordant. */
  g_assert_cmpfloat_with_epsilon (correlation.value, (17.0 - 4.0) / 21.0, 1e-15);
  g_assert_cmpfloat_with_epsilon (correlation.p, (double) count_orders (order, 7, 0, 13.0) / 5040.0, 1e-12);
  g_assert_cmpfloat (correlation.low, <, correlation.value);
  g_assert_cmpfloat (correlation.high, >, correlation.value);
  /* Of 10 pairs 2 are concordant, 6 discordant; x is tied in 2 and y in 1. */
  tn_kendall (tied_x, tied_y, 5, 0.05, &correlation);
  g_assert_cmpfloat_with_epsilon (correlation.value, -0.47140452079103173, 1e-12);
  g_assert_cmpfloat_with_epsilon (correlation.p, 0.2827454599327748, 1e-9);
}

static void
test_spearman (void)
{
  const double x[] = {1, 2, 3, 4, 5, 6}, y[] = {2, 1, 4, 3, 6, 5}, constant[] = {1, 1, 1, 1, 1, 1};
  const double holes[] = {1, 2, NAN, 3, 4, 5, INFINITY, 6}, other[] = {2, 1, 9, 4, 3, 6, 9, 5};
  TnRankCorrelation correlation, with_holes;

  tn_spearman (x, y, 6, 0.05, &correlation);
  /* 1 - 6 sum d^2 / (n (n^2 - 1)) */
  g_assert_cmpfloat_with_epsilon (correlation.value, 1.0 - 6.0 * 6.0 / 210.0, 1e-14);
  g_assert_cmpfloat_with_epsilon (correlation.p, 0.04156268221574334, 1e-9);
  tn_spearman (holes, other, 8, 0.05, &with_holes);
  g_assert_cmpuint (with_holes.n, ==, 6);
  g_assert_cmpfloat (with_holes.value, ==, correlation.value);
  tn_spearman (x, constant, 6, 0.05, &correlation);
  g_assert_true (isnan (correlation.value) && isnan (correlation.p));
  tn_kendall (x, constant, 6, 0.05, &correlation);
  g_assert_true (isnan (correlation.value));
  tn_spearman (x, x, 6, 0.05, &correlation);
  g_assert_cmpfloat (correlation.value, ==, 1.0);
  g_assert_cmpfloat (correlation.p, ==, 0.0);
  tn_spearman (x, y, 0, 0.05, &correlation);
  g_assert_true (isnan (correlation.value));
  tn_kendall (x, y, 1, 0.05, &correlation);
  g_assert_true (isnan (correlation.value));
}

/* Intervals of what has no relation hold 0 about as often as they say. */
static void
test_coverage (void)
{
  enum { ROUNDS = 2000, N = 40 };
  TnRandom random = tn_random_stream (8, "coverage");
  guint spearman = 0, kendall = 0, significant = 0;

  for (guint round = 0; round < ROUNDS; round++)
    {
      double x[N], y[N];
      TnRankCorrelation correlation;

      for (guint i = 0; i < N; i++)
        {
          x[i] = tn_random_normal (&random);
          y[i] = tn_random_normal (&random);
        }
      tn_spearman (x, y, N, 0.05, &correlation);
      spearman += correlation.low <= 0.0 && correlation.high >= 0.0;
      tn_kendall (x, y, N, 0.05, &correlation);
      kendall += correlation.low <= 0.0 && correlation.high >= 0.0;
      significant += correlation.p < 0.05;
    }
  g_assert_cmpfloat (fabs (spearman / (double) ROUNDS - 0.95), <, 0.02);
  g_assert_cmpfloat (fabs (kendall / (double) ROUNDS - 0.95), <, 0.02);
  g_assert_cmpfloat (fabs (significant / (double) ROUNDS - 0.05), <, 0.02);
}

static void
test_intervals (void)
{
  const double a[] = {10.0, 20.0, 30.0, 40.0}, b[] = {9.0, 18.0, 29.0, 38.0}, ones[] = {1.0, 1.0, 1.0, 1.0};
  TnMeanInterval paired, ratio;

  tn_paired_interval (a, b, 4, 0.05, &paired);
  g_assert_cmpfloat (paired.mean, ==, 1.5);
  g_assert_cmpfloat_with_epsilon (paired.standard_error, sqrt (1.0 / 3.0 / 4.0), 1e-15);
  /* t of 3 degrees of freedom: 3.182446 */
  g_assert_cmpfloat_with_epsilon (paired.high - paired.mean, 3.1824463 * paired.standard_error, 1e-6);
  /* With equal weights the ratio is the mean. */
  tn_ratio_interval (a, ones, 4, 0.05, &ratio);
  tn_mean_interval (a, 4, 0.05, &paired);
  g_assert_cmpfloat_with_epsilon (ratio.standard_error, paired.standard_error, 1e-12);
  g_assert_cmpfloat (ratio.mean, ==, paired.mean);
  tn_mean_interval (a, 1, 0.05, &paired);
  g_assert_true (paired.mean == 10.0 && isnan (paired.standard_error) && isnan (paired.low));
  tn_mean_interval (a, 0, 0.05, &paired);
  g_assert_true (isnan (paired.mean));
}

static double
mean_of (const guint32 *order, gsize n, gpointer user_data)
{
  const double *values = user_data;
  double sum = 0.0;

  for (gsize i = 0; i < n; i++)
    sum += values[order[i]];
  return sum / (double) n;
}

static void
test_bootstrap (void)
{
  enum { N = 400 };
  TnRandom random = tn_random_stream (9, "sample");
  double values[N];
  TnMeanInterval student, bootstrap, again;

  for (guint i = 0; i < N; i++)
    values[i] = tn_random_normal (&random);
  tn_mean_interval (values, N, 0.05, &student);
  tn_bootstrap_interval (mean_of, values, N, 2000, 1, 0.05, &bootstrap);
  tn_bootstrap_interval (mean_of, values, N, 2000, 1, 0.05, &again);
  g_assert_cmpmem (&bootstrap, sizeof bootstrap, &again, sizeof again);
  g_assert_cmpfloat_with_epsilon (bootstrap.mean, student.mean, 1e-12);
  g_assert_cmpfloat_with_epsilon (bootstrap.standard_error / student.standard_error, 1.0, 0.1);
  g_assert_cmpfloat_with_epsilon (bootstrap.low, student.low, 0.2 * student.standard_error);
  g_assert_cmpfloat_with_epsilon (bootstrap.high, student.high, 0.2 * student.standard_error);
  tn_bootstrap_interval (mean_of, values, 1, 2000, 1, 0.05, &again);
  g_assert_true (isnan (again.low));
}

static void
test_code_flips (void)
{
  const gint16 a[] = {1, 0, -1, 1, 0, -1, 7, -8}, b[] = {1, 0, 1, 0, -1, -1, -8, -7};
  TnCodeFlips flips = {0}, part = {0}, rest = {0};

  tn_code_flips_add (&flips, a, b, 8, 4);
  g_assert_cmpuint (flips.count, ==, 8);
  g_assert_cmpuint (flips.flips, ==, 5);
  g_assert_cmpuint (flips.by_distance[0], ==, 3);
  g_assert_cmpuint (flips.by_distance[1], ==, 3);
  g_assert_cmpuint (flips.by_distance[2], ==, 1);
  g_assert_cmpuint (flips.by_distance[15], ==, 1);
  g_assert_cmpuint (flips.sign_flips, ==, 2);
  g_assert_cmpuint (flips.to_zero, ==, 1);
  g_assert_cmpuint (flips.from_zero, ==, 1);
  /* 1111^0001, 0001^0000, 0000^1111, 0111^1000, 1000^1001 */
  g_assert_cmpuint (flips.bits, ==, 3 + 1 + 4 + 4 + 1);
  g_assert_cmpfloat (tn_code_flips_rate (&flips), ==, 0.625);
  g_assert_cmpfloat (tn_code_flips_mean_distance (&flips), ==, 20.0 / 8.0);
  tn_code_flips_add (&part, a, b, 3, 4);
  tn_code_flips_add (&rest, a + 3, b + 3, 5, 4);
  tn_code_flips_merge (&rest, &part);
  g_assert_cmpmem (&rest, sizeof rest, &flips, sizeof flips);
  part = (TnCodeFlips){0};
  g_assert_true (isnan (tn_code_flips_rate (&part)));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/rank-correlation/ranks", test_ranks);
  g_test_add_func ("/rank-correlation/kendall", test_kendall);
  g_test_add_func ("/rank-correlation/spearman", test_spearman);
  g_test_add_func ("/rank-correlation/coverage", test_coverage);
  g_test_add_func ("/paired-interval/intervals", test_intervals);
  g_test_add_func ("/paired-interval/bootstrap", test_bootstrap);
  g_test_add_func ("/code-flips/known", test_code_flips);
  return g_test_run ();
}
