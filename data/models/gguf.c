/* SPDX-License-Identifier: Apache-2.0 */
#include "data/models/gguf.h"

#include <inttypes.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "data/files/quote.h"
#include "data/models/gguf-private.h"
#include "data/models/gguf-types.h"
#include "engine/error.h"

#define MAX_KEY_BYTES 65535
#define MAX_NAME_BYTES 63
#define MAX_STRING_BYTES ((guint64) 1 << 30)
#define MAX_ARRAY_COUNT ((guint64) 1 << 30)
#define MAX_DIMS 4
#define DEFAULT_ALIGNMENT 32
/* The least a key with its value, and a tensor with its name, takes: bounds the counts before anything is allocated. */
#define MIN_VALUE_BYTES (8 + 1 + 4 + 1)
#define MIN_ENTRY_BYTES (8 + 4 + 4 + 8)

typedef struct
{
  const char *path;
  const guint8 *data;
  gsize size;
  gsize position;
} Reader;

static gboolean fail (const Reader *reader, gsize position, GError **error, const char *format, ...) G_GNUC_PRINTF (4, 5);

static gboolean
fail (const Reader *reader, gsize position, GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: byte %" PRIu64 ": %s"), reader->path, (guint64) position, text);
  return FALSE;
}

/* Position moves behind bytes that are there. */
static gboolean
take (Reader *reader, guint64 bytes, const char *what, const guint8 **out, GError **error)
{
  if (bytes > reader->size - reader->position)
    return fail (reader, reader->position, error, _ ("%s takes %" PRIu64 " bytes, but the file has %" PRIu64 " left"), what,
                 bytes, (guint64) (reader->size - reader->position));
  *out = reader->data + reader->position;
  reader->position += (gsize) bytes;
  return TRUE;
}

static gboolean
take_u32 (Reader *reader, const char *what, guint32 *out, GError **error)
{
  const guint8 *data = NULL;

  if (!take (reader, sizeof *out, what, &data, error))
    return FALSE;
  memcpy (out, data, sizeof *out);
  *out = GUINT32_FROM_LE (*out);
  return TRUE;
}

static gboolean
take_u64 (Reader *reader, const char *what, guint64 *out, GError **error)
{
  const guint8 *data = NULL;

  if (!take (reader, sizeof *out, what, &data, error))
    return FALSE;
  memcpy (out, data, sizeof *out);
  *out = GUINT64_FROM_LE (*out);
  return TRUE;
}

static gboolean
take_string (Reader *reader, const char *what, TnGgufString *out, GError **error)
{
  gsize start = reader->position;
  guint64 length;
  const guint8 *data = NULL;

  if (!take_u64 (reader, what, &length, error))
    return FALSE;
  if (length > MAX_STRING_BYTES)
    return fail (reader, start, error, _ ("%s has %" PRIu64 " bytes, expected at most 2^30"), what, length);
  if (!take (reader, length, what, &data, error))
    return FALSE;
  out->text = (const char *) data;
  out->length = (gsize) length;
  return TRUE;
}

/* A name that can be shown and looked up: UTF-8 without NUL. */
static gboolean
take_name (Reader *reader, const char *what, gsize max_bytes, char **out, GError **error)
{
  gsize start = reader->position;
  TnGgufString name = {NULL, 0};
  g_autofree char *quoted = NULL;

  if (!take_string (reader, what, &name, error))
    return FALSE;
  quoted = tn_quote_bytes (name.text, name.length);
  if (name.length == 0 || name.length > max_bytes)
    return fail (reader, start, error, _ ("%s %s has %" PRIu64 " bytes, expected 1 to %" PRIu64), what, quoted,
                 (guint64) name.length, (guint64) max_bytes);
  if (!g_utf8_validate_len (name.text, name.length, NULL))
    return fail (reader, start, error, _ ("%s %s is not UTF-8 without NUL"), what, quoted);
  *out = g_strndup (name.text, name.length);
  return TRUE;
}

gsize
tn_gguf_type_size (TnGgufType type)
{
  static const guint8 sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

  return sizes[type];
}

static gboolean
take_type (Reader *reader, const char *what, TnGgufType *out, GError **error)
{
  gsize start = reader->position;
  guint32 type;

  if (!take_u32 (reader, what, &type, error))
    return FALSE;
  if (type > TN_GGUF_F64)
    return fail (reader, start, error, _ ("%s has value type %" PRIu32 ", expected 0 to 12"), what, type);
  *out = (TnGgufType) type;
  return TRUE;
}

static gboolean
take_elements (Reader *reader, const TnGgufValue *value, const char *what, GError **error)
{
  guint64 bytes;
  const guint8 *data;

  if (value->element_type == TN_GGUF_STRING)
    {
      TnGgufString string;

      for (guint64 i = 0; i < value->count; i++)
        if (!take_string (reader, what, &string, error))
          return FALSE;
      return TRUE;
    }
  /* The count is at most 2^30. */
  bytes = value->count * tn_gguf_type_size (value->element_type);
  return take (reader, bytes, what, &data, error);
}

static gboolean
take_array_head (Reader *reader, TnGgufValue *value, const char *what, GError **error)
{
  gsize start = reader->position;

  if (!take_type (reader, what, &value->element_type, error))
    return FALSE;
  if (value->element_type == TN_GGUF_ARRAY)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                   _ ("%s: byte %" PRIu64 ": %s is an array of arrays, which cannot be read"), reader->path, (guint64) start,
                   what);
      return FALSE;
    }
  start = reader->position;
  if (!take_u64 (reader, what, &value->count, error))
    return FALSE;
  if (value->count > MAX_ARRAY_COUNT)
    return fail (reader, start, error, _ ("%s has %" PRIu64 " elements, expected at most 2^30"), what, value->count);
  return TRUE;
}

static void
clear_value (gpointer value)
{
  g_free ((char *) ((TnGgufValue *) value)->key);
}

static void
clear_entry (gpointer entry)
{
  g_free ((char *) ((TnGgufEntry *) entry)->name);
  g_free ((char *) ((TnGgufEntry *) entry)->type_name);
}

static gboolean
read_value (TnGguf *self, Reader *reader, GError **error)
{
  gsize start = reader->position;
  g_autofree char *key = NULL;
  g_autofree char *quoted = NULL;
  TnGgufValue value = {.count = 1};

  if (!take_name (reader, _ ("the key of a metadata value"), MAX_KEY_BYTES, &key, error))
    return FALSE;
  quoted = tn_quote_string (key);
  if (g_hash_table_contains (self->values_by_key, key))
    return fail (reader, start, error, _ ("key %s appears twice"), quoted);
  value.key = key;
  if (!take_type (reader, quoted, &value.type, error))
    return FALSE;
  value.element_type = value.type;
  if (value.type == TN_GGUF_ARRAY && !take_array_head (reader, &value, quoted, error))
    return FALSE;
  value.data = reader->data + reader->position;
  if (!take_elements (reader, &value, quoted, error))
    return FALSE;
  value.bytes = (gsize) (reader->data + reader->position - value.data);

  g_array_append_val (self->values, value);
  g_hash_table_insert (self->values_by_key, g_steal_pointer (&key), GUINT_TO_POINTER (self->values->len));
  return TRUE;
}

/* Shape, type and offset; data holds the offset until the blob is placed. */
static gboolean
read_entry (TnGguf *self, Reader *reader, GError **error)
{
  gsize start = reader->position;
  g_autofree char *name = NULL;
  g_autofree char *quoted = NULL;
  TnGgufEntry entry = {.count = 1};
  guint64 dims[MAX_DIMS], offset;

  if (!take_name (reader, _ ("the name of a tensor"), MAX_NAME_BYTES, &name, error))
    return FALSE;
  quoted = tn_quote_string (name);
  if (g_hash_table_contains (self->entries_by_name, name))
    return fail (reader, start, error, _ ("tensor %s appears twice"), quoted);
  start = reader->position;
  if (!take_u32 (reader, quoted, &entry.n_dims, error))
    return FALSE;
  if (entry.n_dims > MAX_DIMS)
    return fail (reader, start, error, _ ("tensor %s has %u dimensions, expected at most 4"), quoted, entry.n_dims);
  for (guint i = 0; i < entry.n_dims; i++)
    {
      start = reader->position;
      if (!take_u64 (reader, quoted, &dims[i], error))
        return FALSE;
      if (dims[i] > G_MAXINT64 || !g_uint64_checked_mul (&entry.count, entry.count, dims[i]) || entry.count > G_MAXINT64)
        return fail (reader, start, error, _ ("tensor %s has dimension %" PRIu64 ", expected a number of elements below 2^63"),
                     quoted, dims[i]);
      entry.shape[entry.n_dims - 1 - i] = dims[i];
    }
  if (!take_u32 (reader, quoted, &entry.type_id, error))
    return FALSE;
  start = reader->position;
  if (!take_u64 (reader, quoted, &offset, error))
    return FALSE;
  if (offset % self->alignment != 0)
    return fail (reader, start, error, _ ("tensor %s has offset %" PRIu64 ", expected a multiple of %" PRIu64), quoted, offset,
                 self->alignment);
  entry.data = GSIZE_TO_POINTER (offset);
  entry.name = g_steal_pointer (&name);
  g_array_append_val (self->entries, entry);
  g_hash_table_insert (self->entries_by_name, (gpointer) entry.name, GUINT_TO_POINTER (self->entries->len));
  return TRUE;
}

static gboolean
read_alignment (TnGguf *self, Reader *reader, GError **error)
{
  const TnGgufValue *value = tn_gguf_find_value (self, "general.alignment");
  guint32 alignment;

  self->alignment = DEFAULT_ALIGNMENT;
  if (value == NULL)
    return TRUE;
  if (value->type != TN_GGUF_U32)
    return fail (reader, (gsize) (value->data - reader->data), error, _ ("general.alignment has value type %d, expected 4 (u32)"),
                 (int) value->type);
  memcpy (&alignment, value->data, sizeof alignment);
  alignment = GUINT32_FROM_LE (alignment);
  if (alignment < 8 || (alignment & (alignment - 1)) != 0)
    return fail (reader, (gsize) (value->data - reader->data), error,
                 _ ("general.alignment is %" PRIu32 ", expected a power of two and multiple of 8"), alignment);
  self->alignment = alignment;
  return TRUE;
}

static gboolean
pad (guint64 bytes, guint64 alignment, guint64 *out)
{
  if (!g_uint64_checked_add (out, bytes, alignment - 1))
    return FALSE;
  *out = *out / alignment * alignment;
  return TRUE;
}

/* What the type id says, if the size it gives fits the bytes up to the next tensor or the end of the file. */
static gboolean
identify_type (TnGguf *self, Reader *reader, TnGgufEntry *entry, guint64 extent, gboolean is_last, GError **error)
{
  guint64 row_elements = entry->n_dims > 0 ? entry->shape[entry->n_dims - 1] : 1;
  guint64 padded;
  const TnGgufTypeInfo *type = tn_gguf_type_next (entry->type_id, NULL);
  g_autofree char *quoted = tn_quote_string (entry->name);

  for (; type != NULL; type = tn_gguf_type_next (entry->type_id, type))
    {
      gboolean fits =
          tn_gguf_type_bytes (type, entry->count, row_elements, &entry->bytes) && pad (entry->bytes, self->alignment, &padded);

      if (!type->ambiguous && !fits)
        return fail (reader, reader->position, error,
                     _ ("tensor %s of type %s has rows of %" PRIu64 " elements, expected a multiple of %u and a size below 2^64"),
                     quoted, type->name, row_elements, type->block_elements);
      if (!type->ambiguous || (fits && (extent == padded || (is_last && extent == entry->bytes))))
        {
          entry->type_name = g_strdup (type->name);
          entry->dtype = type->dtype;
          return TRUE;
        }
    }
  if (extent == 0 && entry->count > 0)
    return fail (reader, reader->position, error, _ ("tensor %s of unknown type %" PRIu32 " has no bytes"), quoted,
                 entry->type_id);
  entry->type_name = g_strdup_printf ("type %" PRIu32, entry->type_id);
  entry->dtype = TN_DTYPE_OPAQUE;
  entry->bytes = extent;
  return TRUE;
}

/* Every tensor begins where the one before ends, padded; the last ends with the file. Turns offsets into addresses. */
static gboolean
place_entries (TnGguf *self, Reader *reader, GError **error)
{
  guint64 base, available, expected = 0, end = 0;

  if (!pad (reader->position, self->alignment, &base))
    return fail (reader, reader->position, error, _ ("the alignment %" PRIu64 " overflows"), self->alignment);
  if (self->entries->len == 0)
    {
      if (reader->size > MAX (base, (guint64) reader->position))
        return fail (reader, reader->position, error, _ ("%" PRIu64 " bytes after the metadata of a file without tensors"),
                     (guint64) (reader->size - reader->position));
      return TRUE;
    }
  if (base > reader->size)
    return fail (reader, reader->position, error,
                 _ ("the tensor data begins at byte %" PRIu64 ", but the file has %" PRIu64 " bytes"), base,
                 (guint64) reader->size);
  available = reader->size - base;

  for (guint i = 0; i < self->entries->len; i++)
    {
      TnGgufEntry *entry = &g_array_index (self->entries, TnGgufEntry, i);
      gboolean is_last = i + 1 == self->entries->len;
      guint64 offset = GPOINTER_TO_SIZE (entry->data);
      guint64 next = is_last ? available : GPOINTER_TO_SIZE (g_array_index (self->entries, TnGgufEntry, i + 1).data);
      g_autofree char *quoted = tn_quote_string (entry->name);

      if (offset != expected)
        return fail (reader, (gsize) base, error, _ ("tensor %s has offset %" PRIu64 ", expected %" PRIu64), quoted, offset,
                     expected);
      if (!identify_type (self, reader, entry, next > offset ? next - offset : 0, is_last, error))
        return FALSE;
      if (offset > available || entry->bytes > available - offset)
        return fail (reader, (gsize) base, error,
                     _ ("tensor %s takes %" PRIu64 " bytes at offset %" PRIu64 ", but the file has %" PRIu64
                        " bytes of data: truncated"),
                     quoted, entry->bytes, offset, available);
      entry->data = reader->data + base + offset;
      end = offset + entry->bytes;
      if (!pad (end, self->alignment, &expected))
        return fail (reader, (gsize) base, error, _ ("tensor %s ends too late"), quoted);
    }
  if (available > expected)
    return fail (reader, (gsize) (base + end), error, _ ("%" PRIu64 " bytes after the last tensor, expected the end of the file"),
                 available - end);
  return TRUE;
}

static gboolean
read_counts (TnGguf *self, Reader *reader, guint64 *n_entries, guint64 *n_values, GError **error)
{
  gsize start;

  if (!tn_gguf_recognise (reader->data, reader->size))
    {
      g_autofree char *found = tn_quote_bytes (reader->data, MIN (reader->size, 4));

      return fail (reader, 0, error, _ ("found %s, expected the magic bytes \"GGUF\""), found);
    }
  reader->position = 4;
  if (!take_u32 (reader, _ ("the version"), &self->version, error))
    return FALSE;
  if (self->version == 1 || (self->version & 0xffff) == 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                   self->version == 1 ? _ ("%s: GGUF version 1 cannot be read; convert it with a recent llama.cpp")
                                      : _ ("%s: big-endian GGUF cannot be read; convert it to little-endian"),
                   reader->path);
      return FALSE;
    }
  if (self->version != 2 && self->version != 3)
    return fail (reader, 4, error, _ ("GGUF version %" PRIu32 ", expected 2 or 3"), self->version);
  start = reader->position;
  if (!take_u64 (reader, _ ("the number of tensors"), n_entries, error) ||
      !take_u64 (reader, _ ("the number of metadata values"), n_values, error))
    return FALSE;
  if (*n_entries > (reader->size - reader->position) / MIN_ENTRY_BYTES)
    return fail (reader, start, error, _ ("%" PRIu64 " tensors do not fit a file of %" PRIu64 " bytes"), *n_entries,
                 (guint64) reader->size);
  if (*n_values > (reader->size - reader->position) / MIN_VALUE_BYTES)
    return fail (reader, start + 8, error, _ ("%" PRIu64 " metadata values do not fit a file of %" PRIu64 " bytes"), *n_values,
                 (guint64) reader->size);
  return TRUE;
}

TnGguf *
tn_gguf_open (TnMappedFile *file, GError **error)
{
  g_autoptr (TnGguf) self = g_new0 (TnGguf, 1);
  Reader reader = {tn_mapped_file_get_path (file), tn_mapped_file_get_data (file), tn_mapped_file_get_size (file), 0};
  guint64 n_entries = 0, n_values = 0;

  g_atomic_ref_count_init (&self->ref_count);
  self->file = tn_mapped_file_ref (file);
  self->values = g_array_new (FALSE, FALSE, sizeof (TnGgufValue));
  g_array_set_clear_func (self->values, clear_value);
  self->entries = g_array_new (FALSE, FALSE, sizeof (TnGgufEntry));
  g_array_set_clear_func (self->entries, clear_entry);
  self->values_by_key = g_hash_table_new (g_str_hash, g_str_equal);
  self->entries_by_name = g_hash_table_new (g_str_hash, g_str_equal);

  if (!read_counts (self, &reader, &n_entries, &n_values, error))
    return NULL;
  for (guint64 i = 0; i < n_values; i++)
    if (!read_value (self, &reader, error))
      return NULL;
  if (!read_alignment (self, &reader, error))
    return NULL;
  for (guint64 i = 0; i < n_entries; i++)
    if (!read_entry (self, &reader, error))
      return NULL;
  return place_entries (self, &reader, error) ? g_steal_pointer (&self) : NULL;
}

TnGguf *
tn_gguf_ref (TnGguf *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
tn_gguf_unref (TnGguf *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_hash_table_unref (self->values_by_key);
  g_hash_table_unref (self->entries_by_name);
  g_array_unref (self->values);
  g_array_unref (self->entries);
  tn_mapped_file_unref (self->file);
  g_free (self);
}

const char *
tn_gguf_get_path (TnGguf *self)
{
  return tn_mapped_file_get_path (self->file);
}

guint32
tn_gguf_get_version (TnGguf *self)
{
  return self->version;
}

guint
tn_gguf_n_entries (TnGguf *self)
{
  return self->entries->len;
}

const TnGgufEntry *
tn_gguf_get_entry (TnGguf *self, guint index)
{
  g_return_val_if_fail (index < self->entries->len, NULL);

  return &g_array_index (self->entries, TnGgufEntry, index);
}

const TnGgufEntry *
tn_gguf_find_entry (TnGguf *self, const char *name)
{
  guint index = GPOINTER_TO_UINT (g_hash_table_lookup (self->entries_by_name, name));

  return index > 0 ? tn_gguf_get_entry (self, index - 1) : NULL;
}

static void
unref_owner (gpointer owner)
{
  tn_gguf_unref (owner);
}

static void
release_pages (gpointer owner, const void *start, gsize bytes)
{
  tn_mapped_file_release (((TnGguf *) owner)->file, start, bytes);
}

TnTensor *
tn_gguf_create_tensor (TnGguf *self, const TnGgufEntry *entry)
{
  return tn_tensor_new_mapped (entry->dtype, entry->n_dims, entry->shape, entry->data, entry->bytes, tn_gguf_ref (self),
                               unref_owner, release_pages);
}

gboolean
tn_gguf_recognise (const guint8 *data, gsize bytes)
{
  return bytes >= 4 && memcmp (data, "GGUF", 4) == 0;
}
