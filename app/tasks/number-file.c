/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/number-file.h"

#include <string.h>

#include "data/arrays/array-file.h"
#include "data/models/model-file.h"

/* Rows that one thread decodes at a time. */
#define SLICE_ELEMENTS 65536

struct _TnNumberFile
{
  TnModelFile   *model;  /* or */
  TnArrayFile   *arrays;
  TnArrayStream *stream; /* of the array read last */
  guint          streamed;
  GArray        *entries; /* TnNumberEntry */
};

static gboolean
is_array_name (const char *path)
{
  g_autofree char *lower = g_ascii_strdown (path, -1);

  return g_str_has_suffix (lower, ".npy") || g_str_has_suffix (lower, ".npz");
}

static void
add_entry (TnNumberFile *self, const char *name, guint n_dims, const guint64 *shape, guint64 count, gboolean readable)
{
  TnNumberEntry entry = { .name = name, .n_dims = n_dims, .readable = readable };

  memcpy (entry.shape, shape, n_dims * sizeof *shape);
  entry.columns = n_dims > 0 ? shape[n_dims - 1] : 1;
  entry.rows = entry.columns > 0 ? count / entry.columns : 0;
  g_array_append_val (self->entries, entry);
}

TnNumberFile *
tn_number_file_open (const char *path, GError **error)
{
  g_autoptr (TnNumberFile) self = g_new0 (TnNumberFile, 1);

  self->entries = g_array_new (FALSE, FALSE, sizeof (TnNumberEntry));
  if (is_array_name (path))
    {
      if ((self->arrays = tn_array_file_open (path, error)) == NULL)
        return NULL;
      for (guint i = 0; i < tn_array_file_n_arrays (self->arrays); i++)
        {
          const TnArray *array = tn_array_file_get (self->arrays, i);

          add_entry (self, array->name, array->n_dims, array->shape, array->count, TRUE);
        }
      return g_steal_pointer (&self);
    }
  if ((self->model = tn_model_file_open (path, error)) == NULL)
    return NULL;
  for (guint i = 0; i < tn_model_file_n_tensors (self->model); i++)
    {
      const TnModelTensor *entry = tn_model_file_get_tensor (self->model, i);

      add_entry (self, entry->name, entry->tensor->n_dims, entry->tensor->shape, entry->tensor->count, tn_dtype_can_decode (entry->tensor->dtype));
    }
  return g_steal_pointer (&self);
}

void
tn_number_file_free (TnNumberFile *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->stream, tn_array_stream_free);
  g_clear_pointer (&self->arrays, tn_array_file_free);
  g_clear_pointer (&self->model, tn_model_file_unref);
  g_array_unref (self->entries);
  g_free (self);
}

const char *
tn_number_file_get_path (TnNumberFile *self)
{
  return self->model != NULL ? tn_model_file_get_path (self->model) : tn_array_file_get_path (self->arrays);
}

guint
tn_number_file_n_entries (TnNumberFile *self)
{
  return self->entries->len;
}

const TnNumberEntry *
tn_number_file_get (TnNumberFile *self, guint index)
{
  return &g_array_index (self->entries, TnNumberEntry, index);
}

gint
tn_number_file_find (TnNumberFile *self, const char *name)
{
  for (guint i = 0; i < self->entries->len; i++)
    if (strcmp (tn_number_file_get (self, i)->name, name) == 0 ||
        (self->model != NULL && strcmp (tn_model_file_get_tensor (self->model, i)->source_name, name) == 0))
      return (gint) i;
  return -1;
}

static gboolean
read_array (TnNumberFile *self, guint index, guint64 first, guint64 n, float *out, GError **error)
{
  if (self->stream != NULL && self->streamed != index)
    g_clear_pointer (&self->stream, tn_array_stream_free);
  if (self->stream == NULL && (self->stream = tn_array_stream_new (self->arrays, index, error)) == NULL)
    return FALSE;
  self->streamed = index;
  return tn_array_stream_seek (self->stream, first, error) && tn_array_stream_read (self->stream, out, n, error);
}

gboolean
tn_number_file_read (TnNumberFile *self, guint index, guint64 first, guint64 n, float *out, GError **error)
{
  const TnNumberEntry *entry = tn_number_file_get (self, index);
  const TnTensor *tensor;
  guint64 begin = first * entry->columns, count = n * entry->columns;

  if (self->arrays != NULL)
    return read_array (self, index, begin, count, out, error);
  tensor = tn_model_file_get_tensor (self->model, index)->tensor;
#pragma omp parallel for schedule(dynamic) if (count > SLICE_ELEMENTS)
  for (guint64 i = 0; i < count; i += SLICE_ELEMENTS)
    tn_tensor_decode (tensor, begin + i, MIN (SLICE_ELEMENTS, count - i), out + i);
  tn_tensor_release (tensor, begin, count);
  return TRUE;
}

gboolean
tn_number_file_check (TnNumberFile *self, GError **error)
{
  return self->model == NULL || tn_model_file_check (self->model, error);
}
