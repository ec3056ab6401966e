/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/mitigate.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "app/tasks/model-record.h"
#include "app/tasks/precision.h"
#include "data/export/trained-model.h"
#include "data/files/json-members.h"
#include "data/models/model-file.h"
#include "data/plans/plan-file.h"
#include "engine/analysis/mitigation/sequence-losses.h"
#include "engine/error.h"
#include "engine/nn/quantized-model.h"

#define SEQUENCES_A_BATCH 8
#define LEAST_SAMPLES 6

typedef struct
{
  TnMitigateOptions *options;
  TnWorkspace *workspace;
  TnMitigateResult *result;
} MitigateData;

/* What is opened for it. */
typedef struct
{
  const TnMitigateOptions *options;
  TnMitigateResult *result;
  TnModelFile *file;
  TnModel *model;
  TnTokenizer *tokenizer;
  TnDataset *dataset;
  GPtrArray *fitting, *choosing, *checking; /* TnBatch */
  const TnListener *listener;
  GCancellable *cancellable;
} Work;

TnMitigateOptions *
tn_mitigate_options_new (TnAnalyzeOptions *source)
{
  TnMitigateOptions *self = g_new0 (TnMitigateOptions, 1);

  self->source = source;
  self->fit_samples = TN_MITIGATE_DEFAULT_SAMPLES;
  return self;
}

void
tn_mitigate_options_free (TnMitigateOptions *self)
{
  if (self == NULL)
    return;
  tn_analyze_options_free (self->source);
  g_free (self->scheme);
  g_free (self->only);
  g_strfreev (self->held_out);
  g_free (self->write_path);
  g_free (self);
}

void
tn_mitigate_result_clear (TnMitigateResult *self)
{
  g_clear_pointer (&self->mitigation, tn_mitigation_free);
  g_clear_pointer (&self->written, g_free);
  g_clear_pointer (&self->written_plan, g_free);
}

static gboolean
parse (const TnMitigateOptions *options, TnMitigationOptions *out, GError **error)
{
  out->kinds = TN_MITIGATION_ALL;
  if (!tn_scheme_parse (options->scheme, &out->scheme, error))
    {
      g_prefix_error (error, "--scheme: ");
      return FALSE;
    }
  if (options->only != NULL && !tn_mitigation_kinds_parse (options->only, &out->kinds, error))
    {
      g_prefix_error (error, "--only: ");
      return FALSE;
    }
  out->seconds = options->seconds;
  out->seed = options->source->seed;
  return TRUE;
}

gboolean
tn_mitigate_check (const TnMitigateOptions *options, GError **error)
{
  TnMitigationOptions parsed = {0};

  if (options->scheme == NULL)
    g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT,
                         _ ("--mitigate: --scheme is missing: what the weights are rounded to"));
  else if (!parse (options, &parsed, error))
    return FALSE;
  else if (parsed.scheme.granularity == TN_PER_TOKEN)
    g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--scheme: %s has a scale a token, which weights have none of"),
                 options->scheme);
  else if (options->source->activations != NULL)
    g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--mitigate rounds weights alone: --activations is not for it"));
  else if (!(options->seconds >= 0.0))
    g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--budget: %g seconds, expected 0 or more"), options->seconds);
  else if (options->fit_samples < 4)
    g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--fit-samples: %u, expected 4 or more"), options->fit_samples);
  else
    return tn_analyze_check (options->source, error);
  return FALSE;
}

static TnDataset *
open_paths (const Work *self, char **paths, GError **error)
{
  return tn_dataset_open ((const char *const *) paths, &self->options->source->format, self->tokenizer,
                          tn_model_get_config (self->model)->n_vocab, self->listener, error);
}

/* Samples first .. first + n, a few together. */
static GPtrArray *
take_batches (const TnBatch *samples, guint first, guint n)
{
  GPtrArray *batches = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_batch_unref);

  for (guint i = 0; i < n; i += SEQUENCES_A_BATCH)
    g_ptr_array_add (batches, tn_analyze_take (samples, first + i, MIN (SEQUENCES_A_BATCH, n - i)));
  return batches;
}

/* Fewer samples than were asked for are shared out alike. */
static gboolean
draw (Work *self, GError **error)
{
  guint asked = self->options->fit_samples + self->options->fit_samples / 4 + self->options->fit_samples / 2 + 1;
  g_autoptr (TnBatch) samples =
      tn_analyze_draw (self->options->source, self->dataset, asked, self->listener, self->cancellable, error);
  TnMitigateResult *result = self->result;
  guint n;

  if (samples == NULL)
    return FALSE;
  n = samples->n_sequences;
  if (n < LEAST_SAMPLES)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA,
                   _ ("the data give %u samples, expected %u or more: some fit, others choose, others check"), n, LEAST_SAMPLES);
      return FALSE;
    }
  result->choose_samples = MAX (n / 7, 2);
  result->check_samples = MAX (n * 2 / 7, 2);
  result->fit_samples = n - result->choose_samples - result->check_samples;
  self->fitting = take_batches (samples, 0, result->fit_samples);
  self->choosing = take_batches (samples, result->fit_samples, result->choose_samples);
  self->checking = take_batches (samples, result->fit_samples + result->choose_samples, result->check_samples);
  return TRUE;
}

static gboolean
open_all (Work *self, GError **error)
{
  const TnAnalyzeOptions *source = self->options->source;
  const char *path = self->options->write_path;

  self->file = tn_model_file_open (source->model_path, error);
  if (self->file == NULL || (path != NULL && !tn_model_file_check_output (self->file, path, error)) ||
      (self->model = tn_model_file_load (self->file, error)) == NULL)
    return FALSE;
  if (source->seq_len > tn_model_get_config (self->model)->n_context)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: a sequence length of %u was asked for; the model's context is %u"),
                   source->model_path, source->seq_len, tn_model_get_config (self->model)->n_context);
      return FALSE;
    }
  if ((path != NULL || source->tokenizer_path != NULL ||
       tn_dataset_needs_tokenizer ((const char *const *) source->data, &source->format)) &&
      (self->tokenizer = tn_tokenizer_find (source->tokenizer_path, self->file, error)) == NULL)
    return FALSE;
  self->dataset = open_paths (self, source->data, error);
  return self->dataset != NULL && draw (self, error);
}

static void
clear_work (Work *self)
{
  g_clear_pointer (&self->fitting, g_ptr_array_unref);
  g_clear_pointer (&self->choosing, g_ptr_array_unref);
  g_clear_pointer (&self->checking, g_ptr_array_unref);
  g_clear_pointer (&self->dataset, tn_dataset_unref);
  g_clear_pointer (&self->tokenizer, tn_tokenizer_unref);
  g_clear_pointer (&self->model, tn_model_unref);
  g_clear_pointer (&self->file, tn_model_file_unref);
}

/* The model as it is, rounded plainly, and what was made. */
static gboolean
check_models (Work *self, TnModel *mitigated, GError **error)
{
  TnMitigateResult *result = self->result;
  const TnLayerPrecision precision = {.weights = &result->mitigation->options.scheme};
  g_autoptr (TnModel) plain = tn_model_quantize (self->model, &precision, 1, self->cancellable, error);
  g_auto (TnSequenceLosses) losses = {0}, plain_losses = {0}, mitigated_losses = {0};
  TnModel *const models[] = {self->model, plain, mitigated};
  g_autoptr (TnDataset) held_out = NULL;

  if (plain == NULL || !tn_sequence_losses_measure (&losses, self->model, self->checking, self->cancellable, error) ||
      !tn_sequence_losses_measure (&plain_losses, plain, self->checking, self->cancellable, error) ||
      !tn_sequence_losses_measure (&mitigated_losses, mitigated, self->checking, self->cancellable, error))
    return FALSE;
  result->loss = tn_sequence_losses_get (&losses);
  result->plain_change = tn_sequence_losses_compare (&plain_losses, &losses);
  result->mitigated_change = tn_sequence_losses_compare (&mitigated_losses, &losses);
  if (self->options->held_out == NULL)
    return TRUE;
  held_out = open_paths (self, self->options->held_out, error);
  for (guint i = 0; i < G_N_ELEMENTS (models); i++)
    if (held_out == NULL || !tn_evaluate (models[i], held_out, self->options->source->seq_len, SEQUENCES_A_BATCH,
                                          &result->evaluations[i], self->listener, self->cancellable, error))
      return FALSE;
  return TRUE;
}

static gboolean
write_model (Work *self, GError **error)
{
  TnMitigateResult *result = self->result;
  g_autoptr (TnTrainingPrecision) precision = tn_training_precision_new (error);
  g_autoptr (TnNetwork) network =
      precision != NULL ? tn_network_new_from_model (result->mitigation->model, precision, error) : NULL;
  g_autoptr (TnModelFile) written = NULL;
  g_autofree char *comment = NULL;

  if (network == NULL ||
      !tn_trained_model_write (network, "llama", self->tokenizer, self->options->write_path, self->listener, error) ||
      (written = tn_model_file_open (self->options->write_path, error)) == NULL)
    return FALSE;
  result->written = g_strdup (self->options->write_path);
  result->written_plan = g_strconcat (self->options->write_path, ".plan", NULL);
  comment = g_strdup_printf (_ ("Of weights that lie on the grid of %s already: rounding them by this plan changes nothing."),
                             self->options->scheme);
  tn_plan_set_fingerprint (result->mitigation->plan, tn_model_file_get_fingerprint (written));
  return tn_plan_save (result->mitigation->plan, result->written_plan, comment, error);
}

static gboolean
is_same (const TnTensor *a, const TnTensor *b)
{
  g_autofree float *x = g_new (float, MAX (a->count, 1)), *y = g_new (float, MAX (a->count, 1));

  if (a->count != b->count)
    return FALSE;
  tn_tensor_decode (a, 0, a->count, x);
  tn_tensor_decode (b, 0, b->count, y);
  for (guint64 i = 0; i < a->count; i++)
    if (x[i] != y[i])
      return FALSE;
  return TRUE;
}

/* What was written, rounded by its plan: it has to be what was written. */
static TnModel *
read_back (Work *self, GError **error)
{
  TnMitigateResult *result = self->result;
  g_autoptr (TnModelFile) file = tn_model_file_open (result->written, error);
  g_autoptr (TnModel) model = file != NULL ? tn_model_file_load (file, error) : NULL, rounded = NULL;
  const TnPrecision precision = {.plan_path = result->written_plan};

  if (model != NULL)
    rounded = tn_precision_apply (&precision, model, self->cancellable, error);
  for (guint i = 0; rounded != NULL && i < tn_model_n_parameters (model); i++)
    {
      const TnParameter *parameter = tn_model_get_parameter (model, i);

      if (is_same (parameter->tensor, tn_model_find_parameter (rounded, parameter->name)->tensor))
        continue;
      g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH, _ ("%s: %s: rounding by %s changes what was written"), result->written,
                   parameter->name, result->written_plan);
      return NULL;
    }
  return g_steal_pointer (&rounded);
}

static gboolean
mitigate (TnJob *job, const TnListener *listener, GCancellable *cancellable, gpointer user_data, GError **error)
{
  MitigateData *data = user_data;
  TnMitigateResult *result = data->result;
  Work work = {.options = data->options, .result = result, .listener = listener, .cancellable = cancellable};
  TnMitigationOptions options = {0};
  g_autoptr (TnModel) mitigated = NULL;
  gboolean ok;

  ok = tn_mitigate_check (data->options, error) && parse (data->options, &options, error) && open_all (&work, error) &&
       (result->mitigation = tn_mitigate (work.model, work.fitting, work.choosing, &options, listener, cancellable, error)) !=
           NULL;
  if (ok && data->options->write_path == NULL)
    mitigated = tn_model_ref (result->mitigation->model);
  else if (ok)
    ok = write_model (&work, error) && (mitigated = read_back (&work, error)) != NULL;
  ok = ok && check_models (&work, mitigated, error) && tn_model_file_check (work.file, error);
  if (ok)
    {
      tn_record_model (data->workspace, work.file);
      tn_job_set_output (job, result->written);
    }
  clear_work (&work);
  return ok;
}

static void
mitigate_data_free (gpointer pointer)
{
  MitigateData *data = pointer;

  tn_mitigate_options_free (data->options);
  g_clear_pointer (&data->workspace, tn_workspace_unref);
  g_free (data);
}

static char *
describe_arguments (const TnMitigateOptions *options)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  tn_json_add_string (builder, "model", options->source->model_path);
  tn_json_open_array (builder, "data");
  for (guint i = 0; options->source->data != NULL && options->source->data[i] != NULL; i++)
    tn_json_add_string (builder, NULL, options->source->data[i]);
  json_builder_end_array (builder);
  tn_json_add_string (builder, "scheme", options->scheme);
  tn_json_add_string (builder, "only", options->only);
  tn_json_add_double (builder, "seconds", options->seconds);
  tn_json_add_count (builder, "seq_len", options->source->seq_len);
  tn_json_add_count (builder, "fit_samples", options->fit_samples);
  tn_json_add_string (builder, "write", options->write_path);
  json_builder_end_object (builder);
  return tn_json_builder_to_text (builder, FALSE);
}

TnJob *
tn_mitigate_job_new (TnMitigateOptions *options, TnWorkspace *workspace, TnMitigateResult *result)
{
  MitigateData *data = g_new0 (MitigateData, 1);
  g_autofree char *base = g_path_get_basename (options->source->model_path);
  g_autofree char *title = g_strdup_printf (_ ("Mitigate %s"), base);
  g_autofree char *arguments = describe_arguments (options);

  *result = (TnMitigateResult){0};
  data->options = options;
  data->workspace = workspace != NULL ? tn_workspace_ref (workspace) : NULL;
  data->result = result;
  return tn_job_new ("analyze", title, arguments, workspace, mitigate, data, mitigate_data_free);
}
