/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* RMSNorm of n_rows rows: out[r][i] = x[r][i] * s_r * weight[i], s_r = 1 / sqrt (mean_i x[r][i]^2 + epsilon); the mean in
 * double, the rest in float. x and out: [n_rows, width], may be the same; weight: [width].
 * Source: Zhang, Sennrich, Root Mean Square Layer Normalization, 2019. */
void tn_rmsnorm (const float *x, const float *weight, double epsilon, gsize n_rows, gsize width, float *out);

G_END_DECLS
