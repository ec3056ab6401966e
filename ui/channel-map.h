/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/outliers.h"
#include "engine/calibration/stats.h"

G_BEGIN_DECLS

/* TnChannelMap: the channels of a site, and of the same site in the other blocks (blk.*.ffn_down.in), as far as they are of one width. */
typedef enum
{
  TN_CHANNEL_ABSMAX,
  TN_CHANNEL_STD,
  TN_CHANNEL_MEAN_SQUARE,
  TN_N_CHANNEL_MEASURES
} TnChannelMeasure;

typedef struct
{
  guint   width;
  guint   n_rows;
  guint   chosen;                        /* the row of the site itself */
  char  **names;                         /* [n_rows + 1], in the order of the blocks */
  double *values[TN_N_CHANNEL_MEASURES]; /* [n_rows * width]; NaN where nothing was seen */
  TnChannelFlags *flags;                 /* [n_rows * width] */
} TnChannelMap;

/* NULL when there is no such site. */
TnChannelMap *tn_channel_map_new           (const TnStats *stats, const char *site);
void          tn_channel_map_free          (TnChannelMap *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnChannelMap, tn_channel_map_free)

/* Outlier channels, by the engine's rules: loud throughout (TN_CHANNEL_LOUD) or with a massive activation. Indices into values, ascending;
 * element-type gsize. rows: first to end - 1. */
GArray       *tn_channel_map_find_outliers (const TnChannelMap *self, guint first, guint end);

G_END_DECLS
