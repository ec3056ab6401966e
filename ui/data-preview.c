/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/data-preview.h"

#include "data/datasets/dataset.h"

#define PREVIEW_BYTES 1200

typedef struct
{
  TnCalibrateOptions *options;
  TnModelFile *model;
} PreviewTask;

static void
preview_task_free (gpointer pointer)
{
  PreviewTask *self = pointer;

  tn_calibrate_options_free (self->options);
  g_clear_pointer (&self->model, tn_model_file_unref);
  g_free (self);
}

void
tn_data_preview_free (TnDataPreview *self)
{
  if (self == NULL)
    return;
  g_free (self->text);
  g_free (self);
}

static void
read_on_worker (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  PreviewTask *preview = task_data;
  const TnCalibrateOptions *options = preview->options;
  GError *error = NULL;
  TnDataPreview *found;
  g_autoptr (TnTokenizer) tokenizer = NULL;
  g_autoptr (TnDataset) dataset = NULL;

  if (options->tokenizer_path != NULL)
    tokenizer = tn_tokenizer_open (options->tokenizer_path, &error);
  else if (preview->model != NULL)
    tokenizer = tn_tokenizer_find (NULL, preview->model, NULL);
  if (error == NULL && tokenizer == NULL)
    tokenizer = tn_tokenizer_new_bytes (FALSE);
  if (error == NULL)
    dataset = tn_dataset_open ((const char *const *) options->data_paths, &options->data, tokenizer, G_MAXUINT, NULL, &error);
  if (dataset == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  found = g_new0 (TnDataPreview, 1);
  found->bytes = tn_dataset_get_bytes (dataset);
  found->n_files = tn_dataset_n_files (dataset);
  found->tokens = !tn_dataset_needs_tokenizer ((const char *const *) options->data_paths, &options->data);
  found->text = tn_dataset_preview (dataset, PREVIEW_BYTES, &error);
  if (found->text != NULL)
    {
      g_task_return_pointer (task, found, (GDestroyNotify) tn_data_preview_free);
      return;
    }
  tn_data_preview_free (found);
  g_task_return_error (task, error);
}

void
tn_data_preview_read_async (const TnCalibrateOptions *options, TnModelFile *model, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  PreviewTask *preview = g_new0 (PreviewTask, 1);

  preview->options = tn_calibrate_options_copy (options);
  preview->model = model != NULL ? tn_model_file_ref (model) : NULL;
  g_task_set_task_data (task, preview, preview_task_free);
  g_task_run_in_thread (task, read_on_worker);
}

TnDataPreview *
tn_data_preview_read_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
