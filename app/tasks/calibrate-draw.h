/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/calibrate-options.h"
#include "data/datasets/sample.h"
#include "engine/nn/model.h"

G_BEGIN_DECLS

/* Draws what a calibration runs on, by its options: reads the lists that they name, and, for importance without a list, asks the model. Then the draw
 * has two phases (Särndal, Swensson, Wretman 1992, chapter 9): so many candidates (4 a sequence by default) are drawn evenly, the model's mean loss
 * on the first 64 tokens of each is its size, and of the candidates the sample is drawn by size (drawing.h). *sample stays NULL where everything is
 * taken (samples 0). seq_len must be set. */
gboolean tn_calibrate_draw (const TnCalibrateOptions *options, TnModel *model, TnDataset *dataset, const TnListener *listener,
                            GCancellable *cancellable, TnSample **sample, GError **error);

G_END_DECLS
