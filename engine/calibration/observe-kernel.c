/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/observe-kernel.h"

#include <math.h>

#include "engine/calibration/observe-kernel-private.h"

static void
pack (const float *x, gsize stride, guint rows, guint n_channels, float *tile)
{
  guint whole = n_channels / TN_TILE_LANES, rest = n_channels % TN_TILE_LANES;

  for (guint r = 0; r < rows; r++, x += stride)
    {
      float *to = tile + r * TN_TILE_LANES;

      for (guint g = 0; g < whole; g++)
        memcpy (to + g * rows * TN_TILE_LANES, x + g * TN_TILE_LANES, TN_TILE_LANES * sizeof (float));
      for (guint c = 0; rest > 0 && c < TN_TILE_LANES; c++)
        to[whole * rows * TN_TILE_LANES + c] = c < rest ? x[whole * TN_TILE_LANES + c] : 0.0f;
    }
}

/* What accumulate() and accumulate_large() add up before they know whether all values fit. */
typedef struct
{
  TnTilePowers powers;
  guint64 sum[TN_TILE_LANES], square[TN_TILE_LANES];
  float min[TN_TILE_LANES], max[TN_TILE_LANES];
} Attempt;

static void
attempt_init (Attempt *self, const TnTilePowers *powers, const TnTileChannels *channels, guint first_channel, guint rows)
{
  self->powers = *powers;
  for (guint l = 0; l < TN_TILE_LANES; l++)
    {
      self->sum[l] = (guint64) channels->sum[first_channel + l] - rows * TN_FINE_BITS;
      self->square[l] = (guint64) channels->square[first_channel + l] - rows * TN_FINE_BITS;
      self->min[l] = INFINITY;
      self->max[l] = -INFINITY;
    }
}

static inline guint64
rounded_bits (double value, double rounder)
{
  double sum = value + rounder;
  guint64 bits;

  memcpy (&bits, &sum, sizeof bits);
  return bits;
}

static inline void
attempt_add (Attempt *self, const float *x, guint lane, double value, double square)
{
  double (*partial)[TN_TILE_PARTIALS] = self->powers.partial;

  self->min[lane] = x[lane] < self->min[lane] ? x[lane] : self->min[lane];
  self->max[lane] = x[lane] > self->max[lane] ? x[lane] : self->max[lane];
  partial[TN_POWER_ABS][lane % TN_TILE_PARTIALS] += fabs (value);
  partial[TN_POWER_1][lane % TN_TILE_PARTIALS] += value;
  partial[TN_POWER_2][lane % TN_TILE_PARTIALS] += square;
  tn_add_high_powers (partial, lane, value, square);
}

/* FALSE when min and max are not in -below .. below, or a value was NaN, which the sums of magnitudes keep. */
static gboolean
attempt_finish (const Attempt *self, float below, guint first_channel, TnTilePowers *powers, TnTileChannels *channels,
                TnTileRange *range)
{
  for (guint l = 0; l < TN_TILE_LANES; l++)
    if (!(self->min[l] > -below && self->max[l] < below) || isnan (self->powers.partial[TN_POWER_ABS][l % TN_TILE_PARTIALS]))
      return FALSE;
  *powers = self->powers;
  for (guint l = 0; l < TN_TILE_LANES; l++)
    {
      channels->sum[first_channel + l] = (gint64) self->sum[l];
      channels->square[first_channel + l] = (gint64) self->square[l];
      channels->min[first_channel + l] = MIN (self->min[l], channels->min[first_channel + l]);
      channels->max[first_channel + l] = MAX (self->max[l], channels->max[first_channel + l]);
      range->min[l] = MIN (self->min[l], range->min[l]);
      range->max[l] = MAX (self->max[l], range->max[l]);
    }
  return TRUE;
}

static gboolean
accumulate (const float *x, const float *counted, const TnTileAhead *ahead, guint rows, guint first_channel, TnTilePowers *powers,
            TnTileChannels *channels, TnTileRange *range, guint32 *bins)
{
  Attempt attempt;

  if (ahead != NULL)
    tn_pack_ahead (ahead);
  attempt_init (&attempt, powers, channels, first_channel, rows);
  for (guint r = 0; r < rows; r++, x += TN_TILE_LANES, counted += TN_TILE_LANES)
    for (guint l = 0; l < TN_TILE_LANES; l++)
      {
        double value = (double) x[l], square = value * value;

        tn_count_value (counted + l, bins);
        attempt.sum[l] += rounded_bits (value, TN_FINE_ROUNDER);
        attempt.square[l] += rounded_bits (square, TN_FINE_ROUNDER);
        attempt_add (&attempt, x, l, value, square);
      }
  return attempt_finish (&attempt, TN_TILE_SMALL_LIMIT, first_channel, powers, channels, range);
}

static gboolean
accumulate_large (const float *x, guint rows, guint first_channel, TnTilePowers *powers, TnTileChannels *channels,
                  TnTileRange *range, TnLargeSums *large)
{
  Attempt attempt;
  guint64 sum[TN_TILE_LANES], square_sum[TN_TILE_LANES];

  attempt_init (&attempt, powers, channels, first_channel, rows);
  for (guint l = 0; l < TN_TILE_LANES; l++)
    {
      sum[l] = -(rows * TN_LARGE_SUM_BITS);
      square_sum[l] = -(rows * TN_LARGE_SQUARE_BITS);
    }
  for (guint r = 0; r < rows; r++, x += TN_TILE_LANES)
    for (guint l = 0; l < TN_TILE_LANES; l++)
      {
        double value = (double) x[l], square = value * value;

        /* What the large quantum leaves of a number is exact, and an even number of fine quanta has been taken: the rest rounds
         * as the whole would. */
        sum[l] += rounded_bits (value, TN_LARGE_SUM_ROUNDER);
        attempt.sum[l] += rounded_bits (value - (value + TN_LARGE_SUM_ROUNDER - TN_LARGE_SUM_ROUNDER), TN_FINE_ROUNDER);
        square_sum[l] += rounded_bits (square, TN_LARGE_SQUARE_ROUNDER);
        attempt.square[l] +=
            rounded_bits (square - (square + TN_LARGE_SQUARE_ROUNDER - TN_LARGE_SQUARE_ROUNDER), TN_FINE_ROUNDER);
        attempt_add (&attempt, x, l, value, square);
      }
  for (guint l = 0; l < TN_TILE_LANES; l++)
    {
      large->sum[l] = (gint64) sum[l];
      large->square[l] = (gint64) square_sum[l];
    }
  return attempt_finish (&attempt, TN_TILE_LARGE_LIMIT, first_channel, powers, channels, range);
}

static guint
spread_zeros (const float *x, guint n, float *spread)
{
  guint zeros = 0;

  for (guint i = 0; i < n; i++)
    {
      guint32 bits;

      memcpy (&bits, x + i, sizeof bits);
      if (x[i] == 0.0f)
        {
          zeros++;
          bits |= TN_SPREAD_BITS + (i % (TN_SPREAD_ROWS * TN_TILE_LANES) << 16);
        }
      memcpy (spread + i, &bits, sizeof bits);
    }
  return zeros;
}

static void
sum_bins (const guint32 *bins, guint first, guint end, guint32 *sums)
{
  for (guint i = first; i < end; i++)
    {
      guint32 sum = 0;

      for (guint k = 0; k < TN_COUNT_RUN; k++)
        sum += bins[i * TN_COUNT_RUN + k];
      sums[i] = sum;
    }
}

static void
count_zeros (const float *x, guint n, guint *positive, guint *negative)
{
  *positive = *negative = 0;
  for (guint i = 0; i < n; i++)
    {
      guint32 bits;

      memcpy (&bits, x + i, sizeof bits);
      *positive += bits == 0;
      *negative += bits == 0x80000000U;
    }
}

static const TnObserveKernel kernel_portable = {pack, accumulate, accumulate_large, spread_zeros, sum_bins, count_zeros};
#if defined(__aarch64__)
/* Of the rest compilers make vectors by themselves. */
static const TnObserveKernel kernel_neon = {pack, tn_observe_accumulate_neon, accumulate_large, spread_zeros, sum_bins, count_zeros};
#endif

const TnObserveKernel *
tn_observe_kernel (void)
{
  if (tn_variant_get () == TN_VARIANT_SCALAR)
    return &kernel_portable;
#if defined(__x86_64__)
  /* Wider registers would gain nothing: a processor that stores to one bin a cycle has the time for these. */
  return &tn_observe_kernel_avx2;
#elif defined(__aarch64__)
  return &kernel_neon;
#else
  return &kernel_portable;
#endif
}
