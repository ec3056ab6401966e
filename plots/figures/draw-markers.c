/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "plots/figures/figure-private.h"

#define CLOSEST 3
#define LABEL_GAP 6
#define DASH 4
#define DASH_GAP 3

/* Indices of the markers in view, without those that are too close to the one before. */
static GArray *
visible_markers (const TnLayer *layer, const TnLayout *layout)
{
  GArray *visible = g_array_new (FALSE, FALSE, sizeof (gsize));
  gsize i = tn_layer_search (layer->x, layer->n, layout->x.low, TRUE);
  double last = -INFINITY;

  for (; i < layer->n && layer->x[i] <= layout->x.high; i++)
    {
      double pixel = tn_scale_to_pixel (&layout->x, layer->x[i]);

      if (pixel - last < CLOSEST)
        continue;
      g_array_append_val (visible, i);
      last = pixel;
    }
  return visible;
}

void
tn_markers_draw (const TnFigure *figure, const TnLayer *layer, TnCanvas *canvas, const TnLayout *layout)
{
  const TnRectangle *plot = &layout->plot;
  g_autoptr (GArray) visible = visible_markers (layer, layout), rectangles = g_array_new (FALSE, FALSE, sizeof (TnRectangle));
  double unit = 1 / canvas->density, thickness = MAX (unit, tn_canvas_snap (canvas, 1));
  /* Dense markers are quieter, dashed ones stay apart from grid lines; a second set has longer dashes. */
  gboolean dense = visible->len > plot->width / 12;
  double dash = DASH * (layer->ordinal + 1), period = dash + DASH_GAP;

  for (guint i = 0; i < visible->len; i++)
    {
      double x = tn_scale_to_pixel (&layout->x, layer->x[g_array_index (visible, gsize, i)]);
      TnRectangle line = { CLAMP (tn_canvas_snap (canvas, x - thickness / 2), plot->x, plot->x + plot->width - thickness), plot->y, thickness, plot->height };

      if (dense)
        {
          g_array_append_val (rectangles, line);
          continue;
        }
      for (double y = plot->y; y < plot->y + plot->height; y += period)
        {
          TnRectangle piece = { line.x, y, thickness, MIN (dash, plot->y + plot->height - y) };

          g_array_append_val (rectangles, piece);
        }
    }
  canvas->rectangles (canvas, (const TnRectangle *) (gpointer) rectangles->data, rectangles->len,
                      (TnPaint){ TN_INK_SERIES + layer->color, dense ? 0.55 : 1 });
}

typedef struct
{
  double left;
  double right;
} Taken;

static gboolean
is_free (const GArray *taken, double left, double right)
{
  for (guint i = 0; i < taken->len; i++)
    {
      const Taken *other = &g_array_index (taken, Taken, i);

      if (left < other->right + LABEL_GAP && right > other->left - LABEL_GAP)
        return FALSE;
    }
  return TRUE;
}

static void
place_label (const TnLayer *layer, gsize marker, TnCanvas *canvas, const TnLayout *layout, GArray *taken)
{
  double x = tn_scale_to_pixel (&layout->x, layer->x[marker]), half;
  double lowest = layout->plot.x - 8, highest = layout->width - 2;
  Taken place;

  if (*layer->labels[marker] == '\0')
    return;
  half = tn_text_width (layout->text, layer->labels[marker], layout->small_size, FALSE) / 2;
  if (2 * half > highest - lowest)
    return;
  place = (Taken){ CLAMP (x - half, lowest, highest - 2 * half), 0 };
  place.right = place.left + 2 * half;
  if (!is_free (taken, place.left, place.right))
    return;
  g_array_append_val (taken, place);
  canvas->text (canvas, layer->labels[marker], place.left, layout->marker_baseline, (TnPaint){ TN_INK_MUTED, 1 },
                (TnType){ layout->small_size, TN_ANCHOR_START, FALSE, FALSE });
}

void
tn_markers_draw_labels (const TnFigure *figure, TnCanvas *canvas, const TnLayout *layout)
{
  g_autoptr (GArray) taken = g_array_new (FALSE, FALSE, sizeof (Taken));

  for (guint l = 0; l < figure->layers->len; l++)
    {
      const TnLayer *layer = figure->layers->pdata[l];
      g_autoptr (GArray) visible = NULL;
      guint middle, stride;

      if (layer->kind != TN_LAYER_MARKERS || layer->labels == NULL)
        continue;
      visible = visible_markers (layer, layout);
      if (visible->len == 0)
        continue;
      /* The ends first, then the middle, then finer and finer in between: what remains is spread evenly. */
      place_label (layer, g_array_index (visible, gsize, 0), canvas, layout, taken);
      place_label (layer, g_array_index (visible, gsize, visible->len - 1), canvas, layout, taken);
      middle = visible->len / 2;
      place_label (layer, g_array_index (visible, gsize, middle), canvas, layout, taken);
      for (stride = MAX (1, middle / 2);; stride /= 2)
        {
          for (guint i = middle % stride; i < visible->len; i += stride)
            place_label (layer, g_array_index (visible, gsize, i), canvas, layout, taken);
          if (stride <= 1)
            break;
        }
    }
}
