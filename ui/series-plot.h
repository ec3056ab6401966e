/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "ui/training-run.h"

G_BEGIN_DECLS

/* TnSeriesPlot: series of a run against its steps, in one plot, with the latest value of the first one in words. */
#define TN_TYPE_SERIES_PLOT (tn_series_plot_get_type ())
G_DECLARE_FINAL_TYPE (TnSeriesPlot, tn_series_plot, TN, SERIES_PLOT, GtkWidget)

typedef struct
{
  const char *series; /* its name in the workspace */
  const char *label;  /* translated */
  double      factor; /* of its values in the plot, such as 1e-6 for bytes as MB; 0: as they are */
} TnSeriesLine;

/* A value in words; free with g_free(). */
typedef char *(*TnFormatFunc) (double value);

GtkWidget *tn_series_plot_new       (void);
/* title: of the plot; label: of the y axis. */
void       tn_series_plot_set_title (TnSeriesPlot *self, const char *title, const char *label);
void       tn_series_plot_set_log   (TnSeriesPlot *self, gboolean log);
/* Lines are smoothed: their spread is drawn, too. */
void       tn_series_plot_set_smooth (TnSeriesPlot *self, gboolean smooth);
/* format: how the latest value is written. NULL run: nothing is there. */
void       tn_series_plot_show      (TnSeriesPlot *self, TnTrainingRun *run, guint n, const TnSeriesLine *lines, TnFormatFunc format);
/* Points drawn at the last show, of all lines; for tests. */
gsize      tn_series_plot_n_points  (TnSeriesPlot *self);

G_END_DECLS
