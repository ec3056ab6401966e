/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ui/calibration.h"
#include "ui/inspector.h"
#include "ui/run-watcher.h"
#include "ui/sensitivity.h"
#include "ui/training.h"

G_BEGIN_DECLS

/* TnSession: what the pages share: the open model, the workspace, the calibration, the training run, the runs. Pages know the session and not each other.
 * Main thread only; files are read on worker threads. */
typedef enum
{
  TN_SESSION_EMPTY,
  TN_SESSION_LOADING,
  TN_SESSION_READY,
  TN_SESSION_FAILED
} TnSessionState;

/* What is found out about a model after its layers are listed. */
typedef struct
{
  char    *unfit;           /* why it cannot be calibrated; NULL when it can */
  guint    n_context;
  char    *tokenizer;       /* what was found, for people; NULL when none was */
  char    *tokenizer_error; /* why none was found */
} TnModelFacts;

#define TN_TYPE_SESSION (tn_session_get_type ())
G_DECLARE_FINAL_TYPE (TnSession, tn_session, TN, SESSION, GObject)

/* workspace_path NULL: the user's own. */
TnSession          *tn_session_new             (const char *workspace_path);
/* Closes what is open, even while it is being measured. */
void                tn_session_open            (TnSession *self, const char *path);
void                tn_session_close           (TnSession *self);
TnSessionState      tn_session_get_state       (TnSession *self);
/* Of the model that is open, being opened or failed to open; NULL when EMPTY. */
const char         *tn_session_get_path        (TnSession *self);
const char         *tn_session_get_display_name (TnSession *self);
const GError       *tn_session_get_error       (TnSession *self); /* FAILED */
TnModelFile        *tn_session_get_file        (TnSession *self); /* READY; else NULL */
TnInspector        *tn_session_get_inspector   (TnSession *self); /* READY; else NULL */
const TnModelFacts *tn_session_get_facts       (TnSession *self); /* NULL while not known */
/* Paths of models seen that are still there, newest first. */
const char *const  *tn_session_get_recent      (TnSession *self);

/* What the calibration page is set to, so far as it is complete: NULL when it is not. */
void                tn_session_set_draft       (TnSession *self, const TnCalibrateOptions *options);
const TnCalibrateOptions *tn_session_get_draft (TnSession *self);
/* Starts one; there must be none running. */
TnCalibration      *tn_session_calibrate       (TnSession *self, const TnCalibrateOptions *options);
/* Reads statistics in the place of a calibration, on a worker thread; a notice says when that fails. There must be none running. */
void                tn_session_open_statistics (TnSession *self, const char *path);
gboolean            tn_session_is_loading_statistics (TnSession *self);
/* The latest one, running or ended; NULL when there was none. */
TnCalibration      *tn_session_get_calibration (TnSession *self);
gboolean            tn_session_is_calibrating  (TnSession *self);
/* Starts a training run; there must be none running that this window started. */
TnTraining         *tn_session_train           (TnSession *self, const TnTrainOptions *options);
/* The latest one that this window started, running or ended; NULL when there was none. */
TnTraining         *tn_session_get_training    (TnSession *self);
gboolean            tn_session_is_training     (TnSession *self);
/* Starts an analysis of the layers, which goes into a file of its own if options name none; there must be none running. Takes over options. */
TnSensitivity      *tn_session_analyze         (TnSession *self, TnAnalyzeOptions *options);
/* Reads one from a file, on a worker thread; a notice says when that fails. There must be none running. */
void                tn_session_open_analysis   (TnSession *self, const char *path);
/* The latest one, running, ended or read; NULL when there was none. */
TnSensitivity      *tn_session_get_sensitivity (TnSession *self);
gboolean            tn_session_is_analyzing    (TnSession *self);
/* The layer that all pages look at, by its canonical name; NULL: none. */
void                tn_session_choose_layer    (TnSession *self, const char *name);
const char         *tn_session_get_layer       (TnSession *self);
/* Work can be recorded, so that it shows; FALSE while the workspace is being opened, and when that failed. */
gboolean            tn_session_has_workspace   (TnSession *self);
TnRunWatcher       *tn_session_get_runs        (TnSession *self);
/* NULL: the user's own. */
const char         *tn_session_get_workspace_path (TnSession *self);
/* Something worth a line to the user. */
void                tn_session_notice          (TnSession *self, const char *text);
/* Signals: "model-changed" () state, file or error; "facts-changed" (); "recent-changed" (); "calibration-changed" () a new one;
 * "loading-changed" () statistics are being read, or are no more; "calibration-finished" (); "training-changed" () a new one;
 * "training-finished" (); "sensitivity-changed" () a new one; "sensitivity-finished" (); "layer-chosen" (); "draft-changed" (); "notice" (text). */

G_END_DECLS
