/* SPDX-License-Identifier: Apache-2.0 */
#include "data/models/safetensors.h"

#include <inttypes.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "data/files/json-reader.h"
#include "data/files/quote.h"
#include "engine/error.h"

#define LENGTH_BYTES 8
#define MAX_HEADER_BYTES 100000000

typedef struct
{
  const char *name;
  guint bits;
  TnDtype dtype;
} DtypeInfo;

static const DtypeInfo dtypes[] = {
    {"BOOL", 8, TN_DTYPE_BOOL},
    {"U8", 8, TN_DTYPE_U8},
    {"I8", 8, TN_DTYPE_I8},
    {"F8_E5M2", 8, TN_DTYPE_F8_E5M2},
    {"F8_E4M3", 8, TN_DTYPE_F8_E4M3},
    {"F8_E8M0", 8, TN_DTYPE_OPAQUE},
    {"F8_E4M3FNUZ", 8, TN_DTYPE_OPAQUE},
    {"F8_E5M2FNUZ", 8, TN_DTYPE_OPAQUE},
    {"I16", 16, TN_DTYPE_I16},
    {"U16", 16, TN_DTYPE_U16},
    {"F16", 16, TN_DTYPE_F16},
    {"BF16", 16, TN_DTYPE_BF16},
    {"I32", 32, TN_DTYPE_I32},
    {"U32", 32, TN_DTYPE_U32},
    {"F32", 32, TN_DTYPE_F32},
    {"C64", 64, TN_DTYPE_OPAQUE},
    {"F64", 64, TN_DTYPE_F64},
    {"I64", 64, TN_DTYPE_I64},
    {"U64", 64, TN_DTYPE_U64},
    {"F4", 4, TN_DTYPE_OPAQUE},
    {"F6_E2M3", 6, TN_DTYPE_OPAQUE},
    {"F6_E3M2", 6, TN_DTYPE_OPAQUE},
};

struct _TnSafetensors
{
  gatomicrefcount ref_count;
  TnMappedFile *file;
  TnJson *header; /* owns the names */
  GArray *entries;
  GHashTable *by_name; /* name -> index + 1 */
  GHashTable *metadata;
};

/* What is being read, for messages. */
typedef struct
{
  const char *path;
  gsize header_bytes;
} Context;

static guint64
file_offset (const TnJsonNode *node)
{
  return LENGTH_BYTES + (guint64) node->offset;
}

static gboolean
fail_field (const Context *context, const TnJsonNode *node, const char *tensor, const char *field, const char *expected,
            GError **error)
{
  g_autofree char *quoted = tn_quote_string (tensor);
  g_autofree char *found = tn_json_node_to_text (node, 4);
  g_autofree char *short_found = tn_quote_string (found);

  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: byte %" PRIu64 ": %s of tensor %s is %s, expected %s"), context->path,
               file_offset (node), field, quoted, short_found, expected);
  return FALSE;
}

static const TnJsonNode *
require_field (const Context *context, const TnJsonNode *node, const char *name, TnJsonType type, GError **error)
{
  const TnJsonNode *field = tn_json_find (node, name);

  if (field == NULL)
    {
      g_autofree char *quoted = tn_quote_bytes (node->name, node->name_length);

      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: byte %" PRIu64 ": tensor %s has no %s"), context->path,
                   file_offset (node), quoted, name);
      return NULL;
    }
  if (field->type != type)
    {
      fail_field (context, field, node->name, name, tn_json_type_describe (type), error);
      return NULL;
    }
  return field;
}

static gboolean
read_dtype (const Context *context, const TnJsonNode *node, TnSafetensorsEntry *entry, guint *bits, GError **error)
{
  const TnJsonNode *field = require_field (context, node, "dtype", TN_JSON_STRING, error);

  if (field == NULL)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (dtypes); i++)
    if (strcmp (dtypes[i].name, field->value.string.text) == 0 && strlen (dtypes[i].name) == field->value.string.length)
      {
        entry->dtype_name = dtypes[i].name;
        entry->dtype = dtypes[i].dtype;
        *bits = dtypes[i].bits;
        return TRUE;
      }
  return fail_field (context, field, node->name, "dtype", _ ("a type of the safetensors format"), error);
}

static gboolean
read_shape (const Context *context, const TnJsonNode *node, TnSafetensorsEntry *entry, GError **error)
{
  const TnJsonNode *field = require_field (context, node, "shape", TN_JSON_ARRAY, error);

  if (field == NULL)
    return FALSE;
  entry->count = 1;
  for (const TnJsonNode *item = field->value.list.first; item != NULL; item = item->next)
    {
      guint64 size;

      if (item->type != TN_JSON_NUMBER || !item->is_integer || item->value.number.integer < 0)
        return fail_field (context, item, node->name, "shape", _ ("whole numbers from 0 to 2^63-1"), error);
      size = (guint64) item->value.number.integer;
      if (!g_uint64_checked_mul (&entry->count, entry->count, size))
        return fail_field (context, field, node->name, "shape", _ ("a product below 2^64"), error);
      if (entry->n_dims == TN_TENSOR_MAX_DIMS)
        {
          g_autofree char *quoted = tn_quote_string (node->name);

          g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                       _ ("%s: byte %" PRIu64 ": tensor %s has %u dimensions, expected at most %d"), context->path,
                       file_offset (field), quoted, field->n_children, TN_TENSOR_MAX_DIMS);
          return FALSE;
        }
      entry->shape[entry->n_dims++] = size;
    }
  return TRUE;
}

/* Entry's data becomes its begin relative to the buffer; the caller adds the base once all extents are checked. */
static gboolean
read_offsets (const Context *context, const TnJsonNode *node, guint bits, TnSafetensorsEntry *entry, guint64 *begin,
              GError **error)
{
  const TnJsonNode *field = require_field (context, node, "data_offsets", TN_JSON_ARRAY, error);
  guint64 ends[2], total_bits;
  guint i = 0;

  if (field == NULL)
    return FALSE;
  if (field->n_children != 2)
    return fail_field (context, field, node->name, "data_offsets", _ ("two numbers"), error);
  for (const TnJsonNode *item = field->value.list.first; item != NULL; item = item->next)
    {
      if (item->type != TN_JSON_NUMBER || !item->is_integer || item->value.number.integer < 0)
        return fail_field (context, item, node->name, "data_offsets", _ ("whole numbers from 0 to 2^63-1"), error);
      ends[i++] = (guint64) item->value.number.integer;
    }
  if (ends[1] < ends[0])
    return fail_field (context, field, node->name, "data_offsets", _ ("an end not before the begin"), error);
  if (!g_uint64_checked_mul (&total_bits, entry->count, bits))
    return fail_field (context, tn_json_find (node, "shape"), node->name, "shape", _ ("a size below 2^64 bits"), error);
  if (total_bits % 8 != 0)
    return fail_field (context, tn_json_find (node, "shape"), node->name, "shape", _ ("a whole number of bytes"), error);
  if (ends[1] - ends[0] != total_bits / 8)
    {
      g_autofree char *expected = g_strdup_printf (_ ("%" PRIu64 " bytes from shape and dtype"), total_bits / 8);

      return fail_field (context, field, node->name, "data_offsets", expected, error);
    }
  entry->bytes = total_bits / 8;
  *begin = ends[0];
  return TRUE;
}

static gboolean
read_metadata (TnSafetensors *self, const Context *context, const TnJsonNode *node, GError **error)
{
  if (node->type != TN_JSON_OBJECT)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: byte %" PRIu64 ": __metadata__ is %s, expected an object"),
                   context->path, file_offset (node), tn_json_type_describe (node->type));
      return FALSE;
    }
  for (const TnJsonNode *item = node->value.list.first; item != NULL; item = item->next)
    {
      if (item->type != TN_JSON_STRING || strlen (item->name) != item->name_length ||
          strlen (item->value.string.text) != item->value.string.length)
        {
          g_autofree char *quoted = tn_quote_bytes (item->name, item->name_length);

          g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                       _ ("%s: byte %" PRIu64 ": __metadata__ field %s is %s, expected a string without NUL"), context->path,
                       file_offset (item), quoted, tn_json_type_describe (item->type));
          return FALSE;
        }
      g_hash_table_insert (self->metadata, (gpointer) item->name, (gpointer) item->value.string.text);
    }
  return TRUE;
}

static gboolean
read_entry (TnSafetensors *self, const Context *context, const TnJsonNode *node, GError **error)
{
  TnSafetensorsEntry entry = {.name = node->name};
  guint bits = 0;
  guint64 begin = 0;

  if (strlen (node->name) != node->name_length || node->type != TN_JSON_OBJECT)
    {
      g_autofree char *quoted = tn_quote_bytes (node->name, node->name_length);

      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                   _ ("%s: byte %" PRIu64 ": tensor %s is %s, expected an object under a name without NUL"), context->path,
                   file_offset (node), quoted, tn_json_type_describe (node->type));
      return FALSE;
    }
  if (!read_dtype (context, node, &entry, &bits, error) || !read_shape (context, node, &entry, error) ||
      !read_offsets (context, node, bits, &entry, &begin, error))
    return FALSE;
  entry.data = GSIZE_TO_POINTER (begin);
  g_array_append_val (self->entries, entry);
  return TRUE;
}

static int
compare_extents (gconstpointer a, gconstpointer b)
{
  const TnSafetensorsEntry *first = a, *second = b;
  gsize begins[2] = {GPOINTER_TO_SIZE (first->data), GPOINTER_TO_SIZE (second->data)};

  if (begins[0] != begins[1])
    return begins[0] < begins[1] ? -1 : 1;
  if (first->bytes != second->bytes)
    return first->bytes < second->bytes ? -1 : 1;
  return strcmp (first->name, second->name);
}

/* Each begins where the one before ends, and the last ends with the file; turns begins into addresses. */
static gboolean
place_entries (TnSafetensors *self, const Context *context, GError **error)
{
  gsize base = LENGTH_BYTES + context->header_bytes;
  gsize available = tn_mapped_file_get_size (self->file) - base;
  const guint8 *data = tn_mapped_file_get_data (self->file) + base;
  guint64 end = 0;

  g_array_sort (self->entries, compare_extents);
  for (guint i = 0; i < self->entries->len; i++)
    {
      TnSafetensorsEntry *entry = &g_array_index (self->entries, TnSafetensorsEntry, i);
      guint64 begin = GPOINTER_TO_SIZE (entry->data);
      g_autofree char *quoted = tn_quote_string (entry->name);

      if (begin != end)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                       begin > end ? _ ("%s: tensor %s begins at data offset %" PRIu64 ", expected %" PRIu64
                                        ": bytes that belong to no tensor")
                                   : _ ("%s: tensor %s begins at data offset %" PRIu64 ", expected %" PRIu64
                                        ": it overlaps another tensor"),
                       context->path, quoted, begin, end);
          return FALSE;
        }
      if (entry->bytes > available - end)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                       _ ("%s: tensor %s ends at data offset %" PRIu64 ", but the file has %" PRIu64 " bytes of data: truncated"),
                       context->path, quoted, begin + entry->bytes, (guint64) available);
          return FALSE;
        }
      entry->data = data + begin;
      end += entry->bytes;
    }
  if (end != available)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                   _ ("%s: %" PRIu64 " bytes after the last tensor, expected the end of the file at byte %" PRIu64),
                   context->path, available - end, base + end);
      return FALSE;
    }
  return TRUE;
}

static gboolean
read_header (TnSafetensors *self, const Context *context, GError **error)
{
  const char *text = (const char *) tn_mapped_file_get_data (self->file) + LENGTH_BYTES;

  if (context->header_bytes == 0 || text[0] != '{')
    {
      g_autofree char *found = tn_quote_bytes (text, MIN (context->header_bytes, 1));

      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: byte 8: the header begins with %s, expected \"{\""), context->path,
                   found);
      return FALSE;
    }
  self->header = tn_json_parse (text, context->header_bytes, context->path, LENGTH_BYTES, error);
  if (self->header == NULL)
    return FALSE;
  for (const TnJsonNode *node = tn_json_get_root (self->header)->value.list.first; node != NULL; node = node->next)
    if (strcmp (node->name, "__metadata__") == 0 ? !read_metadata (self, context, node, error)
                                                 : !read_entry (self, context, node, error))
      return FALSE;
  return TRUE;
}

TnSafetensors *
tn_safetensors_open (TnMappedFile *file, GError **error)
{
  g_autoptr (TnSafetensors) self = g_new0 (TnSafetensors, 1);
  gsize size = tn_mapped_file_get_size (file);
  Context context = {.path = tn_mapped_file_get_path (file)};
  guint64 length;

  g_atomic_ref_count_init (&self->ref_count);
  self->file = tn_mapped_file_ref (file);
  self->entries = g_array_new (FALSE, FALSE, sizeof (TnSafetensorsEntry));
  self->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  self->metadata = g_hash_table_new (g_str_hash, g_str_equal);

  if (size < LENGTH_BYTES)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                   _ ("%s: the file has %" PRIu64 " bytes, expected a header length of 8 bytes"), context.path, (guint64) size);
      return NULL;
    }
  memcpy (&length, tn_mapped_file_get_data (file), sizeof length);
  length = GUINT64_FROM_LE (length);
  if (length > MAX_HEADER_BYTES || length > size - LENGTH_BYTES)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                   _ ("%s: byte 0: the header length is %" PRIu64 ", expected at most %" PRIu64 " in a file of %" PRIu64
                      " bytes"),
                   context.path, length, MIN ((guint64) MAX_HEADER_BYTES, (guint64) size - LENGTH_BYTES), (guint64) size);
      return NULL;
    }
  context.header_bytes = (gsize) length;
  if (!read_header (self, &context, error) || !place_entries (self, &context, error))
    return NULL;
  for (guint i = 0; i < self->entries->len; i++)
    g_hash_table_insert (self->by_name, (gpointer) g_array_index (self->entries, TnSafetensorsEntry, i).name,
                         GUINT_TO_POINTER (i + 1));
  return g_steal_pointer (&self);
}

TnSafetensors *
tn_safetensors_ref (TnSafetensors *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
tn_safetensors_unref (TnSafetensors *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_hash_table_unref (self->metadata);
  g_hash_table_unref (self->by_name);
  g_array_unref (self->entries);
  tn_json_free (self->header);
  tn_mapped_file_unref (self->file);
  g_free (self);
}

guint
tn_safetensors_n_entries (TnSafetensors *self)
{
  return self->entries->len;
}

const TnSafetensorsEntry *
tn_safetensors_get_entry (TnSafetensors *self, guint index)
{
  g_return_val_if_fail (index < self->entries->len, NULL);

  return &g_array_index (self->entries, TnSafetensorsEntry, index);
}

const TnSafetensorsEntry *
tn_safetensors_find_entry (TnSafetensors *self, const char *name)
{
  guint index = GPOINTER_TO_UINT (g_hash_table_lookup (self->by_name, name));

  return index > 0 ? tn_safetensors_get_entry (self, index - 1) : NULL;
}

const char *
tn_safetensors_get_metadata (TnSafetensors *self, const char *key)
{
  return g_hash_table_lookup (self->metadata, key);
}

GHashTable *
tn_safetensors_get_all_metadata (TnSafetensors *self)
{
  return self->metadata;
}

static void
unref_owner (gpointer owner)
{
  tn_safetensors_unref (owner);
}

static void
release_pages (gpointer owner, const void *start, gsize bytes)
{
  tn_mapped_file_release (((TnSafetensors *) owner)->file, start, bytes);
}

TnTensor *
tn_safetensors_create_tensor (TnSafetensors *self, const TnSafetensorsEntry *entry)
{
  return tn_tensor_new_mapped (entry->dtype, entry->n_dims, entry->shape, entry->data, entry->bytes, tn_safetensors_ref (self),
                               unref_owner, release_pages);
}

gboolean
tn_safetensors_recognise (const guint8 *data, gsize bytes)
{
  guint64 length;

  if (bytes <= LENGTH_BYTES || data[LENGTH_BYTES] != '{')
    return FALSE;
  memcpy (&length, data, sizeof length);
  return GUINT64_FROM_LE (length) <= MAX_HEADER_BYTES;
}
