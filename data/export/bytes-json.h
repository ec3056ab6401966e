/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/tokenizers/tokenizer.h"

G_BEGIN_DECLS

/* A tokenizer of bytes as a tokenizer.json that gives the same ids: byte-level, 256 pieces, no merges, and BOS as an added token where it has one.
 * Free with g_free(). */
char *tn_bytes_tokenizer_to_json (TnTokenizer *tokenizer);

G_END_DECLS
