/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "app/tasks/calibrate-options.h"
#include "data/datasets/sample-report.h"

G_BEGIN_DECLS

/* What a sampler draws by these options, found out on a worker thread as a calibration would. */

/* The parts that a file is divided into along its records, to show where the drawn ones lie. */
#define TN_SAMPLE_PARTS 100
/* More files than this are shown as one. */
#define TN_SAMPLE_MOST_ROWS 24

typedef struct
{
  TnSampleReport  *report; /* NULL: everything is taken */
  TnLengthDistance distance;
  guint            n_files;
  guint            n_rows; /* files, or 1 for all together */
  char           **names;  /* [n_rows + 1] */
  double          *drawn;  /* [n_rows * TN_SAMPLE_PARTS] records drawn there; NaN where a file is too short for a part of its own */
  gboolean         tokens; /* lengths are in tokens; else in bytes */
} TnSamplePreview;

void             tn_sample_preview_free        (TnSamplePreview *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnSamplePreview, tn_sample_preview_free)
/* Importance without a list asks the model, which takes a while. */
void             tn_sample_preview_draw_async  (const TnCalibrateOptions *options, GCancellable *cancellable, GAsyncReadyCallback callback,
                                                gpointer user_data);
TnSamplePreview *tn_sample_preview_draw_finish (GAsyncResult *result, GError **error);
/* Begin of a class of lengths (sample-report.h). */
double           tn_sample_preview_class_begin (guint length_class);

G_END_DECLS
