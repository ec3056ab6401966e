/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "engine/quant/lloyd-max.h"
#include "engine/random.h"

static int
compare_falling (gconstpointer a, gconstpointer b)
{
  float x = *(const float *) a, y = *(const float *) b;

  return (x < y) - (x > y);
}

/* Squared error of rounding every element to the nearest of -a, 0 and a. */
static long double
get_error (const float *x, gsize n, double level)
{
  long double error = 0.0L;

  for (gsize i = 0; i < n; i++)
    if (isfinite (x[i]))
      {
        long double magnitude = fabsl ((long double) x[i]);

        error += MIN (magnitude * magnitude, (magnitude - level) * (magnitude - level));
      }
  return error;
}

/* Of the means of all prefixes of the sorted magnitudes the one with the least error. */
static double
search_all (const float *x, gsize n)
{
  g_autofree float *sorted = g_new (float, n + 1);
  long double sum = 0.0L, best = 0.0L;
  double level = 0.0;
  gsize finite = 0;

  for (gsize i = 0; i < n; i++)
    if (isfinite (x[i]))
      sorted[finite++] = fabsf (x[i]);
  qsort (sorted, finite, sizeof *sorted, compare_falling);
  for (gsize k = 1; k <= finite; k++)
    {
      sum += (long double) sorted[k - 1];
      if (sum * sum / k > best)
        {
          best = sum * sum / k;
          level = (double) (sum / k);
        }
    }
  return level;
}

static void
check (const char *what, const float *x, gsize n)
{
  const guint64 shape[] = {n};
  g_autoptr (TnTensor) tensor = tn_tensor_new_mapped (TN_DTYPE_F32, 1, shape, x, n * sizeof (float), NULL, NULL, NULL);
  double expected = search_all (x, n), held = tn_lloyd_max_level (x, n), streamed = -1.0;
  long double error = get_error (x, n, expected);
  long double power = get_error (x, n, 0.0);

  g_assert_true (tn_tensor_lloyd_max_level (tensor, 0, n, &streamed, NULL, NULL));
  g_test_message ("%s, %" G_GSIZE_FORMAT ": %.17g, held %.17g, streamed %.17g", what, n, expected, held, streamed);
  /* Levels may differ where the errors do not: of Pareto's every level is nearly the best. */
  g_assert_cmpfloat ((double) fabsl (get_error (x, n, held) - error), <=, 1e-13 * (double) power);
  g_assert_cmpfloat ((double) fabsl (get_error (x, n, streamed) - error), <=, 1e-13 * (double) power);
}

static void
fill (guint kind, TnRandom *random, float *x, gsize n)
{
  for (gsize i = 0; i < n; i++)
    {
      double u = tn_random_uniform (random), v = tn_random_normal (random);

      switch (kind)
        {
        case 0:
          x[i] = (float) v;
          break;
        case 1: /* Laplace */
          x[i] = (float) (u < 0.5 ? log (2.0 * u + 1e-300) : -log (2.0 - 2.0 * u));
          break;
        case 2: /* Pareto of index 2: the mean above any threshold is twice the threshold */
          x[i] = (float) ((v < 0.0 ? -1.0 : 1.0) / sqrt (u + 1e-12));
          break;
        case 3: /* two scales far apart: more than one fixed point */
          x[i] = (float) (v * (u < 0.02 ? 1.0 : 0.02));
          break;
        case 4: /* few values, many ties */
          x[i] = (float) (floor (u * 7.0) - 3.0) * 0.25f;
          break;
        case 5: /* sixteen heaps: a crossing near many of them */
          x[i] = (float) (exp2 (floor (u * 16.0) * -0.5) * (1.0 + 1e-4 * v));
          break;
        case 6: /* below and around the normal range */
          x[i] = (float) (v * 2e-38 * u * u * u);
          break;
        case 7: /* what is not finite, and zeros */
          x[i] = u < 0.1 ? NAN : u < 0.2 ? INFINITY : u < 0.3 ? -INFINITY : u < 0.6 ? 0.0f : (float) v;
          break;
        case 8:
          x[i] = (float) (v * 1e37);
          break;
        default: /* each element twice its successor's sum: the largest alone competes with all prefixes */
          x[i] = (float) exp2 (-(double) (i % 120));
        }
    }
}

static void
test_global (void)
{
  const gsize sizes[] = {1, 2, 3, 31, 64, 65, 97, 1000, 4096, 70001};

  for (guint kind = 0; kind < 10; kind++)
    for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
      {
        TnRandom random = tn_random_stream (kind, "lloyd");
        g_autofree float *x = g_new (float, sizes[i]);
        g_autofree char *what = g_strdup_printf ("kind %u", kind);

        fill (kind, &random, x, sizes[i]);
        check (what, x, sizes[i]);
      }
}

/* Small cases of any kind, many of them. */
static void
test_small (void)
{
  TnRandom random = tn_random_stream (1, "small");
  float x[200];

  for (guint i = 0; i < 3000; i++)
    {
      gsize n = 1 + (gsize) tn_random_below (&random, G_N_ELEMENTS (x));

      fill (i % 10, &random, x, n);
      g_assert_cmpfloat ((double) fabsl (get_error (x, n, tn_lloyd_max_level (x, n)) - get_error (x, n, search_all (x, n))), <=,
                         1e-13 * (double) get_error (x, n, 0.0));
    }
}

static void
test_nothing (void)
{
  const float zeros[100] = {0.0f, -0.0f};
  float lost[100];
  const float one[] = {-2.5f};

  for (guint i = 0; i < G_N_ELEMENTS (lost); i++)
    lost[i] = i % 2 == 0 ? NAN : -INFINITY;
  g_assert_cmpfloat (tn_lloyd_max_level (NULL, 0), ==, 0.0);
  g_assert_cmpfloat (tn_lloyd_max_level (zeros, 7), ==, 0.0);
  g_assert_cmpfloat (tn_lloyd_max_level (zeros, 100), ==, 0.0);
  g_assert_cmpfloat (tn_lloyd_max_level (lost, 7), ==, 0.0);
  g_assert_cmpfloat (tn_lloyd_max_level (lost, 100), ==, 0.0);
  g_assert_cmpfloat (tn_lloyd_max_level (one, 1), ==, 2.5);
  check ("zeros", zeros, 100);
  check ("lost", lost, 100);
}

/* A unit Gaussian: level 1.224, threshold half of it; Laplace of scale 1: level 2. */
static void
test_constants (void)
{
  const gsize n = 1 << 21;
  g_autofree float *x = g_new (float, n);
  TnRandom random = tn_random_stream (2, "constants");

  fill (0, &random, x, n);
  g_assert_cmpfloat_with_epsilon (tn_lloyd_max_level (x, n), 1.2240, 0.003);
  fill (1, &random, x, n);
  g_assert_cmpfloat_with_epsilon (tn_lloyd_max_level (x, n), 2.0, 0.01);
}

static void
test_threads (void)
{
  const guint64 n = 1234567, shape[] = {n};
  g_autofree float *x = g_new (float, n);
  g_autoptr (TnTensor) tensor = tn_tensor_new_mapped (TN_DTYPE_F32, 1, shape, x, n * sizeof (float), NULL, NULL, NULL);
  TnRandom random = tn_random_stream (3, "threads");
  gint threads = omp_get_max_threads ();

  for (guint kind = 0; kind < 6; kind++)
    {
      double level = 0.0, again = 1.0;

      fill (kind, &random, x, n);
      omp_set_num_threads (1);
      g_assert_true (tn_tensor_lloyd_max_level (tensor, 5, n - 9, &level, NULL, NULL));
      omp_set_num_threads (3);
      g_assert_true (tn_tensor_lloyd_max_level (tensor, 5, n - 9, &again, NULL, NULL));
      g_assert_true (level == again);
    }
  omp_set_num_threads (threads);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lloyd-max/global", test_global);
  g_test_add_func ("/lloyd-max/small", test_small);
  g_test_add_func ("/lloyd-max/nothing", test_nothing);
  g_test_add_func ("/lloyd-max/constants", test_constants);
  g_test_add_func ("/lloyd-max/threads", test_threads);
  return g_test_run ();
}
