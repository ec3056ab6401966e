/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/range-view.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "ui/numbers.h"
#include "ui/plot-panel.h"

struct _TnRangeView
{
  GtkWidget parent_instance;
  TnPlotPanel panel;
  GtkDropDown *measure;
  TnSiteHistory history;
  TnSiteFindings findings; /* its name is site */
  char *site;              /* NULL: nothing is shown */
  char *drawn;
};

G_DEFINE_FINAL_TYPE (TnRangeView, tn_range_view, GTK_TYPE_WIDGET)

/* Range first in the list, as it is what gets calibrated. */
static const TnSiteMeasure order[] = {TN_SITE_RANGE, TN_SITE_DEVIATION, TN_SITE_MAGNITUDE, TN_SITE_MEAN};

static const char *
axis_name (TnSiteMeasure measure)
{
  switch (measure)
    {
    case TN_SITE_DEVIATION:
      return _ ("standard deviation");
    case TN_SITE_MAGNITUDE:
      return _ ("mean magnitude");
    case TN_SITE_MEAN:
      return _ ("mean");
    case TN_SITE_RANGE:
    case TN_N_SITE_MEASURES:
    default:
      return _ ("activation");
    }
}

static char *
describe (const TnSiteFindings *findings, TnSiteMeasure measure)
{
  const TnSitePoint *point = &findings->points[measure];
  g_autofree char *value = tn_format_value (point->value), *low = tn_format_value (point->low), *high = tn_format_value (point->high);

  if (findings->tokens == 0)
    return g_strdup ("");
  if (measure == TN_SITE_RANGE)
    return g_strdup_printf (_ ("from %s to %s"), low, high);
  if (!isfinite (point->low))
    /* Translators: a number whose confidence interval cannot be told from so few sequences */
    return g_strdup_printf (_ ("%s, too few sequences for an interval"), value);
  return g_strdup_printf (_ ("%s, 95 %% interval %s to %s"), value, low, high);
}

static void
add_layers (TnFigure *figure, const TnSiteHistory *history, TnSiteMeasure measure)
{
  double value[TN_SITE_HISTORY_POINTS], low[TN_SITE_HISTORY_POINTS], high[TN_SITE_HISTORY_POINTS];

  for (guint i = 0; i < history->n; i++)
    {
      value[i] = history->points[i][measure].value;
      low[i] = history->points[i][measure].low;
      high[i] = history->points[i][measure].high;
    }
  if (measure == TN_SITE_RANGE)
    {
      tn_figure_add_band (figure, _ ("range"), 0, history->n, history->sequences, low, high);
      tn_figure_add_line (figure, _ ("largest value"), 0, history->n, history->sequences, high);
      tn_figure_add_line (figure, _ ("smallest value"), 1, history->n, history->sequences, low);
      return;
    }
  /* xgettext:no-c-format */
  tn_figure_add_band (figure, _ ("95 % interval"), 0, history->n, history->sequences, low, high);
  tn_figure_add_line (figure, axis_name (measure), 0, history->n, history->sequences, value);
}

static void
draw (TnRangeView *self)
{
  TnFigure *figure = tn_plot_view_get_figure (self->panel.plot);
  TnSiteMeasure measure = order[MIN (gtk_drop_down_get_selected (self->measure), G_N_ELEMENTS (order) - 1)];
  g_autofree char *shown = g_strdup_printf ("%s %d", self->site != NULL ? self->site : "", (int) measure);
  g_autofree char *reading = self->site != NULL ? describe (&self->findings, measure) : g_strdup ("");

  if (g_strcmp0 (shown, self->drawn) != 0)
    {
      g_free (self->drawn);
      self->drawn = g_steal_pointer (&shown);
      tn_figure_reset_view (figure);
      tn_figure_set_title (figure, self->site);
      if (self->site != NULL)
        tn_plot_view_set_export_name (self->panel.plot, self->site);
    }
  tn_figure_clear (figure);
  tn_figure_set_y_axis (figure, axis_name (measure), TN_AXIS_LINEAR);
  tn_figure_set_empty_text (figure, self->site == NULL
                                        ? _ ("Choose a site to see how it settles")
                                        : _ ("These statistics were read from a file: how they settled was not recorded."));
  if (self->history.n > 0)
    add_layers (figure, &self->history, measure);
  tn_plot_panel_set_reading (&self->panel, reading);
  tn_plot_view_changed (self->panel.plot);
}

static void
tn_range_view_dispose (GObject *object)
{
  TnRangeView *self = TN_RANGE_VIEW (object);

  g_clear_pointer (&self->panel.box, gtk_widget_unparent);
  g_clear_pointer (&self->site, g_free);
  g_clear_pointer (&self->drawn, g_free);
  G_OBJECT_CLASS (tn_range_view_parent_class)->dispose (object);
}

static void
tn_range_view_class_init (TnRangeViewClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = tn_range_view_dispose;
  gtk_widget_class_set_layout_manager_type (GTK_WIDGET_CLASS (klass), GTK_TYPE_BIN_LAYOUT);
}

static void
tn_range_view_init (TnRangeView *self)
{
  const char *measures[] = {_ ("Range"), _ ("Standard Deviation"), _ ("Mean Magnitude"), _ ("Mean"), NULL};

  tn_plot_panel_init (&self->panel, GTK_WIDGET (self));
  self->measure = tn_plot_panel_add_choice (&self->panel, _ ("What settles"), measures);
  tn_figure_set_x_axis (tn_plot_view_get_figure (self->panel.plot), _ ("sequences seen"), TN_AXIS_LINEAR);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->panel.plot), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Settling"), -1);
  g_signal_connect_swapped (self->measure, "notify::selected", G_CALLBACK (draw), self);
  draw (self);
}

void
tn_range_view_show (TnRangeView *self, const TnSiteFindings *findings, const TnSiteHistory *history)
{
  g_return_if_fail (TN_IS_RANGE_VIEW (self));

  g_clear_pointer (&self->site, g_free);
  self->history.n = 0;
  if (findings != NULL)
    {
      self->findings = *findings;
      self->site = g_strdup (findings->name);
      self->findings.name = self->site;
    }
  if (history != NULL)
    self->history = *history;
  draw (self);
}
