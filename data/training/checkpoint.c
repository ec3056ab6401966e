/* SPDX-License-Identifier: Apache-2.0 */
#include "data/training/checkpoint.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "data/files/json-members.h"
#include "data/files/quote.h"
#include "data/files/safetensors-writer.h"
#include "data/training/checkpoint-private.h"
#include "engine/crc32c.h"
#include "engine/error.h"

/* Arrays are copied in parallel, in pieces of this many bytes. */
#define COPY_BYTES ((gsize) 1 << 20)

static void
array_clear (gpointer data)
{
  g_free (((TnCheckpointArray *) data)->name);
}

static void
field_free (gpointer data)
{
  TnCheckpointField *self = data;

  g_free (self->text);
  g_free (self);
}

static int
compare_keys (gconstpointer a, gconstpointer b, gpointer user_data)
{
  return strcmp (a, b);
}

TnCheckpoint *
tn_checkpoint_new (guint64 model)
{
  TnCheckpoint *self = g_new0 (TnCheckpoint, 1);

  self->model = model;
  self->arrays = g_array_new (FALSE, TRUE, sizeof (TnCheckpointArray));
  g_array_set_clear_func (self->arrays, array_clear);
  self->fields = g_tree_new_full (compare_keys, NULL, g_free, field_free);
  return self;
}

void
tn_checkpoint_free (TnCheckpoint *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; self->copied && i < self->arrays->len; i++)
    tn_pool_release (tn_pool_default (), g_array_index (self->arrays, TnCheckpointArray, i).data);
  g_array_unref (self->arrays);
  g_tree_unref (self->fields);
  g_free (self);
}

/* Where an array of this name belongs; *taken where there is one. */
static guint
find_place (TnCheckpoint *self, const char *name, gboolean *taken)
{
  guint low = 0, high = self->arrays->len;

  *taken = FALSE;
  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      int order = strcmp (g_array_index (self->arrays, TnCheckpointArray, middle).name, name);

      *taken = *taken || order == 0;
      if (order < 0)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

gboolean
tn_checkpoint_add_array (TnCheckpoint *self, const char *name, TnDtype dtype, guint n_dims, const guint64 *shape, void *data,
                         GError **error)
{
  TnCheckpointArray array = {.dtype = dtype, .n_dims = n_dims, .data = data};
  g_autofree char *quoted = tn_quote_string (name);
  gboolean taken, fits = n_dims <= TN_TENSOR_MAX_DIMS;
  guint place = find_place (self, name, &taken);
  guint64 count = 1;

  g_return_val_if_fail (dtype >= TN_DTYPE_F64 && dtype <= TN_DTYPE_U64, FALSE);

  if (taken || strcmp (name, "__metadata__") == 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("array %s: the name is taken; every array needs its own"), quoted);
      return FALSE;
    }
  for (guint i = 0; fits && i < n_dims; i++)
    {
      array.shape[i] = shape[i];
      fits = g_uint64_checked_mul (&count, count, shape[i]);
    }
  if (!fits || !tn_dtype_bytes (dtype, count, &array.bytes))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, _ ("array %s: its shape cannot be written"), quoted);
      return FALSE;
    }
  array.name = g_strdup (name);
  g_array_insert_val (self->arrays, place, array);
  return TRUE;
}

guint
tn_checkpoint_n_arrays (TnCheckpoint *self)
{
  return self->arrays->len;
}

guint64
tn_checkpoint_get_bytes (TnCheckpoint *self)
{
  guint64 bytes = 0;

  for (guint i = 0; i < self->arrays->len; i++)
    bytes += g_array_index (self->arrays, TnCheckpointArray, i).bytes;
  return bytes;
}

void
tn_checkpoint_set_step (TnCheckpoint *self, guint64 step)
{
  self->step = step;
}

static void
set_field (TnCheckpoint *self, const char *name, TnCheckpointField field)
{
  TnCheckpointField *copy = g_new (TnCheckpointField, 1);

  *copy = field;
  g_tree_replace (self->fields, g_strdup (name), copy);
}

void
tn_checkpoint_set_text (TnCheckpoint *self, const char *name, const char *value)
{
  set_field (self, name, (TnCheckpointField){.kind = TN_CHECKPOINT_TEXT, .text = g_strdup (value)});
}

void
tn_checkpoint_set_count (TnCheckpoint *self, const char *name, guint64 value)
{
  set_field (self, name, (TnCheckpointField){.kind = TN_CHECKPOINT_COUNT, .count = value});
}

void
tn_checkpoint_set_number (TnCheckpoint *self, const char *name, double value)
{
  set_field (self, name, (TnCheckpointField){.kind = TN_CHECKPOINT_NUMBER, .number = value});
}

double
tn_checkpoint_get_validation (TnCheckpoint *self)
{
  const TnCheckpointField *field = g_tree_lookup (self->fields, TN_CHECKPOINT_VALIDATION);

  return field != NULL && field->kind == TN_CHECKPOINT_NUMBER ? field->number : (double) NAN;
}

/* Counts that do not fit JSON's integers, and what is not finite, are strings. */
static gboolean
print_field (gpointer key, gpointer value, gpointer builder)
{
  const TnCheckpointField *field = value;
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (field->kind == TN_CHECKPOINT_TEXT)
    tn_json_add_string (builder, key, field->text);
  else if (field->kind == TN_CHECKPOINT_COUNT && field->count <= G_MAXINT64)
    tn_json_add_count (builder, key, field->count);
  else if (field->kind == TN_CHECKPOINT_COUNT)
    {
      g_snprintf (text, sizeof text, "%" PRIu64, field->count);
      tn_json_add_string (builder, key, text);
    }
  else if (isfinite (field->number))
    tn_json_add_double (builder, key, field->number);
  else
    tn_json_add_string (builder, key, isnan (field->number) ? "nan" : field->number > 0.0 ? "inf" : "-inf");
  return FALSE;
}

char *
tn_checkpoint_print_fields (TnCheckpoint *self)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  g_tree_foreach (self->fields, print_field, builder);
  json_builder_end_object (builder);
  return tn_json_builder_to_text (builder, FALSE);
}

guint32
tn_checkpoint_sum_entry (guint32 sum, const char *key, const char *value)
{
  return tn_crc32c (tn_crc32c (sum, key, strlen (key) + 1), value, strlen (value) + 1);
}

guint32
tn_checkpoint_sum_array (guint32 sum, const char *name, TnDtype dtype, guint n_dims, const guint64 *shape, const void *data,
                         guint64 bytes)
{
  g_autofree char *type = g_ascii_strup (tn_dtype_get_name (dtype), -1);

  sum = tn_checkpoint_sum_entry (sum, name, type);
  for (guint i = 0; i < n_dims; i++)
    {
      guint64 size = GUINT64_TO_LE (shape[i]);

      sum = tn_crc32c (sum, &size, sizeof size);
    }
  return tn_crc32c (sum, data, bytes);
}

static void
add_entry (TnSafetensorsWriter *writer, const char *key, const char *value, guint32 *sum)
{
  tn_safetensors_writer_add_metadata (writer, key, value);
  *sum = tn_checkpoint_sum_entry (*sum, key, value);
}

gboolean
tn_checkpoint_write_to (TnCheckpoint *self, TnAtomicFile *file, GError **error)
{
  g_autoptr (TnSafetensorsWriter) writer = tn_safetensors_writer_new ();
  g_autofree char *fields = tn_checkpoint_print_fields (self);
  char text[32];
  guint32 sum = 0;

  /* By key. */
  add_entry (writer, TN_CHECKPOINT_KEY_FIELDS, fields, &sum);
  add_entry (writer, TN_CHECKPOINT_KEY_FORMAT, TN_CHECKPOINT_FORMAT, &sum);
  g_snprintf (text, sizeof text, "%016" PRIx64, self->model);
  add_entry (writer, TN_CHECKPOINT_KEY_MODEL, text, &sum);
  g_snprintf (text, sizeof text, "%" PRIu64, self->step);
  add_entry (writer, TN_CHECKPOINT_KEY_STEP, text, &sum);
  g_snprintf (text, sizeof text, "%d", TN_CHECKPOINT_VERSION);
  add_entry (writer, TN_CHECKPOINT_KEY_VERSION, text, &sum);
  for (guint i = 0; i < self->arrays->len; i++)
    {
      const TnCheckpointArray *array = &g_array_index (self->arrays, TnCheckpointArray, i);

      if (!tn_safetensors_writer_add_tensor (writer, array->name, array->dtype, array->n_dims, array->shape, array->data, error))
        return FALSE;
      sum = tn_checkpoint_sum_array (sum, array->name, array->dtype, array->n_dims, array->shape, array->data, array->bytes);
    }
  g_snprintf (text, sizeof text, "%08x", sum);
  tn_safetensors_writer_add_metadata (writer, TN_CHECKPOINT_KEY_SUM, text);
  return tn_safetensors_writer_write_to (writer, file, error);
}

gboolean
tn_checkpoint_write (TnCheckpoint *self, const char *path, guint64 *bytes_written, GError **error)
{
  g_autoptr (TnAtomicFile) file = tn_atomic_file_create (path, error);

  if (file == NULL || !tn_checkpoint_write_to (self, file, error))
    return FALSE;
  if (bytes_written != NULL)
    *bytes_written = tn_atomic_file_tell (file);
  return tn_atomic_file_commit (file, error);
}

static void
copy_bytes (void *out, const void *data, gsize bytes)
{
  gint64 n = (gint64) ((bytes + COPY_BYTES - 1) / COPY_BYTES);

#pragma omp parallel for schedule(static) if (n > 1)
  for (gint64 i = 0; i < n; i++)
    {
      gsize first = (gsize) i * COPY_BYTES;

      memcpy ((guint8 *) out + first, (const guint8 *) data + first, MIN (COPY_BYTES, bytes - first));
    }
}

static gboolean
copy_field (gpointer key, gpointer value, gpointer user_data)
{
  TnCheckpointField field = *(TnCheckpointField *) value;

  field.text = g_strdup (field.text);
  set_field (user_data, key, field);
  return FALSE;
}

TnCheckpoint *
tn_checkpoint_copy (TnCheckpoint *self, GError **error)
{
  g_autoptr (TnCheckpoint) copy = tn_checkpoint_new (self->model);

  copy->step = self->step;
  copy->copied = TRUE;
  g_tree_foreach (self->fields, copy_field, copy);
  for (guint i = 0; i < self->arrays->len; i++)
    {
      TnCheckpointArray array = g_array_index (self->arrays, TnCheckpointArray, i);
      void *data = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_OPTIMIZER, array.bytes, error);

      if (data == NULL)
        return NULL;
      copy_bytes (data, array.data, array.bytes);
      array.data = data;
      array.name = g_strdup (array.name);
      g_array_append_val (copy->arrays, array);
    }
  return g_steal_pointer (&copy);
}
