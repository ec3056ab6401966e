/* SPDX-License-Identifier: Apache-2.0 */
#include "data/export/model-copy.h"

#include <glib/gi18n-lib.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "data/files/atomic-file.h"
#include "data/files/atomic-folder.h"
#include "data/files/json-members.h"
#include "data/files/safetensors-writer.h"
#include "data/models/safetensors.h"
#include "engine/error.h"

#define WEIGHTS_NAME "model.safetensors"
#define CONFIG_NAME "config.json"

static const char *const names[] = {CONFIG_NAME, WEIGHTS_NAME, "tokenizer.json", "tokenizer.bin", NULL};

static const char *
torch_name (TnDtype float_type)
{
  return float_type == TN_DTYPE_F16 ? "float16" : float_type == TN_DTYPE_BF16 ? "bfloat16" : "float32";
}

static gboolean
add_weight (TnSafetensorsWriter *writer, const TnSafetensorsEntry *entry, TnDtype float_type, GError **error)
{
  g_autofree float *values = NULL;
  g_autofree void *bytes = NULL;

  if (entry->dtype != TN_DTYPE_F32 || float_type == TN_DTYPE_F32)
    return tn_safetensors_writer_add_tensor (writer, entry->name, entry->dtype, entry->n_dims, entry->shape, entry->data, error);
  values = g_new (float, entry->count);
  bytes = g_malloc_n (entry->count, sizeof (guint16));
  tn_dtype_decode (entry->dtype, entry->data, entry->count, values);
  if (!tn_dtype_encode (float_type, values, entry->count, bytes, error))
    {
      g_prefix_error (error, "%s: ", entry->name);
      return FALSE;
    }
  return tn_safetensors_writer_take_tensor (writer, entry->name, float_type, entry->n_dims, entry->shape, g_steal_pointer (&bytes),
                                            error);
}

static gboolean
copy_weights (TnMappedFile *mapped, const char *to, TnDtype float_type, GError **error)
{
  g_autoptr (TnSafetensors) file = tn_safetensors_open (mapped, error);
  g_autoptr (TnSafetensorsWriter) writer = tn_safetensors_writer_new ();
  GHashTableIter iter;
  gpointer key, value;

  if (file == NULL)
    return FALSE;
  for (guint i = 0; i < tn_safetensors_n_entries (file); i++)
    if (!add_weight (writer, tn_safetensors_get_entry (file, i), float_type, error))
      return FALSE;
  g_hash_table_iter_init (&iter, tn_safetensors_get_all_metadata (file));
  while (g_hash_table_iter_next (&iter, &key, &value))
    tn_safetensors_writer_add_metadata (writer, key, value);
  return tn_safetensors_writer_write (writer, to, NULL, error) && tn_mapped_file_check (tn_mapped_file_get_data (mapped), error);
}

static gboolean
copy_config (TnMappedFile *mapped, const char *path, const char *to, TnDtype float_type, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) local = NULL;
  g_autofree char *text = NULL;
  JsonNode *root;

  if (!json_parser_load_from_data (parser, (const char *) tn_mapped_file_get_data (mapped),
                                   (gssize) tn_mapped_file_get_size (mapped), &local) ||
      (root = json_parser_get_root (parser)) == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: no object of JSON: %s"), path,
                   local != NULL ? local->message : _ ("it is another value"));
      return FALSE;
    }
  json_object_set_string_member (json_node_get_object (root), "torch_dtype", torch_name (float_type));
  text = tn_json_print (root, TRUE);
  return tn_atomic_file_set_contents (to, text, strlen (text), error);
}

static gboolean
copy_one (const char *from, const char *to, const char *name, TnDtype float_type, GError **error)
{
  g_autofree char *source = g_build_filename (from, name, NULL), *target = g_build_filename (to, name, NULL);
  g_autoptr (TnMappedFile) mapped = NULL;

  if (strcmp (name, WEIGHTS_NAME) != 0 && !g_file_test (source, G_FILE_TEST_EXISTS))
    return TRUE;
  mapped = tn_mapped_file_open (source, error);
  if (mapped == NULL)
    return FALSE;
  if (strcmp (name, WEIGHTS_NAME) == 0)
    return copy_weights (mapped, target, float_type, error);
  if (strcmp (name, CONFIG_NAME) == 0)
    return copy_config (mapped, source, target, float_type, error);
  return tn_atomic_file_set_contents (target, tn_mapped_file_get_data (mapped), tn_mapped_file_get_size (mapped), error);
}

gboolean
tn_trained_model_copy (const char *from, const char *to, TnDtype float_type, GError **error)
{
  g_autoptr (TnAtomicFolder) made = NULL;

  if (float_type != TN_DTYPE_F32 && float_type != TN_DTYPE_F16 && float_type != TN_DTYPE_BF16)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("weights of a model are written as F32, F16 or BF16"));
      return FALSE;
    }
  made = tn_atomic_folder_create (to, names, error);
  for (guint i = 0; made != NULL && names[i] != NULL; i++)
    if (!copy_one (from, tn_atomic_folder_get_path (made), names[i], float_type, error))
      return FALSE;
  return made != NULL && tn_atomic_folder_commit (made, error);
}
