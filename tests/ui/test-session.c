/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "tests/realdata.h"
#include "tests/ui/ui-test.h"
#include "ui/session.h"

typedef struct
{
  char *folder;
  TnSession *session;
} Fixture;

static gboolean
has_recent_been_listed (gpointer flag)
{
  return *(gboolean *) flag;
}

static void
raise_flag (gboolean *flag)
{
  *flag = TRUE;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autofree char *workspace = NULL;
  gboolean listed = FALSE;

  fixture->folder = tn_ui_test_make_folder ();
  workspace = g_build_filename (fixture->folder, "workspace.db", NULL);
  fixture->session = tn_session_new (workspace);
  g_signal_connect_swapped (fixture->session, "recent-changed", G_CALLBACK (raise_flag), &listed);
  g_assert_true (tn_ui_test_wait (has_recent_been_listed, &listed, 20));
  g_signal_handlers_disconnect_by_data (fixture->session, &listed);
}

static gboolean
is_settled (gpointer session)
{
  return tn_session_get_state (session) == TN_SESSION_FAILED || tn_session_get_state (session) == TN_SESSION_READY;
}

static gboolean
is_measured (gpointer session)
{
  return is_settled (session) && !tn_inspector_is_running (tn_session_get_inspector (session)) &&
         tn_session_get_facts (session) != NULL;
}

static gboolean
is_alone (gpointer session)
{
  return G_OBJECT (session)->ref_count == 1;
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  tn_session_close (fixture->session);
  /* Work under way holds the session until it has ended. */
  g_assert_true (tn_ui_test_wait (is_alone, fixture->session, 20));
  g_assert_finalize_object (fixture->session);
  tn_ui_test_remove (fixture->folder);
  g_free (fixture->folder);
}

static void
test_good (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = tn_ui_test_write_model (fixture->folder);
  GListModel *rows;
  g_autoptr (TnLayerRow) first = NULL;
  g_autoptr (TnLayerRow) second = NULL;
  TnLayerRow *weight, *bias;

  g_assert_cmpint (tn_session_get_state (fixture->session), ==, TN_SESSION_EMPTY);
  g_assert_null (tn_session_get_path (fixture->session));
  tn_session_open (fixture->session, path);
  g_assert_cmpint (tn_session_get_state (fixture->session), ==, TN_SESSION_LOADING);
  g_assert_true (tn_ui_test_wait (is_settled, fixture->session, 20));
  g_assert_no_error (tn_session_get_error (fixture->session));
  g_assert_cmpint (tn_session_get_state (fixture->session), ==, TN_SESSION_READY);
  g_assert_cmpstr (tn_session_get_display_name (fixture->session), ==, "model.safetensors");

  /* The layers are there before their numbers are. */
  rows = tn_inspector_get_rows (tn_session_get_inspector (fixture->session));
  g_assert_cmpuint (g_list_model_get_n_items (rows), ==, 2);
  g_assert_true (tn_ui_test_wait (is_measured, fixture->session, 20));

  first = g_list_model_get_item (rows, 0);
  second = g_list_model_get_item (rows, 1);
  weight = tn_layer_row_get_info (first)->tensor->n_dims == 2 ? first : second;
  bias = weight == first ? second : first;
  g_assert_cmpint (tn_layer_row_get_state (weight), ==, TN_LAYER_MEASURED);
  g_assert_cmpfloat (tn_layer_row_get_summary (weight)->min, ==, -0.5);
  g_assert_cmpfloat (tn_layer_row_get_summary (weight)->max, ==, 0.5);
  /* All of one magnitude: ternary loses nothing. */
  g_assert_true (isinf (tn_layer_row_get_error (weight, TN_LAYER_TERNARY)->sqnr_db));
  g_assert_cmpfloat (tn_layer_row_get_summary (bias)->mean, ==, 0.25);
  g_assert_null (tn_layer_row_get_error (bias, TN_LAYER_TERNARY));
  g_assert_true (isnan (tn_table_row_get_number (TN_TABLE_ROW (bias), TN_LAYER_SQNR)));
  g_assert_cmpfloat (tn_table_row_get_number (TN_TABLE_ROW (weight), TN_LAYER_ELEMENTS), ==, 128);

  /* No graph: it can be looked at, not run. */
  g_assert_nonnull (tn_session_get_facts (fixture->session)->unfit);

  tn_session_close (fixture->session);
  g_assert_cmpint (tn_session_get_state (fixture->session), ==, TN_SESSION_EMPTY);
  g_assert_null (tn_session_get_inspector (fixture->session));
}

static void
assert_fails (TnSession *session, const char *path)
{
  tn_session_open (session, path);
  g_assert_true (tn_ui_test_wait (is_settled, session, 20));
  g_assert_cmpint (tn_session_get_state (session), ==, TN_SESSION_FAILED);
  g_assert_nonnull (tn_session_get_error (session));
  g_assert_null (strchr (tn_session_get_error (session)->message, '\n'));
  g_assert_null (tn_session_get_file (session));
  g_assert_null (tn_session_get_inspector (session));
  g_test_message ("%s", tn_session_get_error (session)->message);
}

static void
test_broken (Fixture *fixture, gconstpointer data)
{
  g_autofree char *good = tn_ui_test_write_model (fixture->folder);
  g_autofree char *broken = g_build_filename (fixture->folder, "broken.safetensors", NULL);
  g_autofree char *empty = g_build_filename (fixture->folder, "empty.gguf", NULL);
  g_autofree char *folder = g_build_filename (fixture->folder, "folder", NULL);
  g_autofree char *contents = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (good, &contents, &length, NULL));
  g_assert_true (g_file_set_contents (broken, contents, (gssize) length - 4, NULL));
  g_assert_true (g_file_set_contents (empty, "", 0, NULL));
  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);

  assert_fails (fixture->session, broken);
  assert_fails (fixture->session, empty);
  assert_fails (fixture->session, folder);
  assert_fails (fixture->session, "/nowhere/at/all");

  /* A failure is no dead end. */
  tn_session_open (fixture->session, good);
  g_assert_true (tn_ui_test_wait (is_measured, fixture->session, 20));
  g_assert_cmpint (tn_session_get_state (fixture->session), ==, TN_SESSION_READY);
}

/* Opening one model after the other without waiting leaves the last one open. */
static void
test_hurry (Fixture *fixture, gconstpointer data)
{
  g_autofree char *good = tn_ui_test_write_model (fixture->folder);

  for (guint i = 0; i < 10; i++)
    tn_session_open (fixture->session, i % 2 == 0 ? "/nowhere/at/all" : good);
  g_assert_true (tn_ui_test_wait (is_settled, fixture->session, 20));
  g_assert_cmpint (tn_session_get_state (fixture->session), ==, TN_SESSION_READY);
  tn_ui_test_wait (is_measured, fixture->session, 20);
  g_assert_cmpint (tn_session_get_state (fixture->session), ==, TN_SESSION_READY);
  g_assert_cmpstr (tn_session_get_path (fixture->session), ==, good);
}

static gboolean
is_recent (gpointer session)
{
  return *tn_session_get_recent (session) != NULL;
}

static void
test_recent (Fixture *fixture, gconstpointer data)
{
  g_autofree char *good = tn_ui_test_write_model (fixture->folder);

  g_assert_null (*tn_session_get_recent (fixture->session));
  tn_session_open (fixture->session, good);
  g_assert_true (tn_ui_test_wait (is_recent, fixture->session, 20));
  g_assert_cmpstr (*tn_session_get_recent (fixture->session), ==, good);
  g_assert_true (tn_ui_test_wait (is_measured, fixture->session, 20));
}

static void
test_real_model (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = tn_test_realdata ("stories260k/stories260K.bin");

  if (path == NULL)
    return;
  tn_session_open (fixture->session, path);
  g_assert_true (tn_ui_test_wait (is_measured, fixture->session, 60));
  g_assert_null (tn_session_get_facts (fixture->session)->unfit);
  g_assert_cmpuint (tn_session_get_facts (fixture->session)->n_context, ==, 512);
  /* tok512.bin lies beside it. */
  g_assert_nonnull (tn_session_get_facts (fixture->session)->tokenizer);
}

int
main (int argc, char **argv)
{
  tn_ui_test_init (&argc, &argv);
  g_test_add ("/ui/session/good", Fixture, NULL, set_up, test_good, tear_down);
  g_test_add ("/ui/session/broken", Fixture, NULL, set_up, test_broken, tear_down);
  g_test_add ("/ui/session/hurry", Fixture, NULL, set_up, test_hurry, tear_down);
  g_test_add ("/ui/session/recent", Fixture, NULL, set_up, test_recent, tear_down);
  g_test_add ("/ui/session/real-model", Fixture, NULL, set_up, test_real_model, tear_down);
  return g_test_run ();
}
