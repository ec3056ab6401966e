/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/calibration/parameter-search.h"
#include "tests/realdata.h"
#include "tests/ui/ui-test.h"
#include "ui/calibration-form.h"
#include "ui/calibration.h"

typedef struct
{
  char *folder;
  TnCalibrateOptions *options;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autofree char *model = tn_test_realdata ("stories260k/stories260K.bin");
  g_autofree char *text = model != NULL ? tn_test_realdata ("text/tinystories_2MB.txt") : NULL;

  fixture->folder = tn_ui_test_make_folder ();
  if (text == NULL)
    return;
  fixture->options = tn_calibrate_options_new ();
  fixture->options->model_path = g_steal_pointer (&model);
  fixture->options->data_paths = g_new0 (char *, 2);
  fixture->options->data_paths[0] = g_steal_pointer (&text);
  fixture->options->out_path = g_build_filename (fixture->folder, "out.stats.safetensors", NULL);
  fixture->options->sampling.n_samples = 24;
  fixture->options->sampling.seq_len = 64;
  fixture->options->sampling.batch_size = 4;
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  tn_ui_test_remove (fixture->folder);
  g_free (fixture->folder);
  tn_calibrate_options_free (fixture->options);
}

static gboolean
has_ended (gpointer calibration)
{
  return !tn_calibration_is_running (calibration);
}

static void
count_call (guint *count)
{
  (*count)++;
}

static gboolean
is_searched (gpointer calibration)
{
  return !tn_calibration_is_searching (calibration);
}

static gboolean
has_site (gpointer calibration)
{
  TnSiteRow *row;

  return tn_calibration_get_site (calibration, &row) != NULL;
}

static gboolean
is_alone (gpointer object)
{
  return G_OBJECT (object)->ref_count == 1;
}

/* What the window shows at the end is what the statistics say. */
static void
test_to_the_end (Fixture *fixture, gconstpointer data)
{
  g_autoptr (TnCalibration) calibration = NULL;
  const TnCalibrateResult *result;
  GListModel *sites;
  TnSiteRow *chosen;
  const TnSiteStats *shown;
  guint finished = 0;

  if (fixture->options == NULL)
    return;
  calibration = tn_calibration_new (fixture->options, NULL);
  g_signal_connect_swapped (calibration, "finished", G_CALLBACK (count_call), &finished);
  g_assert_null (tn_calibration_get_result (calibration));
  tn_calibration_start (calibration);
  g_assert_true (tn_calibration_is_running (calibration));
  g_assert_true (tn_ui_test_wait (has_ended, calibration, 120));
  g_assert_cmpuint (finished, ==, 1);
  g_assert_cmpstr (tn_calibration_get_error (calibration), ==, NULL);
  result = tn_calibration_get_result (calibration);
  g_assert_nonnull (result);
  g_assert_cmpuint (result->samples, ==, 24);
  g_assert_false (result->stats->partial);

  g_assert_true (tn_ui_test_wait (is_searched, calibration, 60));
  sites = tn_calibration_get_sites (calibration);
  g_assert_cmpuint (g_list_model_get_n_items (sites), ==, result->stats->sites->len);
  for (guint i = 0; i < result->stats->sites->len; i++)
    {
      const TnSiteStats *site = g_ptr_array_index (result->stats->sites, i);
      g_autoptr (TnSiteRow) row = g_list_model_get_item (sites, i);
      const TnSiteFindings *findings = tn_site_row_get_findings (row);
      TnQuantParams params;
      TnScheme scheme;

      g_assert_true (findings->searched);
      g_assert_cmpstr (findings->name, ==, site->name);
      g_assert_cmpfloat (findings->max, ==, (double) site->max.value);
      tn_scheme_parse ("int4", &scheme, NULL);
      g_assert_true (
          tn_parameter_search (site->histogram, site->min.value, site->max.value, &scheme, TN_METHOD_MSE, 0, &params, NULL));
      g_assert_cmpfloat (findings->params[TN_SITE_INT4].sqnr_db, ==, params.sqnr_db);
    }

  tn_calibration_choose_site (calibration, ((TnSiteStats *) g_ptr_array_index (result->stats->sites, 3))->name);
  g_assert_true (tn_ui_test_wait (has_site, calibration, 60));
  shown = tn_calibration_get_site (calibration, &chosen);
  g_assert_cmpuint (tn_float_histogram_count (shown->histogram), ==,
                    tn_float_histogram_count (((TnSiteStats *) g_ptr_array_index (result->stats->sites, 3))->histogram));
  g_assert_true (tn_ui_test_wait (is_alone, calibration, 20));
}

static void
on_exported (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GError *error = NULL;

  *(gboolean *) user_data = tn_calibration_export_finish (TN_CALIBRATION (source), result, &error);
  g_assert_no_error (error);
}

static gboolean
is_true (gpointer flag)
{
  return *(gboolean *) flag;
}

static void
test_export (Fixture *fixture, gconstpointer data)
{
  g_autoptr (TnCalibration) calibration = NULL;

  if (fixture->options == NULL)
    return;
  calibration = tn_calibration_new (fixture->options, NULL);
  tn_calibration_start (calibration);
  g_assert_true (tn_ui_test_wait (has_ended, calibration, 120));
  for (TnExportFormat format = 0; format < TN_N_EXPORTS; format++)
    {
      g_autofree char *name = g_strconcat ("export", tn_export_get_ending (format), NULL);
      g_autofree char *path = g_build_filename (fixture->folder, name, NULL);
      g_autofree char *contents = NULL;
      gsize length = 0;
      gboolean done = FALSE;

      g_assert_nonnull (tn_export_get_label (format));
      tn_calibration_export_async (calibration, format, path, on_exported, &done);
      g_assert_true (tn_ui_test_wait (is_true, &done, 20));
      g_assert_true (g_file_get_contents (path, &contents, &length, NULL));
      g_assert_cmpuint (length, >, 100);
    }
  g_assert_true (tn_ui_test_wait (is_alone, calibration, 20));
}

static void
cancel_after_some (TnCalibration *calibration)
{
  TnJobProgress progress;

  tn_calibration_get_progress (calibration, &progress);
  if (progress.done > 0)
    tn_calibration_cancel (calibration);
}

static void
test_cancel (Fixture *fixture, gconstpointer data)
{
  g_autoptr (TnCalibration) calibration = NULL;
  const TnCalibrateResult *result;

  if (fixture->options == NULL)
    return;
  fixture->options->sampling.n_samples = 2000;
  calibration = tn_calibration_new (fixture->options, NULL);
  g_signal_connect (calibration, "changed", G_CALLBACK (cancel_after_some), NULL);
  tn_calibration_start (calibration);
  g_assert_true (tn_ui_test_wait (has_ended, calibration, 120));
  result = tn_calibration_get_result (calibration);
  g_assert_nonnull (result);
  g_assert_true (result->stats->partial);
  g_assert_cmpuint (result->samples, <, 2000);
  g_assert_true (tn_ui_test_wait (is_alone, calibration, 20));
}

static void
test_failure (Fixture *fixture, gconstpointer data)
{
  g_autoptr (TnCalibration) calibration = NULL;

  if (fixture->options == NULL)
    return;
  g_free (fixture->options->data_paths[0]);
  fixture->options->data_paths[0] = g_strdup ("/nowhere/at/all.txt");
  calibration = tn_calibration_new (fixture->options, NULL);
  tn_calibration_start (calibration);
  g_assert_true (tn_ui_test_wait (has_ended, calibration, 120));
  g_assert_null (tn_calibration_get_result (calibration));
  g_assert_nonnull (strstr (tn_calibration_get_error (calibration), "/nowhere/at/all.txt"));
  g_assert_true (tn_ui_test_wait (is_alone, calibration, 20));
}

static gboolean
has_facts (gpointer session)
{
  return tn_session_get_facts (session) != NULL && !tn_inspector_is_running (tn_session_get_inspector (session));
}

static void
assert_problem (TnCalibrationForm *form, const char *part)
{
  g_autofree char *problem = tn_calibration_form_dup_problem (form);

  if (part == NULL)
    g_assert_cmpstr (problem, ==, NULL);
  else if (problem == NULL || strstr (problem, part) == NULL)
    g_error ("the problem is “%s”, not about “%s”", problem, part);
}

static gboolean
has_no_problem (gpointer form)
{
  g_autofree char *problem = tn_calibration_form_dup_problem (form);

  return problem == NULL;
}

static gboolean
has_read_problem (gpointer form)
{
  g_autofree char *problem = tn_calibration_form_dup_problem (form);

  return problem != NULL && strstr (problem, "empty.txt") != NULL;
}

static void
test_form (Fixture *fixture, gconstpointer data)
{
  g_autofree char *workspace = g_build_filename (fixture->folder, "workspace.db", NULL);
  g_autofree char *plain = tn_ui_test_write_model (fixture->folder);
  g_autofree char *empty = g_build_filename (fixture->folder, "empty.txt", NULL);
  g_autoptr (TnSession) session = tn_session_new (workspace);
  TnCalibrationForm *form = g_object_ref_sink (g_object_new (TN_TYPE_CALIBRATION_FORM, NULL));
  g_autoptr (TnCalibrateOptions) options = NULL;

  g_assert_true (g_file_set_contents (empty, "", 0, NULL));
  tn_calibration_form_set_session (form, session);
  assert_problem (form, "Open the model");

  tn_session_open (session, plain);
  g_assert_true (tn_ui_test_wait (has_facts, session, 20));
  assert_problem (form, "not run");

  if (fixture->options != NULL)
    {
      tn_session_open (session, fixture->options->model_path);
      g_assert_true (tn_ui_test_wait (has_facts, session, 20));
      assert_problem (form, "data");
      tn_calibration_form_add_data (form, empty);
      g_assert_true (tn_ui_test_wait (has_read_problem, form, 20));
    }
  g_object_unref (form);
  tn_session_close (session);
  g_assert_true (tn_ui_test_wait (is_alone, session, 20));

  if (fixture->options == NULL)
    return;
  form = g_object_ref_sink (g_object_new (TN_TYPE_CALIBRATION_FORM, NULL));
  tn_calibration_form_set_session (form, session);
  tn_session_open (session, fixture->options->model_path);
  tn_calibration_form_add_data (form, fixture->options->data_paths[0]);
  tn_calibration_form_add_data (form, fixture->options->data_paths[0]);
  g_assert_true (tn_ui_test_wait (has_facts, session, 20));
  g_assert_true (tn_ui_test_wait (has_no_problem, form, 20));
  options = tn_calibration_form_get_options (form);
  g_assert_cmpstr (options->model_path, ==, tn_session_get_path (session));
  g_assert_cmpuint (g_strv_length (options->data_paths), ==, 1);
  g_assert_cmpuint (options->sampling.seq_len, <=, 512);
  g_assert_cmpint (options->kinds, ==, TN_SITE_INPUT);
  g_object_unref (form);
  tn_session_close (session);
  g_assert_true (tn_ui_test_wait (is_alone, session, 20));
}

/* Arrays that another program wrote, in the place of a model: the task of the command. */
static void
test_recorded (Fixture *fixture, gconstpointer data)
{
  g_autofree char *workspace = g_build_filename (fixture->folder, "workspace.db", NULL);
  g_autofree char *arrays = tn_ui_test_write_model (fixture->folder);
  g_autoptr (TnSession) session = tn_session_new (workspace);
  TnCalibrationForm *form = g_object_ref_sink (g_object_new (TN_TYPE_CALIBRATION_FORM, NULL));
  g_autoptr (TnCalibrateOptions) options = NULL;
  g_autoptr (TnCalibration) calibration = NULL;
  const TnCalibrateResult *result;
  const TnSiteStats *weight;

  tn_calibration_form_set_session (form, session);
  tn_calibration_form_set_recorded (form, TRUE);
  assert_problem (form, "Choose the recorded activations");
  tn_calibration_form_add_data (form, arrays);
  assert_problem (form, NULL);
  options = tn_calibration_form_get_options (form);
  g_assert_null (options->model_path);
  g_assert_null (options->data_paths);
  g_assert_cmpuint (g_strv_length (options->tensor_paths), ==, 1);
  tn_calibration_form_set_recorded (form, FALSE);
  assert_problem (form, "Open the model");
  g_object_unref (form);
  tn_session_close (session);
  g_assert_true (tn_ui_test_wait (is_alone, session, 20));

  options->out_path = g_build_filename (fixture->folder, "recorded.safetensors", NULL);
  calibration = tn_calibration_new (options, NULL);
  g_assert_cmpstr (tn_calibration_get_data_name (calibration), ==, "model.safetensors");
  tn_calibration_start (calibration);
  g_assert_true (tn_ui_test_wait (has_ended, calibration, 120));
  g_assert_cmpstr (tn_calibration_get_error (calibration), ==, NULL);
  g_assert_true (tn_ui_test_wait (is_searched, calibration, 60));
  result = tn_calibration_get_result (calibration);
  g_assert_cmpuint (result->stats->sites->len, ==, 2);
  weight = tn_stats_find (result->stats, "weight");
  g_assert_nonnull (weight);
  g_assert_cmpuint (weight->tokens, ==, 4);
  g_assert_cmpfloat (weight->max.value, ==, 0.5f);
  g_assert_true (tn_ui_test_wait (is_alone, calibration, 20));
}

int
main (int argc, char **argv)
{
  tn_ui_test_init (&argc, &argv);
  g_test_add ("/ui/calibration/to-the-end", Fixture, NULL, set_up, test_to_the_end, tear_down);
  g_test_add ("/ui/calibration/export", Fixture, NULL, set_up, test_export, tear_down);
  g_test_add ("/ui/calibration/cancel", Fixture, NULL, set_up, test_cancel, tear_down);
  g_test_add ("/ui/calibration/failure", Fixture, NULL, set_up, test_failure, tear_down);
  g_test_add ("/ui/calibration/form", Fixture, NULL, set_up, test_form, tear_down);
  g_test_add ("/ui/calibration/recorded", Fixture, NULL, set_up, test_recorded, tear_down);
  return g_test_run ();
}
