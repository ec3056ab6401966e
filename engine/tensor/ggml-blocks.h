/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "engine/tensor/dtype.h"

G_BEGIN_DECLS

/* n_blocks whole blocks of a GGUF block form (Q4_0 … TQ2_0), at any alignment, to float32, with the arithmetic of the
 * reference decoders: bit for bit. */
void tn_ggml_decode_blocks (TnDtype dtype, const void *source, gsize n_blocks, float *out);

G_END_DECLS
