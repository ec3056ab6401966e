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
  self->group_bins = g_new0 (guint64, TN_STATS_GROUPS * TN_GROUP_BINS);
  self->sequence_ranges = g_array_new (FALSE, FALSE, sizeof (TnSequenceRange));
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
  copy->group_bins = g_memdup2 (self->group_bins, TN_STATS_GROUPS * TN_GROUP_BINS * sizeof *self->group_bins);
  copy->sequence_ranges = g_array_copy (self->sequence_ranges);
  if (self->channel_histograms != NULL)
    copy->channel_histograms = tn_channel_histograms_copy (self->channel_histograms);
  if (self->gram != NULL)
    copy->gram = tn_gram_copy (self->gram);
  if (self->rows != NULL)
    copy->rows = tn_row_sample_copy (self->rows);
  copy->channels = g_memdup2 (self->channels, self->width * sizeof *self->channels);
  return copy;
}

void
tn_site_stats_free (TnSiteStats *self)
{
  if (self == NULL)
    return;
  tn_float_histogram_free (self->histogram);
  g_array_unref (self->sequence_ranges);
  tn_channel_histograms_free (self->channel_histograms);
  tn_gram_free (self->gram);
  tn_row_sample_free (self->rows);
  g_free (self->group_bins);
  g_free (self->channels);
  g_free (self->name);
  g_free (self);
}

static void
clear_bins (guint64 *bins, const guint64 *others, gsize n)
{
  memset (bins, 0, n * sizeof *bins);
}

void
tn_site_stats_clear (TnSiteStats *self)
{
  /* What groups and histogram say of the bins is needed for these. */
  tn_site_stats_foreach_group_bins (self, self, NULL, clear_bins);
  self->tokens = 0;
  self->oversize = 0;
  self->has_extremes = FALSE;
  self->n_largest = 0;
  self->has_details = TRUE;
  self->moving = (TnMovingRange){.decay = self->moving.decay};
  g_array_set_size (self->sequence_ranges, 0);
  tn_float_histogram_clear (self->histogram);
  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    self->groups[g] = (TnGroupStats){.min = INFINITY, .max = -INFINITY};
  for (guint c = 0; c < self->width; c++)
    self->channels[c] = (TnChannelStats){.min = INFINITY, .max = -INFINITY};
  if (self->channel_histograms != NULL)
    tn_channel_histograms_clear (self->channel_histograms);
  if (self->gram != NULL)
    tn_gram_clear (self->gram);
  if (self->rows != NULL)
    tn_row_sample_clear (self->rows);
}

void
tn_site_stats_keep_moving_range (TnSiteStats *self, double decay)
{
  g_return_if_fail (decay > 0.0 && decay < 1.0 && self->tokens == 0);

  self->moving = (TnMovingRange){.decay = decay};
}

gboolean
tn_site_stats_keep_gram (TnSiteStats *self, GError **error)
{
  g_return_val_if_fail (self->gram == NULL, FALSE);

  self->gram = tn_gram_new (self->width, error);
  return self->gram != NULL;
}

void
tn_site_stats_keep_rows (TnSiteStats *self, guint most)
{
  g_return_if_fail (self->rows == NULL && most > 0 && most <= TN_ROW_SAMPLE_MOST);

  self->rows = tn_row_sample_new (self->width, most);
}

void
tn_site_stats_keep_channel_histograms (TnSiteStats *self, gsize most_bytes)
{
  g_return_if_fail (self->tokens == 0);

  tn_channel_histograms_free (self->channel_histograms);
  self->channel_histograms = tn_channel_histograms_new (self->width, most_bytes);
}

static gboolean
extreme_equal (const TnExtreme *a, const TnExtreme *b)
{
  return a->value == b->value && a->sample == b->sample && a->token == b->token && a->channel == b->channel;
}

static gboolean
group_equal (const TnGroupStats *a, const TnGroupStats *b)
{
  return a->count == b->count && a->sequences == b->sequences && tn_wide_sum_equal (&a->sum_abs, &b->sum_abs) &&
         tn_wide_sum_equal (&a->sum1, &b->sum1) && tn_wide_sum_equal (&a->sum2, &b->sum2) &&
         tn_wide_sum_equal (&a->sum3, &b->sum3) && tn_wide_sum_equal (&a->sum4, &b->sum4) && a->zeros == b->zeros &&
         a->min == b->min && a->max == b->max;
}

static gboolean
details_equal (const TnSiteStats *a, const TnSiteStats *b)
{
  if (a->has_details != b->has_details || a->n_largest != b->n_largest || a->moving.decay != b->moving.decay ||
      a->moving.sequences != b->moving.sequences || a->moving.min != b->moving.min || a->moving.max != b->moving.max ||
      (a->channel_histograms != NULL) != (b->channel_histograms != NULL) || (a->gram != NULL) != (b->gram != NULL) ||
      (a->rows != NULL) != (b->rows != NULL) || (a->gram != NULL && !tn_gram_equal (a->gram, b->gram)) ||
      (a->rows != NULL && !tn_row_sample_equal (a->rows, b->rows)) ||
      memcmp (a->group_bins, b->group_bins, TN_STATS_GROUPS * TN_GROUP_BINS * sizeof *a->group_bins) != 0)
    return FALSE;
  for (guint i = 0; i < a->n_largest; i++)
    if (!extreme_equal (&a->largest[i], &b->largest[i]))
      return FALSE;
  return a->channel_histograms == NULL || tn_channel_histograms_equal (a->channel_histograms, b->channel_histograms);
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
  if (!details_equal (a, b))
    return FALSE;
  for (guint c = 0; c < a->width; c++)
    {
      const TnChannelStats *ca = &a->channels[c], *cb = &b->channels[c];

      if (ca->count != cb->count || ca->sum != cb->sum || ca->sum2 != cb->sum2 || ca->min != cb->min || ca->max != cb->max)
        return FALSE;
    }
  return TRUE;
}
