/* SPDX-License-Identifier: Apache-2.0 */
#include "data/training/permutation.h"

#include "engine/hash.h"

#define N_ROUNDS 8

TnPermutation
tn_permutation_new (guint64 n, guint64 key)
{
  TnPermutation self = {.n = n, .key = key, .half_bits = 1};

  g_return_val_if_fail (n > 0 && n <= (guint64) 1 << 62, self);

  while ((guint64) 1 << (2 * self.half_bits) < n)
    self.half_bits++;
  return self;
}

guint64
tn_permutation_at (const TnPermutation *self, guint64 index)
{
  guint64 mask = ((guint64) 1 << self->half_bits) - 1;

  g_return_val_if_fail (index < self->n, 0);

  do
    {
      guint64 left = index >> self->half_bits, right = index & mask;

      for (guint round = 0; round < N_ROUNDS; round++)
        {
          guint64 mixed = left ^ (tn_hash_combine (self->key + round, right) & mask);

          left = right;
          right = mixed;
        }
      index = left << self->half_bits | right;
    }
  while (index >= self->n);
  return index;
}
