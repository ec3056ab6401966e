/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>

#include "data/files/quote.h"
#include "data/models/gguf.h"
#include "data/models/model-file-private.h"
#include "data/models/packed-tensor.h"
#include "data/models/safetensors.h"
#include "engine/error.h"

#define CONFIG_NAME "config.json"
#define WEIGHTS_NAME "model.safetensors"
#define INDEX_NAME "model.safetensors.index.json"
#define SUFFIX ".safetensors"
#define MAX_SHOWN_ELEMENTS 8
#define MAX_CONFIG_DEPTH 4

/* Architectures whose Hugging Face names are LLaMA's. */
static const char *const llama_names[] = {"llama", "mistral", "bitnet", NULL};

static gboolean
has_file (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static void
add_entry (TnModelFile *self, TnSafetensors *safetensors, const TnSafetensorsEntry *entry, gboolean rename)
{
  g_autofree char *name = rename ? tn_huggingface_canonical_name (entry->name) : NULL;

  tn_model_file_add_tensor (self, name, entry->name, entry->dtype_name, tn_safetensors_create_tensor (safetensors, entry));
}

static void
refuse_unknown (TnModelFile *self)
{
  tn_model_file_refuse_run (self, TN_ERROR_UNSUPPORTED,
                            _ ("architecture unknown cannot be run: the file does not say how its tensors connect"));
}

/* Nested objects as "rope_scaling.factor". */
static void
add_config_metadata (TnModelFile *self, const TnJsonNode *object, const char *prefix, guint depth)
{
  for (const TnJsonNode *node = object->value.list.first; node != NULL; node = node->next)
    {
      g_autofree char *key = g_strconcat (prefix, node->name, NULL);

      if (node->type == TN_JSON_OBJECT && depth < MAX_CONFIG_DEPTH)
        {
          g_autofree char *inner = g_strconcat (key, ".", NULL);

          add_config_metadata (self, node, inner, depth + 1);
        }
      else
        tn_model_file_add_metadata (self, key, tn_json_node_to_text (node, MAX_SHOWN_ELEMENTS));
    }
}

/* "model_type", else the class name without its ending, else "unknown". */
static char *
find_architecture (const TnJsonNode *config)
{
  const char *type = tn_json_find_text (config, "model_type");
  const TnJsonNode *classes = tn_json_find_typed (config, "architectures", TN_JSON_ARRAY);
  const TnJsonNode *first = classes != NULL ? classes->value.list.first : NULL;

  if (type != NULL && type[0] != '\0')
    return g_strdup (type);
  if (first == NULL || first->type != TN_JSON_STRING || first->value.string.length == 0)
    return g_strdup ("unknown");
  return strcmp (first->value.string.text, "LlamaForCausalLM") == 0 ? g_strdup ("llama") : g_strdup (first->value.string.text);
}

/* A file of ours may say how its tensors connect. */
static TnModelFile *
open_described (TnMappedFile *file, TnSafetensors *safetensors, const char *text, GError **error)
{
  const char *path = tn_mapped_file_get_path (file);
  const char *rope = tn_safetensors_get_metadata (safetensors, TN_PACKED_KEY_ROPE);
  g_autoptr (TnJson) config = tn_json_parse (text, strlen (text), path, 0, error);
  g_autofree char *architecture = NULL;
  g_autoptr (TnModelFile) self = NULL;
  const TnJsonNode *root;

  if (config == NULL)
    {
      g_prefix_error (error, "%s: ", TN_PACKED_KEY_CONFIG);
      return NULL;
    }
  root = tn_json_get_root (config);
  architecture = find_architecture (root);
  self = tn_model_file_new (path, "safetensors", architecture);
  tn_model_file_add_part (self, file);
  self->config_json = g_strdup (text);
  if (!tn_model_file_add_safetensors (self, safetensors, g_strv_contains (llama_names, architecture), error))
    return NULL;
  if (root->type == TN_JSON_OBJECT)
    add_config_metadata (self, root, "", 0);
  tn_huggingface_read_config (self, root);
  if (g_strcmp0 (rope, "interleaved") == 0)
    self->config.rope_layout = TN_ROPE_INTERLEAVED;
  else if (rope != NULL)
    {
      g_autofree char *quoted = tn_quote_string (rope);

      tn_model_file_refuse_run (self, TN_ERROR_UNSUPPORTED, _ ("%s is %s, expected interleaved"), TN_PACKED_KEY_ROPE, quoted);
    }
  return g_steal_pointer (&self);
}

TnModelFile *
tn_model_file_open_safetensors (TnMappedFile *file, GError **error)
{
  g_autoptr (TnSafetensors) safetensors = tn_safetensors_open (file, error);
  g_autoptr (TnModelFile) self = NULL;
  const char *config;

  if (safetensors == NULL)
    return NULL;
  config = tn_safetensors_get_metadata (safetensors, TN_PACKED_KEY_CONFIG);
  if (config != NULL)
    return open_described (file, safetensors, config, error);
  self = tn_model_file_new (tn_mapped_file_get_path (file), "safetensors", "unknown");
  tn_model_file_add_part (self, file);
  if (!tn_model_file_add_safetensors (self, safetensors, FALSE, error))
    return NULL;
  refuse_unknown (self);
  return g_steal_pointer (&self);
}

/* The shard of that name, opened once. Only names of files that lie beside the index are followed. */
static TnSafetensors *
open_shard (TnModelFile *self, GHashTable *shards, const char *index_path, const TnJsonNode *node, GError **error)
{
  const char *name = node->value.string.text;
  TnSafetensors *safetensors = g_hash_table_lookup (shards, name);
  g_autofree char *folder = NULL;
  g_autofree char *path = NULL;
  g_autoptr (TnMappedFile) file = NULL;

  if (safetensors != NULL)
    return safetensors;
  if (name[0] == '\0' || strcmp (name, ".") == 0 || strcmp (name, "..") == 0 || strpbrk (name, "/\\") != NULL)
    {
      g_autofree char *quoted = tn_quote_string (name);

      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: byte %" PRIu64 ": shard %s is not the plain name of a file"),
                   index_path, (guint64) node->offset, quoted);
      return NULL;
    }
  folder = g_path_get_dirname (index_path);
  path = g_build_filename (folder, name, NULL);
  file = tn_mapped_file_open (path, error);
  if (file == NULL)
    {
      g_prefix_error (error, _ ("%s: shard cannot be opened: "), index_path);
      return NULL;
    }
  safetensors = tn_safetensors_open (file, error);
  if (safetensors == NULL)
    return NULL;
  tn_model_file_add_part (self, file);
  g_hash_table_insert (shards, g_strdup (name), safetensors);
  return safetensors;
}

static gboolean
add_shards (TnModelFile *self, const char *index_path, const TnJsonNode *index, gboolean rename, GError **error)
{
  const TnJsonNode *map = tn_json_find_typed (index, "weight_map", TN_JSON_OBJECT);
  g_autoptr (GHashTable) shards = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) tn_safetensors_unref);

  g_ptr_array_add (self->files, g_strdup (index_path));
  if (map == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: no object \"weight_map\" that says which file holds which tensor"),
                   index_path);
      return FALSE;
    }
  for (const TnJsonNode *node = map->value.list.first; node != NULL; node = node->next)
    {
      const TnSafetensorsEntry *entry;
      TnSafetensors *safetensors;
      g_autofree char *quoted = tn_quote_bytes (node->name, node->name_length);

      if (node->type != TN_JSON_STRING || strlen (node->value.string.text) != node->value.string.length)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                       _ ("%s: byte %" PRIu64 ": weight_map of %s is %s, expected the name of a file"), index_path,
                       (guint64) node->offset, quoted, tn_json_type_describe (node->type));
          return FALSE;
        }
      safetensors = open_shard (self, shards, index_path, node, error);
      if (safetensors == NULL)
        return FALSE;
      entry = strlen (node->name) == node->name_length ? tn_safetensors_find_entry (safetensors, node->name) : NULL;
      if (entry == NULL)
        {
          g_autofree char *shard = tn_quote_string (node->value.string.text);

          g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("%s: byte %" PRIu64 ": tensor %s is not in shard %s"), index_path,
                       (guint64) node->offset, quoted, shard);
          return FALSE;
        }
      add_entry (self, safetensors, entry, rename);
    }
  return TRUE;
}

TnModelFile *
tn_model_file_open_shards (const char *index_path, const TnJsonNode *index, GError **error)
{
  g_autoptr (TnModelFile) self = tn_model_file_new (index_path, "safetensors", "unknown");

  if (!add_shards (self, index_path, index, FALSE, error))
    return NULL;
  refuse_unknown (self);
  return g_steal_pointer (&self);
}

/* The only file of that ending in the folder; NULL when there are none or several. */
static char *
find_single_weights (const char *folder)
{
  g_autoptr (GDir) entries = g_dir_open (folder, 0, NULL);
  g_autofree char *found = NULL;
  const char *name;

  while (entries != NULL && (name = g_dir_read_name (entries)) != NULL)
    if (g_str_has_suffix (name, SUFFIX))
      {
        if (found != NULL)
          return NULL;
        found = g_strdup (name);
      }
  return g_steal_pointer (&found);
}

static gboolean
add_weights (TnModelFile *self, const char *folder, gboolean rename, GError **error)
{
  g_autofree char *name = NULL;
  g_autofree char *path = NULL;
  g_autoptr (TnMappedFile) file = NULL;
  g_autoptr (TnSafetensors) safetensors = NULL;

  if (!has_file (folder, WEIGHTS_NAME) && has_file (folder, INDEX_NAME))
    {
      g_autofree char *index_path = g_build_filename (folder, INDEX_NAME, NULL);
      g_autoptr (TnJson) index = tn_json_parse_file (index_path, error);

      return index != NULL && add_shards (self, index_path, tn_json_get_root (index), rename, error);
    }
  name = has_file (folder, WEIGHTS_NAME) ? g_strdup (WEIGHTS_NAME) : find_single_weights (folder);
  if (name == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND,
                   _ ("%s: a directory with %s but no weights; looked for %s, %s and a single *%s"), folder, CONFIG_NAME,
                   WEIGHTS_NAME, INDEX_NAME, SUFFIX);
      return FALSE;
    }
  path = g_build_filename (folder, name, NULL);
  file = tn_mapped_file_open (path, error);
  if (file == NULL)
    return FALSE;
  safetensors = tn_safetensors_open (file, error);
  if (safetensors == NULL)
    return FALSE;
  tn_model_file_add_part (self, file);
  return tn_model_file_add_safetensors (self, safetensors, rename, error);
}

TnModelFile *
tn_model_file_open_huggingface (const char *folder, GError **error)
{
  g_autofree char *config_path = g_build_filename (folder, CONFIG_NAME, NULL);
  g_autofree char *architecture = NULL;
  g_autoptr (TnJson) config = tn_json_parse_file (config_path, error);
  g_autoptr (TnModelFile) self = NULL;
  const TnJsonNode *root;

  if (config == NULL)
    return NULL;
  root = tn_json_get_root (config);
  if (root->type != TN_JSON_OBJECT)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: byte %" PRIu64 ": found %s, expected an object"), config_path,
                   (guint64) root->offset, tn_json_type_describe (root->type));
      return NULL;
    }
  architecture = find_architecture (root);
  self = tn_model_file_new (folder, "huggingface", architecture);
  g_file_get_contents (config_path, &self->config_json, NULL, NULL);
  g_ptr_array_add (self->files, g_strdup (config_path));
  if (!add_weights (self, folder, g_strv_contains (llama_names, architecture), error))
    return NULL;
  add_config_metadata (self, root, "", 0);
  tn_huggingface_read_config (self, root);
  return g_steal_pointer (&self);
}

static TnModelFile *
open_directory (const char *path, GError **error)
{
  g_autofree char *single = NULL;
  g_autofree char *file_path = NULL;

  if (has_file (path, CONFIG_NAME))
    return tn_model_file_open_huggingface (path, error);
  single = has_file (path, WEIGHTS_NAME) ? g_strdup (WEIGHTS_NAME)
           : has_file (path, INDEX_NAME) ? g_strdup (INDEX_NAME)
                                         : find_single_weights (path);
  if (single == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("%s: a directory without a model; looked for %s with %s or %s"), path,
                   CONFIG_NAME, WEIGHTS_NAME, INDEX_NAME);
      return NULL;
    }
  file_path = g_build_filename (path, single, NULL);
  return tn_model_file_open (file_path, error);
}

static gboolean
looks_like_json (const guint8 *data, gsize size)
{
  gsize i = 0;

  while (i < size && g_ascii_isspace (data[i]))
    i++;
  return i < size && data[i] == '{';
}

static TnModelFile *
open_index (TnMappedFile *file, GError **error)
{
  const char *path = tn_mapped_file_get_path (file);
  g_autoptr (TnJson) index =
      tn_json_parse ((const char *) tn_mapped_file_get_data (file), tn_mapped_file_get_size (file), path, 0, error);

  return index != NULL ? tn_model_file_open_shards (path, tn_json_get_root (index), error) : NULL;
}

static void
set_unrecognised (TnMappedFile *file, GError **error)
{
  const char *path = tn_mapped_file_get_path (file);
  const guint8 *data = tn_mapped_file_get_data (file);
  gsize size = tn_mapped_file_get_size (file);
  guint64 expected = tn_llama2c_expected_bytes (data, size);
  g_autofree char *found = tn_quote_bytes (data, MIN (size, 8));

  if (size == 0)
    g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: the file is empty, expected a model"), path);
  else if (expected > 0)
    g_set_error (error, TN_ERROR, TN_ERROR_FORMAT,
                 _ ("%s: not a model that is known; as a llama2.c checkpoint its header asks for %" PRIu64
                    " bytes, the file has %" PRIu64),
                 path, expected, (guint64) size);
  else
    g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: begins with %s, expected safetensors, GGUF or a llama2.c checkpoint"),
                 path, found);
}

/* A file of a Hugging Face directory stands for the directory, which says how the tensors connect. */
static char *
find_folder_of (const char *path)
{
  g_autofree char *name = g_path_get_basename (path);
  g_autofree char *folder = g_path_get_dirname (path);

  if ((strcmp (name, WEIGHTS_NAME) != 0 && strcmp (name, INDEX_NAME) != 0 && strcmp (name, CONFIG_NAME) != 0) ||
      !has_file (folder, CONFIG_NAME))
    return NULL;
  return g_steal_pointer (&folder);
}

TnModelFile *
tn_model_file_open (const char *path, GError **error)
{
  g_autofree char *folder = NULL;
  g_autoptr (TnMappedFile) file = NULL;
  const guint8 *data;
  gsize size;

  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    return open_directory (path, error);
  file = tn_mapped_file_open (path, error);
  if (file == NULL)
    return NULL;
  folder = find_folder_of (path);
  if (folder != NULL)
    return tn_model_file_open_huggingface (folder, error);

  data = tn_mapped_file_get_data (file);
  size = tn_mapped_file_get_size (file);
  if (tn_gguf_recognise (data, size))
    return tn_model_file_open_gguf (file, error);
  if (tn_llama2c_recognise (data, size))
    return tn_model_file_open_llama2c (file, error);
  /* What calls itself a format is told what is wrong with it. */
  if (size > 0 && (tn_safetensors_recognise (data, size) || g_str_has_suffix (path, SUFFIX)))
    return tn_model_file_open_safetensors (file, error);
  if (size > 0 && g_str_has_suffix (path, ".gguf"))
    return tn_model_file_open_gguf (file, error);
  if (looks_like_json (data, size))
    return open_index (file, error);
  set_unrecognised (file, error);
  return NULL;
}
