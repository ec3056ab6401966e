/* SPDX-License-Identifier: Apache-2.0 */
#include "data/statistics/stats-reader-private.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "data/files/quote.h"
#include "data/statistics/stats-layout.h"
#include "data/statistics/stats-weights.h"
#include "engine/error.h"

gboolean
tn_stats_reader_fail (const TnStatsReader *reader, const char *field, GError **error, const char *format, ...)
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

gboolean
tn_stats_reader_fail_site (const TnStatsReader *reader, const TnSiteStats *site, const char *field, GError **error, const char *message)
{
  g_autofree char *full = g_strdup_printf ("%s.%s", site->name, field);

  return tn_stats_reader_fail (reader, full, error, "%s", message);
}

static const char *
metadata (const TnStatsReader *reader, const char *key, GError **error)
{
  const char *value = tn_safetensors_get_metadata (reader->file, key);

  if (value == NULL)
    tn_stats_reader_fail (reader, key, error, _ ("missing in __metadata__, a string expected"));
  return value;
}

static gboolean
read_number (const TnStatsReader *reader, const char *key, guint64 max, guint64 *value, GError **error)
{
  const char *text = metadata (reader, key, error);
  g_autofree char *quoted = NULL;

  if (text == NULL)
    return FALSE;
  if (g_ascii_string_to_unsigned (text, 10, 0, max, value, NULL))
    return TRUE;
  quoted = tn_quote_string (text);
  return tn_stats_reader_fail (reader, key, error, _ ("%s found, a number from 0 to %" PRIu64 " expected"), quoted, max);
}

gboolean
tn_stats_parse_fingerprint (const char *text, guint64 *value)
{
  return strlen (text) == 16 && g_ascii_string_to_unsigned (text, 16, 0, G_MAXUINT64, value, NULL);
}

static gboolean
read_fingerprint (const TnStatsReader *reader, const char *key, guint64 *value, GError **error)
{
  const char *text = metadata (reader, key, error);
  g_autofree char *quoted = NULL;

  if (text == NULL)
    return FALSE;
  if (tn_stats_parse_fingerprint (text, value))
    return TRUE;
  quoted = tn_quote_string (text);
  return tn_stats_reader_fail (reader, key, error, _ ("%s found, 16 hexadecimal digits expected"), quoted);
}

static gboolean
read_constant (const TnStatsReader *reader, const char *key, const char *expected, GError **error)
{
  const char *text = metadata (reader, key, error);
  g_autofree char *quoted = NULL;

  if (text == NULL)
    return FALSE;
  if (strcmp (text, expected) == 0)
    return TRUE;
  quoted = tn_quote_string (text);
  return tn_stats_reader_fail (reader, key, error, _ ("%s found, “%s” expected"), quoted, expected);
}

static gboolean
check_metadata (const TnStatsReader *reader, GError **error)
{
  guint64 expected;
  guint32 found;

  if (!read_number (reader, TN_STATS_KEY_CHECKSUM, G_MAXUINT32, &expected, error))
    return FALSE;
  found = tn_stats_metadata_checksum (tn_safetensors_get_all_metadata (reader->file));
  if (found == expected)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("%s: __metadata__ is damaged: its check sum is %08x, expected %08x"), reader->path,
               found, (guint32) expected);
  return FALSE;
}

static gboolean
check_schema (TnStatsReader *reader, GError **error)
{
  guint64 version;
  g_autofree char *power = g_strdup_printf ("%d", TN_WIDE_SUM_QUANTUM_LOG2);
  g_autofree char *channel = g_strdup_printf ("%d", TN_CHANNEL_SUM_QUANTUM_LOG2);
  g_autofree char *oversize = g_strdup_printf ("%d", TN_STATS_OVERSIZE_LOG2);
  g_autofree char *groups = g_strdup_printf ("%d", TN_STATS_GROUPS);

  reader->summary = g_strcmp0 (tn_safetensors_get_metadata (reader->file, TN_STATS_KEY_FORMAT), TN_STATS_SUMMARY_FORMAT) == 0;
  if ((!reader->summary && !read_constant (reader, TN_STATS_KEY_FORMAT, TN_STATS_FORMAT, error)) ||
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
    return tn_stats_reader_fail (reader, TN_STATS_KEY_SCHEMA, error, _ ("0 found, a version from 1 expected"));
  if (reader->summary && version < 2)
    return tn_stats_reader_fail (reader, TN_STATS_KEY_SCHEMA, error, _ ("1 found, a version from 2 expected of a summary"));
  reader->version = (guint) version;
  if (version > 1 && !check_metadata (reader, error))
    return FALSE;
  return read_constant (reader, TN_STATS_KEY_POWER_QUANTUM, power, error) &&
         read_constant (reader, TN_STATS_KEY_CHANNEL_QUANTUM, channel, error) &&
         read_constant (reader, TN_STATS_KEY_OVERSIZE, oversize, error) &&
         read_constant (reader, TN_STATS_KEY_GROUPS, groups, error);
}

static TnJson *
parse_json (const TnStatsReader *reader, const char *key, TnJsonType type, GError **error)
{
  const char *text = metadata (reader, key, error);
  g_autofree char *name = g_strdup_printf ("%s: %s", reader->path, key);
  g_autoptr (TnJson) json = text != NULL ? tn_json_parse (text, strlen (text), name, 0, error) : NULL;

  if (json != NULL && tn_json_get_root (json)->type != type)
    {
      tn_stats_reader_fail (reader, key, error, _ ("%s found, %s expected"), tn_json_type_describe (tn_json_get_root (json)->type),
            tn_json_type_describe (type));
      return NULL;
    }
  return g_steal_pointer (&json);
}

static gboolean
read_sites (TnStatsReader *reader, TnStats *stats, GError **error)
{
  g_autoptr (TnJson) json = parse_json (reader, TN_STATS_KEY_SITES, TN_JSON_ARRAY, error);
  guint index = 0;

  if (json == NULL)
    return FALSE;
  for (const TnJsonNode *node = tn_json_get_root (json)->value.list.first; node != NULL; node = node->next)
    if (!tn_stats_reader_site (reader, stats, node, index++, error))
      return FALSE;
  return TRUE;
}

static gboolean
read_aliases (TnStatsReader *reader, TnStats *stats, GError **error)
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
        return tn_stats_reader_fail (reader, TN_STATS_KEY_ALIASES, error, _ ("names that are no sites, each with the name of a site, expected"));
      tn_stats_add_alias (stats, node->name, target);
    }
  return TRUE;
}

/* Only there where sequences were not drawn evenly. */
static gboolean
read_weights (TnStatsReader *reader, TnStats *stats, GError **error)
{
  g_autoptr (TnJson) json = NULL;

  if (tn_safetensors_get_metadata (reader->file, TN_STATS_KEY_WEIGHTED) == NULL)
    return TRUE;
  if ((json = parse_json (reader, TN_STATS_KEY_WEIGHTED, TN_JSON_OBJECT, error)) == NULL)
    return FALSE;
  stats->weighted = tn_stats_weights_from_json (tn_json_get_root (json), stats->sites->len);
  return stats->weighted != NULL ||
         tn_stats_reader_fail (reader, TN_STATS_KEY_WEIGHTED, error, _ ("sums of 64 hexadecimal digits expected, four for each of %u sites"), stats->sites->len);
}

TnStats *
tn_stats_load (const char *path, GError **error)
{
  g_autoptr (TnMappedFile) mapped = tn_mapped_file_open (path, error);
  g_autoptr (TnSafetensors) file = mapped != NULL ? tn_safetensors_open (mapped, error) : NULL;
  TnStatsReader reader = {.path = path, .file = file};
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
      tn_stats_reader_fail (&reader, TN_STATS_KEY_PARTIAL, error, _ ("“true” or “false” expected"));
      return NULL;
    }
  stats = tn_stats_new (model, backend);
  stats->partial = partial[0] == 't';
  stats->summary = reader.summary;
  if (tn_safetensors_get_metadata (file, TN_STATS_KEY_POWER_ORDER) == NULL)
    stats->power_order = TN_POWER_ORDER_TOKEN;
  else if (!read_constant (&reader, TN_STATS_KEY_POWER_ORDER, TN_STATS_POWER_ORDER_TILE, error))
    return NULL;
  if (!read_fingerprint (&reader, TN_STATS_KEY_DATA, &stats->data_fingerprint, error) ||
      !read_number (&reader, TN_STATS_KEY_SAMPLES, G_MAXUINT64, &stats->samples, error) ||
      !read_number (&reader, TN_STATS_KEY_TOKENS, G_MAXUINT64, &stats->tokens, error) || !read_sites (&reader, stats, error) ||
      !read_aliases (&reader, stats, error) || !read_weights (&reader, stats, error))
    return NULL;
  if (reader.n_tensors != tn_safetensors_n_entries (file))
    {
      tn_stats_reader_fail (&reader, TN_STATS_KEY_SITES, error, _ ("%u tensors found, %u expected"), tn_safetensors_n_entries (file),
            reader.n_tensors);
      return NULL;
    }
  return g_steal_pointer (&stats);
}

gboolean
tn_stats_recognise (const char *path)
{
  g_autoptr (TnMappedFile) mapped = tn_mapped_file_open (path, NULL);
  g_autoptr (TnSafetensors) file = NULL;
  const char *format;

  if (mapped == NULL || !tn_safetensors_recognise (tn_mapped_file_get_data (mapped), tn_mapped_file_get_size (mapped)))
    return FALSE;
  file = tn_safetensors_open (mapped, NULL);
  format = file != NULL ? tn_safetensors_get_metadata (file, TN_STATS_KEY_FORMAT) : NULL;
  return format != NULL && (strcmp (format, TN_STATS_FORMAT) == 0 || strcmp (format, TN_STATS_SUMMARY_FORMAT) == 0);
}

TnStats *
tn_stats_load_for_model (const char *path, guint64 fingerprint, GError **error)
{
  g_autoptr (TnStats) stats = tn_stats_load (path, error);

  if (stats == NULL || stats->model_fingerprint == fingerprint)
    return g_steal_pointer (&stats);
  g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH,
               _ ("%s: the statistics are of the model %016" PRIx64 ", and this one is %016" PRIx64), path, stats->model_fingerprint,
               fingerprint);
  return NULL;
}
