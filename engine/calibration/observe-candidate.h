/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/site-stats.h"

G_BEGIN_DECLS

/* Extremes of what a thread has seen. Tiles tell only their range; where in a tile its extreme stands is looked up when that is asked for,
 * which is seldom. */

/* Rows of one tile: up to 32 tokens of a sequence. */
typedef struct
{
  gsize row; /* of the batch */
  guint rows;
  guint32 token;
  guint64 sample;
} TnObserveBlock;

typedef struct
{
  const float *x; /* the batch's activations */
  guint width;
  const TnObserveBlock *block;
  guint first_channel, n_channels;
} TnTilePlace;

typedef enum
{
  TN_SOUGHT_MIN,
  TN_SOUGHT_MAX,
  TN_SOUGHT_MAGNITUDE,
} TnSought;

typedef struct
{
  TnExtreme extreme; /* once placed; before, the first place of its tile */
  float key;         /* the more, the better: -value, value or |value| */
  TnTilePlace place;
  gboolean any, placed;
} TnCandidate;

/* The tile at place holds an extreme with this key. */
void tn_candidate_offer (TnCandidate *self, const TnTilePlace *place, float key, TnSought sought);
/* Where it stands, and its value. */
const TnExtreme *tn_candidate_settle (TnCandidate *self, TnSought sought);

/* The largest magnitudes of sequences, one a sequence. */
typedef struct
{
  TnCandidate entries[TN_STATS_LARGEST];
  guint n;
} TnLargestCandidates;

void tn_largest_candidates_offer (TnLargestCandidates *self, const TnTilePlace *place, float magnitude);

G_END_DECLS
