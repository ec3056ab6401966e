/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "plots/figures/figure-private.h"

/* How far out of the data, in widths of all data, the view may be zoomed. */
#define FARTHEST 20
/* A symmetric-log axis shows at most this many decades on either side. */
#define SYMLOG_DECADES 1e-5

/* The decade around which a symmetric-log axis of these data turns linear. */
static double
linear_part (const TnExtent *extent)
{
  double largest = MAX (fabs (extent->low), fabs (extent->high));

  if (extent->low > extent->high || !isfinite (extent->magnitude))
    return 1;
  return pow (10, floor (log10 (CLAMP (extent->magnitude, largest * SYMLOG_DECADES, MAX (largest * 1e-2, 1e-300))) + 1e-9));
}

static void
fit_x (const TnFigure *self, TnScale *scale)
{
  TnExtent all = tn_extent_empty;
  double margin = 0.01;

  for (guint i = 0; i < self->layers->len; i++)
    tn_extent_join (&all, &((TnLayer *) self->layers->pdata[i])->x_extent);
  scale->linear = linear_part (&all);
  if (scale->kind == TN_AXIS_LOG)
    {
      /* Bars on a log axis start somewhere; half the smallest leaves something of it to see. */
      tn_scale_fit (scale, self->categories->len > 0 ? all.positive / 2 : all.positive, all.high, margin, margin);
      return;
    }
  if (tn_figure_get_heat_map (self) != NULL && all.low <= all.high)
    {
      tn_scale_fit (scale, all.low, all.high, 0, 0);
      return;
    }
  if (self->categories->len > 0 && all.low <= all.high)
    {
      gboolean negative = all.low < 0;

      tn_scale_fit (scale, MIN (all.low, 0), MAX (all.high, 0), negative ? 0.12 : 0, 0);
      return;
    }
  tn_scale_fit (scale, all.low, all.high, margin, margin);
}

static void
fit_y (const TnFigure *self, TnScale *scale)
{
  TnExtent all = tn_extent_empty;
  gboolean histogram = tn_figure_count_layers (self, TN_LAYER_HISTOGRAM) > 0;

  if (self->categories->len > 0)
    {
      scale->kind = TN_AXIS_LINEAR;
      scale->low = -0.5;
      scale->high = self->categories->len - 0.5;
      return;
    }
  for (guint i = 0; i < self->layers->len; i++)
    tn_extent_join (&all, &((TnLayer *) self->layers->pdata[i])->y_extent);
  scale->linear = linear_part (&all);
  if (scale->kind == TN_AXIS_LOG)
    tn_scale_fit (scale, histogram ? all.positive / 2 : all.positive, all.high, histogram ? 0 : 0.04, 0.05);
  else if (histogram && all.low >= 0)
    tn_scale_fit (scale, 0, all.high, 0, 0.06);
  else
    tn_scale_fit (scale, all.low, all.high, 0.05, 0.05);
}

static void
get_scale (const TnFigure *self, const TnAxis *axis, TnScale *scale, gboolean fitted)
{
  *scale = (TnScale){.kind = axis->kind, .linear = 1, .pixel_high = 1};
  if (axis == &self->x)
    fit_x (self, scale);
  else
    fit_y (self, scale);
  if (!fitted && axis->view_set && tn_scale_accepts (scale, axis->low, axis->high))
    {
      scale->low = axis->low;
      scale->high = axis->high;
    }
}

void
tn_figure_get_scales (TnFigure *self, TnScale *x, TnScale *y)
{
  get_scale (self, &self->x, x, FALSE);
  get_scale (self, &self->y, y, FALSE);
}

static void
set_axis_view (TnFigure *self, TnAxis *axis, double low, double high)
{
  TnScale scale;

  get_scale (self, axis, &scale, TRUE);
  if (!tn_scale_accepts (&scale, MIN (low, high), MAX (low, high)))
    return;
  axis->view_set = TRUE;
  axis->low = MIN (low, high);
  axis->high = MAX (low, high);
  tn_figure_changed (self);
}

void
tn_figure_set_view (TnFigure *self, double x0, double x1, double y0, double y1)
{
  set_axis_view (self, &self->x, x0, x1);
  set_axis_view (self, &self->y, y0, y1);
}

void
tn_figure_get_view (TnFigure *self, double *x0, double *x1, double *y0, double *y1)
{
  TnScale x, y;

  tn_figure_get_scales (self, &x, &y);
  if (x0 != NULL)
    *x0 = x.low;
  if (x1 != NULL)
    *x1 = x.high;
  if (y0 != NULL)
    *y0 = y.low;
  if (y1 != NULL)
    *y1 = y.high;
}

gboolean
tn_figure_is_y_zoomed (TnFigure *self)
{
  return self->y.view_set;
}

void
tn_figure_get_plot_area (TnFigure *self, double width, double height, cairo_rectangle_t *area)
{
  const TnRectangle *plot = &tn_figure_get_layout (self, width, height)->plot;

  *area = (cairo_rectangle_t){plot->x, plot->y, plot->width, plot->height};
}

void
tn_figure_reset_view (TnFigure *self)
{
  self->x.view_set = FALSE;
  self->y.view_set = FALSE;
  tn_figure_changed (self);
}

static double
transformed_span (const TnScale *scale)
{
  return tn_scale_forward (scale, scale->high) - tn_scale_forward (scale, scale->low);
}

static void
zoom_axis (TnFigure *self, TnAxis *axis, TnScale scale, double pixel, double factor)
{
  TnScale all;

  get_scale (self, axis, &all, TRUE);
  if (factor > 1 && !(transformed_span (&scale) * factor <= transformed_span (&all) * FARTHEST))
    return;
  if (tn_scale_zoom (&scale, CLAMP (pixel, MIN (scale.pixel_low, scale.pixel_high), MAX (scale.pixel_low, scale.pixel_high)),
                     factor))
    set_axis_view (self, axis, scale.low, scale.high);
}

void
tn_figure_zoom (TnFigure *self, double width, double height, double x, double y, double factor, gboolean both)
{
  const TnLayout *layout = tn_figure_get_layout (self, width, height);
  TnScale x_scale = layout->x, y_scale = layout->y;

  if (!isfinite (factor) || factor <= 0 || !isfinite (x) || !isfinite (y))
    return;
  zoom_axis (self, &self->x, x_scale, x, factor);
  if (both)
    zoom_axis (self, &self->y, y_scale, y, factor);
}

void
tn_figure_pan (TnFigure *self, double width, double height, double dx, double dy)
{
  const TnLayout *layout = tn_figure_get_layout (self, width, height);
  TnScale x_scale = layout->x, y_scale = layout->y;

  if (!isfinite (dx) || !isfinite (dy))
    return;
  if (dx != 0 && tn_scale_shift (&x_scale, -dx))
    set_axis_view (self, &self->x, x_scale.low, x_scale.high);
  if (dy != 0 && tn_scale_shift (&y_scale, -dy))
    set_axis_view (self, &self->y, y_scale.low, y_scale.high);
}

gboolean
tn_figure_pixel_to_data (TnFigure *self, double width, double height, double px, double py, double *x, double *y)
{
  const TnLayout *layout = tn_figure_get_layout (self, width, height);
  const TnRectangle *plot = &layout->plot;

  if (!(px >= plot->x && px <= plot->x + plot->width && py >= plot->y && py <= plot->y + plot->height))
    return FALSE;
  if (x != NULL)
    *x = tn_scale_from_pixel (&layout->x, px);
  if (y != NULL)
    *y = tn_scale_from_pixel (&layout->y, py);
  return TRUE;
}
