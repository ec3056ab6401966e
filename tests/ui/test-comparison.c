/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "data/statistics/stats-file.h"
#include "tests/ui/ui-test.h"
#include "ui/comparison-view.h"
#include "ui/difference-row.h"

typedef struct
{
  char *folder;
  char *path;
  TnStats *first, *second;
} Fixture;

/* 40 sequences of 8 tokens; values reach from -scale to scale. */
static void
fill (TnStats *stats, const char *name, double scale)
{
  TnSiteStats *site = tn_stats_add_site (stats, name, 16);

  for (guint s = 0; s < 40; s++)
    {
      gint32 tokens[8] = {0};
      TnSequence sequence = {.hash = 1000 + s * 7919, .length = 8, .tokens = tokens};
      g_autoptr (TnBatch) batch = tn_batch_new (&sequence, 1);
      float x[8 * 16];

      for (guint i = 0; i < G_N_ELEMENTS (x); i++)
        x[i] = (float) (scale * sin (i + s));
      tn_site_stats_observe (site, batch, x);
    }
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->folder = tn_ui_test_make_folder ();
  fixture->path = g_build_filename (fixture->folder, "second.safetensors", NULL);
  fixture->first = tn_stats_new (1, "test");
  fixture->second = tn_stats_new (1, "test");
  fill (fixture->first, "blk.0.same.in", 1);
  fill (fixture->second, "blk.0.same.in", 1);
  fill (fixture->first, "blk.1.louder.in", 1);
  fill (fixture->second, "blk.1.louder.in", 2);
  fill (fixture->first, "blk.2.gone.in", 1);
  g_assert_true (tn_stats_save (fixture->second, fixture->path, NULL, NULL));
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  tn_stats_unref (fixture->first);
  tn_stats_unref (fixture->second);
  tn_ui_test_remove (fixture->folder);
  g_free (fixture->folder);
  g_free (fixture->path);
}

static gboolean
is_over (gpointer view)
{
  return strcmp (tn_comparison_view_get_state (view), "comparing") != 0;
}

static TnTableRow *
find_row (TnTable *table, const char *name)
{
  for (guint i = 0; i < tn_table_get_n_shown (table); i++)
    {
      TnTableRow *row = tn_table_get_shown (table, i);

      if (strcmp (tn_difference_row_get (TN_DIFFERENCE_ROW (row))->name, name) == 0)
        return row;
    }
  g_assert_not_reached ();
}

static void
assert_text (TnTableRow *row, guint column, const char *expected)
{
  g_autofree char *text = tn_table_row_dup_text (row, column);

  g_assert_cmpstr (text, ==, expected);
}

static void
test_compared (Fixture *fixture, gconstpointer data)
{
  GtkWidget *window = gtk_window_new ();
  TnComparisonView *view = g_object_new (TN_TYPE_COMPARISON_VIEW, NULL);
  TnTable *table;
  TnTableRow *same, *louder, *gone;

  gtk_window_set_child (GTK_WINDOW (window), GTK_WIDGET (view));
  gtk_window_present (GTK_WINDOW (window));
  tn_comparison_view_compare (view, fixture->first, "first", fixture->path);
  g_assert_true (tn_ui_test_wait (is_over, view, 20));
  g_assert_cmpstr (tn_comparison_view_get_state (view), ==, "compared");
  table = tn_comparison_view_get_table (view);
  g_assert_cmpuint (tn_table_get_n_shown (table), ==, 3);
  same = find_row (table, "blk.0.same.in");
  louder = find_row (table, "blk.1.louder.in");
  gone = find_row (table, "blk.2.gone.in");
  /* What did not change is last. */
  g_assert_true (tn_table_get_shown (table, 2) == same);
  assert_text (same, TN_DIFFERENCE_KS, "0.0");
  assert_text (same, TN_DIFFERENCE_RANGE, "0.0 %");
  assert_text (same, TN_DIFFERENCE_INT8, "0.0");
  assert_text (louder, TN_DIFFERENCE_RANGE, "+100.0 %");
  assert_text (louder, TN_DIFFERENCE_STD, "+100.0 %");
  assert_text (louder, TN_DIFFERENCE_INT4, "0.0");
  g_assert_cmpfloat (tn_table_row_get_number (louder, TN_DIFFERENCE_KS), >, 10);
  assert_text (gone, TN_DIFFERENCE_NAME, "blk.2.gone.in (missing)");
  assert_text (gone, TN_DIFFERENCE_STD, "—");
  tn_ui_test_spin ();
  gtk_window_destroy (GTK_WINDOW (window));
}

static void
test_failed (Fixture *fixture, gconstpointer data)
{
  TnComparisonView *view = g_object_ref_sink (g_object_new (TN_TYPE_COMPARISON_VIEW, NULL));

  tn_comparison_view_compare (view, fixture->first, "first", "/nowhere/at/all");
  g_assert_true (tn_ui_test_wait (is_over, view, 20));
  g_assert_cmpstr (tn_comparison_view_get_state (view), ==, "failed");
  /* Let go while it is compared: nothing comes of it. */
  tn_comparison_view_compare (view, fixture->first, "first", fixture->path);
  tn_comparison_view_clear (view);
  for (guint i = 0; i < 50; i++)
    {
      tn_ui_test_spin ();
      g_usleep (2000);
    }
  g_assert_cmpuint (tn_table_get_n_shown (tn_comparison_view_get_table (view)), ==, 0);
  g_object_unref (view);
}

int
main (int argc, char **argv)
{
  tn_ui_test_init (&argc, &argv);
  g_test_add ("/ui/comparison/compared", Fixture, NULL, set_up, test_compared, tear_down);
  g_test_add ("/ui/comparison/failed", Fixture, NULL, set_up, test_failed, tear_down);
  return g_test_run ();
}
