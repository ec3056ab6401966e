/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/quant/grid-error.h"

G_BEGIN_DECLS

/* The best of all scales in [low, high], 0 <= low < high, for codes first .. last, exactly. While the scale falls, one value after the other gets a code
 * further from 0, at |x| / (k - 1/2). Between two of these the codes stand still, and the best scale for them is that of least squares,
 * cross / squares, with the error sum x^2 - cross^2 / squares. Going through all of them in their order finds the global optimum of the piecewise
 * quadratic error: no choice of codes by rounding is left out.
 *
 * values: points. Takes time and memory for tn_grid_sweep_count() changes of a code. Returns the error, and its scale in *scale. */
double tn_grid_sweep       (const TnDistribution *values, double first, double last, double low, double high, double *scale);
/* At most so many. */
double tn_grid_sweep_count (const TnDistribution *values, double first, double last, double low, double high);

G_END_DECLS
