/* SPDX-License-Identifier: Apache-2.0 */
#include "data/statistics/details-text.h"

#include <math.h>

#include "data/files/json-members.h"
#include "engine/calibration/parameter-search.h"

static const double default_percents[] = {0.1, 1, 5, 25, 50, 75, 95, 99, 99.9};

const TnDetailsView tn_details_view_default = {
    .percents = default_percents, .n_percents = G_N_ELEMENTS (default_percents), .channel = -1, .rule = -1};

char *
tn_percentile_to_string (double percent)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  return g_strdup (g_ascii_formatd (buffer, sizeof buffer, "%.10g", percent));
}

static void
add_bounds (JsonBuilder *builder, const char *name, const TnBounded *bounded)
{
  tn_json_open_object (builder, name);
  tn_json_add_double (builder, "value", bounded->value);
  tn_json_add_double (builder, "low", bounded->low);
  tn_json_add_double (builder, "high", bounded->high);
  json_builder_end_object (builder);
}

static void
add_interval (JsonBuilder *builder, const char *name, const TnInterval *interval)
{
  tn_json_open_object (builder, name);
  tn_json_add_double (builder, "value", interval->value);
  tn_json_add_double (builder, "error", interval->error);
  tn_json_add_double (builder, "low", interval->low);
  tn_json_add_double (builder, "high", interval->high);
  tn_json_add_count (builder, "groups", interval->groups);
  json_builder_end_object (builder);
}

static void
add_range (JsonBuilder *builder, const char *name, const TnRangeInterval *interval)
{
  tn_json_open_object (builder, name);
  tn_json_add_double (builder, "value", interval->value);
  tn_json_add_double (builder, "limit", interval->limit);
  tn_json_add_double (builder, "next_sequence_beyond", interval->chance);
  tn_json_add_count (builder, "groups", interval->groups);
  json_builder_end_object (builder);
}

static void
add_outliers (JsonBuilder *builder, const char *name, const TnOutliers *outliers)
{
  tn_json_open_object (builder, name);
  tn_json_add_double (builder, "low", outliers->low.value);
  tn_json_add_double (builder, "high", outliers->high.value);
  tn_json_add_double (builder, "count", isnan (outliers->fraction) ? (double) NAN : outliers->outside.count);
  tn_json_add_count (builder, "least", outliers->outside.least);
  tn_json_add_count (builder, "most", outliers->outside.most);
  tn_json_add_double (builder, "fraction", outliers->fraction);
  if (outliers->rule == TN_OUTLIER_TAIL)
    tn_json_add_double (builder, "shape", outliers->shape);
  json_builder_end_object (builder);
}

static void
add_rules (JsonBuilder *builder, const TnOutliers *outliers, gint rule)
{
  for (gint k = 0; k < TN_N_OUTLIER_RULES; k++)
    if (rule < 0 || k == rule)
      add_outliers (builder, tn_outlier_rule_get_name ((TnOutlierRule) k), &outliers[k]);
}

static void
add_percentile_bounds (JsonBuilder *builder, const TnPercentileDetails *percentiles, guint n)
{
  tn_json_open_object (builder, "percentile_bounds");
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *name = tn_percentile_to_string (percentiles[i].percent);

      json_builder_set_member_name (builder, name);
      json_builder_begin_array (builder);
      if (isfinite (percentiles[i].value.low))
        {
          json_builder_add_double_value (builder, percentiles[i].value.low);
          json_builder_add_double_value (builder, percentiles[i].value.high);
        }
      json_builder_end_array (builder);
    }
  json_builder_end_object (builder);
}

static void
add_percentiles (JsonBuilder *builder, const TnPercentileDetails *percentiles, guint n)
{
  tn_json_open_object (builder, "percentiles");
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *name = tn_percentile_to_string (percentiles[i].percent);

      tn_json_add_double (builder, name, percentiles[i].value.value);
    }
  json_builder_end_object (builder);
  add_percentile_bounds (builder, percentiles, n);
}

static void
add_intervals (JsonBuilder *builder, const TnSiteStats *site, const TnSiteDetails *details, const TnDetailsView *view)
{
  tn_json_open_object (builder, "intervals");
  tn_json_add_double (builder, "confidence", 0.95);
  add_interval (builder, "mean", &details->mean);
  add_interval (builder, "std", &details->std);
  add_interval (builder, "absmean", &details->absmean);
  add_range (builder, "min", &details->min);
  add_range (builder, "max", &details->max);
  if (view->intervals)
    {
      tn_json_open_object (builder, "percentiles");
      for (guint i = 0; i < details->n_percentiles; i++)
        {
          g_autofree char *name = tn_percentile_to_string (details->percentiles[i].percent);

          add_interval (builder, name, &details->percentiles[i].interval);
        }
      json_builder_end_object (builder);
    }
  json_builder_end_object (builder);
}

static void
add_largest (JsonBuilder *builder, const TnSiteStats *site)
{
  tn_json_open_array (builder, "largest");
  for (guint i = 0; i < site->n_largest; i++)
    {
      json_builder_begin_object (builder);
      tn_json_add_double (builder, "value", (double) site->largest[i].value);
      tn_json_add_hash (builder, "sample", site->largest[i].sample);
      tn_json_add_count (builder, "token", site->largest[i].token);
      tn_json_add_count (builder, "channel", site->largest[i].channel);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static void
add_moving_range (JsonBuilder *builder, const TnMovingRange *moving)
{
  if (moving->decay == 0.0)
    {
      json_builder_set_member_name (builder, "moving_range");
      json_builder_add_null_value (builder);
      return;
    }
  tn_json_open_object (builder, "moving_range");
  tn_json_add_double (builder, "decay", moving->decay);
  tn_json_add_count (builder, "sequences", moving->sequences);
  tn_json_add_double (builder, "min", moving->sequences > 0 ? moving->min : (double) NAN);
  tn_json_add_double (builder, "max", moving->sequences > 0 ? moving->max : (double) NAN);
  tn_json_add_bool (builder, "mergeable", FALSE);
  json_builder_end_object (builder);
}

static void
add_flags (JsonBuilder *builder, TnChannelFlags flags)
{
  tn_json_open_array (builder, "flags");
  if (flags & TN_CHANNEL_LARGE)
    json_builder_add_string_value (builder, "large");
  if (flags & TN_CHANNEL_LOUD)
    json_builder_add_string_value (builder, "loud");
  if (flags & TN_CHANNEL_MASSIVE)
    json_builder_add_string_value (builder, "massive");
  json_builder_end_array (builder);
}

static void
add_channel (JsonBuilder *builder, const TnSiteStats *site, guint channel, TnChannelFlags flags, const TnDetailsView *view)
{
  g_autoptr (TnChannelDetails) details = tn_channel_details_new (site, channel, flags, view->percents, view->n_percents);

  json_builder_begin_object (builder);
  tn_json_add_count (builder, "channel", channel);
  tn_json_add_count (builder, "count", details->count);
  tn_json_add_double (builder, "min", details->min);
  tn_json_add_double (builder, "max", details->max);
  tn_json_add_double (builder, "mean", details->mean);
  tn_json_add_double (builder, "std", details->std);
  tn_json_add_double (builder, "rms", details->rms);
  add_flags (builder, details->flags);
  if (site->channel_histograms != NULL)
    {
      tn_json_add_double (builder, "zeros", details->zeros);
      add_percentiles (builder, details->percentiles, details->n_percentiles);
      add_bounds (builder, "iqr", &details->iqr);
      add_bounds (builder, "mad", &details->mad);
      tn_json_open_object (builder, "outliers");
      add_rules (builder, details->outliers, view->rule);
      json_builder_end_object (builder);
    }
  json_builder_end_object (builder);
}

/* All channels, the one asked for, or those that are outliers. */
static void
add_channels (JsonBuilder *builder, const TnSiteStats *site, const TnDetailsView *view)
{
  g_autofree TnChannelFlags *flags = g_new (TnChannelFlags, site->width);

  tn_site_stats_flag_channels (site, flags);
  tn_json_open_array (builder, "outlier_channels");
  for (guint c = 0; c < site->width; c++)
    if (flags[c] & (TN_CHANNEL_LOUD | TN_CHANNEL_MASSIVE))
      {
        json_builder_begin_object (builder);
        tn_json_add_count (builder, "channel", c);
        add_flags (builder, flags[c]);
        json_builder_end_object (builder);
      }
  json_builder_end_array (builder);
  if (!view->every_channel && view->channel < 0)
    return;
  tn_json_open_array (builder, "channels");
  for (guint c = 0; c < site->width; c++)
    if (view->channel < 0 || c == (guint) view->channel)
      add_channel (builder, site, c, flags[c], view);
  json_builder_end_array (builder);
}

static void
add_nonfinite (JsonBuilder *builder, const TnFloatHistogram *histogram)
{
  tn_json_add_count (builder, "nans", histogram->nans);
  tn_json_add_count (builder, "positive_infinities", histogram->positive_infinities);
  tn_json_add_count (builder, "negative_infinities", histogram->negative_infinities);
}

static void
add_entropy (JsonBuilder *builder, double entropy, double entropy_octave)
{
  tn_json_open_object (builder, "entropy");
  tn_json_add_double (builder, "bits_128_bins_an_octave", entropy);
  tn_json_add_double (builder, "bits_1_bin_an_octave", entropy_octave);
  json_builder_end_object (builder);
}

void
tn_details_add_site (JsonBuilder *builder, const TnSiteStats *site, const TnDetailsView *view)
{
  g_autoptr (TnSiteDetails) details = tn_site_details_new (site, view->percents, view->n_percents, view->intervals);

  tn_json_add_double (builder, "variance", details->summary.variance);
  add_nonfinite (builder, site->histogram);
  add_percentiles (builder, details->percentiles, details->n_percentiles);
  add_bounds (builder, "iqr", &details->iqr);
  add_bounds (builder, "mad", &details->mad);
  tn_json_add_double (builder, "sparsity", details->hoyer);
  add_entropy (builder, details->entropy, details->entropy_octave);
  tn_json_open_object (builder, "outliers");
  add_rules (builder, details->outliers, view->rule);
  if (view->rule < 0)
    add_outliers (builder, "massive", &details->massive);
  json_builder_end_object (builder);
  add_intervals (builder, site, details, view);
  add_largest (builder, site);
  add_moving_range (builder, &site->moving);
  tn_json_add_bool (builder, "channel_histograms", site->channel_histograms != NULL);
  add_channels (builder, site, view);
}

void
tn_details_add_tensor (JsonBuilder *builder, const TnTensorDetails *details, const TnFloatHistogram *histogram)
{
  tn_json_add_double (builder, "skewness", details->skewness);
  tn_json_add_double (builder, "kurtosis", details->kurtosis);
  add_nonfinite (builder, histogram);
  add_percentiles (builder, details->percentiles, details->n_percentiles);
  add_bounds (builder, "iqr", &details->iqr);
  add_bounds (builder, "mad", &details->mad);
  tn_json_add_double (builder, "sparsity", details->hoyer);
  add_entropy (builder, details->entropy, details->entropy_octave);
  tn_json_open_object (builder, "outliers");
  add_rules (builder, details->outliers, -1);
  add_outliers (builder, "massive", &details->massive);
  json_builder_end_object (builder);
}
