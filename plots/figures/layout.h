/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plots/figures/canvas.h"
#include "plots/figures/layer.h"
#include "plots/figures/ticks.h"

G_BEGIN_DECLS

typedef struct
{
  /* NULL for the sign that more layers were left out. */
  const TnLayer *layer;
  double x;
  double text_x;
  double baseline;
  char *text;
} TnLegendItem;

/* Where everything of a figure stands at one size. Margins come from the extents of the labels; what finds no room is left out. */
typedef struct
{
  double width;
  double height;
  TnText *text;
  double title_size;
  double label_size;
  double small_size;
  TnRectangle plot;
  TnScale x;
  TnScale y;
  TnTicks *x_ticks;
  TnTicks *y_ticks;
  /* Instead of y ticks: rows with names, from the top. */
  gboolean rows;
  /* Names of rows that have room for one; NULL elsewhere. */
  char **row_names;
  guint n_rows;
  /* Heat maps: the bar of colours, and the scale of values along it. */
  TnRectangle color_bar;
  TnScale color_scale;
  TnTicks *color_ticks;
  /* Decimals of the values at bars; negative: as many as each needs. */
  int value_decimals;
  char *title;
  double title_baseline;
  GArray *legend; /* TnLegendItem */
  /* Baseline of marker labels above the plot; 0 when there are none. */
  double marker_baseline;
  char *x_label;
  double x_label_baseline;
  char *y_label;
  double y_label_x;
} TnLayout;

TnLayout *tn_layout_new  (TnFigure *figure, double width, double height);
void      tn_layout_free (TnLayout *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnLayout, tn_layout_free)
/* What stands at the end of a bar. Free with g_free(). */
char     *tn_layout_value_text (const TnLayout *self, double value);

G_END_DECLS
