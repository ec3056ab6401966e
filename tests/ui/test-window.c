/* SPDX-License-Identifier: Apache-2.0 */
#include "data/statistics/stats-file.h"
#include "tests/ui/ui-test.h"
#include "ui/layer-detail.h"
#include "ui/layers-page.h"
#include "ui/run-item.h"
#include "ui/window.h"

static gboolean
is_alone (gpointer object)
{
  return G_OBJECT (object)->ref_count == 1;
}

static gboolean
has_failed (gpointer session)
{
  return tn_session_get_state (session) == TN_SESSION_FAILED;
}

static gboolean
is_settled (gpointer session)
{
  return tn_session_get_state (session) == TN_SESSION_READY && tn_session_get_facts (session) != NULL &&
         !tn_inspector_is_running (tn_session_get_inspector (session));
}

static GtkWidget *
find (GtkWidget *widget, GType type)
{
  if (G_TYPE_CHECK_INSTANCE_TYPE (widget, type))
    return widget;
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL; child = gtk_widget_get_next_sibling (child))
    {
      GtkWidget *found = find (child, type);

      if (found != NULL)
        return found;
    }
  return NULL;
}

static gboolean
shows_text (GtkWidget *widget, const char *text)
{
  if (GTK_IS_LABEL (widget) && gtk_widget_get_mapped (widget) &&
      g_strstr_len (gtk_label_get_text (GTK_LABEL (widget)), -1, text) != NULL)
    return TRUE;
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL; child = gtk_widget_get_next_sibling (child))
    if (shows_text (child, text))
      return TRUE;
  return FALSE;
}

static gboolean
has_loaded (gpointer session)
{
  return !tn_session_is_loading_statistics (session);
}

static gboolean
has_calibration (gpointer session)
{
  return tn_session_get_calibration (session) != NULL;
}

static gboolean
shows_sites (gpointer window)
{
  return shows_text (window, "blk.0.attn_q.in");
}

static GtkWidget *
find_button (GtkWidget *widget, const char *text)
{
  GtkWidget *found = NULL;

  if (GTK_IS_BUTTON (widget) && gtk_widget_get_mapped (widget) && shows_text (widget, text))
    return widget;
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL && found == NULL;
       child = gtk_widget_get_next_sibling (child))
    found = find_button (child, text);
  return found;
}

/* All pages with nothing, something broken and something good; nothing warns, and all of it goes away with the window. */
static void
test_pages (void)
{
  g_autofree char *folder = tn_ui_test_make_folder ();
  g_autofree char *workspace = g_build_filename (folder, "workspace.db", NULL);
  g_autofree char *model = tn_ui_test_write_model (folder);
  g_autoptr (TnSession) session = tn_session_new (workspace);
  GtkWidget *window = tn_window_new (NULL, session);
  GtkWidget *page;

  gtk_window_present (GTK_WINDOW (window));
  gtk_test_widget_wait_for_draw (window);
  g_assert_true (shows_text (window, "drop a file or folder"));
  tn_window_show_page (TN_WINDOW (window), "calibration");
  gtk_test_widget_wait_for_draw (window);
  g_assert_true (shows_text (window, "Nothing to Calibrate Yet"));
  g_signal_emit_by_name (find_button (window, "Recorded Activations"), "clicked");
  gtk_test_widget_wait_for_draw (window);
  g_assert_true (shows_text (window, "Choose the recorded activations"));
  tn_window_show_page (TN_WINDOW (window), "runs");
  gtk_test_widget_wait_for_draw (window);

  tn_window_open (TN_WINDOW (window), "/nowhere/at/all");
  g_assert_true (tn_ui_test_wait (has_failed, session, 20));
  gtk_test_widget_wait_for_draw (window);
  g_assert_true (shows_text (window, "/nowhere/at/all"));

  tn_window_open (TN_WINDOW (window), model);
  g_assert_true (tn_ui_test_wait (is_settled, session, 20));
  gtk_test_widget_wait_for_draw (window);
  page = find (window, TN_TYPE_LAYERS_PAGE);
  g_assert_nonnull (page);
  g_assert_cmpuint (tn_table_get_n_shown (tn_layers_page_get_table (TN_LAYERS_PAGE (page))), ==, 2);
  g_assert_nonnull (tn_table_get_selected (tn_layers_page_get_table (TN_LAYERS_PAGE (page))));
  g_assert_true (shows_text (window, "model.safetensors"));
  gtk_widget_activate_action (window, "win.search", NULL);
  tn_window_show_page (TN_WINDOW (window), "calibration");
  gtk_test_widget_wait_for_draw (window);
  g_assert_true (shows_text (window, "Nothing Measured Yet"));
  tn_window_show_page (TN_WINDOW (window), "nowhere");

  gtk_window_destroy (GTK_WINDOW (window));
  tn_session_close (session);
  g_assert_true (tn_ui_test_wait (is_alone, session, 20));
  tn_ui_test_remove (folder);
}

/* A statistics file among others, of one site. */
static char *
write_statistics (const char *folder)
{
  static const float values[] = {-1, 0.5f, 0.25f, 2, 0, -0.125f, 1, 3};
  static const gint32 tokens[4];
  TnSequence sequence = {.hash = 1, .tokens = tokens, .length = 4};
  char *path = g_build_filename (folder, "some.safetensors", NULL);
  g_autoptr (TnStats) stats = tn_stats_new (7, "own");
  g_autoptr (TnBatch) batch = tn_batch_new (&sequence, 1);

  tn_stats_add_site (stats, "blk.0.attn_q.in", 2);
  tn_site_stats_observe (tn_stats_find (stats, "blk.0.attn_q.in"), batch, values);
  tn_stats_count_batch (stats, batch);
  g_assert_true (tn_stats_save (stats, path, NULL, NULL));
  return path;
}

/* Statistics open on the page of calibration, with no model as beside one, which stays open. */
static void
test_statistics (void)
{
  g_autofree char *folder = tn_ui_test_make_folder ();
  g_autofree char *workspace = g_build_filename (folder, "workspace.db", NULL);
  g_autofree char *model = tn_ui_test_write_model (folder);
  g_autofree char *statistics = write_statistics (folder);
  g_autoptr (TnSession) session = tn_session_new (workspace);
  GtkWidget *window = tn_window_new (NULL, session);

  gtk_window_present (GTK_WINDOW (window));
  tn_window_show_page (TN_WINDOW (window), "calibration");
  tn_session_open_statistics (session, "/nowhere/at/all");
  g_assert_false (shows_text (window, "Nothing to Calibrate Yet"));
  g_assert_true (tn_ui_test_wait (has_loaded, session, 20));
  g_assert_true (shows_text (window, "Nothing to Calibrate Yet"));
  tn_window_open (TN_WINDOW (window), statistics);
  g_assert_true (tn_ui_test_wait (has_calibration, session, 20));
  g_assert_true (tn_ui_test_wait (shows_sites, window, 20));
  g_assert_cmpint (tn_session_get_state (session), ==, TN_SESSION_EMPTY);
  g_assert_true (shows_text (window, "Open the model to calibrate"));

  tn_window_open (TN_WINDOW (window), model);
  g_assert_true (tn_ui_test_wait (is_settled, session, 20));
  g_assert_false (shows_sites (window));
  tn_window_open (TN_WINDOW (window), statistics);
  g_assert_true (tn_ui_test_wait (shows_sites, window, 20));
  g_assert_cmpint (tn_session_get_state (session), ==, TN_SESSION_READY);
  g_assert_cmpstr (tn_session_get_path (session), ==, model);

  gtk_window_destroy (GTK_WINDOW (window));
  tn_session_close (session);
  g_assert_true (tn_ui_test_wait (is_alone, session, 20));
  tn_ui_test_remove (folder);
}

static void
note_request (TnRunItem *item, int request, int *noted)
{
  *noted = request;
}

static void
test_run_item (void)
{
  GtkWidget *item = g_object_ref_sink (tn_run_item_new ());
  TnRunRow run = {
      .id = 7,
      .verb = (char *) "calibrate",
      .title = (char *) "Calibrate <a> & b",
      .state = TN_RUN_RUNNING,
      .done = 3,
      .total = 4,
      .unit = (char *) "sequences",
      .rate = 2,
      .started_us = G_GINT64_CONSTANT (1700000000) * G_USEC_PER_SEC,
  };
  GtkWidget *button;
  int noted = -1;

  tn_run_item_show (TN_RUN_ITEM (item), &run);
  g_assert_cmpint (tn_run_item_get_run (TN_RUN_ITEM (item)), ==, 7);
  g_signal_connect (item, "requested", G_CALLBACK (note_request), &noted);
  button = find (item, GTK_TYPE_BUTTON);
  g_assert_true (gtk_widget_get_visible (button));
  g_signal_emit_by_name (button, "clicked");
  g_assert_cmpint (noted, ==, TN_REQUEST_PAUSE);
  run.state = TN_RUN_PAUSED;
  tn_run_item_show (TN_RUN_ITEM (item), &run);
  g_signal_emit_by_name (button, "clicked");
  g_assert_cmpint (noted, ==, TN_REQUEST_RESUME);
  for (run.state = TN_RUN_DONE; run.state <= TN_RUN_LOST; run.state++)
    {
      tn_run_item_show (TN_RUN_ITEM (item), &run);
      g_assert_false (gtk_widget_get_visible (button));
    }
  g_assert_finalize_object (item);
}

int
main (int argc, char **argv)
{
  tn_ui_test_init (&argc, &argv);
  g_test_add_func ("/ui/window/pages", test_pages);
  g_test_add_func ("/ui/window/statistics", test_statistics);
  g_test_add_func ("/ui/window/run-item", test_run_item);
  return g_test_run ();
}
