/* SPDX-License-Identifier: Apache-2.0 */
#include "data/statistics/stats-reader-private.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "data/files/quote.h"
#include "data/statistics/stats-layout.h"
#include "data/statistics/stats-packing.h"
#include "engine/crc32c.h"
#include "engine/error.h"

gboolean
tn_stats_reader_has (const TnStatsReader *self, const TnSiteStats *site, const char *name)
{
  g_autofree char *full = g_strdup_printf ("%s.%s", site->name, name);

  return tn_safetensors_find_entry (self->file, full) != NULL;
}

static gboolean
check_sum (const TnStatsReader *self, const char *name, const TnSafetensorsEntry *entry, GError **error)
{
  const TnJsonNode *node = self->version > 1 ? tn_json_find_typed (self->checksums, name, TN_JSON_NUMBER) : NULL;
  guint32 found;
  g_autofree char *quoted = NULL;

  if (self->version == 1)
    return TRUE;
  if (node == NULL || !node->is_integer || node->value.number.integer < 0 || node->value.number.integer > G_MAXUINT32)
    return tn_stats_reader_fail (self, entry->name, error, _ ("a check sum expected in “%s” of its site"), "crc32c");
  found = tn_crc32c (0, entry->data, (gsize) entry->bytes);
  if (found == (guint32) node->value.number.integer)
    return TRUE;
  quoted = tn_quote_string (entry->name);
  g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: tensor %s is damaged: its check sum is %08x, expected %08x"), self->path,
               quoted, found, (guint32) node->value.number.integer);
  return FALSE;
}

static gboolean
size_fits (gint64 wanted, guint64 found)
{
  return wanted >= 0 ? found == (guint64) wanted : found <= (guint64) - (wanted + 1);
}

static char *
describe_size (gint64 wanted)
{
  if (wanted >= 0)
    return g_strdup_printf ("%" PRIi64, wanted);
  return g_strdup_printf ("≤ %" PRIi64, -(wanted + 1));
}

const guint8 *
tn_stats_reader_find (TnStatsReader *self, const TnSiteStats *site, const char *name, TnDtype dtype, gint64 rows, gint64 columns,
                      guint64 *n_rows, guint64 *n_columns, GError **error)
{
  g_autofree char *full = g_strdup_printf ("%s.%s", site->name, name);
  const TnSafetensorsEntry *entry = tn_safetensors_find_entry (self->file, full);
  guint n_dims = columns != 0 ? 2 : 1;

  if (entry == NULL)
    {
      tn_stats_reader_fail (self, full, error, _ ("tensor missing, expected for every site"));
      return NULL;
    }
  self->n_tensors++;
  if (entry->dtype != dtype)
    {
      g_autofree char *expected = g_ascii_strup (tn_dtype_get_name (dtype), -1);

      tn_stats_reader_fail (self, full, error, _ ("dtype %s found, %s expected"), entry->dtype_name, expected);
      return NULL;
    }
  if (entry->n_dims != n_dims || !size_fits (rows, entry->shape[0]) || (n_dims == 2 && !size_fits (columns, entry->shape[1])))
    {
      g_autofree char *first = describe_size (rows), *second = describe_size (columns);

      tn_stats_reader_fail (self, full, error, _ ("shape [%s%s%s] expected"), first, n_dims == 2 ? ", " : "",
                            n_dims == 2 ? second : "");
      return NULL;
    }
  if (!check_sum (self, name, entry, error))
    return NULL;
  if (n_rows != NULL)
    *n_rows = entry->shape[0];
  if (n_columns != NULL)
    *n_columns = entry->shape[1];
  return entry->data;
}

/* A packed tensor of one dimension. */
static gboolean
find_packed (TnStatsReader *self, const TnSiteStats *site, const char *name, TnUnpacker *unpacker, GError **error)
{
  guint64 bytes;

  unpacker->at = tn_stats_reader_find (self, site, name, TN_DTYPE_U8, TN_STATS_ANY (G_MAXINT64 - 1), 0, &bytes, NULL, error);
  if (unpacker->at == NULL)
    return FALSE;
  unpacker->end = unpacker->at + bytes;
  return TRUE;
}

static gboolean
fail_packed (const TnStatsReader *self, const TnSiteStats *site, const char *name, GError **error)
{
  return tn_stats_reader_fail_site (self, site, name, error, _ ("packed integers in their shortest form, and none left over, expected"));
}

gboolean
tn_stats_reader_check_total (TnStatsReader *self, const TnSiteStats *site, const char *name, guint64 finite, GError **error)
{
  const TnFloatHistogram *histogram = site->histogram;
  guint64 nonfinite, total;

  if (!g_uint64_checked_add (&nonfinite, histogram->nans, histogram->positive_infinities) ||
      !g_uint64_checked_add (&nonfinite, nonfinite, histogram->negative_infinities) ||
      !g_uint64_checked_add (&total, nonfinite, finite) || total != site->tokens * site->width)
    return tn_stats_reader_fail_site (self, site, name, error, _ ("the counts do not add up to tokens × width"));
  return TRUE;
}

/* Where counts of bins go. */
typedef struct
{
  TnFloatHistogram *histogram;
  guint64 *counts;
  TnChannelHistograms *channels;
  guint channel;
  guint64 total;
  gboolean infinite; /* a bin of no finite value was there */
} Bins;

static void
take_bin (guint bin, guint64 count, gpointer user_data)
{
  Bins *self = user_data;

  self->total += count;
  if ((bin & 0x7fff) >= 0x7f80)
    self->infinite = TRUE;
  else if (self->histogram != NULL)
    tn_float_histogram_add_counts (self->histogram, bin, &count, 1);
  else if (self->channels != NULL)
    tn_channel_histograms_add_count (self->channels, self->channel, bin, (guint32) count);
}

gboolean
tn_stats_reader_histogram (TnStatsReader *self, TnSiteStats *site, guint64 *finite, GError **error)
{
  static const char name[] = TN_STATS_TENSOR_HISTOGRAM;
  Bins bins = {.histogram = site->histogram};
  TnUnpacker unpacker;

  if (!find_packed (self, site, name, &unpacker, error))
    return FALSE;
  /* No count above tokens * width <= 2^52: 65536 of them do not overflow. */
  if (!tn_unpack_bins (&unpacker, TN_FLOAT_HISTOGRAM_BINS, site->tokens * site->width, take_bin, &bins) ||
      unpacker.at != unpacker.end)
    return fail_packed (self, site, name, error);
  if (bins.infinite)
    return tn_stats_reader_fail_site (self, site, name, error, _ ("bins of finite values in ascending order expected"));
  if (!g_uint64_checked_add (finite, bins.total, site->histogram->zeros))
    return tn_stats_reader_fail_site (self, site, name, error, _ ("a total below 2^64 expected"));
  return tn_stats_reader_check_total (self, site, name, *finite, error);
}

gboolean
tn_stats_wide_sum_plausible (const TnWideSum *sum, guint64 n, int bits, gboolean is_signed)
{
  double value = tn_wide_sum_to_double (sum), bound = ldexp ((double) n, bits) * (1.0 + 0x1p-30);

  return fabs (value) <= bound && (is_signed || value >= 0.0);
}

static gboolean
is_extreme (float value)
{
  return isfinite (value) && !(value == 0.0f && signbit (value));
}

static void
take_group_bin (guint bin, guint64 count, gpointer counts)
{
  ((guint64 *) counts)[bin] = count;
}

/* The groups' bins are those of the site, and hold their extremes. */
static gboolean
read_group_histograms (TnStatsReader *self, TnSiteStats *site, GError **error)
{
  static const char name[] = TN_STATS_TENSOR_GROUP_HISTOGRAMS;
  TnUnpacker unpacker;

  if (!find_packed (self, site, name, &unpacker, error))
    return FALSE;
  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    if (!tn_unpack_bins (&unpacker, TN_GROUP_BINS, site->tokens * site->width, take_group_bin, site->group_bins + g * TN_GROUP_BINS))
      return fail_packed (self, site, name, error);
  if (unpacker.at != unpacker.end)
    return fail_packed (self, site, name, error);
  for (guint bin = 0; bin < TN_GROUP_BINS; bin++)
    {
      guint64 left = 0;

      for (guint i = 0; i < TN_GROUP_BIN_WIDTH; i++)
        left += site->histogram->bins[bin * TN_GROUP_BIN_WIDTH + i];
      for (guint g = 0; g < TN_STATS_GROUPS; g++)
        {
          guint64 count = site->group_bins[g * TN_GROUP_BINS + bin];

          if (count > left || (count > 0 && site->groups[g].sequences == 0))
            return tn_stats_reader_fail_site (self, site, name, error, _ ("the groups' bins do not add up to those of the site"));
          left -= count;
        }
      if (left > 0)
        return tn_stats_reader_fail_site (self, site, name, error, _ ("the groups' bins do not add up to those of the site"));
    }
  return TRUE;
}

static gboolean
check_group_extremes (TnStatsReader *self, const TnSiteStats *site, GError **error)
{
  float min = INFINITY, max = -INFINITY;
  guint64 zeros = 0;

  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    {
      const TnGroupStats *group = &site->groups[g];
      guint64 values = group->zeros;
      gboolean empty = group->min == INFINITY && group->max == -INFINITY;

      for (guint bin = 0; bin < TN_GROUP_BINS; bin++)
        values += site->group_bins[g * TN_GROUP_BINS + bin];
      if (values > 0 ? !is_extreme (group->min) || !is_extreme (group->max) || group->min > group->max : !empty)
        return tn_stats_reader_fail_site (self, site, TN_STATS_TENSOR_GROUPS, error,
                                          _ ("min ≤ max expected in every group, inf and -inf in an empty one"));
      if (group->count > values)
        return tn_stats_reader_fail_site (self, site, TN_STATS_TENSOR_GROUPS, error,
                                          _ ("a group has more values in its sums than in its bins"));
      min = MIN (min, group->min);
      max = MAX (max, group->max);
      zeros += group->zeros;
    }
  if (zeros != site->histogram->zeros || (site->has_extremes && (min != site->min.value || max != site->max.value)))
    return tn_stats_reader_fail_site (self, site, TN_STATS_TENSOR_GROUPS, error,
                                      _ ("zeros and extremes of the groups are not those of the site"));
  return TRUE;
}

gboolean
tn_stats_reader_groups (TnStatsReader *self, TnSiteStats *site, guint64 in_sums, GError **error)
{
  static const char name[] = TN_STATS_TENSOR_GROUPS;
  static const int powers[] = {1, 1, 2, 3, 4};
  TnUnpacker unpacker;
  guint64 left = in_sums;

  site->has_details = tn_stats_reader_has (self, site, TN_STATS_TENSOR_GROUP_HISTOGRAMS);
  if (!find_packed (self, site, name, &unpacker, error))
    return FALSE;
  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    {
      TnGroupStats *group = &site->groups[g];
      TnWideSum *sums[] = {&group->sum_abs, &group->sum1, &group->sum2, &group->sum3, &group->sum4};

      if (!tn_unpack_number (&unpacker, G_MAXUINT64, &group->count) ||
          !tn_unpack_number (&unpacker, G_MAXUINT64, &group->sequences))
        return fail_packed (self, site, name, error);
      if (group->count > left)
        return tn_stats_reader_fail_site (self, site, name, error,
                                          _ ("the counts of the groups do not add up to the values in sums"));
      left -= group->count;
      for (guint k = 0; k < G_N_ELEMENTS (sums); k++)
        {
          if (!tn_unpack_integer (&unpacker, sums[k]->limbs, TN_WIDE_SUM_LIMBS))
            return fail_packed (self, site, name, error);
          if (!tn_stats_wide_sum_plausible (sums[k], group->count, powers[k] * TN_STATS_OVERSIZE_LOG2, k % 2 == 1))
            return tn_stats_reader_fail_site (self, site, name, error,
                                              _ ("a power sum is larger than its count of values can make it"));
        }
      if (site->has_details && (!tn_unpack_number (&unpacker, site->histogram->zeros, &group->zeros) ||
                                !tn_unpack_float (&unpacker, &group->min) || !tn_unpack_float (&unpacker, &group->max)))
        return fail_packed (self, site, name, error);
    }
  if (unpacker.at != unpacker.end)
    return fail_packed (self, site, name, error);
  if (left != 0)
    return tn_stats_reader_fail_site (self, site, name, error, _ ("the counts of the groups do not add up to the values in sums"));
  return !site->has_details || (read_group_histograms (self, site, error) && check_group_extremes (self, site, error));
}

gboolean
tn_stats_reader_largest (TnStatsReader *self, TnSiteStats *site, GError **error)
{
  static const char name[] = TN_STATS_TENSOR_LARGEST;
  const guint8 *data;
  guint64 n;

  if (!site->has_details)
    return TRUE;
  data = tn_stats_reader_find (self, site, name, TN_DTYPE_U32, TN_STATS_ANY (TN_STATS_LARGEST), TN_STATS_LARGEST_WORDS, &n, NULL, error);
  if (data == NULL)
    return FALSE;
  site->n_largest = (guint) n;
  for (guint i = 0; i < n; i++)
    {
      TnExtreme *extreme = &site->largest[i];
      guint32 words[TN_STATS_LARGEST_WORDS];

      for (guint k = 0; k < TN_STATS_LARGEST_WORDS; k++)
        words[k] = tn_stats_half_word_at (data, i * TN_STATS_LARGEST_WORDS + k);
      memcpy (&extreme->value, &words[0], sizeof words[0]);
      extreme->sample = words[1] | (guint64) words[2] << 32;
      extreme->token = words[3];
      extreme->channel = words[4];
      if (!is_extreme (extreme->value) || extreme->channel >= site->width ||
          (i > 0 && (fabsf (extreme->value) > fabsf (site->largest[i - 1].value) ||
                     (fabsf (extreme->value) == fabsf (site->largest[i - 1].value) && extreme->sample <= site->largest[i - 1].sample))))
        return tn_stats_reader_fail_site (self, site, name, error, _ ("finite values of the site's channels in descending order expected"));
      for (guint k = 0; k + 1 < i; k++)
        if (site->largest[k].sample == extreme->sample)
          return tn_stats_reader_fail_site (self, site, name, error, _ ("every sequence at most once expected"));
    }
  if ((n > 0) != site->has_extremes ||
      (n > 0 && fabsf (site->largest[0].value) != MAX (fabsf (site->min.value), fabsf (site->max.value))))
    return tn_stats_reader_fail_site (self, site, name, error, _ ("the largest value is not that of the site's extremes"));
  return TRUE;
}

/* Integers of every channel, as many bytes each: words in the first version. */
static const guint8 *
find_channels (TnStatsReader *self, const TnSiteStats *site, const char *name, guint words_1, guint64 *bytes, GError **error)
{
  *bytes = 8 * words_1;
  if (self->version == 1)
    return tn_stats_reader_find (self, site, name, TN_DTYPE_U64, site->width, words_1 > 1 ? words_1 : 0, NULL, NULL, error);
  return tn_stats_reader_find (self, site, name, TN_DTYPE_U8, site->width, TN_STATS_ANY (sizeof (TnChannelSum)), NULL, bytes, error);
}

static TnChannelSum
integer_at (const guint8 *data, gsize index, gsize bytes)
{
  const guint8 *at = data + index * bytes;
  unsigned __int128 value = bytes > 0 && at[bytes - 1] & 0x80 ? ~(unsigned __int128) 0 : 0;

  for (gsize i = bytes; i-- > 0;)
    value = value << 8 | at[i];
  return (TnChannelSum) value;
}

static gboolean
read_channel_counts (TnStatsReader *self, TnSiteStats *site, guint64 in_sums, GError **error)
{
  static const char name[] = TN_STATS_TENSOR_COUNT;
  gboolean present = tn_stats_reader_has (self, site, name);
  guint64 bytes, total = 0;
  const guint8 *data = present ? find_channels (self, site, name, 1, &bytes, error) : NULL;

  if (present && data == NULL)
    return FALSE;
  for (guint c = 0; c < site->width; c++)
    {
      TnChannelSum count = present ? integer_at (data, c, bytes) : (TnChannelSum) site->tokens;

      if (count < 0 || count > (TnChannelSum) site->tokens)
        return tn_stats_reader_fail_site (self, site, name, error, _ ("a count above the number of tokens found"));
      site->channels[c].count = (guint64) count;
      total += (guint64) count;
    }
  if (total != in_sums)
    return tn_stats_reader_fail_site (self, site, name, error,
                                      _ ("the counts of the channels do not add up to the values in sums"));
  return TRUE;
}

static gboolean
read_channel_sums (TnStatsReader *self, TnSiteStats *site, gboolean squares, GError **error)
{
  const char *name = squares ? TN_STATS_TENSOR_SUM2 : TN_STATS_TENSOR_SUM;
  guint64 bytes;
  const guint8 *data = find_channels (self, site, name, 2, &bytes, error);
  guint shift = (squares ? 2 : 1) * TN_STATS_OVERSIZE_LOG2 - TN_CHANNEL_SUM_QUANTUM_LOG2;

  if (data == NULL)
    return FALSE;
  for (guint c = 0; c < site->width; c++)
    {
      TnChannelStats *channel = &site->channels[c];
      TnChannelSum sum = integer_at (data, c, bytes), bound = (TnChannelSum) channel->count << shift;

      if (sum > bound || sum < (squares ? 0 : -bound))
        return tn_stats_reader_fail_site (self, site, name, error, _ ("a sum is larger than its count of values can make it"));
      if (squares)
        channel->sum2 = sum;
      else
        channel->sum = sum;
    }
  return TRUE;
}

static gboolean
read_channel_means (TnStatsReader *self, TnSiteStats *site, gboolean squares, GError **error)
{
  const char *name = squares ? TN_STATS_TENSOR_MEAN_SQUARE : TN_STATS_TENSOR_MEAN;
  const guint8 *data = tn_stats_reader_find (self, site, name, TN_DTYPE_F32, site->width, 0, NULL, NULL, error);
  double bound = ldexp (1.0, squares ? 2 * TN_STATS_OVERSIZE_LOG2 : TN_STATS_OVERSIZE_LOG2);

  if (data == NULL)
    return FALSE;
  for (guint c = 0; c < site->width; c++)
    {
      TnChannelStats *channel = &site->channels[c];
      guint32 bits = tn_stats_half_word_at (data, c);
      TnChannelSum sum;
      float mean;

      memcpy (&mean, &bits, sizeof mean);
      if (!((double) mean <= bound && (double) mean >= (squares ? 0.0 : -bound)))
        return tn_stats_reader_fail_site (self, site, name, error, _ ("a mean that no values in sums can have"));
      /* Below 2^54 * 2^32 * 2^40: it fits. */
      sum = (TnChannelSum) ldexp ((double) mean * (double) channel->count, -TN_CHANNEL_SUM_QUANTUM_LOG2);
      if (squares)
        channel->sum2 = sum;
      else
        channel->sum = sum;
    }
  return TRUE;
}

gboolean
tn_stats_reader_channel_sums (TnStatsReader *self, TnSiteStats *site, guint64 in_sums, GError **error)
{
  gboolean (*read) (TnStatsReader *, TnSiteStats *, gboolean, GError **) = self->summary ? read_channel_means : read_channel_sums;

  return read_channel_counts (self, site, in_sums, error) && read (self, site, FALSE, error) && read (self, site, TRUE, error);
}

gboolean
tn_stats_reader_channel_histograms (TnStatsReader *self, TnSiteStats *site, GError **error)
{
  static const char name[] = TN_STATS_TENSOR_CHANNEL_HISTOGRAMS;
  TnUnpacker unpacker;
  guint64 zeros_left = site->histogram->zeros;
  gsize bytes, most;

  if (!tn_stats_reader_has (self, site, name))
    return TRUE;
  if (site->tokens >= TN_CHANNEL_HISTOGRAM_MAX_TOKENS)
    return tn_stats_reader_fail_site (self, site, name, error, _ ("fewer than 2^32 tokens expected"));
  if (!find_packed (self, site, name, &unpacker, error))
    return FALSE;
  site->channel_histograms = tn_channel_histograms_new (site->width, 0);
  for (guint c = 0; c < site->width; c++)
    {
      Bins bins = {.channels = site->channel_histograms, .channel = c};
      guint64 zeros;

      if (!tn_unpack_number (&unpacker, zeros_left, &zeros) ||
          !tn_unpack_bins (&unpacker, TN_FLOAT_HISTOGRAM_BINS, site->tokens, take_bin, &bins))
        return fail_packed (self, site, name, error);
      tn_channel_histograms_add_zeros (site->channel_histograms, c, zeros);
      zeros_left -= zeros;
      if (bins.infinite || bins.total + zeros > site->tokens || bins.total + zeros < site->channels[c].count)
        return tn_stats_reader_fail_site (self, site, name, error, _ ("the counts of a channel are not those of its values"));
    }
  if (unpacker.at != unpacker.end)
    return fail_packed (self, site, name, error);
  if (tn_channel_histograms_exhausted (site->channel_histograms, &bytes, &most))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_MEMORY, _ ("%s: the histograms of the channels of site %s need more memory than is left"),
                   self->path, site->name);
      return FALSE;
    }
  return zeros_left == 0 ? TRUE
                         : tn_stats_reader_fail_site (self, site, name, error, _ ("the zeros of the channels are not those of the site"));
}
