/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/random.h"

#include <math.h>

#include "engine/hash.h"

TnRandom
tn_random_stream (guint64 seed, const char *name)
{
  return (TnRandom){ .key = tn_hash_string (name, seed), .counter = 0 };
}

guint64
tn_random_at (const TnRandom *self, guint64 index)
{
  return tn_hash_combine (self->key, index);
}

guint64
tn_random_next (TnRandom *self)
{
  return tn_random_at (self, self->counter++);
}

double
tn_random_uniform (TnRandom *self)
{
  return (double) (tn_random_next (self) >> 11) * 0x1p-53;
}

double
tn_random_normal (TnRandom *self)
{
  double radius = sqrt (-2.0 * log (1.0 - tn_random_uniform (self)));

  return radius * cos (2.0 * G_PI * tn_random_uniform (self));
}

guint64
tn_random_below (TnRandom *self, guint64 bound)
{
  /* The high half of a 128-bit product; the bias is below 2^-64 * bound. */
  return (guint64) (((unsigned __int128) tn_random_next (self) * bound) >> 64);
}
