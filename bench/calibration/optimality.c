/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/calibration/optimality.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "bench/calibration/arrays.h"
#include "engine/calibration/parameter-search.h"
#include "engine/quant/parameters.h"

#define SAMPLES 262144
#define LEAST_SITE_VALUES 65536
/* The oracle: every scale of a grid of this ratio, then finer ones around the best of its valleys. */
#define ORACLE_RATIO 0.99
#define ORACLE_VALLEYS 6
#define ORACLE_STEPS 24
/* Errors below this share of the values' power are rounding of floats. */
#define EXACT 1e-13

static const guint all_bits[] = {8, 4, 3, 2};
static const TnMethod methods[] = {TN_METHOD_MINMAX, TN_METHOD_PERCENTILE, TN_METHOD_MSE,  TN_METHOD_MSE24,
                                   TN_METHOD_KL,     TN_METHOD_ACIQ,       TN_METHOD_OCTAV};

/* Mean squared error of rounding the values to ±codes, value by value. */
static double
measure (const GArray *values, double scale, double codes)
{
  const float *x = (const float *) (const void *) values->data;
  double sum = 0.0, inverse = 1.0 / scale;

  if (!(scale > 0.0))
    inverse = 0.0;
#pragma omp parallel for simd reduction(+ : sum) schedule(static) if (values->len > 16384)
  for (guint i = 0; i < values->len; i++)
    {
      double code = ((double) x[i] * inverse + 0x1.8p52) - 0x1.8p52, error;

      code = code > codes ? codes : code < -codes ? -codes : code;
      error = (double) x[i] - code * scale;
      sum += error * error;
    }
  return sum / values->len;
}

static void
measure_power (const GArray *values, double *absmean, double *largest, double *power)
{
  const float *x = (const float *) (const void *) values->data;

  *absmean = *largest = *power = 0.0;
  for (guint i = 0; i < values->len; i++)
    {
      double y = fabs ((double) x[i]);

      *absmean += y / values->len;
      *power += y * y / values->len;
      *largest = MAX (*largest, y);
    }
}

/* By force: no prefix sums, no least squares, nothing of what the product searches with. */
static double
find_oracle (const GArray *values, double codes)
{
  double absmean, largest, power, least = (double) INFINITY, taken[ORACLE_VALLEYS];
  g_autoptr (GArray) grid = g_array_new (FALSE, FALSE, sizeof (double));
  double high;

  measure_power (values, &absmean, &largest, &power);
  high = 1.3 * largest / codes;
  for (double scale = high; scale > 0.3 * absmean / codes; scale *= ORACLE_RATIO)
    {
      double error = measure (values, scale, codes);

      g_array_append_val (grid, error);
    }
  for (guint v = 0; v < ORACLE_VALLEYS; v++)
    {
      double lowest = (double) INFINITY, center, width = 1.0 / ORACLE_RATIO;
      guint place = 0;

      for (guint i = 0; i < grid->len; i++)
        {
          double error = g_array_index (grid, double, i);
          gboolean valley = (i == 0 || error <= g_array_index (grid, double, i - 1)) &&
                            (i + 1 == grid->len || error <= g_array_index (grid, double, i + 1));

          for (guint k = 0; k < v; k++)
            valley = valley && error != taken[k];
          if (valley && error < lowest)
            {
              lowest = error;
              place = i;
            }
        }
      taken[v] = lowest;
      if (isinf (lowest))
        break;
      center = high * pow (ORACLE_RATIO, place);
      for (guint round = 0; round < 3; round++)
        {
          double from = center / width, step = pow (width * width, 1.0 / ORACLE_STEPS), best = center;

          for (guint i = 0; i <= ORACLE_STEPS; i++)
            {
              double scale = from * pow (step, i), error = measure (values, scale, codes);

              if (error < lowest)
                {
                  lowest = error;
                  best = scale;
                }
            }
          center = best;
          width = step;
        }
      least = MIN (least, lowest);
    }
  return least;
}

typedef struct
{
  GArray *ratios[G_N_ELEMENTS (methods)][G_N_ELEMENTS (all_bits)]; /* double */
  double gaps[G_N_ELEMENTS (all_bits)];                            /* dB, largest */
  double tensor_worst, site_worst;
} Table;

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

static double
find_median (GArray *values)
{
  guint n = values->len;

  if (n == 0)
    return (double) NAN;
  g_array_sort (values, compare_doubles);
  return 0.5 * (g_array_index (values, double, (n - 1) / 2) + g_array_index (values, double, n / 2));
}

/* The scale as the product finds it, and the SQNR it predicts. */
static double
find_scale (const TnBenchArray *array, const TnFloatHistogram *histogram, double least, double largest,
            const TnDistribution *values, TnMethod method, guint bits, double *sqnr_db)
{
  TnScheme scheme = {.kind = TN_SCHEME_INTEGER, .bits = bits};
  TnMethodOptions options = {.method = method, .percentile = TN_METHOD_DEFAULT_PERCENTILE};
  TnGrid grid = tn_grid_of_scheme (&scheme);
  TnGridScale found;
  TnQuantParams params = {0};

  if (array->is_site)
    {
      tn_parameter_search_by (histogram, least, largest, &scheme, &options, &params, NULL);
      *sqnr_db = params.sqnr_db;
      return params.scale;
    }
  tn_parameters_find (values, &grid, &options, &found);
  /* Weights are multiplied by what is stored. */
  return (double) (float) found.scale;
}

static void
measure_array (TnBench *bench, const TnBenchArray *array, Table *table)
{
  const float *x = (const float *) (const void *) array->values->data;
  g_autoptr (TnFloatHistogram) histogram = tn_float_histogram_new ();
  g_autoptr (TnDistribution) values = NULL;
  double least = 0.0, largest = 0.0, absmean, magnitude, power;

  measure_power (array->values, &absmean, &magnitude, &power);
  if (power == 0.0)
    return;
  if (array->is_site)
    tn_float_histogram_add (histogram, x, array->values->len);
  else
    values = tn_distribution_new_values (x, array->values->len, TRUE);
  least = largest = (double) x[0];
  for (guint i = 0; i < array->values->len; i++)
    {
      least = MIN (least, (double) x[i]);
      largest = MAX (largest, (double) x[i]);
    }
  for (guint b = 0; b < G_N_ELEMENTS (all_bits) && !tn_bench_cancelled (bench); b++)
    {
      double codes = (1 << (all_bits[b] - 1)) - 1, oracle = find_oracle (array->values, codes);

      for (guint m = 0; m < G_N_ELEMENTS (methods); m++)
        {
          double sqnr_db = NAN;
          double scale = find_scale (array, histogram, least, largest, values, methods[m], all_bits[b], &sqnr_db);
          double error = measure (array->values, scale, codes);
          double ratio = error <= EXACT * power ? 1.0 : MIN (oracle / error, 1.0);

          g_array_append_val (table->ratios[m][b], ratio);
          if (methods[m] != TN_METHOD_MSE)
            continue;
          if (ratio < (array->is_site ? table->site_worst : table->tensor_worst))
            *(array->is_site ? &table->site_worst : &table->tensor_worst) = ratio;
          if (ratio < 0.995)
            tn_bench_remark (bench, "%s at %u bits: %.4f", array->name, all_bits[b], ratio);
          if (array->is_site && error > EXACT * power)
            {
              double gap = fabs (sqnr_db - 10.0 * log10 (power / error));

              if (gap > 0.05)
                tn_bench_remark (bench, "%s at %u bits: predicted SQNR is %+.3f dB off", array->name, all_bits[b],
                                 sqnr_db - 10.0 * log10 (power / error));
              table->gaps[b] = MAX (table->gaps[b], gap);
            }
        }
    }
}

static void
add_figures (TnBench *bench, Table *table)
{
  g_autoptr (GArray) all = g_array_new (FALSE, FALSE, sizeof (double));
  guint mse = 0;

  while (methods[mse] != TN_METHOD_MSE)
    mse++;
  for (guint b = 0; b < G_N_ELEMENTS (all_bits); b++)
    g_array_append_vals (all, table->ratios[mse][b]->data, table->ratios[mse][b]->len);
  if (all->len == 0)
    return;
  tn_bench_add (bench, "param_optimality_median", find_median (all), find_median (all), "ratio", TN_GOAL_AT_LEAST, 0.995, 1.0);
  tn_bench_add (bench, "param_optimality_worst", g_array_index (all, double, 0), g_array_index (all, double, 0), "ratio",
                TN_GOAL_AT_LEAST, 0.97, 1.0);
  tn_bench_add (bench, "param_optimality_tensors_worst", table->tensor_worst, table->tensor_worst, "ratio", TN_GOAL_AT_LEAST,
                0.97, 1.0);
  tn_bench_add (bench, "param_optimality_sites_worst", table->site_worst, table->site_worst, "ratio", TN_GOAL_AT_LEAST, 0.97,
                1.0);
  for (guint m = 0; m < G_N_ELEMENTS (methods); m++)
    for (guint b = 0; b < G_N_ELEMENTS (all_bits); b++)
      {
        g_autofree char *median = g_strdup_printf ("param_optimality_%s_%u_median", tn_method_get_name (methods[m]), all_bits[b]);
        g_autofree char *worst = g_strdup_printf ("param_optimality_%s_%u_worst", tn_method_get_name (methods[m]), all_bits[b]);
        double value = find_median (table->ratios[m][b]), least = g_array_index (table->ratios[m][b], double, 0);

        tn_bench_add (bench, median, value, value, "ratio", TN_GOAL_NONE, NAN, 1.0);
        tn_bench_add (bench, worst, least, least, "ratio", TN_GOAL_NONE, NAN, 1.0);
      }
  for (guint b = 0; b < G_N_ELEMENTS (all_bits); b++)
    {
      g_autofree char *name = g_strdup_printf ("param_sqnr_gap_%u_worst", all_bits[b]);

      tn_bench_add (bench, name, table->gaps[b], table->gaps[b], "dB", TN_GOAL_NONE, NAN, 0.0);
    }
}

void
tn_bench_optimality (TnBench *bench)
{
  g_autoptr (GPtrArray) arrays = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_bench_array_free);
  const char *folder = g_getenv ("TERNION_REALDATA");
  Table table = {.tensor_worst = 1.0, .site_worst = 1.0};
  guint n_sites = 0, n_tensors = 0;

  for (guint m = 0; m < G_N_ELEMENTS (methods); m++)
    for (guint b = 0; b < G_N_ELEMENTS (all_bits); b++)
      table.ratios[m][b] = g_array_new (FALSE, FALSE, sizeof (double));
  tn_bench_arrays_add_distributions (arrays, SAMPLES);
  if (folder != NULL)
    tn_bench_arrays_add_models (arrays, folder, LEAST_SITE_VALUES);
  for (guint i = 0; i < arrays->len && !tn_bench_cancelled (bench); i++)
    {
      const TnBenchArray *array = g_ptr_array_index (arrays, i);

      *(array->is_site ? &n_sites : &n_tensors) += 1;
      measure_array (bench, array, &table);
    }
  if (folder == NULL || arrays->len == 14)
    tn_bench_remark (bench, "parameters: synthetic values alone; TERNION_REALDATA names no folder of models");
  tn_bench_remark (bench, "parameters: %u tensors, %u sites, at 8, 4, 3 and 2 bits, symmetric", n_tensors, n_sites);
  if (!tn_bench_cancelled (bench))
    add_figures (bench, &table);
  for (guint m = 0; m < G_N_ELEMENTS (methods); m++)
    for (guint b = 0; b < G_N_ELEMENTS (all_bits); b++)
      g_array_unref (table.ratios[m][b]);
}
