/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>

#include "plots/figures/scale.h"

/* Pixels further away than this gain nothing and would overflow Cairo's fixed-point coordinates. */
#define FAR_AWAY 1e6
/* A view keeps at least this many representable numbers, so that ticks and bins inside stay distinct. */
#define LEAST_NUMBERS 4096.0
#define LEAST_SPAN 1e-290
#define LN10 2.302585092994045684

double
tn_scale_forward (const TnScale *self, double value)
{
  switch (self->kind)
    {
    case TN_AXIS_LOG:
      if (isnan (value))
        return value;
      return value > 0 ? log10 (value) : -INFINITY;
    case TN_AXIS_SYMLOG:
      return asinh (value / self->linear / 2) / LN10;
    case TN_AXIS_LINEAR:
    default:
      return value;
    }
}

double
tn_scale_inverse (const TnScale *self, double transformed)
{
  switch (self->kind)
    {
    case TN_AXIS_LOG:
      return pow (10, transformed);
    case TN_AXIS_SYMLOG:
      return 2 * sinh (transformed * LN10) * self->linear;
    case TN_AXIS_LINEAR:
    default:
      return transformed;
    }
}

double
tn_scale_to_pixel (const TnScale *self, double value)
{
  double low = tn_scale_forward (self, self->low), high = tn_scale_forward (self, self->high);
  /* Halves, because the span of a linear axis may exceed the largest double. */
  double fraction = (tn_scale_forward (self, value) / 2 - low / 2) / (high / 2 - low / 2);

  if (isnan (fraction))
    return fraction;
  return CLAMP (self->pixel_low + fraction * (self->pixel_high - self->pixel_low), -FAR_AWAY, FAR_AWAY);
}

static double
transformed_at (const TnScale *self, double pixel)
{
  double fraction = (pixel - self->pixel_low) / (self->pixel_high - self->pixel_low);

  return tn_scale_forward (self, self->low) * (1 - fraction) + tn_scale_forward (self, self->high) * fraction;
}

double
tn_scale_from_pixel (const TnScale *self, double pixel)
{
  return tn_scale_inverse (self, transformed_at (self, pixel));
}

gboolean
tn_scale_can_show (const TnScale *self, double value)
{
  return isfinite (value) && (self->kind != TN_AXIS_LOG || value > 0);
}

gboolean
tn_scale_accepts (const TnScale *self, double low, double high)
{
  double numbers = LEAST_NUMBERS * DBL_EPSILON;

  if (!tn_scale_can_show (self, low) || !tn_scale_can_show (self, high) || !(low < high))
    return FALSE;
  if (!isfinite (tn_scale_forward (self, low)) || !isfinite (tn_scale_forward (self, high)))
    return FALSE;
  return high / 2 - low / 2 >= MAX (LEAST_SPAN, MAX (fabs (low), fabs (high)) * numbers / 2);
}

void
tn_scale_fit (TnScale *self, double low, double high, double margin_low, double margin_high)
{
  double t_low, t_high, span;

  if (!tn_scale_can_show (self, low) || !tn_scale_can_show (self, high) || low > high)
    {
      low = self->kind == TN_AXIS_LOG ? 1 : self->kind == TN_AXIS_SYMLOG ? -self->linear : 0;
      high = self->kind == TN_AXIS_LOG ? 10 : self->kind == TN_AXIS_SYMLOG ? self->linear : 1;
    }
  else if (!tn_scale_accepts (self, low, high))
    {
      double middle = low / 2 + high / 2;

      if (self->kind == TN_AXIS_LOG)
        {
          low = MAX (middle / 3, LEAST_SPAN);
          high = CLAMP (middle * 3, LEAST_SPAN * 10, DBL_MAX);
        }
      else
        {
          double pad = middle == 0 ? 1 : MAX (fabs (middle) * 0.1, LEAST_SPAN * 10);

          low = MAX (middle - pad, -DBL_MAX);
          high = MIN (middle + pad, DBL_MAX);
        }
    }
  t_low = tn_scale_forward (self, low);
  t_high = tn_scale_forward (self, high);
  span = MIN (t_high - t_low, DBL_MAX);
  self->low = tn_scale_inverse (self, MAX (t_low - span * margin_low, -DBL_MAX));
  self->high = tn_scale_inverse (self, MIN (t_high + span * margin_high, DBL_MAX));
  if (!tn_scale_accepts (self, self->low, self->high))
    {
      self->low = low;
      self->high = high;
    }
}

static gboolean
take_view (TnScale *self, double t_low, double t_high)
{
  double low = tn_scale_inverse (self, t_low), high = tn_scale_inverse (self, t_high);

  if (!tn_scale_accepts (self, low, high))
    return FALSE;
  self->low = low;
  self->high = high;
  return TRUE;
}

gboolean
tn_scale_zoom (TnScale *self, double pixel, double factor)
{
  double fixed = transformed_at (self, pixel);
  double low = tn_scale_forward (self, self->low), high = tn_scale_forward (self, self->high);

  return take_view (self, fixed + (low - fixed) * factor, fixed + (high - fixed) * factor);
}

gboolean
tn_scale_shift (TnScale *self, double pixels)
{
  double low = tn_scale_forward (self, self->low), high = tn_scale_forward (self, self->high);
  double shift = (high - low) * (pixels / (self->pixel_high - self->pixel_low));

  return take_view (self, low + shift, high + shift);
}
