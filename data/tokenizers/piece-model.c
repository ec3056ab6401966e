/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memmem() */
#include "data/tokenizers/piece-model.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "data/tokenizers/utf8.h"
#include "engine/error.h"

#define LOWER_ONE_EIGHTH "\xe2\x96\x81"

TnPieceModel *
tn_piece_model_new (void)
{
  TnPieceModel *self = g_new0 (TnPieceModel, 1);

  self->merges = tn_merge_table_new ();
  memset (self->ascii, 0xff, sizeof self->ascii);
  memset (self->fallback, 0xff, sizeof self->fallback);
  self->unknown = -1;
  return self;
}

void
tn_piece_model_free (TnPieceModel *self)
{
  if (self == NULL)
    return;
  tn_merge_table_free (self->merges);
  g_free (self);
}

gboolean
tn_piece_model_add_characters (TnVocabulary *vocabulary)
{
  guint n = tn_vocabulary_get_size (vocabulary);

  for (guint id = 0; id < n; id++)
    {
      gsize bytes;
      const char *text = tn_vocabulary_get_text (vocabulary, (gint32) id, &bytes);

      if (tn_vocabulary_find (vocabulary, text, bytes) != (gint32) id || tn_utf8_valid_prefix (text, bytes) != bytes)
        continue;
      for (gsize i = 0, length; i < bytes; i += length)
        {
          char character[4] = {0};
          gint32 added;

          length = tn_utf8_length ((guint8) text[i]);
          if (length == bytes || tn_vocabulary_find (vocabulary, text + i, length) >= 0)
            continue;
          memcpy (character, text + i, length);
          added = tn_vocabulary_add (vocabulary, "", 0, character, length);
          if (added < 0)
            return FALSE;
          tn_vocabulary_index (vocabulary, added);
          text = tn_vocabulary_get_text (vocabulary, (gint32) id, &bytes); /* it may have moved */
        }
    }
  return TRUE;
}

void
tn_piece_model_add_scores (TnPieceModel *self, const TnVocabulary *vocabulary, const float *scores, guint n, float lowest)
{
  for (guint id = 0; id < n; id++)
    {
      gsize bytes;
      const char *text = tn_vocabulary_get_text (vocabulary, (gint32) id, &bytes);
      guint64 whole = 0, head = 0, power = 1;
      guint32 priority = tn_merge_priority_of_score (scores[id]);

      if (bytes < 2 || scores[id] <= lowest || tn_vocabulary_find (vocabulary, text, bytes) != (gint32) id)
        continue;
      for (gsize i = 0; i < bytes; i++)
        {
          whole = tn_vocabulary_hash_byte (whole, (guint8) text[i]);
          power = i > 0 ? tn_vocabulary_hash_power (power) : power;
        }
      /* At the cut behind byte i, power is that of the bytes which follow. */
      for (gsize i = 1; i < bytes; i++)
        {
          gint32 left, right;

          head = tn_vocabulary_hash_byte (head, (guint8) text[i - 1]);
          left = tn_utf8_is_tail ((guint8) text[i]) ? -1 : tn_vocabulary_find_hash (vocabulary, head, text, i);
          right = left < 0
                      ? -1
                      : tn_vocabulary_find_hash (vocabulary, tn_vocabulary_hash_tail (whole, head, power), text + i, bytes - i);
          if (right >= 0)
            tn_merge_table_add (self->merges, left, right, priority, (gint32) id, (guint8) text[i - 1], (guint8) text[i]);
          power = tn_vocabulary_hash_unpower (power);
        }
    }
}

void
tn_piece_model_finish (TnPieceModel *self, const TnVocabulary *vocabulary)
{
  for (guint c = 0; c < 128; c++)
    {
      char text = (char) c;

      self->ascii[c] = tn_vocabulary_find (vocabulary, &text, 1);
    }
}

static void
normalize (const TnPieceModel *self, GString *out, const char *text, gsize bytes, gboolean first)
{
  const char *end = text + bytes;

  g_string_truncate (out, 0);
  if (self->prefix_space && (first || !self->only_first) &&
      !(self->only_if_none && (text[0] == ' ' || g_str_has_prefix (text, LOWER_ONE_EIGHTH))))
    g_string_append_c (out, ' ');
  while (self->escape && text < end)
    {
      const char *mark = memmem (text, (gsize) (end - text), LOWER_ONE_EIGHTH, 3);

      if (mark == NULL)
        break;
      g_string_append_len (out, text, mark - text);
      g_string_append_c (out, ' ');
      text = mark + 3;
    }
  g_string_append_len (out, text, end - text);
}

static gboolean
append_fallback (const TnTokenizer *tokenizer, const char *text, gsize bytes, gsize offset, GArray *ids, GError **error)
{
  const TnPieceModel *self = tokenizer->model;
  gboolean all = TRUE;

  for (gsize i = 0; i < bytes; i++)
    all = all && self->fallback[(guint8) text[i]] >= 0;
  if (!all && self->unknown < 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA,
                   _ ("the vocabulary of %u tokens has none for the bytes of character U+%04X near offset %zu"),
                   tokenizer->size, g_utf8_get_char (text), offset);
      return FALSE;
    }
  if (!all)
    g_array_append_val (ids, self->unknown);
  for (gsize i = 0; all && i < bytes; i++)
    g_array_append_val (ids, self->fallback[(guint8) text[i]]);
  return TRUE;
}

/* text: a part that no merge goes into or out of. */
static gboolean
encode_part (const TnTokenizer *tokenizer, TnSymbols *symbols, const char *text, gsize bytes, gsize offset, GArray *ids,
             GError **error)
{
  const TnPieceModel *self = tokenizer->model;

  symbols->n = 0;
  for (gsize i = 0, length; i < bytes; i += length)
    {
      guint8 c = (guint8) text[i];

      length = tn_utf8_length (c);
      tn_symbols_append (symbols, c < 128 ? self->ascii[c] : tn_vocabulary_find (tokenizer->vocabulary, text + i, length),
                         (guint32) i);
    }
  tn_merge_table_run (self->merges, symbols);
  for (guint k = 0; k < symbols->n; k++)
    {
      gsize start = symbols->starts[k], end = k + 1 < symbols->n ? symbols->starts[k + 1] : bytes;

      if (symbols->ids[k] >= 0 && (guint) symbols->ids[k] < tokenizer->size)
        g_array_append_val (ids, symbols->ids[k]);
      else if (!append_fallback (tokenizer, text + start, end - start, offset, ids, error))
        return FALSE;
    }
  return TRUE;
}

static void
fuse (GArray *ids, guint from, gint32 unknown)
{
  guint kept = from;

  for (guint i = from; i < ids->len; i++)
    {
      gint32 id = g_array_index (ids, gint32, i);

      if (id != unknown || kept == from || g_array_index (ids, gint32, kept - 1) != unknown)
        g_array_index (ids, gint32, kept++) = id;
    }
  g_array_set_size (ids, kept);
}

static gboolean
encode (TnTokenizer *tokenizer, TnEncodeScratch *scratch, const char *fragment, gsize fragment_bytes, gsize offset, GArray *ids,
        GError **error)
{
  const TnPieceModel *self = tokenizer->model;
  guint first_id = ids->len;
  const char *text;
  gsize bytes;

  normalize (self, scratch->text, fragment, fragment_bytes, offset == 0);
  text = scratch->text->str;
  bytes = scratch->text->len;
  for (gsize start = 0, end; start < bytes; start = end)
    {
      const gint32 *known;
      guint n;

      end = start + 1;
      while (end < bytes && !(self->split_words && text[end] == ' ') &&
             (tn_utf8_is_tail ((guint8) text[end]) ||
              tn_merge_table_can_join (self->merges, (guint8) text[end - 1], (guint8) text[end])))
        end++;
      known = tn_word_cache_find (scratch->words, text + start, end - start, &n);
      if (known != NULL)
        {
          g_array_append_vals (ids, known, n);
          continue;
        }
      n = ids->len;
      if (!encode_part (tokenizer, &scratch->symbols, text + start, end - start, offset + start, ids, error))
        return FALSE;
      tn_word_cache_store (scratch->words, text + start, end - start, &g_array_index (ids, gint32, n), ids->len - n);
    }
  if (self->fuse_unknown)
    fuse (ids, first_id, self->unknown);
  return TRUE;
}

static void
free_model (gpointer model)
{
  tn_piece_model_free (model);
}

const TnTokenizerClass tn_piece_class_scores = {.kind = "spm", .encode = encode, .free_model = free_model};
const TnTokenizerClass tn_piece_class_merges = {.kind = "bpe", .encode = encode, .free_model = free_model};
