/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/calibrate-cache.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "app/tasks/provenance.h"
#include "data/statistics/stats-file.h"

/* What differs in more, and in model and output, is something else and not worth a word. */
#define MOST_DIFFERENCES 2

static TnStats *
load (const TnStatisticsRow *row)
{
  g_autoptr (TnStats) stats = tn_stats_load (row->path, NULL);

  if (stats == NULL || stats->partial || stats->model_fingerprint != row->model_fingerprint ||
      stats->data_fingerprint != row->data_fingerprint || stats->samples != row->samples || stats->tokens != row->tokens)
    return NULL;
  return g_steal_pointer (&stats);
}

TnStats *
tn_calibrate_cache_find (TnWorkspace *workspace, const char *provenance, guint64 model_fingerprint, const char *out_path,
                         const TnListener *listener, char **path)
{
  g_autoptr (GPtrArray) rows = tn_workspace_list_stats (workspace, NULL);
  g_autofree char *nearest = NULL, *nearest_path = NULL, *text = NULL;
  guint least = G_MAXUINT;

  for (guint i = 0; rows != NULL && i < rows->len; i++)
    {
      const TnStatisticsRow *row = g_ptr_array_index (rows, i);
      g_autofree char *difference = NULL;
      TnStats *stats;
      guint n;

      if (row->provenance == NULL)
        continue;
      difference = tn_provenance_compare (row->provenance, provenance, &n);
      if (difference == NULL && (stats = load (row)) != NULL)
        {
          *path = g_strdup (row->path);
          return stats;
        }
      if (difference == NULL || n >= least || !g_file_test (row->path, G_FILE_TEST_EXISTS) ||
          (n > MOST_DIFFERENCES && row->model_fingerprint != model_fingerprint && strcmp (row->path, out_path) != 0))
        continue;
      least = n;
      g_free (nearest);
      nearest = g_steal_pointer (&difference);
      g_free (nearest_path);
      nearest_path = g_strdup (row->path);
    }
  if (nearest != NULL)
    {
      text = g_strdup_printf (_ ("the statistics in %s are not used again: %s"), nearest_path, nearest);
      tn_listener_event (listener, "info", text);
    }
  return NULL;
}
