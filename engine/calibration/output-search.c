/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/output-search.h"

#include <cblas.h>
#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "engine/calibration/parameter-search.h"
#include "engine/error.h"
#include "engine/quant/parameters.h"
#include "engine/quant/rounding-search.h"

#define CHUNK_ROWS 128
#define N_SCALES 31
#define LEAST_WEIGHT_SCALE 0.7
#define MOST_WEIGHT_SCALE 1.6
#define LEAST_INPUT_SCALE 0.5
#define MOST_INPUT_SCALE 2.5
/* Rows of the sample that inputs are tried on. */
#define MOST_ROWS 512

float *
tn_output_gram (const TnSiteStats *site, GError **error)
{
  guint width = site->width;
  float *gram;

  if (site->gram == NULL && (site->rows == NULL || tn_row_sample_n_rows (site->rows) == 0))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND,
                   _ ("site %s: neither the Gram matrix nor rows of its inputs: ternion calibrate --gram or --rows keeps them"),
                   site->name);
      return NULL;
    }
  gram = g_new0 (float, (gsize) width *width);
  if (site->gram != NULL)
    {
      tn_gram_get_matrix (site->gram, gram);
      return gram;
    }
  for (guint i = 0; i < tn_row_sample_n_rows (site->rows); i++)
    cblas_ssyr (CblasRowMajor, CblasUpper, (blasint) width, 1.0f, tn_row_sample_get (site->rows, i, NULL, NULL), 1, gram,
                (blasint) width);
  for (guint i = 0; i < width; i++)
    for (guint j = 0; j < i; j++)
      gram[(gsize) i * width + j] = gram[(gsize) j * width + i];
  return gram;
}

/* The k-th scale that is tried, as a part of the one that the search starts with; the last one is that itself. */
static double
get_factor (guint k, double least, double most)
{
  return k + 1 == N_SCALES ? 1.0 : least * pow (most / least, (double) k / (N_SCALES - 2));
}

static TnRounding
scale_rounding (const TnScheme *scheme, const TnRounding *start, double factor)
{
  if (factor == 1.0)
    return *start;
  return tn_rounding_from_scale (scheme, (double) start->scale * factor, scheme->asymmetric ? (gint32) -start->low : 0);
}

typedef struct
{
  const TnTensor *weight;
  TnScheme scheme; /* by least squared error */
  const float *gram;
  guint64 rows, columns, unit_length, units_per_row;
  float *w, *e, *f; /* [CHUNK_ROWS, columns] */
} Search;

static guint64
get_unit_length (const TnScheme *scheme, guint64 columns)
{
  return scheme->granularity == TN_PER_GROUP ? scheme->group_size : columns;
}

/* Errors of the output by row, or by group and the diagonal alone; of a chunk that is decoded. */
static void
measure_chunk (const Search *self, guint64 n, const TnRounding *units, gboolean per_tensor, double factor, double *errors)
{
  guint64 columns = self->columns, length = self->unit_length;

  for (guint64 row = 0; row < n; row++)
    for (guint64 unit = 0; unit < self->units_per_row; unit++)
      {
        TnRounding rounding = scale_rounding (&self->scheme, &units[per_tensor ? 0 : row * self->units_per_row + unit], factor);
        gsize first = (gsize) (row * columns + unit * length);

        tn_rounding_round (&rounding, self->w + first, (gsize) length, self->e + first);
        for (guint64 i = 0; i < length; i++)
          self->e[first + i] = self->w[first + i] - self->e[first + i];
      }
  if (self->units_per_row > 1)
    {
      for (guint64 i = 0; i < n * self->units_per_row; i++)
        {
          errors[i] = 0.0;
          for (guint64 k = i * length; k < (i + 1) * length; k++)
            errors[i] += (double) self->e[k] * (double) self->e[k] * (double) self->gram[(k % columns) * (columns + 1)];
        }
      return;
    }
  cblas_ssymm (CblasRowMajor, CblasRight, CblasUpper, (blasint) n, (blasint) columns, 1.0f, self->gram, (blasint) columns, self->e,
               (blasint) columns, 0.0f, self->f, (blasint) columns);
  for (guint64 row = 0; row < n; row++)
    {
      errors[row] = 0.0;
      for (guint64 i = row * columns; i < (row + 1) * columns; i++)
        errors[row] += (double) self->e[i] * (double) self->f[i];
    }
}

static void
measure_power (const Search *self, guint64 n, TnOutputErrors *errors)
{
  memcpy (self->e, self->w, (gsize) (n * self->columns) * sizeof (float));
  cblas_ssymm (CblasRowMajor, CblasRight, CblasUpper, (blasint) n, (blasint) self->columns, 1.0f, self->gram,
               (blasint) self->columns, self->e, (blasint) self->columns, 0.0f, self->f, (blasint) self->columns);
  for (guint64 i = 0; i < n * self->columns; i++)
    errors->power += (double) self->e[i] * (double) self->f[i];
}

static gboolean
alloc (Search *self, TnBlock **memory, GError **error)
{
  gsize n = (gsize) (MIN (self->rows, CHUNK_ROWS) * self->columns);

  *memory = tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_SCRATCH, MAX (n, 1) * sizeof (float), 3, error);
  if (*memory == NULL)
    return FALSE;
  self->w = (float *) *memory;
  self->e = self->w + n;
  self->f = self->e + n;
  return TRUE;
}

/* The scales of least squared error. */
static gboolean
find_start (const Search *self, TnRounding *units, GCancellable *cancellable, GError **error)
{
  const TnScheme *schemes[] = {&self->scheme};

  if (self->scheme.granularity == TN_PER_TENSOR)
    return tn_rounding_find_in_tensor (self->weight, 0, self->weight->count, NULL, schemes, 1, units, cancellable, error);
#pragma omp parallel for schedule(dynamic, 16)
  for (guint64 row = 0; row < self->rows; row++)
    {
      g_autofree float *x = g_new (float, self->columns);

      tn_tensor_decode_rows (self->weight, row, 1, x);
      for (guint64 unit = 0; unit < self->units_per_row; unit++)
        units[row * self->units_per_row + unit] =
            tn_rounding_find (&self->scheme, x + unit * self->unit_length, (gsize) self->unit_length);
    }
  return !g_cancellable_set_error_if_cancelled (cancellable, error);
}

TnRounding *
tn_output_find_units (const TnTensor *weight, const TnScheme *scheme, const float *gram, TnOutputErrors *errors,
                      GCancellable *cancellable, GError **error)
{
  Search self = {.weight = weight, .scheme = *scheme, .gram = gram, .rows = tn_tensor_rows (weight), .columns = tn_tensor_columns (weight)};
  gboolean per_tensor = scheme->granularity == TN_PER_TENSOR;
  g_autofree TnRounding *units = NULL;
  g_autofree double *found = NULL;
  double totals[N_SCALES] = {0};
  guint best_of_all = N_SCALES - 1;
  g_autoptr (TnBlock) memory = NULL;
  guint64 n_units;

  *errors = (TnOutputErrors){0};
  if (!tn_scheme_check (scheme, self.rows, self.columns, error))
    return NULL;
  self.scheme.method = TN_METHOD_MINMAX;
  tn_scheme_set_method (&self.scheme, &(TnMethodOptions){.method = TN_METHOD_MSE});
  self.unit_length = get_unit_length (scheme, self.columns);
  self.units_per_row = self.columns / MAX (self.unit_length, 1);
  n_units = per_tensor ? 1 : self.rows * self.units_per_row;
  units = g_new0 (TnRounding, MAX (n_units, 1));
  found = g_new (double, CHUNK_ROWS * MAX (self.units_per_row, 1) * N_SCALES);
  if (!alloc (&self, &memory, error) || !find_start (&self, units, cancellable, error))
    return NULL;
  for (guint64 first = 0; first < self.rows; first += CHUNK_ROWS)
    {
      guint64 n = MIN (CHUNK_ROWS, self.rows - first), n_chunk = n * self.units_per_row;
      TnRounding *chunk = per_tensor ? units : units + first * self.units_per_row;

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return NULL;
      tn_tensor_decode_rows (weight, first, n, self.w);
      measure_power (&self, n, errors);
      for (guint k = 0; k < N_SCALES; k++)
        {
          measure_chunk (&self, n, chunk, per_tensor, get_factor (k, LEAST_WEIGHT_SCALE, MOST_WEIGHT_SCALE), found + k * n_chunk);
          for (guint64 i = 0; i < n_chunk; i++)
            totals[k] += found[k * n_chunk + i];
        }
      for (guint64 i = 0; i < n_chunk && !per_tensor; i++)
        {
          guint best = N_SCALES - 1;

          for (guint k = 0; k < N_SCALES; k++)
            if (found[k * n_chunk + i] < found[best * n_chunk + i])
              best = k;
          errors->best += found[best * n_chunk + i];
          chunk[i] = scale_rounding (&self.scheme, &chunk[i], get_factor (best, LEAST_WEIGHT_SCALE, MOST_WEIGHT_SCALE));
        }
    }
  errors->by_mse = totals[N_SCALES - 1];
  for (guint k = 0; k < N_SCALES && per_tensor; k++)
    if (totals[k] < totals[best_of_all])
      best_of_all = k;
  if (per_tensor)
    {
      errors->best = totals[best_of_all];
      units[0] = scale_rounding (&self.scheme, &units[0], get_factor (best_of_all, LEAST_WEIGHT_SCALE, MOST_WEIGHT_SCALE));
    }
  return g_steal_pointer (&units);
}

TnTensor *
tn_output_round (const TnTensor *weight, const TnScheme *scheme, const TnRounding *units, GError **error)
{
  g_autoptr (TnTensor) rounded = tn_tensor_new (TN_DTYPE_F32, weight->n_dims, weight->shape, TN_PURPOSE_WEIGHTS, error);
  guint64 rows = tn_tensor_rows (weight), columns = tn_tensor_columns (weight), length = get_unit_length (scheme, columns);
  float *out;

  if (rounded == NULL)
    return NULL;
  out = tn_tensor_get_writable (rounded);
  for (guint64 row = 0; row < rows; row++)
    {
      tn_tensor_decode_rows (weight, row, 1, out + row * columns);
      for (guint64 first = 0; first < columns; first += length)
        {
          const TnRounding *unit = scheme->granularity == TN_PER_TENSOR ? units : &units[(row * columns + first) / length];

          tn_rounding_round (unit, out + row * columns + first, (gsize) length, out + row * columns + first);
        }
    }
  return g_steal_pointer (&rounded);
}

/* Y = X Wᵀ, W in chunks of rows: what they are for. */
typedef struct
{
  const float *x, *rounded_x;
  gsize n_rows;
  guint64 rows, columns;
  float *w, *w_rounded, *y; /* [CHUNK_ROWS, columns] twice, [n_rows, CHUNK_ROWS] */
} Product;

/* Adds ‖X Wᵀ - Xq Wqᵀ‖², and ‖X Wᵀ‖². */
static void
measure_product (const Product *self, guint64 n, double *error, double *power)
{
  cblas_sgemm (CblasRowMajor, CblasNoTrans, CblasTrans, (blasint) self->n_rows, (blasint) n, (blasint) self->columns, 1.0f, self->x,
               (blasint) self->columns, self->w, (blasint) self->columns, 0.0f, self->y, (blasint) n);
  for (gsize i = 0; i < self->n_rows * n; i++)
    *power += (double) self->y[i] * (double) self->y[i];
  cblas_sgemm (CblasRowMajor, CblasNoTrans, CblasTrans, (blasint) self->n_rows, (blasint) n, (blasint) self->columns, -1.0f,
               self->rounded_x, (blasint) self->columns, self->w_rounded, (blasint) self->columns, 1.0f, self->y, (blasint) n);
  for (gsize i = 0; i < self->n_rows * n; i++)
    *error += (double) self->y[i] * (double) self->y[i];
}

gboolean
tn_output_find_input (const TnSiteStats *site, const TnTensor *weight, const TnTensor *rounded, TnQuantParams *params,
                      TnOutputErrors *errors, GCancellable *cancellable, GError **error)
{
  gsize n_rows = site->rows != NULL ? MIN (tn_row_sample_n_rows (site->rows), MOST_ROWS) : 0, width = site->width;
  Product product = {.n_rows = n_rows, .rows = tn_tensor_rows (weight), .columns = width};
  g_autoptr (TnBlock) memory = NULL;
  double totals[N_SCALES] = {0};
  guint best = N_SCALES - 1;
  float *x, *rounded_x;

  *errors = (TnOutputErrors){0};
  if (n_rows == 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("site %s: no rows of its inputs: ternion calibrate --rows keeps them"),
                   site->name);
      return FALSE;
    }
  if (!(params->scale > 0.0))
    return TRUE;
  memory = tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_SCRATCH,
                                2 * n_rows * width + 2 * CHUNK_ROWS * width + n_rows * CHUNK_ROWS, sizeof (float), error);
  if (memory == NULL)
    return FALSE;
  x = (float *) memory;
  rounded_x = x + n_rows * width;
  product.x = x;
  product.rounded_x = rounded_x;
  product.w = rounded_x + n_rows * width;
  product.w_rounded = product.w + CHUNK_ROWS * width;
  product.y = product.w_rounded + CHUNK_ROWS * width;
  for (guint i = 0; i < n_rows; i++)
    memcpy (x + i * width, tn_row_sample_get (site->rows, i, NULL, NULL), width * sizeof (float));
  for (guint k = 0; k < N_SCALES; k++)
    {
      double scale = params->scale * get_factor (k, LEAST_INPUT_SCALE, MOST_INPUT_SCALE), power = 0.0;
      TnRounding rounding = tn_rounding_from_scale (&params->scheme, scale, params->zero_point);

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      tn_rounding_round (&rounding, x, n_rows * width, rounded_x);
      for (guint64 first = 0; first < product.rows; first += CHUNK_ROWS)
        {
          guint64 n = MIN (CHUNK_ROWS, product.rows - first);

          tn_tensor_decode_rows (weight, first, n, product.w);
          tn_tensor_decode_rows (rounded, first, n, product.w_rounded);
          measure_product (&product, n, &totals[k], &power);
        }
      errors->power = power;
    }
  for (guint k = 0; k < N_SCALES; k++)
    if (totals[k] < totals[best])
      best = k;
  errors->by_mse = totals[N_SCALES - 1];
  errors->best = totals[best];
  params->scale *= get_factor (best, LEAST_INPUT_SCALE, MOST_INPUT_SCALE);
  params->clip *= get_factor (best, LEAST_INPUT_SCALE, MOST_INPUT_SCALE);
  tn_parameter_error (site->histogram, &params->scheme, params->scale, params->zero_point, &params->mse, &params->sqnr_db);
  return TRUE;
}
