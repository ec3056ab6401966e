/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/wide-sum.h"
#include "engine/nn/batch.h"

G_BEGIN_DECLS

/* What makes estimates unbiased where sequences were not drawn evenly (stratified, importance). All other statistics count every sequence once; these
 * sums count it w times, w = TnSequence.weight, the number of sequences of the data it stands for (the inverse of the chance to be drawn; Horvitz and
 * Thompson 1952): per site the sums over sequences of w n, w S|x|, w Sx, w Sx^2, with the sequence's n values and sums of them, a row after the other,
 * in a row the value of channel c in partial sum c % 8. They are unbiased for the same sums over all sequences of the data; means, which are ratios of
 * them, are so up to terms of the order of 1 / (number of sequences). Values that are not finite, or of magnitude 2^27 and more, are left out.
 *
 * A sequence's sums are doubles that depend on it alone, their products with w are rounded once, and added without loss: exact and mergeable. */
typedef struct
{
  TnWideSum count, sum_abs, sum1, sum2;
} TnWeightedMoments;

typedef struct
{
  TnWideSum          weight, weight2; /* sums of w and w^2 over sequences */
  guint              n_sites;
  TnWeightedMoments *sites;           /* [n_sites], in the order of TnStats */
} TnWeightedStats;

TnWeightedStats *tn_weighted_stats_new     (guint n_sites);
TnWeightedStats *tn_weighted_stats_copy    (const TnWeightedStats *self);
void             tn_weighted_stats_free    (TnWeightedStats *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnWeightedStats, tn_weighted_stats_free)
void             tn_weighted_stats_clear   (TnWeightedStats *self);
/* x: [batch->n_tokens, width] at the site; a weight of 0 counts as 1. */
void             tn_weighted_stats_observe (TnWeightedStats *self, guint site, const TnBatch *batch, const float *x, guint width);
void             tn_weighted_stats_count   (TnWeightedStats *self, const TnBatch *batch);
void             tn_weighted_stats_merge   (TnWeightedStats *self, const TnWeightedStats *other);
gboolean         tn_weighted_stats_equal   (const TnWeightedStats *a, const TnWeightedStats *b);

/* Estimates for all sequences of the data; NaN when nothing was seen. */
typedef struct
{
  double count; /* values in all */
  double mean, std, absmean, mean_square;
} TnWeightedSummary;

void             tn_weighted_stats_summarize (const TnWeightedStats *self, guint site, TnWeightedSummary *summary);

G_END_DECLS
