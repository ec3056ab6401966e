/* SPDX-License-Identifier: Apache-2.0 */
#include "data/statistics/stats-file.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "data/files/safetensors-writer.h"
#include "data/statistics/stats-layout.h"

static gboolean
take_tensor (TnSafetensorsWriter *writer, const TnSiteStats *site, const char *name, TnDtype dtype, guint64 rows, guint64 columns,
             void *data, GError **error)
{
  g_autofree char *full = g_strdup_printf ("%s.%s", site->name, name);
  guint64 shape[] = {rows, columns};

  return tn_safetensors_writer_take_tensor (writer, full, dtype, columns > 0 ? 2 : 1, shape, data, error);
}

static gboolean
add_histogram (TnSafetensorsWriter *writer, const TnSiteStats *site, GError **error)
{
  const guint64 *bins = site->histogram->bins;
  guint n = 0, at = 0;
  guint64 largest = 0;
  guint16 *indices;
  guint64 *counts;

  for (guint i = 0; i < TN_FLOAT_HISTOGRAM_BINS; i++)
    {
      n += bins[i] > 0;
      largest = MAX (largest, bins[i]);
    }
  indices = g_new (guint16, n);
  counts = g_new (guint64, n);
  for (guint i = 0; i < TN_FLOAT_HISTOGRAM_BINS; i++)
    if (bins[i] > 0)
      {
        indices[at] = GUINT16_TO_LE ((guint16) i);
        if (largest > G_MAXUINT32)
          counts[at] = GUINT64_TO_LE (bins[i]);
        else
          ((guint32 *) counts)[at] = GUINT32_TO_LE ((guint32) bins[i]);
        at++;
      }
  if (!take_tensor (writer, site, TN_STATS_TENSOR_BINS, TN_DTYPE_U16, n, 0, indices, error))
    {
      g_free (counts);
      return FALSE;
    }
  return take_tensor (writer, site, TN_STATS_TENSOR_COUNTS, largest > G_MAXUINT32 ? TN_DTYPE_U64 : TN_DTYPE_U32, n, 0, counts,
                      error);
}

static gboolean
add_groups (TnSafetensorsWriter *writer, const TnSiteStats *site, GError **error)
{
  guint64 *words = g_new (guint64, TN_STATS_GROUPS * TN_STATS_GROUP_WORDS);
  guint at = 0;

  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    {
      const TnGroupMoments *group = &site->groups[g];
      const TnWideSum *sums[] = {&group->sum_abs, &group->sum1, &group->sum2, &group->sum3, &group->sum4};

      words[at++] = GUINT64_TO_LE (group->count);
      words[at++] = GUINT64_TO_LE (group->sequences);
      for (guint k = 0; k < G_N_ELEMENTS (sums); k++)
        for (guint i = 0; i < TN_WIDE_SUM_LIMBS; i++)
          words[at++] = GUINT64_TO_LE (sums[k]->limbs[i]);
    }
  return take_tensor (writer, site, TN_STATS_TENSOR_GROUPS, TN_DTYPE_U64, TN_STATS_GROUPS, TN_STATS_GROUP_WORDS, words, error);
}

static gboolean
add_channel_sums (TnSafetensorsWriter *writer, const TnSiteStats *site, gboolean squares, GError **error)
{
  guint64 *words = g_new (guint64, 2 * (gsize) site->width);

  for (guint c = 0; c < site->width; c++)
    {
      TnChannelSum sum = squares ? site->channels[c].sum2 : site->channels[c].sum;

      words[2 * c] = GUINT64_TO_LE ((guint64) sum);
      words[2 * c + 1] = GUINT64_TO_LE ((guint64) ((unsigned __int128) sum >> 64));
    }
  return take_tensor (writer, site, squares ? TN_STATS_TENSOR_SUM2 : TN_STATS_TENSOR_SUM, TN_DTYPE_U64, site->width, 2, words,
                      error);
}

static gboolean
add_channel_extremes (TnSafetensorsWriter *writer, const TnSiteStats *site, gboolean largest, GError **error)
{
  guint32 *words = g_new (guint32, site->width);

  for (guint c = 0; c < site->width; c++)
    {
      memcpy (&words[c], largest ? &site->channels[c].max : &site->channels[c].min, sizeof words[c]);
      words[c] = GUINT32_TO_LE (words[c]);
    }
  return take_tensor (writer, site, largest ? TN_STATS_TENSOR_MAX : TN_STATS_TENSOR_MIN, TN_DTYPE_F32, site->width, 0, words,
                      error);
}

static gboolean
add_channel_counts (TnSafetensorsWriter *writer, const TnSiteStats *site, GError **error)
{
  gboolean all = TRUE;
  guint64 *words;

  for (guint c = 0; c < site->width; c++)
    all = all && site->channels[c].count == site->tokens;
  if (all)
    return TRUE;
  words = g_new (guint64, site->width);
  for (guint c = 0; c < site->width; c++)
    words[c] = GUINT64_TO_LE (site->channels[c].count);
  return take_tensor (writer, site, TN_STATS_TENSOR_COUNT, TN_DTYPE_U64, site->width, 0, words, error);
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

static char *
builder_to_text (JsonBuilder *builder)
{
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = json_builder_get_root (builder);

  json_generator_set_root (generator, root);
  return json_generator_to_data (generator, NULL);
}

static char *
sites_to_text (const TnStats *stats)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (guint i = 0; i < stats->sites->len; i++)
    {
      const TnSiteStats *site = g_ptr_array_index (stats->sites, i);
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
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  return builder_to_text (builder);
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
  return builder_to_text (builder);
}

static void
take_metadata (TnSafetensorsWriter *writer, const char *key, char *value)
{
  tn_safetensors_writer_add_metadata (writer, key, value);
  g_free (value);
}

static void
add_notes (TnSafetensorsWriter *writer, GHashTable *notes)
{
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, notes);
  while (g_hash_table_iter_next (&iter, &key, &value))
    tn_safetensors_writer_add_metadata (writer, key, value);
}

gboolean
tn_stats_save (const TnStats *stats, const char *path, guint64 *bytes_written, GError **error)
{
  return tn_stats_save_with_notes (stats, NULL, path, bytes_written, error);
}

gboolean
tn_stats_save_with_notes (const TnStats *stats, GHashTable *notes, const char *path, guint64 *bytes_written, GError **error)
{
  g_autoptr (TnSafetensorsWriter) writer = tn_safetensors_writer_new ();

  if (notes != NULL)
    add_notes (writer, notes);
  tn_safetensors_writer_add_metadata (writer, TN_STATS_KEY_FORMAT, TN_STATS_FORMAT);
  take_metadata (writer, TN_STATS_KEY_SCHEMA, g_strdup_printf ("%d", TN_STATS_SCHEMA_VERSION));
  take_metadata (writer, TN_STATS_KEY_MODEL, g_strdup_printf ("%016" G_GINT64_MODIFIER "x", stats->model_fingerprint));
  take_metadata (writer, TN_STATS_KEY_DATA, g_strdup_printf ("%016" G_GINT64_MODIFIER "x", stats->data_fingerprint));
  take_metadata (writer, TN_STATS_KEY_SAMPLES, g_strdup_printf ("%" G_GUINT64_FORMAT, stats->samples));
  take_metadata (writer, TN_STATS_KEY_TOKENS, g_strdup_printf ("%" G_GUINT64_FORMAT, stats->tokens));
  tn_safetensors_writer_add_metadata (writer, TN_STATS_KEY_PARTIAL, stats->partial ? "true" : "false");
  tn_safetensors_writer_add_metadata (writer, TN_STATS_KEY_BACKEND, stats->backend);
  take_metadata (writer, TN_STATS_KEY_POWER_QUANTUM, g_strdup_printf ("%d", TN_WIDE_SUM_QUANTUM_LOG2));
  if (stats->power_order == TN_POWER_ORDER_TILE)
    tn_safetensors_writer_add_metadata (writer, TN_STATS_KEY_POWER_ORDER, TN_STATS_POWER_ORDER_TILE);
  take_metadata (writer, TN_STATS_KEY_CHANNEL_QUANTUM, g_strdup_printf ("%d", TN_CHANNEL_SUM_QUANTUM_LOG2));
  take_metadata (writer, TN_STATS_KEY_OVERSIZE, g_strdup_printf ("%d", TN_STATS_OVERSIZE_LOG2));
  take_metadata (writer, TN_STATS_KEY_GROUPS, g_strdup_printf ("%d", TN_STATS_GROUPS));
  take_metadata (writer, TN_STATS_KEY_ALIASES, aliases_to_text (stats));
  take_metadata (writer, TN_STATS_KEY_SITES, sites_to_text (stats));
  for (guint i = 0; i < stats->sites->len; i++)
    {
      const TnSiteStats *site = g_ptr_array_index (stats->sites, i);

      if (!add_histogram (writer, site, error) || !add_groups (writer, site, error) ||
          !add_channel_sums (writer, site, FALSE, error) || !add_channel_sums (writer, site, TRUE, error) ||
          !add_channel_extremes (writer, site, FALSE, error) || !add_channel_extremes (writer, site, TRUE, error) ||
          !add_channel_counts (writer, site, error))
        {
          g_prefix_error (error, "%s: ", path);
          return FALSE;
        }
    }
  return tn_safetensors_writer_write (writer, path, bytes_written, error);
}
