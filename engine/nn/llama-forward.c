/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>

#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/kernels/activation.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/norm.h"
#include "engine/nn/attention.h"
#include "engine/nn/head.h"
#include "engine/nn/linear.h"
#include "engine/nn/model-private.h"

/* The activations of a batch, a row a token. */
typedef struct
{
  TnModel                *model;
  const TnBatch          *batch;
  const TnForwardOptions *options;
  float                  *residual, *normed, *q, *k, *v, *attended, *gate, *up;
  guint                  *positions; /* of each row in its sequence */
} Forward;

static gsize
row_floats (const TnLlamaConfig *config)
{
  gsize heads = (gsize) config->n_head * config->head_dim, heads_kv = (gsize) config->n_head_kv * config->head_dim;

  return 2 * (gsize) config->n_embd + 2 * heads + 2 * heads_kv + 2 * (gsize) config->n_ff;
}

static gsize
largest_linear_scratch (const TnModel *model)
{
  gsize most = 0;

  for (guint b = 0; b < model->config.n_layer; b++)
    for (guint i = 0; i < TN_N_LAYERS; i++)
      most = MAX (most, tn_linear_estimate_scratch (model->blocks[b].weights[i]));
  return most;
}

gsize
tn_model_estimate_forward_bytes (TnModel *self, gsize n_tokens, guint longest, TnSiteKind kinds)
{
  gsize scratch = MAX (MAX (largest_linear_scratch (self), tn_attention_estimate_scratch (longest)), tn_head_estimate_scratch (self->head, n_tokens));
  gsize logits = kinds & TN_SITE_LOGITS ? n_tokens * self->config.n_vocab * sizeof (float) : 0;

  return n_tokens * (row_floats (&self->config) * sizeof (float) + sizeof (guint)) + logits + scratch + 16 * TN_POOL_ALIGNMENT;
}

static gboolean
check_batch (const TnModel *model, const TnBatch *batch, GError **error)
{
  for (guint s = 0; s < batch->n_sequences; s++)
    {
      const TnSequence *sequence = &batch->sequences[s];

      if (sequence->length > model->config.n_context)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _("a sequence has %u tokens, the model's context is %u"), sequence->length, model->config.n_context);
          return FALSE;
        }
      for (guint i = 0; i < sequence->length; i++)
        {
          gint32 target = sequence->targets != NULL ? sequence->targets[i] : -1;
          gint32 wrong = sequence->tokens[i] < 0 || (guint) sequence->tokens[i] >= model->config.n_vocab ? sequence->tokens[i] : target;

          if (wrong < -1 || wrong >= (gint32) model->config.n_vocab || sequence->tokens[i] < 0)
            {
              g_set_error (error, TN_ERROR, TN_ERROR_DATA, _("token %d is outside the model's vocabulary of %u: the tokenizer is of another model"), wrong,
                           model->config.n_vocab);
              return FALSE;
            }
        }
    }
  return TRUE;
}

static void
observe (const Forward *self, const TnSite *site, const float *x)
{
  if (self->options != NULL && self->options->observe != NULL && (self->options->kinds & site->kind) && site->shared_with == site->index)
    self->options->observe (site, self->batch, x, self->options->user_data);
}

static void
embed (const Forward *self)
{
  const TnBatch *batch = self->batch;
  gsize width = self->model->config.n_embd, row = 0;

  for (guint s = 0; s < batch->n_sequences; s++)
    for (guint i = 0; i < batch->sequences[s].length; i++, row++)
      {
        tn_tensor_decode_rows (self->model->embedding, (guint64) batch->sequences[s].tokens[i], 1, self->residual + row * width);
        self->positions[row] = i;
      }
}

static void
normalize (const Forward *self, const float *gain)
{
  gsize width = self->model->config.n_embd;
  gint64 n = (gint64) self->batch->n_tokens;

#pragma omp parallel for schedule(static) num_threads((int) tn_device_get_threads ())
  for (gint64 row = 0; row < n; row++)
    tn_rmsnorm (self->residual + (gsize) row * width, gain, self->model->config.norm_epsilon, 1, width, self->normed + (gsize) row * width);
}

static void
rotate (const Forward *self)
{
  const TnLlamaConfig *config = &self->model->config;
  TnRopeFunc rotate_heads = tn_model_rope (self->model);
  gsize heads = (gsize) config->n_head * config->head_dim, heads_kv = (gsize) config->n_head_kv * config->head_dim;
  gint64 n = (gint64) self->batch->n_tokens;

#pragma omp parallel for schedule(static) num_threads((int) tn_device_get_threads ())
  for (gint64 row = 0; row < n; row++)
    {
      gsize place = (gsize) self->positions[row] * (config->rope_dim / 2);
      const float *cosine = self->model->cosine + place, *sine = self->model->sine + place;

      rotate_heads (self->q + (gsize) row * heads, config->n_head, config->head_dim, config->rope_dim, cosine, sine);
      rotate_heads (self->k + (gsize) row * heads_kv, config->n_head_kv, config->head_dim, config->rope_dim, cosine, sine);
    }
}

static void
add_to_residual (const Forward *self, const float *x)
{
  gsize width = self->model->config.n_embd;
  gint64 n = (gint64) self->batch->n_tokens;

#pragma omp parallel for schedule(static) num_threads((int) tn_device_get_threads ())
  for (gint64 row = 0; row < n; row++)
    tn_add (self->residual + (gsize) row * width, x + (gsize) row * width, width);
}

static void
gate (const Forward *self)
{
  gsize width = self->model->config.n_ff;
  gint64 n = (gint64) self->batch->n_tokens;
  gboolean silu = self->model->config.activation == TN_ACTIVATION_SILU;

#pragma omp parallel for schedule(static) num_threads((int) tn_device_get_threads ())
  for (gint64 row = 0; row < n; row++)
    if (silu)
      tn_silu_multiply (self->gate + (gsize) row * width, self->up + (gsize) row * width, width);
    else
      tn_relu2_multiply (self->gate + (gsize) row * width, self->up + (gsize) row * width, width);
}

/* One linear layer with its two sites. */
static gboolean
apply (const Forward *self, guint block, TnLayerKind kind, const float *x, float *y, GError **error)
{
  if (self->options != NULL && g_cancellable_set_error_if_cancelled (self->options->cancellable, error))
    return FALSE;
  observe (self, tn_model_layer_site (self->model, block, kind, TN_SITE_INPUT), x);
  if (!tn_linear_forward (self->model->blocks[block].weights[kind], self->batch, x, y, error))
    return FALSE;
  observe (self, tn_model_layer_site (self->model, block, kind, TN_SITE_OUTPUT), y);
  return TRUE;
}

static gboolean
run_block (const Forward *self, guint index, GError **error)
{
  const TnBlockLayers *block = &self->model->blocks[index];

  normalize (self, block->attn_norm);
  if (!apply (self, index, TN_LAYER_ATTN_Q, self->normed, self->q, error) || !apply (self, index, TN_LAYER_ATTN_K, self->normed, self->k, error) ||
      !apply (self, index, TN_LAYER_ATTN_V, self->normed, self->v, error))
    return FALSE;
  rotate (self);
  if (!tn_attention_forward (&self->model->config, self->batch, self->q, self->k, self->v, self->attended, error) ||
      !apply (self, index, TN_LAYER_ATTN_OUTPUT, self->attended, self->normed, error))
    return FALSE;
  add_to_residual (self, self->normed);
  normalize (self, block->ffn_norm);
  if (!apply (self, index, TN_LAYER_FFN_GATE, self->normed, self->gate, error) || !apply (self, index, TN_LAYER_FFN_UP, self->normed, self->up, error))
    return FALSE;
  gate (self);
  if (!apply (self, index, TN_LAYER_FFN_DOWN, self->gate, self->normed, error))
    return FALSE;
  add_to_residual (self, self->normed);
  observe (self, g_ptr_array_index (self->model->sites, block->first_site + 2 * TN_N_LAYERS), self->residual);
  return TRUE;
}

static gboolean
run_head (const Forward *self, float *logits, TnLoss *loss, double *row_nll, GError **error)
{
  gboolean observed = self->options != NULL && self->options->observe != NULL && (self->options->kinds & TN_SITE_LOGITS);
  g_autoptr (TnBlock) own_logits = NULL;

  if (loss == NULL && logits == NULL && !observed)
    return TRUE;
  if (logits == NULL && observed)
    {
      own_logits = logits = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_ACTIVATIONS,
                                           MAX (self->batch->n_tokens, 1) * self->model->config.n_vocab * sizeof (float), error);
      if (logits == NULL)
        return FALSE;
    }
  if (!tn_head_forward (self->model->head, self->batch, self->normed, logits, loss, row_nll, self->options != NULL ? self->options->cancellable : NULL, error))
    return FALSE;
  if (observed)
    observe (self, tn_model_head_site (self->model, TN_SITE_LOGITS), logits);
  return TRUE;
}

gboolean
tn_model_forward (TnModel *self, const TnBatch *batch, const TnForwardOptions *options, float *logits, TnLoss *loss, double *row_nll, GError **error)
{
  const TnLlamaConfig *config = &self->config;
  gsize heads = (gsize) config->n_head * config->head_dim, heads_kv = (gsize) config->n_head_kv * config->head_dim, n = MAX (batch->n_tokens, 1);
  Forward forward = { .model = self, .batch = batch, .options = options };
  g_autoptr (TnBlock) activations = NULL, positions = NULL;

  if (!check_batch (self, batch, error))
    return FALSE;
  activations = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_ACTIVATIONS, n * row_floats (config) * sizeof (float), error);
  if (activations == NULL ||
      (positions = forward.positions = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_ACTIVATIONS, n * sizeof (guint), error)) == NULL)
    return FALSE;
  forward.residual = activations;
  forward.normed = forward.residual + n * config->n_embd;
  forward.q = forward.normed + n * config->n_embd;
  forward.attended = forward.q + n * heads;
  forward.k = forward.attended + n * heads;
  forward.v = forward.k + n * heads_kv;
  forward.gate = forward.v + n * heads_kv;
  forward.up = forward.gate + n * config->n_ff;

  embed (&forward);
  observe (&forward, g_ptr_array_index (self->sites, 0), forward.residual);
  for (guint i = 0; i < config->n_layer; i++)
    if (!run_block (&forward, i, error))
      return FALSE;
  normalize (&forward, self->output_norm);
  observe (&forward, tn_model_head_site (self, TN_SITE_INPUT), forward.normed);
  return run_head (&forward, logits, loss, row_nll, error);
}
