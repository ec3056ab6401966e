/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/attention.h"

#include <math.h>
#include <string.h>

#include "engine/kernels/matrix-product.h"
#include "engine/kernels/softmax.h"
#include "engine/nn/model-private.h"

/* One head of one sequence. Rows of q, k and v are width and width_kv apart. */
typedef struct
{
  const TnLlamaConfig *config;
  const TnForwardScratch *scratch;
  guint length;
  gsize width, width_kv;
  float scale;
  float *q;
  const float *k, *v;
  float *rotated;       /* [TN_PANEL_COLUMNS, head_dim] */
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
  return TN_PANEL_COLUMNS * config->head_dim + tn_panel_count (longest, config->head_dim) +
         tn_panel_count (config->head_dim, longest) + TN_ATTENTION_TILE * whole_panels (longest);
}

static float
score_scale (const TnLlamaConfig *config)
{
  return (float) (1.0 / sqrt (config->head_dim));
}

static void
rotate (const Head *self, float *x, guint position)
{
  const TnLlamaConfig *config = self->config;
  gsize half = config->rope_dim / 2;

  tn_llama_rope (config) (x, 1, config->head_dim, config->rope_dim, self->scratch->cosines + position * half,
                          self->scratch->sines + position * half);
}

static void
multiply (float *x, gsize n, float factor)
{
  for (gsize i = 0; i < n; i++)
    x[i] *= factor;
}

static void
pack_keys (const Head *self)
{
  gsize head_dim = self->config->head_dim;

  for (guint first = 0; first < self->length; first += TN_PANEL_COLUMNS)
    {
      guint n = MIN (TN_PANEL_COLUMNS, self->length - first);

      for (guint i = 0; i < n; i++)
        {
          float *row = self->rotated + i * head_dim;

          memcpy (row, self->k + (first + i) * self->width_kv, head_dim * sizeof *row);
          rotate (self, row, first + i);
        }
      tn_panel_pack_transposed (self->rotated, head_dim, n, head_dim, self->keys + first * head_dim);
    }
}

/* Queries first .. first + n; scores behind a query's own key are computed only where a panel has others, and never read. */
static void
attend_tile (const Head *self, guint first, guint n)
{
  float *tile = self->q + first * self->width;
  gsize head_dim = self->config->head_dim;
  float factors[TN_ATTENTION_TILE];

  for (guint i = 0; i < n; i++)
    rotate (self, tile + i * self->width, first + i);
  for (guint key = 0; key < first + n; key += TN_PANEL_COLUMNS)
    {
      guint start = MAX (first, key);

      tn_panel_multiply (self->q + start * self->width, self->width, first + n - start, self->keys + key * head_dim, head_dim,
                         TN_PANEL_COLUMNS, head_dim, self->scores + (start - first) * self->stride + key, self->stride,
                         TN_CHAIN_START);
    }
  for (guint i = 0; i < n; i++)
    tn_softmax (self->scores + i * self->stride, first + i + 1, self->scale, &factors[i]);
  for (gsize column = 0; column < head_dim; column += TN_PANEL_COLUMNS)
    tn_panel_multiply (self->scores, self->stride, n, self->values + column * self->length, self->length,
                       MIN (TN_PANEL_COLUMNS, head_dim - column), first + 1, tile + column, self->width, TN_CHAIN_CAUSAL);
  for (guint i = 0; i < n; i++)
    multiply (tile + i * self->width, head_dim, factors[i]);
}

static void
attend_head (const Head *self)
{
  pack_keys (self);
  tn_panel_pack (self->v, self->width_kv, self->config->head_dim, self->length, self->values);
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
          .config = config,
          .scratch = scratch,
          .length = scratch->batch->sequences[s].length,
          .width = width,
          .width_kv = width_kv,
          .scale = score_scale (config),
          .q = q + row * width + place,
          .k = k + row * width_kv + place_kv,
          .v = v + row * width_kv + place_kv,
          .rotated = tn_forward_scratch_tile (scratch),
      };

      self.stride = whole_panels (self.length);
      self.keys = self.rotated + TN_PANEL_COLUMNS * config->head_dim;
      self.values = self.keys + tn_panel_count (self.length, config->head_dim);
      self.scores = self.values + tn_panel_count (config->head_dim, self.length);
      attend_head (&self);
    }
}

void
tn_attention_step (const TnLlamaConfig *config, const float *q, const float *k, const float *v, guint n, float *scores, float *out)
{
  gsize width_kv = (gsize) config->n_head_kv * config->head_dim, head_dim = config->head_dim;

  for (guint head = 0; head < config->n_head; head++)
    {
      gsize place = head * head_dim, place_kv = head / (config->n_head / config->n_head_kv) * head_dim;
      float factor;

      tn_vector_multiply_transposed (q + place, k + place_kv, width_kv, n, head_dim, scores, TN_CHAIN_START);
      tn_softmax (scores, n, score_scale (config), &factor);
      tn_vector_multiply (scores, v + place_kv, width_kv, head_dim, n, out + place, TN_CHAIN_START);
      multiply (out + place, head_dim, factor);
    }
}
