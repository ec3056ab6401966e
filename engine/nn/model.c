/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/model.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "engine/error.h"
#include "engine/nn/model-private.h"

static const char *const layer_names[TN_N_LAYERS] = {"attn_q",   "attn_k", "attn_v",  "attn_output",
                                                     "ffn_gate", "ffn_up", "ffn_down"};

void
tn_parameter_free (TnParameter *self)
{
  if (self == NULL)
    return;
  g_free (self->name);
  g_free (self->source_name);
  g_clear_pointer (&self->tensor, tn_tensor_unref);
  g_free (self);
}

/* "blk.3.ffn_down.weight": block 3, rest "ffn_down.weight". A block has one name: no sign, no zeros in front. */
static gboolean
parse_block (const char *name, guint64 *block, const char **rest)
{
  char *end;

  if (!g_str_has_prefix (name, "blk.") || !g_ascii_isdigit (name[4]) || (name[4] == '0' && name[5] != '.'))
    return FALSE;
  *block = g_ascii_strtoull (name + 4, &end, 10);
  *rest = end + 1;
  return *end == '.';
}

/* The kind is that of ffn_down there. */
static gboolean
parse_layer (const char *name, guint64 *block, TnLayerKind *kind)
{
  const char *rest;

  if (!parse_block (name, block, &rest))
    return FALSE;
  for (guint i = 0; i < TN_N_LAYERS; i++)
    if (g_str_has_prefix (rest, layer_names[i]) && strcmp (rest + strlen (layer_names[i]), ".weight") == 0)
      {
        *kind = (TnLayerKind) i;
        return TRUE;
      }
  return FALSE;
}

gboolean
tn_parameter_is_linear (const TnParameter *parameter)
{
  TnLayerKind kind;
  guint64 block;

  return parse_layer (parameter->name, &block, &kind);
}

gboolean
tn_model_find_layer (const TnModel *self, const char *name, guint *block, TnLayerKind *kind)
{
  guint64 index;

  if (!parse_layer (name, &index, kind) || !g_hash_table_contains (self->by_name, name))
    return FALSE;
  *block = (guint) index;
  return TRUE;
}

static const TnTensor *
find_tensor (TnModel *self, const char *name, guint64 rows, guint64 columns, GError **error)
{
  const TnParameter *parameter = g_hash_table_lookup (self->by_name, name);
  g_autofree char *found = NULL;

  if (parameter == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("the model has no tensor %s"), name);
      return NULL;
    }
  if (tn_tensor_rows (parameter->tensor) == rows && tn_tensor_columns (parameter->tensor) == columns)
    {
      if (tn_dtype_can_decode (parameter->tensor->dtype))
        return parameter->tensor;
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: its type %s cannot be decoded"), name,
                   tn_dtype_get_name (parameter->tensor->dtype));
      return NULL;
    }
  found = tn_tensor_shape_to_string (parameter->tensor);
  if (rows == 1)
    g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, _ ("%s (%s): shape %s, expected %" PRIu64 " by the configuration"), name,
                 parameter->source_name, found, columns);
  else
    g_set_error (error, TN_ERROR, TN_ERROR_SHAPE,
                 _ ("%s (%s): shape %s, expected %" PRIu64 " × %" PRIu64 " by the configuration"), name, parameter->source_name,
                 found, rows, columns);
  return NULL;
}

/* Vectors are small and used whole: decoded once. */
static float *
find_vector (TnModel *self, const char *name, guint width, GError **error)
{
  const TnTensor *tensor = find_tensor (self, name, 1, width, error);
  float *values;

  if (tensor == NULL)
    return NULL;
  values = tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_WEIGHTS, width, sizeof (float), error);
  if (values != NULL)
    tn_tensor_decode (tensor, 0, width, values);
  return values;
}

/* FALSE only when it is there and cannot be used. */
static gboolean
find_optional_vector (TnModel *self, const char *name, guint width, float **values, GError **error)
{
  return !g_hash_table_contains (self->by_name, name) || (*values = find_vector (self, name, width, error)) != NULL;
}

static gboolean
find_block (TnModel *self, guint index, GError **error)
{
  const TnLlamaConfig *config = &self->config;
  TnBlockLayers *block = &self->blocks[index];
  guint64 width = config->n_embd, heads = (guint64) config->n_head * config->head_dim,
          heads_kv = (guint64) config->n_head_kv * config->head_dim;
  const guint64 shapes[TN_N_LAYERS][2] = {
      {heads, width},        {heads_kv, width},     {heads_kv, width},     {width, heads},
      {config->n_ff, width}, {config->n_ff, width}, {width, config->n_ff},
  };
  g_autofree char *attn_norm = g_strdup_printf ("blk.%u.attn_norm.weight", index);
  g_autofree char *ffn_norm = g_strdup_printf ("blk.%u.ffn_norm.weight", index);
  g_autofree char *attn_sub_norm = g_strdup_printf ("blk.%u.attn_sub_norm.weight", index);
  g_autofree char *ffn_sub_norm = g_strdup_printf ("blk.%u.ffn_sub_norm.weight", index);

  for (guint i = 0; i < TN_N_LAYERS; i++)
    {
      g_autofree char *name = g_strdup_printf ("blk.%u.%s.weight", index, layer_names[i]);

      block->weights[i] = find_tensor (self, name, shapes[i][0], shapes[i][1], error);
      if (block->weights[i] == NULL)
        return FALSE;
    }
  return (block->attn_norm = find_vector (self, attn_norm, config->n_embd, error)) != NULL &&
         (block->ffn_norm = find_vector (self, ffn_norm, config->n_embd, error)) != NULL &&
         find_optional_vector (self, attn_sub_norm, (guint) heads, &block->attn_sub_norm, error) &&
         find_optional_vector (self, ffn_sub_norm, config->n_ff, &block->ffn_sub_norm, error);
}

static guint
add_site (TnModel *self, char *name, TnSiteKind kind, guint width, guint layer, guint shared_with)
{
  TnSite *site = g_new (TnSite, 1);

  *site = (TnSite){
      .index = self->sites->len,
      .name = name,
      .kind = kind,
      .width = width,
      .layer = layer,
      .shared_with = shared_with == G_MAXUINT ? self->sites->len : shared_with,
  };
  g_ptr_array_add (self->sites, site);
  g_hash_table_insert (self->sites_by_name, name, GUINT_TO_POINTER (site->index + 1));
  return site->index;
}

static void
add_block_sites (TnModel *self, guint index)
{
  TnBlockLayers *block = &self->blocks[index];
  guint first = self->sites->len;

  block->first_site = first;
  for (guint i = 0; i < TN_N_LAYERS; i++)
    {
      guint shared = G_MAXUINT;

      if (i == TN_LAYER_ATTN_K || i == TN_LAYER_ATTN_V)
        shared = first + 2 * TN_LAYER_ATTN_Q;
      else if (i == TN_LAYER_FFN_UP)
        shared = first + 2 * TN_LAYER_FFN_GATE;
      add_site (self, g_strdup_printf ("blk.%u.%s.in", index, layer_names[i]), TN_SITE_INPUT,
                (guint) tn_tensor_columns (tn_block_layer_weight (block, i)), index, shared);
      add_site (self, g_strdup_printf ("blk.%u.%s.out", index, layer_names[i]), TN_SITE_OUTPUT,
                (guint) tn_tensor_rows (tn_block_layer_weight (block, i)), index, G_MAXUINT);
    }
  add_site (self, g_strdup_printf ("blk.%u.residual", index), TN_SITE_RESIDUAL, self->config.n_embd, index, G_MAXUINT);
}

static void
site_free (gpointer pointer)
{
  TnSite *site = pointer;

  g_free (site->name);
  g_free (site);
}

/* A tensor of a block that the forward pass would leave out makes it another architecture: bias, norms of queries, experts. */
static gboolean
check_parameter (const TnModel *self, const TnParameter *parameter, GError **error)
{
  static const char *const vectors[] = {"attn_norm", "ffn_norm", "attn_sub_norm", "ffn_sub_norm"};
  const char *rest;
  guint64 block;

  if (!g_str_has_prefix (parameter->name, "blk."))
    return TRUE;
  if (parse_block (parameter->name, &block, &rest) && block < self->config.n_layer)
    {
      for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
        if (g_str_has_prefix (rest, vectors[i]) && strcmp (rest + strlen (vectors[i]), ".weight") == 0)
          return TRUE;
      /* Tables of the rotation, which some converters store. */
      if (tn_parameter_is_linear (parameter) || strstr (rest, "rot") != NULL)
        return TRUE;
    }
  g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s (%s): the LLaMA family has no such tensor"), parameter->name,
               parameter->source_name);
  return FALSE;
}

gboolean
tn_llama_config_validate (const TnLlamaConfig *config, GError **error)
{
  const struct
  {
    const char *name;
    guint64 value, most;
  } sizes[] = {
      {"vocab_size", config->n_vocab, 1 << 24},       {"embedding_length", config->n_embd, 1 << 20},
      {"block_count", config->n_layer, 1 << 16},      {"head_count", config->n_head, 1 << 16},
      {"head_count_kv", config->n_head_kv, 1 << 16},  {"head_dim", config->head_dim, 1 << 16},
      {"feed_forward_length", config->n_ff, 1 << 24}, {"context_length", config->n_context, 1 << 24},
  };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    if (sizes[i].value == 0 || sizes[i].value > sizes[i].most)
      {
        g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, _ ("%s is %" PRIu64 ", expected 1 to %" PRIu64), sizes[i].name,
                     sizes[i].value, sizes[i].most);
        return FALSE;
      }
  if (config->n_head % config->n_head_kv != 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, _ ("head_count %u is no multiple of head_count_kv %u"), config->n_head,
                   config->n_head_kv);
      return FALSE;
    }
  if (config->rope_dim % 2 != 0 || config->rope_dim > config->head_dim || !(config->rope_base > 0.0) ||
      !(config->rope_scale > 0.0) || !(config->norm_epsilon >= 0.0))
    {
      g_set_error (
          error, TN_ERROR, TN_ERROR_SHAPE,
          _ ("rope dimension %u, base %g, scale %g, norm epsilon %g: expected an even dimension up to %u and positive numbers"),
          config->rope_dim, config->rope_base, config->rope_scale, config->norm_epsilon, config->head_dim);
      return FALSE;
    }
  return TRUE;
}

static gboolean
find_all (TnModel *self, GError **error)
{
  const TnLlamaConfig *config = &self->config;

  self->embedding = find_tensor (self, "token_embd.weight", config->n_vocab, config->n_embd, error);
  if (self->embedding == NULL)
    return FALSE;
  self->head = config->tied ? self->embedding : find_tensor (self, "output.weight", config->n_vocab, config->n_embd, error);
  if (self->head == NULL || (self->output_norm = find_vector (self, "output_norm.weight", config->n_embd, error)) == NULL)
    return FALSE;
  self->blocks = g_new0 (TnBlockLayers, config->n_layer);
  for (guint i = 0; i < config->n_layer; i++)
    if (!find_block (self, i, error))
      return FALSE;
  return find_optional_vector (self, "rope_freqs.weight", config->rope_dim / 2, &self->rope_factors, error);
}

TnModel *
tn_model_new_llama (const TnLlamaConfig *config, GPtrArray *parameters, guint64 fingerprint, GError **error)
{
  g_autoptr (TnModel) self = NULL;

  if (!tn_llama_config_validate (config, error))
    return NULL;
  self = g_new0 (TnModel, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->config = *config;
  self->fingerprint = fingerprint;
  self->parameters = g_ptr_array_ref (parameters);
  self->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  self->sites = g_ptr_array_new_with_free_func (site_free);
  self->sites_by_name = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < parameters->len; i++)
    {
      TnParameter *parameter = g_ptr_array_index (parameters, i);

      if (!check_parameter (self, parameter, error))
        return NULL;
      g_hash_table_insert (self->by_name, parameter->name, parameter);
      if (parameter->tensor->block == NULL)
        self->mapped_bytes += parameter->tensor->bytes;
    }
  if (!find_all (self, error))
    return NULL;
  add_site (self, g_strdup ("embd.residual"), TN_SITE_RESIDUAL, config->n_embd, G_MAXUINT, G_MAXUINT);
  for (guint i = 0; i < config->n_layer; i++)
    add_block_sites (self, i);
  add_site (self, g_strdup ("output.in"), TN_SITE_INPUT, config->n_embd, G_MAXUINT, G_MAXUINT);
  add_site (self, g_strdup ("output.out"), TN_SITE_LOGITS, config->n_vocab, G_MAXUINT, G_MAXUINT);
  return g_steal_pointer (&self);
}

TnModel *
tn_model_ref (TnModel *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
tn_model_unref (TnModel *self)
{
  TnPool *pool = tn_pool_default ();

  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;
  for (guint i = 0; self->blocks != NULL && i < self->config.n_layer; i++)
    {
      tn_pool_release (pool, self->blocks[i].attn_norm);
      tn_pool_release (pool, self->blocks[i].ffn_norm);
      tn_pool_release (pool, self->blocks[i].attn_sub_norm);
      tn_pool_release (pool, self->blocks[i].ffn_sub_norm);
    }
  g_free (self->blocks);
  tn_pool_release (pool, self->output_norm);
  tn_pool_release (pool, self->rope_factors);
  g_hash_table_unref (self->by_name);
  g_hash_table_unref (self->sites_by_name);
  g_ptr_array_unref (self->sites);
  g_ptr_array_unref (self->parameters);
  g_free (self);
}

const TnLlamaConfig *
tn_model_get_config (TnModel *self)
{
  return &self->config;
}

guint64
tn_model_get_fingerprint (TnModel *self)
{
  return self->fingerprint;
}

guint
tn_model_n_parameters (TnModel *self)
{
  return self->parameters->len;
}

const TnParameter *
tn_model_get_parameter (TnModel *self, guint index)
{
  return g_ptr_array_index (self->parameters, index);
}

const TnParameter *
tn_model_find_parameter (TnModel *self, const char *name)
{
  return g_hash_table_lookup (self->by_name, name);
}

guint
tn_model_n_sites (TnModel *self)
{
  return self->sites->len;
}

const TnSite *
tn_model_get_site (TnModel *self, guint index)
{
  return g_ptr_array_index (self->sites, index);
}

gint
tn_model_find_site (TnModel *self, const char *name)
{
  return (gint) GPOINTER_TO_UINT (g_hash_table_lookup (self->sites_by_name, name)) - 1;
}

/* The same but for tensors, which hold those of parameters by index. */
static TnModel *
with_tensors (TnModel *self, TnTensor *const *tensors, GError **error)
{
  g_autoptr (GPtrArray) parameters = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_parameter_free);

  for (guint i = 0; i < self->parameters->len; i++)
    {
      const TnParameter *old = tn_model_get_parameter (self, i);
      TnParameter *parameter = g_new (TnParameter, 1);

      parameter->name = g_strdup (old->name);
      parameter->source_name = g_strdup (old->source_name);
      parameter->tensor = tn_tensor_ref (tensors[i]);
      g_ptr_array_add (parameters, parameter);
    }
  return tn_model_new_llama (&self->config, parameters, self->fingerprint, error);
}

/* A layer that reads int8 codes and has packed ternary weights is a BitLinear. */
static void
set_input (TnBlockLayers *block, TnLayerKind kind, const TnInputRounding *input)
{
  const TnTensor *weight = tn_block_layer_weight (block, kind);
  gboolean is_ternary = tn_input_rounding_is_int8 (input) && tn_bit_linear_is (weight);

  block->inputs[kind] = *input;
  block->ternary[kind] = is_ternary ? weight : NULL;
  block->weights[kind] = is_ternary ? NULL : weight;
}

TnModel *
tn_model_with_parameter (TnModel *self, const char *name, TnTensor *tensor, GError **error)
{
  g_autofree TnTensor **tensors = g_new (TnTensor *, self->parameters->len);
  TnModel *changed;

  if (tn_model_find_parameter (self, name) == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("the model has no tensor %s"), name);
      return NULL;
    }
  for (guint i = 0; i < self->parameters->len; i++)
    {
      const TnParameter *parameter = tn_model_get_parameter (self, i);

      tensors[i] = strcmp (parameter->name, name) == 0 ? tensor : parameter->tensor;
    }
  changed = with_tensors (self, tensors, error);
  for (guint i = 0; changed != NULL && i < self->config.n_layer; i++)
    for (guint k = 0; k < TN_N_LAYERS; k++)
      set_input (&changed->blocks[i], k, &self->blocks[i].inputs[k]);
  return changed;
}

TnModel *
tn_model_with_layers (TnModel *self, TnTensor *const *layers, const TnInputRounding *inputs, GError **error)
{
  g_autofree TnTensor **tensors = g_new (TnTensor *, self->parameters->len);
  TnModel *changed;
  TnLayerKind kind;
  guint block;

  for (guint i = 0; i < self->parameters->len; i++)
    {
      const TnParameter *parameter = tn_model_get_parameter (self, i);

      tensors[i] = parameter->tensor;
      if (tn_model_find_layer (self, parameter->name, &block, &kind) && layers[block * TN_N_LAYERS + kind] != NULL)
        tensors[i] = layers[block * TN_N_LAYERS + kind];
    }
  changed = with_tensors (self, tensors, error);
  for (guint i = 0; changed != NULL && i < self->config.n_layer; i++)
    for (guint k = 0; k < TN_N_LAYERS; k++)
      set_input (&changed->blocks[i], k, &inputs[i * TN_N_LAYERS + k]);
  return changed;
}
