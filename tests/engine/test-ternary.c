/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/kernels/ternary.h"
#include "engine/kernels/variant.h"
#include "engine/random.h"

static const gsize sizes[] = {1, 15, 16, 17, 31, 64, 172, 255, 257, 1000};
static const gsize token_counts[] = {0, 1, 2, 3, 5, 8, 17, 64, 100};
#define MOST_TOKENS 100
#define UNTOUCHED 0x5a5a5a5a

typedef struct
{
  TnTernaryMatrix matrix;
  guint8 *tiles;
  gint8 *codes; /* [rows, columns] */
  gint8 *x;     /* [n_tokens, stride] */
  gsize n_tokens, stride;
  gint32 *x_sums;
  gint64 *expected; /* [n_tokens, rows] */
  void *scratch;
} Case;

static void *
alloc_aligned (gsize bytes)
{
  return g_aligned_alloc (1, (bytes + 63) / 64 * 64 + 64, 64);
}

/* Packs the codes, sums the activations and multiplies the obvious way. */
static void
case_finish (Case *self)
{
  guint64 rows = self->matrix.rows, columns = self->matrix.columns;

  tn_ternary_pack (self->tiles, columns, 0, rows, self->codes);
  for (gsize t = 0; t < self->n_tokens; t++)
    {
      self->x_sums[t] = 0;
      for (gsize c = 0; c < columns; c++)
        self->x_sums[t] += self->x[t * self->stride + c];
      for (gsize r = 0; r < rows; r++)
        {
          const gint8 *row = self->codes + r * columns, *x = self->x + t * self->stride;
          gint64 sum = 0;

          for (gsize c = 0; c < columns; c++)
            sum += row[c] * x[c];
          self->expected[t * rows + r] = sum;
        }
    }
}

static Case *
case_new (guint64 rows, guint64 columns, gsize n_tokens, gsize extra_stride)
{
  Case *self = g_new0 (Case, 1);
  gsize bytes = tn_ternary_bytes (rows, columns);

  self->tiles = alloc_aligned (bytes);
  memset (self->tiles, 0xff, bytes);
  self->matrix = (TnTernaryMatrix){rows, columns, self->tiles};
  self->codes = g_new (gint8, rows * columns);
  self->n_tokens = n_tokens;
  self->stride = tn_ternary_padded (columns) + extra_stride;
  self->x = alloc_aligned (n_tokens * self->stride);
  self->x_sums = g_new (gint32, n_tokens);
  self->expected = g_new (gint64, n_tokens * rows);
  self->scratch = alloc_aligned (tn_ternary_scratch_bytes (columns));
  return self;
}

static void
case_free (Case *self)
{
  g_aligned_free (self->tiles);
  g_free (self->codes);
  g_aligned_free (self->x);
  g_free (self->x_sums);
  g_free (self->expected);
  g_aligned_free (self->scratch);
  g_free (self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Case, case_free)

/* What lies behind the columns is garbage. */
static Case *
case_new_random (TnRandom *random, guint64 rows, guint64 columns, gsize n_tokens, gsize extra_stride)
{
  Case *self = case_new (rows, columns, n_tokens, extra_stride);

  for (gsize i = 0; i < rows * columns; i++)
    self->codes[i] = (gint8) tn_random_below (random, 3) - 1;
  for (gsize i = 0; i < n_tokens * self->stride; i++)
    self->x[i] = (gint8) (gint) (tn_random_below (random, 256) - 128);
  case_finish (self);
  return self;
}

/* The first n_tokens tokens by rows first .. first + n. */
static void
check_sums (const Case *self, guint64 first, guint64 n, gsize n_tokens)
{
  gsize stride = n + 3;
  g_autofree gint32 *y = g_new (gint32, n_tokens * stride + 1);

  for (gsize i = 0; i < n_tokens * stride + 1; i++)
    y[i] = UNTOUCHED;
  tn_ternary_product_int32 (&self->matrix, first, n, self->x, self->stride, self->x_sums, n_tokens, y, stride, self->scratch);
  for (gsize t = 0; t < n_tokens; t++)
    for (gsize r = 0; r < stride; r++)
      g_assert_cmpint (y[t * stride + r], ==, r < n ? self->expected[t * self->matrix.rows + first + r] : UNTOUCHED);
  g_assert_cmpint (y[n_tokens * stride], ==, UNTOUCHED);
}

static void
check_scaled (const Case *self, guint64 first, guint64 n, gsize n_tokens, gboolean per_row)
{
  gsize rows = self->matrix.rows, stride = n + 1;
  g_autofree float *y = g_new0 (float, n_tokens *stride);
  g_autofree float *token_scales = g_new (float, n_tokens);
  g_autofree float *row_scales = g_new (float, rows);
  const TnTernaryScales scales = {token_scales, per_row ? row_scales + first : row_scales, per_row};

  for (gsize t = 0; t < n_tokens; t++)
    token_scales[t] = 1.0f / (float) (3 * t + 7);
  for (gsize r = 0; r < rows; r++)
    row_scales[r] = 1.0f / (float) (r + 11);
  tn_ternary_product (&self->matrix, first, n, self->x, self->stride, self->x_sums, n_tokens, &scales, y, stride, self->scratch);
  for (gsize t = 0; t < n_tokens; t++)
    for (gsize r = 0; r < stride; r++)
      {
        float sum = r < n ? (float) self->expected[t * rows + first + r] : 0.0f, by_token = sum * token_scales[t];

        g_assert_cmpfloat (y[t * stride + r], ==, r < n ? by_token * row_scales[per_row ? first + r : 0] : 0.0f);
      }
}

/* What runs the product says how much scratch it takes. */
static void
check_with_scratch_of_now (void (*check) (const Case *), const Case *self)
{
  Case changed = *self;

  changed.scratch = alloc_aligned (tn_ternary_scratch_bytes (self->matrix.columns));
  check (&changed);
  g_aligned_free (changed.scratch);
}

/* Runs the check with each variant that this processor has, the scalar one among them, and with oneDNN where that is installed. */
static void
for_all_variants (void (*check) (const Case *), const Case *self)
{
  TnVariant before = tn_variant_get ();

  for (guint variant = 0; variant < TN_N_VARIANTS; variant++)
    if (tn_variant_use ((TnVariant) variant))
      check (self);
  tn_variant_use (before);
  if (tn_ternary_use_onednn (TRUE))
    check_with_scratch_of_now (check, self);
  tn_ternary_use_onednn (FALSE);
}

static void
check_tokens (const Case *self)
{
  for (guint k = 0; k < G_N_ELEMENTS (token_counts); k++)
    check_sums (self, 0, self->matrix.rows, token_counts[k]);
  check_scaled (self, 0, self->matrix.rows, 3, TRUE);
  check_scaled (self, 0, self->matrix.rows, 17, FALSE);
}

static void
test_sizes (void)
{
  TnRandom random = tn_random_stream (1, "ternary");

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (guint k = 0; k < G_N_ELEMENTS (sizes); k++)
      {
        g_autoptr (Case) self = case_new_random (&random, sizes[i], sizes[k], MOST_TOKENS, 16 * (k % 3));

        for_all_variants (check_tokens, self);
      }
}

static void
check_all (const Case *self)
{
  check_sums (self, 0, self->matrix.rows, self->n_tokens);
}

/* More tokens and columns than any block takes at once. */
static void
test_many_tokens (void)
{
  const gsize counts[] = {191, 192, 193, 601};
  TnRandom random = tn_random_stream (2, "ternary");

  for (guint k = 0; k < G_N_ELEMENTS (counts); k++)
    {
      g_autoptr (Case) self = case_new_random (&random, 83, 529, counts[k], 0);

      for_all_variants (check_all, self);
    }
}

static void
check_extremes (const Case *self)
{
  check_sums (self, 0, self->matrix.rows, 1);
  check_sums (self, 0, self->matrix.rows, self->n_tokens);
}

/* No columns: all sums are 0. */
static void
test_empty (void)
{
  g_autoptr (Case) no_columns = case_new (21, 0, 40, 0), no_rows = case_new (0, 40, 3, 0);

  case_finish (no_columns);
  for_all_variants (check_all, no_columns);
  memset (no_rows->x, 1, 3 * no_rows->stride);
  case_finish (no_rows);
  for_all_variants (check_all, no_rows);
}

/* The largest sums there are: sums of 16 bits must not overflow on the way. */
static void
test_extremes (void)
{
  const gsize columns[] = {5000, 70000};
  const gint8 values[] = {-128, 127}, weights[] = {-1, 0, 1};

  for (guint k = 0; k < G_N_ELEMENTS (columns); k++)
    for (guint v = 0; v < G_N_ELEMENTS (values); v++)
      for (guint w = 0; w < G_N_ELEMENTS (weights); w++)
        {
          g_autoptr (Case) self = case_new (33, columns[k], 7, 0);

          memset (self->codes, weights[w], 33 * columns[k]);
          memset (self->x, values[v], 7 * self->stride);
          case_finish (self);
          g_assert_cmpint (self->expected[0], ==, (gint64) columns[k] * values[v] * weights[w]);
          for_all_variants (check_extremes, self);
        }
}

static void
check_ranges (const Case *self)
{
  guint64 rows = self->matrix.rows;

  for (guint64 first = 0; first < rows; first += 16)
    for (guint64 n = 0; first + n <= rows; n = n + 16 > rows - first && n < rows - first ? rows - first : n + 16)
      {
        check_sums (self, first, n, 2);
        check_scaled (self, first, n, 9, TRUE);
        check_scaled (self, first, n, 9, FALSE);
      }
}

static void
test_ranges (void)
{
  TnRandom random = tn_random_stream (3, "ternary");
  g_autoptr (Case) self = case_new_random (&random, 205, 50, 9, 16);

  for_all_variants (check_ranges, self);
}

static void
test_pack (void)
{
  TnRandom random = tn_random_stream (4, "ternary");

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (guint k = 0; k < G_N_ELEMENTS (sizes); k++)
      {
        gsize rows = sizes[i], columns = sizes[k], bytes = tn_ternary_bytes (rows, columns), half = rows / 2 / 16 * 16;
        g_autoptr (Case) self = case_new_random (&random, rows, columns, 0, 0);
        g_autofree guint8 *parts = g_malloc (bytes);
        g_autofree gint8 *codes = g_new (gint8, rows * columns);
        gsize first = rows / 3, n = rows - first;

        tn_ternary_unpack (&self->matrix, 0, rows, codes);
        g_assert_cmpmem (codes, rows * columns, self->codes, rows * columns);
        tn_ternary_unpack (&self->matrix, first, n, codes);
        g_assert_cmpmem (codes, n * columns, self->codes + first * columns, n * columns);

        memset (parts, 0xff, bytes);
        tn_ternary_pack (parts, columns, half, rows - half, self->codes + half * columns);
        tn_ternary_pack (parts, columns, 0, half, self->codes);
        g_assert_cmpmem (parts, bytes, self->tiles, bytes);
      }
}

/* The layout as the header gives it; what lies behind the end is 0. */
static void
test_layout (void)
{
  TnRandom random = tn_random_stream (5, "ternary");
  g_autoptr (Case) self = case_new_random (&random, 21, 37, 0, 0);

  g_assert_cmpuint (tn_ternary_bytes (21, 37), ==, 2 * 3 * 64);
  for (gsize r = 0; r < 32; r++)
    for (gsize c = 0; c < 48; c++)
      {
        guint8 byte = self->tiles[(r / 16 * 3 + c / 16) * 64 + 4 * (r % 16) + c % 4];

        g_assert_cmpint (byte >> 2 * (c % 16 / 4) & 3, ==, r < 21 && c < 37 ? self->codes[r * 37 + c] + 1 : 0);
      }
}

static void
test_bytes (void)
{
  g_assert_cmpuint (tn_ternary_bytes (0, 5), ==, 0);
  g_assert_cmpuint (tn_ternary_bytes (5, 0), ==, 0);
  g_assert_cmpuint (tn_ternary_bytes (4096, 4096), ==, 4096 * 1024);
  g_assert_cmpuint (tn_ternary_bytes (1, 1), ==, 64);
  g_assert_cmpuint (tn_ternary_bytes (G_MAXUINT64, G_MAXUINT64), ==, G_MAXSIZE);
  g_assert_cmpuint (tn_ternary_bytes (G_MAXUINT64, 16), ==, G_MAXSIZE);
  g_assert_cmpuint (tn_ternary_padded (0), ==, 0);
  g_assert_cmpuint (tn_ternary_padded (1), ==, 16);
  g_assert_cmpuint (tn_ternary_padded (32), ==, 32);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ternary/bytes", test_bytes);
  g_test_add_func ("/ternary/layout", test_layout);
  g_test_add_func ("/ternary/pack", test_pack);
  g_test_add_func ("/ternary/sizes", test_sizes);
  g_test_add_func ("/ternary/many-tokens", test_many_tokens);
  g_test_add_func ("/ternary/empty", test_empty);
  g_test_add_func ("/ternary/extremes", test_extremes);
  g_test_add_func ("/ternary/ranges", test_ranges);
  return g_test_run ();
}
