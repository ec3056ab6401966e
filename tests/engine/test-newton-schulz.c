/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/qat/newton-schulz.h"

#include <math.h>
#include <string.h>

#include "engine/kernels/variant.h"
#include "engine/memory/pool.h"
#include "engine/random.h"

static float *
make_matrix (gsize n, const char *name)
{
  TnRandom random = tn_random_stream (3, name);
  float *x = g_new (float, n + 1);

  for (gsize i = 0; i < n; i++)
    x[i] = (float) tn_random_normal (&random);
  return x;
}

static void
run (float *x, gsize rows, gsize columns, guint steps, guint threads)
{
  g_autoptr (TnBlock) scratch = tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_SCRATCH,
                                                     tn_newton_schulz_count (rows, columns, threads), sizeof (float), NULL);

  g_assert_nonnull (scratch);
  tn_newton_schulz (x, rows, columns, steps, threads, scratch);
}

/* c [m, n] = a b in double; a [m, depth], b [depth, n] or stored transposed. */
static double *
product (const double *a, const double *b, gsize m, gsize n, gsize depth, gboolean transposed)
{
  double *c = g_new0 (double, m *n);

  for (gsize i = 0; i < m; i++)
    for (gsize j = 0; j < n; j++)
      for (gsize k = 0; k < depth; k++)
        c[i * n + j] += a[i * depth + k] * (transposed ? b[j * depth + k] : b[k * n + j]);
  return c;
}

/* The formula as it stands, with rows as the shorter side. */
static void
reference (double *x, gsize rows, gsize columns, guint steps)
{
  double norm = 0.0;

  for (gsize i = 0; i < rows * columns; i++)
    norm += x[i] * x[i];
  for (gsize i = 0; i < rows * columns; i++)
    x[i] /= sqrt (norm) + 1e-7;
  for (guint step = 0; step < steps; step++)
    {
      g_autofree double *a = product (x, x, rows, rows, columns, TRUE), *aa = product (a, a, rows, rows, rows, FALSE);
      g_autofree double *y = NULL;

      for (gsize i = 0; i < rows * rows; i++)
        aa[i] = -4.7750 * a[i] + 2.0315 * aa[i];
      y = product (aa, x, rows, columns, rows, FALSE);
      for (gsize i = 0; i < rows * columns; i++)
        x[i] = 3.4445 * x[i] + y[i];
    }
}

static void
check_reference (gsize rows, gsize columns)
{
  g_autofree float *x = make_matrix (rows * columns, "reference");
  gsize r = MIN (rows, columns), c = MAX (rows, columns);
  g_autofree double *expected = g_new (double, r *c + 1);

  for (gsize i = 0; i < rows; i++)
    for (gsize j = 0; j < columns; j++)
      expected[rows > columns ? j * rows + i : i * columns + j] = (double) x[i * columns + j];
  reference (expected, r, c, 3);
  run (x, rows, columns, 3, 2);
  for (gsize i = 0; i < rows; i++)
    for (gsize j = 0; j < columns; j++)
      {
        double value = expected[rows > columns ? j * rows + i : i * columns + j];

        if (!(fabs ((double) x[i * columns + j] - value) < 2e-5))
          g_error ("%zu x %zu [%zu, %zu]: %g, expected %g", rows, columns, i, j, (double) x[i * columns + j], value);
      }
}

/* More rows than a piece of work, columns than a group, and depth than a panel. */
static void
test_reference (void)
{
  static const gsize sizes[][2] = {{1, 1},   {1, 7},     {7, 1},     {2, 2},    {17, 33},
                                   {33, 17}, {129, 131}, {257, 129}, {31, 521}, {300, 260}};

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    check_reference (sizes[i][0], sizes[i][1]);
}

/* By rotations of pairs of rows until they are orthogonal: Jacobi, one-sided. */
static void
check_singular_values (gsize rows, gsize columns)
{
  g_autofree float *x = make_matrix (rows * columns, "singular");
  g_autofree double *a = g_new (double, rows *columns);

  g_assert_cmpuint (rows, <=, columns);
  run (x, rows, columns, 5, 1);
  for (gsize i = 0; i < rows * columns; i++)
    a[i] = (double) x[i];
  for (guint sweep = 0; sweep < 30; sweep++)
    for (gsize p = 0; p < rows; p++)
      for (gsize q = p + 1; q < rows; q++)
        {
          double pp = 0.0, qq = 0.0, pq = 0.0, angle;

          for (gsize k = 0; k < columns; k++)
            {
              pp += a[p * columns + k] * a[p * columns + k];
              qq += a[q * columns + k] * a[q * columns + k];
              pq += a[p * columns + k] * a[q * columns + k];
            }
          angle = 0.5 * atan2 (2.0 * pq, pp - qq);
          for (gsize k = 0; k < columns; k++)
            {
              double u = a[p * columns + k], v = a[q * columns + k];

              a[p * columns + k] = cos (angle) * u + sin (angle) * v;
              a[q * columns + k] = cos (angle) * v - sin (angle) * u;
            }
        }
  for (gsize p = 0; p < rows; p++)
    {
      double square = 0.0;

      for (gsize k = 0; k < columns; k++)
        square += a[p * columns + k] * a[p * columns + k];
      if (!(sqrt (square) > 0.6 && sqrt (square) < 1.25))
        g_error ("%zu x %zu: a singular value is %g", rows, columns, sqrt (square));
    }
}

static void
test_singular_values (void)
{
  check_singular_values (1, 1);
  check_singular_values (8, 8);
  check_singular_values (17, 40);
  check_singular_values (24, 257);
}

static void
test_same_bits (void)
{
  static const gsize rows = 263, columns = 300;
  g_autofree float *first = make_matrix (rows * columns, "bits");
  TnVariant before = tn_variant_get ();

  run (first, rows, columns, 5, 1);
  for (guint variant = 0; variant < TN_N_VARIANTS; variant++)
    for (guint threads = 1; threads <= 3; threads++)
      {
        g_autofree float *x = make_matrix (rows * columns, "bits");

        if (!tn_variant_use (variant) || (variant == TN_VARIANT_SCALAR && threads > 1))
          continue;
        run (x, rows, columns, 5, threads);
        g_assert_cmpmem (x, rows * columns * sizeof *x, first, rows * columns * sizeof *x);
      }
  tn_variant_use (before);
}

static void
test_zeros (void)
{
  float x[12] = {0};

  run (x, 3, 4, 5, 1);
  for (guint i = 0; i < 12; i++)
    g_assert_cmpfloat (x[i], ==, 0.0f);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/newton-schulz/reference", test_reference);
  g_test_add_func ("/newton-schulz/singular-values", test_singular_values);
  g_test_add_func ("/newton-schulz/same-bits", test_same_bits);
  g_test_add_func ("/newton-schulz/zeros", test_zeros);
  return g_test_run ();
}
