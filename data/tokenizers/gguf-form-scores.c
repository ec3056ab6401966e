/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "data/tokenizers/gguf-form-private.h"

typedef struct
{
  guint first_rank;
  guint n_merges;
} Piece;

static TnGgufTokenType
type_of (const TnGgufTokenizer *self, guint id)
{
  return (TnGgufTokenType) g_array_index (self->types, gint32, id);
}

/* Texts of the tokens that merge -> id + 1. */
static GHashTable *
index_pieces (const TnGgufTokenizer *self)
{
  GHashTable *ids = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint id = 0; id < self->tokens->len; id++)
    if (type_of (self, id) == TN_GGUF_TOKEN_NORMAL)
      g_hash_table_insert (ids, ((GString *) g_ptr_array_index (self->tokens, id))->str, GUINT_TO_POINTER (id + 1));
  return ids;
}

static gboolean
count_merges (const TnJsonNode *merges, GHashTable *ids, Piece *pieces)
{
  guint rank = 0, previous = 0;

  for (const TnJsonNode *node = merges->value.list.first; node != NULL; node = node->next, rank++)
    {
      g_autofree char *left = NULL, *right = NULL, *both = NULL;
      guint id;

      if (!tn_gguf_form_get_merge (node, &left, &right) || !g_hash_table_contains (ids, left) ||
          !g_hash_table_contains (ids, right))
        return FALSE;
      both = g_strconcat (left, right, NULL);
      id = GPOINTER_TO_UINT (g_hash_table_lookup (ids, both));
      if (id == 0 || (pieces[id - 1].n_merges > 0 && id != previous))
        return FALSE;
      if (pieces[id - 1].n_merges++ == 0)
        pieces[id - 1].first_rank = rank;
      previous = id;
    }
  return TRUE;
}

static guint
count_ways (const char *text, GHashTable *ids)
{
  guint n = 0;

  for (const char *cut = g_utf8_next_char (text); *cut != '\0'; cut = g_utf8_next_char (cut))
    {
      g_autofree char *left = g_strndup (text, (gsize) (cut - text));

      n += g_hash_table_contains (ids, left) && g_hash_table_contains (ids, cut);
    }
  return n;
}

gboolean
tn_gguf_form_score_merges (TnGgufTokenizer *self, const TnJsonNode *merges)
{
  g_autoptr (GHashTable) ids = index_pieces (self);
  g_autofree Piece *pieces = g_new0 (Piece, self->tokens->len + 1);

  if (!count_merges (merges, ids, pieces))
    return FALSE;
  for (guint id = 0; id < self->tokens->len; id++)
    {
      const GString *token = g_ptr_array_index (self->tokens, id);
      /* What nothing merges to stands behind all that something does. */
      float score = -(float) (pieces[id].n_merges > 0 ? pieces[id].first_rank : merges->n_children);

      if (type_of (self, id) == TN_GGUF_TOKEN_NORMAL && pieces[id].n_merges != count_ways (token->str, ids))
        return FALSE;
      g_array_append_val (self->scores, score);
    }
  return TRUE;
}
