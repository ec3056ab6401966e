/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>

#include "data/datasets/record-file.h"
#include "data/datasets/token-file.h"
#include "engine/error.h"

/* Token files (.bin): windows of limit tokens. */
typedef struct
{
  TnRecordFile base;
  TnTokenFile *file;
  guint limit, n_vocab;
  guint64 place; /* the next token */
} TokenRecords;

static TnRecordFile *
token_open (TnByteStream *stream, const TnRecordOptions *options, GError **error)
{
  g_autoptr (TnByteStream) owned = stream;
  const char *path = tn_byte_stream_get_path (owned);
  TnTokenFile *file;
  TokenRecords *self;

  if (tn_byte_stream_is_sequential (owned))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: token files are read at any place, not from gzip or a pipe"),
                   tn_byte_stream_describe (path));
      return NULL;
    }
  if ((file = tn_token_file_open (path, error)) == NULL)
    return NULL;
  self = g_new0 (TokenRecords, 1);
  self->file = file;
  self->limit = options->limit;
  self->n_vocab = options->n_vocab;
  return &self->base;
}

static gboolean
token_next (TnRecordFile *base, TnRecord *record, GError **error)
{
  TokenRecords *self = (TokenRecords *) base;
  guint64 left = tn_token_file_count (self->file) - self->place;

  if (left == 0)
    return FALSE;
  *record = (TnRecord){
      .offset = self->place,
      .length = (guint32) MIN (left, self->limit),
      .begins_document = self->place == 0,
  };
  self->place += record->length;
  return TRUE;
}

static gboolean
token_read (TnRecordFile *base, const TnRecord *record, GArray *ids, GError **error)
{
  TokenRecords *self = (TokenRecords *) base;
  guint n = (guint) MIN ((guint64) record->length + 1, tn_token_file_count (self->file) - record->offset);
  guint before = ids->len;

  g_array_set_size (ids, before + n);
  return tn_token_file_read (self->file, record->offset, n, self->n_vocab, &g_array_index (ids, gint32, before), error);
}

static guint64
token_tell (TnRecordFile *base)
{
  TokenRecords *self = (TokenRecords *) base;

  return (guint64) ((double) tn_token_file_bytes (self->file) * (double) self->place /
                    (double) MAX (tn_token_file_count (self->file), 1));
}

static void
token_free (TnRecordFile *base)
{
  TokenRecords *self = (TokenRecords *) base;

  tn_token_file_free (self->file);
  g_free (self);
}

const TnRecordFormat tn_token_records = {
    .name = "tokens",
    .open = token_open,
    .next = token_next,
    .read_tokens = token_read,
    .tell = token_tell,
    .free = token_free,
};
