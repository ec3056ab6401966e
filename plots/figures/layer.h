/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plots/figures/figure.h"

G_BEGIN_DECLS

typedef enum { TN_LAYER_HISTOGRAM, TN_LAYER_LINE, TN_LAYER_MARKERS, TN_LAYER_BARS, TN_LAYER_BAND, TN_LAYER_HEAT_MAP, TN_LAYER_POINTS } TnLayerKind;

/* What a set of numbers spans; low > high when nothing is finite. */
typedef struct
{
  double low;
  double high;
  /* The smallest positive number and the smallest magnitude but zero; infinite when there is none. */
  double positive;
  double magnitude;
} TnExtent;

typedef struct
{
  TnLayerKind kind;
  char *name;
  guint color;
  /* The how-manyth of its kind, from 0: chooses dashes and fillings. */
  guint ordinal;
  gsize n;
  /* Histogram: edges [n + 1]; line, points and band: x; markers: ascending positions; bars: lower ends of intervals, or NULL. */
  double *x;
  /* Histogram: counts; line and points: y; bars and heat map: values; band: lower ends. */
  double *y;
  /* Band, bars with intervals: upper ends. */
  double *y_high;
  /* Line and band: x is finite and never decreases. */
  gboolean ascending;
  /* Markers, points: may be NULL. Bars: categories. Heat map: names of the rows. */
  char **labels;
  /* Bars: the row of each category in the figure. */
  guint *rows;
  /* Heat map: cells of a row; whether cells are numbered through; how values become colours; of what; marked cells, ascending. */
  gsize columns;
  gboolean numbered;
  TnAxisScale value_scale;
  TnExtent value_extent;
  gsize n_marked;
  gsize *marked;
  TnExtent x_extent;
  TnExtent y_extent;
} TnLayer;

TnLayer *tn_layer_new_histogram (const char *name, guint color, gsize n, const double *edges, const double *counts);
TnLayer *tn_layer_new_line      (const char *name, guint color, gsize n, const double *x, const double *y);
TnLayer *tn_layer_new_markers   (const char *name, guint color, gsize n, const double *x, const char *const *labels);
/* The rows are filled in by the figure. */
TnLayer *tn_layer_new_bars      (const char *name, guint color, gsize n, const char *const *categories, const double *values,
                                  const double *low, const double *high);
TnLayer *tn_layer_new_points    (const char *name, guint color, gsize n, const double *x, const double *y, const char *const *labels);
TnLayer *tn_layer_new_band      (const char *name, guint color, gsize n, const double *x, const double *low, const double *high);
/* row_names NULL: cells are numbered through and rows named by their first one. */
TnLayer *tn_layer_new_heat_map  (const char *name, gsize n, gsize columns, const double *values, const char *const *row_names,
                                 TnAxisScale scale, gsize n_marked, const gsize *marked);
gsize    tn_layer_heat_map_rows (const TnLayer *self);
void     tn_layer_free          (TnLayer *self);

/* Index of the first of n ascending numbers that is greater than (or, with or_equal, not less than) the value; n when there is none. */
gsize    tn_layer_search        (const double *ascending, gsize n, double value, gboolean or_equal);
/* The point of an ascending line, marker or bin centre nearest to x. n must not be 0. */
gsize    tn_layer_nearest       (const double *ascending, gsize n, double x);

/* Valid UTF-8 on one line, whatever a foreign file called it. Free with g_free(). */
char    *tn_layer_clean_text     (const char *text);

extern const TnExtent tn_extent_empty;
void     tn_extent_add          (TnExtent *self, double value);
void     tn_extent_join         (TnExtent *self, const TnExtent *other);

G_END_DECLS
