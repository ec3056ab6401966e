/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "plots/widgets/plot-view.h"

G_BEGIN_DECLS

/* A plot under a line of controls and a reading in words: what the panels of a site's detail are made of. */
typedef struct
{
  GtkWidget  *box;
  GtkBox     *bar;
  GtkLabel   *reading; /* at the end of the bar */
  TnPlotView *plot;
} TnPlotPanel;

/* The box is made a child of parent, which has a bin layout. */
void         tn_plot_panel_init        (TnPlotPanel *self, GtkWidget *parent);
/* A drop-down of these (NULL-terminated, translated) at the start of the bar, named for screen readers. */
GtkDropDown *tn_plot_panel_add_choice  (TnPlotPanel *self, const char *name, const char *const *choices);
/* Also its tooltip, where it finds no room. */
void         tn_plot_panel_set_reading (TnPlotPanel *self, const char *text);

G_END_DECLS
