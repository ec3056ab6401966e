/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/files/json-reader.h"
#include "data/tokenizers/gguf-form.h"

G_BEGIN_DECLS

/* Types of tokens as GGUF numbers them. */
typedef enum
{
  TN_GGUF_TOKEN_NORMAL = 1,
  TN_GGUF_TOKEN_UNKNOWN = 2,
  TN_GGUF_TOKEN_CONTROL = 3,
  TN_GGUF_TOKEN_USER_DEFINED = 4,
  TN_GGUF_TOKEN_UNUSED = 5,
  TN_GGUF_TOKEN_BYTE = 6,
} TnGgufTokenType;

/* Scores that stand for the merges of a tokenizer.json whose tokens have been added. FALSE: there are none. Merges of characters come from
 * SentencePiece, which has a score for every piece and merges any two neighbours that make one; so there have to be a merge for every way to put a
 * piece together, and those of a piece have to follow each other. */
gboolean tn_gguf_form_score_merges (TnGgufTokenizer *self, const TnJsonNode *merges);
/* The two parts of a merge, "left right" or ["left", "right"]; FALSE when it is neither. Free both with g_free(). */
gboolean tn_gguf_form_get_merge    (const TnJsonNode *merge, char **left, char **right);

G_END_DECLS
