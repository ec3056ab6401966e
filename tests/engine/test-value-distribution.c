/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/value-distribution.h"

#include <math.h>
#include <string.h>

#include "engine/calibration/outliers.h"
#include "engine/error.h"
#include "engine/random.h"

typedef enum
{
  KIND_NORMAL,
  KIND_SHIFTED,
  KIND_RELU,
  KIND_HEAVY, /* Student's t, 3 degrees of freedom */
  KIND_CODES, /* a few values, many ties */
  KIND_CONSTANT,
  N_KINDS
} Kind;

static double
student (TnRandom *random)
{
  double chi = 0.0, value = tn_random_normal (random);

  for (guint i = 0; i < 3; i++)
    {
      double normal = tn_random_normal (random);

      chi += normal * normal;
    }
  return value / sqrt (chi / 3.0);
}

static float *
make_values (Kind kind, guint n, guint64 seed)
{
  TnRandom random = tn_random_stream (seed, "value distribution");
  float *x = g_new (float, n + 1);

  for (guint i = 0; i < n; i++)
    {
      double normal = tn_random_normal (&random);

      switch (kind)
        {
        case KIND_NORMAL:
          x[i] = (float) normal;
          break;
        case KIND_SHIFTED:
          x[i] = (float) (-20.0 + normal);
          break;
        case KIND_RELU:
          x[i] = (float) MAX (normal + 0.4, 0.0);
          break;
        case KIND_HEAVY:
          x[i] = (float) student (&random);
          break;
        case KIND_CODES:
          x[i] = (float) rint (normal * 3.0) / 3.0f + 0.0f;
          break;
        default:
          x[i] = 1.7f;
        }
    }
  return x;
}

static int
compare_floats (gconstpointer a, gconstpointer b)
{
  float x = *(const float *) a, y = *(const float *) b;

  return x < y ? -1 : x > y;
}

static TnValueDistribution *
make_distribution (float *x, guint n)
{
  g_autoptr (TnFloatHistogram) histogram = tn_float_histogram_new ();

  tn_float_histogram_add (histogram, x, n);
  qsort (x, n, sizeof *x, compare_floats);
  return tn_value_distribution_new (histogram, n > 0 ? (double) x[0] : (double) NAN, n > 0 ? (double) x[n - 1] : (double) NAN);
}

/* The value of that rank in sorted values. */
static double
ranked (const float *sorted, guint n, double percent)
{
  guint rank = (guint) CLAMP (ceil (percent / 100.0 * n), 1.0, n);

  return (double) sorted[rank - 1];
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return x < y ? -1 : x > y;
}

static double
ranked_double (const double *sorted, guint n, double percent)
{
  return sorted[(guint) CLAMP (ceil (percent / 100.0 * n), 1.0, n) - 1];
}

static void
assert_holds (const TnBounded *bounded, double truth, double width)
{
  g_assert_cmpfloat (bounded->low, <=, truth);
  g_assert_cmpfloat (bounded->high, >=, truth);
  g_assert_cmpfloat (bounded->low, <=, bounded->value);
  g_assert_cmpfloat (bounded->high, >=, bounded->value);
  g_assert_cmpfloat (bounded->high - bounded->low, <=, width + 1e-12);
}

static const guint sizes[] = {1, 2, 3, 7, 100, 1009, 20011};
static const double percents[] = {0.0, 0.01, 0.1, 1.0, 5.0, 25.0, 50.0, 50.5, 75.0, 95.0, 99.0, 99.9, 99.99, 100.0};

/* True numbers of order lie in their bounds, which are as narrow as the bins. */
static void
test_order (void)
{
  for (Kind kind = 0; kind < N_KINDS; kind++)
    for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
      {
        guint n = sizes[s];
        g_autofree float *x = make_values (kind, n, s);
        g_autofree double *distances = g_new (double, n);
        g_autoptr (TnValueDistribution) distribution = make_distribution (x, n);
        TnBounded median = tn_value_distribution_percentile (distribution, 50.0), iqr = tn_value_distribution_iqr (distribution);
        double true_median = ranked (x, n, 50.0);

        g_assert_cmpuint (distribution->count, ==, n);
        for (guint p = 0; p < G_N_ELEMENTS (percents); p++)
          {
            TnBounded found = tn_value_distribution_percentile (distribution, percents[p]);
            double truth = ranked (x, n, percents[p]);

            assert_holds (&found, truth, fabs (truth) / 64.0);
          }
        assert_holds (&iqr, ranked (x, n, 75.0) - ranked (x, n, 25.0), (fabs (ranked (x, n, 75.0)) + fabs (ranked (x, n, 25.0))) / 64.0);
        for (guint i = 0; i < n; i++)
          distances[i] = fabs ((double) x[i] - true_median);
        qsort (distances, n, sizeof *distances, compare_doubles);
        for (guint p = 1; p < G_N_ELEMENTS (percents); p++)
          {
            TnBounded found = tn_value_distribution_distance (distribution, &median, percents[p]);
            double truth = ranked_double (distances, n, percents[p]);

            /* Two bins: the value's and the median's. */
            assert_holds (&found, truth, (2.0 * fabs (true_median) + truth) / 64.0 + 1e-6);
          }
        assert_holds (&(TnBounded[]){tn_value_distribution_mad (distribution)}[0], ranked_double (distances, n, 50.0),
                      (2.0 * fabs (true_median) + ranked_double (distances, n, 50.0)) / 64.0 + 1e-6);
      }
}

static double
entropy_of (const guint *keys, guint n)
{
  g_autoptr (GHashTable) counts = g_hash_table_new (NULL, NULL);
  GHashTableIter iter;
  gpointer key, count;
  double entropy = 0.0;

  for (guint i = 0; i < n; i++)
    g_hash_table_replace (counts, GUINT_TO_POINTER (keys[i]),
                          GUINT_TO_POINTER (GPOINTER_TO_UINT (g_hash_table_lookup (counts, GUINT_TO_POINTER (keys[i]))) + 1));
  g_hash_table_iter_init (&iter, counts);
  while (g_hash_table_iter_next (&iter, &key, &count))
    {
      double p = (double) GPOINTER_TO_UINT (count) / n;

      entropy -= p * log2 (p);
    }
  return entropy;
}

static void
test_entropy (void)
{
  for (Kind kind = 0; kind < N_KINDS; kind++)
    for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
      {
        guint n = sizes[s];
        g_autofree float *x = make_values (kind, n, s + 50);
        g_autofree guint *keys = g_new (guint, n);
        g_autoptr (TnValueDistribution) distribution = make_distribution (x, n);

        for (guint per_octave = 1; per_octave <= 128; per_octave *= 2)
          {
            for (guint i = 0; i < n; i++)
              {
                guint32 bits;

                memcpy (&bits, &x[i], sizeof bits);
                keys[i] = x[i] == 0.0f ? 1 : (bits >> 16) / (128 / per_octave) + 2;
              }
            g_assert_cmpfloat_with_epsilon (tn_value_distribution_entropy (distribution, per_octave), entropy_of (keys, n), 1e-9);
          }
        for (guint i = 0; i < n; i++)
          keys[i] = (guint) (CLAMP (rint ((double) x[i] / 0.05), -127.0, 127.0) + 200.0);
        /* Values near the limit of two codes may go to either. */
        g_assert_cmpfloat_with_epsilon (tn_value_distribution_code_entropy (distribution, 0.05, 0, -127, 127), entropy_of (keys, n),
                                        kind == KIND_CODES ? 0.2 : n < 1000 ? 0.35 : 0.05);
      }
}

static double
moment (const float *x, guint n, double *std)
{
  double sum = 0.0, sum2 = 0.0;

  for (guint i = 0; i < n; i++)
    {
      sum += (double) x[i];
      sum2 += (double) x[i] * (double) x[i];
    }
  *std = sqrt (MAX (sum2 / n - sum / n * sum / n, 0.0));
  return sum / n;
}

/* Counts of values outside the thresholds, as found by going through all of them. */
static void
test_outlier_rules (void)
{
  for (Kind kind = 0; kind < N_KINDS; kind++)
    for (guint s = 3; s < G_N_ELEMENTS (sizes); s++)
      {
        guint n = sizes[s];
        g_autofree float *x = make_values (kind, n, s + 100);
        g_autofree double *distances = g_new (double, n);
        g_autoptr (TnValueDistribution) distribution = make_distribution (x, n);
        double std, mean = moment (x, n, &std), median = ranked (x, n, 50.0), first = ranked (x, n, 25.0), third = ranked (x, n, 75.0);

        for (guint i = 0; i < n; i++)
          distances[i] = fabs ((double) x[i] - median);
        qsort (distances, n, sizeof *distances, compare_doubles);
        for (TnOutlierRule rule = 0; rule < TN_N_OUTLIER_RULES; rule++)
          {
            double mad = ranked_double (distances, n, 50.0), low = (double) NAN, high = (double) NAN;
            guint64 outside = 0;
            TnOutliers found;

            tn_outliers_find (distribution, mean, std, rule, &found);
            if (rule == TN_OUTLIER_SIGMA)
              low = mean - 3.0 * std, high = mean + 3.0 * std;
            else if (rule == TN_OUTLIER_IQR)
              low = first - 1.5 * (third - first), high = third + 1.5 * (third - first);
            else if (rule == TN_OUTLIER_MODIFIED_Z)
              low = median - 3.5 / 0.6745 * mad, high = median + 3.5 / 0.6745 * mad;
            else
              low = found.low.value, high = found.high.value;
            if (isnan (found.low.value))
              {
                g_assert_true (high == low || rule == TN_OUTLIER_TAIL);
                g_assert_cmpuint (found.outside.most, ==, 0);
                continue;
              }
            for (guint i = 0; i < n; i++)
              outside += (double) x[i] < low || (double) x[i] > high;
            g_assert_cmpfloat (found.low.low, <=, low + 1e-12);
            g_assert_cmpfloat (found.low.high, >=, low - 1e-12);
            g_assert_cmpfloat (found.high.low, <=, high + 1e-12);
            g_assert_cmpfloat (found.high.high, >=, high - 1e-12);
            g_assert_cmpuint (found.outside.least, <=, outside);
            g_assert_cmpuint (found.outside.most, >=, outside);
            g_assert_cmpfloat (found.outside.count, >=, (double) found.outside.least);
            g_assert_cmpfloat (found.outside.count, <=, (double) found.outside.most);
            g_assert_cmpfloat_with_epsilon (found.fraction, found.outside.count / n, 1e-12);
          }
      }
}

/* The tail rule calls next to nothing of clean distributions an outlier, whatever their tails, and all of what was put there. */
static void
test_tail (void)
{
  enum
  {
    N = 400000,
    PLANTED = 40
  };

  for (Kind kind = KIND_NORMAL; kind <= KIND_HEAVY; kind++)
    for (guint planted = 0; planted < 2; planted++)
      {
        g_autofree float *x = make_values (kind, N, 7 + kind);
        g_autoptr (TnValueDistribution) distribution = NULL;
        double std, mean;
        TnOutliers found;

        for (guint i = 0; planted && i < PLANTED; i++)
          x[i * 1000] = (i % 3 ? 1.0f : -1.0f) * (20000.0f + 10.0f * (float) i);
        distribution = make_distribution (x, N);
        mean = moment (x, N, &std);
        tn_outliers_find (distribution, mean, std, TN_OUTLIER_TAIL, &found);
        g_test_message ("kind %u: shape %.3f, %g .. %g, %g outside", kind, found.shape, found.low.value, found.high.value,
                        found.outside.count);
        g_assert_cmpfloat (found.outside.count, >=, planted ? PLANTED : 0.0);
        g_assert_cmpfloat (found.outside.count, <=, (planted ? PLANTED : 0.0) + 8.0);
        if (kind == KIND_HEAVY)
          g_assert_cmpfloat_with_epsilon (found.shape, 1.0 / 3.0, 0.2);
        tn_outliers_find_massive (distribution, &found);
        g_assert_cmpfloat (found.outside.count, >=, planted && kind != KIND_SHIFTED ? PLANTED : 0.0);
        g_assert_cmpfloat (found.outside.count, <=, planted && kind != KIND_SHIFTED ? PLANTED : planted ? 3.0 * PLANTED : 0.0);
      }
}

static void
test_channel_flags (void)
{
  enum
  {
    WIDTH = 40,
    ROWS = 64
  };
  TnRandom random = tn_random_stream (4, "flags");
  gint32 tokens[ROWS] = {0};
  TnSequence sequence = {.hash = 9, .length = ROWS, .tokens = tokens};
  g_autoptr (TnBatch) batch = tn_batch_new (&sequence, 1);
  g_autoptr (TnSiteStats) site = tn_site_stats_new ("site", WIDTH);
  float x[ROWS * WIDTH];
  TnChannelFlags flags[WIDTH];

  tn_site_stats_flag_channels (site, flags);
  for (guint c = 0; c < WIDTH; c++)
    g_assert_cmpuint (flags[c], ==, 0);
  for (guint i = 0; i < ROWS * WIDTH; i++)
    x[i] = (float) (0.3 * tn_random_normal (&random)) * (i % WIDTH == 11 ? 10.0f : 1.0f);
  for (guint r = 0; r < ROWS; r++)
    x[r * WIDTH + 20] = 0.0f;
  x[5 * WIDTH + 17] = 6.0f;
  x[6 * WIDTH + 23] = -4000.0f;
  tn_site_stats_observe (site, batch, x);
  tn_site_stats_flag_channels (site, flags);
  for (guint c = 0; c < WIDTH; c++)
    {
      guint wanted = c == 17 ? TN_CHANNEL_LARGE : c == 23 ? TN_CHANNEL_LARGE | TN_CHANNEL_LOUD | TN_CHANNEL_MASSIVE : 0;

      if (c == 11)
        g_assert_cmpuint (flags[c] & ~TN_CHANNEL_LARGE, ==, TN_CHANNEL_LOUD);
      else
        g_assert_cmpuint (flags[c] & (c == 17 ? ~TN_CHANNEL_LOUD : ~0), ==, wanted);
    }
}

static void
test_names (void)
{
  for (TnOutlierRule rule = 0; rule < TN_N_OUTLIER_RULES; rule++)
    {
      TnOutlierRule parsed = TN_N_OUTLIER_RULES;

      g_assert_true (tn_outlier_rule_parse (tn_outlier_rule_get_name (rule), &parsed, NULL));
      g_assert_cmpuint (parsed, ==, rule);
    }
  {
    g_autoptr (GError) error = NULL;
    TnOutlierRule rule;

    g_assert_false (tn_outlier_rule_parse ("3sigma", &rule, &error));
    g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
    g_assert_nonnull (strstr (error->message, "3sigma"));
  }
}

static void
test_nothing (void)
{
  g_autoptr (TnSiteStats) site = tn_site_stats_new ("site", 3);
  g_autoptr (TnValueDistribution) distribution = tn_value_distribution_new_site (site);
  TnOutliers outliers;

  g_assert_true (isnan (tn_value_distribution_percentile (distribution, 50.0).value));
  g_assert_true (isnan (tn_value_distribution_mad (distribution).high));
  g_assert_true (isnan (tn_value_distribution_entropy (distribution, 128)));
  g_assert_true (isnan (tn_value_distribution_code_entropy (distribution, 1.0, 0, -7, 7)));
  for (TnOutlierRule rule = 0; rule < TN_N_OUTLIER_RULES; rule++)
    {
      tn_outliers_find (distribution, (double) NAN, (double) NAN, rule, &outliers);
      g_assert_true (isnan (outliers.high.value) && isnan (outliers.fraction));
    }
  g_assert_null (tn_value_distribution_new_channel (site, 0));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/value-distribution/order", test_order);
  g_test_add_func ("/value-distribution/entropy", test_entropy);
  g_test_add_func ("/value-distribution/outlier-rules", test_outlier_rules);
  g_test_add_func ("/value-distribution/tail", test_tail);
  g_test_add_func ("/value-distribution/channel-flags", test_channel_flags);
  g_test_add_func ("/value-distribution/names", test_names);
  g_test_add_func ("/value-distribution/nothing", test_nothing);
  return g_test_run ();
}
