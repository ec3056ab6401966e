/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/sample-preview.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "app/tasks/calibrate-draw.h"
#include "data/models/model-file.h"
#include "data/tokenizers/tokenizer.h"

void
tn_sample_preview_free (TnSamplePreview *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->report, tn_sample_report_free);
  g_strfreev (self->names);
  g_free (self->drawn);
  g_free (self);
}

double
tn_sample_preview_class_begin (guint length_class)
{
  return ldexp (1 + (length_class % 4) / 4.0, (int) (length_class / 4));
}

/* The first record of each file among all, and how many there are behind the last. */
static guint64 *
count_before (const TnSampleReport *report, guint n_files)
{
  guint64 *before = g_new0 (guint64, n_files + 1);

  for (guint i = 0; i < n_files; i++)
    before[i + 1] = before[i] + (i < report->files->len ? g_array_index (report->files, TnCoverage, i).total : 0);
  return before;
}

static void
mark_parts (TnSamplePreview *self, guint row, guint64 records)
{
  for (guint part = 0; part < TN_SAMPLE_PARTS; part++)
    self->drawn[row * TN_SAMPLE_PARTS + part] = part < MIN (records, TN_SAMPLE_PARTS) ? 0 : (double) NAN;
}

static void
locate (TnSamplePreview *self, TnDataset *dataset, const TnSample *sample)
{
  g_autofree guint64 *before = count_before (self->report, self->n_files);
  gboolean merged = self->n_files > TN_SAMPLE_MOST_ROWS;

  self->n_rows = merged ? 1 : self->n_files;
  self->names = g_new0 (char *, self->n_rows + 1);
  self->drawn = g_new (double, (gsize) self->n_rows * TN_SAMPLE_PARTS);
  for (guint row = 0; row < self->n_rows; row++)
    {
      self->names[row] = merged ? g_strdup_printf (_ ("%u files"), self->n_files)
                                : g_filename_display_basename (tn_dataset_get_file (dataset, row));
      mark_parts (self, row, merged ? before[self->n_files] : before[row + 1] - before[row]);
    }
  for (guint i = 0, file = 0; i < tn_sample_count (sample); i++)
    {
      TnSampledRecord record;
      guint64 first, records;

      tn_sample_get (sample, i, &record);
      while (!merged && file + 1 < self->n_files && record.ordinal >= before[file + 1])
        file++;
      first = merged ? 0 : before[file];
      records = (merged ? before[self->n_files] : before[file + 1]) - first;
      if (record.ordinal >= first && record.ordinal - first < records)
        self->drawn[(merged ? 0 : file) * TN_SAMPLE_PARTS +
                    (guint) ((double) (record.ordinal - first) * (double) MIN (records, TN_SAMPLE_PARTS) / (double) records)]++;
    }
}

static TnSamplePreview *
draw (TnCalibrateOptions *options, GCancellable *cancellable, GError **error)
{
  g_autoptr (TnModelFile) file = tn_model_file_open (options->model_path, error);
  g_autoptr (TnModel) model = file != NULL ? tn_model_file_load (file, error) : NULL;
  g_autoptr (TnTokenizer) tokenizer = NULL;
  g_autoptr (TnDataset) dataset = NULL;
  g_autoptr (TnSample) sample = NULL;
  g_autoptr (TnSamplePreview) self = g_new0 (TnSamplePreview, 1);

  if (model == NULL)
    return NULL;
  self->tokens = !tn_dataset_needs_tokenizer ((const char *const *) options->data_paths, &options->data);
  if (!self->tokens || options->tokenizer_path != NULL)
    if ((tokenizer = tn_tokenizer_find (options->tokenizer_path, file, error)) == NULL)
      return NULL;
  dataset = tn_dataset_open ((const char *const *) options->data_paths, &options->data, tokenizer,
                             tn_model_get_config (model)->n_vocab, NULL, error);
  if (dataset == NULL)
    return NULL;
  self->n_files = tn_dataset_n_files (dataset);
  if (!tn_calibrate_draw (options, model, dataset, NULL, cancellable, &sample, error))
    return NULL;
  if (sample == NULL)
    return g_steal_pointer (&self);
  self->report = tn_sample_report_copy (tn_sample_get_report (sample));
  tn_sample_report_length_distance (self->report, &self->distance);
  locate (self, dataset, sample);
  return g_steal_pointer (&self);
}

static void
draw_on_worker (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  GError *error = NULL;
  TnSamplePreview *found = draw (task_data, cancellable, &error);

  if (found != NULL)
    g_task_return_pointer (task, found, (GDestroyNotify) tn_sample_preview_free);
  else
    g_task_return_error (task, error);
}

void
tn_sample_preview_draw_async (const TnCalibrateOptions *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                              gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_set_task_data (task, tn_calibrate_options_copy (options), (GDestroyNotify) tn_calibrate_options_free);
  g_task_run_in_thread (task, draw_on_worker);
}

TnSamplePreview *
tn_sample_preview_draw_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
