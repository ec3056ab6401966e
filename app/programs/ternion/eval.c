/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "app/programs/ternion/command.h"
#include "app/tasks/evaluate.h"
#include "app/tasks/precision.h"
#include "data/models/activation-scales.h"
#include "engine/error.h"

#define DEFAULT_SEQ_LEN 512

typedef struct
{
  TnCommand   *command;
  char       **data;
  TnDatasetOptions format;
  TnPrecision  precision;
  int          seq_len, batch_size;
  TnEvaluation evaluation;
  TnActivationScales *scales;  /* fixed ones that were taken; NULL: none */
  gboolean     paired;         /* with them in every layer: what follows is there */
  TnEvaluation dynamic;        /* the same with a scale a token */
  TnLossDifference difference;
  const char  *reference_path; /* of a model to compare with, or NULL; what follows is there with one, or with fixed scales */
  TnEvaluation reference;
  TnOutputSummary outputs;
  guint        layers[TN_LAYER_PATH_BIT_LINEAR + 1]; /* on each path */
} EvalWork;

/* The model with fixed scales beside the same with a scale a token. */
static gboolean
evaluate_both (EvalWork *work, TnModel *original, TnModel *rounded, TnDataset *dataset, guint seq_len, const TnListener *listener,
               GCancellable *cancellable, GError **error)
{
  TnPrecision precision = work->precision;
  TnScheme scheme = tn_activation_scales_get (work->scales, 0)->params.scheme;
  g_autofree char *name = NULL;
  g_autoptr (TnModel) dynamic = NULL;

  scheme.granularity = TN_PER_TOKEN;
  name = tn_scheme_to_string (&scheme);
  precision.activations = name;
  precision.taken = NULL;
  precision.listener = NULL;
  /* It is of fixed scales; those of the weights are the same in both. */
  if (precision.scheme == NULL && precision.plan_path == NULL)
    precision.method = precision.objective = NULL;
  dynamic = tn_precision_apply (&precision, original, cancellable, error);
  return dynamic != NULL && tn_evaluate_pair (rounded, dynamic, dataset, seq_len, (guint) work->batch_size, &work->evaluation, &work->dynamic,
                                              &work->difference, &work->outputs, listener, cancellable, error);
}

static gboolean
evaluate_against (EvalWork *work, TnModel *model, TnDataset *dataset, guint seq_len, const TnListener *listener, GCancellable *cancellable,
                  GError **error)
{
  g_autoptr (TnModelFile) file = tn_model_file_open (work->reference_path, error);
  g_autoptr (TnModel) reference = file != NULL ? tn_model_file_load (file, error) : NULL;

  return reference != NULL &&
         tn_evaluate_pair (model, reference, dataset, seq_len, (guint) work->batch_size, &work->evaluation, &work->reference, &work->difference,
                           &work->outputs, listener, cancellable, error) &&
         tn_model_file_check (file, error);
}

/* Scales that the model's file has; *scales stays NULL where it has none. */
static gboolean
load_stored (TnModelFile *file, TnActivationScales **scales, GError **error)
{
  const char *text = tn_model_file_get_metadata (file, TN_ACTIVATION_SCALES_KEY);

  if (text == NULL)
    return TRUE;
  *scales = tn_activation_scales_parse (text, tn_model_file_get_path (file), error);
  return *scales != NULL;
}

static gboolean
evaluate (TnJob *job, const TnListener *listener, GCancellable *cancellable, gpointer data, GError **error)
{
  EvalWork *work = data;
  const char *path = work->command->arguments[0];
  g_autoptr (TnModelFile) file = tn_model_file_open (path, error);
  g_autoptr (TnModel) model = file != NULL ? tn_model_file_load (file, error) : NULL;
  g_autoptr (TnTokenizer) tokenizer = NULL;
  g_autoptr (TnDataset) dataset = NULL;
  g_autoptr (TnActivationScales) stored = NULL;
  g_autoptr (TnModel) original = NULL;
  guint context, seq_len;

  if (model == NULL)
    return FALSE;
  context = tn_model_get_config (model)->n_context;
  if (work->seq_len > (int) context)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _("%s: a sequence length of %d was asked for; the model's context is %u"), path, work->seq_len, context);
      return FALSE;
    }
  if ((work->command->tokenizer != NULL || tn_dataset_needs_tokenizer ((const char *const *) work->data, &work->format)) &&
      (tokenizer = tn_tokenizer_find (work->command->tokenizer, file, error)) == NULL)
    return FALSE;
  dataset = tn_dataset_open ((const char *const *) work->data, &work->format, tokenizer, tn_model_get_config (model)->n_vocab, listener, error);
  if (dataset == NULL)
    return FALSE;
  original = tn_model_ref (model);
  if (!tn_precision_is_empty (&work->precision))
    {
      TnModel *rounded;

      if (!load_stored (file, &stored, error))
        return FALSE;
      work->precision.stored = stored;
      work->precision.taken = work->scales;
      work->precision.listener = listener;
      rounded = tn_precision_apply (&work->precision, model, cancellable, error);
      if (rounded == NULL)
        return FALSE;
      tn_model_unref (model);
      model = rounded;
    }
  for (guint i = 0; i < G_N_ELEMENTS (work->layers); i++)
    work->layers[i] = tn_model_count_layer_paths (model, (TnLayerPath) i);
  seq_len = work->seq_len > 0 ? (guint) work->seq_len : MIN (DEFAULT_SEQ_LEN, context);
  /* A plan may fix some inputs and leave others. */
  work->paired = work->reference_path == NULL && tn_activation_scales_count (work->scales) > 0 && work->precision.activations != NULL;
  if (work->reference_path != NULL ? !evaluate_against (work, model, dataset, seq_len, listener, cancellable, error)
      : work->paired
        ? !evaluate_both (work, original, model, dataset, seq_len, listener, cancellable, error)
        : !tn_evaluate (model, dataset, seq_len, (guint) work->batch_size, &work->evaluation, listener, cancellable, error))
    return FALSE;
  return tn_model_file_check (file, error);
}

static void
add_interval (JsonBuilder *builder, const char *name, const TnMeanInterval *interval)
{
  tn_json_open_object (builder, name);
  tn_json_add_double (builder, "mean", interval->mean);
  tn_json_add_double (builder, "stderr", interval->standard_error);
  tn_json_add_double (builder, "low", interval->low);
  tn_json_add_double (builder, "high", interval->high);
  json_builder_end_object (builder);
}

/* How the model differs from the other one of a pair. */
static void
add_outputs (JsonBuilder *builder, const TnOutputSummary *outputs)
{
  tn_json_open_object (builder, "outputs");
  add_interval (builder, "kl", &outputs->kl);
  tn_json_add_double (builder, "kl_max", outputs->kl_max);
  tn_json_add_count (builder, "kl_max_window", outputs->kl_max_window);
  tn_json_add_count (builder, "kl_max_row", outputs->kl_max_row);
  add_interval (builder, "agreement", &outputs->agreement);
  add_interval (builder, "loss_difference", &outputs->loss_difference);
  add_interval (builder, "perplexity_ratio", &outputs->perplexity_ratio);
  tn_json_add_count (builder, "windows", outputs->windows);
  tn_json_add_count (builder, "nonfinite", outputs->nonfinite);
  json_builder_end_object (builder);
}

static void
add_other (JsonBuilder *builder, const char *name, const TnEvaluation *other, const char *difference_name, const EvalWork *work)
{
  tn_json_open_object (builder, name);
  tn_json_add_double (builder, "loss", other->loss);
  tn_json_add_double (builder, "loss_stderr", other->loss_stderr);
  tn_json_add_double (builder, "perplexity", other->perplexity);
  tn_json_add_double (builder, "accuracy", other->accuracy);
  json_builder_end_object (builder);
  tn_json_open_object (builder, difference_name);
  tn_json_add_double (builder, "loss", work->difference.loss);
  tn_json_add_double (builder, "loss_stderr", work->difference.loss_stderr);
  json_builder_end_object (builder);
  add_outputs (builder, &work->outputs);
}

static void
add_scales (JsonBuilder *builder, const EvalWork *work)
{
  json_builder_set_member_name (builder, "activations");
  json_builder_begin_array (builder);
  for (guint i = 0; i < tn_activation_scales_count (work->scales); i++)
    {
      const TnActivationScale *scale = tn_activation_scales_get (work->scales, i);
      g_autofree char *scheme = tn_scheme_to_string (&scale->params.scheme);

      json_builder_begin_object (builder);
      tn_json_add_string (builder, "site", scale->site);
      tn_json_add_string (builder, "scheme", scheme);
      tn_json_add_double (builder, "scale", scale->params.scale);
      tn_json_add_integer (builder, "zero_point", scale->params.zero_point);
      tn_json_add_double (builder, "clip", scale->params.clip);
      tn_json_add_double (builder, "largest", scale->largest);
      tn_json_add_double (builder, "sqnr_db", scale->params.sqnr_db);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static gboolean
print_json (const EvalWork *work, GError **error)
{
  const TnEvaluation *evaluation = &work->evaluation;
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  tn_json_add_double (builder, "loss", evaluation->loss);
  tn_json_add_double (builder, "loss_stderr", evaluation->loss_stderr);
  tn_json_add_double (builder, "perplexity", evaluation->perplexity);
  tn_json_add_double (builder, "accuracy", evaluation->accuracy);
  tn_json_add_integer (builder, "tokens", (gint64) evaluation->tokens);
  tn_json_add_double (builder, "seconds", evaluation->seconds);
  json_builder_set_member_name (builder, "layers");
  json_builder_begin_object (builder);
  tn_json_add_integer (builder, "float", work->layers[TN_LAYER_PATH_FLOAT]);
  tn_json_add_integer (builder, "rounded_input", work->layers[TN_LAYER_PATH_ROUNDED_INPUT]);
  tn_json_add_integer (builder, "bit_linear", work->layers[TN_LAYER_PATH_BIT_LINEAR]);
  json_builder_end_object (builder);
  if (work->paired)
    add_other (builder, "dynamic", &work->dynamic, "static_minus_dynamic", work);
  if (work->reference_path != NULL)
    add_other (builder, "reference", &work->reference, "model_minus_reference", work);
  if (tn_activation_scales_count (work->scales) > 0)
    add_scales (builder, work);
  json_builder_end_object (builder);
  return tn_command_print_json (builder, error);
}

static void
print_loss (const char *name, double loss, double loss_stderr)
{
  if (isnan (loss_stderr))
    g_print (_("%-18s %.6f nats a token (one window: no error estimate)\n"), name, loss);
  else
    g_print (_("%-18s %.6f ± %.6f nats a token\n"), name, loss, loss_stderr);
}

static void
print_scales (const EvalWork *work)
{
  int width = 4;

  for (guint i = 0; i < tn_activation_scales_count (work->scales); i++)
    width = MAX (width, (int) strlen (tn_activation_scales_get (work->scales, i)->site));
  g_print ("\n%-*s %-12s %12s %12s %10s\n", width, _("site"), _("scheme"), _("clip"), _("max |x|"), _("SQNR dB"));
  for (guint i = 0; i < tn_activation_scales_count (work->scales); i++)
    {
      const TnActivationScale *scale = tn_activation_scales_get (work->scales, i);
      g_autofree char *scheme = tn_scheme_to_string (&scale->params.scheme);

      g_print ("%-*s %-12s %12.5g", width, scale->site, scheme, scale->params.clip);
      if (isnan (scale->largest))
        g_print (" %12s %10s\n", "-", "-");
      else
        g_print (" %12.5g %10.2f\n", scale->largest, scale->params.sqnr_db);
    }
  g_print ("\n");
}

static void
print_outputs (const TnOutputSummary *outputs)
{
  const TnMeanInterval *kl = &outputs->kl, *agreement = &outputs->agreement, *ratio = &outputs->perplexity_ratio;

  if (isnan (kl->standard_error))
    g_print (_("KL divergence %.6g nats a token, same best token %.2f %%, perplexity × %.5g (one window: no error estimate)\n"), kl->mean,
             100.0 * agreement->mean, ratio->mean);
  else
    g_print (_("KL divergence %.6g ± %.2g nats a token, same best token %.2f ± %.2f %%, perplexity × %.5g (95 %%: %.5g to %.5g)\n"), kl->mean,
             kl->standard_error, 100.0 * agreement->mean, 100.0 * agreement->standard_error, ratio->mean, ratio->low, ratio->high);
  g_print (_("largest divergence %.4g nats, in window %" PRIu64 " at token %" PRIu64 "\n"), outputs->kl_max, outputs->kl_max_window, outputs->kl_max_row);
  if (outputs->nonfinite > 0)
    g_print (_("%" PRIu64 " tokens left out of these: a logit was not finite\n"), outputs->nonfinite);
}

static void
print_against (const EvalWork *work)
{
  print_loss (_("model"), work->evaluation.loss, work->evaluation.loss_stderr);
  print_loss (_("reference"), work->reference.loss, work->reference.loss_stderr);
  print_loss (_("model - reference"), work->difference.loss, work->difference.loss_stderr);
  print_outputs (&work->outputs);
}

static void
print_pair (const EvalWork *work)
{
  print_loss (_("static scales"), work->evaluation.loss, work->evaluation.loss_stderr);
  print_loss (_("a scale a token"), work->dynamic.loss, work->dynamic.loss_stderr);
  print_loss (_("static - dynamic"), work->difference.loss, work->difference.loss_stderr);
  print_outputs (&work->outputs);
}

static void
print_text (const EvalWork *work)
{
  const TnEvaluation *evaluation = &work->evaluation;

  if (tn_activation_scales_count (work->scales) > 0)
    print_scales (work);
  if (work->reference_path != NULL)
    print_against (work);
  else if (work->paired)
    print_pair (work);
  else if (isnan (evaluation->loss_stderr))
    g_print (_("loss %.6f nats a token (one window: no error estimate)\n"), evaluation->loss);
  else
    g_print (_("loss %.6f ± %.6f nats a token\n"), evaluation->loss, evaluation->loss_stderr);
  g_print (_("perplexity %.6f, accuracy %.2f %%, %" PRIu64 " tokens in %.2f s (%.0f tokens/s)\n"), evaluation->perplexity,
           100.0 * evaluation->accuracy, evaluation->tokens, evaluation->seconds, (double) evaluation->tokens / evaluation->seconds);
  if (work->layers[TN_LAYER_PATH_ROUNDED_INPUT] + work->layers[TN_LAYER_PATH_BIT_LINEAR] > 0)
    g_print (_("linear layers: %u ternary × int8 in integers, %u in fp32 with rounded inputs, %u in fp32\n"),
             work->layers[TN_LAYER_PATH_BIT_LINEAR], work->layers[TN_LAYER_PATH_ROUNDED_INPUT], work->layers[TN_LAYER_PATH_FLOAT]);
}

TnExitStatus
tn_verb_eval (int argc, char **argv)
{
  g_auto (TnCommand) command = { NULL };
  EvalWork work = { .command = &command, .batch_size = 8 };
  g_autofree char *scheme = NULL, *plan = NULL, *activations = NULL, *stats = NULL, *method = NULL, *objective = NULL, *reference = NULL;
  const GOptionEntry entries[] = {
    { "data", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &work.data, N_("Text, JSON lines, CSV, tokens (.bin, npy, npz): file, directory, pattern or - for standard input; may be repeated"), N_("PATH") },
    { "data-format", 0, 0, G_OPTION_ARG_STRING, &work.format.format, N_("text, jsonl, csv, tokens or npy (by name and content)"), N_("NAME") },
    { "field", 0, 0, G_OPTION_ARG_STRING, &work.format.field, N_("Field of JSON lines or column of CSV that holds the text (text)"), N_("NAME") },
    { "seq-len", 0, 0, G_OPTION_ARG_INT, &work.seq_len, N_("Tokens a window (512 or the model's context)"), "N" },
    { "batch-size", 0, 0, G_OPTION_ARG_INT, &work.batch_size, N_("Windows that go through the model together (8)"), "N" },
    { "scheme", 0, 0, G_OPTION_ARG_STRING, &scheme, N_("Round the weights of every linear layer first"), N_("SCHEME") },
    { "plan", 0, 0, G_OPTION_ARG_FILENAME, &plan, N_("Round weights and activations as a plan says (key file)"), N_("PLAN") },
    { "activations", 0, 0, G_OPTION_ARG_STRING, &activations, N_("Round the input of every linear layer too, such as int8:t; none: as the model has it (none)"), N_("SCHEME") },
    { "method", 0, 0, G_OPTION_ARG_STRING, &method, N_("How fixed scales are found: minmax, percentile or p99.9, ema, mse, mse2.4, kl, aciq, octav, output, auto"), N_("METHOD") },
    { "objective", 0, 0, G_OPTION_ARG_STRING, &objective, N_("What --method auto makes least: mse, kl or output (mse)"), N_("NAME") },
    { "stats", 0, 0, G_OPTION_ARG_FILENAME, &stats, N_("Statistics file, for activations with one scale for all tokens (int8), whose loss is shown beside that with a scale a token"), N_("STATS") },
    { "reference", 0, 0, G_OPTION_ARG_FILENAME, &reference, N_("Compare with this model on the same windows, such as the same file unrounded: KL divergence, best token, paired loss difference"), N_("MODEL") },
    { NULL },
  };
  g_auto (GStrv) data = NULL;
  g_autofree char *title = NULL, *base = NULL, *format = NULL, *field = NULL;
  g_autoptr (TnActivationScales) scales = tn_activation_scales_new ();
  g_autoptr (TnJob) job = NULL;
  TnExitStatus status;
  GError *error = NULL;
  gboolean parsed_ok;

  parsed_ok = tn_command_parse (&command, argc, argv, "eval", _("MODEL --data PATH…"), _("loss, perplexity and accuracy on text"), entries, 1, 1, &status);
  data = work.data;
  format = work.format.format;
  field = work.format.field;
  work.precision = (TnPrecision) { .scheme = scheme, .plan_path = plan, .activations = activations, .stats_path = stats, .method = method, .objective = objective };
  work.scales = scales;
  work.reference_path = reference;
  if (!parsed_ok)
    return status;
  /* Statistics are there for fixed scales. */
  if (stats != NULL && plan == NULL && activations == NULL)
    work.precision.activations = "int8";
  if (work.data == NULL)
    return tn_command_usage_error (&command, _("--data PATH is missing"));
  if (work.seq_len < 0 || work.batch_size < 1 || work.batch_size > 65536)
    return tn_command_usage_error (&command, _("--seq-len must not be negative and --batch-size must lie between 1 and 65536"));
  if (!tn_precision_check (&work.precision, &error))
    {
      status = tn_command_usage_error (&command, "%s", error->message);
      g_error_free (error);
      return status;
    }
  if (!tn_command_open_workspace (&command, &error))
    return tn_command_fail (&command, error);
  base = g_path_get_basename (command.arguments[0]);
  title = g_strdup_printf (_("Evaluate %s"), base);
  job = tn_job_new ("eval", title, NULL, command.workspace, evaluate, &work, NULL);
  if (!tn_command_run_job (&command, job, &error))
    return tn_command_fail (&command, error);
  if (!command.json)
    print_text (&work);
  else if (!print_json (&work, &error))
    return tn_command_fail (&command, error);
  return tn_command_finish (&command);
}
