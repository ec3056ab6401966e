/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/tape.h"

G_BEGIN_DECLS

/* What the products of the backward pass are made with. */
typedef enum
{
  /* fp32: the gradient of fake quantization, to rounding. */
  TN_BACKWARD_FP32,
  /* Factors rounded to bf16 (codes are exact there, and scales multiply the other factor before), sums in fp32. Emulated: as fast as fp32;
   * it shows what a processor with products of bf16 would give. */
  TN_BACKWARD_BF16,
  /* Integers: gradients as int8 rounded at random, a scale a token for dx and a scale an output and 512 tokens for dw: right in the mean,
   * engine/kernels/stochastic-rows.h and token-product.h. */
  TN_BACKWARD_INT8,
  TN_N_BACKWARDS
} TnBackward;

/* "fp32", "bf16", "int8". TN_ERROR_ARGUMENT names them. */
gboolean    tn_backward_parse    (const char *name, TnBackward *backward, GError **error);
const char *tn_backward_get_name (TnBackward self);

typedef struct
{
  TnBackward of_input, of_weight;
  guint64    seed; /* of random rounding, with the step: another for every layer */
} TnBitLinearOptions;

/* BitNet's linear layer on packed numbers: y [..., out] = a W^T, a = x [..., in] of tn_tape_quantize_rows() (codes q, scales t), W of
 * tn_tape_ternarize() (codes c, scales s): y = ((float) sum_k q_k c_ok * t) * s, exact integers, the bits of tn_bit_linear_forward(). What is
 * kept for the backward pass are the packed numbers: a quarter and a sixteenth of fp32.
 * Backward: da = g W (the gradient of x), dW = g^T a (that of w), both by the identity: what fake quantization in fp32 gives.
 * Source: Ma et al., The Era of 1-bit LLMs, 2024, section 2. For float32 alone. options NULL: fp32. */
TnValue *tn_tape_bit_linear (TnTape *tape, TnValue *x, TnValue *w, const TnBitLinearOptions *options);

G_END_DECLS
