/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/calibrate-inputs.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/error.h"
#include "engine/memory/pool.h"

#define ALL "all"

/* Marks the sites that one name or pattern of the list means, an alias among them. */
static gboolean
mark_sites (const TnStats *stats, const char *item, GHashTable *marked)
{
  g_autoptr (GPatternSpec) pattern = g_pattern_spec_new (strcmp (item, ALL) == 0 ? "*" : item);
  TnSiteStats *named = tn_stats_find (stats, item);
  gboolean found = named != NULL;

  if (named != NULL)
    g_hash_table_add (marked, named);
  for (guint i = 0; i < stats->sites->len; i++)
    {
      TnSiteStats *site = g_ptr_array_index (stats->sites, i);

      if (g_pattern_spec_match_string (pattern, site->name))
        found = g_hash_table_add (marked, site) || found;
    }
  return found;
}

static gboolean
check_memory (GHashTable *marked, GError **error)
{
  gsize budget = tn_pool_get_budget (tn_pool_default ()), used = tn_pool_get_total (tn_pool_default ());
  guint64 bytes = 0;
  GHashTableIter iter;
  gpointer site;

  g_hash_table_iter_init (&iter, marked);
  while (g_hash_table_iter_next (&iter, &site, NULL))
    bytes += tn_gram_get_bytes (((const TnSiteStats *) site)->width);
  if (budget > 0 && used + bytes > budget)
    {
      g_autofree char *need = g_format_size_full (used + bytes, G_FORMAT_SIZE_IEC_UNITS);
      g_autofree char *have = g_format_size_full (budget, G_FORMAT_SIZE_IEC_UNITS);

      g_set_error (error, TN_ERROR, TN_ERROR_MEMORY,
                   _ ("--gram: the matrices of %u sites need %s of memory with what is held, and %s are allowed: name fewer sites"),
                   g_hash_table_size (marked), need, have);
      return FALSE;
    }
  return TRUE;
}

static gboolean
keep_grams (TnStats *stats, const char *list, GError **error)
{
  g_auto (GStrv) items = g_strsplit (list, ",", -1);
  g_autoptr (GHashTable) marked = g_hash_table_new (NULL, NULL);
  GHashTableIter iter;
  gpointer site;

  for (guint i = 0; items[i] != NULL; i++)
    if (!mark_sites (stats, g_strstrip (items[i]), marked))
      {
        g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND, _ ("--gram: “%s” fits no site; expected %s or a name such as %s"), items[i], ALL,
                     stats->sites->len > 0 ? ((TnSiteStats *) g_ptr_array_index (stats->sites, 0))->name : "-");
        return FALSE;
      }
  if (!check_memory (marked, error))
    return FALSE;
  g_hash_table_iter_init (&iter, marked);
  while (g_hash_table_iter_next (&iter, &site, NULL))
    if (!tn_site_stats_keep_gram (site, error))
      return FALSE;
  return TRUE;
}

gboolean
tn_calibrate_keep_inputs (TnStats *stats, const TnCalibrateOptions *options, GError **error)
{
  for (guint i = 0; i < stats->sites->len && options->rows > 0; i++)
    tn_site_stats_keep_rows (g_ptr_array_index (stats->sites, i), options->rows);
  return options->gram == NULL || keep_grams (stats, options->gram, error);
}
