/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plots/figures/palette.h"
#include "plots/figures/text.h"

G_BEGIN_DECLS

typedef struct
{
  double x;
  double y;
  double width;
  double height;
} TnRectangle;

typedef struct
{
  double x;
  double y;
} TnPoint;

typedef enum { TN_ANCHOR_START, TN_ANCHOR_MIDDLE, TN_ANCHOR_END } TnAnchor;

typedef struct
{
  guint ink;
  double alpha;
} TnPaint;

typedef struct
{
  double width;
  /* 0: solid; further patterns tell lines apart without colour. */
  guint dash;
} TnPen;

typedef struct
{
  double size;
  TnAnchor anchor;
  gboolean bold;
  /* Reads upwards. */
  gboolean upwards;
} TnType;

/* TnCanvas: the few things a figure is made of. There is no clipping: whoever draws keeps inside. */
typedef struct _TnCanvas TnCanvas;
struct _TnCanvas
{
  /* Device pixels a unit; tn_canvas_snap() aligns to them. */
  double density;
  /* For pictures, which bring their own colours. */
  TnFigureStyle style;
  void (*rectangles) (TnCanvas *self, const TnRectangle *rectangles, gsize n, TnPaint paint);
  void (*polyline)   (TnCanvas *self, const TnPoint *points, gsize n, TnPaint paint, TnPen pen);
  void (*dots)       (TnCanvas *self, const TnPoint *centers, gsize n, double radius, TnPaint paint);
  /* Opaque 0xffRRGGBB or nothing (0), row after row, stretched over where without smoothing. */
  void (*picture)    (TnCanvas *self, const guint32 *pixels, guint columns, guint rows, TnRectangle where);
  /* (x, y): the anchor on the baseline. */
  void (*text)       (TnCanvas *self, const char *string, double x, double y, TnPaint paint, TnType type);
};

double tn_canvas_snap      (const TnCanvas *self, double coordinate);
void   tn_canvas_rectangle (TnCanvas *self, double x, double y, double width, double height, TnPaint paint);
/* The on-off lengths of a dash pattern; NULL when solid. */
const double *tn_canvas_dash_lengths (guint dash, guint *n);

/* Draws on cr with the given type; neither is owned. */
typedef struct
{
  TnCanvas canvas;
  cairo_t *cr;
  TnText *text;
  TnFigureStyle style;
} TnCairoCanvas;

void tn_cairo_canvas_init (TnCairoCanvas *self, cairo_t *cr, TnText *text, TnFigureStyle style, double density);

/* An image surface that holds a copy of the pixels of tn_canvas picture(). */
cairo_surface_t *tn_canvas_picture_surface (const guint32 *pixels, guint columns, guint rows);

/* Writes elements into out. */
typedef struct
{
  TnCanvas canvas;
  GString *out;
  TnFigureStyle style;
  /* Colours by class (inside HTML) instead of attributes. */
  gboolean classes;
} TnSvgCanvas;

void tn_svg_canvas_init (TnSvgCanvas *self, GString *out, TnFigureStyle style, gboolean classes);
/* What stands around the elements. label: text for screen readers. */
void tn_svg_canvas_open  (TnSvgCanvas *self, double width, double height, const char *family, const char *label);
void tn_svg_canvas_close (TnSvgCanvas *self);

G_END_DECLS
