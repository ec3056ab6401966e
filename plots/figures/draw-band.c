/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "plots/figures/figure-private.h"

/* The ends of the band at x, between the points around it. */
static gboolean
ends_at (const TnLayer *layer, double x, double *low, double *high)
{
  gsize right = tn_layer_search (layer->x, layer->n, x, TRUE), left = right > 0 ? right - 1 : 0;
  double share;

  if (layer->n == 0 || right == layer->n || x < layer->x[0])
    return FALSE;
  share = layer->x[right] > layer->x[left] ? (x - layer->x[left]) / (layer->x[right] - layer->x[left]) : 1;
  *low = layer->y[left] + (layer->y[right] - layer->y[left]) * share;
  *high = layer->y_high[left] + (layer->y_high[right] - layer->y_high[left]) * share;
  return isfinite (*low) && isfinite (*high);
}

void
tn_band_draw (const TnFigure *figure, const TnLayer *layer, TnCanvas *canvas, const TnLayout *layout)
{
  const TnRectangle *plot = &layout->plot;
  g_autoptr (GArray) columns = g_array_new (FALSE, FALSE, sizeof (TnRectangle));
  double unit = 1 / canvas->density;

  if (!layer->ascending)
    return;
  for (double left = plot->x; left < plot->x + plot->width; left += unit)
    {
      TnRectangle column = {left, 0, MIN (unit, plot->x + plot->width - left), 0};
      double low, high, bottom;

      if (!ends_at (layer, tn_scale_from_pixel (&layout->x, left + unit / 2), &low, &high))
        continue;
      /* A logarithm has no place for zero and below: the band runs out of the axes there. */
      column.y = CLAMP (tn_scale_to_pixel (&layout->y, high), plot->y, plot->y + plot->height);
      bottom = tn_scale_can_show (&layout->y, low)
                   ? CLAMP (tn_scale_to_pixel (&layout->y, low), plot->y, plot->y + plot->height)
                   : plot->y + plot->height;
      column.height = bottom - column.y;
      if (column.height > 0)
        g_array_append_val (columns, column);
    }
  canvas->rectangles (canvas, (const TnRectangle *) (gpointer) columns->data, columns->len,
                      (TnPaint){TN_INK_SERIES + layer->color, TN_BAND_ALPHA});
}
