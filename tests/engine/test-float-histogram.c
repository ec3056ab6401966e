/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/metrics/float-histogram.h"
#include "engine/random.h"

static void
test_every_value_in_its_bin (void)
{
  TnRandom random = tn_random_stream (1, "bits");

  for (guint i = 0; i < 200000; i++)
    {
      guint32 bits = (guint32) tn_random_next (&random);
      double low, high;
      float value;

      memcpy (&value, &bits, sizeof value);
      if (!isfinite (value) || value == 0.0f)
        continue;
      tn_float_histogram_bin_range (bits >> 16, &low, &high);
      g_assert_true (value > 0.0f ? low <= (double) value && (double) value < high : low < (double) value && (double) value <= high);
    }
}

static void
test_counts (void)
{
  const float x[] = { 1.0f, 1.0f, -1.0f, 0.0f, -0.0f, NAN, INFINITY, -INFINITY, 1e-45f, 3.4e38f };
  g_autoptr (TnFloatHistogram) whole = tn_float_histogram_new ();
  g_autoptr (TnFloatHistogram) a = tn_float_histogram_new ();
  g_autoptr (TnFloatHistogram) b = tn_float_histogram_new ();

  tn_float_histogram_add (whole, x, G_N_ELEMENTS (x));
  g_assert_cmpuint (tn_float_histogram_count (whole), ==, 7);
  g_assert_cmpuint (whole->zeros, ==, 2);
  g_assert_cmpuint (whole->nans, ==, 1);
  g_assert_cmpuint (whole->positive_infinities, ==, 1);
  g_assert_cmpuint (whole->negative_infinities, ==, 1);
  g_assert_cmpuint (whole->bins[0x3f80], ==, 2);
  g_assert_cmpuint (whole->bins[0xbf80], ==, 1);
  for (guint i = 0; i < G_N_ELEMENTS (x); i++)
    tn_float_histogram_add (i % 3 ? a : b, &x[i], 1);
  tn_float_histogram_merge (a, b);
  g_assert_cmpmem (a->bins, TN_FLOAT_HISTOGRAM_BINS * 8, whole->bins, TN_FLOAT_HISTOGRAM_BINS * 8);
}

/* Cleared and filled again with values elsewhere: nothing of the first ones is left, and nothing of the others is lost. */
static void
test_clear (void)
{
  TnRandom random = tn_random_stream (2, "clear");
  g_autoptr (TnFloatHistogram) reused = tn_float_histogram_new ();
  g_autoptr (TnFloatHistogram) sum = tn_float_histogram_new ();
  g_autoptr (TnFloatHistogram) expected = tn_float_histogram_new ();

  for (int round = 0; round < 70; round++)
    {
      g_autoptr (TnFloatHistogram) fresh = tn_float_histogram_new ();
      float x[40];

      for (guint i = 0; i < G_N_ELEMENTS (x); i++)
        x[i] = ldexpf ((float) tn_random_normal (&random), (int) tn_random_below (&random, 280) - 150);
      tn_float_histogram_clear (reused);
      g_assert_cmpuint (tn_float_histogram_count (reused), ==, 0);
      tn_float_histogram_add (reused, x, G_N_ELEMENTS (x));
      tn_float_histogram_add (fresh, x, G_N_ELEMENTS (x));
      tn_float_histogram_add (expected, x, G_N_ELEMENTS (x));
      g_assert_cmpmem (reused->bins, TN_FLOAT_HISTOGRAM_BINS * 8, fresh->bins, TN_FLOAT_HISTOGRAM_BINS * 8);
      g_assert_cmpuint (reused->zeros, ==, fresh->zeros);
      tn_float_histogram_merge (sum, reused);
    }
  g_assert_cmpmem (sum->bins, TN_FLOAT_HISTOGRAM_BINS * 8, expected->bins, TN_FLOAT_HISTOGRAM_BINS * 8);
}

static int
compare (gconstpointer a, gconstpointer b)
{
  float x = *(const float *) a, y = *(const float *) b;

  return (x > y) - (x < y);
}

static void
test_quantiles (void)
{
  const guint n = 20011;
  g_autofree float *x = g_new (float, n);
  g_autoptr (TnFloatHistogram) histogram = tn_float_histogram_new ();
  TnRandom random = tn_random_stream (2, "normal");

  for (guint i = 0; i < n; i++)
    x[i] = (float) tn_random_normal (&random);
  tn_float_histogram_add (histogram, x, n);
  qsort (x, n, sizeof *x, compare);
  for (double q = 0.001; q < 1.0; q += 0.0173)
    {
      double truth = (double) x[(guint) (q * n)];

      g_assert_cmpfloat (fabs (tn_float_histogram_quantile (histogram, q) - truth), <=, fabs (truth) / 100.0 + 2e-3);
    }
  g_assert_cmpfloat (tn_float_histogram_quantile (histogram, 1.0), >=, (double) x[n - 1]);
}

static void
test_empty (void)
{
  g_autoptr (TnFloatHistogram) histogram = tn_float_histogram_new ();
  double out[3] = { 9, 9, 9 };

  g_assert_true (isnan (tn_float_histogram_quantile (histogram, 0.5)));
  tn_float_histogram_rebin (histogram, -1.0, 1.0, 3, out);
  g_assert_cmpfloat (out[0] + out[1] + out[2], ==, 0.0);
}

static void
test_rebin_keeps_the_count (void)
{
  const guint n = 5003;
  g_autoptr (TnFloatHistogram) histogram = tn_float_histogram_new ();
  TnRandom random = tn_random_stream (3, "normal");
  double out[97], sum = 0.0;

  for (guint i = 0; i < n; i++)
    {
      float x = i % 50 == 0 ? 0.0f : (float) tn_random_normal (&random);

      tn_float_histogram_add (histogram, &x, 1);
    }
  tn_float_histogram_rebin (histogram, -8.0, 8.0, G_N_ELEMENTS (out), out);
  for (guint i = 0; i < G_N_ELEMENTS (out); i++)
    {
      g_assert_cmpfloat (out[i], ==, rint (out[i]));
      g_assert_cmpfloat (out[i], >=, 0.0);
      sum += out[i];
    }
  g_assert_cmpfloat (sum, ==, n);
  g_assert_cmpfloat (out[48], >, out[30]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/float-histogram/every-value-in-its-bin", test_every_value_in_its_bin);
  g_test_add_func ("/float-histogram/counts", test_counts);
  g_test_add_func ("/float-histogram/clear", test_clear);
  g_test_add_func ("/float-histogram/quantiles", test_quantiles);
  g_test_add_func ("/float-histogram/empty", test_empty);
  g_test_add_func ("/float-histogram/rebin-keeps-the-count", test_rebin_keeps_the_count);
  return g_test_run ();
}
