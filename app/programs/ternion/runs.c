/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "app/programs/ternion/command.h"
#include "app/tasks/train-source.h"
#include "data/export/model-copy.h"
#include "data/files/atomic-file.h"
#include "data/workspace/import.h"
#include "engine/error.h"
#include "engine/number-text.h"

static const char *
state_name (TnRunState state)
{
  static const char *const names[] = { "running", "paused", "done", "failed", "cancelled", "lost" };

  return (guint) state < G_N_ELEMENTS (names) ? names[state] : "unknown";
}

static void
add_run (JsonBuilder *builder, const TnRunRow *run)
{
  json_builder_begin_object (builder);
  tn_json_add_integer (builder, "id", run->id);
  tn_json_add_string (builder, "verb", run->verb);
  tn_json_add_string (builder, "title", run->title);
  tn_json_add_string (builder, "state", state_name (run->state));
  tn_json_add_double (builder, "done", run->done);
  tn_json_add_double (builder, "total", run->total);
  tn_json_add_string (builder, "unit", run->unit);
  tn_json_add_double (builder, "rate", run->rate);
  tn_json_add_integer (builder, "rss_bytes", (gint64) run->rss_bytes);
  tn_json_add_string (builder, "message", run->message);
  tn_json_add_string (builder, "output", run->output);
  tn_json_add_integer (builder, "started_us", run->started_us);
  tn_json_add_integer (builder, "updated_us", run->updated_us);
  tn_json_add_integer (builder, "pid", run->pid);
}

static gboolean
list_json (const GPtrArray *runs, GError **error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (guint i = 0; i < runs->len; i++)
    {
      add_run (builder, g_ptr_array_index (runs, i));
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  return tn_command_print_json (builder, error);
}

static void
list_text (const GPtrArray *runs)
{
  g_print ("%5s  %-16s  %-9s  %9s  %s\n", _("run"), _("started"), _("state"), _("progress"), _("title"));
  for (guint i = 0; i < runs->len; i++)
    {
      const TnRunRow *run = g_ptr_array_index (runs, i);
      g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (run->started_us / G_USEC_PER_SEC);
      g_autofree char *started = g_date_time_format (time, "%Y-%m-%d %H:%M");
      g_autofree char *progress = run->total > 0.0 ? g_strdup_printf ("%.0f %%", 100.0 * run->done / run->total) : g_strdup ("-");

      g_print ("%5" G_GINT64_FORMAT "  %-16s  %-9s  %9s  %s%s%s\n", run->id, started, state_name (run->state), progress, run->title,
               run->message != NULL ? ": " : "", run->message != NULL ? run->message : "");
    }
}

static gboolean
show_json (TnWorkspace *workspace, const TnRunRow *run, GError **error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_auto (GStrv) names = tn_workspace_list_series (workspace, run->id, error);

  if (names == NULL)
    return FALSE;
  add_run (builder, run);
  json_builder_set_member_name (builder, "series");
  json_builder_begin_object (builder);
  for (char **name = names; *name != NULL; name++)
    {
      g_autoptr (GArray) steps = g_array_new (FALSE, FALSE, sizeof (gint64));
      g_autoptr (GArray) values = g_array_new (FALSE, FALSE, sizeof (double));

      if (!tn_workspace_read_series (workspace, run->id, *name, steps, values, error))
        return FALSE;
      json_builder_set_member_name (builder, *name);
      json_builder_begin_array (builder);
      for (guint i = 0; i < steps->len; i++)
        {
          json_builder_begin_array (builder);
          json_builder_add_int_value (builder, g_array_index (steps, gint64, i));
          tn_json_add_double (builder, NULL, g_array_index (values, double, i));
          json_builder_end_array (builder);
        }
      json_builder_end_array (builder);
    }
  json_builder_end_object (builder);
  json_builder_end_object (builder);
  return tn_command_print_json (builder, error);
}

/* Points of one series. */
typedef struct
{
  GArray *steps, *values;
} Points;

static void
points_clear (Points *self)
{
  g_clear_pointer (&self->steps, g_array_unref);
  g_clear_pointer (&self->values, g_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Points, points_clear)

static gboolean
read_points (TnWorkspace *workspace, gint64 run, const char *name, Points *points, GError **error)
{
  points->steps = g_array_new (FALSE, FALSE, sizeof (gint64));
  points->values = g_array_new (FALSE, FALSE, sizeof (double));
  return tn_workspace_read_series (workspace, run, name, points->steps, points->values, error);
}

/* The last value, the least and the most with the steps they were at: which of the two is the best, the series' name says. */
static void
print_points (const char *name, const Points *points)
{
  guint n = points->steps->len, least = 0, most = 0;
  const double *values = (const double *) (gconstpointer) points->values->data;
  const gint64 *steps = (const gint64 *) (gconstpointer) points->steps->data;

  for (guint i = 1; i < n; i++)
    {
      if (isnan (values[least]) || values[i] < values[least])
        least = i;
      if (isnan (values[most]) || values[i] > values[most])
        most = i;
    }
  if (n > 0)
    g_print ("%-36s %8u  %12.6g  %12.6g (%" G_GINT64_FORMAT ")  %12.6g (%" G_GINT64_FORMAT ")\n", name, n, values[n - 1], values[least], steps[least],
             values[most], steps[most]);
}

static gboolean
show_text (TnWorkspace *workspace, const TnRunRow *run, GError **error)
{
  g_auto (GStrv) names = tn_workspace_list_series (workspace, run->id, error);
  g_autoptr (GPtrArray) events = names != NULL ? tn_workspace_list_events (workspace, run->id, error) : NULL;

  if (events == NULL)
    return FALSE;
  g_print ("%" G_GINT64_FORMAT "  %s  %s%s%s\n", run->id, run->title, state_name (run->state), run->message != NULL ? ": " : "",
           run->message != NULL ? run->message : "");
  if (run->output != NULL)
    g_print ("%s\n", run->output);
  for (guint i = 0; i < events->len; i++)
    {
      const TnEventRow *event = g_ptr_array_index (events, i);

      g_print ("%-7s  %s\n", event->kind, event->text);
    }
  if (names[0] != NULL)
    g_print ("\n%-36s %8s  %12s  %s\n", _("series"), _("points"), _("last"), _("least (at) and most (at)"));
  for (char **name = names; *name != NULL; name++)
    {
      g_auto (Points) points = { NULL };

      if (!read_points (workspace, run->id, *name, &points, error))
        return FALSE;
      print_points (*name, &points);
    }
  return TRUE;
}

static gboolean
find_run (TnCommand *command, gint64 *id, GError **error)
{
  char *end;

  if (command->n_arguments < 2)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _("which run? ternion runs list shows their numbers"));
      return FALSE;
    }
  *id = g_ascii_strtoll (command->arguments[1], &end, 10);
  if (*end == '\0' && end != command->arguments[1])
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _("“%s” is not the number of a run"), command->arguments[1]);
  return FALSE;
}

static gboolean
list_runs (TnCommand *command, GError **error)
{
  g_autoptr (GPtrArray) runs = tn_workspace_list_runs (command->workspace, 0, error);

  if (runs == NULL)
    return FALSE;
  if (command->json)
    return list_json (runs, error);
  list_text (runs);
  return TRUE;
}

static gboolean
show_run (TnCommand *command, GError **error)
{
  g_autoptr (TnRunRow) run = NULL;
  gint64 id;

  if (!find_run (command, &id, error) || (run = tn_workspace_get_run (command->workspace, id, error)) == NULL)
    return FALSE;
  return command->json ? show_json (command->workspace, run, error) : show_text (command->workspace, run, error);
}

/* Names of series hold no quotes, but a comma they may. */
static void
append_csv (GString *text, const char *name, const Points *points)
{
  for (guint i = 0; i < points->steps->len; i++)
    {
      double value = g_array_index (points->values, double, i);
      g_autofree char *number = isfinite (value) ? tn_number_to_text (value) : g_strdup ("");

      g_string_append_printf (text, "\"%s\",%" G_GINT64_FORMAT ",%s\n", name, g_array_index (points->steps, gint64, i), number);
    }
}

static gboolean
export_run (TnCommand *command, const char *out, GError **error)
{
  g_autoptr (TnRunRow) run = NULL;
  g_autoptr (GString) text = g_string_new ("series,step,value\n");
  g_auto (GStrv) names = NULL;
  gint64 id;

  if (!find_run (command, &id, error) || (run = tn_workspace_get_run (command->workspace, id, error)) == NULL ||
      (names = tn_workspace_list_series (command->workspace, id, error)) == NULL)
    return FALSE;
  for (char **name = names; *name != NULL; name++)
    {
      g_auto (Points) points = { NULL };

      if (!read_points (command->workspace, id, *name, &points, error))
        return FALSE;
      append_csv (text, *name, &points);
    }
  if (out != NULL)
    return tn_atomic_file_set_contents (out, text->str, text->len, error);
  g_print ("%s", text->str);
  return TRUE;
}

/* The folder that the training of RUN, a number or a folder, ended with. */
static char *
find_model (TnCommand *command, GError **error)
{
  TnTrainOptions *options;
  char *folder;

  if (command->n_arguments < 2)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _("which run? ternion runs list shows their numbers"));
      return NULL;
    }
  folder = g_build_filename (command->arguments[1], "model", NULL);
  if (g_file_test (folder, G_FILE_TEST_IS_DIR))
    return folder;
  g_free (folder);
  options = tn_train_find_run (command->workspace, command->arguments[1], error);
  if (options == NULL)
    return NULL;
  folder = g_build_filename (options->out_path, "model", NULL);
  tn_train_options_free (options);
  if (g_file_test (folder, G_FILE_TEST_IS_DIR))
    return folder;
  g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _("%s: the run has no model yet: ternion train --resume %s ends it"), folder, command->arguments[1]);
  g_free (folder);
  return NULL;
}

static gboolean
export_model (TnCommand *command, const char *to, const char *type, GError **error)
{
  static const struct { const char *name; TnDtype dtype; } types[] = { { "F32", TN_DTYPE_F32 }, { "F16", TN_DTYPE_F16 }, { "BF16", TN_DTYPE_BF16 } };
  g_autofree char *from = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    if (g_ascii_strcasecmp (type, types[i].name) == 0)
      {
        from = find_model (command, error);
        if (from == NULL || !tn_trained_model_copy (from, to, types[i].dtype, error))
          return FALSE;
        g_print ("%s\n", to);
        return TRUE;
      }
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _("--type: “%s” is none of F32, F16, BF16"), type);
  return FALSE;
}

static const char *
outcome_name (TnImportOutcome outcome)
{
  static const char *const names[] = { "added", "replaced", "kept" };

  return names[outcome];
}

static gboolean
print_imported (TnCommand *command, const GArray *imported, GError **error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (guint i = 0; i < imported->len; i++)
    {
      const TnImportedRun *run = &g_array_index (imported, TnImportedRun, i);

      if (!command->json)
        {
          g_print (run->outcome == TN_IMPORT_ADDED      ? _("run %" PRId64 " there is run %" PRId64 " here\n")
                   : run->outcome == TN_IMPORT_REPLACED ? _("run %" PRId64 " there is run %" PRId64 " here, now as it stands there\n")
                                                        : _("run %" PRId64 " there is run %" PRId64 " here already\n"),
                   run->from, run->to);
          continue;
        }
      json_builder_begin_object (builder);
      tn_json_add_integer (builder, "from", run->from);
      tn_json_add_integer (builder, "to", run->to);
      tn_json_add_string (builder, "outcome", outcome_name (run->outcome));
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  return !command->json || tn_command_print_json (builder, error);
}

static gboolean
import_runs (TnCommand *command, GError **error)
{
  g_autoptr (GArray) wanted = g_array_new (FALSE, FALSE, sizeof (gint64)), imported = NULL;

  if (command->n_arguments < 2)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _("which workspace? ternion runs import WORKSPACE.db [RUN…]"));
      return FALSE;
    }
  for (guint i = 2; i < command->n_arguments; i++)
    {
      gint64 id;

      if (!g_ascii_string_to_signed (command->arguments[i], 10, 1, G_MAXINT64, &id, NULL))
        {
          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _("“%s” is not the number of a run"), command->arguments[i]);
          return FALSE;
        }
      g_array_append_val (wanted, id);
    }
  imported = tn_workspace_import (command->workspace, command->arguments[1], wanted->len > 0 ? wanted : NULL, error);
  return imported != NULL && print_imported (command, imported, error);
}

static gboolean
request (TnCommand *command, TnRequest what, GError **error)
{
  gint64 id;

  return find_run (command, &id, error) && tn_workspace_post_request (command->workspace, id, what, error);
}

typedef struct
{
  char *out, *model, *type;
} RunsArguments;

static void
runs_arguments_clear (RunsArguments *self)
{
  g_free (self->out);
  g_free (self->model);
  g_free (self->type);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (RunsArguments, runs_arguments_clear)

/* NULL: they go together. */
static const char *
find_misuse (const TnCommand *command, const RunsArguments *arguments, const char *action)
{
  gboolean exports = strcmp (action, "export") == 0;

  if (arguments->out != NULL && (!exports || command->json))
    return _("--out goes with export, without --json");
  if (arguments->model != NULL && (!exports || command->json || arguments->out != NULL))
    return _("--model goes with export, without --out and --json");
  if (arguments->type != NULL && arguments->model == NULL)
    return _("--type goes with --model");
  if (strcmp (action, "branch") == 0)
    return _("branch comes first: ternion runs branch RUN|CHECKPOINT --out DIR");
  return NULL;
}

static gboolean
act (TnCommand *command, const RunsArguments *arguments, const char *action, GError **error)
{
  if (strcmp (action, "list") == 0)
    return list_runs (command, error);
  if (strcmp (action, "show") == 0)
    return show_run (command, error);
  if (strcmp (action, "export") == 0 && arguments->model != NULL)
    return export_model (command, arguments->model, arguments->type != NULL ? arguments->type : "F32", error);
  if (strcmp (action, "export") == 0)
    return command->json ? show_run (command, error) : export_run (command, arguments->out, error);
  if (strcmp (action, "import") == 0)
    return import_runs (command, error);
  if (strcmp (action, "pause") == 0)
    return request (command, TN_REQUEST_PAUSE, error);
  if (strcmp (action, "resume") == 0)
    return request (command, TN_REQUEST_RESUME, error);
  return request (command, TN_REQUEST_CANCEL, error);
}

TnExitStatus
tn_verb_runs (int argc, char **argv)
{
  static const char *const actions[] = { "list", "show", "export", "import", "branch", "pause", "resume", "cancel", NULL };
  g_auto (TnCommand) command = { NULL };
  g_auto (RunsArguments) arguments = { NULL };
  const GOptionEntry entries[] = {
    { "out", 0, 0, G_OPTION_ARG_FILENAME, &arguments.out, N_("export: write to this file (standard output)"), N_("FILE") },
    { "model", 0, 0, G_OPTION_ARG_FILENAME, &arguments.model, N_("export: write the model that the run, its number or folder, ended with, into this folder, instead of series"), N_("DIR") },
    { "type", 0, 0, G_OPTION_ARG_STRING, &arguments.type, N_("export: what the model's weights are stored in: F32, F16 or BF16 (F32)"), N_("TYPE") },
    { NULL },
  };
  const char *action, *misuse;
  TnExitStatus status;
  GError *error = NULL;
  guint most;

  if (argc > 1 && strcmp (argv[1], "branch") == 0)
    return tn_runs_branch (argc - 1, argv + 1);
  if (!tn_command_parse (&command, argc, argv, "runs",
                         _("[list | show RUN | export RUN | import WORKSPACE.db [RUN…] | branch RUN|CHECKPOINT | pause RUN | resume RUN | cancel RUN]"),
                         _("runs recorded in the workspace"), entries, 0, G_MAXUINT, &status))
    return status;
  action = command.n_arguments > 0 ? command.arguments[0] : "list";
  if (!g_strv_contains (actions, action))
    return tn_command_usage_error (&command, _("“%s” is none of list, show, export, import, branch, pause, resume, cancel"), action);
  most = strcmp (action, "import") == 0 ? G_MAXUINT : strcmp (action, "list") == 0 ? 1 : 2;
  if (command.n_arguments > most)
    return tn_command_usage_error (&command, _("“%s” is one argument too many"), command.arguments[most]);
  misuse = find_misuse (&command, &arguments, action);
  if (misuse != NULL)
    return tn_command_usage_error (&command, "%s", misuse);
  if ((command.workspace = tn_workspace_open (command.workspace_path, &error)) == NULL)
    return tn_command_fail (&command, error);
  if (act (&command, &arguments, action, &error))
    return tn_command_finish (&command);
  if (!g_error_matches (error, TN_ERROR, TN_ERROR_ARGUMENT))
    return tn_command_fail (&command, error);
  status = tn_command_usage_error (&command, "%s", error->message);
  g_error_free (error);
  return status;
}
