/* SPDX-License-Identifier: Apache-2.0 */
#include "data/statistics/stats-file.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "data/files/atomic-file.h"
#include "data/files/gguf-writer.h"
#include "engine/error.h"

/* One linear weight inside a block. */
typedef struct
{
  char *name; /* "blk.0.attn_q.weight" */
  char *sums_name, *counts_name;
  const TnSiteStats *site;
  float *values;
  float count;
} Entry;

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_free (entry->name);
  g_free (entry->sums_name);
  g_free (entry->counts_name);
  g_free (entry->values);
  g_free (entry);
}

static int
compare_entries (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(Entry *const *) a)->name, (*(Entry *const *) b)->name);
}

static void
add_entry (GPtrArray *entries, const char *site_name, const TnSiteStats *site)
{
  Entry *entry;

  if (!g_str_has_prefix (site_name, "blk.") || !g_str_has_suffix (site_name, ".in") || site == NULL || site->tokens == 0)
    return;
  entry = g_new0 (Entry, 1);
  entry->name = g_strdup_printf ("%.*s.weight", (int) strlen (site_name) - 3, site_name);
  entry->sums_name = g_strdup_printf ("%s.in_sum2", entry->name);
  entry->counts_name = g_strdup_printf ("%s.counts", entry->name);
  entry->site = site;
  entry->values = g_new (float, site->width);
  entry->count = (float) site->tokens;
  g_ptr_array_add (entries, entry);
}

/* Inputs of the linear layers of all blocks, also those that were observed under another name. */
static GPtrArray *
collect_entries (const TnStats *stats, GError **error)
{
  g_autoptr (GPtrArray) entries = g_ptr_array_new_with_free_func (entry_free);
  GHashTableIter iter;
  gpointer alias;

  for (guint i = 0; i < stats->sites->len; i++)
    {
      const TnSiteStats *site = g_ptr_array_index (stats->sites, i);

      add_entry (entries, site->name, site);
    }
  g_hash_table_iter_init (&iter, stats->aliases);
  while (g_hash_table_iter_next (&iter, &alias, NULL))
    add_entry (entries, alias, tn_stats_find (stats, alias));
  if (entries->len == 0)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_DATA,
                           _ ("the statistics hold no inputs of linear layers of blocks (sites like “blk.0.attn_q.in”), "
                              "which an importance matrix is made of"));
      return NULL;
    }
  g_ptr_array_sort (entries, compare_entries);
  return g_steal_pointer (&entries);
}

/* Of the values that were counted; oversize ones and those that are not finite are left out. */
static double
mean_square (const TnSiteStats *site, guint channel)
{
  const TnChannelStats *stats = &site->channels[channel];

  return stats->count > 0 ? tn_channel_sum_to_double (stats->sum2) / (double) stats->count : 0.0;
}

static gboolean
count_chunks (const TnStats *stats, guint chunk_size, guint32 *chunks, GError **error)
{
  guint64 n;

  if (chunk_size == 0)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("chunk size 0 found, at least 1 token expected"));
      return FALSE;
    }
  n = stats->tokens / chunk_size + (stats->tokens % chunk_size != 0);
  *chunks = (guint32) CLAMP (n, 1, G_MAXINT32);
  return TRUE;
}

gboolean
tn_stats_export_imatrix (const TnStats *stats, const char *path, guint chunk_size, const char *dataset, GError **error)
{
  g_autoptr (GPtrArray) entries = NULL;
  g_autoptr (TnGgufWriter) writer = tn_gguf_writer_new ();
  const char *datasets[] = {dataset};
  guint32 chunks;

  if (!count_chunks (stats, chunk_size, &chunks, error))
    return FALSE;
  entries = collect_entries (stats, error);
  if (entries == NULL)
    return FALSE;
  tn_gguf_writer_add_string (writer, "general.type", "imatrix");
  tn_gguf_writer_add_strings (writer, "imatrix.datasets", datasets, dataset != NULL ? 1 : 0);
  tn_gguf_writer_add_u32 (writer, "imatrix.chunk_count", chunks);
  tn_gguf_writer_add_u32 (writer, "imatrix.chunk_size", chunk_size);
  for (guint i = 0; i < entries->len; i++)
    {
      Entry *entry = g_ptr_array_index (entries, i);
      guint64 sums_dims[] = {entry->site->width, 1}, counts_dims[] = {1, 1};

      for (guint c = 0; c < entry->site->width; c++)
        entry->values[c] = (float) (mean_square (entry->site, c) * (double) entry->site->tokens);
      if (!tn_gguf_writer_add_tensor (writer, entry->sums_name, TN_GGUF_TYPE_F32, 2, sums_dims, entry->values,
                                      entry->site->width * sizeof (float), error) ||
          !tn_gguf_writer_add_tensor (writer, entry->counts_name, TN_GGUF_TYPE_F32, 2, counts_dims, &entry->count, sizeof (float),
                                      error))
        {
          g_prefix_error (error, "%s: ", path);
          return FALSE;
        }
    }
  return tn_gguf_writer_write (writer, path, NULL, error);
}

static gboolean
write_int (TnAtomicFile *file, guint32 value, GError **error)
{
  value = GUINT32_TO_LE (value);
  return tn_atomic_file_write (file, &value, sizeof value, error);
}

static gboolean
write_text (TnAtomicFile *file, const char *text, GError **error)
{
  return write_int (file, (guint32) strlen (text), error) && tn_atomic_file_write (file, text, strlen (text), error);
}

gboolean
tn_stats_export_imatrix_legacy (const TnStats *stats, const char *path, guint chunk_size, const char *dataset, GError **error)
{
  g_autoptr (GPtrArray) entries = NULL;
  g_autoptr (TnAtomicFile) file = NULL;
  guint32 chunks;

  if (!count_chunks (stats, chunk_size, &chunks, error))
    return FALSE;
  entries = collect_entries (stats, error);
  file = entries != NULL ? tn_atomic_file_create (path, error) : NULL;
  if (file == NULL || !write_int (file, entries->len, error))
    return FALSE;
  for (guint i = 0; i < entries->len; i++)
    {
      Entry *entry = g_ptr_array_index (entries, i);

      for (guint c = 0; c < entry->site->width; c++)
        entry->values[c] = (float) (mean_square (entry->site, c) * chunks);
      if (!write_text (file, entry->name, error) || !write_int (file, chunks, error) ||
          !write_int (file, entry->site->width, error) ||
          !tn_atomic_file_write (file, entry->values, entry->site->width * sizeof (float), error))
        return FALSE;
    }
  if (!write_int (file, chunks, error) || !write_text (file, dataset != NULL ? dataset : "", error))
    return FALSE;
  return tn_atomic_file_commit (file, error);
}
