/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/train.h"

G_BEGIN_DECLS

/* TnTraining: a training run that this window started. What it does is read from the workspace like any other run (ui/training-run.h); this holds
 * the job. */
#define TN_TYPE_TRAINING (tn_training_get_type ())
G_DECLARE_FINAL_TYPE (TnTraining, tn_training, TN, TRAINING, GObject)

TnTraining *tn_training_new          (const TnTrainOptions *options, TnWorkspace *workspace);
void        tn_training_start        (TnTraining *self);
void        tn_training_pause        (TnTraining *self);
void        tn_training_resume       (TnTraining *self);
/* It ends at the next step, and keeps a checkpoint of it. */
void        tn_training_stop         (TnTraining *self);
gboolean    tn_training_is_running   (TnTraining *self);
void        tn_training_get_progress (TnTraining *self, TnJobProgress *progress);
const char *tn_training_get_title    (TnTraining *self);
/* Row in the workspace; -1 until it has one. */
gint64      tn_training_get_run      (TnTraining *self);
/* Why it failed; NULL when it did not. */
const char *tn_training_get_error    (TnTraining *self);
/* Once it has ended; NULL before. */
const TnTrainResult *tn_training_get_result (TnTraining *self);
/* Signals: "changed" () state or progress, "finished" () once. */

G_END_DECLS
