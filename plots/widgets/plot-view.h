/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "plots/figures/figure.h"

G_BEGIN_DECLS

/* TnPlotView shows a TnFigure: wheel or pinch zooms at the pointer (Shift: both axes), drag pans, double click or Ctrl+0 resets, hover and arrow keys read out
 * values, a menu (right click, Menu key) exports PNG, SVG, PDF, CSV and copies the picture. Follows the dark style. Redraws only when something changed. */
#define TN_TYPE_PLOT_VIEW (tn_plot_view_get_type ())
G_DECLARE_FINAL_TYPE (TnPlotView, tn_plot_view, TN, PLOT_VIEW, GtkWidget)

GtkWidget *tn_plot_view_new        (void);
/* Takes over a figure that was drawn elsewhere, in the place of its own. */
void       tn_plot_view_set_figure (TnPlotView *self, TnFigure *figure);
/* Owned by the view; after changing it call tn_plot_view_changed(). */
TnFigure  *tn_plot_view_get_figure (TnPlotView *self);
void       tn_plot_view_changed    (TnPlotView *self);
/* Suggested name for exports, without ending. */
void       tn_plot_view_set_export_name (TnPlotView *self, const char *name);
/* Writes what is shown, in the light style; the format is chosen by the ending. */
gboolean   tn_plot_view_export     (TnPlotView *self, const char *path, GError **error);

G_END_DECLS
