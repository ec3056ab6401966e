/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/site-stats.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "engine/calibration/site-stats-private.h"
#include "engine/error.h"

TnSiteStats *
tn_site_stats_new (const char *name, guint width)
{
  TnSiteStats *self;

  g_return_val_if_fail (name != NULL && width > 0 && width <= TN_STATS_MAX_WIDTH, NULL);

  self = g_new0 (TnSiteStats, 1);
  self->name = g_strdup (name);
  self->width = width;
  self->histogram = tn_float_histogram_new ();
  self->channels = g_new (TnChannelStats, width);
  tn_site_stats_clear (self);
  return self;
}

TnSiteStats *
tn_site_stats_copy (const TnSiteStats *self)
{
  TnSiteStats *copy = g_new (TnSiteStats, 1);

  *copy = *self;
  copy->name = g_strdup (self->name);
  copy->histogram = tn_float_histogram_copy (self->histogram);
  copy->channels = g_memdup2 (self->channels, self->width * sizeof *self->channels);
  return copy;
}

void
tn_site_stats_free (TnSiteStats *self)
{
  if (self == NULL)
    return;
  tn_float_histogram_free (self->histogram);
  g_free (self->channels);
  g_free (self->name);
  g_free (self);
}

void
tn_site_stats_clear (TnSiteStats *self)
{
  self->tokens = 0;
  self->oversize = 0;
  self->has_extremes = FALSE;
  tn_float_histogram_clear (self->histogram);
  memset (self->groups, 0, sizeof self->groups);
  for (guint c = 0; c < self->width; c++)
    self->channels[c] = (TnChannelStats){.min = INFINITY, .max = -INFINITY};
}

gboolean
tn_site_stats_check_merge (const TnSiteStats *self, const TnSiteStats *other, GError **error)
{
  if (self->width != other->width)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH, _ ("site %s: width %u cannot be merged with width %u"), self->name,
                   self->width, other->width);
      return FALSE;
    }
  if (other->tokens > TN_STATS_MAX_TOKENS - self->tokens)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA,
                   _ ("site %s: %" PRIu64 " and %" PRIu64 " tokens are more than exact sums can hold (2^32)"), self->name,
                   self->tokens, other->tokens);
      return FALSE;
    }
  return TRUE;
}

gboolean
tn_site_stats_merge (TnSiteStats *self, const TnSiteStats *other, GError **error)
{
  if (!tn_site_stats_check_merge (self, other, error))
    return FALSE;

  self->tokens += other->tokens;
  self->oversize += other->oversize;
  if (other->has_extremes)
    {
      if (!self->has_extremes || tn_extreme_beats (&other->min, &self->min, FALSE))
        self->min = other->min;
      if (!self->has_extremes || tn_extreme_beats (&other->max, &self->max, TRUE))
        self->max = other->max;
      self->has_extremes = TRUE;
    }
  tn_float_histogram_merge (self->histogram, other->histogram);
  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    tn_group_moments_merge (&self->groups[g], &other->groups[g]);
  for (guint c = 0; c < self->width; c++)
    {
      TnChannelStats *mine = &self->channels[c];
      const TnChannelStats *theirs = &other->channels[c];

      mine->count += theirs->count;
      mine->sum += theirs->sum;
      mine->sum2 += theirs->sum2;
      mine->min = MIN (mine->min, theirs->min);
      mine->max = MAX (mine->max, theirs->max);
    }
  return TRUE;
}

static gboolean
extreme_equal (const TnExtreme *a, const TnExtreme *b)
{
  return a->value == b->value && a->sample == b->sample && a->token == b->token && a->channel == b->channel;
}

static gboolean
group_equal (const TnGroupMoments *a, const TnGroupMoments *b)
{
  return a->count == b->count && a->sequences == b->sequences && tn_wide_sum_equal (&a->sum_abs, &b->sum_abs) &&
         tn_wide_sum_equal (&a->sum1, &b->sum1) && tn_wide_sum_equal (&a->sum2, &b->sum2) &&
         tn_wide_sum_equal (&a->sum3, &b->sum3) && tn_wide_sum_equal (&a->sum4, &b->sum4);
}

gboolean
tn_site_stats_equal (const TnSiteStats *a, const TnSiteStats *b)
{
  const TnFloatHistogram *ha = a->histogram, *hb = b->histogram;

  if (strcmp (a->name, b->name) != 0 || a->width != b->width || a->tokens != b->tokens || a->oversize != b->oversize ||
      a->has_extremes != b->has_extremes)
    return FALSE;
  if (a->has_extremes && (!extreme_equal (&a->min, &b->min) || !extreme_equal (&a->max, &b->max)))
    return FALSE;
  if (ha->zeros != hb->zeros || ha->nans != hb->nans || ha->positive_infinities != hb->positive_infinities ||
      ha->negative_infinities != hb->negative_infinities ||
      memcmp (ha->bins, hb->bins, TN_FLOAT_HISTOGRAM_BINS * sizeof *ha->bins) != 0)
    return FALSE;
  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    if (!group_equal (&a->groups[g], &b->groups[g]))
      return FALSE;
  for (guint c = 0; c < a->width; c++)
    {
      const TnChannelStats *ca = &a->channels[c], *cb = &b->channels[c];

      if (ca->count != cb->count || ca->sum != cb->sum || ca->sum2 != cb->sum2 || ca->min != cb->min || ca->max != cb->max)
        return FALSE;
    }
  return TRUE;
}

void
tn_group_moments_merge (TnGroupMoments *self, const TnGroupMoments *other)
{
  self->count += other->count;
  self->sequences += other->sequences;
  tn_wide_sum_merge (&self->sum_abs, &other->sum_abs);
  tn_wide_sum_merge (&self->sum1, &other->sum1);
  tn_wide_sum_merge (&self->sum2, &other->sum2);
  tn_wide_sum_merge (&self->sum3, &other->sum3);
  tn_wide_sum_merge (&self->sum4, &other->sum4);
}

void
tn_site_stats_summarize (const TnSiteStats *self, TnSiteSummary *summary)
{
  const TnFloatHistogram *histogram = self->histogram;
  TnGroupMoments total = {0};
  guint64 finite;
  double n, mean, raw2, raw3, raw4, variance;

  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    tn_group_moments_merge (&total, &self->groups[g]);

  *summary = (TnSiteSummary){
      .count = self->tokens * self->width,
      .nonfinite = histogram->nans + histogram->positive_infinities + histogram->negative_infinities,
      .oversize = self->oversize,
      .min = self->has_extremes ? (double) self->min.value : (double) NAN,
      .max = self->has_extremes ? (double) self->max.value : (double) NAN,
      .mean = (double) NAN,
      .std = (double) NAN,
      .absmean = (double) NAN,
      .skewness = (double) NAN,
      .kurtosis = (double) NAN,
      .zeros = (double) NAN,
      .mean_square = (double) NAN,
  };
  finite = summary->count - summary->nonfinite;
  if (finite > 0)
    summary->zeros = (double) histogram->zeros / (double) finite;
  if (total.count == 0)
    return;

  n = (double) total.count;
  mean = tn_wide_sum_to_double (&total.sum1) / n;
  raw2 = tn_wide_sum_to_double (&total.sum2) / n;
  raw3 = tn_wide_sum_to_double (&total.sum3) / n;
  raw4 = tn_wide_sum_to_double (&total.sum4) / n;
  variance = MAX (raw2 - mean * mean, 0.0);
  summary->mean = mean;
  summary->mean_square = raw2;
  summary->absmean = tn_wide_sum_to_double (&total.sum_abs) / n;
  summary->std = sqrt (variance);
  /* Below this the difference of the raw moments is rounding, not spread. */
  if (variance > 1e-13 * raw2)
    {
      double third = raw3 - 3.0 * mean * raw2 + 2.0 * mean * mean * mean;
      double fourth = raw4 - 4.0 * mean * raw3 + 6.0 * mean * mean * raw2 - 3.0 * mean * mean * mean * mean;

      summary->skewness = third / (variance * summary->std);
      summary->kurtosis = fourth / (variance * variance);
    }
}
