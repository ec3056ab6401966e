/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/train.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "app/tasks/event-listener.h"
#include "app/tasks/train-metrics.h"
#include "app/tasks/train-network.h"
#include "app/tasks/train-state.h"
#include "app/tasks/training-data.h"
#include "data/export/trained-model.h"
#include "data/models/model-file.h"
#include "data/training/checkpoint-writer.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/hash.h"

/* Of the smoothed loss: the mean at first; then half of it is of the last 70 steps. */
#define SMOOTHING 0.99
/* Steps before the smoothed loss is believed. */
#define FIRST_BELIEVED 100
/* Steps in a row that are not finite, after which a run stops. */
#define MOST_SKIPPED 20

typedef struct
{
  TnJob *job;
  TnTrainOptions *options;
  char *identity; /* of the run */
  TnTrainResult *result;
  const TnListener *listener;
  GCancellable *cancellable;
  TnModelFile *file, *teacher_file;
  TnTrainingData *data;
  TnNetwork *network;
  TnTrainer *trainer;
  TnCheckpoint *checkpoint;
  TnCheckpointWriter *writer;
  TnTrainProgress progress;
  guint in_a_row;      /* skipped steps */
  TnStepReport report; /* of the last step */
  TnTrainerEvaluation evaluation;
} Run;

void
tn_train_result_clear (TnTrainResult *self)
{
  g_clear_pointer (&self->checkpoint, g_free);
  g_clear_pointer (&self->model, g_free);
}

TnTrainOptions *
tn_train_options_copy (const TnTrainOptions *self)
{
  TnTrainOptions *copy = g_memdup2 (self, sizeof *self);

  copy->recipe = tn_recipe_copy (self->recipe);
  copy->model_path = g_strdup (self->model_path);
  copy->teacher_path = g_strdup (self->teacher_path);
  copy->out_path = g_strdup (self->out_path);
  copy->branch_path = g_strdup (self->branch_path);
  copy->events_path = g_strdup (self->events_path);
  return copy;
}

void
tn_train_options_free (TnTrainOptions *self)
{
  tn_recipe_free (self->recipe);
  g_free (self->model_path);
  g_free (self->teacher_path);
  g_free (self->out_path);
  g_free (self->branch_path);
  g_free (self->events_path);
  g_free (self);
}

static void
run_clear (Run *self)
{
  g_clear_pointer (&self->writer, tn_checkpoint_writer_free);
  g_clear_pointer (&self->checkpoint, tn_checkpoint_free);
  g_clear_pointer (&self->trainer, tn_trainer_free);
  g_clear_pointer (&self->network, tn_network_unref);
  g_clear_pointer (&self->data, tn_training_data_free);
  g_clear_pointer (&self->file, tn_model_file_unref);
  g_clear_pointer (&self->teacher_file, tn_model_file_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Run, run_clear)

typedef gboolean (*RunFunc) (Run *run, GError **error);

typedef struct
{
  RunFunc func;
  Run *run;
  GError **error;
  gboolean ok;
} Call;

static void
call_on_compute (gpointer user_data)
{
  Call *call = user_data;

  call->ok = call->func (call->run, call->error);
}

/* One piece of work on the compute thread; between pieces other jobs have their turn. */
static gboolean
run_on_compute (Run *run, RunFunc func, GError **error)
{
  Call call = {.func = func, .run = run, .error = error};

  tn_compute_run (call_on_compute, &call);
  return call.ok;
}

static gboolean
make_trainer (Run *run, GError **error)
{
  const TnRecipe *recipe = run->options->recipe;
  g_autoptr (TnTrainingPrecision) precision = tn_recipe_make_precision (recipe, error);
  g_autoptr (TnNetwork) teacher = NULL;
  TnTrainerOptions options;

  if (precision == NULL || !tn_recipe_make_options (recipe, &options, error))
    return FALSE;
  run->network = tn_train_make_network (recipe, run->file, run->data, precision, error);
  if (run->network == NULL || (run->options->teacher_path != NULL && (teacher = tn_train_make_teacher (run->options, run->teacher_file, run->data, error)) == NULL))
    return FALSE;
  /* A checkpoint brings those that were trained. */
  if (!run->options->resume && run->options->branch_path == NULL &&
      !tn_recipe_set_starting_scales (recipe, run->network, run->file, run->cancellable, error))
    return FALSE;
  run->network->recomputes = recipe->recompute == TN_RECOMPUTE_BLOCKS;
  run->trainer = tn_trainer_new (run->network, teacher, &options, error);
  return run->trainer != NULL;
}

static void
tell_memory (const Run *run)
{
  TnTrainerMemory memory;
  g_autofree char *variables = NULL, *gradients = NULL, *optimizer = NULL, *activations = NULL, *text = NULL;

  tn_trainer_get_memory (run->trainer, &memory);
  variables = g_format_size_full (memory.variables, G_FORMAT_SIZE_IEC_UNITS);
  gradients = g_format_size_full (memory.gradients, G_FORMAT_SIZE_IEC_UNITS);
  optimizer = g_format_size_full (memory.optimizer, G_FORMAT_SIZE_IEC_UNITS);
  activations = g_format_size_full (memory.activations, G_FORMAT_SIZE_IEC_UNITS);
  text = g_strdup_printf (_ ("%" PRIu64 " parameters; memory: weights %s, gradients %s, optimizer %s, activations %s"),
                          tn_network_count (run->network), variables, gradients, optimizer, activations);
  tn_listener_event (run->listener, "info", text);
}

static gboolean
open_files (Run *run, GError **error)
{
  const TnTrainOptions *options = run->options;

  return (options->model_path == NULL || (run->file = tn_model_file_open (options->model_path, error)) != NULL) &&
         (options->teacher_path == NULL || tn_train_is_on_images (options) || (run->teacher_file = tn_model_file_open (options->teacher_path, error)) != NULL);
}

static gboolean
make_checkpoints (Run *run, GError **error)
{
  const TnRecipe *recipe = run->options->recipe;
  const TnCheckpointRetention retention = {.keep_last = recipe->keep_last, .keep_every = recipe->keep_every, .keep_best = TRUE};
  g_autofree char *folder = g_build_filename (run->options->out_path, "checkpoints", NULL);

  run->checkpoint = tn_training_checkpoint_new (run->trainer, error);
  if (run->checkpoint == NULL)
    return FALSE;
  tn_training_checkpoint_set_run (run->checkpoint, run->identity, run->options, run->file, run->teacher_file);
  run->writer = tn_checkpoint_writer_new (folder, &retention, TN_CHECKPOINT_ANY_COPY, error);
  return run->writer != NULL;
}

/* Series say what was, whichever way the run came here. */
static void
tell_validation (const Run *run, guint64 step)
{
  if (isnan (run->progress.validation_loss))
    return;
  tn_listener_metric (run->listener, "validation_loss", (gint64) step, run->progress.validation_loss);
  if (!isnan (run->progress.validation_accuracy))
    tn_listener_metric (run->listener, "validation_accuracy", (gint64) step, run->progress.validation_accuracy);
}

/* The state is that of a checkpoint again. What was measured at its step came before it was written; at the last step it is measured
 * anew. */
static void
rewind_series (Run *run)
{
  guint64 step = tn_trainer_get_counts (run->trainer).step;

  tn_listener_rewind (run->listener, (gint64) step);
  if (step < run->options->recipe->steps)
    tell_validation (run, step);
}

static void
tell_start (const Run *run, TnCheckpointFile *file, gboolean same_data)
{
  g_autofree char *text = g_strdup_printf (_ ("goes on from step %" PRIu64 " of %s"), tn_checkpoint_file_get_step (file),
                                           tn_checkpoint_file_get_path (file));

  tn_listener_event (run->listener, "info", text);
  if (!same_data)
    tn_listener_event (run->listener, "info", _ ("the data are others than those of the checkpoint: they begin at their start"));
}

static gboolean
resume (Run *run, GError **error)
{
  g_autofree char *folder = g_build_filename (run->options->out_path, "checkpoints", NULL);
  g_autoptr (GPtrArray) damaged = NULL;
  g_autoptr (TnCheckpointFile) file = tn_checkpoint_find_latest (folder, &damaged, error);

  for (guint i = 0; damaged != NULL && i < damaged->len; i++)
    tn_listener_event (run->listener, "warning", g_ptr_array_index (damaged, i));
  if (file == NULL || !tn_training_checkpoint_check_models (file, run->file, run->teacher_file, error) ||
      !tn_training_checkpoint_restore (run->checkpoint, file, run->trainer, run->data, &run->progress, NULL, error))
    return FALSE;
  rewind_series (run);
  tell_start (run, file, TRUE);
  return TRUE;
}

/* A branch is another run: how the first one went is not its progress. */
static gboolean
branch (Run *run, GError **error)
{
  g_autoptr (TnCheckpointFile) file = tn_checkpoint_file_open (run->options->branch_path, error);
  TnTrainProgress unused;
  gboolean same_data;

  if (file == NULL ||
      !tn_training_checkpoint_restore (run->checkpoint, file, run->trainer, run->data, &unused, &same_data, error))
    return FALSE;
  tell_start (run, file, same_data);
  return TRUE;
}

/* Another run's checkpoints are not written over: a folder that has some is gone on with, or another one is taken. */
static gboolean
check_folder (const Run *run, GError **error)
{
  g_autofree char *folder = g_build_filename (run->options->out_path, "checkpoints", NULL);
  g_autoptr (GArray) steps = NULL;

  if (run->options->resume || !g_file_test (folder, G_FILE_TEST_IS_DIR))
    return TRUE;
  steps = tn_checkpoint_list (folder, error);
  if (steps == NULL)
    return FALSE;
  if (steps->len == 0)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
               _ ("%s holds checkpoints of a run: --resume goes on with it, another --out starts anew"), folder);
  return FALSE;
}

static gboolean
prepare (Run *run, GError **error)
{
  const TnTrainOptions *options = run->options;

  if (!tn_recipe_check (options->recipe, error) || !check_folder (run, error) || !open_files (run, error))
    return FALSE;
  run->data = tn_training_data_open (options->recipe, run->file, run->listener, run->cancellable, error);
  if (run->data == NULL || !run_on_compute (run, make_trainer, error) || !make_checkpoints (run, error))
    return FALSE;
  run->result->parameters = tn_network_count (run->network);
  if (options->resume ? !resume (run, error) : options->branch_path != NULL && !branch (run, error))
    return FALSE;
  tell_memory (run);
  return TRUE;
}

static gboolean
evaluate (Run *run, GError **error)
{
  tn_training_data_rewind (run->data);
  return tn_trainer_evaluate (run->trainer, tn_training_data_n_validation (run->data), tn_training_data_fill_validation,
                              run->data, &run->evaluation, run->cancellable, error);
}

static gboolean
evaluate_test (Run *run, GError **error)
{
  tn_training_data_rewind (run->data);
  return tn_trainer_evaluate (run->trainer, tn_training_data_n_test (run->data), tn_training_data_fill_test, run->data,
                              &run->evaluation, run->cancellable, error);
}

/* Once, when all is decided. */
static gboolean
test (Run *run, GError **error)
{
  TnTrainResult *result = run->result;
  gint64 step = (gint64) run->options->recipe->steps;

  if (tn_training_data_n_test (run->data) == 0)
    return TRUE;
  if (!run_on_compute (run, evaluate_test, error))
    return FALSE;
  result->test_loss = run->evaluation.loss;
  result->test_accuracy = run->evaluation.accuracy;
  tn_listener_metric (run->listener, "test_loss", step, result->test_loss);
  tn_listener_metric (run->listener, "test_accuracy", step, result->test_accuracy);
  return TRUE;
}

static gboolean
validate (Run *run, guint64 step, GError **error)
{
  TnTrainResult *result = run->result;

  if (tn_training_data_n_validation (run->data) == 0)
    return TRUE;
  if (!run_on_compute (run, evaluate, error))
    return FALSE;
  result->validation_loss = run->evaluation.loss;
  result->validation_accuracy = run->evaluation.accuracy;
  run->progress.validation_loss = result->validation_loss;
  run->progress.validation_accuracy = result->validation_accuracy;
  if (!(result->validation_loss >= run->progress.best_validation))
    run->progress.best_validation = result->validation_loss;
  tell_validation (run, step);
  return TRUE;
}

static void
tell_skipped (const Run *run, const TnStepReport *report)
{
  g_autofree char *text = NULL;

  if (report->culprit != NULL)
    text = g_strdup_printf (_ ("step %" PRIu64 " was skipped: the gradient of %s is not finite"), report->step, report->culprit);
  else
    text = g_strdup_printf (_ ("step %" PRIu64 " was skipped: the loss is %g"), report->step, report->loss);
  tn_listener_event (run->listener, "warning", text);
}

/* The rules by which a run that leads nowhere ends. */
static gboolean
check_progress (Run *run, const TnStepReport *report, GError **error)
{
  const TnRecipe *recipe = run->options->recipe;
  const char *last = tn_checkpoint_writer_get_last (run->writer);

  run->in_a_row = report->skipped ? run->in_a_row + 1 : 0;
  if (!report->skipped)
    {
      double part = fmax (1.0 - SMOOTHING, 1.0 / (double) ++run->progress.n_smoothed);

      run->progress.smoothed =
          run->progress.n_smoothed > 1 ? run->progress.smoothed + part * (report->loss - run->progress.smoothed) : report->loss;
    }
  if (run->in_a_row >= MOST_SKIPPED)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA,
                   _ ("%u steps in a row were not finite, up to %" PRIu64 "; last good checkpoint: %s"), MOST_SKIPPED,
                   report->step, last != NULL ? last : _ ("none"));
      return FALSE;
    }
  if (report->step < FIRST_BELIEVED || isnan (run->progress.smoothed))
    return TRUE;
  run->progress.least = fmin (run->progress.least, run->progress.smoothed);
  if (recipe->stop_loss <= 0.0 || run->progress.smoothed <= recipe->stop_loss * run->progress.least)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_DATA,
               _ ("the loss diverges: smoothed %.4f at step %" PRIu64
                  ", above %g times its least, %.4f; last good checkpoint: %s"),
               run->progress.smoothed, report->step, recipe->stop_loss, run->progress.least, last != NULL ? last : _ ("none"));
  return FALSE;
}

/* The workspace has the steps before it first: whatever happens then, a run that goes on has them all. */
static void
keep (Run *run, gboolean wait)
{
  tn_job_commit (run->job);
  tn_training_checkpoint_update (run->checkpoint, run->trainer, run->data, &run->progress);
  tn_checkpoint_writer_submit (run->writer, run->checkpoint, wait, run->listener);
}

/* Gradient release changed weights before it was known that a gradient is not finite. */
static gboolean
go_back (Run *run, const TnStepReport *report, GError **error)
{
  const char *path;
  g_autoptr (TnCheckpointFile) file = NULL;
  TnStreamPosition position = tn_training_data_get_position (run->data);
  TnTrainProgress found;
  g_autofree char *text = NULL;

  if (!tn_checkpoint_writer_finish (run->writer, run->listener, error))
    return FALSE;
  path = tn_checkpoint_writer_get_last (run->writer);
  if (path == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_DATA,
                   _ ("step %" PRIu64 ": a gradient is not finite, and there is no checkpoint to go back to"), report->step);
      return FALSE;
    }
  file = tn_checkpoint_file_open (path, error);
  if (file == NULL || !tn_training_checkpoint_restore (run->checkpoint, file, run->trainer, run->data, &found, NULL, error))
    return FALSE;
  run->progress.validation_loss = found.validation_loss;
  run->progress.validation_accuracy = found.validation_accuracy;
  rewind_series (run);
  /* The data go on: the same batches would lead to the same place. */
  if (!tn_training_data_set_position (run->data, position, error))
    return FALSE;
  text = g_strdup_printf (_ ("step %" PRIu64 ": a gradient is not finite; back to %s"), report->step, path);
  tn_listener_event (run->listener, "warning", text);
  return TRUE;
}

/* A step that was cancelled leaves no trace: neither drawn data nor, where gradients are released, weights that are changed in
 * part. */
static gboolean
compute_step (Run *run, GError **error)
{
  GCancellable *cancellable = run->options->recipe->release ? NULL : run->cancellable;
  TnStreamPosition position = tn_training_data_get_position (run->data);

  return tn_trainer_step (run->trainer, tn_training_data_fill, run->data, &run->report, cancellable, error) ||
         (tn_training_data_set_position (run->data, position, NULL), FALSE);
}

static gboolean
take_step (Run *run, GError **error)
{
  TnTrainResult *result = run->result;
  const TnStepReport *report = &run->report;
  gint64 start = g_get_monotonic_time ();
  double seconds;

  if (!run_on_compute (run, compute_step, error))
    return FALSE;
  run->progress.validation_loss = run->progress.validation_accuracy = NAN;
  seconds = (double) (g_get_monotonic_time () - start) * 1e-6;
  result->seconds += seconds;
  result->targets += report->n_targets;
  tn_train_report_step (run->network, run->options->recipe, report, MAX (seconds, 1e-9), run->listener);
  if (report->skipped && !report->spoiled)
    tell_skipped (run, report);
  if (report->spoiled && !go_back (run, report, error))
    return FALSE;
  return check_progress (run, report, error);
}

static gboolean
is_due (guint64 step, guint every)
{
  return every > 0 && step % every == 0;
}

static gboolean
train (Run *run, GError **error)
{
  const TnRecipe *recipe = run->options->recipe;
  guint64 steps = recipe->steps, validated = G_MAXUINT64;

  for (guint64 step; (step = tn_trainer_get_counts (run->trainer).step) < steps;)
    {
      guint64 next = step + 1;

      if (g_cancellable_set_error_if_cancelled (run->cancellable, error) || !tn_listener_boundary (run->listener, error) ||
          !take_step (run, error))
        return FALSE;
      if (is_due (next, recipe->validation_every))
        {
          if (!validate (run, next, error))
            return FALSE;
          validated = next;
        }
      if (is_due (next, recipe->checkpoint_every))
        keep (run, FALSE);
      tn_checkpoint_writer_collect (run->writer, run->listener);
      tn_listener_progress (run->listener, (double) next, (double) steps, _ ("steps"));
    }
  return (validated == steps || validate (run, steps, error)) && test (run, error);
}

static void
fill_result (Run *run)
{
  TnTrainResult *result = run->result;
  const TnCheckpointCounts *counts = tn_checkpoint_writer_get_counts (run->writer);
  TnTrainerCounts trainer = tn_trainer_get_counts (run->trainer);

  result->step = trainer.step;
  result->n_skipped = trainer.n_skipped;
  result->loss = run->progress.smoothed;
  result->best_validation = run->progress.best_validation;
  result->n_checkpoints = counts->written;
  result->checkpoint_seconds = counts->total_stall_seconds;
  result->peak_bytes = tn_pool_get_peak_total (tn_pool_default ());
  g_free (result->checkpoint);
  result->checkpoint = g_strdup (tn_checkpoint_writer_get_last (run->writer));
}

/* What was reached is kept, also by a run that was stopped; one that diverged has its checkpoints. */
static gboolean
finish (Run *run, gboolean trained, GError **error)
{
  g_autofree char *folder = g_build_filename (run->options->out_path, "model", NULL);
  static const char *const names[] = {"llama", "mlp", "cnn"};
  GError *local = NULL;

  if (trained || (error != NULL && g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_CANCELLED)))
    {
      keep (run, TRUE);
      tn_checkpoint_writer_finish (run->writer, run->listener, trained ? &local : NULL);
    }
  fill_result (run);
  if (!trained)
    return FALSE;
  if (local == NULL &&
      tn_trained_model_write (run->network, names[run->file != NULL ? TN_ARCHITECTURE_LLAMA : run->options->recipe->architecture],
                              tn_training_data_get_tokenizer (run->data), folder, run->listener, &local))
    {
      run->result->model = g_steal_pointer (&folder);
      return TRUE;
    }
  g_propagate_error (error, local);
  return FALSE;
}

static gboolean
begin_events (Run *run, TnEventListener *events, GError **error)
{
  const char *path = run->options->events_path;

  if (path == NULL)
    return TRUE;
  if (!tn_event_listener_begin (events, run->listener, path, (gint64) tn_trainer_get_counts (run->trainer).step, error))
    return FALSE;
  run->listener = &events->listener;
  return TRUE;
}

static gboolean
work (TnJob *job, const TnListener *listener, GCancellable *cancellable, gpointer data, GError **error)
{
  Run *given = data;
  g_auto (TnEventListener) events = {.file = NULL};
  g_auto (Run) run = {.job = job,
                      .options = given->options,
                      .identity = given->identity,
                      .result = given->result,
                      .listener = listener,
                      .cancellable = cancellable,
                      .progress = {.validation_loss = NAN, .validation_accuracy = NAN, .best_validation = NAN, .smoothed = NAN, .least = INFINITY}};
  GError *local = NULL;
  gboolean ok;

  run.result->steps = run.options->recipe->steps;
  run.result->validation_loss = run.result->validation_accuracy = NAN;
  run.result->test_loss = run.result->test_accuracy = NAN;
  ok = prepare (&run, &local) && begin_events (&run, &events, &local) && finish (&run, train (&run, &local), &local);
  if (run.result->model != NULL)
    tn_job_set_output (job, run.result->model);
  else if (run.result->checkpoint != NULL)
    tn_job_set_output (job, run.result->checkpoint);
  if (local != NULL)
    g_propagate_error (error, local);
  return ok;
}

static void
free_run (gpointer data)
{
  Run *run = data;

  tn_train_options_free (run->options);
  g_free (run->identity);
  g_free (run);
}

static char *
describe (const TnTrainOptions *options)
{
  g_autofree char *from = options->model_path != NULL ? g_path_get_basename (options->model_path) : NULL;
  g_autofree char *out = g_path_get_basename (options->out_path);

  return from != NULL ? g_strdup_printf (_ ("train %s from %s"), out, from) : g_strdup_printf (_ ("train %s"), out);
}

/* NULL: nothing there says so. */
static char *
find_identity (const TnTrainOptions *options)
{
  g_autofree char *folder = g_build_filename (options->out_path, "checkpoints", NULL);
  g_autoptr (TnCheckpointFile) file = options->resume ? tn_checkpoint_peek_latest (folder, NULL) : NULL;

  return file != NULL ? g_strdup (tn_training_checkpoint_get_identity (file)) : NULL;
}

TnJob *
tn_train_job_new (const TnTrainOptions *options, TnWorkspace *workspace, TnTrainResult *result)
{
  Run *run = g_new0 (Run, 1);
  g_autofree char *title = describe (options), *arguments = tn_train_arguments_to_json (options);
  TnJob *job;

  run->options = tn_train_options_copy (options);
  run->identity = find_identity (options);
  if (run->identity == NULL)
    run->identity = g_uuid_string_random ();
  run->result = result;
  job = tn_job_new ("train", title, arguments, workspace, work, run, free_run);
  tn_job_set_identity (job, run->identity);
  return job;
}
