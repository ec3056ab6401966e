/* SPDX-License-Identifier: Apache-2.0 */
#include "plots/figures/figure-private.h"

void
tn_points_draw (const TnFigure *figure, const TnLayer *layer, TnCanvas *canvas, const TnLayout *layout)
{
  const TnRectangle *plot = &layout->plot;
  g_autoptr (GArray) dots = g_array_new (FALSE, FALSE, sizeof (TnPoint));

  for (gsize i = 0; i < layer->n; i++)
    {
      TnPoint point;

      if (!tn_scale_can_show (&layout->x, layer->x[i]) || !tn_scale_can_show (&layout->y, layer->y[i]))
        continue;
      point = (TnPoint){tn_scale_to_pixel (&layout->x, layer->x[i]), tn_scale_to_pixel (&layout->y, layer->y[i])};
      if (point.x >= plot->x && point.x <= plot->x + plot->width && point.y >= plot->y && point.y <= plot->y + plot->height)
        g_array_append_val (dots, point);
    }
  canvas->dots (canvas, (const TnPoint *) (gpointer) dots->data, dots->len, TN_POINT_RADIUS,
                (TnPaint){TN_INK_SERIES + layer->color, 0.8});
}
