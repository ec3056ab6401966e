/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/training-data.h"
#include "engine/nn/network.h"

G_BEGIN_DECLS

/* A network on images as a training run left it, to learn from: path is the folder of its model, the model.safetensors in it, or a checkpoint, which knows its
 * recipe and with it how the network rounds. data: whose images it has to fit. TN_ERROR_FORMAT: no such file; TN_ERROR_SHAPE names what does not fit;
 * TN_ERROR_UNSUPPORTED: a model that was trained to round, of which the checkpoint says how. Frozen. On the compute thread. */
TnNetwork *tn_image_teacher_load (const char *path, TnTrainingData *data, GError **error);

G_END_DECLS
