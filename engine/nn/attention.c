/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/nn/attention.h"

#include <math.h>
#include <omp.h>

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

static gsize
whole_panels (gsize n)
{
  return (n + TN_PANEL_COLUMNS - 1) / TN_PANEL_COLUMNS * TN_PANEL_COLUMNS;
}

static float
score_scale (const TnLlamaConfig *config)
{
  return (float) (1.0 / sqrt (config->head_dim));
}

static void
multiply (float *x, gsize n, float factor)
{
  for (gsize i = 0; i < n; i++)
    x[i] *= factor;
}

/* Positions whose values are packed at a time, and the least work that is worth waking threads for. */
#define STEP_DEPTH 64
#define STEP_LEAST ((gsize) 1 << 18)

/* The last token's query heads that share a key/value head: what is packed once meets them all. */
typedef struct
{
  const TnLlamaConfig *config;
  const float *q, *k, *v; /* of the heads */
  guint n;
  gsize width_kv;
  float *scores; /* [heads, stride] */
  gsize stride;
  float *panels;
  float *out;
} StepHeads;

static void
attend_step (const StepHeads *self)
{
  gsize head_dim = self->config->head_dim, heads = self->config->n_head / self->config->n_head_kv;

  for (gsize key = 0; key < self->n; key += TN_PANEL_COLUMNS)
    {
      gsize n = MIN (TN_PANEL_COLUMNS, self->n - key);

      tn_panel_pack_transposed (self->k + key * self->width_kv, self->width_kv, n, head_dim, self->panels);
      tn_panel_multiply (self->q, head_dim, heads, self->panels, head_dim, n, head_dim, self->scores + key, self->stride,
                         TN_CHAIN_START);
    }
  for (gsize head = 0; head < heads; head++)
    {
      float *row = self->scores + head * self->stride, factor;

      tn_softmax (row, self->n, score_scale (self->config), &factor);
      row[self->n] = factor;
    }
  for (gsize first = 0; first < self->n; first += STEP_DEPTH)
    {
      gsize depth = MIN (STEP_DEPTH, self->n - first);

      tn_panel_pack (self->v + first * self->width_kv, self->width_kv, head_dim, depth, self->panels);
      tn_panel_multiply (self->scores + first, self->stride, heads, self->panels, depth, head_dim, depth, self->out, head_dim,
                         first > 0 ? TN_CHAIN_RESUME : TN_CHAIN_START);
    }
  for (gsize head = 0; head < heads; head++)
    multiply (self->out + head * head_dim, head_dim, self->scores[head * self->stride + self->n]);
}

static gsize
step_panel_count (const TnLlamaConfig *config)
{
  return MAX (tn_panel_count (TN_PANEL_COLUMNS, config->head_dim), tn_panel_count (config->head_dim, STEP_DEPTH));
}

/* Behind its scores a head has a place for their factor. */
static gsize
step_stride (guint n)
{
  return whole_panels ((gsize) n + 1);
}

gsize
tn_attention_step_count (const TnLlamaConfig *config, guint n, guint threads)
{
  return threads * step_panel_count (config) + config->n_head * step_stride (n);
}

void
tn_attention_step (const TnLlamaConfig *config, const float *q, const float *k, const float *v, guint n, guint threads,
                   float *scratch, float *out)
{
  gsize head_dim = config->head_dim, heads = config->n_head / config->n_head_kv, panel_count = step_panel_count (config);
  gboolean wakes = config->n_head * head_dim * n >= STEP_LEAST;

#pragma omp parallel for schedule(static) num_threads((int) threads) if (wakes)
  for (guint head = 0; head < config->n_head_kv; head++)
    attend_step (&(const StepHeads){
        .config = config,
        .q = q + head * heads * head_dim,
        .k = k + head * head_dim,
        .v = v + head * head_dim,
        .n = n,
        .width_kv = config->n_head_kv * head_dim,
        .scores = scratch + threads * panel_count + head * heads * step_stride (n),
        .stride = step_stride (n),
        .panels = scratch + (gsize) omp_get_thread_num () * panel_count,
        .out = out + head * heads * head_dim,
    });
}
