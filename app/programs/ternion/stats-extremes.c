/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>

#include "app/programs/ternion/stats.h"
#include "app/tasks/trace-extreme.h"
#include "data/models/model-file.h"

#define CONTEXT_TOKENS 12
#define DEFAULT_SEQ_LEN 512

/* An extreme and the site it is of. */
typedef struct
{
  const TnSiteStats *site;
  const char *kind;
} Origin;

static void
add_extreme (GArray *extremes, GArray *origins, const TnSiteStats *site, const TnExtreme *extreme, const char *kind)
{
  const Origin origin = { site, kind };

  g_array_append_val (extremes, *extreme);
  g_array_append_val (origins, origin);
}

static void
list_site (GArray *extremes, GArray *origins, const TnSiteStats *site)
{
  if (!site->has_extremes)
    return;
  add_extreme (extremes, origins, site, &site->min, "min");
  add_extreme (extremes, origins, site, &site->max, "max");
  for (guint i = 0; i < site->n_largest; i++)
    add_extreme (extremes, origins, site, &site->largest[i], "largest");
}

static gboolean
find_seq_len (const char *model_path, int given, guint *seq_len, GError **error)
{
  g_autoptr (TnModelFile) file = NULL;
  g_autoptr (TnModel) model = NULL;

  *seq_len = (guint) given;
  if (given > 0)
    return TRUE;
  file = tn_model_file_open (model_path, error);
  model = file != NULL ? tn_model_file_load (file, error) : NULL;
  if (model == NULL)
    return FALSE;
  *seq_len = MIN (DEFAULT_SEQ_LEN, tn_model_get_config (model)->n_context);
  return TRUE;
}

static void
print_traced (const Origin *origin, const TnTracedExtreme *traced)
{
  g_print (_("%s %s %.6g: sequence %016" PRIx64 ", token %u, channel %u\n"), origin->site->name, origin->kind, (double) traced->extreme.value,
           traced->extreme.sample, traced->extreme.token, traced->extreme.channel);
  if (!traced->found)
    g_print (_("    not in these data\n"));
  else
    {
      g_autofree char *text = g_strdup_printf ("%s»%s«%s", traced->before, traced->token, traced->after);

      g_strdelimit (text, "\n\r\t", ' ');
      g_print (traced->in_tokens ? _("    %s, token %" PRIu64 ": %s\n") : _("    %s, byte %" PRIu64 ": %s\n"), traced->path, traced->offset, text);
    }
}

static void
add_json (JsonBuilder *builder, const Origin *origin, const TnTracedExtreme *traced)
{
  json_builder_begin_object (builder);
  tn_json_add_string (builder, "site", origin->site->name);
  tn_json_add_string (builder, "kind", origin->kind);
  tn_json_add_double (builder, "value", (double) traced->extreme.value);
  tn_json_add_hash (builder, "sample", traced->extreme.sample);
  tn_json_add_count (builder, "token", traced->extreme.token);
  tn_json_add_count (builder, "channel", traced->extreme.channel);
  tn_json_add_bool (builder, "found", traced->found);
  if (traced->found)
    {
      tn_json_add_string (builder, "path", traced->path);
      tn_json_add_count (builder, "offset", traced->offset);
      tn_json_add_string (builder, "unit", traced->in_tokens ? "tokens" : "bytes");
      tn_json_add_string (builder, "before", traced->before);
      tn_json_add_string (builder, "text", traced->token);
      tn_json_add_string (builder, "after", traced->after);
    }
  json_builder_end_object (builder);
}

TnExitStatus
tn_stats_run_extremes (TnCommand *command, const TnStatsArguments *arguments, const TnStats *stats, const TnSiteStats *only)
{
  GError *error = NULL;
  g_autoptr (GArray) extremes = g_array_new (FALSE, FALSE, sizeof (TnExtreme));
  g_autoptr (GArray) origins = g_array_new (FALSE, FALSE, sizeof (Origin));
  g_autoptr (TnCalibrateOptions) options = tn_calibrate_options_new ();
  g_autoptr (GPtrArray) traced = NULL;
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  if (arguments->model == NULL || arguments->data == NULL)
    return tn_command_usage_error (command, _("--extremes: --model MODEL and --data PATH are needed"));
  for (guint i = 0; i < stats->sites->len; i++)
    if (only == NULL || g_ptr_array_index (stats->sites, i) == only)
      list_site (extremes, origins, g_ptr_array_index (stats->sites, i));
  g_free (options->model_path);
  options->model_path = g_strdup (arguments->model);
  g_strfreev (options->data_paths);
  options->data_paths = g_strdupv (arguments->data);
  g_free (options->tokenizer_path);
  options->tokenizer_path = g_strdup (command->tokenizer);
  if (!find_seq_len (arguments->model, arguments->seq_len, &options->sampling.seq_len, &error) ||
      (traced = tn_trace_extremes (options, (const TnExtreme *) (gpointer) extremes->data, extremes->len, CONTEXT_TOKENS, &command->listener,
                                   command->cancellable, &error)) == NULL)
    return tn_command_fail (command, error);
  tn_command_end_progress (command);
  if (!command->json)
    {
      for (guint i = 0; i < traced->len; i++)
        print_traced (&g_array_index (origins, Origin, i), g_ptr_array_index (traced, i));
      return tn_command_finish (command);
    }
  json_builder_begin_array (builder);
  for (guint i = 0; i < traced->len; i++)
    add_json (builder, &g_array_index (origins, Origin, i), g_ptr_array_index (traced, i));
  json_builder_end_array (builder);
  return tn_command_print_json (builder, &error) ? tn_command_finish (command) : tn_command_fail (command, error);
}
