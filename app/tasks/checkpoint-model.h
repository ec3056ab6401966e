/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/train.h"
#include "data/training/checkpoint.h"

G_BEGIN_DECLS

/* The model of a checkpoint, as its run would have written it had it ended there (data/export/trained-model.h), into a folder. options: of the run
 * (app/tasks/train-source.h). What kind of network it is comes from the model that the run started from; from scratch, from the folder "model" of the
 * run, else from its data. TN_ERROR_UNSUPPORTED: a network on images; else the errors of what is opened and written, and of a checkpoint that does not fit. */
gboolean tn_checkpoint_write_model (TnCheckpointFile *file, const TnTrainOptions *options, const char *folder, const TnListener *listener,
                                    GCancellable *cancellable, GError **error);

G_END_DECLS
