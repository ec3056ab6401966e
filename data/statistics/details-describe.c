/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>

#include "data/files/count-text.h"
#include "data/statistics/details-text.h"

static void
append_interval (GString *text, const char *title, const TnInterval *interval)
{
  g_string_append_printf (text, "  %-14s %12.6g", title, interval->value);
  if (isfinite (interval->low))
    g_string_append_printf (text, "   [%.6g, %.6g]", interval->low, interval->high);
  g_string_append_c (text, '\n');
}

static void
append_bounded (GString *text, const char *title, const TnBounded *bounded, const TnInterval *interval)
{
  g_string_append_printf (text, "  %-14s %12.6g", title, bounded->value);
  if (isfinite (bounded->low))
    g_string_append_printf (text, "   %.6g … %.6g", bounded->low, bounded->high);
  if (interval != NULL && isfinite (interval->low))
    g_string_append_printf (text, "   [%.6g, %.6g]", interval->low, interval->high);
  g_string_append_c (text, '\n');
}

static void
append_place (GString *text, const TnExtreme *extreme)
{
  g_string_append_printf (text, _ ("sequence %016" PRIx64 ", token %u, channel %u"), extreme->sample, extreme->token, extreme->channel);
}

static void
append_extreme (GString *text, const char *title, const TnSiteStats *site, const TnExtreme *extreme, const TnRangeInterval *interval)
{
  g_string_append_printf (text, "  %-14s %12.6g", title, interval->value);
  if (isfinite (interval->limit))
    g_string_append_printf (text, _ ("   within %.6g in as many new sequences"), interval->limit);
  if (site->has_extremes)
    {
      g_string_append (text, "   ");
      append_place (text, extreme);
    }
  g_string_append_c (text, '\n');
}

static void
append_outliers (GString *text, const TnOutliers *outliers, const char *name)
{
  g_autofree char *count = tn_count_text ((guint64) (outliers->outside.count + 0.5));
  g_autofree char *least = tn_count_text (outliers->outside.least), *most = tn_count_text (outliers->outside.most);

  g_string_append_printf (text, "  %-14s", name);
  if (isnan (outliers->fraction))
    g_string_append (text, _ (" says nothing here\n"));
  else
    g_string_append_printf (text, _ (" %12s (%s to %s, %.3g %%) outside %.6g … %.6g\n"), count, least, most,
                            100.0 * outliers->fraction, outliers->low.value, outliers->high.value);
}

static void
append_rules (GString *text, const TnOutliers *outliers, gint rule)
{
  for (gint k = 0; k < TN_N_OUTLIER_RULES; k++)
    if (rule < 0 || k == rule)
      append_outliers (text, &outliers[k], tn_outlier_rule_get_name ((TnOutlierRule) k));
}

static void
append_percentiles (GString *text, const TnPercentileDetails *percentiles, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *percent = tn_percentile_to_string (percentiles[i].percent);
      g_autofree char *title = g_strdup_printf (_ ("percentile %s"), percent);

      append_bounded (text, title, &percentiles[i].value, &percentiles[i].interval);
    }
}

static void
append_entropy (GString *text, double entropy, double entropy_octave)
{
  g_string_append_printf (text, _ ("  entropy %.3f bits at 128 bins an octave, %.3f bits at 1\n"), entropy, entropy_octave);
}

static void
append_sequences (GString *text, const TnSiteStats *site)
{
  g_string_append (text, _ ("Sequences with the largest magnitudes\n"));
  for (guint i = 0; i < site->n_largest; i++)
    {
      g_string_append_printf (text, "  %12.6g   ", (double) site->largest[i].value);
      append_place (text, &site->largest[i]);
      g_string_append_c (text, '\n');
    }
}

char *
tn_details_describe (const TnSiteStats *site, const TnDetailsView *view)
{
  g_autoptr (TnSiteDetails) details = tn_site_details_new (site, view->percents, view->n_percents, TRUE);
  const TnSiteSummary *summary = &details->summary;
  g_autofree char *channels = tn_count_text (site->width), *tokens = tn_count_text (site->tokens), *values = tn_count_text (summary->count);
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, _ ("%s: %s channels, %s tokens, %s values\n"), site->name, channels, tokens, values);
  /* xgettext:no-c-format */
  g_string_append (text, _ ("Numbers with their 95 % intervals over sequences in [ ]; between … what a number lies in for certain\n"));
  append_extreme (text, _ ("min"), site, &site->min, &details->min);
  append_extreme (text, _ ("max"), site, &site->max, &details->max);
  append_interval (text, _ ("mean"), &details->mean);
  append_interval (text, _ ("std"), &details->std);
  append_interval (text, _ ("mean |x|"), &details->absmean);
  g_string_append_printf (text, _ ("  variance %.6g, skewness %.4g, kurtosis %.4g\n"), summary->variance, summary->skewness, summary->kurtosis);
  g_string_append_printf (text, _ ("  zeros %.4g %%, sparsity (Hoyer) %.4g, NaN %" PRIu64 ", infinite %" PRIu64 " and %" PRIu64
                                   ", too large for the sums %" PRIu64 "\n"),
                          100.0 * summary->zeros, details->hoyer, site->histogram->nans, site->histogram->positive_infinities,
                          site->histogram->negative_infinities, site->oversize);
  append_entropy (text, details->entropy, details->entropy_octave);
  if (site->moving.sequences > 0)
    g_string_append_printf (text, _ ("  moving range %.6g … %.6g (decay %g, %" PRIu64 " sequences; does not merge)\n"), site->moving.min,
                            site->moving.max, site->moving.decay, site->moving.sequences);
  append_percentiles (text, details->percentiles, details->n_percentiles);
  append_bounded (text, "IQR", &details->iqr, NULL);
  append_bounded (text, "MAD", &details->mad, NULL);
  g_string_append (text, _ ("Outliers\n"));
  append_rules (text, details->outliers, view->rule);
  if (view->rule < 0)
    append_outliers (text, &details->massive, _ ("massive"));
  append_sequences (text, site);
  return g_string_free (text, FALSE);
}

char *
tn_details_describe_tensor (const TnTensorDetails *details)
{
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, _ ("  skewness %.4g, kurtosis %.4g, sparsity (Hoyer) %.4g\n"), details->skewness, details->kurtosis, details->hoyer);
  append_entropy (text, details->entropy, details->entropy_octave);
  append_percentiles (text, details->percentiles, details->n_percentiles);
  append_bounded (text, "IQR", &details->iqr, NULL);
  append_bounded (text, "MAD", &details->mad, NULL);
  g_string_append (text, _ ("Outliers\n"));
  append_rules (text, details->outliers, -1);
  append_outliers (text, &details->massive, _ ("massive"));
  return g_string_free (text, FALSE);
}

static const char *
describe_flags (TnChannelFlags flags)
{
  if (flags & TN_CHANNEL_MASSIVE)
    return _ ("massive");
  if (flags & TN_CHANNEL_LOUD)
    return _ ("loud");
  return flags & TN_CHANNEL_LARGE ? _ ("large") : "";
}

char *
tn_details_describe_channels (const TnSiteStats *site, const TnDetailsView *view)
{
  g_autofree TnChannelFlags *flags = g_new (TnChannelFlags, site->width);
  GString *text = g_string_new (NULL);

  tn_site_stats_flag_channels (site, flags);
  g_string_append_printf (text, "%8s %12s %12s %12s %12s %12s  %s\n", _ ("channel"), _ ("min"), _ ("max"), _ ("mean"), _ ("std"), _ ("rms"),
                          _ ("outlier"));
  for (guint c = 0; c < site->width; c++)
    {
      g_autoptr (TnChannelDetails) details = NULL;

      if (view->channel >= 0 && c != (guint) view->channel)
        continue;
      details = tn_channel_details_new (site, c, flags[c], view->percents, view->channel >= 0 ? view->n_percents : 0);
      g_string_append_printf (text, "%8u %12.6g %12.6g %12.6g %12.6g %12.6g  %s\n", c, details->min, details->max, details->mean, details->std,
                              details->rms, describe_flags (flags[c]));
      if (view->channel < 0)
        continue;
      if (site->channel_histograms == NULL)
        {
          g_string_append (text, _ ("  no histograms of channels were kept (ternion calibrate --channel-histograms SITE)\n"));
          continue;
        }
      g_string_append_printf (text, _ ("  zeros %.4g %%\n"), 100.0 * details->zeros);
      append_percentiles (text, details->percentiles, details->n_percentiles);
      append_bounded (text, "IQR", &details->iqr, NULL);
      append_bounded (text, "MAD", &details->mad, NULL);
      append_rules (text, details->outliers, view->rule);
    }
  return g_string_free (text, FALSE);
}
