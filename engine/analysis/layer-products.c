/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/layer-products.h"

#include <string.h>

#include "engine/kernels/matrix-multiply.h"
#include "engine/memory/pool.h"
#include "engine/nn/quantized-model.h"

/* Rows of weights at a time: enough columns of a product for all threads. */
#define BLOCK_ROWS 512

/* Whole lines of the cache. */
static gsize
align (gsize n)
{
  return (n + 15) / 16 * 16;
}

/* Places after one another; a NULL memory counts only. */
static gpointer
place (guint8 *memory, gsize *used, gsize bytes)
{
  gpointer at = memory != NULL ? memory + *used : NULL;

  *used += (bytes + 63) / 64 * 64;
  return at;
}

static gsize
place_all (TnLayerProducts *self, guint8 *memory)
{
  float **const inputs[] = {&self->read, &self->change, &self->rounded_read, &self->rounded_change, &self->inherited};
  gsize used = 0;

  for (guint i = 0; i < G_N_ELEMENTS (inputs); i++)
    *inputs[i] = place (memory, &used, self->most_tokens * align (self->most_columns) * sizeof (float));
  self->weights = place (memory, &used, BLOCK_ROWS * align (self->most_columns) * sizeof (float));
  self->weight_errors = place (memory, &used, BLOCK_ROWS * align (self->most_columns) * sizeof (float));
  for (guint p = 0; p < TN_N_ERROR_PARTS; p++)
    {
      self->alone_products[p] = place (memory, &used, self->most_tokens * BLOCK_ROWS * sizeof (float));
      self->accumulated_products[p] = place (memory, &used, self->most_tokens * BLOCK_ROWS * sizeof (float));
    }
  self->scratch = place (memory, &used,
                         tn_matrix_multiply_scratch (TN_MULTIPLY_B_TRANSPOSED, self->most_tokens, BLOCK_ROWS, self->most_columns,
                                                     self->threads));
  self->alone = place (memory, &used, self->most_tokens * sizeof (TnOutputSums));
  self->accumulated = place (memory, &used, self->most_tokens * sizeof (TnOutputSums));
  return used;
}

gboolean
tn_layer_products_init (TnLayerProducts *self, gsize most_tokens, gsize most_columns, guint threads, GError **error)
{
  *self = (TnLayerProducts){.threads = threads, .most_tokens = most_tokens, .most_columns = most_columns};
  self->memory = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, place_all (self, NULL), error);
  if (self->memory == NULL)
    return FALSE;
  place_all (self, self->memory);
  return TRUE;
}

void
tn_layer_products_clear (TnLayerProducts *self)
{
  tn_pool_release (tn_pool_default (), self->memory);
  self->memory = NULL;
}

/* out = a - b, out may be a. FALSE where all of it is 0. */
static gboolean
subtract (const float *a, const float *b, gsize n_rows, gsize width, float *out, guint threads)
{
  gint differs = 0;

#pragma omp parallel for schedule(static) num_threads((int) threads) reduction(| : differs)
  for (gsize row = 0; row < n_rows; row++)
    for (gsize i = row * width; i < (row + 1) * width; i++)
      {
        out[i] = a[i] - b[i];
        differs |= out[i] != 0.0f;
      }
  return differs != 0;
}

/* What the products of the two models read of a site: *read is x itself where the model does not round it, and *change NULL where
 * rounding changes nothing. */
static void
read_inputs (const TnLayerProducts *self, const TnLayerCase *layer, gsize columns, const float *x, float *read_memory,
             float *change_memory, const float **read, const float **change)
{
  const TnInputRounding *rounding = tn_model_get_input_rounding (layer->model, layer->name);
  const TnInputRounding *rounded = tn_model_get_input_rounding (layer->rounded, layer->name);

  *read = x;
  *change = NULL;
  if (rounding->rounds)
    {
      tn_input_rounding_round (rounding, x, layer->n_tokens, columns, read_memory, self->threads);
      *read = read_memory;
    }
  if (tn_input_rounding_equal (rounding, rounded))
    return;
  tn_input_rounding_round (rounded, x, layer->n_tokens, columns, change_memory, self->threads);
  if (subtract (change_memory, *read, layer->n_tokens, columns, change_memory, self->threads))
    *change = change_memory;
}

/* Rows first .. first + n of the weights, and of what rounding adds to them. */
static void
decode (const TnLayerProducts *self, const TnTensor *weight, const TnTensor *rounded, guint64 first, gsize n)
{
  gsize columns = tn_tensor_columns (weight);

#pragma omp parallel for schedule(static) num_threads((int) self->threads)
  for (gsize row = 0; row < n; row++)
    {
      float *values = self->weights + row * columns, *errors = self->weight_errors + row * columns;

      tn_tensor_decode_rows (weight, first + row, 1, values);
      tn_tensor_decode_rows (rounded, first + row, 1, errors);
      for (gsize i = 0; i < columns; i++)
        errors[i] -= values[i];
    }
}

/* *part = x b^T into memory, NULL for x NULL. */
static void
multiply (const TnLayerProducts *self, const float *x, const float *b, gsize n_tokens, gsize n, gsize depth, float *memory,
          const float **part)
{
  const TnMatrixMultiply product =
      {.form = TN_MULTIPLY_B_TRANSPOSED, .m = n_tokens, .n = n, .depth = depth, .a = x, .b = b, .c = memory};

  *part = NULL;
  if (x == NULL)
    return;
  tn_matrix_multiply (&product, self->threads, self->scratch);
  *part = memory;
}

/* Rows of the layer's output that are measured together. */
typedef struct
{
  const float *output;
  gsize stride, n, n_tokens;
  const float *parts[TN_N_ERROR_PARTS];
} Outputs;

static void
sum (const Outputs *outputs, TnOutputSums *sums, guint threads)
{
#pragma omp parallel for schedule(static) num_threads((int) threads)
  for (gsize token = 0; token < outputs->n_tokens; token++)
    {
      const float *parts[TN_N_ERROR_PARTS];

      for (guint p = 0; p < TN_N_ERROR_PARTS; p++)
        parts[p] = outputs->parts[p] != NULL ? outputs->parts[p] + token * outputs->n : NULL;
      tn_output_sums_add (&sums[token], outputs->output + token * outputs->stride, parts, outputs->n);
    }
}

/* The part of the weights: what the other parts leave of the difference of two outputs. */
static void
take_rest (Outputs *outputs, const float *rounded_output, float *memory, guint threads)
{
#pragma omp parallel for schedule(static) num_threads((int) threads)
  for (gsize token = 0; token < outputs->n_tokens; token++)
    for (gsize o = 0; o < outputs->n; o++)
      {
        gsize at = token * outputs->n + o, there = token * outputs->stride + o;
        double rest = (double) rounded_output[there] - (double) outputs->output[there];

        for (guint p = 1; p < TN_N_ERROR_PARTS; p++)
          if (outputs->parts[p] != NULL)
            rest -= (double) outputs->parts[p][at];
        memory[at] = (float) rest;
      }
  outputs->parts[0] = memory;
}

/* The whole error in the memory of its first part. */
static void
join_parts (const Outputs *outputs, float *first, guint threads)
{
#pragma omp parallel for schedule(static) num_threads((int) threads)
  for (gsize token = 0; token < outputs->n_tokens; token++)
    for (guint p = 1; p < TN_N_ERROR_PARTS; p++)
      for (gsize i = token * outputs->n; outputs->parts[p] != NULL && i < (token + 1) * outputs->n; i++)
        first[i] += outputs->parts[p][i];
}

void
tn_layer_products_measure (TnLayerProducts *self, const TnLayerCase *layer)
{
  const TnTensor *weight = tn_model_find_parameter (layer->model, layer->name)->tensor;
  const TnTensor *rounded = tn_model_find_parameter (layer->rounded, layer->name)->tensor;
  gsize rows = tn_tensor_rows (weight), columns = tn_tensor_columns (weight), n_tokens = layer->n_tokens;
  const float *x, *change, *rounded_x, *rounded_change;
  gboolean inherits;

  g_return_if_fail (n_tokens <= self->most_tokens && columns <= self->most_columns);

  read_inputs (self, layer, columns, layer->site, self->read, self->change, &x, &change);
  read_inputs (self, layer, columns, layer->rounded_site, self->rounded_read, self->rounded_change, &rounded_x, &rounded_change);
  inherits = subtract (rounded_x, x, n_tokens, columns, self->inherited, self->threads) ||
             memcmp (layer->site, layer->rounded_site, n_tokens * columns * sizeof (float)) != 0;
  memset (self->alone, 0, n_tokens * sizeof *self->alone);
  memset (self->accumulated, 0, n_tokens * sizeof *self->accumulated);
  if (layer->carriers != NULL)
    tn_carrier_sums_add_inputs (layer->carriers, x, change, n_tokens, self->threads);

  for (guint64 first = 0; first < rows; first += BLOCK_ROWS)
    {
      gsize n = MIN (BLOCK_ROWS, rows - first);
      Outputs alone = {.output = layer->output + first, .stride = rows, .n = n, .n_tokens = n_tokens}, accumulated = alone;

      decode (self, weight, rounded, first, n);
      multiply (self, x, self->weight_errors, n_tokens, n, columns, self->alone_products[0], &alone.parts[0]);
      multiply (self, change, self->weights, n_tokens, n, columns, self->alone_products[1], &alone.parts[1]);
      multiply (self, change, self->weight_errors, n_tokens, n, columns, self->alone_products[2], &alone.parts[2]);
      sum (&alone, self->alone, self->threads);
      if (inherits)
        {
          float **memory = self->accumulated_products;

          multiply (self, rounded_change, self->weights, n_tokens, n, columns, memory[1], &accumulated.parts[1]);
          multiply (self, rounded_change, self->weight_errors, n_tokens, n, columns, memory[2], &accumulated.parts[2]);
          multiply (self, self->inherited, self->weights, n_tokens, n, columns, memory[3], &accumulated.parts[3]);
          take_rest (&accumulated, layer->rounded_output + first, memory[0], self->threads);
          sum (&accumulated, self->accumulated, self->threads);
        }
      if (layer->carriers != NULL)
        {
          join_parts (&alone, self->alone_products[0], self->threads);
          tn_carrier_sums_add_outputs (layer->carriers, self->alone_products[0], n_tokens, first, n, self->threads);
          if (layer->first)
            tn_carrier_sums_add_weights (layer->carriers, self->weights, self->weight_errors, n, self->threads);
        }
    }
  if (!inherits)
    memcpy (self->accumulated, self->alone, n_tokens * sizeof *self->alone);
}
