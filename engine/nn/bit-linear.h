/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "engine/kernels/int8-rows.h"
#include "engine/quant/scheme.h"
#include "engine/tensor/tensor.h"

G_BEGIN_DECLS

/* The linear layer of BitNet b1.58 (Ma et al., The Era of 1-bit LLMs, 2024, section 2): ternary weights, per-token int8
 * activations, exact integer sums: y[t][o] = ((float) sum_k a[t][k] w[o][k] * token_scale[t]) * weight_scale[o].
 *
 * Its weight is a tensor of dtype PACKED in pool memory [out, in]: codes in the tiles of engine/kernels/ternary.h, 2 bits each, then a
 * scale a tensor (group_size = count) or a row (group_size = in). It decodes to codes times scale; nothing else holds the layer. */

/* TRUE when weights under this scheme can be those of a BitLinear: ternary, a scale a tensor or row. */
gboolean  tn_bit_linear_takes        (const TnScheme *scheme);
/* The codes and scales of the scheme, which tn_bit_linear_takes(): those that tn_quantize_tensor() multiplies out. Streams by row blocks.
 * TN_ERROR_DATA names a row with a value that is not finite, or whose scale is too large for fp16. Runs parallel loops: call on the
 * compute thread. */
TnTensor *tn_bit_linear_from_float   (const TnTensor *weight, const TnScheme *scheme, GCancellable *cancellable, GError **error);
/* Weights that are ternary already, in whatever type: each row holds -s, 0 and +s of one s, the row's scale; one a tensor where all s
 * are the same. TN_ERROR_UNSUPPORTED names the first row where that is not so, TN_ERROR_DATA one with a value that is not finite.
 * Runs parallel loops: call on the compute thread. */
TnTensor *tn_bit_linear_from_ternary (const TnTensor *weight, GCancellable *cancellable, GError **error);
/* Undefined codes and scales, for makers that fill them: data holds tn_ternary_bytes (rows, columns) of tiles, then the scales. */
TnTensor *tn_bit_linear_new          (guint64 rows, guint64 columns, gboolean per_row, GError **error);
float    *tn_bit_linear_get_scales   (TnTensor *weight);
/* TRUE for what these make. */
gboolean  tn_bit_linear_is           (const TnTensor *weight);

/* y: [n_rows, out]. */
typedef struct
{
  const TnTensor *weight;
  float          *y;
} TnBitLinear;

/* Layers that read the same rows; the same bits for any number of threads and rows. scratch: [tn_bit_linear_scratch_bytes()],
 * aligned to 64. Runs a parallel region: call on the compute thread. */
void      tn_bit_linear_forward       (const TnBitLinear *layers, guint n_layers, const TnInt8Rows *x, gsize n_rows, void *scratch,
                                       guint threads);
gsize     tn_bit_linear_scratch_bytes (guint64 columns, guint threads);

G_END_DECLS
