/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/tensor/tensor.h"

G_BEGIN_DECLS

/* Arrays of numbers in a file: NumPy's npy and npz (members stored or deflated), safetensors, IDX (plain or gzip; images as rows of
 * height * width), CSV of numbers. What is listed was checked; the numbers are streamed. A list is read-only: any thread; a stream: one at a time. */
typedef struct _TnArrayFile   TnArrayFile;
typedef struct _TnArrayStream TnArrayStream;

typedef enum
{
  TN_ARRAY_STORED,   /* as it is in memory, at offset */
  TN_ARRAY_DEFLATED, /* packed_bytes of a zip member at offset */
  TN_ARRAY_GZIP,     /* in what the file unpacks to */
  TN_ARRAY_WRITTEN,  /* as decimal numbers of a CSV file */
} TnArrayStorage;

typedef struct
{
  char          *name;    /* of the tensor; where the file names none, of the file, without its ending */
  char          *quoted;  /* the same for messages */
  TnDtype        dtype;   /* F32 of CSV */
  gboolean       swapped; /* the bytes of each number stand in the other order: big-endian */
  guint          n_dims;
  guint64        shape[TN_TENSOR_MAX_DIMS];
  guint64        count;
  guint          n_row_dims; /* of IDX images: what a row was made of; else 0 */
  guint64        row_shape[TN_TENSOR_MAX_DIMS];
  /*< private >*/
  TnArrayStorage storage;
  guint64        offset;
  guint64        packed_bytes;
  guint64        skip;    /* bytes of what is unpacked in front of the numbers; rows of CSV */
} TnArray;

/* The kind by the first bytes; CSV by its ending. TN_ERROR_FORMAT, TN_ERROR_UNSUPPORTED, TN_ERROR_NOT_FOUND, TN_ERROR_IO name file, place, what was found and expected. */
TnArrayFile   *tn_array_file_open      (const char *path, GError **error);
void           tn_array_file_free      (TnArrayFile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnArrayFile, tn_array_file_free)
guint          tn_array_file_n_arrays  (TnArrayFile *self);
const TnArray *tn_array_file_get       (TnArrayFile *self, guint index);
const char    *tn_array_file_get_path  (TnArrayFile *self);
/* Of the file. */
guint64        tn_array_file_get_bytes (TnArrayFile *self);

/* From the first number on; opens the file anew and keeps nothing of self. */
TnArrayStream *tn_array_stream_new     (TnArrayFile *self, guint index, GError **error);
void           tn_array_stream_free    (TnArrayStream *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnArrayStream, tn_array_stream_free)
/* The number that is read next. Forwards costs nothing in stored arrays and unpacking in others, backwards begins anew. */
gboolean       tn_array_stream_seek    (TnArrayStream *self, guint64 element, GError **error);
/* n numbers, converted to float32 (rounded to nearest). */
gboolean       tn_array_stream_read    (TnArrayStream *self, float *out, gsize n, GError **error);
/* n integers; of arrays of integers only. TN_ERROR_DATA names a number that does not fit. */
gboolean       tn_array_stream_read_integers (TnArrayStream *self, gint64 *out, gsize n, GError **error);

G_END_DECLS
