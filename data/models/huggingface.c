/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "data/files/quote.h"
#include "data/models/model-file-private.h"
#include "engine/error.h"

typedef struct
{
  const char *source;
  const char *canonical;
} NamePair;

static const NamePair global_names[] = {
    {"embed_tokens.weight", "token_embd.weight"},
    {"norm.weight", "output_norm.weight"},
    {"lm_head.weight", "output.weight"},
};

static const NamePair layer_names[] = {
    {"input_layernorm", "attn_norm"},
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"},
    {"self_attn.attn_sub_norm", "attn_sub_norm"},
    {"post_attention_layernorm", "ffn_norm"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
    {"mlp.ffn_sub_norm", "ffn_sub_norm"},
};

/* A layer number as Python prints it: no sign, no leading zero. */
static gboolean
skip_layer (const char **name, guint *layer)
{
  const char *start = *name;
  guint64 number;
  char *end;

  if (!g_ascii_isdigit (*start) || (*start == '0' && g_ascii_isdigit (start[1])))
    return FALSE;
  number = g_ascii_strtoull (start, &end, 10);
  if (number > G_MAXINT || *end != '.')
    return FALSE;
  *layer = (guint) number;
  *name = end + 1;
  return TRUE;
}

char *
tn_huggingface_canonical_name (const char *name)
{
  guint layer;

  if (g_str_has_prefix (name, "model."))
    name += strlen ("model.");
  for (guint i = 0; i < G_N_ELEMENTS (global_names); i++)
    if (strcmp (name, global_names[i].source) == 0)
      return g_strdup (global_names[i].canonical);
  if (!g_str_has_prefix (name, "layers."))
    return NULL;
  name += strlen ("layers.");
  if (!skip_layer (&name, &layer))
    return NULL;
  for (guint i = 0; i < G_N_ELEMENTS (layer_names); i++)
    {
      gsize length = strlen (layer_names[i].source);

      if (strncmp (name, layer_names[i].source, length) == 0 &&
          (strcmp (name + length, ".weight") == 0 || strcmp (name + length, ".bias") == 0 ||
           strcmp (name + length, ".weight_scale") == 0))
        return g_strdup_printf ("blk.%u.%s%s", layer, layer_names[i].canonical, name + length);
    }
  return NULL;
}

char *
tn_huggingface_source_name (const char *canonical)
{
  guint layer;

  for (guint i = 0; i < G_N_ELEMENTS (global_names); i++)
    if (strcmp (canonical, global_names[i].canonical) == 0)
      /* The head stands beside the model, not in it. */
      return g_strconcat (strcmp (global_names[i].source, "lm_head.weight") == 0 ? "" : "model.", global_names[i].source, NULL);
  if (!g_str_has_prefix (canonical, "blk."))
    return NULL;
  canonical += strlen ("blk.");
  if (!skip_layer (&canonical, &layer))
    return NULL;
  for (guint i = 0; i < G_N_ELEMENTS (layer_names); i++)
    {
      gsize length = strlen (layer_names[i].canonical);

      if (strncmp (canonical, layer_names[i].canonical, length) == 0 && canonical[length] == '.')
        return g_strdup_printf ("model.layers.%u.%s%s", layer, layer_names[i].source, canonical + length);
    }
  return NULL;
}

static const TnJsonNode *
find_value (const TnJsonNode *config, const char *name)
{
  const TnJsonNode *node = tn_json_find (config, name);

  return node != NULL && node->type != TN_JSON_NULL ? node : NULL;
}

static void
refuse_field (TnModelFile *self, const TnJsonNode *node, const char *expected)
{
  g_autofree char *text = tn_json_node_to_text (node, 4);
  g_autofree char *quoted = tn_quote_string (text);

  tn_model_file_refuse_run (self, TN_ERROR_FORMAT, _ ("config.json byte %" PRIu64 ": %s is %s, expected %s"),
                            (guint64) node->offset, node->name, quoted, expected);
}

/* out keeps its default where the field is absent or null. */
static void
read_number (TnModelFile *self, const TnJsonNode *config, const char *name, gboolean required, guint *out)
{
  const TnJsonNode *node = find_value (config, name);

  if (node == NULL && required)
    tn_model_file_refuse_run (self, TN_ERROR_FORMAT, _ ("config.json has no %s"), name);
  if (node == NULL)
    return;
  if (node->type == TN_JSON_NUMBER && node->is_integer && node->value.number.integer > 0 &&
      node->value.number.integer <= G_MAXINT)
    *out = (guint) node->value.number.integer;
  else
    refuse_field (self, node, _ ("a whole number from 1 to 2^31-1"));
}

static void
read_real (TnModelFile *self, const TnJsonNode *config, const char *name, double *out)
{
  const TnJsonNode *node = find_value (config, name);

  if (node == NULL)
    return;
  if (node->type == TN_JSON_NUMBER && node->value.number.real > 0)
    *out = node->value.number.real;
  else
    refuse_field (self, node, _ ("a positive number"));
}

static gboolean
read_flag (TnModelFile *self, const TnJsonNode *config, const char *name, gboolean absent)
{
  const TnJsonNode *node = find_value (config, name);

  if (node == NULL)
    return absent;
  if (node->type != TN_JSON_BOOLEAN)
    {
      refuse_field (self, node, _ ("true or false"));
      return absent;
    }
  return node->value.boolean;
}

/* One id or a list of them, of which the first counts. */
static gint32
read_token (const TnJsonNode *config, const char *name, guint n_vocab)
{
  const TnJsonNode *node = find_value (config, name);

  if (node != NULL && node->type == TN_JSON_ARRAY)
    node = node->value.list.first;
  if (node == NULL || node->type != TN_JSON_NUMBER || !node->is_integer || node->value.number.integer < 0 ||
      node->value.number.integer >= n_vocab)
    return -1;
  return (gint32) node->value.number.integer;
}

static gboolean
is_number_other_than (const TnJsonNode *config, const char *key, double harmless)
{
  const TnJsonNode *value = tn_json_find_typed (config, key, TN_JSON_NUMBER);

  return value != NULL && fabs (value->value.number.real - harmless) > 1e-9;
}

/* "rope_scaling", or all about the rotary embedding in "rope_parameters". */
static void
read_rope (TnModelFile *self, const TnJsonNode *config)
{
  const TnJsonNode *scaling = find_value (config, "rope_scaling");
  const char *type;

  read_real (self, config, "rope_theta", &self->config.rope_base);
  if (scaling == NULL)
    scaling = find_value (config, "rope_parameters");
  if (scaling == NULL)
    return;
  if (scaling->type != TN_JSON_OBJECT)
    {
      refuse_field (self, scaling, _ ("an object"));
      return;
    }
  read_real (self, scaling, "rope_theta", &self->config.rope_base);
  type = tn_json_find_text (scaling, "rope_type");
  if (type == NULL)
    type = tn_json_find_text (scaling, "type");
  if (g_strcmp0 (type, "linear") == 0)
    read_real (self, scaling, "factor", &self->config.rope_scale);
  else if (g_strcmp0 (type, "default") != 0)
    {
      g_autofree char *quoted = tn_quote_string (type != NULL ? type : "");

      tn_model_file_refuse_run (self, TN_ERROR_UNSUPPORTED, _ ("rotary embedding with scaling %s cannot be run, only linear"),
                                quoted);
    }
}

static void
check_variant (TnModelFile *self, const TnJsonNode *config)
{
  const TnJsonNode *quantization = find_value (config, "quantization_config");
  const char *activation = tn_json_find_text (config, "hidden_act");
  const char *method = quantization != NULL ? tn_json_find_text (quantization, "quant_method") : NULL;

  if (g_strcmp0 (method, "bitnet") == 0)
    tn_bitnet_read_quantization (self, quantization);
  else if (quantization != NULL)
    {
      g_autofree char *quoted = tn_quote_string (method != NULL ? method : "?");

      tn_model_file_refuse_run (self, TN_ERROR_UNSUPPORTED, _ ("weights that are quantized already (%s) cannot be run"), quoted);
    }
  if (read_flag (self, config, "attention_bias", FALSE) || read_flag (self, config, "mlp_bias", FALSE))
    tn_model_file_refuse_run (self, TN_ERROR_UNSUPPORTED, _ ("linear layers with biases cannot be run"));
  if (is_number_other_than (config, "partial_rotary_factor", 1.0))
    tn_model_file_refuse_run (self, TN_ERROR_UNSUPPORTED, _ ("rotary embedding of a part of each head cannot be run"));
  if (is_number_other_than (config, "sliding_window", 0.0) && read_flag (self, config, "use_sliding_window", TRUE))
    tn_model_file_refuse_run (self, TN_ERROR_UNSUPPORTED, _ ("attention over a sliding window cannot be run"));
  if (g_strcmp0 (activation, "relu2") == 0)
    self->config.activation = TN_ACTIVATION_RELU2;
  else if (g_strcmp0 (activation, "silu") == 0 || g_strcmp0 (activation, "swish") == 0)
    self->config.activation = TN_ACTIVATION_SILU;
  else if (activation != NULL)
    {
      g_autofree char *quoted = tn_quote_string (activation);

      tn_model_file_refuse_run (self, TN_ERROR_UNSUPPORTED, _ ("activation %s cannot be run, only silu and relu2"), quoted);
    }
}

void
tn_huggingface_read_config (TnModelFile *self, const TnJsonNode *json)
{
  TnLlamaConfig *config = &self->config;
  gboolean has_head = tn_model_file_find_tensor (self, "output.weight") != NULL;

  *config = (TnLlamaConfig){
      .n_context = 2048,
      .rope_base = 10000.0,
      .rope_scale = 1.0,
      .norm_epsilon = 1e-6,
      .rope_layout = TN_ROPE_HALF_SPLIT,
      .activation = TN_ACTIVATION_SILU,
  };
  if (strcmp (self->architecture, "bitnet") == 0)
    {
      /* Defaults of its class in transformers. */
      config->activation = TN_ACTIVATION_RELU2;
      config->norm_epsilon = 1e-5;
      config->rope_base = 500000.0;
      self->bitnet.sub_norms = TRUE;
      self->bitnet.source = TN_BITNET_MASTERS;
    }
  else if (strcmp (self->architecture, "llama") != 0)
    {
      g_autofree char *quoted = tn_quote_string (self->architecture);

      tn_model_file_refuse_run (self, TN_ERROR_UNSUPPORTED, _ ("architecture %s cannot be run, only llama and bitnet"), quoted);
      return;
    }
  check_variant (self, json);
  read_number (self, json, "hidden_size", TRUE, &config->n_embd);
  read_number (self, json, "intermediate_size", TRUE, &config->n_ff);
  read_number (self, json, "num_hidden_layers", TRUE, &config->n_layer);
  read_number (self, json, "num_attention_heads", TRUE, &config->n_head);
  read_number (self, json, "vocab_size", TRUE, &config->n_vocab);
  config->n_head_kv = config->n_head;
  read_number (self, json, "num_key_value_heads", FALSE, &config->n_head_kv);
  if (config->n_head > 0)
    {
      config->head_dim = config->n_embd / config->n_head;
      if (find_value (json, "head_dim") == NULL && config->n_embd % config->n_head != 0)
        tn_model_file_refuse_run (self, TN_ERROR_SHAPE,
                                  _ ("config.json: hidden_size is %u, expected a multiple of num_attention_heads (%u)"),
                                  config->n_embd, config->n_head);
    }
  read_number (self, json, "head_dim", FALSE, &config->head_dim);
  config->rope_dim = config->head_dim;
  read_number (self, json, "max_position_embeddings", FALSE, &config->n_context);
  read_real (self, json, "rms_norm_eps", &config->norm_epsilon);
  read_rope (self, json);
  /* Configurations from before the field leave the head out of the file when it is tied. */
  config->tied = read_flag (self, json, "tie_word_embeddings", !has_head);
  config->bos = read_token (json, "bos_token_id", config->n_vocab);
  config->eos = read_token (json, "eos_token_id", config->n_vocab);
  tn_llama_config_check (self);
  tn_bitnet_prepare (self);
}
