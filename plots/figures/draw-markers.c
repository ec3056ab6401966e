/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "plots/figures/figure-private.h"

#define CLOSEST 3
#define LABEL_GAP 6
#define DASH 4
#define DASH_GAP 3
#define DENSE_TICK 7

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
  g_autoptr (GArray) visible = visible_markers (layer, layout);
  g_autoptr (GArray) rectangles = g_array_new (FALSE, FALSE, sizeof (TnRectangle)),
                     halo = g_array_new (FALSE, FALSE, sizeof (TnRectangle));
  TnPaint paint = {TN_INK_SERIES + layer->color, 1};
  double unit = 1 / canvas->density, thickness = MAX (unit, tn_canvas_snap (canvas, 1));
  /* Dense markers are faint below their tops; dashed ones stay apart from grid lines, and by a halo from fillings; a second set
   * has longer dashes. */
  gboolean dense = visible->len > plot->width / 12;
  double dash = DASH * (layer->ordinal + 1), period = dash + DASH_GAP;

  for (guint i = 0; i < visible->len; i++)
    {
      double x = tn_scale_to_pixel (&layout->x, layer->x[g_array_index (visible, gsize, i)]);
      TnRectangle line = {CLAMP (tn_canvas_snap (canvas, x - thickness / 2), plot->x, plot->x + plot->width - thickness), plot->y,
                          thickness, plot->height};

      TnRectangle around = {line.x - thickness, plot->y, 3 * thickness, plot->height};

      if (dense)
        {
          g_array_append_val (halo, line);
          line.height = MIN (DENSE_TICK, plot->height);
          g_array_append_val (rectangles, line);
          continue;
        }
      g_array_append_val (halo, around);
      for (double y = plot->y; y < plot->y + plot->height; y += period)
        {
          TnRectangle piece = {line.x, y, thickness, MIN (dash, plot->y + plot->height - y)};

          g_array_append_val (rectangles, piece);
        }
    }
  canvas->rectangles (canvas, (const TnRectangle *) (gpointer) halo->data, halo->len,
                      dense ? (TnPaint){paint.ink, 0.25} : (TnPaint){TN_INK_BACKGROUND, 0.6});
  canvas->rectangles (canvas, (const TnRectangle *) (gpointer) rectangles->data, rectangles->len, paint);
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

static gboolean
place_label (const TnLayer *layer, gsize marker, TnCanvas *canvas, const TnLayout *layout, GArray *taken)
{
  double x = tn_scale_to_pixel (&layout->x, layer->x[marker]), half;
  double lowest = layout->plot.x - 8, highest = layout->width - 2;
  Taken place;

  if (*layer->labels[marker] == '\0')
    return TRUE;
  half = tn_text_width (layout->text, layer->labels[marker], layout->small_size, FALSE) / 2;
  if (2 * half > highest - lowest)
    return FALSE;
  place = (Taken){CLAMP (x - half, lowest, highest - 2 * half), 0};
  place.right = place.left + 2 * half;
  if (!is_free (taken, place.left, place.right))
    return FALSE;
  g_array_append_val (taken, place);
  if (canvas != NULL)
    canvas->text (canvas, layer->labels[marker], place.left, layout->marker_baseline, (TnPaint){TN_INK_MUTED, 1},
                  (TnType){layout->small_size, TN_ANCHOR_START, FALSE, FALSE});
  return TRUE;
}

/* Every stride-th label, counted from the middle. FALSE when one found no room; canvas may be NULL to find out. */
static gboolean
place_every (const TnLayer *layer, const GArray *visible, guint stride, TnCanvas *canvas, const TnLayout *layout, GArray *taken)
{
  gboolean all = TRUE;

  for (guint i = visible->len / 2 % stride; i < visible->len; i += stride)
    all = place_label (layer, g_array_index (visible, gsize, i), canvas, layout, taken) && all;
  return all;
}

/* The smallest power of two that leaves room for every stride-th label; 0 when that would be hardly any. */
static guint
even_stride (const TnLayer *layer, const GArray *visible, const TnLayout *layout, const GArray *taken)
{
  for (guint stride = 1; stride == 1 || stride * 4 <= visible->len; stride *= 2)
    {
      g_autoptr (GArray) attempt = g_array_copy ((GArray *) taken);

      if (place_every (layer, visible, stride, NULL, layout, attempt))
        return stride;
    }
  return 0;
}

void
tn_markers_draw_labels (const TnFigure *figure, TnCanvas *canvas, const TnLayout *layout)
{
  g_autoptr (GArray) taken = g_array_new (FALSE, FALSE, sizeof (Taken));

  for (guint l = 0; l < figure->layers->len; l++)
    {
      const TnLayer *layer = figure->layers->pdata[l];
      g_autoptr (GArray) visible = NULL;
      guint stride;

      if (layer->kind != TN_LAYER_MARKERS || layer->labels == NULL)
        continue;
      visible = visible_markers (layer, layout);
      if (visible->len == 0)
        continue;
      stride = even_stride (layer, visible, layout, taken);
      if (stride > 0)
        {
          place_every (layer, visible, stride, canvas, layout, taken);
          continue;
        }
      /* Unevenly spaced: the ends first, then the middle, then finer and finer in between. */
      place_label (layer, g_array_index (visible, gsize, 0), canvas, layout, taken);
      place_label (layer, g_array_index (visible, gsize, visible->len - 1), canvas, layout, taken);
      for (stride = visible->len; stride > 0; stride /= 2)
        place_every (layer, visible, stride, canvas, layout, taken);
    }
}
