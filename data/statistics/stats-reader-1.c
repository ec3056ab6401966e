/* SPDX-License-Identifier: Apache-2.0 */
#include "data/statistics/stats-reader-private.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "data/statistics/stats-layout.h"

/* Tensors of files of the first version: plain words, no checksums, nothing of the groups but their moments. */

gboolean
tn_stats_reader_histogram_1 (TnStatsReader *self, TnSiteStats *site, guint64 *finite, GError **error)
{
  TnFloatHistogram *histogram = site->histogram;
  g_autofree char *counts_name = g_strdup_printf ("%s.%s", site->name, TN_STATS_TENSOR_COUNTS_1);
  const TnSafetensorsEntry *entry = tn_safetensors_find_entry (self->file, counts_name);
  gboolean wide = entry != NULL && entry->dtype == TN_DTYPE_U64;
  guint64 n;
  const guint8 *bins, *counts;
  gint previous = -1;

  bins = tn_stats_reader_find (self, site, TN_STATS_TENSOR_BINS_1, TN_DTYPE_U16, TN_STATS_ANY (TN_FLOAT_HISTOGRAM_BINS), 0, &n, NULL, error);
  if (bins == NULL)
    return FALSE;
  counts = tn_stats_reader_find (self, site, TN_STATS_TENSOR_COUNTS_1, wide ? TN_DTYPE_U64 : TN_DTYPE_U32, (gint64) n, 0, NULL, NULL, error);
  if (counts == NULL)
    return FALSE;
  *finite = histogram->zeros;
  for (guint64 i = 0; i < n; i++)
    {
      guint64 count = wide ? tn_stats_word_at (counts, i) : tn_stats_half_word_at (counts, i);
      guint16 bin;

      memcpy (&bin, bins + 2 * i, sizeof bin);
      bin = GUINT16_FROM_LE (bin);
      if ((gint) bin <= previous || (bin & 0x7fff) >= 0x7f80)
        return tn_stats_reader_fail_site (self, site, TN_STATS_TENSOR_BINS_1, error, _ ("bins of finite values in ascending order expected"));
      previous = bin;
      if (count == 0)
        return tn_stats_reader_fail_site (self, site, TN_STATS_TENSOR_COUNTS_1, error, _ ("0 found, occupied bins only expected"));
      tn_float_histogram_add_counts (histogram, bin, &count, 1);
      if (!g_uint64_checked_add (finite, *finite, count))
        return tn_stats_reader_fail_site (self, site, TN_STATS_TENSOR_COUNTS_1, error, _ ("a total below 2^64 expected"));
    }
  return tn_stats_reader_check_total (self, site, TN_STATS_TENSOR_COUNTS_1, *finite, error);
}

gboolean
tn_stats_reader_groups_1 (TnStatsReader *self, TnSiteStats *site, guint64 in_sums, GError **error)
{
  const guint8 *data =
      tn_stats_reader_find (self, site, TN_STATS_TENSOR_GROUPS, TN_DTYPE_U64, TN_STATS_GROUPS, TN_STATS_GROUP_WORDS_1, NULL, NULL, error);
  guint64 left = in_sums;
  gsize at = 0;

  site->has_details = FALSE;
  if (data == NULL)
    return FALSE;
  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    {
      TnGroupStats *group = &site->groups[g];
      TnWideSum *sums[] = {&group->sum_abs, &group->sum1, &group->sum2, &group->sum3, &group->sum4};
      static const int powers[] = {1, 1, 2, 3, 4};

      group->count = tn_stats_word_at (data, at++);
      group->sequences = tn_stats_word_at (data, at++);
      if (group->count > left)
        return tn_stats_reader_fail_site (self, site, TN_STATS_TENSOR_GROUPS, error,
                          _ ("the counts of the groups do not add up to the values in sums"));
      left -= group->count;
      for (guint k = 0; k < G_N_ELEMENTS (sums); k++)
        {
          for (guint i = 0; i < TN_WIDE_SUM_LIMBS; i++)
            sums[k]->limbs[i] = tn_stats_word_at (data, at++);
          if (!tn_stats_wide_sum_plausible (sums[k], group->count, powers[k] * TN_STATS_OVERSIZE_LOG2, k % 2 == 1))
            return tn_stats_reader_fail_site (self, site, TN_STATS_TENSOR_GROUPS, error,
                              _ ("a power sum is larger than its count of values can make it"));
        }
    }
  if (left != 0)
    return tn_stats_reader_fail_site (self, site, TN_STATS_TENSOR_GROUPS, error,
                      _ ("the counts of the groups do not add up to the values in sums"));
  return TRUE;
}
