/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>

#include "data/datasets/batch-builder.h"
#include "data/datasets/dataset-private.h"
#include "engine/hash.h"

/* A document longer than this is tokenized in pieces, so that memory stays bounded. */
#define PIECE_BYTES (8U << 20)

typedef struct
{
  TnDataset *dataset;
  guint seq_len, batch_size;
  GCancellable *cancellable;
  guint file;
  TnRecordFile *records;
  GArray *ids;    /* of the document in progress */
  guint place;    /* in ids, where the next window begins */
  gboolean whole; /* ids reach to the end of the document */
  TnPassage held; /* the beginning of the next document, while has_held */
  gboolean has_held;
  gboolean ended;
  gboolean given; /* a window */
  TnBatchBuilder *builder;
} WindowSource;

static void
add_window (WindowSource *self, guint length)
{
  const gint32 *ids = &g_array_index (self->ids, gint32, self->place);

  self->given = TRUE;
  tn_batch_builder_add (self->builder, tn_hash_bytes (ids, (gsize) (length + 1) * sizeof (gint32), 0), ids, length, length + 1, 0.0);
}

static gboolean
encode (WindowSource *self, const TnPassage *passage, GError **error)
{
  return tn_dataset_encode (self->dataset, self->file, passage, self->ids, error);
}

static guint
n_waiting (const WindowSource *self)
{
  return self->ids->len - self->place;
}

static gboolean
open_file (WindowSource *self, guint limit, GError **error)
{
  return self->records != NULL || (self->records = tn_dataset_open_file (self->dataset, self->file, limit, error)) != NULL;
}

/* More ids of the document in progress, or the end of it (whole), or the end of all (ended). */
static gboolean
read_text (WindowSource *self, GError **error)
{
  GError *local = NULL;
  TnRecord record;
  TnPassage passage;

  g_array_remove_range (self->ids, 0, self->place);
  self->place = 0;
  while (self->file < self->dataset->files->len)
    {
      if (!open_file (self, PIECE_BYTES, error))
        return FALSE;
      if (self->has_held)
        {
          self->has_held = FALSE;
          return encode (self, &self->held, error);
        }
      if (tn_record_file_next (self->records, &record, &local) &&
          tn_record_file_read_text (self->records, &record, &passage, &local))
        {
          if (!passage.begins_document || self->ids->len == 0)
            return encode (self, &passage, error);
          self->held = passage;
          self->has_held = TRUE;
          self->whole = TRUE;
          return TRUE;
        }
      if (local != NULL)
        {
          g_propagate_error (error, local);
          return FALSE;
        }
      g_clear_pointer (&self->records, tn_record_file_free);
      self->file++;
      if (self->ids->len > 0)
        {
          self->whole = TRUE;
          return TRUE;
        }
    }
  self->ended = TRUE;
  return TRUE;
}

static gboolean
add_text_window (WindowSource *self, GError **error)
{
  while (!self->ended)
    {
      if (n_waiting (self) > self->seq_len)
        {
          add_window (self, self->seq_len);
          self->place += self->seq_len;
          return TRUE;
        }
      if (self->whole)
        {
          guint length = n_waiting (self);

          self->whole = FALSE;
          if (length >= 2)
            add_window (self, length - 1);
          g_array_set_size (self->ids, 0);
          self->place = 0;
          if (length >= 2)
            return TRUE;
        }
      if (!read_text (self, error))
        return FALSE;
    }
  return FALSE;
}

static gboolean
add_token_window (WindowSource *self, GError **error)
{
  GError *local = NULL;
  TnRecord record;

  while (self->file < self->dataset->files->len)
    {
      if (!open_file (self, self->seq_len, error))
        return FALSE;
      g_array_set_size (self->ids, 0);
      if (tn_record_file_next (self->records, &record, &local) &&
          tn_record_file_read_tokens (self->records, &record, self->ids, &local))
        {
          if (self->ids->len < 2)
            continue;
          add_window (self, self->ids->len - 1);
          return TRUE;
        }
      if (local != NULL)
        {
          g_propagate_error (error, local);
          return FALSE;
        }
      g_clear_pointer (&self->records, tn_record_file_free);
      self->file++;
    }
  return FALSE;
}

static TnBatch *
window_source_next (gpointer user_data, GError **error)
{
  WindowSource *self = user_data;
  GError *local = NULL;

  while (tn_batch_builder_count (self->builder) < self->batch_size)
    {
      if (g_cancellable_set_error_if_cancelled (self->cancellable, error))
        return NULL;
      if (!(self->dataset->tokens ? add_token_window (self, &local) : add_text_window (self, &local)))
        break;
    }
  if (local == NULL && !self->given)
    tn_dataset_set_nothing (self->dataset, &local);
  if (local != NULL)
    {
      g_propagate_error (error, local);
      return NULL;
    }
  return tn_batch_builder_finish (self->builder);
}

static gint64
window_source_count (gpointer user_data)
{
  return -1;
}

static void
window_source_free (gpointer user_data)
{
  WindowSource *self = user_data;

  g_clear_pointer (&self->records, tn_record_file_free);
  g_array_unref (self->ids);
  tn_batch_builder_free (self->builder);
  g_clear_object (&self->cancellable);
  tn_dataset_unref (self->dataset);
  g_free (self);
}

TnBatchSource *
tn_dataset_windows (TnDataset *self, guint seq_len, guint batch_size, GCancellable *cancellable, GError **error)
{
  TnBatchSource *source = g_new0 (TnBatchSource, 1);
  WindowSource *state = g_new0 (WindowSource, 1);

  state->dataset = tn_dataset_ref (self);
  state->seq_len = seq_len;
  state->batch_size = batch_size;
  state->cancellable = cancellable != NULL ? g_object_ref (cancellable) : NULL;
  state->ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  state->builder = tn_batch_builder_new ();
  *source = (TnBatchSource){.next = window_source_next,
                            .count = window_source_count,
                            .free_func = window_source_free,
                            .user_data = state};
  return source;
}
