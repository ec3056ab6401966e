/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "data/files/quote.h"
#include "data/models/model-file-private.h"
#include "data/models/packed-tensor.h"

typedef struct
{
  TnModelFile *self;
  TnSafetensors *file;
  TnJson *tensors;      /* "ternion.tensors", or NULL */
  GHashTable *consumed; /* names of scales and zero points */
} Reader;

static void
reader_clear (Reader *self)
{
  tn_json_free (self->tensors);
  g_hash_table_unref (self->consumed);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Reader, reader_clear)

static gboolean
fail (const Reader *self, const char *name, const char *field, const char *expected, GError **error)
{
  g_autofree char *quoted = tn_quote_string (name);

  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: %s: quantized tensor %s: %s: expected %s"), self->self->path,
               TN_PACKED_KEY_TENSORS, quoted, field, expected);
  return FALSE;
}

static gboolean
read_integer (const TnJsonNode *object, const char *name, gint64 *out)
{
  const TnJsonNode *node = tn_json_find_typed (object, name, TN_JSON_NUMBER);

  if (node == NULL || !node->is_integer || node->value.number.integer < 0)
    return FALSE;
  *out = node->value.number.integer;
  return TRUE;
}

static gboolean
read_layout (const Reader *self, const TnJsonNode *node, TnPackedLayout *layout, const char **scheme_name, GError **error)
{
  const TnJsonNode *shape = tn_json_find_typed (node, "shape", TN_JSON_ARRAY);
  const char *packing = tn_json_find_text (node, "packing"), *name = tn_json_find_text (node, "scheme");
  g_autofree char *canonical = NULL;
  TnScheme scheme;
  gint64 number;

  *layout = (TnPackedLayout){.n_dims = 0};
  if (packing == NULL || !tn_packing_parse (packing, &layout->packing))
    return fail (self, node->name, "packing", "ternary, bits, int8", error);
  if (name == NULL || !tn_scheme_parse (name, &scheme, NULL))
    return fail (self, node->name, "scheme", _ ("the name of a scheme"), error);
  layout->asymmetric = scheme.asymmetric;
  if (layout->asymmetric && layout->packing == TN_PACKING_TERNARY)
    return fail (self, node->name, "packing", "bits, int8", error);
  if (!read_integer (node, "bits", &number) || number < 1 || number > 8)
    return fail (self, node->name, "bits", _ ("a number from 1 to 8"), error);
  layout->bits = (guint) number;
  if (!read_integer (node, "unit", &number))
    return fail (self, node->name, "unit", _ ("a number of elements, or 0"), error);
  layout->unit = (guint64) number;
  if (shape == NULL || shape->n_children > TN_TENSOR_MAX_DIMS)
    return fail (self, node->name, "shape", _ ("a list of at most 8 sizes"), error);
  for (const TnJsonNode *size = shape->value.list.first; size != NULL; size = size->next)
    {
      if (size->type != TN_JSON_NUMBER || !size->is_integer || size->value.number.integer < 0)
        return fail (self, node->name, "shape", _ ("a list of at most 8 sizes"), error);
      layout->shape[layout->n_dims++] = (guint64) size->value.number.integer;
    }
  canonical = tn_scheme_to_string (&scheme);
  *scheme_name = g_intern_string (canonical);
  return TRUE;
}

/* NAME + suffix, of that type and number of elements. */
static const TnSafetensorsEntry *
find_part (Reader *self, const char *name, const char *suffix, TnDtype dtype, guint64 count, GError **error)
{
  char *full = g_strconcat (name, suffix, NULL);
  const TnSafetensorsEntry *entry = tn_safetensors_find_entry (self->file, full);

  g_hash_table_add (self->consumed, full);
  if (entry == NULL || entry->dtype != dtype || entry->count != count)
    {
      g_autofree char *expected =
          g_strdup_printf (_ ("a tensor of %" PRIu64 " elements of type %s"), count, tn_dtype_get_name (dtype));
      g_autofree char *quoted = tn_quote_string (full);

      fail (self, name, quoted, expected, error);
      return NULL;
    }
  return entry;
}

static gboolean
read_checksum (Reader *self, const TnJsonNode *node, const char *field, const TnSafetensorsEntry *entry, const TnTensor *tensor,
               GError **error)
{
  const char *text = tn_json_find_text (node, field);
  TnModelChecksum checksum = {.name = entry->name, .tensor = tensor, .data = entry->data, .bytes = entry->bytes};
  guint64 number;

  if (text == NULL || strlen (text) != 8 || !g_ascii_string_to_unsigned (text, 16, 0, G_MAXUINT32, &number, NULL))
    return fail (self, node->name, field, _ ("8 hexadecimal digits"), error);
  checksum.crc32c = (guint32) number;
  g_array_append_val (self->self->checksums, checksum);
  return TRUE;
}

static gboolean
add_packed (Reader *self, const TnJsonNode *node, const TnSafetensorsEntry *codes, gboolean rename, GError **error)
{
  g_autofree char *name = rename ? tn_huggingface_canonical_name (codes->name) : NULL;
  const TnSafetensorsEntry *scales, *zero_points = NULL;
  const char *scheme_name;
  TnPackedLayout layout;
  TnTensor *tensor;
  guint64 bytes, units;

  if (!read_layout (self, node, &layout, &scheme_name, error))
    return FALSE;
  if (!tn_packed_layout_measure (&layout, &bytes, &units))
    return fail (self, node->name, "shape", _ ("rows of whole units"), error);
  if (codes->dtype != (layout.packing == TN_PACKING_INT8 ? TN_DTYPE_I8 : TN_DTYPE_U8) || codes->bytes != bytes)
    {
      g_autofree char *expected = g_strdup_printf (_ ("%" PRIu64 " bytes"), bytes);

      return fail (self, node->name, tn_packing_get_name (layout.packing), expected, error);
    }
  if ((scales = find_part (self, node->name, TN_PACKED_SCALE_SUFFIX, TN_DTYPE_F32, units, error)) == NULL ||
      (layout.asymmetric &&
       (zero_points = find_part (self, node->name, TN_PACKED_ZERO_POINT_SUFFIX, TN_DTYPE_I8, units, error)) == NULL))
    return FALSE;
  tensor = tn_packed_tensor_new (&layout, self->file, codes, scales, zero_points, error);
  if (tensor == NULL)
    return FALSE;
  tn_model_file_add_tensor (self->self, name, codes->name, scheme_name, tensor);
  return read_checksum (self, node, "crc32c", codes, tensor, error) &&
         read_checksum (self, node, "scale_crc32c", scales, tensor, error);
}

static gboolean
add_quantized (Reader *self, gboolean rename, GError **error)
{
  const TnJsonNode *root = tn_json_get_root (self->tensors);

  if (root->type != TN_JSON_OBJECT)
    return fail (self, "", tn_json_type_describe (root->type), _ ("an object"), error);
  for (const TnJsonNode *node = root->value.list.first; node != NULL; node = node->next)
    {
      const TnSafetensorsEntry *codes =
          strlen (node->name) == node->name_length ? tn_safetensors_find_entry (self->file, node->name) : NULL;

      if (codes == NULL)
        return fail (self, node->name, "codes", _ ("a tensor of that name"), error);
      if (!add_packed (self, node, codes, rename, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
tn_model_file_add_safetensors (TnModelFile *self, TnSafetensors *file, gboolean rename, GError **error)
{
  g_auto (Reader)
      reader = {.self = self, .file = file, .consumed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL)};
  const char *text = tn_safetensors_get_metadata (file, TN_PACKED_KEY_TENSORS);
  GHashTableIter iter;
  gpointer key, value;

  if (text != NULL)
    {
      reader.tensors = tn_json_parse (text, strlen (text), self->path, 0, error);
      if (reader.tensors == NULL || !add_quantized (&reader, rename, error))
        return FALSE;
    }
  for (guint i = 0; i < tn_safetensors_n_entries (file); i++)
    {
      const TnSafetensorsEntry *entry = tn_safetensors_get_entry (file, i);
      g_autofree char *name = rename ? tn_huggingface_canonical_name (entry->name) : NULL;

      if (!g_hash_table_contains (self->by_source_name, entry->name) && !g_hash_table_contains (reader.consumed, entry->name))
        tn_model_file_add_tensor (self, name, entry->name, entry->dtype_name, tn_safetensors_create_tensor (file, entry));
    }
  g_hash_table_iter_init (&iter, tn_safetensors_get_all_metadata (file));
  while (g_hash_table_iter_next (&iter, &key, &value))
    /* What these say is in the tensors and in metadata of its own. */
    if (strcmp (key, TN_PACKED_KEY_TENSORS) != 0 && strcmp (key, TN_PACKED_KEY_CONFIG) != 0 &&
        strcmp (key, TN_PACKED_KEY_ROUNDED) != 0)
      tn_model_file_add_metadata (self, key, g_strdup (value));
  return TRUE;
}
