/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The gradient of tn_rmsnorm(), n = x s w, s = 1 / sqrt (mean x^2 + epsilon), of rows: dx = s w dn - x s^3 (sum_j w_j dn_j x_j) / width,
 * dw = sum over rows of dn x s. The sum over j in double, the rest in float; the same bits in every variant.
 * x, dn: [n_rows, width]; dx: written, or added to (adds), or NULL; dw [width]: added to, row after row, or NULL. On the calling thread. */
void tn_rmsnorm_gradient (const float *x, const float *weight, double epsilon, const float *dn, gsize n_rows, gsize width, float *dx,
                          gboolean adds, float *dw);

G_END_DECLS
