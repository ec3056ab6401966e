/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/generate.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "engine/error.h"
#include "engine/kernels/activation.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/norm.h"
#include "engine/kernels/softmax.h"
#include "engine/nn/linear.h"
#include "engine/nn/model-private.h"

struct _TnGenerator
{
  TnModel *model;
  guint    position;
  float   *keys, *values; /* [n_layer, n_context, n_head_kv * head_dim] */
  float   *work;          /* what one token needs */
  float   *residual, *normed, *q, *attended, *gate, *up, *scores, *logits;
};

TnGenerator *
tn_generator_new (TnModel *model, GError **error)
{
  const TnLlamaConfig *config = tn_model_get_config (model);
  gsize heads = (gsize) config->n_head * config->head_dim, heads_kv = (gsize) config->n_head_kv * config->head_dim;
  gsize cache = (gsize) config->n_layer * config->n_context * heads_kv;
  gsize work = 2 * (gsize) config->n_embd + 2 * heads + 2 * (gsize) config->n_ff + config->n_context + config->n_vocab;
  g_autoptr (TnGenerator) self = g_new0 (TnGenerator, 1);
  TnPool *pool = tn_pool_default ();

  self->model = tn_model_ref (model);
  if ((self->keys = tn_pool_alloc_array (pool, TN_PURPOSE_ACTIVATIONS, cache, sizeof (float), error)) == NULL ||
      (self->values = tn_pool_alloc_array (pool, TN_PURPOSE_ACTIVATIONS, cache, sizeof (float), error)) == NULL ||
      (self->work = tn_pool_alloc_array (pool, TN_PURPOSE_ACTIVATIONS, work, sizeof (float), error)) == NULL)
    return NULL;
  self->residual = self->work;
  self->normed = self->residual + config->n_embd;
  self->q = self->normed + config->n_embd;
  self->attended = self->q + heads;
  self->gate = self->attended + heads;
  self->up = self->gate + config->n_ff;
  self->scores = self->up + config->n_ff;
  self->logits = self->scores + config->n_context;
  return g_steal_pointer (&self);
}

void
tn_generator_free (TnGenerator *self)
{
  if (self == NULL)
    return;
  tn_pool_release (tn_pool_default (), self->keys);
  tn_pool_release (tn_pool_default (), self->values);
  tn_pool_release (tn_pool_default (), self->work);
  tn_model_unref (self->model);
  g_free (self);
}

static void
attend (TnGenerator *self, const float *keys, const float *values)
{
  const TnLlamaConfig *config = &self->model->config;
  gsize width_kv = (gsize) config->n_head_kv * config->head_dim;
  guint seen = self->position + 1;
  float scale = (float) (1.0 / sqrt (config->head_dim));

  for (guint head = 0; head < config->n_head; head++)
    {
      gsize place_kv = (gsize) (head / (config->n_head / config->n_head_kv)) * config->head_dim;
      gsize place = (gsize) head * config->head_dim;

      tn_linear_product (self->q + place, config->head_dim, keys + place_kv, width_kv, self->scores, seen, 1, seen, config->head_dim, scale);
      tn_softmax (self->scores, seen);
      tn_linear_product_plain (self->scores, seen, values + place_kv, width_kv, self->attended + place, config->head_dim, 1, config->head_dim, seen);
    }
}

static gboolean
run_block (TnGenerator *self, const TnBatch *one, guint index, GError **error)
{
  const TnLlamaConfig *config = &self->model->config;
  const TnBlockLayers *block = &self->model->blocks[index];
  TnRopeFunc rotate = tn_model_rope (self->model);
  gsize width_kv = (gsize) config->n_head_kv * config->head_dim;
  float *keys = self->keys + (gsize) index * config->n_context * width_kv, *values = self->values + (gsize) index * config->n_context * width_kv;
  float *key = keys + self->position * width_kv;
  const float *cosine = self->model->cosine + (gsize) self->position * (config->rope_dim / 2);
  const float *sine = self->model->sine + (gsize) self->position * (config->rope_dim / 2);

  tn_rmsnorm (self->residual, block->attn_norm, config->norm_epsilon, 1, config->n_embd, self->normed);
  if (!tn_linear_forward (block->weights[TN_LAYER_ATTN_Q], one, self->normed, self->q, error) ||
      !tn_linear_forward (block->weights[TN_LAYER_ATTN_K], one, self->normed, key, error) ||
      !tn_linear_forward (block->weights[TN_LAYER_ATTN_V], one, self->normed, values + self->position * width_kv, error))
    return FALSE;
  rotate (self->q, config->n_head, config->head_dim, config->rope_dim, cosine, sine);
  rotate (key, config->n_head_kv, config->head_dim, config->rope_dim, cosine, sine);
  attend (self, keys, values);
  if (!tn_linear_forward (block->weights[TN_LAYER_ATTN_OUTPUT], one, self->attended, self->normed, error))
    return FALSE;
  tn_add (self->residual, self->normed, config->n_embd);
  tn_rmsnorm (self->residual, block->ffn_norm, config->norm_epsilon, 1, config->n_embd, self->normed);
  if (!tn_linear_forward (block->weights[TN_LAYER_FFN_GATE], one, self->normed, self->gate, error) ||
      !tn_linear_forward (block->weights[TN_LAYER_FFN_UP], one, self->normed, self->up, error))
    return FALSE;
  if (config->activation == TN_ACTIVATION_SILU)
    tn_silu_multiply (self->gate, self->up, config->n_ff);
  else
    tn_relu2_multiply (self->gate, self->up, config->n_ff);
  if (!tn_linear_forward (block->weights[TN_LAYER_FFN_DOWN], one, self->gate, self->normed, error))
    return FALSE;
  tn_add (self->residual, self->normed, config->n_embd);
  return TRUE;
}

const float *
tn_generator_step (TnGenerator *self, gint32 token, GError **error)
{
  const TnLlamaConfig *config = &self->model->config;
  const TnSequence sequence = { .length = 1, .tokens = &token };
  g_autoptr (TnBatch) one = tn_batch_new (&sequence, 1);

  if (token < 0 || (guint) token >= config->n_vocab)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA, _("token %d is outside the model's vocabulary of %u: the tokenizer is of another model"), token,
                   config->n_vocab);
      return NULL;
    }
  if (self->position >= config->n_context)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _("the model's context of %u tokens is full"), config->n_context);
      return NULL;
    }
  tn_tensor_decode_rows (self->model->embedding, (guint64) token, 1, self->residual);
  for (guint i = 0; i < config->n_layer; i++)
    if (!run_block (self, one, i, error))
      return NULL;
  tn_rmsnorm (self->residual, self->model->output_norm, config->norm_epsilon, 1, config->n_embd, self->normed);
  if (!tn_linear_forward (self->model->head, one, self->normed, self->logits, error))
    return NULL;
  self->position++;
  return self->logits;
}

typedef struct
{
  float  probability;
  gint32 token;
} Candidate;

static int
compare_candidates (gconstpointer a, gconstpointer b)
{
  const Candidate *x = a, *y = b;

  if (x->probability != y->probability)
    return x->probability > y->probability ? -1 : 1;
  return x->token - y->token;
}

gint32
tn_sample_token (const float *logits, guint n_vocab, double temperature, double top_p, double uniform)
{
  g_autofree Candidate *candidates = NULL;
  double mass = 0.0, total = 0.0;
  gint32 best = 0;
  guint kept = 0;

  for (guint i = 1; i < n_vocab; i++)
    if (logits[i] > logits[best])
      best = (gint32) i;
  if (temperature <= 0.0)
    return best;
  candidates = g_new (Candidate, n_vocab);
  for (guint i = 0; i < n_vocab; i++)
    {
      candidates[i] = (Candidate) { (float) exp (((double) logits[i] - (double) logits[best]) / temperature), (gint32) i };
      total += (double) candidates[i].probability;
    }
  qsort (candidates, n_vocab, sizeof *candidates, compare_candidates);
  while (kept < n_vocab && (kept == 0 || mass < top_p * total))
    mass += (double) candidates[kept++].probability;
  uniform *= mass;
  for (guint i = 0; i + 1 < kept; i++)
    {
      uniform -= (double) candidates[i].probability;
      if (uniform < 0.0)
        return candidates[i].token;
    }
  return candidates[kept - 1].token;
}
