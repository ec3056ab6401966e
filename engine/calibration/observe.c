/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/site-stats.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "engine/calibration/observe-kernel.h"
#include "engine/calibration/site-stats-private.h"
#include "engine/memory/pool.h"

/* Blocks of tokens whose tiles are gone through column by column: so many rows' pages are known to the processor at once. */
#define BLOCKS_AT_ONCE 16
G_STATIC_ASSERT (BLOCKS_AT_ONCE *TN_TILE_ROWS <= TN_TILE_MAX_ROWS);
/* Batches with fewer values are not worth waking a second thread. */
#define MIN_VALUES_PER_THREAD 16384
/* Where more than one value in so many is zero, the zeros of the next tile are spread. */
#define SPREAD_FRACTION 16

/* Rows of one tile: up to 64 tokens of a sequence. */
typedef struct
{
  gsize row; /* of the batch */
  guint rows;
  guint32 token;
  guint64 sample;
} Block;

typedef struct
{
  const TnObserveKernel *kernel;
  TnSiteStats *stats;
  const float *x;
  const Block *blocks;
  guint n_blocks, n_columns;
  GMutex lock; /* of stats->channels */
} Observation;

/* An extreme of what a thread has seen; its place in the tile is looked up only when that is asked for. */
typedef struct
{
  TnExtreme extreme;
  const Block *block;
  guint n_channels;
  gboolean any, placed;
} Candidate;

/* What one thread has seen of the batch. */
typedef struct
{
  float tile[TN_TILE_VALUES];
  float spread[TN_TILE_ROWS * TN_TILE_LANES];
  guint32 bins[TN_TILE_BINS];                    /* every value by its upper half; meaningless for NaN and infinities */
  guint64 zeros, positive_zeros, negative_zeros; /* all; those among bins */
  guint64 nans, positive_infinities, negative_infinities, oversize;
  TnGroupMoments groups[TN_STATS_GROUPS];
  Candidate min, max;
  gboolean spreads_zeros, from_pool;
  /* The column of tiles that is being gone through. */
  guint first_channel, n_channels;
  TnTileChannels narrow;
  guint64 column_rows;
  TnChannelSum sum[TN_TILE_CHANNELS], sum2[TN_TILE_CHANNELS];
  guint64 left_out[TN_TILE_CHANNELS];
} Worker;

static Worker *
worker_new (gboolean required)
{
  Worker *self = tn_pool_alloc0 (tn_pool_default (), TN_PURPOSE_SCRATCH, sizeof *self, NULL);

  if (self != NULL)
    self->from_pool = TRUE;
  else if (required)
    /* Losing what the forward pass computed costs more than going over the budget by this little. */
    self = g_aligned_alloc0 (1, sizeof *self, 64);
  return self;
}

static void
worker_free (Worker *self)
{
  if (self->from_pool)
    tn_pool_release (tn_pool_default (), self);
  else
    g_aligned_free (self);
}

/* The first value of the candidate's tile that equals it, by token, then channel. */
static void
candidate_place (Candidate *self, const Observation *observation)
{
  const Block *block = self->block;
  guint first = self->extreme.channel;

  for (guint r = 0; r < block->rows && !self->placed; r++)
    {
      const float *x = observation->x + (block->row + r) * observation->stats->width + first;

      for (guint c = 0; c < self->n_channels && !self->placed; c++)
        if (x[c] == self->extreme.value)
          {
            self->extreme.token = block->token + r;
            self->extreme.channel = first + c;
            self->placed = TRUE;
          }
    }
}

static void
candidate_offer (Candidate *self, const Observation *observation, const Worker *worker, const Block *block, float value,
                 gboolean want_largest)
{
  Candidate offered =
      {.extreme = {.value = value + 0.0f, .sample = block->sample, .token = block->token, .channel = worker->first_channel},
       .block = block,
       .n_channels = worker->n_channels,
       .any = TRUE};

  if (self->any && value == self->extreme.value)
    {
      if (!self->placed)
        candidate_place (self, observation);
      /* Not even the first place of the tile would win. */
      if (!tn_extreme_beats (&offered.extreme, &self->extreme, want_largest))
        return;
      candidate_place (&offered, observation);
    }
  if (!self->any || tn_extreme_beats (&offered.extreme, &self->extreme, want_largest))
    *self = offered;
}

static void
begin_column (Worker *self, const Observation *observation, guint column)
{
  self->first_channel = column * TN_TILE_CHANNELS;
  self->n_channels = MIN (TN_TILE_CHANNELS, observation->stats->width - self->first_channel);
  self->column_rows = 0;
  memset (self->left_out, 0, sizeof self->left_out);
  memset (self->narrow.sum, 0, sizeof self->narrow.sum);
  memset (self->narrow.square, 0, sizeof self->narrow.square);
  memset (self->sum, 0, sizeof self->sum);
  memset (self->sum2, 0, sizeof self->sum2);
  for (guint c = 0; c < TN_TILE_CHANNELS; c++)
    {
      self->narrow.min[c] = INFINITY;
      self->narrow.max[c] = -INFINITY;
    }
}

static void
end_column (Worker *self, Observation *observation)
{
  g_mutex_lock (&observation->lock);
  for (guint c = 0; c < self->n_channels; c++)
    {
      TnChannelStats *channel = &observation->stats->channels[self->first_channel + c];

      channel->count += self->column_rows - self->left_out[c];
      channel->sum += self->sum[c] + self->narrow.sum[c];
      channel->sum2 += self->sum2[c] + self->narrow.square[c];
      channel->min = MIN (channel->min, self->narrow.min[c] + 0.0f);
      channel->max = MAX (channel->max, self->narrow.max[c] + 0.0f);
    }
  g_mutex_unlock (&observation->lock);
}

/* Any values at all, one by one, in the order of the kernels. Returns how many are in no sum. */
static guint
accumulate_slowly (Worker *self, const float *x, guint rows, guint first, guint n_lanes, TnTilePowers *powers, TnTileRange *range)
{
  guint left_out = 0;

  for (guint r = 0; r < rows; r++, x += TN_TILE_LANES)
    for (guint l = 0; l < n_lanes; l++)
      {
        double value = (double) x[l], square = value * value;

        if (isfinite (x[l]))
          {
            self->narrow.min[first + l] = MIN (self->narrow.min[first + l], x[l]);
            self->narrow.max[first + l] = MAX (self->narrow.max[first + l], x[l]);
            range->min[l] = MIN (range->min[l], x[l]);
            range->max[l] = MAX (range->max[l], x[l]);
          }
        if (!(fabs (value) < (double) (1 << TN_STATS_OVERSIZE_LOG2)))
          {
            self->nans += isnan (x[l]);
            self->positive_infinities += x[l] == INFINITY;
            self->negative_infinities += x[l] == -INFINITY;
            self->oversize += isfinite (x[l]);
            self->left_out[first + l]++;
            left_out++;
            continue;
          }
        powers->partial[TN_POWER_ABS][l % TN_TILE_PARTIALS] += fabs (value);
        powers->partial[TN_POWER_1][l % TN_TILE_PARTIALS] += value;
        powers->partial[TN_POWER_2][l % TN_TILE_PARTIALS] += square;
        powers->partial[TN_POWER_3][l % TN_TILE_PARTIALS] += square * value;
        powers->partial[TN_POWER_4][l % TN_TILE_PARTIALS] += square * square;
        self->sum[first + l] += (TnChannelSum) rint (value * 0x1p40);
        self->sum2[first + l] += (TnChannelSum) rint (square * 0x1p40);
      }
  return left_out;
}

/* 8 channels of the tile, first of them first; n_lanes of them are real. Returns how many values are in no sum. */
static guint
observe_group (Worker *self, const Observation *observation, guint rows, guint first, guint n_lanes, TnTilePowers *powers,
               TnTileRange *range, guint *zeros)
{
  const TnObserveKernel *kernel = observation->kernel;
  const float *x = self->tile + rows * first, *counted = x;
  TnLargeSums large;

  if (self->spreads_zeros)
    {
      *zeros += kernel->spread_zeros (x, rows * TN_TILE_LANES, self->spread);
      counted = self->spread;
    }
  if (kernel->accumulate (x, counted, rows, first, powers, &self->narrow, range, self->bins))
    return 0;
  if (!kernel->accumulate_large (x, rows, first, powers, &self->narrow, range, &large))
    return accumulate_slowly (self, x, rows, first, n_lanes, powers, range);
  for (guint l = 0; l < TN_TILE_LANES; l++)
    {
      self->sum[first + l] += (TnChannelSum) large.sum[l] << (TN_LARGE_SUM_LOG2 - TN_CHANNEL_SUM_QUANTUM_LOG2);
      self->sum2[first + l] += (TnChannelSum) large.square[l] << (TN_LARGE_SQUARE_LOG2 - TN_CHANNEL_SUM_QUANTUM_LOG2);
    }
  return 0;
}

/* padding: zeros of the tile that are no values. spread: zeros that spread_zeros() has found in it. */
static void
take_zeros (Worker *self, const Observation *observation, guint rows, guint n_groups, guint64 in_bins_before, guint padding,
            guint spread)
{
  guint positive = 0, negative = 0, zeros;

  if (!self->spreads_zeros && self->bins[0] + (guint64) self->bins[0x8000] > in_bins_before)
    observation->kernel->count_zeros (self->tile, rows * n_groups * TN_TILE_LANES, &positive, &negative);
  self->positive_zeros += positive;
  self->negative_zeros += negative;
  zeros = positive + negative + spread - padding;
  self->zeros += zeros;
  self->spreads_zeros = zeros > rows * self->n_channels / SPREAD_FRACTION;
}

static double
add_partials (const double *p)
{
  return (p[0] + p[1]) + (p[2] + p[3]);
}

static void
observe_tile (Worker *self, const Observation *observation, const Block *block)
{
  guint rows = block->rows, n_groups = (self->n_channels + TN_TILE_LANES - 1) / TN_TILE_LANES, left_out = 0, spread = 0;
  guint64 zeros_before = self->bins[0] + (guint64) self->bins[0x8000];
  TnGroupMoments *group = &self->groups[block->sample % TN_STATS_GROUPS];
  TnTilePowers powers = {0};
  TnTileRange range;
  float min = INFINITY, max = -INFINITY;

  observation->kernel->pack (observation->x + block->row * observation->stats->width + self->first_channel,
                             observation->stats->width, rows, self->n_channels, self->tile);
  self->column_rows += rows;
  for (guint l = 0; l < TN_TILE_LANES; l++)
    {
      range.min[l] = INFINITY;
      range.max[l] = -INFINITY;
    }
  for (guint g = 0; g < n_groups; g++)
    {
      guint first = g * TN_TILE_LANES, n_lanes = MIN (TN_TILE_LANES, self->n_channels - first);
      TnTileRange before = range;

      left_out += observe_group (self, observation, rows, first, n_lanes, &powers, &range, &spread);
      for (guint l = n_lanes; l < TN_TILE_LANES; l++)
        {
          range.min[l] = before.min[l];
          range.max[l] = before.max[l];
        }
    }
  take_zeros (self, observation, rows, n_groups, zeros_before, rows * (n_groups * TN_TILE_LANES - self->n_channels), spread);

  for (guint l = 0; l < TN_TILE_LANES; l++)
    {
      min = MIN (min, range.min[l]);
      max = MAX (max, range.max[l]);
    }
  if (min <= max)
    {
      candidate_offer (&self->min, observation, self, block, min, FALSE);
      candidate_offer (&self->max, observation, self, block, max, TRUE);
    }
  group->count += rows * self->n_channels - left_out;
  tn_wide_sum_add (&group->sum_abs, add_partials (powers.partial[TN_POWER_ABS]));
  tn_wide_sum_add (&group->sum1, add_partials (powers.partial[TN_POWER_1]));
  tn_wide_sum_add (&group->sum2, add_partials (powers.partial[TN_POWER_2]));
  tn_wide_sum_add (&group->sum3, add_partials (powers.partial[TN_POWER_3]));
  tn_wide_sum_add (&group->sum4, add_partials (powers.partial[TN_POWER_4]));
}

/* Tiles first .. end of n_blocks blocks from blocks on, in the order of columns. */
static void
observe_tiles (Worker *self, Observation *observation, const Block *blocks, guint n_blocks, guint first, guint end)
{
  for (guint tile = first; tile < end; tile++)
    {
      if (tile == first || tile % n_blocks == 0)
        begin_column (self, observation, tile / n_blocks);
      observe_tile (self, observation, &blocks[tile % n_blocks]);
      if (tile + 1 == end || (tile + 1) % n_blocks == 0)
        end_column (self, observation);
    }
}

/* The share of a thread: tiles first .. end of all, counted through one group of BLOCKS_AT_ONCE after the other. */
static void
observe_share (Worker *self, Observation *observation, guint64 first, guint64 end)
{
  guint64 start = 0;

  for (guint block = 0; block < observation->n_blocks; block += BLOCKS_AT_ONCE)
    {
      guint n_blocks = MIN (BLOCKS_AT_ONCE, observation->n_blocks - block);
      guint64 n = (guint64) n_blocks * observation->n_columns;
      guint64 from = CLAMP (first, start, start + n), to = CLAMP (end, start, start + n);

      observe_tiles (self, observation, observation->blocks + block, n_blocks, (guint) (from - start), (guint) (to - start));
      start += n;
    }
}

/* Adds bins first .. end that the worker has counted; many are empty. */
static void
merge_bins (const Worker *worker, guint first, guint end, guint64 *bins)
{
  for (guint i = first; i < end; i += 16)
    {
      guint32 any = 0;

      for (guint k = 0; k < 16; k++)
        any |= worker->bins[i + k];
      if (any != 0)
        for (guint k = 0; k < 16; k++)
          bins[i + k] += worker->bins[i + k];
    }
}

static void
merge_candidate (const Observation *observation, Candidate *candidate, TnExtreme *best, gboolean want_largest)
{
  TnSiteStats *stats = observation->stats;
  gboolean worse = want_largest ? candidate->extreme.value < best->value : candidate->extreme.value > best->value;

  if (stats->has_extremes && worse)
    return;
  if (!candidate->placed)
    candidate_place (candidate, observation);
  if (!stats->has_extremes || tn_extreme_beats (&candidate->extreme, best, want_largest))
    *best = candidate->extreme;
}

static void
merge_worker (const Observation *observation, Worker *worker)
{
  TnSiteStats *stats = observation->stats;
  TnFloatHistogram *histogram = stats->histogram;

  histogram->zeros += worker->zeros;
  histogram->nans += worker->nans;
  histogram->positive_infinities += worker->positive_infinities;
  histogram->negative_infinities += worker->negative_infinities;
  stats->oversize += worker->oversize;
  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    tn_group_moments_merge (&stats->groups[g], &worker->groups[g]);
  if (worker->min.any)
    {
      float largest = MAX (-worker->min.extreme.value, worker->max.extreme.value);
      guint32 bits;
      guint end;

      memcpy (&bits, &largest, sizeof bits);
      /* A multiple of 16, infinities and NaN left out. */
      end = ((bits & 0x7fffffff) >> 16 | 15) + 1;
      worker->bins[0] -= (guint32) worker->positive_zeros;
      worker->bins[0x8000] -= (guint32) worker->negative_zeros;
      merge_bins (worker, 0, end, histogram->bins);
      merge_bins (worker, 0x8000, 0x8000 + end, histogram->bins);
      merge_candidate (observation, &worker->min, &stats->min, FALSE);
      merge_candidate (observation, &worker->max, &stats->max, TRUE);
      stats->has_extremes = TRUE;
    }
}

/* Blocks few enough for the 32-bit counts of a worker. */
static void
observe_blocks (Observation *observation)
{
  guint64 n_tiles = (guint64) observation->n_blocks * observation->n_columns;
  gsize rows = 0;
  guint wanted, n_threads = 0;
  g_autofree Worker **workers = NULL;

  for (guint b = 0; b < observation->n_blocks; b++)
    rows += observation->blocks[b].rows;
  wanted = (guint) CLAMP (rows * observation->stats->width / MIN_VALUES_PER_THREAD, 1, (gsize) omp_get_max_threads ());
  wanted = (guint) MIN (wanted, n_tiles);
  workers = g_new (Worker *, wanted);
  while (n_threads < wanted)
    {
      workers[n_threads] = worker_new (n_threads == 0);
      if (workers[n_threads] == NULL)
        break;
      n_threads++;
    }
#pragma omp parallel for num_threads(n_threads) schedule(static, 1) if (n_threads > 1)
  for (guint t = 0; t < n_threads; t++)
    observe_share (workers[t], observation, n_tiles * t / n_threads, n_tiles * (t + 1) / n_threads);
  for (guint t = 0; t < n_threads; t++)
    {
      merge_worker (observation, workers[t]);
      worker_free (workers[t]);
    }
}

static Block *
list_blocks (const TnBatch *batch, guint *n_blocks)
{
  Block *blocks;
  gsize row = 0, n = 0;

  for (guint s = 0; s < batch->n_sequences; s++)
    n += (batch->sequences[s].length + TN_TILE_ROWS - 1) / TN_TILE_ROWS;
  blocks = g_new (Block, n);
  *n_blocks = 0;
  for (guint s = 0; s < batch->n_sequences; s++)
    for (guint32 token = 0; token < batch->sequences[s].length; token += TN_TILE_ROWS)
      {
        guint rows = MIN (TN_TILE_ROWS, batch->sequences[s].length - token);

        blocks[(*n_blocks)++] = (Block){.row = row, .rows = rows, .token = token, .sample = batch->sequences[s].hash};
        row += rows;
      }
  return blocks;
}

void
tn_site_stats_observe (TnSiteStats *self, const TnBatch *batch, const float *x)
{
  guint n_blocks, most = MAX (G_MAXINT32 / (TN_TILE_ROWS * (self->width + TN_TILE_LANES)), 1);
  g_autofree Block *blocks = list_blocks (batch, &n_blocks);
  Observation observation = {
      .kernel = tn_observe_kernel (),
      .stats = self,
      .x = x,
      .n_columns = (self->width + TN_TILE_CHANNELS - 1) / TN_TILE_CHANNELS,
  };

  g_return_if_fail (batch->n_tokens <= TN_STATS_MAX_TOKENS - self->tokens);

  g_mutex_init (&observation.lock);
  for (guint s = 0; s < batch->n_sequences; s++)
    self->groups[batch->sequences[s].hash % TN_STATS_GROUPS].sequences++;
  for (guint first = 0; first < n_blocks; first += most)
    {
      observation.blocks = blocks + first;
      observation.n_blocks = MIN (most, n_blocks - first);
      observe_blocks (&observation);
    }
  self->tokens += batch->n_tokens;
  g_mutex_clear (&observation.lock);
}
