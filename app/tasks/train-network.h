/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/train.h"
#include "app/tasks/training-data.h"
#include "data/models/model-file.h"

G_BEGIN_DECLS

/* The networks of a training run, made on the compute thread. */

/* The model's, or from scratch of the recipe's architecture and the data's sizes where model is NULL. */
TnNetwork *tn_train_make_network (const TnRecipe *recipe, TnModelFile *model, TnTrainingData *data, const TnTrainingPrecision *precision, GError **error);
/* TRUE: its teacher is a network on images, and no model. */
gboolean   tn_train_is_on_images (const TnTrainOptions *options);
/* Frozen, in float32 unless it is a checkpoint of a network on images (app/tasks/image-teacher.h). model: the teacher's file, for tokens. */
TnNetwork *tn_train_make_teacher (const TnTrainOptions *options, TnModelFile *model, TnTrainingData *data, GError **error);

G_END_DECLS
