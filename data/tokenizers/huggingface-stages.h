/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/files/json-reader.h"
#include "data/tokenizers/text-splitter.h"

G_BEGIN_DECLS

/* What a tokenizer.json does to text before and behind its model. */
typedef struct
{
  gboolean        byte_level;   /* the model works on bytes spelled as characters, else on characters with ▁ for space */
  TnTextSplitter *splitter;     /* byte_level: words */
  int             normal_form;  /* GNormalizeMode, -1: none */
  gboolean        prefix_space;
  gboolean        only_if_none; /* no second space in front of one */
  gboolean        only_first;   /* only where the text starts */
  gboolean        split_words;
  gboolean        replace_space; /* spaces become ▁ */
  gint32          bos, eos;     /* what the template puts around a text; -1: nothing */
} TnHuggingfaceStages;

void     tn_huggingface_stages_clear (TnHuggingfaceStages *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TnHuggingfaceStages, tn_huggingface_stages_clear)
/* Reads normalizer, pre_tokenizer and post_processor of the file's root. TN_ERROR_UNSUPPORTED names what is not known. self is cleared by the
 * caller in any case. */
gboolean tn_huggingface_stages_read  (TnHuggingfaceStages *self, const TnJsonNode *root, const char *name, GError **error);

G_END_DECLS
