/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/kernels/int8-rows.h"

G_BEGIN_DECLS

/* Gradients as int8, rounded at random so that they are right in the mean: v = x[t][j] * factors[j], a = max_j |v|,
 * code = floor (v * (127 / a) + u), u uniform in [0, 1) of 24 bits, scale = a / 127. Number u is a function of key, row and column: the
 * same codes for any cut and number of threads, in every variant. A row of zeros, or of numbers below 1e-30, has scale 0; one that is not
 * finite has scale NaN. Source: Gupta et al., Deep Learning with Limited Numerical Precision, 2015.
 * x: [n_rows, width]; factors: [width], or NULL: 1. Runs a parallel region: call on the compute thread. */
void tn_int8_rows_quantize_stochastic (TnInt8Rows *self, const float *x, const float *factors, gsize n_rows, gsize width, guint64 key,
                                       guint threads);

G_END_DECLS
