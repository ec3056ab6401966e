/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plots/figures/canvas.h"
#include "plots/figures/figure.h"
#include "plots/figures/layer.h"
#include "plots/figures/layout.h"

G_BEGIN_DECLS

typedef struct
{
  char *label;
  TnAxisScale kind;
  /* A view that was set by hand; otherwise all data. */
  gboolean view_set;
  double low;
  double high;
} TnAxis;

struct _TnFigure
{
  char *title;
  char *empty_text;
  char *family;
  double size;
  double density;
  TnAxis x;
  TnAxis y;
  GPtrArray *layers;     /* TnLayer */
  GPtrArray *categories; /* char: the rows of all bar layers */
  GPtrArray *columns;    /* char: names of a heat map's columns; empty: they are numbered */
  TnLayout *layout;      /* of the last size asked for; NULL after any change */
};

/* Forgets what was derived from layers, view or looks. */
void tn_figure_changed (TnFigure *self);
/* Both scales with the current view, without pixels. */
void tn_figure_get_scales (TnFigure *self, TnScale *x, TnScale *y);
/* Places everything for a size; owned by the figure, valid until the next call or change. */
const TnLayout *tn_figure_get_layout (TnFigure *self, double width, double height);
gboolean tn_figure_is_empty (TnFigure *self);
void tn_figure_draw_on (TnFigure *self, TnCanvas *canvas, double width, double height);

/* A band lets the grid and other bands through. */
#define TN_BAND_ALPHA 0.22

#define TN_POINT_RADIUS 3.25

/* Layers draw inside the plot rectangle of the layout. */
void tn_histogram_draw (const TnFigure *figure, const TnLayer *layer, TnCanvas *canvas, const TnLayout *layout);
void tn_line_draw      (const TnFigure *figure, const TnLayer *layer, TnCanvas *canvas, const TnLayout *layout);
void tn_points_draw    (const TnFigure *figure, const TnLayer *layer, TnCanvas *canvas, const TnLayout *layout);
void tn_markers_draw   (const TnFigure *figure, const TnLayer *layer, TnCanvas *canvas, const TnLayout *layout);
void tn_bars_draw      (const TnFigure *figure, const TnLayer *layer, TnCanvas *canvas, const TnLayout *layout);
void tn_band_draw      (const TnFigure *figure, const TnLayer *layer, TnCanvas *canvas, const TnLayout *layout);
void tn_heat_map_draw  (const TnFigure *figure, const TnLayer *layer, TnCanvas *canvas, const TnLayout *layout);
/* The bar of colours with its ticks. */
void tn_heat_map_draw_legend (TnCanvas *canvas, const TnLayout *layout);
/* The labels of all marker layers, above the plot and clear of each other. */
void tn_markers_draw_labels (const TnFigure *figure, TnCanvas *canvas, const TnLayout *layout);
/* The sign that stands for a layer in the legend, of this height. */
void tn_layer_draw_sign (const TnFigure *figure, const TnLayer *layer, TnCanvas *canvas, double x, double y, double size);
double tn_layer_sign_width (const TnLayer *layer, double size);
/* What a bar of this ordinal is filled with. */
void tn_bars_fill (const TnLayer *layer, TnCanvas *canvas, TnRectangle bar);

/* NULL when there is none. */
const TnLayer *tn_figure_get_heat_map (const TnFigure *self);
guint tn_figure_count_layers (const TnFigure *self, TnLayerKind kind);

G_END_DECLS
