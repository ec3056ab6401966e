/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/qat/trainer.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "engine/error.h"

/* A tape with what goes in and what comes out. */
typedef struct
{
  TnTape *tape;
  TnValue *input, *targets;
  TnTrainingLoss loss;
  gboolean allocated;
} Recording;

struct _TnTrainer
{
  TnNetwork *network, *teacher;
  TnTrainerOptions options;
  TnOptimizer *optimizer;
  Recording training, evaluation;
  TnUpdate update; /* of the step that runs: gradients that are released are applied by it */
  TnTrainerCounts counts;
  GArray *state; /* TnStateTensor */
  GStringChunk *names;
};

static void
release_gradient (TnVariable *variable, void *gradient, gpointer user_data)
{
  TnTrainer *self = user_data;

  tn_optimizer_update (self->optimizer, variable, gradient, &self->update);
}

static void
record (TnTrainer *self, Recording *recording, gboolean training)
{
  const TnNetworkShape *shape = &self->options.shape;
  TnNetwork *network = self->network;
  TnTape *tape = tn_tape_new (TN_DTYPE_F32, training);
  gsize rows = shape->n_sequences * shape->length;

  recording->tape = tape;
  if (training && self->options.releases)
    tn_tape_set_gradient_func (tape, release_gradient, self);
  if (network->input == TN_NETWORK_TOKENS)
    recording->input = tn_tape_input (tape, TN_VALUE_INT32, &TN_SHAPE (rows));
  else
    recording->input = tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (shape->n_sequences, network->n_features));
  recording->targets = tn_tape_input (tape, TN_VALUE_INT32, &TN_SHAPE (rows));
  tn_training_loss_record (&recording->loss, tape, network, training ? self->teacher : NULL,
                           training ? &self->options.loss : NULL, recording->input, recording->targets, shape);
}

static gboolean
check_options (const TnTrainer *self, GError **error)
{
  const TnTrainerOptions *options = &self->options;

  if (options->shape.n_sequences == 0 || options->shape.length == 0 || options->accumulate == 0)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT,
                           _ ("a step takes no data: expected 1 or more sequences, tokens and batches"));
      return FALSE;
    }
  if (options->releases && options->accumulate > 1)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT,
                           _ ("gradients that are released cannot be accumulated: expected one batch a step"));
      return FALSE;
    }
  if (options->loss.distill > 0.0 && self->teacher == NULL)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("distillation needs a teacher"));
      return FALSE;
    }
  if (self->teacher != NULL &&
      (self->teacher->input != self->network->input || self->teacher->n_classes != self->network->n_classes ||
       self->teacher->n_features != self->network->n_features))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, _ ("the teacher has %zu classes and %zu features, the network %zu and %zu"),
                   self->teacher->n_classes, self->teacher->n_features, self->network->n_classes, self->network->n_features);
      return FALSE;
    }
  return tn_weight_penalties_check (&options->loss.penalties, self->network->precision, error);
}

static void
add_state (TnTrainer *self, const char *group, const char *name, TnDtype dtype, const TnShape *shape, void *data)
{
  g_autofree char *full = g_strconcat (group, "/", name, NULL);
  const TnStateTensor tensor = {.name = g_string_chunk_insert (self->names, full), .dtype = dtype, .shape = *shape, .data = data};

  g_array_append_val (self->state, tensor);
}

static void
list_state (TnTrainer *self)
{
  const TnOptimizerTensor *tensors;
  guint n;

  self->names = g_string_chunk_new (4096);
  self->state = g_array_new (FALSE, FALSE, sizeof (TnStateTensor));
  for (guint i = 0; i < self->network->variables->len; i++)
    {
      TnVariable *variable = g_ptr_array_index (self->network->variables, i);

      add_state (self, "model", variable->name, variable->dtype, &variable->shape, variable->data);
    }
  tensors = tn_optimizer_get_tensors (self->optimizer, &n);
  for (guint i = 0; i < n; i++)
    add_state (self, "optimizer", tensors[i].name, tensors[i].dtype, &tensors[i].shape, tensors[i].data);
}

static void
clip_latents (TnTrainer *self)
{
  for (guint i = 0; i < self->network->layers->len; i++)
    {
      const TnTrainingLayer *layer = g_ptr_array_index (self->network->layers, i);

      if (!layer->rounds_weight)
        continue;
      if (layer->weight_scale != NULL)
        tn_optimizer_clip_latents (self->optimizer, layer->weight, self->options.latent_limit, layer->weight_scale->data,
                                   layer->weight->count / MAX (layer->weight_scale->count, 1));
      else
        tn_optimizer_clip_latents (self->optimizer, layer->weight, self->options.latent_limit, NULL, 1);
    }
}

static gboolean
make (TnTrainer *self, GError **error)
{
  TnVariable **variables = (TnVariable **) self->network->variables->pdata;
  guint n = self->network->variables->len;

  if (!check_options (self, error))
    return FALSE;
  for (guint i = 0; self->options.releases && i < n; i++)
    tn_variable_drop_gradient (variables[i]);
  record (self, &self->training, TRUE);
  record (self, &self->evaluation, FALSE);
  if (!tn_tape_plan (self->training.tape, self->training.loss.loss, error) || !tn_tape_plan (self->evaluation.tape, NULL, error))
    return FALSE;
  self->optimizer = tn_optimizer_new (variables, n, &self->options.optimizer, error);
  if (self->optimizer == NULL || !tn_tape_allocate (self->training.tape, error))
    return FALSE;
  if (isfinite (self->options.latent_limit))
    clip_latents (self);
  list_state (self);
  return TRUE;
}

TnTrainer *
tn_trainer_new (TnNetwork *network, TnNetwork *teacher, const TnTrainerOptions *options, GError **error)
{
  g_autoptr (TnTrainer) self = g_new0 (TnTrainer, 1);

  self->network = tn_network_ref (network);
  self->teacher = teacher != NULL ? tn_network_ref (teacher) : NULL;
  self->options = *options;
  self->counts.previous_norm = NAN;
  return make (self, error) ? g_steal_pointer (&self) : NULL;
}

void
tn_trainer_free (TnTrainer *self)
{
  g_clear_pointer (&self->training.tape, tn_tape_free);
  g_clear_pointer (&self->evaluation.tape, tn_tape_free);
  g_clear_pointer (&self->optimizer, tn_optimizer_free);
  g_clear_pointer (&self->state, g_array_unref);
  g_clear_pointer (&self->names, g_string_chunk_free);
  g_clear_pointer (&self->teacher, tn_network_unref);
  tn_network_unref (self->network);
  g_free (self);
}

void
tn_trainer_get_memory (TnTrainer *self, TnTrainerMemory *memory)
{
  TnOptimizerMemory optimizer;
  TnTapeMemory tape;

  *memory = (TnTrainerMemory){.variables = 0};
  for (guint i = 0; i < self->network->variables->len; i++)
    {
      const TnVariable *variable = g_ptr_array_index (self->network->variables, i);

      memory->variables += variable->count * sizeof (float);
      memory->gradients += variable->gradient != NULL ? variable->count * sizeof (float) : 0;
    }
  tn_optimizer_estimate ((TnVariable *const *) self->network->variables->pdata, self->network->variables->len,
                         &self->options.optimizer, &optimizer);
  memory->optimizer = optimizer.state_bytes + optimizer.scratch_bytes;
  tn_tape_get_memory (self->training.tape, &tape);
  memory->activations = tape.arena_bytes;
  tn_tape_get_memory (self->evaluation.tape, &tape);
  memory->evaluation = tape.arena_bytes;
}

static gboolean
run_batch (const Recording *recording, TnFillFunc fill, gpointer user_data, TnTrainingLossParts *parts, double *loss,
           GCancellable *cancellable, GError **error)
{
  if (!fill (tn_value_get_data (recording->input), tn_value_get_data (recording->targets), user_data, error) ||
      !tn_tape_forward (recording->tape, cancellable, error))
    return FALSE;
  tn_training_loss_add (&recording->loss, parts);
  *loss = (double) *(const float *) tn_value_get_data (recording->loss.loss);
  return TRUE;
}

static void
begin_step (TnTrainer *self, TnStepReport *report)
{
  const TnTrainerOptions *options = &self->options;
  guint64 step = self->counts.step;

  *report = (TnStepReport){.step = step, .gradient_norm = NAN};
  report->rate = tn_schedule_get_rate (&options->schedule, step);
  report->lambda = tn_schedule_get_lambda (&options->schedule, step);
  *(float *) self->network->precision->lambda->data = (float) report->lambda;
  if (self->training.loss.penalty_part != NULL)
    *(float *) tn_value_get_data (self->training.loss.penalty_part) =
        (float) tn_weight_penalties_get_part (&options->loss.penalties, step);
  tn_tape_set_step (self->training.tape, step);
  self->update = (TnUpdate){
      .rate = report->rate,
      .decay_factor = tn_schedule_get_decay (&options->schedule, step),
      .gradient_scale = tn_gradient_clip_factor (&options->clip, self->counts.previous_norm, 1.0),
      .gradient_limit = options->gradient_limit,
      .measure = options->releases,
  };
}

/* FALSE also where the step is skipped: *skip tells. */
static gboolean
run_batches (TnTrainer *self, TnFillFunc fill, gpointer user_data, TnStepReport *report, gboolean *skip,
             GCancellable *cancellable, GError **error)
{
  for (guint i = 0; i < self->options.accumulate; i++)
    {
      double loss;

      if (!run_batch (&self->training, fill, user_data, &report->parts, &loss, cancellable, error))
        return FALSE;
      report->loss += loss / self->options.accumulate;
      if (!isfinite (loss))
        *skip = TRUE;
      /* The other batches are drawn all the same: where the data go on does not depend on it. */
      if (!*skip && !tn_tape_backward (self->training.tape, 1.0 / self->options.accumulate, i > 0, cancellable, error))
        return FALSE;
    }
  return TRUE;
}

static void
apply (TnTrainer *self, TnStepReport *report)
{
  TnGradientNorm norm;

  tn_gradient_norm_measure ((TnVariable *const *) self->network->variables->pdata, self->network->variables->len, &norm);
  report->gradient_norm = norm.norm;
  report->skipped = !isfinite (norm.norm);
  report->culprit = norm.first_nonfinite != NULL ? norm.first_nonfinite->name : NULL;
  if (report->skipped)
    return;
  self->update.gradient_scale = tn_gradient_clip_factor (&self->options.clip, norm.norm, 1.0);
  tn_optimizer_step (self->optimizer, &self->update);
  self->counts.previous_norm = norm.norm;
}

static void
finish_release (TnTrainer *self, TnStepReport *report)
{
  report->gradient_norm = tn_optimizer_take_norm (self->optimizer);
  report->skipped = report->spoiled = !isfinite (report->gradient_norm);
  if (!report->spoiled)
    self->counts.previous_norm = report->gradient_norm;
}

gboolean
tn_trainer_step (TnTrainer *self, TnFillFunc fill, gpointer user_data, TnStepReport *report, GCancellable *cancellable,
                 GError **error)
{
  gboolean skip = FALSE;

  begin_step (self, report);
  if (!run_batches (self, fill, user_data, report, &skip, cancellable, error))
    return FALSE;
  report->n_targets = report->parts.n_targets;
  tn_training_loss_finish (&report->parts);
  if (skip)
    report->skipped = TRUE;
  else if (self->options.releases)
    finish_release (self, report);
  else
    apply (self, report);
  self->counts.n_skipped += report->skipped;
  self->counts.step++;
  return TRUE;
}

static gboolean
run_evaluation (TnTrainer *self, guint n, TnFillFunc fill, gpointer user_data, TnTrainingLossParts *parts,
                GCancellable *cancellable, GError **error)
{
  for (guint i = 0; i < n; i++)
    {
      double loss;

      if (!run_batch (&self->evaluation, fill, user_data, parts, &loss, cancellable, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
tn_trainer_evaluate (TnTrainer *self, guint n, TnFillFunc fill, gpointer user_data, TnTrainerEvaluation *evaluation,
                     GCancellable *cancellable, GError **error)
{
  float *lambda = self->network->precision->lambda->data, old = *lambda;
  TnTrainingLossParts parts = {0};
  gboolean ok;

  if (!self->evaluation.allocated && !tn_tape_allocate (self->evaluation.tape, error))
    return FALSE;
  self->evaluation.allocated = TRUE;
  *lambda = 1.0f;
  ok = run_evaluation (self, n, fill, user_data, &parts, cancellable, error);
  *lambda = old;
  if (!ok)
    return FALSE;
  evaluation->n_targets = parts.n_targets;
  evaluation->accuracy = parts.n_targets > 0 ? (double) parts.n_correct / (double) parts.n_targets : (double) NAN;
  tn_training_loss_finish (&parts);
  evaluation->loss = parts.n_targets > 0 ? parts.cross_entropy : (double) NAN;
  return TRUE;
}

TnNetwork *
tn_trainer_get_network (TnTrainer *self)
{
  return self->network;
}

const TnTrainerOptions *
tn_trainer_get_options (TnTrainer *self)
{
  return &self->options;
}

const TnStateTensor *
tn_trainer_get_state (TnTrainer *self, guint *n)
{
  *n = self->state->len;
  return (const TnStateTensor *) self->state->data;
}

TnTrainerCounts
tn_trainer_get_counts (TnTrainer *self)
{
  return self->counts;
}

void
tn_trainer_set_counts (TnTrainer *self, const TnTrainerCounts *counts)
{
  self->counts = *counts;
}
