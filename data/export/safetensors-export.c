/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include <glib/gi18n-lib.h>
#include <json-glib/json-glib.h>

#include "data/export/config-json.h"
#include "data/export/export-bytes.h"
#include "data/export/export-private.h"
#include "data/export/export-selection.h"
#include "data/export/packed-content.h"
#include "data/files/quote.h"
#include "data/files/safetensors-writer.h"
#include "data/models/activation-scales.h"
#include "data/models/model-file-private.h"
#include "data/models/packed-tensor.h"

/* One tensor and its contents. */
typedef struct
{
  TnExportItem *item;
  TnExportRun *run;
  TnPackedContent *packed; /* PACKED */
} Part;

static void
part_free (gpointer data)
{
  Part *self = data;

  tn_packed_content_free (self->packed);
  g_free (self);
}

static gboolean
fail_tensor (const TnModelTensor *entry, GError **error)
{
  g_autofree char *quoted = tn_quote_string (entry->name);

  g_prefix_error (error, _ ("tensor %s: "), quoted);
  return FALSE;
}

/* What is not quantized: as it is, where safetensors have the type, else in F32, which holds all of it. */
static gboolean
keep_tensor (TnExportItem *item, GError **error)
{
  TnDtype dtype = item->source->tensor->dtype;

  if (tn_dtype_can_decode (dtype) && tn_dtype_block_elements (dtype) == 1 && dtype != TN_DTYPE_Q8_GROUP)
    {
      item->form = TN_EXPORT_COPY;
      item->dtype = dtype;
      return TRUE;
    }
  item->form = TN_EXPORT_NUMBERS;
  item->dtype = TN_DTYPE_F32;
  if (tn_dtype_can_decode (dtype))
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("numbers of type %s cannot be decoded"), item->source->dtype_name);
  return fail_tensor (item->source, error);
}

static gboolean
choose_form (TnExportItem *item, const TnSelection *selection, TnDtype type, GError **error)
{
  if (selection->select == TN_SELECT_KEEP)
    return keep_tensor (item, error);
  item->dtype = type;
  if (selection->select == TN_SELECT_TYPE)
    item->form = TN_EXPORT_NUMBERS;
  else
    {
      item->form = type == TN_DTYPE_INVALID ? TN_EXPORT_PACKED : TN_EXPORT_VALUES;
      item->scheme = selection->scheme;
    }
  return TRUE;
}

static GPtrArray *
make_items (TnModelFile *source, const TnExportOptions *options, GError **error)
{
  gboolean own_names = strcmp (source->format, "huggingface") == 0 || strcmp (source->format, "safetensors") == 0;
  g_autoptr (GPtrArray) items = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_export_item_free);
  g_autofree TnSelection *selections = tn_export_select (source, options->plan, options->scheme, error);

  if (selections == NULL)
    return NULL;
  for (guint i = 0; i < tn_model_file_n_tensors (source); i++)
    {
      const TnModelTensor *entry = tn_model_file_get_tensor (source, i);
      TnExportItem *item = tn_export_item_new (entry, own_names ? entry->source_name : entry->name);

      g_ptr_array_add (items, item);
      if (!choose_form (item, &selections[i], options->type, error))
        return NULL;
      if (item->form != TN_EXPORT_PACKED && !tn_export_bytes_measure (item, &item->bytes, error))
        {
          fail_tensor (entry, error);
          return NULL;
        }
    }
  return g_steal_pointer (&items);
}

static gboolean
write_bytes (TnAtomicFile *file, gpointer user_data, GError **error)
{
  Part *self = user_data;

  return tn_export_bytes_write (self->item, self->run, file, error);
}

static gboolean
add_part (TnSafetensorsWriter *writer, Part *self, GError **error)
{
  const TnExportItem *item = self->item;
  const TnTensor *tensor = item->source->tensor;

  if (item->form != TN_EXPORT_PACKED)
    return tn_safetensors_writer_add_content (writer, item->name, item->dtype, tensor->n_dims, tensor->shape, write_bytes, self,
                                              error);
  self->packed = tn_packed_content_new (self->item, self->run, error);
  return self->packed != NULL ? tn_packed_content_add (self->packed, writer, error) : fail_tensor (item->source, error);
}

/* What is written, with what was meant by it. */
typedef struct
{
  TnSafetensorsWriter *writer;
  GHashTable *metadata; /* all of them */
} Output;

static void
output_clear (Output *self)
{
  tn_safetensors_writer_free (self->writer);
  g_hash_table_unref (self->metadata);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Output, output_clear)

static void
set_metadata (Output *self, const char *key, const char *value)
{
  tn_safetensors_writer_add_metadata (self->writer, key, value);
  g_hash_table_replace (self->metadata, g_strdup (key), g_strdup (value));
}

/* What makes the file a model again. */
static gboolean
add_config (Output *self, TnModelFile *source, GError **error)
{
  g_autoptr (JsonNode) config = NULL;
  g_autofree char *text = NULL;

  if (source->config_json == NULL && source->cannot_run != NULL)
    return TRUE;
  config = tn_config_json_new (source, error);
  if (config == NULL)
    return FALSE;
  text = tn_config_json_to_text (config, FALSE);
  set_metadata (self, TN_PACKED_KEY_CONFIG, text);
  if (source->cannot_run == NULL && source->config.rope_layout == TN_ROPE_INTERLEAVED)
    set_metadata (self, TN_PACKED_KEY_ROPE, "interleaved");
  return TRUE;
}

/* Check sums are known when all is written; until then they are zeros. */
static void
add_description (Output *self, GPtrArray *parts)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *text = NULL;
  gboolean any = FALSE;

  json_builder_begin_object (builder);
  for (guint i = 0; i < parts->len; i++)
    {
      Part *part = g_ptr_array_index (parts, i);

      if (part->packed == NULL)
        continue;
      json_builder_set_member_name (builder, part->item->name);
      tn_packed_content_describe (part->packed, builder);
      any = TRUE;
    }
  json_builder_end_object (builder);
  if (!any)
    return;
  root = json_builder_get_root (builder);
  json_generator_set_root (generator, root);
  text = json_generator_to_data (generator, NULL);
  set_metadata (self, TN_PACKED_KEY_FORMAT, TN_PACKED_FORMAT);
  set_metadata (self, TN_PACKED_KEY_TENSORS, text);
}

/* Schemes of values that were rounded and are kept as plain numbers. */
static void
add_schemes (Output *self, GPtrArray *items)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *text = NULL;

  json_builder_begin_object (builder);
  for (guint i = 0; i < items->len; i++)
    {
      const TnExportItem *item = g_ptr_array_index (items, i);
      g_autofree char *scheme = NULL;

      if (item->form != TN_EXPORT_VALUES)
        continue;
      scheme = tn_scheme_to_string (&item->scheme);
      json_builder_set_member_name (builder, item->name);
      json_builder_add_string_value (builder, scheme);
    }
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  if (json_object_get_size (json_node_get_object (root)) == 0)
    return;
  json_generator_set_root (generator, root);
  text = json_generator_to_data (generator, NULL);
  set_metadata (self, TN_PACKED_KEY_ROUNDED, text);
}

static gboolean
compare_metadata (Output *self, const char *readable, const char *path, GError **error)
{
  g_autoptr (TnMappedFile) map = tn_mapped_file_open (readable, error);
  g_autoptr (TnSafetensors) file = map != NULL ? tn_safetensors_open (map, error) : NULL;
  GHashTableIter iter;
  gpointer key, value;
  gboolean same;

  if (file == NULL)
    return FALSE;
  same = g_hash_table_size (tn_safetensors_get_all_metadata (file)) == g_hash_table_size (self->metadata);
  g_hash_table_iter_init (&iter, self->metadata);
  while (same && g_hash_table_iter_next (&iter, &key, &value))
    same = g_strcmp0 (tn_safetensors_get_metadata (file, key), value) == 0;
  if (!same)
    g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: the metadata read differently from what was written"), path);
  return same;
}

static gboolean
verify (Output *self, const char *readable, const char *path, GPtrArray *items, TnExportRun *run, GError **error)
{
  g_autoptr (TnModelFile) model = compare_metadata (self, readable, path, error) ? tn_model_file_open (readable, error) : NULL;

  return model != NULL && tn_model_file_check_sums (model, error) && tn_export_verify_items (model, path, items, 0, run, error) &&
         tn_model_file_check (model, error);
}

gboolean
tn_export_safetensors (TnModelFile *source, const char *path, const TnExportOptions *options, TnExportRun *run,
                       TnExportResult *result, GError **error)
{
  g_autoptr (GPtrArray) items = make_items (source, options, error);
  g_autoptr (GPtrArray) parts = g_ptr_array_new_with_free_func (part_free);
  g_auto (Output) output = {
      .writer = tn_safetensors_writer_new (),
      .metadata = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free),
  };
  g_autoptr (TnAtomicFile) file = NULL;
  g_autofree char *fingerprint = NULL;
  const char *readable;

  if (items == NULL)
    return FALSE;
  if (source->bitnet.source == TN_BITNET_PACKED)
    {
      g_set_error (
          error, TN_ERROR, TN_ERROR_UNSUPPORTED,
          _ ("%s: what a packed BitNet checkpoint says of itself does not fit one safetensors file; write GGUF or a folder"),
          source->path);
      return FALSE;
    }
  if ((source->bitnet.source != TN_BITNET_NONE && !tn_export_check_bitnet (items, error)) ||
      (file = tn_atomic_file_create (path, error)) == NULL)
    return FALSE;
  for (guint i = 0; i < items->len; i++)
    {
      Part *part = g_new0 (Part, 1);

      part->item = g_ptr_array_index (items, i);
      part->run = run;
      g_ptr_array_add (parts, part);
      if (!add_part (output.writer, part, error))
        return FALSE;
    }
  fingerprint = g_strdup_printf ("%016" PRIx64, tn_model_file_get_fingerprint (source));
  set_metadata (&output, "format", "pt");
  set_metadata (&output, "ternion.source_fingerprint", fingerprint);
  if (!add_config (&output, source, error))
    return FALSE;
  if (options->activations != NULL)
    set_metadata (&output, TN_ACTIVATION_SCALES_KEY, options->activations);
  add_description (&output, parts);
  add_schemes (&output, items);
  tn_export_begin (run, items);
  if (!tn_safetensors_writer_write_to (output.writer, file, error))
    return FALSE;
  add_description (&output, parts);
  if (!tn_safetensors_writer_update (output.writer, file, error) || !tn_model_file_check (source, error) ||
      (readable = tn_atomic_file_get_readable (file, error)) == NULL)
    return FALSE;
  if (!verify (&output, readable, path, items, run, error))
    return tn_export_fail (readable, path, error);
  tn_export_result_fill (result, items, tn_atomic_file_tell (file));
  return tn_atomic_file_commit (file, error);
}
