/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/quant/distribution.h"
#include "engine/quant/scheme.h"

G_BEGIN_DECLS

/* The codes a value can have under one scale: symmetric ±n_codes, asymmetric 0 .. n_codes with a zero point among them. Ternary is
 * ±1. */
typedef struct
{
  gboolean asymmetric;
  gint32   n_codes;
} TnGrid;

/* One place of a grid: x ~ scale * clip (round (x / scale), first, last). */
typedef struct
{
  double scale;
  gint32 zero_point;
} TnGridScale;

TnGrid   tn_grid_of_scheme  (const TnScheme *scheme);
/* First and last code, counted from the zero point. */
void     tn_grid_get_range  (const TnGrid *self, gint32 zero_point, double *first, double *last);
/* The largest magnitude that is represented. */
double   tn_grid_get_clip   (const TnGrid *self, const TnGridScale *scale);
/* Scale and zero point that just hold [min, max] widened to hold 0. */
void     tn_grid_fit        (const TnGrid *self, double min, double max, TnGridScale *scale);

/* Sum over all values of (x - rounded)^2; of a folded distribution only where first = -last. Where best_scale is not NULL: the scale with the
 * least error for the codes that were found, which is never worse than scale. Scale 0: everything becomes 0. Rounding of the sums leaves
 * about 1e-15 of sum x^2. */
double   tn_grid_error      (const TnDistribution *values, double scale, double first, double last, double *best_scale);
/* The same of |x - rounded|^power, a piece after the other. */
double   tn_grid_power_error (const TnDistribution *values, double scale, double first, double last, double power);

G_END_DECLS
