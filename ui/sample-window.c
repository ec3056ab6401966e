/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/sample-window.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "plots/widgets/plot-view.h"
#include "ui/numbers.h"

#define ROW_HEIGHT 26
#define STRIP_HEIGHT 74

struct _TnSampleWindow
{
  AdwWindow parent_instance;
  GtkStack *stack;
  AdwStatusPage *failed;
  GtkListBox *facts;
  TnPlotView *strip;
  TnPlotView *lengths;
  GCancellable *cancellable;
};

G_DEFINE_FINAL_TYPE (TnSampleWindow, tn_sample_window, ADW_TYPE_WINDOW)

static void
add_fact (TnSampleWindow *self, const char *title, const char *value)
{
  GtkWidget *row = adw_action_row_new (), *label = gtk_label_new (value);

  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), FALSE);
  gtk_widget_add_css_class (label, "numeric");
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), label);
  gtk_list_box_append (self->facts, row);
}

static char *
describe_part (guint64 part, guint64 all)
{
  g_autofree char *some = tn_format_count (part), *every = tn_format_count (all);
  g_autofree char *share = tn_format_percent (all > 0 ? (double) part / (double) all : NAN);

  /* Translators: a number, of how many, and that as a percentage */
  return g_strdup_printf (_ ("%s of %s (%s)"), some, every, share);
}

static char *
describe_length (guint64 part, guint64 all, gboolean tokens)
{
  g_autofree char *some = tokens ? tn_format_count (part) : g_format_size (part);
  g_autofree char *every = tokens ? tn_format_count (all) : g_format_size (all);
  g_autofree char *share = tn_format_percent (all > 0 ? (double) part / (double) all : NAN);

  return g_strdup_printf (_ ("%s of %s (%s)"), some, every, share);
}

static void
add_coverage (TnSampleWindow *self, const char *title, const GArray *classes)
{
  guint covered, all;

  tn_coverage_count (classes, &covered, &all);
  if (all > 1)
    {
      g_autofree char *text = describe_part (covered, all);

      add_fact (self, title, text);
    }
}

static void
show_facts (TnSampleWindow *self, const TnSamplePreview *preview)
{
  const TnSampleReport *report = preview->report;
  g_autofree char *records = describe_part (report->drawn, report->records);
  g_autofree char *length = describe_length (report->drawn_length, report->length, preview->tokens);

  add_fact (self, _ ("Records drawn"), records);
  add_fact (self, preview->tokens ? _ ("Tokens in them") : _ ("Text in them"), length);
  add_coverage (self, _ ("Files reached"), report->files);
  add_coverage (self, _ ("Labels reached"), report->labels);
  add_coverage (self, _ ("Strata reached"), report->strata);
  if (isfinite (preview->distance.ks))
    {
      g_autofree char *found = tn_format_percent (preview->distance.ks), *expected = tn_format_percent (preview->distance.ks_expected);
      /* Translators: a distance of two distributions, and what it would be by chance */
      g_autofree char *text = g_strdup_printf (_ ("%s, by chance about %s"), found, expected);

      add_fact (self, _ ("Distance of the lengths from all (KS)"), text);
    }
  if (report->weighted)
    {
      g_autofree char *effective = g_strdup_printf ("%.0f", tn_sample_report_effective (report));
      g_autofree char *least = tn_format_value (report->least_weight), *most = tn_format_value (report->most_weight);
      g_autofree char *span = g_strdup_printf (_ ("%s to %s"), least, most);

      add_fact (self, _ ("Records that each one stands for"), span);
      add_fact (self, _ ("As good as so many even ones"), effective);
    }
}

static void
draw_strip (TnSampleWindow *self, const TnSamplePreview *preview)
{
  TnFigure *figure = tn_plot_view_get_figure (self->strip);

  tn_figure_set_x_axis (figure, _ ("hundredth of the file's records"), TN_AXIS_LINEAR);
  tn_figure_add_heat_map (figure, _ ("records drawn"), (gsize) preview->n_rows * TN_SAMPLE_PARTS, TN_SAMPLE_PARTS, preview->drawn,
                          (const char *const *) preview->names, TN_AXIS_LINEAR, 0, NULL);
  gtk_widget_set_size_request (GTK_WIDGET (self->strip), -1, STRIP_HEIGHT + ROW_HEIGHT * (int) preview->n_rows);
  tn_plot_view_changed (self->strip);
}

static void
draw_lengths (TnSampleWindow *self, const TnSamplePreview *preview)
{
  const TnSampleReport *report = preview->report;
  TnFigure *figure = tn_plot_view_get_figure (self->lengths);
  double edges[TN_LENGTH_CLASSES + 1], all[TN_LENGTH_CLASSES], drawn[TN_LENGTH_CLASSES];
  guint first = 0, end = TN_LENGTH_CLASSES, n;

  while (first < end && report->lengths[first].total == 0)
    first++;
  while (end > first && report->lengths[end - 1].total == 0)
    end--;
  n = end - first;
  for (guint i = 0; i < n; i++)
    {
      edges[i] = tn_sample_preview_class_begin (first + i);
      all[i] = 100.0 * (double) report->lengths[first + i].total / (double) MAX (report->records, 1);
      drawn[i] = 100.0 * (double) report->lengths[first + i].drawn / (double) MAX (report->drawn, 1);
    }
  edges[n] = tn_sample_preview_class_begin (end);
  tn_figure_set_x_axis (figure, preview->tokens ? _ ("length in tokens") : _ ("length in bytes"), TN_AXIS_LOG);
  tn_figure_set_y_axis (figure, _ ("percent of the records"), TN_AXIS_LINEAR);
  tn_figure_add_histogram (figure, _ ("all records"), 0, n, edges, all);
  tn_figure_add_histogram (figure, _ ("drawn"), 1, n, edges, drawn);
  tn_plot_view_changed (self->lengths);
}

static void
on_drawn (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (TnSampleWindow) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (TnSamplePreview) preview = tn_sample_preview_draw_finish (result, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (preview == NULL)
    {
      g_autofree char *escaped = g_markup_escape_text (error->message, -1);

      adw_status_page_set_description (self->failed, escaped);
      gtk_stack_set_visible_child_name (self->stack, "failed");
    }
  else if (preview->report == NULL)
    gtk_stack_set_visible_child_name (self->stack, "all");
  else
    {
      show_facts (self, preview);
      draw_strip (self, preview);
      draw_lengths (self, preview);
      gtk_stack_set_visible_child_name (self->stack, "drawn");
    }
}

static void
tn_sample_window_dispose (GObject *object)
{
  TnSampleWindow *self = TN_SAMPLE_WINDOW (object);

  if (self->cancellable != NULL)
    g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  G_OBJECT_CLASS (tn_sample_window_parent_class)->dispose (object);
}

static gboolean
tn_sample_window_close_request (GtkWindow *window)
{
  /* What is being drawn for a closed window stops. */
  g_cancellable_cancel (TN_SAMPLE_WINDOW (window)->cancellable);
  return GTK_WINDOW_CLASS (tn_sample_window_parent_class)->close_request (window);
}

static void
tn_sample_window_class_init (TnSampleWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_sample_window_dispose;
  GTK_WINDOW_CLASS (klass)->close_request = tn_sample_window_close_request;
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/sample-window.ui");
  gtk_widget_class_bind_template_child (widget_class, TnSampleWindow, stack);
  gtk_widget_class_bind_template_child (widget_class, TnSampleWindow, failed);
  gtk_widget_class_bind_template_child (widget_class, TnSampleWindow, facts);
  gtk_widget_class_bind_template_child (widget_class, TnSampleWindow, strip);
  gtk_widget_class_bind_template_child (widget_class, TnSampleWindow, lengths);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
tn_sample_window_init (TnSampleWindow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->cancellable = g_cancellable_new ();
  tn_plot_view_set_export_name (self->strip, _ ("sample"));
  tn_plot_view_set_export_name (self->lengths, _ ("sample lengths"));
}

TnSampleWindow *
tn_sample_window_present (GtkWindow *parent, const TnCalibrateOptions *options)
{
  TnSampleWindow *self = g_object_new (TN_TYPE_SAMPLE_WINDOW, NULL);

  gtk_window_set_transient_for (GTK_WINDOW (self), parent);
  gtk_window_set_modal (GTK_WINDOW (self), parent != NULL);
  gtk_window_set_destroy_with_parent (GTK_WINDOW (self), TRUE);
  tn_sample_preview_draw_async (options, self->cancellable, on_drawn, g_object_ref (self));
  gtk_window_present (GTK_WINDOW (self));
  return self;
}

const char *
tn_sample_window_get_state (TnSampleWindow *self)
{
  g_return_val_if_fail (TN_IS_SAMPLE_WINDOW (self), NULL);

  return gtk_stack_get_visible_child_name (self->stack);
}
