/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>

#include "app/programs/ternion/command.h"
#include "app/tasks/demo.h"

static gboolean
print_json (const TnDemoResult *result, GError **error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  tn_json_add_string (builder, "report", result->report);
  tn_json_add_string (builder, "stats", result->calibration.out);
  tn_json_add_string (builder, "analysis", result->analysis);
  json_builder_set_member_name (builder, "scores");
  json_builder_begin_array (builder);
  for (guint i = 0; i < TN_DEMO_N_SCORES; i++)
    {
      const TnDemoScore *score = &result->scores[i];

      json_builder_begin_object (builder);
      tn_json_add_string (builder, "scheme", score->scheme);
      tn_json_add_double (builder, "loss", score->evaluation.loss);
      tn_json_add_double (builder, "loss_stderr", score->evaluation.loss_stderr);
      tn_json_add_double (builder, "perplexity", score->evaluation.perplexity);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  return tn_command_print_json (builder, error);
}

static void
print_text (const TnDemoResult *result)
{
  g_print (_("%-18s %10s %12s\n"), _("weights"), _("loss"), _("perplexity"));
  for (guint i = 0; i < TN_DEMO_N_SCORES; i++)
    {
      const TnDemoScore *score = &result->scores[i];

      g_print ("%-18s %10.4f %12.3f\n", score->scheme != NULL ? score->scheme : _("as stored (f16)"), score->evaluation.loss, score->evaluation.perplexity);
    }
  g_print (_("\nstatistics: %s\nreport: %s\n"), result->calibration.out, result->report);
  g_print (_("which layers cost most: %s\n"), result->analysis);
}

TnExitStatus
tn_verb_demo (int argc, char **argv)
{
  g_auto (TnCommand) command = { NULL };
  g_autofree char *out = NULL, *absolute = NULL;
  const GOptionEntry entries[] = {
    { "out", 0, 0, G_OPTION_ARG_FILENAME, &out, N_("Page to write (ternion-demo.html)"), N_("FILE") },
    { NULL },
  };
  g_autoptr (TnJob) job = NULL;
  TnDemoResult result = { NULL };
  TnExitStatus status;
  GError *error = NULL;

  if (!tn_command_parse (&command, argc, argv, "demo", "", _("the main job on the bundled sample, with a report"), entries, 0, 0, &status))
    return status;
  if (!tn_command_open_workspace (&command, &error))
    return tn_command_fail (&command, error);
  absolute = g_canonicalize_filename (out != NULL ? out : "ternion-demo.html", NULL);
  job = tn_demo_job_new (absolute, command.workspace, &result);
  if (!tn_command_run_job (&command, job, &error))
    status = tn_command_fail (&command, error);
  else if (command.json ? !print_json (&result, &error) : (print_text (&result), FALSE))
    status = tn_command_fail (&command, error);
  else
    status = tn_command_finish (&command);
  tn_demo_result_clear (&result);
  return status;
}
