/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "app/programs/ternion/stats.h"
#include "app/tasks/method-choice.h"
#include "data/files/count-text.h"
#include "data/statistics/stats-file.h"
#include "engine/error.h"

#define IMATRIX_CHUNK_SIZE 512

static void
stats_arguments_clear (TnStatsArguments *self)
{
  g_free (self->format);
  g_free (self->out);
  g_free (self->dataset);
  g_free (self->schemes);
  g_free (self->method);
  g_free (self->objective);
  g_free (self->names);
  g_free (self->site);
  g_free (self->percentiles);
  g_free (self->outliers);
  g_free (self->model);
  g_strfreev (self->data);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TnStatsArguments, stats_arguments_clear)

/* The fingerprint of data is the sum of their sequences' hashes. seen: of those before, with their paths. */
static gboolean
check_new_data (GHashTable *seen, const TnStats *stats, const char *path, GError **error)
{
  const char *before = stats->samples > 0 ? g_hash_table_lookup (seen, &stats->data_fingerprint) : NULL;

  if (before == NULL)
    {
      g_hash_table_insert (seen, g_memdup2 (&stats->data_fingerprint, sizeof (guint64)), (gpointer) path);
      return TRUE;
    }
  g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH, _("data fingerprint %016" PRIx64 " found, that of %s: the same sequences would count twice"),
               stats->data_fingerprint, before);
  return FALSE;
}

static gboolean
has_moving_ranges (const TnStats *stats)
{
  for (guint i = 0; i < stats->sites->len; i++)
    if (((const TnSiteStats *) g_ptr_array_index (stats->sites, i))->moving.decay > 0.0)
      return TRUE;
  return FALSE;
}

static TnExitStatus
merge (TnCommand *command, const TnStatsArguments *arguments)
{
  GError *error = NULL;
  g_autoptr (TnStats) all = NULL;
  gboolean had_moving_ranges = FALSE;
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);

  if (arguments->out == NULL)
    return tn_command_usage_error (command, _("--out FILE is missing"));
  for (guint i = 1; i < command->n_arguments; i++)
    {
      g_autoptr (TnStats) stats = tn_stats_load (command->arguments[i], &error);

      if (stats == NULL)
        return tn_command_fail (command, error);
      had_moving_ranges = had_moving_ranges || has_moving_ranges (stats);
      if (check_new_data (seen, stats, command->arguments[i], &error) && all == NULL)
        all = g_steal_pointer (&stats);
      else if (error != NULL || !tn_stats_merge (all, stats, &error))
        {
          g_prefix_error (&error, _("%s cannot be added: "), command->arguments[i]);
          return tn_command_fail (command, error);
        }
    }
  if (had_moving_ranges && !has_moving_ranges (all))
    tn_listener_event (&command->listener, "info", _("moving ranges depend on the order of sequences and do not merge: they are left out"));
  if (!tn_stats_save (all, arguments->out, NULL, &error))
    return tn_command_fail (command, error);
  if (command->json)
    {
      g_autofree char *json = tn_stats_to_json (all);

      g_print ("%s\n", json);
    }
  else
    {
      g_autofree char *samples = tn_count_text (all->samples), *tokens = tn_count_text (all->tokens);

      g_print (_("%s: %s sequences, %s tokens\n"), arguments->out, samples, tokens);
    }
  return tn_command_finish (command);
}

TnExitStatus
tn_verb_stats (int argc, char **argv)
{
  static const struct { const char *name; guint least; guint most; TnExitStatus (*run) (TnCommand *, const TnStatsArguments *); } actions[] = {
    { "show", 2, 2, tn_stats_run_show }, { "merge", 3, G_MAXUINT, merge }, { "diff", 3, 3, tn_stats_run_diff }, { "export", 2, 2, tn_stats_run_export },
  };
  g_auto (TnCommand) command = { NULL };
  g_auto (TnStatsArguments) arguments = { .chunk_size = IMATRIX_CHUNK_SIZE, .channel = -1 };
  const GOptionEntry entries[] = {
    { "format", 0, 0, G_OPTION_ARG_STRING, &arguments.format, N_("export: json, csv, npz, imatrix (GGUF), imatrix-dat (legacy), onnx or safetensors; diff: text or csv"), N_("NAME") },
    { "schemes", 0, 0, G_OPTION_ARG_STRING, &arguments.schemes, N_("show: schemes to find parameters for, such as int8,int4:asym,ternary (int8,int4)"), N_("LIST") },
    { "method", 0, 0, G_OPTION_ARG_STRING, &arguments.method, N_("show: how: minmax, percentile or p99.9, ema, mse, mse2.4, kl, aciq, octav, auto, all (mse)"), N_("METHOD") },
    { "objective", 0, 0, G_OPTION_ARG_STRING, &arguments.objective, N_("show: what --method auto makes least: mse or kl (mse)"), N_("NAME") },
    { "site", 0, 0, G_OPTION_ARG_STRING, &arguments.site, N_("show: one site in full"), N_("NAME") },
    { "percentiles", 0, 0, G_OPTION_ARG_STRING, &arguments.percentiles, N_("show: which, such as 1,50,99.99 (0.1,1,5,25,50,75,95,99,99.9)"), N_("LIST") },
    { "outliers", 0, 0, G_OPTION_ARG_STRING, &arguments.outliers, N_("show: only this rule: sigma, iqr, modified-z or tail (all)"), N_("RULE") },
    { "intervals", 0, 0, G_OPTION_ARG_NONE, &arguments.intervals, N_("show: with --json, intervals of percentiles and SQNR too"), NULL },
    { "channels", 0, 0, G_OPTION_ARG_NONE, &arguments.channels, N_("show: every channel of the site, or of all sites with --json"), NULL },
    { "channel", 0, 0, G_OPTION_ARG_INT, &arguments.channel, N_("show: one channel of the site in full"), "N" },
    { "extremes", 0, 0, G_OPTION_ARG_NONE, &arguments.extremes, N_("show: the text that the extremes of the site, or of all, came from; with --model and --data"), NULL },
    { "model", 0, 0, G_OPTION_ARG_FILENAME, &arguments.model, N_("extremes: the model that was calibrated"), N_("MODEL") },
    { "data", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments.data, N_("extremes: the data it was calibrated on; may be repeated"), N_("PATH") },
    { "seq-len", 0, 0, G_OPTION_ARG_INT, &arguments.seq_len, N_("extremes: the longest sequence then (512 or the model's context)"), "N" },
    { "out", 0, 0, G_OPTION_ARG_FILENAME, &arguments.out, N_("File to write"), N_("FILE") },
    { "chunk-size", 0, 0, G_OPTION_ARG_INT, &arguments.chunk_size, N_("imatrix: tokens a chunk (512)"), "N" },
    { "summary", 0, 0, G_OPTION_ARG_NONE, &arguments.summary, N_("safetensors: a smaller file that can be shown, compared and used, not merged"), NULL },
    { "names", 0, 0, G_OPTION_ARG_FILENAME, &arguments.names, N_("onnx: key file with the names of the graph's tensors"), N_("FILE") },
    { "dataset", 0, 0, G_OPTION_ARG_STRING, &arguments.dataset, N_("imatrix: name of the data to write into it"), N_("NAME") },
    { NULL },
  };
  TnExitStatus status;

  if (!tn_command_parse (&command, argc, argv, "stats", _("show|merge|diff|export STATS…"), _("show, merge, compare and export statistics files"), entries, 1, G_MAXUINT, &status))
    return status;
  if (arguments.chunk_size < 1)
    return tn_command_usage_error (&command, _("--chunk-size: %d is less than 1"), arguments.chunk_size);
  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    if (strcmp (command.arguments[0], actions[i].name) == 0)
      {
        if (command.n_arguments < actions[i].least || command.n_arguments > actions[i].most)
          return tn_command_usage_error (&command, actions[i].least == 2 ? _("%s takes one statistics file") : actions[i].most == 3 ? _("%s takes two statistics files") : _("%s takes two statistics files or more"), actions[i].name);
        return actions[i].run (&command, &arguments);
      }
  return tn_command_usage_error (&command, _("“%s” is none of show, merge, diff, export"), command.arguments[0]);
}
