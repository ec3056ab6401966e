/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/group-interval.h"

#include <math.h>

#include "engine/random.h"

#define VALUES 20

/* Values of one sequence share a shift, as activations of one document do: mean 0.3, variance 1 + 0.25. */
static void
add_sequence (TnSiteStats *stats, TnRandom *random)
{
  guint g = (guint) tn_random_below (random, TN_STATS_GROUPS);
  double shift = 0.3 + 0.5 * tn_random_normal (random);

  for (guint i = 0; i < VALUES; i++)
    {
      double v = shift + tn_random_normal (random);

      tn_wide_sum_add (&stats->groups[g].sum_abs, fabs (v));
      tn_wide_sum_add (&stats->groups[g].sum1, v);
      tn_wide_sum_add (&stats->groups[g].sum2, v * v);
      stats->groups[g].count++;
    }
}

/* The truth lies inside about as often as is claimed. */
static void
test_coverage (void)
{
  const double truths[TN_N_GROUP_MEASURES] = {
      [TN_GROUP_MEAN] = 0.3,
      [TN_GROUP_STD] = sqrt (1.25),
      [TN_GROUP_MEAN_MAGNITUDE] = NAN,
  };
  const guint repeats = 400;
  guint covered[TN_N_GROUP_MEASURES] = {0};
  TnRandom random = tn_random_stream (7, "coverage");

  for (guint r = 0; r < repeats; r++)
    {
      g_autoptr (TnSiteStats) stats = tn_site_stats_new ("s", 1);

      for (guint s = 0; s < 200; s++)
        add_sequence (stats, &random);
      for (TnGroupMeasure m = TN_GROUP_MEAN; m < TN_N_GROUP_MEASURES; m++)
        {
          TnGroupInterval interval;

          tn_site_stats_group_interval (stats, m, &interval);
          g_assert_cmpfloat (interval.low, <, interval.value);
          g_assert_cmpfloat (interval.high, >, interval.value);
          covered[m] += interval.low <= truths[m] && truths[m] <= interval.high;
        }
    }
  for (TnGroupMeasure m = TN_GROUP_MEAN; m < TN_N_GROUP_MEASURES; m++)
    if (isfinite (truths[m]))
      {
        g_assert_cmpuint (covered[m], >, repeats * 91 / 100);
        g_assert_cmpuint (covered[m], <, repeats * 99 / 100);
      }
}

/* With groups of equal size the jackknife of a mean is the textbook's standard error of the groups' means. */
static void
test_equal_groups (void)
{
  g_autoptr (TnSiteStats) stats = tn_site_stats_new ("s", 1);
  TnGroupInterval interval;

  for (guint g = 0; g < 4; g++)
    {
      tn_wide_sum_add (&stats->groups[g * 3].sum1, 2.0 * g);
      stats->groups[g * 3].count = 2;
    }
  tn_site_stats_group_interval (stats, TN_GROUP_MEAN, &interval);
  g_assert_cmpfloat (interval.value, ==, 1.5);
  /* means 0, 1, 2, 3: variance 5 / 3, over 4 */
  g_assert_cmpfloat_with_epsilon (interval.high - 1.5, 3.1824 * sqrt (5.0 / 3 / 4), 1e-12);
  g_assert_cmpfloat_with_epsilon (1.5 - interval.low, interval.high - 1.5, 1e-12);
}

static void
test_few (void)
{
  g_autoptr (TnSiteStats) stats = tn_site_stats_new ("s", 1);
  TnGroupInterval interval;

  tn_site_stats_group_interval (stats, TN_GROUP_STD, &interval);
  g_assert_true (isnan (interval.value) && isnan (interval.low) && isnan (interval.high));
  tn_wide_sum_add (&stats->groups[5].sum1, 3);
  tn_wide_sum_add (&stats->groups[5].sum2, 9);
  stats->groups[5].count = 1;
  tn_site_stats_group_interval (stats, TN_GROUP_STD, &interval);
  g_assert_cmpfloat (interval.value, ==, 0);
  g_assert_true (isnan (interval.low) && isnan (interval.high));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/group-interval/coverage", test_coverage);
  g_test_add_func ("/group-interval/equal-groups", test_equal_groups);
  g_test_add_func ("/group-interval/few", test_few);
  return g_test_run ();
}
