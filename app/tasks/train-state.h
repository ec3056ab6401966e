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
  double  validation_loss; /* of the weights as they are; NaN: they were not validated */
  double  best_validation; /* NaN: none yet */
  double  smoothed, least; /* loss, and the least it was once it was believed; NaN and INFINITY: none yet */
  guint64 n_smoothed;      /* steps that went into it */
} TnTrainProgress;

/* The fields as they are now: step, counts, position in the data, recipe, progress. */
void          tn_training_checkpoint_update  (TnCheckpoint *self, TnTrainer *trainer, TnTrainingData *data, const TnRecipe *recipe,
                                              const TnTrainProgress *progress);
/* Puts trainer and data where the file says, and progress unless it is NULL. TN_ERROR_MISMATCH: of another network, or of other data. */
gboolean      tn_training_checkpoint_restore (TnCheckpoint *self, TnCheckpointFile *file, TnTrainer *trainer, TnTrainingData *data,
                                              TnTrainProgress *progress, GError **error);
/* For the row of the run: recipe, model, teacher, folder; paths are absolute there. Free with g_free(). */
char         *tn_train_arguments_to_json     (const TnTrainOptions *options);
/* The same back, to go on with the run or to branch from it; resume is FALSE. TN_ERROR_FORMAT: it is not of a training run. Free with
 * tn_train_options_free(). */
TnTrainOptions *tn_train_arguments_from_json (const char *json, GError **error);

G_END_DECLS
