/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/series-plot.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "ui/plot-panel.h"

struct _TnSeriesPlot
{
  GtkWidget parent_instance;
  TnPlotPanel panel;
  GtkWidget *heading;
  char *label;
  gboolean log;
  gboolean smooth;
  gint64 drawn_run;
  gsize n_points;
};

G_DEFINE_FINAL_TYPE (TnSeriesPlot, tn_series_plot, GTK_TYPE_WIDGET)

static void
tn_series_plot_dispose (GObject *object)
{
  TnSeriesPlot *self = TN_SERIES_PLOT (object);

  g_clear_pointer (&self->panel.box, gtk_widget_unparent);
  g_clear_pointer (&self->label, g_free);
  G_OBJECT_CLASS (tn_series_plot_parent_class)->dispose (object);
}

/* As narrow as it may be, so that two stand side by side where there is room. */
static void
tn_series_plot_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum, int *natural,
                        int *minimum_baseline, int *natural_baseline)
{
  TnSeriesPlot *self = TN_SERIES_PLOT (widget);

  gtk_widget_measure (self->panel.box, orientation, for_size, minimum, natural, NULL, NULL);
  if (orientation == GTK_ORIENTATION_HORIZONTAL)
    *natural = *minimum;
}

static void
tn_series_plot_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  gtk_widget_size_allocate (TN_SERIES_PLOT (widget)->panel.box, &(GtkAllocation){0, 0, width, height}, baseline);
}

static void
tn_series_plot_class_init (TnSeriesPlotClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = tn_series_plot_dispose;
  GTK_WIDGET_CLASS (klass)->measure = tn_series_plot_measure;
  GTK_WIDGET_CLASS (klass)->size_allocate = tn_series_plot_size_allocate;
}

static void
tn_series_plot_init (TnSeriesPlot *self)
{
  TnFigure *figure;

  tn_plot_panel_init (&self->panel, GTK_WIDGET (self));
  self->heading = gtk_label_new (NULL);
  gtk_label_set_ellipsize (GTK_LABEL (self->heading), PANGO_ELLIPSIZE_END);
  gtk_label_set_xalign (GTK_LABEL (self->heading), 0);
  gtk_widget_add_css_class (self->heading, "heading");
  gtk_box_prepend (self->panel.bar, self->heading);
  figure = tn_plot_view_get_figure (self->panel.plot);
  tn_figure_set_x_axis (figure, _ ("step"), TN_AXIS_LINEAR);
  self->drawn_run = -1;
}

GtkWidget *
tn_series_plot_new (void)
{
  return g_object_new (TN_TYPE_SERIES_PLOT, NULL);
}

static void
set_axis (TnSeriesPlot *self)
{
  tn_figure_set_y_axis (tn_plot_view_get_figure (self->panel.plot), self->label, self->log ? TN_AXIS_LOG : TN_AXIS_LINEAR);
}

void
tn_series_plot_set_title (TnSeriesPlot *self, const char *title, const char *label)
{
  g_return_if_fail (TN_IS_SERIES_PLOT (self));

  gtk_label_set_text (GTK_LABEL (self->heading), title);
  gtk_widget_set_tooltip_text (self->heading, title);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->panel.plot), GTK_ACCESSIBLE_PROPERTY_LABEL, title, -1);
  tn_plot_view_set_export_name (self->panel.plot, title);
  g_free (self->label);
  self->label = g_strdup (label);
  tn_figure_reset_view (tn_plot_view_get_figure (self->panel.plot));
  set_axis (self);
}

void
tn_series_plot_set_log (TnSeriesPlot *self, gboolean log)
{
  g_return_if_fail (TN_IS_SERIES_PLOT (self));

  self->log = log;
  tn_figure_reset_view (tn_plot_view_get_figure (self->panel.plot));
  set_axis (self);
  tn_plot_view_changed (self->panel.plot);
}

void
tn_series_plot_set_smooth (TnSeriesPlot *self, gboolean smooth)
{
  g_return_if_fail (TN_IS_SERIES_PLOT (self));

  self->smooth = smooth;
}

/* Each line has a colour of its own, and its spread the same, lighter. */
static void
add_line (TnSeriesPlot *self, TnFigure *figure, const TnSeriesLine *line, guint color, const TnSeriesPoints *points)
{
  /* Few points far apart, such as validations, are shown as they are. */
  gboolean smooth = self->smooth && color == 0;
  double factor = line->factor > 0.0 ? line->factor : 1.0;
  g_autofree double *middle = g_new (double, points->n), *low = g_new (double, points->n), *high = g_new (double, points->n);
  g_autofree char *spread = g_strdup_printf (_ ("%s, spread"), line->label);

  for (gsize i = 0; i < points->n; i++)
    {
      low[i] = factor * points->low[i];
      high[i] = factor * points->high[i];
      middle[i] = smooth ? factor * points->smooth[i] : (low[i] + high[i]) / 2.0;
    }
  if (points->spread)
    tn_figure_add_band (figure, spread, color, points->n, points->steps, low, high);
  tn_figure_add_line (figure, line->label, color, points->n, points->steps, middle);
  self->n_points += points->n;
}

static void
show_reading (TnSeriesPlot *self, TnTrainingRun *run, const TnSeriesLine *line, TnFormatFunc format)
{
  const TnSeriesRow *row = run != NULL && line != NULL ? tn_training_run_find (run, line->series) : NULL;
  g_autofree char *text = row != NULL ? format (row->value) : g_strdup ("");

  tn_plot_panel_set_reading (&self->panel, text);
}

void
tn_series_plot_show (TnSeriesPlot *self, TnTrainingRun *run, guint n, const TnSeriesLine *lines, TnFormatFunc format)
{
  TnFigure *figure;
  gint64 id;

  g_return_if_fail (TN_IS_SERIES_PLOT (self));

  figure = tn_plot_view_get_figure (self->panel.plot);
  id = run != NULL ? tn_training_run_get_id (run) : -1;
  if (id != self->drawn_run)
    tn_figure_reset_view (figure);
  self->drawn_run = id;
  self->n_points = 0;
  tn_figure_clear (figure);
  tn_figure_set_empty_text (figure, run == NULL || tn_training_run_is_going_on (run) ? _ ("Nothing was recorded yet")
                                                                                     : _ ("Nothing was recorded"));
  for (guint i = 0; run != NULL && i < n; i++)
    {
      const TnSeriesPoints *points = tn_training_run_get_points (run, lines[i].series);

      if (points != NULL && points->n > 0)
        add_line (self, figure, &lines[i], i, points);
    }
  show_reading (self, run, n > 0 ? &lines[0] : NULL, format);
  tn_plot_view_changed (self->panel.plot);
}

gsize
tn_series_plot_n_points (TnSeriesPlot *self)
{
  g_return_val_if_fail (TN_IS_SERIES_PLOT (self), 0);

  return self->n_points;
}
