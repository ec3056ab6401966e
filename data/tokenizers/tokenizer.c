/* SPDX-License-Identifier: Apache-2.0 */
#include "data/tokenizers/tokenizer.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "data/tokenizers/tokenizer-private.h"
#include "data/tokenizers/utf8.h"
#include "engine/error.h"

/* Symbols are counted in 32 bits, and so are the ends of matches of GRegex. */
#define MAX_TEXT (G_MAXINT32 / 2)

static void
free_scratch (gpointer data)
{
  TnEncodeScratch *scratch = data;

  tn_symbols_clear (&scratch->symbols);
  tn_word_cache_free (scratch->words);
  g_string_free (scratch->text, TRUE);
  g_free (scratch);
}

static TnEncodeScratch *
take_scratch (TnTokenizer *self)
{
  TnEncodeScratch *scratch = NULL;

  g_mutex_lock (&self->lock);
  if (self->scratches->len > 0)
    scratch = g_ptr_array_steal_index_fast (self->scratches, self->scratches->len - 1);
  g_mutex_unlock (&self->lock);
  if (scratch == NULL)
    {
      scratch = g_new0 (TnEncodeScratch, 1);
      scratch->words = tn_word_cache_new ();
      scratch->text = g_string_new (NULL);
    }
  return scratch;
}

static void
give_scratch_back (TnTokenizer *self, TnEncodeScratch *scratch)
{
  g_mutex_lock (&self->lock);
  g_ptr_array_add (self->scratches, scratch);
  g_mutex_unlock (&self->lock);
}

TnTokenizer *
tn_tokenizer_new_take (const TnTokenizerClass *klass, gpointer model, TnVocabulary *vocabulary, guint size)
{
  TnTokenizer *self = g_new0 (TnTokenizer, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->klass = klass;
  self->model = model;
  self->vocabulary = vocabulary;
  self->size = size;
  self->bos = self->eos = -1;
  g_mutex_init (&self->lock);
  self->scratches = g_ptr_array_new_with_free_func (free_scratch);
  return self;
}

TnTokenizer *
tn_tokenizer_ref (TnTokenizer *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
tn_tokenizer_unref (TnTokenizer *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;
  if (self->klass->free_model != NULL)
    self->klass->free_model (self->model);
  tn_vocabulary_free (self->vocabulary);
  tn_added_tokens_free (self->added);
  g_free (self->path);
  g_ptr_array_unref (self->scratches);
  g_mutex_clear (&self->lock);
  g_free (self);
}

const char *
tn_tokenizer_get_kind (TnTokenizer *self)
{
  return self->klass->kind;
}

guint
tn_tokenizer_get_size (TnTokenizer *self)
{
  return self->size;
}

gint32
tn_tokenizer_get_bos (TnTokenizer *self)
{
  return self->bos;
}

gint32
tn_tokenizer_get_eos (TnTokenizer *self)
{
  return self->eos;
}

static gboolean
encode_fragments (TnTokenizer *self, TnEncodeScratch *scratch, const char *text, gsize bytes, GArray *ids, GError **error)
{
  gsize done = 0, start, end;
  gint32 id;

  while (self->added != NULL && (id = tn_added_tokens_next (self->added, text, bytes, done, &start, &end)) >= 0)
    {
      if (start > done && !self->klass->encode (self, scratch, text + done, start - done, done, ids, error))
        return FALSE;
      g_array_append_val (ids, id);
      done = end;
    }
  return done == bytes || self->klass->encode (self, scratch, text + done, bytes - done, done, ids, error);
}

gboolean
tn_tokenizer_encode (TnTokenizer *self, const char *text, gsize bytes, gboolean bos, GArray *ids, GError **error)
{
  guint n_before = ids->len;
  gsize valid = self->klass->any_bytes ? bytes : tn_utf8_valid_prefix (text, bytes);
  TnEncodeScratch *scratch;
  gboolean done;

  if (valid != bytes)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("the text is not UTF-8: byte 0x%02x at offset %zu"),
                   (guint8) text[valid], valid);
      return FALSE;
    }
  if (bytes > MAX_TEXT)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("a text of %zu bytes, expected at most %d"), bytes,
                   MAX_TEXT);
      return FALSE;
    }
  if (bos && self->bos >= 0)
    g_array_append_val (ids, self->bos);
  scratch = take_scratch (self);
  done = encode_fragments (self, scratch, text, bytes, ids, error);
  give_scratch_back (self, scratch);
  if (!done)
    g_array_set_size (ids, n_before);
  return done;
}

gboolean
tn_tokenizer_decode (TnTokenizer *self, gint32 id, GString *out, GError **error)
{
  const char *text;
  gsize bytes;

  if (id < 0 || (guint) id >= self->size)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("token %d is outside the vocabulary of %u tokens"), id, self->size);
      return FALSE;
    }
  text = tn_vocabulary_get_text (self->vocabulary, id, &bytes);
  g_string_append_len (out, text, (gssize) bytes);
  return TRUE;
}

const char *
tn_tokenizer_get_piece (TnTokenizer *self, gint32 id)
{
  if (id < 0 || (guint) id >= self->size)
    return NULL;
  return tn_vocabulary_get_piece (self->vocabulary, id);
}

gint
tn_tokenizer_byte_of_piece (const char *piece, gsize bytes)
{
  gint high, low;

  if (bytes != 6 || memcmp (piece, "<0x", 3) != 0 || piece[5] != '>')
    return -1;
  high = g_ascii_xdigit_value (piece[3]);
  low = g_ascii_xdigit_value (piece[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}
