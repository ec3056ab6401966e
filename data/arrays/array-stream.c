/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "data/arrays/array-private.h"
#include "engine/error.h"

#define RAW_BYTES ((gsize) 256 << 10)

struct _TnArrayStream
{
  TnArray array; /* a copy */
  char *path;
  gsize item_bytes;
  TnByteStream *bytes; /* NULL of WRITTEN */
  TnNumberRows *rows;  /* of WRITTEN */
  float *row;          /* the numbers of the row in progress */
  guint64 place;       /* the next number */
  guint8 *raw;
};

static gboolean read_raw (TnArrayStream *self, void *out, gsize n, GError **error);

static gboolean
skip_numbers (TnArrayStream *self, guint64 n, GError **error)
{
  while (n > 0)
    {
      gsize step = (gsize) MIN (n, RAW_BYTES / self->item_bytes);

      if (!read_raw (self, self->raw, step, error))
        return FALSE;
      n -= step;
    }
  return TRUE;
}

static gboolean
skip_bytes (TnArrayStream *self, guint64 n, GError **error)
{
  while (n > 0)
    {
      gsize got;

      if (!tn_byte_stream_read_full (self->bytes, self->raw, (gsize) MIN (n, RAW_BYTES), &got, error))
        return FALSE;
      if (got == 0)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: ends inside the header of %s"), self->path, self->array.quoted);
          return FALSE;
        }
      n -= got;
    }
  return TRUE;
}

/* Opens at the first number. */
static gboolean
begin (TnArrayStream *self, GError **error)
{
  const TnArray *array = &self->array;

  g_clear_pointer (&self->bytes, tn_byte_stream_free);
  g_clear_pointer (&self->rows, tn_number_rows_free);
  self->place = 0;
  switch (array->storage)
    {
    case TN_ARRAY_STORED:
      self->bytes = tn_byte_stream_open_range (self->path, array->offset, array->count * self->item_bytes, FALSE, error);
      return self->bytes != NULL;
    case TN_ARRAY_DEFLATED:
      self->bytes = tn_byte_stream_open_range (self->path, array->offset, array->packed_bytes, TRUE, error);
      return self->bytes != NULL && skip_bytes (self, array->skip, error);
    case TN_ARRAY_GZIP:
      self->bytes = tn_byte_stream_open (self->path, error);
      return self->bytes != NULL && skip_bytes (self, array->skip, error);
    case TN_ARRAY_WRITTEN:
    default:
      break;
    }
  if ((self->rows = tn_number_rows_open (self->path, error)) == NULL)
    return FALSE;
  for (guint64 i = 0; i < array->skip; i++)
    {
      const char *text;
      gsize bytes;

      if (!tn_number_rows_next (self->rows, &text, &bytes, error))
        return FALSE;
    }
  return TRUE;
}

TnArrayStream *
tn_array_stream_new (TnArrayFile *file, guint index, GError **error)
{
  g_autoptr (TnArrayStream) self = g_new0 (TnArrayStream, 1);

  self->array = *tn_array_file_get (file, index);
  self->array.name = NULL;
  self->array.quoted = g_strdup (self->array.quoted);
  self->path = g_strdup (tn_array_file_get_path (file));
  self->item_bytes = tn_dtype_block_bytes (self->array.dtype);
  self->raw = g_malloc (RAW_BYTES);
  if (self->array.storage == TN_ARRAY_WRITTEN)
    self->row = g_new (float, MAX (self->array.shape[1], 1));
  return begin (self, error) ? g_steal_pointer (&self) : NULL;
}

void
tn_array_stream_free (TnArrayStream *self)
{
  if (self == NULL)
    return;
  tn_byte_stream_free (self->bytes);
  tn_number_rows_free (self->rows);
  g_free (self->array.quoted);
  g_free (self->path);
  g_free (self->row);
  g_free (self->raw);
  g_free (self);
}

static gboolean
set_shorter (TnArrayStream *self, GError **error)
{
  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: %s ends before its number %" PRIu64 " of %" PRIu64), self->path,
               self->array.quoted, self->place, self->array.count);
  return FALSE;
}

static gboolean
read_written (TnArrayStream *self, float *out, gsize n, GError **error)
{
  guint64 width = self->array.shape[1];
  GError *local = NULL;

  while (n > 0)
    {
      gsize column = (gsize) (self->place % width), step = MIN (n, (gsize) width - column);
      const char *text;
      gsize bytes;

      if (column == 0)
        {
          if (!tn_number_rows_next (self->rows, &text, &bytes, &local))
            {
              if (local == NULL)
                return set_shorter (self, error);
              g_propagate_error (error, local);
              return FALSE;
            }
          if (!tn_number_rows_parse (self->rows, text, bytes, width, self->row, error))
            return FALSE;
        }
      memcpy (out, self->row + column, step * sizeof *out);
      out += step;
      n -= step;
      self->place += step;
    }
  return TRUE;
}

static void
swap_bytes (guint8 *raw, gsize n, gsize item_bytes)
{
  for (gsize i = 0; i < n; i++, raw += item_bytes)
    for (gsize k = 0; k < item_bytes / 2; k++)
      {
        guint8 byte = raw[k];

        raw[k] = raw[item_bytes - 1 - k];
        raw[item_bytes - 1 - k] = byte;
      }
}

/* n numbers as the array holds them, in the machine's order. */
static gboolean
read_raw (TnArrayStream *self, void *out, gsize n, GError **error)
{
  gsize got;

  g_return_val_if_fail (n <= self->array.count - self->place, FALSE);

  if (self->rows != NULL)
    return read_written (self, out, n, error);
  if (!tn_byte_stream_read_full (self->bytes, out, n * self->item_bytes, &got, error))
    return FALSE;
  if (got < n * self->item_bytes)
    {
      self->place += got / self->item_bytes;
      return set_shorter (self, error);
    }
  if (self->array.swapped)
    swap_bytes (out, n, self->item_bytes);
  self->place += n;
  return TRUE;
}

gboolean
tn_array_stream_seek (TnArrayStream *self, guint64 element, GError **error)
{
  g_return_val_if_fail (element <= self->array.count, FALSE);

  if (element == self->place)
    return TRUE;
  if (self->array.storage == TN_ARRAY_STORED)
    {
      g_clear_pointer (&self->bytes, tn_byte_stream_free);
      self->bytes = tn_byte_stream_open_range (self->path, self->array.offset + element * self->item_bytes,
                                               (self->array.count - element) * self->item_bytes, FALSE, error);
      self->place = element;
      return self->bytes != NULL;
    }
  if (element < self->place && !begin (self, error))
    return FALSE;
  return skip_numbers (self, element - self->place, error);
}

gboolean
tn_array_stream_read (TnArrayStream *self, float *out, gsize n, GError **error)
{
  if (self->array.dtype == TN_DTYPE_F32)
    return read_raw (self, out, n, error);
  while (n > 0)
    {
      gsize step = MIN (n, RAW_BYTES / self->item_bytes);

      if (!read_raw (self, self->raw, step, error))
        return FALSE;
      tn_dtype_decode (self->array.dtype, self->raw, step, out);
      out += step;
      n -= step;
    }
  return TRUE;
}

static gboolean
decode_integer (TnDtype dtype, const guint8 *raw, gint64 *out)
{
  guint64 value = 0;

  memcpy (G_BYTE_ORDER == G_LITTLE_ENDIAN ? (guint8 *) &value : (guint8 *) &value + 8 - tn_dtype_block_bytes (dtype), raw,
          tn_dtype_block_bytes (dtype));
  switch (dtype)
    {
    case TN_DTYPE_I8:
      *out = (gint8) value;
      return TRUE;
    case TN_DTYPE_I16:
      *out = (gint16) value;
      return TRUE;
    case TN_DTYPE_I32:
      *out = (gint32) value;
      return TRUE;
    default:
      *out = (gint64) value;
      return dtype != TN_DTYPE_U64 || value <= G_MAXINT64;
    }
}

gboolean
tn_array_stream_read_integers (TnArrayStream *self, gint64 *out, gsize n, GError **error)
{
  g_return_val_if_fail (tn_dtype_is_integer (self->array.dtype), FALSE);

  while (n > 0)
    {
      gsize step = MIN (n, RAW_BYTES / self->item_bytes);
      guint64 first = self->place;

      if (!read_raw (self, self->raw, step, error))
        return FALSE;
      for (gsize i = 0; i < step; i++)
        if (!decode_integer (self->array.dtype, self->raw + i * self->item_bytes, &out[i]))
          {
            g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: number %" PRIu64 " of %s is 2^63 or more"), self->path,
                         first + i, self->array.quoted);
            return FALSE;
          }
      out += step;
      n -= step;
    }
  return TRUE;
}
