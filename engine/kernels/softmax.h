/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>
#include <math.h>

G_BEGIN_DECLS

/* x[i] = exp (scale (x[i] - m)), m the maximum; *factor is what they have to be multiplied by to sum to 1 (the sum in double), which
 * costs less after they have been used than before. In place; n > 0, scale > 0. With a NaN, or nothing but -infinity, the factor is NaN. */
void tn_softmax (float *x, gsize n, float scale, float *factor);

/* Of y = softmax (scale x), what tn_softmax() left: p [n], and its factor; g: [n], the gradient of y. p becomes y, and g the gradient of x,
 * scale y (g - sum g y), the sum in double. */
void tn_softmax_gradient (float *p, float *g, gsize n, float scale, float factor);

/* out[i] = factor exp (scale (x[i] - shift)), or that much more (adds). Without adds out may be x. */
void tn_exponentials (const float *x, gsize n, float shift, float scale, float factor, gboolean adds, float *out);

/* out[i] += factor exp (x[i] - shifts[i]). */
void tn_exponentials_shifted (const float *x, const float *shifts, gsize n, float factor, float *out);

/* What a piece of a row contributes to its log-sum-exp and to its best value. Pieces are joined in the order of the row, so
 * the outcome depends on where the row is cut but not on who computes which piece. */
typedef struct
{
  double sum;     /* of exp (x - maximum) */
  float  maximum; /* -infinity when there is nothing but that or NaN */
  guint  best;    /* index of the maximum in the row, the smallest of equals; G_MAXUINT when there is none */
} TnLogSumExp;

/* Where rows of logits are cut, so that all who compute a loss get the same bits. */
#define TN_LOG_SUM_EXP_COLUMNS 128

/* x: [n] at index first of its row. */
void   tn_log_sum_exp_piece  (const float *x, gsize n, guint first, TnLogSumExp *piece);
/* Adds the next piece to what was joined so far; a row starts as TN_LOG_SUM_EXP_EMPTY. */
void   tn_log_sum_exp_join   (TnLogSumExp *row, const TnLogSumExp *piece);
/* log sum exp (x) of the whole row; NaN when a value was NaN or +infinity. */
double tn_log_sum_exp_finish (const TnLogSumExp *row);

#define TN_LOG_SUM_EXP_EMPTY ((TnLogSumExp){ .sum = 0.0, .maximum = -INFINITY, .best = G_MAXUINT })

G_END_DECLS
