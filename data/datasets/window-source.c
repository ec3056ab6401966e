/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>

#include "data/datasets/batch-builder.h"
#include "data/datasets/dataset-private.h"
#include "data/datasets/token-file.h"
#include "engine/hash.h"

/* A document longer than this is tokenized in pieces, so that memory stays bounded. */
#define PIECE_BYTES ((gsize) 8 << 20)

typedef struct
{
  TnDataset *dataset;
  guint seq_len, batch_size;
  GCancellable *cancellable;
  guint file;
  TnTokenFile *token_file;
  guint64 next_token;
  TnPassageScanner *scanner;
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
  tn_batch_builder_add (self->builder, tn_hash_bytes (ids, (gsize) (length + 1) * sizeof (gint32), 0), ids, length, length + 1);
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

/* More ids of the document in progress, or the end of it (whole), or the end of all (ended). */
static gboolean
read_text (WindowSource *self, GError **error)
{
  GError *local = NULL;
  TnPassage passage;

  g_array_remove_range (self->ids, 0, self->place);
  self->place = 0;
  while (self->file < self->dataset->files->len)
    {
      if (self->scanner == NULL &&
          (self->scanner = tn_passage_scanner_new (tn_dataset_file (self->dataset, self->file), PIECE_BYTES, error)) == NULL)
        return FALSE;
      if (self->has_held)
        {
          self->has_held = FALSE;
          return encode (self, &self->held, error);
        }
      if (tn_passage_scanner_next (self->scanner, &passage, &local))
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
      g_clear_pointer (&self->scanner, tn_passage_scanner_free);
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
  while (self->file < self->dataset->files->len)
    {
      guint64 left;

      if (self->token_file == NULL &&
          (self->token_file = tn_token_file_open (tn_dataset_file (self->dataset, self->file), error)) == NULL)
        return FALSE;
      left = tn_token_file_count (self->token_file) - self->next_token;
      if (left >= 2)
        {
          guint n = (guint) MIN ((guint64) self->seq_len + 1, left);

          g_array_set_size (self->ids, n);
          if (!tn_token_file_read (self->token_file, self->next_token, n, self->dataset->n_vocab,
                                   (gint32 *) (gpointer) self->ids->data, error))
            return FALSE;
          add_window (self, n - 1);
          self->next_token += n - 1;
          return TRUE;
        }
      g_clear_pointer (&self->token_file, tn_token_file_free);
      self->next_token = 0;
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

  g_clear_pointer (&self->token_file, tn_token_file_free);
  g_clear_pointer (&self->scanner, tn_passage_scanner_free);
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
