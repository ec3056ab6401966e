/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/tensor/tensor.h"

G_BEGIN_DECLS

/* Ternary layouts of model files as tensors that decode to code times scale; code 3, which stands for nothing, to NaN. source is
 * mapped and has been checked by the caller; each takes a reference on it. Any thread. */

/* Hugging Face's packing of rows x columns: U8 [ceil (rows / 4), columns], four rows a byte with ceil (rows / 4) between them:
 * bits 2i .. 2i + 1 of byte (r, c) are the code of row i ceil (rows / 4) + r, plus one. Source: transformers, pack_weights(). */
TnTensor *tn_ternary_tensor_new_huggingface (TnTensor *source, guint64 rows, float scale);
/* I2_S as bitnet.cpp writes it for x86: blocks of 128 elements in 32 bytes, element 32 g + p in bits 6 - 2g .. 7 - 2g of byte p;
 * behind them the scale in fp32. count must be a multiple of 128. Source: microsoft/BitNet, src/ggml-bitnet-mad.cpp. */
TnTensor *tn_ternary_tensor_new_i2_s        (TnTensor *source);
/* Any tensor that can be decoded, times a factor. */
TnTensor *tn_scaled_tensor_new              (TnTensor *source, float factor);

G_END_DECLS
