/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/scratch.h"

#include <omp.h>

#include "engine/device/device.h"
#include "engine/kernels/rope.h"
#include "engine/nn/attention.h"
#include "engine/nn/head.h"
#include "engine/nn/linear.h"
#include "engine/nn/model-private.h"

/* Decoded weights at a time: about the share of the last cache that a desktop processor leaves us. */
#define WEIGHT_BYTES ((gsize) 16 << 20)

/* Floats for layers that are computed together: all of them, or at least the largest block. */
static gsize
weights_for (const TnTensor *const *weights, guint n)
{
  gsize all = 0, largest = 0;

  for (guint i = 0; i < n; i++)
    if (weights[i] != NULL && !tn_linear_in_place (weights[i]))
      {
        gsize columns = tn_tensor_columns (weights[i]);

        all += tn_tensor_rows (weights[i]) * columns;
        largest = MAX (largest, tn_linear_block_rows (weights[i]) * columns);
      }
  return MIN (all, MAX (largest, WEIGHT_BYTES / sizeof (float)));
}

void
tn_forward_scratch_plan (TnModel *model, gsize n_tokens, guint longest, gboolean with_head, TnForwardScratch *plan)
{
  const TnLlamaConfig *config = &model->config;
  gsize budget = tn_pool_get_budget (tn_pool_default ());

  *plan = (TnForwardScratch){.longest = longest, .threads = tn_device_get_threads ()};
  for (guint i = 0; i < config->n_layer; i++)
    {
      const TnTensor *const *weights = model->blocks[i].weights;

      plan->weight_count = MAX (plan->weight_count, weights_for (&weights[TN_LAYER_ATTN_Q], 3));
      plan->weight_count = MAX (plan->weight_count, weights_for (&weights[TN_LAYER_ATTN_OUTPUT], 1));
      plan->weight_count = MAX (plan->weight_count, weights_for (&weights[TN_LAYER_FFN_GATE], 2));
      plan->weight_count = MAX (plan->weight_count, weights_for (&weights[TN_LAYER_FFN_DOWN], 1));
    }
  plan->tile_count = tn_attention_tile_count (longest);
  plan->rope_count = (gsize) longest * (config->rope_dim / 2);
  if (with_head)
    {
      plan->weight_count = MAX (plan->weight_count, weights_for (&model->head, 1));
      plan->tile_count = MAX (plan->tile_count, tn_head_tile_count (model->head, longest));
      plan->piece_count = tn_head_piece_count (model->head, n_tokens);
    }
  plan->release_in_place = budget != 0 && model->mapped_bytes > budget / 4;
}

gsize
tn_forward_scratch_bytes (const TnForwardScratch *plan)
{
  return tn_pool_block_bytes (plan->weight_count * sizeof (float)) +
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

  if ((self->weights = tn_pool_alloc_array (pool, TN_PURPOSE_SCRATCH, self->weight_count, sizeof (float), error)) == NULL ||
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
