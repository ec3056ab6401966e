/* SPDX-License-Identifier: Apache-2.0 */
#include "data/tokenizers/vocabulary.h"

#include <string.h>

#define MAX_PIECE_BYTES 65536
#define MAX_ENTRIES (1u << 24)
#define MAX_TOTAL_BYTES (512u << 20)
#define HASH_BASE G_GUINT64_CONSTANT (0x9e3779b97f4a7c15)
#define HASH_BASE_INVERSE G_GUINT64_CONSTANT (0xf1de83e19937733d) /* their product is 1 modulo 2^64 */

typedef struct
{
  gsize piece, text, text_bytes; /* offsets into bytes */
  guint64 hash;
} Entry;

struct _TnVocabulary
{
  GByteArray *bytes;
  GArray *entries;
  gint32 *slots; /* open addressing, -1: free */
  guint n_slots, n_indexed;
};

static guint
slot_of_hash (const TnVocabulary *self, guint64 hash)
{
  hash ^= hash >> 32;
  hash *= G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  return (guint) (hash >> 32) & (self->n_slots - 1);
}

static const Entry *
get_entry (const TnVocabulary *self, gint32 id)
{
  return &g_array_index (self->entries, Entry, id);
}

static void
grow_slots (TnVocabulary *self)
{
  g_autofree gint32 *old = g_steal_pointer (&self->slots);
  guint n_old = self->n_slots;

  self->n_slots = MAX (1024, n_old * 2);
  self->slots = g_new (gint32, self->n_slots);
  memset (self->slots, 0xff, sizeof (gint32) * self->n_slots);
  for (guint i = 0; i < n_old; i++)
    if (old[i] >= 0)
      {
        guint slot = slot_of_hash (self, get_entry (self, old[i])->hash);

        while (self->slots[slot] >= 0)
          slot = (slot + 1) & (self->n_slots - 1);
        self->slots[slot] = old[i];
      }
}

TnVocabulary *
tn_vocabulary_new (void)
{
  TnVocabulary *self = g_new0 (TnVocabulary, 1);

  self->bytes = g_byte_array_new ();
  self->entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  grow_slots (self);
  return self;
}

void
tn_vocabulary_free (TnVocabulary *self)
{
  if (self == NULL)
    return;
  g_byte_array_unref (self->bytes);
  g_array_unref (self->entries);
  g_free (self->slots);
  g_free (self);
}

gint32
tn_vocabulary_add (TnVocabulary *self, const char *piece, gsize piece_bytes, const char *text, gsize text_bytes)
{
  g_autofree char *valid = NULL;
  Entry entry = {.piece = self->bytes->len, .text_bytes = text_bytes};

  if (piece_bytes > MAX_PIECE_BYTES || text_bytes > MAX_PIECE_BYTES || self->entries->len >= MAX_ENTRIES ||
      self->bytes->len > MAX_TOTAL_BYTES)
    return -1;
  if (!g_utf8_validate_len (piece, piece_bytes, NULL))
    {
      valid = g_utf8_make_valid (piece, (gssize) piece_bytes);
      piece = valid;
      piece_bytes = strlen (valid);
    }
  g_byte_array_append (self->bytes, (const guint8 *) piece, (guint) piece_bytes);
  g_byte_array_append (self->bytes, (const guint8 *) "", 1);
  entry.text = self->bytes->len;
  g_byte_array_append (self->bytes, (const guint8 *) text, (guint) text_bytes);
  for (gsize i = 0; i < text_bytes; i++)
    entry.hash = tn_vocabulary_hash_byte (entry.hash, (guint8) text[i]);
  g_array_append_val (self->entries, entry);
  return (gint32) self->entries->len - 1;
}

gboolean
tn_vocabulary_index (TnVocabulary *self, gint32 id)
{
  const Entry *entry = get_entry (self, id);
  guint slot;

  if (tn_vocabulary_find_hash (self, entry->hash, (const char *) self->bytes->data + entry->text, entry->text_bytes) >= 0)
    return FALSE;
  if (++self->n_indexed > self->n_slots / 2)
    grow_slots (self);
  slot = slot_of_hash (self, entry->hash);
  while (self->slots[slot] >= 0)
    slot = (slot + 1) & (self->n_slots - 1);
  self->slots[slot] = id;
  return TRUE;
}

guint
tn_vocabulary_get_size (const TnVocabulary *self)
{
  return self->entries->len;
}

const char *
tn_vocabulary_get_piece (const TnVocabulary *self, gint32 id)
{
  return (const char *) self->bytes->data + get_entry (self, id)->piece;
}

const char *
tn_vocabulary_get_text (const TnVocabulary *self, gint32 id, gsize *bytes)
{
  const Entry *entry = get_entry (self, id);

  *bytes = entry->text_bytes;
  return (const char *) self->bytes->data + entry->text;
}

gint32
tn_vocabulary_find_hash (const TnVocabulary *self, guint64 hash, const char *text, gsize bytes)
{
  for (guint slot = slot_of_hash (self, hash); self->slots[slot] >= 0; slot = (slot + 1) & (self->n_slots - 1))
    {
      const Entry *entry = get_entry (self, self->slots[slot]);

      if (entry->hash == hash && entry->text_bytes == bytes && memcmp (self->bytes->data + entry->text, text, bytes) == 0)
        return self->slots[slot];
    }
  return -1;
}

gint32
tn_vocabulary_find (const TnVocabulary *self, const char *text, gsize bytes)
{
  guint64 hash = 0;

  for (gsize i = 0; i < bytes; i++)
    hash = tn_vocabulary_hash_byte (hash, (guint8) text[i]);
  return tn_vocabulary_find_hash (self, hash, text, bytes);
}

guint64
tn_vocabulary_hash_byte (guint64 hash, guint8 byte)
{
  return hash * HASH_BASE + byte + 1;
}

guint64
tn_vocabulary_hash_tail (guint64 whole, guint64 head, guint64 power)
{
  return whole - head * power;
}

guint64
tn_vocabulary_hash_power (guint64 power)
{
  return power * HASH_BASE;
}

guint64
tn_vocabulary_hash_unpower (guint64 power)
{
  return power * HASH_BASE_INVERSE;
}
