/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/session.h"

#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>

#include "app/tasks/model-record.h"
#include "data/analysis/analysis-file.h"
#include "data/statistics/stats-file.h"
#include "ui/session-open.h"

struct _TnSession
{
  GObject parent_instance;
  char *workspace_path;   /* NULL: the user's own */
  TnWorkspace *workspace; /* NULL while it is being opened, or when that failed */
  TnSessionState state;
  char *path;
  char *display_name;
  TnModelFile *file;
  GError *error;
  TnModelFacts *facts;
  TnInspector *inspector;
  GCancellable *opening;
  char **recent;
  TnCalibration *calibration;
  TnTraining *training;
  TnSensitivity *sensitivity;
  char *layer;
  guint n_loading; /* files of statistics that are being read */
  TnCalibrateOptions *draft;
  TnRunWatcher *runs;
};

enum
{
  MODEL_CHANGED,
  FACTS_CHANGED,
  RECENT_CHANGED,
  CALIBRATION_CHANGED,
  LOADING_CHANGED,
  CALIBRATION_FINISHED,
  TRAINING_CHANGED,
  TRAINING_FINISHED,
  SENSITIVITY_CHANGED,
  SENSITIVITY_FINISHED,
  LAYER_CHOSEN,
  DRAFT_CHANGED,
  NOTICE,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnSession, tn_session, G_TYPE_OBJECT)

static void
drop_model (TnSession *self)
{
  if (self->opening != NULL)
    g_cancellable_cancel (self->opening);
  g_clear_object (&self->opening);
  if (self->inspector != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->inspector, self);
      tn_inspector_cancel (self->inspector);
    }
  g_clear_object (&self->inspector);
  g_clear_pointer (&self->file, tn_model_file_unref);
  g_clear_pointer (&self->facts, tn_model_facts_free);
  g_clear_error (&self->error);
  g_clear_pointer (&self->path, g_free);
  g_clear_pointer (&self->display_name, g_free);
  self->state = TN_SESSION_EMPTY;
}

static void
tn_session_dispose (GObject *object)
{
  TnSession *self = TN_SESSION (object);

  drop_model (self);
  if (self->calibration != NULL)
    g_signal_handlers_disconnect_by_data (self->calibration, self);
  g_clear_object (&self->calibration);
  if (self->training != NULL)
    g_signal_handlers_disconnect_by_data (self->training, self);
  g_clear_object (&self->training);
  if (self->sensitivity != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->sensitivity, self);
      tn_sensitivity_stop_measuring (self->sensitivity);
    }
  g_clear_object (&self->sensitivity);
  g_clear_pointer (&self->layer, g_free);
  g_clear_object (&self->runs);
  g_clear_pointer (&self->draft, tn_calibrate_options_free);
  g_clear_pointer (&self->workspace, tn_workspace_unref);
  g_clear_pointer (&self->workspace_path, g_free);
  g_clear_pointer (&self->recent, g_strfreev);
  G_OBJECT_CLASS (tn_session_parent_class)->dispose (object);
}

static void
tn_session_class_init (TnSessionClass *klass)
{
  GType type = G_TYPE_FROM_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_session_dispose;

  signals[MODEL_CHANGED] = g_signal_new ("model-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[FACTS_CHANGED] = g_signal_new ("facts-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[RECENT_CHANGED] = g_signal_new ("recent-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[CALIBRATION_CHANGED] =
      g_signal_new ("calibration-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[LOADING_CHANGED] = g_signal_new ("loading-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[CALIBRATION_FINISHED] =
      g_signal_new ("calibration-finished", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[TRAINING_CHANGED] = g_signal_new ("training-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[TRAINING_FINISHED] = g_signal_new ("training-finished", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[SENSITIVITY_CHANGED] =
      g_signal_new ("sensitivity-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[SENSITIVITY_FINISHED] =
      g_signal_new ("sensitivity-finished", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[LAYER_CHOSEN] = g_signal_new ("layer-chosen", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[DRAFT_CHANGED] = g_signal_new ("draft-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[NOTICE] = g_signal_new ("notice", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
tn_session_init (TnSession *self)
{
  self->recent = g_new0 (char *, 1);
}

/* Opening a model, as one piece of work: the workspace if it is not open yet, the file, its place among the recent ones. */
typedef struct
{
  char *path; /* NULL: the workspace alone */
  char *workspace_path;
  TnWorkspace *workspace;
  GError *workspace_error;
  TnModelFile *file;
  char **recent;
} Opening;

static void
opening_free (gpointer pointer)
{
  Opening *self = pointer;

  g_free (self->path);
  g_free (self->workspace_path);
  g_clear_pointer (&self->workspace, tn_workspace_unref);
  g_clear_error (&self->workspace_error);
  g_clear_pointer (&self->file, tn_model_file_unref);
  g_strfreev (self->recent);
  g_free (self);
}

static void
open_workspace (Opening *opening)
{
  if (opening->workspace == NULL)
    opening->workspace = tn_workspace_open (opening->workspace_path, &opening->workspace_error);
}

static void
open_on_worker (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  Opening *opening = task_data;
  GError *error = NULL;

  open_workspace (opening);
  opening->file = tn_model_file_open (opening->path, &error);
  if (opening->file == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

static void
list_recent_on_worker (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  Opening *opening = task_data;

  open_workspace (opening);
  if (opening->file != NULL && opening->workspace != NULL)
    tn_record_model (opening->workspace, opening->file);
  opening->recent = tn_recent_models_read (opening->workspace);
  g_task_return_boolean (task, TRUE);
}

/* Several workers may have opened the workspace at the same time at the start; the first one stays. */
static void
adopt_workspace (TnSession *self, Opening *opening)
{
  if (self->workspace == NULL && opening->workspace != NULL)
    {
      self->workspace = tn_workspace_ref (opening->workspace);
      tn_run_watcher_start (self->runs, tn_workspace_get_path (self->workspace));
    }
}

static Opening *
opening_new (TnSession *self, const char *path)
{
  Opening *opening = g_new0 (Opening, 1);

  opening->path = g_strdup (path);
  opening->workspace_path = g_strdup (self->workspace_path);
  opening->workspace = self->workspace != NULL ? tn_workspace_ref (self->workspace) : NULL;
  return opening;
}

static void
on_recent_listed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TnSession *self = TN_SESSION (source);
  Opening *opening = g_task_get_task_data (G_TASK (result));

  adopt_workspace (self, opening);
  if (opening->workspace_error != NULL)
    {
      g_autofree char *text = g_strdup_printf (_ ("Runs are not recorded: %s"), opening->workspace_error->message);

      tn_run_watcher_set_error (self->runs, opening->workspace_error->message);
      tn_session_notice (self, text);
    }
  g_strfreev (self->recent);
  self->recent = g_steal_pointer (&opening->recent);
  g_signal_emit (self, signals[RECENT_CHANGED], 0);
}

static void
list_recent (TnSession *self)
{
  g_autoptr (GTask) task = g_task_new (self, NULL, on_recent_listed, NULL);
  Opening *opening = opening_new (self, NULL);

  opening->file = self->file != NULL ? tn_model_file_ref (self->file) : NULL;
  g_task_set_task_data (task, opening, opening_free);
  g_task_run_in_thread (task, list_recent_on_worker);
}

static void
read_facts_on_worker (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  g_task_return_pointer (task, tn_model_facts_read (task_data), (GDestroyNotify) tn_model_facts_free);
}

static void
on_facts_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TnSession *self = TN_SESSION (source);
  TnModelFacts *facts = g_task_propagate_pointer (G_TASK (result), NULL);

  if (facts == NULL) /* another model was opened meanwhile */
    return;
  self->facts = facts;
  g_signal_emit (self, signals[FACTS_CHANGED], 0);
}

static void
read_facts (TnSession *self)
{
  g_autoptr (GTask) task = g_task_new (self, self->opening, on_facts_read, NULL);

  g_task_set_task_data (task, tn_model_file_ref (self->file), (GDestroyNotify) tn_model_file_unref);
  g_task_run_in_thread (task, read_facts_on_worker);
}

static void
on_inspected (TnSession *self, const char *message)
{
  if (message != NULL)
    tn_session_notice (self, message);
}

static void
on_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TnSession *self = TN_SESSION (source);
  Opening *opening = g_task_get_task_data (G_TASK (result));
  g_autoptr (GError) error = NULL;
  gboolean opened = g_task_propagate_boolean (G_TASK (result), &error);

  adopt_workspace (self, opening);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (!opened)
    {
      self->state = TN_SESSION_FAILED;
      self->error = g_steal_pointer (&error);
      g_signal_emit (self, signals[MODEL_CHANGED], 0);
      return;
    }

  self->file = g_steal_pointer (&opening->file);
  self->inspector = tn_inspector_new (self->file, self->workspace);
  self->state = TN_SESSION_READY;
  g_signal_connect_swapped (self->inspector, "finished", G_CALLBACK (on_inspected), self);
  g_signal_emit (self, signals[MODEL_CHANGED], 0);
  tn_inspector_start (self->inspector);
  read_facts (self);
  list_recent (self);
}

TnSession *
tn_session_new (const char *workspace_path)
{
  TnSession *self = g_object_new (TN_TYPE_SESSION, NULL);

  self->workspace_path = g_strdup (workspace_path);
  self->runs = tn_run_watcher_new ();
  list_recent (self);
  return self;
}

void
tn_session_open (TnSession *self, const char *path)
{
  g_autoptr (GTask) task = NULL;
  g_autofree char *wanted = NULL;

  g_return_if_fail (TN_IS_SESSION (self));
  g_return_if_fail (path != NULL);

  wanted = g_canonicalize_filename (path, NULL);
  drop_model (self);
  self->path = g_steal_pointer (&wanted);
  self->display_name = g_filename_display_basename (self->path);
  self->state = TN_SESSION_LOADING;
  self->opening = g_cancellable_new ();
  task = g_task_new (self, self->opening, on_opened, NULL);
  g_task_set_task_data (task, opening_new (self, self->path), opening_free);
  g_task_run_in_thread (task, open_on_worker);
  g_signal_emit (self, signals[MODEL_CHANGED], 0);
}

void
tn_session_close (TnSession *self)
{
  g_return_if_fail (TN_IS_SESSION (self));

  drop_model (self);
  g_signal_emit (self, signals[MODEL_CHANGED], 0);
}

TnSessionState
tn_session_get_state (TnSession *self)
{
  g_return_val_if_fail (TN_IS_SESSION (self), TN_SESSION_EMPTY);

  return self->state;
}

const char *
tn_session_get_path (TnSession *self)
{
  g_return_val_if_fail (TN_IS_SESSION (self), NULL);

  return self->path;
}

const char *
tn_session_get_display_name (TnSession *self)
{
  g_return_val_if_fail (TN_IS_SESSION (self), NULL);

  return self->display_name;
}

const GError *
tn_session_get_error (TnSession *self)
{
  g_return_val_if_fail (TN_IS_SESSION (self), NULL);

  return self->error;
}

TnModelFile *
tn_session_get_file (TnSession *self)
{
  g_return_val_if_fail (TN_IS_SESSION (self), NULL);

  return self->file;
}

TnInspector *
tn_session_get_inspector (TnSession *self)
{
  g_return_val_if_fail (TN_IS_SESSION (self), NULL);

  return self->inspector;
}

const TnModelFacts *
tn_session_get_facts (TnSession *self)
{
  g_return_val_if_fail (TN_IS_SESSION (self), NULL);

  return self->facts;
}

const char *const *
tn_session_get_recent (TnSession *self)
{
  g_return_val_if_fail (TN_IS_SESSION (self), NULL);

  return (const char *const *) self->recent;
}

static void
on_calibration_finished (TnSession *self)
{
  g_signal_emit (self, signals[CALIBRATION_FINISHED], 0);
}

void
tn_session_set_draft (TnSession *self, const TnCalibrateOptions *options)
{
  g_return_if_fail (TN_IS_SESSION (self));

  g_clear_pointer (&self->draft, tn_calibrate_options_free);
  self->draft = options != NULL ? tn_calibrate_options_copy (options) : NULL;
  g_signal_emit (self, signals[DRAFT_CHANGED], 0);
}

const TnCalibrateOptions *
tn_session_get_draft (TnSession *self)
{
  g_return_val_if_fail (TN_IS_SESSION (self), NULL);

  return self->draft;
}

static void
set_calibration (TnSession *self, TnCalibration *calibration)
{
  if (self->calibration != NULL)
    g_signal_handlers_disconnect_by_data (self->calibration, self);
  g_clear_object (&self->calibration);
  self->calibration = calibration;
  g_signal_connect_swapped (self->calibration, "finished", G_CALLBACK (on_calibration_finished), self);
  g_signal_emit (self, signals[CALIBRATION_CHANGED], 0);
}

static void
load_on_worker (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  GError *error = NULL;
  TnStats *stats = tn_stats_load (task_data, &error);

  if (stats != NULL)
    g_task_return_pointer (task, stats, (GDestroyNotify) tn_stats_unref);
  else
    g_task_return_error (task, error);
}

static void
on_statistics_loaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TnSession *self = TN_SESSION (source);
  const char *path = g_task_get_task_data (G_TASK (result));
  g_autoptr (GError) error = NULL;
  g_autoptr (TnStats) stats = g_task_propagate_pointer (G_TASK (result), &error);
  GStatBuf info;

  self->n_loading--;
  if (stats == NULL)
    tn_session_notice (self, error->message);
  else if (!tn_session_is_calibrating (self))
    {
      set_calibration (self, tn_calibration_new_loaded (path, stats, g_stat (path, &info) == 0 ? (guint64) info.st_size : 0));
      if (self->file != NULL && stats->model_fingerprint != tn_model_file_get_fingerprint (self->file))
        tn_session_notice (self, _ ("These statistics are of another model than the one that is open"));
    }
  g_signal_emit (self, signals[LOADING_CHANGED], 0);
}

void
tn_session_open_statistics (TnSession *self, const char *path)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (TN_IS_SESSION (self));
  g_return_if_fail (!tn_session_is_calibrating (self));

  task = g_task_new (self, NULL, on_statistics_loaded, NULL);
  g_task_set_task_data (task, g_strdup (path), g_free);
  self->n_loading++;
  g_signal_emit (self, signals[LOADING_CHANGED], 0);
  g_task_run_in_thread (task, load_on_worker);
}

gboolean
tn_session_is_loading_statistics (TnSession *self)
{
  g_return_val_if_fail (TN_IS_SESSION (self), FALSE);

  return self->n_loading > 0;
}

TnCalibration *
tn_session_calibrate (TnSession *self, const TnCalibrateOptions *options)
{
  g_return_val_if_fail (TN_IS_SESSION (self), NULL);
  g_return_val_if_fail (!tn_session_is_calibrating (self), NULL);

  set_calibration (self, tn_calibration_new (options, self->workspace));
  tn_calibration_start (self->calibration);
  return self->calibration;
}

TnCalibration *
tn_session_get_calibration (TnSession *self)
{
  g_return_val_if_fail (TN_IS_SESSION (self), NULL);

  return self->calibration;
}

gboolean
tn_session_is_calibrating (TnSession *self)
{
  g_return_val_if_fail (TN_IS_SESSION (self), FALSE);

  return self->calibration != NULL && tn_calibration_is_running (self->calibration);
}

static void
on_training_finished (TnSession *self)
{
  g_signal_emit (self, signals[TRAINING_FINISHED], 0);
}

TnTraining *
tn_session_train (TnSession *self, const TnTrainOptions *options)
{
  g_return_val_if_fail (TN_IS_SESSION (self), NULL);
  g_return_val_if_fail (!tn_session_is_training (self), NULL);

  if (self->training != NULL)
    g_signal_handlers_disconnect_by_data (self->training, self);
  g_clear_object (&self->training);
  self->training = tn_training_new (options, self->workspace);
  g_signal_connect_swapped (self->training, "finished", G_CALLBACK (on_training_finished), self);
  tn_training_start (self->training);
  g_signal_emit (self, signals[TRAINING_CHANGED], 0);
  return self->training;
}

TnTraining *
tn_session_get_training (TnSession *self)
{
  g_return_val_if_fail (TN_IS_SESSION (self), NULL);

  return self->training;
}

gboolean
tn_session_is_training (TnSession *self)
{
  g_return_val_if_fail (TN_IS_SESSION (self), FALSE);

  return self->training != NULL && tn_training_is_running (self->training);
}

static void
on_sensitivity_finished (TnSession *self)
{
  g_signal_emit (self, signals[SENSITIVITY_FINISHED], 0);
}

static void
set_sensitivity (TnSession *self, TnSensitivity *sensitivity)
{
  if (self->sensitivity != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->sensitivity, self);
      tn_sensitivity_stop_measuring (self->sensitivity);
    }
  g_clear_object (&self->sensitivity);
  self->sensitivity = sensitivity;
  g_signal_connect_swapped (self->sensitivity, "finished", G_CALLBACK (on_sensitivity_finished), self);
  g_signal_emit (self, signals[SENSITIVITY_CHANGED], 0);
}

/* Beside the workspace, as statistics are; each analysis in a file of its own, because a plan that is measured reads it again. */
static char *
find_analysis_path (TnSession *self, const char *model_path)
{
  g_autofree char *base = g_path_get_basename (model_path);
  g_autofree char *folder = g_path_get_dirname (tn_workspace_get_path (self->workspace));
  char *path = NULL;

  for (guint i = 1; path == NULL || g_file_test (path, G_FILE_TEST_EXISTS); i++)
    {
      g_autofree char *name = g_strdup_printf ("%s.analysis-%u.json", base, i);

      g_free (path);
      path = g_build_filename (folder, name, NULL);
    }
  return path;
}

TnSensitivity *
tn_session_analyze (TnSession *self, TnAnalyzeOptions *options)
{
  g_return_val_if_fail (TN_IS_SESSION (self), NULL);
  g_return_val_if_fail (!tn_session_is_analyzing (self), NULL);

  if (options->out_path == NULL && self->workspace != NULL)
    options->out_path = find_analysis_path (self, options->model_path);
  set_sensitivity (self, tn_sensitivity_new (options, self->workspace));
  tn_sensitivity_start (self->sensitivity);
  return self->sensitivity;
}

static void
load_analysis_on_worker (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  GError *error = NULL;
  TnAnalysis *analysis = tn_analysis_load (task_data, &error);

  if (analysis != NULL)
    g_task_return_pointer (task, analysis, (GDestroyNotify) tn_analysis_free);
  else
    g_task_return_error (task, error);
}

static void
on_analysis_loaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TnSession *self = TN_SESSION (source);
  g_autoptr (GError) error = NULL;
  TnAnalysis *analysis = g_task_propagate_pointer (G_TASK (result), &error);
  gboolean foreign;

  if (analysis == NULL)
    {
      tn_session_notice (self, error->message);
      return;
    }
  if (tn_session_is_analyzing (self)) /* it began meanwhile */
    {
      tn_analysis_free (analysis);
      return;
    }
  foreign = self->file != NULL && analysis->model_fingerprint != tn_model_file_get_fingerprint (self->file);
  set_sensitivity (self, tn_sensitivity_new_loaded (g_task_get_task_data (G_TASK (result)), analysis, self->workspace));
  if (foreign)
    tn_session_notice (self, _ ("This analysis is of another model than the one that is open"));
}

void
tn_session_open_analysis (TnSession *self, const char *path)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (TN_IS_SESSION (self));
  g_return_if_fail (!tn_session_is_analyzing (self));

  task = g_task_new (self, NULL, on_analysis_loaded, NULL);
  g_task_set_task_data (task, g_canonicalize_filename (path, NULL), g_free);
  g_task_run_in_thread (task, load_analysis_on_worker);
}

TnSensitivity *
tn_session_get_sensitivity (TnSession *self)
{
  g_return_val_if_fail (TN_IS_SESSION (self), NULL);

  return self->sensitivity;
}

gboolean
tn_session_is_analyzing (TnSession *self)
{
  g_return_val_if_fail (TN_IS_SESSION (self), FALSE);

  return self->sensitivity != NULL && tn_sensitivity_is_running (self->sensitivity);
}

void
tn_session_choose_layer (TnSession *self, const char *name)
{
  g_return_if_fail (TN_IS_SESSION (self));

  if (g_strcmp0 (name, self->layer) == 0)
    return;
  g_free (self->layer);
  self->layer = g_strdup (name);
  g_signal_emit (self, signals[LAYER_CHOSEN], 0);
}

const char *
tn_session_get_layer (TnSession *self)
{
  g_return_val_if_fail (TN_IS_SESSION (self), NULL);

  return self->layer;
}

gboolean
tn_session_has_workspace (TnSession *self)
{
  g_return_val_if_fail (TN_IS_SESSION (self), FALSE);

  return self->workspace != NULL;
}

TnRunWatcher *
tn_session_get_runs (TnSession *self)
{
  g_return_val_if_fail (TN_IS_SESSION (self), NULL);

  return self->runs;
}

const char *
tn_session_get_workspace_path (TnSession *self)
{
  g_return_val_if_fail (TN_IS_SESSION (self), NULL);

  return self->workspace_path;
}

void
tn_session_notice (TnSession *self, const char *text)
{
  g_return_if_fail (TN_IS_SESSION (self));

  g_signal_emit (self, signals[NOTICE], 0, text);
}
