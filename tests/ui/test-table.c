/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "tests/ui/ui-test.h"
#include "ui/table.h"

/* A row of a name and two numbers. */
#define TEST_TYPE_ROW (test_row_get_type ())
G_DECLARE_FINAL_TYPE (TestRow, test_row, TEST, ROW, TnTableRow)

struct _TestRow
{
  TnTableRow parent_instance;
  char *name, *key;
  double numbers[2];
};

G_DEFINE_FINAL_TYPE (TestRow, test_row, TN_TYPE_TABLE_ROW)

static char *
dup_text (TnTableRow *row, guint column)
{
  TestRow *self = TEST_ROW (row);

  return column == 0 ? g_strdup (self->name) : g_strdup_printf ("%g", self->numbers[column - 1]);
}

static double
get_number (TnTableRow *row, guint column)
{
  return column == 0 ? NAN : TEST_ROW (row)->numbers[column - 1];
}

static const char *
get_key (TnTableRow *row, guint column)
{
  return column == 0 ? TEST_ROW (row)->key : NULL;
}

static gboolean
matches (TnTableRow *row, const char *needle)
{
  return strstr (TEST_ROW (row)->name, needle) != NULL;
}

static void
test_row_finalize (GObject *object)
{
  g_free (TEST_ROW (object)->name);
  g_free (TEST_ROW (object)->key);
  G_OBJECT_CLASS (test_row_parent_class)->finalize (object);
}

static void
test_row_class_init (TestRowClass *klass)
{
  TnTableRowClass *row_class = TN_TABLE_ROW_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = test_row_finalize;
  row_class->dup_text = dup_text;
  row_class->get_number = get_number;
  row_class->get_key = get_key;
  row_class->matches = matches;
}

static void
test_row_init (TestRow *self)
{
}

static TestRow *
test_row_new (const char *name, double first, double second, guint place)
{
  TestRow *self = g_object_new (TEST_TYPE_ROW, NULL);

  self->name = g_strdup (name);
  self->key = g_utf8_collate_key_for_filename (name, -1);
  self->numbers[0] = first;
  self->numbers[1] = second;
  tn_table_row_set_place (TN_TABLE_ROW (self), place);
  return self;
}

static const TnTableColumn columns[] = {
    {"name", "Name", TN_CELL_TEXT, 0, TRUE, FALSE, 0},
    {"first", "First", TN_CELL_NUMBER, 80, FALSE, TRUE, 0},
    {"second", "Second", TN_CELL_METER, 80, FALSE, TRUE, 10},
};

typedef struct
{
  GtkWidget *window;
  GtkColumnView *view;
  GListStore *rows;
  TnTable *table;
} Fixture;

static void
add (Fixture *fixture, const char *name, double first, double second)
{
  g_autoptr (TestRow) row = test_row_new (name, first, second, g_list_model_get_n_items (G_LIST_MODEL (fixture->rows)));

  g_list_store_append (fixture->rows, row);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->window = gtk_window_new ();
  fixture->view = GTK_COLUMN_VIEW (gtk_column_view_new (NULL));
  gtk_window_set_child (GTK_WINDOW (fixture->window), GTK_WIDGET (fixture->view));
  fixture->rows = g_list_store_new (TN_TYPE_TABLE_ROW);
  fixture->table = tn_table_new (fixture->view, "Rows", columns, G_N_ELEMENTS (columns));
  add (fixture, "blk.10.b", 2, NAN);
  add (fixture, "blk.2.b", NAN, 5);
  add (fixture, "blk.2.a", -1, 5);
  add (fixture, "embd", 7, -3);
  add (fixture, "blk.1.a", NAN, 1);
  tn_table_set_rows (fixture->table, G_LIST_MODEL (fixture->rows));
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  gtk_window_destroy (GTK_WINDOW (fixture->window));
  g_assert_finalize_object (fixture->table);
  g_assert_finalize_object (fixture->rows);
}

static char *
read_names (TnTable *table)
{
  GString *names = g_string_new (NULL);

  for (guint i = 0; i < tn_table_get_n_shown (table); i++)
    g_string_append_printf (names, "%s%s", i > 0 ? " " : "", TEST_ROW (tn_table_get_shown (table, i))->name);
  return g_string_free (names, FALSE);
}

static void
assert_names (TnTable *table, const char *expected)
{
  g_autofree char *names = read_names (table);

  g_assert_cmpstr (names, ==, expected);
}

static void
test_sort (Fixture *fixture, gconstpointer data)
{
  gboolean descending;

  assert_names (fixture->table, "blk.10.b blk.2.b blk.2.a embd blk.1.a");
  g_assert_null (tn_table_get_sort (fixture->table, NULL));

  tn_table_sort (fixture->table, "name", FALSE);
  assert_names (fixture->table, "blk.1.a blk.2.a blk.2.b blk.10.b embd");
  g_assert_cmpstr (tn_table_get_sort (fixture->table, &descending), ==, "name");
  g_assert_false (descending);
  tn_table_sort (fixture->table, "name", TRUE);
  assert_names (fixture->table, "embd blk.10.b blk.2.b blk.2.a blk.1.a");

  /* What is not known comes last both ways, in its own order. */
  tn_table_sort (fixture->table, "first", FALSE);
  assert_names (fixture->table, "blk.2.a blk.10.b embd blk.2.b blk.1.a");
  tn_table_sort (fixture->table, "first", TRUE);
  assert_names (fixture->table, "embd blk.10.b blk.2.a blk.2.b blk.1.a");
  g_assert_cmpstr (tn_table_get_sort (fixture->table, &descending), ==, "first");
  g_assert_true (descending);

  tn_table_sort (fixture->table, "second", TRUE);
  assert_names (fixture->table, "blk.2.b blk.2.a blk.1.a embd blk.10.b");
  tn_table_sort (fixture->table, NULL, FALSE);
  assert_names (fixture->table, "blk.10.b blk.2.b blk.2.a embd blk.1.a");
}

static void
click (Fixture *fixture, guint column, GtkSortType direction)
{
  g_autoptr (GtkColumnViewColumn) view_column = g_list_model_get_item (gtk_column_view_get_columns (fixture->view), column);

  gtk_column_view_sort_by_column (fixture->view, view_column, direction);
}

/* A column view remembers earlier columns behind the one clicked last, in whatever direction. */
static void
test_primary_column (Fixture *fixture, gconstpointer data)
{
  const GtkSortType directions[] = {GTK_SORT_ASCENDING, GTK_SORT_DESCENDING};

  for (guint i = 0; i < 3 * 2; i++)
    for (guint j = 0; j < 3 * 2; j++)
      {
        const guint order[] = {i, j, (2 * i + j) % 6};

        for (guint step = 0; step < 3; step++)
          {
            gboolean descending;

            click (fixture, order[step] / 2, directions[order[step] % 2]);
            g_assert_cmpstr (tn_table_get_sort (fixture->table, &descending), ==, columns[order[step] / 2].id);
            g_assert_cmpint (descending, ==, order[step] % 2);
          }
      }
}

static void
count_call (guint *count)
{
  (*count)++;
}

static void
test_filter (Fixture *fixture, gconstpointer data)
{
  guint calls = 0;

  g_signal_connect_swapped (fixture->table, "shown-changed", G_CALLBACK (count_call), &calls);
  tn_table_set_search (fixture->table, "BLK");
  g_assert_cmpuint (tn_table_get_n_shown (fixture->table), ==, 4);
  g_assert_cmpuint (calls, >, 0);
  tn_table_set_search (fixture->table, " .a  2 ");
  assert_names (fixture->table, "blk.2.a");
  tn_table_set_search (fixture->table, "nowhere");
  g_assert_cmpuint (tn_table_get_n_shown (fixture->table), ==, 0);
  g_assert_null (tn_table_get_shown (fixture->table, 0));
  tn_table_set_search (fixture->table, "");
  g_assert_cmpuint (tn_table_get_n_shown (fixture->table), ==, 5);
  tn_table_set_rows (fixture->table, NULL);
  g_assert_cmpuint (tn_table_get_n_shown (fixture->table), ==, 0);
}

static void
test_refresh (Fixture *fixture, gconstpointer data)
{
  TnTableRow *selected;

  tn_table_sort (fixture->table, "first", FALSE);
  tn_table_select (fixture->table, 1);
  selected = tn_table_get_selected (fixture->table);
  g_assert_cmpstr (TEST_ROW (selected)->name, ==, "blk.10.b");

  TEST_ROW (selected)->numbers[0] = 100;
  tn_table_row_changed (selected);
  tn_table_refresh (fixture->table);
  assert_names (fixture->table, "blk.2.a embd blk.10.b blk.2.b blk.1.a");
  g_assert_true (tn_table_get_selected (fixture->table) == selected);
}

static void
test_copy (Fixture *fixture, gconstpointer data)
{
  g_autofree char *nothing = tn_table_to_text (fixture->table, FALSE);
  g_autofree char *all = NULL;
  g_autofree char *one = NULL;

  g_assert_cmpstr (nothing, ==, "Name\tFirst\tSecond\n");
  tn_table_set_search (fixture->table, "blk.2");
  tn_table_sort (fixture->table, "name", FALSE);
  all = tn_table_to_text (fixture->table, TRUE);
  g_assert_cmpstr (all, ==, "Name\tFirst\tSecond\nblk.2.a\t-1\t5\nblk.2.b\tnan\t5\n");
  tn_table_select (fixture->table, 1);
  one = tn_table_to_text (fixture->table, FALSE);
  g_assert_cmpstr (one, ==, "Name\tFirst\tSecond\nblk.2.b\tnan\t5\n");
}

/* Cells follow their rows while they are on the screen. */
static void
test_cells (Fixture *fixture, gconstpointer data)
{
  gtk_window_set_default_size (GTK_WINDOW (fixture->window), 400, 300);
  gtk_window_present (GTK_WINDOW (fixture->window));
  gtk_test_widget_wait_for_draw (fixture->window);
  for (guint i = 0; i < 5; i++)
    {
      g_autoptr (TestRow) row = g_list_model_get_item (G_LIST_MODEL (fixture->rows), i);

      row->numbers[0] = i;
      row->numbers[1] = i;
      tn_table_row_changed (TN_TABLE_ROW (row));
    }
  g_list_store_remove (fixture->rows, 2);
  gtk_test_widget_wait_for_draw (fixture->window);
  g_assert_cmpuint (tn_table_get_n_shown (fixture->table), ==, 4);
}

static gboolean
shows (GtkWidget *widget, const char *text)
{
  if (GTK_IS_LABEL (widget) && g_strcmp0 (gtk_label_get_text (GTK_LABEL (widget)), text) == 0)
    return TRUE;
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL; child = gtk_widget_get_next_sibling (child))
    if (shows (child, text))
      return TRUE;
  return FALSE;
}

static gboolean
shows_last (gpointer view)
{
  return shows (view, "77159");
}

static gboolean
is_far_down (gpointer adjustment)
{
  return gtk_adjustment_get_upper (adjustment) > 3000;
}

/* Rows that are out of sight are renewed when they come into it. */
static void
test_out_of_sight (Fixture *fixture, gconstpointer data)
{
  GtkWidget *scrolled = gtk_scrolled_window_new ();
  GtkAdjustment *scrolling;

  for (guint i = 0; i < 155; i++)
    add (fixture, "row", 1, 1);
  g_object_ref (fixture->view);
  gtk_window_set_child (GTK_WINDOW (fixture->window), NULL);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scrolled), GTK_WIDGET (fixture->view));
  g_object_unref (fixture->view);
  gtk_window_set_child (GTK_WINDOW (fixture->window), scrolled);
  gtk_window_set_default_size (GTK_WINDOW (fixture->window), 400, 300);
  gtk_window_present (GTK_WINDOW (fixture->window));
  gtk_test_widget_wait_for_draw (fixture->window);
  scrolling = gtk_scrollable_get_vadjustment (GTK_SCROLLABLE (fixture->view));
  g_assert_true (tn_ui_test_wait (is_far_down, scrolling, 10));
  for (guint i = 0; i < 160; i++)
    {
      g_autoptr (TestRow) row = g_list_model_get_item (G_LIST_MODEL (fixture->rows), i);

      row->numbers[0] = 77000 + i;
      tn_table_row_changed (TN_TABLE_ROW (row));
    }
  g_assert_true (shows (GTK_WIDGET (fixture->view), "77000"));
  g_assert_false (shows_last (fixture->view));
  gtk_adjustment_set_value (scrolling, gtk_adjustment_get_upper (scrolling));
  g_assert_true (tn_ui_test_wait (shows_last, fixture->view, 10));
}

int
main (int argc, char **argv)
{
  tn_ui_test_init (&argc, &argv);
  g_test_add ("/ui/table/sort", Fixture, NULL, set_up, test_sort, tear_down);
  g_test_add ("/ui/table/primary-column", Fixture, NULL, set_up, test_primary_column, tear_down);
  g_test_add ("/ui/table/filter", Fixture, NULL, set_up, test_filter, tear_down);
  g_test_add ("/ui/table/refresh", Fixture, NULL, set_up, test_refresh, tear_down);
  g_test_add ("/ui/table/copy", Fixture, NULL, set_up, test_copy, tear_down);
  g_test_add ("/ui/table/cells", Fixture, NULL, set_up, test_cells, tear_down);
  g_test_add ("/ui/table/out-of-sight", Fixture, NULL, set_up, test_out_of_sight, tear_down);
  return g_test_run ();
}
