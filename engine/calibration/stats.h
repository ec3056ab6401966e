/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "engine/calibration/site-stats.h"
#include "engine/calibration/weighted-stats.h"
#include "engine/nn/model.h"

G_BEGIN_DECLS

/* How power sums were formed: the orders differ in the last bits only. A later Ternion still reads what an earlier one summed. */
typedef enum
{
  TN_POWER_ORDER_TILE,  /* as site-stats.h says */
  TN_POWER_ORDER_TOKEN, /* a token at a time, in eight partial sums */
} TnPowerOrder;

/* TnStats: the statistics of all observed sites of a model with the fingerprints of model and data. Reference counted;
 * written by one thread at a time. */
typedef struct
{
  /*< public, read-only >*/
  guint64    model_fingerprint;
  guint64    data_fingerprint; /* sum (mod 2^64) of the hashes of the sequences: the same for any order */
  guint64    samples;          /* sequences */
  guint64    tokens;
  gboolean   partial;          /* the run that made it was cancelled before its end */
  char      *backend;          /* the numeric back end that ran, e.g. "openblas" */
  gboolean   summary;          /* read from a summary: channel sums are what means in float32 give, so that they do not merge */
  TnPowerOrder power_order;
  GPtrArray *sites;            /* TnSiteStats, sorted by name (strcmp) */
  TnWeightedStats *weighted;   /* where sequences were not drawn evenly; NULL otherwise */
  GHashTable *aliases;         /* site name -> name of the site that was observed for it (q, k, v share one input) */
  gatomicrefcount ref_count;
} TnStats;

TnStats     *tn_stats_new        (guint64 model_fingerprint, const char *backend);
TnStats     *tn_stats_ref        (TnStats *self);
void         tn_stats_unref      (TnStats *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnStats, tn_stats_unref)
TnStats     *tn_stats_copy       (const TnStats *self);
/* Empty statistics of one site, owned by self; the name must be new. */
TnSiteStats *tn_stats_add_site   (TnStats *self, const char *name, guint width);
void         tn_stats_add_alias  (TnStats *self, const char *alias, const char *site_name);
/* Back to empty statistics of the same sites. */
void         tn_stats_clear      (TnStats *self);
/* Adds empty statistics for each site of these kinds, and the aliases. */
void         tn_stats_add_sites  (TnStats *self, TnModel *model, TnSiteKind kinds);
/* Keeps weighted sums, too; after the last site was added, before the first batch. */
void         tn_stats_keep_weights (TnStats *self);
/* Follows aliases; NULL when there is none. */
TnSiteStats *tn_stats_find       (const TnStats *self, const char *site_name);
/* A TnSiteFunc with the TnStats as user_data. */
void         tn_stats_observe    (const TnSite *site, const TnBatch *batch, const float *x, gpointer self);
/* Once for every batch, after its forward pass: samples, tokens, data fingerprint. */
void         tn_stats_count_batch (TnStats *self, const TnBatch *batch);
/* self becomes self + other. TN_ERROR_MISMATCH names the difference: model, back end, order of sums, sites, weights; self is untouched then. */
gboolean     tn_stats_merge      (TnStats *self, const TnStats *other, GError **error);
/* The same where other holds the sequences that come next, observed since it was cleared: moving ranges go on with them. */
gboolean     tn_stats_append     (TnStats *self, const TnStats *other, GError **error);
/* Before the first sequence: a moving range at every site (site-stats.h). */
void         tn_stats_keep_moving_ranges (TnStats *self, double decay);
/* Before the first sequence: histograms of every channel of these sites, "all" or names (also aliases) with commas between, which together take at most
 * so many bytes of memory (0: the pool's budget). TN_ERROR_ARGUMENT names a site that there is not. */
gboolean     tn_stats_keep_channel_histograms (TnStats *self, const char *site_names, gsize most_bytes, GError **error);
/* TN_ERROR_MEMORY when histograms of channels found no memory: then they hold too little, and these statistics are of no use. */
gboolean     tn_stats_check_channel_histograms (const TnStats *self, GError **error);
gboolean     tn_stats_equal      (const TnStats *a, const TnStats *b);

G_END_DECLS
