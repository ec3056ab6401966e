/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "data/arrays/array-private.h"
#include "data/files/quote.h"
#include "engine/error.h"

/* More than any header that tells a kind. */
#define HEAD_BYTES 512

static const TnArrayFormat *const formats[] = {&tn_npy_arrays, &tn_npz_arrays, &tn_idx_arrays, &tn_safetensors_arrays,
                                               &tn_csv_arrays};

static void
array_clear (gpointer data)
{
  TnArray *self = data;

  g_free (self->name);
  g_free (self->quoted);
}

static const TnArrayFormat *
find_format (const char *path, GError **error)
{
  g_autoptr (TnByteStream) stream = tn_byte_stream_open (path, error);
  g_autofree char *name = g_ascii_strdown (path, -1);
  const char *head;
  gsize bytes;

  if (stream == NULL || !tn_byte_stream_peek (stream, HEAD_BYTES, &head, &bytes, error))
    return NULL;
  if (bytes == 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: the file is empty"), path);
      return NULL;
    }
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    if (formats[i]->recognise (name, (const guint8 *) head, bytes))
      return formats[i];
  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
               _ ("%s: no file of arrays: expected npy, npz, safetensors, IDX (also .gz) or CSV of numbers"), path);
  return NULL;
}

TnArrayFile *
tn_array_file_open (const char *path, GError **error)
{
  const TnArrayFormat *format;
  g_autoptr (TnArrayFile) self = NULL;
  GStatBuf info;

  if ((format = find_format (path, error)) == NULL)
    return NULL;
  self = g_new0 (TnArrayFile, 1);
  self->path = g_strdup (path);
  self->arrays = g_array_new (FALSE, TRUE, sizeof (TnArray));
  g_array_set_clear_func (self->arrays, array_clear);
  if (g_stat (path, &info) != 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: cannot be read: %s"), path, g_strerror (errno));
      return NULL;
    }
  self->bytes = (guint64) info.st_size;
  return format->list (self, error) ? g_steal_pointer (&self) : NULL;
}

void
tn_array_file_free (TnArrayFile *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->arrays);
  g_free (self->path);
  g_free (self);
}

guint
tn_array_file_n_arrays (TnArrayFile *self)
{
  return self->arrays->len;
}

const TnArray *
tn_array_file_get (TnArrayFile *self, guint index)
{
  return &g_array_index (self->arrays, TnArray, index);
}

const char *
tn_array_file_get_path (TnArrayFile *self)
{
  return self->path;
}

guint64
tn_array_file_get_bytes (TnArrayFile *self)
{
  return self->bytes;
}

void
tn_array_file_add (TnArrayFile *self, const TnArray *array, const char *name)
{
  TnArray copy = *array;

  copy.name = g_strdup (name);
  copy.quoted = tn_quote_string (name);
  g_array_append_val (self->arrays, copy);
}

char *
tn_array_file_stem (TnArrayFile *self)
{
  char *name = g_path_get_basename (self->path);
  char *dot;

  if (g_str_has_suffix (name, ".gz"))
    name[strlen (name) - strlen (".gz")] = '\0';
  dot = strrchr (name, '.');
  if (dot != NULL && dot != name)
    *dot = '\0';
  return name;
}

gboolean
tn_array_measure (TnArray *array, guint64 *bytes)
{
  array->count = 1;
  for (guint i = 0; i < array->n_dims; i++)
    if (!g_uint64_checked_mul (&array->count, array->count, array->shape[i]))
      return FALSE;
  return g_uint64_checked_mul (bytes, array->count, tn_dtype_block_bytes (array->dtype));
}
