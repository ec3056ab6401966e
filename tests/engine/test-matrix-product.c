/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "engine/kernels/matrix-product.h"
#include "engine/kernels/variant.h"
#include "engine/memory/pool.h"
#include "engine/random.h"

static const gsize sizes[] = {0, 1, 5, 6, 7, 12, 15, 16, 17, 33, 63, 172};
static const gsize depths[] = {0, 1, 5, 15, 16, 17, 63, 172, 257, 1000};

/* Values of many magnitudes, so that a chain in another order, or with two roundings a step, shows. */
static float *
make_values (const char *name, gsize n)
{
  TnRandom random = tn_random_stream (1, name);
  float *x = g_new (float, n + 1);

  for (gsize i = 0; i < n; i++)
    x[i] = ldexpf ((float) (2.0 * tn_random_uniform (&random) - 1.0), (int) tn_random_below (&random, 13));
  return x;
}

static float
chain (const float *a, gsize a_step, const float *b, gsize b_step, gsize depth)
{
  float s = 0.0f;

  for (gsize k = 0; k < depth; k++)
    s = fmaf (a[k * a_step], b[k * b_step], s);
  return s;
}

static void
assert_same (const float *x, const float *expected, gsize n, const char *what, gsize row)
{
  for (gsize i = 0; i < n; i++)
    if (memcmp (&x[i], &expected[i], sizeof *x) != 0)
      g_error ("%s, row %zu, column %zu: %a, expected %a", what, row, i, (double) x[i], (double) expected[i]);
}

typedef struct
{
  gsize m, n, depth;
  const float *a, *b; /* [m, depth], [n, depth] */
  float *expected;    /* [m, n] */
} Case;

/* c has rows farther apart than they are long; what lies between stays as it was. */
static void
check_case (const Case *self, const char *variant)
{
  gsize stride = self->n + 3;
  g_autoptr (TnBlock) panels =
      tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, tn_panel_count (self->n, self->depth) * sizeof (float), NULL);
  g_autofree float *c = g_new (float, self->m *stride + 1);
  g_autofree float *transposed = g_new (float, self->depth *(self->n + 2) + 1);

  for (guint way = 0; way < 3; way++)
    {
      gsize half = self->depth / 2;

      for (gsize i = 0; i < self->m * stride; i++)
        c[i] = 7.0f;
      for (gsize k = 0; k < self->depth; k++)
        for (gsize j = 0; j < self->n; j++)
          transposed[k * (self->n + 2) + j] = self->b[j * self->depth + k];
      if (way == 0)
        tn_panel_pack_transposed (self->b, self->depth, self->n, self->depth, panels);
      else
        tn_panel_pack (transposed, self->n + 2, self->n, self->depth, panels);
      if (way < 2)
        tn_panel_multiply (self->a, self->depth, self->m, panels, self->depth, self->n, self->depth, c, stride, TN_CHAIN_START);
      else
        {
          /* Cut in two. */
          tn_panel_multiply (self->a, self->depth, self->m, panels, self->depth, self->n, half, c, stride, TN_CHAIN_START);
          tn_panel_pack_transposed (self->b + half, self->depth, self->n, self->depth - half, panels);
          tn_panel_multiply (self->a + half, self->depth, self->m, panels, self->depth - half, self->n, self->depth - half, c,
                             stride, TN_CHAIN_RESUME);
        }
      for (gsize i = 0; i < self->m; i++)
        {
          assert_same (c + i * stride, self->expected + i * self->n, self->n, variant, i);
          for (gsize j = self->n; j < stride; j++)
            g_assert_cmpfloat (c[i * stride + j], ==, 7.0f);
        }
    }
  if (self->m > 0)
    {
      gsize third = self->depth / 3;

      tn_vector_multiply_transposed (self->a, self->b, self->depth, self->n, self->depth, c, TN_CHAIN_START);
      assert_same (c, self->expected, self->n, variant, 0);
      tn_vector_multiply (self->a, transposed, self->n + 2, self->n, third, c, TN_CHAIN_START);
      tn_vector_multiply (self->a + third, transposed + third * (self->n + 2), self->n + 2, self->n, self->depth - third, c,
                          TN_CHAIN_RESUME);
      assert_same (c, self->expected, self->n, variant, 0);
    }
}

static const char *const variant_names[TN_N_VARIANTS] = {"scalar", "avx2", "avx512", "neon"};

static void
for_each_variant (void (*check) (const char *variant, gpointer user_data), gpointer user_data)
{
  TnVariant usual = tn_variant_get ();

  for (guint variant = 0; variant < TN_N_VARIANTS; variant++)
    if (tn_variant_use ((TnVariant) variant))
      check (variant_names[variant], user_data);
  tn_variant_use (usual);
}

static void
check_sizes (const char *variant, gpointer user_data)
{
  g_autofree float *a = make_values ("a", 172 * 1000), *b = make_values ("b", 172 * 1000);

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    for (guint t = 0; t < G_N_ELEMENTS (sizes); t++)
      for (guint d = 0; d < G_N_ELEMENTS (depths); d++)
        {
          Case one = {.m = sizes[s], .n = sizes[t], .depth = depths[d], .a = a, .b = b};
          g_autofree float *expected = g_new (float, one.m *one.n + 1);

          /* The largest products say nothing that smaller ones do not. */
          if (one.m * one.n * one.depth > 2000000)
            continue;
          for (gsize i = 0; i < one.m; i++)
            for (gsize j = 0; j < one.n; j++)
              expected[i * one.n + j] = chain (a + i * one.depth, 1, b + j * one.depth, 1, one.depth);
          one.expected = expected;
          check_case (&one, variant);
        }
}

static void
test_sizes (void)
{
  for_each_variant (check_sizes, NULL);
}

/* Row i of a causal product takes i steps more than the first, and what it must not see is NaN. */
static void
check_causal (const char *variant, gpointer user_data)
{
  const gsize most = 300, width = 37;
  g_autofree float *a = make_values ("a", most * most), *b = make_values ("b", most * width), *c = g_new (float, most *width);
  g_autoptr (TnBlock) panels =
      tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, tn_panel_count (width, most) * sizeof (float), NULL);

  for (gsize m = 0; m <= 49; m += 7)
    for (gsize depth = 0; depth + MAX (m, 1) - 1 <= most; depth += 83)
      {
        gsize seen = depth + MAX (m, 1) - 1;

        for (gsize i = 0; i < m; i++)
          for (gsize k = depth + i; k < most; k++)
            a[i * most + k] = NAN;
        tn_panel_pack (b, width, width, seen, panels);
        tn_panel_multiply (a, most, m, panels, seen, width, depth, c, width, TN_CHAIN_CAUSAL);
        for (gsize i = 0; i < m; i++)
          for (gsize j = 0; j < width; j++)
            {
              float expected = chain (a + i * most, 1, b + j, width, depth + i);

              assert_same (&c[i * width + j], &expected, 1, variant, i);
            }
        g_free (g_steal_pointer (&a));
        a = make_values ("a", most * most);
      }
}

static void
test_causal (void)
{
  for_each_variant (check_causal, NULL);
}

/* The ends of the number range: the scalar variant emulates what the others have an instruction for. */
static void
check_ends (const char *variant, gpointer user_data)
{
  static const float ends[] = {0.0f,    -0.0f,        1.0f,         -1.0f,    FLT_MIN,   -FLT_MIN,
                               FLT_MAX, -FLT_MAX,     FLT_TRUE_MIN, 0x1p-75,  -0x1p-74,  0x1.fffffep-1,
                               0x1p23,  0x1.000002p0, (float) NAN,  INFINITY, -INFINITY, 3e-39f};
  g_autoptr (TnBlock) panels =
      tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, TN_PANEL_COLUMNS * 2 * sizeof (float), NULL);
  TnRandom random = tn_random_stream (9, "ends");

  for (guint trial = 0; trial < 200000; trial++)
    {
      float a[2], b[2], c, expected;

      for (guint i = 0; i < 2; i++)
        {
          guint32 bits[2] = {(guint32) tn_random_next (&random), (guint32) tn_random_next (&random)};

          memcpy (&a[i], &bits[0], sizeof (float));
          memcpy (&b[i], &bits[1], sizeof (float));
          if (trial % 3 == 0)
            a[i] = ends[tn_random_below (&random, G_N_ELEMENTS (ends))];
          if (trial % 5 == 0)
            b[i] = ends[tn_random_below (&random, G_N_ELEMENTS (ends))];
        }
      /* Two products that nearly cancel. */
      if (trial % 2 == 0)
        {
          a[1] = -a[0];
          b[1] = nextafterf (b[0], trial % 4 == 0 ? INFINITY : b[0]);
        }
      tn_panel_pack_transposed (b, 2, 1, 2, panels);
      tn_panel_multiply (a, 2, 1, panels, 2, 1, 2, &c, 1, TN_CHAIN_START);
      expected = chain (a, 1, b, 1, 2);
      if (isnan (expected))
        g_assert_true (isnan (c));
      else
        assert_same (&c, &expected, 1, variant, 0);
    }
}

static void
test_ends (void)
{
  for_each_variant (check_ends, NULL);
}

/* |error| <= depth u / (1 - depth u) * sum |a b|, u = 2^-24 (Higham, Accuracy and Stability of Numerical Algorithms, 3.1). */
static void
test_error_bound (void)
{
  const gsize m = 13, n = 19, depth = 1000;
  g_autofree float *a = make_values ("a", m * depth), *b = make_values ("b", n * depth), *c = g_new (float, m *n);
  g_autoptr (TnBlock) panels =
      tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, tn_panel_count (n, depth) * sizeof (float), NULL);
  double u = ldexp (1.0, -24), bound = (double) depth * u / (1.0 - (double) depth * u);

  tn_panel_pack_transposed (b, depth, n, depth, panels);
  tn_panel_multiply (a, depth, m, panels, depth, n, depth, c, n, TN_CHAIN_START);
  for (gsize i = 0; i < m; i++)
    for (gsize j = 0; j < n; j++)
      {
        double sum = 0.0, absolute = 0.0;

        for (gsize k = 0; k < depth; k++)
          {
            double product = (double) a[i * depth + k] * (double) b[j * depth + k];

            sum += product;
            absolute += fabs (product);
          }
        g_assert_cmpfloat (fabs ((double) c[i * n + j] - sum), <=, bound * absolute);
      }
}

/* A row has the same bits wherever it stands and whatever stands beside it. */
static void
check_rows (const char *variant, gpointer user_data)
{
  const gsize m = 41, n = 50, depth = 129;
  g_autofree float *a = make_values ("a", m * depth), *b = make_values ("b", n * depth);
  g_autofree float *c = g_new (float, m *n), *one = g_new (float, n), *shuffled = g_new (float, m *depth);
  g_autoptr (TnBlock) panels =
      tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, tn_panel_count (n, depth) * sizeof (float), NULL);

  for (gsize i = 0; i < m; i++)
    memcpy (shuffled + i * depth, a + i * 17 % m * depth, depth * sizeof (float));
  tn_panel_pack_transposed (b, depth, n, depth, panels);
  tn_panel_multiply (shuffled, depth, m, panels, depth, n, depth, c, n, TN_CHAIN_START);
  for (gsize i = 0; i < m; i++)
    {
      tn_panel_multiply (a + i * 17 % m * depth, depth, 1, panels, depth, n, depth, one, n, TN_CHAIN_START);
      assert_same (c + i * n, one, n, variant, i);
    }
}

static void
test_rows_are_independent (void)
{
  for_each_variant (check_rows, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/matrix-product/sizes", test_sizes);
  g_test_add_func ("/matrix-product/causal", test_causal);
  g_test_add_func ("/matrix-product/ends", test_ends);
  g_test_add_func ("/matrix-product/error-bound", test_error_bound);
  g_test_add_func ("/matrix-product/rows-are-independent", test_rows_are_independent);
  return g_test_run ();
}
