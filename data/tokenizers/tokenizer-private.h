/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/models/gguf.h"
#include "data/tokenizers/added-tokens.h"
#include "data/tokenizers/merge-table.h"
#include "data/tokenizers/tokenizer.h"
#include "data/tokenizers/vocabulary.h"
#include "data/tokenizers/word-cache.h"

G_BEGIN_DECLS

/* What one call of encode works with; the tokenizer keeps some, so that words seen in one text are known in the next. */
typedef struct
{
  TnSymbols    symbols;
  TnWordCache *words;
  GString     *text; /* the fragment after normalization */
} TnEncodeScratch;

/* How a kind of tokenizer encodes and what it keeps. */
typedef struct
{
  const char *kind;
  /* Appends the ids of a fragment that holds no added token. offset: where it starts in the text, for messages. */
  gboolean (*encode) (TnTokenizer *self, TnEncodeScratch *scratch, const char *text, gsize bytes, gsize offset, GArray *ids, GError **error);
  void     (*free_model) (gpointer model);
  gboolean any_bytes; /* text need not be UTF-8 */
} TnTokenizerClass;

/* What a tokenizer was read from. */
typedef enum
{
  TN_TOKENIZER_BYTES, /* nothing */
  TN_TOKENIZER_GGUF,
  TN_TOKENIZER_HUGGINGFACE,
  TN_TOKENIZER_LLAMA2C,
} TnTokenizerSource;

struct _TnTokenizer
{
  gatomicrefcount         ref_count;
  const TnTokenizerClass *klass;
  gpointer                model;
  TnVocabulary           *vocabulary; /* entries from size on have no id of their own */
  guint                   size;
  gint32                  bos, eos;   /* -1: none */
  TnAddedTokens          *added;      /* NULL: none */
  TnTokenizerSource       source;
  char                   *path;       /* of that file; NULL for BYTES, and for what is embedded in a model */
  GMutex                  lock;
  GPtrArray              *scratches;  /* not in use */
};

/* Takes the model and the vocabulary, whose first size entries are the tokens. */
TnTokenizer *tn_tokenizer_new_take (const TnTokenizerClass *klass, gpointer model, TnVocabulary *vocabulary, guint size);

/* The readers of each kind of file; name is for messages. */
TnTokenizer *tn_tokenizer_parse_llama2c     (const char *name, const guint8 *data, gsize size, GError **error);
TnTokenizer *tn_tokenizer_parse_gguf        (const char *name, TnGguf *file, GError **error);
TnTokenizer *tn_tokenizer_parse_huggingface (const char *name, const char *text, gsize size, GError **error);

/* -1, or the byte that a piece of the form <0x0A> stands for. */
gint         tn_tokenizer_byte_of_piece     (const char *piece, gsize bytes);

G_END_DECLS
