/* SPDX-License-Identifier: Apache-2.0 */
#include "data/training/token-sequence.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

#include "data/datasets/token-file.h"
#include "data/training/token-sequence-private.h"
#include "engine/error.h"
#include "engine/hash.h"

TnTokenSequence *
tn_token_sequence_new (guint n_vocab)
{
  TnTokenSequence *self = g_new0 (TnTokenSequence, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->n_vocab = n_vocab;
  self->files = g_array_new (FALSE, FALSE, sizeof (TnTokenRange));
  return self;
}

TnTokenSequence *
tn_token_sequence_ref (TnTokenSequence *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
tn_token_sequence_unref (TnTokenSequence *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;
  for (guint i = 0; i < self->files->len; i++)
    tn_token_file_free (g_array_index (self->files, TnTokenRange, i).file);
  g_array_unref (self->files);
  tn_token_store_free (self->store);
  g_free (self);
}

guint64
tn_token_sequence_count (TnTokenSequence *self)
{
  return self->count;
}

guint64
tn_token_sequence_documents (TnTokenSequence *self)
{
  return self->n_documents;
}

guint64
tn_token_sequence_fingerprint (TnTokenSequence *self)
{
  return self->fingerprint;
}

gboolean
tn_token_sequence_in_memory (TnTokenSequence *self)
{
  return self->store != NULL && tn_token_store_in_memory (self->store);
}

void
tn_token_sequence_add_file (TnTokenSequence *self, TnTokenFile *file, guint64 first, guint64 count, guint64 identity)
{
  TnTokenRange range = {.file = file, .first = first, .begin = self->count, .count = count};

  g_array_append_val (self->files, range);
  self->count += count;
  self->n_documents++;
  self->fingerprint = tn_hash_combine (tn_hash_combine (tn_hash_combine (self->fingerprint, identity), first), count);
}

/* The range that holds the token: the last that begins at or before it. */
static const TnTokenRange *
find_range (TnTokenSequence *self, guint64 token)
{
  guint low = 0, high = self->files->len;

  while (high - low > 1)
    {
      guint middle = low + (high - low) / 2;

      if (g_array_index (self->files, TnTokenRange, middle).begin <= token)
        low = middle;
      else
        high = middle;
    }
  return &g_array_index (self->files, TnTokenRange, low);
}

gboolean
tn_token_sequence_read (TnTokenSequence *self, guint64 first, guint n, gint32 *out, GError **error)
{
  g_return_val_if_fail (first <= self->count && n <= self->count - first, FALSE);

  if (self->store != NULL)
    return tn_token_store_read (self->store, first, n, out, error);
  while (n > 0)
    {
      const TnTokenRange *range = find_range (self, first);
      guint64 inside = first - range->begin;
      guint step = (guint) MIN ((guint64) n, range->count - inside);

      if (!tn_token_file_read (range->file, range->first + inside, step, self->n_vocab, out, error))
        return FALSE;
      first += step;
      out += step;
      n -= step;
    }
  return TRUE;
}
