/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/tokenizers/text-splitter.h"
#include "data/tokenizers/tokenizer-private.h"

G_BEGIN_DECLS

/* Byte-level byte-pair encoding: text is cut into words, the bytes of a word are the first symbols. Texts of the vocabulary are the raw bytes. */
typedef struct
{
  TnMergeTable   *merges;
  TnTextSplitter *splitter;
  gint32          bytes[256];    /* -1: no token has this byte alone */
  gint32          unknown;       /* token of such a byte; -1: that is an error */
  gboolean        fuse_unknown;
  gboolean        ignore_merges; /* a word that is a token is taken as it is */
  gboolean        prefix_space;  /* a fragment that does not start with a space gets one */
  int             normal_form;   /* GNormalizeMode, or -1 */
} TnBytePairModel;

extern const TnTokenizerClass tn_byte_pair_class; /* "bpe" */

TnBytePairModel *tn_byte_pair_model_new    (void);
void             tn_byte_pair_model_free   (TnBytePairModel *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnBytePairModel, tn_byte_pair_model_free)
/* Call when the vocabulary is complete. */
void             tn_byte_pair_model_finish (TnBytePairModel *self, const TnVocabulary *vocabulary);

/* left and right (texts) merge with this rank. With add_missing, parts and results that the vocabulary lacks are added to it as symbols without a
 * token; else FALSE, and missing says which it lacks: 0 left, 1 right, 2 both together. Empty parts are always missing. */
gboolean         tn_byte_pair_add_merge    (TnMergeTable *merges, TnVocabulary *vocabulary, const char *left, gsize left_bytes,
                                            const char *right, gsize right_bytes, guint32 rank, gboolean add_missing, guint *missing);

G_END_DECLS
