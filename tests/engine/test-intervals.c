/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/intervals.h"

#include <math.h>

#include "engine/calibration/parameter-search.h"
#include "engine/random.h"

enum
{
  WIDTH = 8,
  LENGTH = 24,
};

/* Sequences that differ among themselves: each has a level and a loudness of its own; heavy ones now and then a spike. */
typedef struct
{
  guint n_sequences;
  double level, loudness;
  gboolean heavy;
} Population;

static TnSiteStats *
draw_site (const Population *population, guint64 seed)
{
  TnRandom random = tn_random_stream (seed, "intervals");
  TnSiteStats *site = tn_site_stats_new ("site", WIDTH);
  g_autofree TnSequence *sequences = g_new0 (TnSequence, population->n_sequences);
  g_autofree float *x = g_new (float, (gsize) population->n_sequences *LENGTH *WIDTH);
  gint32 tokens[LENGTH] = {0};
  g_autoptr (TnBatch) batch = NULL;

  for (guint s = 0; s < population->n_sequences; s++)
    {
      double level = population->level * tn_random_normal (&random), loudness = exp (population->loudness * tn_random_normal (&random));

      sequences[s] = (TnSequence){.hash = tn_random_next (&random), .length = LENGTH, .tokens = tokens};
      for (guint i = 0; i < LENGTH * WIDTH; i++)
        {
          double value = tn_random_normal (&random);

          if (population->heavy)
            value /= sqrt (-log (tn_random_uniform (&random)) + 1e-9);
          x[(gsize) s * LENGTH * WIDTH + i] = (float) (level + loudness * value);
        }
    }
  batch = tn_batch_new (sequences, population->n_sequences);
  tn_site_stats_observe (site, batch, x);
  return site;
}

static void
assert_interval (const TnInterval *interval)
{
  g_assert_cmpfloat (interval->low, <=, interval->value);
  g_assert_cmpfloat (interval->high, >=, interval->value);
  g_assert_cmpfloat (interval->error, >, 0.0);
}

/* The mean's jackknife in closed form: pseudo-values are the groups' own means. */
static void
test_mean (void)
{
  const Population population = {60, 0.5, 0.3, FALSE};
  g_autoptr (TnSiteStats) site = draw_site (&population, 1);
  TnInterval found = tn_site_stats_moment_interval (site, TN_MOMENT_MEAN);
  double means[TN_STATS_GROUPS], sizes[TN_STATS_GROUPS], total = 0.0, mean = 0.0, variance = 0.0, n = 0.0;

  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    {
      sizes[g] = (double) site->groups[g].count;
      means[g] = sizes[g] > 0.0 ? tn_wide_sum_to_double (&site->groups[g].sum1) / sizes[g] : 0.0;
      total += sizes[g];
      mean += sizes[g] * means[g];
      n += sizes[g] > 0.0;
    }
  mean /= total;
  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    if (sizes[g] > 0.0)
      variance += (means[g] - mean) * (means[g] - mean) / (total / sizes[g] - 1.0) / n;
  g_assert_cmpfloat_with_epsilon (found.value, mean, 1e-12);
  g_assert_cmpfloat_with_epsilon (found.error, sqrt (variance), 1e-9);
  g_assert_cmpuint (found.groups, ==, (guint) n);
  assert_interval (&found);
}

typedef enum
{
  FIGURE_MEAN,
  FIGURE_STD,
  FIGURE_ABSMEAN,
  FIGURE_P25,
  FIGURE_P99,
  FIGURE_P999,
  FIGURE_SQNR,
  N_FIGURES
} Figure;

static const TnScheme int4 = {.kind = TN_SCHEME_INTEGER, .bits = 4};

static TnInterval
find_interval (const TnSiteStats *site, Figure figure)
{
  switch (figure)
    {
    case FIGURE_MEAN:
      return tn_site_stats_moment_interval (site, TN_MOMENT_MEAN);
    case FIGURE_STD:
      return tn_site_stats_moment_interval (site, TN_MOMENT_STD);
    case FIGURE_ABSMEAN:
      return tn_site_stats_moment_interval (site, TN_MOMENT_ABSMEAN);
    case FIGURE_P25:
      return tn_site_stats_percentile_interval (site, 25.0);
    case FIGURE_P99:
      return tn_site_stats_percentile_interval (site, 99.0);
    case FIGURE_P999:
      return tn_site_stats_percentile_interval (site, 99.9);
    default:
      return tn_site_stats_sqnr_interval (site, &int4, 0.8, 0);
    }
}

/* Of intervals of many draws, about 95 % hold the truth of the population they were drawn from. With errors computed as if all values were independent
 * a fraction of that would. */
static void
test_coverage (void)
{
  enum
  {
    DRAWS = 240
  };
  const Population population = {96, 0.5, 0.3, FALSE}, whole = {20000, 0.5, 0.3, FALSE};
  g_autoptr (TnSiteStats) truth = draw_site (&whole, 1000);
  guint held[N_FIGURES] = {0}, naive = 0;

  for (guint d = 0; d < DRAWS; d++)
    {
      g_autoptr (TnSiteStats) site = draw_site (&population, 2000 + d);

      for (Figure figure = 0; figure < N_FIGURES; figure++)
        {
          TnInterval interval = find_interval (site, figure);
          double value = find_interval (truth, figure).value;

          assert_interval (&interval);
          held[figure] += interval.low <= value && value <= interval.high;
          if (figure == FIGURE_MEAN)
            {
              TnSiteSummary summary;

              tn_site_stats_summarize (site, &summary);
              naive += fabs (summary.mean - value) <= 1.96 * summary.std / sqrt ((double) summary.count);
            }
        }
    }
  for (Figure figure = 0; figure < N_FIGURES; figure++)
    {
      g_test_message ("figure %u: %.1f %%", figure, 100.0 * held[figure] / DRAWS);
      /* The loudest two or three of 96 sequences decide on the 99.9th percentile. */
      g_assert_cmpfloat ((double) held[figure] / DRAWS, >, figure == FIGURE_P999 ? 0.78 : 0.90);
      g_assert_cmpfloat ((double) held[figure] / DRAWS, <, 0.995);
    }
  g_test_message ("mean, as if values were independent: %.1f %%", 100.0 * naive / DRAWS);
  g_assert_cmpfloat ((double) naive / DRAWS, <, 0.6);
}

/* The extreme of a second draw of the same size stays within the limit of the first, and the next sequence within its range, as often as said. */
static void
test_ranges (void)
{
  enum
  {
    DRAWS = 300
  };

  for (guint heavy = 0; heavy < 2; heavy++)
    {
      const Population population = {64, 0.5, 0.3, heavy}, one = {1, 0.5, 0.3, heavy};
      guint within = 0, beyond = 0;

      for (guint d = 0; d < DRAWS; d++)
        {
          g_autoptr (TnSiteStats) site = draw_site (&population, 5000 + d);
          g_autoptr (TnSiteStats) again = draw_site (&population, 6000 + d);
          TnRangeInterval min, max;

          tn_site_stats_range_intervals (site, &min, &max);
          g_assert_cmpfloat (max.value, ==, (double) site->max.value);
          g_assert_cmpfloat (min.value, ==, (double) site->min.value);
          g_assert_cmpfloat (max.limit, >=, max.value);
          g_assert_cmpfloat (min.limit, <=, min.value);
          g_assert_cmpfloat_with_epsilon (max.chance, 1.0 / 65.0, 1e-12);
          within += ((double) again->max.value <= max.limit) + ((double) again->min.value >= min.limit);
          for (guint k = 0; k < 10; k++)
            {
              g_autoptr (TnSiteStats) next = draw_site (&one, 7000 + 10 * d + k);

              beyond += next->max.value > site->max.value;
            }
        }
      g_test_message ("heavy %u: %.1f %% within the limit, %.2f %% of next sequences beyond the range", heavy, 50.0 * within / DRAWS,
                      10.0 * beyond / DRAWS);
      g_assert_cmpfloat ((double) within / (2 * DRAWS), >, 0.90);
      g_assert_cmpfloat ((double) within / (2 * DRAWS), <, 0.995);
      /* 1 in 65; 3000 sequences, not all independent. */
      g_assert_cmpfloat_with_epsilon ((double) beyond / (10 * DRAWS), 1.0 / 65.0, 0.012);
    }
}

/* What is left without a group is known but for the inside of coarse bins: the same as if the other sequences alone had been seen. */
static void
test_deleted (void)
{
  const Population population = {40, 0.5, 0.3, FALSE};
  g_autoptr (TnSiteStats) site = draw_site (&population, 3);
  TnInterval whole = tn_site_stats_percentile_interval (site, 99.0);

  g_assert_cmpfloat_with_epsilon (whole.value, tn_float_histogram_quantile (site->histogram, 0.99), 1e-12);
  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    {
      guint64 count = site->groups[g].zeros;

      for (guint bin = 0; bin < TN_GROUP_BINS; bin++)
        count += site->group_bins[g * TN_GROUP_BINS + bin];
      g_assert_cmpuint (count, ==, site->groups[g].count);
      g_assert_cmpuint (count, ==, site->groups[g].sequences * LENGTH * WIDTH);
    }
}

static void
test_too_little (void)
{
  const Population one = {1, 0.5, 0.3, FALSE};
  g_autoptr (TnSiteStats) empty = tn_site_stats_new ("site", WIDTH);
  g_autoptr (TnSiteStats) site = draw_site (&one, 1);
  TnRangeInterval min, max;

  for (Figure figure = 0; figure < N_FIGURES; figure++)
    {
      TnInterval nothing = find_interval (empty, figure), single = find_interval (site, figure);

      g_assert_true (isnan (nothing.value) && isnan (nothing.low));
      g_assert_true (isfinite (single.value) && isnan (single.low) && isnan (single.error));
      g_assert_cmpuint (single.groups, ==, 1);
    }
  tn_site_stats_range_intervals (site, &min, &max);
  g_assert_true (isfinite (max.value) && isnan (max.limit));
  g_assert_cmpfloat (max.chance, ==, 0.5);
  site->has_details = FALSE;
  g_assert_true (isnan (tn_site_stats_percentile_interval (site, 50.0).value));
  tn_site_stats_range_intervals (site, &min, &max);
  g_assert_true (isnan (max.limit));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/intervals/mean", test_mean);
  g_test_add_func ("/intervals/deleted", test_deleted);
  g_test_add_func ("/intervals/coverage", test_coverage);
  g_test_add_func ("/intervals/ranges", test_ranges);
  g_test_add_func ("/intervals/too-little", test_too_little);
  return g_test_run ();
}
