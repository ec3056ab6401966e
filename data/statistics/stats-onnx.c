/* SPDX-License-Identifier: Apache-2.0 */
#include "data/statistics/stats-file.h"

#include <glib/gi18n-lib.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "data/files/json-members.h"
#include "engine/error.h"

#define NAMES_GROUP "names"

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* Sites and their aliases, sorted; strings are those of stats. */
static GPtrArray *
list_names (const TnStats *stats)
{
  GPtrArray *names = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer alias;

  for (guint i = 0; i < stats->sites->len; i++)
    g_ptr_array_add (names, ((TnSiteStats *) g_ptr_array_index (stats->sites, i))->name);
  g_hash_table_iter_init (&iter, stats->aliases);
  while (g_hash_table_iter_next (&iter, &alias, NULL))
    g_ptr_array_add (names, alias);
  g_ptr_array_sort (names, compare_names);
  return names;
}

static gboolean
check_keys (const TnStats *stats, const char *path, GKeyFile *file, GError **error)
{
  g_auto (GStrv) keys = g_key_file_get_keys (file, NAMES_GROUP, NULL, NULL);

  if (keys == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("%s: group [%s] is missing; expected lines SITE = NAME OF THE TENSOR in it"), path, NAMES_GROUP);
      return FALSE;
    }
  for (char **key = keys; *key != NULL; key++)
    if (tn_stats_find (stats, *key) == NULL)
      {
        g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("%s: group [%s], key %s: the statistics have no such site"), path, NAMES_GROUP, *key);
        return FALSE;
      }
  return TRUE;
}

static GKeyFile *
load_names (const TnStats *stats, const char *path, GError **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  GError *local = NULL;

  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, &local))
    {
      g_set_error (error, TN_ERROR, local->domain == G_FILE_ERROR ? TN_ERROR_IO : TN_ERROR_FORMAT, "%s: %s", path, local->message);
      g_error_free (local);
      return NULL;
    }
  return check_keys (stats, path, file, error) ? g_steal_pointer (&file) : NULL;
}

/* numpy.ndarray of one float32, as ONNX Runtime's encoder writes it. */
static void
add_array (JsonBuilder *builder, const char *name, double value)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "data");
  json_builder_begin_array (builder);
  json_builder_add_double_value (builder, value);
  json_builder_end_array (builder);
  json_builder_set_member_name (builder, "dtype");
  json_builder_add_string_value (builder, "float32");
  json_builder_set_member_name (builder, "CLS");
  json_builder_add_string_value (builder, "numpy.array");
  json_builder_end_object (builder);
}

static void
add_tensor (JsonBuilder *builder, const char *name, const TnSiteStats *site)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_object (builder);
  add_array (builder, "lowest", (double) site->min.value);
  add_array (builder, "highest", (double) site->max.value);
  json_builder_set_member_name (builder, "CLS");
  json_builder_add_string_value (builder, "TensorData");
  json_builder_end_object (builder);
}

static gboolean
add_tensors (JsonBuilder *builder, const TnStats *stats, GKeyFile *mapping, const char *names_path, GError **error)
{
  g_autoptr (GPtrArray) names = list_names (stats);
  g_autoptr (GHashTable) taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < names->len; i++)
    {
      const char *site_name = g_ptr_array_index (names, i);
      const TnSiteStats *site = tn_stats_find (stats, site_name);
      char *name = mapping != NULL ? g_key_file_get_string (mapping, NAMES_GROUP, site_name, NULL) : g_strdup (site_name);

      /* Sites that the names leave out, and those that saw nothing, have no range to give. */
      if (name == NULL || !site->has_extremes)
        g_free (name);
      /* Sites that share their input may well be one tensor there. */
      else if (g_hash_table_lookup (taken, name) == site)
        g_free (name);
      else if (g_hash_table_contains (taken, name))
        {
          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s: group [%s], key %s: %s is the name of another site"), names_path, NAMES_GROUP,
                       site_name, name);
          g_free (name);
          return FALSE;
        }
      else
        {
          add_tensor (builder, name, site);
          g_hash_table_insert (taken, name, (gpointer) site);
        }
    }
  return TRUE;
}

char *
tn_stats_to_onnx (const TnStats *stats, const char *names_path, GError **error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (GKeyFile) names = names_path != NULL ? load_names (stats, names_path, error) : NULL;

  if (names_path != NULL && names == NULL)
    return NULL;
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "CLS");
  json_builder_add_string_value (builder, "TensorsData");
  json_builder_set_member_name (builder, "data");
  json_builder_begin_object (builder);
  if (!add_tensors (builder, stats, names, names_path, error))
    return NULL;
  json_builder_end_object (builder);
  json_builder_set_member_name (builder, "calibration_method");
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "CLS");
  json_builder_add_string_value (builder, "CalibrationMethod");
  json_builder_set_member_name (builder, "value");
  json_builder_add_string_value (builder, "CalibrationMethod.MinMax");
  json_builder_end_object (builder);
  json_builder_set_member_name (builder, "smooth_quant");
  json_builder_add_boolean_value (builder, FALSE);
  json_builder_end_object (builder);
  return tn_json_builder_to_text (builder, TRUE);
}
