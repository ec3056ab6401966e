/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <math.h>

#include "plots/figures/figure-private.h"

#define MAJOR_LENGTH 4
#define MINOR_LENGTH 2.5
#define EMPTY_TEXT_WIDTH 420

static double
hairline (const TnCanvas *canvas)
{
  return MAX (1 / canvas->density, tn_canvas_snap (canvas, 1));
}

static void
draw_grid (TnCanvas *canvas, const TnLayout *layout)
{
  const TnRectangle *plot = &layout->plot;
  g_autoptr (GArray) lines = g_array_new (FALSE, FALSE, sizeof (TnRectangle));
  double line = hairline (canvas);

  for (guint i = 0; i < layout->x_ticks->major->len; i++)
    {
      double x = tn_canvas_snap (canvas, g_array_index (layout->x_ticks->major, TnTick, i).pixel - line / 2);
      TnRectangle rectangle = {MIN (x, plot->x + plot->width - line), plot->y, line, plot->height};

      g_array_append_val (lines, rectangle);
    }
  for (guint i = 0; layout->y_ticks != NULL && i < layout->y_ticks->major->len; i++)
    {
      double y = tn_canvas_snap (canvas, g_array_index (layout->y_ticks->major, TnTick, i).pixel - line / 2);
      TnRectangle rectangle = {plot->x, MAX (y, plot->y), plot->width, line};

      g_array_append_val (lines, rectangle);
    }
  canvas->rectangles (canvas, (const TnRectangle *) (gpointer) lines->data, lines->len, (TnPaint){TN_INK_GRID, 1});
}

static void
add_x_mark (GArray *marks, const TnCanvas *canvas, const TnLayout *layout, double pixel, double length)
{
  double line = hairline (canvas);
  TnRectangle mark = {tn_canvas_snap (canvas, pixel - line / 2), layout->plot.y + layout->plot.height, line, length};

  g_array_append_val (marks, mark);
}

static void
add_y_mark (GArray *marks, const TnCanvas *canvas, const TnLayout *layout, double pixel, double length)
{
  double line = hairline (canvas);
  TnRectangle mark = {layout->plot.x - length, tn_canvas_snap (canvas, pixel - line / 2), length, line};

  g_array_append_val (marks, mark);
}

static void
draw_axes (TnCanvas *canvas, const TnLayout *layout)
{
  const TnRectangle *plot = &layout->plot;
  g_autoptr (GArray) marks = g_array_new (FALSE, FALSE, sizeof (TnRectangle));
  double line = hairline (canvas);
  TnRectangle bottom = {plot->x, plot->y + plot->height, plot->width, line};
  TnRectangle left = {plot->x - line, plot->y, line, plot->height + line};

  /* Bars grow from zero, wherever that is. */
  if (layout->rows && layout->color_ticks == NULL && tn_scale_can_show (&layout->x, 0))
    left.x = CLAMP (tn_canvas_snap (canvas, tn_scale_to_pixel (&layout->x, 0)), plot->x, plot->x + plot->width) - line;
  g_array_append_val (marks, left);
  g_array_append_val (marks, bottom);
  for (guint i = 0; i < layout->x_ticks->major->len; i++)
    add_x_mark (marks, canvas, layout, g_array_index (layout->x_ticks->major, TnTick, i).pixel, MAJOR_LENGTH);
  for (guint i = 0; i < layout->x_ticks->minor->len; i++)
    add_x_mark (marks, canvas, layout, g_array_index (layout->x_ticks->minor, double, i), MINOR_LENGTH);
  for (guint i = 0; layout->y_ticks != NULL && i < layout->y_ticks->major->len; i++)
    add_y_mark (marks, canvas, layout, g_array_index (layout->y_ticks->major, TnTick, i).pixel, MAJOR_LENGTH);
  for (guint i = 0; layout->y_ticks != NULL && i < layout->y_ticks->minor->len; i++)
    add_y_mark (marks, canvas, layout, g_array_index (layout->y_ticks->minor, double, i), MINOR_LENGTH);
  canvas->rectangles (canvas, (const TnRectangle *) (gpointer) marks->data, marks->len, (TnPaint){TN_INK_AXIS, 1});
}

static void
draw_tick_labels (TnCanvas *canvas, const TnLayout *layout)
{
  const TnRectangle *plot = &layout->plot;
  double size = layout->small_size;
  TnPaint muted = {TN_INK_MUTED, 1};

  for (guint i = 0; i < layout->x_ticks->major->len; i++)
    {
      const TnTick *tick = &g_array_index (layout->x_ticks->major, TnTick, i);

      canvas->text (canvas, tick->label, tick->pixel, plot->y + plot->height + MAJOR_LENGTH + 3 + size, muted,
                    (TnType){size, TN_ANCHOR_MIDDLE, FALSE, FALSE});
    }
  for (guint i = 0; layout->y_ticks != NULL && i < layout->y_ticks->major->len; i++)
    {
      const TnTick *tick = &g_array_index (layout->y_ticks->major, TnTick, i);

      canvas->text (canvas, tick->label, plot->x - MAJOR_LENGTH - 4, tick->pixel + size * 0.36, muted,
                    (TnType){size, TN_ANCHOR_END, FALSE, FALSE});
    }
  for (guint i = 0; i < layout->n_rows; i++)
    if (layout->row_names[i] != NULL)
      canvas->text (canvas, layout->row_names[i], plot->x - 8, tn_scale_to_pixel (&layout->y, i) + size * 0.36,
                    (TnPaint){TN_INK_TEXT, 1}, (TnType){size, TN_ANCHOR_END, FALSE, FALSE});
}

/* Dash patterns need some length to be told apart. */
double
tn_layer_sign_width (const TnLayer *layer, double size)
{
  return layer->kind == TN_LAYER_LINE ? size * 2.2 : size;
}

void
tn_layer_draw_sign (const TnFigure *figure, const TnLayer *layer, TnCanvas *canvas, double x, double y, double size)
{
  TnPaint paint = {TN_INK_SERIES + layer->color, 1};
  double left = tn_canvas_snap (canvas, x), top = tn_canvas_snap (canvas, y), side = tn_canvas_snap (canvas, size),
         middle = top + side / 2;

  switch (layer->kind)
    {
    case TN_LAYER_HISTOGRAM:
      {
        gboolean overlaid = tn_figure_count_layers (figure, TN_LAYER_HISTOGRAM) > 1;
        TnPoint outline[] = {{left, top}, {left + side, top}, {left + side, top + side}, {left, top + side}, {left, top}};

        tn_canvas_rectangle (canvas, left, top, side, side,
                             (TnPaint){paint.ink, overlaid ? (layer->ordinal == 0 ? 0.5 : 0.15) : 0.85});
        if (overlaid)
          canvas->polyline (canvas, outline, G_N_ELEMENTS (outline), paint, (TnPen){1.25, layer->ordinal});
        break;
      }
    case TN_LAYER_LINE:
      {
        TnPoint line[] = {{left, middle}, {left + tn_layer_sign_width (layer, size), middle}};

        canvas->polyline (canvas, line, G_N_ELEMENTS (line), paint, (TnPen){2, layer->ordinal});
        break;
      }
    case TN_LAYER_MARKERS:
      {
        double line = hairline (canvas), dash = 4 * (layer->ordinal + 1);

        for (double step = -1; step < side + 1; step += dash + 3)
          tn_canvas_rectangle (canvas, tn_canvas_snap (canvas, left + side / 2), top + step, line, MIN (dash, side + 1 - step),
                               paint);
        break;
      }
    case TN_LAYER_BAND:
      tn_canvas_rectangle (canvas, left, top, side, side, (TnPaint){paint.ink, TN_BAND_ALPHA});
      break;
    case TN_LAYER_POINTS:
      canvas->dots (canvas, &(const TnPoint){left + side / 2, middle}, 1, TN_POINT_RADIUS, paint);
      break;
    case TN_LAYER_HEAT_MAP: /* the bar of colours stands for it */
      break;
    case TN_LAYER_BARS:
    default:
      tn_bars_fill (layer, canvas, (TnRectangle){left, top, side, side});
      break;
    }
}

static void
draw_headings (const TnFigure *self, TnCanvas *canvas, const TnLayout *layout)
{
  TnPaint text = {TN_INK_TEXT, 1}, muted = {TN_INK_MUTED, 1};

  if (layout->title != NULL)
    canvas->text (canvas, layout->title, 10, layout->title_baseline, text,
                  (TnType){layout->title_size, TN_ANCHOR_START, TRUE, FALSE});
  for (guint i = 0; i < layout->legend->len; i++)
    {
      const TnLegendItem *item = &g_array_index (layout->legend, TnLegendItem, i);
      double sign = layout->small_size - 2;

      if (item->layer != NULL)
        tn_layer_draw_sign (self, item->layer, canvas, item->x, item->baseline - sign + 1, sign);
      canvas->text (canvas, item->text, item->text_x, item->baseline, text,
                    (TnType){layout->small_size, TN_ANCHOR_START, FALSE, FALSE});
    }
  if (layout->x_label != NULL)
    canvas->text (canvas, layout->x_label, layout->plot.x + layout->plot.width / 2, layout->x_label_baseline, muted,
                  (TnType){layout->label_size, TN_ANCHOR_MIDDLE, FALSE, FALSE});
  if (layout->y_label != NULL)
    canvas->text (canvas, layout->y_label, layout->y_label_x, layout->plot.y + layout->plot.height / 2, muted,
                  (TnType){layout->label_size, TN_ANCHOR_MIDDLE, FALSE, TRUE});
}

/* Lines of about equal length: no last line of one word. */
static char **
balanced_lines (TnText *type, const char *text, double size, double width)
{
  g_auto (GStrv) lines = tn_text_wrap (type, text, size, width), balanced = NULL;
  guint n = g_strv_length (lines);

  if (n < 2)
    return g_steal_pointer (&lines);
  balanced = tn_text_wrap (type, text, size, MIN (width, tn_text_width (type, text, size, FALSE) / n * 1.12));
  return g_strv_length (balanced) == n ? g_steal_pointer (&balanced) : g_steal_pointer (&lines);
}

/* In place of axes, which would promise numbers. */
static void
draw_empty (const TnFigure *self, TnCanvas *canvas, const TnLayout *layout)
{
  const char *text = self->empty_text != NULL ? self->empty_text : _ ("Nothing has been measured yet.");
  g_auto (GStrv) lines =
      balanced_lines (layout->text, text, layout->label_size, MAX (40, MIN (EMPTY_TEXT_WIDTH, layout->width - 40)));
  double line = tn_text_height (layout->text, layout->label_size) * 1.15;
  double y = layout->height / 2 - line * g_strv_length (lines) / 2 + layout->label_size;

  if (layout->title != NULL)
    {
      canvas->text (canvas, layout->title, 10, layout->title_baseline, (TnPaint){TN_INK_TEXT, 1},
                    (TnType){layout->title_size, TN_ANCHOR_START, TRUE, FALSE});
      y = MAX (y, layout->title_baseline + line * 1.3);
    }
  for (guint i = 0; lines[i] != NULL && y < layout->height; i++, y += line)
    canvas->text (canvas, lines[i], layout->width / 2, y, (TnPaint){TN_INK_MUTED, 1},
                  (TnType){layout->label_size, TN_ANCHOR_MIDDLE, FALSE, FALSE});
}

static void
draw_layers (TnFigure *self, TnCanvas *canvas, const TnLayout *layout)
{
  for (guint i = 0; i < self->layers->len; i++)
    {
      const TnLayer *layer = self->layers->pdata[i];

      if (layer->kind == TN_LAYER_HISTOGRAM)
        tn_histogram_draw (self, layer, canvas, layout);
      else if (layer->kind == TN_LAYER_BARS)
        tn_bars_draw (self, layer, canvas, layout);
      else if (layer->kind == TN_LAYER_BAND)
        tn_band_draw (self, layer, canvas, layout);
      else if (layer->kind == TN_LAYER_HEAT_MAP)
        tn_heat_map_draw (self, layer, canvas, layout);
      else if (layer->kind == TN_LAYER_POINTS)
        tn_points_draw (self, layer, canvas, layout);
      else if (layer->kind == TN_LAYER_LINE)
        tn_line_draw (self, layer, canvas, layout);
      else
        tn_markers_draw (self, layer, canvas, layout);
    }
}

void
tn_figure_draw_on (TnFigure *self, TnCanvas *canvas, double width, double height)
{
  const TnLayout *layout = tn_figure_get_layout (self, width, height);

  tn_canvas_rectangle (canvas, 0, 0, width, height, (TnPaint){TN_INK_BACKGROUND, 1});
  if (tn_figure_is_empty (self))
    {
      draw_empty (self, canvas, layout);
      return;
    }
  if (tn_figure_get_heat_map (self) == NULL)
    draw_grid (canvas, layout);
  draw_layers (self, canvas, layout);
  draw_axes (canvas, layout);
  draw_tick_labels (canvas, layout);
  draw_headings (self, canvas, layout);
  if (layout->color_ticks != NULL)
    tn_heat_map_draw_legend (canvas, layout);
  if (layout->marker_baseline > 0)
    tn_markers_draw_labels (self, canvas, layout);
}

void
tn_figure_draw (TnFigure *self, cairo_t *cr, double width, double height, TnFigureStyle style)
{
  const TnLayout *layout = tn_figure_get_layout (self, width, height);
  TnCairoCanvas canvas;
  double scale_x, scale_y, dx = 1, dy = 0;

  cairo_surface_get_device_scale (cairo_get_target (cr), &scale_x, &scale_y);
  cairo_user_to_device_distance (cr, &dx, &dy);
  cairo_save (cr);
  tn_cairo_canvas_init (&canvas, cr, layout->text, style, MAX (self->density, hypot (dx, dy) * scale_x));
  tn_figure_draw_on (self, &canvas.canvas, width, height);
  cairo_restore (cr);
}
