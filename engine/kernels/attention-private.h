/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <math.h>

#include "engine/kernels/attention.h"
#include "engine/kernels/matrix-product.h"

G_BEGIN_DECLS

/* Private to engine/kernels: what attention and its gradient share. */

static inline gsize
tn_attention_padded (gsize n)
{
  return (n + TN_PANEL_COLUMNS - 1) / TN_PANEL_COLUMNS * TN_PANEL_COLUMNS;
}

static inline float
tn_attention_scale (const TnAttentionHead *self)
{
  return (float) (1.0 / sqrt ((double) self->head_dim));
}

/* Rows first .. first + n of x (stride apart), rotated: [n, head_dim]. */
void tn_attention_rotate (const TnAttentionHead *self, const float *x, gsize stride, guint first, guint n, float *rotated);
/* scores [n, stride]: the tile's n queries [n, head_dim], which begin with token first, times columns (keys, or values) in panels
 * [length, in panels][head_dim]. What is behind a query's own token is computed only where a panel has others. */
void tn_attention_scores (const TnAttentionHead *self, const float *tile, gsize tile_stride, guint first, guint n, const float *panels,
                          float *scores, gsize stride);

G_END_DECLS
