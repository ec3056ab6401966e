/* SPDX-License-Identifier: Apache-2.0 */
#include "data/export/config-json.h"

#include <glib/gi18n-lib.h>

#include "data/files/json-members.h"
#include "data/models/model-file-private.h"

static JsonNode *
parse (TnModelFile *model, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) local = NULL;

  if (json_parser_load_from_data (parser, model->config_json, -1, &local) &&
      JSON_NODE_HOLDS_OBJECT (json_parser_get_root (parser)))
    return json_parser_steal_root (parser);
  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: the configuration is not a JSON object"), model->path);
  return NULL;
}

static const char *
float_type (TnModelFile *model)
{
  const TnModelTensor *embedding = tn_model_file_find_tensor (model, "token_embd.weight");
  TnDtype dtype = embedding != NULL ? embedding->tensor->dtype : TN_DTYPE_F32;

  return dtype == TN_DTYPE_F16 ? "float16" : dtype == TN_DTYPE_BF16 ? "bfloat16" : "float32";
}

static void
set_architecture (JsonObject *object, gboolean is_bitnet)
{
  JsonArray *classes = json_array_new ();

  json_array_add_string_element (classes, is_bitnet ? "BitNetForCausalLM" : "LlamaForCausalLM");
  json_object_set_array_member (object, "architectures", classes);
  json_object_set_string_member (object, "model_type", is_bitnet ? "bitnet" : "llama");
  json_object_set_string_member (object, "hidden_act", is_bitnet ? "relu2" : "silu");
}

static void
set_rope (JsonObject *object, const TnLlamaConfig *config)
{
  JsonObject *scaling;

  json_object_set_double_member (object, "rope_theta", config->rope_base);
  if (config->rope_scale == 1.0)
    return;
  scaling = json_object_new ();
  json_object_set_string_member (scaling, "rope_type", "linear");
  json_object_set_double_member (scaling, "factor", config->rope_scale);
  json_object_set_object_member (object, "rope_scaling", scaling);
}

JsonNode *
tn_config_json_from_llama (const TnLlamaConfig *config, gboolean is_bitnet, const char *float_type, const char *path, GError **error)
{
  JsonObject *object;
  JsonNode *node;

  if (config->rope_dim != config->head_dim || config->activation != (is_bitnet ? TN_ACTIVATION_RELU2 : TN_ACTIVATION_SILU))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                   _ ("%s: no architecture of Hugging Face has its norms, activation and %u of %u rotated dimensions"), path,
                   config->rope_dim, config->head_dim);
      return NULL;
    }
  object = json_object_new ();
  set_architecture (object, is_bitnet);
  json_object_set_int_member (object, "hidden_size", config->n_embd);
  json_object_set_int_member (object, "intermediate_size", config->n_ff);
  json_object_set_int_member (object, "num_hidden_layers", config->n_layer);
  json_object_set_int_member (object, "num_attention_heads", config->n_head);
  json_object_set_int_member (object, "num_key_value_heads", config->n_head_kv);
  json_object_set_int_member (object, "head_dim", config->head_dim);
  json_object_set_int_member (object, "vocab_size", config->n_vocab);
  json_object_set_int_member (object, "max_position_embeddings", config->n_context);
  json_object_set_double_member (object, "rms_norm_eps", config->norm_epsilon);
  set_rope (object, config);
  json_object_set_boolean_member (object, "tie_word_embeddings", config->tied);
  if (config->bos >= 0)
    json_object_set_int_member (object, "bos_token_id", config->bos);
  if (config->eos >= 0)
    json_object_set_int_member (object, "eos_token_id", config->eos);
  json_object_set_string_member (object, "torch_dtype", float_type);
  node = json_node_alloc ();
  json_node_init_object (node, object);
  json_object_unref (object);
  return node;
}

JsonNode *
tn_config_json_new (TnModelFile *model, GError **error)
{
  if (model->config_json != NULL)
    return parse (model, error);
  if (model->cannot_run != NULL)
    {
      g_propagate_error (error, g_error_copy (model->cannot_run));
      return NULL;
    }
  return tn_config_json_from_llama (&model->config, model->bitnet.sub_norms, float_type (model), model->path, error);
}

char *
tn_config_json_to_text (JsonNode *config, gboolean pretty)
{
  return tn_json_print (config, pretty);
}
