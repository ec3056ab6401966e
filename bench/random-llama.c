/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/random-llama.h"

#include <math.h>

#include "engine/random.h"

TnLlamaConfig
tn_random_llama_config (guint width, guint n_layer, guint n_context)
{
  const guint head_dim = 64;

  return (TnLlamaConfig){
      .n_vocab = 4096,
      .n_embd = width,
      .n_layer = n_layer,
      .n_head = width / head_dim,
      .n_head_kv = MAX (width / 4 / head_dim, 1),
      .head_dim = head_dim,
      .n_ff = (width * 8 / 3 + 63) / 64 * 64,
      .n_context = n_context,
      .rope_dim = head_dim,
      .rope_base = 10000.0,
      .rope_scale = 1.0,
      .norm_epsilon = 1e-5,
      .tied = TRUE,
      .bos = -1,
      .eos = -1,
  };
}

/* rows 0: a vector of ones. Takes the name. */
static gboolean
add_parameter (GPtrArray *parameters, TnDtype dtype, char *name, guint64 rows, guint64 columns, GError **error)
{
  const guint64 shape[] = {rows, columns};
  TnRandom random = tn_random_stream (1, name);
  double scale = 1.0 / sqrt ((double) columns);
  TnParameter *parameter = g_new0 (TnParameter, 1);
  void *data;

  *parameter = (TnParameter){.name = name, .source_name = g_strdup (name)};
  g_ptr_array_add (parameters, parameter);
  parameter->tensor =
      tn_tensor_new (rows > 0 ? dtype : TN_DTYPE_F32, rows > 0 ? 2 : 1, rows > 0 ? shape : shape + 1, TN_PURPOSE_WEIGHTS, error);
  if (parameter->tensor == NULL)
    return FALSE;
  data = tn_tensor_get_writable (parameter->tensor);
  for (guint64 i = 0; i < parameter->tensor->count; i++)
    {
      float value = rows > 0 ? (float) (scale * (2.0 * tn_random_uniform (&random) - 1.0)) : 1.0f;

      if (parameter->tensor->dtype == TN_DTYPE_F32)
        ((float *) data)[i] = value;
      else
        ((guint16 *) data)[i] = dtype == TN_DTYPE_F16 ? tn_f32_to_f16 (value) : tn_f32_to_bf16 (value);
    }
  return TRUE;
}

TnModel *
tn_random_llama_new (const TnLlamaConfig *config, TnDtype dtype, GError **error)
{
  g_autoptr (GPtrArray) parameters = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_parameter_free);
  guint width = config->n_embd, heads = config->n_head * config->head_dim, heads_kv = config->n_head_kv * config->head_dim;
  const struct
  {
    const char *name;
    guint rows, columns;
  } shapes[] = {
      {"attn_norm", 0, width},           {"attn_q", heads, width},        {"attn_k", heads_kv, width},
      {"attn_v", heads_kv, width},       {"attn_output", width, heads},   {"ffn_norm", 0, width},
      {"ffn_gate", config->n_ff, width}, {"ffn_up", config->n_ff, width}, {"ffn_down", width, config->n_ff},
  };

  if (!add_parameter (parameters, dtype, g_strdup ("token_embd.weight"), config->n_vocab, width, error) ||
      !add_parameter (parameters, dtype, g_strdup ("output_norm.weight"), 0, width, error))
    return NULL;
  for (guint layer = 0; layer < config->n_layer; layer++)
    for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
      if (!add_parameter (parameters, dtype, g_strdup_printf ("blk.%u.%s.weight", layer, shapes[i].name), shapes[i].rows,
                          shapes[i].columns, error))
        return NULL;
  return tn_model_new_llama (config, parameters, 1, error);
}

TnBatch *
tn_random_batch_new (guint n, guint length, guint n_vocab)
{
  g_autofree gint32 *tokens = g_new (gint32, (gsize) n * length);
  g_autofree TnSequence *sequences = g_new0 (TnSequence, n);
  TnRandom random = tn_random_stream (1, "tokens");

  for (gsize i = 0; i < (gsize) n * length; i++)
    tokens[i] = (gint32) tn_random_below (&random, n_vocab);
  for (guint s = 0; s < n; s++)
    sequences[s] = (TnSequence){.hash = tn_random_next (&random),
                                .length = length,
                                .tokens = tokens + (gsize) s * length,
                                .targets = tokens + (gsize) s * length};
  return tn_batch_new (sequences, n);
}
