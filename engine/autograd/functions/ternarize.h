/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/estimators/quantizer-state.h"
#include "engine/autograd/tape.h"
#include "engine/kernels/ternary.h"
#include "engine/quant/scheme.h"

G_BEGIN_DECLS

/* Weights w [out, in] as the tiles of engine/kernels/ternary.h and a scale a tensor or row, packed: the codes and scales of
 * tn_bit_linear_from_float() under the scheme (ternary, one a tensor or row, by a rule: NULL is b1.58, absmean a tensor). The gradient is
 * that of codes times scales, and passes as it is: identity. For float32 alone. A value that is not finite makes the scale NaN.
 * state: of the weights' elements, counts; NULL: none. Source: Ma et al., The Era of 1-bit LLMs, 2024, section 2. */
TnValue *tn_tape_ternarize       (TnTape *tape, TnValue *w, const TnScheme *scheme, TnQuantizerState *state);

/* For functions that read them. */
typedef struct
{
  TnTernaryMatrix matrix;
  const float    *scales; /* [out], or one */
  gboolean        per_row;
} TnPackedTernary;

gsize    tn_packed_ternary_bytes (const TnShape *shape); /* G_MAXSIZE on overflow */
void     tn_packed_ternary_get   (TnPackedTernary *self, const TnShape *shape, const void *data);
/* TN_ERROR_ARGUMENT unless input i is made by tn_tape_ternarize(). */
gboolean tn_packed_ternary_check (const TnInference *inference, guint i, GError **error);

G_END_DECLS
