/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include <glib/gi18n-lib.h>

#include "data/files/quote.h"
#include "data/models/gguf.h"
#include "data/models/model-file-private.h"
#include "engine/error.h"

#define MAX_SHOWN_ELEMENTS 8

static const char *
key_of (TnModelFile *self, const char *suffix, char buffer[128])
{
  g_snprintf (buffer, 128, "%s.%s", self->architecture, suffix);
  return buffer;
}

static gboolean
is_present (TnGguf *gguf, TnModelFile *self, const char *suffix)
{
  char buffer[128];

  return tn_gguf_find_value (gguf, key_of (self, suffix, buffer)) != NULL;
}

/* out keeps its default where an optional key is absent. */
static void
read_number (TnGguf *gguf, TnModelFile *self, const char *suffix, gboolean required, guint *out)
{
  char buffer[128];
  const char *key = key_of (self, suffix, buffer);

  if (!is_present (gguf, self, suffix))
    {
      if (required)
        tn_model_file_refuse_run (self, TN_ERROR_FORMAT, _ ("metadata key %s is missing"), key);
      return;
    }
  if (!tn_gguf_get_u32 (gguf, key, out))
    {
      g_autofree char *found = tn_gguf_value_to_text (tn_gguf_find_value (gguf, key), MAX_SHOWN_ELEMENTS);
      g_autofree char *quoted = tn_quote_string (found);

      tn_model_file_refuse_run (self, TN_ERROR_UNSUPPORTED, _ ("metadata key %s is %s, expected one whole number below 2^32"),
                                key, quoted);
    }
}

static void
read_real (TnGguf *gguf, TnModelFile *self, const char *suffix, gboolean required, double *out)
{
  char buffer[128];
  const char *key = key_of (self, suffix, buffer);

  if (tn_gguf_get_f64 (gguf, key, out))
    return;
  if (is_present (gguf, self, suffix))
    tn_model_file_refuse_run (self, TN_ERROR_FORMAT, _ ("metadata key %s is no floating-point number"), key);
  else if (required)
    tn_model_file_refuse_run (self, TN_ERROR_FORMAT, _ ("metadata key %s is missing"), key);
}

static void
read_rope_scaling (TnGguf *gguf, TnModelFile *self)
{
  char buffer[128];
  g_autofree char *type = tn_gguf_dup_string (gguf, key_of (self, "rope.scaling.type", buffer));

  /* Files from before "rope.scaling" have the factor alone. */
  read_real (gguf, self, "rope.scale_linear", FALSE, &self->config.rope_scale);
  if (type == NULL && !is_present (gguf, self, "rope.scaling.type"))
    return;
  if (g_strcmp0 (type, "linear") == 0)
    read_real (gguf, self, "rope.scaling.factor", TRUE, &self->config.rope_scale);
  else if (g_strcmp0 (type, "none") != 0)
    {
      g_autofree char *quoted = tn_quote_string (type != NULL ? type : "");

      tn_model_file_refuse_run (self, TN_ERROR_UNSUPPORTED, _ ("rotary embedding with scaling %s cannot be run, only linear"),
                                quoted);
    }
}

static gint32
read_token (TnGguf *gguf, const char *key, guint n_vocab)
{
  guint32 token;

  return tn_gguf_get_u32 (gguf, key, &token) && token < n_vocab ? (gint32) token : -1;
}

/* bitnet.cpp's own names stand for the model with squared ReLU, that of llama.cpp for the first ones, which have SiLU. */
static gboolean
is_bitnet (const char *architecture)
{
  return g_str_equal (architecture, "bitnet") || g_str_equal (architecture, "bitnet-b1.58") ||
         g_str_equal (architecture, "bitnet-25");
}

static void
read_config (TnGguf *gguf, TnModelFile *self)
{
  TnLlamaConfig *config = &self->config;
  const TnModelTensor *embedding = tn_model_file_find_tensor (self, "token_embd.weight");
  guint value_length, n_experts = 0;

  *config = (TnLlamaConfig){.rope_layout = TN_ROPE_INTERLEAVED,
                            .activation = TN_ACTIVATION_SILU,
                            .rope_base = 10000.0,
                            .rope_scale = 1.0};
  if (is_bitnet (self->architecture))
    {
      config->rope_layout = TN_ROPE_HALF_SPLIT;
      config->activation = g_str_equal (self->architecture, "bitnet") ? TN_ACTIVATION_SILU : TN_ACTIVATION_RELU2;
      self->bitnet.sub_norms = TRUE;
      self->bitnet.source = TN_BITNET_STORED;
    }
  read_number (gguf, self, "context_length", TRUE, &config->n_context);
  read_number (gguf, self, "embedding_length", TRUE, &config->n_embd);
  read_number (gguf, self, "block_count", TRUE, &config->n_layer);
  read_number (gguf, self, "feed_forward_length", TRUE, &config->n_ff);
  read_number (gguf, self, "attention.head_count", TRUE, &config->n_head);
  config->n_head_kv = config->n_head;
  read_number (gguf, self, "attention.head_count_kv", FALSE, &config->n_head_kv);
  if (config->n_head > 0)
    config->head_dim = config->n_embd / config->n_head;
  read_number (gguf, self, "attention.key_length", FALSE, &config->head_dim);
  value_length = config->head_dim;
  read_number (gguf, self, "attention.value_length", FALSE, &value_length);
  if (value_length != config->head_dim)
    tn_model_file_refuse_run (self, TN_ERROR_UNSUPPORTED, _ ("values of length %u beside keys of length %u cannot be run"),
                              value_length, config->head_dim);
  config->rope_dim = config->head_dim;
  read_number (gguf, self, "rope.dimension_count", FALSE, &config->rope_dim);
  read_real (gguf, self, "attention.layer_norm_rms_epsilon", TRUE, &config->norm_epsilon);
  read_real (gguf, self, "rope.freq_base", FALSE, &config->rope_base);
  read_rope_scaling (gguf, self);
  read_number (gguf, self, "expert_count", FALSE, &n_experts);
  if (n_experts > 0)
    tn_model_file_refuse_run (self, TN_ERROR_UNSUPPORTED, _ ("a mixture of %u experts cannot be run"), n_experts);
  if (tn_model_file_find_tensor (self, "rope_freqs.weight") != NULL)
    tn_model_file_refuse_run (self, TN_ERROR_UNSUPPORTED,
                              _ ("rotary embedding with a table of frequencies (rope_freqs.weight) cannot be run"));

  if (embedding != NULL && embedding->tensor->n_dims == 2)
    config->n_vocab = (guint) MIN (embedding->tensor->shape[0], G_MAXUINT);
  read_number (gguf, self, "vocab_size", FALSE, &config->n_vocab);
  config->tied = tn_model_file_find_tensor (self, "output.weight") == NULL;
  config->bos = read_token (gguf, "tokenizer.ggml.bos_token_id", config->n_vocab);
  config->eos = read_token (gguf, "tokenizer.ggml.eos_token_id", config->n_vocab);
  tn_llama_config_check (self);
  tn_bitnet_prepare (self);
}

TnModelFile *
tn_model_file_open_gguf (TnMappedFile *file, GError **error)
{
  g_autoptr (TnGguf) gguf = tn_gguf_open (file, error);
  g_autoptr (TnModelFile) self = NULL;
  g_autofree char *architecture = NULL;

  if (gguf == NULL)
    return NULL;
  architecture = tn_gguf_dup_string (gguf, "general.architecture");
  if (architecture == NULL || !g_utf8_validate (architecture, -1, NULL))
    {
      g_free (architecture);
      architecture = g_strdup ("unknown");
    }
  self = tn_model_file_new (tn_mapped_file_get_path (file), "gguf", architecture);
  for (guint i = 0; i < tn_gguf_n_values (gguf); i++)
    {
      const TnGgufValue *value = tn_gguf_get_value (gguf, i);

      tn_model_file_add_metadata (self, value->key, tn_gguf_value_to_text (value, MAX_SHOWN_ELEMENTS));
    }
  if (!tn_model_file_add_gguf (self, file, gguf, error))
    return NULL;
  if (!g_str_equal (architecture, "llama") && !is_bitnet (architecture))
    {
      g_autofree char *quoted = tn_quote_string (architecture);

      tn_model_file_refuse_run (self, TN_ERROR_UNSUPPORTED, _ ("architecture %s cannot be run, only llama and bitnet"), quoted);
    }
  else if (self->tensors->len == 0)
    tn_model_file_refuse_run (self, TN_ERROR_UNSUPPORTED, _ ("the file holds a vocabulary and no tensors"));
  else
    read_config (gguf, self);
  return g_steal_pointer (&self);
}
