/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Elementwise work of a transformer on one row, in fp32. Sums run in 8 interleaved double lanes added in a fixed order, so every build and CPU
 * gives the same bits. Any thread. */

/* y = x / sqrt (mean (x^2) + epsilon) * gain (Zhang and Sennrich, RMSNorm). x, gain, y: [n]; y may be x. */
void   tn_kernel_rms_norm    (const float *x, const float *gain, gsize n, double epsilon, float *y);
/* y += x. [n] */
void   tn_kernel_add         (float *y, const float *x, gsize n);
/* gate = gate / (1 + exp (-gate)) * up (SwiGLU: Shazeer, GLU Variants, 2020). [n] */
void   tn_kernel_silu_gate   (float *gate, const float *up, gsize n);
/* gate = max (gate, 0)^2 * up (BitNet b1.58 2B4T). [n] */
void   tn_kernel_relu2_gate  (float *gate, const float *up, gsize n);
/* x = softmax (x * scale) over [n]; n >= 1. */
void   tn_kernel_softmax     (float *x, gsize n, float scale);
/* Rotates the leading rope_dim elements of each of n_heads heads of head_dim by the angles of one position: cosine, sine: [rope_dim / 2].
 * interleaved: pairs (2i, 2i + 1), else (i, i + rope_dim / 2) (Su et al., RoFormer). */
void   tn_kernel_rope        (float *x, guint n_heads, guint head_dim, guint rope_dim, const float *cosine, const float *sine, gboolean interleaved);
/* The same softmax loss fed piece by piece: log-sum-exp of a row whose logits come in blocks. */
typedef struct
{
  double max;   /* -inf before the first block */
  double sum;   /* of exp (logit - max) */
  float  best;
  gint32 best_index;
} TnLogSumExp;
void   tn_kernel_log_sum_exp_start (TnLogSumExp *self);
/* logits: [n], the first of them has index first. */
void   tn_kernel_log_sum_exp_add   (TnLogSumExp *self, const float *logits, gsize n, gint32 first);

G_END_DECLS
