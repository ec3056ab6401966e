/* SPDX-License-Identifier: Apache-2.0 */
#include "data/files/safetensors-writer.h"

#include <glib/gi18n-lib.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "data/files/quote.h"
#include "engine/error.h"

typedef struct
{
  char *name;
  guint rank; /* of its dtype in the order of the format */
  guint n_dims;
  guint64 shape[TN_TENSOR_MAX_DIMS];
  guint64 bytes;
  const void *data; /* NULL: content makes it */
  void *owned;
  TnFileContent content;
  gpointer user_data;
} Entry;

struct _TnSafetensorsWriter
{
  GPtrArray *entries;
  GHashTable *names; /* of the entries */
  GTree *metadata;
  gsize header_length; /* as it was written, without padding */
};

/* In the order of the reference's enumeration. */
static const struct
{
  TnDtype dtype;
  const char *name;
} dtypes[] = {
    {TN_DTYPE_BOOL, "BOOL"},       {TN_DTYPE_U8, "U8"},   {TN_DTYPE_I8, "I8"},   {TN_DTYPE_F8_E5M2, "F8_E5M2"},
    {TN_DTYPE_F8_E4M3, "F8_E4M3"}, {TN_DTYPE_I16, "I16"}, {TN_DTYPE_U16, "U16"}, {TN_DTYPE_F16, "F16"},
    {TN_DTYPE_BF16, "BF16"},       {TN_DTYPE_I32, "I32"}, {TN_DTYPE_U32, "U32"}, {TN_DTYPE_F32, "F32"},
    {TN_DTYPE_F64, "F64"},         {TN_DTYPE_I64, "I64"}, {TN_DTYPE_U64, "U64"},
};

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_free (entry->name);
  g_free (entry->owned);
  g_free (entry);
}

static int
compare_keys (gconstpointer a, gconstpointer b, gpointer user_data)
{
  return strcmp (a, b);
}

TnSafetensorsWriter *
tn_safetensors_writer_new (void)
{
  TnSafetensorsWriter *self = g_new0 (TnSafetensorsWriter, 1);

  self->entries = g_ptr_array_new_with_free_func (entry_free);
  self->names = g_hash_table_new (g_str_hash, g_str_equal);
  self->metadata = g_tree_new_full (compare_keys, NULL, g_free, g_free);
  return self;
}

void
tn_safetensors_writer_free (TnSafetensorsWriter *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->names);
  g_ptr_array_unref (self->entries);
  g_tree_unref (self->metadata);
  g_free (self);
}

void
tn_safetensors_writer_add_metadata (TnSafetensorsWriter *self, const char *key, const char *value)
{
  g_tree_replace (self->metadata, g_strdup (key), g_strdup (value));
}

static gboolean
fill_entry (TnSafetensorsWriter *self, Entry *entry, TnDtype dtype, guint n_dims, const guint64 *shape, GError **error)
{
  g_autofree char *quoted = tn_quote_string (entry->name);
  guint64 count = 1;
  gboolean fits = n_dims <= TN_TENSOR_MAX_DIMS;

  for (entry->rank = 0; entry->rank < G_N_ELEMENTS (dtypes); entry->rank++)
    if (dtypes[entry->rank].dtype == dtype)
      break;
  if (entry->rank == G_N_ELEMENTS (dtypes))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("tensor %s: safetensors files cannot hold dtype %s"), quoted,
                   tn_dtype_get_name (dtype));
      return FALSE;
    }
  if (strcmp (entry->name, "__metadata__") == 0 || g_hash_table_contains (self->names, entry->name))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("tensor %s: the name is taken; every tensor needs its own"), quoted);
      return FALSE;
    }
  for (guint i = 0; fits && i < n_dims; i++)
    {
      entry->shape[i] = shape[i];
      fits = g_uint64_checked_mul (&count, count, shape[i]);
    }
  if (!fits || !tn_dtype_bytes (dtype, count, &entry->bytes))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, _ ("tensor %s: its shape cannot be written"), quoted);
      return FALSE;
    }
  entry->n_dims = n_dims;
  return TRUE;
}

/* Takes over what the entry holds. */
static gboolean
add_entry (TnSafetensorsWriter *self, const char *name, TnDtype dtype, guint n_dims, const guint64 *shape, Entry content,
           GError **error)
{
  Entry *entry = g_new0 (Entry, 1);

  *entry = content;
  entry->name = g_strdup (name);
  if (!fill_entry (self, entry, dtype, n_dims, shape, error))
    {
      entry_free (entry);
      return FALSE;
    }
  g_ptr_array_add (self->entries, entry);
  g_hash_table_add (self->names, entry->name);
  return TRUE;
}

gboolean
tn_safetensors_writer_add_tensor (TnSafetensorsWriter *self, const char *name, TnDtype dtype, guint n_dims, const guint64 *shape,
                                  const void *data, GError **error)
{
  return add_entry (self, name, dtype, n_dims, shape, (Entry){.data = data}, error);
}

gboolean
tn_safetensors_writer_take_tensor (TnSafetensorsWriter *self, const char *name, TnDtype dtype, guint n_dims, const guint64 *shape,
                                   void *data, GError **error)
{
  return add_entry (self, name, dtype, n_dims, shape, (Entry){.data = data, .owned = data}, error);
}

gboolean
tn_safetensors_writer_add_content (TnSafetensorsWriter *self, const char *name, TnDtype dtype, guint n_dims, const guint64 *shape,
                                   TnFileContent content, gpointer user_data, GError **error)
{
  return add_entry (self, name, dtype, n_dims, shape, (Entry){.content = content, .user_data = user_data}, error);
}

static int
compare_entries (gconstpointer a, gconstpointer b)
{
  const Entry *x = *(Entry *const *) a, *y = *(Entry *const *) b;

  if (x->rank != y->rank)
    return x->rank > y->rank ? -1 : 1;
  return strcmp (x->name, y->name);
}

static gboolean
append_metadata (gpointer key, gpointer value, gpointer builder)
{
  json_builder_set_member_name (builder, key);
  json_builder_add_string_value (builder, value);
  return FALSE;
}

/* NULL when the offsets do not fit. */
static char *
make_header (TnSafetensorsWriter *self, gsize *length)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = NULL;
  guint64 offset = 0;

  json_builder_begin_object (builder);
  if (g_tree_nnodes (self->metadata) > 0)
    {
      json_builder_set_member_name (builder, "__metadata__");
      json_builder_begin_object (builder);
      g_tree_foreach (self->metadata, append_metadata, builder);
      json_builder_end_object (builder);
    }
  for (guint i = 0; i < self->entries->len; i++)
    {
      const Entry *entry = g_ptr_array_index (self->entries, i);

      json_builder_set_member_name (builder, entry->name);
      json_builder_begin_object (builder);
      json_builder_set_member_name (builder, "dtype");
      json_builder_add_string_value (builder, dtypes[entry->rank].name);
      json_builder_set_member_name (builder, "shape");
      json_builder_begin_array (builder);
      for (guint k = 0; k < entry->n_dims; k++)
        json_builder_add_int_value (builder, (gint64) entry->shape[k]);
      json_builder_end_array (builder);
      json_builder_set_member_name (builder, "data_offsets");
      json_builder_begin_array (builder);
      json_builder_add_int_value (builder, (gint64) offset);
      if (!g_uint64_checked_add (&offset, offset, entry->bytes) || offset > G_MAXINT64)
        return NULL;
      json_builder_add_int_value (builder, (gint64) offset);
      json_builder_end_array (builder);
      json_builder_end_object (builder);
    }
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  json_generator_set_root (generator, root);
  return json_generator_to_data (generator, length);
}

gboolean
tn_safetensors_writer_write_to (TnSafetensorsWriter *self, TnAtomicFile *file, GError **error)
{
  static const char spaces[] = "        ";
  g_autofree char *header = NULL;
  guint64 prefix;
  gsize length, padding;

  g_ptr_array_sort (self->entries, compare_entries);
  header = make_header (self, &length);
  if (header == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, _ ("the tensors are larger than a file can be"));
      return FALSE;
    }
  padding = (8 - length % 8) % 8;
  prefix = GUINT64_TO_LE ((guint64) (length + padding));
  if (!tn_atomic_file_write (file, &prefix, sizeof prefix, error) || !tn_atomic_file_write (file, header, length, error) ||
      !tn_atomic_file_write (file, spaces, padding, error))
    return FALSE;
  for (guint i = 0; i < self->entries->len; i++)
    {
      const Entry *entry = g_ptr_array_index (self->entries, i);
      gboolean written = entry->content != NULL
                             ? tn_atomic_file_write_content (file, entry->content, entry->user_data, entry->bytes, error)
                             : tn_atomic_file_write (file, entry->data, entry->bytes, error);

      if (!written)
        return FALSE;
    }
  self->header_length = length;
  return TRUE;
}

gboolean
tn_safetensors_writer_update (TnSafetensorsWriter *self, TnAtomicFile *file, GError **error)
{
  gsize length;
  g_autofree char *header = make_header (self, &length);

  g_return_val_if_fail (header != NULL && length == self->header_length, FALSE);

  return tn_atomic_file_overwrite (file, sizeof (guint64), header, length, error);
}

gboolean
tn_safetensors_writer_write (TnSafetensorsWriter *self, const char *path, guint64 *bytes_written, GError **error)
{
  g_autoptr (TnAtomicFile) file = tn_atomic_file_create (path, error);

  if (file == NULL || !tn_safetensors_writer_write_to (self, file, error))
    return FALSE;
  if (bytes_written != NULL)
    *bytes_written = tn_atomic_file_tell (file);
  return tn_atomic_file_commit (file, error);
}
