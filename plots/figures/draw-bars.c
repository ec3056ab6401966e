/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "plots/figures/figure-private.h"

#define VALUE_GAP 5
#define STRIPE 2

/* Solid, light with an outline, striped, hollow: the second sign beside the colour. */
void
tn_bars_fill (const TnLayer *layer, TnCanvas *canvas, TnRectangle bar)
{
  TnPaint solid = {TN_INK_SERIES + layer->color, 1};
  double line = MAX (1 / canvas->density, tn_canvas_snap (canvas, 1));
  guint filling = layer->ordinal % 4;

  if (bar.width <= 0 || bar.height <= 0)
    return;
  if (filling == 0 || bar.width < 3 * line || bar.height < 3 * line)
    {
      canvas->rectangles (canvas, &bar, 1, solid);
      return;
    }
  if (filling == 1)
    canvas->rectangles (canvas, &bar, 1, (TnPaint){solid.ink, 0.3});
  if (filling == 2)
    {
      g_autoptr (GArray) stripes = g_array_new (FALSE, FALSE, sizeof (TnRectangle));

      for (double x = STRIPE; x < bar.width; x += 2 * STRIPE)
        {
          TnRectangle stripe = {bar.x + x, bar.y, MIN (STRIPE, bar.width - x), bar.height};

          g_array_append_val (stripes, stripe);
        }
      canvas->rectangles (canvas, (const TnRectangle *) (gpointer) stripes->data, stripes->len, solid);
    }
  {
    TnRectangle outline[] = {{bar.x, bar.y, bar.width, line},
                             {bar.x, bar.y + bar.height - line, bar.width, line},
                             {bar.x, bar.y + line, line, bar.height - 2 * line},
                             {bar.x + bar.width - line, bar.y + line, line, bar.height - 2 * line}};

    canvas->rectangles (canvas, outline, G_N_ELEMENTS (outline), solid);
  }
}

static void
draw_value (const TnLayer *layer, gsize i, TnCanvas *canvas, const TnLayout *layout, double end, double middle)
{
  g_autofree char *text = tn_layout_value_text (layout, layer->y[i]);
  double width = tn_text_width (layout->text, text, layout->small_size, FALSE);
  double baseline = middle + layout->small_size * 0.36;
  TnPaint paint = {isfinite (layer->y[i]) ? TN_INK_TEXT : TN_INK_MUTED, 1};
  TnType type = {layout->small_size, TN_ANCHOR_START, FALSE, FALSE};

  if (isfinite (layer->y[i]) && layer->y[i] < 0)
    canvas->text (canvas, text, MAX (end - VALUE_GAP - width, layout->plot.x + 2), baseline, paint, type);
  else
    canvas->text (canvas, text, MIN (end + VALUE_GAP, layout->width - 2 - width), baseline, paint, type);
}

/* A line over the interval with an end on either side. Returns where it ends on the right. */
static double
draw_range (const TnLayer *layer, gsize i, TnCanvas *canvas, const TnLayout *layout, double middle, double slot)
{
  const TnRectangle *plot = &layout->plot;
  double line = MAX (1 / canvas->density, tn_canvas_snap (canvas, 1.25)), half = CLAMP (slot * 0.2, 2, 5), low, high;

  if (layer->y_high == NULL || !tn_scale_can_show (&layout->x, layer->x[i]) || !tn_scale_can_show (&layout->x, layer->y_high[i]))
    return -INFINITY;
  low = tn_scale_to_pixel (&layout->x, layer->x[i]);
  high = tn_scale_to_pixel (&layout->x, layer->y_high[i]);
  if (high < plot->x || low > plot->x + plot->width || middle - half < plot->y || middle + half > plot->y + plot->height)
    return -INFINITY;
  {
    double left = CLAMP (low, plot->x, plot->x + plot->width), right = CLAMP (high, plot->x, plot->x + plot->width);
    TnRectangle parts[] = {{left, middle - line / 2, right - left, line},
                           {left - line / 2, middle - half, line, 2 * half},
                           {right - line / 2, middle - half, line, 2 * half}};

    canvas->rectangles (canvas, parts, G_N_ELEMENTS (parts), (TnPaint){TN_INK_TEXT, 0.85});
    return right;
  }
}

void
tn_bars_draw (const TnFigure *figure, const TnLayer *layer, TnCanvas *canvas, const TnLayout *layout)
{
  const TnRectangle *plot = &layout->plot;
  double left = plot->x, right = plot->x + plot->width, bottom = plot->y + plot->height;
  double row = plot->height / (layout->y.high - layout->y.low);
  guint n_layers = tn_figure_count_layers (figure, TN_LAYER_BARS);
  double gap = row < 4 ? 0 : row * 0.24, slot = (row - gap) / n_layers;
  double base = layout->x.kind == TN_AXIS_LOG ? left : CLAMP (tn_scale_to_pixel (&layout->x, 0), left, right);
  gboolean values = slot >= layout->small_size * 0.95;

  base = tn_canvas_snap (canvas, base);
  for (gsize i = 0; i < layer->n; i++)
    {
      double top = tn_scale_to_pixel (&layout->y, layer->rows[i] - 0.5) + gap / 2 + layer->ordinal * slot, low = top + slot,
             end = base;
      double middle = (top + low) / 2;

      if (low <= plot->y || top >= bottom)
        continue;
      if (tn_scale_can_show (&layout->x, layer->y[i]))
        {
          double unit = 1 / canvas->density;
          TnRectangle bar = {0};

          end = tn_canvas_snap (canvas, CLAMP (tn_scale_to_pixel (&layout->x, layer->y[i]), left, right));
          bar.x = MIN (base, end);
          bar.width = fabs (end - base);
          bar.y = MAX (tn_canvas_snap (canvas, top), plot->y);
          bar.height = MAX (unit, MIN (tn_canvas_snap (canvas, low), bottom) - bar.y);
          if (bar.height > 4 && n_layers > 1)
            bar.height -= MAX (unit, tn_canvas_snap (canvas, 1));
          tn_bars_fill (layer, canvas, bar);
        }
      if (middle >= plot->y && middle <= bottom)
        end = MAX (end, draw_range (layer, i, canvas, layout, middle, slot));
      if (values && middle >= plot->y && middle <= bottom)
        draw_value (layer, i, canvas, layout, end, middle);
    }
}
