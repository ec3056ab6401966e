/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/site-stats.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "engine/calibration/observe-candidate.h"
#include "engine/calibration/observe-kernel.h"
#include "engine/calibration/site-stats-private.h"
#include "engine/memory/pool.h"

/* Tiles are gone through group of sequences after group: what a thread's bins have gained since the last group is the group's. In a group they come
 * in patches: so many columns of 128 channels, whose sums fit into the nearest caches, by so many blocks of tokens, in which the tiles of one
 * block come one after the other, because they lie side by side in memory. */
#define PATCH_COLUMNS 8
#define PATCH_BLOCKS 16
G_STATIC_ASSERT (PATCH_BLOCKS *TN_TILE_ROWS <= TN_TILE_MAX_ROWS);
G_STATIC_ASSERT (TN_COUNT_RUN == TN_GROUP_BIN_WIDTH);
/* A group's bins below this one, of either sign, are those of magnitudes below 2^-32. */
#define TINY_END ((127 - 32) * 128 / TN_GROUP_BIN_WIDTH)
/* With fewer values a thread has more to do with its table of bins than with them. */
#define MIN_VALUES_PER_THREAD 65536
/* Where more than one value in so many is zero, the zeros of the next tile are spread. */
#define SPREAD_FRACTION 16
/* What accumulate_large() counts, in quanta of channel sums. */
#define LARGE_SUM_UNIT ((TnChannelSum) 1 << (TN_LARGE_SUM_LOG2 - TN_CHANNEL_SUM_QUANTUM_LOG2))
#define LARGE_SQUARE_UNIT ((TnChannelSum) 1 << (TN_LARGE_SQUARE_LOG2 - TN_CHANNEL_SUM_QUANTUM_LOG2))

/* Up to PATCH_BLOCKS blocks of one group, over all columns. */
typedef struct
{
  guint first_block, n_blocks;
  guint group;
  guint64 first_tile;
} Band;

typedef struct
{
  const TnObserveKernel *kernel;
  TnSiteStats *stats;
  const float *x;
  const TnObserveBlock *blocks; /* by group */
  guint n_blocks, n_columns;
  Band *bands;
  guint n_bands;
  GMutex lock; /* of stats */
} Observation;

/* 128 channels of a patch. */
typedef struct
{
  TnTileChannels narrow;
  TnChannelSum sum[TN_TILE_CHANNELS], sum2[TN_TILE_CHANNELS]; /* beside what narrow holds */
  guint64 rows;
  guint64 left_out[TN_TILE_CHANNELS];
} Column;

/* What one thread has seen of the batch. */
typedef struct
{
  float tiles[2][TN_TILE_VALUES]; /* first, where the block is aligned to lines of the cache */
  float spread[TN_TILE_ROWS * TN_TILE_LANES];
  Column columns[PATCH_COLUMNS];
  gboolean from_pool;
  /* From here on it begins with zeros. */
  guint32 bins[TN_TILE_BINS];                    /* every value by its upper half; meaningless for NaN and infinities */
  guint64 zeros, positive_zeros, negative_zeros; /* all; those among bins */
  guint64 nans, positive_infinities, negative_infinities, oversize;
  TnCandidate min, max;
  TnLargestCandidates largest;
  TnGroupStats group;                   /* the one that is being seen */
  guint32 group_counts[TN_GROUP_BINS];  /* of bins, when they were last gone through */
  guint64 group_values;                 /* in it */
  guint64 group_zeros, group_nonfinite; /* when it began */
  guint64 tiny_positive_zeros, tiny_negative_zeros; /* when bins below TINY_END were last gone through */
  gboolean spreads_zeros;
  guint tile;      /* which of the two is being gone through */
  gboolean packed; /* it holds its values already */
} Worker;

/* Where a tile is. */
typedef struct
{
  guint64 patch; /* its first tile */
  const Band *band;
  guint column; /* of all */
  TnTilePlace tile;
} Place;

static Worker *
worker_new (gboolean required)
{
  Worker *self = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, sizeof *self, NULL);
  gboolean from_pool = self != NULL;

  /* Losing what the forward pass computed costs more than going over the budget by this little. */
  if (self == NULL && required)
    self = g_aligned_alloc (1, sizeof *self, 64);
  if (self != NULL)
    self->from_pool = from_pool;
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

static void
begin_patch (Worker *self, const Observation *observation)
{
  guint n = MIN (PATCH_COLUMNS, observation->n_columns);

  memset (self->columns, 0, n * sizeof *self->columns);
  for (guint k = 0; k < n; k++)
    for (guint c = 0; c < TN_TILE_CHANNELS; c++)
      {
        self->columns[k].narrow.min[c] = INFINITY;
        self->columns[k].narrow.max[c] = -INFINITY;
      }
}

/* first_column: of the patch, among all. */
static void
end_patch (Worker *self, Observation *observation, guint first_column)
{
  TnSiteStats *stats = observation->stats;
  guint first = first_column * TN_TILE_CHANNELS, n = MIN (PATCH_COLUMNS * TN_TILE_CHANNELS, stats->width - first);

  g_mutex_lock (&observation->lock);
  for (guint i = 0; i < n; i++)
    {
      const Column *column = &self->columns[i / TN_TILE_CHANNELS];
      TnChannelStats *channel = &stats->channels[first + i];
      guint c = i % TN_TILE_CHANNELS;

      channel->count += column->rows - column->left_out[c];
      channel->sum += column->sum[c] + column->narrow.sum[c];
      channel->sum2 += column->sum2[c] + column->narrow.square[c];
      channel->min = MIN (channel->min, column->narrow.min[c] + 0.0f);
      channel->max = MAX (channel->max, column->narrow.max[c] + 0.0f);
    }
  g_mutex_unlock (&observation->lock);
}

/* Any values at all, one by one, in the order of the kernels. Returns how many are in no sum. */
static guint
accumulate_slowly (Worker *self, Column *column, const float *x, guint rows, guint first, guint n_lanes, TnTilePowers *powers,
                   TnTileRange *range)
{
  guint left_out = 0;

  for (guint r = 0; r < rows; r++, x += TN_TILE_LANES)
    for (guint l = 0; l < n_lanes; l++)
      {
        double value = (double) x[l], square = value * value;

        if (isfinite (x[l]))
          {
            column->narrow.min[first + l] = MIN (column->narrow.min[first + l], x[l]);
            column->narrow.max[first + l] = MAX (column->narrow.max[first + l], x[l]);
            range->min[l] = MIN (range->min[l], x[l]);
            range->max[l] = MAX (range->max[l], x[l]);
          }
        if (!(fabs (value) < (double) (1 << TN_STATS_OVERSIZE_LOG2)))
          {
            self->nans += isnan (x[l]);
            self->positive_infinities += x[l] == INFINITY;
            self->negative_infinities += x[l] == -INFINITY;
            self->oversize += isfinite (x[l]);
            column->left_out[first + l]++;
            left_out++;
            continue;
          }
        powers->partial[TN_POWER_ABS][l % TN_TILE_PARTIALS] += fabs (value);
        powers->partial[TN_POWER_1][l % TN_TILE_PARTIALS] += value;
        powers->partial[TN_POWER_2][l % TN_TILE_PARTIALS] += square;
        tn_add_high_powers (powers->partial, l, value, square);
        column->sum[first + l] += (TnChannelSum) rint (value * 0x1p40);
        column->sum2[first + l] += (TnChannelSum) rint (square * 0x1p40);
      }
  return left_out;
}

/* 8 channels of a tile, first of them first; n_lanes of them are real. Returns how many values are in no sum. */
static guint
observe_group (Worker *self, const Observation *observation, Column *column, const TnTileAhead *ahead, guint rows, guint first,
               guint n_lanes, TnTilePowers *powers, TnTileRange *range, guint *zeros)
{
  const TnObserveKernel *kernel = observation->kernel;
  const float *x = self->tiles[self->tile] + rows * first, *counted = x;
  TnLargeSums large;

  if (self->spreads_zeros)
    {
      *zeros += kernel->spread_zeros (x, rows * TN_TILE_LANES, self->spread);
      counted = self->spread;
    }
  if (kernel->accumulate (x, counted, ahead, rows, first, powers, &column->narrow, range, self->bins))
    return 0;
  if (!kernel->accumulate_large (x, rows, first, powers, &column->narrow, range, &large))
    return accumulate_slowly (self, column, x, rows, first, n_lanes, powers, range);
  for (guint l = 0; l < TN_TILE_LANES; l++)
    {
      column->sum[first + l] += (TnChannelSum) large.sum[l] * LARGE_SUM_UNIT;
      column->sum2[first + l] += (TnChannelSum) large.square[l] * LARGE_SQUARE_UNIT;
    }
  return 0;
}

/* What of a tile of n values is zero. before: what bins counted as zero before it; padding: zeros of the tile that are no values;
 * spread: those that spread_zeros() has found in it. */
static void
take_zeros (Worker *self, const Observation *observation, guint n, guint64 before, guint padding, guint spread)
{
  guint positive = 0, negative = 0, zeros;

  /* Denormals may be among them. */
  if (!self->spreads_zeros && self->bins[0] + (guint64) self->bins[0x8000] > before)
    observation->kernel->count_zeros (self->tiles[self->tile], n + padding, &positive, &negative);
  self->positive_zeros += positive;
  self->negative_zeros += negative;
  zeros = positive + negative + spread - padding;
  self->zeros += zeros;
  self->spreads_zeros = zeros > n / SPREAD_FRACTION;
}

static void
add_powers (TnGroupStats *group, const TnTilePowers *powers)
{
  TnWideSum *sums[TN_N_POWERS] = {
      [TN_POWER_ABS] = &group->sum_abs, [TN_POWER_1] = &group->sum1, [TN_POWER_2] = &group->sum2,
      [TN_POWER_3] = &group->sum3,      [TN_POWER_4] = &group->sum4,
  };

  for (guint k = 0; k < TN_N_POWERS; k++)
    {
      const double *p = powers->partial[k];

      tn_wide_sum_add (sums[k], (p[0] + p[1]) + (p[2] + p[3]));
    }
}

/* next: the values of the tile that comes after it, where both are whole: then it is packed by the way. */
static void
observe_tile (Worker *self, const Observation *observation, const Place *place, const float *next)
{
  Column *column = &self->columns[place->column % PATCH_COLUMNS];
  guint rows = place->tile.block->rows, n_groups = (place->tile.n_channels + TN_TILE_LANES - 1) / TN_TILE_LANES;
  guint n = rows * place->tile.n_channels, left_out = 0, spread = 0;
  guint64 zeros_before = self->bins[0] + (guint64) self->bins[0x8000];
  TnTileAhead ahead = {.from = next, .stride = observation->stats->width, .to = self->tiles[!self->tile]};
  TnTilePowers powers = {0};
  TnTileRange range;
  float min = INFINITY, max = -INFINITY;

  if (!self->packed)
    observation->kernel->pack (place->tile.x + place->tile.block->row * place->tile.width + place->tile.first_channel,
                               place->tile.width, rows, place->tile.n_channels, self->tiles[self->tile]);
  for (guint l = 0; l < TN_TILE_LANES; l++)
    {
      range.min[l] = INFINITY;
      range.max[l] = -INFINITY;
    }
  for (guint g = 0; g < n_groups; g++)
    {
      guint first = g * TN_TILE_LANES, n_lanes = MIN (TN_TILE_LANES, place->tile.n_channels - first);
      TnTileRange before = range;

      left_out +=
          observe_group (self, observation, column, next != NULL ? &ahead : NULL, rows, first, n_lanes, &powers, &range, &spread);
      if (next != NULL)
        {
          ahead.from += TN_TILE_AHEAD_ROWS * ahead.stride;
          ahead.to += TN_TILE_AHEAD_ROWS * TN_TILE_LANES;
        }
      for (guint l = n_lanes; l < TN_TILE_LANES; l++)
        {
          range.min[l] = before.min[l];
          range.max[l] = before.max[l];
        }
    }
  take_zeros (self, observation, n, zeros_before, rows * n_groups * TN_TILE_LANES - n, spread);
  for (guint l = 0; l < TN_TILE_LANES; l++)
    {
      min = MIN (min, range.min[l]);
      max = MAX (max, range.max[l]);
    }
  if (min <= max)
    {
      tn_candidate_offer (&self->min, &place->tile, -min, TN_SOUGHT_MIN);
      tn_candidate_offer (&self->max, &place->tile, max, TN_SOUGHT_MAX);
      tn_largest_candidates_offer (&self->largest, &place->tile, MAX (-min, max));
      self->group.min = MIN (self->group.min, min);
      self->group.max = MAX (self->group.max, max);
    }
  column->rows += rows;
  self->group.count += n - left_out;
  self->group_values += n;
  add_powers (&self->group, &powers);
}

/* band: one at or before that of the tile. */
static Place
find_tile (const Observation *observation, const Band *band, guint64 tile)
{
  guint in_band, first_column, in_patch, n_columns, column, first_channel;

  while (tile - band->first_tile >= (guint64) band->n_blocks * observation->n_columns)
    band++;
  in_band = (guint) (tile - band->first_tile);
  first_column = in_band / (band->n_blocks * PATCH_COLUMNS) * PATCH_COLUMNS;
  in_patch = in_band - first_column * band->n_blocks;
  n_columns = MIN (PATCH_COLUMNS, observation->n_columns - first_column);
  column = first_column + in_patch % n_columns;
  first_channel = column * TN_TILE_CHANNELS;
  return (Place){
      .patch = tile - in_patch,
      .band = band,
      .column = column,
      .tile =
          {
              .x = observation->x,
              .width = observation->stats->width,
              .block = &observation->blocks[band->first_block + in_patch / n_columns],
              .first_channel = first_channel,
              .n_channels = MIN (TN_TILE_CHANNELS, observation->stats->width - first_channel),
          },
  };
}

static gboolean
is_whole (const Place *place)
{
  return place->tile.block->rows == TN_TILE_ROWS && place->tile.n_channels == TN_TILE_CHANNELS;
}

static gboolean
any_of_16 (const guint32 *bins)
{
  guint64 pairs[8], any = 0;

  memcpy (pairs, bins, sizeof pairs);
  for (guint k = 0; k < G_N_ELEMENTS (pairs); k++)
    any |= pairs[k];
  return any != 0;
}

/* Adds bins first .. end that the worker has counted; many are empty. */
static void
merge_bins (const Worker *worker, guint first, guint end, TnFloatHistogram *histogram)
{
  for (guint i = first; i < end; i += 16)
    if (any_of_16 (worker->bins + i))
      {
        guint64 counts[16];

        for (guint k = 0; k < G_N_ELEMENTS (counts); k++)
          counts[k] = worker->bins[i + k];
        tn_float_histogram_add_counts (histogram, i, counts, G_N_ELEMENTS (counts));
      }
}

/* A multiple of run behind the last bin of positive values that may be occupied, infinities and NaN left out; those of negative ones are as many. */
static guint
end_of_bins (const Worker *worker, guint run)
{
  float largest = MAX (worker->min.key, worker->max.key);
  guint32 bits;

  memcpy (&bits, &largest, sizeof bits);
  return ((bits & 0x7fffffff) >> 16 | (run - 1)) + 1;
}

static void
merge_candidate (const TnSiteStats *stats, TnCandidate *candidate, TnExtreme *best, TnSought sought)
{
  gboolean want_largest = sought == TN_SOUGHT_MAX;
  const TnExtreme *found;

  if (stats->has_extremes && (want_largest ? candidate->key < best->value : candidate->key < -best->value))
    return;
  found = tn_candidate_settle (candidate, sought);
  if (!stats->has_extremes || tn_extreme_beats (found, best, want_largest))
    *best = *found;
}

static void
merge_worker (const Observation *observation, Worker *worker)
{
  TnSiteStats *stats = observation->stats;
  TnFloatHistogram *histogram = stats->histogram;
  guint end;

  histogram->zeros += worker->zeros;
  histogram->nans += worker->nans;
  histogram->positive_infinities += worker->positive_infinities;
  histogram->negative_infinities += worker->negative_infinities;
  stats->oversize += worker->oversize;
  if (!worker->min.any)
    return;
  end = end_of_bins (worker, 16);
  worker->bins[0] -= (guint32) worker->positive_zeros;
  worker->bins[0x8000] -= (guint32) worker->negative_zeros;
  merge_bins (worker, 0, end, histogram);
  merge_bins (worker, 0x8000, 0x8000 + end, histogram);
  merge_candidate (stats, &worker->min, &stats->min, TN_SOUGHT_MIN);
  merge_candidate (stats, &worker->max, &stats->max, TN_SOUGHT_MAX);
  stats->has_extremes = TRUE;
  for (guint i = 0; i < worker->largest.n; i++)
    tn_site_stats_offer_largest (stats, tn_candidate_settle (&worker->largest.entries[i], TN_SOUGHT_MAGNITUDE));
}

static void
begin_group (Worker *self)
{
  self->group_values = 0;
  self->group = (TnGroupStats){.min = INFINITY, .max = -INFINITY};
}

/* Takes what bins first .. end of both signs have gained since this was last called for them. Returns how much that is. */
static guint64
gain_group_counts (Worker *self, const TnObserveKernel *kernel, guint first, guint end, guint64 *group_bins)
{
  guint64 gained = 0;

  for (guint sign = 0; sign < TN_GROUP_BINS; sign += TN_GROUP_BINS / 2)
    {
      guint32 sums[TN_GROUP_BINS];

      kernel->sum_bins (self->bins, sign + first, sign + end, sums);
      for (guint i = sign + first; i < sign + end; i++)
        if (sums[i] != self->group_counts[i])
          {
            group_bins[i] += sums[i] - self->group_counts[i];
            gained += sums[i] - self->group_counts[i];
            self->group_counts[i] = sums[i];
          }
    }
  return gained;
}

/* What the worker has seen of the group enters the statistics. */
static void
end_group (Observation *observation, Worker *self, guint group)
{
  TnSiteStats *stats = observation->stats;
  guint64 *group_bins = tn_site_stats_group_bins (stats, group);
  guint end = self->min.any ? end_of_bins (self, TN_COUNT_RUN) / TN_COUNT_RUN : 0, tiny = MIN (TINY_END, end);
  guint64 nonfinite = self->nans + self->positive_infinities + self->negative_infinities, wanted;

  self->group.zeros = self->zeros - self->group_zeros;
  self->group.min += 0.0f;
  self->group.max += 0.0f;
  wanted = self->group_values - self->group.zeros - (nonfinite - self->group_nonfinite);
  g_mutex_lock (&observation->lock);
  /* Values so small are rare, and going through the bins that they would stand in, which the cache has let go, is not: it is done when some are
   * missing among the others. */
  if (gain_group_counts (self, observation->kernel, tiny, end, group_bins) < wanted)
    {
      gain_group_counts (self, observation->kernel, 0, tiny, group_bins);
      /* Zeros stand among the bins of denormals. */
      group_bins[0] -= self->positive_zeros - self->tiny_positive_zeros;
      group_bins[TN_GROUP_BINS / 2] -= self->negative_zeros - self->tiny_negative_zeros;
      self->tiny_positive_zeros = self->positive_zeros;
      self->tiny_negative_zeros = self->negative_zeros;
    }
  tn_group_stats_merge (&stats->groups[group], &self->group);
  g_mutex_unlock (&observation->lock);
  self->group_zeros = self->zeros;
  self->group_nonfinite = nonfinite;
  begin_group (self);
}

static const Band *
find_band (const Observation *observation, guint64 tile)
{
  guint low = 0, high = observation->n_bands;

  while (high - low > 1)
    {
      guint middle = low + (high - low) / 2;

      if (observation->bands[middle].first_tile <= tile)
        low = middle;
      else
        high = middle;
    }
  return &observation->bands[low];
}

/* The share of a thread: tiles first .. end. */
static void
observe_tiles (Worker *self, Observation *observation, guint64 first, guint64 end)
{
  Place place = find_tile (observation, find_band (observation, first), first);

  memset (self->bins, 0, sizeof *self - G_STRUCT_OFFSET (Worker, bins));
  begin_patch (self, observation);
  begin_group (self);
  for (guint64 tile = first; tile < end; tile++)
    {
      Place next_place = find_tile (observation, place.band, MIN (tile + 1, end - 1));
      const float *next = NULL;

      if (tile + 1 < end && is_whole (&place) && is_whole (&next_place))
        next = observation->x + next_place.tile.block->row * observation->stats->width + next_place.tile.first_channel;
      observe_tile (self, observation, &place, next);
      self->packed = next != NULL;
      self->tile = !self->tile;
      if (tile + 1 == end || next_place.patch != place.patch)
        {
          end_patch (self, observation, place.column / PATCH_COLUMNS * PATCH_COLUMNS);
          begin_patch (self, observation);
        }
      if (tile + 1 == end || next_place.band->group != place.band->group)
        end_group (observation, self, place.band->group);
      place = next_place;
    }
  /* Here, where its bins are in the cache. */
  g_mutex_lock (&observation->lock);
  merge_worker (observation, self);
  g_mutex_unlock (&observation->lock);
}

static void
list_bands (Observation *observation)
{
  guint64 tiles = 0;

  observation->n_bands = 0;
  for (guint b = 0; b < observation->n_blocks;)
    {
      Band *band = &observation->bands[observation->n_bands++];

      *band = (Band){.first_block = b, .group = observation->blocks[b].sample % TN_STATS_GROUPS, .first_tile = tiles};
      while (band->n_blocks < PATCH_BLOCKS && b < observation->n_blocks &&
             observation->blocks[b].sample % TN_STATS_GROUPS == band->group)
        {
          band->n_blocks++;
          b++;
        }
      tiles += (guint64) band->n_blocks * observation->n_columns;
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

  list_bands (observation);
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
    observe_tiles (workers[t], observation, n_tiles * t / n_threads, n_tiles * (t + 1) / n_threads);
  for (guint t = 0; t < n_threads; t++)
    worker_free (workers[t]);
}

/* The blocks of all sequences, group after group. */
static TnObserveBlock *
list_blocks (const TnBatch *batch, guint *n_blocks)
{
  guint at[TN_STATS_GROUPS + 1] = {0};
  TnObserveBlock *blocks;
  gsize row = 0;

  for (guint s = 0; s < batch->n_sequences; s++)
    at[batch->sequences[s].hash % TN_STATS_GROUPS + 1] += (batch->sequences[s].length + TN_TILE_ROWS - 1) / TN_TILE_ROWS;
  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    at[g + 1] += at[g];
  *n_blocks = at[TN_STATS_GROUPS];
  blocks = g_new (TnObserveBlock, *n_blocks);
  for (guint s = 0; s < batch->n_sequences; s++)
    for (guint32 token = 0; token < batch->sequences[s].length; token += TN_TILE_ROWS)
      {
        guint rows = MIN (TN_TILE_ROWS, batch->sequences[s].length - token);
        guint64 sample = batch->sequences[s].hash;

        blocks[at[sample % TN_STATS_GROUPS]++] = (TnObserveBlock){.row = row, .rows = rows, .token = token, .sample = sample};
        row += rows;
      }
  return blocks;
}

static void
add_sequence_ranges (TnSiteStats *self, const TnBatch *batch, const float *x)
{
  for (guint s = 0; s < batch->n_sequences; s++)
    {
      gsize n = (gsize) batch->sequences[s].length * self->width;
      TnSequenceRange range = {INFINITY, -INFINITY};

      for (gsize i = 0; i < n; i++)
        {
          gboolean finite = fabsf (x[i]) <= G_MAXFLOAT;

          range.min = finite && x[i] < range.min ? x[i] : range.min;
          range.max = finite && x[i] > range.max ? x[i] : range.max;
        }
      range.min += 0.0f;
      range.max += 0.0f;
      g_array_append_val (self->sequence_ranges, range);
      tn_site_stats_enter_range (self, &range);
      x += n;
    }
}

void
tn_site_stats_observe (TnSiteStats *self, const TnBatch *batch, const float *x)
{
  guint n_blocks, most = MAX (G_MAXINT32 / (TN_TILE_ROWS * (self->width + TN_TILE_LANES)), 1);
  g_autofree TnObserveBlock *blocks = list_blocks (batch, &n_blocks);
  g_autofree Band *bands = g_new (Band, n_blocks);
  Observation observation = {
      .bands = bands,
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
  if (self->channel_histograms != NULL)
    tn_channel_histograms_observe (self->channel_histograms, x, batch->n_tokens);
  if (self->gram != NULL && !tn_gram_observe (self->gram, batch, x))
    g_clear_pointer (&self->gram, tn_gram_free);
  if (self->rows != NULL)
    tn_row_sample_observe (self->rows, batch, x);
  if (self->moving.decay > 0.0)
    add_sequence_ranges (self, batch, x);
  self->tokens += batch->n_tokens;
  g_mutex_clear (&observation.lock);
}
