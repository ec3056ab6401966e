/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>

#include "app/programs/ternion/command.h"
#include "app/tasks/evaluate.h"
#include "engine/error.h"
#include "engine/quant/scheme.h"

#define DEFAULT_SEQ_LEN 512

typedef struct
{
  TnCommand   *command;
  char       **data;
  char        *scheme;
  int          seq_len, batch_size;
  TnEvaluation evaluation;
} EvalWork;

static gboolean
evaluate (TnJob *job, const TnListener *listener, GCancellable *cancellable, gpointer data, GError **error)
{
  EvalWork *work = data;
  const char *path = work->command->arguments[0];
  g_autoptr (TnModelFile) file = tn_model_file_open (path, error);
  g_autoptr (TnModel) model = file != NULL ? tn_model_file_load (file, error) : NULL;
  g_autoptr (TnTokenizer) tokenizer = NULL;
  g_autoptr (TnDataset) dataset = NULL;
  guint context;

  if (model == NULL)
    return FALSE;
  context = tn_model_get_config (model)->n_context;
  if (work->seq_len > (int) context)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _("%s: a sequence length of %d was asked for; the model's context is %u"), path, work->seq_len, context);
      return FALSE;
    }
  if ((work->command->tokenizer != NULL || tn_dataset_needs_tokenizer ((const char *const *) work->data)) &&
      (tokenizer = tn_tokenizer_find (work->command->tokenizer, file, error)) == NULL)
    return FALSE;
  dataset = tn_dataset_open ((const char *const *) work->data, tokenizer, tn_model_get_config (model)->n_vocab, error);
  if (dataset == NULL)
    return FALSE;
  if (work->scheme != NULL)
    {
      TnModel *rounded = tn_evaluate_round_weights (model, work->scheme, cancellable, error);

      if (rounded == NULL)
        return FALSE;
      tn_model_unref (model);
      model = rounded;
    }
  return tn_evaluate (model, dataset, work->seq_len > 0 ? (guint) work->seq_len : MIN (DEFAULT_SEQ_LEN, context), (guint) work->batch_size,
                      &work->evaluation, listener, cancellable, error) &&
         tn_model_file_check (file, error);
}

static gboolean
print_json (const TnEvaluation *evaluation, GError **error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  tn_json_add_double (builder, "loss", evaluation->loss);
  tn_json_add_double (builder, "loss_stderr", evaluation->loss_stderr);
  tn_json_add_double (builder, "perplexity", evaluation->perplexity);
  tn_json_add_double (builder, "accuracy", evaluation->accuracy);
  tn_json_add_integer (builder, "tokens", (gint64) evaluation->tokens);
  tn_json_add_double (builder, "seconds", evaluation->seconds);
  json_builder_end_object (builder);
  return tn_command_print_json (builder, error);
}

static void
print_text (const TnEvaluation *evaluation)
{
  if (isnan (evaluation->loss_stderr))
    g_print (_("loss %.6f nats a token (one window: no error estimate)\n"), evaluation->loss);
  else
    g_print (_("loss %.6f ± %.6f nats a token\n"), evaluation->loss, evaluation->loss_stderr);
  g_print (_("perplexity %.6f, accuracy %.2f %%, %" PRIu64 " tokens in %.2f s (%.0f tokens/s)\n"), evaluation->perplexity,
           100.0 * evaluation->accuracy, evaluation->tokens, evaluation->seconds, (double) evaluation->tokens / evaluation->seconds);
}

TnExitStatus
tn_verb_eval (int argc, char **argv)
{
  g_auto (TnCommand) command = { NULL };
  EvalWork work = { .command = &command, .batch_size = 8 };
  const GOptionEntry entries[] = {
    { "data", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &work.data, N_("Text file, directory or token .bin file; may be repeated"), N_("PATH") },
    { "seq-len", 0, 0, G_OPTION_ARG_INT, &work.seq_len, N_("Tokens a window (512 or the model's context)"), "N" },
    { "batch-size", 0, 0, G_OPTION_ARG_INT, &work.batch_size, N_("Windows that go through the model together (8)"), "N" },
    { "scheme", 0, 0, G_OPTION_ARG_STRING, &work.scheme, N_("Round the weights of every linear layer first; activations stay fp32"), N_("SCHEME") },
    { NULL },
  };
  g_auto (GStrv) data = NULL;
  g_autofree char *scheme = NULL, *title = NULL, *base = NULL;
  g_autoptr (TnJob) job = NULL;
  TnExitStatus status;
  TnScheme parsed;
  GError *error = NULL;
  gboolean parsed_ok;

  parsed_ok = tn_command_parse (&command, argc, argv, "eval", _("MODEL --data PATH…"), _("loss, perplexity and accuracy on text"), entries, 1, 1, &status);
  data = work.data;
  scheme = work.scheme;
  if (!parsed_ok)
    return status;
  if (work.data == NULL)
    return tn_command_usage_error (&command, _("--data PATH is missing"));
  if (work.seq_len < 0 || work.batch_size < 1 || work.batch_size > 65536)
    return tn_command_usage_error (&command, _("--seq-len must not be negative and --batch-size must lie between 1 and 65536"));
  if (work.scheme != NULL && !tn_scheme_parse (work.scheme, &parsed, &error))
    {
      status = tn_command_usage_error (&command, "--scheme: %s", error->message);
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
    print_text (&work.evaluation);
  else if (!print_json (&work.evaluation, &error))
    return tn_command_fail (&command, error);
  return tn_command_finish (&command);
}
