/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/table.h"

#include <glib/gi18n-lib.h>

#include "ui/accessible.h"
#include "ui/meter-cell.h"
#include "ui/table-sort.h"

struct _TnTable
{
  GObject parent_instance;
  GtkColumnView *view; /* not owned */
  const TnTableColumn *columns;
  guint n_columns;
  GtkFilterListModel *filtered;
  GtkSortListModel *sorted;
  GtkSingleSelection *selection;
  GtkFilter *filter;
  GtkSorter *sorter;
  GtkSorter *view_sorter;
  GtkEventController *copying;
  char **needles;
  int sort_column; /* -1: order of the file */
  gboolean descending;
};

enum
{
  SELECTION_CHANGED,
  SHOWN_CHANGED,
  SORT_CHANGED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnTable, tn_table, G_TYPE_OBJECT)

static int
compare_rows (gconstpointer a, gconstpointer b, gpointer user_data)
{
  TnTable *self = user_data;
  TnTableRow *x = (TnTableRow *) a, *y = (TnTableRow *) b;
  guint place_x, place_y;

  if (self->sort_column >= 0)
    return tn_table_row_compare (x, y, (guint) self->sort_column, self->descending);
  place_x = tn_table_row_get_place (x);
  place_y = tn_table_row_get_place (y);
  return (place_x > place_y) - (place_x < place_y);
}

static gboolean
row_is_shown (gpointer item, gpointer user_data)
{
  TnTable *self = user_data;

  for (char **needle = self->needles; needle != NULL && *needle != NULL; needle++)
    if (**needle != '\0' && !tn_table_row_matches (item, *needle))
      return FALSE;
  return TRUE;
}

/* A view that sorts stays with the row it showed; who sorts wants to see what comes first. */
static void
scroll_to_top (TnTable *self)
{
  GtkWidget *list = gtk_widget_get_last_child (GTK_WIDGET (self->view));

  if (list != NULL && gtk_widget_get_mapped (list) && tn_table_get_n_shown (self) > 0)
    gtk_widget_activate_action (list, "list.scroll-to-item", "u", 0);
}

static void
on_view_sort_changed (GtkSorter *view_sorter, GtkSorterChange change, TnTable *self)
{
  gboolean descending;
  int column = tn_table_probe (view_sorter, self->n_columns, &descending);

  if (column == self->sort_column && descending == self->descending)
    return;
  self->sort_column = column;
  self->descending = descending;
  gtk_sorter_changed (self->sorter, GTK_SORTER_CHANGE_DIFFERENT);
  scroll_to_top (self);
  g_signal_emit (self, signals[SORT_CHANGED], 0);
}

static void
on_selected (TnTable *self)
{
  g_signal_emit (self, signals[SELECTION_CHANGED], 0);
}

static void
on_shown (TnTable *self)
{
  g_signal_emit (self, signals[SHOWN_CHANGED], 0);
}

static void
tn_table_dispose (GObject *object)
{
  TnTable *self = TN_TABLE (object);

  if (self->view_sorter != NULL)
    g_signal_handlers_disconnect_by_data (self->view_sorter, self);
  g_clear_object (&self->view_sorter);
  if (self->copying != NULL && gtk_event_controller_get_widget (self->copying) != NULL)
    gtk_widget_remove_controller (gtk_event_controller_get_widget (self->copying), self->copying);
  g_clear_object (&self->copying);
  if (self->selection != NULL)
    g_signal_handlers_disconnect_by_data (self->selection, self);
  if (self->filtered != NULL)
    g_signal_handlers_disconnect_by_data (self->filtered, self);
  /* The models may live on in the view; they must not ask this table any more. */
  if (self->sorted != NULL)
    gtk_sort_list_model_set_sorter (self->sorted, NULL);
  if (self->filtered != NULL)
    gtk_filter_list_model_set_filter (self->filtered, NULL);
  g_clear_object (&self->selection);
  g_clear_object (&self->sorted);
  g_clear_object (&self->filtered);
  g_clear_object (&self->filter);
  g_clear_object (&self->sorter);
  g_clear_pointer (&self->needles, g_strfreev);
  G_OBJECT_CLASS (tn_table_parent_class)->dispose (object);
}

static void
tn_table_class_init (TnTableClass *klass)
{
  GType type = G_TYPE_FROM_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_table_dispose;

  signals[SELECTION_CHANGED] = g_signal_new ("selection-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[SHOWN_CHANGED] = g_signal_new ("shown-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[SORT_CHANGED] = g_signal_new ("sort-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
tn_table_init (TnTable *self)
{
  self->sort_column = -1;
  self->sorter = GTK_SORTER (gtk_custom_sorter_new (compare_rows, self, NULL));
  self->filter = GTK_FILTER (gtk_custom_filter_new (row_is_shown, self, NULL));
  self->filtered = gtk_filter_list_model_new (NULL, g_object_ref (self->filter));
  self->sorted = gtk_sort_list_model_new (g_object_ref (G_LIST_MODEL (self->filtered)), g_object_ref (self->sorter));
  self->selection = gtk_single_selection_new (g_object_ref (G_LIST_MODEL (self->sorted)));
  gtk_single_selection_set_autoselect (self->selection, FALSE);
  gtk_single_selection_set_can_unselect (self->selection, TRUE);
  g_signal_connect_swapped (self->selection, "notify::selected-item", G_CALLBACK (on_selected), self);
  g_signal_connect_swapped (self->filtered, "items-changed", G_CALLBACK (on_shown), self);
}

static void
show_cell (GtkListItem *item, TnTableColumn const *column, guint number)
{
  TnTableRow *row = gtk_list_item_get_item (item);
  GtkWidget *child = gtk_list_item_get_child (item);
  g_autofree char *text = tn_table_row_dup_text (row, number);
  g_autofree char *tooltip = tn_table_row_dup_tooltip (row, number);

  if (column->kind == TN_CELL_METER)
    tn_meter_cell_set (TN_METER_CELL (child), text, tn_table_row_get_number (row, number) / column->full);
  else
    gtk_label_set_text (GTK_LABEL (child), text);
  gtk_widget_set_tooltip_text (child, tooltip);
  if (number == 0)
    tn_accessible_name_cell_row (child, text);
}

static void
renew_cell (GtkListItem *item)
{
  show_cell (item, g_object_get_data (G_OBJECT (item), "tn-column"),
             GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (item), "tn-number")));
  g_object_set_data (G_OBJECT (item), "tn-stale", NULL);
}

/* The view keeps some two hundred rows ready beside those in sight. To renew all of them four times a second makes frames late: a row that
 * is out of sight waits until it comes into it. */
static void
on_row_changed (TnTableRow *row, GtkListItem *item)
{
  if (gtk_widget_get_mapped (gtk_list_item_get_child (item)))
    renew_cell (item);
  else
    g_object_set_data (G_OBJECT (item), "tn-stale", item);
}

static gboolean
on_next_frame (GtkWidget *child, GdkFrameClock *clock, gpointer item)
{
  if (g_object_get_data (item, "tn-stale") != NULL)
    renew_cell (item);
  return G_SOURCE_REMOVE;
}

/* In the middle of laying out, which a new text would start again. */
static void
on_cell_mapped (GtkWidget *child, GtkListItem *item)
{
  if (g_object_get_data (G_OBJECT (item), "tn-stale") != NULL)
    gtk_widget_add_tick_callback (child, on_next_frame, item, NULL);
}

static void
on_setup (GtkSignalListItemFactory *factory, GtkListItem *item, gpointer user_data)
{
  const TnTableColumn *column = user_data;
  GtkWidget *child;

  if (column->kind == TN_CELL_METER)
    child = tn_meter_cell_new ();
  else
    {
      child = gtk_label_new (NULL);
      gtk_label_set_xalign (GTK_LABEL (child), column->kind == TN_CELL_NUMBER ? 1 : 0);
      if (column->kind == TN_CELL_NUMBER)
        gtk_widget_add_css_class (child, "numeric");
      else
        gtk_label_set_ellipsize (GTK_LABEL (child), PANGO_ELLIPSIZE_MIDDLE);
    }
  gtk_list_item_set_child (item, child);
  g_signal_connect (child, "map", G_CALLBACK (on_cell_mapped), item);
  g_object_set_data (G_OBJECT (item), "tn-column", user_data);
  g_object_set_data (G_OBJECT (item), "tn-number", g_object_get_data (G_OBJECT (factory), "tn-number"));
}

static void
on_bind (GtkSignalListItemFactory *factory, GtkListItem *item, gpointer user_data)
{
  const TnTableColumn *column = user_data;

  show_cell (item, column, GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (factory), "tn-number")));
  if (column->live)
    g_signal_connect (gtk_list_item_get_item (item), "changed", G_CALLBACK (on_row_changed), item);
}

static void
on_unbind (GtkSignalListItemFactory *factory, GtkListItem *item, gpointer user_data)
{
  g_signal_handlers_disconnect_by_func (gtk_list_item_get_item (item), on_row_changed, item);
  g_object_set_data (G_OBJECT (item), "tn-stale", NULL);
}

static GtkWidget *
find_label (GtkWidget *widget)
{
  GtkWidget *found = NULL;

  if (GTK_IS_LABEL (widget))
    return widget;
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL && found == NULL;
       child = gtk_widget_get_next_sibling (child))
    found = find_label (child);
  return found;
}

/* Titles of numbers stand over their numbers. A column view has no property for that; its header is its first child and the
 * newest title the last one in it. */
static void
align_last_title (GtkColumnView *view)
{
  GtkWidget *header = gtk_widget_get_first_child (GTK_WIDGET (view));
  GtkWidget *title = header != NULL ? gtk_widget_get_last_child (header) : NULL;
  GtkWidget *label = title != NULL ? find_label (title) : NULL;

  if (label == NULL)
    return;
  gtk_widget_set_hexpand (label, TRUE);
  gtk_label_set_xalign (GTK_LABEL (label), 1);
}

static void
add_column (TnTable *self, guint number)
{
  const TnTableColumn *column = &self->columns[number];
  GtkListItemFactory *factory = gtk_signal_list_item_factory_new ();
  g_autoptr (GtkSorter) sorter = tn_table_probe_sorter_new (number);
  g_autoptr (GtkColumnViewColumn) view_column = gtk_column_view_column_new (_ (column->title), factory);

  g_object_set_data (G_OBJECT (factory), "tn-number", GUINT_TO_POINTER (number));
  g_signal_connect (factory, "setup", G_CALLBACK (on_setup), (gpointer) column);
  g_signal_connect (factory, "bind", G_CALLBACK (on_bind), (gpointer) column);
  g_signal_connect (factory, "unbind", G_CALLBACK (on_unbind), (gpointer) column);
  gtk_column_view_column_set_sorter (view_column, sorter);
  gtk_column_view_column_set_resizable (view_column, TRUE);
  gtk_column_view_column_set_expand (view_column, column->expand);
  if (column->width > 0)
    gtk_column_view_column_set_fixed_width (view_column, column->width);
  gtk_column_view_append_column (self->view, view_column);
  if (column->kind != TN_CELL_TEXT)
    align_last_title (self->view);
}

static void
append_row (TnTable *self, GString *text, TnTableRow *row)
{
  for (guint i = 0; i < self->n_columns; i++)
    {
      g_autofree char *cell = tn_table_row_dup_text (row, i);

      g_string_append_printf (text, "%s%s", cell, i + 1 < self->n_columns ? "\t" : "\n");
    }
}

char *
tn_table_to_text (TnTable *self, gboolean all)
{
  GString *text = g_string_new (NULL);
  guint n = tn_table_get_n_shown (self);

  for (guint i = 0; i < self->n_columns; i++)
    g_string_append_printf (text, "%s%s", _ (self->columns[i].title), i + 1 < self->n_columns ? "\t" : "\n");
  for (guint i = 0; all && i < n; i++)
    append_row (self, text, tn_table_get_shown (self, i));
  if (!all && tn_table_get_selected (self) != NULL)
    append_row (self, text, tn_table_get_selected (self));
  return g_string_free (text, FALSE);
}

static gboolean
on_copy (GtkWidget *widget, GVariant *all, gpointer user_data)
{
  g_autofree char *text = tn_table_to_text (user_data, g_variant_get_boolean (all));

  gdk_clipboard_set_text (gtk_widget_get_clipboard (widget), text);
  return TRUE;
}

static void
add_copy_shortcut (TnTable *self, const char *trigger, gboolean all)
{
  GtkShortcut *shortcut =
      gtk_shortcut_new (gtk_shortcut_trigger_parse_string (trigger), gtk_callback_action_new (on_copy, self, NULL));

  gtk_shortcut_set_arguments (shortcut, g_variant_new_boolean (all));
  gtk_shortcut_controller_add_shortcut (GTK_SHORTCUT_CONTROLLER (self->copying), shortcut);
}

TnTable *
tn_table_new (GtkColumnView *view, const char *name, const TnTableColumn *columns, guint n_columns)
{
  TnTable *self;

  g_return_val_if_fail (GTK_IS_COLUMN_VIEW (view), NULL);

  self = g_object_new (TN_TYPE_TABLE, NULL);
  self->view = view;
  self->columns = columns;
  self->n_columns = n_columns;
  for (guint i = 0; i < n_columns; i++)
    add_column (self, i);
  gtk_column_view_set_model (view, GTK_SELECTION_MODEL (self->selection));
  tn_accessible_name_parts (GTK_WIDGET (view), name);
  self->copying = g_object_ref (gtk_shortcut_controller_new ());
  add_copy_shortcut (self, "<Control>c", FALSE);
  add_copy_shortcut (self, "<Control><Shift>c", TRUE);
  gtk_widget_add_controller (GTK_WIDGET (view), self->copying);
  self->view_sorter = g_object_ref (gtk_column_view_get_sorter (view));
  g_signal_connect (self->view_sorter, "changed", G_CALLBACK (on_view_sort_changed), self);
  return self;
}

void
tn_table_set_rows (TnTable *self, GListModel *rows)
{
  g_return_if_fail (TN_IS_TABLE (self));

  gtk_filter_list_model_set_model (self->filtered, rows);
  on_shown (self);
}

void
tn_table_set_search (TnTable *self, const char *text)
{
  g_autofree char *folded = NULL;

  g_return_if_fail (TN_IS_TABLE (self));

  folded = g_utf8_casefold (text != NULL ? text : "", -1);
  g_strfreev (self->needles);
  self->needles = g_strsplit_set (folded, " \t", -1);
  gtk_filter_changed (self->filter, GTK_FILTER_CHANGE_DIFFERENT);
  on_shown (self);
}

guint
tn_table_get_n_shown (TnTable *self)
{
  g_return_val_if_fail (TN_IS_TABLE (self), 0);

  return g_list_model_get_n_items (G_LIST_MODEL (self->filtered));
}

TnTableRow *
tn_table_get_shown (TnTable *self, guint position)
{
  g_autoptr (TnTableRow) row = NULL;

  g_return_val_if_fail (TN_IS_TABLE (self), NULL);

  row = g_list_model_get_item (G_LIST_MODEL (self->sorted), position);
  return row; /* the model keeps it alive */
}

TnTableRow *
tn_table_get_selected (TnTable *self)
{
  g_return_val_if_fail (TN_IS_TABLE (self), NULL);

  return gtk_single_selection_get_selected_item (self->selection);
}

void
tn_table_select (TnTable *self, guint position)
{
  g_return_if_fail (TN_IS_TABLE (self));

  gtk_single_selection_set_selected (self->selection, position);
}

void
tn_table_sort (TnTable *self, const char *id, gboolean descending)
{
  GListModel *view_columns;

  g_return_if_fail (TN_IS_TABLE (self));

  view_columns = gtk_column_view_get_columns (self->view);
  gtk_column_view_sort_by_column (self->view, NULL, GTK_SORT_ASCENDING);
  for (guint i = 0; i < self->n_columns; i++)
    if (g_strcmp0 (self->columns[i].id, id) == 0)
      {
        g_autoptr (GtkColumnViewColumn) column = g_list_model_get_item (view_columns, i);

        gtk_column_view_sort_by_column (self->view, column, descending ? GTK_SORT_DESCENDING : GTK_SORT_ASCENDING);
      }
}

const char *
tn_table_get_sort (TnTable *self, gboolean *descending)
{
  g_return_val_if_fail (TN_IS_TABLE (self), NULL);

  if (descending != NULL)
    *descending = self->descending;
  return self->sort_column >= 0 ? self->columns[self->sort_column].id : NULL;
}

void
tn_table_refresh (TnTable *self)
{
  g_return_if_fail (TN_IS_TABLE (self));

  if (self->sort_column >= 0 && self->columns[self->sort_column].live)
    gtk_sorter_changed (self->sorter, GTK_SORTER_CHANGE_DIFFERENT);
}
