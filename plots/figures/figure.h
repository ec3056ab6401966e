/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <cairo.h>
#include <glib.h>

G_BEGIN_DECLS

/* TnFigure: axes with layers, drawn by Cairo and Pango alone; the same code draws the window, PNG, SVG and PDF. Takes plain arrays (copied), knows no engine.
 * One thread at a time. */
typedef struct _TnFigure TnFigure;

typedef enum { TN_AXIS_LINEAR, TN_AXIS_LOG, TN_AXIS_SYMLOG } TnAxisScale;
typedef enum { TN_FIGURE_LIGHT, TN_FIGURE_DARK, TN_FIGURE_LIGHT_CONTRAST, TN_FIGURE_DARK_CONTRAST } TnFigureStyle;

TnFigure *tn_figure_new           (const char *title);
void      tn_figure_free          (TnFigure *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnFigure, tn_figure_free)
void      tn_figure_set_title     (TnFigure *self, const char *title);
/* Shown in the middle when there are no layers: says what is missing and what to do. */
void      tn_figure_set_empty_text (TnFigure *self, const char *text);
void      tn_figure_set_x_axis    (TnFigure *self, const char *label, TnAxisScale scale);
void      tn_figure_set_y_axis    (TnFigure *self, const char *label, TnAxisScale scale);
/* The typeface of all text and the size of axis labels in pixels; a sans serif of 12 pixels until set. */
void      tn_figure_set_font      (TnFigure *self, const char *family, double size);
/* Device pixels a unit of the drawing; needed where Cairo cannot tell (recording surfaces). */
void      tn_figure_set_density   (TnFigure *self, double density);
/* Removes all layers; axes, view and title stay. */
void      tn_figure_clear         (TnFigure *self);

/* Layers; color: index into the palette (0..7, colour-blind safe), name shown in legend and read-out. NaN values are gaps. */
/* Histogram: counts [n] between edges [n + 1], ascending. Drawn as filled steps; on a log y axis empty bins are left out. */
void      tn_figure_add_histogram (TnFigure *self, const char *name, guint color, gsize n, const double *edges, const double *counts);
void      tn_figure_add_line      (TnFigure *self, const char *name, guint color, gsize n, const double *x, const double *y);
/* Vertical markers over the whole height, e.g. quantization levels; labels may be NULL. Thinned where they would be closer than 3 pixels. */
void      tn_figure_add_markers   (TnFigure *self, const char *name, guint color, gsize n, const double *x, const char *const *labels);
/* Horizontal bars, one a category, top to bottom; categories label the y axis. A NaN bar is drawn as "—" (not measured). */
void      tn_figure_add_bars      (TnFigure *self, const char *name, guint color, gsize n, const char *const *categories, const double *values);
/* The same with an interval at each bar; low, high [n], NaN where there is none. */
void      tn_figure_add_ranged_bars (TnFigure *self, const char *name, guint color, gsize n, const char *const *categories, const double *values,
                                     const double *low, const double *high);
/* Dots without lines between them, e.g. predicted against measured; labels [n] for the read-out, or NULL. */
void      tn_figure_add_points    (TnFigure *self, const char *name, guint color, gsize n, const double *x, const double *y,
                                   const char *const *labels);
/* The area between low and high, e.g. a confidence interval around a line. */
void      tn_figure_add_band      (TnFigure *self, const char *name, guint color, gsize n, const double *x, const double *low, const double *high);
/* Heat map: n cells in rows of so many columns, from the top; the last row may be short. Colours run from the smallest to the largest value, on a
 * logarithm with TN_AXIS_LOG (then nothing but positive values has one), and a bar beside the axes says which. NaN cells stay blank. row_names
 * label the y axis; with NULL the cells are numbered through, as the channels of one layer are. Marked cells (ascending indices) get a
 * frame. Has the axes for itself. */
void      tn_figure_add_heat_map  (TnFigure *self, const char *name, gsize n, gsize columns, const double *values, const char *const *row_names,
                                   TnAxisScale scale, gsize n_marked, const gsize *marked);

/* Names for the columns of a heat map, in place of their numbers; as many as it has. */
void      tn_figure_set_column_names (TnFigure *self, gsize n, const char *const *names);

/* The visible range in data coordinates; automatic (all data with a margin) until set. */
void      tn_figure_set_view      (TnFigure *self, double x0, double x1, double y0, double y1);
void      tn_figure_get_view      (TnFigure *self, double *x0, double *x1, double *y0, double *y1);
void      tn_figure_reset_view    (TnFigure *self);
/* Whether the vertical range was set by hand or by zooming. */
gboolean  tn_figure_is_y_zoomed   (TnFigure *self);
/* Where the axes' inside lies in a width x height drawing. */
void      tn_figure_get_plot_area (TnFigure *self, double width, double height, cairo_rectangle_t *area);
/* Zooms by factor (< 1: in) around the data under pixel (x, y) of a width x height drawing; horizontally, and vertically too when both. */
void      tn_figure_zoom          (TnFigure *self, double width, double height, double x, double y, double factor, gboolean both);
/* Moves the view by pixels. */
void      tn_figure_pan           (TnFigure *self, double width, double height, double dx, double dy);
/* The data under the pixel; FALSE outside the axes. */
gboolean  tn_figure_pixel_to_data (TnFigure *self, double width, double height, double px, double py, double *x, double *y);
/* Text of what lies under the pixel: value of every layer there. NULL outside; free with g_free(). */
char     *tn_figure_read_out      (TnFigure *self, double width, double height, double px, double py);
/* Moves the pixel to the next datum of the first layer: columns along x (bins, points, markers), rows down the bars. FALSE when there is none. */
gboolean  tn_figure_step          (TnFigure *self, double width, double height, int columns, int rows, double *px, double *py);
/* One sentence for screen readers: title, axes, ranges. Free with g_free(). */
char     *tn_figure_describe      (TnFigure *self);

void      tn_figure_draw          (TnFigure *self, cairo_t *cr, double width, double height, TnFigureStyle style);
/* Files are written whole or not at all. The format is chosen by the ending: .png (2x), .svg, .pdf, .csv (the data of all layers). */
gboolean  tn_figure_save          (TnFigure *self, const char *path, double width, double height, TnFigureStyle style, GError **error);
/* The data of all layers as comma-separated values, in the C locale. Free with g_free(). */
char     *tn_figure_to_csv        (TnFigure *self);
/* An <svg> element to stand inside HTML: real text, no ids. Colours can be overridden by the page through the CSS variables --tn-background, --tn-text, --tn-muted,
 * --tn-axis, --tn-grid and --tn-series-0 .. 7. Free with g_free(). */
char     *tn_figure_to_svg        (TnFigure *self, double width, double height, TnFigureStyle style, GError **error);

G_END_DECLS
