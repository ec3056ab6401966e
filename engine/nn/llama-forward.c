/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/llama-forward.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/error.h"
#include "engine/kernels/activation.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/norm.h"
#include "engine/nn/attention.h"
#include "engine/nn/block-layers.h"
#include "engine/nn/head.h"
#include "engine/nn/model-private.h"
#include "engine/nn/scratch.h"

/* The activations of a batch, a row a token. q, k, v lie where gate and up lie later. */
typedef struct
{
  TnModel *model;
  const TnBatch *batch;
  const TnForwardOptions *options;
  TnKeysFunc keys_func; /* or NULL */
  gpointer user_data;
  TnForwardScratch *scratch;
  TnLayerScratch *layer_scratch;
  guint first;              /* block; what comes into it is in start, unless it is 0 and that is NULL */
  const float *start;
  float *residual, *normed, *q, *k, *v, *gate, *up;
  gboolean unsettled; /* the rows of normed are still to be added to the residual */
  gboolean activated; /* gate is behind its activation already */
} Forward;

static gsize
row_floats (const TnLlamaConfig *config)
{
  gsize heads = (gsize) config->n_head * config->head_dim, heads_kv = (gsize) config->n_head_kv * config->head_dim;

  return 2 * (gsize) config->n_embd + MAX (heads + 2 * heads_kv, 2 * (gsize) config->n_ff);
}

gsize
tn_model_estimate_forward_bytes (TnModel *self, gsize n_tokens, guint longest, TnSiteKind kinds)
{
  TnForwardScratch plan;
  TnLayerScratch layers;
  gsize bytes;

  tn_forward_scratch_plan (self, n_tokens, MAX (longest, 1), TRUE, &plan);
  tn_layer_scratch_plan (&layers, self, n_tokens, plan.threads);
  bytes = tn_forward_scratch_bytes (&plan) + tn_layer_scratch_bytes (&layers) +
          tn_pool_block_bytes (n_tokens * row_floats (&self->config) * sizeof (float));
  if (kinds & TN_SITE_LOGITS)
    bytes += tn_pool_block_bytes (n_tokens * self->config.n_vocab * sizeof (float));
  return bytes;
}

static gboolean
check_token (const TnModel *model, gint32 token, GError **error)
{
  if (token >= 0 && (guint) token < model->config.n_vocab)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_DATA,
               _ ("token %d is outside the model's vocabulary of %u: the tokenizer is of another model"), token,
               model->config.n_vocab);
  return FALSE;
}

static gboolean
check_batch (const TnModel *model, const TnBatch *batch, GError **error)
{
  for (guint s = 0; s < batch->n_sequences; s++)
    {
      const TnSequence *sequence = &batch->sequences[s];

      if (sequence->length > model->config.n_context)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("a sequence has %u tokens, the model's context is %u"),
                       sequence->length, model->config.n_context);
          return FALSE;
        }
      for (guint i = 0; i < sequence->length; i++)
        {
          if (!check_token (model, sequence->tokens[i], error))
            return FALSE;
          /* -1: nothing to predict here. */
          if (sequence->targets != NULL && sequence->targets[i] != -1 && !check_token (model, sequence->targets[i], error))
            return FALSE;
        }
    }
  return TRUE;
}

static gboolean
is_observed (const Forward *self, const TnSite *site)
{
  return self->options != NULL && self->options->observe != NULL && (self->options->kinds & site->kind) &&
         site->shared_with == site->index;
}

static void
observe (const Forward *self, const TnSite *site, const float *x)
{
  if (is_observed (self, site))
    self->options->observe (site, self->batch, x, self->options->user_data);
}

static void
embed (const Forward *self)
{
  const TnBatch *batch = self->batch;
  gsize width = self->model->config.n_embd, row = 0;

  for (guint s = 0; s < batch->n_sequences; s++)
    for (guint i = 0; i < batch->sequences[s].length; i++, row++)
      tn_tensor_decode_rows (self->model->embedding, (guint64) batch->sequences[s].tokens[i], 1, self->residual + row * width);
}

/* The residual stream with all that was added to it. */
static const float *
settle (Forward *self)
{
  gsize width = self->model->config.n_embd;
  gint64 n = self->unsettled ? (gint64) self->batch->n_tokens : 0;

#pragma omp parallel for schedule(static) num_threads((int) self->scratch->threads) if (n > 0)
  for (gint64 row = 0; row < n; row++)
    tn_add (self->residual + (gsize) row * width, self->normed + (gsize) row * width, width);
  self->unsettled = FALSE;
  return self->residual;
}

/* out may be x. What is still to be added to the residual is added on the way, while its rows are in the cache. */
static void
normalize (Forward *self, const float *x, gsize width, const float *gain, float *out)
{
  gint64 n = (gint64) self->batch->n_tokens;
  gboolean add = self->unsettled && x == self->residual;

#pragma omp parallel for schedule(static) num_threads((int) self->scratch->threads)
  for (gint64 row = 0; row < n; row++)
    {
      if (add)
        tn_add (self->residual + (gsize) row * width, self->normed + (gsize) row * width, width);
      tn_rmsnorm (x + (gsize) row * width, gain, self->model->config.norm_epsilon, 1, width, out + (gsize) row * width);
    }
  self->unsettled = self->unsettled && !add;
}

/* Only those who watch keys need them rotated all at once: the attention rotates them on their way. */
static void
show_keys (const Forward *self, guint block)
{
  const TnLlamaConfig *config = &self->model->config;
  gsize width = (gsize) config->n_head_kv * config->head_dim, half = config->rope_dim / 2;

  if (self->keys_func == NULL)
    return;
  for (guint s = 0; s < self->batch->n_sequences; s++)
    {
      float *rows = self->k + self->scratch->first_rows[s] * width;
      gint64 n = self->batch->sequences[s].length;

#pragma omp parallel for schedule(static) num_threads((int) self->scratch->threads)
      for (gint64 i = 0; i < n; i++)
        tn_llama_rope (config) (rows + (gsize) i * width, config->n_head_kv, config->head_dim, config->rope_dim,
                                self->scratch->cosines + (gsize) i * half, self->scratch->sines + (gsize) i * half);
    }
  self->keys_func (block, self->k, self->v, self->user_data);
}

/* Columns first .. first + n of some rows of gate, which takes the activations. */
static void
activate_part (const TnRowRange *rows, gsize first, gsize n, gpointer user_data)
{
  const Forward *self = user_data;
  gsize width = self->model->config.n_ff;
  gboolean silu = self->model->config.activation == TN_ACTIVATION_SILU;

  for (gsize row = rows->first; row < rows->first + rows->n; row++)
    if (silu)
      tn_silu_multiply (self->gate + row * width + first, self->up + row * width + first, n);
    else
      tn_relu2_multiply (self->gate + row * width + first, self->up + row * width + first, n);
}

static void
activate (Forward *self)
{
  gint64 n = self->activated ? 0 : (gint64) self->batch->n_tokens;

#pragma omp parallel for schedule(static) num_threads((int) self->scratch->threads) if (n > 0)
  for (gint64 row = 0; row < n; row++)
    activate_part (&(const TnRowRange){(gsize) row, 1}, 0, self->model->config.n_ff, (gpointer) self);
  self->activated = FALSE;
}

/* Where nobody watches what gate and up give, each part goes through the activation while it is in the cache. */
static void
multiply (const TnLinear *layers, guint n_layers, const float *x, gpointer user_data)
{
  Forward *self = user_data;
  gboolean gated = n_layers == 2 && layers[0].y == self->gate && layers[1].y == self->up;

  self->activated = gated && (self->options == NULL || self->options->observe == NULL || !(self->options->kinds & TN_SITE_OUTPUT));
  if (self->activated)
    tn_linear_forward_joined (layers, n_layers, x, self->scratch, activate_part, self);
  else
    tn_linear_forward (layers, n_layers, x, self->scratch);
}

/* Linear layers first .. first + n of a block, which share the input x, with their sites. gain: of a norm in front of them, which
 * some models of low precision have before the output and down projections, too; NULL where there is none. normed: its rows, when
 * anybody needs them in fp32; may be x. */
static gboolean
apply (Forward *self, guint index, TnLayerKind first, guint n, const float *x, const float *gain, float *normed, float *const *y,
       GError **error)
{
  const TnBlockLayers *block = &self->model->blocks[index];
  const TnSite *input = tn_model_layer_site (self->model, index, first, TN_SITE_INPUT);

  if (self->options != NULL && g_cancellable_set_error_if_cancelled (self->options->cancellable, error))
    return FALSE;
  if (gain != NULL && (is_observed (self, input) || !tn_block_layers_fuse (block, first, n)))
    {
      normalize (self, x, input->width, gain, normed);
      x = normed;
      gain = NULL;
    }
  if (x == self->residual)
    settle (self);
  observe (self, input, x);
  tn_block_layers_forward (block, first, n, x, gain, self->model->config.norm_epsilon, self->batch->n_tokens, y,
                           self->layer_scratch, multiply, self);
  for (guint i = 0; i < n; i++)
    observe (self, tn_model_layer_site (self->model, index, first + i, TN_SITE_OUTPUT), y[i]);
  return TRUE;
}

static gboolean
run_block (Forward *self, guint index, GError **error)
{
  const TnLlamaConfig *config = &self->model->config;
  const TnBlockLayers *block = &self->model->blocks[index];
  const TnSite *residual = g_ptr_array_index (self->model->sites, block->first_site + 2 * TN_N_LAYERS);

  if (!apply (self, index, TN_LAYER_ATTN_Q, 3, self->residual, block->attn_norm, self->normed,
              (float *const[]){self->q, self->k, self->v}, error))
    return FALSE;
  tn_attention_forward (config, self->q, self->k, self->v, self->scratch);
  show_keys (self, index);
  if (!apply (self, index, TN_LAYER_ATTN_OUTPUT, 1, self->q, block->attn_sub_norm, self->q, &self->normed, error))
    return FALSE;
  self->unsettled = TRUE;

  if (!apply (self, index, TN_LAYER_FFN_GATE, 2, self->residual, block->ffn_norm, self->normed,
              (float *const[]){self->gate, self->up}, error))
    return FALSE;
  activate (self);
  if (!apply (self, index, TN_LAYER_FFN_DOWN, 1, self->gate, block->ffn_sub_norm, self->gate, &self->normed, error))
    return FALSE;
  self->unsettled = TRUE;
  if (is_observed (self, residual))
    observe (self, residual, settle (self));
  return TRUE;
}

static gboolean
observes_logits (const TnForwardOptions *options)
{
  return options != NULL && options->observe != NULL && (options->kinds & TN_SITE_LOGITS);
}

static gboolean
run_head (const Forward *self, float *logits, TnLoss *loss, double *row_nll, GError **error)
{
  g_autoptr (TnBlock) own_logits = NULL;

  if (logits == NULL && observes_logits (self->options))
    {
      own_logits = logits = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_ACTIVATIONS,
                                           self->batch->n_tokens * self->model->config.n_vocab * sizeof (float), error);
      if (logits == NULL)
        return FALSE;
    }
  if (!tn_head_forward (self->model->head, self->normed, logits, loss, row_nll, self->scratch,
                        self->options != NULL ? self->options->cancellable : NULL, error))
    return FALSE;
  if (logits != NULL)
    observe (self, tn_model_head_site (self->model, TN_SITE_LOGITS), logits);
  return TRUE;
}

/* All but the head; activations are what has to be released after it. */
static gboolean
run_blocks (Forward *self, gboolean with_head, TnBlock **activations, GError **error)
{
  const TnLlamaConfig *config = &self->model->config;
  gsize heads = (gsize) config->n_head * config->head_dim, heads_kv = (gsize) config->n_head_kv * config->head_dim;
  gsize n = self->batch->n_tokens;

  if (!check_batch (self->model, self->batch, error) ||
      !tn_forward_scratch_init (self->scratch, self->model, self->batch, with_head, error))
    return FALSE;
  tn_layer_scratch_plan (self->layer_scratch, self->model, n, self->scratch->threads);
  if (!tn_layer_scratch_init (self->layer_scratch, error))
    return FALSE;
  *activations = tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_ACTIVATIONS, n, row_floats (config) * sizeof (float), error);
  if (*activations == NULL)
    return FALSE;
  self->residual = *activations;
  self->normed = self->residual + n * config->n_embd;
  self->q = self->gate = self->normed + n * config->n_embd;
  self->k = self->q + n * heads;
  self->v = self->k + n * heads_kv;
  self->up = self->gate + n * config->n_ff;

  if (self->start != NULL)
    memcpy (self->residual, self->start, n * config->n_embd * sizeof (float));
  else
    embed (self);
  if (self->first == 0)
    observe (self, g_ptr_array_index (self->model->sites, 0), self->residual);
  for (guint i = self->first; i < config->n_layer; i++)
    if (!run_block (self, i, error))
      return FALSE;
  normalize (self, self->residual, config->n_embd, self->model->output_norm, self->normed);
  return TRUE;
}

static gboolean
run (TnModel *self, const TnBatch *batch, guint first, const float *start, const TnForwardOptions *options, float *logits,
     TnLoss *loss, double *row_nll, GError **error)
{
  gboolean with_head = logits != NULL || loss != NULL || row_nll != NULL || observes_logits (options);
  g_auto (TnForwardScratch) scratch = {0};
  g_auto (TnLayerScratch) layer_scratch = {0};
  Forward forward = {.model = self,
                     .batch = batch,
                     .options = options,
                     .first = first,
                     .start = start,
                     .scratch = &scratch,
                     .layer_scratch = &layer_scratch};
  g_autoptr (TnBlock) activations = NULL;

  if (!run_blocks (&forward, with_head, &activations, error))
    return FALSE;
  observe (&forward, tn_model_head_site (self, TN_SITE_INPUT), forward.normed);
  return !with_head || run_head (&forward, logits, loss, row_nll, error);
}

gboolean
tn_model_forward (TnModel *self, const TnBatch *batch, const TnForwardOptions *options, float *logits, TnLoss *loss,
                  double *row_nll, GError **error)
{
  return run (self, batch, 0, NULL, options, logits, loss, row_nll, error);
}

gboolean
tn_model_forward_from (TnModel *self, const TnBatch *batch, guint first, const float *residual, const TnForwardOptions *options,
                       TnLoss *loss, double *row_nll, GError **error)
{
  g_return_val_if_fail (first <= self->config.n_layer, FALSE);

  return run (self, batch, first, residual, options, NULL, loss, row_nll, error);
}

gboolean
tn_model_forward_keys (TnModel *self, const TnBatch *batch, TnKeysFunc func, gpointer user_data, float *last, GError **error)
{
  gsize width = self->config.n_embd;
  g_auto (TnForwardScratch) scratch = {0};
  g_auto (TnLayerScratch) layer_scratch = {0};
  Forward forward = {.model = self,
                     .batch = batch,
                     .keys_func = func,
                     .user_data = user_data,
                     .scratch = &scratch,
                     .layer_scratch = &layer_scratch};
  g_autoptr (TnBlock) activations = NULL;

  g_return_val_if_fail (batch->n_tokens > 0, FALSE);

  if (!run_blocks (&forward, FALSE, &activations, error))
    return FALSE;
  memcpy (last, forward.normed + (batch->n_tokens - 1) * width, width * sizeof *last);
  return TRUE;
}
