/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/tokenizers/tokenizer.h"

G_BEGIN_DECLS

/* A tokenizer as GGUF's keys spell it. */
typedef struct
{
  const char *model;   /* tokenizer.ggml.model: "llama" or "gpt2" */
  const char *pre;     /* tokenizer.ggml.pre, or NULL */
  GPtrArray  *tokens;  /* GString: any bytes */
  GArray     *types;   /* gint32 */
  GArray     *scores;  /* float; empty for gpt2 */
  GPtrArray  *merges;  /* char *; empty for llama */
  gint32      bos, eos, unknown; /* -1: none */
  gboolean    add_bos;
  gboolean    no_space_prefix; /* tokenizer.ggml.add_space_prefix is false; llama only */
} TnGgufTokenizer;

void     tn_gguf_tokenizer_clear    (TnGgufTokenizer *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TnGgufTokenizer, tn_gguf_tokenizer_clear)
/* n_vocab: of the model; tokens that the tokenizer lacks are filled up as unused. TN_ERROR_UNSUPPORTED says what GGUF cannot express.
 * self is cleared by the caller in any case. */
gboolean tn_tokenizer_get_gguf_form (TnTokenizer *tokenizer, guint n_vocab, TnGgufTokenizer *self, GError **error);
/* The file it was read from; NULL for none, and for what is embedded in a model. */
const char *tn_tokenizer_get_path      (TnTokenizer *self);
/* The same where that is a tokenizer.json or a GGUF file; else NULL. */
const char *tn_tokenizer_get_json_path (TnTokenizer *self);
const char *tn_tokenizer_get_gguf_path (TnTokenizer *self);

G_END_DECLS
