/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/analyze.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "app/tasks/carrier-text.h"
#include "app/tasks/model-record.h"
#include "app/tasks/precision.h"
#include "data/analysis/analysis-file.h"
#include "data/analysis/analysis-text.h"
#include "data/files/json-members.h"
#include "data/models/model-file.h"
#include "engine/analysis/agreement.h"
#include "engine/analysis/findings.h"
#include "engine/analysis/layer-errors.h"
#include "engine/analysis/loss-changes.h"
#include "engine/analysis/plan-checks.h"
#include "engine/analysis/scores.h"
#include "engine/analysis/weight-errors.h"
#include "engine/error.h"
#include "engine/nn/linear.h"
#include "data/statistics/stats-file.h"

/* Of samples that go through the model together where errors of outputs are measured: enough rows for fast products. */
#define ERROR_TOKENS_A_BATCH 1024
/* Windows that go through the model at once, and after which a place in the ranking may be certain. */
#define LEAST_WINDOWS 4

typedef struct
{
  TnAnalyzeOptions *options;
  TnWorkspace *workspace;
  TnAnalysis **result;
} AnalyzeData;

/* What is opened for one analysis. */
typedef struct
{
  const TnAnalyzeOptions *options;
  TnModelFile *file;
  TnModel *model;
  TnTokenizer *tokenizer;
  TnDataset *dataset;
  TnStats *stats;
  TnActivationScales *scales;         /* fixed ones of inputs */
  const TnQuantParams **input_params; /* [layers], or NULL */
  TnBatch *samples;
  TnAnalysis *analysis;
  const TnListener *listener;
  GCancellable *cancellable;
} Work;

TnAnalyzeOptions *
tn_analyze_options_new (void)
{
  TnAnalyzeOptions *self = g_new0 (TnAnalyzeOptions, 1);

  self->seq_len = 256;
  self->score_samples = 16;
  self->measure_samples = 8;
  self->measure = 10;
  self->check_plans = TN_ANALYZE_AUTOMATIC;
  self->error_samples = 2;
  self->seed = 1;
  return self;
}

void
tn_analyze_options_free (TnAnalyzeOptions *self)
{
  if (self == NULL)
    return;
  g_free (self->model_path);
  g_strfreev (self->data);
  g_free (self->format.format);
  g_free (self->format.field);
  g_free (self->format.label);
  g_free (self->tokenizer_path);
  g_free (self->schemes);
  g_free (self->activations);
  g_free (self->stats_path);
  g_free (self->method);
  g_free (self->layer);
  g_free (self->carriers);
  g_free (self->out_path);
  g_free (self);
}

static const char *
get_schemes (const TnAnalyzeOptions *options)
{
  return options->schemes != NULL ? options->schemes : TN_ANALYZE_DEFAULT_SCHEMES;
}

gboolean
tn_analyze_check (const TnAnalyzeOptions *options, GError **error)
{
  g_autoptr (GArray) schemes = tn_scheme_parse_list (get_schemes (options), error);
  TnScheme activations;

  if (schemes == NULL)
    {
      g_prefix_error (error, "--schemes: ");
      return FALSE;
    }
  if (options->activations != NULL && !tn_scheme_parse (options->activations, &activations, error))
    {
      g_prefix_error (error, "--activations: ");
      return FALSE;
    }
  if (options->data == NULL || options->data[0] == NULL)
    g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--data is missing: scores and losses are measured on text"));
  else if (options->activations != NULL && activations.granularity == TN_PER_TENSOR && options->stats_path == NULL)
    g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
                 _ ("activations in %s have one scale for all tokens, which comes from statistics: give --stats, or a scale "
                    "a token (%s:t)"),
                 options->activations, options->activations);
  else if (options->method != NULL && (options->activations == NULL || activations.granularity != TN_PER_TENSOR))
    g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--method: it is for fixed scales of --activations"));
  else if (options->seq_len < 2)
    g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--seq-len: %u, expected 2 tokens or more"), options->seq_len);
  else if (options->measure_samples == 0 && options->measure > 0)
    g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--measure-samples: 0, expected 1 or more to measure losses on"));
  else
    return TRUE;
  return FALSE;
}

TnBatch *
tn_analyze_take (const TnBatch *samples, guint first, guint n)
{
  first = MIN (first, samples->n_sequences);
  return tn_batch_new (samples->sequences + first, MIN (n, samples->n_sequences - first));
}

TnBatch *
tn_analyze_draw (const TnAnalyzeOptions *options, TnDataset *dataset, guint n, const TnListener *listener,
                 GCancellable *cancellable, GError **error)
{
  const TnSamplingOptions sampling = {.n_samples = n,
                                      .seq_len = options->seq_len,
                                      .batch_size = n,
                                      .seed = options->seed,
                                      .sampler = TN_SAMPLER_RANDOM,
                                      .shard = 1,
                                      .n_shards = 1,
                                      .shuffled = TRUE};
  g_autoptr (TnBatchSource) source = tn_dataset_sample (dataset, &sampling, listener, cancellable, error);
  GError *local = NULL;
  TnBatch *batch = source != NULL ? tn_batch_source_next (source, &local) : NULL;

  if (local != NULL)
    g_propagate_error (error, local);
  else if (source != NULL && batch == NULL)
    g_set_error_literal (error, TN_ERROR, TN_ERROR_DATA,
                         _ ("the data hold no token to predict: a document of two tokens or more is needed"));
  return batch;
}

static gboolean
open_data (Work *self, GError **error)
{
  const TnAnalyzeOptions *options = self->options;
  const char *const *paths = (const char *const *) options->data;
  const TnLlamaConfig *config = tn_model_get_config (self->model);
  guint n = MAX (MAX (options->score_samples, options->measure_samples), MAX (options->error_samples, 1));

  if (options->seq_len > config->n_context)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: a sequence length of %u was asked for; the model's context is %u"),
                   options->model_path, options->seq_len, config->n_context);
      return FALSE;
    }
  if ((options->tokenizer_path != NULL || tn_dataset_needs_tokenizer (paths, &options->format)) &&
      (self->tokenizer = tn_tokenizer_find (options->tokenizer_path, self->file, error)) == NULL)
    return FALSE;
  self->dataset = tn_dataset_open (paths, &options->format, self->tokenizer, config->n_vocab, self->listener, error);
  if (self->dataset == NULL)
    return FALSE;
  self->samples = tn_analyze_draw (options, self->dataset, n, self->listener, self->cancellable, error);
  return self->samples != NULL;
}

/* Fixed scales as the layers of a rounded model take them. */
static gboolean
find_input_params (Work *self, GError **error)
{
  const TnAnalyzeOptions *options = self->options;
  TnAnalysis *analysis = self->analysis;
  TnPrecision precision = {.activations = options->activations, .stats_path = options->stats_path, .method = options->method};
  g_autoptr (TnModel) rounded = NULL;

  if (!analysis->has_activations || analysis->activations.granularity != TN_PER_TENSOR)
    return TRUE;
  self->scales = tn_activation_scales_new ();
  precision.taken = self->scales;
  rounded = tn_precision_apply (&precision, self->model, self->cancellable, error);
  if (rounded == NULL)
    return FALSE;
  self->input_params = g_new0 (const TnQuantParams *, analysis->layers->len);
  for (guint i = 0; i < analysis->layers->len; i++)
    {
      const char *name = tn_analysis_get_layer (analysis, i)->name;
      g_autofree char *site = g_strdup_printf ("%.*s.in", (int) (strlen (name) - strlen (".weight")), name);
      const TnActivationScale *scale = tn_activation_scales_find (self->scales, site);

      self->input_params[i] = scale != NULL ? &scale->params : NULL;
    }
  return TRUE;
}

static gboolean
open_stats (Work *self, GError **error)
{
  const char *path = self->options->stats_path;

  if (path == NULL)
    return TRUE;
  self->stats = tn_stats_load (path, error);
  if (self->stats == NULL)
    return FALSE;
  if (self->stats->model_fingerprint == tn_model_get_fingerprint (self->model))
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH,
               _ ("%s: the statistics are of the model %016" PRIx64 ", and this one is %016" PRIx64), path,
               self->stats->model_fingerprint, tn_model_get_fingerprint (self->model));
  return FALSE;
}

static char *
name_data (TnDataset *dataset)
{
  guint n = tn_dataset_n_files (dataset);
  g_autofree char *base = n > 0 ? g_path_get_basename (tn_dataset_get_file (dataset, 0)) : g_strdup ("");

  return n > 1 ? g_strdup_printf ("%s, …", base) : g_steal_pointer (&base);
}

/* The layer and the scheme that were asked for. */
static gboolean
find_asked (Work *self, GError **error)
{
  const TnAnalyzeOptions *options = self->options;
  TnAnalysis *analysis = self->analysis;
  TnScheme scheme;

  if (options->layer != NULL && tn_analysis_find_layer (analysis, options->layer) == G_MAXUINT)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("--layer: %s has no linear layer %s, but for example %s"),
                   options->model_path, options->layer, tn_analysis_get_layer (analysis, 0)->name);
      return FALSE;
    }
  if (options->carriers == NULL)
    return TRUE;
  if (!tn_scheme_parse (options->carriers, &scheme, error))
    {
      g_prefix_error (error, "--carriers: ");
      return FALSE;
    }
  for (guint k = 0; k < analysis->schemes->len; k++)
    if (tn_scheme_equal (tn_analysis_get_scheme (analysis, k), &scheme))
      {
        analysis->carriers_scheme = k;
        return TRUE;
      }
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--carriers: %s is none of --schemes %s"), options->carriers,
               get_schemes (options));
  return FALSE;
}

static gboolean
set_up (Work *self, GError **error)
{
  const TnAnalyzeOptions *options = self->options;
  g_autoptr (GArray) schemes = tn_scheme_parse_list (get_schemes (options), error);
  TnScheme activations;
  TnAnalysis *analysis;

  if (schemes == NULL || (options->activations != NULL && !tn_scheme_parse (options->activations, &activations, error)))
    return FALSE;
  analysis = self->analysis = tn_analysis_new (self->model, schemes, options->activations != NULL ? &activations : NULL, error);
  if (analysis == NULL)
    return FALSE;
  analysis->model_name = g_path_get_basename (options->model_path);
  analysis->data_name = name_data (self->dataset);
  analysis->statistics = options->stats_path != NULL ? g_path_get_basename (options->stats_path) : NULL;
  analysis->seed = options->seed;
  analysis->seq_len = options->seq_len;
  analysis->backend = tn_linear_backend ();
  for (guint s = 0; s < self->samples->n_sequences; s++)
    analysis->data_fingerprint += self->samples->sequences[s].hash;
  return find_asked (self, error) && find_input_params (self, error);
}

static gboolean
open_all (Work *self, GError **error)
{
  self->file = tn_model_file_open (self->options->model_path, error);
  if (self->file == NULL || (self->model = tn_model_file_load (self->file, error)) == NULL)
    return FALSE;
  return open_stats (self, error) && open_data (self, error) && set_up (self, error);
}

static void
clear_work (Work *self)
{
  g_clear_pointer (&self->analysis, tn_analysis_free);
  g_clear_pointer (&self->samples, tn_batch_unref);
  g_free (self->input_params);
  g_clear_pointer (&self->scales, tn_activation_scales_free);
  g_clear_pointer (&self->stats, tn_stats_unref);
  g_clear_pointer (&self->dataset, tn_dataset_unref);
  g_clear_pointer (&self->tokenizer, tn_tokenizer_unref);
  g_clear_pointer (&self->model, tn_model_unref);
  g_clear_pointer (&self->file, tn_model_file_unref);
}

static gboolean
measure_errors (Work *self, GError **error)
{
  guint n = MIN (self->options->error_samples, self->samples->n_sequences);
  guint together = MAX (ERROR_TOKENS_A_BATCH / self->options->seq_len, 1);
  g_autoptr (GPtrArray) batches = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_batch_unref);

  if (n == 0)
    return TRUE;
  tn_listener_event (self->listener, "info", _ ("errors of the layers' outputs"));
  for (guint first = 0; first < n; first += together)
    g_ptr_array_add (batches, tn_analyze_take (self->samples, first, MIN (together, n - first)));
  if (!tn_analysis_measure_errors (self->analysis, self->model, (TnBatch *const *) batches->pdata, batches->len,
                                   self->input_params, self->listener, self->cancellable, error))
    return FALSE;
  /* Samples of tokens need no tokenizer, but where there is one it tells what they say. */
  if (self->tokenizer == NULL)
    self->tokenizer = tn_tokenizer_find (NULL, self->file, NULL);
  tn_carrier_text_set (self->analysis, self->samples, self->tokenizer);
  return TRUE;
}

static gboolean
score (Work *self, GError **error)
{
  const TnAnalyzeOptions *options = self->options;
  g_autoptr (TnBatch) sequences = tn_analyze_take (self->samples, 0, options->score_samples);
  const TnScoreOptions score_options = {.static_params = self->input_params};

  if (sequences->n_sequences == 0)
    return TRUE;
  self->analysis->score_samples = sequences->n_sequences;
  tn_listener_event (self->listener, "info", _ ("scores from gradients of the loss"));
  return tn_analysis_score (self->analysis, self->model, sequences, &score_options, self->listener, self->cancellable, error) &&
         (options->hessian_probes == 0 ||
          tn_analysis_trace_hessian (self->analysis, self->model, sequences, options->hessian_probes, options->seed,
                                     self->listener, self->cancellable, error));
}

/* Whole plans are worth measuring where what they are predicted from was measured. */
static guint
count_checks (const Work *self)
{
  const TnAnalysis *analysis = self->analysis;
  guint n_cells = 0, n_measured = 0;

  if (self->options->check_plans != TN_ANALYZE_AUTOMATIC)
    return self->options->check_plans;
  for (guint i = 0; i < analysis->layers->len; i++)
    for (guint k = 0; k < analysis->schemes->len; k++)
      {
        const TnAnalysisCell *cell = tn_analysis_get_cell (analysis, i, k);

        n_cells += cell->applies;
        n_measured += tn_estimate_is_set (&cell->measured);
      }
  return 2 * n_measured > n_cells ? TN_ANALYZE_DEFAULT_CHECKS : 0;
}

static gboolean
check_plans (Work *self, TnLossBaseline *baseline, GError **error)
{
  guint n = count_checks (self);

  if (n == 0)
    return TRUE;
  tn_listener_event (self->listener, "info", _ ("losses of whole plans"));
  return tn_analysis_check_plans (self->analysis, self->model, baseline, n, self->input_params, self->listener,
                                  self->cancellable, error);
}

static gboolean
measure (Work *self, GError **error)
{
  const TnAnalyzeOptions *options = self->options;
  g_autoptr (TnBatch) windows = tn_analyze_take (self->samples, 0, options->measure_samples);
  const TnLossChangeOptions change_options = {.most = options->measure,
                                              .stops_early = !options->exhaustive,
                                              .least_windows = LEAST_WINDOWS,
                                              .static_params = self->input_params};
  g_autoptr (TnLossBaseline) baseline = NULL;

  if (windows->n_sequences == 0)
    return TRUE;
  self->analysis->measure_samples = windows->n_sequences;
  tn_listener_event (self->listener, "info", _ ("losses with one layer rounded at a time"));
  baseline = tn_loss_baseline_new (self->model, windows, LEAST_WINDOWS, self->listener, self->cancellable, error);
  if (baseline == NULL || !tn_analysis_measure_losses (self->analysis, self->model, baseline, &change_options, self->listener,
                                                       self->cancellable, error))
    return FALSE;
  tn_analysis_find_agreement (self->analysis);
  return check_plans (self, baseline, error);
}

/* What makes numbers of the analysis say less than they seem to. */
static void
warn (const Work *self)
{
  const TnAnalyzeOptions *options = self->options;

  if (self->samples->n_sequences < 2 && MAX (options->score_samples, options->measure > 0 ? options->measure_samples : 0) > 1)
    tn_listener_event (self->listener, "warning",
                       _ ("the data are too short for intervals: they come to one sample, expected two or more (a shorter --seq-len gives more)"));
  for (guint i = 0; i < self->analysis->layers->len; i++)
    {
      const TnAnalyzedLayer *layer = tn_analysis_get_layer (self->analysis, i);

      for (guint k = 0; k < layer->findings->len; k++)
        {
          const TnFinding *finding = &g_array_index (layer->findings, TnFinding, k);
          g_autofree char *why = tn_finding_to_text (finding), *text = g_strdup_printf ("%s: %s", layer->name, why);

          if (finding->kind == TN_FINDING_CONSTANT)
            tn_listener_event (self->listener, "warning", text);
        }
    }
}

TnAnalysis *
tn_analyze_model (const TnAnalyzeOptions *options, TnWorkspace *workspace, const TnListener *listener, GCancellable *cancellable,
                  GError **error)
{
  Work work = {.options = options, .listener = listener, .cancellable = cancellable};
  gint64 start = g_get_monotonic_time ();
  TnAnalysis *analysis = NULL;
  gboolean ok;

  if (!tn_analyze_check (options, error))
    return NULL;
  ok = open_all (&work, error) &&
       (options->out_path == NULL || tn_model_file_check_output (work.file, options->out_path, error)) &&
       tn_analysis_measure_weights (work.analysis, work.model, listener, cancellable, error) && measure_errors (&work, error) &&
       tn_analysis_find_causes (work.analysis, work.model, work.stats, cancellable, error) && score (&work, error) &&
       measure (&work, error) && tn_model_file_check (work.file, error);
  if (ok)
    {
      warn (&work);
      work.analysis->seconds = (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC;
      tn_record_model (workspace, work.file);
    }
  if (ok && options->out_path != NULL)
    ok = tn_analysis_save (work.analysis, options->out_path, error);
  if (ok)
    analysis = g_steal_pointer (&work.analysis);
  clear_work (&work);
  return analysis;
}

static gboolean
analyze (TnJob *job, const TnListener *listener, GCancellable *cancellable, gpointer user_data, GError **error)
{
  AnalyzeData *data = user_data;
  TnAnalysis *analysis = tn_analyze_model (data->options, data->workspace, listener, cancellable, error);

  if (analysis == NULL)
    return FALSE;
  tn_job_set_output (job, data->options->out_path);
  *data->result = analysis;
  return TRUE;
}

static void
analyze_data_free (gpointer pointer)
{
  AnalyzeData *data = pointer;

  tn_analyze_options_free (data->options);
  g_clear_pointer (&data->workspace, tn_workspace_unref);
  g_free (data);
}

char *
tn_analyze_describe (const TnAnalyzeOptions *options)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  tn_json_add_string (builder, "model", options->model_path);
  tn_json_open_array (builder, "data");
  for (guint i = 0; options->data != NULL && options->data[i] != NULL; i++)
    tn_json_add_string (builder, NULL, options->data[i]);
  json_builder_end_array (builder);
  tn_json_add_string (builder, "schemes", get_schemes (options));
  tn_json_add_string (builder, "activations", options->activations);
  tn_json_add_string (builder, "stats", options->stats_path);
  tn_json_add_count (builder, "seq_len", options->seq_len);
  tn_json_add_count (builder, "samples", options->score_samples);
  tn_json_add_count (builder, "measure_samples", options->measure_samples);
  tn_json_add_string (builder, "out", options->out_path);
  json_builder_end_object (builder);
  return tn_json_builder_to_text (builder, FALSE);
}

TnJob *
tn_analyze_job_new (TnAnalyzeOptions *options, TnWorkspace *workspace, TnAnalysis **result)
{
  AnalyzeData *data = g_new0 (AnalyzeData, 1);
  g_autofree char *base = g_path_get_basename (options->model_path);
  g_autofree char *title = g_strdup_printf (_ ("Analyze %s"), base);
  g_autofree char *arguments = tn_analyze_describe (options);

  data->options = options;
  data->workspace = workspace != NULL ? tn_workspace_ref (workspace) : NULL;
  data->result = result;
  return tn_job_new ("analyze", title, arguments, workspace, analyze, data, analyze_data_free);
}
