/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/tokenizers/tokenizer.h"

G_BEGIN_DECLS

/* What tokens say, for people: valid UTF-8; tokens cut characters in two, and what is left of one at either end becomes a replacement character.
 * tokenizer NULL: the ids, a space behind each. Free with g_free(). */
char *tn_token_text     (TnTokenizer *tokenizer, const gint32 *tokens, guint n);
/* Of one that says nothing, such as the beginning of a text, its piece: "<s>". */
char *tn_token_text_one (TnTokenizer *tokenizer, gint32 token);

G_END_DECLS
