/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/kernels/matrix-product.h"
#include "engine/kernels/variant.h"
#include "engine/kernels/vector-q8-0.h"
#include "engine/nn/linear.h"
#include "engine/random.h"
#include "engine/tensor/dtype.h"

#define BLOCK_BYTES 34
#define MOST_BLOCKS 131

/* Codes of all values, -128 among them, and scales that are subnormal now and then. */
static void
make_rows (guint8 *rows, gsize n_blocks, TnRandom *random)
{
  for (gsize i = 0; i < TN_Q8_0_ROWS * n_blocks; i++)
    {
      guint16 scale = tn_f32_to_f16 ((float) tn_random_normal (random) * (i % 5 == 0 ? 1e-7f : 0.01f));

      memcpy (rows + i * BLOCK_BYTES, &scale, sizeof scale);
      for (guint k = 0; k < TN_Q8_0_COLUMNS; k++)
        rows[i * BLOCK_BYTES + 2 + k] = (guint8) tn_random_below (random, 256);
    }
}

static void
check (const float *x, const guint8 *rows, gsize n_blocks)
{
  gsize depth = n_blocks * TN_Q8_0_COLUMNS;
  g_autofree float *decoded = g_new (float, TN_Q8_0_ROWS *depth + 1);
  float expected[TN_Q8_0_ROWS] = {0}, product[TN_Q8_0_ROWS], y[TN_Q8_0_ROWS + 1];
  TnVariant before = tn_variant_get ();

  for (gsize j = 0; j < TN_Q8_0_ROWS; j++)
    {
      tn_dtype_decode (TN_DTYPE_Q8_0, rows + j * n_blocks * BLOCK_BYTES, depth, decoded + j * depth);
      for (gsize k = 0; k < depth; k++)
        expected[j] = fmaf (x[k], decoded[j * depth + k], expected[j]);
    }
  for (guint v = 0; v < TN_N_VARIANTS; v++)
    if (tn_variant_use ((TnVariant) v))
      {
        y[TN_Q8_0_ROWS] = 77.0f;
        tn_vector_multiply_q8_0 (x, rows, n_blocks, y);
        g_assert_cmpmem (y, sizeof expected, expected, sizeof expected);
        g_assert_cmpfloat (y[TN_Q8_0_ROWS], ==, 77.0f);
      }
  g_assert_true (tn_variant_use (before));
  tn_vector_multiply_transposed (x, decoded, depth, TN_Q8_0_ROWS, depth, product, TN_CHAIN_START);
  g_assert_cmpmem (product, depth > 0 ? sizeof expected : 0, expected, depth > 0 ? sizeof expected : 0);
}

/* Short rows, and rows of more than a page. */
static void
test_chains (void)
{
  const gsize blocks[] = {0, 1, 2, 3, 7, 64, 120, 121, MOST_BLOCKS};
  g_autofree guint8 *rows = g_malloc (TN_Q8_0_ROWS * MOST_BLOCKS * BLOCK_BYTES + 1);
  g_autofree float *x = g_new (float, MOST_BLOCKS *TN_Q8_0_COLUMNS);
  TnRandom random = tn_random_stream (1, "q8_0");

  for (guint b = 0; b < G_N_ELEMENTS (blocks); b++)
    {
      for (gsize i = 0; i < blocks[b] * TN_Q8_0_COLUMNS; i++)
        x[i] = (float) tn_random_normal (&random);
      /* At an odd address. */
      make_rows (rows + 1, blocks[b], &random);
      check (x, rows + 1, blocks[b]);
    }
}

/* Every code in every column, row by row. */
static void
test_every_code (void)
{
  g_autofree guint8 *rows = g_malloc (TN_Q8_0_ROWS * 8 * BLOCK_BYTES);
  float x[8 * TN_Q8_0_COLUMNS];
  TnRandom random = tn_random_stream (2, "q8_0");

  make_rows (rows, 8, &random);
  for (guint shift = 0; shift < 256; shift += 17)
    {
      for (guint j = 0; j < TN_Q8_0_ROWS; j++)
        for (guint i = 0; i < 8 * TN_Q8_0_COLUMNS; i++)
          rows[(j * 8 + i / TN_Q8_0_COLUMNS) * BLOCK_BYTES + 2 + i % TN_Q8_0_COLUMNS] = (guint8) (i + j + shift);
      for (guint i = 0; i < G_N_ELEMENTS (x); i++)
        x[i] = ldexpf (i % 3 == 0 ? -1.0f : 0.7f, (gint) (i % 11));
      check (x, rows, 8);
    }
}

/* Two tiles of rows and a rest, against rows decoded by hand. */
static void
test_linear (void)
{
  const guint64 shape[] = {2 * TN_Q8_0_ROWS + 3, 3 * TN_Q8_0_COLUMNS};
  g_autoptr (GError) error = NULL;
  g_autoptr (TnTensor) weight = tn_tensor_new (TN_DTYPE_Q8_0, 2, shape, TN_PURPOSE_WEIGHTS, &error);
  g_autofree float *decoded = g_new (float, shape[0] * shape[1]), *y = g_new (float, shape[0]);
  TnProductBackEnd before = tn_weight_product ();
  float x[3 * TN_Q8_0_COLUMNS];
  TnRandom random = tn_random_stream (3, "q8_0");
  gsize tile_count;

  g_assert_no_error (error);
  tn_weight_product_use (TN_PRODUCT_OWN);
  tile_count = tn_weight_vector_count (weight);
  for (gsize i = 0; i < shape[0] * shape[1]; i++)
    decoded[i] = (float) tn_random_normal (&random);
  for (gsize i = 0; i < shape[1]; i++)
    x[i] = (float) tn_random_normal (&random);
  g_assert_true (tn_dtype_encode (TN_DTYPE_Q8_0, decoded, shape[0] * shape[1], tn_tensor_get_writable (weight), &error));
  tn_tensor_decode_rows (weight, 0, shape[0], decoded);
  {
    g_autoptr (TnBlock) tiles =
        tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, tn_device_get_threads () * tile_count * sizeof (float), &error);

    g_assert_no_error (error);
    tn_linear_vector (weight, x, tiles, tile_count, y);
  }
  for (gsize j = 0; j < shape[0]; j++)
    {
      float expected = 0.0f;

      for (gsize k = 0; k < shape[1]; k++)
        expected = fmaf (x[k], decoded[j * shape[1] + k], expected);
      g_assert_cmpmem (&y[j], sizeof y[j], &expected, sizeof expected);
    }
  tn_weight_product_use (before);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/vector-q8-0/chains", test_chains);
  g_test_add_func ("/vector-q8-0/every-code", test_every_code);
  g_test_add_func ("/vector-q8-0/linear", test_linear);
  return g_test_run ();
}
