/* SPDX-License-Identifier: Apache-2.0 */
#include "data/tokenizers/word-cache.h"

#include <string.h>

#include "engine/hash.h"

#define N_WORDS 8192
#define MAX_WORD 30
#define MAX_IDS 8

typedef struct
{
  guint8 bytes, n_ids; /* n_ids 0: free */
  char word[MAX_WORD];
  gint32 ids[MAX_IDS];
} Word;

struct _TnWordCache
{
  Word words[N_WORDS];
};

G_STATIC_ASSERT (sizeof (Word) == 64);

static gsize
place_of (const char *word, gsize bytes)
{
  return tn_hash_bytes (word, bytes, 0) & (N_WORDS - 1);
}

TnWordCache *
tn_word_cache_new (void)
{
  return g_new0 (TnWordCache, 1);
}

void
tn_word_cache_free (TnWordCache *self)
{
  g_free (self);
}

const gint32 *
tn_word_cache_find (const TnWordCache *self, const char *word, gsize bytes, guint *n_ids)
{
  const Word *slot;

  if (bytes > MAX_WORD)
    return NULL;
  slot = &self->words[place_of (word, bytes)];
  if (slot->n_ids == 0 || slot->bytes != bytes || memcmp (slot->word, word, bytes) != 0)
    return NULL;
  *n_ids = slot->n_ids;
  return slot->ids;
}

void
tn_word_cache_store (TnWordCache *self, const char *word, gsize bytes, const gint32 *ids, guint n_ids)
{
  Word *slot;

  if (bytes > MAX_WORD || n_ids == 0 || n_ids > MAX_IDS)
    return;
  slot = &self->words[place_of (word, bytes)];
  slot->bytes = (guint8) bytes;
  slot->n_ids = (guint8) n_ids;
  memcpy (slot->word, word, bytes);
  memcpy (slot->ids, ids, n_ids * sizeof (gint32));
}
