/* SPDX-License-Identifier: Apache-2.0 */
#include "data/tokenizers/byte-pair-model.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "data/tokenizers/utf8.h"
#include "engine/error.h"

/* What the words of one fragment are handed to. */
typedef struct
{
  TnTokenizer *tokenizer;
  TnEncodeScratch *scratch;
  GArray *ids;
  gint missing_byte; /* -1: none */
} Words;

TnBytePairModel *
tn_byte_pair_model_new (void)
{
  TnBytePairModel *self = g_new0 (TnBytePairModel, 1);

  self->merges = tn_merge_table_new ();
  self->splitter = tn_text_splitter_new ();
  memset (self->bytes, 0xff, sizeof self->bytes);
  self->unknown = -1;
  self->normal_form = -1;
  return self;
}

void
tn_byte_pair_model_free (TnBytePairModel *self)
{
  if (self == NULL)
    return;
  tn_merge_table_free (self->merges);
  tn_text_splitter_free (self->splitter);
  g_free (self);
}

void
tn_byte_pair_model_finish (TnBytePairModel *self, const TnVocabulary *vocabulary)
{
  for (guint byte = 0; byte < 256; byte++)
    {
      char text = (char) byte;

      self->bytes[byte] = tn_vocabulary_find (vocabulary, &text, 1);
    }
}

static gint32
find_or_add (TnVocabulary *vocabulary, const char *text, gsize bytes, gboolean add)
{
  gint32 id = tn_vocabulary_find (vocabulary, text, bytes);

  if (id < 0 && add)
    {
      id = tn_vocabulary_add (vocabulary, "", 0, text, bytes);
      if (id >= 0)
        tn_vocabulary_index (vocabulary, id);
    }
  return id;
}

gboolean
tn_byte_pair_add_merge (TnMergeTable *merges, TnVocabulary *vocabulary, const char *left, gsize left_bytes, const char *right,
                        gsize right_bytes, guint32 rank, gboolean add_missing, guint *missing)
{
  g_autofree char *both = g_malloc (left_bytes + right_bytes + 1);
  const char *texts[3] = {left, right, both};
  gsize bytes[3] = {left_bytes, right_bytes, left_bytes + right_bytes};
  gint32 ids[3];

  if (left_bytes == 0 || right_bytes == 0)
    {
      *missing = left_bytes == 0 ? 0 : 1;
      return FALSE;
    }
  memcpy (both, left, left_bytes);
  memcpy (both + left_bytes, right, right_bytes);
  for (guint i = 0; i < 3; i++)
    {
      ids[i] = find_or_add (vocabulary, texts[i], bytes[i], add_missing);
      *missing = i;
      if (ids[i] < 0)
        return FALSE;
    }
  tn_merge_table_add (merges, ids[0], ids[1], rank, ids[2], (guint8) left[left_bytes - 1], (guint8) right[0]);
  return TRUE;
}

static void
append_bytes (Words *words, const char *text, gsize bytes)
{
  const TnBytePairModel *self = words->tokenizer->model;

  for (gsize i = 0; i < bytes; i++)
    {
      gint32 id = self->bytes[(guint8) text[i]];

      if (id < 0 || (guint) id >= words->tokenizer->size)
        id = self->unknown;
      if (id < 0)
        words->missing_byte = (guint8) text[i];
      else
        g_array_append_val (words->ids, id);
    }
}

static void
encode_word (const char *word, gsize bytes, gpointer user_data)
{
  Words *words = user_data;
  const TnBytePairModel *self = words->tokenizer->model;
  TnSymbols *symbols = &words->scratch->symbols;
  guint n;
  const gint32 *known = tn_word_cache_find (words->scratch->words, word, bytes, &n);
  gint32 whole = -1;

  if (known != NULL)
    {
      g_array_append_vals (words->ids, known, n);
      return;
    }
  n = words->ids->len;
  if (self->ignore_merges)
    whole = tn_vocabulary_find (words->tokenizer->vocabulary, word, bytes);
  symbols->n = 0;
  if (whole >= 0 && (guint) whole < words->tokenizer->size)
    tn_symbols_append (symbols, whole, 0);
  else
    {
      for (gsize i = 0; i < bytes; i++)
        tn_symbols_append (symbols, self->bytes[(guint8) word[i]], (guint32) i);
      tn_merge_table_run (self->merges, symbols);
    }
  for (guint k = 0; k < symbols->n; k++)
    {
      gsize start = symbols->starts[k], end = k + 1 < symbols->n ? symbols->starts[k + 1] : bytes;

      if (symbols->ids[k] >= 0 && (guint) symbols->ids[k] < words->tokenizer->size)
        g_array_append_val (words->ids, symbols->ids[k]);
      else
        append_bytes (words, word + start, end - start);
    }
  if (words->missing_byte < 0)
    tn_word_cache_store (words->scratch->words, word, bytes, &g_array_index (words->ids, gint32, n), words->ids->len - n);
}

/* GLib's normalization ends at a NUL, so the parts between them are done one by one. ASCII has only one form. */
static void
normalize (const TnBytePairModel *self, GString *out, const char *text, gsize bytes)
{
  gboolean ascii = TRUE;

  g_string_truncate (out, 0);
  if (self->prefix_space && text[0] != ' ')
    g_string_append_c (out, ' ');
  for (gsize i = 0; i < bytes && ascii; i++)
    ascii = (guint8) text[i] < 0x80;
  if (self->normal_form < 0 || ascii)
    {
      g_string_append_len (out, text, (gssize) bytes);
      return;
    }
  for (gsize i = 0, length; i < bytes; i += length + 1)
    {
      g_autofree char *part = NULL;

      length = strnlen (text + i, bytes - i);
      part = g_utf8_normalize (text + i, (gssize) length, (GNormalizeMode) self->normal_form);
      if (i > 0)
        g_string_append_c (out, '\0');
      if (part != NULL)
        g_string_append (out, part);
    }
  if (text[bytes - 1] == '\0')
    g_string_append_c (out, '\0');
}

static gboolean
encode (TnTokenizer *tokenizer, TnEncodeScratch *scratch, const char *text, gsize bytes, gsize offset, GArray *ids,
        GError **error)
{
  const TnBytePairModel *self = tokenizer->model;
  Words words = {.tokenizer = tokenizer, .scratch = scratch, .ids = ids, .missing_byte = -1};
  guint first = ids->len, kept = first;

  if (self->normal_form >= 0 || self->prefix_space)
    {
      normalize (self, scratch->text, text, bytes);
      text = scratch->text->str;
      bytes = scratch->text->len;
    }
  if (!tn_text_splitter_run (self->splitter, text, bytes, encode_word, &words, error))
    return FALSE;
  if (words.missing_byte >= 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA,
                   _ ("the vocabulary of %u tokens has none for byte 0x%02x, which the text holds"), tokenizer->size,
                   (guint) words.missing_byte);
      return FALSE;
    }
  for (guint i = first; self->fuse_unknown && i < ids->len; i++)
    {
      gint32 id = g_array_index (ids, gint32, i);

      if (id != self->unknown || kept == first || g_array_index (ids, gint32, kept - 1) != id)
        g_array_index (ids, gint32, kept++) = id;
    }
  if (self->fuse_unknown)
    g_array_set_size (ids, kept);
  return TRUE;
}

static void
free_model (gpointer model)
{
  tn_byte_pair_model_free (model);
}

const TnTokenizerClass tn_byte_pair_class = {.kind = "bpe", .encode = encode, .free_model = free_model};
