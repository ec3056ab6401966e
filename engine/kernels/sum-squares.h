/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* sum = x[0]^2 + … + x[n - 1]^2 in double, in 16 sums that are folded in a fixed order. No square of a float overflows there, so the sum is
 * finite exactly where every element is. On the calling thread. */
void tn_sum_squares (const float *x, gsize n, double *sum);

G_END_DECLS
