/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/site-stats.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "engine/calibration/observe-kernel.h"
#include "engine/calibration/site-stats-private.h"
#include "engine/memory/pool.h"

/* Rows that go through a segment's accumulators in a row: they stay in the nearest cache. */
#define BLOCK_ROWS 16
/* Batches with fewer values are not worth waking a second thread. */
#define MIN_VALUES_PER_THREAD 16384

/* What one thread has seen of the batch. */
typedef struct
{
  guint32 bins[TN_FLOAT_HISTOGRAM_BINS]; /* every value by its upper half, zeros, NaN and infinities too */
  TnGroupMoments groups[TN_STATS_GROUPS];
  guint64 positive_zeros, negative_zeros, nans, positive_infinities, negative_infinities, oversize;
  guint32 largest; /* magnitude, as bits */
  TnExtreme min, max;
  gboolean has_extremes;
  gboolean from_pool;
  guint32 (*fast_rows)[TN_SEGMENT_RUNS]; /* in the accumulators now */
  TnSegmentChannels *segments;
  TnChannelStats *channels; /* count: values left out */
} Partial;

typedef struct
{
  const TnObserveKernel *kernel;
  const TnBatch *batch;
  const float *x;
  guint width, n_segments;
} Observation;

/* The row that is being observed. */
typedef struct
{
  guint64 sample;
  guint32 token;
  guint64 left_out; /* values that are not in its sums */
} Row;

static Partial *
partial_new (guint width, guint n_segments, gboolean required)
{
  gsize segments_at = (sizeof (Partial) + 63) & ~(gsize) 63;
  gsize channels_at = segments_at + n_segments * sizeof (TnSegmentChannels);
  gsize fast_rows_at = channels_at + width * sizeof (TnChannelStats);
  gsize bytes = fast_rows_at + n_segments * sizeof (guint32[TN_SEGMENT_RUNS]);
  gboolean from_pool = TRUE;
  guint8 *block = tn_pool_alloc0 (tn_pool_default (), TN_PURPOSE_SCRATCH, bytes, NULL);
  Partial *self;

  if (block == NULL)
    {
      if (!required)
        return NULL;
      /* Losing what the forward pass computed costs more than going over the budget by this little. */
      from_pool = FALSE;
      block = g_aligned_alloc0 (1, bytes, 64);
    }
  self = (Partial *) block;
  self->from_pool = from_pool;
  self->segments = (TnSegmentChannels *) (block + segments_at);
  self->channels = (TnChannelStats *) (block + channels_at);
  self->fast_rows = (guint32 (*)[TN_SEGMENT_RUNS]) (block + fast_rows_at);
  for (guint s = 0; s < n_segments; s++)
    for (guint c = 0; c < TN_SEGMENT_CHANNELS; c++)
      {
        self->segments[s].min_key[c] = G_MAXINT32;
        self->segments[s].max_key[c] = G_MININT32;
      }
  return self;
}

static void
partial_free (Partial *self)
{
  if (self->from_pool)
    tn_pool_release (tn_pool_default (), self);
  else
    g_aligned_free (self);
}

static float
key_to_float (gint32 key)
{
  guint32 bits = (guint32) (key ^ (key >> 31 & 0x7fffffff));
  float value;

  memcpy (&value, &bits, sizeof value);
  return value + 0.0f;
}

static void
count_bins (Partial *self, const float *x, guint n)
{
  const guint8 *bytes = (const guint8 *) x + (G_BYTE_ORDER == G_LITTLE_ENDIAN ? 2 : 0);

  for (guint i = 0; i < n; i++)
    {
      guint16 bin;

      memcpy (&bin, bytes + 4 * i, sizeof bin);
      self->bins[bin]++;
    }
}

/* The smallest and largest finite value of a segment, found by value; the place is looked up only if it wins. */
static void
offer_extremes (Partial *self, const Row *row, const float *x, guint first_channel, guint n, float min, float max)
{
  for (guint want_largest = 0; want_largest < 2; want_largest++)
    {
      TnExtreme *best = want_largest ? &self->max : &self->min;
      TnExtreme found = {.value = (want_largest ? max : min) + 0.0f,
                         .sample = row->sample,
                         .token = row->token,
                         .channel = first_channel};

      if (self->has_extremes && !tn_extreme_beats (&found, best, want_largest))
        continue;
      for (guint c = 0; c < n; c++)
        if (x[c] == found.value)
          {
            found.channel = first_channel + c;
            break;
          }
      if (!self->has_extremes || tn_extreme_beats (&found, best, want_largest))
        *best = found;
    }
  self->has_extremes = TRUE;
}

static void
flush_segment (Partial *self, guint segment, guint width)
{
  TnSegmentChannels *channels = &self->segments[segment];
  guint first = segment * TN_SEGMENT_CHANNELS, n = MIN (TN_SEGMENT_CHANNELS, width - first);

  for (guint c = 0; c < n; c++)
    {
      TnChannelStats *total = &self->channels[first + c];
      guint64 rows = self->fast_rows[segment][c / TN_RUN_CHANNELS];

      total->sum += (gint64) (channels->sum[c] - rows * TN_SUM_BIAS);
      total->sum2 += (TnChannelSum) (gint64) (channels->high[c] - rows * TN_SQUARE_BIAS) * ((TnChannelSum) 1 << 32);
      total->sum2 += (gint64) (channels->low[c] - rows * TN_SUM_BIAS);
    }
  memset (channels->sum, 0, sizeof channels->sum);
  memset (channels->high, 0, sizeof channels->high);
  memset (channels->low, 0, sizeof channels->low);
  memset (self->fast_rows[segment], 0, sizeof self->fast_rows[segment]);
}

/* Any values at all, one by one; x is the segment's. */
static void
accumulate_slowly (Partial *self, const float *x, guint segment, guint begin, guint n, Row *row, TnRowSums *sums)
{
  TnSegmentChannels *keys = &self->segments[segment];
  guint first = segment * TN_SEGMENT_CHANNELS;
  float min = INFINITY, max = -INFINITY;
  gboolean any = FALSE;

  for (guint c = begin; c < begin + n; c++)
    {
      TnChannelStats *channel = &self->channels[first + c];
      double value = (double) x[c], square;
      guint32 bits;
      gint32 key;

      if (!isfinite (x[c]))
        {
          self->nans += isnan (x[c]);
          self->positive_infinities += isinf (x[c]) && x[c] > 0.0f;
          self->negative_infinities += isinf (x[c]) && x[c] < 0.0f;
          channel->count++;
          row->left_out++;
          continue;
        }
      any = TRUE;
      min = MIN (min, x[c]);
      max = MAX (max, x[c]);
      memcpy (&bits, x + c, sizeof bits);
      key = tn_float_bits_to_key (bits);
      keys->min_key[c] = MIN (keys->min_key[c], key);
      keys->max_key[c] = MAX (keys->max_key[c], key);
      if (fabs (value) >= (double) (1 << TN_STATS_OVERSIZE_LOG2))
        {
          self->oversize++;
          channel->count++;
          row->left_out++;
          continue;
        }
      square = value * value;
      sums->partial[TN_POWER_ABS][c % 8] += fabs (value);
      sums->partial[TN_POWER_1][c % 8] += value;
      sums->partial[TN_POWER_2][c % 8] += square;
      sums->partial[TN_POWER_3][c % 8] += square * value;
      sums->partial[TN_POWER_4][c % 8] += square * square;
      /* Most values of such a segment are still small. */
      if (fabs (value) < 0x1p11)
        {
          channel->sum += llrint (value * 0x1p40);
          channel->sum2 += llrint (square * 0x1p40);
        }
      else
        {
          channel->sum += (TnChannelSum) rint (value * 0x1p40);
          channel->sum2 += (TnChannelSum) rint (square * 0x1p40);
        }
    }
  if (any)
    offer_extremes (self, row, x + begin, first + begin, n, min, max);
}

static void
observe_segment (const Observation *observation, Partial *self, guint segment, const float *x, Row *row, TnRowSums *sums)
{
  guint first = segment * TN_SEGMENT_CHANNELS, n = MIN (TN_SEGMENT_CHANNELS, observation->width - first);
  TnSegmentScan scan;

  observation->kernel->scan (x, n, &scan);
  count_bins (self, x, n);
  self->positive_zeros += scan.positive_zeros;
  self->negative_zeros += scan.negative_zeros;
  self->largest = MAX (self->largest, scan.largest);
  if (scan.largest < TN_SEGMENT_FAST_LIMIT)
    {
      observation->kernel->accumulate (x, 0, n, sums, &self->segments[segment]);
      for (guint run = 0; run < TN_SEGMENT_RUNS; run++)
        self->fast_rows[segment][run]++;
      offer_extremes (self, row, x, first, n, key_to_float (scan.min_key), key_to_float (scan.max_key));
      return;
    }
  for (guint begin = 0; begin < n; begin += TN_RUN_CHANNELS)
    {
      guint n_run = MIN (TN_RUN_CHANNELS, n - begin);

      observation->kernel->scan (x + begin, n_run, &scan);
      if (scan.largest < TN_SEGMENT_FAST_LIMIT)
        {
          observation->kernel->accumulate (x, begin, n_run, sums, &self->segments[segment]);
          self->fast_rows[segment][begin / TN_RUN_CHANNELS]++;
          offer_extremes (self, row, x + begin, first + begin, n_run, key_to_float (scan.min_key), key_to_float (scan.max_key));
        }
      else
        accumulate_slowly (self, x, segment, begin, n_run, row, sums);
    }
}

static double
add_partials (const double *p)
{
  return ((p[0] + p[1]) + (p[2] + p[3])) + ((p[4] + p[5]) + (p[6] + p[7]));
}

static void
finish_row (Partial *self, const Row *row, const TnRowSums *sums, guint width)
{
  TnGroupMoments *group = &self->groups[row->sample % TN_STATS_GROUPS];

  group->count += width - row->left_out;
  tn_wide_sum_add (&group->sum_abs, add_partials (sums->partial[TN_POWER_ABS]));
  tn_wide_sum_add (&group->sum1, add_partials (sums->partial[TN_POWER_1]));
  tn_wide_sum_add (&group->sum2, add_partials (sums->partial[TN_POWER_2]));
  tn_wide_sum_add (&group->sum3, add_partials (sums->partial[TN_POWER_3]));
  tn_wide_sum_add (&group->sum4, add_partials (sums->partial[TN_POWER_4]));
}

/* Rows first .. end of the batch. */
static void
observe_rows (const Observation *observation, Partial *self, gsize first, gsize end)
{
  const TnBatch *batch = observation->batch;
  guint width = observation->width, sequence = 0, accumulated = 0;
  gsize sequence_start = 0;
  Row rows[BLOCK_ROWS];
  TnRowSums sums[BLOCK_ROWS];

  for (gsize start = first; start < end; start += BLOCK_ROWS)
    {
      guint n_rows = (guint) MIN (BLOCK_ROWS, end - start);

      if (accumulated + n_rows > TN_SEGMENT_MAX_ROWS)
        {
          for (guint s = 0; s < observation->n_segments; s++)
            flush_segment (self, s, width);
          accumulated = 0;
        }
      accumulated += n_rows;
      for (guint r = 0; r < n_rows; r++)
        {
          while (start + r - sequence_start >= batch->sequences[sequence].length)
            sequence_start += batch->sequences[sequence++].length;
          rows[r] = (Row){.sample = batch->sequences[sequence].hash, .token = (guint32) (start + r - sequence_start)};
        }
      memset (sums, 0, sizeof sums);
      for (guint s = 0; s < observation->n_segments; s++)
        for (guint r = 0; r < n_rows; r++)
          observe_segment (observation, self, s, observation->x + (start + r) * width + s * TN_SEGMENT_CHANNELS, &rows[r],
                           &sums[r]);
      for (guint r = 0; r < n_rows; r++)
        finish_row (self, &rows[r], &sums[r], width);
    }
  for (guint s = 0; s < observation->n_segments; s++)
    flush_segment (self, s, width);
}

/* Adds bins first .. end that the partial has counted; many are empty. */
static void
merge_bins (const Partial *partial, guint first, guint end, guint64 *bins)
{
  for (guint i = first; i < end; i += 16)
    {
      guint32 any = 0;

      for (guint k = 0; k < 16; k++)
        any |= partial->bins[i + k];
      if (any != 0)
        for (guint k = 0; k < 16; k++)
          bins[i + k] += partial->bins[i + k];
    }
}

static void
merge_partial (TnSiteStats *self, Partial *partial, guint64 rows)
{
  TnFloatHistogram *histogram = self->histogram;
  /* Multiples of 16, infinities and NaN left out. */
  guint end = MIN ((partial->largest >> 16 | 15) + 1, 0x7f80);

  partial->bins[0] -= (guint32) partial->positive_zeros;
  partial->bins[0x8000] -= (guint32) partial->negative_zeros;
  merge_bins (partial, 0, end, histogram->bins);
  merge_bins (partial, 0x8000, 0x8000 + end, histogram->bins);
  histogram->zeros += partial->positive_zeros + partial->negative_zeros;
  histogram->nans += partial->nans;
  histogram->positive_infinities += partial->positive_infinities;
  histogram->negative_infinities += partial->negative_infinities;
  self->oversize += partial->oversize;
  self->tokens += rows;
  if (partial->has_extremes)
    {
      if (!self->has_extremes || tn_extreme_beats (&partial->min, &self->min, FALSE))
        self->min = partial->min;
      if (!self->has_extremes || tn_extreme_beats (&partial->max, &self->max, TRUE))
        self->max = partial->max;
      self->has_extremes = TRUE;
    }
  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    tn_group_moments_merge (&self->groups[g], &partial->groups[g]);
  for (guint c = 0; c < self->width; c++)
    {
      const TnSegmentChannels *segment = &partial->segments[c / TN_SEGMENT_CHANNELS];
      gint32 min_key = segment->min_key[c % TN_SEGMENT_CHANNELS], max_key = segment->max_key[c % TN_SEGMENT_CHANNELS];
      TnChannelStats *channel = &self->channels[c];

      channel->count += rows - partial->channels[c].count;
      channel->sum += partial->channels[c].sum;
      channel->sum2 += partial->channels[c].sum2;
      if (min_key <= max_key)
        {
          channel->min = MIN (channel->min, key_to_float (min_key));
          channel->max = MAX (channel->max, key_to_float (max_key));
        }
    }
}

/* Rows first .. end, few enough for the 32-bit counts of a partial. */
static void
observe_slab (TnSiteStats *self, const Observation *observation, gsize first, gsize end)
{
  gsize n = end - first;
  guint wanted = (guint) CLAMP (n * self->width / MIN_VALUES_PER_THREAD, 1, (gsize) omp_get_max_threads ());
  g_autofree Partial **partials = g_new (Partial *, wanted);
  guint n_threads = 0;

  while (n_threads < wanted)
    {
      partials[n_threads] = partial_new (self->width, observation->n_segments, n_threads == 0);
      if (partials[n_threads] == NULL)
        break;
      n_threads++;
    }
#pragma omp parallel for num_threads(n_threads) schedule(static, 1) if (n_threads > 1)
  for (guint t = 0; t < n_threads; t++)
    observe_rows (observation, partials[t], first + n * t / n_threads, first + n * (t + 1) / n_threads);
  for (guint t = 0; t < n_threads; t++)
    {
      merge_partial (self, partials[t], n * (t + 1) / n_threads - n * t / n_threads);
      partial_free (partials[t]);
    }
}

void
tn_site_stats_observe (TnSiteStats *self, const TnBatch *batch, const float *x)
{
  Observation observation = {
      .kernel = tn_observe_kernel (),
      .batch = batch,
      .x = x,
      .width = self->width,
      .n_segments = (self->width + TN_SEGMENT_CHANNELS - 1) / TN_SEGMENT_CHANNELS,
  };
  gsize slab = MAX ((gsize) G_MAXINT32 / self->width, 1);

  g_return_if_fail (batch->n_tokens <= TN_STATS_MAX_TOKENS - self->tokens);

  for (guint s = 0; s < batch->n_sequences; s++)
    self->groups[batch->sequences[s].hash % TN_STATS_GROUPS].sequences++;
  for (gsize first = 0; first < batch->n_tokens; first += slab)
    observe_slab (self, &observation, first, MIN (first + slab, batch->n_tokens));
}
