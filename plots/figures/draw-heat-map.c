/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "plots/figures/figure-private.h"

/* Cells of so many pixels stand apart from their neighbours. */
#define APART 9
/* A mark is seen however small its cell. */
#define LEAST_MARK 7
#define OPAQUE 0xff000000
#define LEGEND_STEPS 64

/* The cells first .. end - 1 that a pixel shows: one, or all that lie in it. */
typedef struct
{
  gsize first;
  gsize end;
} Span;

static Span *
spans_along (const TnScale *scale, double start, double unit, guint n_pixels, gsize n_cells, double gap)
{
  Span *spans = g_new (Span, n_pixels);

  for (guint i = 0; i < n_pixels; i++)
    {
      double a = tn_scale_from_pixel (scale, start + i * unit), b = tn_scale_from_pixel (scale, start + (i + 1) * unit);
      double low = CLAMP (floor (MIN (a, b) + 0.5 + 1e-9), 0, n_cells), high = CLAMP (ceil (MAX (a, b) + 0.5 - 1e-9), 0, n_cells);
      double middle = a / 2 + b / 2 + 0.5;

      spans[i] = (Span){(gsize) low, (gsize) high};
      /* Pixels on the border of a large cell show the background. */
      if (gap > 0 && middle - floor (middle) < gap)
        spans[i].end = spans[i].first;
      /* A pixel on the border of cells larger than itself belongs to one of them. */
      else if (gap > 0 && high - low > 1)
        spans[i] = (Span){(gsize) CLAMP (floor (middle), 0, n_cells - 1.0), (gsize) CLAMP (floor (middle), 0, n_cells - 1.0) + 1};
    }
  return spans;
}

static double
largest_in (const TnLayer *layer, Span columns, Span rows)
{
  double largest = NAN;

  for (gsize row = rows.first; row < rows.end; row++)
    for (gsize column = columns.first; column < columns.end; column++)
      {
        gsize cell = row * layer->columns + column;

        if (cell < layer->n && isfinite (layer->y[cell]) && !(largest >= layer->y[cell]))
          largest = layer->y[cell];
      }
  return largest;
}

static double
share_of (const TnScale *scale, double value)
{
  double low = tn_scale_forward (scale, scale->low), high = tn_scale_forward (scale, scale->high);

  return (tn_scale_forward (scale, value) - low) / (high - low);
}

/* The canvas paints one colour at a time with inks; pictures bring their own, so the style has to be known. */
static guint32
color_of (const TnCanvas *canvas, double share)
{
  return OPAQUE | tn_palette_heat (canvas->style, share);
}

/* Rows that show the same cells have the same pixels. */
static void
paint_rows (const TnLayer *layer, const TnCanvas *canvas, const TnLayout *layout, const Span *columns, guint width,
            const Span *rows, guint height, guint32 *pixels)
{
  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width; x++)
      {
        guint32 *pixel = pixels + (gsize) y * width + x;
        double value;

        if (y > 0 && rows[y].first == rows[y - 1].first && rows[y].end == rows[y - 1].end)
          *pixel = pixel[-(gssize) width];
        else if (x > 0 && columns[x].first == columns[x - 1].first && columns[x].end == columns[x - 1].end)
          *pixel = pixel[-1];
        else
          {
            value = largest_in (layer, columns[x], rows[y]);
            *pixel = tn_scale_can_show (&layout->color_scale, value) ? color_of (canvas, share_of (&layout->color_scale, value)) : 0;
          }
      }
}

static void
draw_marks (const TnLayer *layer, TnCanvas *canvas, const TnLayout *layout)
{
  const TnRectangle *plot = &layout->plot;
  double line = MAX (1 / canvas->density, tn_canvas_snap (canvas, 1.5));
  double width = fabs (tn_scale_to_pixel (&layout->x, 1) - tn_scale_to_pixel (&layout->x, 0));
  double height = fabs (tn_scale_to_pixel (&layout->y, 1) - tn_scale_to_pixel (&layout->y, 0));

  width = MAX (width, LEAST_MARK);
  height = MAX (height, LEAST_MARK);
  for (gsize i = 0; i < layer->n_marked; i++)
    {
      double x = tn_scale_to_pixel (&layout->x, (double) (layer->marked[i] % layer->columns));
      double y = tn_scale_to_pixel (&layout->y, (double) (layer->marked[i] / layer->columns));
      double left, top, right, bottom;

      if (x < plot->x || x > plot->x + plot->width || y < plot->y || y > plot->y + plot->height)
        continue;
      left = tn_canvas_snap (canvas, MAX (x - width / 2, plot->x));
      right = tn_canvas_snap (canvas, MIN (x + width / 2, plot->x + plot->width));
      top = tn_canvas_snap (canvas, MAX (y - height / 2, plot->y));
      bottom = tn_canvas_snap (canvas, MIN (y + height / 2, plot->y + plot->height));
      {
        TnRectangle frame[] = {{left, top, right - left, line},
                               {left, bottom - line, right - left, line},
                               {left, top, line, bottom - top},
                               {right - line, top, line, bottom - top}};

        canvas->rectangles (canvas, frame, G_N_ELEMENTS (frame), (TnPaint){TN_INK_SERIES + 1, 1});
      }
    }
}

void
tn_heat_map_draw (const TnFigure *figure, const TnLayer *layer, TnCanvas *canvas, const TnLayout *layout)
{
  const TnRectangle *plot = &layout->plot;
  double unit = 1 / canvas->density;
  guint width = (guint) MAX (1, rint (plot->width / unit)), height = (guint) MAX (1, rint (plot->height / unit));
  double cell_width = plot->width / (layout->x.high - layout->x.low), cell_height = plot->height / (layout->y.high - layout->y.low);
  gboolean apart = cell_width >= APART && cell_height >= APART;
  g_autofree Span *columns = NULL, *rows = NULL;
  g_autofree guint32 *pixels = NULL;

  if (layer->n == 0)
    return;
  columns = spans_along (&layout->x, plot->x, unit, width, layer->columns, apart ? 1 / cell_width : 0);
  rows = spans_along (&layout->y, plot->y, unit, height, tn_layer_heat_map_rows (layer), apart ? 1 / cell_height : 0);
  pixels = g_new0 (guint32, (gsize) width * height);
  paint_rows (layer, canvas, layout, columns, width, rows, height, pixels);
  canvas->picture (canvas, pixels, width, height, *plot);
  draw_marks (layer, canvas, layout);
}

void
tn_heat_map_draw_legend (TnCanvas *canvas, const TnLayout *layout)
{
  const TnRectangle *bar = &layout->color_bar;
  double line = MAX (1 / canvas->density, tn_canvas_snap (canvas, 1));
  guint32 pixels[LEGEND_STEPS];

  for (guint i = 0; i < LEGEND_STEPS; i++)
    pixels[i] = color_of (canvas, 1 - (i + 0.5) / LEGEND_STEPS);
  canvas->picture (canvas, pixels, 1, LEGEND_STEPS, *bar);
  for (guint i = 0; i < layout->color_ticks->major->len; i++)
    {
      const TnTick *tick = &g_array_index (layout->color_ticks->major, TnTick, i);

      tn_canvas_rectangle (canvas, bar->x + bar->width, tn_canvas_snap (canvas, tick->pixel - line / 2), 3, line,
                           (TnPaint){TN_INK_AXIS, 1});
      canvas->text (canvas, tick->label, bar->x + bar->width + 6, tick->pixel + layout->small_size * 0.36, (TnPaint){TN_INK_MUTED, 1},
                    (TnType){layout->small_size, TN_ANCHOR_START, FALSE, FALSE});
    }
}
