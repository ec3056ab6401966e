/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/layer-errors.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/analysis/findings.h"
#include "engine/analysis/layer-products.h"
#include "engine/analysis/weight-errors.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/kernels/sum-squares.h"
#include "engine/memory/pool.h"
#include "engine/nn/quantized-model.h"

/* Of a token without any error, so that its logarithm is finite. */
#define LEAST_ENERGY 1e-300

typedef struct
{
  TnAnalysis *analysis;
  TnModel *model, *rounded;
  const TnQuantParams *const *input_params;
  GCancellable *cancellable;
  guint n_layers, n_schemes, scheme;
  gint *site_layers;                     /* [sites]: first layer that reads it, -1: none */
  gint *output_layers;                   /* [sites]: the layer that it is the output of, -1 */
  gsize *input_offsets, *output_offsets; /* [layers]: in floats a token; layers that share an input share the first */
  gsize token_floats;

  /* What one batch is in the model as it is. */
  TnBatch *batch;
  guint first_sample;
  float *reference;
  float *rounded_site;            /* what the layers at hand read in the rounded model */
  const TnBatch *reference_batch; /* whose it is; NULL: nobody's */

  TnLayerProducts products;
  TnOutputSums *alone, *accumulated; /* [layers * schemes] */
  TnCarrierSums **carriers;          /* [layers], of the scheme of carriers */
  gboolean carriers_begun;           /* they have seen the weights */
  double *token_logs;                /* [most tokens * layers] of the batch at hand */
  double *log_means, *log_products;  /* [layers], [layers * layers]: running */
  guint64 n_logs;
  GError *error;
} Measurement;

static float *
get_input (const Measurement *self, guint layer)
{
  return self->reference + self->input_offsets[layer] * self->batch->n_tokens;
}

static float *
get_output (const Measurement *self, guint layer)
{
  return self->reference + self->output_offsets[layer] * self->batch->n_tokens;
}

/* Sample and position of a row of the batch. */
static void
find_token (const Measurement *self, gsize row, guint *sample, guint *position)
{
  guint s = 0;

  while (row >= self->batch->sequences[s].length)
    row -= self->batch->sequences[s++].length;
  *sample = self->first_sample + s;
  *position = (guint) row;
}

/* G_MAXSIZE: all of it is finite. */
static gsize
find_nonfinite_row (const float *x, gsize n_rows, gsize width)
{
  for (gsize row = 0; row < n_rows; row++)
    {
      double sum;

      tn_sum_squares (x + row * width, width, &sum);
      if (!isfinite (sum))
        return row;
    }
  return G_MAXSIZE;
}

static gboolean
check_inputs (Measurement *self, const TnSite *site, const float *x)
{
  gsize row = find_nonfinite_row (x, self->batch->n_tokens, site->width), channel = 0;
  guint sample, position;

  if (row == G_MAXSIZE)
    return TRUE;
  while (isfinite (x[row * site->width + channel]))
    channel++;
  find_token (self, row, &sample, &position);
  g_set_error (&self->error, TN_ERROR, TN_ERROR_DATA,
               _ ("%s: sample %u, token %u, channel %zu is %g, expected a finite activation"), site->name, sample, position,
               channel, (double) x[row * site->width + channel]);
  return FALSE;
}

/* Its input is finite. */
static gboolean
check_outputs (Measurement *self, guint layer, const float *y)
{
  const TnAnalyzedLayer *analyzed = tn_analysis_get_layer (self->analysis, layer);
  gsize row = find_nonfinite_row (y, self->batch->n_tokens, analyzed->rows), channel = 0;
  guint sample, position;

  if (row == G_MAXSIZE)
    return TRUE;
  while (isfinite (y[row * analyzed->rows + channel]))
    channel++;
  find_token (self, row, &sample, &position);
  g_set_error (&self->error, TN_ERROR, TN_ERROR_DATA,
               _ ("%s: output %zu of sample %u, token %u is %g, though its input is finite: the weights of that row are not, or "
                  "too large"),
               analyzed->name, channel, sample, position, (double) y[row * analyzed->rows + channel]);
  return FALSE;
}

static void
keep_reference (const TnSite *site, const TnBatch *batch, const float *x, gpointer user_data)
{
  Measurement *self = user_data;
  gint reader = self->site_layers[site->index], layer = self->output_layers[site->index];

  if (self->error != NULL)
    return;
  if (reader >= 0 && check_inputs (self, site, x))
    memcpy (get_input (self, (guint) reader), x, batch->n_tokens * site->width * sizeof *x);
  if (layer >= 0 && check_outputs (self, (guint) layer, x))
    memcpy (get_output (self, (guint) layer), x, batch->n_tokens * site->width * sizeof *x);
}

static void
keep_token_errors (Measurement *self, guint layer)
{
  g_autofree double *energy = g_new (double, self->batch->n_tokens);

  for (gsize t = 0; t < self->batch->n_tokens; t++)
    {
      energy[t] = self->products.alone[t].error;
      self->token_logs[t * self->n_layers + layer] = log (MAX (self->products.accumulated[t].error, LEAST_ENERGY));
    }
  tn_carrier_sums_add_tokens (self->carriers[layer], self->batch, self->first_sample, energy);
}

static void
measure_layer (Measurement *self, guint layer, const float *rounded_output)
{
  gboolean carries = self->scheme == self->analysis->carriers_scheme;
  const TnLayerCase work = {
      .model = self->model,
      .rounded = self->rounded,
      .name = tn_analysis_get_layer (self->analysis, layer)->name,
      .site = get_input (self, layer),
      .rounded_site = self->rounded_site,
      .output = get_output (self, layer),
      .rounded_output = rounded_output,
      .n_tokens = self->batch->n_tokens,
      .carriers = carries ? self->carriers[layer] : NULL,
      .first = !self->carriers_begun,
  };
  gsize cell = (gsize) layer * self->n_schemes + self->scheme;

  tn_layer_products_measure (&self->products, &work);
  for (gsize t = 0; t < self->batch->n_tokens; t++)
    {
      tn_output_sums_merge (&self->alone[cell], &self->products.alone[t]);
      tn_output_sums_merge (&self->accumulated[cell], &self->products.accumulated[t]);
    }
  if (carries)
    keep_token_errors (self, layer);
}

/* An input comes before the outputs of the layers that read it. */
static void
measure_site (const TnSite *site, const TnBatch *batch, const float *x, gpointer user_data)
{
  Measurement *self = user_data;
  gint layer = self->output_layers[site->index];

  if (self->error != NULL || g_cancellable_is_cancelled (self->cancellable))
    return;
  if (self->site_layers[site->index] >= 0 && check_inputs (self, site, x))
    memcpy (self->rounded_site, x, batch->n_tokens * site->width * sizeof *x);
  if (layer >= 0 && tn_analysis_get_cell (self->analysis, (guint) layer, self->scheme)->applies &&
      check_outputs (self, (guint) layer, x))
    measure_layer (self, (guint) layer, x);
}

/* Welford's updates, a token after the other. */
static void
add_token_logs (Measurement *self)
{
  guint n = self->n_layers;
  g_autofree double *before = g_new (double, n);

  for (gsize t = 0; t < self->batch->n_tokens; t++)
    {
      const double *logs = self->token_logs + t * n;

      self->n_logs++;
      for (guint i = 0; i < n; i++)
        {
          before[i] = logs[i] - self->log_means[i];
          self->log_means[i] += before[i] / (double) self->n_logs;
        }
      for (guint i = 0; i < n; i++)
        for (guint j = 0; j <= i; j++)
          self->log_products[i * n + j] += before[i] * (logs[j] - self->log_means[j]);
    }
}

typedef struct
{
  Measurement *self;
  gboolean reference;
  gboolean ok;
  GError *error;
} Pass;

static void
run_pass (gpointer user_data)
{
  Pass *pass = user_data;
  Measurement *self = pass->self;
  const TnForwardOptions options = {
      .kinds = TN_SITE_INPUT | TN_SITE_OUTPUT,
      .observe = pass->reference ? keep_reference : measure_site,
      .user_data = self,
      .cancellable = self->cancellable,
  };

  pass->ok =
      tn_model_forward (pass->reference ? self->model : self->rounded, self->batch, &options, NULL, NULL, NULL, &pass->error);
}

static gboolean
run (Measurement *self, gboolean reference, GError **error)
{
  Pass pass = {.self = self, .reference = reference};

  tn_compute_run (run_pass, &pass);
  if (self->error != NULL)
    {
      g_clear_error (&pass.error);
      g_propagate_error (error, g_steal_pointer (&self->error));
      return FALSE;
    }
  if (pass.error != NULL)
    g_propagate_error (error, pass.error);
  return pass.ok;
}

static gboolean
measure_batch (Measurement *self, TnBatch *batch, GError **error)
{
  gboolean carries = self->scheme == self->analysis->carriers_scheme;

  self->batch = batch;
  if (self->reference_batch != batch)
    {
      self->reference_batch = NULL;
      if (!run (self, TRUE, error))
        return FALSE;
      self->reference_batch = batch;
    }
  for (gsize i = 0; carries && i < batch->n_tokens * self->n_layers; i++)
    self->token_logs[i] = log (LEAST_ENERGY);
  if (!run (self, FALSE, error))
    {
      g_autofree char *scheme = tn_scheme_to_string (tn_analysis_get_scheme (self->analysis, self->scheme));

      g_prefix_error (error, "%s: ", scheme);
      return FALSE;
    }
  if (carries)
    {
      add_token_logs (self);
      self->carriers_begun = TRUE;
    }
  return TRUE;
}

/* The model with all layers in the scheme at hand that it applies to. */
static TnModel *
round_model (const Measurement *self, GError **error)
{
  g_autofree TnLayerPrecision *precisions = g_new0 (TnLayerPrecision, self->n_layers);
  const TnAnalysis *analysis = self->analysis;
  guint n = 0;

  for (guint i = 0; i < self->n_layers; i++)
    if (tn_analysis_get_cell (analysis, i, self->scheme)->applies)
      precisions[n++] = (TnLayerPrecision){
          .name = tn_analysis_get_layer (analysis, i)->name,
          .weights = tn_analysis_get_scheme (analysis, self->scheme),
          .activations = analysis->has_activations ? &analysis->activations : NULL,
          .static_params = self->input_params != NULL ? self->input_params[i] : NULL,
      };
  return tn_model_quantize (self->model, precisions, n, self->cancellable, error);
}

static gboolean
measure_scheme (Measurement *self, TnBatch *const *batches, guint n_batches, const TnListener *listener, GError **error)
{
  g_autoptr (TnModel) rounded = round_model (self, error);

  if (rounded == NULL)
    return FALSE;
  self->rounded = rounded;
  self->first_sample = 0;
  for (guint b = 0; b < n_batches; b++)
    {
      if (!tn_listener_boundary (listener, error) || g_cancellable_set_error_if_cancelled (self->cancellable, error) ||
          (batches[b]->n_tokens > 0 && !measure_batch (self, batches[b], error)))
        return FALSE;
      self->first_sample += batches[b]->n_sequences;
      tn_listener_progress (listener, (double) self->scheme * n_batches + b + 1, (double) self->n_schemes * n_batches, "batches");
    }
  self->rounded = NULL;
  return TRUE;
}

/* Where sites and layers meet, and where their values lie. */
static gboolean
find_sites (Measurement *self, GError **error)
{
  guint n_sites = tn_model_n_sites (self->model);

  self->site_layers = g_new (gint, n_sites);
  self->output_layers = g_new (gint, n_sites);
  for (guint i = 0; i < n_sites; i++)
    self->site_layers[i] = self->output_layers[i] = -1;
  for (guint i = 0; i < self->n_layers; i++)
    {
      const TnAnalyzedLayer *layer = tn_analysis_get_layer (self->analysis, i);
      const TnTensor *weight = tn_analysis_find_weight (self->analysis, self->model, i, error);
      g_autofree char *output = g_strdup_printf ("%.*s.out", (int) (strlen (layer->name) - strlen (".weight")), layer->name);
      gint site = tn_model_find_site (self->model, layer->site), output_site = tn_model_find_site (self->model, output);

      if (weight == NULL)
        return FALSE;
      g_return_val_if_fail (site >= 0 && output_site >= 0 && tn_tensor_rows (weight) == layer->rows, FALSE);
      if (self->site_layers[site] < 0)
        {
          self->site_layers[site] = (gint) i;
          self->input_offsets[i] = self->token_floats;
          self->token_floats += layer->columns;
        }
      else
        self->input_offsets[i] = self->input_offsets[self->site_layers[site]];
      self->output_layers[output_site] = (gint) i;
      self->output_offsets[i] = self->token_floats;
      self->token_floats += layer->rows;
    }
  return TRUE;
}

static gboolean
allocate (Measurement *self, gsize most_tokens, GError **error)
{
  gsize n = self->n_layers, cells = n * self->n_schemes, most_columns = 0;

  self->alone = g_new0 (TnOutputSums, cells);
  self->accumulated = g_new0 (TnOutputSums, cells);
  self->carriers = g_new0 (TnCarrierSums *, n);
  self->log_means = g_new0 (double, n);
  self->log_products = g_new0 (double, n *n);
  for (guint i = 0; i < n; i++)
    {
      const TnAnalyzedLayer *layer = tn_analysis_get_layer (self->analysis, i);

      most_columns = MAX (most_columns, layer->columns);
      self->carriers[i] = tn_carrier_sums_new (layer->rows, layer->columns);
    }
  self->token_logs = tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_STATISTICS, most_tokens, n * sizeof (double), error);
  if (self->token_logs == NULL)
    return FALSE;
  self->reference =
      tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_ACTIVATIONS, most_tokens, self->token_floats * sizeof (float), error);
  if (self->reference == NULL)
    return FALSE;
  self->rounded_site =
      tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_ACTIVATIONS, most_tokens, most_columns * sizeof (float), error);
  return self->rounded_site != NULL &&
         tn_layer_products_init (&self->products, most_tokens, most_columns, tn_device_get_threads (), error);
}

static void
measurement_clear (Measurement *self)
{
  for (guint i = 0; self->carriers != NULL && i < self->n_layers; i++)
    tn_carrier_sums_free (self->carriers[i]);
  g_free (self->carriers);
  g_free (self->site_layers);
  g_free (self->output_layers);
  g_free (self->input_offsets);
  g_free (self->output_offsets);
  g_free (self->alone);
  g_free (self->accumulated);
  g_free (self->log_means);
  g_free (self->log_products);
  tn_pool_release (tn_pool_default (), self->token_logs);
  tn_pool_release (tn_pool_default (), self->reference);
  tn_pool_release (tn_pool_default (), self->rounded_site);
  tn_layer_products_clear (&self->products);
  g_clear_error (&self->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Measurement, measurement_clear)

static void
set_correlations (const Measurement *self)
{
  guint n = self->n_layers;

  g_free (self->analysis->correlations);
  self->analysis->correlations = g_new (double, (gsize) n *n);
  for (guint i = 0; i < n; i++)
    for (guint j = 0; j <= i; j++)
      {
        double scale = sqrt (self->log_products[(gsize) i * n + i]) * sqrt (self->log_products[(gsize) j * n + j]);
        double value = scale > 0.0 ? CLAMP (self->log_products[(gsize) i * n + j] / scale, -1.0, 1.0) : (double) NAN;

        self->analysis->correlations[(gsize) i * n + j] = self->analysis->correlations[(gsize) j * n + i] = value;
      }
}

static void
judge_carriers (const TnCarrierSums *carriers, TnAnalyzedLayer *layer, gboolean applies)
{
  g_autofree double *energy = tn_carrier_sums_get_input_energy (carriers);
  g_autofree double *mean_square = g_new (double, layer->columns);

  g_array_set_size (layer->carriers, 0);
  if (!applies)
    return;
  tn_carrier_sums_finish (carriers, layer);
  tn_analyzed_layer_judge_concentration (layer, energy, layer->columns);
  for (guint64 c = 0; c < layer->columns; c++)
    mean_square[c] = carriers->input_square[c] / (double) carriers->n_tokens;
  tn_analyzed_layer_judge_inputs (layer, mean_square, layer->columns);
  if (carriers->input_minimum == carriers->input_maximum)
    tn_analyzed_layer_add_finding (layer, &(const TnFinding){.kind = TN_FINDING_CONSTANT,
                                                             .value = (double) carriers->input_minimum,
                                                             .limit = NAN});
}

static void
set_results (const Measurement *self)
{
  TnAnalysis *analysis = self->analysis;

  for (guint i = 0; i < self->n_layers; i++)
    for (guint k = 0; k < self->n_schemes; k++)
      {
        TnAnalysisCell *cell = tn_analysis_get_cell (analysis, i, k);

        if (!cell->applies)
          continue;
        cell->alone = tn_output_sums_finish (&self->alone[(gsize) i * self->n_schemes + k]);
        cell->accumulated = tn_output_sums_finish (&self->accumulated[(gsize) i * self->n_schemes + k]);
      }
  if (analysis->carriers_scheme >= self->n_schemes)
    return;
  for (guint i = 0; i < self->n_layers; i++)
    judge_carriers (self->carriers[i], tn_analysis_get_layer (analysis, i),
                    tn_analysis_get_cell (analysis, i, analysis->carriers_scheme)->applies);
  set_correlations (self);
}

gboolean
tn_analysis_measure_errors (TnAnalysis *self, TnModel *model, TnBatch *const *batches, guint n_batches,
                            const TnQuantParams *const *input_params, const TnListener *listener, GCancellable *cancellable,
                            GError **error)
{
  g_auto (Measurement) measurement = {
      .analysis = self,
      .model = model,
      .input_params = input_params,
      .cancellable = cancellable,
      .n_layers = self->layers->len,
      .n_schemes = self->schemes->len,
      .input_offsets = g_new0 (gsize, self->layers->len),
      .output_offsets = g_new0 (gsize, self->layers->len),
  };
  gsize most_tokens = 0;
  guint samples = 0;

  for (guint b = 0; b < n_batches; b++)
    {
      most_tokens = MAX (most_tokens, batches[b]->n_tokens);
      samples += batches[b]->n_sequences;
    }
  if (most_tokens == 0)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_DATA, _ ("the data has no token to measure errors of layers with"));
      return FALSE;
    }
  if (!find_sites (&measurement, error) || !allocate (&measurement, most_tokens, error))
    return FALSE;
  for (guint k = 0; k < self->schemes->len; k++)
    {
      measurement.scheme = k;
      if (!measure_scheme (&measurement, batches, n_batches, listener, error))
        return FALSE;
    }
  set_results (&measurement);
  self->error_samples = samples;
  return TRUE;
}
