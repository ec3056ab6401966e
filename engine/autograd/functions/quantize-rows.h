/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/estimators/quantizer-state.h"
#include "engine/autograd/tape.h"
#include "engine/kernels/int8-rows.h"

G_BEGIN_DECLS

/* The int8 activations of BitNet b1.58, packed: codes and scales of every row of x [..., width], behind the RMSNorm with this gain [width]
 * where there is one (NULL: none). Forward: tn_int8_rows_quantize(), as inference runs it. The gradient is that of the numbers that codes
 * and scales stand for; it passes the rounding as it is (identity) and then the norm: dx = s w g - x s^3 (sum_j w_j g_j x_j) / width,
 * dw = sum over rows of g x s, s = 1 / sqrt (mean x^2 + epsilon). Without a norm it costs nothing. Layers that read the same rows share
 * one. For float32 alone. Source: Ma et al., The Era of 1-bit LLMs, 2024; the packed numbers are all that backward passes need of them.
 * state: counts zeros, and as saturated the codes ±127 (every row has one at least); NULL: none. */
TnValue *tn_tape_quantize_rows (TnTape *tape, TnValue *x, TnValue *gain, double epsilon, TnQuantizerState *state);

/* For functions that read them: rows where a value of this shape lies. */
void     tn_packed_rows_place  (TnInt8Rows *rows, const TnShape *shape, const void *data);
/* TN_ERROR_ARGUMENT unless input i is made by tn_tape_quantize_rows(). */
gboolean tn_packed_rows_check  (const TnInference *inference, guint i, GError **error);

G_END_DECLS
