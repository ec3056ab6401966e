/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/calibrate-options.h"
#include "data/models/model-file.h"

G_BEGIN_DECLS

/* The beginning of calibration data, read on a worker thread. */
typedef struct
{
  char    *text;
  guint64  bytes;   /* of all data */
  guint    n_files;
  gboolean tokens;  /* the files hold tokens; else text */
} TnDataPreview;

void           tn_data_preview_free        (TnDataPreview *self);
/* options: where the data are, how they are read, and with which tokenizer; without one it is looked for beside the model (may be NULL). */
void           tn_data_preview_read_async  (const TnCalibrateOptions *options, TnModelFile *model, GCancellable *cancellable,
                                            GAsyncReadyCallback callback, gpointer user_data);
TnDataPreview *tn_data_preview_read_finish (GAsyncResult *result, GError **error);

G_END_DECLS
