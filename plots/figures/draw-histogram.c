/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "plots/figures/figure-private.h"

/* A piece of the outline, on device pixels. */
typedef struct
{
  double left;
  double right;
  double top;
} Step;

typedef struct
{
  const TnCanvas *canvas;
  const TnLayout *layout;
  double base;
  GArray *steps; /* Step */
} Outline;

static void
add_step (Outline *self, double left, double right, double count)
{
  const TnRectangle *plot = &self->layout->plot;
  const TnScale *y = &self->layout->y;
  double unit = 1 / self->canvas->density;
  Step step = {left, right, 0}, *last;

  if (!tn_scale_can_show (y, count) || count == 0 || (count > 0 ? count < y->low : count > y->high))
    return;
  step.top = CLAMP (tn_canvas_snap (self->canvas, tn_scale_to_pixel (y, count)), plot->y, plot->y + plot->height);
  /* However small, a count is not nothing. */
  if (fabs (step.top - self->base) < unit)
    step.top = self->base + (count > 0 ? -unit : unit);
  last = self->steps->len == 0 ? NULL : &g_array_index (self->steps, Step, self->steps->len - 1);
  if (last != NULL && last->left == left && last->right == right)
    last->top = count > 0 ? MIN (last->top, step.top) : MAX (last->top, step.top);
  else if (last != NULL && last->right == left && last->top == step.top)
    last->right = right;
  else
    g_array_append_val (self->steps, step);
}

/* Bins that have at least a pixel each. */
static void
collect_bins (Outline *self, const TnLayer *layer, gsize first, gsize end)
{
  const TnRectangle *plot = &self->layout->plot;
  double unit = 1 / self->canvas->density;

  for (gsize i = first; i < end; i++)
    {
      double left = CLAMP (tn_scale_to_pixel (&self->layout->x, layer->x[i]), plot->x, plot->x + plot->width);
      double right = CLAMP (tn_scale_to_pixel (&self->layout->x, layer->x[i + 1]), plot->x, plot->x + plot->width);

      left = tn_canvas_snap (self->canvas, left);
      right = tn_canvas_snap (self->canvas, right);
      if (right - left < unit)
        {
          left = MIN (left, plot->x + plot->width - unit);
          right = left + unit;
        }
      add_step (self, left, right, layer->y[i]);
    }
}

/* More bins than pixels: a column shows the largest that touches it. */
static void
collect_columns (Outline *self, const TnLayer *layer, gsize first, gsize end)
{
  const TnRectangle *plot = &self->layout->plot;
  double unit = 1 / self->canvas->density;
  gsize columns = (gsize) ceil (plot->width / unit - 1e-9), bin = first;

  for (gsize c = 0; c < columns && bin < end; c++)
    {
      double left = plot->x + c * unit, right_edge = tn_scale_from_pixel (&self->layout->x, left + unit), largest = 0;

      while (bin < end && layer->x[bin] < right_edge)
        {
          if (isfinite (layer->y[bin]) && fabs (layer->y[bin]) > fabs (largest))
            largest = layer->y[bin];
          if (layer->x[bin + 1] > right_edge)
            break;
          bin++;
        }
      add_step (self, left, MIN (left + unit, plot->x + plot->width), largest);
    }
}

static void
fill_steps (const Outline *self, TnCanvas *canvas, TnPaint paint)
{
  g_autofree TnRectangle *rectangles = g_new (TnRectangle, self->steps->len);

  for (guint i = 0; i < self->steps->len; i++)
    {
      const Step *step = &g_array_index (self->steps, Step, i);

      rectangles[i] =
          (TnRectangle){step->left, MIN (step->top, self->base), step->right - step->left, fabs (self->base - step->top)};
    }
  canvas->rectangles (canvas, rectangles, self->steps->len, paint);
}

static void
stroke_steps (const Outline *self, TnCanvas *canvas, TnPaint paint, TnPen pen)
{
  g_autoptr (GArray) points = g_array_new (FALSE, FALSE, sizeof (TnPoint));
  double right = -INFINITY;

  for (guint i = 0; i <= self->steps->len; i++)
    {
      const Step *step = i < self->steps->len ? &g_array_index (self->steps, Step, i) : NULL;
      TnPoint corners[2];

      if (points->len > 0 && (step == NULL || step->left > right))
        {
          TnPoint foot = {right, self->base};

          g_array_append_val (points, foot);
          canvas->polyline (canvas, (const TnPoint *) (gpointer) points->data, points->len, paint, pen);
          g_array_set_size (points, 0);
        }
      if (step == NULL)
        break;
      if (points->len == 0)
        {
          TnPoint foot = {step->left, self->base};

          g_array_append_val (points, foot);
        }
      corners[0] = (TnPoint){step->left, step->top};
      corners[1] = (TnPoint){step->right, step->top};
      g_array_append_vals (points, corners, 2);
      right = step->right;
    }
}

void
tn_histogram_draw (const TnFigure *figure, const TnLayer *layer, TnCanvas *canvas, const TnLayout *layout)
{
  const TnRectangle *plot = &layout->plot;
  g_autoptr (GArray) steps = g_array_new (FALSE, FALSE, sizeof (Step));
  Outline outline = {canvas, layout, plot->y + plot->height, steps};
  gboolean overlaid = tn_figure_count_layers (figure, TN_LAYER_HISTOGRAM) > 1;
  TnPaint fill = {TN_INK_SERIES + layer->color, overlaid ? (layer->ordinal == 0 ? 0.5 : 0.15) : 0.85};
  gsize first, end;

  if (layer->n == 0)
    return;
  if (layout->y.kind != TN_AXIS_LOG)
    outline.base = CLAMP (tn_canvas_snap (canvas, tn_scale_to_pixel (&layout->y, 0)), plot->y, plot->y + plot->height);
  first = tn_layer_search (layer->x + 1, layer->n, layout->x.low, FALSE);
  end = tn_layer_search (layer->x, layer->n, layout->x.high, TRUE);
  if (end <= first)
    return;
  if (end - first > plot->width * canvas->density)
    collect_columns (&outline, layer, first, end);
  else
    collect_bins (&outline, layer, first, end);
  fill_steps (&outline, canvas, fill);
  if (overlaid)
    stroke_steps (&outline, canvas, (TnPaint){fill.ink, 1}, (TnPen){1.25, layer->ordinal});
}
