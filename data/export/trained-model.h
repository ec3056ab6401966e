/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/tokenizers/tokenizer.h"
#include "engine/listener.h"
#include "engine/nn/network.h"

G_BEGIN_DECLS

/* Metadata of networks that are none of the LLaMA family: "mlp" or "cnn"; and how weights and inputs were rounded, as schemes and estimators for people, where any
 * layer did. */
#define TN_TRAINED_ARCHITECTURE_KEY "ternion.arch"
#define TN_TRAINED_ROUNDING_KEY "ternion.rounding"

/* The latent weights of a network as they are now (of the LLaMA family: where scales or factors were learned, the weights as layers multiply by them), as
 * something every command opens: a network of the LLaMA family as a folder of Hugging Face
 * (config.json, model.safetensors in float32, and the tokenizer's file where it has one); another one as "model.safetensors" alone, with its
 * variables under their names and "ternion.arch" in the metadata. Scales of inputs, learned or fixed, are beside the weights of the LLaMA family
 * (data/models/activation-scales.h), unless their levels are not those of an integer scheme, of which an event tells. Written beside and renamed; a folder that is there is replaced if it holds nothing
 * else. tokenizer and listener may be NULL. TN_ERROR_UNSUPPORTED: no architecture of Hugging Face fits; TN_ERROR_IO. */
gboolean tn_trained_model_write (TnNetwork *network, const char *architecture, TnTokenizer *tokenizer, const char *folder,
                                 const TnListener *listener, GError **error);

G_END_DECLS
