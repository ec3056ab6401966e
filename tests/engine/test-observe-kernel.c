/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/observe-kernel.h"

#include <math.h>
#include <string.h>

#include "engine/kernels/variant.h"
#include "engine/random.h"

static const guint row_counts[] = {1, 2, 3, 15, 31, 32};

typedef struct
{
  const char *name;
  float (*draw) (TnRandom *random);
} Kind;

static float
draw_normal (TnRandom *random)
{
  return (float) tn_random_normal (random);
}

static float
draw_relu (TnRandom *random)
{
  return MAX (draw_normal (random), 0.0f);
}

/* Of every magnitude, denormals and numbers far below the quantum among them; the sign of zero too. */
static float
draw_wide (TnRandom *random)
{
  static const float odd[] = {0.0f, -0.0f, 1e-45f, -1e-45f, 1e-39f, 1e-20f, 16.0f, -16.0f, 45.0f, 45.249996f, -45.249996f};

  if (tn_random_below (random, 4) == 0)
    return odd[tn_random_below (random, G_N_ELEMENTS (odd))];
  return ldexpf ((float) tn_random_normal (random), -(int) tn_random_below (random, 60));
}

/* Halves of the quantum, even and odd, and next to them. (A square never lies half between quanta of 2^-40: its lowest bit is an
 * even power of two.) */
static float
draw_tie (TnRandom *random)
{
  float tie = ldexpf ((float) (2 * (int) tn_random_below (random, 1 << 20) + 1), -41);

  if (tn_random_below (random, 3) == 0)
    tie = nextafterf (tie, tn_random_below (random, 2) ? 1.0f : 0.0f);
  return tn_random_below (random, 2) ? tie : -tie;
}

static float
draw_large (TnRandom *random)
{
  static const float odd[] = {45.25f, -45.25f,      45.250004f,  2047.9999f,  2048.0f,     2048.0002f,
                              1e6f,   -134217720.f, 134217720.f, 16777217.0f, 16777215.0f, -33554434.0f};

  switch (tn_random_below (random, 3))
    {
    case 0:
      return odd[tn_random_below (random, G_N_ELEMENTS (odd))];
    case 1:
      return draw_tie (random);
    default:
      return ldexpf ((float) (2.0 * tn_random_uniform (random) - 1.0), (int) tn_random_below (random, 28));
    }
}

static float
draw_rare (TnRandom *random)
{
  static const float odd[] = {NAN, -NAN, INFINITY, -INFINITY, 134217728.0f, -3e38f};

  return tn_random_below (random, 300) == 0 ? odd[tn_random_below (random, G_N_ELEMENTS (odd))] : draw_normal (random);
}

static const Kind kinds[] = {{"normal", draw_normal}, {"relu", draw_relu},   {"wide", draw_wide},
                             {"tie", draw_tie},       {"large", draw_large}, {"rare", draw_rare}};

typedef struct
{
  TnTilePowers powers;
  TnTileChannels channels;
  TnTileRange range;
  TnLargeSums large;
  guint32 *bins;
} Outcome;

static void
outcome_init (Outcome *self)
{
  memset (self, 0, sizeof *self);
  self->bins = g_new0 (guint32, TN_TILE_BINS);
  for (guint k = 0; k < TN_N_POWERS; k++)
    for (guint p = 0; p < TN_TILE_PARTIALS; p++)
      self->powers.partial[k][p] = 0.1 * (k + 1) + p;
  for (guint c = 0; c < TN_TILE_CHANNELS; c++)
    {
      self->channels.sum[c] = 12345 - 77 * (gint64) c;
      self->channels.square[c] = G_GINT64_CONSTANT (1) << c / 3;
      self->channels.min[c] = c % 3 == 0 ? INFINITY : -0.25f;
      self->channels.max[c] = c % 3 == 0 ? -INFINITY : 0.25f;
    }
  for (guint l = 0; l < TN_TILE_LANES; l++)
    {
      self->range.min[l] = INFINITY;
      self->range.max[l] = -INFINITY;
    }
}

static Outcome
outcome_copy (const Outcome *self)
{
  Outcome copy = *self;

  copy.bins = g_memdup2 (self->bins, TN_TILE_BINS * sizeof *self->bins);
  return copy;
}

/* Zeros of both signs are one. */
static void
assert_same_floats (const float *a, const float *b, guint n)
{
  for (guint i = 0; i < n; i++)
    g_assert_cmpfloat (a[i], ==, b[i]);
}

static void
assert_same (const Outcome *a, const Outcome *b, gboolean with_sums)
{
  g_assert_cmpmem (&a->powers, sizeof a->powers, &b->powers, sizeof b->powers);
  if (with_sums)
    {
      g_assert_cmpmem (a->channels.sum, sizeof a->channels.sum, b->channels.sum, sizeof b->channels.sum);
      g_assert_cmpmem (a->channels.square, sizeof a->channels.square, b->channels.square, sizeof b->channels.square);
    }
  assert_same_floats (a->channels.min, b->channels.min, TN_TILE_CHANNELS);
  assert_same_floats (a->channels.max, b->channels.max, TN_TILE_CHANNELS);
  assert_same_floats (a->range.min, b->range.min, TN_TILE_LANES);
  assert_same_floats (a->range.max, b->range.max, TN_TILE_LANES);
  g_assert_cmpmem (a->bins, TN_TILE_BINS * sizeof *a->bins, b->bins, TN_TILE_BINS * sizeof *b->bins);
}

static guint32
bits_of (float value)
{
  guint32 bits;

  memcpy (&bits, &value, sizeof bits);
  return bits;
}

/* What a group adds as the header words it, value by value; sums and squares in 128 bits. FALSE where a value does not fit. */
static gboolean
reference (const float *x, guint rows, guint first, float limit, Outcome *outcome, __int128 *sums, __int128 *squares)
{
  for (guint i = 0; i < rows * 8; i++)
    if (!(fabsf (x[i]) < limit))
      return FALSE;
  for (guint r = 0; r < rows; r++)
    for (guint l = 0; l < 8; l++)
      {
        double v = (double) x[r * 8 + l], left[] = {fabs (v), v, v, v * v, v * v}, right[] = {1.0, 1.0, v, v, v * v};

        for (guint k = 0; k < TN_N_POWERS; k++)
          outcome->powers.partial[k][l % 4] = fma (left[k], right[k], outcome->powers.partial[k][l % 4]);
        sums[l] += (__int128) rint (v * 0x1p40);
        squares[l] += (__int128) rint (v * v * 0x1p40);
        outcome->channels.min[first + l] = fminf (outcome->channels.min[first + l], x[r * 8 + l]);
        outcome->channels.max[first + l] = fmaxf (outcome->channels.max[first + l], x[r * 8 + l]);
        outcome->range.min[l] = fminf (outcome->range.min[l], x[r * 8 + l]);
        outcome->range.max[l] = fmaxf (outcome->range.max[l], x[r * 8 + l]);
      }
  return TRUE;
}

static void
check_group (const float *x, guint rows, guint first)
{
  const TnObserveKernel *kernel = tn_observe_kernel ();
  __int128 sums[8] = {0}, squares[8] = {0};
  Outcome start, expected, found;
  gboolean fits;

  outcome_init (&start);
  expected = outcome_copy (&start);
  found = outcome_copy (&start);
  fits = reference (x, rows, first, TN_TILE_SMALL_LIMIT, &expected, sums, squares);
  for (guint l = 0; l < 8; l++)
    {
      expected.channels.sum[first + l] += (gint64) sums[l];
      expected.channels.square[first + l] += (gint64) squares[l];
    }
  for (guint i = 0; i < rows * 8; i++)
    expected.bins[bits_of (x[i]) >> 16]++;
  g_assert_cmpint (kernel->accumulate (x, x, NULL, rows, first, &found.powers, &found.channels, &found.range, found.bins), ==,
                   fits);
  assert_same (&found, &expected, TRUE);
  g_free (expected.bins);
  g_free (found.bins);

  expected = outcome_copy (&start);
  found = outcome_copy (&start);
  memset (sums, 0, sizeof sums);
  memset (squares, 0, sizeof squares);
  fits = reference (x, rows, first, TN_TILE_LARGE_LIMIT, &expected, sums, squares);
  g_assert_cmpint (kernel->accumulate_large (x, rows, first, &found.powers, &found.channels, &found.range, &found.large), ==,
                   fits);
  assert_same (&found, &expected, !fits);
  for (guint c = 0; c < TN_TILE_CHANNELS; c++)
    {
      gint64 sum = found.channels.sum[c] - start.channels.sum[c], square = found.channels.square[c] - start.channels.square[c];
      gboolean inside = fits && c >= first && c < first + 8;
      __int128 large_sum = inside ? (__int128) found.large.sum[c - first] * 65536 : 0;
      __int128 large_square = inside ? (__int128) found.large.square[c - first] * ((__int128) 1 << 43) : 0;

      g_assert_true (large_sum + sum == (inside ? sums[c - first] : 0));
      g_assert_true (large_square + square == (inside ? squares[c - first] : 0));
      /* Room for the rest is what the small values have: the large ones take less. */
      g_assert_true (ABS (sum) <= (gint64) rows << 16 && ABS (square) <= (gint64) rows << 43);
    }
  g_free (expected.bins);
  g_free (found.bins);
  g_free (start.bins);
}

static void
check_zeros (const float *x, guint n)
{
  const TnObserveKernel *kernel = tn_observe_kernel ();
  g_autofree float *spread = g_new (float, n);
  guint zeros[2] = {0, 0}, found[2], occupied = 0;
  g_autofree guint32 *bins = g_new0 (guint32, TN_TILE_BINS);

  for (guint i = 0; i < n; i++)
    if (x[i] == 0.0f)
      zeros[signbit (x[i]) != 0]++;
  kernel->count_zeros (x, n, &found[0], &found[1]);
  g_assert_cmpuint (found[0], ==, zeros[0]);
  g_assert_cmpuint (found[1], ==, zeros[1]);
  g_assert_cmpuint (kernel->spread_zeros (x, n, spread), ==, zeros[0] + zeros[1]);
  for (guint i = 0; i < n; i++)
    if (x[i] == 0.0f)
      {
        guint bin = bits_of (spread[i]) >> 16;

        g_assert_true (isnan (spread[i]));
        occupied += bins[bin]++ == 0;
        /* The same bin not again among the next values. */
        for (guint k = i + 1; k < n && k < i + 32; k++)
          g_assert_cmpuint (bits_of (spread[k]) >> 16, !=, bin);
      }
    else
      g_assert_cmpuint (bits_of (spread[i]), ==, bits_of (x[i]));
  g_assert_cmpuint (occupied, <=, 64);
}

static void
test_groups (gconstpointer data)
{
  const Kind *kind = data;
  float x[TN_TILE_ROWS * 8];
  guint checked = 0;

  for (guint variant = 0; variant < TN_N_VARIANTS; variant++)
    {
      TnRandom random = tn_random_stream (3, kind->name);

      if (!tn_variant_use (variant))
        continue;
      checked++;
      for (guint i = 0; i < G_N_ELEMENTS (row_counts); i++)
        for (guint first = 0; first < TN_TILE_CHANNELS; first += 24)
          {
            for (guint k = 0; k < row_counts[i] * 8; k++)
              x[k] = kind->draw (&random);
            check_group (x, row_counts[i], first);
            check_zeros (x, row_counts[i] * 8);
          }
    }
  g_assert_cmpuint (checked, >=, 1);
}

/* One value at the edges of what is taken, in every place, among small ones. */
static void
test_limits (void)
{
  static const float edges[] = {45.249996f, 45.25f, 134217720.0f, 134217728.0f, INFINITY, NAN};
  float x[3 * 8];

  for (guint variant = 0; variant < TN_N_VARIANTS; variant++)
    if (tn_variant_use (variant))
      for (guint e = 0; e < G_N_ELEMENTS (edges); e++)
        for (guint place = 0; place < G_N_ELEMENTS (x); place++)
          {
            for (guint i = 0; i < G_N_ELEMENTS (x); i++)
              x[i] = 0.5f + (float) i;
            x[place] = edges[e];
            check_group (x, 3, 16);
            x[place] = -edges[e];
            check_group (x, 3, 16);
          }
}

static void
test_pack (void)
{
  static const guint channel_counts[] = {1, 7, 8, 9, 31, 32, 33, 64, 127, 128};
  const gsize stride = 131;
  g_autofree float *x = g_new (float, TN_TILE_ROWS *stride);

  for (guint i = 0; i < TN_TILE_ROWS * stride; i++)
    x[i] = (float) (i + 1);
  for (guint variant = 0; variant < TN_N_VARIANTS; variant++)
    if (tn_variant_use (variant))
      for (guint i = 0; i < G_N_ELEMENTS (row_counts); i++)
        for (guint k = 0; k < G_N_ELEMENTS (channel_counts); k++)
          {
            guint rows = row_counts[i], n = channel_counts[k], groups = (n + 7) / 8;
            /* Exactly as large as it has to be, for the address sanitizer. */
            g_autofree float *tile = g_new (float, groups *rows * 8);

            tn_observe_kernel ()->pack (x, stride, rows, n, tile);
            for (guint g = 0; g < groups; g++)
              for (guint r = 0; r < rows; r++)
                for (guint l = 0; l < 8; l++)
                  g_assert_cmpfloat (tile[(g * rows + r) * 8 + l], ==, g * 8 + l < n ? x[r * stride + g * 8 + l] : 0.0f);
          }
}

/* The groups of one tile pack the next. */
static void
test_pack_ahead (void)
{
  const gsize stride = 131;
  g_autofree float *x = g_new (float, TN_TILE_ROWS *stride), *tile = g_new (float, TN_TILE_VALUES);
  g_autofree float *expected = g_new (float, TN_TILE_VALUES);
  TnRandom random = tn_random_stream (4, "ahead");

  for (guint i = 0; i < TN_TILE_ROWS * stride; i++)
    x[i] = draw_normal (&random);
  for (guint i = 0; i < TN_TILE_VALUES; i++)
    tile[i] = draw_normal (&random);
  for (guint variant = 0; variant < TN_N_VARIANTS; variant++)
    if (tn_variant_use (variant))
      {
        const TnObserveKernel *kernel = tn_observe_kernel ();
        g_autofree float *packed = g_new0 (float, TN_TILE_VALUES);
        TnTileAhead ahead = {x, stride, packed};
        Outcome alone, both;

        kernel->pack (x, stride, TN_TILE_ROWS, TN_TILE_CHANNELS, expected);
        outcome_init (&alone);
        outcome_init (&both);
        for (guint g = 0; g < TN_TILE_GROUPS; g++)
          {
            const float *group = tile + g * TN_TILE_ROWS * TN_TILE_LANES;

            g_assert_true (kernel->accumulate (group, group, NULL, TN_TILE_ROWS, 8 * g, &alone.powers, &alone.channels,
                                               &alone.range, alone.bins));
            g_assert_true (kernel->accumulate (group, group, &ahead, TN_TILE_ROWS, 8 * g, &both.powers, &both.channels,
                                               &both.range, both.bins));
            ahead.from += TN_TILE_AHEAD_ROWS * stride;
            ahead.to += TN_TILE_AHEAD_ROWS * TN_TILE_LANES;
          }
        g_assert_cmpmem (packed, TN_TILE_VALUES * sizeof *packed, expected, TN_TILE_VALUES * sizeof *expected);
        assert_same (&both, &alone, TRUE);
        g_free (alone.bins);
        g_free (both.bins);
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autofree char *path = g_strdup_printf ("/observe-kernel/%s", kinds[i].name);

      g_test_add_data_func (path, &kinds[i], test_groups);
    }
  g_test_add_func ("/observe-kernel/limits", test_limits);
  g_test_add_func ("/observe-kernel/pack", test_pack);
  g_test_add_func ("/observe-kernel/pack-ahead", test_pack_ahead);
  return g_test_run ();
}
