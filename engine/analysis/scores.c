/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/scores.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/analysis/loss-gradient.h"
#include "engine/analysis/weight-errors.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/kernels/product-sums.h"
#include "engine/nn/input-rounding.h"
#include "engine/memory/pool.h"
#include "engine/nn/bit-linear.h"

/* Rows whose sums are made on one thread, and then added up in order. */
#define ROWS_A_BLOCK 16

typedef struct
{
  TnAnalysis *analysis;
  guint16 **errors;        /* [layers * schemes] bfloat16 [rows, columns]; NULL where the scheme does not apply */
  TnInputRounding *inputs; /* [layers] */
  float *rounded;          /* of one layer's input */
  gsize rounded_count;
  TnProductSums *weight_sums, *input_sums; /* of this sequence: [layers * schemes], [layers] */
  double *fisher, *taylor;                 /* [layers * schemes, n_sequences] */
  guint n_sequences, n_done;
  guint bad_layer; /* whose gradient is not finite; G_MAXUINT: none */
} Scores;

static gsize
cell_index (const Scores *self, guint layer, guint scheme)
{
  return (gsize) layer * self->analysis->schemes->len + scheme;
}

static TnProductSums
sum_block (const float *gradient, const guint16 *errors, gsize n)
{
  TnProductSums sums = {0};

  tn_product_sums_half (gradient, errors, n, &sums);
  return sums;
}

static void
take_weight_gradient (guint layer, const float *gradient, gpointer user_data)
{
  Scores *self = user_data;
  const TnAnalyzedLayer *analyzed = tn_analysis_get_layer (self->analysis, layer);
  gsize block = ROWS_A_BLOCK * analyzed->columns, count = analyzed->rows * analyzed->columns;
  gint64 n_blocks = (gint64) ((count + block - 1) / block);
  g_autofree TnProductSums *sums = g_new (TnProductSums, (gsize) n_blocks);

  for (guint k = 0; k < self->analysis->schemes->len; k++)
    {
      const guint16 *errors = self->errors[cell_index (self, layer, k)];
      TnProductSums total = {0};

      if (errors == NULL)
        continue;
#pragma omp parallel for schedule(static) num_threads((int) tn_device_get_threads())
      for (gint64 i = 0; i < n_blocks; i++)
        sums[i] = sum_block (gradient + (gsize) i * block, errors + (gsize) i * block, MIN (block, count - (gsize) i * block));
      for (gint64 i = 0; i < n_blocks; i++)
        {
          total.sum += sums[i].sum;
          total.squares += sums[i].squares;
        }
      self->weight_sums[cell_index (self, layer, k)] = total;
      if (!isfinite (total.squares) && self->bad_layer == G_MAXUINT)
        self->bad_layer = layer;
    }
}

static void
take_input_gradient (guint layer, const float *x, const float *gradient, gsize rows, gpointer user_data)
{
  Scores *self = user_data;
  gsize width = tn_analysis_get_layer (self->analysis, layer)->columns;
  TnProductSums sums = {0};

  if (!self->inputs[layer].rounds)
    return;
  tn_input_rounding_round (&self->inputs[layer], x, rows, width, self->rounded, tn_device_get_threads ());
  for (gsize i = 0; i < rows * width; i++)
    self->rounded[i] -= x[i];
  for (gsize row = 0; row < rows; row++)
    tn_product_sums_float (gradient + row * width, self->rounded + row * width, width, &sums);
  self->input_sums[layer] = sums;
}

/* Errors of a layer under a scheme. */
typedef struct
{
  const TnScheme *scheme;
  const float *weight;
  guint64 rows, columns;
  guint16 *out;
  gboolean ok;
  GError *error;
} Rounding;

static guint16
round_to_bfloat16 (float value)
{
  guint32 bits;

  memcpy (&bits, &value, sizeof bits);
  return (guint16) ((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

static void
round_on_compute_thread (gpointer user_data)
{
  Rounding *self = user_data;
  gsize count = self->rows * self->columns;
  g_autoptr (TnBlock) rounded = tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_SCRATCH, count, sizeof (float), &self->error);
  const float *values = (const float *) (gpointer) rounded;

  if (rounded == NULL ||
      !tn_quantize_values (self->scheme, self->weight, self->rows, self->columns, (float *) (gpointer) rounded, &self->error))
    return;
#pragma omp parallel for schedule(static) num_threads((int) tn_device_get_threads())
  for (gint64 i = 0; i < (gint64) count; i++)
    self->out[i] = round_to_bfloat16 (values[i] - self->weight[i]);
  self->ok = TRUE;
}

static gboolean
find_errors (Scores *self, TnLossGradient *gradient, guint layer, guint k, GError **error)
{
  const TnAnalyzedLayer *analyzed = tn_analysis_get_layer (self->analysis, layer);
  guint16 **out = &self->errors[cell_index (self, layer, k)];
  Rounding rounding = {.scheme = tn_analysis_get_scheme (self->analysis, k),
                       .weight = tn_loss_gradient_get_weight (gradient, layer)->data,
                       .rows = analyzed->rows,
                       .columns = analyzed->columns};

  *out = tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_STATISTICS, analyzed->rows * analyzed->columns, sizeof **out, error);
  if (*out == NULL)
    return FALSE;
  rounding.out = *out;
  tn_compute_run (round_on_compute_thread, &rounding);
  if (!rounding.ok)
    g_propagate_prefixed_error (error, rounding.error, "%s: ", analyzed->name);
  return rounding.ok;
}

static gboolean
prepare (Scores *self, TnLossGradient *gradient, const TnListener *listener, GCancellable *cancellable, GError **error)
{
  guint n_layers = self->analysis->layers->len;

  g_return_val_if_fail (tn_loss_gradient_n_layers (gradient) == n_layers, FALSE);

  for (guint i = 0; i < n_layers; i++)
    {
      if (!tn_listener_boundary (listener, error) || g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      for (guint k = 0; k < self->analysis->schemes->len; k++)
        if (tn_analysis_get_cell (self->analysis, i, k)->applies && !find_errors (self, gradient, i, k, error))
          return FALSE;
    }
  return TRUE;
}

static gboolean
prepare_inputs (Scores *self, const TnScoreOptions *options, guint length, GError **error)
{
  TnAnalysis *analysis = self->analysis;
  gsize widest = 0;

  self->inputs = g_new0 (TnInputRounding, analysis->layers->len);
  for (guint i = 0; analysis->has_activations && i < analysis->layers->len; i++)
    {
      const TnAnalyzedLayer *layer = tn_analysis_get_layer (analysis, i);
      const TnQuantParams *params = options->static_params != NULL ? options->static_params[i] : NULL;

      widest = MAX (widest, layer->columns);
      if (!tn_input_rounding_init (&self->inputs[i], &analysis->activations, params, layer->columns, error))
        {
          g_prefix_error (error, "%s: ", layer->site);
          return FALSE;
        }
    }
  if (widest == 0)
    return TRUE;
  self->rounded = tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_SCRATCH, widest * length, sizeof (float), error);
  return self->rounded != NULL;
}

static void
take_sequence (Scores *self, guint n_targets)
{
  double t = n_targets;

  for (guint i = 0; i < self->analysis->layers->len; i++)
    for (guint k = 0; k < self->analysis->schemes->len; k++)
      {
        gsize cell = cell_index (self, i, k);
        TnProductSums sums = self->weight_sums[cell];

        sums.sum += self->input_sums[i].sum;
        sums.squares += self->input_sums[i].squares;
        self->fisher[cell * self->n_sequences + self->n_done] = 0.5 * t * sums.squares;
        self->taylor[cell * self->n_sequences + self->n_done] = sums.sum + 0.5 * t * sums.sum * sums.sum;
      }
  self->n_done++;
}

static gboolean
run_sequences (Scores *self, TnLossGradient *gradient, const TnBatch *sequences, const TnListener *listener,
               GCancellable *cancellable, GError **error)
{
  gsize n_cells = (gsize) self->analysis->layers->len * self->analysis->schemes->len;

  for (guint s = 0; s < sequences->n_sequences; s++)
    {
      double loss;
      guint n_targets;

      memset (self->weight_sums, 0, n_cells * sizeof *self->weight_sums);
      memset (self->input_sums, 0, self->analysis->layers->len * sizeof *self->input_sums);
      if (!tn_listener_boundary (listener, error) ||
          !tn_loss_gradient_run (gradient, &sequences->sequences[s], &loss, &n_targets, cancellable, error))
        return FALSE;
      if (n_targets > 0 && (!isfinite (loss) || self->bad_layer != G_MAXUINT))
        {
          if (!isfinite (loss))
            g_set_error (error, TN_ERROR, TN_ERROR_DATA,
                         _ ("sequence %u: the loss is not finite, so nothing can be said of layers"), s);
          else
            g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("sequence %u: the gradient of %s is not finite"), s,
                         tn_analysis_get_layer (self->analysis, self->bad_layer)->name);
          return FALSE;
        }
      if (n_targets > 0)
        take_sequence (self, n_targets);
      tn_listener_progress (listener, s + 1, sequences->n_sequences, "sequences");
    }
  if (self->n_done > 0)
    return TRUE;
  g_set_error_literal (error, TN_ERROR, TN_ERROR_DATA,
                       _ ("the data hold no token to predict: a document of two tokens or more is needed"));
  return FALSE;
}

static void
finish (Scores *self)
{
  for (guint i = 0; i < self->analysis->layers->len; i++)
    for (guint k = 0; k < self->analysis->schemes->len; k++)
      {
        gsize first = cell_index (self, i, k) * self->n_sequences;
        TnAnalysisCell *cell = tn_analysis_get_cell (self->analysis, i, k);

        if (!cell->applies)
          continue;
        cell->fisher = tn_estimate_mean (self->fisher + first, self->n_done);
        cell->taylor = tn_estimate_mean (self->taylor + first, self->n_done);
      }
}

static void
clear (Scores *self)
{
  gsize n = (gsize) self->analysis->layers->len * self->analysis->schemes->len;

  for (gsize i = 0; i < n; i++)
    tn_pool_release (tn_pool_default (), self->errors[i]);
  tn_pool_release (tn_pool_default (), self->rounded);
  g_free (self->errors);
  g_free (self->inputs);
  g_free (self->weight_sums);
  g_free (self->input_sums);
  g_free (self->fisher);
  g_free (self->taylor);
}

static guint
find_longest (const TnBatch *sequences)
{
  guint longest = 1;

  for (guint i = 0; i < sequences->n_sequences; i++)
    longest = MAX (longest, sequences->sequences[i].length);
  return longest;
}

gboolean
tn_analysis_score (TnAnalysis *self, TnModel *model, const TnBatch *sequences, const TnScoreOptions *options,
                   const TnListener *listener, GCancellable *cancellable, GError **error)
{
  gsize n_cells = (gsize) self->layers->len * self->schemes->len;
  guint longest = find_longest (sequences), n = MAX (sequences->n_sequences, 1);
  Scores scores = {.analysis = self, .n_sequences = n, .bad_layer = G_MAXUINT};
  const TnLossGradientFuncs funcs = {take_weight_gradient, self->has_activations ? take_input_gradient : NULL, &scores};
  g_autoptr (TnLossGradient) gradient = NULL;
  gboolean ok;

  scores.errors = g_new0 (guint16 *, MAX (n_cells, 1));
  scores.weight_sums = g_new0 (TnProductSums, MAX (n_cells, 1));
  scores.input_sums = g_new0 (TnProductSums, self->layers->len);
  scores.fisher = g_new0 (double, MAX (n_cells, 1) * n);
  scores.taylor = g_new0 (double, MAX (n_cells, 1) * n);
  ok = prepare_inputs (&scores, options, longest, error) &&
       (gradient = tn_loss_gradient_new (model, longest, &funcs, error)) != NULL &&
       prepare (&scores, gradient, listener, cancellable, error) &&
       run_sequences (&scores, gradient, sequences, listener, cancellable, error);
  if (ok)
    finish (&scores);
  clear (&scores);
  return ok;
}
