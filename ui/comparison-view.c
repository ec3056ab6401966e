/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/comparison-view.h"

#include <adwaita.h>
#include <glib/gi18n-lib.h>
#include <math.h>

#include "data/statistics/stats-file.h"
#include "plots/widgets/plot-view.h"
#include "ui/difference-row.h"
#include "ui/histogram-figure.h"
#include "ui/numbers.h"

struct _TnComparisonView
{
  GtkWidget parent_instance;
  GtkWidget *content;
  GtkLabel *title;
  GtkLabel *facts;
  GtkStack *stack;
  AdwStatusPage *failed;
  GtkColumnView *view;
  TnPlotView *plot;
  TnTable *table;
  TnStats *first;
  TnStats *second;
  char *first_name;
  char *second_name;
  char *drawn;
  GCancellable *comparing;
};

enum
{
  CLOSED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnComparisonView, tn_comparison_view, GTK_TYPE_WIDGET)

static double
reach_of (const TnSiteStats *site)
{
  return site != NULL && site->has_extremes ? fmax (fabs ((double) site->min.value), fabs ((double) site->max.value)) : 0;
}

static void
draw (TnComparisonView *self)
{
  TnFigure *figure = tn_plot_view_get_figure (self->plot);
  TnTableRow *row = self->first != NULL ? tn_table_get_selected (self->table) : NULL;

  tn_figure_clear (figure);
  if (row != NULL)
    {
      const char *name = tn_difference_row_get (TN_DIFFERENCE_ROW (row))->name;
      const TnSiteStats *a = tn_stats_find (self->first, name), *b = tn_stats_find (self->second, name);
      double reach = fmax (reach_of (a), reach_of (b));

      if (g_strcmp0 (name, self->drawn) != 0)
        {
          g_free (self->drawn);
          self->drawn = g_strdup (name);
          tn_figure_set_title (figure, name);
          tn_figure_reset_view (figure);
          tn_plot_view_set_export_name (self->plot, name);
        }
      if (a != NULL)
        tn_figure_add_float_histogram_share (figure, self->first_name, 0, a->histogram, -reach, reach);
      if (b != NULL)
        tn_figure_add_float_histogram_share (figure, self->second_name, 1, b->histogram, -reach, reach);
    }
  tn_plot_view_changed (self->plot);
}

static void
on_close (TnComparisonView *self)
{
  tn_comparison_view_clear (self);
  g_signal_emit (self, signals[CLOSED], 0);
}

typedef struct
{
  TnStats *first;
  char *second_path;
  TnStats *second;
  GPtrArray *differences;
} CompareTask;

static void
compare_task_free (gpointer pointer)
{
  CompareTask *self = pointer;

  tn_stats_unref (self->first);
  g_free (self->second_path);
  g_clear_pointer (&self->second, tn_stats_unref);
  g_clear_pointer (&self->differences, g_ptr_array_unref);
  g_free (self);
}

static void
compare_on_worker (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  CompareTask *compare = task_data;
  GError *error = NULL;

  compare->second = tn_stats_load (compare->second_path, &error);
  if (compare->second == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  compare->differences = tn_stats_diff (compare->first, compare->second);
  g_task_return_boolean (task, TRUE);
}

static void
fill_table (TnComparisonView *self, GPtrArray *differences)
{
  g_autoptr (GListStore) rows = g_list_store_new (TN_TYPE_DIFFERENCE_ROW);

  for (guint i = 0; i < differences->len; i++)
    {
      g_autoptr (TnDifferenceRow) row = tn_difference_row_new (differences, i);

      g_list_store_append (rows, row);
    }
  tn_table_set_rows (self->table, G_LIST_MODEL (rows));
  if (tn_table_get_n_shown (self->table) > 0)
    tn_table_select (self->table, 0);
}

static char *
describe_stats (const TnStats *stats)
{
  g_autofree char *sequences = tn_format_sequences (stats->samples);
  g_autofree char *tokens = tn_format_tokens (stats->tokens);

  /* Translators: how much statistics are of: sequences, tokens */
  return g_strdup_printf (_ ("%s, %s"), sequences, tokens);
}

/* What both have in common says how far a comparison carries. */
static char *
describe_both (const TnStats *first, const TnStats *second)
{
  g_autofree char *a = describe_stats (first), *b = describe_stats (second);
  const char *model = first->model_fingerprint == second->model_fingerprint ? _ ("the same model") : _ ("different models");
  const char *data = first->data_fingerprint == second->data_fingerprint ? _ ("the same data") : _ ("different data");

  /* Translators: sizes of two calibrations, before and after; whether model and data are the same */
  return g_strdup_printf (_ ("%s → %s · %s, %s"), a, b, model, data);
}

static void
on_compared (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TnComparisonView *self = TN_COMPARISON_VIEW (source);
  CompareTask *compare = g_task_get_task_data (G_TASK (result));
  g_autoptr (GError) error = NULL;
  gboolean compared = g_task_propagate_boolean (G_TASK (result), &error);
  g_autofree char *facts = NULL;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  g_clear_object (&self->comparing);
  if (!compared)
    {
      g_autofree char *escaped = g_markup_escape_text (error->message, -1);

      adw_status_page_set_description (self->failed, escaped);
      gtk_stack_set_visible_child_name (self->stack, "failed");
      return;
    }
  self->first = tn_stats_ref (compare->first);
  self->second = tn_stats_ref (compare->second);
  facts = describe_both (self->first, self->second);
  gtk_label_set_text (self->facts, facts);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->facts), facts);
  fill_table (self, compare->differences);
  gtk_stack_set_visible_child_name (self->stack, "compared");
  draw (self);
}

static void
tn_comparison_view_dispose (GObject *object)
{
  TnComparisonView *self = TN_COMPARISON_VIEW (object);

  if (self->table != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->table, self);
      tn_comparison_view_clear (self);
    }
  g_clear_object (&self->table);
  g_clear_pointer (&self->content, gtk_widget_unparent);
  G_OBJECT_CLASS (tn_comparison_view_parent_class)->dispose (object);
}

static void
tn_comparison_view_class_init (TnComparisonViewClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_comparison_view_dispose;
  signals[CLOSED] = g_signal_new ("closed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/comparison-view.ui");
  gtk_widget_class_bind_template_child (widget_class, TnComparisonView, content);
  gtk_widget_class_bind_template_child (widget_class, TnComparisonView, title);
  gtk_widget_class_bind_template_child (widget_class, TnComparisonView, facts);
  gtk_widget_class_bind_template_child (widget_class, TnComparisonView, stack);
  gtk_widget_class_bind_template_child (widget_class, TnComparisonView, failed);
  gtk_widget_class_bind_template_child (widget_class, TnComparisonView, view);
  gtk_widget_class_bind_template_child (widget_class, TnComparisonView, plot);
  gtk_widget_class_bind_template_callback (widget_class, on_close);
}

static void
tn_comparison_view_init (TnComparisonView *self)
{
  TnFigure *figure;

  gtk_widget_init_template (GTK_WIDGET (self));
  self->table = tn_table_new (self->view, _ ("Differences"), tn_difference_columns, TN_N_DIFFERENCE_COLUMNS);
  g_signal_connect_swapped (self->table, "selection-changed", G_CALLBACK (draw), self);
  figure = tn_plot_view_get_figure (self->plot);
  tn_figure_set_x_axis (figure, _ ("activation"), TN_AXIS_LINEAR);
  tn_figure_set_y_axis (figure, _ ("percent of the values"), TN_AXIS_LOG);
  tn_figure_set_empty_text (figure, _ ("Choose a site to see both distributions"));
}

void
tn_comparison_view_compare (TnComparisonView *self, TnStats *first, const char *first_name, const char *second_path)
{
  g_autoptr (GTask) task = NULL;
  g_autofree char *title = NULL;
  CompareTask *compare;

  g_return_if_fail (TN_IS_COMPARISON_VIEW (self));

  tn_comparison_view_clear (self);
  self->first_name = g_strdup (first_name);
  self->second_name = g_filename_display_basename (second_path);
  /* Translators: names of two calibrations */
  title = g_strdup_printf (_ ("%s → %s"), self->first_name, self->second_name);
  gtk_label_set_text (self->title, title);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->title), title);
  gtk_stack_set_visible_child_name (self->stack, "comparing");
  self->comparing = g_cancellable_new ();
  compare = g_new0 (CompareTask, 1);
  compare->first = tn_stats_ref (first);
  compare->second_path = g_strdup (second_path);
  task = g_task_new (self, self->comparing, on_compared, NULL);
  g_task_set_task_data (task, compare, compare_task_free);
  g_task_run_in_thread (task, compare_on_worker);
}

void
tn_comparison_view_clear (TnComparisonView *self)
{
  g_return_if_fail (TN_IS_COMPARISON_VIEW (self));

  if (self->comparing != NULL)
    g_cancellable_cancel (self->comparing);
  g_clear_object (&self->comparing);
  tn_table_set_rows (self->table, NULL);
  g_clear_pointer (&self->first, tn_stats_unref);
  g_clear_pointer (&self->second, tn_stats_unref);
  g_clear_pointer (&self->first_name, g_free);
  g_clear_pointer (&self->second_name, g_free);
  g_clear_pointer (&self->drawn, g_free);
  if (self->facts != NULL)
    gtk_label_set_text (self->facts, "");
}

TnTable *
tn_comparison_view_get_table (TnComparisonView *self)
{
  g_return_val_if_fail (TN_IS_COMPARISON_VIEW (self), NULL);

  return self->table;
}

const char *
tn_comparison_view_get_state (TnComparisonView *self)
{
  g_return_val_if_fail (TN_IS_COMPARISON_VIEW (self), NULL);

  return gtk_stack_get_visible_child_name (self->stack);
}
