/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plots/widgets/plot-view.h"

G_BEGIN_DECLS

struct _TnPlotView
{
  GtkWidget parent_instance;

  TnFigure *figure;
  char *export_name;
  /* The drawn figure and what it was drawn for; NULL after a change. */
  GskRenderNode *drawn;
  int drawn_width;
  int drawn_height;
  guint describe_source;

  /* The point that is read out, by pointer or by keys. */
  gboolean reading;
  gboolean reading_by_keys;
  double x;
  double y;
  double pointer_x;
  double pointer_y;
  /* How far the running drag and pinch have been followed. */
  double drag_x;
  double drag_y;
  double pinch;

  GtkWidget *menu;
  GtkFileChooserNative *chooser;
};

/* The figure must be drawn anew. */
void tn_plot_view_redraw (TnPlotView *self);
void tn_plot_view_describe (TnPlotView *self, const char *description);
void tn_plot_view_zoom_at (TnPlotView *self, double x, double y, double factor, gboolean both);
TnFigureStyle tn_plot_view_get_style (TnPlotView *self);

void tn_plot_view_class_init_input (GtkWidgetClass *widget_class);
void tn_plot_view_init_input (TnPlotView *self);
void tn_plot_view_class_init_export (GtkWidgetClass *widget_class);
void tn_plot_view_popup_menu (TnPlotView *self, double x, double y);

G_END_DECLS
