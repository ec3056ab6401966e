/* SPDX-License-Identifier: Apache-2.0 */
#include "app/programs/ternion/calibrate-ranges.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <stdlib.h>

#include "data/files/json-members.h"
#include "data/statistics/details-text.h"
#include "engine/calibration/outliers.h"

static gboolean
is_asked (const TnCalibrateOptions *options)
{
  return tn_calibrate_options_is_given (options, "percentiles") || tn_calibrate_options_is_given (options, "outlier-rule") ||
         tn_calibrate_options_is_given (options, "ranges");
}

static gboolean
wants_rule (const TnCalibrateOptions *options, TnOutlierRule rule)
{
  TnOutlierRule wanted;

  return !tn_outlier_rule_parse (options->outlier_rule, &wanted, NULL) || wanted == rule;
}

static double
percent_at (const TnCalibrateOptions *options, guint index)
{
  return g_array_index (options->percentiles, double, index);
}

/* Widths of the channels' ranges. */
typedef struct
{
  double narrowest, median, widest;
} ChannelRanges;

static int
compare_doubles (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return x < y ? -1 : x > y;
}

static ChannelRanges
channel_ranges (const TnSiteStats *site)
{
  g_autofree double *widths = g_new (double, site->width);
  guint n = 0;

  for (guint c = 0; c < site->width; c++)
    if (site->channels[c].min <= site->channels[c].max)
      widths[n++] = (double) site->channels[c].max - (double) site->channels[c].min;
  if (n == 0)
    return (ChannelRanges) { NAN, NAN, NAN };
  qsort (widths, n, sizeof *widths, compare_doubles);
  return (ChannelRanges) { widths[0], widths[n / 2], widths[n - 1] };
}

static void
print_site (const TnSiteStats *site, const TnCalibrateOptions *options)
{
  g_autoptr (TnValueDistribution) distribution = tn_value_distribution_new_site (site);
  guint last = options->percentiles->len - 1;
  TnSiteSummary summary;

  tn_site_stats_summarize (site, &summary);
  g_print (_("  %-28s %.5g to %.5g (all values: %.5g to %.5g)"), site->name,
           tn_value_distribution_percentile (distribution, percent_at (options, 0)).value,
           tn_value_distribution_percentile (distribution, percent_at (options, last)).value, summary.min, summary.max);
  for (TnOutlierRule rule = 0; rule < TN_N_OUTLIER_RULES; rule++)
    if (wants_rule (options, rule))
      {
        TnOutliers outliers;

        tn_outliers_find (distribution, summary.mean, summary.std, rule, &outliers);
        g_print (_("  %s %.3g %%"), tn_outlier_rule_get_name (rule), 100.0 * outliers.fraction);
      }
  if (options->ranges == TN_RANGES_CHANNEL)
    {
      ChannelRanges ranges = channel_ranges (site);

      g_print (_("  channels %.4g, %.4g, %.4g"), ranges.narrowest, ranges.median, ranges.widest);
    }
  g_print ("\n");
}

void
tn_calibrate_ranges_print (const TnStats *stats, const TnCalibrateOptions *options)
{
  if (!is_asked (options))
    return;
  g_print (options->ranges == TN_RANGES_CHANNEL
               ? _("ranges from the %g to the %g %% point, outliers by rule, and the narrowest, the median and the widest channel:\n")
               : _("ranges from the %g to the %g %% point, and outliers by rule:\n"),
           percent_at (options, 0), percent_at (options, options->percentiles->len - 1));
  for (guint i = 0; i < stats->sites->len; i++)
    print_site (g_ptr_array_index (stats->sites, i), options);
}

static void
add_site (const TnSiteStats *site, const TnCalibrateOptions *options, JsonBuilder *builder)
{
  g_autoptr (TnValueDistribution) distribution = tn_value_distribution_new_site (site);
  TnSiteSummary summary;

  tn_site_stats_summarize (site, &summary);
  json_builder_begin_object (builder);
  tn_json_add_string (builder, "name", site->name);
  tn_json_add_double (builder, "min", summary.min);
  tn_json_add_double (builder, "max", summary.max);
  tn_json_open_object (builder, "percentiles");
  for (guint i = 0; i < options->percentiles->len; i++)
    {
      g_autofree char *name = tn_percentile_to_string (percent_at (options, i));

      tn_json_add_double (builder, name, tn_value_distribution_percentile (distribution, percent_at (options, i)).value);
    }
  json_builder_end_object (builder);
  tn_json_open_object (builder, "outliers");
  for (TnOutlierRule rule = 0; rule < TN_N_OUTLIER_RULES; rule++)
    if (wants_rule (options, rule))
      {
        TnOutliers outliers;

        tn_outliers_find (distribution, summary.mean, summary.std, rule, &outliers);
        tn_json_add_double (builder, tn_outlier_rule_get_name (rule), outliers.fraction);
      }
  json_builder_end_object (builder);
  if (options->ranges == TN_RANGES_CHANNEL)
    {
      ChannelRanges ranges = channel_ranges (site);

      tn_json_open_object (builder, "channel_ranges");
      tn_json_add_double (builder, "narrowest", ranges.narrowest);
      tn_json_add_double (builder, "median", ranges.median);
      tn_json_add_double (builder, "widest", ranges.widest);
      json_builder_end_object (builder);
    }
  json_builder_end_object (builder);
}

void
tn_calibrate_ranges_add (const TnStats *stats, const TnCalibrateOptions *options, JsonBuilder *builder)
{
  json_builder_set_member_name (builder, "site_ranges");
  if (!is_asked (options))
    {
      json_builder_add_null_value (builder);
      return;
    }
  json_builder_begin_array (builder);
  for (guint i = 0; i < stats->sites->len; i++)
    add_site (g_ptr_array_index (stats->sites, i), options, builder);
  json_builder_end_array (builder);
}
