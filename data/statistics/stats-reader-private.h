/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <string.h>

#include "data/files/json-reader.h"
#include "data/models/safetensors.h"
#include "data/statistics/stats-file.h"

G_BEGIN_DECLS

/* What the parts of the reader share. */
typedef struct
{
  const char *path;
  TnSafetensors *file;
  guint version;
  gboolean summary;
  const TnJsonNode *checksums; /* of the site that is being read, from version 2 on */
  guint n_tensors;             /* looked up so far */
} TnStatsReader;

/* Sets the error and returns FALSE. */
gboolean tn_stats_reader_fail      (const TnStatsReader *self, const char *field, GError **error, const char *format, ...) G_GNUC_PRINTF (4, 5);
gboolean tn_stats_reader_fail_site (const TnStatsReader *self, const TnSiteStats *site, const char *field, GError **error, const char *message);
gboolean tn_stats_reader_has       (const TnStatsReader *self, const TnSiteStats *site, const char *name);

/* A size that is not given: any up to the second. */
#define TN_STATS_ANY(most) (-(gint64) (most) - 1)
/* A tensor of the site, its checksum verified; columns 0: one dimension. n_rows and n_columns may be NULL where they are given. NULL on failure. */
const guint8 *tn_stats_reader_find (TnStatsReader *self, const TnSiteStats *site, const char *name, TnDtype dtype, gint64 rows, gint64 columns,
                                    guint64 *n_rows, guint64 *n_columns, GError **error);

/* What a sum of n values of magnitude below 2^bits can be; the sums of its parts are rounded. */
gboolean tn_stats_wide_sum_plausible (const TnWideSum *sum, guint64 n, int bits, gboolean is_signed);

/* The site's tensors, its numbers known. finite: the values in bins and zeros; in_sums: those that are not oversize. */
gboolean tn_stats_reader_histogram_1    (TnStatsReader *self, TnSiteStats *site, guint64 *finite, GError **error);
gboolean tn_stats_reader_groups_1       (TnStatsReader *self, TnSiteStats *site, guint64 in_sums, GError **error);

gboolean tn_stats_reader_histogram      (TnStatsReader *self, TnSiteStats *site, guint64 *finite, GError **error);
gboolean tn_stats_reader_groups         (TnStatsReader *self, TnSiteStats *site, guint64 in_sums, GError **error);
gboolean tn_stats_reader_largest        (TnStatsReader *self, TnSiteStats *site, GError **error);
gboolean tn_stats_reader_channel_sums   (TnStatsReader *self, TnSiteStats *site, guint64 in_sums, GError **error);
gboolean tn_stats_reader_channel_histograms (TnStatsReader *self, TnSiteStats *site, GError **error);

/* The Gram matrix and the rows, where there are any. */
gboolean tn_stats_reader_inputs         (TnStatsReader *self, TnSiteStats *site, GError **error);

gboolean tn_stats_reader_check_total    (TnStatsReader *self, const TnSiteStats *site, const char *name, guint64 finite, GError **error);

gboolean tn_stats_reader_site           (TnStatsReader *self, TnStats *stats, const TnJsonNode *node, guint index, GError **error);
gboolean tn_stats_parse_fingerprint     (const char *text, guint64 *value);

static inline guint64
tn_stats_word_at (const guint8 *data, gsize index)
{
  guint64 word;

  memcpy (&word, data + 8 * index, sizeof word);
  return GUINT64_FROM_LE (word);
}

static inline guint32
tn_stats_half_word_at (const guint8 *data, gsize index)
{
  guint32 word;

  memcpy (&word, data + 4 * index, sizeof word);
  return GUINT32_FROM_LE (word);
}

G_END_DECLS
