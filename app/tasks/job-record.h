/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/job.h"

G_BEGIN_DECLS

/* What a job leaves in the workspace: gathered here and committed at most four times a second. Any thread.
 * A commit that fails keeps what was gathered and tries again later; it never hurts the work. */
typedef struct _TnJobRecord TnJobRecord;

TnJobRecord *tn_job_record_new         (TnWorkspace *workspace);
void         tn_job_record_free        (TnJobRecord *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnJobRecord, tn_job_record_free)

/* identity: of a run that may be there already, and then goes on with its series; NULL: a new one. */
gboolean     tn_job_record_begin       (TnJobRecord *self, const char *verb, const char *title, const char *arguments_json, const char *identity,
                                        GError **error);
gint64       tn_job_record_get_run     (TnJobRecord *self); /* -1 before it began */
void         tn_job_record_metric      (TnJobRecord *self, const char *series, gint64 step, double value);
/* Points from this step on are void, in the workspace too. */
void         tn_job_record_rewind      (TnJobRecord *self, gint64 first_step);
void         tn_job_record_event       (TnJobRecord *self, const char *kind, const char *text);
/* Commits when a quarter of a second has passed since the last commit, or when forced. Error is set the first time only: a warning is given once. */
gboolean     tn_job_record_commit      (TnJobRecord *self, const TnJobProgress *progress, gboolean forced, GError **error);
gboolean     tn_job_record_end         (TnJobRecord *self, const TnJobProgress *progress, const char *message, const char *output, GError **error);
/* Asks the workspace at most four times a second. */
TnRequest    tn_job_record_poll        (TnJobRecord *self);

G_END_DECLS
