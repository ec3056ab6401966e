/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "app/programs/ternion/command.h"
#include "app/tasks/method-choice.h"
#include "data/files/atomic-file.h"
#include "data/statistics/stats-file.h"
#include "engine/error.h"

#define IMATRIX_CHUNK_SIZE 512

typedef struct
{
  char *format, *out, *dataset, *schemes, *method, *objective;
  int   chunk_size;
} StatsArguments;

static void
stats_arguments_clear (StatsArguments *self)
{
  g_free (self->format);
  g_free (self->out);
  g_free (self->dataset);
  g_free (self->schemes);
  g_free (self->method);
  g_free (self->objective);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (StatsArguments, stats_arguments_clear)

/* SQNR in dB of a site under each scheme; NaN when it saw nothing, or the method finds nothing. */
static void
print_sqnrs (const TnSiteStats *site, const TnParamsChoice *choice)
{
  for (guint i = 0; i < tn_params_choice_n_schemes (choice); i++)
    {
      TnScheme scheme = tn_params_choice_get_scheme (choice, i);
      TnQuantParams params = { .sqnr_db = NAN };

      tn_site_parameters (site, &scheme, &choice->method, &params, NULL, NULL);
      g_print (" %11.2f", params.sqnr_db);
    }
}

/* A line for each scheme and method that fits it. */
static void
print_searches (const TnSiteStats *site, const TnParamsChoice *choice)
{
  for (guint i = 0; i < tn_params_choice_n_schemes (choice); i++)
    for (TnMethod method = TN_METHOD_MINMAX; method < TN_N_METHODS; method++)
      {
        TnScheme scheme = tn_params_choice_get_scheme (choice, i);
        g_autofree char *name = tn_scheme_to_string (&scheme);
        TnMethodOptions options = { .method = method };
        TnQuantParams params;

        if (tn_site_parameters (site, &scheme, &options, &params, NULL, NULL))
          g_print (_("    %-12s %-11s scale %-12.6g zero point %-4d clip %-10.4g SQNR %.2f dB\n"), name, tn_method_get_name (method), params.scale,
                   params.zero_point, params.clip, params.sqnr_db);
      }
}

static void
print_site (const TnSiteStats *site, int name_width, const TnParamsChoice *choice)
{
  TnSiteSummary summary;

  tn_site_stats_summarize (site, &summary);
  g_print ("%-*s %6u %12" PRIu64 " %10.4g %10.4g %10.3g %9.4g %9.1f", name_width, site->name, site->width, summary.count, summary.min,
           summary.max, summary.mean, summary.std, summary.kurtosis);
  print_sqnrs (site, choice);
  if (summary.nonfinite > 0)
    g_print (_("  %" PRIu64 " not finite"), summary.nonfinite);
  if (site->oversize > 0)
    g_print (_("  %" PRIu64 " too large for the sums"), site->oversize);
  g_print ("\n");
}

static void
print_stats (const TnStats *stats, const char *path, const TnParamsChoice *choice)
{
  int name_width = 4;

  g_print (_("%s: %" PRIu64 " sequences, %" PRIu64 " tokens, %u sites%s\n"), path, stats->samples, stats->tokens, stats->sites->len,
           stats->partial ? _(" (partial: the run was cancelled)") : "");
  g_print (_("model %016" PRIx64 ", data %016" PRIx64 ", %s\n\n"), stats->model_fingerprint, stats->data_fingerprint, stats->backend);
  for (guint i = 0; i < stats->sites->len; i++)
    name_width = MAX (name_width, (int) strlen (((TnSiteStats *) g_ptr_array_index (stats->sites, i))->name));
  g_print ("%-*s %6s %12s %10s %10s %10s %9s %9s", name_width, _("site"), _("width"), _("values"), _("min"), _("max"), _("mean"), _("std"),
           _("kurtosis"));
  for (guint i = 0; i < tn_params_choice_n_schemes (choice); i++)
    {
      TnScheme scheme = tn_params_choice_get_scheme (choice, i);
      g_autofree char *scheme_name = tn_scheme_to_string (&scheme);
      g_autofree char *title = g_strdup_printf (_("%s dB"), scheme_name);

      g_print (" %11s", title);
    }
  g_print ("\n");
  for (guint i = 0; i < stats->sites->len; i++)
    {
      print_site (g_ptr_array_index (stats->sites, i), name_width, choice);
      if (choice->every_method)
        print_searches (g_ptr_array_index (stats->sites, i), choice);
    }
}

static gboolean
write_text (const char *text, const char *out, GError **error)
{
  if (out != NULL)
    return tn_atomic_file_set_contents (out, text, strlen (text), error);
  g_print ("%s%s", text, g_str_has_suffix (text, "\n") ? "" : "\n");
  return TRUE;
}

static gboolean
parse_choice (const StatsArguments *arguments, TnParamsChoice *choice, GError **error)
{
  TnMethodChoice method = { arguments->method, arguments->objective };

  *choice = TN_PARAMS_CHOICE_DEFAULT;
  if (g_strcmp0 (arguments->method, "all") == 0)
    {
      choice->every_method = TRUE;
      method.method = NULL;
    }
  if (!tn_method_choice_is_empty (&method) && !tn_method_choice_parse (&method, &choice->method, error))
    return FALSE;
  if (tn_method_options_need_output (&choice->method))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _("--method: %s needs the model's weights: ternion eval MODEL --stats STATS --method %s"),
                   tn_method_get_name (choice->method.method), tn_method_get_name (choice->method.method));
      return FALSE;
    }
  if (arguments->schemes == NULL)
    return TRUE;
  choice->schemes = tn_scheme_parse_list (arguments->schemes, error);
  for (guint i = 0; choice->schemes != NULL && i < choice->schemes->len; i++)
    if (g_array_index (choice->schemes, TnScheme, i).granularity != TN_PER_TENSOR || g_array_index (choice->schemes, TnScheme, i).kind == TN_SCHEME_BINARY)
      {
        g_autofree char *name = tn_scheme_to_string (&g_array_index (choice->schemes, TnScheme, i));

        g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _("%s is none of ternary and int2 to int8 with one scale for a site"), name);
        g_clear_pointer (&choice->schemes, g_array_unref);
      }
  if (choice->schemes == NULL)
    g_prefix_error (error, "--schemes: ");
  return choice->schemes != NULL;
}

static TnExitStatus
show (TnCommand *command, const StatsArguments *arguments)
{
  GError *error = NULL;
  g_autoptr (TnStats) stats = NULL;
  g_autoptr (GArray) schemes = NULL;
  TnParamsChoice choice;

  if (!parse_choice (arguments, &choice, &error))
    {
      TnExitStatus status = tn_command_usage_error (command, "%s", error->message);

      g_error_free (error);
      return status;
    }
  schemes = choice.schemes;
  if ((stats = tn_stats_load (command->arguments[1], &error)) == NULL)
    return tn_command_fail (command, error);
  if (command->json)
    {
      g_autofree char *json = tn_stats_to_json_by (stats, &choice);

      g_print ("%s\n", json);
    }
  else
    print_stats (stats, command->arguments[1], &choice);
  return tn_command_finish (command);
}

static TnExitStatus
merge (TnCommand *command, const StatsArguments *arguments)
{
  GError *error = NULL;
  g_autoptr (TnStats) all = NULL;

  if (arguments->out == NULL)
    return tn_command_usage_error (command, _("--out FILE is missing"));
  for (guint i = 1; i < command->n_arguments; i++)
    {
      g_autoptr (TnStats) stats = tn_stats_load (command->arguments[i], &error);

      if (stats == NULL)
        return tn_command_fail (command, error);
      if (all == NULL)
        all = g_steal_pointer (&stats);
      else if (!tn_stats_merge (all, stats, &error))
        {
          g_prefix_error (&error, _("%s cannot be added: "), command->arguments[i]);
          return tn_command_fail (command, error);
        }
    }
  if (!tn_stats_save (all, arguments->out, NULL, &error))
    return tn_command_fail (command, error);
  if (command->json)
    {
      g_autofree char *json = tn_stats_to_json (all);

      g_print ("%s\n", json);
    }
  else
    g_print (_("%s: %" PRIu64 " sequences, %" PRIu64 " tokens\n"), arguments->out, all->samples, all->tokens);
  return tn_command_finish (command);
}

static TnExitStatus
export (TnCommand *command, const StatsArguments *arguments)
{
  GError *error = NULL;
  const char *format = arguments->format != NULL ? arguments->format : "json";
  const char *dataset = arguments->dataset != NULL ? arguments->dataset : "";
  g_autoptr (TnStats) stats = tn_stats_load (command->arguments[1], &error);
  g_autofree char *text = NULL;
  gboolean ok;

  if (stats == NULL)
    return tn_command_fail (command, error);
  if (g_str_has_prefix (format, "imatrix") && arguments->out == NULL)
    return tn_command_usage_error (command, _("--out FILE is missing"));
  if (strcmp (format, "json") == 0)
    ok = write_text (text = tn_stats_to_json (stats), arguments->out, &error);
  else if (strcmp (format, "csv") == 0)
    ok = write_text (text = tn_stats_to_csv (stats), arguments->out, &error);
  else if (strcmp (format, "imatrix") == 0)
    ok = tn_stats_export_imatrix (stats, arguments->out, (guint) arguments->chunk_size, dataset, &error);
  else if (strcmp (format, "imatrix-dat") == 0)
    ok = tn_stats_export_imatrix_legacy (stats, arguments->out, (guint) arguments->chunk_size, dataset, &error);
  else
    return tn_command_usage_error (command, _("--format: “%s” is none of json, csv, imatrix, imatrix-dat"), format);
  return ok ? tn_command_finish (command) : tn_command_fail (command, error);
}

TnExitStatus
tn_verb_stats (int argc, char **argv)
{
  static const struct { const char *name; guint least; guint most; TnExitStatus (*run) (TnCommand *, const StatsArguments *); } actions[] = {
    { "show", 2, 2, show }, { "merge", 3, G_MAXUINT, merge }, { "export", 2, 2, export },
  };
  g_auto (TnCommand) command = { NULL };
  g_auto (StatsArguments) arguments = { .chunk_size = IMATRIX_CHUNK_SIZE };
  const GOptionEntry entries[] = {
    { "format", 0, 0, G_OPTION_ARG_STRING, &arguments.format, N_("export: json, csv, imatrix (GGUF) or imatrix-dat (legacy)"), N_("NAME") },
    { "schemes", 0, 0, G_OPTION_ARG_STRING, &arguments.schemes, N_("show: schemes to find parameters for, such as int8,int4:asym,ternary (int8,int4)"), N_("LIST") },
    { "method", 0, 0, G_OPTION_ARG_STRING, &arguments.method, N_("show: how: minmax, percentile or p99.9, ema, mse, mse2.4, kl, aciq, octav, auto, all (mse)"), N_("METHOD") },
    { "objective", 0, 0, G_OPTION_ARG_STRING, &arguments.objective, N_("show: what --method auto makes least: mse or kl (mse)"), N_("NAME") },
    { "out", 0, 0, G_OPTION_ARG_FILENAME, &arguments.out, N_("File to write"), N_("FILE") },
    { "chunk-size", 0, 0, G_OPTION_ARG_INT, &arguments.chunk_size, N_("imatrix: tokens a chunk (512)"), "N" },
    { "dataset", 0, 0, G_OPTION_ARG_STRING, &arguments.dataset, N_("imatrix: name of the data to write into it"), N_("NAME") },
    { NULL },
  };
  TnExitStatus status;

  if (!tn_command_parse (&command, argc, argv, "stats", _("show|merge|export STATS…"), _("show, merge and export statistics files"), entries, 1, G_MAXUINT, &status))
    return status;
  if (arguments.chunk_size < 1)
    return tn_command_usage_error (&command, _("--chunk-size: %d is less than 1"), arguments.chunk_size);
  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    if (strcmp (command.arguments[0], actions[i].name) == 0)
      {
        if (command.n_arguments < actions[i].least || command.n_arguments > actions[i].most)
          return tn_command_usage_error (&command, actions[i].least == 2 ? _("%s takes one statistics file") : _("%s takes two statistics files or more"), actions[i].name);
        return actions[i].run (&command, &arguments);
      }
  return tn_command_usage_error (&command, _("“%s” is none of show, merge, export"), command.arguments[0]);
}
