/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/outliers.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "engine/error.h"

/* 0.6745 is the third quartile of the normal distribution: 0.6745 |x - median| / MAD is in standard deviations. */
#define NORMAL_QUARTILE 0.6745

static const char *const names[TN_N_OUTLIER_RULES] = {"sigma", "iqr", "modified-z", "tail"};

const char *
tn_outlier_rule_get_name (TnOutlierRule rule)
{
  g_return_val_if_fail (rule < TN_N_OUTLIER_RULES, NULL);

  return names[rule];
}

gboolean
tn_outlier_rule_parse (const char *name, TnOutlierRule *rule, GError **error)
{
  for (guint i = 0; i < TN_N_OUTLIER_RULES; i++)
    if (strcmp (names[i], name) == 0)
      {
        *rule = (TnOutlierRule) i;
        return TRUE;
      }
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("outlier rule “%s” found; sigma, iqr, modified-z or tail expected"), name);
  return FALSE;
}

static TnBounded
around (const TnBounded *center, const TnBounded *distance, double sign)
{
  double nearest = MIN (distance->low, distance->high), farthest = MAX (distance->low, distance->high);

  return (TnBounded){
      .value = center->value + sign * distance->value,
      .low = center->low + (sign > 0.0 ? nearest : -farthest),
      .high = center->high + (sign > 0.0 ? farthest : -nearest),
  };
}

static TnBounded
times (const TnBounded *bounded, double factor)
{
  return (TnBounded){factor * bounded->value, factor * bounded->low, factor * bounded->high};
}

/* The distance that one value among count is expected to exceed; NaN when there is no tail to fit. */
static double
find_return_level (const TnValueDistribution *distribution, const TnBounded *center, double *shape)
{
  double q96 = tn_value_distribution_distance (distribution, center, 96.0).value;
  double q98 = tn_value_distribution_distance (distribution, center, 98.0).value;
  double q99 = tn_value_distribution_distance (distribution, center, 99.0).value;
  double xi, scale, ratio = 0.02 * (double) distribution->count;

  if (distribution->count < TN_OUTLIER_TAIL_LEAST_VALUES || !(q99 > q98 && q98 > q96))
    return (double) NAN;
  xi = log2 ((q99 - q98) / (q98 - q96));
  *shape = xi;
  xi = MAX (xi, 0.0);
  /* From the median of the excesses over q98, which is q99 - q98. */
  scale = xi > 1e-9 ? (q99 - q98) * xi / (exp2 (xi) - 1.0) : (q99 - q98) / G_LN2;
  return q98 + (xi > 1e-9 ? scale / xi * (pow (ratio, xi) - 1.0) : scale * log (ratio));
}

static void
count_outliers (const TnValueDistribution *distribution, TnOutliers *outliers)
{
  if (isnan (outliers->low.value) || isnan (outliers->high.value))
    return;
  outliers->outside = tn_value_distribution_count_outside (distribution, &outliers->low, &outliers->high);
  outliers->fraction = outliers->outside.count / (double) distribution->count;
}

void
tn_outliers_find (const TnValueDistribution *distribution, double mean, double std, TnOutlierRule rule, TnOutliers *outliers)
{
  const TnBounded nothing = {(double) NAN, (double) NAN, (double) NAN};
  TnBounded median = tn_value_distribution_percentile (distribution, 50.0), center = median, distance = nothing;

  *outliers = (TnOutliers){.rule = rule, .low = nothing, .high = nothing, .fraction = (double) NAN, .shape = (double) NAN};
  if (distribution->count == 0)
    return;
  switch (rule)
    {
    case TN_OUTLIER_SIGMA:
      center = (TnBounded){mean, mean, mean};
      distance = (TnBounded){std, std, std};
      distance = times (&distance, TN_OUTLIER_SIGMAS);
      break;
    case TN_OUTLIER_IQR:
      distance = tn_value_distribution_iqr (distribution);
      distance = times (&distance, TN_OUTLIER_FENCE);
      center = tn_value_distribution_percentile (distribution, 25.0);
      outliers->low = around (&center, &distance, -1.0);
      center = tn_value_distribution_percentile (distribution, 75.0);
      outliers->high = around (&center, &distance, 1.0);
      break;
    case TN_OUTLIER_MODIFIED_Z:
      distance = tn_value_distribution_distance (distribution, &median, 50.0);
      distance = times (&distance, TN_OUTLIER_MODIFIED_Z_SCORE / NORMAL_QUARTILE);
      break;
    case TN_OUTLIER_TAIL:
      /* A fit, not a rank: it has no bounds of its own. */
      distance.value = distance.low = distance.high = find_return_level (distribution, &median, &outliers->shape);
      center.low = center.high = center.value;
      break;
    case TN_N_OUTLIER_RULES:
      g_return_if_reached ();
    }
  /* Half of all values are one: any other would be an outlier. */
  if (!(distance.value > 0.0))
    {
      outliers->low = outliers->high = nothing;
      return;
    }
  if (rule != TN_OUTLIER_IQR)
    {
      outliers->low = around (&center, &distance, -1.0);
      outliers->high = around (&center, &distance, 1.0);
    }
  count_outliers (distribution, outliers);
}

static TnBounded
massive_magnitude (const TnValueDistribution *distribution)
{
  static const TnBounded zero = {0.0, 0.0, 0.0};
  TnBounded median = tn_value_distribution_distance (distribution, &zero, 50.0);

  return (TnBounded){
      .value = MAX (TN_MASSIVE_RATIO * median.value, TN_MASSIVE_MAGNITUDE),
      .low = MAX (TN_MASSIVE_RATIO * median.low, TN_MASSIVE_MAGNITUDE),
      .high = MAX (TN_MASSIVE_RATIO * median.high, TN_MASSIVE_MAGNITUDE),
  };
}

void
tn_outliers_find_massive (const TnValueDistribution *distribution, TnOutliers *outliers)
{
  *outliers = (TnOutliers){.low = {(double) NAN, (double) NAN, (double) NAN}, .fraction = (double) NAN, .shape = (double) NAN};
  outliers->high = outliers->low;
  if (distribution->count == 0)
    return;
  outliers->high = massive_magnitude (distribution);
  outliers->low = (TnBounded){-outliers->high.value, -outliers->high.high, -outliers->high.low};
  count_outliers (distribution, outliers);
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return x < y ? -1 : x > y;
}

static double
median_of (double *values, guint n)
{
  qsort (values, n, sizeof *values, compare_doubles);
  return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2.0;
}

static double
log_rms (const TnChannelStats *channel)
{
  double sum = tn_channel_sum_to_double (channel->sum2);

  return channel->count > 0 && sum > 0.0 ? 0.5 * log (sum / (double) channel->count) : (double) -INFINITY;
}

void
tn_site_stats_flag_channels (const TnSiteStats *site, TnChannelFlags *flags)
{
  g_autoptr (TnValueDistribution) distribution = tn_value_distribution_new_site (site);
  double massive = distribution->count > 0 ? massive_magnitude (distribution).value : (double) INFINITY;
  g_autofree double *values = g_new (double, site->width);
  double median = 0.0, mad = 0.0;
  guint n = 0;

  for (guint c = 0; c < site->width; c++)
    if (isfinite (log_rms (&site->channels[c])))
      values[n++] = log_rms (&site->channels[c]);
  if (n > 0)
    {
      median = median_of (values, n);
      for (guint i = 0; i < n; i++)
        values[i] = fabs (values[i] - median);
      mad = median_of (values, n);
    }
  for (guint c = 0; c < site->width; c++)
    {
      const TnChannelStats *channel = &site->channels[c];
      double magnitude = MAX (fabs ((double) channel->min), fabs ((double) channel->max));

      flags[c] = 0;
      if (channel->min > channel->max)
        continue;
      if (magnitude >= TN_CHANNEL_LARGE_MAGNITUDE)
        flags[c] |= TN_CHANNEL_LARGE;
      if (mad > 0.0 && NORMAL_QUARTILE * (log_rms (channel) - median) > TN_OUTLIER_MODIFIED_Z_SCORE * mad)
        flags[c] |= TN_CHANNEL_LOUD;
      if (magnitude > massive)
        flags[c] |= TN_CHANNEL_MASSIVE;
    }
}
