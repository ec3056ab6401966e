/* SPDX-License-Identifier: Apache-2.0 */
#include "data/statistics/stats-file.h"

#include <glib/gi18n-lib.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "data/files/json-members.h"
#include "data/files/safetensors-writer.h"
#include "data/statistics/stats-layout.h"
#include "data/statistics/stats-packing.h"
#include "data/statistics/stats-weights.h"
#include "engine/crc32c.h"
#include "engine/error.h"

#define LEFT_OUT "exact sums of channels (float32 means instead), histograms of channels: it can be shown, compared and used, not merged"

/* What goes into the file. */
typedef struct
{
  TnSafetensorsWriter *writer;
  GHashTable *metadata;
  JsonBuilder *sites;
  gboolean summary;
} Writer;

/* Takes data; its checksum becomes a member of the site's object of them, which is open. */
static gboolean
take_tensor (Writer *self, const TnSiteStats *site, const char *name, TnDtype dtype, guint64 rows, guint64 columns, void *data,
             GError **error)
{
  g_autofree char *full = g_strdup_printf ("%s.%s", site->name, name);
  guint64 shape[] = {rows, columns};
  gsize bytes = (gsize) (rows * MAX (columns, 1)) * (dtype == TN_DTYPE_U8 ? 1 : 4);

  json_builder_set_member_name (self->sites, name);
  json_builder_add_int_value (self->sites, tn_crc32c (0, data, bytes));
  return tn_safetensors_writer_take_tensor (self->writer, full, dtype, columns > 0 ? 2 : 1, shape, data, error);
}

static gboolean
take_bytes (Writer *self, const TnSiteStats *site, const char *name, GByteArray *bytes, GError **error)
{
  guint n = bytes->len;

  return take_tensor (self, site, name, TN_DTYPE_U8, n, 0, g_byte_array_free (bytes, FALSE), error);
}

static guint64
count_at (gconstpointer counts, guint bin)
{
  return ((const guint64 *) counts)[bin];
}

static gboolean
add_histogram (Writer *self, const TnSiteStats *site, GError **error)
{
  GByteArray *bytes = g_byte_array_new ();

  tn_pack_bins (bytes, TN_FLOAT_HISTOGRAM_BINS, count_at, site->histogram->bins);
  return take_bytes (self, site, TN_STATS_TENSOR_HISTOGRAM, bytes, error);
}

static gboolean
add_groups (Writer *self, const TnSiteStats *site, GError **error)
{
  GByteArray *bytes = g_byte_array_new ();

  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    {
      const TnGroupStats *group = &site->groups[g];
      const TnWideSum *sums[] = {&group->sum_abs, &group->sum1, &group->sum2, &group->sum3, &group->sum4};

      tn_pack_number (bytes, group->count);
      tn_pack_number (bytes, group->sequences);
      for (guint k = 0; k < G_N_ELEMENTS (sums); k++)
        tn_pack_integer (bytes, sums[k]->limbs, TN_WIDE_SUM_LIMBS);
      if (!site->has_details)
        continue;
      tn_pack_number (bytes, group->zeros);
      tn_pack_float (bytes, group->min);
      tn_pack_float (bytes, group->max);
    }
  return take_bytes (self, site, TN_STATS_TENSOR_GROUPS, bytes, error);
}

static gboolean
add_group_histograms (Writer *self, const TnSiteStats *site, GError **error)
{
  GByteArray *bytes = g_byte_array_new ();

  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    tn_pack_bins (bytes, TN_GROUP_BINS, count_at, site->group_bins + (gsize) g * TN_GROUP_BINS);
  return take_bytes (self, site, TN_STATS_TENSOR_GROUP_HISTOGRAMS, bytes, error);
}

static gboolean
add_largest (Writer *self, const TnSiteStats *site, GError **error)
{
  guint32 *words = g_new (guint32, TN_STATS_LARGEST *TN_STATS_LARGEST_WORDS);

  for (guint i = 0; i < site->n_largest; i++)
    {
      const TnExtreme *extreme = &site->largest[i];
      guint32 entry[TN_STATS_LARGEST_WORDS] = {0, (guint32) extreme->sample, (guint32) (extreme->sample >> 32), extreme->token,
                                               extreme->channel};

      memcpy (&entry[0], &extreme->value, sizeof entry[0]);
      for (guint k = 0; k < G_N_ELEMENTS (entry); k++)
        words[i * TN_STATS_LARGEST_WORDS + k] = GUINT32_TO_LE (entry[k]);
    }
  return take_tensor (self, site, TN_STATS_TENSOR_LARGEST, TN_DTYPE_U32, site->n_largest, TN_STATS_LARGEST_WORDS, words, error);
}

/* One integer a channel, all in as many bytes as the widest needs. */
typedef void (*ChannelFunc) (const TnChannelStats *channel, guint64 *limbs);

static void
get_sum (const TnChannelStats *channel, guint64 *limbs)
{
  limbs[0] = (guint64) channel->sum;
  limbs[1] = (guint64) ((unsigned __int128) channel->sum >> 64);
}

static void
get_sum2 (const TnChannelStats *channel, guint64 *limbs)
{
  limbs[0] = (guint64) channel->sum2;
  limbs[1] = (guint64) ((unsigned __int128) channel->sum2 >> 64);
}

static void
get_count (const TnChannelStats *channel, guint64 *limbs)
{
  limbs[0] = channel->count;
  limbs[1] = 0;
}

static gboolean
add_channels (Writer *self, const TnSiteStats *site, const char *name, ChannelFunc func, GError **error)
{
  guint64 limbs[2];
  guint bytes = 1;
  guint8 *packed;

  for (guint c = 0; c < site->width; c++)
    {
      func (&site->channels[c], limbs);
      bytes = MAX (bytes, tn_packed_bytes (limbs, 2));
    }
  packed = g_malloc ((gsize) site->width * bytes);
  for (guint c = 0; c < site->width; c++)
    {
      func (&site->channels[c], limbs);
      for (guint i = 0; i < bytes; i++)
        packed[(gsize) c * bytes + i] = (guint8) (limbs[i / 8] >> i % 8 * 8);
    }
  return take_tensor (self, site, name, TN_DTYPE_U8, site->width, bytes, packed, error);
}

/* What a summary has of the sums: one float instead of up to 16 bytes. */
static gboolean
add_channel_means (Writer *self, const TnSiteStats *site, gboolean squares, GError **error)
{
  guint32 *words = g_new0 (guint32, site->width);

  for (guint c = 0; c < site->width; c++)
    {
      const TnChannelStats *channel = &site->channels[c];
      float mean = channel->count > 0
                     ? (float) (tn_channel_sum_to_double (squares ? channel->sum2 : channel->sum) / (double) channel->count)
                     : 0.0f;

      memcpy (&words[c], &mean, sizeof words[c]);
      words[c] = GUINT32_TO_LE (words[c]);
    }
  return take_tensor (self, site, squares ? TN_STATS_TENSOR_MEAN_SQUARE : TN_STATS_TENSOR_MEAN, TN_DTYPE_F32, site->width, 0, words,
                      error);
}

static gboolean
add_channel_sums (Writer *self, const TnSiteStats *site, GError **error)
{
  if (self->summary)
    return add_channel_means (self, site, FALSE, error) && add_channel_means (self, site, TRUE, error);
  return add_channels (self, site, TN_STATS_TENSOR_SUM, get_sum, error) &&
         add_channels (self, site, TN_STATS_TENSOR_SUM2, get_sum2, error);
}

static gboolean
add_channel_extremes (Writer *self, const TnSiteStats *site, gboolean largest, GError **error)
{
  guint32 *words = g_new (guint32, site->width);

  for (guint c = 0; c < site->width; c++)
    {
      memcpy (&words[c], largest ? &site->channels[c].max : &site->channels[c].min, sizeof words[c]);
      words[c] = GUINT32_TO_LE (words[c]);
    }
  return take_tensor (self, site, largest ? TN_STATS_TENSOR_MAX : TN_STATS_TENSOR_MIN, TN_DTYPE_F32, site->width, 0, words, error);
}

static gboolean
add_channel_counts (Writer *self, const TnSiteStats *site, GError **error)
{
  gboolean all = TRUE;

  for (guint c = 0; c < site->width; c++)
    all = all && site->channels[c].count == site->tokens;
  return all || add_channels (self, site, TN_STATS_TENSOR_COUNT, get_count, error);
}

/* One channel of the histograms. */
typedef struct
{
  const TnChannelHistograms *histograms;
  guint channel;
} Channel;

static guint64
channel_count_at (gconstpointer pointer, guint bin)
{
  const Channel *channel = pointer;
  const guint32 *counts =
      tn_channel_histograms_octave (channel->histograms, channel->channel, bin / TN_CHANNEL_HISTOGRAM_OCTAVE_BINS);

  return counts != NULL ? counts[bin % TN_CHANNEL_HISTOGRAM_OCTAVE_BINS] : 0;
}

static gboolean
add_channel_histograms (Writer *self, const TnSiteStats *site, GError **error)
{
  GByteArray *bytes;

  if (site->channel_histograms == NULL)
    return TRUE;
  bytes = g_byte_array_new ();
  for (guint c = 0; c < site->width; c++)
    {
      const Channel channel = {site->channel_histograms, c};

      tn_pack_number (bytes, tn_channel_histograms_get_zeros (site->channel_histograms, c));
      tn_pack_bins (bytes, TN_FLOAT_HISTOGRAM_BINS, channel_count_at, &channel);
    }
  return take_bytes (self, site, TN_STATS_TENSOR_CHANNEL_HISTOGRAMS, bytes, error);
}

static gboolean
add_gram (Writer *self, const TnSiteStats *site, GError **error)
{
  gsize n = site->gram != NULL ? tn_gram_n_sums (site->gram) : 0;
  const TnChannelSum *sums = site->gram != NULL ? tn_gram_get_sums (site->gram) : NULL;
  guint bytes = 1;
  guint8 *packed;

  if (site->gram == NULL)
    return TRUE;
  for (gsize i = 0; i < n; i++)
    {
      guint64 limbs[] = {(guint64) sums[i], (guint64) ((unsigned __int128) sums[i] >> 64)};

      bytes = MAX (bytes, tn_packed_bytes (limbs, 2));
    }
  packed = g_malloc (n * bytes);
  for (gsize i = 0; i < n; i++)
    for (guint k = 0; k < bytes; k++)
      packed[i * bytes + k] = (guint8) ((unsigned __int128) sums[i] >> 8 * k);
  return take_tensor (self, site, TN_STATS_TENSOR_GRAM, TN_DTYPE_U8, n, bytes, packed, error);
}

static gboolean
add_rows (Writer *self, const TnSiteStats *site, GError **error)
{
  guint n = site->rows != NULL ? tn_row_sample_n_rows (site->rows) : 0;
  guint32 *values, *places;

  if (site->rows == NULL)
    return TRUE;
  values = g_new (guint32, MAX ((gsize) n * site->width, 1));
  places = g_new0 (guint32, (gsize) (n + 1) * TN_STATS_ROW_PLACE_WORDS);
  places[0] = GUINT32_TO_LE (tn_row_sample_get_most (site->rows));
  for (guint i = 0; i < n; i++)
    {
      guint64 sample;
      guint32 token;
      const float *row = tn_row_sample_get (site->rows, i, &sample, &token);
      guint32 *place = places + (gsize) (i + 1) * TN_STATS_ROW_PLACE_WORDS;

      place[0] = GUINT32_TO_LE ((guint32) sample);
      place[1] = GUINT32_TO_LE ((guint32) (sample >> 32));
      place[2] = GUINT32_TO_LE (token);
      for (guint c = 0; c < site->width; c++)
        {
          memcpy (&values[(gsize) i * site->width + c], &row[c], sizeof *values);
          values[(gsize) i * site->width + c] = GUINT32_TO_LE (values[(gsize) i * site->width + c]);
        }
    }
  return take_tensor (self, site, TN_STATS_TENSOR_ROW_PLACES, TN_DTYPE_U32, n + 1, TN_STATS_ROW_PLACE_WORDS, places, error) &&
         take_tensor (self, site, TN_STATS_TENSOR_ROWS, TN_DTYPE_F32, n, site->width, values, error);
}

static gboolean
add_tensors (Writer *self, const TnSiteStats *site, GError **error)
{
  return add_histogram (self, site, error) && add_groups (self, site, error) &&
         (!site->has_details || (add_group_histograms (self, site, error) && add_largest (self, site, error))) &&
         add_channel_sums (self, site, error) && add_channel_extremes (self, site, FALSE, error) &&
         add_channel_extremes (self, site, TRUE, error) && add_channel_counts (self, site, error) &&
         (self->summary || (add_channel_histograms (self, site, error) && add_gram (self, site, error) && add_rows (self, site, error)));
}

static void
add_extreme (JsonBuilder *builder, const char *name, const TnExtreme *extreme, gboolean present)
{
  g_autofree char *sample = g_strdup_printf ("%016" G_GINT64_MODIFIER "x", extreme->sample);

  json_builder_set_member_name (builder, name);
  if (!present)
    {
      json_builder_add_null_value (builder);
      return;
    }
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "value");
  json_builder_add_double_value (builder, (double) extreme->value);
  json_builder_set_member_name (builder, "sample");
  json_builder_add_string_value (builder, sample);
  json_builder_set_member_name (builder, "token");
  json_builder_add_int_value (builder, extreme->token);
  json_builder_set_member_name (builder, "channel");
  json_builder_add_int_value (builder, extreme->channel);
  json_builder_end_object (builder);
}

static void
add_moving_range (JsonBuilder *builder, const TnMovingRange *moving)
{
  if (moving->decay == 0.0)
    return;
  json_builder_set_member_name (builder, "moving_range");
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "decay");
  json_builder_add_double_value (builder, moving->decay);
  json_builder_set_member_name (builder, "sequences");
  json_builder_add_int_value (builder, (gint64) moving->sequences);
  json_builder_set_member_name (builder, "min");
  json_builder_add_double_value (builder, moving->min);
  json_builder_set_member_name (builder, "max");
  json_builder_add_double_value (builder, moving->max);
  json_builder_end_object (builder);
}

/* The site's object, and its tensors. */
static gboolean
add_site (Writer *self, const TnSiteStats *site, GError **error)
{
  JsonBuilder *builder = self->sites;
  const struct
  {
    const char *name;
    guint64 value;
  } numbers[] = {
      {"width", site->width},
      {"tokens", site->tokens},
      {"oversize", site->oversize},
      {"zeros", site->histogram->zeros},
      {"nans", site->histogram->nans},
      {"positive_infinities", site->histogram->positive_infinities},
      {"negative_infinities", site->histogram->negative_infinities},
  };

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "name");
  json_builder_add_string_value (builder, site->name);
  for (guint k = 0; k < G_N_ELEMENTS (numbers); k++)
    {
      json_builder_set_member_name (builder, numbers[k].name);
      json_builder_add_int_value (builder, (gint64) numbers[k].value);
    }
  add_extreme (builder, "min", &site->min, site->has_extremes);
  add_extreme (builder, "max", &site->max, site->has_extremes);
  add_moving_range (builder, &site->moving);
  json_builder_set_member_name (builder, "crc32c");
  json_builder_begin_object (builder);
  if (!add_tensors (self, site, error))
    return FALSE;
  json_builder_end_object (builder);
  json_builder_end_object (builder);
  return TRUE;
}

static char *
aliases_to_text (const TnStats *stats)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (GList) names = g_list_sort (g_hash_table_get_keys (stats->aliases), (GCompareFunc) strcmp);

  json_builder_begin_object (builder);
  for (GList *l = names; l != NULL; l = l->next)
    {
      json_builder_set_member_name (builder, l->data);
      json_builder_add_string_value (builder, g_hash_table_lookup (stats->aliases, l->data));
    }
  json_builder_end_object (builder);
  return tn_json_builder_to_text (builder, FALSE);
}

static void
take_metadata (Writer *self, const char *key, char *value)
{
  g_hash_table_replace (self->metadata, (gpointer) key, value);
}

static void
add_metadata (Writer *self, const TnStats *stats)
{
  take_metadata (self, TN_STATS_KEY_FORMAT, g_strdup (self->summary ? TN_STATS_SUMMARY_FORMAT : TN_STATS_FORMAT));
  if (self->summary)
    take_metadata (self, TN_STATS_KEY_LEFT_OUT, g_strdup (LEFT_OUT));
  take_metadata (self, TN_STATS_KEY_SCHEMA, g_strdup_printf ("%d", TN_STATS_SCHEMA_VERSION));
  take_metadata (self, TN_STATS_KEY_MODEL, g_strdup_printf ("%016" G_GINT64_MODIFIER "x", stats->model_fingerprint));
  take_metadata (self, TN_STATS_KEY_DATA, g_strdup_printf ("%016" G_GINT64_MODIFIER "x", stats->data_fingerprint));
  take_metadata (self, TN_STATS_KEY_SAMPLES, g_strdup_printf ("%" G_GUINT64_FORMAT, stats->samples));
  take_metadata (self, TN_STATS_KEY_TOKENS, g_strdup_printf ("%" G_GUINT64_FORMAT, stats->tokens));
  take_metadata (self, TN_STATS_KEY_PARTIAL, g_strdup (stats->partial ? "true" : "false"));
  take_metadata (self, TN_STATS_KEY_BACKEND, g_strdup (stats->backend));
  take_metadata (self, TN_STATS_KEY_POWER_QUANTUM, g_strdup_printf ("%d", TN_WIDE_SUM_QUANTUM_LOG2));
  if (stats->power_order == TN_POWER_ORDER_TILE)
    take_metadata (self, TN_STATS_KEY_POWER_ORDER, g_strdup (TN_STATS_POWER_ORDER_TILE));
  take_metadata (self, TN_STATS_KEY_CHANNEL_QUANTUM, g_strdup_printf ("%d", TN_CHANNEL_SUM_QUANTUM_LOG2));
  take_metadata (self, TN_STATS_KEY_OVERSIZE, g_strdup_printf ("%d", TN_STATS_OVERSIZE_LOG2));
  take_metadata (self, TN_STATS_KEY_GROUPS, g_strdup_printf ("%d", TN_STATS_GROUPS));
  take_metadata (self, TN_STATS_KEY_ALIASES, aliases_to_text (stats));
  if (stats->weighted != NULL)
    take_metadata (self, TN_STATS_KEY_WEIGHTED, tn_stats_weights_to_text (stats->weighted));
}

guint32
tn_stats_metadata_checksum (GHashTable *metadata)
{
  g_autoptr (GList) keys = g_list_sort (g_hash_table_get_keys (metadata), (GCompareFunc) strcmp);
  guint32 sum = 0;

  for (GList *l = keys; l != NULL; l = l->next)
    {
      const char *key = l->data, *value = g_hash_table_lookup (metadata, key);

      if (strcmp (key, TN_STATS_KEY_CHECKSUM) == 0)
        continue;
      sum = tn_crc32c (sum, key, strlen (key) + 1);
      sum = tn_crc32c (sum, value, strlen (value) + 1);
    }
  return sum;
}

static void
add_notes (Writer *self, GHashTable *notes)
{
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, notes);
  while (g_hash_table_iter_next (&iter, &key, &value))
    take_metadata (self, key, g_strdup (value));
}

static gboolean
save (const TnStats *stats, gboolean summary, GHashTable *notes, const char *path, guint64 *bytes_written, GError **error)
{
  g_autoptr (TnSafetensorsWriter) writer = tn_safetensors_writer_new ();
  g_autoptr (GHashTable) metadata = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  g_autoptr (JsonBuilder) sites = json_builder_new ();
  Writer self = {writer, metadata, sites, summary};
  GHashTableIter iter;
  gpointer key, value;

  if (stats->summary && !summary)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, _ ("%s: a summary cannot become statistics again: it has left out exact sums"), path);
      return FALSE;
    }
  json_builder_begin_array (sites);
  for (guint i = 0; i < stats->sites->len; i++)
    if (!add_site (&self, g_ptr_array_index (stats->sites, i), error))
      {
        g_prefix_error (error, "%s: ", path);
        return FALSE;
      }
  json_builder_end_array (sites);
  if (notes != NULL)
    add_notes (&self, notes);
  add_metadata (&self, stats);
  take_metadata (&self, TN_STATS_KEY_SITES, tn_json_builder_to_text (sites, FALSE));
  take_metadata (&self, TN_STATS_KEY_CHECKSUM, g_strdup_printf ("%" G_GUINT32_FORMAT, tn_stats_metadata_checksum (metadata)));
  g_hash_table_iter_init (&iter, metadata);
  while (g_hash_table_iter_next (&iter, &key, &value))
    tn_safetensors_writer_add_metadata (writer, key, value);
  return tn_safetensors_writer_write (writer, path, bytes_written, error);
}

gboolean
tn_stats_save (const TnStats *stats, const char *path, guint64 *bytes_written, GError **error)
{
  return save (stats, FALSE, NULL, path, bytes_written, error);
}

gboolean
tn_stats_save_with_notes (const TnStats *stats, GHashTable *notes, const char *path, guint64 *bytes_written, GError **error)
{
  return save (stats, FALSE, notes, path, bytes_written, error);
}

gboolean
tn_stats_save_summary (const TnStats *stats, const char *path, guint64 *bytes_written, GError **error)
{
  return save (stats, TRUE, NULL, path, bytes_written, error);
}
