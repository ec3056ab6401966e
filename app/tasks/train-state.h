/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/train.h"
#include "app/tasks/training-data.h"
#include "data/training/checkpoint.h"
#include "engine/qat/trainer.h"

G_BEGIN_DECLS

/* What of a run goes into its checkpoints, and back. */

/* The arrays of the trainer, which it must outlive. */
TnCheckpoint *tn_training_checkpoint_new     (TnTrainer *trainer, GError **error);
/* How a run went so far. */
typedef struct
{
  double  validation_loss, validation_accuracy; /* of the weights as they are; NaN: they were not validated */
  double  best_validation; /* NaN: none yet */
  double  smoothed, least; /* loss, and the least it was once it was believed; NaN and INFINITY: none yet */
  guint64 n_smoothed;      /* steps that went into it */
} TnTrainProgress;

/* What a run is in all of its checkpoints: its identity (see TnRunRow), what it was started with, and the models it came from (NULL: none). */
void          tn_training_checkpoint_set_run (TnCheckpoint *self, const char *identity, const TnTrainOptions *options, TnModelFile *model,
                                              TnModelFile *teacher);
/* The fields as they are now: step, counts, position in the data, progress. */
void          tn_training_checkpoint_update  (TnCheckpoint *self, TnTrainer *trainer, TnTrainingData *data, const TnTrainProgress *progress);
/* Puts trainer and data where the file says, and progress. TN_ERROR_MISMATCH: of another network, or of other data; where same_data is not NULL, other data
 * are told there, and stay at their start. */
gboolean      tn_training_checkpoint_restore (TnCheckpoint *self, TnCheckpointFile *file, TnTrainer *trainer, TnTrainingData *data,
                                              TnTrainProgress *progress, gboolean *same_data, GError **error);
/* TN_ERROR_MISMATCH: the run came from another model, or has another teacher. Checkpoints that do not say so pass. */
gboolean      tn_training_checkpoint_check_models (TnCheckpointFile *file, TnModelFile *model, TnModelFile *teacher, GError **error);
/* The same of the model alone. */
gboolean      tn_training_checkpoint_check_model (TnCheckpointFile *file, TnModelFile *model, GError **error);
/* NULL: it is from before checkpoints had them. Owned by the file. */
const char   *tn_training_checkpoint_get_identity (TnCheckpointFile *file);
const char   *tn_training_checkpoint_get_arguments (TnCheckpointFile *file);
/* For the row of the run: recipe, model, teacher, folder; paths are absolute there. Free with g_free(). */
char         *tn_train_arguments_to_json     (const TnTrainOptions *options);
/* The same back, to go on with the run or to branch from it; resume is FALSE. TN_ERROR_FORMAT: it is not of a training run. Free with
 * tn_train_options_free(). */
TnTrainOptions *tn_train_arguments_from_json (const char *json, GError **error);

G_END_DECLS
