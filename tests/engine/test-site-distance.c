/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/site-distance.h"

#include <math.h>

#include "engine/random.h"

#define WIDTH 6
#define LENGTH 20

/* A sample of sequences whose values share a scale and a shift, so that they are far from independent. */
static TnSiteStats *
observe (TnRandom *random, guint n_sequences, double scale, double cluster)
{
  TnSiteStats *stats = tn_site_stats_new ("site", WIDTH);

  for (guint s = 0; s < n_sequences; s++)
    {
      gint32 tokens[LENGTH] = {0};
      const TnSequence sequence = {.hash = tn_random_next (random), .length = LENGTH, .tokens = tokens};
      g_autoptr (TnBatch) batch = tn_batch_new (&sequence, 1);
      double shift = cluster * tn_random_normal (random), width = scale * exp (cluster * tn_random_normal (random));
      float x[LENGTH * WIDTH];

      for (guint i = 0; i < LENGTH * WIDTH; i++)
        x[i] = (float) (shift + width * tn_random_normal (random));
      tn_site_stats_observe (stats, batch, x);
    }
  return stats;
}

typedef struct
{
  double ks, js, std;
} Ratios;

/* Mean of what is found over what is expected, in many pairs of samples. */
static Ratios
measure (guint n, guint n_reference, double scale, double cluster)
{
  const guint pairs = 60;
  TnRandom random = tn_random_stream (n + n_reference, "distance");
  Ratios mean = {0};

  for (guint i = 0; i < pairs; i++)
    {
      g_autoptr (TnSiteStats) a = observe (&random, n, scale, cluster);
      g_autoptr (TnSiteStats) b = observe (&random, n_reference, 1.0, cluster);
      TnSiteDistance distance;

      tn_site_distance (a, b, &distance);
      mean.ks += distance.ks / distance.ks_expected / pairs;
      mean.js += distance.js / distance.js_expected / pairs;
      mean.std += fabs (distance.std_ratio - 1.0) / distance.std_expected / pairs;
    }
  return mean;
}

static void
assert_between (double value, double low, double high)
{
  if (!(value >= low && value <= high))
    g_error ("%g is not between %g and %g", value, low, high);
}

/* Samples of one population are as far from each other as is expected, dependent or not. */
static void
test_null (void)
{
  Ratios independent = measure (48, 160, 1.0, 0.0);
  Ratios dependent = measure (48, 160, 1.0, 0.5);

  g_test_message ("independent: ks %g js %g std %g; dependent: ks %g js %g std %g", independent.ks, independent.js, independent.std, dependent.ks,
                  dependent.js, dependent.std);
  assert_between (independent.ks, 0.5, 1.3);
  assert_between (dependent.ks, 0.5, 1.3);
  assert_between (independent.js, 0.7, 1.4);
  assert_between (dependent.js, 0.7, 1.4);
  assert_between (independent.std, 0.7, 1.4);
  assert_between (dependent.std, 0.7, 1.4);
}

/* Another population stands out. */
static void
test_other (void)
{
  Ratios other = measure (48, 160, 2.0, 0.2);

  g_assert_cmpfloat (other.ks, >, 3.0);
  g_assert_cmpfloat (other.js, >, 3.0);
  g_assert_cmpfloat (other.std, >, 5.0);
}

static TnSiteStats *
observe_values (const float *x, guint n)
{
  TnSiteStats *stats = tn_site_stats_new ("site", 1);

  for (guint i = 0; i < n; i++)
    {
      gint32 token = 0;
      const TnSequence sequence = {.hash = i, .length = 1, .tokens = &token};
      g_autoptr (TnBatch) batch = tn_batch_new (&sequence, 1);

      tn_site_stats_observe (stats, batch, x + i);
    }
  return stats;
}

/* Few values: what the definitions give by hand. */
static void
test_definitions (void)
{
  const float first[] = {-2.0f, -1.0f, 0.0f, 1.0f}, second[] = {-2.0f, 0.0f, 0.0f, 4.0f};
  g_autoptr (TnSiteStats) a = observe_values (first, 4);
  g_autoptr (TnSiteStats) b = observe_values (second, 4);
  g_autoptr (TnSiteStats) none = tn_site_stats_new ("site", 1);
  TnSiteDistance distance;

  tn_site_distance (a, b, &distance);
  /* F: 1/4, 2/4, 3/4, 4/4, 4/4; G: 1/4, 1/4, 3/4, 3/4, 4/4. */
  g_assert_cmpfloat (distance.ks, ==, 0.25);
  /* p = 1/4 each of -2, -1, 0, 1; q = 1/4, 0, 1/2, 0, 1/4: -1, 1 and 4 give 1/8 each, 0 the rest. */
  g_assert_cmpfloat_with_epsilon (distance.js, 0.375 + 0.5 * (0.25 * log2 (0.25 / 0.375) + 0.5 * log2 (0.5 / 0.375)), 1e-12);
  g_assert_cmpfloat (distance.range_ratio, ==, 0.5);
  g_assert_cmpfloat_with_epsilon (distance.std_ratio, sqrt (1.25 / 4.75), 1e-12);
  tn_site_distance (a, a, &distance);
  g_assert_cmpfloat (distance.ks, ==, 0.0);
  g_assert_cmpfloat (distance.js, ==, 0.0);
  tn_site_distance (a, none, &distance);
  g_assert_true (isnan (distance.ks) && isnan (distance.js_expected));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/site-distance/definitions", test_definitions);
  g_test_add_func ("/site-distance/null", test_null);
  g_test_add_func ("/site-distance/other", test_other);
  return g_test_run ();
}
