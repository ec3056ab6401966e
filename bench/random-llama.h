/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/model.h"

G_BEGIN_DECLS

/* Models of the shape of LLaMA with random weights, and batches of random tokens for them: always the same ones. */

/* Heads of 64, a quarter of them for keys and values, a feed-forward layer 8/3 as wide, a vocabulary of 4096. width is a multiple of 64. */
TnLlamaConfig tn_random_llama_config (guint width, guint n_layer, guint n_context);
/* Matrices of dtype (f32, f16, bf16), uniform, of the size their width wants. */
TnModel      *tn_random_llama_new    (const TnLlamaConfig *config, TnDtype dtype, GError **error);
/* n sequences of length inputs with as many targets. */
TnBatch      *tn_random_batch_new    (guint n, guint length, guint n_vocab);

G_END_DECLS
