/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/estimators/estimator.h"
#include "engine/autograd/estimators/quantizer-state.h"
#include "engine/autograd/tape.h"

G_BEGIN_DECLS

/* Fake quantization with a straight-through estimator: what comes out are numbers of the scheme's levels, gradients go through as
 * engine/autograd/estimators/estimator.h says. Zeroed options are ternary b1.58 weights by the identity. */
typedef struct
{
  TnScheme          scheme;
  TnEstimator       estimator;
  TnValue          *offset;      /* of lsq+, or fixed beside a fixed scale of identity and clipped: [units]; else NULL */
  TnValue          *lambda;      /* one element, not trained, read at every replay; NULL: 1 */
  TnValue          *temperature; /* of soft: one element, not trained, read at every replay; NULL: 0 */
  double            gradient_scale; /* r of the learned ones; 0: that of the source */
  TnValue         **scales;      /* takes the distances of the levels, [units], no gradient goes into them; or NULL */
  TnQuantizerState *state;       /* of as many elements: counts in float32; outlives the tape. NULL: none */
} TnQuantizeOptions;

/* w: [rows, columns], a vector is one row; the result has its shape. scale: [units], one a tensor, row or group, of the learned estimators (its
 * gradient is theirs) and of soft; of identity and clipped a scale that is fixed, without a gradient; NULL: found from the elements at every
 * replay, in float32 with the bits of tn_quantize_values() and tn_bit_linear_from_float().
 * TN_ERROR_ARGUMENT: what the estimator cannot do, or needs. */
TnValue *tn_tape_quantize_weight     (TnTape *tape, TnValue *w, TnValue *scale, const TnQuantizeOptions *options);
/* x: [..., width]. The same of activations: schemes a token, group or tensor. int8:t without a scale has the bits of
 * tn_int8_rows_quantize() and tn_int8_rows_decode(), with which BitNet's layers run. */
TnValue *tn_tape_quantize_activation (TnTape *tape, TnValue *x, TnValue *scale, const TnQuantizeOptions *options);

G_END_DECLS
