/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/scratch.h"

#include <omp.h>

#include "engine/device/device.h"
#include "engine/kernels/rope.h"
#include "engine/nn/attention.h"
#include "engine/nn/head.h"
#include "engine/nn/linear.h"
#include "engine/nn/model-private.h"

/* What threads have for themselves begins on a cache line of its own. */
#define ALIGNMENT (TN_POOL_ALIGNMENT / sizeof (float))

static gsize
align (gsize count)
{
  return (count + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

void
tn_forward_scratch_plan (TnModel *model, gsize n_tokens, guint longest, gboolean with_head, TnForwardScratch *plan)
{
  const TnLlamaConfig *config = &model->config;
  gsize budget = tn_pool_get_budget (tn_pool_default ());

  *plan = (TnForwardScratch){.longest = longest, .threads = tn_device_get_threads ()};
  for (guint i = 0; i < config->n_layer; i++)
    for (guint kind = 0; kind < TN_N_LAYERS; kind++)
      if (model->blocks[i].weights[kind] != NULL)
        plan->weight_count = MAX (plan->weight_count, tn_weight_block_count (model->blocks[i].weights[kind]));
  plan->tile_count = tn_attention_tile_count (config, longest);
  plan->rope_count = (gsize) longest * (config->rope_dim / 2);
  if (with_head)
    {
      plan->weight_count = MAX (plan->weight_count, tn_weight_block_count (model->head));
      plan->tile_count = MAX (plan->tile_count, tn_head_tile_count (model->head, n_tokens));
      plan->piece_count = tn_head_piece_count (model->head, n_tokens);
    }
  plan->weight_count = align (plan->weight_count);
  plan->tile_count = align (plan->tile_count);
  plan->release_in_place = budget != 0 && model->mapped_bytes > budget / 4;
}

gsize
tn_forward_scratch_bytes (const TnForwardScratch *plan)
{
  return tn_pool_block_bytes (plan->threads * plan->weight_count * sizeof (float)) +
         tn_pool_block_bytes (plan->threads * plan->tile_count * sizeof (float)) +
         tn_pool_block_bytes (plan->piece_count * TN_HEAD_PIECE_BYTES) +
         2 * tn_pool_block_bytes (plan->rope_count * sizeof (float));
}

gboolean
tn_forward_scratch_init (TnForwardScratch *self, TnModel *model, const TnBatch *batch, gboolean with_head, GError **error)
{
  const TnLlamaConfig *config = &model->config;
  TnPool *pool = tn_pool_default ();
  guint longest = 1;

  for (guint s = 0; s < batch->n_sequences; s++)
    longest = MAX (longest, batch->sequences[s].length);
  tn_forward_scratch_plan (model, batch->n_tokens, longest, with_head, self);

  self->batch = batch;
  self->first_rows = g_new0 (gsize, batch->n_sequences + 1);
  for (guint s = 0; s < batch->n_sequences; s++)
    self->first_rows[s + 1] = self->first_rows[s] + batch->sequences[s].length;

  if ((self->weights =
           tn_pool_alloc_array (pool, TN_PURPOSE_SCRATCH, self->threads * self->weight_count, sizeof (float), error)) == NULL ||
      (self->tiles = tn_pool_alloc_array (pool, TN_PURPOSE_SCRATCH, self->threads * self->tile_count, sizeof (float), error)) ==
          NULL ||
      (self->pieces = tn_pool_alloc_array (pool, TN_PURPOSE_SCRATCH, self->piece_count, TN_HEAD_PIECE_BYTES, error)) == NULL ||
      (self->cosines = tn_pool_alloc_array (pool, TN_PURPOSE_SCRATCH, self->rope_count, sizeof (float), error)) == NULL ||
      (self->sines = tn_pool_alloc_array (pool, TN_PURPOSE_SCRATCH, self->rope_count, sizeof (float), error)) == NULL)
    return FALSE;

  tn_rope_table (0, longest, config->rope_dim, config->rope_base, config->rope_scale, model->rope_factors, self->cosines,
                 self->sines);
  return TRUE;
}

void
tn_forward_scratch_clear (TnForwardScratch *self)
{
  TnPool *pool = tn_pool_default ();

  g_clear_pointer (&self->first_rows, g_free);
  tn_pool_release (pool, self->weights);
  tn_pool_release (pool, self->tiles);
  tn_pool_release (pool, self->pieces);
  tn_pool_release (pool, self->cosines);
  tn_pool_release (pool, self->sines);
}

float *
tn_forward_scratch_tile (const TnForwardScratch *self)
{
  return self->tiles + (gsize) omp_get_thread_num () * self->tile_count;
}

float *
tn_forward_scratch_weights (const TnForwardScratch *self)
{
  return self->weights + (gsize) omp_get_thread_num () * self->weight_count;
}
