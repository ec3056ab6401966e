/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "engine/kernels/ternarize.h"
#include "engine/kernels/variant.h"
#include "engine/quant/quantize.h"
#include "engine/quant/rounding-search.h"
#include "engine/random.h"
#include "engine/tensor/lanes.h"
#include "engine/tensor/scan.h"

static const gsize widths[] = {1, 7, 8, 15, 16, 17, 31, 64, 172, 255, 257, 1000, 4096};
static const gsize row_counts[] = {0, 1, 3, 16, 17, 35};
#define MOST_ROWS 35
#define MOST_WIDTH 4096
#define GUARD_BYTES 64
#define GUARD 77

static const char *const scheme_names[] = {"ternary",     "ternary:c",  "ternary:absmedian",
                                           "ternary:twn", "ternary:ls", "ternary:ls:c"};

typedef struct
{
  TnScheme scheme;
  TnRounding roundings[MOST_ROWS];
  float thresholds[MOST_ROWS];
  float scales[MOST_ROWS];
  gboolean per_row;
} Rounded;

static void
find (Rounded *self, const char *name, const float *w, gsize rows, gsize columns)
{
  g_assert_true (tn_scheme_parse (name, &self->scheme, NULL));
  self->per_row = self->scheme.granularity == TN_PER_CHANNEL;
  for (gsize i = 0; i < (self->per_row ? rows : 1); i++)
    {
      self->roundings[i] = self->per_row ? tn_rounding_find (&self->scheme, w + i * columns, columns)
                                         : tn_rounding_find (&self->scheme, w, rows * columns);
      self->thresholds[i] = self->roundings[i].threshold;
      self->scales[i] = self->roundings[i].scale;
    }
}

/* Packs in every variant, compares with codes packed one by one, and reads the values back. */
static void
check (const Rounded *rounded, const float *w, gsize rows, gsize columns, gsize w_stride)
{
  gsize bytes = tn_ternary_bytes (rows, columns);
  g_autofree gint8 *codes = g_new (gint8, rows * columns + 1);
  g_autofree guint8 *expected = g_malloc (bytes + GUARD_BYTES), *tiles = g_malloc (bytes + GUARD_BYTES);
  g_autofree float *out = g_new (float, rows *w_stride + 1);
  TnTernaryMatrix matrix = {.rows = rows, .columns = columns, .tiles = tiles};

  for (gsize i = 0; i < rows; i++)
    for (gsize j = 0; j < columns; j++)
      {
        const TnRounding *rounding = &rounded->roundings[rounded->per_row ? i : 0];
        float value = tn_rounding_apply (rounding, w[i * w_stride + j]);

        codes[i * columns + j] = (gint8) ((value > 0.0f) - (value < 0.0f));
      }
  memset (expected, GUARD, bytes + GUARD_BYTES);
  tn_ternary_pack (expected, columns, 0, rows, codes);
  for (TnVariant variant = TN_VARIANT_SCALAR; variant < TN_N_VARIANTS; variant++)
    {
      gsize split = rows > 16 ? 16 : 0;

      if (!tn_variant_use (variant))
        continue;
      memset (tiles, GUARD, bytes + GUARD_BYTES);
      g_assert_true (tn_ternarize_pack_rows (w, w_stride, columns, rounded->thresholds, rounded->per_row, 0, split, tiles));
      g_assert_true (tn_ternarize_pack_rows (w + split * w_stride, w_stride, columns,
                                             rounded->thresholds + (rounded->per_row ? split : 0), rounded->per_row, split,
                                             rows - split, tiles));
      g_assert_cmpmem (tiles, bytes + GUARD_BYTES, expected, bytes + GUARD_BYTES);

      /* All rows but the first, which stays as it is. */
      memset (out, GUARD, (rows * w_stride + 1) * sizeof (float));
      if (rows > 1)
        tn_ternary_dequantize_rows (&matrix, 1, rows - 1, rounded->scales + (rounded->per_row ? 1 : 0), rounded->per_row,
                                    out + w_stride, w_stride);
      for (gsize i = 0; i < rows; i++)
        for (gsize j = 0; j < w_stride; j++)
          {
            float scale = rounded->scales[rounded->per_row ? i : 0];
            guint32 untouched = GUARD * 0x1010101u;

            if (i > 0 && j < columns)
              g_assert_cmpfloat (out[i * w_stride + j], ==, (float) codes[i * columns + j] * scale);
            else
              g_assert_cmpmem (&out[i * w_stride + j], 4, &untouched, 4);
          }
    }
}

static void
test_shapes (void)
{
  TnRandom random = tn_random_stream (1, "ternarize");
  g_autofree float *w = g_new (float, MOST_ROWS *MOST_WIDTH);
  g_autofree float *apart = g_new (float, MOST_ROWS *(MOST_WIDTH + 3));
  Rounded rounded;

  for (gsize i = 0; i < MOST_ROWS * MOST_WIDTH; i++)
    w[i] = (float) tn_random_normal (&random);
  for (guint s = 0; s < G_N_ELEMENTS (scheme_names); s++)
    for (guint k = 0; k < G_N_ELEMENTS (widths); k++)
      for (guint r = 0; r < G_N_ELEMENTS (row_counts); r++)
        {
          gsize rows = row_counts[r], columns = widths[k];

          if (columns > 1000 && s > 1)
            continue;
          find (&rounded, scheme_names[s], w, rows, columns);
          check (&rounded, w, rows, columns, columns);
          for (gsize i = 0; i < rows; i++)
            memcpy (apart + i * (columns + 3), w + i * columns, columns * sizeof (float));
          check (&rounded, apart, rows, columns, columns + 3);
        }
}

/* The codes stand for what tn_quantize_values() gives. */
static void
test_agrees_with_quantize (void)
{
  TnRandom random = tn_random_stream (2, "ternarize");
  const gsize rows = 19, columns = 173;
  g_autofree float *w = g_new (float, rows *columns), *out = g_new (float, rows *columns);
  g_autofree float *values = g_new (float, rows *columns);
  g_autofree guint8 *tiles = g_malloc (tn_ternary_bytes (rows, columns));
  TnTernaryMatrix matrix = {.rows = rows, .columns = columns, .tiles = tiles};
  Rounded rounded;

  for (gsize i = 0; i < rows * columns; i++)
    w[i] = (float) (0.02 * tn_random_normal (&random));
  for (guint s = 0; s < G_N_ELEMENTS (scheme_names); s++)
    {
      find (&rounded, scheme_names[s], w, rows, columns);
      g_assert_true (tn_ternarize_pack_rows (w, columns, columns, rounded.thresholds, rounded.per_row, 0, rows, tiles));
      tn_ternary_dequantize_rows (&matrix, 0, rows, rounded.scales, rounded.per_row, out, columns);
      g_assert_true (tn_quantize_values (&rounded.scheme, w, rows, columns, values, NULL));
      for (gsize i = 0; i < rows * columns; i++)
        g_assert_cmpfloat (out[i], ==, values[i]);
    }
}

/* Values at the threshold, next to it, and without magnitude. */
static void
test_edges (void)
{
  const float threshold = 0.3f;
  float above = nextafterf (threshold, 1.0f), below = nextafterf (threshold, 0.0f);
  const float specials[] = {0.0f,   -0.0f,   threshold, -threshold,   above,    -above, below,
                            -below, FLT_MAX, -FLT_MAX,  FLT_TRUE_MIN, -FLT_MIN, 1.0f,   -1.0f};
  Rounded rounded = {.thresholds = {threshold}, .scales = {0.6f}, .roundings = {{.scale = 0.6f, .threshold = threshold}}};
  float w[20 * 33];

  for (gsize i = 0; i < 20 * 33; i++)
    w[i] = specials[i % G_N_ELEMENTS (specials)];
  check (&rounded, w, 20, 33, 33);
  /* Everything but a zero has a sign. */
  rounded.thresholds[0] = rounded.roundings[0].threshold = 0.0f;
  check (&rounded, w, 20, 33, 33);
  /* A matrix that is all but zero: the floor of the scale. */
  for (gsize i = 0; i < 20 * 33; i++)
    w[i] = (float) (i % 3) * 4e-6f - 4e-6f;
  find (&rounded, "ternary", w, 20, 33);
  g_assert_cmpfloat (rounded.scales[0], ==, 1e-5f);
  check (&rounded, w, 20, 33, 33);
}

static void
test_not_finite (void)
{
  const float specials[] = {NAN, -NAN, INFINITY, -INFINITY};
  const gsize rows = 21, columns = 37;
  float w[21 * 37] = {0}, threshold = 0.5f;
  g_autofree guint8 *tiles = g_malloc (tn_ternary_bytes (rows, columns));

  for (TnVariant variant = TN_VARIANT_SCALAR; variant < TN_N_VARIANTS; variant++)
    {
      if (!tn_variant_use (variant))
        continue;
      for (gsize i = 0; i < rows * columns; i++)
        {
          w[i] = specials[i % G_N_ELEMENTS (specials)];
          g_assert_false (tn_ternarize_pack_rows (w, columns, columns, &threshold, FALSE, 0, rows, tiles));
          w[i] = i % 2 ? FLT_MAX : -FLT_MAX;
        }
      g_assert_true (tn_ternarize_pack_rows (w, columns, columns, &threshold, FALSE, 0, rows, tiles));
    }
}

/* Sums without and with the care that values which are not finite need. */
static void
test_sums_of_magnitudes (void)
{
  TnRandom random = tn_random_stream (3, "ternarize");
  g_autofree float *x = g_new (float, 5003);

  for (gsize i = 0; i < 5003; i++)
    x[i] = (float) (tn_random_normal (&random) * exp (3.0 * tn_random_normal (&random)));
  for (guint broken = 0; broken < 3; broken++)
    for (guint k = 0; k < G_N_ELEMENTS (widths); k++)
      for (guint portable = 0; portable < 2; portable++)
        {
          guint64 n, n_above;

          tn_lanes_set_portable (portable);
          g_assert_cmpfloat (tn_scan_abs_sum (x, widths[k], &n), ==, tn_scan_abs_above (x, widths[k], -1.0f, &n_above));
          g_assert_cmpuint (n, ==, n_above);
          g_assert_cmpuint (n, ==, widths[k] - (broken == 0 ? 0 : broken == 1 ? 1 : widths[k] > 1 ? 2 : 1));
          tn_lanes_set_portable (FALSE);
          if (portable && k + 1 == G_N_ELEMENTS (widths))
            x[broken] = broken == 0 ? NAN : -INFINITY;
        }
}

/* The scale of a tensor does not depend on whether its moments are known. */
static void
test_scale_of_tensor (void)
{
  TnRandom random = tn_random_stream (4, "ternarize");
  const guint64 shape[] = {3, 50001};
  g_autoptr (TnTensor) tensor = tn_tensor_new (TN_DTYPE_F32, 2, shape, TN_PURPOSE_WEIGHTS, NULL);
  float *w = tn_tensor_get_writable (tensor);

  for (gsize i = 0; i < tensor->count; i++)
    w[i] = (float) tn_random_normal (&random);
  w[70000] = INFINITY;
  for (guint s = 0; s < G_N_ELEMENTS (scheme_names); s++)
    {
      TnRounding alone, with;
      TnMoments moments;
      TnScheme scheme;
      const TnScheme *schemes[] = {&scheme};

      g_assert_true (tn_scheme_parse (scheme_names[s], &scheme, NULL));
      g_assert_true (tn_tensor_moments (tensor, 0, tensor->count, NULL, NULL, &moments, NULL, NULL));
      g_assert_true (tn_rounding_find_in_tensor (tensor, 0, tensor->count, &moments, schemes, 1, &with, NULL, NULL));
      g_assert_true (tn_rounding_find_in_tensor (tensor, 0, tensor->count, NULL, schemes, 1, &alone, NULL, NULL));
      g_assert_cmpfloat (alone.scale, ==, with.scale);
      g_assert_cmpfloat (alone.threshold, ==, with.threshold);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ternarize/shapes", test_shapes);
  g_test_add_func ("/ternarize/agrees-with-quantize", test_agrees_with_quantize);
  g_test_add_func ("/ternarize/edges", test_edges);
  g_test_add_func ("/ternarize/not-finite", test_not_finite);
  g_test_add_func ("/ternarize/sums-of-magnitudes", test_sums_of_magnitudes);
  g_test_add_func ("/ternarize/scale-of-tensor", test_scale_of_tensor);
  return g_test_run ();
}
