/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/stats.h"

G_BEGIN_DECLS

/* Outlier features as LLM.int8() defines them (Dettmers et al. 2022, section 4.1): a feature dimension with |x| >= 6 in at least 25 % of the layers,
 * and at that magnitude in at least 6 % of all sequence positions over the layers. Layers are the sites of one kind, "blk.N.KIND". Exact: 6 is an edge
 * between bins of histograms, so that values on either side are told apart. */
#define TN_OUTLIER_FEATURE_MAGNITUDE 6.0
#define TN_OUTLIER_FEATURE_LAYERS 0.25
#define TN_OUTLIER_FEATURE_POSITIONS 0.06

typedef struct
{
  const char *kind;      /* "attn_q.in", in the name of a site */
  guint       channel;
  guint       layers;    /* where the channel reaches the magnitude */
  guint       n_layers;
  double      positions; /* share of all positions over the layers at which it does */
} TnOutlierFeature;

/* By kind and channel. NULL when it is known of no kind: that takes histograms of all channels (tn_stats_keep_channel_histograms()) at the kind's sites
 * in all layers, and one width. Kinds of which it is not known are left out. Free with g_array_unref(); valid while stats are. */
GArray *tn_stats_find_outlier_features (const TnStats *stats);

G_END_DECLS
