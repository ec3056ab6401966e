/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* RMSNorm of n_rows rows: out[r][i] = x[r][i] * s_r * weight[i], s_r = 1 / sqrt (mean_i x[r][i]^2 + epsilon); the mean in
 * double, the rest in float. x and out: [n_rows, width], may be the same; weight: [width].
 * Source: Zhang, Sennrich, Root Mean Square Layer Normalization, 2019. */
void tn_rmsnorm (const float *x, const float *weight, double epsilon, gsize n_rows, gsize width, float *out);

/* Back through it, of n_rows rows: dx[r][i] (or += where adds) = s_r weight[i] dy[r][i] - x[r][i] s_r^3 / width * sum_j weight[j] dy[r][j]
 * x[r][j]; dweight[i] = sum over these rows of dy[r][i] x[r][i] s_r. Either may be NULL. Sums along a row in double. */
typedef struct
{
  const float *x, *weight, *dy;
  double       epsilon;
  gsize        width;
  float       *dx;
  gboolean     adds;
  float       *dweight;
} TnNormGradient;

void tn_rmsnorm_gradient (const TnNormGradient *gradient, gsize n_rows);

/* LayerNorm: out[r][i] = (x[r][i] - m_r) s_r weight[i] + bias[i], m_r = mean_i x[r][i], s_r = 1 / sqrt (mean_i (x[r][i] - m_r)^2 + epsilon);
 * means in double. bias: [width] or NULL. Source: Ba, Kiros, Hinton, Layer Normalization, 2016. */
void tn_layernorm          (const float *x, const float *weight, const float *bias, double epsilon, gsize n_rows, gsize width, float *out);
/* With z = (x - m) s and g = weight dy: dx = s (g - mean_i g_i - z mean_i g_i z_i); dweight[i] = sum of dy z. */
void tn_layernorm_gradient (const TnNormGradient *gradient, gsize n_rows);

G_END_DECLS
