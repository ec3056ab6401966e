/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/train.h"
#include "ui/series-points.h"
#include "ui/training-layer-row.h"

G_BEGIN_DECLS

/* TnTrainingRun: a training run of the workspace, of whatever process, as it is now: its row, the series that are asked for, the latest values of
 * its layers, its events. It reads on a worker thread, over a connection of its own, at most four times a second, and only what a commit may have changed. */
#define TN_TYPE_TRAINING_RUN (tn_training_run_get_type ())
G_DECLARE_FINAL_TYPE (TnTrainingRun, tn_training_run, TN, TRAINING_RUN, GObject)

/* workspace_path NULL: the user's own. */
TnTrainingRun  *tn_training_run_new          (const char *workspace_path, gint64 id);
/* No further looks; a look that is under way ends unheard. */
void            tn_training_run_close        (TnTrainingRun *self);
gint64          tn_training_run_get_id       (TnTrainingRun *self);
/* NULL before the first look. */
const TnRunRow *tn_training_run_get_row      (TnTrainingRun *self);
gboolean        tn_training_run_is_going_on  (TnTrainingRun *self);
/* It ended, and can go on: there is a checkpoint in its folder. */
gboolean        tn_training_run_has_checkpoint (TnTrainingRun *self);
/* What it was started with. Free with tn_train_options_free(). */
TnTrainOptions *tn_training_run_dup_options  (TnTrainingRun *self, GError **error);
/* Why the last look found nothing; NULL when it did. */
const char     *tn_training_run_get_error    (TnTrainingRun *self);
/* Series to read from now on, NULL-terminated; and how they are smoothed (ui/series-points.h). */
void            tn_training_run_want         (TnTrainingRun *self, const char *const *names, double smoothing);
/* NULL: not read yet, or not there. Owned, and good until the next look. */
const TnSeriesPoints *tn_training_run_get_points (TnTrainingRun *self, const char *name);
/* All series at the last look, of TnSeriesRow by name; NULL before. */
GPtrArray      *tn_training_run_get_series   (TnTrainingRun *self);
/* NULL: not there. */
const TnSeriesRow *tn_training_run_find      (TnTrainingRun *self, const char *name);
/* Of TnTrainingLayerRow. */
GListModel     *tn_training_run_get_layers   (TnTrainingRun *self);
/* Of TnEventRow, in order; NULL before. */
GPtrArray      *tn_training_run_get_events   (TnTrainingRun *self);
/* To the process that runs it. */
void            tn_training_run_request      (TnTrainingRun *self, TnRequest request);
/* Signal: "changed" () after each look. */

G_END_DECLS
