/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/attention.h"

#include <math.h>

#include "engine/kernels/attention.h"
#include "engine/kernels/matrix-product.h"
#include "engine/kernels/softmax.h"
#include "engine/nn/model-private.h"

gsize
tn_attention_tile_count (const TnLlamaConfig *config, guint longest)
{
  return tn_attention_head_count (longest, config->head_dim);
}

void
tn_attention_forward (const TnLlamaConfig *config, float *q, const float *k, const float *v, const TnForwardScratch *scratch)
{
  gsize width = (gsize) config->n_head * config->head_dim, width_kv = (gsize) config->n_head_kv * config->head_dim;
  gint64 n_items = (gint64) scratch->batch->n_sequences * config->n_head;

#pragma omp parallel for schedule(dynamic) num_threads((int) scratch->threads)
  for (gint64 item = 0; item < n_items; item++)
    {
      guint s = (guint) (item / config->n_head), head = (guint) (item % config->n_head);
      gsize row = scratch->first_rows[s], place = (gsize) head * config->head_dim;
      gsize place_kv = (gsize) (head / (config->n_head / config->n_head_kv)) * config->head_dim;
      TnAttentionHead self = {
          .length = scratch->batch->sequences[s].length,
          .head_dim = config->head_dim,
          .q_stride = width,
          .kv_stride = width_kv,
          .rope_dim = config->rope_dim,
          .rope_layout = config->rope_layout,
          .cosines = scratch->cosines,
          .sines = scratch->sines,
          .q = q + row * width + place,
          .k = k + row * width_kv + place_kv,
          .v = v + row * width_kv + place_kv,
          .scratch = tn_forward_scratch_tile (scratch),
      };

      tn_attention_head (&self, q + row * width + place);
    }
}

static float
score_scale (const TnLlamaConfig *config)
{
  return (float) (1.0 / sqrt (config->head_dim));
}

void
tn_attention_step (const TnLlamaConfig *config, const float *q, const float *k, const float *v, guint n, float *scores,
                   float *out)
{
  gsize width_kv = (gsize) config->n_head_kv * config->head_dim, head_dim = config->head_dim;

  for (guint head = 0; head < config->n_head; head++)
    {
      gsize place = head * head_dim, place_kv = head / (config->n_head / config->n_head_kv) * head_dim;
      float factor;

      tn_vector_multiply_transposed (q + place, k + place_kv, width_kv, n, head_dim, scores, TN_CHAIN_START);
      tn_softmax (scores, n, score_scale (config), &factor);
      tn_vector_multiply (scores, v + place_kv, width_kv, head_dim, n, out + place, TN_CHAIN_START);
      for (gsize i = 0; i < head_dim; i++)
        out[place + i] *= factor;
    }
}
