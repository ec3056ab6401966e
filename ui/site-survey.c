/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/site-survey.h"

#include <math.h>

#include "engine/calibration/intervals.h"

static const char *const scheme_names[TN_N_SITE_SCHEMES] = {"int8", "int4"};

static void
search (const TnSiteStats *site, TnSiteFindings *findings)
{
  findings->searched = TRUE;
  for (guint i = 0; i < TN_N_SITE_SCHEMES; i++)
    {
      TnScheme scheme;

      findings->searched = findings->searched && tn_scheme_parse (scheme_names[i], &scheme, NULL) &&
                           tn_parameter_search (site->histogram, findings->min, findings->max, &scheme, TN_METHOD_MSE, 0,
                                                &findings->params[i], NULL);
    }
}

static TnSitePoint
estimate (const TnSiteStats *site, TnMoment moment)
{
  TnInterval interval = tn_site_stats_moment_interval (site, moment);

  return (TnSitePoint){interval.value, interval.low, interval.high};
}

static TnSiteFindings *
describe (const TnSiteStats *site)
{
  TnSiteFindings *findings = g_new0 (TnSiteFindings, 1);
  TnSiteSummary summary;

  tn_site_stats_summarize (site, &summary);
  findings->name = g_strdup (site->name);
  findings->width = site->width;
  findings->tokens = site->tokens;
  findings->nonfinite = summary.nonfinite;
  findings->min = summary.min;
  findings->max = summary.max;
  findings->mean = summary.mean;
  findings->std = summary.std;
  findings->points[TN_SITE_RANGE] = (TnSitePoint){(double) NAN, summary.min, summary.max};
  findings->points[TN_SITE_DEVIATION] = estimate (site, TN_MOMENT_STD);
  findings->points[TN_SITE_MAGNITUDE] = estimate (site, TN_MOMENT_ABSMEAN);
  findings->points[TN_SITE_MEAN] = estimate (site, TN_MOMENT_MEAN);
  return findings;
}

TnSiteSurvey *
tn_site_survey_new (const TnStats *stats, const char *chosen, guint first, gint64 budget_us, GCancellable *cancellable)
{
  TnSiteSurvey *self = g_new0 (TnSiteSurvey, 1);
  gint64 start;
  guint n = stats->sites->len;

  self->samples = stats->samples;
  self->tokens = stats->tokens;
  self->findings = g_ptr_array_new_full (n, (GDestroyNotify) tn_site_findings_free);
  for (guint i = 0; i < n; i++)
    {
      const TnSiteStats *site = g_ptr_array_index (stats->sites, i);
      TnSiteFindings *findings = describe (site);

      g_ptr_array_add (self->findings, findings);
      if (g_strcmp0 (site->name, chosen) != 0)
        continue;
      search (site, findings);
      self->site = tn_site_stats_copy (site);
      self->channels = tn_channel_map_new (stats, chosen);
      self->chosen = g_strdup (chosen);
    }

  /* Describing thousands of sites takes longer than the budget: whatever it was, some are searched in every look. */
  start = g_get_monotonic_time ();
  self->next = n > 0 ? first % n : 0;
  for (; self->n_searched < n; self->n_searched++)
    {
      TnSiteFindings *findings = g_ptr_array_index (self->findings, self->next);

      if (g_cancellable_is_cancelled (cancellable) || (budget_us > 0 && g_get_monotonic_time () - start > budget_us))
        break;
      if (!findings->searched)
        search (g_ptr_array_index (stats->sites, self->next), findings);
      self->next = (self->next + 1) % n;
    }
  return self;
}

void
tn_site_survey_free (TnSiteSurvey *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->findings, g_ptr_array_unref);
  g_clear_pointer (&self->site, tn_site_stats_free);
  g_clear_pointer (&self->channels, tn_channel_map_free);
  g_free (self->chosen);
  g_free (self);
}
