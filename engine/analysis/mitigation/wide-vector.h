/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* y[i] += factor * x[i] in double, each by itself: the same bits on any processor. */
void   tn_add_scaled  (double factor, const double *x, gsize n, double *y);
/* Sum of x[i] * y[i] in double, in eight lanes that are folded in a fixed order: likewise. */
double tn_dot_product (const double *x, const double *y, gsize n);

G_END_DECLS
