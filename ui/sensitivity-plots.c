/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/sensitivity-plots.h"

#include <glib/gi18n-lib.h>

#include "app/tasks/analysis-figures.h"
#include "ui/plot-panel.h"

/* As many bars as can be read in a pane. */
#define RANKED 16

typedef enum
{
  SHOW_RANKING,
  SHOW_CELLS,
  SHOW_COMPARISON,
  SHOW_HISTOGRAM,
  SHOW_BITS,
  SHOW_AGREEMENT,
  SHOW_CORRELATIONS,
  N_FIGURES
} Shown;

struct _TnSensitivityPlots
{
  GtkWidget parent_instance;
  TnPlotPanel panel;
  GtkDropDown *figure;
  GtkDropDown *quantity;
  TnSensitivity *sensitivity;
  const TnAnalysis *analysis; /* that is drawn */
};

G_DEFINE_FINAL_TYPE (TnSensitivityPlots, tn_sensitivity_plots, GTK_TYPE_WIDGET)

static gboolean
has_quantity (Shown shown)
{
  return shown == SHOW_CELLS || shown == SHOW_COMPARISON || shown == SHOW_HISTOGRAM || shown == SHOW_BITS;
}

static const char *
explain (Shown shown)
{
  switch (shown)
    {
    case SHOW_RANKING:
      return _ ("lines are intervals of 95 %");
    case SHOW_AGREEMENT:
      return _ ("on a line: scores rank as measurements do");
    case SHOW_CORRELATIONS:
      return _ ("blocks of one colour fail on the same tokens");
    case SHOW_CELLS:
    case SHOW_COMPARISON:
    case SHOW_HISTOGRAM:
    case SHOW_BITS:
    case N_FIGURES:
    default:
      return "";
    }
}

static TnFigure *
draw (const TnAnalysis *analysis, Shown shown, TnShownQuantity quantity)
{
  switch (shown)
    {
    case SHOW_CELLS:
      return tn_analysis_draw_cells (analysis, quantity);
    case SHOW_COMPARISON:
      return tn_analysis_draw_comparison (analysis, quantity);
    case SHOW_HISTOGRAM:
      return tn_analysis_draw_histogram (analysis, quantity);
    case SHOW_BITS:
      return tn_analysis_draw_bits (analysis, quantity);
    case SHOW_AGREEMENT:
      return tn_analysis_draw_agreement (analysis);
    case SHOW_CORRELATIONS:
      return tn_analysis_draw_correlations (analysis);
    case SHOW_RANKING:
    case N_FIGURES:
    default:
      return tn_analysis_draw_ranking (analysis, RANKED);
    }
}

static void
show (TnSensitivityPlots *self)
{
  Shown shown = gtk_drop_down_get_selected (self->figure);
  TnFigure *figure;

  gtk_widget_set_visible (GTK_WIDGET (self->quantity), has_quantity (shown));
  if (self->analysis == NULL)
    figure = tn_figure_new (NULL);
  else
    figure = draw (self->analysis, shown, gtk_drop_down_get_selected (self->quantity));
  tn_plot_panel_set_reading (&self->panel, self->analysis != NULL ? explain (shown) : "");
  tn_plot_view_set_figure (self->panel.plot, figure);
}

static void
on_sensitivity_changed (TnSensitivityPlots *self)
{
  const TnAnalysis *analysis = tn_sensitivity_get_analysis (self->sensitivity);

  if (analysis == self->analysis)
    return;
  self->analysis = analysis;
  show (self);
}

static void
tn_sensitivity_plots_dispose (GObject *object)
{
  TnSensitivityPlots *self = TN_SENSITIVITY_PLOTS (object);

  if (self->sensitivity != NULL)
    g_signal_handlers_disconnect_by_data (self->sensitivity, self);
  g_clear_object (&self->sensitivity);
  g_clear_pointer (&self->panel.box, gtk_widget_unparent);
  G_OBJECT_CLASS (tn_sensitivity_plots_parent_class)->dispose (object);
}

static void
tn_sensitivity_plots_class_init (TnSensitivityPlotsClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = tn_sensitivity_plots_dispose;
  gtk_widget_class_set_layout_manager_type (GTK_WIDGET_CLASS (klass), GTK_TYPE_BIN_LAYOUT);
}

static void
tn_sensitivity_plots_init (TnSensitivityPlots *self)
{
  const char *const figures[] = {_ ("Ranking"), _ ("Layers and Schemes"),      _ ("Comparison"),   _ ("Histogram"),
                                 _ ("Bits"),    _ ("Scores and Measurements"), _ ("Correlations"), NULL};
  const char *const quantities[] = {_ ("Change of the Loss"), _ ("SQNR of Weights"), _ ("SQNR of Outputs"),
                                    _ ("SQNR Through the Network"), NULL};

  tn_plot_panel_init (&self->panel, GTK_WIDGET (self));
  self->figure = tn_plot_panel_add_choice (&self->panel, _ ("What is drawn"), figures);
  self->quantity = tn_plot_panel_add_choice (&self->panel, _ ("By what"), quantities);
  tn_plot_view_set_export_name (self->panel.plot, _ ("analysis"));
  g_signal_connect_object (self->figure, "notify::selected", G_CALLBACK (show), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->quantity, "notify::selected", G_CALLBACK (show), self, G_CONNECT_SWAPPED);
  show (self);
}

void
tn_sensitivity_plots_set_sensitivity (TnSensitivityPlots *self, TnSensitivity *sensitivity)
{
  g_return_if_fail (TN_IS_SENSITIVITY_PLOTS (self));

  if (self->sensitivity != NULL)
    g_signal_handlers_disconnect_by_data (self->sensitivity, self);
  g_set_object (&self->sensitivity, sensitivity);
  self->analysis = sensitivity != NULL ? tn_sensitivity_get_analysis (sensitivity) : NULL;
  if (sensitivity != NULL)
    g_signal_connect_swapped (sensitivity, "changed", G_CALLBACK (on_sensitivity_changed), self);
  show (self);
}

void
tn_sensitivity_plots_choose (TnSensitivityPlots *self, guint figure, guint quantity)
{
  g_return_if_fail (TN_IS_SENSITIVITY_PLOTS (self));

  gtk_drop_down_set_selected (self->figure, figure);
  gtk_drop_down_set_selected (self->quantity, quantity);
}

TnPlotView *
tn_sensitivity_plots_get_plot (TnSensitivityPlots *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY_PLOTS (self), NULL);

  return self->panel.plot;
}
