/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/attention.h"

#include <math.h>
#include <string.h>

#include "engine/kernels/softmax.h"
#include "engine/nn/linear.h"

gsize
tn_attention_tile_count (guint longest)
{
  return (gsize) TN_ATTENTION_TILE * longest;
}

static void
attend_head (const TnLlamaConfig *config, guint length, guint head, float *q, const float *k, const float *v, float *scores)
{
  gsize width = (gsize) config->n_head * config->head_dim, width_kv = (gsize) config->n_head_kv * config->head_dim;
  float scale = (float) (1.0 / sqrt (config->head_dim));

  q += (gsize) head * config->head_dim;
  k += (gsize) (head / (config->n_head / config->n_head_kv)) * config->head_dim;
  v += (gsize) (head / (config->n_head / config->n_head_kv)) * config->head_dim;
  for (guint first = 0; first < length; first += TN_ATTENTION_TILE)
    {
      guint n = MIN (TN_ATTENTION_TILE, length - first), seen = first + n;
      float *tile = q + first * width;

      tn_product_transposed (tile, width, k, width_kv, scores, seen, n, seen, config->head_dim, scale);
      for (guint i = 0; i < n; i++)
        {
          float *row = scores + (gsize) i * seen;

          tn_softmax (row, first + i + 1);
          memset (row + first + i + 1, 0, (n - i - 1) * sizeof (float));
        }
      tn_product_plain (scores, seen, v, width_kv, tile, width, n, config->head_dim, seen);
    }
}

void
tn_attention_forward (const TnLlamaConfig *config, float *q, const float *k, const float *v, const TnForwardScratch *scratch)
{
  gsize width = (gsize) config->n_head * config->head_dim, width_kv = (gsize) config->n_head_kv * config->head_dim;
  gint64 n_items = (gint64) scratch->batch->n_sequences * config->n_head;

#pragma omp parallel for schedule(dynamic) num_threads((int) scratch->threads)
  for (gint64 item = 0; item < n_items; item++)
    {
      guint s = (guint) (item / config->n_head);
      gsize row = scratch->first_rows[s];

      attend_head (config, scratch->batch->sequences[s].length, (guint) (item % config->n_head), q + row * width,
                   k + row * width_kv, v + row * width_kv, tn_forward_scratch_tile (scratch));
    }
}
