/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/attention.h"

#include <math.h>

#include "engine/kernels/matrix-product.h"
#include "engine/kernels/softmax.h"

/* One head of one sequence. Rows of q, k and v are width and width_kv apart. */
typedef struct
{
  guint length, head_dim;
  gsize width, width_kv;
  float scale;
  float *q;
  const float *k, *v;
  float *keys, *values; /* as panels */
  float *scores;        /* [TN_ATTENTION_TILE, stride] */
  gsize stride;
} Head;

static gsize
whole_panels (gsize n)
{
  return (n + TN_PANEL_COLUMNS - 1) / TN_PANEL_COLUMNS * TN_PANEL_COLUMNS;
}

gsize
tn_attention_tile_count (const TnLlamaConfig *config, guint longest)
{
  return tn_panel_count (longest, config->head_dim) + tn_panel_count (config->head_dim, longest) +
         TN_ATTENTION_TILE * whole_panels (longest);
}

static void
scale_query (float *q, guint head_dim, float scale)
{
  for (guint i = 0; i < head_dim; i++)
    q[i] *= scale;
}

static float
query_scale (const TnLlamaConfig *config)
{
  return (float) (1.0 / sqrt (config->head_dim));
}

/* Queries first .. first + n; scores behind a query's own key are computed only where a panel has others, and never read. */
static void
attend_tile (const Head *self, guint first, guint n)
{
  float *tile = self->q + first * self->width;

  for (guint i = 0; i < n; i++)
    scale_query (tile + i * self->width, self->head_dim, self->scale);
  for (guint key = 0; key < first + n; key += TN_PANEL_COLUMNS)
    {
      guint start = MAX (first, key);

      tn_panel_multiply (self->q + start * self->width, self->width, first + n - start, self->keys + (gsize) key * self->head_dim,
                         self->head_dim, TN_PANEL_COLUMNS, self->head_dim, self->scores + (start - first) * self->stride + key,
                         self->stride, TN_CHAIN_START);
    }
  for (guint i = 0; i < n; i++)
    tn_softmax (self->scores + i * self->stride, first + i + 1);
  for (guint column = 0; column < self->head_dim; column += TN_PANEL_COLUMNS)
    tn_panel_multiply (self->scores, self->stride, n, self->values + (gsize) column * self->length, self->length,
                       MIN (TN_PANEL_COLUMNS, self->head_dim - column), first + 1, tile + column, self->width, TN_CHAIN_CAUSAL);
}

static void
attend_head (const Head *self)
{
  tn_panel_pack_transposed (self->k, self->width_kv, self->length, self->head_dim, self->keys);
  tn_panel_pack (self->v, self->width_kv, self->head_dim, self->length, self->values);
  for (guint first = 0; first < self->length; first += TN_ATTENTION_TILE)
    attend_tile (self, first, MIN (TN_ATTENTION_TILE, self->length - first));
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
      Head self = {
          .length = scratch->batch->sequences[s].length,
          .head_dim = config->head_dim,
          .width = width,
          .width_kv = width_kv,
          .scale = query_scale (config),
          .q = q + row * width + place,
          .k = k + row * width_kv + place_kv,
          .v = v + row * width_kv + place_kv,
          .keys = tn_forward_scratch_tile (scratch),
      };

      self.stride = whole_panels (self.length);
      self.values = self.keys + tn_panel_count (self.length, config->head_dim);
      self.scores = self.values + tn_panel_count (config->head_dim, self.length);
      attend_head (&self);
    }
}

void
tn_attention_step (const TnLlamaConfig *config, float *q, const float *k, const float *v, guint n, float *scores, float *out)
{
  gsize width_kv = (gsize) config->n_head_kv * config->head_dim, head_dim = config->head_dim;

  for (guint head = 0; head < config->n_head; head++)
    {
      gsize place = head * head_dim, place_kv = head / (config->n_head / config->n_head_kv) * head_dim;

      scale_query (q + place, config->head_dim, query_scale (config));
      tn_vector_multiply_transposed (q + place, k + place_kv, width_kv, n, head_dim, scores, TN_CHAIN_START);
      tn_softmax (scores, n);
      tn_vector_multiply (scores, v + place_kv, width_kv, head_dim, n, out + place, TN_CHAIN_START);
    }
}
