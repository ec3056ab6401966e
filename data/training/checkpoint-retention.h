/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/training/checkpoint-writer.h"

G_BEGIN_DECLS

/* A checkpoint that lies in a run's folder. */
typedef struct
{
  guint64 step;
  double  validation; /* NaN: it has none */
} TnKnownCheckpoint;

/* Into an array of them, ascending by step; one of the same step is replaced. */
void     tn_known_checkpoints_add       (GArray *known, TnKnownCheckpoint added);
/* The smallest finite validation loss, the latest where it is the same. FALSE: there is none. */
gboolean tn_known_checkpoints_find_best (GArray *known, guint *index);
/* Whether known[index] stays after the checkpoint of step was written. */
gboolean tn_checkpoint_retention_keeps  (const TnCheckpointRetention *self, GArray *known, guint index, guint64 step);

G_END_DECLS
