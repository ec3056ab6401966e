/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/attention-private.h"

#include <string.h>

#include "engine/kernels/softmax.h"

/* The parts of the scratch. */
typedef struct
{
  float *tile;          /* [TN_ATTENTION_TILE, head_dim]: queries, and keys on their way to their panels */
  float *keys, *values; /* as panels */
  float *scores;        /* [TN_ATTENTION_TILE, stride] */
  gsize stride;
} Parts;

gsize
tn_attention_head_count (guint length, gsize head_dim)
{
  return TN_ATTENTION_TILE * head_dim + tn_panel_count (length, head_dim) + tn_panel_count (head_dim, length) +
         TN_ATTENTION_TILE * tn_attention_padded (length);
}

void
tn_attention_rotate (const TnAttentionHead *self, const float *x, gsize stride, guint first, guint n, float *rotated)
{
  gsize half = self->rope_dim / 2;

  for (guint i = first; i < first + n; i++, rotated += self->head_dim)
    {
      memcpy (rotated, x + i * stride, self->head_dim * sizeof *x);
      if (half > 0)
        tn_rope_get_func (self->rope_layout) (rotated, 1, self->head_dim, self->rope_dim, self->cosines + i * half,
                                              self->sines + i * half);
    }
}

void
tn_attention_scores (const TnAttentionHead *self, const float *tile, gsize tile_stride, guint first, guint n, const float *panels,
                     float *scores, gsize stride)
{
  gsize head_dim = self->head_dim;

  for (guint key = 0; key < first + n; key += TN_PANEL_COLUMNS)
    {
      guint start = MAX (first, key);

      tn_panel_multiply (tile + (start - first) * tile_stride, tile_stride, first + n - start, panels + key * head_dim, head_dim,
                         TN_PANEL_COLUMNS, head_dim, scores + (start - first) * stride + key, stride, TN_CHAIN_START);
    }
}

static void
multiply (float *x, gsize n, float factor)
{
  for (gsize i = 0; i < n; i++)
    x[i] *= factor;
}

static void
pack_keys (const TnAttentionHead *self, const Parts *parts)
{
  for (guint first = 0; first < self->length; first += TN_PANEL_COLUMNS)
    {
      guint n = MIN (TN_PANEL_COLUMNS, self->length - first);

      tn_attention_rotate (self, self->k, self->kv_stride, first, n, parts->tile);
      tn_panel_pack_transposed (parts->tile, self->head_dim, n, self->head_dim, parts->keys + first * self->head_dim);
    }
}

/* Queries first .. first + n, which are read before their place in out is written. */
static void
attend_tile (const TnAttentionHead *self, const Parts *parts, guint first, guint n, float *out)
{
  gsize head_dim = self->head_dim;
  float factors[TN_ATTENTION_TILE];

  tn_attention_rotate (self, self->q, self->q_stride, first, n, parts->tile);
  tn_attention_scores (self, parts->tile, head_dim, first, n, parts->keys, parts->scores, parts->stride);
  for (guint i = 0; i < n; i++)
    tn_softmax (parts->scores + i * parts->stride, first + i + 1, tn_attention_scale (self), &factors[i]);
  for (gsize column = 0; column < head_dim; column += TN_PANEL_COLUMNS)
    tn_panel_multiply (parts->scores, parts->stride, n, parts->values + column * self->length, self->length,
                       MIN (TN_PANEL_COLUMNS, head_dim - column), first + 1, out + column, self->q_stride, TN_CHAIN_CAUSAL);
  for (guint i = 0; i < n; i++)
    multiply (out + i * self->q_stride, head_dim, factors[i]);
}

void
tn_attention_head (const TnAttentionHead *self, float *out)
{
  Parts parts = {.tile = self->scratch, .stride = tn_attention_padded (self->length)};

  parts.keys = parts.tile + TN_ATTENTION_TILE * self->head_dim;
  parts.values = parts.keys + tn_panel_count (self->length, self->head_dim);
  parts.scores = parts.values + tn_panel_count (self->head_dim, self->length);
  pack_keys (self, &parts);
  tn_panel_pack (self->v, self->kv_stride, self->head_dim, self->length, parts.values);
  for (guint first = 0; first < self->length; first += TN_ATTENTION_TILE)
    attend_tile (self, &parts, first, MIN (TN_ATTENTION_TILE, self->length - first), out + first * self->q_stride);
}
