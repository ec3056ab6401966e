/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "data/files/quote.h"
#include "data/models/model-file-private.h"
#include "data/models/ternary-tensor.h"
#include "engine/nn/quantized-model.h"
#include "engine/quant/packing.h"

static const char *const layer_names[] = {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"};
/* The same as modules of a Hugging Face model. */
static const char *const module_names[] = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
                                           "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};

static void
refuse_value (TnModelFile *self, const char *name, const char *found, const char *expected)
{
  g_autofree char *quoted = tn_quote_string (found);

  tn_model_file_refuse_run (self, TN_ERROR_UNSUPPORTED, _ ("config.json: quantization_config.%s is %s, expected %s"), name,
                            quoted, expected);
}

/* Modules whose linear layers stay as they are: names, or endings or beginnings of names, of modules. */
static void
read_exceptions (TnModelFile *self, const TnJsonNode *quantization)
{
  const TnJsonNode *list = tn_json_find_typed (quantization, "modules_to_not_convert", TN_JSON_ARRAY);

  for (const TnJsonNode *node = list != NULL ? list->value.list.first : NULL; node != NULL; node = node->next)
    if (node->type == TN_JSON_STRING)
      g_ptr_array_add (self->bitnet.exceptions, g_strdup (node->value.string.text));
}

void
tn_bitnet_read_quantization (TnModelFile *self, const TnJsonNode *quantization)
{
  const char *class = tn_json_find_text (quantization, "linear_class"),
             *mode = tn_json_find_text (quantization, "quantization_mode");
  const TnJsonNode *norm = tn_json_find_typed (quantization, "use_rms_norm", TN_JSON_BOOLEAN);

  /* What is absent is what the first converters wrote. */
  class = class != NULL ? class : "bitlinear";
  mode = mode != NULL ? mode : "offline";
  if (strcmp (class, "bitlinear") != 0 && strcmp (class, "autobitlinear") != 0)
    refuse_value (self, "linear_class", class, "bitlinear, autobitlinear");
  if (strcmp (mode, "offline") != 0 && strcmp (mode, "online") != 0)
    refuse_value (self, "quantization_mode", mode, "offline, online");
  if (norm != NULL && norm->value.boolean)
    tn_model_file_refuse_run (self, TN_ERROR_UNSUPPORTED, _ ("a norm of its own before every linear layer cannot be run"));
  read_exceptions (self, quantization);
  self->bitnet.source = strcmp (mode, "online") == 0 ? TN_BITNET_MASTERS : TN_BITNET_PACKED;
  self->bitnet.scale_divides = strcmp (class, "bitlinear") == 0;
}

static gboolean
is_exception (TnModelFile *self, guint layer, guint kind)
{
  g_autofree char *module = g_strdup_printf ("model.layers.%u.%s", layer, module_names[kind]);

  for (guint i = 0; i < self->bitnet.exceptions->len; i++)
    {
      const char *exception = g_ptr_array_index (self->bitnet.exceptions, i);
      gsize length = strlen (exception);
      const char *rest = module + strlen (module) - MIN (length, strlen (module));

      if (length > 0 && (strcmp (module, exception) == 0 || (strcmp (rest, exception) == 0 && rest[-1] == '.') ||
                         (g_str_has_prefix (module, exception) && module[length] == '.')))
        return TRUE;
    }
  return FALSE;
}

static guint64
count_rows (const TnLlamaConfig *config, guint kind)
{
  const guint64 rows[G_N_ELEMENTS (layer_names)] = {(guint64) config->n_head * config->head_dim,
                                                    (guint64) config->n_head_kv * config->head_dim,
                                                    (guint64) config->n_head_kv * config->head_dim,
                                                    config->n_embd,
                                                    config->n_ff,
                                                    config->n_ff,
                                                    config->n_embd};

  return rows[kind];
}

/* The one number of a tensor beside a weight, which multiplies codes or products. */
static gboolean
read_factor (const TnModelTensor *entry, float *factor, GError **error)
{
  g_autofree char *quoted = tn_quote_string (entry->source_name);

  if (entry->tensor->count != 1 || !tn_dtype_can_decode (entry->tensor->dtype))
    {
      g_autofree char *shape = tn_tensor_shape_to_string (entry->tensor);

      g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, _ ("tensor %s is %s of shape %s, expected one number"), quoted,
                   entry->dtype_name, shape);
      return FALSE;
    }
  tn_tensor_decode (entry->tensor, 0, 1, factor);
  if (isfinite (*factor) && *factor > 0.0f)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("tensor %s is %g, expected a positive number"), quoted, (double) *factor);
  return FALSE;
}

/* The packed codes of a layer, with the meaning of their scale, in place of the bytes of the file. FALSE: the layer has no such
 * tensor, which is said when the model is loaded. */
static gboolean
unpack_layer (TnModelFile *self, guint layer, guint kind, float *least, float *most)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = g_strdup_printf ("blk.%u.%s.weight", layer, layer_names[kind]);
  g_autofree char *scale_name = g_strconcat (name, "_scale", NULL);
  TnModelTensor *entry = g_hash_table_lookup (self->by_name, name);
  const TnModelTensor *scale = g_hash_table_lookup (self->by_name, scale_name);
  guint64 rows = count_rows (&self->config, kind);
  g_autofree char *quoted = NULL;
  float level;

  if (entry == NULL)
    return FALSE;
  if (is_exception (self, layer, kind))
    return TRUE;
  quoted = tn_quote_string (entry->source_name);
  if (entry->tensor->dtype != TN_DTYPE_U8 || entry->tensor->n_dims != 2 || entry->tensor->shape[0] != (rows + 3) / 4)
    {
      g_autofree char *shape = tn_tensor_shape_to_string (entry->tensor);

      tn_model_file_refuse_run (self, TN_ERROR_SHAPE,
                                _ ("tensor %s is %s of shape %s, expected packed ternary weights: U8, %" PRIu64 " rows"), quoted,
                                entry->dtype_name, shape, (rows + 3) / 4);
      return TRUE;
    }
  if (scale == NULL)
    {
      tn_model_file_refuse_run (self, TN_ERROR_NOT_FOUND, _ ("tensor %s has no weight_scale beside it"), quoted);
      return TRUE;
    }
  if (!read_factor (scale, &level, &error))
    {
      tn_model_file_refuse_run (self, (TnErrorCode) error->code, "%s", error->message);
      return TRUE;
    }
  if (self->bitnet.scale_divides)
    level = 1.0f / level;
  *least = MIN (*least, level);
  *most = MAX (*most, level);
  tn_model_file_replace_tensor (self, entry, "ternary", tn_ternary_tensor_new_huggingface (entry->tensor, rows, level));
  return TRUE;
}

static void
unpack_layers (TnModelFile *self)
{
  float least = INFINITY, most = 0.0f;
  gboolean found = TRUE;

  /* A configuration may name more layers than there are. */
  for (guint layer = 0; layer < self->config.n_layer && found && self->cannot_run == NULL; layer++)
    {
      found = FALSE;
      for (guint kind = 0; kind < G_N_ELEMENTS (layer_names); kind++)
        found |= unpack_layer (self, layer, kind, &least, &most);
    }
  tn_model_file_add_metadata (self, "ternion.reader.weight_scale",
                              g_strdup (self->bitnet.scale_divides
                                            ? "weight = code / weight_scale (linear_class bitlinear)"
                                            : "weight = code * weight_scale (linear_class autobitlinear)"));
  if (most > 0.0f)
    tn_model_file_add_metadata (self, "ternion.reader.weight_levels",
                                g_strdup_printf ("%g to %g", (double) least, (double) most));
}

static void
read_i2_s (TnModelFile *self)
{
  for (guint i = 0; i < self->tensors->len; i++)
    {
      TnModelTensor *entry = g_ptr_array_index (self->tensors, i);

      if (strcmp (entry->dtype_name, "I2_S") != 0 || entry->tensor->count % TN_I2_S_BLOCK != 0 || entry->tensor->count == 0)
        continue;
      tn_model_file_replace_tensor (self, entry, "I2_S", tn_ternary_tensor_new_i2_s (entry->tensor));
      /* Those look the same. */
      tn_model_file_add_metadata (self, "ternion.reader.i2_s",
                                  g_strdup ("blocks of 128 (x86); a file that was quantized on ARM has blocks of 64 and reads wrong"));
    }
}

void
tn_bitnet_prepare (TnModelFile *self)
{
  static const char *const sources[] = {
      [TN_BITNET_PACKED] = "ternary, packed",
      [TN_BITNET_MASTERS] = "ternarized by absmean",
      [TN_BITNET_STORED] = "ternary as stored, else ternarized by absmean",
  };

  if (self->bitnet.source == TN_BITNET_NONE)
    return;
  /* One file with a configuration is of our making: what is ternary in it was rounded already. */
  if (self->bitnet.source == TN_BITNET_MASTERS && strcmp (self->format, "safetensors") == 0)
    self->bitnet.source = TN_BITNET_STORED;
  if (self->bitnet.source == TN_BITNET_PACKED && self->cannot_run == NULL)
    unpack_layers (self);
  if (strcmp (self->format, "gguf") == 0)
    read_i2_s (self);
  tn_model_file_add_metadata (self, "ternion.reader.linear_layers",
                              g_strdup_printf ("BitLinear, int8 activations a token; weights %s", sources[self->bitnet.source]));
}

TnTensor *
tn_bitnet_scale_weight (TnModelFile *self, const char *name, TnTensor *tensor, GHashTable *used, GError **error)
{
  const char *ending = self->bitnet.source == TN_BITNET_PACKED ? ".weight_scale" : ".scale";
  g_autofree char *scale_name = g_strdup_printf ("%.*s%s", (int) (strlen (name) - strlen (".weight")), name, ending);
  const TnModelTensor *entry = g_hash_table_lookup (self->by_name, scale_name);
  float factor;

  if (self->bitnet.source == TN_BITNET_NONE || entry == NULL)
    return tn_tensor_ref (tensor);
  g_hash_table_add (used, entry->name);
  /* That of packed weights is in them already. */
  if (self->bitnet.source == TN_BITNET_PACKED)
    return tn_tensor_ref (tensor);
  if (read_factor (entry, &factor, error))
    return tn_scaled_tensor_new (tensor, factor);
  g_prefix_error (error, "%s: ", self->path);
  return NULL;
}

static gboolean
is_stored_ternary (const TnTensor *tensor)
{
  return tensor->dtype == TN_DTYPE_TQ1_0 || tensor->dtype == TN_DTYPE_TQ2_0 || tensor->dtype == TN_DTYPE_TERNARY ||
         tensor->dtype == TN_DTYPE_PACKED;
}

TnModel *
tn_bitnet_convert (TnModelFile *self, TnModel *model, GError **error)
{
  static const TnScheme ternary = {.kind = TN_SCHEME_TERNARY};
  static const TnScheme int8 = {.kind = TN_SCHEME_INTEGER, .bits = 8, .granularity = TN_PER_TOKEN};
  guint n_layers = self->config.n_layer * (guint) G_N_ELEMENTS (layer_names), n = 0;
  g_autofree TnLayerPrecision *layers = g_new0 (TnLayerPrecision, n_layers);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  TnModel *converted;

  for (guint i = 0; i < n_layers; i++)
    {
      guint layer = i / (guint) G_N_ELEMENTS (layer_names), kind = i % (guint) G_N_ELEMENTS (layer_names);
      char *name = g_strdup_printf ("blk.%u.%s.weight", layer, layer_names[kind]);
      const TnModelTensor *entry = g_hash_table_lookup (self->by_name, name);

      g_ptr_array_add (names, name);
      if (is_exception (self, layer, kind))
        continue;
      layers[n].name = name;
      layers[n].activations = &int8;
      if (is_stored_ternary (entry->tensor))
        layers[n].bit_linear = TRUE;
      else
        layers[n].weights = &ternary;
      layers[n].keep_ternary = self->bitnet.source == TN_BITNET_STORED && layers[n].weights != NULL;
      n++;
    }
  converted = tn_model_quantize (model, layers, n, NULL, error);
  if (converted == NULL)
    g_prefix_error (error, "%s: ", self->path);
  return converted;
}
