/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>
#include <math.h>

G_BEGIN_DECLS

/* The inner loops of observing. They work on a tile: up to 32 rows (tokens) by 128 channels, copied into groups of 8 channels,
 * [group][row][8], so that a group's sums stay in registers while its rows go by. Every variant gives the same bits: all
 * arithmetic is elementwise IEEE double or integer. */
#define TN_TILE_ROWS 32
#define TN_TILE_CHANNELS 128
#define TN_TILE_LANES 8
#define TN_TILE_GROUPS (TN_TILE_CHANNELS / TN_TILE_LANES)
#define TN_TILE_AHEAD_ROWS (TN_TILE_ROWS / TN_TILE_GROUPS)
#define TN_TILE_VALUES (TN_TILE_ROWS * TN_TILE_CHANNELS)
/* Bins of bit patterns: the upper half of a float. */
#define TN_TILE_BINS 65536

#define TN_COUNT_RUN 32

enum
{
  TN_POWER_ABS,
  TN_POWER_1,
  TN_POWER_2,
  TN_POWER_3,
  TN_POWER_4,
  TN_N_POWERS
};

/* Partial sums of a tile: channel c goes to partial c % 4; group after group, in each row after row, in each channel after channel. */
#define TN_TILE_PARTIALS 4
typedef struct
{
  double partial[TN_N_POWERS][TN_TILE_PARTIALS];
} TnTilePowers;

/* x^2 * x and x^2 * x^2 are added with one rounding. */
static inline void
tn_add_high_powers (double (*partial)[TN_TILE_PARTIALS], guint channel, double x, double square)
{
  double *sum3 = &partial[TN_POWER_3][channel % TN_TILE_PARTIALS], *sum4 = &partial[TN_POWER_4][channel % TN_TILE_PARTIALS];

  *sum3 = fma (square, x, *sum3);
  *sum4 = fma (square, square, *sum4);
}

/* Sums of x and x^2 of each channel in quanta of 2^-40, each value rounded on its own, half to even. Whoever adds more than
 * TN_TILE_MAX_ROWS rows takes them out before: 2^11 * 2^40 * 2^12 = 2^63. */
#define TN_TILE_MAX_ROWS 4096
typedef struct
{
  gint64 sum[TN_TILE_CHANNELS];
  gint64 square[TN_TILE_CHANNELS];
  float  min[TN_TILE_CHANNELS];
  float  max[TN_TILE_CHANNELS];
} TnTileChannels;

/* What values too large for these leave beside them: multiples of 2^-24 and of 2^3, in these units. */
#define TN_LARGE_SUM_LOG2 (-24)
#define TN_LARGE_SQUARE_LOG2 3
typedef struct
{
  gint64 sum[TN_TILE_LANES];
  gint64 square[TN_TILE_LANES];
} TnLargeSums;

/* The extremes of a tile, a lane each channel % 8. Of equal zeros either may stand for both. */
typedef struct
{
  float min[TN_TILE_LANES];
  float max[TN_TILE_LANES];
} TnTileRange;

/* accumulate() takes |x| below the first, whose square is below 2^11; accumulate_large() below the second. */
#define TN_TILE_SMALL_LIMIT 45.25f
#define TN_TILE_LARGE_LIMIT 0x1p27f

/* TN_TILE_AHEAD_ROWS rows of the next tile, stride floats apart, all 128 channels of them, and where they are packed: the groups of a whole
 * tile together pack another. */
typedef struct
{
  const float *from;
  gsize stride;
  float *to;
} TnTileAhead;

typedef struct
{
  /* rows x n_channels values, rows stride floats apart, into tile; lanes behind the last channel become 0. */
  void (*pack) (const float *x, gsize stride, guint rows, guint n_channels, float *tile);
  /* A group of 8 channels, the first of them first_channel of channels. counted is what is counted in bins, [rows][8] as well:
   * x itself, or x from spread_zeros(). FALSE when a value is NaN or beyond the limit: then nothing but bins has changed.
   * Meanwhile, unless ahead is NULL, its rows are packed; rows is 32 then. */
  gboolean (*accumulate) (const float *x, const float *counted, const TnTileAhead *ahead, guint rows, guint first_channel,
                          TnTilePowers *powers, TnTileChannels *channels, TnTileRange *range, guint32 *bins);
  /* The same for larger values, which are counted already; large is set. */
  gboolean (*accumulate_large) (const float *x, guint rows, guint first_channel, TnTilePowers *powers, TnTileChannels *channels,
                                TnTileRange *range, TnLargeSums *large);
  /* Where many values are zero, one bin would be incremented again and again, each time waiting for the last: copies n values
   * (a multiple of 8), zeros replaced by NaNs of many bins. Returns how many there were. */
  guint (*spread_zeros) (const float *x, guint n, float *spread);
  /* sums[i]: of the TN_COUNT_RUN bins from bin TN_COUNT_RUN * i on, for first <= i < end. Most are empty. */
  void (*sum_bins) (const guint32 *bins, guint first, guint end, guint32 *sums);
  /* Zeros among n values, a multiple of 8. */
  void (*count_zeros) (const float *x, guint n, guint *positive, guint *negative);
} TnObserveKernel;

/* That of tn_variant_get(). */
const TnObserveKernel *tn_observe_kernel (void);

G_END_DECLS
