/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Cuts text into the words that byte-pair merging works on, as the named tokenizers' regular expressions do. A splitter is a chain: each link
 * cuts what the one before has left. Read-only after it is filled, any thread. */
typedef struct _TnTextSplitter TnTextSplitter;

typedef enum
{
  TN_SPLIT_GPT2,   /* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
  TN_SPLIT_LLAMA3, /* (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+ */
  TN_SPLIT_QWEN2,  /* the same with \p{N} for \p{N}{1,3} */
  TN_SPLIT_DIGIT,  /* every \p{N} by itself */
  TN_SPLIT_DIGITS, /* runs of \p{N} */
} TnSplitRule;

typedef void (*TnWordFunc) (const char *word, gsize bytes, gpointer user_data);

TnTextSplitter *tn_text_splitter_new       (void);
void            tn_text_splitter_free      (TnTextSplitter *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnTextSplitter, tn_text_splitter_free)
void            tn_text_splitter_add_rule  (TnTextSplitter *self, TnSplitRule rule);
/* One of the known expressions by its text, else a general one (matches and what lies between them become words).
 * TN_ERROR_FORMAT: not a regular expression. */
gboolean        tn_text_splitter_add_regex (TnTextSplitter *self, const char *regex, GError **error);
/* TRUE: one of the known expressions. */
gboolean        tn_text_splitter_knows     (const char *regex);
guint           tn_text_splitter_n_links   (const TnTextSplitter *self);
/* The rule of a link; -1: a general expression. */
int             tn_text_splitter_get_rule  (const TnTextSplitter *self, guint link);
/* Calls word for every part of text, which is valid UTF-8, in order; they cover it without gaps. TN_ERROR_DATA: a general expression gave up. */
gboolean        tn_text_splitter_run       (const TnTextSplitter *self, const char *text, gsize bytes, TnWordFunc word, gpointer user_data,
                                            GError **error);

G_END_DECLS
