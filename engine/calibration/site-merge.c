/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/site-stats.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "engine/calibration/site-stats-private.h"
#include "engine/error.h"

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
tn_site_stats_foreach_group_bins (TnSiteStats *self, const TnSiteStats *occupied, const TnSiteStats *other, TnGroupBinsFunc func)
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
add_bins (guint64 *bins, const guint64 *others, gsize n)
{
  for (gsize i = 0; i < n; i++)
    bins[i] += others[i];
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
  tn_site_stats_foreach_group_bins (self, other, other, add_bins);
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
