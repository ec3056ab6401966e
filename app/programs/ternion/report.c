/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>

#include "app/programs/ternion/command.h"
#include "app/tasks/report-analysis.h"
#include "app/tasks/report-trend.h"
#include "data/analysis/analysis-file.h"
#include "data/analysis/trend-file.h"
#include "engine/error.h"

static gboolean
write_trend (const char *from, const char *to, GError **error)
{
  g_autoptr (TnTrend) trend = tn_trend_load (from, error);
  g_autoptr (TnReport) report = NULL;

  if (trend == NULL)
    return FALSE;
  if (g_str_has_suffix (to, ".json"))
    return tn_trend_save (trend, to, error);
  report = tn_report_trend (trend, g_get_language_names ()[0]);
  return tn_report_save (report, to, error);
}

static gboolean
write_report (const char *from, const char *to, GError **error)
{
  g_autoptr (TnAnalysis) analysis = tn_analysis_load (from, error);

  return analysis != NULL && tn_report_analysis_save (analysis, g_get_language_names ()[0], to, error);
}

static gboolean
check_ending (const char *path, GError **error)
{
  static const char *const endings[] = {".html", ".pdf", ".md", ".csv", ".json"};

  for (guint i = 0; i < G_N_ELEMENTS (endings); i++)
    if (g_str_has_suffix (path, endings[i]))
      return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: a report is written as .html, .pdf, .md, .csv or .json"), path);
  return FALSE;
}

TnExitStatus
tn_verb_report (int argc, char **argv)
{
  g_auto (TnCommand) command = {NULL};
  g_autofree char *out = NULL;
  const GOptionEntry entries[] = {
      {"out", 0, 0, G_OPTION_ARG_FILENAME, &out, N_ ("NAME.html, .pdf, .md, .csv (the table of all layers) or .json"),
       N_ ("PATH")},
      {NULL},
  };
  TnExitStatus status;
  GError *error = NULL;

  if (!tn_command_parse (&command, argc, argv, "report", _ ("ANALYSIS --out PATH"),
                         _ ("an analysis, of a model or over a run, as a page, on paper, as text or numbers"), entries, 1, 1, &status))
    return status;
  if (out == NULL)
    return tn_command_usage_error (&command, _ ("--out PATH is missing"));
  if (!check_ending (out, &error) || !(tn_trend_file_peek (command.arguments[0]) ? write_trend : write_report) (command.arguments[0], out, &error))
    return tn_command_fail (&command, error);
  if (command.json)
    {
      g_autoptr (JsonBuilder) builder = json_builder_new ();

      json_builder_begin_object (builder);
      tn_json_add_string (builder, "out", out);
      json_builder_end_object (builder);
      if (!tn_command_print_json (builder, &error))
        return tn_command_fail (&command, error);
    }
  else
    g_print (_ ("%s\n"), out);
  return tn_command_finish (&command);
}
