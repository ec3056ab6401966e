/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/bit-linear.h"
#include "engine/quant/quant-params.h"
#include "engine/quant/rounding.h"

G_BEGIN_DECLS

/* How the input of a linear layer is rounded before the product. */
typedef struct
{
  gboolean   rounds; /* FALSE: fp32 as it is */
  TnScheme   scheme; /* per token, group or tensor */
  TnRounding fixed;  /* per tensor only */
  float      offset; /* per tensor only: of what is rounded by it */
} TnInputRounding;

/* params: for a scheme per tensor, else NULL. TN_ERROR_ARGUMENT when the scheme is none for activations of this width; TN_ERROR_DATA:
 * the scale is too large for fp16, where the scheme has it so. */
gboolean tn_input_rounding_init    (TnInputRounding *self, const TnScheme *scheme, const TnQuantParams *params, guint64 width,
                                    GError **error);
/* The int8 activations of BitNet: TnInt8Rows hold what it rounds to. */
gboolean tn_input_rounding_is_int8 (const TnInputRounding *self);
gboolean tn_input_rounding_equal   (const TnInputRounding *a, const TnInputRounding *b);
/* out: [n_rows, width], may be x; fake quantization of every row by itself as tn_quantize_values() has it, or by the fixed scale.
 * Not for int8:t. Runs a parallel region: call on the compute thread. */
void     tn_input_rounding_apply   (const TnInputRounding *self, const float *x, gsize n_rows, gsize width, float *out, guint threads);
/* The same for every scheme, int8:t too, whose codes are multiplied by their scales. */
void     tn_input_rounding_round   (const TnInputRounding *self, const float *x, gsize n_rows, gsize width, float *out, guint threads);

G_END_DECLS
