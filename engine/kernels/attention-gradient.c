/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kernels/attention-private.h"

#include <string.h>

#include "engine/kernels/softmax.h"

/* Gradients of keys and values are summed transposed, so that the tile's scores are the right side of every product: as panels
 * they come from rows by copying. */
typedef struct
{
  gsize stride;                       /* length, in whole panels */
  float *keys;                        /* rotated: [length, head_dim] */
  float *keys_across, *values_across; /* panels of k^T and v^T */
  float *keys_along;                  /* panels of k */
  float *k_sums, *v_sums;             /* [head_dim, stride] */
  float *queries;                     /* [TN_ATTENTION_TILE, head_dim], and then the gradient of them */
  float *across;                      /* panels of a tile transposed */
  float *queries_turned, *out_turned; /* [head_dim, TN_ATTENTION_TILE] */
  float *scores, *gradients;          /* [TN_ATTENTION_TILE, stride] */
  float *panels;                      /* of either */
} Parts;

/* Gives the parts their places, and returns the floats of all. */
static gsize
divide (Parts *parts, float *scratch, guint length, gsize head_dim)
{
  gsize stride = tn_attention_padded (length), panels = tn_panel_count (length, head_dim), tile = TN_ATTENTION_TILE * head_dim;
  gsize along = tn_panel_count (head_dim, length), scores = TN_ATTENTION_TILE * stride;
  const struct
  {
    float **part;
    gsize count;
  } all[] = {
      {&parts->keys, panels},         {&parts->keys_across, panels}, {&parts->values_across, panels}, {&parts->keys_along, along},
      {&parts->k_sums, panels},       {&parts->v_sums, panels},      {&parts->queries, tile},         {&parts->across, tile},
      {&parts->queries_turned, tile}, {&parts->out_turned, tile},    {&parts->scores, scores},        {&parts->gradients, scores},
      {&parts->panels, scores},
  };
  gsize count = 0;

  parts->stride = stride;
  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    {
      *all[i].part = scratch != NULL ? scratch + count : NULL;
      count += all[i].count;
    }
  return count;
}

gsize
tn_attention_gradient_count (guint length, gsize head_dim)
{
  Parts parts;

  return divide (&parts, NULL, length, head_dim);
}

/* turned [head_dim, TN_ATTENTION_TILE]: the n rows of a tile as columns. */
static void
turn (const Parts *parts, const float *rows, gsize row_stride, guint n, gsize head_dim, float *turned)
{
  tn_panel_pack_transposed (rows, row_stride, n, head_dim, parts->across);
  for (guint first = 0; first < n; first += TN_PANEL_COLUMNS)
    for (gsize i = 0; i < head_dim; i++)
      memcpy (turned + i * TN_ATTENTION_TILE + first, parts->across + first * head_dim + i * TN_PANEL_COLUMNS,
              TN_PANEL_COLUMNS * sizeof *turned);
}

/* sums [head_dim, keys] += turned [head_dim, n] rows [n, keys]; keys behind a query's own count for nothing. */
static void
add_products (const Parts *parts, const float *turned, gsize head_dim, const float *rows, guint first, guint n, float *sums)
{
  guint before = first / TN_PANEL_COLUMNS * TN_PANEL_COLUMNS;

  tn_panel_pack (rows, parts->stride, tn_attention_padded (first + n), n, parts->panels);
  tn_panel_multiply (turned, TN_ATTENTION_TILE, head_dim, parts->panels, n, before, n, sums, parts->stride, TN_CHAIN_RESUME);
  for (guint key = before; key < first + n; key += TN_PANEL_COLUMNS)
    {
      guint skip = MAX (first, key) - first;

      tn_panel_multiply (turned + skip, TN_ATTENTION_TILE, head_dim, parts->panels + key * n + skip * TN_PANEL_COLUMNS, n,
                         TN_PANEL_COLUMNS, n - skip, sums + key, parts->stride, TN_CHAIN_RESUME);
    }
}

static void
take_query_gradient (const TnAttentionGradient *self, const Parts *parts, guint first, guint n, float *out)
{
  const TnAttentionHead *head = &self->head;
  gsize head_dim = head->head_dim, half = head->rope_dim / 2;

  for (gsize column = 0; column < head_dim; column += TN_PANEL_COLUMNS)
    tn_panel_multiply (parts->gradients, parts->stride, n, parts->keys_along + column * head->length, head->length,
                       MIN (TN_PANEL_COLUMNS, head_dim - column), first + 1, parts->queries + column, head_dim, TN_CHAIN_CAUSAL);
  for (guint i = 0; i < n; i++)
    {
      float *row = parts->queries + i * head_dim, *place = out + (first + i) * head->q_stride;

      if (half > 0)
        tn_rope_back (head->rope_layout, row, 1, head_dim, head->rope_dim, head->cosines + (first + i) * half,
                      head->sines + (first + i) * half);
      for (gsize k = 0; k < head_dim; k++)
        place[k] = self->q_adds ? place[k] + row[k] : row[k];
    }
}

static void
run_tile (const TnAttentionGradient *self, const Parts *parts, guint query, guint first, guint n)
{
  const TnAttentionHead *head = &self->head;
  gsize head_dim = head->head_dim, place = query * head_dim;
  const float *out_gradient = self->out_gradient + first * head->q_stride + place;
  float factors[TN_ATTENTION_TILE];

  tn_attention_rotate (head, head->q + place, head->q_stride, first, n, parts->queries);
  turn (parts, parts->queries, head_dim, n, head_dim, parts->queries_turned);
  turn (parts, out_gradient, head->q_stride, n, head_dim, parts->out_turned);
  tn_attention_scores (head, parts->queries, head_dim, first, n, parts->keys_across, parts->scores, parts->stride);
  tn_attention_scores (head, out_gradient, head->q_stride, first, n, parts->values_across, parts->gradients, parts->stride);
  for (guint i = 0; i < n; i++)
    {
      float *scores = parts->scores + i * parts->stride, *gradients = parts->gradients + i * parts->stride;
      guint own = first + i + 1;
      gsize rest = (tn_attention_padded (first + n) - own) * sizeof *scores;

      tn_softmax (scores, own, tn_attention_scale (head), &factors[i]);
      tn_softmax_gradient (scores, gradients, own, tn_attention_scale (head), factors[i]);
      memset (scores + own, 0, rest);
      memset (gradients + own, 0, rest);
    }
  if (self->v_gradient != NULL)
    add_products (parts, parts->out_turned, head_dim, parts->scores, first, n, parts->v_sums);
  if (self->k_gradient != NULL)
    add_products (parts, parts->queries_turned, head_dim, parts->gradients, first, n, parts->k_sums);
  if (self->q_gradient != NULL)
    take_query_gradient (self, parts, first, n, self->q_gradient + place);
}

/* The row of panels that begins there, panels being as many rows deep. */
static void
copy_row (const float *panels, gsize depth, gsize n, float *row)
{
  for (; n >= TN_PANEL_COLUMNS; n -= TN_PANEL_COLUMNS, panels += depth * TN_PANEL_COLUMNS, row += TN_PANEL_COLUMNS)
    memcpy (row, panels, TN_PANEL_COLUMNS * sizeof *row); /* of a size that is known: not a call */
  memcpy (row, panels, n * sizeof *row);
}

/* sums [head_dim, stride] to out [length, head_dim]. */
static void
put_sums (const TnAttentionHead *head, const Parts *parts, const float *sums, gboolean rotated, gboolean adds, float *out)
{
  gsize head_dim = head->head_dim, half = rotated ? head->rope_dim / 2 : 0;
  float *row = parts->queries;

  tn_panel_pack_transposed (sums, parts->stride, head_dim, head->length, parts->keys_along);
  for (guint i = 0; i < head->length; i++, out += head->kv_stride)
    {
      copy_row (parts->keys_along + i * TN_PANEL_COLUMNS, head->length, head_dim, row);
      if (half > 0)
        tn_rope_back (head->rope_layout, row, 1, head_dim, head->rope_dim, head->cosines + i * half, head->sines + i * half);
      for (gsize k = 0; k < head_dim; k++)
        out[k] = adds ? out[k] + row[k] : row[k];
    }
}

void
tn_attention_gradient (const TnAttentionGradient *self)
{
  const TnAttentionHead *head = &self->head;
  gsize head_dim = head->head_dim;
  Parts parts;

  divide (&parts, head->scratch, head->length, head_dim);
  tn_attention_rotate (head, head->k, head->kv_stride, 0, head->length, parts.keys);
  tn_panel_pack_transposed (parts.keys, head_dim, head->length, head_dim, parts.keys_across);
  tn_panel_pack (parts.keys, head_dim, head_dim, head->length, parts.keys_along);
  tn_panel_pack_transposed (head->v, head->kv_stride, head->length, head_dim, parts.values_across);
  memset (parts.k_sums, 0, head_dim * parts.stride * sizeof (float));
  memset (parts.v_sums, 0, head_dim * parts.stride * sizeof (float));
  for (guint query = 0; query < self->n_queries; query++)
    for (guint first = 0; first < head->length; first += TN_ATTENTION_TILE)
      run_tile (self, &parts, query, first, MIN (TN_ATTENTION_TILE, head->length - first));
  if (self->k_gradient != NULL)
    put_sums (head, &parts, parts.k_sums, TRUE, self->k_adds, self->k_gradient);
  if (self->v_gradient != NULL)
    put_sums (head, &parts, parts.v_sums, FALSE, self->v_adds, self->v_gradient);
}
