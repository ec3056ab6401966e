/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/training.h"

struct _TnTraining
{
  GObject parent_instance;
  TnJob *job;
  TnTrainResult result;
  char *error;
  gboolean running;
  gboolean ended;
};

enum
{
  CHANGED,
  FINISHED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnTraining, tn_training, G_TYPE_OBJECT)

static void
tn_training_finalize (GObject *object)
{
  TnTraining *self = TN_TRAINING (object);

  g_clear_object (&self->job);
  tn_train_result_clear (&self->result);
  g_free (self->error);
  G_OBJECT_CLASS (tn_training_parent_class)->finalize (object);
}

static void
tn_training_class_init (TnTrainingClass *klass)
{
  GType type = G_TYPE_FROM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = tn_training_finalize;
  signals[CHANGED] = g_signal_new ("changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[FINISHED] = g_signal_new ("finished", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
tn_training_init (TnTraining *self)
{
}

static void
on_job_changed (TnTraining *self)
{
  g_signal_emit (self, signals[CHANGED], 0);
}

static void
on_job_finished (TnTraining *self)
{
  g_autoptr (GError) error = tn_job_dup_error (self->job);

  self->running = FALSE;
  self->ended = TRUE;
  if (error != NULL && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    self->error = g_strdup (error->message);
  g_signal_emit (self, signals[CHANGED], 0);
  g_signal_emit (self, signals[FINISHED], 0);
  g_object_unref (self); /* of tn_training_start() */
}

TnTraining *
tn_training_new (const TnTrainOptions *options, TnWorkspace *workspace)
{
  TnTraining *self = g_object_new (TN_TYPE_TRAINING, NULL);

  self->job = tn_train_job_new (options, workspace, &self->result);
  g_signal_connect_swapped (self->job, "changed", G_CALLBACK (on_job_changed), self);
  g_signal_connect_swapped (self->job, "finished", G_CALLBACK (on_job_finished), self);
  return self;
}

void
tn_training_start (TnTraining *self)
{
  g_return_if_fail (TN_IS_TRAINING (self));
  g_return_if_fail (!self->running && !self->ended);

  /* The job writes into self until it has finished. */
  g_object_ref (self);
  self->running = TRUE;
  tn_job_start (self->job);
  g_signal_emit (self, signals[CHANGED], 0);
}

void
tn_training_pause (TnTraining *self)
{
  g_return_if_fail (TN_IS_TRAINING (self));

  tn_job_pause (self->job);
}

void
tn_training_resume (TnTraining *self)
{
  g_return_if_fail (TN_IS_TRAINING (self));

  tn_job_resume (self->job);
}

void
tn_training_stop (TnTraining *self)
{
  g_return_if_fail (TN_IS_TRAINING (self));

  tn_job_cancel (self->job);
}

gboolean
tn_training_is_running (TnTraining *self)
{
  g_return_val_if_fail (TN_IS_TRAINING (self), FALSE);

  return self->running;
}

void
tn_training_get_progress (TnTraining *self, TnJobProgress *progress)
{
  g_return_if_fail (TN_IS_TRAINING (self));

  tn_job_get_progress (self->job, progress);
}

const char *
tn_training_get_title (TnTraining *self)
{
  g_return_val_if_fail (TN_IS_TRAINING (self), NULL);

  return tn_job_get_title (self->job);
}

gint64
tn_training_get_run (TnTraining *self)
{
  g_return_val_if_fail (TN_IS_TRAINING (self), -1);

  return tn_job_get_run (self->job);
}

const char *
tn_training_get_error (TnTraining *self)
{
  g_return_val_if_fail (TN_IS_TRAINING (self), NULL);

  return self->error;
}

const TnTrainResult *
tn_training_get_result (TnTraining *self)
{
  g_return_val_if_fail (TN_IS_TRAINING (self), NULL);

  return self->ended ? &self->result : NULL;
}
