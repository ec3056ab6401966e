/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/training/checkpoint.h"

G_BEGIN_DECLS

/* How far training data were drawn: all that a checkpoint needs to go on with the same batches. */
typedef struct
{
  guint64 epoch; /* whole passes over the data */
  guint64 index; /* drawn of the pass that is going on; below the number of windows or images of a pass */
} TnStreamPosition;

/* Into fields "data_epoch", "data_index" and "data_fingerprint". */
void     tn_stream_position_save (TnStreamPosition self, guint64 fingerprint, TnCheckpoint *checkpoint);
/* TN_ERROR_MISMATCH: the checkpoint's run drew from data of another fingerprint; TN_ERROR_FORMAT: a field is absent. */
gboolean tn_stream_position_load (TnStreamPosition *self, guint64 fingerprint, TnCheckpointFile *file, GError **error);

G_END_DECLS
