/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quant/distribution.h"

#include <math.h>
#include <string.h>

#define SHORT_SORT 48
#define RADIX_BITS 11
#define RADIX_BINS (1 << RADIX_BITS)
/* Bins of a streamed tensor: sign, exponent and 12 bits of mantissa. */
#define BIN_SHIFT 11
#define N_BINS (1u << (32 - BIN_SHIFT))
#define SIGN_BIN (N_BINS / 2)

static TnDistribution *
distribution_new (gsize n, gboolean points, gboolean folded)
{
  TnDistribution *self = g_new0 (TnDistribution, 1);
  gsize padded = (n + 3) & ~(gsize) 3;
  double *memory = g_new (double, padded *(points ? 1 : 2) + 3 * (n + 1));

  self->n = n;
  self->folded = folded;
  self->low = memory;
  self->high = points ? memory : memory + padded;
  self->count = memory + padded * (points ? 1 : 2);
  self->sum = self->count + n + 1;
  self->square = self->sum + n + 1;
  self->count[0] = self->sum[0] = self->square[0] = 0.0;
  for (gsize i = n; i < padded; i++)
    self->low[i] = 0.0;
  return self;
}

void
tn_distribution_free (TnDistribution *self)
{
  if (self == NULL)
    return;
  g_free (self->low);
  g_free (self);
}

double
tn_piece_power (double low, double high, guint k)
{
  double a = low, b = high;

  switch (k)
    {
    case 1:
      return 0.5 * (a + b);
    case 2:
      return (a * a + a * b + b * b) / 3.0;
    case 3:
      return (a + b) * (a * a + b * b) * 0.25;
    case 4:
    default:
      return (a * a * a * a + a * b * (a * a + a * b + b * b) + b * b * b * b) / 5.0;
    }
}

static void
set_piece (TnDistribution *self, gsize i, double low, double high, double weight)
{
  self->low[i] = low;
  self->high[i] = high;
  self->count[i + 1] = self->count[i] + weight;
  self->sum[i + 1] = self->sum[i] + weight * (0.5 * (low + high));
  self->square[i + 1] = self->square[i] + weight * (low == high ? low * low : tn_piece_power (low, high, 2));
}

TnDistribution *
tn_distribution_new_pieces (const TnPiece *pieces, gsize n, gboolean folded)
{
  gboolean points = TRUE;
  TnDistribution *self;

  for (gsize i = 0; i < n && points; i++)
    points = pieces[i].low == pieces[i].high;
  self = distribution_new (n, points, folded);
  for (gsize i = 0; i < n; i++)
    set_piece (self, i, pieces[i].low, pieces[i].high, pieces[i].weight);
  return self;
}

/* Floats in their order as unsigned integers, and back. */
static inline guint32
to_key (float x)
{
  guint32 bits;

  memcpy (&bits, &x, sizeof bits);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static inline float
from_key (guint32 key)
{
  guint32 bits = key & 0x80000000u ? key & 0x7fffffffu : ~key;
  float x;

  memcpy (&x, &bits, sizeof x);
  return x;
}

static void
sort_short (guint32 *keys, gsize n)
{
  for (gsize i = 1; i < n; i++)
    {
      guint32 key = keys[i];
      gsize place = i;

      for (; place > 0 && keys[place - 1] > key; place--)
        keys[place] = keys[place - 1];
      keys[place] = key;
    }
}

/* Least significant digit first. */
static void
sort_keys (guint32 *keys, gsize n)
{
  g_autofree guint32 *other = NULL;
  g_autofree gsize *starts = NULL;
  guint32 *from = keys, *to;

  if (n <= SHORT_SORT)
    {
      sort_short (keys, n);
      return;
    }
  to = other = g_new (guint32, n);
  starts = g_new (gsize, RADIX_BINS);
  for (guint shift = 0; shift < 32; shift += RADIX_BITS)
    {
      gsize before = 0;
      guint32 *swapped = from;

      memset (starts, 0, RADIX_BINS * sizeof *starts);
      for (gsize i = 0; i < n; i++)
        starts[from[i] >> shift & (RADIX_BINS - 1)]++;
      for (guint digit = 0; digit < RADIX_BINS; digit++)
        {
          gsize count = starts[digit];

          starts[digit] = before;
          before += count;
        }
      for (gsize i = 0; i < n; i++)
        to[starts[from[i] >> shift & (RADIX_BINS - 1)]++] = from[i];
      from = to;
      to = swapped;
    }
  if (from != keys)
    memcpy (keys, from, n * sizeof *keys);
}

TnDistribution *
tn_distribution_new_values (const float *x, gsize n, gboolean folded)
{
  guint32 few[SHORT_SORT];
  g_autofree guint32 *many = n > SHORT_SORT ? g_new (guint32, n) : NULL;
  guint32 *keys = many != NULL ? many : few;
  TnDistribution *self;
  gsize n_finite = 0;

  for (gsize i = 0; i < n; i++)
    if (isfinite (x[i]))
      keys[n_finite++] = to_key (folded ? fabsf (x[i]) : x[i] + 0.0f);
  sort_keys (keys, n_finite);
  self = distribution_new (n_finite, TRUE, folded);
  self->each_once = TRUE;
  for (gsize i = 0; i < n_finite; i++)
    {
      double value = (double) from_key (keys[i]);

      set_piece (self, i, value, value, 1.0);
    }
  return self;
}

typedef struct
{
  guint64 count;
  guint64 mantissas; /* sum of them, the hidden bit included: exact below 2^40 elements */
} Bin;

static void
count_block (const TnTensorBlock *block, gpointer user_data)
{
  Bin *bins = (Bin *) user_data + (gsize) block->thread * N_BINS;

  for (gsize i = 0; i < block->n; i++)
    {
      guint32 bits;

      memcpy (&bits, &block->x[i], sizeof bits);
      if ((bits & 0x7fffffffu) >= 0x7f800000u)
        continue;
      bins[bits >> BIN_SHIFT].count++;
      bins[bits >> BIN_SHIFT].mantissas += (bits & 0x7fffffu) | (guint32) ((bits & 0x7f800000u) != 0) << 23;
    }
}

static double
get_mean (const Bin *bin, guint magnitude)
{
  gint exponent = (gint) MAX (magnitude >> (23 - BIN_SHIFT), 1u);

  return ldexp ((double) bin->mantissas / (double) bin->count, exponent - 150);
}

static TnDistribution *
collect_bins (const Bin *bins)
{
  TnDistribution *self;
  gsize n = 0, i = 0;

  for (guint bin = 0; bin < N_BINS; bin++)
    n += bins[bin].count > 0;
  self = distribution_new (n, TRUE, FALSE);
  for (guint magnitude = SIGN_BIN; magnitude-- > 0;)
    if (bins[SIGN_BIN | magnitude].count > 0)
      {
        double mean = -get_mean (&bins[SIGN_BIN | magnitude], magnitude) + 0.0;

        set_piece (self, i++, mean, mean, (double) bins[SIGN_BIN | magnitude].count);
      }
  for (guint magnitude = 0; magnitude < SIGN_BIN; magnitude++)
    if (bins[magnitude].count > 0)
      {
        double mean = get_mean (&bins[magnitude], magnitude);

        set_piece (self, i++, mean, mean, (double) bins[magnitude].count);
      }
  return self;
}

static TnDistribution *
count_tensor (const TnTensor *tensor, guint64 first, guint64 n, GCancellable *cancellable, GError **error)
{
  guint threads = tn_tensor_blocks_max_threads ();
  g_autoptr (TnBlock) memory =
      tn_pool_alloc0 (tn_pool_default (), TN_PURPOSE_SCRATCH, (gsize) threads * N_BINS * sizeof (Bin), error);
  TnTensorVisitor visitor = {.measure = count_block, .user_data = memory};
  Bin *bins = (Bin *) memory;

  if (memory == NULL || !tn_tensor_visit_blocks (tensor, first, n, TN_TENSOR_BLOCK_ELEMENTS, &visitor, cancellable, error))
    return NULL;
  for (guint thread = 1; thread < threads; thread++)
    for (guint i = 0; i < N_BINS; i++)
      {
        bins[i].count += bins[(gsize) thread * N_BINS + i].count;
        bins[i].mantissas += bins[(gsize) thread * N_BINS + i].mantissas;
      }
  return collect_bins (bins);
}

typedef struct
{
  float *out;
  guint64 first;
} Copy;

static void
copy_block (const TnTensorBlock *block, gpointer user_data)
{
  const Copy *copy = user_data;

  memcpy (copy->out + (block->first - copy->first), block->x, block->n * sizeof (float));
}

TnDistribution *
tn_distribution_new_tensor (const TnTensor *tensor, guint64 first, guint64 n, GCancellable *cancellable, GError **error)
{
  g_autoptr (TnBlock) memory = NULL;
  Copy copy = {.first = first};
  TnTensorVisitor visitor = {.measure = copy_block, .user_data = &copy};

  if (n > TN_DISTRIBUTION_SORTED)
    return count_tensor (tensor, first, n, cancellable, error);
  memory = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, (gsize) MAX (n, 1) * sizeof (float), error);
  if (memory == NULL)
    return NULL;
  copy.out = (float *) memory;
  if (!tn_tensor_visit_blocks (tensor, first, n, TN_TENSOR_BLOCK_ELEMENTS, &visitor, cancellable, error))
    return NULL;
  return tn_distribution_new_values ((const float *) memory, (gsize) n, FALSE);
}

TnDistribution *
tn_distribution_fold (const TnDistribution *self)
{
  TnDistribution *folded = distribution_new (self->n, self->low == self->high, TRUE);
  gsize negative = 0, positive, i = 0;

  while (negative < self->n && self->low[negative] < 0.0)
    negative++;
  positive = negative;
  while (negative > 0 || positive < self->n)
    if (positive == self->n || (negative > 0 && -self->high[negative - 1] < self->low[positive]))
      {
        negative--;
        set_piece (folded, i++, -self->high[negative], -self->low[negative], tn_distribution_weight (self, negative));
      }
    else
      {
        set_piece (folded, i++, self->low[positive], self->high[positive], tn_distribution_weight (self, positive));
        positive++;
      }
  folded->each_once = self->each_once;
  return folded;
}

TnDistribution *
tn_distribution_coarsen (const TnDistribution *self, gsize n)
{
  gsize ends = n / 16, step = MAX (self->n / MAX (n, 1), 1), place = 0;
  TnDistribution *coarse = distribution_new (self->n / step + 2 * ends + 3, TRUE, self->folded);

  for (gsize i = 0; i < self->n;)
    {
      gboolean at_end = i < ends || i + ends >= self->n;
      gsize next = at_end ? i + 1 : MIN (i + step, self->n - ends);
      double weight = self->count[next] - self->count[i];

      if (weight > 0.0)
        {
          double mean = (self->sum[next] - self->sum[i]) / weight;

          mean = CLAMP (mean, self->low[i], self->high[next - 1]);
          set_piece (coarse, place++, mean, mean, weight);
        }
      i = next;
    }
  coarse->n = place;
  return coarse;
}

TnAbove
tn_distribution_get_above (const TnDistribution *self, double place)
{
  gsize low = 0, high = self->n;
  TnAbove above;

  while (low < high)
    {
      gsize middle = low + (high - low) / 2;

      if (self->high[middle] <= place)
        low = middle + 1;
      else
        high = middle;
    }
  above = (TnAbove){self->count[self->n] - self->count[low], self->sum[self->n] - self->sum[low]};
  if (low < self->n && self->low[low] < place)
    {
      double below = tn_distribution_weight (self, low) * ((place - self->low[low]) / (self->high[low] - self->low[low]));

      above.count -= below;
      above.sum -= below * (0.5 * (self->low[low] + place));
    }
  return above;
}

double
tn_distribution_quantile (const TnDistribution *self, double count)
{
  gsize low = 0, high = self->n;
  double share;

  if (self->n == 0)
    return 0.0;
  /* The first piece that reaches the count. */
  while (low < high)
    {
      gsize middle = low + (high - low) / 2;

      if (self->count[middle + 1] < count)
        low = middle + 1;
      else
        high = middle;
    }
  low = MIN (low, self->n - 1);
  share = (count - self->count[low]) / tn_distribution_weight (self, low);
  return self->low[low] + (self->high[low] - self->low[low]) * CLAMP (share, 0.0, 1.0);
}

double
tn_distribution_absmean (const TnDistribution *self)
{
  double sum = 0.0;

  if (tn_distribution_count (self) == 0.0)
    return 0.0;
  if (self->folded)
    sum = self->sum[self->n];
  else
    for (gsize i = 0; i < self->n; i++)
      sum += fabs (self->sum[i + 1] - self->sum[i]);
  return sum / tn_distribution_count (self);
}
