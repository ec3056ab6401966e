/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/kernels/matrix-product.h"
#include "engine/kernels/variant.h"
#include "engine/kernels/vector-half.h"
#include "engine/random.h"
#include "engine/tensor/dtype.h"

static const gsize depths[] = {0, 1, 7, 31, 32, 33, 64, 100, 512, 2048};
#define MOST_DEPTH 2048
#define GAP 5

static float
decode (TnHalfKind kind, guint16 bits)
{
  return kind == TN_HALF_F16 ? tn_f16_to_f32 (bits) : tn_bf16_to_f32 (bits);
}

static void
check (TnHalfKind kind, const float *x, const guint8 *rows, gsize stride, gsize depth)
{
  g_autofree float *decoded = g_new (float, TN_HALF_ROWS *depth + 1);
  float expected[TN_HALF_ROWS] = {0}, product[TN_HALF_ROWS], y[TN_HALF_ROWS + 1];
  TnVariant before = tn_variant_get ();

  for (gsize j = 0; j < TN_HALF_ROWS; j++)
    for (gsize k = 0; k < depth; k++)
      {
        guint16 bits;

        memcpy (&bits, rows + 2 * (j * stride + k), sizeof bits);
        decoded[j * depth + k] = decode (kind, bits);
        expected[j] = fmaf (x[k], decoded[j * depth + k], expected[j]);
      }
  for (guint v = 0; v < TN_N_VARIANTS; v++)
    if (tn_variant_use ((TnVariant) v))
      {
        y[TN_HALF_ROWS] = 77.0f;
        tn_vector_multiply_half (kind, x, rows, stride, depth, y);
        g_assert_cmpmem (y, sizeof expected, expected, sizeof expected);
        g_assert_cmpfloat (y[TN_HALF_ROWS], ==, 77.0f);
      }
  g_assert_true (tn_variant_use (before));
  tn_vector_multiply_transposed (x, decoded, depth, TN_HALF_ROWS, depth, product, TN_CHAIN_START);
  g_assert_cmpmem (product, depth > 0 ? sizeof expected : 0, expected, depth > 0 ? sizeof expected : 0);
}

static void
test_chains (void)
{
  g_autofree guint8 *rows = g_malloc (2 * TN_HALF_ROWS * (MOST_DEPTH + GAP) + 1);
  g_autofree float *x = g_new (float, MOST_DEPTH);
  TnRandom random = tn_random_stream (1, "half");

  for (guint kind = 0; kind < 2; kind++)
    for (guint d = 0; d < G_N_ELEMENTS (depths); d++)
      {
        gsize stride = depths[d] + (d % 2 == 0 ? 0 : GAP);

        for (gsize i = 0; i < depths[d]; i++)
          x[i] = (float) tn_random_normal (&random);
        /* At an odd address. */
        for (gsize i = 0; i < TN_HALF_ROWS * stride; i++)
          {
            float value = (float) tn_random_normal (&random);
            guint16 bits = kind == TN_HALF_F16 ? tn_f32_to_f16 (value) : tn_f32_to_bf16 (value);

            memcpy (rows + 1 + 2 * i, &bits, sizeof bits);
          }
        check ((TnHalfKind) kind, x, rows + 1, stride, depths[d]);
      }
}

/* Every number of 16 bits that is one. */
static void
test_every_half (void)
{
  g_autofree guint16 *rows = g_new (guint16, TN_HALF_ROWS * 4096);
  g_autofree float *x = g_new (float, 4096);

  for (guint i = 0; i < 4096; i++)
    x[i] = i % 2 == 0 ? 0.5f : -0.5f;
  for (guint kind = 0; kind < 2; kind++)
    {
      for (guint i = 0; i < TN_HALF_ROWS * 4096; i++)
        rows[i] = isfinite (decode ((TnHalfKind) kind, (guint16) i)) && fabsf (decode ((TnHalfKind) kind, (guint16) i)) < 1e30f
                      ? (guint16) i
                      : 0;
      for (guint k = 0; k < 4096; k += 512)
        check ((TnHalfKind) kind, x + k, (const guint8 *) (rows + k), 4096, 512);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/vector-half/chains", test_chains);
  g_test_add_func ("/vector-half/every-half", test_every_half);
  return g_test_run ();
}
