/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quant/order-statistic.h"

#include <string.h>

/* Magnitudes of floats are in the order of their bit patterns. */
#define HALF_BINS 65536

static inline guint32
magnitude_bits (float x)
{
  guint32 bits;

  memcpy (&bits, &x, sizeof bits);
  return bits & 0x7fffffff;
}

static inline float
from_bits (guint32 bits)
{
  float x;

  memcpy (&x, &bits, sizeof x);
  return x;
}

/* The bin that holds rank, which becomes the rank inside it. */
static guint32
find_bin (const guint64 *counts, guint64 *rank)
{
  guint32 bin = 0;

  while (*rank >= counts[bin])
    *rank -= counts[bin++];
  return bin;
}

float
tn_absmedian (const float *x, gsize n)
{
  guint64 rank = 0;
  guint32 found = 0; /* the upper bytes of the answer */

  for (gint shift = 24; shift >= 0; shift -= 8)
    {
      guint64 counts[256] = {0};
      guint64 taken = 0;

      for (gsize i = 0; i < n; i++)
        {
          guint32 bits = magnitude_bits (x[i]);

          if (bits < 0x7f800000 && (guint64) (bits ^ found) >> (shift + 8) == 0)
            {
              counts[bits >> shift & 255]++;
              taken++;
            }
        }
      if (taken == 0)
        return 0.0f;
      if (shift == 24)
        rank = (taken - 1) / 2;
      found |= find_bin (counts, &rank) << shift;
    }
  return from_bits (found);
}

typedef struct
{
  gboolean lower; /* second pass: the lower halves of patterns whose upper half is known */
  guint32 upper;
  guint64 *counts; /* [threads, HALF_BINS] */
} Count;

static void
count_block (const TnTensorBlock *block, gpointer user_data)
{
  const Count *self = user_data;
  guint64 *counts = self->counts + (gsize) block->thread * HALF_BINS;

  for (gsize i = 0; i < block->n; i++)
    {
      guint32 bits = magnitude_bits (block->x[i]);

      if (bits >= 0x7f800000)
        continue;
      if (!self->lower)
        counts[bits >> 16]++;
      else if (bits >> 16 == self->upper)
        counts[bits & 0xffff]++;
    }
}

/* Adds up what the threads counted. */
static guint64
add_threads (guint64 *counts, guint threads)
{
  guint64 total = 0;

  for (guint bin = 0; bin < HALF_BINS; bin++)
    {
      for (guint thread = 1; thread < threads; thread++)
        counts[bin] += counts[(gsize) thread * HALF_BINS + bin];
      total += counts[bin];
    }
  return total;
}

gboolean
tn_tensor_absmedian (const TnTensor *tensor, guint64 first, guint64 n, float *absmedian, GCancellable *cancellable,
                     GError **error)
{
  guint threads = tn_tensor_blocks_max_threads ();
  gsize bytes = (gsize) threads * HALF_BINS * sizeof (guint64);
  g_autoptr (TnBlock) memory = tn_pool_alloc0 (tn_pool_default (), TN_PURPOSE_SCRATCH, bytes, error);
  Count count = {.counts = memory};
  TnTensorVisitor visitor = {.measure = count_block, .user_data = &count};
  guint64 total, rank;

  if (memory == NULL || !tn_tensor_visit_blocks (tensor, first, n, TN_TENSOR_BLOCK_ELEMENTS, &visitor, cancellable, error))
    return FALSE;
  total = add_threads (count.counts, threads);
  if (total == 0)
    {
      *absmedian = 0.0f;
      return TRUE;
    }
  rank = (total - 1) / 2;
  count.upper = find_bin (count.counts, &rank);
  count.lower = TRUE;
  memset (memory, 0, bytes);
  if (!tn_tensor_visit_blocks (tensor, first, n, TN_TENSOR_BLOCK_ELEMENTS, &visitor, cancellable, error))
    return FALSE;
  add_threads (count.counts, threads);
  *absmedian = from_bits (count.upper << 16 | find_bin (count.counts, &rank));
  return TRUE;
}
