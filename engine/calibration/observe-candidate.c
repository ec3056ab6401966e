/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/observe-candidate.h"

#include "engine/calibration/site-stats-private.h"

static gboolean
holds (const float *x, guint n, float value, float other)
{
  guint32 found = 0;

  for (guint i = 0; i < n; i++)
    found |= (guint32) (x[i] == value) | (guint32) (x[i] == other);
  return found != 0;
}

/* The first value of the tile that has the key, by token, then channel. */
static void
place_candidate (TnCandidate *self, TnSought sought)
{
  const TnObserveBlock *block = self->place.block;
  const float *x = self->place.x + block->row * self->place.width + self->place.first_channel;
  float value = sought == TN_SOUGHT_MIN ? -self->key : self->key, other = sought == TN_SOUGHT_MAGNITUDE ? -value : value;
  guint row = 0, channel = 0;

  while (row + 1 < block->rows && !holds (x + row * self->place.width, self->place.n_channels, value, other))
    row++;
  x += row * self->place.width;
  while (channel + 1 < self->place.n_channels && x[channel] != value && x[channel] != other)
    channel++;
  self->extreme = (TnExtreme){
      .value = x[channel] + 0.0f,
      .sample = block->sample,
      .token = block->token + row,
      .channel = self->place.first_channel + channel,
  };
  self->placed = TRUE;
}

void
tn_candidate_offer (TnCandidate *self, const TnTilePlace *place, float key, TnSought sought)
{
  TnCandidate offered;

  if (self->any && !(key >= self->key))
    return;
  offered = (TnCandidate){
      .extreme = {.sample = place->block->sample, .token = place->block->token, .channel = place->first_channel},
      .key = key,
      .place = *place,
      .any = TRUE,
  };
  if (self->any && key == self->key)
    {
      if (!self->placed)
        place_candidate (self, sought);
      /* Not even the first place of the tile would win. */
      if (!tn_extreme_precedes (&offered.extreme, &self->extreme))
        return;
      place_candidate (&offered, sought);
      if (!tn_extreme_precedes (&offered.extreme, &self->extreme))
        return;
    }
  *self = offered;
}

const TnExtreme *
tn_candidate_settle (TnCandidate *self, TnSought sought)
{
  if (!self->placed)
    place_candidate (self, sought);
  return &self->extreme;
}

void
tn_largest_candidates_offer (TnLargestCandidates *self, const TnTilePlace *place, float magnitude)
{
  guint64 sample = place->block->sample;
  guint worst = 0;

  for (guint i = 0; i < self->n; i++)
    {
      const TnCandidate *entry = &self->entries[i], *last = &self->entries[worst];

      if (entry->extreme.sample == sample)
        {
          tn_candidate_offer (&self->entries[i], place, magnitude, TN_SOUGHT_MAGNITUDE);
          return;
        }
      if (entry->key < last->key || (entry->key == last->key && entry->extreme.sample > last->extreme.sample))
        worst = i;
    }
  if (self->n < TN_STATS_LARGEST)
    worst = self->n++;
  else if (magnitude < self->entries[worst].key ||
           (magnitude == self->entries[worst].key && sample > self->entries[worst].extreme.sample))
    return;
  self->entries[worst].any = FALSE;
  tn_candidate_offer (&self->entries[worst], place, magnitude, TN_SOUGHT_MAGNITUDE);
}
