/* SPDX-License-Identifier: Apache-2.0 */
#include "data/export/gguf-keys.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "data/files/quote.h"
#include "data/models/activation-scales.h"
#include "data/models/gguf-types.h"
#include "data/models/model-file-private.h"
#include "data/tokenizers/gguf-form.h"

#define QUANTIZATION_VERSION 2
#define KEY_ALIGNMENT "general.alignment"
#define KEY_FILE_TYPE "general.file_type"
#define KEY_VERSION "general.quantization_version"
#define TOKENIZER_PREFIX "tokenizer."
#define KEY_TOKENIZER_JSON "tokenizer.huggingface.json"
#define MAX_TOKENIZER_JSON ((gsize) 256 << 20)

typedef struct
{
  char *key;
  TnGgufType type, element_type;
  guint64 count;
  const guint8 *data; /* as a GGUF file has it, in owned or the source */
  gsize bytes;
  GByteArray *owned;
} Key;

struct _TnGgufKeys
{
  TnGguf *source;    /* GGUF, or NULL */
  TnGguf *tokenizer; /* another file whose tokenizer is taken, or NULL */
  GPtrArray *keys;
};

static void
key_free (gpointer data)
{
  Key *self = data;

  g_clear_pointer (&self->owned, g_byte_array_unref);
  g_free (self->key);
  g_free (self);
}

void
tn_gguf_keys_free (TnGgufKeys *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->keys);
  tn_gguf_unref (self->source);
  tn_gguf_unref (self->tokenizer);
  g_free (self);
}

static Key *
add_key (TnGgufKeys *self, const char *name, TnGgufType type, TnGgufType element_type, guint64 count)
{
  Key *key = g_new0 (Key, 1);

  *key = (Key){.key = g_strdup (name), .type = type, .element_type = element_type, .count = count, .owned = g_byte_array_new ()};
  g_ptr_array_add (self->keys, key);
  return key;
}

/* Little-endian, like the machines this builds for. */
static void
append (Key *key, const void *data, gsize bytes)
{
  g_byte_array_append (key->owned, data, (guint) bytes);
  key->data = key->owned->data;
  key->bytes = key->owned->len;
}

static void
append_string (Key *key, const char *text, gsize bytes)
{
  guint64 length = bytes;

  append (key, &length, sizeof length);
  append (key, text, bytes);
}

static void
add_u32 (TnGgufKeys *self, const char *name, guint32 value)
{
  append (add_key (self, name, TN_GGUF_U32, TN_GGUF_U32, 1), &value, sizeof value);
}

static void
add_f32 (TnGgufKeys *self, const char *name, double value)
{
  float rounded = (float) value;

  append (add_key (self, name, TN_GGUF_F32, TN_GGUF_F32, 1), &rounded, sizeof rounded);
}

static void
add_bool (TnGgufKeys *self, const char *name, gboolean value)
{
  guint8 byte = value ? 1 : 0;

  append (add_key (self, name, TN_GGUF_BOOL, TN_GGUF_BOOL, 1), &byte, sizeof byte);
}

static void
add_string (TnGgufKeys *self, const char *name, const char *value, gsize bytes)
{
  append_string (add_key (self, name, TN_GGUF_STRING, TN_GGUF_STRING, 1), value, bytes);
}

static void
add_text (TnGgufKeys *self, const char *name, const char *value)
{
  add_string (self, name, value, strlen (value));
}

static void
copy_key (TnGgufKeys *self, const TnGgufValue *value)
{
  Key *key = g_new0 (Key, 1);

  *key = (Key){.key = g_strdup (value->key),
               .type = value->type,
               .element_type = value->element_type,
               .count = value->count,
               .data = value->data,
               .bytes = value->bytes};
  g_ptr_array_add (self->keys, key);
}

/* llama_ftype of the type that most elements of matrices have. */
static guint32
find_file_type (GPtrArray *items)
{
  static const struct
  {
    const char *type;
    guint32 number;
  } numbers[] = {{"F32", 0},   {"F16", 1},   {"Q4_0", 2},  {"Q4_1", 3},  {"Q8_0", 7},  {"Q5_0", 8},   {"Q5_1", 9},  {"Q2_K", 10},
                 {"Q3_K", 12}, {"Q4_K", 15}, {"Q5_K", 17}, {"Q6_K", 18}, {"BF16", 32}, {"TQ1_0", 36}, {"TQ2_0", 37}};
  guint64 elements[G_N_ELEMENTS (numbers)] = {0};
  guint most = 0;

  for (guint i = 0; i < items->len; i++)
    {
      const TnExportItem *item = g_ptr_array_index (items, i);
      const char *type = item->form == TN_EXPORT_COPY ? item->source->dtype_name : tn_gguf_type_of (item->dtype)->name;

      for (guint k = 0; k < G_N_ELEMENTS (numbers); k++)
        if (item->source->tensor->n_dims > 1 && strcmp (type, numbers[k].type) == 0)
          elements[k] += item->source->tensor->count;
    }
  for (guint k = 1; k < G_N_ELEMENTS (numbers); k++)
    if (elements[k] > elements[most])
      most = k;
  return numbers[most].number;
}

static gboolean
has_blocks (GPtrArray *items)
{
  for (guint i = 0; i < items->len; i++)
    {
      const TnExportItem *item = g_ptr_array_index (items, i);

      if (tn_dtype_block_elements (item->form == TN_EXPORT_COPY ? item->source->tensor->dtype : item->dtype) != 1)
        return TRUE;
    }
  return FALSE;
}

/* The scales of a source give way to new ones, which are among the keys already. */
static gboolean
is_replaced (const TnGgufKeys *self, const char *key)
{
  const Key *first = self->keys->len > 0 ? g_ptr_array_index (self->keys, 0) : NULL;

  return strcmp (key, TN_ACTIVATION_SCALES_KEY) == 0 && first != NULL && strcmp (first->key, key) == 0;
}

static gboolean
copy_keys (TnGgufKeys *self, GPtrArray *items, gboolean with_tokenizer, GError **error)
{
  guint64 parts = 1;

  if (tn_gguf_get_u64 (self->source, "split.count", &parts) && parts > 1)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: a GGUF file is written from one file, not from parts; join them first (llama-gguf-split --merge)"),
                   tn_gguf_get_path (self->source));
      return FALSE;
    }
  for (guint i = 0; i < tn_gguf_n_values (self->source); i++)
    {
      const TnGgufValue *value = tn_gguf_get_value (self->source, i);

      if (strcmp (value->key, KEY_FILE_TYPE) == 0)
        add_u32 (self, KEY_FILE_TYPE, find_file_type (items));
      else if (strcmp (value->key, KEY_VERSION) == 0)
        add_u32 (self, KEY_VERSION, QUANTIZATION_VERSION);
      else if ((with_tokenizer || !g_str_has_prefix (value->key, TOKENIZER_PREFIX)) && !is_replaced (self, value->key))
        copy_key (self, value);
    }
  if (tn_gguf_find_value (self->source, KEY_FILE_TYPE) == NULL)
    add_u32 (self, KEY_FILE_TYPE, find_file_type (items));
  if (tn_gguf_find_value (self->source, KEY_VERSION) == NULL && has_blocks (items))
    add_u32 (self, KEY_VERSION, QUANTIZATION_VERSION);
  return TRUE;
}

/* bitnet.cpp's name stands for the model with squared ReLU, that of llama.cpp for the one with SiLU. */
static const char *
find_architecture (TnModelFile *source)
{
  if (!source->bitnet.sub_norms)
    return "llama";
  return source->config.activation == TN_ACTIVATION_RELU2 ? "bitnet-b1.58" : "bitnet";
}

static void
add_sizes (TnGgufKeys *self, const char *architecture, const TnLlamaConfig *config)
{
  const struct
  {
    const char *name;
    guint value;
    gboolean wanted;
  } sizes[] = {
      {"vocab_size", config->n_vocab, TRUE},
      {"context_length", config->n_context, TRUE},
      {"embedding_length", config->n_embd, TRUE},
      {"block_count", config->n_layer, TRUE},
      {"feed_forward_length", config->n_ff, TRUE},
      {"attention.head_count", config->n_head, TRUE},
      {"attention.head_count_kv", config->n_head_kv, TRUE},
      {"attention.key_length", config->head_dim, config->head_dim * config->n_head != config->n_embd},
      {"attention.value_length", config->head_dim, config->head_dim * config->n_head != config->n_embd},
      {"rope.dimension_count", config->rope_dim, TRUE},
  };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autofree char *key = g_strdup_printf ("%s.%s", architecture, sizes[i].name);

      if (sizes[i].wanted)
        add_u32 (self, key, sizes[i].value);
    }
}

static void
add_constants (TnGgufKeys *self, const char *architecture, const TnLlamaConfig *config)
{
  g_autofree char *epsilon = g_strdup_printf ("%s.attention.layer_norm_rms_epsilon", architecture);
  g_autofree char *base = g_strdup_printf ("%s.rope.freq_base", architecture);
  g_autofree char *type = g_strdup_printf ("%s.rope.scaling.type", architecture);
  g_autofree char *factor = g_strdup_printf ("%s.rope.scaling.factor", architecture);

  add_f32 (self, epsilon, config->norm_epsilon);
  add_f32 (self, base, config->rope_base);
  if (config->rope_scale == 1.0)
    return;
  add_text (self, type, "linear");
  add_f32 (self, factor, config->rope_scale);
}

static gboolean
add_model_keys (TnGgufKeys *self, TnModelFile *source, GPtrArray *items, GError **error)
{
  const char *architecture = find_architecture (source);
  g_autofree char *name = g_path_get_basename (source->path);
  g_autofree char *valid = g_utf8_make_valid (name, -1);

  if (!source->bitnet.sub_norms && source->config.activation != TN_ACTIVATION_SILU)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: no architecture of GGUF is like LLaMA's with squared ReLU"),
                   source->path);
      return FALSE;
    }
  add_text (self, "general.architecture", architecture);
  add_text (self, "general.type", "model");
  add_text (self, "general.name", valid);
  add_u32 (self, KEY_FILE_TYPE, find_file_type (items));
  if (has_blocks (items))
    add_u32 (self, KEY_VERSION, QUANTIZATION_VERSION);
  add_sizes (self, architecture, &source->config);
  add_constants (self, architecture, &source->config);
  return TRUE;
}

static void
add_token_id (TnGgufKeys *self, const char *name, gint32 id)
{
  if (id >= 0)
    add_u32 (self, name, (guint32) id);
}

/* Readers of this kind of tokenizer take an absent key for the token that SentencePiece has by default; no token is 2^32 - 1. */
static void
add_default_token_id (TnGgufKeys *self, const TnGgufTokenizer *form, const char *name, gint32 id)
{
  if (id >= 0 || strcmp (form->model, "llama") == 0)
    add_u32 (self, name, id >= 0 ? (guint32) id : G_MAXUINT32);
}

static void
add_tokenizer_keys (TnGgufKeys *self, const TnGgufTokenizer *form)
{
  Key *key;

  add_text (self, "tokenizer.ggml.model", form->model);
  if (form->pre != NULL)
    add_text (self, "tokenizer.ggml.pre", form->pre);
  key = add_key (self, "tokenizer.ggml.tokens", TN_GGUF_ARRAY, TN_GGUF_STRING, form->tokens->len);
  for (guint i = 0; i < form->tokens->len; i++)
    {
      const GString *token = g_ptr_array_index (form->tokens, i);

      append_string (key, token->str, token->len);
    }
  if (form->scores->len > 0)
    append (add_key (self, "tokenizer.ggml.scores", TN_GGUF_ARRAY, TN_GGUF_F32, form->scores->len), form->scores->data,
            form->scores->len * sizeof (float));
  append (add_key (self, "tokenizer.ggml.token_type", TN_GGUF_ARRAY, TN_GGUF_I32, form->types->len), form->types->data,
          form->types->len * sizeof (gint32));
  if (strcmp (form->model, "gpt2") == 0)
    {
      key = add_key (self, "tokenizer.ggml.merges", TN_GGUF_ARRAY, TN_GGUF_STRING, form->merges->len);
      for (guint i = 0; i < form->merges->len; i++)
        append_string (key, g_ptr_array_index (form->merges, i), strlen (g_ptr_array_index (form->merges, i)));
    }
  add_default_token_id (self, form, "tokenizer.ggml.bos_token_id", form->bos);
  add_default_token_id (self, form, "tokenizer.ggml.eos_token_id", form->eos);
  add_default_token_id (self, form, "tokenizer.ggml.unknown_token_id", form->unknown);
  add_bool (self, "tokenizer.ggml.add_bos_token", form->add_bos);
  if (form->no_space_prefix)
    add_bool (self, "tokenizer.ggml.add_space_prefix", FALSE);
}

static gboolean
copy_tokenizer_keys (TnGgufKeys *self, const char *path, GError **error)
{
  g_autoptr (TnMappedFile) file = tn_mapped_file_open (path, error);

  self->tokenizer = file != NULL ? tn_gguf_open (file, error) : NULL;
  if (self->tokenizer == NULL)
    return FALSE;
  for (guint i = 0; i < tn_gguf_n_values (self->tokenizer); i++)
    if (g_str_has_prefix (tn_gguf_get_value (self->tokenizer, i)->key, TOKENIZER_PREFIX))
      copy_key (self, tn_gguf_get_value (self->tokenizer, i));
  return TRUE;
}

/* What GGUF's own keys cannot express is kept as it is: programs that read tokenizer.json go on from there. */
static gboolean
add_tokenizer_json (TnGgufKeys *self, TnTokenizer *tokenizer, GError **error)
{
  const char *path = tn_tokenizer_get_json_path (tokenizer);
  g_autoptr (TnMappedFile) file = tn_mapped_file_open (path, error);

  if (file == NULL)
    return FALSE;
  if (tn_mapped_file_get_size (file) > MAX_TOKENIZER_JSON)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: larger than a key of GGUF should be"), path);
      return FALSE;
    }
  add_string (self, KEY_TOKENIZER_JSON, (const char *) tn_mapped_file_get_data (file), tn_mapped_file_get_size (file));
  add_token_id (self, "tokenizer.ggml.bos_token_id", tn_tokenizer_get_bos (tokenizer));
  add_token_id (self, "tokenizer.ggml.eos_token_id", tn_tokenizer_get_eos (tokenizer));
  add_bool (self, "tokenizer.ggml.add_bos_token", tn_tokenizer_get_bos (tokenizer) >= 0);
  return TRUE;
}

/* A model without its tokenizer is still one. */
static gboolean
add_tokenizer (TnGgufKeys *self, TnModelFile *source, const char *path, const TnListener *listener, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (TnTokenizer) tokenizer = tn_tokenizer_find (path, source, &local);
  g_auto (TnGgufTokenizer) form = {NULL};
  g_autofree char *text = NULL;

  if (tokenizer == NULL && path != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (tokenizer == NULL)
    text = g_strdup_printf (_ ("the new file has no tokenizer: %s"), local->message);
  else if (tn_tokenizer_get_gguf_path (tokenizer) != NULL)
    return copy_tokenizer_keys (self, tn_tokenizer_get_gguf_path (tokenizer), error);
  else if (tn_tokenizer_get_gguf_form (tokenizer, source->config.n_vocab, &form, &local))
    {
      add_tokenizer_keys (self, &form);
      return TRUE;
    }
  else if (!g_error_matches (local, TN_ERROR, TN_ERROR_UNSUPPORTED))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  else
    {
      if (!add_tokenizer_json (self, tokenizer, error))
        return FALSE;
      text = g_strdup_printf (_ ("the new file has its tokenizer as %s only: %s"), KEY_TOKENIZER_JSON, local->message);
    }
  tn_listener_event (listener, "warning", text);
  return TRUE;
}

TnGgufKeys *
tn_gguf_keys_new (TnModelFile *source, GPtrArray *items, const TnExportOptions *options, const TnListener *listener, GError **error)
{
  g_autoptr (TnGgufKeys) self = g_new0 (TnGgufKeys, 1);

  self->keys = g_ptr_array_new_with_free_func (key_free);
  if (options->activations != NULL)
    add_text (self, TN_ACTIVATION_SCALES_KEY, options->activations);
  if (strcmp (source->format, "gguf") == 0)
    {
      g_autoptr (TnMappedFile) file = tn_mapped_file_open (source->path, error);

      self->source = file != NULL ? tn_gguf_open (file, error) : NULL;
      if (self->source == NULL || !copy_keys (self, items, options->tokenizer_path == NULL, error))
        return NULL;
      if (options->tokenizer_path == NULL)
        return g_steal_pointer (&self);
    }
  if (source->cannot_run != NULL)
    {
      g_propagate_error (error, g_error_copy (source->cannot_run));
      return NULL;
    }
  return (self->source != NULL || add_model_keys (self, source, items, error)) &&
                 add_tokenizer (self, source, options->tokenizer_path, listener, error)
             ? g_steal_pointer (&self)
             : NULL;
}

TnGguf *
tn_gguf_keys_get_source (TnGgufKeys *self)
{
  return self->source;
}

gboolean
tn_gguf_keys_write (TnGgufKeys *self, TnGgufWriter *writer, GError **error)
{
  for (guint i = 0; i < self->keys->len; i++)
    {
      const Key *key = g_ptr_array_index (self->keys, i);
      guint32 alignment;

      if (strcmp (key->key, KEY_ALIGNMENT) == 0 && tn_gguf_get_u32 (self->source, KEY_ALIGNMENT, &alignment))
        tn_gguf_writer_add_u32 (writer, KEY_ALIGNMENT, alignment);
      else if (!tn_gguf_writer_copy_value (writer, key->key, (guint32) key->type, (guint32) key->element_type, key->count,
                                           key->data, key->bytes, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
tn_gguf_keys_compare (TnGgufKeys *self, TnGguf *written, GError **error)
{
  gboolean same = tn_gguf_n_values (written) == self->keys->len;

  for (guint i = 0; same && i < self->keys->len; i++)
    {
      const Key *key = g_ptr_array_index (self->keys, i);
      const TnGgufValue *value = tn_gguf_get_value (written, i);

      same = strcmp (key->key, value->key) == 0 && key->type == value->type && key->element_type == value->element_type &&
             key->count == value->count && key->bytes == value->bytes &&
             (key->bytes == 0 || memcmp (key->data, value->data, key->bytes) == 0);
    }
  if (same)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: the metadata read differently from what was written"),
               tn_gguf_get_path (written));
  return FALSE;
}
