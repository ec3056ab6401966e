/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/observe-kernel-private.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>

/* In accumulate() 8 values cost 26 operations of 256 bits on four ports and 8 increments of bins. These set the pace: the
 * processor takes one store a cycle, so the arithmetic runs in their shadow, and packing the next tile hides the way to memory.
 */

#define TARGET __attribute__ ((target ("avx2,fma")))

/* How far ahead rows are fetched into the cache: in the time of so many comes what a memory access brings. */
#define FETCH_ROWS 4

/* Order of computation for the compiler, which would otherwise need more registers than there are. */
#define KEEP(v) __asm__("" : "+x"(v))

typedef struct
{
  __m256d abs, sum1, sum2, sum3, sum4;
} Powers;

TN_KERNEL_INLINE TARGET Powers
load_powers (const TnTilePowers *powers)
{
  return (Powers){_mm256_loadu_pd (powers->partial[TN_POWER_ABS]), _mm256_loadu_pd (powers->partial[TN_POWER_1]),
                  _mm256_loadu_pd (powers->partial[TN_POWER_2]), _mm256_loadu_pd (powers->partial[TN_POWER_3]),
                  _mm256_loadu_pd (powers->partial[TN_POWER_4])};
}

TN_KERNEL_INLINE TARGET void
store_powers (const Powers *self, TnTilePowers *powers)
{
  _mm256_storeu_pd (powers->partial[TN_POWER_ABS], self->abs);
  _mm256_storeu_pd (powers->partial[TN_POWER_1], self->sum1);
  _mm256_storeu_pd (powers->partial[TN_POWER_2], self->sum2);
  _mm256_storeu_pd (powers->partial[TN_POWER_3], self->sum3);
  _mm256_storeu_pd (powers->partial[TN_POWER_4], self->sum4);
}

TN_KERNEL_INLINE TARGET __m256d
load_values (const float *x)
{
  return _mm256_cvtps_pd (_mm_loadu_ps (x));
}

TN_KERNEL_INLINE TARGET void
add_powers (Powers *self, __m256d value, __m256d square)
{
  const __m256d magnitude = _mm256_castsi256_pd (_mm256_set1_epi64x (G_MAXINT64));

  self->abs = _mm256_add_pd (self->abs, _mm256_and_pd (value, magnitude));
  KEEP (self->abs);
  self->sum1 = _mm256_add_pd (self->sum1, value);
  KEEP (self->sum1);
  self->sum2 = _mm256_add_pd (self->sum2, square);
  KEEP (self->sum2);
  self->sum3 = _mm256_fmadd_pd (square, value, self->sum3);
  KEEP (self->sum3);
  self->sum4 = _mm256_fmadd_pd (square, square, self->sum4);
  KEEP (self->sum4);
}

TN_KERNEL_INLINE TARGET __m256i
add_rounded (__m256i sum, __m256d value, __m256d rounder)
{
  return _mm256_add_epi64 (sum, _mm256_castpd_si256 (_mm256_add_pd (value, rounder)));
}

TN_KERNEL_INLINE TARGET __m256i
load_words (const gint64 *words)
{
  return _mm256_loadu_si256 ((const __m256i *) words);
}

TN_KERNEL_INLINE TARGET void
store_words (gint64 *words, __m256i value)
{
  _mm256_storeu_si256 ((__m256i *) words, value);
}

/* FALSE when a value is not in -below .. below or was NaN, which the sums of magnitudes keep. */
TN_KERNEL_INLINE TARGET gboolean
all_fit (__m256 min, __m256 max, __m256d sum_abs, float below)
{
  __m256 fit = _mm256_and_ps (_mm256_cmp_ps (min, _mm256_set1_ps (-below), _CMP_GT_OQ),
                              _mm256_cmp_ps (max, _mm256_set1_ps (below), _CMP_LT_OQ));

  return _mm256_movemask_ps (fit) == 0xff && _mm256_movemask_pd (_mm256_cmp_pd (sum_abs, sum_abs, _CMP_UNORD_Q)) == 0;
}

TN_KERNEL_INLINE TARGET void
merge_extremes (__m256 min, __m256 max, float *min_to, float *max_to)
{
  _mm256_storeu_ps (min_to, _mm256_min_ps (min, _mm256_loadu_ps (min_to)));
  _mm256_storeu_ps (max_to, _mm256_max_ps (max, _mm256_loadu_ps (max_to)));
}

TN_KERNEL_INLINE TARGET void
count4 (const float *x, guint32 *bins)
{
  tn_count_value (x, bins);
  tn_count_value (x + 1, bins);
  tn_count_value (x + 2, bins);
  tn_count_value (x + 3, bins);
}

TARGET static void
pack (const float *x, gsize stride, guint rows, guint n_channels, float *tile)
{
  guint whole = n_channels / TN_TILE_LANES, rest = n_channels % TN_TILE_LANES;

  for (guint r = 0; r < rows; r++, x += stride)
    {
      float *to = tile + r * TN_TILE_LANES;

      for (guint g = 0; g < whole; g++)
        _mm256_storeu_ps (to + g * rows * TN_TILE_LANES, _mm256_loadu_ps (x + g * TN_TILE_LANES));
      for (guint c = 0; rest > 0 && c < TN_TILE_LANES; c++)
        to[whole * rows * TN_TILE_LANES + c] = c < rest ? x[whole * TN_TILE_LANES + c] : 0.0f;
    }
}

/* All that a group's rows are added to. */
typedef struct
{
  Powers powers;
  __m256i sum_low, sum_high, square_low, square_high;
  __m256 min, max;
} Group;

TN_KERNEL_INLINE TARGET void
add_row (Group *self, const float *x, const float *counted, guint32 *bins)
{
  const __m256d rounder = _mm256_set1_pd (TN_FINE_ROUNDER);
  __m256 values = _mm256_loadu_ps (x);
  __m256d value, square;

  /* Of a NaN and a number these take the second. */
  self->min = _mm256_min_ps (values, self->min);
  KEEP (self->min);
  self->max = _mm256_max_ps (values, self->max);
  KEEP (self->max);
  count4 (counted, bins);
  value = load_values (x);
  square = _mm256_mul_pd (value, value);
  self->sum_low = add_rounded (self->sum_low, value, rounder);
  KEEP (self->sum_low);
  self->square_low = add_rounded (self->square_low, square, rounder);
  KEEP (self->square_low);
  add_powers (&self->powers, value, square);
  count4 (counted + 4, bins);
  value = load_values (x + 4);
  square = _mm256_mul_pd (value, value);
  self->sum_high = add_rounded (self->sum_high, value, rounder);
  KEEP (self->sum_high);
  self->square_high = add_rounded (self->square_high, square, rounder);
  KEEP (self->square_high);
  add_powers (&self->powers, value, square);
}

TARGET static gboolean
accumulate (const float *x, const float *counted, const TnTileAhead *ahead, guint rows, guint first_channel, TnTilePowers *powers,
            TnTileChannels *channels, TnTileRange *range, guint32 *bins)
{
  const __m256i biases = _mm256_set1_epi64x ((gint64) (rows * TN_FINE_BITS));
  gint64 *sums = channels->sum + first_channel, *squares = channels->square + first_channel;
  Group group = {
      .powers = load_powers (powers),
      .sum_low = _mm256_sub_epi64 (load_words (sums), biases),
      .sum_high = _mm256_sub_epi64 (load_words (sums + 4), biases),
      .square_low = _mm256_sub_epi64 (load_words (squares), biases),
      .square_high = _mm256_sub_epi64 (load_words (squares + 4), biases),
      .min = _mm256_set1_ps (INFINITY),
      .max = _mm256_set1_ps (-INFINITY),
  };

  if (ahead != NULL)
    {
      for (guint r = 0; r < TN_TILE_AHEAD_ROWS; r++)
        {
          const float *from = ahead->from + r * ahead->stride, *fetched = from + FETCH_ROWS * ahead->stride;
          float *to = ahead->to + r * TN_TILE_LANES;

          for (guint line = 0; line < TN_TILE_GROUPS / 2; line++)
            {
              _mm_prefetch ((const char *) fetched, _MM_HINT_T1);
              _mm256_storeu_ps (to, _mm256_loadu_ps (from));
              _mm256_storeu_ps (to + TN_TILE_ROWS * TN_TILE_LANES, _mm256_loadu_ps (from + TN_TILE_LANES));
              fetched += 2 * TN_TILE_LANES;
              from += 2 * TN_TILE_LANES;
              to += 2 * TN_TILE_ROWS * TN_TILE_LANES;
              add_row (&group, x, counted, bins);
              add_row (&group, x + TN_TILE_LANES, counted + TN_TILE_LANES, bins);
              x += 2 * TN_TILE_LANES;
              counted += 2 * TN_TILE_LANES;
            }
        }
    }
  else
    for (guint r = 0; r < rows; r++, x += TN_TILE_LANES, counted += TN_TILE_LANES)
      add_row (&group, x, counted, bins);
  if (!all_fit (group.min, group.max, group.powers.abs, TN_TILE_SMALL_LIMIT))
    return FALSE;
  store_words (sums, group.sum_low);
  store_words (sums + 4, group.sum_high);
  store_words (squares, group.square_low);
  store_words (squares + 4, group.square_high);
  store_powers (&group.powers, powers);
  merge_extremes (group.min, group.max, channels->min + first_channel, channels->max + first_channel);
  merge_extremes (group.min, group.max, range->min, range->max);
  return TRUE;
}

/* Adds 4 channels' numbers, rows 8 floats apart, in two quanta: see the portable variant for why this rounds as one would. */
TN_KERNEL_INLINE TARGET void
add_large (const float *x, guint rows, gint64 *sums, gint64 *squares, gint64 *large_sums, gint64 *large_squares)
{
  const __m256d fine = _mm256_set1_pd (TN_FINE_ROUNDER);
  const __m256d sum_rounder = _mm256_set1_pd (TN_LARGE_SUM_ROUNDER), square_rounder = _mm256_set1_pd (TN_LARGE_SQUARE_ROUNDER);
  __m256i biases = _mm256_set1_epi64x ((gint64) (rows * TN_FINE_BITS));
  __m256i sum = _mm256_sub_epi64 (load_words (sums), biases), square_sum = _mm256_sub_epi64 (load_words (squares), biases);
  __m256i large = _mm256_set1_epi64x ((gint64) - (rows * TN_LARGE_SUM_BITS));
  __m256i large_square = _mm256_set1_epi64x ((gint64) - (rows * TN_LARGE_SQUARE_BITS));

  for (guint r = 0; r < rows; r++, x += TN_TILE_LANES)
    {
      __m256d value = load_values (x), square = _mm256_mul_pd (value, value);
      __m256d rounded = _mm256_add_pd (value, sum_rounder), rounded_square = _mm256_add_pd (square, square_rounder);

      large = _mm256_add_epi64 (large, _mm256_castpd_si256 (rounded));
      sum = add_rounded (sum, _mm256_sub_pd (value, _mm256_sub_pd (rounded, sum_rounder)), fine);
      large_square = _mm256_add_epi64 (large_square, _mm256_castpd_si256 (rounded_square));
      square_sum = add_rounded (square_sum, _mm256_sub_pd (square, _mm256_sub_pd (rounded_square, square_rounder)), fine);
    }
  store_words (sums, sum);
  store_words (squares, square_sum);
  store_words (large_sums, large);
  store_words (large_squares, large_square);
}

TARGET static gboolean
accumulate_large (const float *x, guint rows, guint first_channel, TnTilePowers *powers, TnTileChannels *channels,
                  TnTileRange *range, TnLargeSums *large)
{
  Powers all = load_powers (powers);
  __m256 min = _mm256_set1_ps (INFINITY), max = _mm256_set1_ps (-INFINITY);

  for (guint r = 0; r < rows; r++)
    {
      __m256 values = _mm256_loadu_ps (x + r * TN_TILE_LANES);
      __m256d low = load_values (x + r * TN_TILE_LANES), high = load_values (x + r * TN_TILE_LANES + 4);

      min = _mm256_min_ps (values, min);
      max = _mm256_max_ps (values, max);
      add_powers (&all, low, _mm256_mul_pd (low, low));
      add_powers (&all, high, _mm256_mul_pd (high, high));
    }
  if (!all_fit (min, max, all.abs, TN_TILE_LARGE_LIMIT))
    return FALSE;
  store_powers (&all, powers);
  merge_extremes (min, max, channels->min + first_channel, channels->max + first_channel);
  merge_extremes (min, max, range->min, range->max);
  for (guint l = 0; l < TN_TILE_LANES; l += 4)
    add_large (x + l, rows, channels->sum + first_channel + l, channels->square + first_channel + l, large->sum + l,
               large->square + l);
  return TRUE;
}

TARGET static guint
spread_zeros (const float *x, guint n, float *spread)
{
  const __m256i lanes = _mm256_slli_epi32 (_mm256_setr_epi32 (0, 1, 2, 3, 4, 5, 6, 7), 16);
  __m256i zeros = _mm256_setzero_si256 ();

  for (guint i = 0; i < n; i += TN_TILE_LANES)
    {
      __m256 values = _mm256_loadu_ps (x + i);
      __m256i is_zero = _mm256_castps_si256 (_mm256_cmp_ps (values, _mm256_setzero_ps (), _CMP_EQ_OQ));
      guint first = TN_SPREAD_BITS + (i % (TN_SPREAD_ROWS * TN_TILE_LANES) << 16);
      __m256i stand_ins = _mm256_add_epi32 (_mm256_set1_epi32 ((gint32) first), lanes);

      zeros = _mm256_sub_epi32 (zeros, is_zero);
      _mm256_storeu_ps (spread + i, _mm256_or_ps (values, _mm256_castsi256_ps (_mm256_and_si256 (is_zero, stand_ins))));
    }
  {
    guint32 count[TN_TILE_LANES], total = 0;

    _mm256_storeu_si256 ((__m256i *) count, zeros);
    for (guint l = 0; l < TN_TILE_LANES; l++)
      total += count[l];
    return total;
  }
}

TARGET static void
sum_bins (const guint32 *bins, guint first, guint end, guint32 *sums)
{
  for (guint i = first; i < end; i++)
    {
      const __m256i *run = (const __m256i *) (bins + i * TN_COUNT_RUN);
      __m256i a = _mm256_loadu_si256 (run), b = _mm256_loadu_si256 (run + 1), c = _mm256_loadu_si256 (run + 2);
      __m256i d = _mm256_loadu_si256 (run + 3), all = _mm256_or_si256 (_mm256_or_si256 (a, b), _mm256_or_si256 (c, d));
      __m128i sum;

      sums[i] = 0;
      if (_mm256_testz_si256 (all, all))
        continue;
      all = _mm256_add_epi32 (_mm256_add_epi32 (a, b), _mm256_add_epi32 (c, d));
      sum = _mm_add_epi32 (_mm256_castsi256_si128 (all), _mm256_extracti128_si256 (all, 1));
      sum = _mm_add_epi32 (sum, _mm_shuffle_epi32 (sum, _MM_SHUFFLE (1, 0, 3, 2)));
      sum = _mm_add_epi32 (sum, _mm_shuffle_epi32 (sum, _MM_SHUFFLE (2, 3, 0, 1)));
      sums[i] = (guint32) _mm_cvtsi128_si32 (sum);
    }
}

TARGET static void
count_zeros (const float *x, guint n, guint *positive, guint *negative)
{
  const __m256i minus = _mm256_set1_epi32 (G_MININT32);
  guint32 counts[2][TN_TILE_LANES];
  __m256i plus_zeros = _mm256_setzero_si256 (), minus_zeros = plus_zeros;

  for (guint i = 0; i < n; i += TN_TILE_LANES)
    {
      __m256i bits = _mm256_loadu_si256 ((const __m256i *) (x + i));

      plus_zeros = _mm256_sub_epi32 (plus_zeros, _mm256_cmpeq_epi32 (bits, _mm256_setzero_si256 ()));
      minus_zeros = _mm256_sub_epi32 (minus_zeros, _mm256_cmpeq_epi32 (bits, minus));
    }
  _mm256_storeu_si256 ((__m256i *) counts[0], plus_zeros);
  _mm256_storeu_si256 ((__m256i *) counts[1], minus_zeros);
  *positive = *negative = 0;
  for (guint l = 0; l < TN_TILE_LANES; l++)
    {
      *positive += counts[0][l];
      *negative += counts[1][l];
    }
}

const TnObserveKernel tn_observe_kernel_avx2 = {pack, accumulate, accumulate_large, spread_zeros, sum_bins, count_zeros};
#endif
