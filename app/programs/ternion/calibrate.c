/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "app/programs/ternion/calibrate-ranges.h"
#include "app/programs/ternion/calibrate-report.h"
#include "app/programs/ternion/command.h"
#include "app/programs/ternion/option-flags.h"
#include "app/tasks/calibrate.h"
#include "data/files/count-text.h"
#include "engine/error.h"

#define STOP_FLAG "--stop-when-stable"

/* What was given on the command line, by the place of the option in the table. */
typedef struct
{
  TnOptionFlags flags;
  char   *config;
  gboolean print_config, resume, no_cache;
} CalibrateArguments;

static void
calibrate_arguments_clear (CalibrateArguments *self)
{
  tn_option_flags_clear (&self->flags);
  g_free (self->config);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CalibrateArguments, calibrate_arguments_clear)

/* The table's options as flags, and those that are about the table. */
static GOptionEntry *
make_entries (CalibrateArguments *arguments)
{
  const GOptionEntry own[] = {
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &arguments->config, N_("Read options from a key file; flags go before it"), N_("FILE") },
    { "resume", 0, 0, G_OPTION_ARG_NONE, &arguments->resume, N_("Go on where the same command was stopped or killed"), NULL },
    { "no-cache", 0, 0, G_OPTION_ARG_NONE, &arguments->no_cache, N_("Compute anew what earlier statistics hold already"), NULL },
    { "print-config", 0, 0, G_OPTION_ARG_NONE, &arguments->print_config, N_("Print all options as such a file, and do nothing else"), NULL },
  };
  g_autoptr (GArray) entries = g_array_new (TRUE, TRUE, sizeof (GOptionEntry));

  tn_option_flags_add (&arguments->flags, tn_calibrate_option_get, entries);
  g_array_append_vals (entries, own, G_N_ELEMENTS (own));
  return (GOptionEntry *) (gpointer) g_array_free (g_steal_pointer (&entries), FALSE);
}

/* --stop-when-stable may stand without its number, and GOption would take the next word for it. */
static void
complete_stop_flag (int argc, char **argv)
{
  for (int i = 1; i < argc && strcmp (argv[i], "--") != 0; i++)
    if (strcmp (argv[i], STOP_FLAG) == 0 && (i + 1 == argc || !g_ascii_isdigit (argv[i + 1][0]) || g_file_test (argv[i + 1], G_FILE_TEST_EXISTS)))
      argv[i] = (char *) STOP_FLAG "=" G_STRINGIFY (TN_DEFAULT_TOLERANCE_PERCENT) "%";
}

/* The text that a flag of the table gave; NULL: none. */
static const char *
get_given (const TnCommand *command, const CalibrateArguments *arguments, guint index, const char *name)
{
  if (strcmp (name, "model") == 0)
    return command->n_arguments > 0 ? command->arguments[0] : NULL;
  if (strcmp (name, "tokenizer") == 0)
    return command->tokenizer;
  if (strcmp (name, "seed") == 0)
    return command->seed_text;
  if (strcmp (name, "memory-limit") == 0)
    return command->memory_limit;
  return arguments->flags.values[index];
}

static TnCalibrateOptions *
make_options (const TnCommand *command, const CalibrateArguments *arguments, GError **error)
{
  g_autoptr (TnCalibrateOptions) options = tn_calibrate_options_new ();
  const TnOption *option;

  if (arguments->config != NULL && !tn_calibrate_options_load (options, arguments->config, error))
    return NULL;
  if (options->memory_limit > 0 && command->memory_limit == NULL)
    {
      g_autofree char *size = g_strdup_printf ("%" PRIu64, options->memory_limit);
      g_autofree char *origin = g_strdup_printf ("%s: memory-limit", arguments->config);

      if (!tn_command_set_memory_limit (origin, size, error))
        return NULL;
    }
  for (guint i = 0; (option = tn_calibrate_option_get (i)) != NULL; i++)
    {
      const char *given[] = { get_given (command, arguments, i, option->name), NULL };
      const char *const *values = option->list ? (const char *const *) arguments->flags.lists[i] : given;
      g_autofree char *origin = g_strconcat (strcmp (option->name, "model") == 0 ? "" : "--", option->name, NULL);

      if (values != NULL && values[0] != NULL && !tn_calibrate_options_set (options, origin, option->name, values, error))
        return NULL;
    }
  options->resume = arguments->resume;
  options->no_cache = arguments->no_cache;
  return arguments->print_config || tn_calibrate_options_check (options, error) ? g_steal_pointer (&options) : NULL;
}

static gboolean
print_json (const TnCalibrateResult *result, const TnCalibrateOptions *options, GError **error)
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
  tn_calibrate_report_add (result, builder);
  tn_calibrate_ranges_add (result->stats, options, builder);
  json_builder_end_object (builder);
  return tn_command_print_json (builder, error);
}

static void
print_text (const TnCalibrateResult *result, const TnCalibrateOptions *options)
{
  g_autofree char *memory = g_format_size_full (result->peak_rss_bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *size = g_format_size (result->stats_bytes);
  g_autofree char *samples = tn_count_text (result->samples), *tokens = tn_count_text (result->tokens);

  if (result->cached == NULL)
    g_print (_("%s sequences, %s tokens at %u sites in %.1f s (%.0f tokens/s), peak memory %s\n"), samples, tokens, result->sites, result->seconds, (double) (result->tokens - result->tokens_before) / result->seconds, memory);
  tn_calibrate_report_print (result);
  tn_calibrate_ranges_print (result->stats, options);
  g_print (_("statistics: %s (%s); ternion stats show tells what is in it\n"), result->out, size);
}

static TnExitStatus
run (TnCommand *command, const TnCalibrateOptions *options)
{
  g_autoptr (TnJob) job = NULL;
  TnCalibrateResult result = { NULL };
  TnExitStatus status;
  GError *error = NULL;

  if (!tn_command_open_workspace (command, &error))
    return tn_command_fail (command, error);
  tn_command_set_saves_on_interrupt ();
  job = tn_calibrate_job_new (options, command->workspace, &result);
  if (!tn_command_run_job (command, job, &error))
    {
      tn_calibrate_result_clear (&result);
      return tn_command_fail (command, error);
    }
  if (command->json ? !print_json (&result, options, &error) : (print_text (&result, options), FALSE))
    status = tn_command_fail (command, error);
  else
    status = tn_command_finish (command);
  tn_calibrate_result_clear (&result);
  return status;
}

TnExitStatus
tn_verb_calibrate (int argc, char **argv)
{
  g_auto (TnCommand) command = { NULL };
  g_auto (CalibrateArguments) arguments = { { { NULL } } };
  g_autofree GOptionEntry *entries = make_entries (&arguments);
  g_autoptr (TnCalibrateOptions) options = NULL;
  TnExitStatus status;
  GError *error = NULL;

  complete_stop_flag (argc, argv);
  if (!tn_command_parse (&command, argc, argv, "calibrate", _("MODEL --data PATH… | --tensors PATH…"), _("exact statistics of a model's activations on real data"), entries, 0,
                         1, &status))
    return status;
  options = make_options (&command, &arguments, &error);
  if (options == NULL)
    {
      gboolean usage = g_error_matches (error, TN_ERROR, TN_ERROR_ARGUMENT);

      status = usage ? tn_command_usage_error (&command, "%s", error->message) : TN_EXIT_FAILED;
      if (usage)
        g_error_free (error);
      else
        tn_command_fail (&command, error);
      return status;
    }
  if (arguments.print_config)
    {
      g_autofree char *text = tn_calibrate_options_print (options);

      g_print ("%s", text);
      return tn_command_finish (&command);
    }
  return run (&command, options);
}
