/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "plots/figures/figure-private.h"

#define PEN_WIDTH 1.75
#define DOT_RADIUS 2.5
/* Points show as dots when they have this many pixels each. */
#define DOT_SPACING 14
/* Unordered lines with more points show the pixels they touch instead of strokes. */
#define MOST_UNORDERED 20000

typedef struct
{
  const TnLayer *layer;
  TnCanvas *canvas;
  const TnLayout *layout;
  TnPaint paint;
  TnPen pen;
} LineDrawing;

static gboolean
inside (const TnRectangle *plot, TnPoint point)
{
  return point.x >= plot->x && point.x <= plot->x + plot->width && point.y >= plot->y && point.y <= plot->y + plot->height;
}

/* One side of Liang and Barsky's clipping: narrows from..to to where distance + t * slope >= 0. */
static gboolean
clip_side (double slope, double distance, double *from, double *to)
{
  double t;

  if (slope == 0)
    return distance >= 0;
  t = -distance / slope;
  if (slope > 0)
    *from = MAX (*from, t);
  else
    *to = MIN (*to, t);
  return *from <= *to;
}

static gboolean
clip_segment (const TnRectangle *plot, TnPoint *a, TnPoint *b)
{
  double dx = b->x - a->x, dy = b->y - a->y, from = 0, to = 1;
  TnPoint start = *a;

  if (!clip_side (dx, a->x - plot->x, &from, &to) || !clip_side (-dx, plot->x + plot->width - a->x, &from, &to) ||
      !clip_side (dy, a->y - plot->y, &from, &to) || !clip_side (-dy, plot->y + plot->height - a->y, &from, &to))
    return FALSE;
  *a = (TnPoint){ start.x + from * dx, start.y + from * dy };
  *b = (TnPoint){ start.x + to * dx, start.y + to * dy };
  return TRUE;
}

static gboolean
point_at (const LineDrawing *self, gsize i, TnPoint *point)
{
  if (!tn_scale_can_show (&self->layout->x, self->layer->x[i]) || !tn_scale_can_show (&self->layout->y, self->layer->y[i]))
    return FALSE;
  point->x = tn_scale_to_pixel (&self->layout->x, self->layer->x[i]);
  point->y = tn_scale_to_pixel (&self->layout->y, self->layer->y[i]);
  return TRUE;
}

static void
flush_run (const LineDrawing *self, GArray *run)
{
  self->canvas->polyline (self->canvas, (const TnPoint *) (gpointer) run->data, run->len, self->paint, self->pen);
  g_array_set_size (run, 0);
}

/* Anti-aliased strokes from point to point; a point between two gaps is a dot, and so are all when they are few. */
static void
stroke_points (const LineDrawing *self, gsize first, gsize end)
{
  const TnRectangle *plot = &self->layout->plot;
  g_autoptr (GArray) run = g_array_new (FALSE, FALSE, sizeof (TnPoint)), dots = g_array_new (FALSE, FALSE, sizeof (TnPoint));
  gboolean all_dots = (end - first) * DOT_SPACING <= plot->width;
  gboolean have_last = FALSE;
  TnPoint last = { 0 };

  for (gsize i = first; i < end; i++)
    {
      TnPoint point, next, a, b;
      gboolean have = point_at (self, i, &point), alone;

      if (!have)
        {
          flush_run (self, run);
          have_last = FALSE;
          continue;
        }
      alone = !have_last && (i + 1 >= end || !point_at (self, i + 1, &next));
      if ((alone || all_dots) && inside (plot, point))
        g_array_append_val (dots, point);
      a = last;
      b = point;
      if (have_last && clip_segment (plot, &a, &b))
        {
          if (run->len > 0 && memcmp (&g_array_index (run, TnPoint, run->len - 1), &a, sizeof a) != 0)
            flush_run (self, run);
          if (run->len == 0)
            g_array_append_val (run, a);
          g_array_append_val (run, b);
        }
      last = point;
      have_last = TRUE;
    }
  flush_run (self, run);
  self->canvas->dots (self->canvas, (const TnPoint *) (gpointer) dots->data, dots->len, DOT_RADIUS, self->paint);
}

/* A line of more points than pixels: each column spans what the line does there, joined to the column before. */
static void
fill_columns (const LineDrawing *self, gsize first, gsize end)
{
  const TnLayer *layer = self->layer;
  const TnRectangle *plot = &self->layout->plot;
  double unit = 1 / self->canvas->density, thickness = MAX (unit, tn_canvas_snap (self->canvas, PEN_WIDTH - 0.25));
  double least = self->layout->y.kind == TN_AXIS_LOG ? 0 : -INFINITY, last_top = NAN, last_bottom = NAN;
  gsize columns = (gsize) ceil (plot->width / unit - 1e-9), i = first;
  g_autoptr (GArray) rectangles = g_array_sized_new (FALSE, FALSE, sizeof (TnRectangle), (guint) columns);

  for (gsize c = 0; c < columns; c++)
    {
      double left = plot->x + c * unit, low = INFINITY, high = -INFINITY, top, bottom;
      gsize stop = c + 1 == columns ? end : i + tn_layer_search (layer->x + i, end - i, tn_scale_from_pixel (&self->layout->x, left + unit), TRUE);
      gsize begin = i;
      TnRectangle rectangle;

      for (; i < stop; i++)
        {
          double y = layer->y[i];

          if (y > least && y < INFINITY)
            {
              low = y < low ? y : low;
              high = y > high ? y : high;
            }
        }
      if (low > high)
        {
          /* An empty column between two neighbours is bridged, a gap in the data is not. */
          if (stop > begin)
            last_top = last_bottom = NAN;
          continue;
        }
      top = tn_scale_to_pixel (&self->layout->y, high);
      bottom = tn_scale_to_pixel (&self->layout->y, low);
      if (layer->y[begin] > least && layer->y[begin] < INFINITY && last_top <= last_bottom)
        {
          double joined_top = MIN (top, last_bottom), joined_bottom = MAX (bottom, last_top);

          last_top = top;
          last_bottom = bottom;
          top = joined_top;
          bottom = joined_bottom;
        }
      else
        {
          last_top = top;
          last_bottom = bottom;
        }
      if (!(layer->y[stop - 1] > least && layer->y[stop - 1] < INFINITY))
        last_top = last_bottom = NAN;
      top = tn_canvas_snap (self->canvas, top - thickness / 2);
      bottom = tn_canvas_snap (self->canvas, MAX (bottom + thickness / 2, top + thickness));
      if (bottom <= plot->y || top >= plot->y + plot->height)
        continue;
      top = MAX (top, plot->y);
      bottom = MIN (bottom, plot->y + plot->height);
      rectangle = (TnRectangle){ left, top, unit, bottom - top };
      g_array_append_val (rectangles, rectangle);
    }
  self->canvas->rectangles (self->canvas, (const TnRectangle *) (gpointer) rectangles->data, rectangles->len, self->paint);
}

/* Points without order in x: the pixels they touch, each once. */
static void
fill_pixels (const LineDrawing *self)
{
  const TnRectangle *plot = &self->layout->plot;
  gsize columns = (gsize) plot->width + 1, rows = (gsize) plot->height + 1;
  g_autofree guint8 *touched = g_malloc0 (columns * rows);
  g_autoptr (GArray) rectangles = g_array_new (FALSE, FALSE, sizeof (TnRectangle));

  for (gsize i = 0; i < self->layer->n; i++)
    {
      TnPoint point;

      if (point_at (self, i, &point) && inside (plot, point))
        touched[(gsize) (point.y - plot->y) * columns + (gsize) (point.x - plot->x)] = 1;
    }
  for (gsize row = 0; row + 1 < rows; row++)
    for (gsize column = 0; column + 1 < columns; column++)
      {
        gsize start = column;
        TnRectangle rectangle;

        while (column + 1 < columns && touched[row * columns + column])
          column++;
        if (column == start)
          continue;
        rectangle = (TnRectangle){ plot->x + start, plot->y + row, column - start, 1 };
        g_array_append_val (rectangles, rectangle);
      }
  self->canvas->rectangles (self->canvas, (const TnRectangle *) (gpointer) rectangles->data, rectangles->len, self->paint);
}

void
tn_line_draw (const TnFigure *figure, const TnLayer *layer, TnCanvas *canvas, const TnLayout *layout)
{
  LineDrawing self = { layer, canvas, layout, { TN_INK_SERIES + layer->color, 1 }, { PEN_WIDTH, layer->ordinal } };
  gsize first, end;

  if (layer->n == 0)
    return;
  if (!layer->ascending)
    {
      if (layer->n > MOST_UNORDERED)
        fill_pixels (&self);
      else
        stroke_points (&self, 0, layer->n);
      return;
    }
  first = tn_layer_search (layer->x, layer->n, layout->x.low, TRUE);
  end = tn_layer_search (layer->x, layer->n, layout->x.high, FALSE);
  if (end > first && end - first > 2 * layout->plot.width)
    fill_columns (&self, first, end);
  else
    stroke_points (&self, first > 0 ? first - 1 : 0, MIN (end + 1, layer->n));
}
