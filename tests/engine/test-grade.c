/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/metrics/grade.h"
#include "engine/quant/quantize.h"
#include "engine/random.h"

static TnScheme
parse (const char *name)
{
  TnScheme scheme;
  GError *error = NULL;

  g_assert_true (tn_scheme_parse (name, &scheme, &error));
  g_assert_no_error (error);
  return scheme;
}

static double
gaussian_density (double x)
{
  return exp (-0.5 * x * x) / sqrt (2.0 * G_PI);
}

/* Simpson's rule on both sides of a threshold, where the integrand jumps. */
static double
ternary_error (double threshold, double level)
{
  double sum = 0.0;

  for (guint part = 0; part < 2; part++)
    {
      double low = part ? threshold : 0.0, high = part ? 12.0 : threshold, q = part ? level : 0.0;
      guint n = 2000;

      for (guint i = 0; i <= n; i++)
        {
          double x = low + (high - low) * i / n, weight = i == 0 || i == n ? 1.0 : i % 2 ? 4.0 : 2.0;

          sum += weight * (x - q) * (x - q) * gaussian_density (x) * (high - low) / n / 3.0;
        }
    }
  return 2.0 * sum;
}

static void
test_integration (void)
{
  double absmean = sqrt (2.0 / G_PI), median = 0.67448975019608171;
  struct
  {
    const char *scheme;
    double threshold, level;
  } cases[] = {
      {"ternary", absmean / 2.0, absmean},
      {"ternary:absmedian", median / 2.0, median},
      {"binary", 0.0, absmean},
  };
  TnIdealError ideal;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      TnScheme scheme = parse (cases[i].scheme);

      tn_ideal_error (&scheme, TN_SOURCE_GAUSSIAN, 1000, &ideal);
      g_assert_cmpfloat_with_epsilon (ideal.mse, ternary_error (cases[i].threshold, cases[i].level), 1e-9);
      g_assert_cmpfloat_with_epsilon (ideal.level, cases[i].level, 1e-12);
    }
  /* No pair of a threshold and a level around it does better than the optimum. */
  {
    TnScheme lloyd = parse ("ternary:lloyd");

    tn_ideal_error (&lloyd, TN_SOURCE_GAUSSIAN, 1000, &ideal);
    for (double threshold = 0.3; threshold < 1.0; threshold += 0.05)
      for (double level = 0.8; level < 1.6; level += 0.05)
        g_assert_cmpfloat (ternary_error (threshold, level), >=, ideal.mse - 1e-9);
    g_assert_cmpfloat_with_epsilon (ideal.mse, ternary_error (ideal.level / 2.0, ideal.level), 1e-9);
  }
}

/* The published numbers for values of unit variance, to their last digit. */
static void
test_table (void)
{
  static const struct
  {
    char scheme[24];
    TnSource source;
    double sqnr_db, room;
  } cases[] = {
      {"ternary", TN_SOURCE_GAUSSIAN, 5.79, 0.006},          {"ternary:ls", TN_SOURCE_GAUSSIAN, 6.72, 0.006},
      {"ternary:absmedian", TN_SOURCE_GAUSSIAN, 4.98, 0.006}, {"ternary:twn", TN_SOURCE_GAUSSIAN, 7.18, 0.006},
      {"ternary:lloyd", TN_SOURCE_GAUSSIAN, 7.21, 0.006},     {"binary", TN_SOURCE_GAUSSIAN, 4.40, 0.006},
      {"int2:mse", TN_SOURCE_GAUSSIAN, 7.2, 0.06},            {"int3:mse", TN_SOURCE_GAUSSIAN, 13.3, 0.06},
      {"int4:mse", TN_SOURCE_GAUSSIAN, 18.9, 0.06},           {"int5:mse", TN_SOURCE_GAUSSIAN, 24.3, 0.06},
      {"int6:mse", TN_SOURCE_GAUSSIAN, 29.7, 0.06},           {"int7:mse", TN_SOURCE_GAUSSIAN, 35.1, 0.06},
      {"int8:mse", TN_SOURCE_GAUSSIAN, 40.5, 0.06},           {"ternary", TN_SOURCE_LAPLACE, 4.051, 0.006},
      {"ternary:lloyd", TN_SOURCE_LAPLACE, 5.784, 0.006},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      TnScheme scheme = parse (cases[i].scheme);
      TnIdealError ideal;

      tn_ideal_error (&scheme, cases[i].source, 1 << 20, &ideal);
      g_test_message ("%s: %.4f dB, zeros %.4f, level %.4f", cases[i].scheme, ideal.sqnr_db, ideal.zeros, ideal.level);
      g_assert_cmpfloat_with_epsilon (ideal.sqnr_db, cases[i].sqnr_db, cases[i].room);
    }
}

/* The quantiles of a normal distribution at (i + 1/2) / n in random order: a sample whose tail is no matter of luck. */
static void
fill_normal (float *out, guint64 n)
{
  TnRandom random = tn_random_stream (11, "gaussian");
  double x = 0.0;

  for (guint64 i = 0; i < n / 2; i++)
    {
      double above = 0.5 - ((double) i + 0.5) / (double) n;

      for (guint step = 0; step < 20; step++)
        {
          double change = (0.5 * erfc (x * G_SQRT2 / 2.0) - above) / gaussian_density (x);

          x += CLAMP (change, -0.5, 0.5);
          if (fabs (change) < 1e-9)
            break;
        }
      out[2 * i] = (float) x;
      out[2 * i + 1] = (float) -x;
    }
  for (guint64 i = n; i-- > 1;)
    {
      guint64 other = tn_random_below (&random, i + 1);
      float value = out[i];

      out[i] = out[other];
      out[other] = value;
    }
}

/* What the engine's own quantizers make of normal values. */
static void
test_quantizers (void)
{
  static const char schemes[][24] = {"ternary",     "ternary:ls",  "ternary:absmedian", "ternary:twn",      "ternary:lloyd", "binary",
                                     "int2:mse",    "int4:mse",    "int8:mse",          "int4:g32:f32",     "int8:g64:f32",  "int2:g32:f32",
                                     "int8:c",      "int4:c",      "int8:g64:asym:f32", "int4:g64:asym:f32"};
  const guint64 shape[] = {2048, 1024};
  g_autoptr (TnTensor) tensor = tn_tensor_new (TN_DTYPE_F32, 2, shape, TN_PURPOSE_SCRATCH, NULL);

  fill_normal (tn_tensor_get_writable (tensor), tensor->count);
  for (guint i = 0; i < G_N_ELEMENTS (schemes); i++)
    {
      TnScheme scheme = parse (schemes[i]);
      TnQuantError measured;
      TnIdealError ideal;
      guint64 per_scale = scheme.granularity == TN_PER_GROUP ? scheme.group_size : scheme.granularity == TN_PER_CHANNEL ? shape[1] : tensor->count;
      GError *error = NULL;

      g_assert_true (tn_quantize_errors (tensor, &scheme, 1, &measured, &error));
      g_assert_no_error (error);
      tn_ideal_error (&scheme, TN_SOURCE_GAUSSIAN, per_scale, &ideal);
      g_test_message ("%s: measured %.4f dB, ideal %.4f dB", schemes[i], measured.sqnr_db, ideal.sqnr_db);
      g_assert_cmpfloat_with_epsilon (measured.sqnr_db, ideal.sqnr_db, scheme.asymmetric ? 0.05 : 0.02);
      g_assert_cmpfloat_with_epsilon (measured.zero_fraction, ideal.zeros, 0.005);
    }
}

static void
test_grades (void)
{
  TnScheme ternary = parse ("ternary"), int8 = parse ("int8:c");
  TnGradeResult result;
  g_autofree char *text = NULL;

  tn_grade_sqnr (&ternary, 100, 100, 5.79, &result);
  g_assert_cmpint (result.grade, ==, TN_GRADE_EXCELLENT);
  tn_grade_sqnr (&ternary, 100, 100, 4.5, &result);
  g_assert_cmpint (result.grade, ==, TN_GRADE_NORMAL);
  text = tn_grade_describe (&result, &ternary);
  g_assert_cmpstr (text, ==, "4.5 dB is normal for ternary: Gaussian values have 5.8 dB, Laplace values 4.1 dB");
  tn_grade_sqnr (&ternary, 100, 100, 1.0, &result);
  g_assert_cmpint (result.grade, ==, TN_GRADE_POOR);
  tn_grade_sqnr (&ternary, 100, 100, 0.0, &result);
  g_assert_cmpint (result.grade, ==, TN_GRADE_BAD);
  tn_grade_sqnr (&ternary, 100, 100, -INFINITY, &result);
  g_assert_cmpint (result.grade, ==, TN_GRADE_BAD);
  tn_grade_sqnr (&ternary, 100, 100, NAN, &result);
  g_assert_cmpint (result.grade, ==, TN_GRADE_UNKNOWN);
  g_assert_cmpstr (tn_grade_to_string (result.grade), ==, "unknown");
  tn_grade_sqnr (&int8, 100, 4096, 7.0, &result);
  g_assert_cmpint (result.grade, ==, TN_GRADE_BAD);
  tn_grade_sqnr (&int8, 100, 4096, INFINITY, &result);
  g_assert_cmpint (result.grade, ==, TN_GRADE_EXCELLENT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/grade/integration", test_integration);
  g_test_add_func ("/grade/table", test_table);
  g_test_add_func ("/grade/quantizers", test_quantizers);
  g_test_add_func ("/grade/grades", test_grades);
  return g_test_run ();
}
