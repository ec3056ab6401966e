/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/batch.h"

G_BEGIN_DECLS

/* How often each token occurs in sequences, by the hash group of the sequence (as in TnSiteStats). */
typedef struct _TnTokenCounts TnTokenCounts;

/* How far the tokens of two samples are from each other: Jensen-Shannon divergence in bits of the distributions of single tokens, and what two
 * samples of these sizes of one population would be expected to show (site-distance.h, a token for a bin). */
typedef struct
{
  double js, js_expected;
  double seen;  /* part of the reference's tokens, as they occur there, that occur in the sample at all */
} TnTokenDistance;

TnTokenCounts *tn_token_counts_new      (guint n_vocab);
void           tn_token_counts_free     (TnTokenCounts *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnTokenCounts, tn_token_counts_free)
void           tn_token_counts_add      (TnTokenCounts *self, const TnBatch *batch);
/* Different tokens that occur. */
guint          tn_token_counts_distinct (const TnTokenCounts *self);
/* Of the same vocabulary; NaN where one of both is empty. */
void           tn_token_counts_distance (const TnTokenCounts *sample, const TnTokenCounts *reference, TnTokenDistance *distance);

G_END_DECLS
