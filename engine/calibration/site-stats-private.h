/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/site-stats.h"

G_BEGIN_DECLS

/* TRUE when a stands before b, of equal values: at an earlier (sample, token, channel). */
static inline gboolean
tn_extreme_precedes (const TnExtreme *a, const TnExtreme *b)
{
  if (a->sample != b->sample)
    return a->sample < b->sample;
  if (a->token != b->token)
    return a->token < b->token;
  return a->channel < b->channel;
}

/* TRUE when a stands before b: a larger (or smaller) value, or the same at an earlier place. A total order, so that the winner does
 * not depend on the order of the contest. */
static inline gboolean
tn_extreme_beats (const TnExtreme *a, const TnExtreme *b, gboolean want_largest)
{
  if (a->value != b->value)
    return want_largest ? a->value > b->value : a->value < b->value;
  return tn_extreme_precedes (a, b);
}

/* The moments alone. */
void tn_group_stats_merge_moments (TnGroupStats *self, const TnGroupStats *other);
void tn_group_stats_merge (TnGroupStats *self, const TnGroupStats *other);
/* The largest value of a sequence, as far as it has been seen. */
void tn_site_stats_offer_largest (TnSiteStats *self, const TnExtreme *extreme);

/* What the next sequence's range does to the moving range. */
void tn_site_stats_enter_range (TnSiteStats *self, const TnSequenceRange *range);

/* Calls for the bins of every group of self that occupied has any of, in the blocks that its histogram occupies; others: those of other, or NULL. */
typedef void (*TnGroupBinsFunc) (guint64 *bins, const guint64 *others, gsize n);
void tn_site_stats_foreach_group_bins (TnSiteStats *self, const TnSiteStats *occupied, const TnSiteStats *other, TnGroupBinsFunc func);

static inline guint64 *
tn_site_stats_group_bins (const TnSiteStats *self, guint group)
{
  return self->group_bins + (gsize) group * TN_GROUP_BINS;
}

/* Bins of a group in the order of their values: the negative ones, zero, the positive ones. */
#define TN_ORDERED_GROUP_BINS (TN_GROUP_BINS + 1)
#define TN_ZERO_GROUP_BIN (TN_GROUP_BINS / 2)

static inline guint64
tn_site_stats_ordered_bin (const TnSiteStats *self, guint group, guint place)
{
  const guint64 *bins = tn_site_stats_group_bins (self, group);

  if (place == TN_ZERO_GROUP_BIN)
    return self->groups[group].zeros;
  return place < TN_ZERO_GROUP_BIN ? bins[TN_GROUP_BINS - 1 - place] : bins[place - TN_ZERO_GROUP_BIN - 1];
}

G_END_DECLS
