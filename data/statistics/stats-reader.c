/* SPDX-License-Identifier: Apache-2.0 */
#include "data/statistics/stats-file.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "data/files/json-reader.h"
#include "data/files/quote.h"
#include "data/models/safetensors.h"
#include "data/statistics/stats-layout.h"
#include "engine/error.h"

typedef struct
{
  const char *path;
  TnSafetensors *file;
  guint n_tensors; /* looked up so far */
} Reader;

static gboolean fail (const Reader *reader, const char *field, GError **error, const char *format, ...) G_GNUC_PRINTF (4, 5);

static gboolean
fail (const Reader *reader, const char *field, GError **error, const char *format, ...)
{
  g_autofree char *quoted = tn_quote_string (field);
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, "%s: %s: %s", reader->path, quoted, message);
  return FALSE;
}

static gboolean
fail_site (const Reader *reader, const TnSiteStats *site, const char *field, GError **error, const char *message)
{
  g_autofree char *full = g_strdup_printf ("%s.%s", site->name, field);

  return fail (reader, full, error, "%s", message);
}

static const char *
metadata (const Reader *reader, const char *key, GError **error)
{
  const char *value = tn_safetensors_get_metadata (reader->file, key);

  if (value == NULL)
    fail (reader, key, error, _ ("missing in __metadata__, a string expected"));
  return value;
}

static gboolean
read_number (const Reader *reader, const char *key, guint64 max, guint64 *value, GError **error)
{
  const char *text = metadata (reader, key, error);
  g_autofree char *quoted = NULL;

  if (text == NULL)
    return FALSE;
  if (g_ascii_string_to_unsigned (text, 10, 0, max, value, NULL))
    return TRUE;
  quoted = tn_quote_string (text);
  return fail (reader, key, error, _ ("%s found, a number from 0 to %" PRIu64 " expected"), quoted, max);
}

static gboolean
parse_fingerprint (const char *text, guint64 *value)
{
  return strlen (text) == 16 && g_ascii_string_to_unsigned (text, 16, 0, G_MAXUINT64, value, NULL);
}

static gboolean
read_fingerprint (const Reader *reader, const char *key, guint64 *value, GError **error)
{
  const char *text = metadata (reader, key, error);
  g_autofree char *quoted = NULL;

  if (text == NULL)
    return FALSE;
  if (parse_fingerprint (text, value))
    return TRUE;
  quoted = tn_quote_string (text);
  return fail (reader, key, error, _ ("%s found, 16 hexadecimal digits expected"), quoted);
}

static gboolean
read_constant (const Reader *reader, const char *key, const char *expected, GError **error)
{
  const char *text = metadata (reader, key, error);
  g_autofree char *quoted = NULL;

  if (text == NULL)
    return FALSE;
  if (strcmp (text, expected) == 0)
    return TRUE;
  quoted = tn_quote_string (text);
  return fail (reader, key, error, _ ("%s found, “%s” expected"), quoted, expected);
}

static gboolean
check_schema (const Reader *reader, GError **error)
{
  guint64 version;
  g_autofree char *power = g_strdup_printf ("%d", TN_WIDE_SUM_QUANTUM_LOG2);
  g_autofree char *channel = g_strdup_printf ("%d", TN_CHANNEL_SUM_QUANTUM_LOG2);
  g_autofree char *oversize = g_strdup_printf ("%d", TN_STATS_OVERSIZE_LOG2);
  g_autofree char *groups = g_strdup_printf ("%d", TN_STATS_GROUPS);

  if (!read_constant (reader, TN_STATS_KEY_FORMAT, TN_STATS_FORMAT, error) ||
      !read_number (reader, TN_STATS_KEY_SCHEMA, G_MAXUINT32, &version, error))
    return FALSE;
  if (version > TN_STATS_SCHEMA_VERSION)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH,
                   _ ("%s: %s: version %" PRIu64 " found, up to %d expected: the file is from a newer Ternion"), reader->path,
                   TN_STATS_KEY_SCHEMA, version, TN_STATS_SCHEMA_VERSION);
      return FALSE;
    }
  if (version < 1)
    return fail (reader, TN_STATS_KEY_SCHEMA, error, _ ("0 found, a version from 1 expected"));
  return read_constant (reader, TN_STATS_KEY_POWER_QUANTUM, power, error) &&
         read_constant (reader, TN_STATS_KEY_CHANNEL_QUANTUM, channel, error) &&
         read_constant (reader, TN_STATS_KEY_OVERSIZE, oversize, error) &&
         read_constant (reader, TN_STATS_KEY_GROUPS, groups, error);
}

/* A tensor of the site; columns 0: one dimension; rows G_MAXUINT64: any number of rows up to the number of bins. */
static const guint8 *
find_tensor (Reader *reader, const TnSiteStats *site, const char *name, TnDtype dtype, guint64 rows, guint64 columns,
             guint64 *n_rows, GError **error)
{
  g_autofree char *full = g_strdup_printf ("%s.%s", site->name, name);
  const TnSafetensorsEntry *entry = tn_safetensors_find_entry (reader->file, full);
  guint n_dims = columns > 0 ? 2 : 1;

  if (entry == NULL)
    {
      fail (reader, full, error, _ ("tensor missing, expected for every site"));
      return NULL;
    }
  reader->n_tensors++;
  if (entry->dtype != dtype)
    {
      g_autofree char *expected = g_ascii_strup (tn_dtype_get_name (dtype), -1);

      fail (reader, full, error, _ ("dtype %s found, %s expected"), entry->dtype_name, expected);
      return NULL;
    }
  if (entry->n_dims != n_dims || (rows != G_MAXUINT64 ? entry->shape[0] != rows : entry->shape[0] > TN_FLOAT_HISTOGRAM_BINS) ||
      (columns > 0 && entry->shape[1] != columns))
    {
      if (rows == G_MAXUINT64)
        fail (reader, full, error, _ ("a shape of one dimension of at most %d expected"), TN_FLOAT_HISTOGRAM_BINS);
      else if (columns == 0)
        fail (reader, full, error, _ ("shape [%" PRIu64 "] expected"), rows);
      else
        fail (reader, full, error, _ ("shape [%" PRIu64 ", %" PRIu64 "] expected"), rows, columns);
      return NULL;
    }
  if (n_rows != NULL)
    *n_rows = entry->shape[0];
  return entry->data;
}

static guint64
word_at (const guint8 *data, gsize index)
{
  guint64 word;

  memcpy (&word, data + 8 * index, sizeof word);
  return GUINT64_FROM_LE (word);
}

static guint32
half_word_at (const guint8 *data, gsize index)
{
  guint32 word;

  memcpy (&word, data + 4 * index, sizeof word);
  return GUINT32_FROM_LE (word);
}

/* tokens and width are known. *finite: the values in bins and zeros. */
static gboolean
read_histogram (Reader *reader, TnSiteStats *site, guint64 *finite, GError **error)
{
  TnFloatHistogram *histogram = site->histogram;
  g_autofree char *counts_name = g_strdup_printf ("%s.%s", site->name, TN_STATS_TENSOR_COUNTS);
  const TnSafetensorsEntry *entry = tn_safetensors_find_entry (reader->file, counts_name);
  gboolean wide = entry != NULL && entry->dtype == TN_DTYPE_U64;
  guint64 n, total, nonfinite;
  const guint8 *bins, *counts;
  gint previous = -1;

  bins = find_tensor (reader, site, TN_STATS_TENSOR_BINS, TN_DTYPE_U16, G_MAXUINT64, 0, &n, error);
  if (bins == NULL)
    return FALSE;
  counts = find_tensor (reader, site, TN_STATS_TENSOR_COUNTS, wide ? TN_DTYPE_U64 : TN_DTYPE_U32, n, 0, NULL, error);
  if (counts == NULL)
    return FALSE;
  *finite = histogram->zeros;
  for (guint64 i = 0; i < n; i++)
    {
      guint64 count = wide ? word_at (counts, i) : half_word_at (counts, i);
      guint16 bin;

      memcpy (&bin, bins + 2 * i, sizeof bin);
      bin = GUINT16_FROM_LE (bin);
      if ((gint) bin <= previous || (bin & 0x7fff) >= 0x7f80)
        return fail_site (reader, site, TN_STATS_TENSOR_BINS, error, _ ("bins of finite values in ascending order expected"));
      previous = bin;
      if (count == 0)
        return fail_site (reader, site, TN_STATS_TENSOR_COUNTS, error, _ ("0 found, occupied bins only expected"));
      tn_float_histogram_add_counts (histogram, bin, &count, 1);
      if (!g_uint64_checked_add (finite, *finite, count))
        return fail_site (reader, site, TN_STATS_TENSOR_COUNTS, error, _ ("a total below 2^64 expected"));
    }
  if (!g_uint64_checked_add (&nonfinite, histogram->nans, histogram->positive_infinities) ||
      !g_uint64_checked_add (&nonfinite, nonfinite, histogram->negative_infinities) ||
      !g_uint64_checked_add (&total, nonfinite, *finite) || total != site->tokens * site->width)
    return fail_site (reader, site, TN_STATS_TENSOR_COUNTS, error, _ ("the counts do not add up to tokens × width"));
  return TRUE;
}

/* A sum of n values of magnitude below 2^bits; the sums of its parts are rounded. */
static gboolean
wide_sum_plausible (const TnWideSum *sum, guint64 n, int bits, gboolean is_signed)
{
  double value = tn_wide_sum_to_double (sum), bound = ldexp ((double) n, bits) * (1.0 + 0x1p-30);

  return fabs (value) <= bound && (is_signed || value >= 0.0);
}

static gboolean
read_groups (Reader *reader, TnSiteStats *site, guint64 in_sums, GError **error)
{
  const guint8 *data =
      find_tensor (reader, site, TN_STATS_TENSOR_GROUPS, TN_DTYPE_U64, TN_STATS_GROUPS, TN_STATS_GROUP_WORDS, NULL, error);
  guint64 left = in_sums;
  gsize at = 0;

  if (data == NULL)
    return FALSE;
  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    {
      TnGroupMoments *group = &site->groups[g];
      TnWideSum *sums[] = {&group->sum_abs, &group->sum1, &group->sum2, &group->sum3, &group->sum4};
      static const int powers[] = {1, 1, 2, 3, 4};

      group->count = word_at (data, at++);
      group->sequences = word_at (data, at++);
      if (group->count > left)
        return fail_site (reader, site, TN_STATS_TENSOR_GROUPS, error,
                          _ ("the counts of the groups do not add up to the values in sums"));
      left -= group->count;
      for (guint k = 0; k < G_N_ELEMENTS (sums); k++)
        {
          for (guint i = 0; i < TN_WIDE_SUM_LIMBS; i++)
            sums[k]->limbs[i] = word_at (data, at++);
          if (!wide_sum_plausible (sums[k], group->count, powers[k] * TN_STATS_OVERSIZE_LOG2, k % 2 == 1))
            return fail_site (reader, site, TN_STATS_TENSOR_GROUPS, error,
                              _ ("a power sum is larger than its count of values can make it"));
        }
    }
  if (left != 0)
    return fail_site (reader, site, TN_STATS_TENSOR_GROUPS, error,
                      _ ("the counts of the groups do not add up to the values in sums"));
  return TRUE;
}

static gboolean
read_channel_counts (Reader *reader, TnSiteStats *site, guint64 in_sums, GError **error)
{
  g_autofree char *name = g_strdup_printf ("%s.%s", site->name, TN_STATS_TENSOR_COUNT);
  const guint8 *counts = NULL;
  guint64 total = 0;

  if (tn_safetensors_find_entry (reader->file, name) != NULL)
    {
      counts = find_tensor (reader, site, TN_STATS_TENSOR_COUNT, TN_DTYPE_U64, site->width, 0, NULL, error);
      if (counts == NULL)
        return FALSE;
    }
  for (guint c = 0; c < site->width; c++)
    {
      guint64 count = counts != NULL ? word_at (counts, c) : site->tokens;

      if (count > site->tokens)
        return fail_site (reader, site, TN_STATS_TENSOR_COUNT, error, _ ("a count above the number of tokens found"));
      site->channels[c].count = count;
      total += count;
    }
  if (total != in_sums)
    return fail_site (reader, site, TN_STATS_TENSOR_COUNT, error,
                      _ ("the counts of the channels do not add up to the values in sums"));
  return TRUE;
}

static gboolean
read_channel_sums (Reader *reader, TnSiteStats *site, gboolean squares, GError **error)
{
  const char *name = squares ? TN_STATS_TENSOR_SUM2 : TN_STATS_TENSOR_SUM;
  const guint8 *data = find_tensor (reader, site, name, TN_DTYPE_U64, site->width, 2, NULL, error);
  guint shift = (squares ? 2 : 1) * TN_STATS_OVERSIZE_LOG2 - TN_CHANNEL_SUM_QUANTUM_LOG2;

  if (data == NULL)
    return FALSE;
  for (guint c = 0; c < site->width; c++)
    {
      TnChannelStats *channel = &site->channels[c];
      TnChannelSum sum = (TnChannelSum) ((unsigned __int128) word_at (data, 2 * c + 1) << 64 | word_at (data, 2 * c));
      TnChannelSum bound = (TnChannelSum) channel->count << shift;

      if (sum > bound || sum < (squares ? 0 : -bound))
        return fail_site (reader, site, name, error, _ ("a sum is larger than its count of values can make it"));
      if (squares)
        channel->sum2 = sum;
      else
        channel->sum = sum;
    }
  return TRUE;
}

static gboolean
is_negative_zero (float value)
{
  return value == 0.0f && signbit (value);
}

static gboolean
read_channel_extremes (Reader *reader, TnSiteStats *site, GError **error)
{
  const guint8 *mins = find_tensor (reader, site, TN_STATS_TENSOR_MIN, TN_DTYPE_F32, site->width, 0, NULL, error);
  const guint8 *maxs =
      mins != NULL ? find_tensor (reader, site, TN_STATS_TENSOR_MAX, TN_DTYPE_F32, site->width, 0, NULL, error) : NULL;
  float min = INFINITY, max = -INFINITY;

  if (maxs == NULL)
    return FALSE;
  for (guint c = 0; c < site->width; c++)
    {
      TnChannelStats *channel = &site->channels[c];
      guint32 min_bits = half_word_at (mins, c), max_bits = half_word_at (maxs, c);
      gboolean empty, ordered;

      memcpy (&channel->min, &min_bits, sizeof min_bits);
      memcpy (&channel->max, &max_bits, sizeof max_bits);
      empty = channel->count == 0 && channel->min == INFINITY && channel->max == -INFINITY;
      ordered = isfinite (channel->min) && isfinite (channel->max) && channel->min <= channel->max &&
                !is_negative_zero (channel->min) && !is_negative_zero (channel->max);
      if (!empty && !ordered)
        return fail_site (reader, site, TN_STATS_TENSOR_MIN, error,
                          _ ("min ≤ max expected in every channel, inf and -inf in an empty one"));
      min = MIN (min, channel->min);
      max = MAX (max, channel->max);
    }
  if (site->has_extremes ? site->min.value != min || site->max.value != max : min <= max)
    return fail_site (reader, site, TN_STATS_TENSOR_MIN, error, _ ("the extremes of the channels are not those of the site"));
  return TRUE;
}

static gboolean
fail_json (const Reader *reader, guint index, const char *name, const char *expected, GError **error)
{
  g_autofree char *field = g_strdup_printf ("%s[%u].%s", TN_STATS_KEY_SITES, index, name);

  return fail (reader, field, error, _ ("%s expected"), expected);
}

static gboolean
json_number (const Reader *reader, const TnJsonNode *object, guint index, const char *name, guint64 max, guint64 *value,
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
json_extreme (const Reader *reader, const TnJsonNode *site_node, guint index, const char *name, guint width, TnExtreme *extreme,
              GError **error)
{
  const TnJsonNode *node = tn_json_find_typed (site_node, name, TN_JSON_OBJECT);
  const TnJsonNode *value = tn_json_find_typed (node, "value", TN_JSON_NUMBER);
  const char *sample = tn_json_find_text (node, "sample");
  guint64 token, channel;

  if (value == NULL || sample == NULL || !parse_fingerprint (sample, &extreme->sample) ||
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
check_extremes (const Reader *reader, const TnSiteStats *site, GError **error)
{
  double min = (double) site->min.value, max = (double) site->max.value;
  Range range = {0};

  tn_float_histogram_foreach (site->histogram, extend_range, &range);
  if (min < range.first_low || min > range.first_high || max < range.last_low || max > range.last_high)
    return fail_site (reader, site, TN_STATS_TENSOR_BINS, error, _ ("the outermost bins do not hold the extremes of the site"));
  return TRUE;
}

static gboolean
read_site (Reader *reader, TnStats *stats, const TnJsonNode *node, guint index, GError **error)
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
      return fail (reader, tensor, error, _ ("a tensor with a value for each of %" PRIu64 " channels expected"), width);
  }
  site = tn_stats_add_site (stats, name, (guint) width);
  if (!json_number (reader, node, index, "tokens", TN_STATS_MAX_TOKENS, &site->tokens, error) ||
      !json_number (reader, node, index, "oversize", G_MAXINT64, &site->oversize, error) ||
      !json_number (reader, node, index, "zeros", G_MAXINT64, &site->histogram->zeros, error) ||
      !json_number (reader, node, index, "nans", G_MAXINT64, &site->histogram->nans, error) ||
      !json_number (reader, node, index, "positive_infinities", G_MAXINT64, &site->histogram->positive_infinities, error) ||
      !json_number (reader, node, index, "negative_infinities", G_MAXINT64, &site->histogram->negative_infinities, error))
    return FALSE;
  if (!read_histogram (reader, site, &finite, error))
    return FALSE;
  if (site->oversize > finite)
    return fail_json (reader, index, "oversize", _ ("no more than there are finite values"), error);
  site->has_extremes = finite > 0;
  if (site->has_extremes &&
      (!json_extreme (reader, node, index, "min", site->width, &site->min, error) ||
       !json_extreme (reader, node, index, "max", site->width, &site->max, error) || !check_extremes (reader, site, error)))
    return FALSE;
  return read_groups (reader, site, finite - site->oversize, error) &&
         read_channel_counts (reader, site, finite - site->oversize, error) && read_channel_sums (reader, site, FALSE, error) &&
         read_channel_sums (reader, site, TRUE, error) && read_channel_extremes (reader, site, error);
}

static TnJson *
parse_json (const Reader *reader, const char *key, TnJsonType type, GError **error)
{
  const char *text = metadata (reader, key, error);
  g_autofree char *name = g_strdup_printf ("%s: %s", reader->path, key);
  g_autoptr (TnJson) json = text != NULL ? tn_json_parse (text, strlen (text), name, 0, error) : NULL;

  if (json != NULL && tn_json_get_root (json)->type != type)
    {
      fail (reader, key, error, _ ("%s found, %s expected"), tn_json_type_describe (tn_json_get_root (json)->type),
            tn_json_type_describe (type));
      return NULL;
    }
  return g_steal_pointer (&json);
}

static gboolean
read_sites (Reader *reader, TnStats *stats, GError **error)
{
  g_autoptr (TnJson) json = parse_json (reader, TN_STATS_KEY_SITES, TN_JSON_ARRAY, error);
  guint index = 0;

  if (json == NULL)
    return FALSE;
  for (const TnJsonNode *node = tn_json_get_root (json)->value.list.first; node != NULL; node = node->next)
    if (!read_site (reader, stats, node, index++, error))
      return FALSE;
  return TRUE;
}

static gboolean
read_aliases (Reader *reader, TnStats *stats, GError **error)
{
  g_autoptr (TnJson) json = parse_json (reader, TN_STATS_KEY_ALIASES, TN_JSON_OBJECT, error);

  if (json == NULL)
    return FALSE;
  for (const TnJsonNode *node = tn_json_get_root (json)->value.list.first; node != NULL; node = node->next)
    {
      const char *target = tn_json_find_text (tn_json_get_root (json), node->name);

      /* Aliases come after the sites, none of them an alias yet: a target is a site. */
      if (target == NULL || strlen (node->name) != node->name_length || g_hash_table_contains (stats->aliases, target) ||
          tn_stats_find (stats, target) == NULL || tn_stats_find (stats, node->name) != NULL)
        return fail (reader, TN_STATS_KEY_ALIASES, error, _ ("names that are no sites, each with the name of a site, expected"));
      tn_stats_add_alias (stats, node->name, target);
    }
  return TRUE;
}

TnStats *
tn_stats_load (const char *path, GError **error)
{
  g_autoptr (TnMappedFile) mapped = tn_mapped_file_open (path, error);
  g_autoptr (TnSafetensors) file = mapped != NULL ? tn_safetensors_open (mapped, error) : NULL;
  Reader reader = {.path = path, .file = file};
  g_autoptr (TnStats) stats = NULL;
  guint64 model;
  const char *partial, *backend;

  if (file == NULL || !check_schema (&reader, error) || !read_fingerprint (&reader, TN_STATS_KEY_MODEL, &model, error))
    return NULL;
  backend = metadata (&reader, TN_STATS_KEY_BACKEND, error);
  partial = backend != NULL ? metadata (&reader, TN_STATS_KEY_PARTIAL, error) : NULL;
  if (partial == NULL)
    return NULL;
  if (strcmp (partial, "true") != 0 && strcmp (partial, "false") != 0)
    {
      fail (&reader, TN_STATS_KEY_PARTIAL, error, _ ("“true” or “false” expected"));
      return NULL;
    }
  stats = tn_stats_new (model, backend);
  stats->partial = partial[0] == 't';
  if (tn_safetensors_get_metadata (file, TN_STATS_KEY_POWER_ORDER) == NULL)
    stats->power_order = TN_POWER_ORDER_TOKEN;
  else if (!read_constant (&reader, TN_STATS_KEY_POWER_ORDER, TN_STATS_POWER_ORDER_TILE, error))
    return NULL;
  if (!read_fingerprint (&reader, TN_STATS_KEY_DATA, &stats->data_fingerprint, error) ||
      !read_number (&reader, TN_STATS_KEY_SAMPLES, G_MAXUINT64, &stats->samples, error) ||
      !read_number (&reader, TN_STATS_KEY_TOKENS, G_MAXUINT64, &stats->tokens, error) || !read_sites (&reader, stats, error) ||
      !read_aliases (&reader, stats, error))
    return NULL;
  if (reader.n_tensors != tn_safetensors_n_entries (file))
    {
      fail (&reader, TN_STATS_KEY_SITES, error, _ ("%u tensors found, %u expected"), tn_safetensors_n_entries (file),
            reader.n_tensors);
      return NULL;
    }
  return g_steal_pointer (&stats);
}
