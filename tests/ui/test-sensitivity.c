/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "app/tasks/sample.h"
#include "data/analysis/analysis-file.h"
#include "data/plans/plan-file.h"
#include "tests/ui/ui-test.h"
#include "ui/layer-row.h"
#include "ui/layers-page.h"
#include "ui/report-page.h"
#include "ui/sensitivity-page.h"
#include "ui/sensitivity-row.h"

#define PATIENCE 120

typedef struct
{
  char *folder, *workspace, *analysis_path;
  TnSession *session;
  GtkWidget *window;
  TnLayersPage *layers;
  TnSensitivityPage *page;
  TnReportPage *report;
  char *notice;
} Fixture;

static void
on_notice (Fixture *fixture, const char *text)
{
  g_free (fixture->notice);
  fixture->notice = g_strdup (text);
}

/* Of the bundled model, small: the first pairs are measured, the others have a score. */
static void
analyze_sample (const char *path)
{
  TnAnalyzeOptions *options = tn_analyze_options_new ();
  g_autofree char *text = tn_sample_find_text (NULL);
  g_autoptr (TnAnalysis) analysis = NULL;
  g_autoptr (TnJob) job = NULL;
  g_autoptr (GError) error = NULL;
  TnAnalysis *result = NULL;

  options->model_path = tn_sample_find (NULL);
  g_assert_nonnull (options->model_path);
  options->data = g_new0 (char *, 2);
  options->data[0] = g_strdup (text);
  options->schemes = g_strdup ("ternary,int4:g32,int8:c");
  options->seq_len = 32;
  options->score_samples = 4;
  options->measure_samples = 4;
  options->measure = 6;
  options->error_samples = 1;
  options->out_path = g_strdup (path);
  job = tn_analyze_job_new (options, NULL, &result);
  tn_job_run (job, &error);
  g_assert_no_error (error);
  analysis = result;
  g_assert_nonnull (analysis);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  GtkWidget *pages = gtk_stack_new ();

  fixture->folder = tn_ui_test_make_folder ();
  fixture->workspace = g_build_filename (fixture->folder, "workspace.db", NULL);
  fixture->analysis_path = g_build_filename (fixture->folder, "sample.json", NULL);
  fixture->session = tn_session_new (fixture->workspace);
  g_signal_connect_swapped (fixture->session, "notice", G_CALLBACK (on_notice), fixture);
  fixture->window = gtk_window_new ();
  fixture->layers = g_object_new (TN_TYPE_LAYERS_PAGE, NULL);
  fixture->page = g_object_new (TN_TYPE_SENSITIVITY_PAGE, NULL);
  fixture->report = g_object_new (TN_TYPE_REPORT_PAGE, NULL);
  gtk_stack_add_named (GTK_STACK (pages), GTK_WIDGET (fixture->page), "sensitivity");
  gtk_stack_add_named (GTK_STACK (pages), GTK_WIDGET (fixture->layers), "layers");
  gtk_stack_add_named (GTK_STACK (pages), GTK_WIDGET (fixture->report), "report");
  tn_layers_page_set_session (fixture->layers, fixture->session);
  tn_sensitivity_page_set_session (fixture->page, fixture->session);
  tn_report_page_set_session (fixture->report, fixture->session);
  gtk_window_set_child (GTK_WINDOW (fixture->window), pages);
  gtk_window_set_default_size (GTK_WINDOW (fixture->window), 1180, 760);
  gtk_window_present (GTK_WINDOW (fixture->window));
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_autofree char *figures = g_build_filename (fixture->folder, "report-figures", NULL);

  gtk_window_destroy (GTK_WINDOW (fixture->window));
  g_object_unref (fixture->session);
  tn_ui_test_spin ();
  tn_ui_test_remove (figures); /* of a report in Markdown */
  tn_ui_test_remove (fixture->folder);
  g_free (fixture->folder);
  g_free (fixture->workspace);
  g_free (fixture->analysis_path);
  g_free (fixture->notice);
}

static gboolean
is_ready (gpointer data)
{
  Fixture *fixture = data;

  return tn_session_get_state (fixture->session) == TN_SESSION_READY && tn_session_get_facts (fixture->session) != NULL &&
         tn_session_has_workspace (fixture->session);
}

static gboolean
has_plans (gpointer data)
{
  Fixture *fixture = data;
  TnSensitivity *sensitivity = tn_session_get_sensitivity (fixture->session);

  return sensitivity != NULL && tn_sensitivity_get_allocation (sensitivity) != NULL;
}

static gboolean
is_noticed (gpointer data)
{
  return ((Fixture *) data)->notice != NULL;
}

static gboolean
is_written_up (gpointer data)
{
  return strcmp (tn_report_page_get_state (((Fixture *) data)->report), "report") == 0;
}

static gboolean
is_exported (gpointer data)
{
  return tn_report_page_get_written (((Fixture *) data)->report) != NULL;
}

static gboolean
is_running_no_more (gpointer data)
{
  return !tn_session_is_analyzing (((Fixture *) data)->session);
}

static gboolean
is_measuring_no_more (gpointer data)
{
  return !tn_sensitivity_is_measuring (tn_session_get_sensitivity (((Fixture *) data)->session));
}

static void
open_sample (Fixture *fixture)
{
  g_autofree char *sample = tn_sample_find (NULL);

  tn_session_open (fixture->session, sample);
  g_assert_true (tn_ui_test_wait (is_ready, fixture, PATIENCE));
}

static void
open_analysis (Fixture *fixture)
{
  analyze_sample (fixture->analysis_path);
  tn_session_open_analysis (fixture->session, fixture->analysis_path);
  g_assert_true (tn_ui_test_wait (has_plans, fixture, PATIENCE));
}

static TnSensitivityRow *
get_row (Fixture *fixture, guint position)
{
  return TN_SENSITIVITY_ROW (tn_table_get_shown (tn_sensitivity_page_get_table (fixture->page), position));
}

static void
test_empty (Fixture *fixture, gconstpointer data)
{
  g_autofree char *problem = tn_sensitivity_form_dup_problem (tn_sensitivity_page_get_form (fixture->page));

  g_assert_cmpstr (tn_sensitivity_page_get_state (fixture->page), ==, "empty");
  g_assert_cmpstr (tn_report_page_get_state (fixture->report), ==, "empty");
  g_assert_cmpstr (problem, ==, "Open the model to analyze");
}

static void
test_ranking (Fixture *fixture, gconstpointer data)
{
  TnTable *table = tn_sensitivity_page_get_table (fixture->page);
  const TnAnalysis *analysis;
  guint n = 0;
  double last = (double) INFINITY;

  open_analysis (fixture);
  analysis = tn_sensitivity_get_analysis (tn_session_get_sensitivity (fixture->session));
  g_assert_cmpstr (tn_sensitivity_page_get_state (fixture->page), ==, "analysis");
  for (guint i = 0; i < analysis->layers->len * analysis->schemes->len; i++)
    n += analysis->cells[i].applies;
  g_assert_cmpuint (tn_table_get_n_shown (table), ==, n);
  /* As reports rank: what was measured comes first, the largest change first. */
  for (guint i = 0; i < n; i++)
    {
      TnSensitivityRow *row = get_row (fixture, i);
      gboolean predicted;
      TnEstimate loss = tn_analysis_get_loss (analysis, tn_sensitivity_row_get_layer (row),
                                              (guint) tn_sensitivity_row_get_scheme (row), &predicted);
      g_autofree char *source = tn_table_row_dup_text (TN_TABLE_ROW (row), TN_SENSITIVITY_SOURCE);

      if (!tn_estimate_is_set (&loss))
        {
          g_assert_cmpstr (source, ==, "not measured");
          break;
        }
      if (i == 6) /* scores begin anew */
        last = (double) INFINITY;
      g_assert_cmpstr (source, ==, predicted ? "score" : "measured");
      g_assert_true (predicted == (i >= 6));
      g_assert_true (loss.value <= last);
      last = loss.value;
    }

  tn_table_set_search (table, "attn_q");
  g_assert_cmpuint (tn_table_get_n_shown (table), >, 0);
  g_assert_cmpuint (tn_table_get_n_shown (table), <, n);
  tn_table_set_search (table, "");
  tn_sensitivity_page_choose_scheme (fixture->page, 3);
  g_assert_cmpuint (tn_table_get_n_shown (table), ==, analysis->layers->len);
  g_assert_cmpint (tn_sensitivity_row_get_scheme (get_row (fixture, 0)), ==, 2);
}

static void
test_detail (Fixture *fixture, gconstpointer data)
{
  g_autofree char *before = tn_sensitivity_detail_dup_text (tn_sensitivity_page_get_detail (fixture->page)), *text = NULL;

  g_assert_nonnull (strstr (before, "Choose a layer"));
  open_analysis (fixture);
  /* The worst pair is chosen at once. */
  text = tn_sensitivity_detail_dup_text (tn_sensitivity_page_get_detail (fixture->page));
  g_assert_nonnull (strstr (text, tn_sensitivity_row_get_name (get_row (fixture, 0))));
  g_assert_nonnull (strstr (text, "measured change of the loss"));
  g_assert_nonnull (strstr (text, "What can be done"));
  g_assert_nonnull (strstr (text, "Most of the error by input channels, in ternary"));
  /* Tokens are told with the words around them. */
  g_assert_nonnull (strstr (text, TN_CARRIER_TOKEN_OPEN));
}

static void
test_plan (Fixture *fixture, gconstpointer data)
{
  TnSensitivityPlan *plan = tn_sensitivity_page_get_plan (fixture->page);
  TnTable *table = tn_sensitivity_plan_get_table (plan);
  const TnAllocation *allocation;
  const TnAnalysis *analysis;
  g_autofree gint *schemes = NULL;
  g_autofree char *small = NULL;
  guint point;

  open_analysis (fixture);
  analysis = tn_sensitivity_get_analysis (tn_session_get_sensitivity (fixture->session));
  allocation = tn_sensitivity_get_allocation (tn_session_get_sensitivity (fixture->session));
  tn_sensitivity_plan_set_budget (plan, 3);
  point = tn_sensitivity_plan_get_point (plan);
  small = g_strdup (tn_sensitivity_plan_get_summary (plan));
  g_assert_cmpfloat (tn_allocation_get_bits (allocation, point), <=, 3);
  g_assert_true (point + 1 == tn_knapsack_n_points (tn_allocation_get_front (allocation)) ||
                 tn_allocation_get_bits (allocation, point + 1) > 3);
  schemes = g_new (gint, analysis->layers->len);
  tn_allocation_get_schemes (allocation, point, schemes);
  g_assert_cmpuint (tn_table_get_n_shown (table), ==, analysis->layers->len);
  for (guint i = 0; i < analysis->layers->len; i++)
    g_assert_cmpint (tn_sensitivity_row_get_scheme (TN_SENSITIVITY_ROW (tn_table_get_shown (table, i))), ==, schemes[i]);

  tn_sensitivity_plan_set_budget (plan, 6);
  g_assert_cmpuint (tn_sensitivity_plan_get_point (plan), >, point);
  g_assert_cmpstr (tn_sensitivity_plan_get_summary (plan), !=, small);
  /* Less than there is: the smallest plan. */
  tn_sensitivity_plan_set_budget (plan, 0.1);
  g_assert_cmpuint (tn_sensitivity_plan_get_point (plan), ==, 0);
}

static void
test_measured_plan (Fixture *fixture, gconstpointer data)
{
  TnSensitivity *sensitivity;
  g_autofree char *text = g_build_filename (fixture->folder, "short.txt", NULL);
  const char *paths[] = {text, NULL};
  g_autofree char *whole = tn_sample_find_text (NULL), *contents = NULL;
  const TnMeasuredPlan *plan;

  open_sample (fixture);
  open_analysis (fixture);
  g_assert_true (g_file_get_contents (whole, &contents, NULL, NULL));
  g_assert_true (g_file_set_contents (text, contents, 2000, NULL));
  sensitivity = tn_session_get_sensitivity (fixture->session);
  tn_sensitivity_plan_set_budget (tn_sensitivity_page_get_plan (fixture->page), 4);
  tn_sensitivity_measure (sensitivity, tn_sensitivity_plan_get_point (tn_sensitivity_page_get_plan (fixture->page)),
                          tn_session_get_path (fixture->session), paths);
  g_assert_true (tn_sensitivity_is_measuring (sensitivity));
  g_assert_true (tn_ui_test_wait (is_measuring_no_more, fixture, PATIENCE));
  g_assert_cmpstr (tn_sensitivity_get_measuring_error (sensitivity), ==, NULL);
  g_assert_nonnull (tn_sensitivity_get_measured (sensitivity));
  /* The plan, and three schemes everywhere. */
  g_assert_cmpuint (tn_sensitivity_get_measured (sensitivity)->len, ==, 4);
  plan = g_ptr_array_index (tn_sensitivity_get_measured (sensitivity), 0);
  g_assert_cmpfloat (plan->prediction.bits, <=, 4);
  g_assert_true (isfinite (plan->change.loss));
}

static void
test_linked (Fixture *fixture, gconstpointer data)
{
  TnTable *layers = tn_layers_page_get_table (fixture->layers), *ranking = tn_sensitivity_page_get_table (fixture->page);
  const char *name;

  open_sample (fixture);
  open_analysis (fixture);
  tn_table_select (ranking, 5);
  name = tn_sensitivity_row_get_name (get_row (fixture, 5));
  g_assert_cmpstr (tn_layer_row_get_info (TN_LAYER_ROW (tn_table_get_selected (layers)))->name, ==, name);
  for (guint i = 0; i < tn_table_get_n_shown (layers); i++)
    if (strcmp (tn_layer_row_get_info (TN_LAYER_ROW (tn_table_get_shown (layers, i)))->name, "blk.2.ffn_down.weight") == 0)
      tn_table_select (layers, i);
  g_assert_cmpstr (tn_sensitivity_row_get_name (TN_SENSITIVITY_ROW (tn_table_get_selected (ranking))), ==,
                   "blk.2.ffn_down.weight");
}

static void
test_made (Fixture *fixture, gconstpointer data)
{
  TnAnalyzeOptions *options;
  TnSensitivity *sensitivity;
  TnJobProgress progress;
  g_autofree char *problem = NULL;

  open_sample (fixture);
  /* The bundled model brings its text. */
  problem = tn_sensitivity_form_dup_problem (tn_sensitivity_page_get_form (fixture->page));
  g_assert_cmpstr (problem, ==, NULL);
  options = tn_sensitivity_form_get_options (tn_sensitivity_page_get_form (fixture->page));
  options->seq_len = 16;
  options->score_samples = options->measure_samples = 2;
  options->measure = 3;
  sensitivity = tn_session_analyze (fixture->session, options);
  g_assert_cmpstr (tn_sensitivity_page_get_state (fixture->page), ==, "waiting");
  tn_sensitivity_pause (sensitivity);
  tn_sensitivity_resume (sensitivity);
  g_assert_true (tn_ui_test_wait (has_plans, fixture, PATIENCE));
  g_assert_cmpstr (tn_sensitivity_get_error (sensitivity), ==, NULL);
  g_assert_cmpstr (tn_sensitivity_page_get_state (fixture->page), ==, "analysis");
  /* It is in a file beside the workspace. */
  g_assert_true (g_file_test (tn_sensitivity_get_path (sensitivity), G_FILE_TEST_IS_REGULAR));
  g_assert_true (g_str_has_prefix (tn_sensitivity_get_path (sensitivity), fixture->folder));

  options = tn_sensitivity_form_get_options (tn_sensitivity_page_get_form (fixture->page));
  sensitivity = tn_session_analyze (fixture->session, options);
  tn_sensitivity_cancel (sensitivity);
  g_assert_true (tn_ui_test_wait (is_running_no_more, fixture, PATIENCE));
  tn_sensitivity_get_progress (sensitivity, &progress);
  g_assert_cmpint (progress.state, ==, TN_JOB_CANCELLED);
  g_assert_cmpstr (tn_sensitivity_page_get_state (fixture->page), ==, "nothing");
}

static void
test_errors (Fixture *fixture, gconstpointer data)
{
  g_autofree char *broken = g_build_filename (fixture->folder, "broken.json", NULL), *short_text = NULL;
  TnAnalyzeOptions *options;
  TnSensitivity *sensitivity;

  g_assert_true (g_file_set_contents (broken, "{\"format\": \"ternion-analysis\", \"version\": 1}", -1, NULL));
  g_assert_true (tn_analysis_recognise (broken));
  tn_session_open_analysis (fixture->session, broken);
  g_assert_true (tn_ui_test_wait (is_noticed, fixture, PATIENCE));
  g_assert_nonnull (strstr (fixture->notice, "broken.json"));
  g_assert_cmpstr (tn_sensitivity_page_get_state (fixture->page), ==, "empty");

  open_sample (fixture);
  short_text = g_build_filename (fixture->folder, "short.txt", NULL);
  g_assert_true (g_file_set_contents (short_text, "", -1, NULL));
  options = tn_sensitivity_form_get_options (tn_sensitivity_page_get_form (fixture->page));
  g_strfreev (options->data);
  options->data = g_new0 (char *, 2);
  options->data[0] = g_strdup (short_text);
  sensitivity = tn_session_analyze (fixture->session, options);
  g_assert_true (tn_ui_test_wait (is_running_no_more, fixture, PATIENCE));
  g_assert_nonnull (tn_sensitivity_get_error (sensitivity));
  g_assert_null (strchr (tn_sensitivity_get_error (sensitivity), '\n'));
  g_assert_cmpstr (tn_sensitivity_page_get_state (fixture->page), ==, "nothing");
}

static void
test_report (Fixture *fixture, gconstpointer data)
{
  static const char *const endings[] = {"html", "pdf", "md", "csv", "json"};

  open_analysis (fixture);
  gtk_stack_set_visible_child_name (GTK_STACK (gtk_window_get_child (GTK_WINDOW (fixture->window))), "report");
  g_assert_true (tn_ui_test_wait (is_written_up, fixture, PATIENCE));
  g_assert_cmpuint (tn_report_view_n_tables (tn_report_page_get_view (fixture->report)), >, 0);
  g_assert_cmpuint (tn_report_view_n_plots (tn_report_page_get_view (fixture->report)), >, 5);
  for (guint i = 0; i < G_N_ELEMENTS (endings); i++)
    {
      g_autofree char *name = g_strdup_printf ("report.%s", endings[i]);
      g_autofree char *path = g_build_filename (fixture->folder, name, NULL);

      tn_report_page_export (fixture->report, path);
      g_assert_true (tn_ui_test_wait (is_exported, fixture, PATIENCE));
      g_assert_cmpstr (tn_report_page_get_written (fixture->report), ==, path);
      g_assert_true (g_file_test (path, G_FILE_TEST_IS_REGULAR));
    }
}

int
main (int argc, char **argv)
{
  tn_ui_test_init (&argc, &argv);
#define ADD(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)
  ADD ("/sensitivity/empty", test_empty);
  ADD ("/sensitivity/ranking", test_ranking);
  ADD ("/sensitivity/detail", test_detail);
  ADD ("/sensitivity/plan", test_plan);
  ADD ("/sensitivity/measured-plan", test_measured_plan);
  ADD ("/sensitivity/linked", test_linked);
  ADD ("/sensitivity/made", test_made);
  ADD ("/sensitivity/errors", test_errors);
  ADD ("/sensitivity/report", test_report);
  return g_test_run ();
}
