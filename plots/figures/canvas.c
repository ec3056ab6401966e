/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "plots/figures/canvas.h"

#define LONG_POLYLINE 100

double
tn_canvas_snap (const TnCanvas *self, double coordinate)
{
  return round (coordinate * self->density) / self->density;
}

void
tn_canvas_rectangle (TnCanvas *self, double x, double y, double width, double height, TnPaint paint)
{
  TnRectangle rectangle = {x, y, width, height};

  self->rectangles (self, &rectangle, 1, paint);
}

const double *
tn_canvas_dash_lengths (guint dash, guint *n)
{
  static const double patterns[][4] = {{7, 3, 7, 3}, {2, 2.5, 2, 2.5}, {8, 3, 2, 3}, {12, 4, 12, 4}, {4, 2, 4, 2}};

  *n = 4;
  return dash == 0 ? NULL : patterns[(dash - 1) % G_N_ELEMENTS (patterns)];
}

/* --- Cairo ------------------------------------------------------------- */

static void
set_paint (TnCairoCanvas *self, TnPaint paint)
{
  TnColor color = tn_palette_color (self->style, paint.ink);

  cairo_set_source_rgba (self->cr, color.red, color.green, color.blue, paint.alpha);
}

static void
cairo_rectangles (TnCanvas *canvas, const TnRectangle *rectangles, gsize n, TnPaint paint)
{
  TnCairoCanvas *self = (TnCairoCanvas *) canvas;

  if (n == 0)
    return;
  set_paint (self, paint);
  for (gsize i = 0; i < n; i++)
    cairo_rectangle (self->cr, rectangles[i].x, rectangles[i].y, rectangles[i].width, rectangles[i].height);
  cairo_fill (self->cr);
}

static void
cairo_polyline (TnCanvas *canvas, const TnPoint *points, gsize n, TnPaint paint, TnPen pen)
{
  TnCairoCanvas *self = (TnCairoCanvas *) canvas;
  const double *lengths;
  guint n_lengths;

  if (n < 2)
    return;
  set_paint (self, paint);
  for (gsize i = 0; i < n; i++)
    cairo_line_to (self->cr, points[i].x, points[i].y);
  lengths = tn_canvas_dash_lengths (pen.dash, &n_lengths);
  cairo_set_dash (self->cr, lengths, lengths == NULL ? 0 : (int) n_lengths, 0);
  cairo_set_line_width (self->cr, pen.width);
  /* The best filter takes ten times as long on the crowded edges of a long zigzag, and shows no better there. */
  cairo_set_antialias (self->cr, n > LONG_POLYLINE ? CAIRO_ANTIALIAS_FAST : CAIRO_ANTIALIAS_DEFAULT);
  cairo_set_line_join (self->cr, n > LONG_POLYLINE ? CAIRO_LINE_JOIN_MITER : CAIRO_LINE_JOIN_ROUND);
  cairo_set_line_cap (self->cr, CAIRO_LINE_CAP_BUTT);
  cairo_stroke (self->cr);
}

static void
cairo_dots (TnCanvas *canvas, const TnPoint *centers, gsize n, double radius, TnPaint paint)
{
  TnCairoCanvas *self = (TnCairoCanvas *) canvas;

  set_paint (self, paint);
  for (gsize i = 0; i < n; i++)
    {
      cairo_new_sub_path (self->cr);
      cairo_arc (self->cr, centers[i].x, centers[i].y, radius, 0, 2 * G_PI);
      cairo_close_path (self->cr);
    }
  cairo_fill (self->cr);
}

cairo_surface_t *
tn_canvas_picture_surface (const guint32 *pixels, guint columns, guint rows)
{
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_ARGB32, (int) columns, (int) rows);
  guint8 *data = cairo_image_surface_get_data (surface);
  gsize stride = (gsize) cairo_image_surface_get_stride (surface);

  for (guint row = 0; data != NULL && row < rows; row++)
    memcpy (data + row * stride, pixels + (gsize) row * columns, (gsize) columns * sizeof *pixels);
  cairo_surface_mark_dirty (surface);
  return surface;
}

static void
cairo_picture (TnCanvas *canvas, const guint32 *pixels, guint columns, guint rows, TnRectangle where)
{
  TnCairoCanvas *self = (TnCairoCanvas *) canvas;
  cairo_surface_t *surface;

  if (columns == 0 || rows == 0)
    return;
  surface = tn_canvas_picture_surface (pixels, columns, rows);
  cairo_save (self->cr);
  cairo_rectangle (self->cr, where.x, where.y, where.width, where.height);
  cairo_clip (self->cr);
  cairo_translate (self->cr, where.x, where.y);
  cairo_scale (self->cr, where.width / columns, where.height / rows);
  cairo_set_source_surface (self->cr, surface, 0, 0);
  cairo_pattern_set_filter (cairo_get_source (self->cr), CAIRO_FILTER_NEAREST);
  cairo_paint (self->cr);
  cairo_restore (self->cr);
  cairo_surface_destroy (surface);
}

static void
cairo_text (TnCanvas *canvas, const char *string, double x, double y, TnPaint paint, TnType type)
{
  TnCairoCanvas *self = (TnCairoCanvas *) canvas;
  double shift = type.anchor == TN_ANCHOR_START ? 0 : tn_text_width (self->text, string, type.size, type.bold);

  if (type.anchor == TN_ANCHOR_MIDDLE)
    shift /= 2;
  set_paint (self, paint);
  if (type.upwards)
    {
      cairo_save (self->cr);
      cairo_translate (self->cr, tn_canvas_snap (canvas, x), y);
      cairo_rotate (self->cr, -G_PI / 2);
      tn_text_show (self->text, self->cr, string, type.size, type.bold, -shift, 0);
      cairo_restore (self->cr);
    }
  else
    tn_text_show (self->text, self->cr, string, type.size, type.bold, x - shift, tn_canvas_snap (canvas, y));
  cairo_new_path (self->cr);
}

void
tn_cairo_canvas_init (TnCairoCanvas *self, cairo_t *cr, TnText *text, TnFigureStyle style, double density)
{
  *self = (TnCairoCanvas){.canvas = {.density = density,
                                     .style = style,
                                     .rectangles = cairo_rectangles,
                                     .polyline = cairo_polyline,
                                     .dots = cairo_dots,
                                     .picture = cairo_picture,
                                     .text = cairo_text},
                          .cr = cr,
                          .text = text,
                          .style = style};
}
