/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <stdio.h>

#include "app/programs/ternion/command.h"
#include "app/tasks/calibrate.h"
#include "engine/error.h"

typedef struct
{
  char  **data;
  char   *sampler, *shard, *out, *sites;
  int     samples, seq_len, batch_size;
  gboolean resume, no_cache;
  double  checkpoint_seconds;
} CalibrateArguments;

static void
calibrate_arguments_clear (CalibrateArguments *self)
{
  g_strfreev (self->data);
  g_free (self->sampler);
  g_free (self->shard);
  g_free (self->out);
  g_free (self->sites);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CalibrateArguments, calibrate_arguments_clear)

static gboolean
check_range (const char *option, int value, int least, int most, GError **error)
{
  if (value >= least && value <= most)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _("--%s: %d is not between %d and %d"), option, value, least, most);
  return FALSE;
}

static gboolean
parse_shard (const char *text, TnSamplingOptions *sampling, GError **error)
{
  unsigned int part, parts;
  char rest;

  if (sscanf (text, "%u/%u%c", &part, &parts, &rest) == 2 && part >= 1 && part <= parts && parts <= 1000000)
    {
      sampling->shard = part;
      sampling->n_shards = parts;
      return TRUE;
    }
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _("--shard: “%s” is not I/N with 1 ≤ I ≤ N"), text);
  return FALSE;
}

static TnCalibrateOptions *
make_options (const TnCommand *command, const CalibrateArguments *arguments, GError **error)
{
  g_autoptr (TnCalibrateOptions) options = tn_calibrate_options_new ();
  TnSamplingOptions *sampling = &options->sampling;

  if (arguments->data == NULL)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _("--data PATH is missing"));
      return NULL;
    }
  if (!check_range ("samples", arguments->samples, 0, 100000000, error) || !check_range ("seq-len", arguments->seq_len, 0, 1 << 20, error) ||
      !check_range ("batch-size", arguments->batch_size, 1, 65536, error))
    return NULL;
  sampling->n_samples = (guint) arguments->samples;
  sampling->seq_len = (guint) arguments->seq_len;
  sampling->batch_size = (guint) arguments->batch_size;
  sampling->seed = (guint64) command->seed;
  if (arguments->sampler != NULL && !tn_sampler_parse (arguments->sampler, &sampling->sampler, error))
    return NULL;
  if (arguments->shard != NULL && !parse_shard (arguments->shard, sampling, error))
    return NULL;
  if (arguments->sites != NULL && !tn_site_kinds_parse (arguments->sites, &options->kinds, error))
    return NULL;
  if (command->memory_limit != NULL && !tn_command_parse_size ("memory-limit", command->memory_limit, &options->memory_limit, error))
    return NULL;
  /* -1 is what stands there when nothing was said. */
  if (!(arguments->checkpoint_seconds == -1.0 || (arguments->checkpoint_seconds >= 0.0 && arguments->checkpoint_seconds <= 3600.0)))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _("--checkpoint-every: %g is not between 0 and 3600 seconds"),
                   arguments->checkpoint_seconds);
      return NULL;
    }
  options->resume = arguments->resume;
  options->no_cache = arguments->no_cache;
  options->checkpoint_seconds = arguments->checkpoint_seconds;
  options->model_path = g_strdup (command->arguments[0]);
  options->data_paths = g_strdupv (arguments->data);
  options->tokenizer_path = g_strdup (command->tokenizer);
  options->out_path = g_strdup (arguments->out);
  return g_steal_pointer (&options);
}

static gboolean
print_json (const TnCalibrateResult *result, GError **error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  tn_json_add_string (builder, "out", result->out);
  tn_json_add_integer (builder, "samples", (gint64) result->samples);
  tn_json_add_integer (builder, "tokens", (gint64) result->tokens);
  tn_json_add_integer (builder, "resumed_samples", (gint64) result->samples_before);
  tn_json_add_string (builder, "cached", result->cached);
  tn_json_add_double (builder, "seconds", result->seconds);
  tn_json_add_double (builder, "tokens_per_second", (double) (result->tokens - result->tokens_before) / result->seconds);
  tn_json_add_integer (builder, "peak_rss_bytes", (gint64) result->peak_rss_bytes);
  tn_json_add_integer (builder, "sites", result->sites);
  tn_json_add_integer (builder, "stats_bytes", (gint64) result->stats_bytes);
  json_builder_end_object (builder);
  return tn_command_print_json (builder, error);
}

static void
print_text (const TnCalibrateResult *result)
{
  g_autofree char *memory = g_format_size_full (result->peak_rss_bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *size = g_format_size (result->stats_bytes);

  if (result->cached == NULL)
    g_print (_("%" PRIu64 " sequences, %" PRIu64 " tokens at %u sites in %.1f s (%.0f tokens/s), peak memory %s\n"), result->samples,
             result->tokens, result->sites, result->seconds, (double) (result->tokens - result->tokens_before) / result->seconds, memory);
  g_print (_("statistics: %s (%s); ternion stats show tells what is in it\n"), result->out, size);
}

TnExitStatus
tn_verb_calibrate (int argc, char **argv)
{
  g_auto (TnCommand) command = { NULL };
  g_auto (CalibrateArguments) arguments = { .samples = 128, .batch_size = 8, .checkpoint_seconds = -1.0 };
  const GOptionEntry entries[] = {
    { "data", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments.data, N_("Text file, directory or token .bin file; may be repeated"), N_("PATH") },
    { "sampler", 0, 0, G_OPTION_ARG_STRING, &arguments.sampler, N_("random or systematic (random)"), N_("NAME") },
    { "samples", 0, 0, G_OPTION_ARG_INT, &arguments.samples, N_("Sequences to draw, 0 for all (128)"), "N" },
    { "shard", 0, 0, G_OPTION_ARG_STRING, &arguments.shard, N_("Only part I of N of the drawn sequences"), "I/N" },
    { "seq-len", 0, 0, G_OPTION_ARG_INT, &arguments.seq_len, N_("Longest sequence in tokens (512 or the model's context)"), "N" },
    { "batch-size", 0, 0, G_OPTION_ARG_INT, &arguments.batch_size, N_("Sequences that go through the model together (8)"), "N" },
    { "sites", 0, 0, G_OPTION_ARG_STRING, &arguments.sites, N_("What to observe: in, out, residual, logits (in)"), N_("LIST") },
    { "out", 0, 0, G_OPTION_ARG_FILENAME, &arguments.out, N_("Statistics file to write (beside the workspace)"), N_("FILE") },
    { "resume", 0, 0, G_OPTION_ARG_NONE, &arguments.resume, N_("Go on where the same command was stopped or killed"), NULL },
    { "checkpoint-every", 0, 0, G_OPTION_ARG_DOUBLE, &arguments.checkpoint_seconds, N_("Seconds between checkpoints, 0 for none (20)"), N_("SECONDS") },
    { "no-cache", 0, 0, G_OPTION_ARG_NONE, &arguments.no_cache, N_("Compute anew what earlier statistics hold already"), NULL },
    { NULL },
  };
  g_autoptr (TnCalibrateOptions) options = NULL;
  g_autoptr (TnJob) job = NULL;
  TnCalibrateResult result = { NULL };
  TnExitStatus status;
  GError *error = NULL;

  if (!tn_command_parse (&command, argc, argv, "calibrate", _("MODEL --data PATH…"), _("exact statistics of a model's activations on real data"), entries, 1,
                         1, &status))
    return status;
  options = make_options (&command, &arguments, &error);
  if (options == NULL)
    {
      status = tn_command_usage_error (&command, "%s", error->message);
      g_error_free (error);
      return status;
    }
  if (!tn_command_open_workspace (&command, &error))
    return tn_command_fail (&command, error);
  tn_command_set_saves_on_interrupt ();
  job = tn_calibrate_job_new (options, command.workspace, &result);
  if (!tn_command_run_job (&command, job, &error))
    {
      tn_calibrate_result_clear (&result);
      return tn_command_fail (&command, error);
    }
  if (command.json ? !print_json (&result, &error) : (print_text (&result), FALSE))
    status = tn_command_fail (&command, error);
  else
    status = tn_command_finish (&command);
  tn_calibrate_result_clear (&result);
  return status;
}
