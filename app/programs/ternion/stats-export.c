/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <string.h>

#include "app/programs/ternion/stats.h"
#include "data/files/atomic-file.h"

gboolean
tn_stats_write_text (const char *text, const char *out, GError **error)
{
  if (out != NULL)
    return tn_atomic_file_set_contents (out, text, strlen (text), error);
  g_print ("%s%s", text, g_str_has_suffix (text, "\n") ? "" : "\n");
  return TRUE;
}

/* Takes text, which may be NULL with error set. */
static gboolean
write_made (char *text, const TnStatsArguments *arguments, GError **error)
{
  g_autofree char *owned = text;

  return owned != NULL && tn_stats_write_text (owned, arguments->out, error);
}

static gboolean
export_json (const TnStats *stats, const TnStatsArguments *arguments, GError **error)
{
  return write_made (tn_stats_to_json (stats), arguments, error);
}

static gboolean
export_csv (const TnStats *stats, const TnStatsArguments *arguments, GError **error)
{
  return write_made (tn_stats_to_csv (stats), arguments, error);
}

static gboolean
export_onnx (const TnStats *stats, const TnStatsArguments *arguments, GError **error)
{
  return write_made (tn_stats_to_onnx (stats, arguments->names, error), arguments, error);
}

static gboolean
export_npz (const TnStats *stats, const TnStatsArguments *arguments, GError **error)
{
  return tn_stats_export_npz (stats, arguments->out, error);
}

static gboolean
export_summary (const TnStats *stats, const TnStatsArguments *arguments, GError **error)
{
  return tn_stats_save_summary (stats, arguments->out, NULL, error);
}

static gboolean
export_imatrix (const TnStats *stats, const TnStatsArguments *arguments, GError **error)
{
  return tn_stats_export_imatrix (stats, arguments->out, (guint) arguments->chunk_size, arguments->dataset != NULL ? arguments->dataset : "", error);
}

static gboolean
export_imatrix_legacy (const TnStats *stats, const TnStatsArguments *arguments, GError **error)
{
  return tn_stats_export_imatrix_legacy (stats, arguments->out, (guint) arguments->chunk_size, arguments->dataset != NULL ? arguments->dataset : "",
                                         error);
}

TnExitStatus
tn_stats_run_export (TnCommand *command, const TnStatsArguments *arguments)
{
  static const struct { const char *name; gboolean is_text; gboolean (*write) (const TnStats *, const TnStatsArguments *, GError **); } formats[] = {
    { "json", TRUE, export_json },        { "csv", TRUE, export_csv },
    { "npz", FALSE, export_npz },         { "imatrix", FALSE, export_imatrix },
    { "imatrix-dat", FALSE, export_imatrix_legacy }, { "onnx", TRUE, export_onnx },
    { "safetensors", FALSE, export_summary },
  };
  const char *format = arguments->format != NULL ? arguments->format : "json";
  g_autoptr (TnStats) stats = NULL;
  GError *error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      if (strcmp (format, formats[i].name) != 0)
        continue;
      if (!formats[i].is_text && arguments->out == NULL)
        return tn_command_usage_error (command, _("--out FILE is missing"));
      if (arguments->summary != (formats[i].write == export_summary))
        return tn_command_usage_error (command, arguments->summary ? _("--summary: it is for --format safetensors")
                                                                   : _("--format safetensors: the whole is that already; --summary makes it small"));
      if (arguments->names != NULL && formats[i].write != export_onnx)
        return tn_command_usage_error (command, _("--names: it is for --format onnx"));
      stats = tn_stats_load (command->arguments[1], &error);
      if (stats == NULL || !formats[i].write (stats, arguments, &error))
        return tn_command_fail (command, error);
      return tn_command_finish (command);
    }
  return tn_command_usage_error (command, _("--format: “%s” is none of json, csv, npz, imatrix, imatrix-dat, onnx, safetensors"), format);
}
