/* SPDX-License-Identifier: Apache-2.0 */
/* The families of methods against slow, obvious references in double, and against published values. */
#include "engine/quant/parameters-private.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "engine/quant/grid-sweep.h"
#include "engine/quant/quantize.h"
#include "engine/random.h"

static float *
draw (guint seed, guint n, guint kind)
{
  TnRandom random = tn_random_stream (seed, "parameters");
  float *x = g_new (float, n);

  for (guint i = 0; i < n; i++)
    {
      double value = tn_random_normal (&random);

      if (kind == 1)
        value = (tn_random_below (&random, 2) ? 1.0 : -1.0) * -log (1.0 - tn_random_uniform (&random));
      else if (kind == 2)
        value = MAX (value, 0.0);
      else if (kind == 3)
        value = -fabs (value) - 0.25;
      else if (kind == 4)
        value = value * exp (2.0 * tn_random_normal (&random));
      x[i] = (float) value;
    }
  return x;
}

#define N_KINDS 5

/* Sum of |x - rounded|^power, value by value. */
static double
reference_error (const float *x, guint n, double scale, double first, double last, double power)
{
  double sum = 0.0;

  for (guint i = 0; i < n; i++)
    {
      double code = scale > 0.0 ? nearbyint ((double) x[i] / scale) : 0.0;

      code = CLAMP (code, first, last);
      sum += pow (fabs ((double) x[i] - code * scale), power);
    }
  return sum;
}

/* Least over a fine grid, then a finer one. */
static double
reference_least (const float *x, guint n, double first, double last, double power)
{
  double largest = 0.0, least = (double) INFINITY, best = 0.0, steps = MAX (last, -first);

  for (guint i = 0; i < n; i++)
    largest = MAX (largest, fabs ((double) x[i]));
  for (double scale = 1.5 * largest / steps; scale > 0.02 * largest / steps; scale *= 0.997)
    {
      double error = reference_error (x, n, scale, first, last, power);

      if (error < least)
        {
          least = error;
          best = scale;
        }
    }
  for (double scale = best * 1.004; scale > best * 0.996; scale *= 0.9999)
    least = MIN (least, reference_error (x, n, scale, first, last, power));
  return least;
}

/* Prefix sums, direct sums and pieces of equal values give what a loop gives. */
static void
test_errors (void)
{
  static const guint sizes[] = {1, 2, 3, 31, 97, 1009, 20011};

  for (guint kind = 0; kind < N_KINDS; kind++)
    for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
      {
        guint n = sizes[s];
        g_autofree float *x = draw (kind + 1, n, kind);
        g_autoptr (TnDistribution) values = tn_distribution_new_values (x, n, FALSE);
        g_autoptr (TnDistribution) folded = tn_distribution_fold (values);
        g_autoptr (TnDistribution) direct = tn_distribution_new_values (x, n, TRUE);

        g_assert_cmpuint (values->n, ==, n);
        g_assert_cmpmem (folded->low, n * sizeof (double), direct->low, n * sizeof (double));
        for (guint bits = 2; bits <= 8; bits++)
          for (double scale = 2.0; scale > 1e-3; scale *= 0.37)
            {
              double codes = (1 << (bits - 1)) - 1, power = values->square[n] + 1e-30;
              double expected = reference_error (x, n, scale, -codes, codes, 2.0);
              double asymmetric = reference_error (x, n, scale, -3.0, codes, 2.0), next, error;

              g_assert_cmpfloat_with_epsilon (tn_grid_error (folded, scale, -codes, codes, &next), expected, 1e-10 * power);
              g_assert_cmpfloat_with_epsilon (tn_grid_error (values, scale, -codes, codes, NULL), expected, 1e-10 * power);
              g_assert_cmpfloat_with_epsilon (tn_grid_error (values, scale, -3.0, codes, NULL), asymmetric, 1e-10 * power);
              g_assert_cmpfloat (reference_error (x, n, next, -codes, codes, 2.0), <=, expected + 1e-10 * power);
              error = tn_grid_power_error (values, scale, -3.0, codes, 2.4);
              expected = reference_error (x, n, scale, -3.0, codes, 2.4);
              g_assert_cmpfloat_with_epsilon (error, expected, 1e-9 * (expected + power));
            }
      }
}

/* Against every scale at which any code changes, by brute force. */
static void
test_sweep (void)
{
  for (guint kind = 0; kind < N_KINDS; kind++)
    for (guint n = 1; n <= 23; n += 11)
      for (guint bits = 2; bits <= 5; bits++)
        {
          g_autofree float *x = draw (100 + kind, n, kind);
          g_autoptr (TnDistribution) values = tn_distribution_new_values (x, n, FALSE);
          double first = -1.0 - kind % 2, last = (1 << (bits - 1)) - 1, scale, error, least = values->square[values->n];

          for (guint i = 0; i < n; i++)
            for (guint k = 1; k <= (guint) MAX (last, -first); k++)
              for (int side = -1; side <= 1; side++)
                {
                  double at = fabs ((double) x[i]) / (k - 0.5) * (1.0 + side * 1e-9), fitting;

                  least = MIN (least, tn_grid_error (values, at, first, last, &fitting));
                  least = MIN (least, reference_error (x, n, fitting, first, last, 2.0));
                }
          error = tn_grid_sweep (values, first, last, 0.0, 1e3, &scale);
          g_assert_cmpfloat_with_epsilon (error, least, 1e-9 * values->square[values->n] + 1e-30);
          g_assert_cmpfloat_with_epsilon (reference_error (x, n, scale, first, last, 2.0), error,
                                          1e-9 * values->square[values->n] + 1e-30);
        }
}

/* Symmetric and asymmetric, few values and many. */
static void
test_least_errors (void)
{
  static const guint sizes[] = {7, 32, 1021, 30011};

  for (guint kind = 0; kind < N_KINDS; kind++)
    for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
      for (guint bits = 2; bits <= 8; bits += 2)
        {
          guint n = sizes[s] > 30000 && bits == 6 ? 2003 : sizes[s];
          g_autofree float *x = draw (200 + kind, n, kind);
          g_autoptr (TnDistribution) folded = tn_distribution_new_values (x, n, TRUE);
          TnGrid grid = {.n_codes = (1 << (bits - 1)) - 1};
          TnMethodOptions options = {.method = TN_METHOD_MSE};
          double codes = (double) grid.n_codes, achieved;
          TnGridScale scale;

          if (n > 2003 && kind % 2 == 1)
            continue;
          g_assert_true (tn_parameters_find (folded, &grid, &options, &scale));
          achieved = reference_error (x, n, scale.scale, -codes, codes, 2.0);
          g_assert_cmpfloat (achieved, <=, reference_least (x, n, -codes, codes, 2.0) * (n > 30000 ? 1.002 : 1.0001) + 1e-12);
          if (n > 2003 || (n < 100 && bits >= 6))
            continue;
          /* No sweep goes through all pieces of this power: of few values at many codes a valley may be missed. */
          options.method = TN_METHOD_MSE24;
          g_assert_true (tn_parameters_find (folded, &grid, &options, &scale));
          achieved = reference_error (x, n, scale.scale, -codes, codes, 2.4);
          g_assert_cmpfloat (achieved, <=, reference_least (x, n, -codes, codes, 2.4) * (bits == 8 ? 1.15 : 1.06) + 1e-12);
        }
}

static void
test_asymmetric (void)
{
  for (guint kind = 0; kind < N_KINDS; kind++)
    for (guint bits = 2; bits <= 4; bits += 2)
      {
        guint n = 41;
        g_autofree float *x = draw (300 + kind, n, kind);
        g_autoptr (TnDistribution) values = tn_distribution_new_values (x, n, FALSE);
        TnGrid grid = {.asymmetric = TRUE, .n_codes = (1 << bits) - 1};
        TnMethodOptions options = {.method = TN_METHOD_MSE};
        double least = (double) INFINITY, first, last;
        TnGridScale scale;

        for (gint32 zero_point = 0; zero_point <= grid.n_codes; zero_point++)
          least = MIN (least, reference_least (x, n, -zero_point, grid.n_codes - zero_point, 2.0));
        g_assert_true (tn_parameters_find (values, &grid, &options, &scale));
        tn_grid_get_range (&grid, scale.zero_point, &first, &last);
        g_assert_cmpfloat (reference_error (x, n, scale.scale, first, last, 2.0), <=, least * 1.0001);
        for (TnMethod method = TN_METHOD_MINMAX; method < TN_METHOD_OUTPUT; method++)
          {
            options.method = method;
            if (!tn_parameters_find (values, &grid, &options, &scale))
              continue;
            g_assert_cmpint (scale.zero_point, >=, 0);
            g_assert_cmpint (scale.zero_point, <=, grid.n_codes);
            tn_grid_get_range (&grid, scale.zero_point, &first, &last);
            g_assert_cmpfloat (reference_error (x, n, scale.scale, first, last, 2.0), >=, least * 0.999);
          }
      }
}

/* The roots in Banner et al. 2018 for 2 to 8 bits. */
static void
test_aciq (void)
{
  static const double laplace[] = {2.83, 3.90, 5.03, 6.21, 7.41, 8.65, 9.90};
  static const double gauss[] = {1.71, 2.15, 2.56, 2.94, 3.29, 3.62, 3.92};

  for (guint bits = 2; bits <= 8; bits++)
    {
      double noise = 1.0 / (3.0 * pow (4.0, bits));

      g_assert_cmpfloat_with_epsilon (tn_aciq_laplace_clip (noise), laplace[bits - 2], 0.006);
      g_assert_cmpfloat_with_epsilon (tn_aciq_gauss_clip (noise), gauss[bits - 2], 0.006);
    }
  for (guint kind = 0; kind < 2; kind++)
    {
      /* 100,000 values tell the families apart, and their width within a percent. */
      g_autofree float *x = draw (400, 100000, kind);
      g_autoptr (TnDistribution) folded = tn_distribution_new_values (x, 100000, TRUE);
      TnGrid grid = {.n_codes = 7};
      TnMethodOptions options = {.method = TN_METHOD_ACIQ};
      double noise = 1.0 / (12.0 * 49.0), expected = kind ? tn_aciq_laplace_clip (noise) : tn_aciq_gauss_clip (noise);
      TnGridScale scale;

      g_assert_true (tn_parameters_find (folded, &grid, &options, &scale));
      g_assert_cmpfloat_with_epsilon (scale.scale * 7.0 / expected, 1.0, 0.01);
    }
}

/* What it ends with is a fixed point of equation 6, and the least of the error it models. */
static void
test_octav (void)
{
  for (guint kind = 0; kind < N_KINDS; kind++)
    for (guint bits = 2; bits <= 8; bits += 2)
      {
        guint n = 5003, inside = 0, above = 0;
        g_autofree float *x = draw (500 + kind, n, kind);
        g_autoptr (TnDistribution) folded = tn_distribution_new_values (x, n, TRUE);
        TnGrid grid = {.n_codes = (1 << (bits - 1)) - 1};
        TnMethodOptions options = {.method = TN_METHOD_OCTAV};
        double codes = (double) grid.n_codes, noise = 1.0 / (12.0 * codes * codes), sum = 0.0, clip;
        TnGridScale scale;

        g_assert_true (tn_parameters_find (folded, &grid, &options, &scale));
        clip = scale.scale * codes;
        for (guint i = 0; i < n; i++)
          if (fabs ((double) x[i]) > clip * (1.0 - 1e-12))
            {
              above++;
              sum += fabs ((double) x[i]);
            }
          else
            inside += x[i] != 0.0f;
        g_assert_cmpfloat_with_epsilon (sum / (noise * inside + above) / clip, 1.0, 2e-3);
      }
}

/* TensorRT's loop as its slides have it, group after group and bin after bin. */
static guint
reference_entropy (const float *x, guint n, guint n_groups, double *width)
{
  double bins[2048] = {0}, largest = 0.0, least = (double) INFINITY;
  guint kept = 0;

  for (guint i = 0; i < n; i++)
    largest = MAX (largest, fabs ((double) x[i]));
  *width = largest / 2048;
  for (guint i = 0; i < n; i++)
    bins[(guint) MIN (fabs ((double) x[i]) / *width, 2047.0)] += 1.0;
  bins[0] = bins[1];
  for (guint i = n_groups; i <= 2048; i++)
    {
      double p[2048], q[2048] = {0}, sum_p = 0.0, sum_q = 0.0, divergence = 0.0;

      memcpy (p, bins, sizeof p);
      for (guint k = i; k < 2048; k++)
        p[i - 1] += bins[k];
      for (guint group = 0; group < n_groups; group++)
        {
          guint first = i * group / n_groups, end = i * (group + 1) / n_groups, occupied = 0;
          double mass = 0.0;

          for (guint k = first; k < end; k++)
            {
              mass += bins[k];
              occupied += bins[k] > 0.0;
            }
          for (guint k = first; k < end; k++)
            if (bins[k] > 0.0)
              q[k] = mass / occupied;
        }
      for (guint k = 0; k < i; k++)
        {
          sum_p += p[k];
          sum_q += q[k];
        }
      for (guint k = 0; k < i; k++)
        if (p[k] > 0.0)
          divergence += p[k] / sum_p * log (p[k] / sum_p / (q[k] / sum_q));
      if (divergence <= least + 1e-12)
        {
          least = MIN (least, divergence);
          kept = i;
        }
    }
  return kept;
}

static void
test_entropy (void)
{
  for (guint kind = 0; kind < N_KINDS; kind++)
    for (guint bits = 4; bits <= 8; bits += 4)
      {
        guint n = 20011, kept;
        g_autofree float *x = draw (600 + kind, n, kind);
        g_autoptr (TnDistribution) folded = tn_distribution_new_values (x, n, TRUE);
        TnGrid grid = {.n_codes = (1 << (bits - 1)) - 1};
        TnMethodOptions options = {.method = TN_METHOD_KL};
        TnGridScale scale;
        double width;

        kept = reference_entropy (x, n, 1u << (bits - 1), &width);
        g_assert_true (tn_parameters_find (folded, &grid, &options, &scale));
        g_assert_cmpfloat_with_epsilon (scale.scale * grid.n_codes / width, (double) kept, 1e-6 * kept);
      }
}

static void
test_auto (void)
{
  g_autofree float *x = draw (700, 3001, 4);
  g_autoptr (TnDistribution) folded = tn_distribution_new_values (x, 3001, TRUE);
  TnGrid grid = {.n_codes = 7};
  TnParameterProblem problem = {.values = folded, .grid = grid, .max = tn_distribution_max (folded)};

  problem.min = -problem.max;
  problem.absmean = tn_distribution_absmean (folded);
  for (TnObjective objective = TN_OBJECTIVE_MSE; objective <= TN_OBJECTIVE_KL; objective++)
    {
      TnMethodOptions options = {.method = TN_METHOD_AUTO, .objective = objective};
      TnGridScale best;

      g_assert_true (tn_parameters_find (folded, &grid, &options, &best));
      for (TnMethod method = TN_METHOD_MINMAX; method < TN_METHOD_OUTPUT; method++)
        {
          TnGridScale scale;

          options.method = method;
          if (!tn_parameters_find (folded, &grid, &options, &scale))
            continue;
          if (objective == TN_OBJECTIVE_KL)
            g_assert_cmpfloat (tn_parameters_divergence (&problem, &best), <=, tn_parameters_divergence (&problem, &scale));
          else
            g_assert_cmpfloat (tn_grid_error (folded, best.scale, -7, 7, NULL), <=, tn_grid_error (folded, scale.scale, -7, 7, NULL));
        }
    }
}

/* The optimum of a unit Gaussian: SQNR within 0.02 dB of what integrating the density gives. */
static void
test_gaussian (void)
{
  guint n = 1 << 18;
  g_autofree float *x = g_new (float, n);
  g_autoptr (TnDistribution) folded = NULL;

  /* Its quantiles instead of a sample. */
  for (guint i = 0; i < n; i++)
    {
      double target = (i + 0.5) / n, low = -9.0, high = 9.0;

      for (guint k = 0; k < 45; k++)
        {
          double middle = 0.5 * (low + high);

          if (0.5 * erfc (-middle * M_SQRT1_2) < target)
            low = middle;
          else
            high = middle;
        }
      x[i] = (float) low;
    }
  folded = tn_distribution_new_values (x, n, TRUE);
  for (guint bits = 2; bits <= 7; bits++)
    {
      TnGrid grid = {.n_codes = (1 << (bits - 1)) - 1};
      TnMethodOptions options = {.method = TN_METHOD_MSE};
      double codes = (double) grid.n_codes, least = (double) INFINITY, achieved;
      TnGridScale scale;

      g_assert_true (tn_parameters_find (folded, &grid, &options, &scale));
      achieved = tn_grid_error (folded, scale.scale, -codes, codes, NULL) / n;
      /* The density, cell by cell, by Simpson's rule. */
      for (double clip = scale.scale * codes * 0.98; clip < scale.scale * codes * 1.02; clip *= 1.001)
        {
          double step = clip / codes, sum = 0.0, width = 1e-3;

          for (double y = 0.0; y < 8.0; y += width)
            for (guint k = 0; k < 3; k++)
              {
                double at = y + 0.5 * width * k, code = MIN (nearbyint (at / step), codes);

                sum += (k == 1 ? 4.0 : 1.0) * width / 6.0 * 2.0 / sqrt (2.0 * M_PI) * exp (-0.5 * at * at) * (at - code * step) *
                       (at - code * step);
              }
          least = MIN (least, sum);
        }
      g_test_message ("%u bits: %.3f dB, density %.3f dB", bits, -10.0 * log10 (achieved), -10.0 * log10 (least));
      g_assert_cmpfloat_with_epsilon (-10.0 * log10 (achieved), -10.0 * log10 (least), 0.02);
    }
}

static void
test_degenerate (void)
{
  static const float constant[] = {0.3f, 0.3f, 0.3f}, zeros[] = {0.0f, -0.0f}, one[] = {-7.5f}, two[] = {1.0f, -2.0f, 1.0f},
                     tiny[] = {1e-45f, -3e-45f, 2e-40f}, odd[] = {NAN, INFINITY, 1.0f, -INFINITY}, negative[] = {-1.0f, -2.0f, -5.0f},
                     tail[] = {1e-3f, 1e-3f, -1e-3f, 1e30f};
  static const struct
  {
    const float *x;
    guint n;
  } cases[] = {{constant, 3}, {zeros, 2}, {one, 1}, {two, 3}, {tiny, 3}, {odd, 4}, {negative, 3}, {tail, 4}, {one, 0}};

  for (guint c = 0; c < G_N_ELEMENTS (cases); c++)
    for (guint asymmetric = 0; asymmetric < 2; asymmetric++)
      for (TnMethod method = TN_METHOD_MINMAX; method < TN_N_METHODS; method++)
        for (guint bits = 2; bits <= 8; bits += 3)
          {
            g_autoptr (TnDistribution) values = tn_distribution_new_values (cases[c].x, cases[c].n, !asymmetric);
            TnGrid grid = {.asymmetric = asymmetric, .n_codes = asymmetric ? (1 << bits) - 1 : (1 << (bits - 1)) - 1};
            TnMethodOptions options = {.method = method};
            TnScheme scheme = {.kind = TN_SCHEME_INTEGER, .bits = bits, .asymmetric = asymmetric, .method = method};
            TnGridScale scale = {.scale = -1.0};
            double first, last, power = values->square[values->n];
            float out[4];

            tn_parameters_find (values, &grid, &options, &scale);
            g_assert_true (isfinite (scale.scale) && scale.scale >= 0.0);
            g_assert_cmpint (scale.zero_point, >=, 0);
            g_assert_cmpint (scale.zero_point, <=, asymmetric ? grid.n_codes : 0);
            tn_grid_get_range (&grid, scale.zero_point, &first, &last);
            if (method == TN_METHOD_MSE || method == TN_METHOD_AUTO)
              g_assert_cmpfloat (tn_grid_error (values, scale.scale, first, last, NULL), <=, power);
            if ((method == TN_METHOD_MSE) && (cases[c].x == constant || cases[c].x == one))
              g_assert_cmpfloat (tn_grid_error (values, scale.scale, first, last, NULL), <=, 1e-12 * power);
            if (cases[c].n == 0 || !tn_method_needs_values_only (method))
              continue;
            g_assert_true (tn_quantize_values (&scheme, cases[c].x, 1, cases[c].n, out, NULL));
            for (guint i = 0; i < cases[c].n; i++)
              g_assert_true (isfinite (cases[c].x[i]) == isfinite (out[i]));
          }
}

/* Rows and groups are found as if each stood alone, on one thread and on two. */
static void
test_slices (void)
{
  const guint64 rows = 7, columns = 96, group = 32;
  g_autofree float *w = draw (800, (guint) (rows * columns), 1);
  g_autofree float *whole = g_new (float, rows *columns), *again = g_new (float, rows * columns), *slice = g_new (float, columns);

  for (TnMethod method = TN_METHOD_PERCENTILE; method < TN_N_METHODS; method++)
    for (guint kind = 0; kind < 4; kind++)
      {
        TnScheme scheme = {.kind = kind == 3 ? TN_SCHEME_TERNARY : TN_SCHEME_INTEGER,
                           .bits = 4,
                           .asymmetric = kind == 1,
                           .granularity = kind == 2 ? TN_PER_GROUP : TN_PER_CHANNEL,
                           .group_size = kind == 2 ? (guint) group : 0,
                           .scale_type = TN_SCALE_F32,
                           .method = method};
        TnScheme alone = scheme;
        guint64 length = kind == 2 ? group : columns;

        if (!tn_method_needs_values_only (method))
          continue;
        alone.granularity = TN_PER_TENSOR;
        alone.group_size = 0;
        omp_set_num_threads (1);
        g_assert_true (tn_quantize_values (&scheme, w, rows, columns, whole, NULL));
        omp_set_num_threads (2);
        g_assert_true (tn_quantize_values (&scheme, w, rows, columns, again, NULL));
        g_assert_cmpmem (whole, rows * columns * sizeof (float), again, rows * columns * sizeof (float));
        for (guint64 first = 0; first < rows * columns; first += length)
          {
            g_assert_true (tn_quantize_values (&alone, w + first, 1, length, slice, NULL));
            g_assert_cmpmem (slice, length * sizeof (float), whole + first, length * sizeof (float));
          }
      }
}

/* More values than are sorted: streamed in bins, on one thread and on two. */
static void
test_streamed (void)
{
  guint n = TN_DISTRIBUTION_SORTED + 12345;
  g_autofree float *x = draw (900, n, 1);
  const guint64 shape[] = {1, n};
  g_autoptr (TnTensor) tensor = tn_tensor_new_mapped (TN_DTYPE_F32, 2, shape, x, n * sizeof (float), NULL, NULL, NULL);
  g_autoptr (TnDistribution) sorted = tn_distribution_new_values (x, n, FALSE);
  g_autoptr (TnDistribution) one = NULL;
  g_autoptr (TnDistribution) two = NULL;

  omp_set_num_threads (1);
  one = tn_distribution_new_tensor (tensor, 0, n, NULL, NULL);
  omp_set_num_threads (2);
  two = tn_distribution_new_tensor (tensor, 0, n, NULL, NULL);
  g_assert_cmpuint (one->n, ==, two->n);
  g_assert_cmpmem (one->low, one->n * sizeof (double), two->low, two->n * sizeof (double));
  g_assert_cmpmem (one->sum, one->n * sizeof (double), two->sum, two->n * sizeof (double));
  g_assert_cmpfloat (tn_distribution_count (one), ==, (double) n);
  for (guint bits = 2; bits <= 8; bits++)
    for (double scale = 0.3; scale > 0.02; scale *= 0.8)
      {
        double codes = (1 << (bits - 1)) - 1, exact = tn_grid_error (sorted, scale, -codes, codes, NULL);

        g_assert_cmpfloat_with_epsilon (tn_grid_error (one, scale, -codes, codes, NULL) / exact, 1.0, 1e-5);
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/parameters/errors", test_errors);
  g_test_add_func ("/parameters/sweep", test_sweep);
  g_test_add_func ("/parameters/least-errors", test_least_errors);
  g_test_add_func ("/parameters/asymmetric", test_asymmetric);
  g_test_add_func ("/parameters/aciq", test_aciq);
  g_test_add_func ("/parameters/octav", test_octav);
  g_test_add_func ("/parameters/entropy", test_entropy);
  g_test_add_func ("/parameters/auto", test_auto);
  g_test_add_func ("/parameters/gaussian", test_gaussian);
  g_test_add_func ("/parameters/degenerate", test_degenerate);
  g_test_add_func ("/parameters/slices", test_slices);
  g_test_add_func ("/parameters/streamed", test_streamed);
  return g_test_run ();
}
