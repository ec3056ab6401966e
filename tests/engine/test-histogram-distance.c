/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/metrics/histogram-distance.h"
#include "engine/random.h"

static TnFloatHistogram *
histogram_of (const float *x, gsize n)
{
  TnFloatHistogram *histogram = tn_float_histogram_new ();

  tn_float_histogram_add (histogram, x, n);
  return histogram;
}

/* The lower half of a float's bits says nothing to a bin. */
static float
cut (float x)
{
  guint32 bits;

  memcpy (&bits, &x, sizeof bits);
  bits &= 0xffff0000U;
  memcpy (&x, &bits, sizeof bits);
  return x;
}

/* Share of x that is below or at v, and at v. */
static double
share_up_to (const float *x, gsize n, float v)
{
  gsize count = 0;

  for (gsize i = 0; i < n; i++)
    count += x[i] <= v;
  return (double) count / (double) n;
}

static double
share_at (const float *x, gsize n, float v)
{
  gsize count = 0;

  for (gsize i = 0; i < n; i++)
    count += x[i] == v;
  return (double) count / (double) n;
}

/* Every value against every other. */
static void
slow_distance (const float *x, gsize n, const float *y, gsize m, TnHistogramDistance *distance)
{
  *distance = (TnHistogramDistance){0};
  for (gsize i = 0; i < n + m; i++)
    {
      float v = i < n ? x[i] : y[i - n];
      double p = share_at (x, n, v), q = share_at (y, m, v), middle = (p + q) / 2.0;
      /* Each of equal values has its part. */
      double times = p * (double) n + q * (double) m;

      distance->ks = MAX (distance->ks, fabs (share_up_to (x, n, v) - share_up_to (y, m, v)));
      distance->js += ((p > 0.0 ? p * log2 (p / middle) : 0.0) + (q > 0.0 ? q * log2 (q / middle) : 0.0)) / 2.0 / times;
    }
}

static void
test_reference (void)
{
  static const gsize sizes[] = {1, 2, 7, 150};
  TnRandom random = tn_random_stream (3, "distance");

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    for (guint t = 0; t < G_N_ELEMENTS (sizes); t++)
      {
        float x[150], y[150];
        g_autoptr (TnFloatHistogram) a = NULL, b = NULL;
        TnHistogramDistance found, expected, back;

        for (gsize i = 0; i < sizes[s]; i++)
          x[i] = i % 5 == 3 ? 0.0f : cut ((float) tn_random_normal (&random));
        for (gsize i = 0; i < sizes[t]; i++)
          y[i] = i % 7 == 3 ? 0.0f : cut (0.5f + 2.0f * (float) tn_random_normal (&random));
        a = histogram_of (x, sizes[s]);
        b = histogram_of (y, sizes[t]);
        slow_distance (x, sizes[s], y, sizes[t], &expected);
        tn_histogram_distance (a, b, &found);
        tn_histogram_distance (b, a, &back);
        g_assert_cmpfloat_with_epsilon (found.ks, expected.ks, 1e-12);
        g_assert_cmpfloat_with_epsilon (found.js, expected.js, 1e-12);
        g_assert_cmpfloat_with_epsilon (found.js, back.js, 1e-12);
        g_assert_cmpfloat_with_epsilon (found.ks, back.ks, 1e-12);
      }
}

static void
test_ends (void)
{
  const float left[] = {-3.0f, -2.0f, -0.0f}, right[] = {1e-30f, 5.0f}, odd[] = {NAN, INFINITY, -INFINITY};
  g_autoptr (TnFloatHistogram) a = histogram_of (left, 3), same = histogram_of (left, 3), b = histogram_of (right, 2);
  g_autoptr (TnFloatHistogram) empty = histogram_of (odd, 3);
  TnHistogramDistance distance;

  tn_histogram_distance (a, same, &distance);
  g_assert_cmpfloat (distance.ks, ==, 0.0);
  g_assert_cmpfloat (distance.js, ==, 0.0);
  tn_histogram_distance (a, b, &distance);
  g_assert_cmpfloat (distance.ks, ==, 1.0);
  g_assert_cmpfloat_with_epsilon (distance.js, 1.0, 1e-12);
  tn_histogram_distance (a, empty, &distance);
  g_assert_true (isnan (distance.ks) && isnan (distance.js));
}

/* Two samples of one distribution are as far apart as the header says. */
static void
test_expected (void)
{
  enum { N = 40000, M = 10000 };
  TnRandom random = tn_random_stream (4, "distance");
  g_autofree float *x = g_new (float, N), *y = g_new (float, M);
  double js = 0.0, expected = 0.0;

  for (guint round = 0; round < 20; round++)
    {
      g_autoptr (TnFloatHistogram) a = NULL, b = NULL;
      TnHistogramDistance distance;
      guint occupied = 0;

      /* Few bins, each with many values. */
      for (gsize i = 0; i < N; i++)
        x[i] = 1.0f + (float) tn_random_uniform (&random);
      for (gsize i = 0; i < M; i++)
        y[i] = 1.0f + (float) tn_random_uniform (&random);
      a = histogram_of (x, N);
      b = histogram_of (y, M);
      for (guint bin = 0; bin < TN_FLOAT_HISTOGRAM_BINS; bin++)
        occupied += a->bins[bin] + b->bins[bin] > 0;
      tn_histogram_distance (a, b, &distance);
      js += distance.js;
      expected += (occupied - 1) * (1.0 / N + 1.0 / M) / (8.0 * G_LN2);
    }
  g_assert_cmpfloat (js, >, 0.93 * expected);
  g_assert_cmpfloat (js, <, 1.07 * expected);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/histogram-distance/reference", test_reference);
  g_test_add_func ("/histogram-distance/ends", test_ends);
  g_test_add_func ("/histogram-distance/expected", test_expected);
  return g_test_run ();
}
