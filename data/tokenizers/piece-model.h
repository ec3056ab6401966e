/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/tokenizers/tokenizer-private.h"

G_BEGIN_DECLS

/* Tokenizers whose symbols are characters, as SentencePiece has them: spaces are part of the pieces, neighbours merge by score or by a list of
 * merges, and what is in no piece falls back to its bytes. Texts of the vocabulary spell ▁ as a space. */
typedef struct
{
  TnMergeTable *merges;
  gint32        ascii[128];     /* symbols of one byte; -1: none */
  gint32        fallback[256];  /* tokens of the bytes of characters that have no symbol; -1: none */
  gint32        unknown;        /* token of what has no fallback either; -1: that is an error */
  gboolean      fuse_unknown;   /* several of them in a row are one */
  gboolean      prefix_space;   /* a fragment gets a space in front */
  gboolean      only_if_none;   /* … unless it starts with one */
  gboolean      only_first;     /* … and only the fragment that starts the text */
  gboolean      split_words;    /* nothing merges with a space behind it */
  gboolean      escape;         /* ▁ in text is the same as a space */
} TnPieceModel;

extern const TnTokenizerClass tn_piece_class_scores; /* "spm" */
extern const TnTokenizerClass tn_piece_class_merges; /* "bpe" */

TnPieceModel *tn_piece_model_new        (void);
void          tn_piece_model_free       (TnPieceModel *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnPieceModel, tn_piece_model_free)
/* Appends indexed entries for characters that occur in indexed texts and have none: they are symbols that only merges make tokens of. */
gboolean      tn_piece_model_add_characters (TnVocabulary *vocabulary);
/* Every way to put one of the first n entries together from two others, the greatest score first. Entries that are not indexed and scores that do
 * not exceed lowest are left out. */
void          tn_piece_model_add_scores (TnPieceModel *self, const TnVocabulary *vocabulary, const float *scores, guint n, float lowest);
/* Call when vocabulary and merges are complete. */
void          tn_piece_model_finish     (TnPieceModel *self, const TnVocabulary *vocabulary);

G_END_DECLS
