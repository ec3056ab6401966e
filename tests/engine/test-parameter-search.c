/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/parameter-search.h"

#include <math.h>
#include <stdlib.h>

#include "engine/error.h"
#include "engine/random.h"

/* Samples of the distributions of the optimality table. */
enum
{
  GAUSS,
  LAPLACE,
  STUDENT3,
  GAUSS_OUTLIERS,
  LOGNORMAL,
  RELU_GAUSS,
  UNIFORM,
  N_DISTRIBUTIONS
};

static const char *const distribution_names[N_DISTRIBUTIONS] = {"gauss",      "laplace",    "student3", "gauss+0.1%x20",
                                                                "lognormal1", "relu-gauss", "uniform"};

#define N_SAMPLES 65536

static double
draw (TnRandom *random, guint distribution)
{
  double x = tn_random_normal (random);

  switch (distribution)
    {
    case LAPLACE:
      return (tn_random_below (random, 2) ? 1.0 : -1.0) * -log (1.0 - tn_random_uniform (random));
    case STUDENT3:
      {
        double a = tn_random_normal (random), b = tn_random_normal (random), c = tn_random_normal (random);

        return x / sqrt ((a * a + b * b + c * c) / 3.0);
      }
    case GAUSS_OUTLIERS:
      return tn_random_below (random, 1000) == 0 ? 20.0 * x : x;
    case LOGNORMAL:
      return (tn_random_below (random, 2) ? 1.0 : -1.0) * exp (x);
    case RELU_GAUSS:
      return MAX (x, 0.0);
    case UNIFORM:
      return 2.0 * tn_random_uniform (random) - 1.0;
    default:
      return x;
    }
}

typedef struct
{
  float *x;
  guint n;
  double min, max, power;
  TnFloatHistogram *histogram;
} Sample;

static Sample
sample_new (guint distribution, guint n)
{
  TnRandom random = tn_random_stream (distribution + 1, "parameter search");
  Sample self = {.x = g_new (float, n),
                 .n = n,
                 .min = (double) INFINITY,
                 .max = -(double) INFINITY,
                 .histogram = tn_float_histogram_new ()};

  for (guint i = 0; i < n; i++)
    {
      self.x[i] = (float) draw (&random, distribution);
      self.min = MIN (self.min, (double) self.x[i]);
      self.max = MAX (self.max, (double) self.x[i]);
      self.power += (double) self.x[i] * (double) self.x[i] / n;
    }
  tn_float_histogram_add (self.histogram, self.x, n);
  return self;
}

static void
sample_clear (Sample *self)
{
  g_free (self->x);
  tn_float_histogram_free (self->histogram);
}

/* What rounding the samples themselves gives. */
static double
measure (const Sample *self, double scale, double first, double last)
{
  double sum = 0.0, inverse = 1.0 / scale;

  for (guint i = 0; i < self->n; i++)
    {
      double u = (double) self->x[i] * inverse;
      double code = (CLAMP (u, first, last) + 0x1.8p52) - 0x1.8p52;

      sum += (u - code) * (u - code);
    }
  return sum / self->n * scale * scale;
}

/* Exhaustive: a logarithmic grid over every clip, then a finer one around its best point. */
static double
oracle_symmetric (const Sample *self, double codes)
{
  double magnitude = MAX (self->max, -self->min), best = (double) INFINITY, best_clip = magnitude;
  double ratio = pow (1e-3, 1.0 / 400.0);

  for (int i = 0; i <= 400; i++)
    {
      double clip = magnitude * pow (ratio, i), mse = measure (self, clip / codes, -codes, codes);

      if (mse < best)
        {
          best = mse;
          best_clip = clip;
        }
    }
  for (int i = -40; i <= 40; i++)
    best = MIN (best, measure (self, best_clip * pow (ratio, i / 40.0) / codes, -codes, codes));
  return best;
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

static void
test_optimality (void)
{
  static const guint bits[] = {8, 4, 3, 2};
  double ratios[N_DISTRIBUTIONS * G_N_ELEMENTS (bits)];
  guint n_ratios = 0;

  for (guint d = 0; d < N_DISTRIBUTIONS; d++)
    {
      Sample sample = sample_new (d, N_SAMPLES);

      for (guint b = 0; b < G_N_ELEMENTS (bits); b++)
        {
          TnScheme scheme = {.kind = TN_SCHEME_INTEGER, .bits = bits[b]};
          double codes = (1 << (bits[b] - 1)) - 1, mse, oracle = oracle_symmetric (&sample, codes), sqnr;
          g_autoptr (GError) error = NULL;
          TnQuantParams params;

          for (TnMethod method = TN_METHOD_MINMAX; method < TN_N_METHODS; method++)
            {
              if (!tn_method_needs_values_only (method))
                continue;
              g_assert_true (
                  tn_parameter_search (sample.histogram, sample.min, sample.max, &scheme, method, 99.9, &params, &error));
              g_assert_no_error (error);
              mse = measure (&sample, params.scale, -codes, codes);
              sqnr = 10.0 * log10 (sample.power / mse);
              g_test_message ("%s %u bits %s: clip %.4f, sqnr %.3f dB predicted, %.3f measured, oracle/achieved %.4f",
                              distribution_names[d], bits[b], tn_method_get_name (method), params.clip, params.sqnr_db, sqnr,
                              oracle / mse);
              g_assert_cmpfloat_with_epsilon (params.sqnr_db, sqnr, 0.1);
              g_assert_cmpfloat_with_epsilon (params.clip, params.scale * codes, 1e-12 * params.clip);
            }
          g_assert_true (tn_parameter_search (sample.histogram, sample.min, sample.max, &scheme, TN_METHOD_MSE, 0, &params, NULL));
          ratios[n_ratios++] = oracle / measure (&sample, params.scale, -codes, codes);
        }
      sample_clear (&sample);
    }
  qsort (ratios, n_ratios, sizeof *ratios, compare_doubles);
  g_test_message ("oracle/achieved: worst %.4f, median %.4f", ratios[0], ratios[n_ratios / 2]);
  g_assert_cmpfloat (ratios[0], >=, 0.97);
  g_assert_cmpfloat (ratios[n_ratios / 2], >=, 0.995);
}

/* The optimum clips of a Gaussian on the grid ±(2^(b-1) - 1), from a histogram filled by its distribution function. */
static void
test_gaussian_clips (void)
{
  static const double clips[] = {1.23, 1.95, 2.47, 2.90, 3.27, 3.61, 3.92};
  static const double sqnr[] = {7.2, 13.3, 18.9, 24.3, 29.7, 35.1, 40.5};
  g_autoptr (TnFloatHistogram) histogram = tn_float_histogram_new ();

  for (guint bin = 0; bin < 0x8000; bin++)
    {
      guint64 count;
      double low, high;

      tn_float_histogram_bin_range (bin, &low, &high);
      if (high > 8.0)
        break;
      count = (guint64) rint (1e15 * (erfc (low / M_SQRT2) - erfc (high / M_SQRT2)));
      tn_float_histogram_add_counts (histogram, bin, &count, 1);
      tn_float_histogram_add_counts (histogram, 0x8000 | bin, &count, 1);
    }
  for (guint bits = 2; bits <= 8; bits++)
    {
      TnScheme scheme = {.kind = TN_SCHEME_INTEGER, .bits = bits};
      TnQuantParams params;

      g_assert_true (tn_parameter_search (histogram, -8.0, 8.0, &scheme, TN_METHOD_MSE, 0, &params, NULL));
      g_test_message ("%u bits: clip %.4f (%.2f), %.3f dB", bits, params.clip, clips[bits - 2], params.sqnr_db);
      g_assert_cmpfloat_with_epsilon (params.clip / clips[bits - 2], 1.0, 0.02);
      g_assert_cmpfloat_with_epsilon (params.sqnr_db, sqnr[bits - 2], 0.06);
    }
}

/* Against a search over every zero point and a grid of scales on the samples. */
static void
test_asymmetric (void)
{
  static const guint bits[] = {2, 4, 8};

  for (guint d = 0; d < N_DISTRIBUTIONS; d++)
    {
      Sample sample = sample_new (d, 8192);

      for (guint b = 0; b < G_N_ELEMENTS (bits); b++)
        {
          TnScheme scheme = {.kind = TN_SCHEME_INTEGER, .bits = bits[b], .asymmetric = TRUE};
          gint32 last = (1 << bits[b]) - 1;
          double range = MAX (sample.max, 0.0) - MIN (sample.min, 0.0), oracle = (double) INFINITY, mse;
          TnQuantParams params;

          for (gint32 z = 0; z <= last; z += bits[b] == 8 ? 5 : 1)
            for (int i = 0; i < 120; i++)
              oracle = MIN (oracle, measure (&sample, range / last * pow (0.96, i), -z, last - z));
          for (TnMethod method = TN_METHOD_MINMAX; method < TN_N_METHODS; method++)
            {
              if (!tn_method_needs_values_only (method))
                continue;
              g_assert_true (
                  tn_parameter_search (sample.histogram, sample.min, sample.max, &scheme, method, 99.9, &params, NULL));
              g_assert_cmpint (params.zero_point, >=, 0);
              g_assert_cmpint (params.zero_point, <=, last);
              mse = measure (&sample, params.scale, -params.zero_point, last - params.zero_point);
              g_test_message ("%s %u bits %s: scale %g, zero point %d, %.3f dB predicted, %.3f measured, oracle/achieved %.4f",
                              distribution_names[d], bits[b], tn_method_get_name (method), params.scale, params.zero_point,
                              params.sqnr_db, 10.0 * log10 (sample.power / mse), oracle / mse);
              g_assert_cmpfloat_with_epsilon (params.sqnr_db, 10.0 * log10 (sample.power / mse), 0.15);
            }
          g_assert_true (tn_parameter_search (sample.histogram, sample.min, sample.max, &scheme, TN_METHOD_MSE, 0, &params, NULL));
          mse = measure (&sample, params.scale, -params.zero_point, last - params.zero_point);
          g_assert_cmpfloat (oracle / mse, >=, 0.97);
        }
      sample_clear (&sample);
    }
}

static void
test_methods_exactly (void)
{
  static const float x[] = {-2.0f, -1.0f, 0.0f, 0.0f, 1.0f, 1.0f, 1.0f, 1.0f, 3.0f, 100.0f};
  g_autoptr (TnFloatHistogram) histogram = tn_float_histogram_new ();
  TnScheme symmetric = {.kind = TN_SCHEME_INTEGER, .bits = 8},
           asymmetric = {.kind = TN_SCHEME_INTEGER, .bits = 8, .asymmetric = TRUE};
  TnQuantParams params;
  double mse, sqnr;

  tn_float_histogram_add (histogram, x, G_N_ELEMENTS (x));
  g_assert_true (tn_parameter_search (histogram, -2, 100, &symmetric, TN_METHOD_MINMAX, 0, &params, NULL));
  g_assert_cmpfloat (params.clip, ==, 100.0);
  g_assert_true (tn_parameter_search (histogram, -2, 100, &asymmetric, TN_METHOD_MINMAX, 0, &params, NULL));
  g_assert_cmpfloat (params.scale, ==, 102.0 / 255.0);
  g_assert_cmpint (params.zero_point, ==, 5);
  g_assert_true (tn_parameter_search (histogram, -2, 100, &symmetric, TN_METHOD_PERCENTILE, 100, &params, NULL));
  g_assert_cmpfloat (params.clip, ==, 100.0);
  /* Nine of ten magnitudes are at most 3. */
  g_assert_true (tn_parameter_search (histogram, -2, 100, &symmetric, TN_METHOD_PERCENTILE, 90, &params, NULL));
  g_assert_cmpfloat (params.clip, >=, 3.0);
  g_assert_cmpfloat (params.clip, <=, 3.0 * (1.0 + 1.0 / 128.0));
  g_assert_true (tn_parameter_search (histogram, -2, 100, &symmetric, TN_METHOD_PERCENTILE, 20, &params, NULL));
  g_assert_cmpfloat (params.clip, ==, 0.0);
  g_assert_cmpfloat (params.sqnr_db, ==, 0.0);

  g_assert_true (tn_parameter_search (histogram, -2, 100, &symmetric, TN_METHOD_MINMAX, 0, &params, NULL));
  tn_parameter_error (histogram, &symmetric, params.scale, 0, &mse, &sqnr);
  g_assert_cmpfloat (sqnr, >, 20.0);
}

static void
test_degenerate (void)
{
  static const float zeros[] = {0.0f, -0.0f, 0.0f}, one[] = {0.7f}, nothing[] = {NAN, INFINITY};
  static const float huge[] = {-3e38f, 3e38f, 1e-45f};
  g_autoptr (GError) error = NULL;
  TnQuantParams params = {.scale = 42.0};

  for (int asymmetric = 0; asymmetric < 2; asymmetric++)
    for (TnMethod method = TN_METHOD_MINMAX; method < TN_N_METHODS; method++)
      {
        if (!tn_method_needs_values_only (method))
          continue;
        TnScheme scheme = {.kind = TN_SCHEME_INTEGER, .bits = 4, .asymmetric = asymmetric};
        g_autoptr (TnFloatHistogram) none = tn_float_histogram_new ();
        g_autoptr (TnFloatHistogram) zero = tn_float_histogram_new ();
        g_autoptr (TnFloatHistogram) single = tn_float_histogram_new ();
        g_autoptr (TnFloatHistogram) wide = tn_float_histogram_new ();

        tn_float_histogram_add (none, nothing, G_N_ELEMENTS (nothing));
        params.scale = 42.0;
        g_assert_false (tn_parameter_search (none, (double) NAN, (double) NAN, &scheme, method, 99, &params, &error));
        g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
        g_assert_cmpfloat (params.scale, ==, 42.0);
        g_clear_error (&error);

        tn_float_histogram_add (zero, zeros, G_N_ELEMENTS (zeros));
        g_assert_true (tn_parameter_search (zero, 0, 0, &scheme, method, 99, &params, &error));
        g_assert_cmpfloat (params.scale, ==, 0.0);
        g_assert_cmpfloat (params.mse, ==, 0.0);

        tn_float_histogram_add (single, one, 1);
        g_assert_true (tn_parameter_search (single, (double) one[0], (double) one[0], &scheme, method, 100, &params, &error));
        g_assert_cmpfloat (params.sqnr_db, >, 60.0);

        tn_float_histogram_add (wide, huge, G_N_ELEMENTS (huge));
        g_assert_true (tn_parameter_search (wide, (double) huge[0], (double) huge[1], &scheme, method, 100, &params, &error));
        g_assert_true (isfinite (params.scale) && isfinite (params.mse));
      }
  for (guint k = 0; k < 2; k++)
    {
      TnScheme scheme = {.kind = k ? TN_SCHEME_INTEGER : TN_SCHEME_BINARY,
                         .bits = 8,
                         .granularity = k ? TN_PER_CHANNEL : TN_PER_TENSOR};
      g_autoptr (TnFloatHistogram) single = tn_float_histogram_new ();

      tn_float_histogram_add (single, one, 1);
      g_assert_false (tn_parameter_search (single, 0.7, 0.7, &scheme, TN_METHOD_MSE, 0, &params, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED);
      g_clear_error (&error);
      scheme = (TnScheme){.kind = TN_SCHEME_INTEGER, .bits = 8};
      g_assert_false (
          tn_parameter_search (single, 0.7, 0.7, &scheme, TN_METHOD_PERCENTILE, k ? 0.0 : (double) NAN, &params, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
      g_clear_error (&error);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/parameter-search/optimality", test_optimality);
  g_test_add_func ("/parameter-search/gaussian-clips", test_gaussian_clips);
  g_test_add_func ("/parameter-search/asymmetric", test_asymmetric);
  g_test_add_func ("/parameter-search/exactly", test_methods_exactly);
  g_test_add_func ("/parameter-search/degenerate", test_degenerate);
  return g_test_run ();
}
