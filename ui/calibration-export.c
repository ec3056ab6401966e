/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <string.h>

#include "data/files/atomic-file.h"
#include "data/statistics/stats-file.h"
#include "ui/calibration.h"

/* What llama.cpp's own tool counts in. */
#define IMATRIX_CHUNK 512

static const struct
{
  const char *label;
  const char *ending;
} formats[TN_N_EXPORTS] = {
    [TN_EXPORT_STATISTICS] = {N_ ("Statistics (safetensors)"), ".stats.safetensors"},
    [TN_EXPORT_JSON] = {N_ ("Table (JSON)"), ".json"},
    [TN_EXPORT_CSV] = {N_ ("Table (CSV)"), ".csv"},
    [TN_EXPORT_IMATRIX] = {N_ ("Importance Matrix (GGUF)"), ".imatrix.gguf"},
    [TN_EXPORT_IMATRIX_LEGACY] = {N_ ("Importance Matrix (legacy .dat)"), ".imatrix.dat"},
};

typedef struct
{
  TnStats *stats;
  TnExportFormat format;
  char *path;
  char *data_name;
} ExportTask;

static void
export_task_free (gpointer pointer)
{
  ExportTask *self = pointer;

  tn_stats_unref (self->stats);
  g_free (self->path);
  g_free (self->data_name);
  g_free (self);
}

static gboolean
write_text (const char *path, char *text, GError **error)
{
  g_autofree char *owned = text;

  return tn_atomic_file_set_contents (path, owned, strlen (owned), error);
}

static void
export_on_worker (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  ExportTask *export = task_data;
  GError *error = NULL;
  gboolean written = FALSE;

  switch (export->format)
    {
    case TN_EXPORT_STATISTICS:
      written = tn_stats_save (export->stats, export->path, NULL, &error);
      break;
    case TN_EXPORT_JSON:
      written = write_text (export->path, tn_stats_to_json (export->stats), &error);
      break;
    case TN_EXPORT_CSV:
      written = write_text (export->path, tn_stats_to_csv (export->stats), &error);
      break;
    case TN_EXPORT_IMATRIX:
      written = tn_stats_export_imatrix (export->stats, export->path, IMATRIX_CHUNK, export->data_name, &error);
      break;
    case TN_EXPORT_IMATRIX_LEGACY:
      written = tn_stats_export_imatrix_legacy (export->stats, export->path, IMATRIX_CHUNK, export->data_name, &error);
      break;
    case TN_N_EXPORTS:
    default:
      g_assert_not_reached ();
    }
  if (written)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

const char *
tn_export_get_label (TnExportFormat format)
{
  return _ (formats[format].label);
}

const char *
tn_export_get_ending (TnExportFormat format)
{
  return formats[format].ending;
}

void
tn_calibration_export_async (TnCalibration *self, TnExportFormat format, const char *path, GAsyncReadyCallback callback,
                             gpointer user_data)
{
  g_autoptr (GTask) task = NULL;
  ExportTask *export;

  g_return_if_fail (TN_IS_CALIBRATION (self));
  g_return_if_fail (tn_calibration_get_result (self) != NULL);

  task = g_task_new (self, NULL, callback, user_data);
  export = g_new0 (ExportTask, 1);
  export->stats = tn_stats_ref (tn_calibration_get_result (self)->stats);
  export->format = format;
  export->path = g_strdup (path);
  export->data_name = g_strdup (tn_calibration_get_data_name (self));
  g_task_set_task_data (task, export, export_task_free);
  g_task_run_in_thread (task, export_on_worker);
}

gboolean
tn_calibration_export_finish (TnCalibration *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
