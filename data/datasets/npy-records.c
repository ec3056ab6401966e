/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>

#include "data/arrays/array-file.h"
#include "data/datasets/record-file.h"
#include "engine/error.h"

/* npy and npz of token ids: an array of one dimension is a stream of tokens, each row of one of two is a document. Places are
 * numbers of ids, through all arrays of the file. */
typedef struct
{
  TnRecordFile base;
  TnArrayFile *file;
  guint limit, n_vocab;
  guint array;           /* next(): the array, */
  guint64 place;         /* and the id in it */
  guint64 before;        /* ids of the arrays before */
  TnArrayStream *stream; /* read(): of array open_array */
  guint open_array;
  guint64 next;    /* the id that stream gives next */
  gint64 last;     /* the one before it: windows overlap by one */
  gint64 *numbers; /* limit + 1 */
} NpyRecords;

static void
npy_free (TnRecordFile *base)
{
  NpyRecords *self = (NpyRecords *) base;

  tn_array_file_free (self->file);
  tn_array_stream_free (self->stream);
  g_free (self->numbers);
  g_free (self);
}

static gboolean
check_arrays (TnArrayFile *file, GError **error)
{
  for (guint i = 0; i < tn_array_file_n_arrays (file); i++)
    {
      const TnArray *array = tn_array_file_get (file, i);

      if (!tn_dtype_is_integer (array->dtype))
        {
          g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: %s holds %s, expected integers: token ids"), tn_array_file_get_path (file),
                       array->quoted, tn_dtype_get_name (array->dtype));
          return FALSE;
        }
      if (array->n_dims == 1 || array->n_dims == 2)
        continue;
      g_set_error (error, TN_ERROR, TN_ERROR_DATA,
                   _ ("%s: %s has %u dimensions, expected token ids in one (a stream) or two (a document a row)"),
                   tn_array_file_get_path (file), array->quoted, array->n_dims);
      return FALSE;
    }
  return TRUE;
}

static TnRecordFile *
npy_open (TnByteStream *stream, const TnRecordOptions *options, GError **error)
{
  g_autoptr (TnByteStream) owned = stream;
  g_autoptr (TnArrayFile) file = NULL;
  NpyRecords *self;

  if (tn_byte_stream_is_sequential (owned))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                   _ ("%s: arrays of tokens are read at any place, not from gzip or a pipe"),
                   tn_byte_stream_describe (tn_byte_stream_get_path (owned)));
      return NULL;
    }
  file = tn_array_file_open (tn_byte_stream_get_path (owned), error);
  if (file == NULL || !check_arrays (file, error))
    return NULL;
  self = g_new0 (NpyRecords, 1);
  self->file = g_steal_pointer (&file);
  self->limit = options->limit;
  self->n_vocab = options->n_vocab;
  self->numbers = g_new (gint64, (gsize) options->limit + 1);
  return &self->base;
}

static guint64
row_length (const TnArray *array)
{
  return array->shape[array->n_dims - 1];
}

static gboolean
npy_next (TnRecordFile *base, TnRecord *record, GError **error)
{
  NpyRecords *self = (NpyRecords *) base;

  for (; self->array < tn_array_file_n_arrays (self->file); self->array++)
    {
      const TnArray *array = tn_array_file_get (self->file, self->array);
      guint64 in_row;

      if (self->place < array->count)
        {
          in_row = self->place % row_length (array);
          *record = (TnRecord){
              .offset = self->before + self->place,
              .length = (guint32) MIN (row_length (array) - in_row, self->limit),
              .begins_document = in_row == 0,
          };
          self->place += record->length;
          return TRUE;
        }
      self->before += array->count;
      self->place = 0;
    }
  return FALSE;
}

/* The stream of array index stands at this id, or behind it with *carried. */
static gboolean
go_to (NpyRecords *self, guint index, guint64 element, gboolean *carried, GError **error)
{
  if (self->stream == NULL || self->open_array != index)
    {
      g_clear_pointer (&self->stream, tn_array_stream_free);
      self->stream = tn_array_stream_new (self->file, index, error);
      self->open_array = index;
      self->next = 0;
    }
  if (self->stream == NULL)
    return FALSE;
  *carried = self->next > 0 && element == self->next - 1;
  if (*carried)
    return TRUE;
  self->next = element;
  return tn_array_stream_seek (self->stream, element, error);
}

static gboolean
read_numbers (NpyRecords *self, guint index, guint64 element, guint n, GError **error)
{
  gboolean carried;
  guint first = 0;

  if (!go_to (self, index, element, &carried, error))
    return FALSE;
  if (carried)
    self->numbers[first++] = self->last;
  if (!tn_array_stream_read_integers (self->stream, self->numbers + first, n - first, error))
    return FALSE;
  self->next = element + n;
  self->last = self->numbers[n - 1];
  return TRUE;
}

static gboolean
npy_read (TnRecordFile *base, const TnRecord *record, GArray *ids, GError **error)
{
  NpyRecords *self = (NpyRecords *) base;
  guint64 element = record->offset;
  const TnArray *array;
  guint index = 0, n;

  while (element >= (array = tn_array_file_get (self->file, index))->count)
    {
      element -= array->count;
      index++;
    }
  n = (guint) MIN ((guint64) record->length + 1, row_length (array) - element % row_length (array));
  if (!read_numbers (self, index, element, n, error))
    {
      g_clear_pointer (&self->stream, tn_array_stream_free);
      return FALSE;
    }
  for (guint i = 0; i < n; i++)
    {
      gint32 id = (gint32) self->numbers[i];

      if (self->numbers[i] < 0 || self->numbers[i] >= (gint64) self->n_vocab)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_DATA,
                       _ ("%s: id %" PRIu64 " of %s is %" PRId64 ", the model's vocabulary has %u"),
                       tn_array_file_get_path (self->file), element + i, array->quoted, self->numbers[i], self->n_vocab);
          return FALSE;
        }
      g_array_append_val (ids, id);
    }
  return TRUE;
}

static guint64
npy_tell (TnRecordFile *base)
{
  NpyRecords *self = (NpyRecords *) base;
  guint64 total = 0;

  for (guint i = 0; i < tn_array_file_n_arrays (self->file); i++)
    total += tn_array_file_get (self->file, i)->count;
  return (guint64) ((double) tn_array_file_get_bytes (self->file) * (double) (self->before + self->place) /
                    (double) MAX (total, 1));
}

const TnRecordFormat tn_npy_records = {
    .name = "npy",
    .open = npy_open,
    .next = npy_next,
    .read_tokens = npy_read,
    .tell = npy_tell,
    .free = npy_free,
};
