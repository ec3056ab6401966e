/* SPDX-License-Identifier: Apache-2.0 */
#include "data/files/gguf-writer.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "data/files/quote.h"
#include "engine/error.h"

#define MAX_NAME_BYTES 63
#define MAX_DIMS 4

/* A GByteArray counts in 32 bits. */
#define MAX_KEY_BYTES ((guint64) 1 << 30)

enum
{
  VALUE_U32 = 4,
  VALUE_STRING = 8,
  VALUE_ARRAY = TN_GGUF_VALUE_ARRAY
};

typedef struct
{
  char *name;
  guint32 type;
  guint n_dims;
  guint64 dims[MAX_DIMS];
  const void *data;      /* NULL: content makes it */
  TnFileContent content;
  gpointer user_data;
  guint64 bytes;
} Entry;

struct _TnGgufWriter
{
  GByteArray *keys;
  guint64 n_keys;
  guint32 alignment;
  GPtrArray *entries;
  GHashTable *names; /* of the entries */
};

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_free (entry->name);
  g_free (entry);
}

TnGgufWriter *
tn_gguf_writer_new (void)
{
  TnGgufWriter *self = g_new0 (TnGgufWriter, 1);

  self->keys = g_byte_array_new ();
  self->alignment = 32;
  self->entries = g_ptr_array_new_with_free_func (entry_free);
  self->names = g_hash_table_new (g_str_hash, g_str_equal);
  return self;
}

void
tn_gguf_writer_free (TnGgufWriter *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->names);
  g_ptr_array_unref (self->entries);
  g_byte_array_unref (self->keys);
  g_free (self);
}

static void
append_u32 (GByteArray *bytes, guint32 value)
{
  value = GUINT32_TO_LE (value);
  g_byte_array_append (bytes, (const guint8 *) &value, sizeof value);
}

static void
append_u64 (GByteArray *bytes, guint64 value)
{
  value = GUINT64_TO_LE (value);
  g_byte_array_append (bytes, (const guint8 *) &value, sizeof value);
}

static void
append_string (GByteArray *bytes, const char *text)
{
  append_u64 (bytes, strlen (text));
  g_byte_array_append (bytes, (const guint8 *) text, (guint) strlen (text));
}

static void
begin_key (TnGgufWriter *self, const char *key, guint32 type)
{
  append_string (self->keys, key);
  append_u32 (self->keys, type);
  self->n_keys++;
}

void
tn_gguf_writer_add_u32 (TnGgufWriter *self, const char *key, guint32 value)
{
  if (strcmp (key, "general.alignment") == 0)
    {
      g_return_if_fail (value >= 8 && (value & (value - 1)) == 0);
      self->alignment = value;
    }
  begin_key (self, key, VALUE_U32);
  append_u32 (self->keys, value);
}

void
tn_gguf_writer_add_string (TnGgufWriter *self, const char *key, const char *value)
{
  begin_key (self, key, VALUE_STRING);
  append_string (self->keys, value);
}

void
tn_gguf_writer_add_strings (TnGgufWriter *self, const char *key, const char *const *values, guint n_values)
{
  begin_key (self, key, VALUE_ARRAY);
  append_u32 (self->keys, VALUE_STRING);
  append_u64 (self->keys, n_values);
  for (guint i = 0; i < n_values; i++)
    append_string (self->keys, values[i]);
}

gboolean
tn_gguf_writer_copy_value (TnGgufWriter *self, const char *key, guint32 type, guint32 element_type, guint64 count,
                           const void *data, gsize bytes, GError **error)
{
  if (bytes > MAX_KEY_BYTES || self->keys->len > MAX_KEY_BYTES - bytes)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("metadata key %s: the keys together are larger than 1 GiB"), key);
      return FALSE;
    }
  begin_key (self, key, type);
  if (type == VALUE_ARRAY)
    {
      append_u32 (self->keys, element_type);
      append_u64 (self->keys, count);
    }
  g_byte_array_append (self->keys, data, (guint) bytes);
  return TRUE;
}

static gboolean
add_entry (TnGgufWriter *self, const char *name, guint32 type, guint n_dims, const guint64 *dims, guint64 bytes, Entry **added,
           GError **error)
{
  g_autofree char *quoted = tn_quote_string (name);
  Entry *entry;

  if (strlen (name) > MAX_NAME_BYTES || n_dims > MAX_DIMS)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
                   _ ("tensor %s: GGUF holds names of at most %d bytes (%zu found) and %d dimensions (%u found)"), quoted,
                   MAX_NAME_BYTES, strlen (name), MAX_DIMS, n_dims);
      return FALSE;
    }
  if (g_hash_table_contains (self->names, name))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("tensor %s: the name is taken; every tensor needs its own"), quoted);
      return FALSE;
    }
  entry = g_new0 (Entry, 1);
  entry->name = g_strdup (name);
  entry->type = type;
  entry->n_dims = n_dims;
  for (guint i = 0; i < n_dims; i++)
    entry->dims[i] = dims[i];
  entry->bytes = bytes;
  g_ptr_array_add (self->entries, entry);
  g_hash_table_add (self->names, entry->name);
  *added = entry;
  return TRUE;
}

gboolean
tn_gguf_writer_add_tensor (TnGgufWriter *self, const char *name, guint32 type, guint n_dims, const guint64 *dims,
                           const void *data, guint64 bytes, GError **error)
{
  Entry *entry;

  if (!add_entry (self, name, type, n_dims, dims, bytes, &entry, error))
    return FALSE;
  entry->data = data;
  return TRUE;
}

gboolean
tn_gguf_writer_add_content (TnGgufWriter *self, const char *name, guint32 type, guint n_dims, const guint64 *dims, guint64 bytes,
                            TnFileContent content, gpointer user_data, GError **error)
{
  Entry *entry;

  if (!add_entry (self, name, type, n_dims, dims, bytes, &entry, error))
    return FALSE;
  entry->content = content;
  entry->user_data = user_data;
  return TRUE;
}

static guint64
padding_of (const TnGgufWriter *self, guint64 position)
{
  return (self->alignment - position % self->alignment) % self->alignment;
}

static gboolean
write_padding (const TnGgufWriter *self, TnAtomicFile *file, GError **error)
{
  static const guint8 zeros[64] = {0};

  for (guint64 left = padding_of (self, tn_atomic_file_tell (file)); left > 0;)
    {
      gsize n = (gsize) MIN (left, sizeof zeros);

      if (!tn_atomic_file_write (file, zeros, n, error))
        return FALSE;
      left -= n;
    }
  return TRUE;
}

/* Magic number, keys and the table of tensors. */
static GByteArray *
make_head (const TnGgufWriter *self)
{
  GByteArray *head = g_byte_array_new ();
  guint64 offset = 0;

  g_byte_array_append (head, (const guint8 *) "GGUF", 4);
  append_u32 (head, 3);
  append_u64 (head, self->entries->len);
  append_u64 (head, self->n_keys);
  g_byte_array_append (head, self->keys->data, self->keys->len);
  for (guint i = 0; i < self->entries->len; i++)
    {
      const Entry *entry = g_ptr_array_index (self->entries, i);

      append_string (head, entry->name);
      append_u32 (head, entry->n_dims);
      for (guint k = 0; k < entry->n_dims; k++)
        append_u64 (head, entry->dims[k]);
      append_u32 (head, entry->type);
      append_u64 (head, offset);
      offset += entry->bytes + padding_of (self, entry->bytes);
    }
  return head;
}

gboolean
tn_gguf_writer_write_to (TnGgufWriter *self, TnAtomicFile *file, GError **error)
{
  g_autoptr (GByteArray) head = make_head (self);

  if (!tn_atomic_file_write (file, head->data, head->len, error) || !write_padding (self, file, error))
    return FALSE;
  for (guint i = 0; i < self->entries->len; i++)
    {
      const Entry *entry = g_ptr_array_index (self->entries, i);
      gboolean written = entry->content != NULL
                             ? tn_atomic_file_write_content (file, entry->content, entry->user_data, entry->bytes, error)
                             : tn_atomic_file_write (file, entry->data, entry->bytes, error);

      if (!written || !write_padding (self, file, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
tn_gguf_writer_write (TnGgufWriter *self, const char *path, guint64 *bytes_written, GError **error)
{
  g_autoptr (TnAtomicFile) file = tn_atomic_file_create (path, error);

  if (file == NULL || !tn_gguf_writer_write_to (self, file, error))
    return FALSE;
  if (bytes_written != NULL)
    *bytes_written = tn_atomic_file_tell (file);
  return tn_atomic_file_commit (file, error);
}
