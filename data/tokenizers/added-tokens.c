/* SPDX-License-Identifier: Apache-2.0 */
#include "data/tokenizers/added-tokens.h"

#include <string.h>

#include "data/tokenizers/utf8.h"
#include "data/tokenizers/vocabulary.h"

typedef struct
{
  gint32 id;
  TnAddedTokenFlags flags;
} Added;

struct _TnAddedTokens
{
  TnVocabulary *contents;
  GArray *added;        /* of Added, by the id in contents */
  GArray *lengths[256]; /* by first byte: the lengths there are, longest first */
};

TnAddedTokens *
tn_added_tokens_new (void)
{
  TnAddedTokens *self = g_new0 (TnAddedTokens, 1);

  self->contents = tn_vocabulary_new ();
  self->added = g_array_new (FALSE, FALSE, sizeof (Added));
  return self;
}

void
tn_added_tokens_free (TnAddedTokens *self)
{
  if (self == NULL)
    return;
  tn_vocabulary_free (self->contents);
  g_array_unref (self->added);
  for (guint i = 0; i < 256; i++)
    g_clear_pointer (&self->lengths[i], g_array_unref);
  g_free (self);
}

static void
note_length (TnAddedTokens *self, guint8 first, gsize bytes)
{
  GArray **lengths = &self->lengths[first];
  guint place = 0;

  if (*lengths == NULL)
    *lengths = g_array_new (FALSE, FALSE, sizeof (gsize));
  while (place < (*lengths)->len && g_array_index (*lengths, gsize, place) > bytes)
    place++;
  if (place == (*lengths)->len || g_array_index (*lengths, gsize, place) != bytes)
    g_array_insert_val (*lengths, place, bytes);
}

gboolean
tn_added_tokens_add (TnAddedTokens *self, const char *content, gsize bytes, gint32 id, TnAddedTokenFlags flags)
{
  Added added = {.id = id, .flags = flags};
  gint32 place = tn_vocabulary_add (self->contents, "", 0, content, bytes);

  if (place < 0)
    return FALSE;
  g_array_append_val (self->added, added);
  if (bytes > 0 && tn_vocabulary_index (self->contents, place))
    note_length (self, (guint8) content[0], bytes);
  return TRUE;
}

static gboolean
is_word_at (const char *text, gsize bytes, gsize i)
{
  gunichar c;

  if (i >= bytes)
    return FALSE;
  c = g_utf8_get_char (text + i);
  return g_unichar_isalnum (c) || g_unichar_ismark (c) || c == '_';
}

static gsize
character_before (const char *text, gsize i)
{
  do
    i--;
  while (i > 0 && tn_utf8_is_tail ((guint8) text[i]));
  return i;
}

static gint32
match_at (const TnAddedTokens *self, const char *text, gsize bytes, gsize i, gsize *end)
{
  const GArray *lengths = self->lengths[(guint8) text[i]];

  for (guint k = 0; lengths != NULL && k < lengths->len; k++)
    {
      gsize length = g_array_index (lengths, gsize, k);
      gint32 place = length <= bytes - i ? tn_vocabulary_find (self->contents, text + i, length) : -1;

      if (place < 0)
        continue;
      if ((g_array_index (self->added, Added, place).flags & TN_ADDED_TOKEN_SINGLE_WORD) &&
          ((i > 0 && is_word_at (text, bytes, character_before (text, i))) || is_word_at (text, bytes, i + length)))
        continue;
      *end = i + length;
      return place;
    }
  return -1;
}

gint32
tn_added_tokens_next (const TnAddedTokens *self, const char *text, gsize bytes, gsize from, gsize *start, gsize *end)
{
  for (gsize i = from; i < bytes; i++)
    {
      gint32 place = self->lengths[(guint8) text[i]] != NULL ? match_at (self, text, bytes, i, end) : -1;
      TnAddedTokenFlags flags;

      if (place < 0)
        continue;
      flags = g_array_index (self->added, Added, place).flags;
      *start = i;
      while ((flags & TN_ADDED_TOKEN_STRIP_LEFT) && *start > from)
        {
          gsize before = character_before (text, *start);

          if (!g_unichar_isspace (g_utf8_get_char (text + before)))
            break;
          *start = before;
        }
      while ((flags & TN_ADDED_TOKEN_STRIP_RIGHT) && *end < bytes && g_unichar_isspace (g_utf8_get_char (text + *end)))
        *end += tn_utf8_length ((guint8) text[*end]);
      return g_array_index (self->added, Added, place).id;
    }
  return -1;
}
