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
/* A line whose columns span fewer pixels than this on average is smooth. */
#define SMOOTH_SPAN 3

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
  *a = (TnPoint){start.x + from * dx, start.y + from * dy};
  *b = (TnPoint){start.x + to * dx, start.y + to * dy};
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

/* Strokes from point to point, inside of the plot. */
typedef struct
{
  const LineDrawing *drawing;
  GArray *run; /* TnPoint */
  gboolean started;
  TnPoint last;
} Stroke;

static void
stroke_flush (Stroke *self)
{
  const LineDrawing *drawing = self->drawing;

  drawing->canvas->polyline (drawing->canvas, (const TnPoint *) (gpointer) self->run->data, self->run->len, drawing->paint,
                             drawing->pen);
  g_array_set_size (self->run, 0);
}

static void
stroke_gap (Stroke *self)
{
  stroke_flush (self);
  self->started = FALSE;
}

static void
stroke_to (Stroke *self, TnPoint point)
{
  TnPoint a = self->last, b = point;

  if (self->started && clip_segment (&self->drawing->layout->plot, &a, &b))
    {
      if (self->run->len > 0 && memcmp (&g_array_index (self->run, TnPoint, self->run->len - 1), &a, sizeof a) != 0)
        stroke_flush (self);
      if (self->run->len == 0)
        g_array_append_val (self->run, a);
      g_array_append_val (self->run, b);
    }
  self->last = point;
  self->started = TRUE;
}

/* Anti-aliased strokes from point to point; a point between two gaps is a dot, and so are all when they are few. */
static void
stroke_points (const LineDrawing *self, gsize first, gsize end)
{
  const TnRectangle *plot = &self->layout->plot;
  g_autoptr (GArray) run = g_array_new (FALSE, FALSE, sizeof (TnPoint)), dots = g_array_new (FALSE, FALSE, sizeof (TnPoint));
  gboolean all_dots = (end - first) * DOT_SPACING <= plot->width;
  Stroke stroke = {.drawing = self, .run = run};

  for (gsize i = first; i < end; i++)
    {
      TnPoint point, next;

      if (!point_at (self, i, &point))
        {
          stroke_gap (&stroke);
          continue;
        }
      if ((all_dots || (!stroke.started && (i + 1 >= end || !point_at (self, i + 1, &next)))) && inside (plot, point))
        g_array_append_val (dots, point);
      stroke_to (&stroke, point);
    }
  stroke_flush (&stroke);
  self->canvas->dots (self->canvas, (const TnPoint *) (gpointer) dots->data, dots->len, DOT_RADIUS, self->paint);
}

/* What a line of more points than pixels does in one column of pixels. */
typedef struct
{
  double left;
  double top;
  double bottom;
  /* Joined to the column before. */
  gboolean joined;
} Column;

static GArray *
collect_columns (const LineDrawing *self, gsize first, gsize end)
{
  const TnLayer *layer = self->layer;
  const TnRectangle *plot = &self->layout->plot;
  double unit = 1 / self->canvas->density, least = self->layout->y.kind == TN_AXIS_LOG ? 0 : -INFINITY;
  gsize n = (gsize) ceil (plot->width / unit - 1e-9), i = first;
  GArray *columns = g_array_sized_new (FALSE, FALSE, sizeof (Column), (guint) n);
  gboolean open = FALSE;

  for (gsize c = 0; c < n; c++)
    {
      Column column = {.left = plot->x + c * unit};
      double low = INFINITY, high = -INFINITY;
      gsize begin = i, stop = end;

      if (c + 1 < n)
        stop = i + tn_layer_search (layer->x + i, end - i, tn_scale_from_pixel (&self->layout->x, column.left + unit), TRUE);
      for (; i < stop; i++)
        {
          double y = layer->y[i];

          if (y > least && y < INFINITY)
            {
              low = y < low ? y : low;
              high = y > high ? y : high;
            }
        }
      /* An empty column between two neighbours is bridged, a gap in the data is not. */
      if (stop == begin)
        continue;
      if (low > high)
        {
          open = FALSE;
          continue;
        }
      column.top = tn_scale_to_pixel (&self->layout->y, high);
      column.bottom = tn_scale_to_pixel (&self->layout->y, low);
      column.joined = open && layer->y[begin] > least && layer->y[begin] < INFINITY;
      open = layer->y[stop - 1] > least && layer->y[stop - 1] < INFINITY;
      g_array_append_val (columns, column);
    }
  return columns;
}

/* A noisy line: a rectangle for each column, long enough to touch the one before. */
static void
fill_columns (const LineDrawing *self, const GArray *columns)
{
  const TnRectangle *plot = &self->layout->plot;
  double unit = 1 / self->canvas->density, thickness = MAX (unit, tn_canvas_snap (self->canvas, PEN_WIDTH - 0.25));
  g_autoptr (GArray) rectangles = g_array_sized_new (FALSE, FALSE, sizeof (TnRectangle), columns->len);

  for (guint c = 0; c < columns->len; c++)
    {
      const Column *column = &g_array_index (columns, Column, c), *before = column - 1;
      double top = column->top, bottom = column->bottom;
      TnRectangle rectangle;

      if (column->joined && c > 0)
        {
          top = MIN (top, before->bottom);
          bottom = MAX (bottom, before->top);
        }
      top = tn_canvas_snap (self->canvas, top - thickness / 2);
      bottom = tn_canvas_snap (self->canvas, MAX (bottom + thickness / 2, top + thickness));
      if (bottom <= plot->y || top >= plot->y + plot->height)
        continue;
      top = MAX (top, plot->y);
      bottom = MIN (bottom, plot->y + plot->height);
      rectangle = (TnRectangle){column->left, top, unit, bottom - top};
      g_array_append_val (rectangles, rectangle);
    }
  self->canvas->rectangles (self->canvas, (const TnRectangle *) (gpointer) rectangles->data, rectangles->len, self->paint);
}

/* A smooth line: a stroke through the extremes of each column. */
static void
stroke_columns (const LineDrawing *self, const GArray *columns)
{
  g_autoptr (GArray) run = g_array_new (FALSE, FALSE, sizeof (TnPoint));
  Stroke stroke = {.drawing = self, .run = run};
  double half = 0.5 / self->canvas->density;

  for (guint c = 0; c < columns->len; c++)
    {
      const Column *column = &g_array_index (columns, Column, c);
      gboolean downwards = !stroke.started || fabs (column->top - stroke.last.y) < fabs (column->bottom - stroke.last.y);

      if (!column->joined)
        stroke_gap (&stroke);
      stroke_to (&stroke, (TnPoint){column->left + half, downwards ? column->top : column->bottom});
      if (column->bottom - column->top > half)
        stroke_to (&stroke, (TnPoint){column->left + half, downwards ? column->bottom : column->top});
    }
  stroke_flush (&stroke);
}

static void
draw_columns (const LineDrawing *self, gsize first, gsize end)
{
  g_autoptr (GArray) columns = collect_columns (self, first, end);
  double height = 0;

  for (guint c = 0; c < columns->len; c++)
    {
      const Column *column = &g_array_index (columns, Column, c);

      height += MIN (column->bottom - column->top, self->layout->plot.height);
    }
  if (height <= SMOOTH_SPAN * columns->len)
    stroke_columns (self, columns);
  else
    fill_columns (self, columns);
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
        rectangle = (TnRectangle){plot->x + start, plot->y + row, column - start, 1};
        g_array_append_val (rectangles, rectangle);
      }
  self->canvas->rectangles (self->canvas, (const TnRectangle *) (gpointer) rectangles->data, rectangles->len, self->paint);
}

void
tn_line_draw (const TnFigure *figure, const TnLayer *layer, TnCanvas *canvas, const TnLayout *layout)
{
  LineDrawing self = {layer, canvas, layout, {TN_INK_SERIES + layer->color, 1}, {PEN_WIDTH, layer->ordinal}};
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
  if (end > first && end - first > layout->plot.width)
    draw_columns (&self, first, end);
  else
    stroke_points (&self, first > 0 ? first - 1 : 0, MIN (end + 1, layer->n));
}
