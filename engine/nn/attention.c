/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/attention.h"

#include <math.h>

#include "engine/device/device.h"
#include "engine/kernels/softmax.h"
#include "engine/nn/linear.h"

gsize
tn_attention_estimate_scratch (guint longest)
{
  return (gsize) tn_device_get_threads () * TN_ATTENTION_TILE * MAX (longest, 1) * sizeof (float);
}

static void
attend_head (const TnLlamaConfig *config, guint length, guint head, const float *q, const float *k, const float *v, float *out, float *scores)
{
  gsize width = (gsize) config->n_head * config->head_dim, width_kv = (gsize) config->n_head_kv * config->head_dim;
  gsize place = (gsize) head * config->head_dim, place_kv = (gsize) (head / (config->n_head / config->n_head_kv)) * config->head_dim;
  float scale = (float) (1.0 / sqrt (config->head_dim));

  for (guint first = 0; first < length; first += TN_ATTENTION_TILE)
    {
      guint n = MIN (TN_ATTENTION_TILE, length - first), seen = first + n;

      tn_linear_product (q + first * width + place, width, k + place_kv, width_kv, scores, seen, n, seen, config->head_dim, scale);
      for (guint i = 0; i < n; i++)
        {
          float *row = scores + (gsize) i * seen;

          tn_softmax (row, first + i + 1);
          for (guint j = first + i + 1; j < seen; j++)
            row[j] = 0.0f;
        }
      tn_linear_product_plain (scores, seen, v + place_kv, width_kv, out + first * width + place, width, n, config->head_dim, seen);
    }
}

gboolean
tn_attention_forward (const TnLlamaConfig *config, const TnBatch *batch, const float *q, const float *k, const float *v, float *out, GError **error)
{
  gsize width = (gsize) config->n_head * config->head_dim, width_kv = (gsize) config->n_head_kv * config->head_dim;
  g_autofree gsize *first_row = g_new (gsize, batch->n_sequences + 1);
  gint64 n_items = (gint64) batch->n_sequences * config->n_head;
  g_autoptr (TnBlock) scratch = NULL;
  guint longest = 1;
  gint next_slot = 0;

  first_row[0] = 0;
  for (guint s = 0; s < batch->n_sequences; s++)
    {
      first_row[s + 1] = first_row[s] + batch->sequences[s].length;
      longest = MAX (longest, batch->sequences[s].length);
    }
  scratch = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, tn_attention_estimate_scratch (longest), error);
  if (scratch == NULL)
    return FALSE;
#pragma omp parallel num_threads((int) tn_device_get_threads ())
  {
    float *scores = (float *) scratch + (gsize) g_atomic_int_add (&next_slot, 1) * TN_ATTENTION_TILE * longest;

#pragma omp for schedule(dynamic)
    for (gint64 item = 0; item < n_items; item++)
      {
        guint s = (guint) (item / config->n_head);
        gsize row = first_row[s];

        attend_head (config, batch->sequences[s].length, (guint) (item % config->n_head), q + row * width, k + row * width_kv, v + row * width_kv,
                     out + row * width, scores);
      }
  }
  return TRUE;
}
