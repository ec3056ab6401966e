/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Tokens that are taken out of the text before anything else is done with it, as a whole and literally: the leftmost first, of those that
 * start at one place the longest. Filled by one thread, then read by any. */
typedef struct _TnAddedTokens TnAddedTokens;

typedef enum
{
  TN_ADDED_TOKEN_PLAIN = 0,
  TN_ADDED_TOKEN_STRIP_LEFT = 1 << 0,  /* takes the white space before it along */
  TN_ADDED_TOKEN_STRIP_RIGHT = 1 << 1, /* and behind it */
  TN_ADDED_TOKEN_SINGLE_WORD = 1 << 2, /* not inside a word */
} TnAddedTokenFlags;

TnAddedTokens *tn_added_tokens_new  (void);
void           tn_added_tokens_free (TnAddedTokens *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnAddedTokens, tn_added_tokens_free)
/* Empty contents never match; of equal contents the first counts. FALSE: too long or too many. */
gboolean       tn_added_tokens_add  (TnAddedTokens *self, const char *content, gsize bytes, gint32 id, TnAddedTokenFlags flags);
/* The next one in text at or behind from: its id and what it takes, [start, end). -1: there is none. */
gint32         tn_added_tokens_next (const TnAddedTokens *self, const char *text, gsize bytes, gsize from, gsize *start, gsize *end);

G_END_DECLS
