/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/site-settling.h"

#include <math.h>

#include "engine/metrics/student.h"
#include "engine/random.h"

#define WIDTH 5
#define LENGTH 16

/* Sequences whose values share a scale, so that they are far from independent. */
static TnSiteStats *
observe (TnRandom *random, guint n_sequences)
{
  TnSiteStats *stats = tn_site_stats_new ("site", WIDTH);

  for (guint s = 0; s < n_sequences; s++)
    {
      gint32 tokens[LENGTH] = {0};
      const TnSequence sequence = {.hash = tn_random_next (random), .length = LENGTH, .tokens = tokens};
      g_autoptr (TnBatch) batch = tn_batch_new (&sequence, 1);
      double scale = exp (0.3 * tn_random_normal (random));
      float x[LENGTH * WIDTH];

      for (guint i = 0; i < LENGTH * WIDTH; i++)
        x[i] = (float) (scale * tn_random_normal (random));
      tn_site_stats_observe (stats, batch, x);
    }
  return stats;
}

/* Intervals of 95 % hold the truth, which a far larger sample tells, in about 95 % of samples. */
static void
test_coverage (void)
{
  TnRandom random = tn_random_stream (3, "settling");
  g_autoptr (TnSiteStats) whole = observe (&random, 20000);
  double factor = tn_student_half_width (0.05, TN_STATS_GROUPS - 1);
  const guint samples = 400;
  guint std = 0, range = 0;
  TnSiteSettling truth;

  tn_site_settling (whole, 1.0, 99.0, factor, &truth);
  g_assert_cmpfloat (truth.std_half_width, <, 0.02);
  /* exp (0.3^2) of a Gaussian's. */
  g_assert_cmpfloat_with_epsilon (truth.std, exp (0.09), 0.02);
  for (guint i = 0; i < samples; i++)
    {
      g_autoptr (TnSiteStats) sample = observe (&random, 100);
      TnSiteSettling found;

      tn_site_settling (sample, 1.0, 99.0, factor, &found);
      std += fabs (log (found.std / truth.std)) <= found.std_half_width;
      range += fabs (log (found.range / truth.range)) <= found.range_half_width;
    }
  g_test_message ("95 %% intervals that hold the truth: std %.1f %%, range %.1f %%", 100.0 * std / samples, 100.0 * range / samples);
  g_assert_cmpuint (std, >, samples * 90 / 100);
  g_assert_cmpuint (range, >, samples * 90 / 100);
  g_assert_cmpuint (std, <, samples);
  g_assert_cmpuint (range, <, samples);
}

static void
test_edges (void)
{
  g_autoptr (TnSiteStats) none = tn_site_stats_new ("site", 1);
  g_autoptr (TnSiteStats) constant = tn_site_stats_new ("site", 1);
  TnSiteSettling found;

  tn_site_settling (none, 1.0, 99.0, 2.0, &found);
  g_assert_true (isnan (found.std_half_width) && isnan (found.range_half_width));
  for (guint i = 0; i < 64; i++)
    {
      gint32 token = 0;
      float x = 0.0f;
      const TnSequence sequence = {.hash = i, .length = 1, .tokens = &token};
      g_autoptr (TnBatch) batch = tn_batch_new (&sequence, 1);

      tn_site_stats_observe (constant, batch, &x);
    }
  tn_site_settling (constant, 1.0, 99.0, 2.0, &found);
  g_assert_cmpfloat (found.std, ==, 0.0);
  g_assert_cmpfloat (found.std_half_width, ==, 0.0);
  g_assert_cmpfloat (found.range_half_width, ==, 0.0);
}

/* The first n for which (1 - part)^n is not above the error. */
static void
test_sequences (void)
{
  static const double parts[] = {0.5, 0.1, 0.02, 0.001}, errors[] = {0.3, 0.05, 1e-6};

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    for (guint k = 0; k < G_N_ELEMENTS (errors); k++)
      {
        guint64 n = tn_sequences_for_range (parts[i], errors[k]);

        g_assert_cmpfloat (pow (1.0 - parts[i], (double) n), <=, errors[k] * (1.0 + 1e-12));
        g_assert_cmpfloat (pow (1.0 - parts[i], (double) n - 1.0), >, errors[k]);
      }
  /* The rule of three. */
  g_assert_cmpuint (tn_sequences_for_range (0.01, 0.05), ==, 299);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/site-settling/coverage", test_coverage);
  g_test_add_func ("/site-settling/edges", test_edges);
  g_test_add_func ("/site-settling/sequences", test_sequences);
  return g_test_run ();
}
