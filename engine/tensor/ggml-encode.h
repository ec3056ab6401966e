/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "engine/tensor/dtype.h"

G_BEGIN_DECLS

/* n_blocks whole blocks of a GGUF block form (Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, TQ1_0, TQ2_0) from float32, byte for byte what the
 * reference quantizers of ggml write; out at any alignment.
 * TQ1_0 and TQ2_0 take the largest magnitude of a block as its level, which is right only for values that are ternary already:
 * tn_ggml_encode_codes() says what is meant.
 * TN_ERROR_DATA: an element is not finite (the reference would write anything), or a scale is beyond a half's 65504. A scale below
 * a half's 2^-25 is stored as 0, as the reference does: the block then stands for zeros.
 * On failure the contents of out are undefined. Threads: any. */
gboolean tn_ggml_encode_blocks (TnDtype dtype, const float *x, gsize n_blocks, void *out, GError **error);

/* The same from codes, x = code * scale, so that what a scheme rounded is stored as it is. Q4_0: codes -8 .. 7, Q5_0: -16 .. 15,
 * Q8_0: -128 .. 127, TQ1_0 and TQ2_0: -1 .. 1. scales: one for every blocks_per_scale blocks (the last may have fewer), stored as
 * halves rounded to nearest even: what is read back is tn_f16_to_f32 (tn_f32_to_f16 (scale)). A ternary block of zeros gets the
 * scale 0, as the reference gives it.
 * TN_ERROR_DATA: a code out of range, a scale that is not finite, that is beyond 65504, or that is not 0 and would become 0. */
gboolean tn_ggml_encode_codes  (TnDtype dtype, const gint8 *codes, gsize n_blocks, const float *scales, gsize blocks_per_scale,
                                void *out, GError **error);

G_END_DECLS
