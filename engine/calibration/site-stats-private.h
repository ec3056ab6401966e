/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/site-stats.h"

G_BEGIN_DECLS

/* TRUE when a stands before b: a larger (or smaller) value, or the same at an earlier (sample, token, channel). A total order,
 * so that the winner does not depend on the order of the contest. */
static inline gboolean
tn_extreme_beats (const TnExtreme *a, const TnExtreme *b, gboolean want_largest)
{
  if (a->value != b->value)
    return want_largest ? a->value > b->value : a->value < b->value;
  if (a->sample != b->sample)
    return a->sample < b->sample;
  if (a->token != b->token)
    return a->token < b->token;
  return a->channel < b->channel;
}

void tn_group_moments_merge (TnGroupMoments *self, const TnGroupMoments *other);

G_END_DECLS
