/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "data/workspace/workspace.h"
#include "engine/listener.h"

G_BEGIN_DECLS

/* TnJob: one run of a task: state, progress, estimate, pause, resume, cancel. Runs on a worker thread in the window, in place in a command or a test;
 * writes its row, series and events into the workspace (at most 4 commits a second) and obeys requests found there. */

typedef enum { TN_JOB_WAITING, TN_JOB_RUNNING, TN_JOB_PAUSED, TN_JOB_DONE, TN_JOB_FAILED, TN_JOB_CANCELLED } TnJobState;

typedef struct
{
  TnJobState state;
  double     done, total;      /* units; total <= 0: unknown */
  char       unit[16];
  double     rate;             /* units a second, smoothed; 0 unknown; pauses do not count */
  double     seconds_elapsed;  /* running time without pauses */
  double     seconds_left;     /* -1 unknown */
  gsize      rss_bytes;
} TnJobProgress;

#define TN_TYPE_JOB (tn_job_get_type ())
G_DECLARE_FINAL_TYPE (TnJob, tn_job, TN, JOB, GObject)

/* The work. Calls listener->boundary at batch boundaries. */
typedef gboolean (*TnJobFunc) (TnJob *job, const TnListener *listener, GCancellable *cancellable, gpointer data, GError **error);

/* workspace may be NULL (nothing is recorded); arguments_json likewise. data is freed with data_free when the job is finalized. */
TnJob        *tn_job_new           (const char *verb, const char *title, const char *arguments_json, TnWorkspace *workspace,
                                    TnJobFunc func, gpointer data, GDestroyNotify data_free);
/* Before it runs. The run of this identity goes on where the workspace has it: the same row and series (see tn_workspace_continue_run()). */
void          tn_job_set_identity  (TnJob *self, const char *identity);
/* In place, on the calling thread; signals are emitted there too. */
gboolean      tn_job_run           (TnJob *self, GError **error);
/* On a worker thread; jobs started in one process take turns at batch boundaries on the compute thread. Signals arrive on the thread-default main context of the caller. */
void          tn_job_start         (TnJob *self);
void          tn_job_pause         (TnJob *self);
void          tn_job_resume        (TnJob *self);
void          tn_job_cancel        (TnJob *self);
/* Any thread. */
void          tn_job_get_progress  (TnJob *self, TnJobProgress *progress);
const char   *tn_job_get_title     (TnJob *self);
gint64        tn_job_get_run       (TnJob *self); /* row in the workspace, -1 without */
GCancellable *tn_job_get_cancellable (TnJob *self);
/* After it ended: why it failed, NULL when it did not. Free with g_error_free(). */
GError       *tn_job_dup_error     (TnJob *self);
/* Writes what was heard so far into the workspace now; by the work, before something that relies on it. */
void          tn_job_commit        (TnJob *self);
/* The path the job made; set by the work. */
void          tn_job_set_output    (TnJob *self, const char *path);
const char   *tn_job_get_output    (TnJob *self);
/* Signals: "changed" () state or progress, coalesced to one pending call; "event" (kind, text); "finished" () once, after the last "changed". */

G_END_DECLS
