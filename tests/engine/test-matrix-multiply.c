/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/kernels/matrix-multiply.h"
#include "engine/kernels/matrix-product.h"
#include "engine/kernels/variant.h"
#include "engine/memory/pool.h"
#include "engine/random.h"

/* m, n, depth: nothing, one, primes, one over a tile, a panel, a group of panels, a part of the depth, rows transposed at a time;
 * enough for several pieces. */
static const gsize shapes[][3] = {{0, 5, 7},     {5, 0, 7},     {5, 7, 0},    {1, 1, 1},      {13, 17, 31},  {7, 129, 513},
                                  {257, 129, 5}, {530, 271, 9}, {97, 641, 3}, {193, 260, 37}, {16, 16, 1025}};

static float *
make_values (const char *name, gsize n)
{
  TnRandom random = tn_random_stream (3, name);
  float *x = g_new (float, n + 1);

  for (gsize i = 0; i < n; i++)
    x[i] = ldexpf ((float) (2.0 * tn_random_uniform (&random) - 1.0), (int) tn_random_below (&random, 13));
  return x;
}

static void
transpose (const float *x, gsize rows, gsize columns, float *out)
{
  for (gsize i = 0; i < rows; i++)
    for (gsize j = 0; j < columns; j++)
      out[j * rows + i] = x[i * columns + j];
}

/* c = (adds ? c : 0) + a [m, depth] b [n, depth]^T. */
static void
multiply_slowly (const float *a, const float *b, gsize m, gsize n, gsize depth, gboolean adds, float *c)
{
  for (gsize i = 0; i < m; i++)
    for (gsize j = 0; j < n; j++)
      {
        float s = adds ? c[i * n + j] : 0.0f;

        for (gsize k = 0; k < depth; k++)
          s = fmaf (a[i * depth + k], b[j * depth + k], s);
        c[i * n + j] = s;
      }
}

static void
check_product (const TnMatrixMultiply *product, guint threads, const float *expected, const float *before)
{
  gsize bytes = tn_matrix_multiply_scratch (product->form, product->m, product->n, product->depth, threads);
  gsize n = product->m * product->n;
  g_autoptr (TnBlock) scratch = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, bytes + 64, NULL);

  memset ((char *) scratch + bytes, 0x55, 64);
  memcpy (product->c, before, (n + 1) * sizeof (float));
  tn_matrix_multiply (product, threads, scratch);
  for (gsize i = 0; i < n; i++)
    if (memcmp (&product->c[i], &expected[i], sizeof (float)) != 0)
      g_error ("form %u, %zu x %zu x %zu, %u threads, adds %u, element %zu: %a, expected %a", product->form, product->m,
               product->n, product->depth, threads, product->adds, i, (double) product->c[i], (double) expected[i]);
  g_assert_cmpfloat (product->c[n], ==, before[n]);
  for (gsize i = 0; i < 64; i++)
    g_assert_cmpuint (((guint8 *) scratch)[bytes + i], ==, 0x55);
}

static void
check_shape (gsize m, gsize n, gsize depth)
{
  g_autofree float *a = make_values ("a", m * depth), *b = make_values ("b", n * depth), *before = make_values ("c", m * n + 1);
  g_autofree float *a_transposed = g_new (float, m *depth + 1), *b_transposed = g_new (float, n *depth + 1);
  g_autofree float *c = g_new (float, m *n + 1), *expected = g_new (float, m *n + 1);

  transpose (a, m, depth, a_transposed);
  transpose (b, n, depth, b_transposed);
  for (guint adds = 0; adds < 2; adds++)
    {
      const TnMatrixMultiply products[] = {
          {TN_MULTIPLY_B_TRANSPOSED, m, n, depth, a, b, c, .adds = adds},
          {TN_MULTIPLY_PLAIN, m, n, depth, a, b_transposed, c, .adds = adds},
          {TN_MULTIPLY_A_TRANSPOSED, m, n, depth, a_transposed, b_transposed, c, .adds = adds},
      };

      memcpy (expected, before, m * n * sizeof (float));
      multiply_slowly (a, b, m, n, depth, adds, expected);
      for (guint i = 0; i < G_N_ELEMENTS (products); i++)
        for (guint threads = 1; threads <= 3; threads++)
          check_product (&products[i], threads, expected, before);
    }
}

/* Parts of wider matrices, beside which nothing is written. */
static void
test_strides (void)
{
  enum
  {
    M = 37,
    N = 45,
    DEPTH = 29,
    STRIDE = 61
  };
  g_autofree float *a = make_values ("a", STRIDE * STRIDE), *b = make_values ("b", STRIDE * STRIDE),
                   *c = g_new (float, STRIDE *STRIDE);
  gsize most = 3 * STRIDE * STRIDE * sizeof (float) + (1 << 20);
  g_autoptr (TnBlock) scratch = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, most, NULL);

  for (TnMultiplyForm form = TN_MULTIPLY_B_TRANSPOSED; form <= TN_MULTIPLY_A_TRANSPOSED; form++)
    {
      gsize a_row = form == TN_MULTIPLY_A_TRANSPOSED ? 1 : STRIDE, b_column = form == TN_MULTIPLY_B_TRANSPOSED ? STRIDE : 1;

      g_assert_cmpuint (tn_matrix_multiply_scratch (form, M, N, DEPTH, 1), <=, most);
      for (gsize i = 0; i < STRIDE * STRIDE; i++)
        c[i] = 7.0f;
      tn_matrix_multiply (&(const TnMatrixMultiply){form, M, N, DEPTH, a, b, c, STRIDE, STRIDE, STRIDE}, 1, scratch);
      for (gsize i = 0; i < STRIDE; i++)
        for (gsize j = 0; j < STRIDE; j++)
          {
            float s = i < M && j < N ? 0.0f : 7.0f;

            for (gsize k = 0; i < M && j < N && k < DEPTH; k++)
              s = fmaf (a[i * a_row + k * (STRIDE + 1 - a_row)], b[j * b_column + k * (STRIDE + 1 - b_column)], s);
            g_assert_cmpmem (&c[i * STRIDE + j], sizeof (float), &s, sizeof (float));
          }
    }
}

static void
test_forms (void)
{
  TnVariant usual = tn_variant_get ();

  for (guint variant = 0; variant < TN_N_VARIANTS; variant++)
    if (tn_variant_use ((TnVariant) variant))
      for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
        check_shape (shapes[i][0], shapes[i][1], shapes[i][2]);
  tn_variant_use (usual);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/matrix-multiply/forms", test_forms);
  g_test_add_func ("/matrix-multiply/strides", test_strides);
  return g_test_run ();
}
