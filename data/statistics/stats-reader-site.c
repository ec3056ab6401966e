/* SPDX-License-Identifier: Apache-2.0 */
#include "data/statistics/stats-reader-private.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "data/statistics/stats-layout.h"

static gboolean
is_negative_zero (float value)
{
  return value == 0.0f && signbit (value);
}

static gboolean
read_channel_extremes (TnStatsReader *reader, TnSiteStats *site, GError **error)
{
  const guint8 *mins = tn_stats_reader_find (reader, site, TN_STATS_TENSOR_MIN, TN_DTYPE_F32, site->width, 0, NULL, NULL, error);
  const guint8 *maxs =
      mins != NULL ? tn_stats_reader_find (reader, site, TN_STATS_TENSOR_MAX, TN_DTYPE_F32, site->width, 0, NULL, NULL, error) : NULL;
  float min = INFINITY, max = -INFINITY;

  if (maxs == NULL)
    return FALSE;
  for (guint c = 0; c < site->width; c++)
    {
      TnChannelStats *channel = &site->channels[c];
      guint32 min_bits = tn_stats_half_word_at (mins, c), max_bits = tn_stats_half_word_at (maxs, c);
      gboolean empty, ordered;

      memcpy (&channel->min, &min_bits, sizeof min_bits);
      memcpy (&channel->max, &max_bits, sizeof max_bits);
      empty = channel->count == 0 && channel->min == INFINITY && channel->max == -INFINITY;
      ordered = isfinite (channel->min) && isfinite (channel->max) && channel->min <= channel->max &&
                !is_negative_zero (channel->min) && !is_negative_zero (channel->max);
      if (!empty && !ordered)
        return tn_stats_reader_fail_site (reader, site, TN_STATS_TENSOR_MIN, error,
                          _ ("min ≤ max expected in every channel, inf and -inf in an empty one"));
      min = MIN (min, channel->min);
      max = MAX (max, channel->max);
    }
  if (site->has_extremes ? site->min.value != min || site->max.value != max : min <= max)
    return tn_stats_reader_fail_site (reader, site, TN_STATS_TENSOR_MIN, error, _ ("the extremes of the channels are not those of the site"));
  return TRUE;
}

static gboolean
fail_json (const TnStatsReader *reader, guint index, const char *name, const char *expected, GError **error)
{
  g_autofree char *field = g_strdup_printf ("%s[%u].%s", TN_STATS_KEY_SITES, index, name);

  return tn_stats_reader_fail (reader, field, error, _ ("%s expected"), expected);
}

static gboolean
json_number (const TnStatsReader *reader, const TnJsonNode *object, guint index, const char *name, guint64 max, guint64 *value,
             GError **error)
{
  const TnJsonNode *node = tn_json_find_typed (object, name, TN_JSON_NUMBER);
  g_autofree char *expected = NULL;

  if (node != NULL && node->is_integer && node->value.number.integer >= 0 && (guint64) node->value.number.integer <= max)
    {
      *value = (guint64) node->value.number.integer;
      return TRUE;
    }
  expected = g_strdup_printf (_ ("a whole number from 0 to %" PRIu64), max);
  return fail_json (reader, index, name, expected, error);
}

static gboolean
json_extreme (const TnStatsReader *reader, const TnJsonNode *site_node, guint index, const char *name, guint width, TnExtreme *extreme,
              GError **error)
{
  const TnJsonNode *node = tn_json_find_typed (site_node, name, TN_JSON_OBJECT);
  const TnJsonNode *value = tn_json_find_typed (node, "value", TN_JSON_NUMBER);
  const char *sample = tn_json_find_text (node, "sample");
  guint64 token, channel;

  if (value == NULL || sample == NULL || !tn_stats_parse_fingerprint (sample, &extreme->sample) ||
      !(fabs (value->value.number.real) <= (double) G_MAXFLOAT))
    return fail_json (reader, index, name, _ ("an object with value (a float) and sample (16 hexadecimal digits)"), error);
  if (!json_number (reader, node, index, "token", G_MAXUINT32, &token, error) ||
      !json_number (reader, node, index, "channel", width - 1, &channel, error))
    return FALSE;
  extreme->value = (float) value->value.number.real + 0.0f;
  extreme->token = (guint32) token;
  extreme->channel = (guint32) channel;
  return TRUE;
}

typedef struct
{
  double first_low, first_high, last_low, last_high;
  gboolean any;
} Range;

static void
extend_range (double low, double high, guint64 count, gpointer user_data)
{
  Range *range = user_data;

  if (!range->any)
    {
      range->first_low = low;
      range->first_high = high;
    }
  range->last_low = low;
  range->last_high = high;
  range->any = TRUE;
}

static gboolean
check_extremes (const TnStatsReader *reader, const TnSiteStats *site, GError **error)
{
  double min = (double) site->min.value, max = (double) site->max.value;
  Range range = {0};

  tn_float_histogram_foreach (site->histogram, extend_range, &range);
  if (min < range.first_low || min > range.first_high || max < range.last_low || max > range.last_high)
    return tn_stats_reader_fail_site (reader, site, reader->version == 1 ? TN_STATS_TENSOR_BINS_1 : TN_STATS_TENSOR_HISTOGRAM, error, _ ("the outermost bins do not hold the extremes of the site"));
  return TRUE;
}

/* Absent unless it was asked for. */
static gboolean
json_moving_range (const TnStatsReader *reader, const TnJsonNode *site_node, guint index, TnSiteStats *site, GError **error)
{
  static const char name[] = "moving_range";
  const TnJsonNode *node = tn_json_find (site_node, name), *decay, *min, *max;
  TnMovingRange *moving = &site->moving;

  if (node == NULL)
    return TRUE;
  decay = tn_json_find_typed (node, "decay", TN_JSON_NUMBER);
  min = tn_json_find_typed (node, "min", TN_JSON_NUMBER);
  max = tn_json_find_typed (node, "max", TN_JSON_NUMBER);
  if (decay == NULL || !(decay->value.number.real > 0.0 && decay->value.number.real < 1.0) || min == NULL || max == NULL ||
      !(min->value.number.real >= -(double) G_MAXFLOAT && min->value.number.real <= max->value.number.real &&
        max->value.number.real <= (double) G_MAXFLOAT))
    return fail_json (reader, index, name, _ ("an object with decay (between 0 and 1) and min ≤ max"), error);
  moving->decay = decay->value.number.real;
  moving->min = min->value.number.real;
  moving->max = max->value.number.real;
  return json_number (reader, node, index, "sequences", G_MAXINT64, &moving->sequences, error);
}

gboolean
tn_stats_reader_site (TnStatsReader *reader, TnStats *stats, const TnJsonNode *node, guint index, GError **error)
{
  const char *name = tn_json_find_text (node, "name");
  const TnSiteStats *previous = index > 0 ? g_ptr_array_index (stats->sites, index - 1) : NULL;
  guint64 width, finite;
  TnSiteStats *site;

  if (name == NULL || name[0] == '\0' || (previous != NULL && strcmp (previous->name, name) >= 0))
    return fail_json (reader, index, "name", _ ("a name, sites in ascending order"), error);
  if (!json_number (reader, node, index, "width", TN_STATS_MAX_WIDTH, &width, error))
    return FALSE;
  if (width == 0)
    return fail_json (reader, index, "width", _ ("at least one channel"), error);
  /* Before memory is taken for it: the file must hold as much. */
  {
    g_autofree char *tensor = g_strdup_printf ("%s.%s", name, TN_STATS_TENSOR_MIN);
    const TnSafetensorsEntry *entry = tn_safetensors_find_entry (reader->file, tensor);

    if (entry == NULL || entry->count != width)
      return tn_stats_reader_fail (reader, tensor, error, _ ("a tensor with a value for each of %" PRIu64 " channels expected"), width);
  }
  site = tn_stats_add_site (stats, name, (guint) width);
  if (!json_number (reader, node, index, "tokens", TN_STATS_MAX_TOKENS, &site->tokens, error) ||
      !json_number (reader, node, index, "oversize", G_MAXINT64, &site->oversize, error) ||
      !json_number (reader, node, index, "zeros", G_MAXINT64, &site->histogram->zeros, error) ||
      !json_number (reader, node, index, "nans", G_MAXINT64, &site->histogram->nans, error) ||
      !json_number (reader, node, index, "positive_infinities", G_MAXINT64, &site->histogram->positive_infinities, error) ||
      !json_number (reader, node, index, "negative_infinities", G_MAXINT64, &site->histogram->negative_infinities, error))
    return FALSE;
  reader->checksums = tn_json_find_typed (node, "crc32c", TN_JSON_OBJECT);
  if (reader->version > 1 && reader->checksums == NULL)
    return fail_json (reader, index, "crc32c", _ ("an object of check sums"), error);
  if (reader->version == 1 ? !tn_stats_reader_histogram_1 (reader, site, &finite, error)
                           : !tn_stats_reader_histogram (reader, site, &finite, error))
    return FALSE;
  if (site->oversize > finite)
    return fail_json (reader, index, "oversize", _ ("no more than there are finite values"), error);
  site->has_extremes = finite > 0;
  if (site->has_extremes &&
      (!json_extreme (reader, node, index, "min", site->width, &site->min, error) ||
       !json_extreme (reader, node, index, "max", site->width, &site->max, error) || !check_extremes (reader, site, error)))
    return FALSE;
  if (!json_moving_range (reader, node, index, site, error))
    return FALSE;
  finite -= site->oversize;
  return (reader->version == 1 ? tn_stats_reader_groups_1 (reader, site, finite, error)
                               : tn_stats_reader_groups (reader, site, finite, error)) &&
         tn_stats_reader_largest (reader, site, error) && tn_stats_reader_channel_sums (reader, site, finite, error) &&
         read_channel_extremes (reader, site, error) && tn_stats_reader_channel_histograms (reader, site, error) &&
         tn_stats_reader_inputs (reader, site, error);
}
