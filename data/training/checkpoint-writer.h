/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/training/checkpoint.h"
#include "engine/listener.h"

G_BEGIN_DECLS

/* Writes checkpoints of a run into its folder beside the training thread, and removes old ones. submit() copies the arrays (pool memory, OPTIMIZER, for as
 * long as the writing takes) and returns; a thread of the writer's own adds them up, writes, syncs and renames. One is in flight at a time. Where the
 * copy would be larger than copy_bytes, or the budget has no room for it, submit() adds up and writes itself, which takes some times as long, and leaves
 * syncing and renaming to the thread: the copy is the system's page cache then.
 *
 * A failure (a full disk) is no error of the training: an event says so, the run goes on, and what the folder held is as it was. Only once a new
 * checkpoint is complete under its name older ones go: all but the keep_last newest, those whose step is a multiple of keep_every, and the one with
 * the smallest finite "validation_loss". Checkpoints of a larger step than the new one (of a run that was resumed from before) are left alone.
 *
 * All functions on the training thread. */
typedef struct _TnCheckpointWriter TnCheckpointWriter;

typedef struct
{
  guint    keep_last;  /* 0 is 1 */
  guint64  keep_every; /* steps; 0: none */
  gboolean keep_best;
} TnCheckpointRetention;

#define TN_CHECKPOINT_ANY_COPY G_MAXSIZE

typedef struct
{
  guint   written, skipped, failed;  /* so far */
  guint   removed;
  guint   uncopied;                  /* written by submit() itself */
  guint64 last_step;                 /* of the last that is complete; valid where written > 0 */
  guint64 last_bytes;
  double  last_stall_seconds;        /* of the training thread for it: what submit() took */
  double  last_write_seconds;
  double  total_stall_seconds;
} TnCheckpointCounts;

/* Makes the folder where it is missing and looks which checkpoints it has. copy_bytes: TN_CHECKPOINT_ANY_COPY, or the largest copy that may be made; 0: none.
 * TN_ERROR_IO. */
TnCheckpointWriter *tn_checkpoint_writer_new     (const char *folder, const TnCheckpointRetention *retention, gsize copy_bytes, GError **error);
/* Waits for the one in flight. */
void                tn_checkpoint_writer_free    (TnCheckpointWriter *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnCheckpointWriter, tn_checkpoint_writer_free)
/* Begins with a checkpoint as its arrays and fields are now. FALSE: one is in flight still, and this one is skipped and counted, unless wait, which waits
 * for it. listener (or NULL) gets events of what was finished, as collect(). */
gboolean            tn_checkpoint_writer_submit  (TnCheckpointWriter *self, TnCheckpoint *checkpoint, gboolean wait, const TnListener *listener);
/* Whether the one in flight is done, without waiting: tells listener of a failure ("warning") or of the first success after one ("info"). To be called at
 * steps. TRUE: one was completed, or failed, since the last call. */
gboolean            tn_checkpoint_writer_collect (TnCheckpointWriter *self, const TnListener *listener);
/* Waits for the one in flight and collects it. FALSE with its error where the last one submitted was not written. */
gboolean            tn_checkpoint_writer_finish  (TnCheckpointWriter *self, const TnListener *listener, GError **error);
const TnCheckpointCounts *tn_checkpoint_writer_get_counts (TnCheckpointWriter *self);
/* Path of the last complete checkpoint, those found in the folder at the start too; NULL: none. Owned by the writer, until the next call. */
const char         *tn_checkpoint_writer_get_last (TnCheckpointWriter *self);
/* Path of the one with the smallest validation loss; NULL: none has one, or keep_best is FALSE. */
const char         *tn_checkpoint_writer_get_best (TnCheckpointWriter *self);

G_END_DECLS
