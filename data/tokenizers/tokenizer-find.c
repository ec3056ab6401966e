/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "data/files/json-reader.h"
#include "data/tokenizers/tokenizer-private.h"
#include "engine/error.h"

static TnTokenizer *
open_gguf (TnMappedFile *file, GError **error)
{
  g_autoptr (TnGguf) gguf = tn_gguf_open (file, error);

  return gguf != NULL ? tn_tokenizer_parse_gguf (tn_mapped_file_get_path (file), gguf, error) : NULL;
}

/* A JSON object; the first number of a llama2.c file may be a brace too, but is small then. */
static gboolean
looks_like_json (const guint8 *data, gsize size)
{
  gsize i = 0;

  while (i < size && g_ascii_isspace (data[i]))
    i++;
  return i < size && data[i] == '{' && !(i + 1 < size && data[i + 1] == '\0');
}

static TnTokenizer *
open_file (const char *path, TnTokenizerSource *source, GError **error)
{
  g_autoptr (TnMappedFile) file = tn_mapped_file_open (path, error);
  const guint8 *data;
  gsize size;

  if (file == NULL)
    return NULL;
  data = tn_mapped_file_get_data (file);
  size = tn_mapped_file_get_size (file);
  if (size == 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: the file is empty, expected a tokenizer"), path);
      return NULL;
    }
  if (tn_gguf_recognise (data, size))
    {
      *source = TN_TOKENIZER_GGUF;
      return open_gguf (file, error);
    }
  if (looks_like_json (data, size))
    {
      *source = TN_TOKENIZER_HUGGINGFACE;
      return tn_tokenizer_parse_huggingface (path, (const char *) data, size, error);
    }
  *source = TN_TOKENIZER_LLAMA2C;
  return tn_tokenizer_parse_llama2c (path, data, size, error);
}

TnTokenizer *
tn_tokenizer_open (const char *path, GError **error)
{
  TnTokenizerSource source;

  return g_str_equal (path, "bytes") ? tn_tokenizer_new_bytes (FALSE) : open_file (path, &source, error);
}

/* 0: the file does not say. */
static guint64
get_model_vocabulary (TnModelFile *model)
{
  const TnModelTensor *embedding = tn_model_file_find_tensor (model, "token_embd.weight");
  const char *stated = tn_model_file_get_metadata (model, "vocab_size");

  if (embedding != NULL && embedding->tensor != NULL && embedding->tensor->n_dims == 2)
    return embedding->tensor->shape[0];
  return stated != NULL ? g_ascii_strtoull (stated, NULL, 10) : 0;
}

/* A token id of the model's metadata, the first where there is a list; -1: none. */
static gint32
get_model_token (TnModelFile *model, const char *key)
{
  const char *text = tn_model_file_get_metadata (model, key);
  char *end;
  gint64 id;

  if (text == NULL)
    return -1;
  if (text[0] == '[')
    text++;
  id = g_ascii_strtoll (text, &end, 10);
  return end != text && id >= 0 && id <= G_MAXINT32 ? (gint32) id : -1;
}

/* What lies beside the tokenizer may say that texts do not start with BOS, though there is one. */
static gboolean
is_bos_refused (const char *tokenizer_path)
{
  g_autofree char *folder = g_path_get_dirname (tokenizer_path);
  g_autofree char *path = g_build_filename (folder, "tokenizer_config.json", NULL);
  g_autoptr (TnJson) json = g_file_test (path, G_FILE_TEST_IS_REGULAR) ? tn_json_parse_file (path, NULL) : NULL;
  const TnJsonNode *flag = json != NULL ? tn_json_find_typed (tn_json_get_root (json), "add_bos_token", TN_JSON_BOOLEAN) : NULL;

  return flag != NULL && !flag->value.boolean;
}

static gboolean
check_special (const TnTokenizer *self, const char *path, const char *key, gint32 id, GError **error)
{
  if (id < (gint32) self->size)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH, _ ("%s: the model's %s is %d, but the tokenizer has only %u tokens"), path,
               key, id, self->size);
  return FALSE;
}

static gboolean
fit_to_model (TnTokenizer *self, TnTokenizerSource source, const char *path, TnModelFile *model, GError **error)
{
  guint64 n_vocab = get_model_vocabulary (model);

  if (n_vocab > 0 && self->size > n_vocab)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH, _ ("%s: the tokenizer has %u tokens, but the model %s only %" PRIu64),
                   path, self->size, tn_model_file_get_path (model), n_vocab);
      return FALSE;
    }
  if (source == TN_TOKENIZER_HUGGINGFACE)
    {
      gint32 bos = get_model_token (model, "bos_token_id");
      gint32 eos = get_model_token (model, "eos_token_id");

      self->bos = bos >= 0 ? bos : self->bos;
      self->eos = eos >= 0 ? eos : self->eos;
      if (!check_special (self, path, "bos_token_id", self->bos, error) ||
          !check_special (self, path, "eos_token_id", self->eos, error))
        return FALSE;
      if (is_bos_refused (path))
        self->bos = -1;
    }
  return TRUE;
}

static TnTokenizer *
open_for_model (const char *path, TnModelFile *model, GError **error)
{
  g_autoptr (TnTokenizer) self = NULL;
  TnTokenizerSource source = TN_TOKENIZER_BYTES;

  if (!g_str_equal (path, "bytes"))
    self = open_file (path, &source, error);
  else
    self = tn_tokenizer_new_bytes (model != NULL && get_model_token (model, "bos_token_id") == 256);
  if (self == NULL || (model != NULL && !fit_to_model (self, source, path, model, error)))
    return NULL;
  self->source = source;
  if (source != TN_TOKENIZER_BYTES)
    self->path = g_strdup (path);
  return g_steal_pointer (&self);
}

/* A tokenizer.json that GGUF's own keys could not express, with what they say of BOS and EOS. */
static TnTokenizer *
parse_embedded_json (const char *name, TnGguf *file, const TnGgufString *json, GError **error)
{
  g_autoptr (TnTokenizer) self = tn_tokenizer_parse_huggingface (name, json->text, json->length, error);
  gboolean add_bos = TRUE;
  guint32 id;

  if (self == NULL)
    return NULL;
  tn_gguf_get_bool (file, "tokenizer.ggml.add_bos_token", &add_bos);
  self->bos = add_bos && tn_gguf_get_u32 (file, "tokenizer.ggml.bos_token_id", &id) && id < self->size ? (gint32) id : -1;
  self->eos = tn_gguf_get_u32 (file, "tokenizer.ggml.eos_token_id", &id) && id < self->size ? (gint32) id : -1;
  return g_steal_pointer (&self);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* tokenizer.json, tokenizer.bin, then tok*.bin by name: those that are there. */
static GPtrArray *
list_candidates (const char *folder)
{
  static const char *const names[] = {"tokenizer.json", "tokenizer.bin"};
  GPtrArray *paths = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) others = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) directory = g_dir_open (folder, 0, NULL);
  const char *name;

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (folder, names[i], NULL);

      if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
        g_ptr_array_add (paths, g_steal_pointer (&path));
    }
  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    if (g_str_has_prefix (name, "tok") && g_str_has_suffix (name, ".bin") && !g_str_equal (name, "tokenizer.bin"))
      g_ptr_array_add (others, g_build_filename (folder, name, NULL));
  g_ptr_array_sort (others, compare_names);
  g_ptr_array_extend_and_steal (paths, g_steal_pointer (&others));
  return paths;
}

static TnTokenizer *
search_folder (const char *folder, TnModelFile *model, GError **error)
{
  g_autoptr (GPtrArray) paths = list_candidates (folder);
  g_autoptr (GError) first_error = NULL;

  for (guint i = 0; i < paths->len; i++)
    {
      TnTokenizer *self = open_for_model (g_ptr_array_index (paths, i), model, first_error == NULL ? &first_error : NULL);

      if (self != NULL)
        return self;
    }
  if (first_error != NULL)
    g_propagate_error (error, g_steal_pointer (&first_error));
  else
    g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND,
                 _ ("%s: no tokenizer in the model, and no tokenizer.json, tokenizer.bin or tok*.bin in %s; "
                    "give one with --tokenizer FILE, or --tokenizer bytes"),
                 model != NULL ? tn_model_file_get_path (model) : folder, folder);
  return NULL;
}

TnTokenizer *
tn_tokenizer_find (const char *path_or_null, TnModelFile *model, GError **error)
{
  const char *model_path = model != NULL ? tn_model_file_get_path (model) : NULL;
  g_autofree char *folder = NULL;

  if (path_or_null != NULL)
    return g_file_test (path_or_null, G_FILE_TEST_IS_DIR) ? search_folder (path_or_null, model, error)
                                                          : open_for_model (path_or_null, model, error);
  if (model == NULL)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_NOT_FOUND,
                           _ ("no model to take a tokenizer from; give one with --tokenizer FILE, or --tokenizer bytes"));
      return NULL;
    }
  if (g_str_equal (tn_model_file_get_format (model), "gguf"))
    {
      g_autoptr (TnMappedFile) file = tn_mapped_file_open (model_path, error);
      g_autoptr (TnGguf) gguf = file != NULL ? tn_gguf_open (file, error) : NULL;
      g_autoptr (TnTokenizer) self = NULL;
      gboolean has_tokens;
      TnGgufString json;

      if (gguf == NULL)
        return NULL;
      has_tokens = tn_gguf_find_value (gguf, "tokenizer.ggml.tokens") != NULL;
      if (has_tokens || tn_gguf_get_string (gguf, "tokenizer.huggingface.json", &json))
        {
          self = has_tokens ? tn_tokenizer_parse_gguf (model_path, gguf, error)
                            : parse_embedded_json (model_path, gguf, &json, error);
          return self != NULL && fit_to_model (self, TN_TOKENIZER_GGUF, model_path, model, error) ? g_steal_pointer (&self)
                                                                                                  : NULL;
        }
    }
  folder = g_file_test (model_path, G_FILE_TEST_IS_DIR) ? g_strdup (model_path) : g_path_get_dirname (model_path);
  return search_folder (folder, model, error);
}
