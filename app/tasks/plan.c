/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/plan.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "data/analysis/analysis-file.h"
#include "data/files/json-members.h"
#include "data/models/model-file.h"
#include "data/plans/plan-file.h"
#include "engine/analysis/combined-losses.h"
#include "engine/analysis/loss-changes.h"
#include "engine/analysis/plan-checks.h"
#include "engine/error.h"

#define FRONT_PLANS 7 /* of the front that are measured, its ends left out */
#define BATCH_SIZE 8

typedef struct
{
  TnPlanOptions *options;
  TnPlanResult *result;
} PlanData;

TnPlanOptions *
tn_plan_options_new (void)
{
  TnPlanOptions *self = g_new0 (TnPlanOptions, 1);

  self->bits = self->loss = (double) NAN;
  return self;
}

void
tn_plan_options_free (TnPlanOptions *self)
{
  if (self == NULL)
    return;
  g_free (self->analysis_path);
  g_free (self->schemes);
  g_strfreev (self->keep);
  g_free (self->out_path);
  g_free (self->model_path);
  g_strfreev (self->data);
  g_free (self->format.format);
  g_free (self->format.field);
  g_free (self->tokenizer_path);
  g_free (self);
}

gboolean
tn_plan_check_options (const TnPlanOptions *options, GError **error)
{
  guint n_budgets = !isnan (options->bits) + !isnan (options->loss) + (options->bytes > 0);
  g_autoptr (GArray) schemes = options->schemes != NULL ? tn_scheme_parse_list (options->schemes, error) : NULL;

  if (options->schemes != NULL && schemes == NULL)
    {
      g_prefix_error (error, "--schemes: ");
      return FALSE;
    }
  if (n_budgets > 1)
    g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--bits, --size and --loss are three kinds of budget: give one"));
  else if (n_budgets == 0 && !options->front)
    g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT,
                         _ ("a budget is missing: --bits, --size or --loss; or --front for all"));
  else if (n_budgets == 0 && options->out_path != NULL)
    g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--out: without a budget there is no one plan to write"));
  else if (options->bits <= 0.0)
    g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--bits: %g, expected a number above 0"), options->bits);
  else if (options->measure && (options->model_path == NULL || options->data == NULL || options->data[0] == NULL))
    g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--measure needs --model MODEL and --data PATH"));
  else if (!options->measure && (options->model_path != NULL || options->data != NULL))
    g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--model and --data are for --measure"));
  else
    return TRUE;
  return FALSE;
}

static void
measured_plan_free (gpointer pointer)
{
  TnMeasuredPlan *self = pointer;

  g_free (self->title);
  g_free (self);
}

void
tn_plan_result_clear (TnPlanResult *self)
{
  g_clear_pointer (&self->measured, g_ptr_array_unref);
  g_clear_pointer (&self->schemes, g_free);
  g_clear_pointer (&self->losses, g_free);
  g_clear_pointer (&self->allocation, tn_allocation_free);
  g_clear_pointer (&self->analysis, tn_analysis_free);
}

/* [schemes of the analysis]: those that are asked for; NULL: all. */
static gboolean
choose_schemes (const TnPlanOptions *options, const TnAnalysis *analysis, gboolean **allowed, GError **error)
{
  g_autoptr (GArray) wanted = NULL;
  g_autofree gboolean *chosen = NULL;

  *allowed = NULL;
  if (options->schemes == NULL)
    return TRUE;
  wanted = tn_scheme_parse_list (options->schemes, error);
  if (wanted == NULL)
    return FALSE;
  chosen = g_new0 (gboolean, MAX (analysis->schemes->len, 1));
  for (guint i = 0; i < wanted->len; i++)
    {
      const TnScheme *scheme = &g_array_index (wanted, TnScheme, i);
      gboolean found = FALSE;

      for (guint k = 0; k < analysis->schemes->len; k++)
        if (tn_scheme_equal (scheme, tn_analysis_get_scheme (analysis, k)))
          chosen[k] = found = TRUE;
      if (!found)
        {
          g_autofree char *name = tn_scheme_to_string (scheme);

          g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("%s: the scheme %s was not analyzed"), options->analysis_path,
                       name);
          return FALSE;
        }
    }
  *allowed = g_steal_pointer (&chosen);
  return TRUE;
}

static gboolean
find_plan (const TnPlanOptions *options, TnPlanResult *result, GCancellable *cancellable, GError **error)
{
  g_autofree gboolean *allowed = NULL;
  TnAllocationOptions allocation_options = {.keep = (const char *const *) options->keep};

  result->analysis = tn_analysis_load (options->analysis_path, error);
  if (result->analysis == NULL || !choose_schemes (options, result->analysis, &allowed, error))
    return FALSE;
  result->losses = tn_analysis_combine_losses (result->analysis);
  allocation_options.schemes = allowed;
  result->allocation = tn_allocation_new (result->analysis, &allocation_options, cancellable, error);
  if (result->allocation == NULL)
    {
      g_prefix_error (error, "%s: ", options->analysis_path);
      return FALSE;
    }
  result->has_plan = !isnan (options->bits) || !isnan (options->loss) || options->bytes > 0;
  if (!result->has_plan)
    return TRUE;
  if (!isnan (options->bits)   ? !tn_allocation_find_bits (result->allocation, options->bits, &result->point, error)
      : !isnan (options->loss) ? !tn_allocation_find_loss (result->allocation, options->loss, &result->point, error)
                               : !tn_allocation_find_bytes (result->allocation, (double) options->bytes, &result->point, error))
    return FALSE;
  result->schemes = g_new (gint, MAX (result->analysis->layers->len, 1));
  tn_allocation_get_schemes (result->allocation, result->point, result->schemes);
  result->prediction = tn_analysis_predict_plan (result->analysis, result->schemes);
  return TRUE;
}

gboolean
tn_plan_write (const TnAnalysis *analysis, const gint *schemes, const char *path, GError **error)
{
  const TnPlanPrediction prediction = tn_analysis_predict_plan (analysis, schemes);
  g_autoptr (TnPlan) plan = tn_analysis_make_plan (analysis, schemes);
  g_autofree char *comment = NULL, *bits = NULL, *loss = NULL;
  char buffer[2][G_ASCII_DTOSTR_BUF_SIZE];

  bits = g_strdup (g_ascii_formatd (buffer[0], sizeof buffer[0], "%.4f", prediction.bits));
  loss = g_strdup (g_ascii_formatd (buffer[1], sizeof buffer[1], "%+.6f", prediction.change.value));
  comment = g_strdup_printf ("%s bits a weight of linear layers, predicted change of the loss %s nats a token", bits, loss);
  return tn_plan_save (plan, path, comment, error);
}

typedef struct
{
  const TnPlanOptions *options;
  TnPlanResult *result;
  TnModel *model;
  TnDataset *dataset;
  guint seq_len;
  const TnListener *listener;
  GCancellable *cancellable;
} Measuring;

static gboolean
measure_plan (Measuring *self, char *title, const gint *schemes, GError **error)
{
  TnMeasuredPlan *plan = g_new0 (TnMeasuredPlan, 1);
  TnEvaluation evaluation;
  g_autoptr (TnModel) rounded = NULL;

  plan->title = title;
  g_ptr_array_add (self->result->measured, plan);
  plan->prediction = tn_analysis_predict_plan (self->result->analysis, schemes);
  rounded = tn_analysis_round_layers (self->result->analysis, self->model, schemes, NULL, self->cancellable, error);
  if (rounded == NULL || !tn_evaluate_pair (rounded, self->model, self->dataset, self->seq_len, BATCH_SIZE, &evaluation,
                                            &self->result->original, &plan->change, NULL, self->listener, self->cancellable, error))
    return FALSE;
  plan->loss = evaluation.loss;
  plan->loss_stderr = evaluation.loss_stderr;
  return TRUE;
}

static gboolean
measure_all (Measuring *self, GError **error)
{
  const TnPlanResult *result = self->result;
  const TnAnalysis *analysis = result->analysis;
  g_autofree gint *schemes = g_new (gint, MAX (analysis->layers->len, 1));
  g_autoptr (GArray) points = NULL;

  self->result->measured = g_ptr_array_new_with_free_func (measured_plan_free);
  if (result->has_plan && !measure_plan (self, g_strdup (_ ("the plan")), result->schemes, error))
    return FALSE;
  for (guint i = 0; i < analysis->schemes->len; i++)
    {
      g_autofree char *name = tn_scheme_to_string (tn_analysis_get_scheme (analysis, i));

      tn_analysis_fill_uniform (analysis, i, schemes);
      if (!measure_plan (self, g_strdup_printf (_ ("%s everywhere"), name), schemes, error))
        return FALSE;
    }
  points = tn_allocation_pick_points (result->allocation, self->options->front ? FRONT_PLANS + 2 : 0);
  for (guint i = 1; i + 1 < points->len; i++)
    {
      guint point = g_array_index (points, guint, i);

      tn_allocation_get_schemes (result->allocation, point, schemes);
      if (!measure_plan (self, g_strdup_printf (_ ("front at %.2f bits"), tn_allocation_get_bits (result->allocation, point)),
                         schemes, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
check_model (const TnPlanOptions *options, const TnAnalysis *analysis, TnModel *model, GError **error)
{
  if (tn_model_get_fingerprint (model) != analysis->model_fingerprint)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH,
                   _ ("%s: the analysis is of the model %s with the fingerprint %016" PRIx64 "; that of %s is %016" PRIx64),
                   options->analysis_path, analysis->model_name != NULL ? analysis->model_name : "–", analysis->model_fingerprint,
                   options->model_path, tn_model_get_fingerprint (model));
      return FALSE;
    }
  for (guint i = 0; i < analysis->layers->len; i++)
    {
      const TnAnalyzedLayer *layer = tn_analysis_get_layer (analysis, i);
      const TnParameter *parameter = tn_model_find_parameter (model, layer->name);

      if (parameter == NULL || !tn_parameter_is_linear (parameter))
        {
          g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("%s: the analysis has the layer %s, which %s has not"),
                       options->analysis_path, layer->name, options->model_path);
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
measure (const TnPlanOptions *options, TnPlanResult *result, const TnListener *listener, GCancellable *cancellable,
         GError **error)
{
  const char *const *paths = (const char *const *) options->data;
  const TnAnalysis *analysis = result->analysis;
  g_autoptr (TnModelFile) file = tn_model_file_open (options->model_path, error);
  g_autoptr (TnModel) model = file != NULL ? tn_model_file_load (file, error) : NULL;
  g_autoptr (TnTokenizer) tokenizer = NULL;
  g_autoptr (TnDataset) dataset = NULL;
  Measuring measuring = {.options = options, .result = result, .model = model, .listener = listener, .cancellable = cancellable};

  if (model == NULL || !check_model (options, analysis, model, error))
    return FALSE;
  if (analysis->has_activations && analysis->activations.granularity == TN_PER_TENSOR)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                   _ ("%s: inputs were rounded with fixed scales; write the plan with --out and measure it with ternion eval "
                      "--plan --stats"),
                   options->analysis_path);
      return FALSE;
    }
  measuring.seq_len = options->seq_len > 0 ? options->seq_len : analysis->seq_len;
  if (measuring.seq_len < 1 || measuring.seq_len > tn_model_get_config (model)->n_context)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: a sequence length of %u was asked for; the model's context is %u"),
                   options->model_path, measuring.seq_len, tn_model_get_config (model)->n_context);
      return FALSE;
    }
  if ((options->tokenizer_path != NULL || tn_dataset_needs_tokenizer (paths, &options->format)) &&
      (tokenizer = tn_tokenizer_find (options->tokenizer_path, file, error)) == NULL)
    return FALSE;
  dataset = tn_dataset_open (paths, &options->format, tokenizer, tn_model_get_config (model)->n_vocab, listener, error);
  measuring.dataset = dataset;
  return dataset != NULL && measure_all (&measuring, error) && tn_model_file_check (file, error);
}

static gboolean
plan (TnJob *job, const TnListener *listener, GCancellable *cancellable, gpointer user_data, GError **error)
{
  PlanData *data = user_data;

  if (!tn_plan_check_options (data->options, error) || !find_plan (data->options, data->result, cancellable, error) ||
      (data->options->out_path != NULL &&
       !tn_plan_write (data->result->analysis, data->result->schemes, data->options->out_path, error)))
    return FALSE;
  tn_job_set_output (job, data->options->out_path);
  return !data->options->measure || measure (data->options, data->result, listener, cancellable, error);
}

static void
plan_data_free (gpointer pointer)
{
  PlanData *data = pointer;

  tn_plan_options_free (data->options);
  g_free (data);
}

static char *
describe_arguments (const TnPlanOptions *options)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  tn_json_add_string (builder, "analysis", options->analysis_path);
  tn_json_add_double (builder, "bits", options->bits);
  tn_json_add_count (builder, "bytes", options->bytes);
  tn_json_add_double (builder, "loss", options->loss);
  tn_json_add_string (builder, "schemes", options->schemes);
  tn_json_add_string (builder, "out", options->out_path);
  json_builder_end_object (builder);
  return tn_json_builder_to_text (builder, FALSE);
}

TnJob *
tn_plan_job_new (TnPlanOptions *options, TnWorkspace *workspace, TnPlanResult *result)
{
  PlanData *data = g_new0 (PlanData, 1);
  g_autofree char *base = g_path_get_basename (options->analysis_path);
  g_autofree char *title = g_strdup_printf (_ ("Plan from %s"), base);
  g_autofree char *arguments = describe_arguments (options);

  data->options = options;
  data->result = result;
  return tn_job_new ("plan", title, arguments, workspace, plan, data, plan_data_free);
}
