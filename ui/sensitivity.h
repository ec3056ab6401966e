/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/tasks/analyze.h"
#include "app/tasks/plan.h"

G_BEGIN_DECLS

/* TnSensitivity: one analysis of a model's layers: being made by a job of this window, or read from a file; and what follows from it: the front of its
 * plans, and plans that were measured. What takes time is done on worker threads. Main thread only; what the getters give is read-only from then on and
 * may be read by workers that hold a reference. */
#define TN_TYPE_SENSITIVITY (tn_sensitivity_get_type ())
G_DECLARE_FINAL_TYPE (TnSensitivity, tn_sensitivity, TN, SENSITIVITY, GObject)

/* Takes over options. workspace may be NULL. */
TnSensitivity      *tn_sensitivity_new            (TnAnalyzeOptions *options, TnWorkspace *workspace);
/* Takes over what was read from path. */
TnSensitivity      *tn_sensitivity_new_loaded     (const char *path, TnAnalysis *analysis, TnWorkspace *workspace);
void                tn_sensitivity_start          (TnSensitivity *self);
void                tn_sensitivity_pause          (TnSensitivity *self);
void                tn_sensitivity_resume         (TnSensitivity *self);
void                tn_sensitivity_cancel         (TnSensitivity *self);
gboolean            tn_sensitivity_is_running     (TnSensitivity *self);
gboolean            tn_sensitivity_is_loaded      (TnSensitivity *self);
void                tn_sensitivity_get_progress   (TnSensitivity *self, TnJobProgress *progress);
const char         *tn_sensitivity_get_title      (TnSensitivity *self);
const char         *tn_sensitivity_get_error      (TnSensitivity *self); /* NULL: none, or it was cancelled */
/* The file it is in; NULL: in none yet. */
const char         *tn_sensitivity_get_path       (TnSensitivity *self);
/* NULL until it is there. */
const TnAnalysis   *tn_sensitivity_get_analysis   (TnSensitivity *self);
/* NULL until it is computed, and when there is none: then the reason. */
const TnAllocation *tn_sensitivity_get_allocation (TnSensitivity *self);
const char         *tn_sensitivity_get_no_plans   (TnSensitivity *self);

/* Measures the plan of that point of the front, and one scheme everywhere, on data; none may be being measured. Only for one that is in a file. */
void                tn_sensitivity_measure        (TnSensitivity *self, guint point, const char *model_path, const char *const *data);
gboolean            tn_sensitivity_is_measuring   (TnSensitivity *self);
void                tn_sensitivity_stop_measuring (TnSensitivity *self);
void                tn_sensitivity_get_measuring_progress (TnSensitivity *self, TnJobProgress *progress);
/* TnMeasuredPlan, the plan first; NULL: nothing was measured. */
GPtrArray          *tn_sensitivity_get_measured   (TnSensitivity *self);
const char         *tn_sensitivity_get_measuring_error (TnSensitivity *self);
/* Signals: "changed" () state or progress, or the front is there; "event" (text); "finished" () the job ended, after the last "changed"; "measured" ()
 * measuring a plan goes on or ended. */

G_END_DECLS
