/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/quantize.h"

#include <glib/gi18n-lib.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "app/tasks/method-choice.h"
#include "app/tasks/model-record.h"
#include "app/tasks/precision.h"
#include "data/files/atomic-file.h"
#include "data/files/json-members.h"
#include "data/models/activation-scales.h"
#include "data/models/model-file.h"
#include "engine/error.h"

typedef struct
{
  TnQuantizeOptions *options;
  TnWorkspace *workspace;
  TnQuantizeResult *result;
} QuantizeData;

void
tn_quantize_options_free (TnQuantizeOptions *self)
{
  if (self == NULL)
    return;
  g_free (self->model_path);
  g_free (self->plan_path);
  g_free (self->scheme);
  g_free (self->method);
  g_free (self->objective);
  g_free (self->type);
  g_free (self->stats_path);
  g_free (self->activations);
  g_free (self->tokenizer_path);
  g_free (self->out_path);
  g_free (self);
}

void
tn_quantize_result_clear (TnQuantizeResult *self)
{
  g_clear_pointer (&self->out, g_free);
  tn_export_result_clear (&self->export);
}

static void
quantize_data_free (gpointer pointer)
{
  QuantizeData *data = pointer;

  tn_quantize_options_free (data->options);
  g_clear_pointer (&data->workspace, tn_workspace_unref);
  g_free (data);
}

typedef enum
{
  FORMAT_GGUF,
  FORMAT_SAFETENSORS,
  FORMAT_FOLDER
} Format;

static Format
get_format (const char *path)
{
  if (g_str_has_suffix (path, ".gguf"))
    return FORMAT_GGUF;
  return g_str_has_suffix (path, ".safetensors") ? FORMAT_SAFETENSORS : FORMAT_FOLDER;
}

static gboolean
check_type (const TnQuantizeOptions *options, GError **error)
{
  TnDtype type = tn_export_type_parse (options->type);

  if (type == TN_DTYPE_INVALID)
    g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--type: “%s” is none of F32, F16, BF16, %s"), options->type,
                 "Q8_0, Q5_0, Q5_1, Q4_0, Q4_1, TQ1_0, TQ2_0");
  else if (get_format (options->out_path) == FORMAT_FOLDER)
    g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--type: a BitNet checkpoint has no choice of types"));
  else if (get_format (options->out_path) == FORMAT_SAFETENSORS && type != TN_DTYPE_F32 && type != TN_DTYPE_F16 &&
           type != TN_DTYPE_BF16)
    g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--type: safetensors hold F32, F16 and BF16, not %s"), options->type);
  else
    return TRUE;
  return FALSE;
}

static TnMethodChoice
get_choice (const TnQuantizeOptions *options)
{
  return (TnMethodChoice){options->method, options->objective};
}

static gboolean
check_activations (const TnQuantizeOptions *options, GError **error)
{
  TnScheme scheme;

  if (options->stats_path == NULL && options->activations != NULL)
    g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT,
                         _ ("--activations: a file keeps fixed scales only, which come from --stats; for others ternion eval --activations"));
  else if (options->stats_path != NULL && get_format (options->out_path) == FORMAT_FOLDER)
    g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--stats: a BitNet checkpoint has a scale a token, not fixed ones"));
  else if (options->activations != NULL && !tn_scheme_parse (options->activations, &scheme, error))
    g_prefix_error (error, "--activations: ");
  else if (options->activations != NULL && (scheme.kind != TN_SCHEME_INTEGER || scheme.granularity != TN_PER_TENSOR))
    g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--activations: %s has no one scale for all tokens; expected int8, int4, int8:asym, …"),
                 options->activations);
  else
    return TRUE;
  return FALSE;
}

gboolean
tn_quantize_check (const TnQuantizeOptions *options, GError **error)
{
  TnMethodChoice choice = get_choice (options);
  TnScheme scheme;

  if (options->out_path == NULL || options->out_path[0] == '\0')
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--out is missing: NAME.gguf, NAME.safetensors or a folder"));
      return FALSE;
    }
  if (options->plan_path != NULL && options->scheme != NULL)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--plan and --scheme exclude each other"));
      return FALSE;
    }
  if (options->plan_path == NULL && options->scheme == NULL && options->type == NULL)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--plan, --scheme or --type is missing"));
      return FALSE;
    }
  if (options->scheme != NULL && !tn_scheme_parse (options->scheme, &scheme, error))
    {
      g_prefix_error (error, "--scheme: ");
      return FALSE;
    }
  if (!tn_method_choice_is_empty (&choice) && options->plan_path == NULL && options->scheme == NULL && options->stats_path == NULL)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("--method: it is for --scheme and --plan; --type has rules of its own"));
      return FALSE;
    }
  if (!tn_method_choice_check_values_only (&choice, error) ||
      (options->scheme != NULL && !tn_method_choice_apply_to_scheme (&choice, &scheme, error)))
    return FALSE;
  return check_activations (options, error) && (options->type == NULL || check_type (options, error));
}

static TnPlan *
load_plan_for (const char *path, const TnMethodChoice *choice, TnModelFile *file, const TnListener *listener, GError **error)
{
  g_autoptr (TnModel) model = NULL;
  g_autoptr (TnPlan) plan = NULL;

  if (tn_model_file_can_run (file) && (model = tn_model_file_load (file, error)) == NULL)
    return NULL;
  plan = tn_precision_load_plan (path, model, error);
  if (plan == NULL || !tn_method_choice_apply_to_plan (choice, plan, TN_PLAN_WEIGHTS, error))
    return NULL;
  if (tn_plan_n_rules (plan, TN_PLAN_ACTIVATIONS) > 0)
    tn_listener_event (listener, "info", _ ("a file holds weights, and fixed scales from --stats: the plan's [activations] are for ternion eval --plan"));
  return g_steal_pointer (&plan);
}

/* A file that cannot be written is found out before the work, not after it. */
static gboolean
check_writable (const char *out, GError **error)
{
  g_autoptr (TnAtomicFile) file = NULL;

  if (get_format (out) == FORMAT_FOLDER)
    return TRUE;
  file = tn_atomic_file_create (out, error);
  return file != NULL;
}

/* The fixed scales as they stand in the file. */
static char *
find_activations (const TnQuantizeOptions *options, TnModelFile *file, guint *n, GCancellable *cancellable, GError **error)
{
  g_autoptr (TnActivationScales) scales = tn_activation_scales_new ();
  g_autoptr (TnModel) model = tn_model_file_load (file, error), rounded = NULL;
  TnPrecision precision = {
      .activations = options->activations != NULL ? options->activations : "int8",
      .stats_path = options->stats_path,
      .method = options->method,
      .objective = options->objective,
      .taken = scales,
  };

  rounded = model != NULL ? tn_precision_apply (&precision, model, cancellable, error) : NULL;
  if (rounded == NULL)
    return NULL;
  *n = tn_activation_scales_count (scales);
  return tn_activation_scales_print (scales);
}

static gboolean export(TnModelFile *file, const TnQuantizeOptions *options, TnPlan *plan, const char *activations, TnExportRun *run,
                       TnExportResult *result, GError **error)
{
  TnScheme scheme;
  TnExportOptions export_options = {
      .plan = plan,
      .type = options->type != NULL ? tn_export_type_parse (options->type) : TN_DTYPE_INVALID,
      .tokenizer_path = options->tokenizer_path,
      .activations = activations,
  };

  if (options->scheme != NULL)
    {
      TnMethodChoice choice = get_choice (options);

      if (!tn_scheme_parse (options->scheme, &scheme, error) || !tn_method_choice_apply_to_scheme (&choice, &scheme, error))
        return FALSE;
      export_options.scheme = &scheme;
    }
  switch (get_format (options->out_path))
    {
    case FORMAT_GGUF:
      return tn_export_gguf (file, options->out_path, &export_options, run, result, error);
    case FORMAT_SAFETENSORS:
      return tn_export_safetensors (file, options->out_path, &export_options, run, result, error);
    case FORMAT_FOLDER:
    default:
      return tn_export_bitnet (file, options->out_path, &export_options, run, result, error);
    }
}

static gboolean
quantize (TnJob *job, const TnListener *listener, GCancellable *cancellable, gpointer user_data, GError **error)
{
  QuantizeData *data = user_data;
  const TnQuantizeOptions *options = data->options;
  TnMethodChoice choice = get_choice (options);
  TnExportRun run = {.listener = listener, .cancellable = cancellable};
  gint64 start = g_get_monotonic_time ();
  g_autoptr (TnModelFile) file = NULL;
  g_autoptr (TnPlan) plan = NULL;
  g_autofree char *activations = NULL;

  if (!tn_quantize_check (options, error) || (file = tn_model_file_open (options->model_path, error)) == NULL ||
      !tn_model_file_check_output (file, options->out_path, error) || !check_writable (options->out_path, error) ||
      !tn_model_file_check_sums (file, error))
    return FALSE;
  if (options->plan_path != NULL && (plan = load_plan_for (options->plan_path, &choice, file, listener, error)) == NULL)
    return FALSE;
  if (options->stats_path != NULL &&
      (activations = find_activations (options, file, &data->result->n_activations, cancellable, error)) == NULL)
    return FALSE;
  if (options->tokenizer_path != NULL && get_format (options->out_path) == FORMAT_SAFETENSORS)
    tn_listener_event (listener, "warning", _ ("a safetensors file holds no tokenizer: --tokenizer is not used"));
  tn_record_model (data->workspace, file);
  if (!export(file, options, plan, activations, &run, &data->result->export, error))
    return FALSE;
  tn_job_set_output (job, options->out_path);
  data->result->out = g_strdup (options->out_path);
  data->result->seconds = (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC;
  return TRUE;
}

static void
add_argument (JsonBuilder *builder, const char *name, const char *value)
{
  g_autofree char *valid = value != NULL ? g_utf8_make_valid (value, -1) : NULL;

  if (value == NULL)
    return;
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, valid);
}

static char *
describe_arguments (const TnQuantizeOptions *options)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  add_argument (builder, "scheme", options->scheme);
  add_argument (builder, "plan", options->plan_path);
  add_argument (builder, "method", options->method);
  add_argument (builder, "objective", options->objective);
  add_argument (builder, "type", options->type);
  add_argument (builder, "stats", options->stats_path);
  add_argument (builder, "activations", options->activations);
  json_builder_end_object (builder);
  return tn_json_builder_to_text (builder, FALSE);
}

TnJob *
tn_quantize_job_new (TnQuantizeOptions *options, TnWorkspace *workspace, TnQuantizeResult *result)
{
  QuantizeData *data = g_new0 (QuantizeData, 1);
  g_autofree char *base = g_path_get_basename (options->model_path);
  g_autofree char *title = g_strdup_printf (_ ("Quantize %s"), base);
  g_autofree char *arguments = describe_arguments (options);

  data->options = options;
  data->workspace = workspace != NULL ? tn_workspace_ref (workspace) : NULL;
  data->result = result;
  return tn_job_new ("quantize", title, arguments, workspace, quantize, data, quantize_data_free);
}
