/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>

#include "data/datasets/dataset-private.h"
#include "data/files/file-identity.h"
#include "data/training/token-sequence-private.h"
#include "engine/error.h"
#include "engine/hash.h"

#define DEFAULT_MEMORY_BYTES ((gsize) 256 << 20)
#define DEFAULT_FOLDER "/var/tmp"
/* Longest piece of a document that is read at once: bytes of text, or tokens. */
#define PIECE_BYTES (8U << 20)
#define PIECE_TOKENS TN_TOKEN_LONG_DOCUMENT
/* A document is held out by this hash whatever the run's seed is. */
#define HOLD_OUT_SEED G_GUINT64_CONSTANT (0x76616c6964617465)

typedef struct
{
  TnDataset *dataset;
  double share;
  TnTokenSequence *training, *validation; /* validation: NULL where the share is 0 */
  GArray *ids;                            /* of the document in progress that are not stored yet */
  guint64 begin;                          /* where it begins in the training store, once it is long */
  gboolean is_long;                       /* all that came of it so far is in the training store */
  gboolean in_document;
} Reader;

static guint64
held_out_of (guint64 count, double share)
{
  return (guint64) ((double) count * share);
}

static gboolean
append (TnTokenSequence *sequence, const GArray *ids, GError **error)
{
  return tn_token_store_append (sequence->store, (const gint32 *) (const void *) ids->data, ids->len, error);
}

static gboolean
flush_long (Reader *self, GError **error)
{
  if (!self->is_long)
    self->begin = tn_token_store_count (self->training->store);
  self->is_long = TRUE;
  if (!append (self->training, self->ids, error))
    return FALSE;
  g_array_set_size (self->ids, 0);
  return TRUE;
}

/* The last share of a long document goes to the other side. */
static gboolean
split_long (Reader *self, GError **error)
{
  TnTokenStore *training = self->training->store;
  guint64 count = tn_token_store_count (training), held = held_out_of (count - self->begin, self->share);
  g_autofree gint32 *ids = g_new (gint32, PIECE_TOKENS);

  for (guint64 first = count - held; first < count; first += PIECE_TOKENS)
    {
      guint n = (guint) MIN (count - first, (guint64) PIECE_TOKENS);

      if (!tn_token_store_read (training, first, n, ids, error) ||
          !tn_token_store_append (self->validation->store, ids, n, error))
        return FALSE;
    }
  tn_token_store_truncate (training, count - held);
  if (held > 0)
    self->validation->n_documents++;
  return TRUE;
}

static gboolean
is_held_out (const Reader *self)
{
  guint64 hash = tn_hash_bytes (self->ids->data, (gsize) self->ids->len * sizeof (gint32), HOLD_OUT_SEED);

  return (double) (hash >> 11) * 0x1p-53 < self->share;
}

static gboolean
end_document (Reader *self, gboolean always_split, GError **error)
{
  gboolean held;

  if (!self->in_document)
    return TRUE;
  self->in_document = FALSE;
  if (self->is_long || always_split || self->ids->len >= TN_TOKEN_LONG_DOCUMENT)
    {
      if (!flush_long (self, error))
        return FALSE;
      self->training->n_documents++;
      self->is_long = FALSE;
      return self->validation == NULL || split_long (self, error);
    }
  held = self->validation != NULL && is_held_out (self);
  if (!append (held ? self->validation : self->training, self->ids, error))
    return FALSE;
  (held ? self->validation : self->training)->n_documents++;
  g_array_set_size (self->ids, 0);
  return TRUE;
}

static gboolean
read_record (Reader *self, guint index, TnRecordFile *file, const TnRecord *record, GError **error)
{
  gboolean always_split = g_array_index (self->dataset->files, TnDataFile, index).format == &tn_token_records;
  guint before;

  if (record->begins_document && !end_document (self, always_split, error))
    return FALSE;
  self->in_document = TRUE;
  before = self->ids->len;
  if (!self->dataset->tokens)
    {
      TnPassage passage;

      if (!tn_record_file_read_text (file, record, &passage, error) ||
          !tn_dataset_encode (self->dataset, index, &passage, self->ids, error))
        return FALSE;
    }
  else
    {
      if (!tn_record_file_read_tokens (file, record, self->ids, error))
        return FALSE;
      g_array_set_size (self->ids, before + record->length);
    }
  return self->ids->len < TN_TOKEN_LONG_DOCUMENT || flush_long (self, error);
}

static gboolean
read_file (Reader *self, guint index, guint64 bytes_before, const TnListener *listener, GCancellable *cancellable, GError **error)
{
  g_autoptr (TnRecordFile) file =
      tn_dataset_open_file (self->dataset, index, self->dataset->tokens ? PIECE_TOKENS : PIECE_BYTES, error);
  GError *local = NULL;
  TnRecord record;

  if (file == NULL)
    return FALSE;
  while (tn_record_file_next (file, &record, &local))
    {
      if (g_cancellable_set_error_if_cancelled (cancellable, error) || !tn_listener_boundary (listener, error) ||
          !read_record (self, index, file, &record, error))
        return FALSE;
      tn_listener_progress (listener, (double) (bytes_before + tn_record_file_tell (file)),
                            (double) tn_dataset_get_bytes (self->dataset), "bytes");
    }
  if (local != NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  return end_document (self, g_array_index (self->dataset->files, TnDataFile, index).format == &tn_token_records, error);
}

static gboolean
sum_up (TnTokenSequence *self, GError **error)
{
  g_autofree gint32 *ids = g_new (gint32, PIECE_TOKENS);

  self->count = tn_token_store_count (self->store);
  self->fingerprint = tn_hash_combine (self->count, self->n_documents);
  for (guint64 first = 0; first < self->count; first += PIECE_TOKENS)
    {
      guint n = (guint) MIN (self->count - first, (guint64) PIECE_TOKENS);

      if (!tn_token_store_read (self->store, first, n, ids, error))
        return FALSE;
      self->fingerprint = tn_hash_combine (self->fingerprint, tn_hash_array (ids, n * sizeof *ids, 0));
    }
  return TRUE;
}

static gboolean
read_all (Reader *self, const TnListener *listener, GCancellable *cancellable, GError **error)
{
  guint64 bytes = 0;

  for (guint i = 0; i < self->dataset->files->len; i++)
    {
      if (!read_file (self, i, bytes, listener, cancellable, error))
        return FALSE;
      bytes += g_array_index (self->dataset->files, TnDataFile, i).bytes;
    }
  return sum_up (self->training, error) && (self->validation == NULL || sum_up (self->validation, error));
}

/* Token files are read where they are. */
static gboolean
take_files (Reader *self, GError **error)
{
  for (guint i = 0; i < self->dataset->files->len; i++)
    {
      const char *path = tn_dataset_file (self->dataset, i);
      TnFileIdentity identity;
      TnTokenFile *file;
      guint64 count, held;

      if (!tn_file_identify (path, &identity, error) || (file = tn_token_file_open (path, error)) == NULL)
        return FALSE;
      count = tn_token_file_count (file);
      held = held_out_of (count, self->share);
      if (count == held)
        tn_token_file_free (file);
      else
        tn_token_sequence_add_file (self->training, file, 0, count - held, identity.hash);
      if (held == 0)
        continue;
      if ((file = tn_token_file_open (path, error)) == NULL)
        return FALSE;
      tn_token_sequence_add_file (self->validation, file, count - held, held, identity.hash);
    }
  return TRUE;
}

static gboolean
are_token_files (TnDataset *dataset)
{
  for (guint i = 0; i < dataset->files->len; i++)
    if (g_array_index (dataset->files, TnDataFile, i).format != &tn_token_records)
      return FALSE;
  return TRUE;
}

static gboolean
check_sides (const Reader *self, GError **error)
{
  guint64 training = self->training->count, validation = self->validation != NULL ? self->validation->count : 0;

  if (training == 0 && validation == 0)
    {
      tn_dataset_set_nothing (self->dataset, error);
      return FALSE;
    }
  if (training > 0 && (self->validation == NULL || validation > 0))
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_DATA,
               training > 0 ? _ ("%s: a validation share of %g holds out none of %" PRIu64
                                 " documents, expected a larger share or validation data apart")
                            : _ ("%s: a validation share of %g holds out all of %" PRIu64
                                 " documents, expected a smaller share or validation data apart"),
               tn_dataset_describe_file (self->dataset, 0), self->share,
               self->training->n_documents + self->validation->n_documents);
  return FALSE;
}

gboolean
tn_token_sequence_read_dataset (TnDataset *dataset, const TnTokenSequenceOptions *options, const TnListener *listener,
                                GCancellable *cancellable, TnTokenSequence **training, TnTokenSequence **validation,
                                GError **error)
{
  gsize memory_bytes = options->memory_bytes != 0 ? options->memory_bytes : DEFAULT_MEMORY_BYTES;
  const char *folder = options->folder != NULL ? options->folder : DEFAULT_FOLDER;
  g_autoptr (TnTokenSequence) kept = tn_token_sequence_new (dataset->n_vocab);
  g_autoptr (TnTokenSequence) held = options->validation_share > 0.0 ? tn_token_sequence_new (dataset->n_vocab) : NULL;
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  Reader reader = {.dataset = dataset, .share = options->validation_share, .training = kept, .validation = held, .ids = ids};
  gboolean done;

  if (!(options->validation_share >= 0.0 && options->validation_share <= 0.5))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("a validation share of %g, expected 0 to 0.5"),
                   options->validation_share);
      return FALSE;
    }
  if (are_token_files (dataset))
    done = take_files (&reader, error);
  else
    {
      kept->store = tn_token_store_new (dataset->n_vocab, memory_bytes, folder);
      if (held != NULL)
        held->store = tn_token_store_new (dataset->n_vocab, memory_bytes, folder);
      done = read_all (&reader, listener, cancellable, error);
    }
  if (!done || !check_sides (&reader, error))
    return FALSE;
  *training = g_steal_pointer (&kept);
  *validation = g_steal_pointer (&held);
  return TRUE;
}
