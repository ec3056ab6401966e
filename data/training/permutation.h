/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A pseudo-random order of 0 .. n - 1 without a list of it: a Feistel network of eight rounds over the next even number of bits, whose values
 * of n and more are sent through it again until they are below n (cycle walking: Black and Rogaway, "Ciphers with Arbitrary Finite
 * Domains", CT-RSA 2002, method 2; three times on average at the worst). Which order, only key says; the same on every machine.
 * Read-only: any thread. */
typedef struct
{
  guint64 n;
  guint64 key;
  guint   half_bits;
} TnPermutation;

/* n > 0, at most 2^62. */
TnPermutation tn_permutation_new (guint64 n, guint64 key);
/* What comes at place index < n. */
guint64       tn_permutation_at  (const TnPermutation *self, guint64 index);

G_END_DECLS
