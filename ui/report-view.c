/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/report-view.h"

#include <glib/gi18n-lib.h>

#include "plots/widgets/plot-view.h"
#include "ui/report-row.h"

#define PAGE_WIDTH 900
#define ROW_HEIGHT 27
#define HEADER_HEIGHT 32
/* A longer table scrolls inside the page. */
#define MOST_ROWS_SHOWN 16
#define CHARACTER_WIDTH 8
#define CELL_PADDING 28
#define MOST_CHARACTERS 30

struct _TnReportView
{
  GtkWidget parent_instance;
  GtkWidget *scroller;
  GtkBox *box;
  TnSharedReport *report;
  GPtrArray *tables;  /* TnTable */
  GPtrArray *columns; /* TnTableColumn [n_columns] of each table */
  guint n_plots;
};

G_DEFINE_FINAL_TYPE (TnReportView, tn_report_view, GTK_TYPE_WIDGET)

static GtkWidget *
add_text (TnReportView *self, const char *text, const char *css_class)
{
  GtkWidget *label = gtk_label_new (text);

  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_wrap_mode (GTK_LABEL (label), PANGO_WRAP_WORD_CHAR);
  if (css_class != NULL)
    gtk_widget_add_css_class (label, css_class);
  gtk_box_append (self->box, label);
  return label;
}

static void
add_heading (TnReportView *self, const char *text)
{
  gtk_widget_set_margin_top (add_text (self, text, "title-2"), 18);
}

/* Wide enough for the longest of the first rows. */
static int
measure_column (const TnReportBlock *block, guint column)
{
  glong longest = g_utf8_strlen (block->headers[column], -1);

  for (guint row = 0; row < MIN (block->n_rows, 200); row++)
    longest = MAX (longest, g_utf8_strlen (block->cells[(gsize) row * block->n_columns + column], -1));
  return (int) MIN (longest, MOST_CHARACTERS) * CHARACTER_WIDTH + CELL_PADDING;
}

static void
add_table (TnReportView *self, const TnReportBlock *block)
{
  TnTableColumn *columns = g_new0 (TnTableColumn, block->n_columns);
  GtkWidget *view = gtk_column_view_new (NULL), *scroller = gtk_scrolled_window_new ();
  g_autoptr (GListStore) rows = g_list_store_new (TN_TYPE_REPORT_ROW);
  g_autoptr (GPtrArray) items = g_ptr_array_new_with_free_func (g_object_unref);
  TnTable *table;

  for (guint c = 0; c < block->n_columns; c++)
    columns[c] = (TnTableColumn){.id = block->headers[c],
                                 .title = block->headers[c],
                                 .kind = block->numeric[c] ? TN_CELL_NUMBER : TN_CELL_TEXT,
                                 .width = measure_column (block, c),
                                 .expand = c == 0};
  for (guint i = 0; i < block->n_rows; i++)
    g_ptr_array_add (items, tn_report_row_new (self->report, block, i));
  g_list_store_splice (rows, 0, 0, items->pdata, items->len);
  gtk_widget_add_css_class (view, "data-table");
  gtk_accessible_update_property (GTK_ACCESSIBLE (view), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Table of the report"), -1);
  table = tn_table_new (GTK_COLUMN_VIEW (view), _ ("Table of the report"), columns, block->n_columns);
  tn_table_set_rows (table, G_LIST_MODEL (rows));
  g_ptr_array_add (self->columns, columns);
  g_ptr_array_add (self->tables, table);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), view);
  gtk_scrolled_window_set_has_frame (GTK_SCROLLED_WINDOW (scroller), TRUE);
  gtk_widget_set_size_request (scroller, -1, HEADER_HEIGHT + ROW_HEIGHT * (int) CLAMP (block->n_rows, 1, MOST_ROWS_SHOWN));
  gtk_box_append (self->box, scroller);
}

static void
add_figure (TnReportView *self, guint index, const TnReportBlock *block)
{
  GtkWidget *plot = tn_plot_view_new ();
  g_autofree char *name = g_strdup_printf (_ ("report-%u"), self->n_plots + 1);

  gtk_widget_set_size_request (plot, -1, (int) block->height);
  tn_plot_view_set_export_name (TN_PLOT_VIEW (plot), name);
  tn_plot_view_set_figure (TN_PLOT_VIEW (plot), tn_report_take_figure (self->report->report, index));
  gtk_box_append (self->box, plot);
  if (block->text != NULL)
    add_text (self, block->text, "dim-label");
  self->n_plots++;
}

static void
clear (TnReportView *self)
{
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->box))) != NULL)
    gtk_box_remove (self->box, child);
  g_ptr_array_set_size (self->tables, 0);
  g_ptr_array_set_size (self->columns, 0);
  g_clear_pointer (&self->report, tn_shared_report_unref);
  self->n_plots = 0;
}

void
tn_report_view_show (TnReportView *self, TnReport *report)
{
  g_return_if_fail (TN_IS_REPORT_VIEW (self));

  clear (self);
  gtk_adjustment_set_value (gtk_scrolled_window_get_vadjustment (GTK_SCROLLED_WINDOW (self->scroller)), 0);
  if (report == NULL)
    return;
  self->report = tn_shared_report_new (report);
  add_text (self, tn_report_get_title (report), "title-1");
  for (guint i = 0; i < tn_report_n_blocks (report); i++)
    {
      const TnReportBlock *block = tn_report_get_block (report, i);

      switch (block->kind)
        {
        case TN_BLOCK_HEADING:
          add_heading (self, block->text);
          break;
        case TN_BLOCK_TABLE:
          add_table (self, block);
          break;
        case TN_BLOCK_FIGURE:
          add_figure (self, i, block);
          break;
        case TN_BLOCK_PARAGRAPH:
        default:
          add_text (self, block->text, NULL);
          break;
        }
    }
}

guint
tn_report_view_n_tables (TnReportView *self)
{
  g_return_val_if_fail (TN_IS_REPORT_VIEW (self), 0);

  return self->tables->len;
}

guint
tn_report_view_n_plots (TnReportView *self)
{
  g_return_val_if_fail (TN_IS_REPORT_VIEW (self), 0);

  return self->n_plots;
}

static void
tn_report_view_dispose (GObject *object)
{
  TnReportView *self = TN_REPORT_VIEW (object);

  if (self->scroller != NULL)
    clear (self);
  g_clear_pointer (&self->scroller, gtk_widget_unparent);
  G_OBJECT_CLASS (tn_report_view_parent_class)->dispose (object);
}

static void
tn_report_view_finalize (GObject *object)
{
  TnReportView *self = TN_REPORT_VIEW (object);

  g_ptr_array_unref (self->tables);
  g_ptr_array_unref (self->columns);
  G_OBJECT_CLASS (tn_report_view_parent_class)->finalize (object);
}

static void
tn_report_view_class_init (TnReportViewClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = tn_report_view_dispose;
  G_OBJECT_CLASS (klass)->finalize = tn_report_view_finalize;
  gtk_widget_class_set_layout_manager_type (GTK_WIDGET_CLASS (klass), GTK_TYPE_BIN_LAYOUT);
}

static void
tn_report_view_init (TnReportView *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 8), *clamp = adw_clamp_new ();

  self->tables = g_ptr_array_new_with_free_func (g_object_unref);
  self->columns = g_ptr_array_new_with_free_func (g_free);
  self->box = GTK_BOX (box);
  gtk_widget_set_margin_start (box, 18);
  gtk_widget_set_margin_end (box, 18);
  gtk_widget_set_margin_top (box, 18);
  gtk_widget_set_margin_bottom (box, 36);
  adw_clamp_set_maximum_size (ADW_CLAMP (clamp), PAGE_WIDTH);
  adw_clamp_set_tightening_threshold (ADW_CLAMP (clamp), PAGE_WIDTH);
  adw_clamp_set_child (ADW_CLAMP (clamp), box);
  self->scroller = gtk_scrolled_window_new ();
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (self->scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (self->scroller), clamp);
  gtk_widget_set_parent (self->scroller, GTK_WIDGET (self));
}
