/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "data/files/quote.h"
#include "data/models/model-file-private.h"
#include "engine/error.h"

typedef struct
{
  const char *name;
  guint n_dims;
  guint64 shape[2];
  gboolean is_linear;
} Expected;

void
tn_llama_config_check (TnModelFile *self)
{
  const TnLlamaConfig *config = &self->config;
  const struct
  {
    const char *name;
    guint value;
  } sizes[] = {
      {N_ ("vocabulary size"), config->n_vocab},
      {N_ ("embedding length"), config->n_embd},
      {N_ ("number of layers"), config->n_layer},
      {N_ ("number of heads"), config->n_head},
      {N_ ("number of key/value heads"), config->n_head_kv},
      {N_ ("head length"), config->head_dim},
      {N_ ("feed-forward length"), config->n_ff},
      {N_ ("context length"), config->n_context},
      {N_ ("number of rotated dimensions"), config->rope_dim},
  };

  if (self->cannot_run != NULL)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    if (sizes[i].value == 0 || sizes[i].value > G_MAXINT)
      tn_model_file_refuse_run (self, TN_ERROR_FORMAT, _ ("the %s is %u, expected a number from 1 to 2^31-1"), _ (sizes[i].name),
                                sizes[i].value);
  if (self->cannot_run != NULL)
    return;
  if (config->n_head % config->n_head_kv != 0)
    tn_model_file_refuse_run (self, TN_ERROR_SHAPE, _ ("%u heads are no multiple of %u key/value heads"), config->n_head,
                              config->n_head_kv);
  if (config->rope_dim > config->head_dim || config->rope_dim % 2 != 0)
    tn_model_file_refuse_run (self, TN_ERROR_SHAPE, _ ("%u rotated dimensions of %u, expected an even number that fits"),
                              config->rope_dim, config->head_dim);
  if (!(config->norm_epsilon >= 0) || !isfinite (config->norm_epsilon) || !(config->rope_base > 0) ||
      !isfinite (config->rope_base) || !(config->rope_scale > 0) || !isfinite (config->rope_scale))
    tn_model_file_refuse_run (self, TN_ERROR_FORMAT, _ ("a constant of norm or rotary embedding is no positive number"));
}

static TnParameter *
parameter_new (const TnModelTensor *entry, TnTensor *tensor)
{
  TnParameter *parameter = g_new0 (TnParameter, 1);

  parameter->name = g_strdup (entry->name);
  parameter->source_name = g_strdup (entry->source_name);
  parameter->tensor = tensor;
  return parameter;
}

/* Products use mapped numbers in place, where each must lie on a multiple of its size. */
static TnTensor *
align_tensor (TnTensor *tensor, GError **error)
{
  gsize size = tn_dtype_block_elements (tensor->dtype) == 1 ? tn_dtype_block_bytes (tensor->dtype) : 1;
  TnTensor *copy;

  if (size == 0 || (uintptr_t) tensor->data % size == 0)
    return tn_tensor_ref (tensor);
  copy = tn_tensor_new (tensor->dtype, tensor->n_dims, tensor->shape, TN_PURPOSE_WEIGHTS, error);
  if (copy != NULL && tensor->bytes > 0)
    memcpy (tn_tensor_get_writable (copy), tensor->data, (gsize) tensor->bytes);
  if (copy != NULL && tensor->owner_release != NULL)
    tensor->owner_release (tensor->owner, tensor->data, (gsize) tensor->bytes);
  return copy;
}

static gboolean
add_parameter (TnModelFile *self, const Expected *expected, GPtrArray *parameters, GHashTable *used, GError **error)
{
  const TnModelTensor *entry = g_hash_table_lookup (self->by_name, expected->name);
  TnTensor *tensor;

  if (entry == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("%s: tensor %s is missing"), self->path, expected->name);
      return FALSE;
    }
  if (entry->tensor->n_dims != expected->n_dims ||
      memcmp (entry->tensor->shape, expected->shape, expected->n_dims * sizeof (guint64)) != 0)
    {
      TnTensor wanted = {.n_dims = expected->n_dims, .shape = {expected->shape[0], expected->shape[1]}};
      g_autofree char *found_text = tn_tensor_shape_to_string (entry->tensor);
      g_autofree char *expected_text = tn_tensor_shape_to_string (&wanted);
      g_autofree char *quoted = tn_quote_string (entry->source_name);

      g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, _ ("%s: tensor %s has shape %s, expected %s"), self->path, quoted, found_text,
                   expected_text);
      return FALSE;
    }
  if (!tn_dtype_can_decode (entry->tensor->dtype))
    {
      g_autofree char *quoted = tn_quote_string (entry->source_name);

      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: tensor %s of type %s cannot be decoded"), self->path, quoted,
                   entry->dtype_name);
      return FALSE;
    }
  tensor = expected->is_linear ? tn_bitnet_scale_weight (self, expected->name, entry->tensor, used, error)
                               : align_tensor (entry->tensor, error);
  if (tensor == NULL)
    return FALSE;
  if (expected->is_linear)
    {
      g_autoptr (TnTensor) unaligned = tensor;

      if ((tensor = align_tensor (unaligned, error)) == NULL)
        return FALSE;
    }
  g_ptr_array_add (parameters, parameter_new (entry, tensor));
  g_hash_table_add (used, (gpointer) entry->name);
  return TRUE;
}

static gboolean
add_layer (TnModelFile *self, guint layer, GPtrArray *parameters, GHashTable *used, GError **error)
{
  const TnLlamaConfig *config = &self->config;
  guint64 n_q = (guint64) config->n_head * config->head_dim, n_kv = (guint64) config->n_head_kv * config->head_dim;
  const Expected expected[] = {
      {"attn_norm", 1, {config->n_embd}},
      {"attn_q", 2, {n_q, config->n_embd}, TRUE},
      {"attn_k", 2, {n_kv, config->n_embd}, TRUE},
      {"attn_v", 2, {n_kv, config->n_embd}, TRUE},
      {"attn_output", 2, {config->n_embd, n_q}, TRUE},
      {"ffn_norm", 1, {config->n_embd}},
      {"ffn_gate", 2, {config->n_ff, config->n_embd}, TRUE},
      {"ffn_up", 2, {config->n_ff, config->n_embd}, TRUE},
      {"ffn_down", 2, {config->n_embd, config->n_ff}, TRUE},
      {"attn_sub_norm", 1, {n_q}},
      {"ffn_sub_norm", 1, {config->n_ff}},
  };
  const guint n = G_N_ELEMENTS (expected) - (self->bitnet.sub_norms ? 0 : 2);

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *name = g_strdup_printf ("blk.%u.%s.weight", layer, expected[i].name);
      Expected named = expected[i];

      named.name = name;
      if (!add_parameter (self, &named, parameters, used, error))
        return FALSE;
    }
  return TRUE;
}

/* Tables of the rotation are computed, whatever a file has. */
static gboolean
is_in_block (const char *name)
{
  return g_str_has_prefix (name, "blk.") ||
         ((g_str_has_prefix (name, "model.layers.") || g_str_has_prefix (name, "layers.")) && strstr (name, "rotary") == NULL);
}

/* A tensor inside a block that the architecture does not know would change the result: biases, sub-norms, experts. */
static gboolean
check_rest (TnModelFile *self, GHashTable *used, GError **error)
{
  for (guint i = 0; i < self->tensors->len; i++)
    {
      const TnModelTensor *entry = g_ptr_array_index (self->tensors, i);
      g_autofree char *quoted = NULL;

      if (!is_in_block (entry->name) || g_hash_table_contains (used, entry->name))
        continue;
      quoted = tn_quote_string (entry->source_name);
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: tensor %s has no place in a llama model of %u layers"),
                   self->path, quoted, self->config.n_layer);
      return FALSE;
    }
  return TRUE;
}

TnModel *
tn_model_file_load (TnModelFile *self, GError **error)
{
  const TnLlamaConfig *config = &self->config;
  const Expected embedding = {"token_embd.weight", 2, {config->n_vocab, config->n_embd}};
  const Expected norm = {"output_norm.weight", 1, {config->n_embd}};
  const Expected head = {"output.weight", 2, {config->n_vocab, config->n_embd}};
  g_autoptr (GPtrArray) parameters = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_parameter_free);
  g_autoptr (GHashTable) used = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (TnModel) model = NULL;

  if (self->cannot_run != NULL)
    {
      g_propagate_error (error, g_error_copy (self->cannot_run));
      return NULL;
    }
  if (!tn_model_file_check_sums (self, error) || !add_parameter (self, &embedding, parameters, used, error))
    return NULL;
  for (guint layer = 0; layer < config->n_layer; layer++)
    if (!add_layer (self, layer, parameters, used, error))
      return NULL;
  if (!add_parameter (self, &norm, parameters, used, error) ||
      (!config->tied && !add_parameter (self, &head, parameters, used, error)) || !check_rest (self, used, error))
    return NULL;
  model = tn_model_new_llama (config, parameters, tn_model_file_get_fingerprint (self), error);
  if (model == NULL)
    {
      g_prefix_error (error, "%s: ", self->path);
      return NULL;
    }
  return self->bitnet.source != TN_BITNET_NONE ? tn_bitnet_convert (self, model, error) : g_steal_pointer (&model);
}
