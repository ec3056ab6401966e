/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "data/arrays/array-private.h"
#include "engine/error.h"

/* IDX (yann.lecun.com/exdb/mnist): two zeros, type, number of dimensions, big-endian sizes, big-endian numbers. */
#define HEADER_BYTES 4

static const struct
{
  guint8 code;
  TnDtype dtype;
} types[] = {
    {0x08, TN_DTYPE_U8},  {0x09, TN_DTYPE_I8},  {0x0b, TN_DTYPE_I16},
    {0x0c, TN_DTYPE_I32}, {0x0d, TN_DTYPE_F32}, {0x0e, TN_DTYPE_F64},
};

static TnDtype
find_type (guint8 code)
{
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    if (types[i].code == code)
      return types[i].dtype;
  return TN_DTYPE_INVALID;
}

static gboolean
idx_recognise (const char *name, const guint8 *head, gsize bytes)
{
  return bytes >= HEADER_BYTES && head[0] == 0 && head[1] == 0 && find_type (head[2]) != TN_DTYPE_INVALID && head[3] >= 1 &&
         head[3] <= TN_TENSOR_MAX_DIMS;
}

static gboolean
idx_list (TnArrayFile *self, GError **error)
{
  g_autoptr (TnByteStream) stream = tn_byte_stream_open (self->path, error);
  g_autofree char *stem = tn_array_file_stem (self);
  guint8 header[HEADER_BYTES + 4 * TN_TENSOR_MAX_DIMS];
  TnArray array = {.storage = TN_ARRAY_STORED};
  guint64 bytes, row = 1;
  gsize got, wanted;

  if (stream == NULL || !tn_byte_stream_read_full (stream, header, HEADER_BYTES, &got, error))
    return FALSE;
  array.dtype = find_type (header[2]);
  array.n_dims = header[3];
  array.swapped = G_BYTE_ORDER == G_LITTLE_ENDIAN && tn_dtype_block_bytes (array.dtype) > 1;
  wanted = (gsize) 4 * array.n_dims;
  if (!tn_byte_stream_read_full (stream, header + HEADER_BYTES, wanted, &got, error))
    return FALSE;
  for (guint i = 0; i < array.n_dims; i++)
    {
      const guint8 *size = header + HEADER_BYTES + 4 * i;

      array.shape[i] = (guint64) size[0] << 24 | (guint64) size[1] << 16 | (guint64) size[2] << 8 | size[3];
    }
  array.skip = HEADER_BYTES + wanted;
  if (tn_byte_stream_is_sequential (stream))
    array.storage = TN_ARRAY_GZIP;
  else
    array.offset = array.skip;
  if (got < wanted || !tn_array_measure (&array, &bytes) ||
      (array.storage == TN_ARRAY_STORED && bytes != self->bytes - array.skip))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                   _ ("%s: the IDX header states other sizes than the file has, which is of %" PRIu64 " bytes"), self->path,
                   self->bytes);
      return FALSE;
    }
  /* An image is a row. */
  array.n_row_dims = array.n_dims - 1;
  for (guint i = 1; i < array.n_dims; i++)
    {
      array.row_shape[i - 1] = array.shape[i];
      row *= array.shape[i];
    }
  if (array.n_dims > 2)
    {
      array.n_dims = 2;
      array.shape[1] = row;
    }
  tn_array_file_add (self, &array, stem);
  return TRUE;
}

const TnArrayFormat tn_idx_arrays = {.name = "IDX", .recognise = idx_recognise, .list = idx_list};
