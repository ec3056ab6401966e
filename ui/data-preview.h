/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/models/model-file.h"

G_BEGIN_DECLS

/* The beginning of calibration data, read on a worker thread. */
typedef struct
{
  char   *text;
  guint64 bytes; /* of all data */
} TnDataPreview;

void           tn_data_preview_free        (TnDataPreview *self);
/* paths: NULL-terminated. tokenizer_path may be NULL; model (may be NULL) is where a tokenizer for token files is looked for then. */
void           tn_data_preview_read_async  (const char *const *paths, const char *tokenizer_path, TnModelFile *model,
                                            GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
TnDataPreview *tn_data_preview_read_finish (GAsyncResult *result, GError **error);

G_END_DECLS
