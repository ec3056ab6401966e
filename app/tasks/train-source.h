/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/train.h"

G_BEGIN_DECLS

/* Runs that were started before, to go on with or to branch from. What they were started with stands in their checkpoints, and in their row of the
 * workspace. Paths are those of then; free with tn_train_options_free(). */

/* run: its number in the workspace, or its folder. resume is TRUE. TN_ERROR_NOT_FOUND; TN_ERROR_ARGUMENT: another kind of run; TN_ERROR_DATA: its
 * checkpoints are from before they had it, and no row does. */
TnTrainOptions *tn_train_find_run      (TnWorkspace *workspace, const char *run, GError **error);
/* source: a run as above, of which the newest checkpoint is taken, or the path of a checkpoint. branch_path is set, out_path and events_path are not.
 * The same errors. */
TnTrainOptions *tn_train_find_branch   (TnWorkspace *workspace, const char *source, GError **error);
/* TN_ERROR_ARGUMENT names what may not be another one where a run goes on, and both values. Files that lie elsewhere now are no contradiction: what
 * is in them is compared when they are opened. */
gboolean        tn_train_check_resumed (const TnTrainOptions *before, const TnTrainOptions *now, GError **error);

G_END_DECLS
