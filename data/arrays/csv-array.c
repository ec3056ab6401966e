/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "data/arrays/array-private.h"
#include "data/files/quote.h"
#include "engine/error.h"

/* CSV of numbers: a row a line, its columns the channels; a first row that is not all numbers names them and is left out. */
#define CHUNK_BYTES ((gsize) 1 << 20)
#define MOST_ROW_BYTES ((gsize) 64 << 20)
#define MOST_NUMBER_BYTES 64

struct _TnNumberRows
{
  TnByteStream *stream;
  char *buffer;
  gsize capacity, start, searched, filled;
  gboolean ended;
  guint64 row; /* of the last one, from 1 */
};

TnNumberRows *
tn_number_rows_open (const char *path, GError **error)
{
  TnByteStream *stream = tn_byte_stream_open (path, error);
  TnNumberRows *self;

  if (stream == NULL)
    return NULL;
  self = g_new0 (TnNumberRows, 1);
  self->stream = stream;
  return self;
}

void
tn_number_rows_free (TnNumberRows *self)
{
  if (self == NULL)
    return;
  tn_byte_stream_free (self->stream);
  g_free (self->buffer);
  g_free (self);
}

static gboolean
read_more (TnNumberRows *self, GError **error)
{
  gsize got;

  if (self->filled - self->start > MOST_ROW_BYTES)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                   _ ("%s: row %" PRIu64 " goes on for more than %zu bytes, expected CSV of numbers"),
                   tn_byte_stream_get_path (self->stream), self->row + 1, MOST_ROW_BYTES);
      return FALSE;
    }
  if (self->start > 0)
    memmove (self->buffer, self->buffer + self->start, self->filled - self->start);
  self->searched -= self->start;
  self->filled -= self->start;
  self->start = 0;
  if (self->capacity < self->filled + CHUNK_BYTES)
    {
      self->capacity = self->filled + CHUNK_BYTES;
      self->buffer = g_realloc (self->buffer, self->capacity);
    }
  if (!tn_byte_stream_read_full (self->stream, self->buffer + self->filled, CHUNK_BYTES, &got, error))
    return FALSE;
  self->filled += got;
  self->ended = got < CHUNK_BYTES;
  return TRUE;
}

gboolean
tn_number_rows_next (TnNumberRows *self, const char **text, gsize *bytes, GError **error)
{
  while (TRUE)
    {
      const char *line =
          self->filled > self->searched ? memchr (self->buffer + self->searched, '\n', self->filled - self->searched) : NULL;
      gsize begin = self->start, end;

      self->searched = self->filled;
      if (line == NULL && !self->ended)
        {
          if (!read_more (self, error))
            return FALSE;
          continue;
        }
      if (line == NULL && self->start == self->filled)
        return FALSE;
      end = line != NULL ? (gsize) (line - self->buffer) : self->filled;
      self->start = self->searched = line != NULL ? end + 1 : end;
      self->row++;
      while (end > begin && g_ascii_isspace (self->buffer[end - 1]))
        end--;
      if (end == begin)
        continue;
      *text = self->buffer + begin;
      *bytes = end - begin;
      return TRUE;
    }
}

guint64
tn_number_rows_count_fields (const char *text, gsize bytes)
{
  guint64 n = 1;

  for (const char *comma; (comma = memchr (text, ',', bytes)) != NULL; n++)
    {
      bytes -= (gsize) (comma + 1 - text);
      text = comma + 1;
    }
  return n;
}

static gboolean
parse_number (const char *text, gsize bytes, double *value)
{
  char number[MOST_NUMBER_BYTES];
  char *end;

  while (bytes > 0 && g_ascii_isspace (text[0]))
    text++, bytes--;
  while (bytes > 0 && g_ascii_isspace (text[bytes - 1]))
    bytes--;
  if (bytes == 0 || bytes >= sizeof number)
    return FALSE;
  memcpy (number, text, bytes);
  number[bytes] = '\0';
  *value = g_ascii_strtod (number, &end);
  return end == number + bytes;
}

gboolean
tn_number_rows_parse (TnNumberRows *self, const char *text, gsize bytes, guint64 n, float *out, GError **error)
{
  for (guint64 i = 0; i < n; i++)
    {
      const char *comma = memchr (text, ',', bytes);
      gsize length = comma != NULL ? (gsize) (comma - text) : bytes;
      double value;

      if ((comma == NULL) != (i + 1 == n))
        {
          g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                       _ ("%s: row %" PRIu64 ": expected %" PRIu64 " numbers as in the first row"),
                       tn_byte_stream_get_path (self->stream), self->row, n);
          return FALSE;
        }
      if (!parse_number (text, length, &value))
        {
          g_autofree char *found = tn_quote_bytes (text, length);

          g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                       _ ("%s: row %" PRIu64 ", column %" PRIu64 ": found %s, expected a number"),
                       tn_byte_stream_get_path (self->stream), self->row, i + 1, found);
          return FALSE;
        }
      out[i] = (float) value;
      text += length + 1;
      bytes -= MIN (length + 1, bytes);
    }
  return TRUE;
}

static gboolean
csv_recognise (const char *name, const guint8 *head, gsize bytes)
{
  return g_str_has_suffix (name, ".csv") || g_str_has_suffix (name, ".csv.gz");
}

static gboolean
is_all_numbers (const char *text, gsize bytes)
{
  while (TRUE)
    {
      const char *comma = memchr (text, ',', bytes);
      double value;

      if (!parse_number (text, comma != NULL ? (gsize) (comma - text) : bytes, &value))
        return FALSE;
      if (comma == NULL)
        return TRUE;
      bytes -= (gsize) (comma + 1 - text);
      text = comma + 1;
    }
}

static gboolean
csv_list (TnArrayFile *self, GError **error)
{
  g_autofree char *stem = tn_array_file_stem (self);
  TnNumberRows *rows = tn_number_rows_open (self->path, error);
  TnArray array = {.dtype = TN_DTYPE_F32, .n_dims = 2, .storage = TN_ARRAY_WRITTEN};
  GError *local = NULL;
  const char *text;
  gsize bytes;

  if (rows == NULL)
    return FALSE;
  while (tn_number_rows_next (rows, &text, &bytes, &local))
    {
      if (array.shape[1] == 0)
        {
          array.shape[1] = tn_number_rows_count_fields (text, bytes);
          array.skip = is_all_numbers (text, bytes) ? 0 : 1;
          array.shape[0] -= array.skip;
        }
      array.shape[0]++;
    }
  tn_number_rows_free (rows);
  if (local != NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  array.count = array.shape[0] * array.shape[1];
  tn_array_file_add (self, &array, stem);
  return TRUE;
}

const TnArrayFormat tn_csv_arrays = {.name = "CSV", .recognise = csv_recognise, .list = csv_list};
