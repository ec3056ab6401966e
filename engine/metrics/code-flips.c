/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/metrics/code-flips.h"

#include <math.h>
#include <stdlib.h>

void
tn_code_flips_add (TnCodeFlips *self, const gint16 *a, const gint16 *b, gsize n, guint code_bits)
{
  guint mask = (1U << code_bits) - 1;

  g_return_if_fail (code_bits >= 1 && code_bits <= 16);

  self->count += n;
  for (gsize i = 0; i < n; i++)
    {
      guint distance = (guint) abs (a[i] - b[i]);

      self->by_distance[MIN (distance, TN_CODE_FLIPS_LEVELS - 1)]++;
      if (distance == 0)
        continue;
      self->flips++;
      self->distance += distance;
      self->sign_flips += (a[i] > 0 && b[i] < 0) || (a[i] < 0 && b[i] > 0);
      self->to_zero += b[i] == 0;
      self->from_zero += a[i] == 0;
      self->bits += (guint) __builtin_popcount (((guint) a[i] ^ (guint) b[i]) & mask);
    }
}

void
tn_code_flips_merge (TnCodeFlips *self, const TnCodeFlips *other)
{
  self->count += other->count;
  self->flips += other->flips;
  self->distance += other->distance;
  self->sign_flips += other->sign_flips;
  self->to_zero += other->to_zero;
  self->from_zero += other->from_zero;
  self->bits += other->bits;
  for (guint i = 0; i < TN_CODE_FLIPS_LEVELS; i++)
    self->by_distance[i] += other->by_distance[i];
}

double
tn_code_flips_rate (const TnCodeFlips *self)
{
  return self->count > 0 ? (double) self->flips / (double) self->count : (double) NAN;
}

double
tn_code_flips_mean_distance (const TnCodeFlips *self)
{
  return self->count > 0 ? (double) self->distance / (double) self->count : (double) NAN;
}
