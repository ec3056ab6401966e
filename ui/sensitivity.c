/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/sensitivity.h"

#include <math.h>

/* A point of the front is found again by its bits. */
#define BITS_ROOM 1e-9

struct _TnSensitivity
{
  GObject parent_instance;
  TnWorkspace *workspace;
  TnJob *job; /* NULL for one that was loaded */
  char *title;
  char *path;
  char *error;
  TnAnalysis *analysis;
  TnAnalysis *made; /* what the job fills */
  TnAllocation *allocation;
  char *no_plans;
  gboolean running;

  TnJob *measuring; /* NULL: no plan is being measured */
  TnPlanResult plan;
  char *measuring_error;
};

enum
{
  CHANGED,
  EVENT,
  FINISHED,
  MEASURED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnSensitivity, tn_sensitivity, G_TYPE_OBJECT)

static void
tn_sensitivity_finalize (GObject *object)
{
  TnSensitivity *self = TN_SENSITIVITY (object);

  g_clear_object (&self->job);
  g_clear_object (&self->measuring);
  tn_plan_result_clear (&self->plan);
  g_clear_pointer (&self->allocation, tn_allocation_free);
  g_clear_pointer (&self->analysis, tn_analysis_free);
  g_clear_pointer (&self->made, tn_analysis_free);
  g_clear_pointer (&self->workspace, tn_workspace_unref);
  g_free (self->title);
  g_free (self->path);
  g_free (self->error);
  g_free (self->no_plans);
  g_free (self->measuring_error);
  G_OBJECT_CLASS (tn_sensitivity_parent_class)->finalize (object);
}

static void
tn_sensitivity_class_init (TnSensitivityClass *klass)
{
  GType type = G_TYPE_FROM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = tn_sensitivity_finalize;
  signals[CHANGED] = g_signal_new ("changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[EVENT] = g_signal_new ("event", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  signals[FINISHED] = g_signal_new ("finished", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[MEASURED] = g_signal_new ("measured", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
tn_sensitivity_init (TnSensitivity *self)
{
}

static void
allocate_on_worker (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  GError *error = NULL;
  TnAllocation *allocation = tn_allocation_new (TN_SENSITIVITY (source)->analysis, NULL, cancellable, &error);

  if (allocation != NULL)
    g_task_return_pointer (task, allocation, (GDestroyNotify) tn_allocation_free);
  else
    g_task_return_error (task, error);
}

static void
on_allocated (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TnSensitivity *self = TN_SENSITIVITY (source);
  g_autoptr (GError) error = NULL;

  self->allocation = g_task_propagate_pointer (G_TASK (result), &error);
  if (error != NULL)
    self->no_plans = g_strdup (error->message);
  g_signal_emit (self, signals[CHANGED], 0);
}

/* Takes the analysis. The task keeps self, and by it the analysis. */
static void
adopt (TnSensitivity *self, TnAnalysis *analysis)
{
  g_autoptr (GTask) task = g_task_new (self, NULL, on_allocated, NULL);

  self->analysis = analysis;
  g_task_run_in_thread (task, allocate_on_worker);
}

static void
on_job_changed (TnSensitivity *self)
{
  g_signal_emit (self, signals[CHANGED], 0);
}

static void
on_job_event (TnSensitivity *self, const char *kind, const char *text)
{
  g_signal_emit (self, signals[EVENT], 0, text);
}

static void
on_job_finished (TnSensitivity *self)
{
  g_autoptr (GError) error = tn_job_dup_error (self->job);

  self->running = FALSE;
  if (error != NULL && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    self->error = g_strdup (error->message);
  if (self->made != NULL)
    {
      self->path = g_strdup (tn_job_get_output (self->job));
      adopt (self, g_steal_pointer (&self->made));
    }
  g_signal_emit (self, signals[CHANGED], 0);
  g_signal_emit (self, signals[FINISHED], 0);
  g_object_unref (self); /* of tn_sensitivity_start() */
}

TnSensitivity *
tn_sensitivity_new (TnAnalyzeOptions *options, TnWorkspace *workspace)
{
  TnSensitivity *self = g_object_new (TN_TYPE_SENSITIVITY, NULL);

  self->workspace = workspace != NULL ? tn_workspace_ref (workspace) : NULL;
  self->job = tn_analyze_job_new (options, workspace, &self->made);
  self->title = g_strdup (tn_job_get_title (self->job));
  g_signal_connect_swapped (self->job, "changed", G_CALLBACK (on_job_changed), self);
  g_signal_connect_swapped (self->job, "event", G_CALLBACK (on_job_event), self);
  g_signal_connect_swapped (self->job, "finished", G_CALLBACK (on_job_finished), self);
  return self;
}

TnSensitivity *
tn_sensitivity_new_loaded (const char *path, TnAnalysis *analysis, TnWorkspace *workspace)
{
  TnSensitivity *self = g_object_new (TN_TYPE_SENSITIVITY, NULL);

  self->workspace = workspace != NULL ? tn_workspace_ref (workspace) : NULL;
  self->path = g_strdup (path);
  self->title = g_filename_display_basename (path);
  adopt (self, analysis);
  return self;
}

void
tn_sensitivity_start (TnSensitivity *self)
{
  g_return_if_fail (TN_IS_SENSITIVITY (self));
  g_return_if_fail (self->job != NULL && !self->running);

  /* The job writes into self until it has finished. */
  g_object_ref (self);
  self->running = TRUE;
  tn_job_start (self->job);
  g_signal_emit (self, signals[CHANGED], 0);
}

void
tn_sensitivity_pause (TnSensitivity *self)
{
  g_return_if_fail (TN_IS_SENSITIVITY (self));

  tn_job_pause (self->job);
}

void
tn_sensitivity_resume (TnSensitivity *self)
{
  g_return_if_fail (TN_IS_SENSITIVITY (self));

  tn_job_resume (self->job);
}

void
tn_sensitivity_cancel (TnSensitivity *self)
{
  g_return_if_fail (TN_IS_SENSITIVITY (self));

  tn_job_cancel (self->job);
}

gboolean
tn_sensitivity_is_running (TnSensitivity *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY (self), FALSE);

  return self->running;
}

gboolean
tn_sensitivity_is_loaded (TnSensitivity *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY (self), FALSE);

  return self->job == NULL;
}

void
tn_sensitivity_get_progress (TnSensitivity *self, TnJobProgress *progress)
{
  g_return_if_fail (TN_IS_SENSITIVITY (self));

  if (self->job != NULL)
    tn_job_get_progress (self->job, progress);
  else
    *progress = (TnJobProgress){.state = TN_JOB_DONE};
}

const char *
tn_sensitivity_get_title (TnSensitivity *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY (self), NULL);

  return self->title;
}

const char *
tn_sensitivity_get_error (TnSensitivity *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY (self), NULL);

  return self->error;
}

const char *
tn_sensitivity_get_path (TnSensitivity *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY (self), NULL);

  return self->path;
}

const TnAnalysis *
tn_sensitivity_get_analysis (TnSensitivity *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY (self), NULL);

  return self->analysis;
}

const TnAllocation *
tn_sensitivity_get_allocation (TnSensitivity *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY (self), NULL);

  return self->allocation;
}

const char *
tn_sensitivity_get_no_plans (TnSensitivity *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY (self), NULL);

  return self->no_plans;
}

static void
on_measuring_changed (TnSensitivity *self)
{
  g_signal_emit (self, signals[MEASURED], 0);
}

static void
on_measuring_finished (TnSensitivity *self)
{
  g_autoptr (GError) error = tn_job_dup_error (self->measuring);

  if (error != NULL && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    self->measuring_error = g_strdup (error->message);
  if (error != NULL) /* plans that it did not come to */
    tn_plan_result_clear (&self->plan);
  g_clear_object (&self->measuring);
  g_signal_emit (self, signals[MEASURED], 0);
  g_object_unref (self); /* of tn_sensitivity_measure() */
}

void
tn_sensitivity_measure (TnSensitivity *self, guint point, const char *model_path, const char *const *data)
{
  TnPlanOptions *options;

  g_return_if_fail (TN_IS_SENSITIVITY (self));
  g_return_if_fail (self->measuring == NULL && self->allocation != NULL && self->path != NULL);

  options = tn_plan_options_new ();
  options->analysis_path = g_strdup (self->path);
  options->bits = tn_allocation_get_bits (self->allocation, point) + BITS_ROOM;
  options->measure = TRUE;
  options->model_path = g_strdup (model_path);
  options->data = g_strdupv ((char **) data);
  tn_plan_result_clear (&self->plan);
  g_clear_pointer (&self->measuring_error, g_free);
  g_object_ref (self);
  self->measuring = tn_plan_job_new (options, self->workspace, &self->plan);
  g_signal_connect_swapped (self->measuring, "changed", G_CALLBACK (on_measuring_changed), self);
  g_signal_connect_swapped (self->measuring, "finished", G_CALLBACK (on_measuring_finished), self);
  tn_job_start (self->measuring);
  g_signal_emit (self, signals[MEASURED], 0);
}

gboolean
tn_sensitivity_is_measuring (TnSensitivity *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY (self), FALSE);

  return self->measuring != NULL;
}

void
tn_sensitivity_stop_measuring (TnSensitivity *self)
{
  g_return_if_fail (TN_IS_SENSITIVITY (self));

  if (self->measuring != NULL)
    tn_job_cancel (self->measuring);
}

void
tn_sensitivity_get_measuring_progress (TnSensitivity *self, TnJobProgress *progress)
{
  g_return_if_fail (TN_IS_SENSITIVITY (self));
  g_return_if_fail (self->measuring != NULL);

  tn_job_get_progress (self->measuring, progress);
}

GPtrArray *
tn_sensitivity_get_measured (TnSensitivity *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY (self), NULL);

  return self->measuring == NULL ? self->plan.measured : NULL;
}

const char *
tn_sensitivity_get_measuring_error (TnSensitivity *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY (self), NULL);

  return self->measuring_error;
}
