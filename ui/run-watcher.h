/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/workspace/workspace.h"

G_BEGIN_DECLS

/* TnRunWatcher: the runs in the workspace, from whatever process, as they are now. It looks for commits a few times a second over a
 * connection of its own, so it neither waits for nor disturbs the jobs of this process. */
#define TN_TYPE_RUN_WATCHER (tn_run_watcher_get_type ())
G_DECLARE_FINAL_TYPE (TnRunWatcher, tn_run_watcher, TN, RUN_WATCHER, GObject)

TnRunWatcher *tn_run_watcher_new       (void);
void          tn_run_watcher_start     (TnRunWatcher *self, const char *workspace_path);
/* Looks only while it is awake: while somebody can see it. */
void          tn_run_watcher_set_awake (TnRunWatcher *self, gboolean awake);
/* Newest first, of TnRunRow; NULL before the first look. */
GPtrArray    *tn_run_watcher_get_runs  (TnRunWatcher *self);
guint         tn_run_watcher_n_running (TnRunWatcher *self);
void          tn_run_watcher_request   (TnRunWatcher *self, gint64 run, TnRequest request);
/* Why there is no list; NULL when there is. */
const char   *tn_run_watcher_get_error (TnRunWatcher *self);
void          tn_run_watcher_set_error (TnRunWatcher *self, const char *message);
/* Signal: "changed" (). */

G_END_DECLS
