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

/* Calls for the bins of every group that has any, in the blocks that its site's histogram occupies. */
typedef void (*GroupBinsFunc) (guint64 *bins, const guint64 *others, gsize n);

static void
foreach_group_bins (TnSiteStats *self, const TnSiteStats *occupied, const TnSiteStats *other, GroupBinsFunc func)
{
  enum
  {
    N = TN_FLOAT_HISTOGRAM_BLOCK / TN_GROUP_BIN_WIDTH
  };

  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    for (guint block = 0; occupied->groups[g].sequences > 0 && block < TN_GROUP_BINS / N; block++)
      if (occupied->histogram->occupied >> block & 1)
        func (tn_site_stats_group_bins (self, g) + block * N, other != NULL ? tn_site_stats_group_bins (other, g) + block * N : NULL,
              N);
}

static void
clear_bins (guint64 *bins, const guint64 *others, gsize n)
{
  memset (bins, 0, n * sizeof *bins);
}

static void
add_bins (guint64 *bins, const guint64 *others, gsize n)
{
  for (gsize i = 0; i < n; i++)
    bins[i] += others[i];
}

void
tn_site_stats_clear (TnSiteStats *self)
{
  /* What groups and histogram say of the bins is needed for these. */
  foreach_group_bins (self, self, NULL, clear_bins);
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
tn_site_stats_keep_moving_range (TnSiteStats *self, double decay)
{
  g_return_if_fail (decay > 0.0 && decay < 1.0 && self->tokens == 0);

  self->moving = (TnMovingRange){.decay = decay};
}

void
tn_site_stats_keep_channel_histograms (TnSiteStats *self, gsize most_bytes)
{
  g_return_if_fail (self->tokens == 0);

  tn_channel_histograms_free (self->channel_histograms);
  self->channel_histograms = tn_channel_histograms_new (self->width, most_bytes);
}

static guint64
count_sequences (const TnSiteStats *self)
{
  guint64 sequences = 0;

  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    sequences += self->groups[g].sequences;
  return sequences;
}

static gboolean
check_inputs (const TnSiteStats *self, const TnSiteStats *other, GError **error)
{
  gboolean both = self->tokens > 0 && other->tokens > 0;

  if (both && (self->gram != NULL) != (other->gram != NULL))
    g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH,
                 _ ("site %s: only one of both has the Gram matrix of its inputs: such statistics do not merge"), self->name);
  else if (both && (self->rows != NULL) != (other->rows != NULL))
    g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH,
                 _ ("site %s: only one of both has rows of its inputs: such statistics do not merge"), self->name);
  else
    return TRUE;
  return FALSE;
}

static gboolean
check_channel_histograms (const TnSiteStats *self, const TnSiteStats *other, GError **error)
{
  if (self->channel_histograms == NULL && other->channel_histograms == NULL)
    return TRUE;
  if ((self->channel_histograms == NULL || other->channel_histograms == NULL) && self->tokens > 0 && other->tokens > 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH,
                   _ ("site %s: only one of both has histograms of its channels: such statistics do not merge"), self->name);
      return FALSE;
    }
  if (self->tokens + other->tokens >= TN_CHANNEL_HISTOGRAM_MAX_TOKENS)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA,
                   _ ("site %s: %" PRIu64 " and %" PRIu64 " tokens are more than histograms of channels can hold (2^32 - 1)"),
                   self->name, self->tokens, other->tokens);
      return FALSE;
    }
  return TRUE;
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
  return check_inputs (self, other, error) && check_channel_histograms (self, other, error);
}

void
tn_site_stats_offer_largest (TnSiteStats *self, const TnExtreme *extreme)
{
  TnExtreme *list = self->largest;
  guint at = 0;

  while (at < self->n_largest && list[at].sample != extreme->sample)
    at++;
  /* A sequence stands in the list once, with its largest value. */
  if (at < self->n_largest)
    {
      if (fabsf (list[at].value) > fabsf (extreme->value) ||
          (fabsf (list[at].value) == fabsf (extreme->value) && !tn_extreme_precedes (extreme, &list[at])))
        return;
    }
  else if (self->n_largest < TN_STATS_LARGEST)
    self->n_largest++;
  else
    {
      at = TN_STATS_LARGEST - 1;
      if (fabsf (list[at].value) > fabsf (extreme->value) ||
          (fabsf (list[at].value) == fabsf (extreme->value) && list[at].sample < extreme->sample))
        return;
    }
  for (; at > 0 && (fabsf (list[at - 1].value) < fabsf (extreme->value) ||
                    (fabsf (list[at - 1].value) == fabsf (extreme->value) && list[at - 1].sample > extreme->sample));
       at--)
    list[at] = list[at - 1];
  list[at] = *extreme;
}

static void
merge_channel_histograms (TnSiteStats *self, const TnSiteStats *other)
{
  if (other->channel_histograms == NULL)
    {
      if (other->tokens > 0)
        g_clear_pointer (&self->channel_histograms, tn_channel_histograms_free);
    }
  else if (self->channel_histograms != NULL)
    tn_channel_histograms_merge (self->channel_histograms, other->channel_histograms);
  else if (self->tokens == 0)
    self->channel_histograms = tn_channel_histograms_copy (other->channel_histograms);
}

static void
merge_inputs (TnSiteStats *self, const TnSiteStats *other)
{
  if (self->gram != NULL && other->gram != NULL)
    tn_gram_merge (self->gram, other->gram);
  else if (self->tokens == 0 && other->gram != NULL)
    self->gram = tn_gram_copy (other->gram);
  if (self->rows != NULL && other->rows != NULL)
    tn_row_sample_merge (self->rows, other->rows);
  else if (self->tokens == 0 && other->rows != NULL)
    self->rows = tn_row_sample_copy (other->rows);
}

void
tn_site_stats_enter_range (TnSiteStats *self, const TnSequenceRange *range)
{
  TnMovingRange *moving = &self->moving;

  if (range->min > range->max)
    return;
  if (moving->sequences++ == 0)
    {
      moving->min = (double) range->min;
      moving->max = (double) range->max;
      return;
    }
  moving->min = moving->decay * moving->min + (1.0 - moving->decay) * (double) range->min;
  moving->max = moving->decay * moving->max + (1.0 - moving->decay) * (double) range->max;
}

/* Statistics of the first file version know nothing of these, and neither does what they were merged with. */
static void
drop_details (TnSiteStats *self)
{
  self->n_largest = 0;
  memset (self->group_bins, 0, TN_STATS_GROUPS * TN_GROUP_BINS * sizeof *self->group_bins);
  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    {
      self->groups[g].zeros = 0;
      self->groups[g].min = INFINITY;
      self->groups[g].max = -INFINITY;
    }
}

gboolean
tn_site_stats_append (TnSiteStats *self, const TnSiteStats *other, GError **error)
{
  TnMovingRange moving = self->moving;

  if (!tn_site_stats_merge (self, other, error))
    return FALSE;
  if (moving.decay != other->moving.decay)
    return TRUE;
  self->moving = moving;
  for (guint i = 0; i < other->sequence_ranges->len; i++)
    tn_site_stats_enter_range (self, &g_array_index (other->sequence_ranges, TnSequenceRange, i));
  return TRUE;
}

gboolean
tn_site_stats_merge (TnSiteStats *self, const TnSiteStats *other, GError **error)
{
  if (!tn_site_stats_check_merge (self, other, error))
    return FALSE;

  if (count_sequences (other) > 0)
    self->moving = count_sequences (self) == 0 ? other->moving : (TnMovingRange){0};
  merge_channel_histograms (self, other);
  merge_inputs (self, other);
  self->has_details = self->has_details && other->has_details;
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
    tn_group_stats_merge (&self->groups[g], &other->groups[g]);
  foreach_group_bins (self, other, other, add_bins);
  for (guint i = 0; i < other->n_largest; i++)
    tn_site_stats_offer_largest (self, &other->largest[i]);
  if (!self->has_details)
    drop_details (self);
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

void
tn_group_stats_merge_moments (TnGroupStats *self, const TnGroupStats *other)
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
tn_group_stats_merge (TnGroupStats *self, const TnGroupStats *other)
{
  tn_group_stats_merge_moments (self, other);
  self->zeros += other->zeros;
  self->min = MIN (self->min, other->min);
  self->max = MAX (self->max, other->max);
}

void
tn_site_stats_summarize (const TnSiteStats *self, TnSiteSummary *summary)
{
  const TnFloatHistogram *histogram = self->histogram;
  TnGroupStats total = {0};
  guint64 finite;
  double n, mean, raw2, raw3, raw4, variance;

  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    tn_group_stats_merge_moments (&total, &self->groups[g]);

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
      .variance = (double) NAN,
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
  summary->variance = variance;
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
