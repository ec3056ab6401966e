/* SPDX-License-Identifier: Apache-2.0 */
#include "data/datasets/find-sequence.h"

#include <string.h>

#include "data/datasets/sample-private.h"
#include "engine/hash.h"

/* Records between two looks at the cancellable. */
#define CHECK_EVERY 256

void
tn_found_sequence_free (TnFoundSequence *self)
{
  if (self == NULL)
    return;
  g_free (self->path);
  g_clear_pointer (&self->tokens, g_array_unref);
  g_free (self);
}

typedef struct
{
  TnDataset *dataset;
  guint seq_len;
  GHashTable *wanted; /* guint64 * in the caller's array */
  GPtrArray *found;
  GArray *ids;
} Search;

static void
add_found (Search *self, guint64 hash, guint file, guint64 offset, guint window, guint first, guint length)
{
  TnFoundSequence *sequence = g_new0 (TnFoundSequence, 1);

  sequence->hash = hash;
  sequence->path = g_strdup (tn_dataset_describe_file (self->dataset, file));
  sequence->offset = offset;
  sequence->window = window;
  sequence->tokens = g_array_sized_new (FALSE, FALSE, sizeof (gint32), length);
  g_array_append_vals (sequence->tokens, &g_array_index (self->ids, gint32, first), length);
  g_ptr_array_add (self->found, sequence);
  g_hash_table_remove (self->wanted, &hash);
}

/* Hashes are made as those of tn_sample_read(): of the passage and the window's number. Most passages are told apart from the wanted ones without being
 * tokenized: there are no more windows than bytes, BOS included. */
static gboolean
search_passage (Search *self, guint file, const TnRecord *record, const TnPassage *passage, GError **error)
{
  guint64 passage_hash = tn_hash_bytes (passage->text, passage->bytes, 0);
  guint most = (guint) ((passage->bytes + self->seq_len) / self->seq_len);

  for (guint window = 0; window < most; window++)
    {
      guint64 hash = tn_hash_combine (passage_hash, window);
      guint first = window * self->seq_len;

      if (!g_hash_table_contains (self->wanted, &hash))
        continue;
      g_array_set_size (self->ids, 0);
      if (!tn_dataset_encode (self->dataset, file, passage, self->ids, error))
        return FALSE;
      if (first < self->ids->len)
        add_found (self, hash, file, record->offset, window, first, MIN (self->seq_len, self->ids->len - first));
    }
  return TRUE;
}

static gboolean
search_tokens (Search *self, guint file, TnRecordFile *records, const TnRecord *record, GError **error)
{
  guint64 hash;

  g_array_set_size (self->ids, 0);
  if (!tn_record_file_read_tokens (records, record, self->ids, error))
    return FALSE;
  hash = tn_hash_bytes (self->ids->data, (gsize) record->length * sizeof (gint32), 0);
  if (g_hash_table_contains (self->wanted, &hash))
    add_found (self, hash, file, record->offset, 0, 0, record->length);
  return TRUE;
}

static gboolean
search_file (Search *self, guint file, guint64 *before, const TnListener *listener, GCancellable *cancellable, GError **error)
{
  g_autoptr (TnRecordFile) records =
      tn_dataset_open_file (self->dataset, file, tn_sample_record_limit (self->dataset, self->seq_len), error);
  GError *local = NULL;
  TnPassage passage;
  TnRecord record;

  if (records == NULL)
    return FALSE;
  for (guint64 n = 1; g_hash_table_size (self->wanted) > 0 && tn_record_file_next (records, &record, &local); n++)
    {
      if (self->dataset->tokens ? !search_tokens (self, file, records, &record, error)
                                : !tn_record_file_read_text (records, &record, &passage, error) ||
                                      !search_passage (self, file, &record, &passage, error))
        return FALSE;
      if (n % CHECK_EVERY != 0)
        continue;
      tn_listener_progress (listener, (double) (*before + tn_record_file_tell (records)), (double) self->dataset->bytes, "bytes");
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
    }
  *before += tn_record_file_tell (records);
  if (local != NULL)
    g_propagate_error (error, local);
  return local == NULL && !g_cancellable_set_error_if_cancelled (cancellable, error);
}

GPtrArray *
tn_dataset_find_sequences (TnDataset *self, guint seq_len, const guint64 *hashes, guint n, const TnListener *listener,
                           GCancellable *cancellable, GError **error)
{
  g_autoptr (GHashTable) wanted = g_hash_table_new (g_int64_hash, g_int64_equal);
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_found_sequence_free);
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  Search search = {self, seq_len, wanted, found, ids};
  guint64 before = 0;

  g_return_val_if_fail (seq_len > 0, NULL);

  for (guint i = 0; i < n; i++)
    g_hash_table_add (wanted, (gpointer) &hashes[i]);
  for (guint file = 0; file < self->files->len && g_hash_table_size (wanted) > 0; file++)
    if (!search_file (&search, file, &before, listener, cancellable, error))
      return NULL;
  return g_steal_pointer (&found);
}
