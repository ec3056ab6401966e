/* SPDX-License-Identifier: Apache-2.0 */
#include "data/statistics/stats-reader-private.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "data/statistics/stats-layout.h"

static TnChannelSum
integer_at (const guint8 *at, guint64 bytes)
{
  unsigned __int128 value = at[bytes - 1] & 0x80 ? ~(unsigned __int128) 0 : 0;

  for (guint64 i = bytes; i-- > 0;)
    value = value << 8 | at[i];
  return (TnChannelSum) value;
}

static gboolean
read_gram (TnStatsReader *self, TnSiteStats *site, GError **error)
{
  static const char name[] = TN_STATS_TENSOR_GRAM;
  guint64 n = (guint64) site->width * (site->width + 1) / 2, bytes, at = 0;
  TnChannelSum bound = (TnChannelSum) site->tokens << (2 * TN_STATS_OVERSIZE_LOG2 - TN_CHANNEL_SUM_QUANTUM_LOG2);
  TnChannelSum *sums;
  const guint8 *data;

  if (!tn_stats_reader_has (self, site, name))
    return TRUE;
  data = tn_stats_reader_find (self, site, name, TN_DTYPE_U8, (gint64) n, TN_STATS_ANY (sizeof (TnChannelSum)), NULL, &bytes, error);
  if (data == NULL)
    return FALSE;
  if (bytes == 0)
    return tn_stats_reader_fail_site (self, site, name, error, _ ("at least one byte for each sum expected"));
  if (!tn_site_stats_keep_gram (site, error))
    {
      g_prefix_error (error, "%s: ", self->path);
      return FALSE;
    }
  sums = tn_gram_get_sums (site->gram);
  for (guint row = 0; row < site->width; row++)
    for (guint column = row; column < site->width; column++, at++)
      {
        sums[at] = integer_at (data + at * bytes, bytes);
        if (sums[at] > bound || sums[at] < (row == column ? 0 : -bound))
          return tn_stats_reader_fail_site (self, site, name, error, _ ("a sum is larger than its count of values can make it"));
      }
  return TRUE;
}

static gboolean
read_rows (TnStatsReader *self, TnSiteStats *site, GError **error)
{
  static const char places_name[] = TN_STATS_TENSOR_ROW_PLACES, name[] = TN_STATS_TENSOR_ROWS;
  g_autofree float *row = g_new (float, site->width);
  const guint8 *places, *data;
  guint64 n;
  guint32 most;

  if (!tn_stats_reader_has (self, site, places_name))
    return TRUE;
  places = tn_stats_reader_find (self, site, places_name, TN_DTYPE_U32, TN_STATS_ANY (TN_ROW_SAMPLE_MOST + 1), TN_STATS_ROW_PLACE_WORDS, &n,
                                 NULL, error);
  if (places == NULL)
    return FALSE;
  most = n > 0 ? tn_stats_half_word_at (places, 0) : 0;
  if (n == 0 || most == 0 || most > TN_ROW_SAMPLE_MOST || n - 1 > most || n - 1 > site->tokens)
    return tn_stats_reader_fail_site (self, site, places_name, error, _ ("how many rows there may be expected, and no more of them"));
  data = tn_stats_reader_find (self, site, name, TN_DTYPE_F32, (gint64) n - 1, site->width, NULL, NULL, error);
  if (data == NULL)
    return FALSE;
  tn_site_stats_keep_rows (site, most);
  for (guint i = 0; i + 1 < n; i++)
    {
      gsize place = (gsize) (i + 1) * TN_STATS_ROW_PLACE_WORDS;
      guint64 sample = tn_stats_half_word_at (places, place) | (guint64) tn_stats_half_word_at (places, place + 1) << 32, found;

      for (guint c = 0; c < site->width; c++)
        {
          guint32 word = tn_stats_half_word_at (data, (gsize) i * site->width + c);

          memcpy (&row[c], &word, sizeof word);
        }
      /* In their order each one stands behind the others. */
      if (!tn_row_sample_offer (site->rows, sample, tn_stats_half_word_at (places, place + 2), row) ||
          tn_row_sample_get (site->rows, i, &found, NULL) == NULL || found != sample)
        return tn_stats_reader_fail_site (self, site, places_name, error, _ ("places in the order of their hashes expected"));
    }
  return TRUE;
}

gboolean
tn_stats_reader_inputs (TnStatsReader *self, TnSiteStats *site, GError **error)
{
  return read_gram (self, site, error) && read_rows (self, site, error);
}
