/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Gated activations of a feed-forward layer, in place on gate; gate and up: [n]. */

/* gate[i] = gate[i] / (1 + exp (-gate[i])) * up[i]. Source: Shazeer, GLU Variants Improve Transformer, 2020 (SwiGLU). */
void tn_silu_multiply  (float *gate, const float *up, gsize n);
/* gate[i] = max (gate[i], 0)^2 * up[i]; NaN stays. Source: So et al., Primer, 2021; BitNet b1.58 2B4T. */
void tn_relu2_multiply (float *gate, const float *up, gsize n);

G_END_DECLS
