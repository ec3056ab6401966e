/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/model.h"

/* A model of the LLaMA family with random weights of one dtype (f32, f16 or bf16; norms stay f32). With squared ReLU it has
 * the inner norms of BitNet's models, with base 500000 the frequency factors of Llama 3.1's. */
TnModel *llama_fixture_new (const TnLlamaConfig *config, TnDtype dtype, guint64 seed);

/* stories260K as llama2.c's version 0 stores it, read by the fixture itself; NULL after marking the test as skipped. */
TnModel *llama_fixture_stories (void);
/* What is said about it: the 64 tokens of greedy generation from BOS. */
GArray  *llama_fixture_stories_greedy (void);

/* The slow obvious forward pass, everything in double, one sequence; inputs are rounded and BitLinear layers computed as the model's layers
 * do it. Gives the values of a site: [length, width]; it goes on from what func leaves there. */
typedef void (*LlamaReferenceFunc) (const char *site, double *x, guint width, gpointer user_data);
void     llama_fixture_reference (TnModel *model, const gint32 *tokens, guint length, LlamaReferenceFunc func, gpointer user_data);

/* Random sequences with targets, some of them -1. */
TnBatch *llama_fixture_batch (const TnLlamaConfig *config, const guint *lengths, guint n, guint64 seed);
