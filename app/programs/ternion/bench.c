/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "app/programs/ternion/command.h"
#include "bench/bench.h"

static const char *const groups[] = { "core", "calibration", "training", "analysis" };

static void
list_figures (void)
{
  guint n;
  const TnBenchEntry *entries = tn_bench_entries (&n);

  for (guint i = 0; i < n; i++)
    for (guint j = 0; j < G_N_ELEMENTS (entries[i].figures) && entries[i].figures[j] != NULL; j++)
      g_print ("%-12s %s\n", entries[i].group, entries[i].figures[j]);
}

/* "≥ 300", "≤ 2.5", "-". */
static char *
target_text (const TnFigure *figure)
{
  return figure->goal == TN_GOAL_NONE ? g_strdup ("-")
                                      : g_strdup_printf ("%s %g", figure->goal == TN_GOAL_AT_LEAST ? "≥" : "≤", figure->target);
}

static void
print_figure (const TnFigure *figure, gpointer user_data)
{
  g_autofree char *target = target_text (figure), *limit = isnan (figure->limit) ? g_strdup ("-") : g_strdup_printf ("%.4g", figure->limit);
  const char *verdict = figure->goal == TN_GOAL_NONE ? "" : tn_figure_passes (figure) ? "ok" : "MISSED";

  g_print ("%-42s %10.4g %10.4g %-10s %-8s %8s %s\n", figure->name, figure->value, figure->best, figure->unit, target, limit, verdict);
}

static gboolean
print_json (const GPtrArray *figures, GError **error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (guint i = 0; i < figures->len; i++)
    {
      const TnFigure *figure = g_ptr_array_index (figures, i);

      json_builder_begin_object (builder);
      tn_json_add_string (builder, "name", figure->name);
      tn_json_add_double (builder, "value", figure->value);
      tn_json_add_double (builder, "best", figure->best);
      tn_json_add_string (builder, "unit", figure->unit);
      tn_json_add_string (builder, "goal",
                          figure->goal == TN_GOAL_NONE ? NULL : figure->goal == TN_GOAL_AT_LEAST ? "at least" : "at most");
      tn_json_add_double (builder, "target", figure->target);
      tn_json_add_double (builder, "limit", figure->limit);
      json_builder_set_member_name (builder, "pass");
      if (figure->goal == TN_GOAL_NONE)
        json_builder_add_null_value (builder);
      else
        json_builder_add_boolean_value (builder, tn_figure_passes (figure));
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  return tn_command_print_json (builder, error);
}

static void
print_summary (const GPtrArray *figures)
{
  guint goals = 0, met = 0;

  for (guint i = 0; i < figures->len; i++)
    {
      const TnFigure *figure = g_ptr_array_index (figures, i);

      goals += figure->goal != TN_GOAL_NONE;
      met += figure->goal != TN_GOAL_NONE && tn_figure_passes (figure);
    }
  g_print (_("%u of %u targets met\n"), met, goals);
}

TnExitStatus
tn_verb_bench (int argc, char **argv)
{
  g_auto (TnCommand) command = { NULL };
  gboolean list = FALSE;
  const GOptionEntry entries[] = {
    { "list", 0, 0, G_OPTION_ARG_NONE, &list, N_("Only name the figures"), NULL },
    { NULL },
  };
  g_autoptr (GPtrArray) figures = NULL;
  const char *const *names;
  const char *group = NULL;
  TnExitStatus status;
  GError *error = NULL;

  if (!tn_command_parse (&command, argc, argv, "bench", _("[core|calibration|training|analysis] [NAME…]"),
                         _("figures of speed beside their targets and the machine's limits"), entries, 0, G_MAXINT, &status))
    return status;
  if (list)
    {
      list_figures ();
      return tn_command_finish (&command);
    }
  names = (const char *const *) command.arguments;
  for (guint i = 0; command.n_arguments > 0 && i < G_N_ELEMENTS (groups); i++)
    if (strcmp (names[0], groups[i]) == 0)
      group = groups[i];
  if (group != NULL)
    names++;
  if (!command.json)
    g_print ("%-42s %10s %10s %-10s %-8s %8s\n", _("# figure"), _("median"), _("best"), _("unit"), _("target"), _("limit"));
  figures = tn_bench_run (group, names, command.json ? NULL : print_figure, NULL, command.cancellable, &error);
  if (figures == NULL)
    return tn_command_fail (&command, error);
  if (!command.json)
    print_summary (figures);
  else if (!print_json (figures, &error))
    return tn_command_fail (&command, error);
  return tn_command_finish (&command);
}
