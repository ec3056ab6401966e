/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Per-token int8 activations of BitNet b1.58: a = max (max_j |v_j|, 1e-5), code_j = clip (round (v_j * (127 / a)), -128, 127), half to
 * even, scale = a / 127; divisions and products in float. Source: Ma et al., The Era of 1-bit LLMs, 2024, section 2.
 * A row that holds NaN or an infinity gets the scale NaN, so that what is computed from it shows; its codes are 0 where v is not finite.
 * codes: [n_rows, width], row stride stride >= width; what lies between width and stride is set to 0. scales: [n_rows].
 * sums: [n_rows], of the codes of each row. The same bits in every variant. */

/* v = x. x: [n_rows, width] of row stride x_stride. */
void tn_quantize_rows         (const float *x, gsize x_stride, gsize n_rows, gsize width, gint8 *codes, gsize stride, float *scales,
                               gint32 *sums);
/* v = tn_rmsnorm (x): the same bits as normalizing first. weight: [width]. */
void tn_rmsnorm_quantize_rows (const float *x, gsize x_stride, const float *weight, double epsilon, gsize n_rows, gsize width,
                               gint8 *codes, gsize stride, float *scales, gint32 *sums);

G_END_DECLS
