/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "data/tokenizers/piece-model.h"
#include "data/tokenizers/tokenizer-private.h"
#include "engine/error.h"

#define FIRST_BYTE_TOKEN 3
/* llama2.c starts its search for the best pair from this score. */
#define LOWEST_SCORE -1e10f

static guint32
read_u32 (const guint8 *data)
{
  guint32 value;

  memcpy (&value, data, sizeof value);
  return GUINT32_FROM_LE (value);
}

/* One record: f32 score, u32 length, bytes. */
static gboolean
parse_token (const char *name, const guint8 *data, gsize size, gsize *place, guint32 longest, TnVocabulary *vocabulary,
             GArray *scores, GError **error)
{
  guint32 bits, length;
  const char *piece;
  float score;
  gint byte;
  gint32 id;

  if (size - *place < 8)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: token %u at offset %zu is cut off"), name,
                   scores->len, *place);
      return FALSE;
    }
  bits = read_u32 (data + *place);
  memcpy (&score, &bits, sizeof score);
  length = read_u32 (data + *place + 4);
  if (length > longest || length > size - *place - 8)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                   _ ("%s: token %u at offset %zu has a length of %u bytes, expected at most %zu"),
                   name, scores->len, *place, length, MIN ((gsize) longest, size - *place - 8));
      return FALSE;
    }
  if (isnan (score))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: the score of token %u is not a number"), name, scores->len);
      return FALSE;
    }
  piece = (const char *) data + *place + 8;
  byte = tn_tokenizer_byte_of_piece (piece, length);
  if (byte >= 0)
    {
      char text = (char) byte;

      id = tn_vocabulary_add (vocabulary, piece, length, &text, 1);
    }
  else if (scores->len == 1 || scores->len == 2)
    id = tn_vocabulary_add (vocabulary, piece, length, "", 0);
  else
    {
      id = tn_vocabulary_add (vocabulary, piece, length, piece, length);
      if (id > 0 && length > 0)
        tn_vocabulary_index (vocabulary, id);
    }
  if (id < 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: token %u is too long, or there are too many"), name, scores->len);
      return FALSE;
    }
  g_array_append_val (scores, score);
  *place += 8 + length;
  return TRUE;
}

TnTokenizer *
tn_tokenizer_parse_llama2c (const char *name, const guint8 *data, gsize size, GError **error)
{
  g_autoptr (TnVocabulary) vocabulary = tn_vocabulary_new ();
  g_autoptr (GArray) scores = g_array_new (FALSE, FALSE, sizeof (float));
  g_autoptr (TnPieceModel) model = tn_piece_model_new ();
  TnTokenizer *self;
  guint32 longest;
  gsize place = 4;

  if (size < 12)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: %zu bytes are too few for a llama2.c tokenizer"),
                   name, size);
      return NULL;
    }
  longest = read_u32 (data);
  while (place < size)
    if (!parse_token (name, data, size, &place, longest, vocabulary, scores, error))
      return NULL;
  if (scores->len < FIRST_BYTE_TOKEN)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: %u tokens, expected at least %d (unknown, beginning, end)"), name,
                   scores->len, FIRST_BYTE_TOKEN);
      return NULL;
    }
  for (guint byte = 0; byte < 256 && FIRST_BYTE_TOKEN + byte < scores->len; byte++)
    model->fallback[byte] = (gint32) (FIRST_BYTE_TOKEN + byte);
  model->prefix_space = TRUE;
  tn_piece_model_add_scores (model, vocabulary, (const float *) (void *) scores->data, scores->len, LOWEST_SCORE);
  tn_piece_model_finish (model, vocabulary);
  self = tn_tokenizer_new_take (&tn_piece_class_scores, g_steal_pointer (&model), g_steal_pointer (&vocabulary), scores->len);
  self->bos = 1;
  self->eos = 2;
  return self;
}
