/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <glib/gi18n-lib.h>
#include <gio/gio.h>

#include "data/export/config-json.h"
#include "data/export/export-bytes.h"
#include "data/export/export-private.h"
#include "data/export/export-selection.h"
#include "data/files/atomic-folder.h"
#include "data/files/quote.h"
#include "data/files/safetensors-writer.h"
#include "data/models/model-file-private.h"
#include "data/tokenizers/gguf-form.h"
#include "engine/quant/packing.h"

#define CONFIG_NAME "config.json"
#define WEIGHTS_NAME "model.safetensors"
#define SCALE_SUFFIX "_scale"

/* All that a folder of ours may hold; what follows the first two is copied from the model's own, its tokenizer unless another one was given. */
static const char *const names[] = {CONFIG_NAME,
                                    WEIGHTS_NAME,
                                    "generation_config.json",
                                    "chat_template.jinja",
                                    "tokenizer.json",
                                    "tokenizer_config.json",
                                    "special_tokens_map.json",
                                    "added_tokens.json",
                                    "tokenizer.model",
                                    "vocab.json",
                                    "merges.txt",
                                    "tokenizer.bin",
                                    NULL};
#define FIRST_COPIED 2
#define FIRST_OF_TOKENIZER 4

typedef struct
{
  TnExportItem *item;
  TnExportRun *run;
  TnAtomicFile *file;
  gint8 *codes; /* of the tensor that is written */
} Part;

static gboolean
refuse (const TnModelTensor *entry, const char *what, GError **error)
{
  g_autofree char *quoted = tn_quote_string (entry->name);

  g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("tensor %s: %s"), quoted, what);
  return FALSE;
}

static gboolean
choose_form (TnExportItem *item, const TnSelection *selection, GError **error)
{
  const TnScheme *scheme = &selection->scheme;
  TnDtype dtype = item->source->tensor->dtype;
  g_autofree char *name = NULL;
  g_autofree char *text = NULL;

  if (selection->select == TN_SELECT_KEEP)
    {
      gboolean is_float = dtype == TN_DTYPE_F32 || dtype == TN_DTYPE_F16 || dtype == TN_DTYPE_BF16;

      item->form = is_float ? TN_EXPORT_COPY : TN_EXPORT_NUMBERS;
      item->dtype = is_float ? dtype : TN_DTYPE_F32;
      return tn_dtype_can_decode (dtype) ? TRUE : refuse (item->source, _ ("its numbers cannot be decoded"), error);
    }
  if (selection->linear && scheme->kind != TN_SCHEME_INTEGER && scheme->granularity == TN_PER_TENSOR)
    {
      item->form = TN_EXPORT_BITNET;
      item->scheme = *scheme;
      return TRUE;
    }
  name = tn_scheme_to_string (scheme);
  text = g_strdup_printf (
      _ ("a BitNet checkpoint holds linear layers as ternary with one scale a tensor, not %s; its other tensors are kept"), name);
  return refuse (item->source, text, error);
}

static GPtrArray *
make_items (TnModelFile *source, const TnExportOptions *options, GError **error)
{
  g_autoptr (GPtrArray) items = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_export_item_free);
  g_autofree TnSelection *selections = tn_export_select (source, options->plan, options->scheme, error);

  if (selections == NULL)
    return NULL;
  for (guint i = 0; i < tn_model_file_n_tensors (source); i++)
    {
      const TnModelTensor *entry = tn_model_file_get_tensor (source, i);
      g_autofree char *name = tn_huggingface_source_name (entry->name);
      TnExportItem *item;

      /* Scales are in their weights; what a model of this kind has no place for follows from its configuration. */
      if (g_str_has_suffix (entry->name, ".weight_scale") || g_str_has_suffix (entry->name, ".scale") ||
          (source->config.tied && strcmp (entry->name, "output.weight") == 0) || strstr (entry->name, "rotary_emb") != NULL)
        continue;
      if (name == NULL)
        {
          refuse (entry, _ ("it has no name in a checkpoint of Hugging Face"), error);
          return NULL;
        }
      item = tn_export_item_new (entry, name);
      g_ptr_array_add (items, item);
      if (!choose_form (item, &selections[i], error) || !tn_export_item_set_rows (item, source, TN_ROPE_HALF_SPLIT, error) ||
          (item->form != TN_EXPORT_BITNET && !tn_export_bytes_measure (item, &item->bytes, error)))
        return NULL;
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
keep_chunk (const TnExportChunk *chunk, gpointer user_data, GError **error)
{
  Part *self = user_data;
  gint8 *codes = self->codes + chunk->first_row * chunk->columns;

  for (guint64 i = 0; i < chunk->n_rows * chunk->columns; i++)
    codes[i] = (gint8) chunk->codes[i];
  return TRUE;
}

/* Rows of a byte lie a quarter of the matrix apart, so that its codes are kept as a whole. */
static gboolean
write_packed (TnAtomicFile *file, gpointer user_data, GError **error)
{
  Part *self = user_data;
  const TnTensor *tensor = self->item->source->tensor;
  guint64 rows = tn_tensor_rows (tensor), columns = tn_tensor_columns (tensor), packed_rows = tn_pack_bitnet_rows (rows);
  g_autoptr (TnBlock) block = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, (rows + 1) * columns, error);
  guint8 *line;

  self->codes = block;
  if (block == NULL || !tn_export_item_visit (self->item, FALSE, self->run, keep_chunk, self, error))
    return FALSE;
  line = (guint8 *) self->codes + rows * columns;
  for (guint64 row = 0; row < packed_rows; row++)
    {
      const gint8 *codes[4];

      for (guint k = 0; k < 4; k++)
        codes[k] = k * packed_rows + row < rows ? self->codes + (k * packed_rows + row) * columns : NULL;
      tn_pack_bitnet (codes, columns, line);
      if (!tn_atomic_file_write (file, line, columns, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
write_scale_chunk (const TnExportChunk *chunk, gpointer user_data, GError **error)
{
  Part *self = user_data;
  float scale = chunk->units[0].scale;

  if (self->file == NULL)
    return TRUE;
  if (!(scale > 0.0f))
    {
      g_autofree char *quoted = tn_quote_string (self->item->source->name);

      g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("tensor %s: a scale of %g cannot be stored as weight_scale"), quoted,
                   (double) scale);
      return FALSE;
    }
  if (!tn_atomic_file_write (self->file, &scale, sizeof scale, error))
    return FALSE;
  self->file = NULL;
  return TRUE;
}

static gboolean
write_scale (TnAtomicFile *file, gpointer user_data, GError **error)
{
  Part *self = user_data;

  self->file = file;
  return tn_export_item_visit (self->item, TRUE, self->run, write_scale_chunk, self, error);
}

static gboolean
add_part (TnSafetensorsWriter *writer, Part *self, GError **error)
{
  static const guint64 one = 1;
  TnExportItem *item = self->item;
  const TnTensor *tensor = item->source->tensor;
  guint64 shape[2] = {tn_pack_bitnet_rows (tn_tensor_rows (tensor)), tn_tensor_columns (tensor)};
  g_autofree char *scale_name = g_strconcat (item->name, SCALE_SUFFIX, NULL);

  if (item->form != TN_EXPORT_BITNET)
    return tn_safetensors_writer_add_content (writer, item->name, item->dtype, tensor->n_dims, tensor->shape, write_bytes, self,
                                              error);
  item->bytes = shape[0] * shape[1] + sizeof (float);
  return tn_safetensors_writer_add_content (writer, item->name, TN_DTYPE_U8, 2, shape, write_packed, self, error) &&
         tn_safetensors_writer_add_content (writer, scale_name, TN_DTYPE_F32, 1, &one, write_scale, self, error);
}

static gboolean
write_weights (const char *folder, GPtrArray *items, Part *parts, TnExportRun *run, guint64 *bytes, GError **error)
{
  g_autofree char *path = g_build_filename (folder, WEIGHTS_NAME, NULL);
  g_autoptr (TnSafetensorsWriter) writer = tn_safetensors_writer_new ();

  for (guint i = 0; i < items->len; i++)
    {
      parts[i] = (Part){.item = g_ptr_array_index (items, i), .run = run};
      if (!add_part (writer, &parts[i], error))
        return FALSE;
    }
  tn_safetensors_writer_add_metadata (writer, "format", "pt");
  return tn_safetensors_writer_write (writer, path, bytes, error);
}

/* Layers that stay as they are, by the names of their modules. */
static JsonArray *
list_exceptions (GPtrArray *items)
{
  JsonArray *exceptions = json_array_new ();

  json_array_add_string_element (exceptions, "lm_head");
  for (guint i = 0; i < items->len; i++)
    {
      const TnExportItem *item = g_ptr_array_index (items, i);
      g_autofree char *module = g_strndup (item->name, strlen (item->name) - strlen (".weight"));

      if (item->form != TN_EXPORT_BITNET && tn_export_is_linear (item->source))
        json_array_add_string_element (exceptions, module);
    }
  return exceptions;
}

static gboolean
write_config (const char *folder, TnModelFile *source, GPtrArray *items, guint64 *bytes, GError **error)
{
  g_autofree char *path = g_build_filename (folder, CONFIG_NAME, NULL);
  g_autoptr (JsonNode) config = tn_config_json_new (source, error);
  g_autofree char *text = NULL;
  JsonObject *quantization;

  if (config == NULL)
    return FALSE;
  /* The class whose weight_scale multiplies: it holds the scale itself, not an inverse that would have to be rounded. */
  quantization = json_object_new ();
  json_object_set_string_member (quantization, "quant_method", "bitnet");
  json_object_set_string_member (quantization, "linear_class", "autobitlinear");
  json_object_set_string_member (quantization, "quantization_mode", "offline");
  json_object_set_array_member (quantization, "modules_to_not_convert", list_exceptions (items));
  json_object_set_object_member (json_node_get_object (config), "quantization_config", quantization);
  text = tn_config_json_to_text (config, TRUE);
  *bytes += strlen (text);
  return tn_atomic_file_set_contents (path, text, strlen (text), error);
}

static gboolean
copy_file (const char *from, const char *folder, const char *name, guint64 *bytes, GError **error)
{
  g_autofree char *to = g_build_filename (folder, name, NULL);
  g_autoptr (TnMappedFile) file = tn_mapped_file_open (from, error);

  if (file == NULL)
    return FALSE;
  *bytes += tn_mapped_file_get_size (file);
  return tn_atomic_file_set_contents (to, tn_mapped_file_get_data (file), tn_mapped_file_get_size (file), error) &&
         tn_mapped_file_check (tn_mapped_file_get_data (file), error);
}

/* What lies beside the weights of a Hugging Face model, and the tokenizer of another one where it is a file that can lie there.
 */
static gboolean
copy_companions (const char *folder, TnModelFile *source, const char *tokenizer_path, TnExportRun *run, guint64 *bytes,
                 GError **error)
{
  gboolean is_folder = g_file_test (source->path, G_FILE_TEST_IS_DIR);
  g_autoptr (TnTokenizer) tokenizer = NULL;
  g_autoptr (GError) local = NULL;
  const char *path;

  for (guint i = FIRST_COPIED; is_folder && names[i] != NULL && (tokenizer_path == NULL || i < FIRST_OF_TOKENIZER); i++)
    {
      g_autofree char *from = g_build_filename (source->path, names[i], NULL);

      if (g_file_test (from, G_FILE_TEST_IS_REGULAR) && !copy_file (from, folder, names[i], bytes, error))
        return FALSE;
    }
  if (is_folder && tokenizer_path == NULL)
    return TRUE;
  tokenizer = tn_tokenizer_find (tokenizer_path, source, &local);
  path = tokenizer != NULL ? tn_tokenizer_get_path (tokenizer) : NULL;
  if (path != NULL && tn_tokenizer_get_gguf_path (tokenizer) == NULL)
    return copy_file (path, folder, tn_tokenizer_get_json_path (tokenizer) != NULL ? "tokenizer.json" : "tokenizer.bin", bytes,
                      error);
  if (tokenizer == NULL && tokenizer_path != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  tn_listener_event (
      run->listener, "warning",
      _ ("the new folder has no tokenizer: that of the model is no file that could lie there; give a tokenizer.json or tokenizer.bin with --tokenizer"));
  return TRUE;
}

static guint
count_packed (GPtrArray *items)
{
  guint n = 0;

  for (guint i = 0; i < items->len; i++)
    n += ((const TnExportItem *) g_ptr_array_index (items, i))->form == TN_EXPORT_BITNET;
  return n;
}

static gboolean
verify (const char *folder, const char *path, GPtrArray *items, TnExportRun *run, GError **error)
{
  g_autoptr (TnModelFile) written = tn_model_file_open (folder, error);
  g_autoptr (TnModel) model = written != NULL ? tn_model_file_load (written, error) : NULL;

  return model != NULL && tn_export_verify_items (written, path, items, count_packed (items), run, error) &&
         tn_model_file_check (written, error);
}

gboolean
tn_export_bitnet (TnModelFile *source, const char *path, const TnExportOptions *options, TnExportRun *run, TnExportResult *result,
                  GError **error)
{
  g_autoptr (GPtrArray) items = NULL;
  g_autoptr (TnAtomicFolder) folder = NULL;
  g_autofree Part *parts = NULL;
  const char *place;
  guint64 bytes = 0;

  if (source->cannot_run != NULL)
    {
      g_propagate_error (error, g_error_copy (source->cannot_run));
      return FALSE;
    }
  if ((items = make_items (source, options, error)) == NULL || (folder = tn_atomic_folder_create (path, names, error)) == NULL)
    return FALSE;
  if (count_packed (items) == 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                   _ ("%s: no layer of the model is ternary: that is no BitNet checkpoint"), path);
      return FALSE;
    }
  parts = g_new0 (Part, items->len + 1);
  place = tn_atomic_folder_get_path (folder);
  tn_export_begin (run, items);
  if (!write_weights (place, items, parts, run, &bytes, error) || !tn_model_file_check (source, error) ||
      !write_config (place, source, items, &bytes, error) ||
      !copy_companions (place, source, options->tokenizer_path, run, &bytes, error) || !verify (place, path, items, run, error))
    return tn_export_fail (place, path, error);
  tn_export_result_fill (result, items, bytes);
  return tn_atomic_folder_commit (folder, error);
}
