/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/layer-detail.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "plots/widgets/plot-view.h"
#include "ui/accessible.h"
#include "ui/histogram-figure.h"
#include "ui/layer-facts.h"
#include "ui/scheme-levels.h"

/* Walking through the table with the arrow keys counts the values of those tensors only on which one stays. */
#define SETTLE_MS 80

struct _TnLayerDetail
{
  GtkWidget parent_instance;
  GtkWidget *content;
  GtkStack *stack;
  TnLayerFacts *facts;
  GtkDropDown *scheme;
  GtkLabel *note;
  GtkSpinner *spinner;
  TnPlotView *plot;

  TnModelFile *file;
  TnLayerRow *row;
  GCancellable *counting;
  TnFloatHistogram *histogram;
  TnTensorSummary summary; /* of the values in the histogram */
  guint settle;
};

G_DEFINE_FINAL_TYPE (TnLayerDetail, tn_layer_detail, GTK_TYPE_WIDGET)

static void
draw (TnLayerDetail *self)
{
  TnFigure *figure = tn_plot_view_get_figure (self->plot);
  TnLayerScheme scheme = gtk_drop_down_get_selected (self->scheme);
  g_autoptr (TnSchemeLevels) levels = NULL;

  tn_figure_clear (figure);
  if (self->histogram != NULL)
    {
      double reach = 0;

      levels = tn_scheme_levels_new (scheme, &self->summary);
      if (levels->n > 0)
        reach = fabs (levels->values[levels->n - 1]);
      tn_figure_add_float_histogram (figure, _ ("Values"), 0, self->histogram, fmin (self->summary.min, -reach),
                                     fmax (self->summary.max, reach));
      if (levels->n > 0)
        tn_figure_add_markers (figure, levels->name, 1, levels->n, levels->values, (const char *const *) levels->labels);
    }
  gtk_label_set_text (self->note, levels != NULL ? levels->note : "");
  tn_plot_view_changed (self->plot);
}

static void
count_on_worker (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  TnModelFile *file = task_data;
  guint tensor = GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (task), "tn-tensor"));
  g_autoptr (GArray) no_schemes = g_array_new (FALSE, FALSE, sizeof (TnScheme));
  GError *error = NULL;
  TnTensorInspection *inspection = tn_inspect_tensor (file, tensor, no_schemes, TRUE, cancellable, &error);

  if (inspection != NULL)
    g_task_return_pointer (task, inspection, (GDestroyNotify) tn_tensor_inspection_free);
  else
    g_task_return_error (task, error);
}

static void
on_counted (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TnLayerDetail *self = TN_LAYER_DETAIL (source);
  g_autoptr (GError) error = NULL;
  TnTensorInspection *inspection = g_task_propagate_pointer (G_TASK (result), &error);
  TnFigure *figure;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) || self->row == NULL)
    {
      tn_tensor_inspection_free (inspection);
      return;
    }
  gtk_spinner_stop (self->spinner);
  figure = tn_plot_view_get_figure (self->plot);
  if (inspection == NULL)
    tn_figure_set_empty_text (figure, error->message);
  else if (!inspection->decoded)
    tn_figure_set_empty_text (figure, _ ("This type is listed, but cannot be decoded"));
  else if (inspection->summary.count == inspection->summary.nonfinite)
    tn_figure_set_empty_text (figure, _ ("There are no finite values"));
  else
    {
      self->histogram = g_steal_pointer (&inspection->histogram);
      self->summary = inspection->summary;
      /* The row may still wait for its turn; these are its numbers. */
      tn_layer_facts_set_summary (self->facts, &self->summary);
    }
  tn_tensor_inspection_free (inspection);
  draw (self);
}

static gboolean
on_settled (gpointer user_data)
{
  TnLayerDetail *self = user_data;
  g_autoptr (GTask) task = NULL;

  self->settle = 0;
  self->counting = g_cancellable_new ();
  task = g_task_new (self, self->counting, on_counted, NULL);
  g_task_set_task_data (task, tn_model_file_ref (self->file), (GDestroyNotify) tn_model_file_unref);
  g_object_set_data (G_OBJECT (task), "tn-tensor", GUINT_TO_POINTER (tn_layer_row_get_tensor (self->row)));
  gtk_spinner_start (self->spinner);
  g_task_run_in_thread (task, count_on_worker);
  return G_SOURCE_REMOVE;
}

static void
on_row_changed (TnLayerDetail *self)
{
  tn_layer_facts_show (self->facts, self->row);
}

static void
forget (TnLayerDetail *self)
{
  g_clear_handle_id (&self->settle, g_source_remove);
  if (self->counting != NULL)
    g_cancellable_cancel (self->counting);
  g_clear_object (&self->counting);
  g_clear_pointer (&self->histogram, tn_float_histogram_free);
  if (self->row != NULL)
    g_signal_handlers_disconnect_by_data (self->row, self);
  g_clear_object (&self->row);
  g_clear_pointer (&self->file, tn_model_file_unref);
}

static void
on_scheme_chosen (TnLayerDetail *self)
{
  if (self->row != NULL)
    draw (self);
}

static void
tn_layer_detail_dispose (GObject *object)
{
  TnLayerDetail *self = TN_LAYER_DETAIL (object);

  forget (self);
  g_clear_pointer (&self->content, gtk_widget_unparent);
  G_OBJECT_CLASS (tn_layer_detail_parent_class)->dispose (object);
}

static void
tn_layer_detail_class_init (TnLayerDetailClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_layer_detail_dispose;
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/layer-detail.ui");
  gtk_widget_class_bind_template_child (widget_class, TnLayerDetail, content);
  gtk_widget_class_bind_template_child (widget_class, TnLayerDetail, stack);
  gtk_widget_class_bind_template_child (widget_class, TnLayerDetail, facts);
  gtk_widget_class_bind_template_child (widget_class, TnLayerDetail, scheme);
  gtk_widget_class_bind_template_child (widget_class, TnLayerDetail, note);
  gtk_widget_class_bind_template_child (widget_class, TnLayerDetail, spinner);
  gtk_widget_class_bind_template_child (widget_class, TnLayerDetail, plot);
  gtk_widget_class_bind_template_callback (widget_class, on_scheme_chosen);
}

static void
tn_layer_detail_init (TnLayerDetail *self)
{
  TnFigure *figure;

  gtk_widget_init_template (GTK_WIDGET (self));
  tn_accessible_name_parts (GTK_WIDGET (self->scheme), _ ("Scheme whose levels are drawn"));
  figure = tn_plot_view_get_figure (self->plot);
  tn_figure_set_x_axis (figure, _ ("value"), TN_AXIS_LINEAR);
  tn_figure_set_y_axis (figure, _ ("count"), TN_AXIS_LOG);
}

void
tn_layer_detail_show (TnLayerDetail *self, TnModelFile *file, TnLayerRow *row)
{
  TnFigure *figure;

  g_return_if_fail (TN_IS_LAYER_DETAIL (self));

  if (row == self->row)
    return;
  forget (self);
  gtk_spinner_stop (self->spinner);
  gtk_stack_set_visible_child_name (self->stack, row != NULL ? "layer" : "empty");
  if (row == NULL)
    return;

  self->file = tn_model_file_ref (file);
  self->row = g_object_ref (row);
  g_signal_connect_swapped (row, "changed", G_CALLBACK (on_row_changed), self);
  tn_layer_facts_show (self->facts, row);

  figure = tn_plot_view_get_figure (self->plot);
  tn_figure_set_title (figure, tn_layer_row_get_info (row)->name);
  tn_figure_set_empty_text (figure, _ ("Counting values…"));
  tn_figure_reset_view (figure);
  tn_plot_view_set_export_name (self->plot, tn_layer_row_get_info (row)->name);
  draw (self);
  self->settle = g_timeout_add (SETTLE_MS, on_settled, self);
}
