/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/intervals.h"

#include <math.h>

#include "engine/calibration/parameter-search.h"
#include "engine/calibration/site-stats-private.h"
#include "engine/metrics/student.h"

#define LEAST_GROUPS 2
#define UNSURE 0.05
#define LEAST_RANGE_GROUPS 4
/* Counts of what is left when a group is deleted are fractions; a histogram has them in units of 2^-10. */
#define COUNT_UNIT 1024.0

/* The statistic of all but one group; group TN_STATS_GROUPS: of all. */
typedef double (*DeletedFunc) (const TnSiteStats *site, guint deleted, gconstpointer user_data);

static guint64
count_values (const TnSiteStats *site, guint group)
{
  guint64 count = site->groups[group].zeros;

  if (!site->has_details)
    return site->groups[group].count;
  for (guint bin = 0; bin < TN_GROUP_BINS; bin++)
    count += tn_site_stats_group_bins (site, group)[bin];
  return count;
}

TnInterval
tn_site_stats_jackknife (const TnSiteStats *site, double value, const double *deleted)
{
  double sizes[TN_STATS_GROUPS], total = 0.0, center = 0.0, variance = 0.0, reach, n;
  TnInterval interval = {.value = value, .error = (double) NAN, .low = (double) NAN, .high = (double) NAN};

  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    {
      sizes[g] = (double) count_values (site, g);
      total += sizes[g];
      interval.groups += sizes[g] > 0.0;
    }
  if (interval.groups < LEAST_GROUPS || !isfinite (interval.value))
    return interval;
  n = (double) interval.groups;
  center = n * interval.value;
  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    if (sizes[g] > 0.0)
      center -= (1.0 - sizes[g] / total) * deleted[g];
  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    if (sizes[g] > 0.0)
      {
        double h = total / sizes[g], pseudo = h * interval.value - (h - 1.0) * deleted[g];

        variance += (pseudo - center) * (pseudo - center) / (h - 1.0) / n;
      }
  if (!isfinite (variance))
    return interval;
  interval.error = sqrt (variance);
  reach = tn_student_half_width (UNSURE, interval.groups - 1) * interval.error;
  interval.low = interval.value - reach;
  interval.high = interval.value + reach;
  return interval;
}

static TnInterval
jackknife (const TnSiteStats *site, DeletedFunc func, gconstpointer user_data)
{
  double deleted[TN_STATS_GROUPS];

  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    deleted[g] = count_values (site, g) > 0 ? func (site, g, user_data) : (double) NAN;
  return tn_site_stats_jackknife (site, func (site, TN_STATS_GROUPS, user_data), deleted);
}

static double
deleted_moment (const TnSiteStats *site, guint deleted, gconstpointer user_data)
{
  TnMoment moment = *(const TnMoment *) user_data;
  TnGroupStats total = {0};
  double n, mean, variance;

  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    if (g != deleted)
      tn_group_stats_merge_moments (&total, &site->groups[g]);
  if (total.count == 0)
    return (double) NAN;
  n = (double) total.count;
  if (moment == TN_MOMENT_ABSMEAN)
    return tn_wide_sum_to_double (&total.sum_abs) / n;
  mean = tn_wide_sum_to_double (&total.sum1) / n;
  if (moment == TN_MOMENT_MEAN)
    return mean;
  variance = tn_wide_sum_to_double (&total.sum2) / n - mean * mean;
  return 0.5 * log (variance);
}

TnInterval
tn_site_stats_moment_interval (const TnSiteStats *site, TnMoment moment)
{
  TnInterval interval = jackknife (site, deleted_moment, &moment);

  if (moment == TN_MOMENT_STD)
    {
      interval.value = exp (interval.value);
      interval.error *= interval.value;
      interval.low = exp (interval.low);
      interval.high = exp (interval.high);
    }
  return interval;
}

/* What part of the site's values in a coarse bin is left when a group is deleted. */
static double
share_left (const TnSiteStats *site, guint bin, guint deleted)
{
  guint64 all = 0;

  if (deleted == TN_STATS_GROUPS)
    return 1.0;
  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    all += tn_site_stats_group_bins (site, g)[bin];
  return all > 0 ? (double) (all - tn_site_stats_group_bins (site, deleted)[bin]) / (double) all : 0.0;
}

/* Finds the percentile in bins that come in ascending order. */
typedef struct
{
  double target, below, value;
} Seek;

static void
seek_bin (Seek *self, double low, double high, double count)
{
  if (count > 0.0 && self->below <= self->target)
    self->value = low + (high - low) * MIN ((self->target - self->below) / count, 1.0);
  self->below += count;
}

static double
deleted_percentile (const TnSiteStats *site, guint deleted, gconstpointer user_data)
{
  double percent = *(const double *) user_data, total = 0.0, zeros = (double) site->histogram->zeros, low, high;
  g_autofree double *shares = g_new0 (double, TN_GROUP_BINS);
  Seek seek = {.value = (double) NAN};

  if (deleted < TN_STATS_GROUPS)
    zeros -= (double) site->groups[deleted].zeros;
  total = zeros;
  for (guint bin = 0; bin < TN_GROUP_BINS; bin++)
    if (site->histogram->occupied >> bin / (TN_FLOAT_HISTOGRAM_BLOCK / TN_GROUP_BIN_WIDTH) & 1)
      {
        shares[bin] = share_left (site, bin, deleted);
        for (guint i = 0; shares[bin] > 0.0 && i < TN_GROUP_BIN_WIDTH; i++)
          total += shares[bin] * (double) site->histogram->bins[bin * TN_GROUP_BIN_WIDTH + i];
      }
  seek.target = percent / 100.0 * total;
  for (guint magnitude = 0x8000; magnitude-- > 0;)
    if (shares[(0x8000 | magnitude) / TN_GROUP_BIN_WIDTH] > 0.0 && site->histogram->bins[0x8000 | magnitude] > 0)
      {
        tn_float_histogram_bin_range (0x8000 | magnitude, &low, &high);
        seek_bin (&seek, low, high, shares[(0x8000 | magnitude) / TN_GROUP_BIN_WIDTH] * (double) site->histogram->bins[0x8000 | magnitude]);
      }
  seek_bin (&seek, 0.0, 0.0, zeros);
  for (guint magnitude = 0; magnitude < 0x8000; magnitude++)
    if (shares[magnitude / TN_GROUP_BIN_WIDTH] > 0.0 && site->histogram->bins[magnitude] > 0)
      {
        tn_float_histogram_bin_range (magnitude, &low, &high);
        seek_bin (&seek, low, high, shares[magnitude / TN_GROUP_BIN_WIDTH] * (double) site->histogram->bins[magnitude]);
      }
  return site->has_extremes ? CLAMP (seek.value, (double) site->min.value, (double) site->max.value) : (double) NAN;
}

static const TnInterval no_interval = {(double) NAN, (double) NAN, (double) NAN, (double) NAN, 0};

static double
deleted_log_percentile (const TnSiteStats *site, guint deleted, gconstpointer user_data)
{
  return log (fabs (deleted_percentile (site, deleted, user_data)));
}

TnInterval
tn_site_stats_percentile_interval (const TnSiteStats *site, double percent)
{
  TnInterval plain, logarithm;

  if (!site->has_details || !site->has_extremes)
    return no_interval;
  plain = jackknife (site, deleted_percentile, &percent);
  /* Far from zero, errors are in proportion, and where zero is near the logarithm does not help. */
  if (!(fabs (plain.value) > 4.0 * plain.error))
    return plain;
  logarithm = jackknife (site, deleted_log_percentile, &percent);
  if (isnan (logarithm.error))
    return plain;
  plain.low = plain.value * exp (plain.value > 0.0 ? logarithm.low - logarithm.value : logarithm.high - logarithm.value);
  plain.high = plain.value * exp (plain.value > 0.0 ? logarithm.high - logarithm.value : logarithm.low - logarithm.value);
  return plain;
}

typedef struct
{
  const TnScheme *scheme;
  double scale;
  gint32 zero_point;
} Parameters;

static double
deleted_sqnr (const TnSiteStats *site, guint deleted, gconstpointer user_data)
{
  const Parameters *parameters = user_data;
  g_autoptr (TnFloatHistogram) left = NULL;
  double mse, sqnr_db;

  if (deleted == TN_STATS_GROUPS)
    {
      tn_parameter_error (site->histogram, parameters->scheme, parameters->scale, parameters->zero_point, &mse, &sqnr_db);
      return sqnr_db;
    }
  left = tn_float_histogram_new ();
  left->zeros = (guint64) (COUNT_UNIT * (double) (site->histogram->zeros - site->groups[deleted].zeros));
  for (guint bin = 0; bin < TN_GROUP_BINS; bin++)
    if (site->histogram->occupied >> bin / (TN_FLOAT_HISTOGRAM_BLOCK / TN_GROUP_BIN_WIDTH) & 1)
      {
        double share = share_left (site, bin, deleted);
        guint64 counts[TN_GROUP_BIN_WIDTH];

        for (guint i = 0; i < TN_GROUP_BIN_WIDTH; i++)
          counts[i] = (guint64) (COUNT_UNIT * share * (double) site->histogram->bins[bin * TN_GROUP_BIN_WIDTH + i]);
        tn_float_histogram_add_counts (left, bin * TN_GROUP_BIN_WIDTH, counts, TN_GROUP_BIN_WIDTH);
      }
  tn_parameter_error (left, parameters->scheme, parameters->scale, parameters->zero_point, &mse, &sqnr_db);
  return sqnr_db;
}

TnInterval
tn_site_stats_sqnr_interval (const TnSiteStats *site, const TnScheme *scheme, double scale, gint32 zero_point)
{
  const Parameters parameters = {scheme, scale, zero_point};

  return site->has_details && site->has_extremes ? jackknife (site, deleted_sqnr, &parameters) : no_interval;
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return x < y ? -1 : x > y;
}

/* What the largest of as many new groups stays below, from the largest values of g groups. */
static double
find_limit (double *largest, guint g)
{
  double mean = 0.0, weighted = 0.0, location, scale;
  gboolean logarithms;

  qsort (largest, g, sizeof *largest, compare_doubles);
  logarithms = largest[0] > 0.0;
  for (guint i = 0; i < g; i++)
    {
      double value = logarithms ? log (largest[i]) : largest[i];

      mean += value / g;
      weighted += value * i / (g - 1.0) / g;
    }
  /* Second L-moment 2 b1 - b0 = scale ln 2; mean = location + 0.5772 scale. */
  scale = MAX (2.0 * weighted - mean, 0.0) / G_LN2;
  location = mean - 0.57721566490153286 * scale + scale * log (g);
  location -= scale * log (-log (0.95));
  return logarithms ? exp (location) : location;
}

static TnRangeInterval
range_interval (const TnSiteStats *site, double sign)
{
  TnRangeInterval interval = {.value = (double) NAN, .limit = (double) NAN, .chance = (double) NAN};
  double largest[TN_STATS_GROUPS];
  guint64 sequences = 0;

  if (!site->has_extremes)
    return interval;
  interval.value = sign > 0.0 ? (double) site->max.value : (double) site->min.value;
  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    {
      const TnGroupStats *group = &site->groups[g];

      sequences += group->sequences;
      if (site->has_details && group->min <= group->max)
        largest[interval.groups++] = sign * (double) (sign > 0.0 ? group->max : group->min);
    }
  interval.chance = 1.0 / (double) (sequences + 1);
  if (interval.groups >= LEAST_RANGE_GROUPS)
    {
      double limit = sign * find_limit (largest, interval.groups);

      interval.limit = sign > 0.0 ? MAX (limit, interval.value) : MIN (limit, interval.value);
    }
  return interval;
}

void
tn_site_stats_range_intervals (const TnSiteStats *site, TnRangeInterval *min, TnRangeInterval *max)
{
  *min = range_interval (site, -1.0);
  *max = range_interval (site, 1.0);
}
