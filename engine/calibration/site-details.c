/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/site-details.h"

#include <math.h>

static const TnInterval no_interval = {(double) NAN, (double) NAN, (double) NAN, (double) NAN, 0};
static const TnBounded not_known = {(double) NAN, (double) NAN, (double) NAN};

static TnPercentileDetails *
find_percentiles (const TnSiteStats *site, const TnValueDistribution *distribution, const double *percents, guint n, gboolean intervals)
{
  TnPercentileDetails *percentiles = g_new0 (TnPercentileDetails, n);

  for (guint i = 0; i < n; i++)
    percentiles[i] = (TnPercentileDetails){
        .percent = percents[i],
        .value = distribution != NULL ? tn_value_distribution_percentile (distribution, percents[i]) : not_known,
        .interval = intervals ? tn_site_stats_percentile_interval (site, percents[i]) : no_interval,
    };
  return percentiles;
}

TnSiteDetails *
tn_site_details_new (const TnSiteStats *site, const double *percents, guint n, gboolean intervals)
{
  TnSiteDetails *self = g_new0 (TnSiteDetails, 1);
  g_autoptr (TnValueDistribution) distribution = tn_value_distribution_new_site (site);

  tn_site_stats_summarize (site, &self->summary);
  self->hoyer = self->summary.mean_square > 0.0 ? MAX (1.0 - self->summary.absmean / sqrt (self->summary.mean_square), 0.0) : (double) NAN;
  self->entropy = tn_value_distribution_entropy (distribution, TN_CHANNEL_HISTOGRAM_OCTAVE_BINS);
  self->entropy_octave = tn_value_distribution_entropy (distribution, 1);
  self->iqr = tn_value_distribution_iqr (distribution);
  self->mad = tn_value_distribution_mad (distribution);
  for (TnOutlierRule rule = 0; rule < TN_N_OUTLIER_RULES; rule++)
    tn_outliers_find (distribution, self->summary.mean, self->summary.std, rule, &self->outliers[rule]);
  tn_outliers_find_massive (distribution, &self->massive);
  self->mean = tn_site_stats_moment_interval (site, TN_MOMENT_MEAN);
  self->std = tn_site_stats_moment_interval (site, TN_MOMENT_STD);
  self->absmean = tn_site_stats_moment_interval (site, TN_MOMENT_ABSMEAN);
  tn_site_stats_range_intervals (site, &self->min, &self->max);
  self->n_percentiles = n;
  self->percentiles = find_percentiles (site, distribution, percents, n, intervals);
  return self;
}

void
tn_site_details_free (TnSiteDetails *self)
{
  if (self == NULL)
    return;
  g_free (self->percentiles);
  g_free (self);
}

TnChannelDetails *
tn_channel_details_new (const TnSiteStats *site, guint channel, TnChannelFlags flags, const double *percents, guint n)
{
  TnChannelDetails *self = g_new0 (TnChannelDetails, 1);
  const TnChannelStats *stats = &site->channels[channel];
  g_autoptr (TnValueDistribution) distribution = tn_value_distribution_new_channel (site, channel);
  gboolean any = stats->min <= stats->max;
  double mean_square = (double) NAN;

  self->count = stats->count;
  self->min = any ? (double) stats->min : (double) NAN;
  self->max = any ? (double) stats->max : (double) NAN;
  self->mean = self->std = self->rms = (double) NAN;
  self->flags = flags;
  if (stats->count > 0)
    {
      self->mean = tn_channel_sum_to_double (stats->sum) / (double) stats->count;
      mean_square = tn_channel_sum_to_double (stats->sum2) / (double) stats->count;
      self->rms = sqrt (mean_square);
      self->std = sqrt (MAX (mean_square - self->mean * self->mean, 0.0));
    }
  self->zeros = distribution != NULL && distribution->count > 0
                    ? (double) tn_channel_histograms_get_zeros (site->channel_histograms, channel) / (double) distribution->count
                    : (double) NAN;
  self->median = distribution != NULL ? tn_value_distribution_percentile (distribution, 50.0) : not_known;
  self->iqr = distribution != NULL ? tn_value_distribution_iqr (distribution) : not_known;
  self->mad = distribution != NULL ? tn_value_distribution_mad (distribution) : not_known;
  for (TnOutlierRule rule = 0; rule < TN_N_OUTLIER_RULES; rule++)
    if (distribution != NULL)
      tn_outliers_find (distribution, self->mean, self->std, rule, &self->outliers[rule]);
    else
      self->outliers[rule] = (TnOutliers){.rule = rule, .low = not_known, .high = not_known, .fraction = (double) NAN, .shape = (double) NAN};
  self->n_percentiles = n;
  self->percentiles = find_percentiles (site, distribution, percents, n, FALSE);
  return self;
}

void
tn_channel_details_free (TnChannelDetails *self)
{
  if (self == NULL)
    return;
  g_free (self->percentiles);
  g_free (self);
}
