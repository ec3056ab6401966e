/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plots/figures/figure.h"

G_BEGIN_DECLS

/* TnScale maps the data range low..high of one axis onto pixel_low..pixel_high. */
typedef struct
{
  TnAxisScale kind;
  /* Symmetric-log axes: the magnitude around which the axis turns from linear to logarithmic. */
  double linear;
  double low;
  double high;
  double pixel_low;
  double pixel_high;
} TnScale;

double   tn_scale_forward    (const TnScale *self, double value);
double   tn_scale_inverse    (const TnScale *self, double transformed);
/* Finite for every value but NaN: what cannot be shown lies far outside on its side. */
double   tn_scale_to_pixel   (const TnScale *self, double value);
double   tn_scale_from_pixel (const TnScale *self, double pixel);
/* Whether the axis can show the value at all. */
gboolean tn_scale_can_show   (const TnScale *self, double value);

/* Whether low..high can be a view: finite, ascending, positive on a log axis, and wide enough that doubles inside can be told apart. */
gboolean tn_scale_accepts    (const TnScale *self, double low, double high);
/* Sets the view to hold low..high with margins (fractions of the width); a missing, empty or single-valued range becomes a sensible one. */
void     tn_scale_fit        (TnScale *self, double low, double high, double margin_low, double margin_high);
/* Both leave the view as it is and return FALSE where it would leave what doubles can tell apart. */
gboolean tn_scale_zoom       (TnScale *self, double pixel, double factor);
gboolean tn_scale_shift      (TnScale *self, double pixels);

G_END_DECLS
