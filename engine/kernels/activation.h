/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Activations, element by element, of [n] on the calling thread; an element's bits do not depend on where it stands. */

typedef enum
{
  TN_ACTIVATE_RELU,      /* max (x, 0); NaN stays */
  TN_ACTIVATE_RELU2,     /* max (x, 0)^2. Source: So et al., Primer, 2021 */
  TN_ACTIVATE_SILU,      /* x / (1 + exp (-x)). Source: Elfwing et al., Sigmoid-Weighted Linear Units, 2017 */
  TN_ACTIVATE_GELU,      /* x (1 + erf (x / sqrt 2)) / 2, erf to 1.5e-7. Source: Hendrycks and Gimpel, Gaussian Error Linear Units, 2016 */
  TN_ACTIVATE_GELU_TANH, /* x (1 + tanh (sqrt (2 / pi) (x + 0.044715 x^3))) / 2, its approximation there */
  TN_N_ACTIVATES
} TnActivate;

/* y may be x. */
void tn_activate          (TnActivate activate, const float *x, float *y, gsize n);
/* dx = dy f'(x), or dx += where adds. */
void tn_activate_gradient (TnActivate activate, const float *x, const float *dy, float *dx, gsize n, gboolean adds);

/* Gated activations of a feed-forward layer, in place on gate; gate and up: [n]. */

/* gate[i] = gate[i] / (1 + exp (-gate[i])) * up[i]. Source: Shazeer, GLU Variants Improve Transformer, 2020 (SwiGLU). */
void tn_silu_multiply  (float *gate, const float *up, gsize n);
/* gate[i] = max (gate[i], 0)^2 * up[i]; NaN stays. Source: So et al., Primer, 2021; BitNet b1.58 2B4T. */
void tn_relu2_multiply (float *gate, const float *up, gsize n);

/* dgate = dy f'(gate) up and dup = dy f(gate), or += where they add; either may be NULL. */
typedef struct
{
  const float *gate, *up, *dy;
  float *dgate, *dup;
  gboolean gate_adds, up_adds;
} TnGateGradient;

void tn_silu_gate_gradient  (const TnGateGradient *gradient, gsize n);
void tn_relu2_gate_gradient (const TnGateGradient *gradient, gsize n);

G_END_DECLS
