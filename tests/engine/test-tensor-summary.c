/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/metrics/tensor-summary.h"
#include "engine/random.h"
#include "stories260k.h"

static TnTensor *
wrap (const float *x, guint64 n)
{
  return tn_tensor_new_mapped (TN_DTYPE_F32, 1, &n, x, n * sizeof (float), NULL, NULL, NULL);
}

static void
test_small (void)
{
  const float x[] = {1.0f, -3.0f, 0.0f, NAN, 2.0f, -0.0f, INFINITY, -INFINITY};
  g_autoptr (TnTensor) tensor = wrap (x, G_N_ELEMENTS (x));
  g_autoptr (TnFloatHistogram) histogram = tn_float_histogram_new ();
  TnTensorSummary summary;

  g_assert_true (tn_tensor_summarize (tensor, &summary, histogram, NULL, NULL));
  g_assert_cmpuint (summary.count, ==, 8);
  g_assert_cmpuint (summary.nonfinite, ==, 3);
  g_assert_cmpfloat (summary.min, ==, -3.0);
  g_assert_cmpfloat (summary.max, ==, 2.0);
  g_assert_cmpfloat (summary.mean, ==, 0.0);
  g_assert_cmpfloat_with_epsilon (summary.std, sqrt (14.0 / 5.0), 1e-15);
  g_assert_cmpfloat_with_epsilon (summary.absmean, 1.2, 1e-15);
  g_assert_cmpfloat_with_epsilon (summary.zeros, 2.0 / 8.0, 1e-15);
  g_assert_cmpuint (tn_float_histogram_count (histogram), ==, 5);
  g_assert_cmpuint (histogram->nans, ==, 1);
  g_assert_cmpuint (histogram->positive_infinities, ==, 1);
}

static void
test_nothing_finite (void)
{
  const float x[] = {NAN, INFINITY};
  g_autoptr (TnTensor) tensor = wrap (x, 2);
  g_autoptr (TnTensor) empty = wrap (x, 0);
  TnTensorSummary summary;

  g_assert_true (tn_tensor_summarize (tensor, &summary, NULL, NULL, NULL));
  g_assert_cmpuint (summary.nonfinite, ==, 2);
  g_assert_true (isnan (summary.mean) && isnan (summary.min) && isnan (summary.std));
  g_assert_true (tn_tensor_summarize (empty, &summary, NULL, NULL, NULL));
  g_assert_cmpuint (summary.count, ==, 0);
  g_assert_true (isnan (summary.mean));
}

/* Adding to a histogram that holds something, over more blocks than threads. */
static void
test_histogram (void)
{
  const guint64 n = 700001;
  g_autofree float *x = g_new (float, n);
  g_autoptr (TnTensor) tensor = wrap (x, n);
  g_autoptr (TnFloatHistogram) expected = tn_float_histogram_new ();
  g_autoptr (TnFloatHistogram) histogram = tn_float_histogram_new ();
  TnRandom random = tn_random_stream (9, "summary");
  TnTensorSummary summary;

  for (guint64 i = 0; i < n; i++)
    x[i] = (float) (tn_random_normal (&random) - 3.0);
  tn_float_histogram_add (expected, x, n);
  tn_float_histogram_add (expected, x, 1000);
  tn_float_histogram_add (histogram, x, 1000);
  g_assert_true (tn_tensor_summarize (tensor, &summary, histogram, NULL, NULL));
  g_assert_cmpmem (histogram->bins, TN_FLOAT_HISTOGRAM_BINS * sizeof (guint64), expected->bins,
                   TN_FLOAT_HISTOGRAM_BINS * sizeof (guint64));
  g_assert_cmpfloat_with_epsilon (summary.mean, -3.0, 0.01);
  g_assert_cmpfloat_with_epsilon (summary.std, 1.0, 0.01);
}

static void
test_opaque (void)
{
  const guint64 n = 8;
  const guint8 data[8] = {0};
  g_autoptr (TnTensor) tensor = tn_tensor_new_mapped (TN_DTYPE_OPAQUE, 1, &n, data, 8, NULL, NULL, NULL);
  g_autoptr (GError) error = NULL;
  TnTensorSummary summary;

  g_assert_false (tn_tensor_summarize (tensor, &summary, NULL, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED);
}

static void
compare_statistics (const char *name, const TnTensor *tensor, JsonObject *expected, gpointer user_data)
{
  double tolerance = 1e-5 * json_object_get_double_member (expected, "std");
  guint *seen = user_data;
  TnTensorSummary summary;

  g_test_message ("%s", name);
  g_assert_true (tn_tensor_summarize (tensor, &summary, NULL, NULL, NULL));
  g_assert_cmpfloat_with_epsilon (summary.min, json_object_get_double_member (expected, "min"), tolerance);
  g_assert_cmpfloat_with_epsilon (summary.max, json_object_get_double_member (expected, "max"), tolerance);
  g_assert_cmpfloat_with_epsilon (summary.mean, json_object_get_double_member (expected, "mean"), tolerance);
  g_assert_cmpfloat_with_epsilon (summary.std, json_object_get_double_member (expected, "std"), tolerance);
  g_assert_cmpfloat_with_epsilon (summary.absmean, json_object_get_double_member (expected, "absmean"), tolerance);
  (*seen)++;
}

static void
test_real_weights (void)
{
  guint seen = 0;
  guint expected = stories_foreach (compare_statistics, &seen);

  g_assert_cmpuint (seen, ==, expected);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tensor-summary/small", test_small);
  g_test_add_func ("/tensor-summary/nothing-finite", test_nothing_finite);
  g_test_add_func ("/tensor-summary/histogram", test_histogram);
  g_test_add_func ("/tensor-summary/opaque", test_opaque);
  g_test_add_func ("/tensor-summary/real-weights", test_real_weights);
  return g_test_run ();
}
