/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <math.h>

#include "engine/autograd/functions/attention.h"
#include "engine/autograd/functions/elementwise.h"
#include "engine/autograd/functions/embedding.h"
#include "engine/autograd/functions/gate.h"
#include "engine/autograd/functions/linear.h"
#include "engine/autograd/functions/rms-norm.h"
#include "engine/error.h"
#include "engine/nn/network.h"

#define DEVIATION 0.02

/* In the order they run, which is that of the network's layers. */
typedef enum
{
  LAYER_Q,
  LAYER_K,
  LAYER_V,
  LAYER_OUTPUT,
  LAYER_GATE,
  LAYER_UP,
  LAYER_DOWN,
  N_LAYERS
} Layer;

static const char *const layer_names[N_LAYERS] = {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"};

typedef struct
{
  TnVariable *attn_norm, *ffn_norm;
  TnVariable *attn_sub_norm, *ffn_sub_norm; /* or NULL */
} Norms;

typedef struct
{
  TnNetwork base;
  TnLlamaConfig config;
  TnVariable *embedding, *output_norm;
  Norms *norms; /* [n_layer] */
  TnTensor *rope_tensor;
  float *rope_factors; /* [rope_dim / 2]; both NULL: none */
} LlamaNetwork;

/* gain: of the norm in front, or NULL. */
static void
record_layers (const LlamaNetwork *self, TnTape *tape, guint block, Layer first, guint n, TnValue *x, TnVariable *gain,
               TnValue **y)
{
  const TnTrainingNorm norm = {.gain = gain, .epsilon = self->config.norm_epsilon};
  TnTrainingLayer **layers = (TnTrainingLayer **) self->base.layers->pdata + block * N_LAYERS + first;

  tn_training_layers_record (layers, n, self->base.precision, tape, x, &norm, y);
}

static TnValue *
record_block (const LlamaNetwork *self, TnTape *tape, guint block, TnValue *x, TnValue *cosines, TnValue *sines, guint length)
{
  const TnLlamaConfig *config = &self->config;
  const TnAttentionShape shape = {.n_head = config->n_head,
                                  .n_head_kv = config->n_head_kv,
                                  .length = length,
                                  .rope_layout = config->rope_layout};
  const Norms *norms = &self->norms[block];
  TnValue *qkv[3], *gate_up[2], *y;

  record_layers (self, tape, block, LAYER_Q, 3, x, norms->attn_norm, qkv);
  y = tn_tape_attention (tape, qkv[0], qkv[1], qkv[2], cosines, sines, &shape);
  record_layers (self, tape, block, LAYER_OUTPUT, 1, y, norms->attn_sub_norm, &y);
  x = tn_tape_add (tape, x, y);
  record_layers (self, tape, block, LAYER_GATE, 2, x, norms->ffn_norm, gate_up);
  y = config->activation == TN_ACTIVATION_RELU2 ? tn_tape_relu2_gate (tape, gate_up[0], gate_up[1])
                                                : tn_tape_silu_gate (tape, gate_up[0], gate_up[1]);
  record_layers (self, tape, block, LAYER_DOWN, 1, y, norms->ffn_sub_norm, &y);
  return tn_tape_add (tape, x, y);
}

static TnValue *
llama_record (TnNetwork *network, TnTape *tape, TnValue *input, const TnNetworkShape *shape)
{
  const LlamaNetwork *self = (const LlamaNetwork *) network;
  const TnLlamaConfig *config = &self->config;
  TnValue *cosines, *sines, *x = tn_tape_embedding (tape, tn_tape_variable (tape, self->embedding), input);

  tn_tape_rope_table (tape, shape->length, config->rope_dim, config->rope_base, config->rope_scale, self->rope_factors, &cosines,
                      &sines);
  for (guint i = 0; i < config->n_layer; i++)
    {
      if (self->base.recomputes)
        tn_tape_begin_recompute (tape);
      x = record_block (self, tape, i, x, cosines, sines, (guint) shape->length);
      if (self->base.recomputes)
        tn_tape_end_recompute (tape);
    }
  return tn_tape_rms_norm (tape, x, tn_tape_variable (tape, self->output_norm), config->norm_epsilon);
}

static TnValue *
llama_record_head (TnNetwork *network, TnTape *tape, TnValue *hidden)
{
  return tn_tape_linear (tape, hidden, tn_tape_variable (tape, network->head), NULL);
}

static void
llama_free (TnNetwork *network)
{
  LlamaNetwork *self = (LlamaNetwork *) network;

  g_clear_pointer (&self->rope_tensor, tn_tensor_unref);
  g_free (self->rope_factors);
  g_free (self->norms);
  g_free (self);
}

static const TnNetworkClass llama_class = {.record = llama_record, .record_head = llama_record_head, .free = llama_free};

const TnLlamaConfig *
tn_network_get_llama_config (TnNetwork *self)
{
  return self->class == &llama_class ? &((const LlamaNetwork *) self)->config : NULL;
}

static LlamaNetwork *
make_network (const TnLlamaConfig *config, const TnTrainingPrecision *precision)
{
  LlamaNetwork *self = g_new0 (LlamaNetwork, 1);

  tn_network_init (&self->base, &llama_class, precision);
  self->base.input = TN_NETWORK_TOKENS;
  self->base.n_classes = config->n_vocab;
  self->config = *config;
  self->norms = g_new0 (Norms, config->n_layer);
  return self;
}

/* Where the numbers of a new variable come from. */
typedef struct
{
  TnModel *model; /* or NULL: random ones */
  double deviation;
  guint64 seed;
} Source;

static TnVariable *
add_from_model (LlamaNetwork *self, TnModel *model, const char *name, TnRole role, GError **error)
{
  const TnParameter *parameter = tn_model_find_parameter (model, name);
  TnVariable *variable;

  if (parameter == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("the model has no tensor %s"), name);
      return NULL;
    }
  variable = tn_variable_new_from_tensor (name, role, parameter->tensor, error);
  if (variable != NULL)
    g_ptr_array_add (self->base.variables, variable);
  return variable;
}

static TnVariable *
add_matrix (LlamaNetwork *self, const Source *source, const char *name, TnRole role, gsize rows, gsize columns, double factor,
            GError **error)
{
  if (source->model != NULL)
    return add_from_model (self, source->model, name, role, error);
  return tn_network_add_variable (&self->base, name, role, &TN_SHAPE (rows, columns), source->deviation * factor, 0.0,
                                  source->seed, error);
}

static TnVariable *
add_norm (LlamaNetwork *self, const Source *source, const char *name, gsize width, GError **error)
{
  if (source->model != NULL)
    return add_from_model (self, source->model, name, TN_ROLE_NORM, error);
  return tn_network_add_variable (&self->base, name, TN_ROLE_NORM, &TN_SHAPE (width), 0.0, 1.0, source->seed, error);
}

static gboolean
add_layer (LlamaNetwork *self, const Source *source, guint block, Layer layer, GError **error)
{
  const TnLlamaConfig *config = &self->config;
  gsize width = config->n_embd, heads = (gsize) config->n_head * config->head_dim,
        heads_kv = (gsize) config->n_head_kv * config->head_dim;
  const gsize shapes[N_LAYERS][2] = {
      {heads, width},        {heads_kv, width},     {heads_kv, width},     {width, heads},
      {config->n_ff, width}, {config->n_ff, width}, {width, config->n_ff},
  };
  gboolean ends = layer == LAYER_OUTPUT || layer == LAYER_DOWN;
  g_autofree char *name = g_strdup_printf ("blk.%u.%s", block, layer_names[layer]);
  g_autofree char *weight_name = g_strconcat (name, ".weight", NULL);
  TnVariable *weight = add_matrix (self, source, weight_name, TN_ROLE_MATRIX, shapes[layer][0], shapes[layer][1],
                                   ends ? 1.0 / sqrt (2.0 * config->n_layer) : 1.0, error);

  if (weight == NULL)
    return FALSE;
  g_ptr_array_add (self->base.layers, tn_training_layer_new (name, weight, NULL));
  return TRUE;
}

static gboolean
add_block (LlamaNetwork *self, const Source *source, guint block, gboolean sub_norms, GError **error)
{
  const TnLlamaConfig *config = &self->config;
  const struct
  {
    const char *name;
    TnVariable **variable;
    gsize width;
    gboolean there;
  } norms[] = {
      {"attn_norm", &self->norms[block].attn_norm, config->n_embd, TRUE},
      {"ffn_norm", &self->norms[block].ffn_norm, config->n_embd, TRUE},
      {"attn_sub_norm", &self->norms[block].attn_sub_norm, (gsize) config->n_head * config->head_dim, sub_norms},
      {"ffn_sub_norm", &self->norms[block].ffn_sub_norm, config->n_ff, sub_norms},
  };

  for (guint i = 0; i < G_N_ELEMENTS (norms); i++)
    {
      g_autofree char *name = g_strdup_printf ("blk.%u.%s.weight", block, norms[i].name);

      if (source->model != NULL ? tn_model_find_parameter (source->model, name) == NULL : !norms[i].there)
        continue;
      if ((*norms[i].variable = add_norm (self, source, name, norms[i].width, error)) == NULL)
        return FALSE;
    }
  for (Layer layer = 0; layer < N_LAYERS; layer++)
    if (!add_layer (self, source, block, layer, error))
      return FALSE;
  return TRUE;
}

static gboolean
add_all (LlamaNetwork *self, const Source *source, gboolean sub_norms, GError **error)
{
  const TnLlamaConfig *config = &self->config;

  self->embedding =
      add_matrix (self, source, "token_embd.weight", TN_ROLE_EMBEDDING, config->n_vocab, config->n_embd, 1.0, error);
  if (self->embedding == NULL)
    return FALSE;
  for (guint i = 0; i < config->n_layer; i++)
    if (!add_block (self, source, i, sub_norms, error))
      return FALSE;
  self->output_norm = add_norm (self, source, "output_norm.weight", config->n_embd, error);
  if (self->output_norm == NULL)
    return FALSE;
  self->base.head = self->embedding;
  if (!config->tied)
    self->base.head = add_matrix (self, source, "output.weight", TN_ROLE_HEAD, config->n_vocab, config->n_embd, 1.0, error);
  return self->base.head != NULL &&
         tn_training_layers_prepare ((TnTrainingLayer *const *) self->base.layers->pdata, self->base.layers->len,
                                     self->base.precision, self->base.variables, error);
}

TnNetwork *
tn_network_new_llama (const TnLlamaConfig *config, gboolean sub_norms, double deviation, guint64 seed,
                      const TnTrainingPrecision *precision, GError **error)
{
  g_autoptr (TnNetwork) self = NULL;
  const Source source = {.deviation = deviation > 0.0 ? deviation : DEVIATION, .seed = seed};

  if (!tn_llama_config_validate (config, error))
    return NULL;
  self = &make_network (config, precision)->base;
  if (!add_all ((LlamaNetwork *) self, &source, sub_norms, error))
    return NULL;
  return g_steal_pointer (&self);
}

static void
keep_factors (LlamaNetwork *self, TnTensor *tensor)
{
  self->rope_tensor = tn_tensor_ref (tensor);
  self->rope_factors = g_new (float, tensor->count);
  tn_tensor_decode (tensor, 0, tensor->count, self->rope_factors);
}

TnNetwork *
tn_network_new_from_model (TnModel *model, const TnTrainingPrecision *precision, GError **error)
{
  const TnLlamaConfig *config = tn_model_get_config (model);
  g_autoptr (TnNetwork) self = &make_network (config, precision)->base;
  const TnParameter *factors = tn_model_find_parameter (model, "rope_freqs.weight");
  const Source source = {.model = model};

  if (factors != NULL)
    keep_factors ((LlamaNetwork *) self, factors->tensor);
  if (!add_all ((LlamaNetwork *) self, &source, FALSE, error))
    return NULL;
  return g_steal_pointer (&self);
}

static void
unref_variable (gpointer variable)
{
  tn_variable_unref (variable);
}

/* Takes the tensor. */
static TnParameter *
make_parameter (const char *name, TnTensor *tensor)
{
  TnParameter *parameter = g_new0 (TnParameter, 1);

  parameter->name = g_strdup (name);
  parameter->source_name = g_strdup (name);
  parameter->tensor = tensor;
  return parameter;
}

static TnTensor *
share_variable (TnVariable *variable)
{
  guint64 shape[TN_SHAPE_MAX_DIMS];

  for (guint i = 0; i < variable->shape.n_dims; i++)
    shape[i] = variable->shape.dims[i];
  return tn_tensor_new_mapped (TN_DTYPE_F32, variable->shape.n_dims, shape, variable->data, variable->count * sizeof (float),
                               tn_variable_ref (variable), unref_variable, NULL);
}

TnModel *
tn_network_make_model (TnNetwork *self, GError **error)
{
  const TnLlamaConfig *config = tn_network_get_llama_config (self);
  g_autoptr (GPtrArray) parameters = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_parameter_free);

  if (config == NULL)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("only networks of the LLaMA family become models"));
      return NULL;
    }
  for (guint i = 0; i < self->variables->len; i++)
    {
      TnVariable *variable = g_ptr_array_index (self->variables, i);

      if (variable->role != TN_ROLE_SCALE)
        g_ptr_array_add (parameters, make_parameter (variable->name, share_variable (variable)));
    }
  if (((LlamaNetwork *) self)->rope_tensor != NULL)
    g_ptr_array_add (parameters, make_parameter ("rope_freqs.weight", tn_tensor_ref (((LlamaNetwork *) self)->rope_tensor)));
  return tn_model_new_llama (config, parameters, 0, error);
}
