/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/site-settling.h"

#include <math.h>

#include "engine/calibration/site-stats-private.h"

/* Sums of a hash group, or of several. */
typedef struct
{
  double n, x, x2;
} Sums;

static Sums
sums_of (const TnSiteStats *self, guint group)
{
  return (Sums){
      .n = (double) self->groups[group].count,
      .x = tn_wide_sum_to_double (&self->groups[group].sum1),
      .x2 = tn_wide_sum_to_double (&self->groups[group].sum2),
  };
}

static Sums
sums_of_all (const TnSiteStats *self)
{
  Sums all = {0};

  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    {
      Sums group = sums_of (self, g);

      all.n += group.n;
      all.x += group.x;
      all.x2 += group.x2;
    }
  return all;
}

static double
std_of (const Sums *sums)
{
  double mean = sums->x / sums->n;

  return sqrt (MAX (sums->x2 / sums->n - mean * mean, 0.0));
}

/* Standard error of the mean of what n groups gave when each was left out. */
static double
jackknife_error (const double *values, guint n)
{
  double mean = 0.0, spread = 0.0;

  if (n < 2)
    return (double) NAN;
  for (guint i = 0; i < n; i++)
    mean += values[i] / n;
  for (guint i = 0; i < n; i++)
    spread += (values[i] - mean) * (values[i] - mean);
  return sqrt (spread * (n - 1) / n);
}

double
tn_site_std_error (const TnSiteStats *self, double *std)
{
  Sums all = sums_of_all (self);
  double logs[TN_STATS_GROUPS];
  guint groups = 0;

  *std = std_of (&all);
  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    {
      Sums group = sums_of (self, g);
      Sums rest = {.n = all.n - group.n, .x = all.x - group.x, .x2 = all.x2 - group.x2};

      if (group.n > 0.0)
        logs[groups++] = log (std_of (&rest));
    }
  /* A site that is constant is known without error. */
  return groups >= 2 && !(*std > 0.0) ? 0.0 : jackknife_error (logs, groups);
}

/* Edges of a bin in order. */
static void
bin_edges (guint place, double *low, double *high)
{
  guint coarse = place < TN_ZERO_GROUP_BIN ? TN_GROUP_BINS - 1 - place : place - TN_ZERO_GROUP_BIN - 1;
  double ignored;

  *low = *high = 0.0;
  if (place == TN_ZERO_GROUP_BIN)
    return;
  if (place < TN_ZERO_GROUP_BIN)
    {
      tn_float_histogram_bin_range ((coarse + 1) * TN_GROUP_BIN_WIDTH - 1, low, &ignored);
      tn_float_histogram_bin_range (coarse * TN_GROUP_BIN_WIDTH, &ignored, high);
      return;
    }
  tn_float_histogram_bin_range (coarse * TN_GROUP_BIN_WIDTH, low, &ignored);
  tn_float_histogram_bin_range ((coarse + 1) * TN_GROUP_BIN_WIDTH - 1, &ignored, high);
}

static double
quantile (const double *counts, double n, double q)
{
  double wanted = q * n, below = 0.0, low = 0.0, high = 0.0;
  guint last = 0;

  for (guint i = 0; i < TN_ORDERED_GROUP_BINS; i++)
    {
      if (counts[i] == 0.0)
        continue;
      last = i;
      if (below + counts[i] < wanted)
        {
          below += counts[i];
          continue;
        }
      bin_edges (i, &low, &high);
      return low + (high - low) * (wanted - below) / counts[i];
    }
  /* Rounding has left a little over. */
  bin_edges (last, &low, &high);
  return high;
}

static double *
all_counts (const TnSiteStats *self)
{
  double *counts = g_new0 (double, TN_ORDERED_GROUP_BINS);

  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    for (guint i = 0; i < TN_ORDERED_GROUP_BINS; i++)
      counts[i] += (double) tn_site_stats_ordered_bin (self, g, i);
  return counts;
}

/* left_out: a group, or TN_STATS_GROUPS for none. */
static double
range_without (const TnSiteStats *self, const double *all, guint left_out, double low, double high)
{
  g_autofree double *counts = g_memdup2 (all, TN_ORDERED_GROUP_BINS * sizeof *all);
  double n = 0.0;

  for (guint i = 0; i < TN_ORDERED_GROUP_BINS; i++)
    {
      if (left_out < TN_STATS_GROUPS)
        counts[i] -= (double) tn_site_stats_ordered_bin (self, left_out, i);
      n += counts[i];
    }
  return n > 0.0 ? quantile (counts, n, high / 100.0) - quantile (counts, n, low / 100.0) : (double) NAN;
}

void
tn_site_settling (const TnSiteStats *self, double low, double high, double half_width_factor, TnSiteSettling *settling)
{
  g_autofree double *all = NULL;
  double logs[TN_STATS_GROUPS];
  guint groups = 0;

  *settling = (TnSiteSettling){.range = NAN, .range_half_width = NAN};
  settling->std_half_width = half_width_factor * tn_site_std_error (self, &settling->std);
  if (!self->has_details)
    return;
  all = all_counts (self);
  settling->range = range_without (self, all, TN_STATS_GROUPS, low, high);
  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    if (self->groups[g].sequences > 0)
      logs[groups++] = log (range_without (self, all, g, low, high));
  settling->range_half_width = groups >= 2 && !(settling->range > 0.0) ? 0.0 : half_width_factor * jackknife_error (logs, groups);
}

guint64
tn_sequences_for_range (double part, double error)
{
  return (guint64) ceil (log (error) / log1p (-part));
}
