/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "data/tokenizers/tokenizer-private.h"

static gboolean
encode (TnTokenizer *self, TnEncodeScratch *scratch, const char *text, gsize bytes, gsize offset, GArray *ids, GError **error)
{
  guint first = ids->len;

  g_array_set_size (ids, first + (guint) bytes);
  for (gsize i = 0; i < bytes; i++)
    g_array_index (ids, gint32, first + i) = (guint8) text[i];
  return TRUE;
}

static const TnTokenizerClass bytes_class = {.kind = "bytes", .encode = encode, .any_bytes = TRUE};

TnTokenizer *
tn_tokenizer_new_bytes (gboolean with_bos)
{
  TnVocabulary *vocabulary = tn_vocabulary_new ();
  TnTokenizer *self;

  for (guint byte = 0; byte < 256; byte++)
    {
      char text = (char) byte;
      g_autofree char *piece = g_ascii_isgraph (text) ? g_strndup (&text, 1) : g_strdup_printf ("<0x%02X>", byte);

      tn_vocabulary_add (vocabulary, piece, strlen (piece), &text, 1);
    }
  if (with_bos)
    tn_vocabulary_add (vocabulary, "<bos>", 5, "", 0);
  self = tn_tokenizer_new_take (&bytes_class, NULL, vocabulary, with_bos ? 257 : 256);
  if (with_bos)
    self->bos = 256;
  return self;
}
