/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/generate.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/kernels/activation.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/norm.h"
#include "engine/nn/attention.h"
#include "engine/nn/block-layers.h"
#include "engine/nn/llama-forward.h"

#define FIRST_CAPACITY 256

struct _TnGenerator
{
  TnModel *model;
  guint position;
  guint capacity;                  /* positions the cache and the tables hold; grows by doubling up to the context */
  float *cache;                    /* keys of each block, then values of each: [2, n_layer, capacity, n_head_kv * head_dim] */
  float *cosines, *sines, *scores; /* [capacity, rope_dim / 2] twice, what an attention of capacity positions takes */
  float *work;                     /* what one token needs */
  float *tiles;                    /* decoded rows, a tile of tile_count floats a thread */
  gsize tile_count;
  TnLayerScratch layer_scratch;
  float *residual, *normed, *q, *attended, *gate, *up, *logits;
};

static void
replace (float **block, TnBlock **larger)
{
  tn_pool_release (tn_pool_default (), *block);
  *block = g_steal_pointer (larger);
}

/* Room for n more positions, in all that has to grow or in none of it: what is there is in use until then. */
static gboolean
reserve (TnGenerator *self, guint n, GError **error)
{
  const TnLlamaConfig *config = &self->model->config;
  gsize width = (gsize) config->n_head_kv * config->head_dim, half = config->rope_dim / 2;
  gsize n_parts = 2 * (gsize) config->n_layer, part = self->capacity * width;
  guint wanted = MAX (2 * self->capacity, FIRST_CAPACITY);
  gsize n_scores;
  g_autoptr (TnBlock) cosines = NULL, sines = NULL, scores = NULL, cache = NULL;
  TnPool *pool = tn_pool_default ();

  if (self->position + n <= self->capacity)
    return TRUE;
  wanted = MIN (config->n_context, MAX (wanted, self->position + n));
  n_scores = tn_attention_step_count (config, wanted, self->layer_scratch.threads);
  if ((cosines = tn_pool_alloc_array (pool, TN_PURPOSE_ACTIVATIONS, wanted * half, sizeof (float), error)) == NULL ||
      (sines = tn_pool_alloc_array (pool, TN_PURPOSE_ACTIVATIONS, wanted * half, sizeof (float), error)) == NULL ||
      (scores = tn_pool_alloc_array (pool, TN_PURPOSE_ACTIVATIONS, n_scores, sizeof (float), error)) == NULL ||
      (cache = tn_pool_alloc_array (pool, TN_PURPOSE_ACTIVATIONS, n_parts * wanted, width * sizeof (float), error)) == NULL)
    return FALSE;
  tn_rope_table (0, wanted, config->rope_dim, config->rope_base, config->rope_scale, self->model->rope_factors, cosines, sines);
  for (gsize i = 0; i < n_parts && part > 0; i++)
    memcpy ((float *) cache + i * wanted * width, self->cache + i * part, part * sizeof (float));
  replace (&self->cosines, &cosines);
  replace (&self->sines, &sines);
  replace (&self->scores, &scores);
  replace (&self->cache, &cache);
  self->capacity = wanted;
  return TRUE;
}

/* Floats of a thread's tile: what the most demanding weight takes. */
static gsize
tile_count (const TnModel *model)
{
  gsize most = tn_weight_vector_count (model->head);

  for (guint i = 0; i < model->config.n_layer; i++)
    for (guint k = 0; k < TN_N_LAYERS; k++)
      if (model->blocks[i].weights[k] != NULL)
        most = MAX (most, tn_weight_vector_count (model->blocks[i].weights[k]));
  return most;
}

TnGenerator *
tn_generator_new (TnModel *model, GError **error)
{
  const TnLlamaConfig *config = tn_model_get_config (model);
  gsize heads = (gsize) config->n_head * config->head_dim;
  gsize work = 2 * (gsize) config->n_embd + 2 * heads + 2 * (gsize) config->n_ff + config->n_vocab;
  g_autoptr (TnGenerator) self = g_new0 (TnGenerator, 1);
  TnPool *pool = tn_pool_default ();

  self->model = tn_model_ref (model);
  tn_layer_scratch_plan (&self->layer_scratch, model, 1, tn_device_get_threads ());
  self->tile_count = tile_count (model);
  if (!tn_layer_scratch_init (&self->layer_scratch, error) ||
      (self->work = tn_pool_alloc_array (pool, TN_PURPOSE_ACTIVATIONS, work, sizeof (float), error)) == NULL ||
      (self->tiles = tn_pool_alloc_array (pool, TN_PURPOSE_SCRATCH, tn_device_get_threads () * self->tile_count, sizeof (float),
                                          error)) == NULL ||
      !reserve (self, 1, error))
    return NULL;
  self->residual = self->work;
  self->normed = self->residual + config->n_embd;
  self->q = self->normed + config->n_embd;
  self->attended = self->q + heads;
  self->gate = self->attended + heads;
  self->up = self->gate + config->n_ff;
  self->logits = self->up + config->n_ff;
  return g_steal_pointer (&self);
}

void
tn_generator_free (TnGenerator *self)
{
  TnPool *pool = tn_pool_default ();

  if (self == NULL)
    return;
  tn_pool_release (pool, self->cache);
  tn_pool_release (pool, self->cosines);
  tn_pool_release (pool, self->sines);
  tn_pool_release (pool, self->scores);
  tn_pool_release (pool, self->work);
  tn_pool_release (pool, self->tiles);
  tn_layer_scratch_clear (&self->layer_scratch);
  tn_model_unref (self->model);
  g_free (self);
}

static void
multiply (const TnLinear *layers, guint n_layers, const float *x, gpointer user_data)
{
  const TnGenerator *self = user_data;

  for (guint i = 0; i < n_layers; i++)
    tn_linear_vector (layers[i].weight, x, self->tiles, self->tile_count, layers[i].y);
}

/* Linear layers first .. first + n of a block, behind a norm when gain is given; normed may be x. */
static void
apply (TnGenerator *self, guint index, TnLayerKind first, guint n, const float *x, gsize width, const float *gain, float *normed,
       float *const *y)
{
  const TnBlockLayers *block = &self->model->blocks[index];
  double epsilon = self->model->config.norm_epsilon;

  if (gain != NULL && !tn_block_layers_fuse (block, first, n))
    {
      tn_rmsnorm (x, gain, epsilon, 1, width, normed);
      x = normed;
      gain = NULL;
    }
  tn_block_layers_forward (block, first, n, x, gain, epsilon, 1, y, &self->layer_scratch, multiply, self);
}

static void
run_block (TnGenerator *self, guint index)
{
  const TnLlamaConfig *config = &self->model->config;
  const TnBlockLayers *block = &self->model->blocks[index];
  TnRopeFunc rotate = tn_llama_rope (config);
  gsize heads = (gsize) config->n_head * config->head_dim, width_kv = (gsize) config->n_head_kv * config->head_dim;
  gsize part = self->capacity * width_kv, half = config->rope_dim / 2;
  float *keys = self->cache + index * part, *values = keys + config->n_layer * part;
  float *key = keys + self->position * width_kv, *value = values + self->position * width_kv;
  const float *cosines = self->cosines + self->position * half, *sines = self->sines + self->position * half;

  apply (self, index, TN_LAYER_ATTN_Q, 3, self->residual, config->n_embd, block->attn_norm, self->normed,
         (float *const[]){self->q, key, value});
  rotate (self->q, config->n_head, config->head_dim, config->rope_dim, cosines, sines);
  rotate (key, config->n_head_kv, config->head_dim, config->rope_dim, cosines, sines);
  tn_attention_step (config, self->q, keys, values, self->position + 1, self->layer_scratch.threads, self->scores,
                     self->attended);
  apply (self, index, TN_LAYER_ATTN_OUTPUT, 1, self->attended, heads, block->attn_sub_norm, self->attended, &self->normed);
  tn_add (self->residual, self->normed, config->n_embd);

  apply (self, index, TN_LAYER_FFN_GATE, 2, self->residual, config->n_embd, block->ffn_norm, self->normed,
         (float *const[]){self->gate, self->up});
  if (config->activation == TN_ACTIVATION_SILU)
    tn_silu_multiply (self->gate, self->up, config->n_ff);
  else
    tn_relu2_multiply (self->gate, self->up, config->n_ff);
  apply (self, index, TN_LAYER_FFN_DOWN, 1, self->gate, config->n_ff, block->ffn_sub_norm, self->gate, &self->normed);
  tn_add (self->residual, self->normed, config->n_embd);
}

const float *
tn_generator_step (TnGenerator *self, gint32 token, GError **error)
{
  const TnLlamaConfig *config = &self->model->config;

  if (token < 0 || (guint) token >= config->n_vocab)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA,
                   _ ("token %d is outside the model's vocabulary of %u: the tokenizer is of another model"), token,
                   config->n_vocab);
      return NULL;
    }
  if (self->position >= config->n_context)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("the model's context of %u tokens is full"), config->n_context);
      return NULL;
    }
  if (!reserve (self, 1, error))
    return NULL;

  tn_tensor_decode_rows (self->model->embedding, (guint64) token, 1, self->residual);
  for (guint i = 0; i < config->n_layer; i++)
    run_block (self, i);
  tn_rmsnorm (self->residual, self->model->output_norm, config->norm_epsilon, 1, config->n_embd, self->normed);
  tn_linear_vector (self->model->head, self->normed, self->tiles, self->tile_count, self->logits);
  self->position++;
  return self->logits;
}

/* Keys and values of the first positions. */
static void
keep_keys (guint block, const float *keys, const float *values, gpointer user_data)
{
  TnGenerator *self = user_data;
  const TnLlamaConfig *config = &self->model->config;
  gsize width = (gsize) config->n_head_kv * config->head_dim, part = self->capacity * width;
  float *cache = self->cache + block * part;

  memcpy (cache, keys, self->position * width * sizeof *cache);
  memcpy (cache + config->n_layer * part, values, self->position * width * sizeof *cache);
}

static gboolean
run_prompt (TnGenerator *self, const gint32 *tokens, guint n, GError **error)
{
  const TnSequence sequence = {.length = n, .tokens = tokens};
  g_autoptr (TnBatch) batch = tn_batch_new (&sequence, 1);

  if (!reserve (self, n, error))
    return FALSE;
  self->position = n;
  if (tn_model_forward_keys (self->model, batch, keep_keys, self, self->normed, error))
    return TRUE;
  self->position = 0;
  return FALSE;
}

const float *
tn_generator_prompt (TnGenerator *self, const gint32 *tokens, guint n, GError **error)
{
  g_autoptr (GError) local = NULL;

  if (self->position == 0 && n > 1 && n <= self->model->config.n_context)
    {
      if (run_prompt (self, tokens, n, &local))
        {
          tn_linear_vector (self->model->head, self->normed, self->tiles, self->tile_count, self->logits);
          return self->logits;
        }
      if (!g_error_matches (local, TN_ERROR, TN_ERROR_MEMORY))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return NULL;
        }
    }
  for (guint i = 0; i < n; i++)
    if (tn_generator_step (self, tokens[i], error) == NULL)
      return NULL;
  return self->logits;
}
