/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quant/lloyd-max.h"

#include <math.h>
#include <string.h>

#include "engine/tensor/scan.h"

/* Magnitudes of floats are in the order of their bit patterns. */
#define INFINITY_BITS 0x7f800000u
/* Up to so many elements are sorted, and so many times the range that holds them is narrowed. */
#define MAX_SORTED 32
#define MAX_ROUNDS 24
#define DIGIT_BITS 8
/* Streamed tensors: bins of the upper half of the pattern, then of its lower half. */
#define HALF_BINS 65536
#define UPPER_BINS 32768
/* Bins that are looked into in one pass. */
#define MAX_OPEN 16
/* Far more than rounding can move a prefix sum of doubles. */
#define SLACK 1e-9

typedef struct
{
  guint64 count;
  guint64 mantissas; /* sum of them, the hidden bit included: exact below 2^40 elements */
} Bin;

/* The elements before a bin, all larger than those in it. */
typedef struct
{
  guint64 n;
  double sum;
} Prefix;

typedef struct
{
  double gain; /* largest sum^2 / n so far */
  double level;
} Best;

/* A bin in which the best prefix may end, with what stands before it. */
typedef struct
{
  guint32 first; /* lowest pattern of the bin */
  Prefix before;
  double bound; /* no prefix that ends in it gains more */
} Candidate;

static inline guint32
magnitude_bits (float x)
{
  guint32 bits;

  memcpy (&bits, &x, sizeof bits);
  return bits & 0x7fffffff;
}

static inline double
from_bits (guint32 bits)
{
  float x;

  memcpy (&x, &bits, sizeof x);
  return (double) x;
}

static inline guint32
get_mantissa (guint32 bits)
{
  return (bits & 0x7fffff) | (guint32) (bits >= 0x800000) << 23;
}

static inline void
add_to_bin (Bin *bin, guint32 bits)
{
  bin->count++;
  bin->mantissas += get_mantissa (bits);
}

/* All of a bin's patterns have the exponent of its first, or are below the normal range with it. */
static double
get_sum (const Bin *bin, guint32 first)
{
  gint exponent = (gint) MAX (first >> 23, 1u);

  return ldexp ((double) bin->mantissas, exponent - 150);
}

static void
try_prefix (Best *best, const Prefix *prefix)
{
  double level = prefix->sum / (double) prefix->n;
  double gain = level * prefix->sum;

  if (prefix->n > 0 && gain > best->gain)
    *best = (Best){gain, level};
}

/* bins of patterns first, first + width, …, walked from the largest down: tries the prefixes that end with a bin, and adds the
 * bins inside which the best one may end. */
static void
walk_bins (const Bin *bins, guint n_bins, guint32 first, guint32 width, Prefix prefix, Best *best, GArray *candidates)
{
  for (guint i = n_bins; i-- > 0;)
    {
      guint32 lowest = first + i * width;
      double low = from_bits (lowest), high = from_bits (MIN (lowest + (width - 1), INFINITY_BITS - 1));
      Candidate candidate = {.first = lowest, .before = prefix};
      double level_before, level_after, all_high;

      if (bins[i].count == 0)
        continue;
      level_before = prefix.n > 0 ? prefix.sum / (double) prefix.n : high;
      prefix.sum += get_sum (&bins[i], lowest);
      prefix.n += bins[i].count;
      level_after = prefix.sum / (double) prefix.n;
      try_prefix (best, &prefix);
      /* Equal elements: (P + j y)^2 / (k + j) falls, then rises with j, so its largest value is at an end. */
      if (width == 1 || level_before * 0.5 < low * (1.0 - SLACK) || level_after * 0.5 > high * (1.0 + SLACK))
        continue;
      all_high = candidate.before.sum + (double) bins[i].count * high;
      candidate.bound = MAX (all_high * all_high / (double) prefix.n, candidate.before.sum * level_before) * (1.0 + SLACK);
      g_array_append_val (candidates, candidate);
    }
}

/* Elements whose pattern starts as first does, in bins of the digit at shift. */
static void
search_digits (const float *x, gsize n, guint32 first, guint shift, Prefix before, Best *best)
{
  g_autoptr (GArray) candidates = NULL;
  Bin bins[1 << DIGIT_BITS] = {0};
  guint digit_bits = MIN (DIGIT_BITS, shift);
  guint rest = shift - digit_bits;

  for (gsize i = 0; i < n; i++)
    {
      guint32 bits = magnitude_bits (x[i]);

      if (bits < INFINITY_BITS && (bits ^ first) >> shift == 0)
        add_to_bin (&bins[bits >> rest & ((1u << digit_bits) - 1)], bits);
    }
  candidates = g_array_new (FALSE, FALSE, sizeof (Candidate));
  walk_bins (bins, 1u << digit_bits, first, 1u << rest, before, best, candidates);
  for (guint i = 0; i < candidates->len; i++)
    {
      const Candidate *candidate = &g_array_index (candidates, Candidate, i);

      if (candidate->bound > best->gain)
        search_digits (x, n, candidate->first, rest, candidate->before, best);
    }
}

/* Sorts those with low < magnitude <= high, of which there are few, and tries every prefix that ends with one of them. */
static void
search_sorted (const float *x, gsize n, float low, float high, Prefix prefix, Best *best)
{
  guint32 sorted[MAX_SORTED];
  guint n_sorted = 0;

  for (gsize i = 0; i < n; i++)
    {
      float magnitude = fabsf (x[i]);
      guint32 bits = magnitude_bits (x[i]);
      guint place;

      if (!(magnitude > low && magnitude <= high) || bits >= INFINITY_BITS)
        continue;
      for (place = n_sorted++; place > 0 && sorted[place - 1] < bits; place--)
        sorted[place] = sorted[place - 1];
      sorted[place] = bits;
    }
  try_prefix (best, &prefix);
  for (guint i = 0; i < n_sorted; i++)
    {
      prefix.n++;
      prefix.sum += from_bits (sorted[i]);
      try_prefix (best, &prefix);
    }
}

static Prefix
get_prefix (const float *x, gsize n, float threshold)
{
  Prefix prefix;

  prefix.sum = tn_scan_abs_above (x, n, threshold, &prefix.n);
  return prefix;
}

/* Half the mean above a threshold rises with the threshold, and the best threshold is half of its own mean: so from below it
 * leads to a threshold that is not above the best one, and from above to one that is not below it. Narrows the two until few
 * elements are left between them; FALSE when that comes to a halt. */
static gboolean
search_between (const float *x, gsize n, Best *best)
{
  float min, max, low = 0.0f, high;
  Prefix below, above;

  tn_scan_range (x, n, &min, &max);
  if (!(min <= max))
    return TRUE;
  high = MAX (fabsf (min), fabsf (max)) * 0.5f;
  below = get_prefix (x, n, low);
  if (below.n == 0)
    return TRUE;
  above = get_prefix (x, n, high);
  for (guint i = 0; i < MAX_ROUNDS && below.n - above.n > MAX_SORTED; i++)
    {
      low = nextafterf ((float) (0.5 * below.sum / (double) below.n * (1.0 - SLACK)), 0.0f);
      high = nextafterf ((float) (0.5 * above.sum / (double) above.n * (1.0 + SLACK)), INFINITY);
      below = get_prefix (x, n, low);
      above = get_prefix (x, n, high);
    }
  if (below.n - above.n > MAX_SORTED)
    return FALSE;
  search_sorted (x, n, low, high, above, best);
  return TRUE;
}

double
tn_lloyd_max_level (const float *x, gsize n)
{
  Best best = {0};

  if (!search_between (x, n, &best))
    search_digits (x, n, 0, 31, (Prefix){0}, &best);
  return best.level;
}

typedef struct
{
  /* First pass: */
  Bin *bins; /* [threads, UPPER_BINS] */
  /* Later ones: */
  const guint8 *open; /* [UPPER_BINS]: 1 + which of the bins that are looked into, or 0 */
  guint n_open;
  guint64 *counts; /* [threads, n_open, HALF_BINS] */
} Count;

static void
count_upper (const TnTensorBlock *block, gpointer user_data)
{
  const Count *self = user_data;
  Bin *bins = self->bins + (gsize) block->thread * UPPER_BINS;

  for (gsize i = 0; i < block->n; i++)
    {
      guint32 bits = magnitude_bits (block->x[i]);

      if (bits < INFINITY_BITS)
        add_to_bin (&bins[bits >> 16], bits);
    }
}

static void
count_lower (const TnTensorBlock *block, gpointer user_data)
{
  const Count *self = user_data;
  guint64 *counts = self->counts + (gsize) block->thread * self->n_open * HALF_BINS;

  for (gsize i = 0; i < block->n; i++)
    {
      guint32 bits = magnitude_bits (block->x[i]);
      guint open = self->open[bits >> 16];

      if (open > 0)
        counts[(gsize) (open - 1) * HALF_BINS + (bits & 0xffff)]++;
    }
}

/* Every prefix that ends in an open bin. Equal elements stand together: the best prefix ends behind the last of them. */
static void
try_open_bin (const guint64 *counts, const Candidate *candidate, Best *best)
{
  Prefix prefix = candidate->before;

  for (guint i = HALF_BINS; i-- > 0;)
    if (counts[i] > 0)
      {
        prefix.n += counts[i];
        prefix.sum += (double) counts[i] * from_bits (candidate->first | i);
        try_prefix (best, &prefix);
      }
}

static gint
compare_bounds (gconstpointer a, gconstpointer b)
{
  double first = ((const Candidate *) a)->bound, second = ((const Candidate *) b)->bound;

  return (first < second) - (first > second);
}

/* Looks into the candidates that may still be better than the best, those that promise most first. */
static gboolean
open_candidates (const TnTensor *tensor, guint64 first, guint64 n, GArray *candidates, Best *best, GCancellable *cancellable,
                 GError **error)
{
  guint threads = tn_tensor_blocks_max_threads ();

  g_array_sort (candidates, compare_bounds);
  for (guint next = 0; next < candidates->len;)
    {
      const Candidate *opened = &g_array_index (candidates, Candidate, next);
      guint n_open = 0;
      guint8 open[UPPER_BINS] = {0};
      g_autoptr (TnBlock) memory = NULL;
      Count count = {.open = open};
      TnTensorVisitor visitor = {.measure = count_lower, .user_data = &count};

      while (n_open < MAX_OPEN && next < candidates->len && g_array_index (candidates, Candidate, next).bound > best->gain)
        open[g_array_index (candidates, Candidate, next++).first >> 16] = (guint8) ++n_open;
      if (n_open == 0)
        break;
      count.n_open = n_open;
      memory =
          tn_pool_alloc0 (tn_pool_default (), TN_PURPOSE_SCRATCH, (gsize) threads * n_open * HALF_BINS * sizeof (guint64), error);
      if (memory == NULL)
        return FALSE;
      count.counts = memory;
      if (!tn_tensor_visit_blocks (tensor, first, n, TN_TENSOR_BLOCK_ELEMENTS, &visitor, cancellable, error))
        return FALSE;
      for (guint thread = 1; thread < threads; thread++)
        for (gsize i = 0; i < (gsize) n_open * HALF_BINS; i++)
          count.counts[i] += count.counts[(gsize) thread * n_open * HALF_BINS + i];
      for (guint i = 0; i < n_open; i++)
        try_open_bin (count.counts + (gsize) i * HALF_BINS, opened + i, best);
    }
  return TRUE;
}

gboolean
tn_tensor_lloyd_max_level (const TnTensor *tensor, guint64 first, guint64 n, double *level, GCancellable *cancellable,
                           GError **error)
{
  guint threads = tn_tensor_blocks_max_threads ();
  g_autoptr (TnBlock) memory =
      tn_pool_alloc0 (tn_pool_default (), TN_PURPOSE_SCRATCH, (gsize) threads * UPPER_BINS * sizeof (Bin), error);
  g_autoptr (GArray) candidates = g_array_new (FALSE, FALSE, sizeof (Candidate));
  Count count = {.bins = memory};
  TnTensorVisitor visitor = {.measure = count_upper, .user_data = &count};
  Best best = {0};

  if (memory == NULL || !tn_tensor_visit_blocks (tensor, first, n, TN_TENSOR_BLOCK_ELEMENTS, &visitor, cancellable, error))
    return FALSE;
  for (guint thread = 1; thread < threads; thread++)
    for (guint i = 0; i < UPPER_BINS; i++)
      {
        count.bins[i].count += count.bins[(gsize) thread * UPPER_BINS + i].count;
        count.bins[i].mantissas += count.bins[(gsize) thread * UPPER_BINS + i].mantissas;
      }
  walk_bins (count.bins, UPPER_BINS, 0, HALF_BINS, (Prefix){0}, &best, candidates);
  if (!open_candidates (tensor, first, n, candidates, &best, cancellable, error))
    return FALSE;
  *level = best.level;
  return TRUE;
}
