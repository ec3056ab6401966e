/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/qat/training-loss.h"

#include "engine/autograd/functions/cross-entropy.h"
#include "engine/autograd/functions/elementwise.h"
#include "engine/autograd/functions/head-loss.h"

static TnHeadLossOptions
make_head_options (const TnTrainingLossOptions *options, gboolean has_teacher, gsize logits_bytes)
{
  double distill = options != NULL && has_teacher ? options->distill : 0.0;

  return (TnHeadLossOptions){
      .cross_entropy = 1.0 - distill,
      .distillation = distill,
      .z_loss = options != NULL ? options->z_loss : 0.0,
      .temperature = options != NULL && has_teacher ? options->temperature : 1.0,
      .kept_bytes = options != NULL && options->keeps_logits ? logits_bytes : 0,
  };
}

/* A teacher learns nothing: what it computes keeps nothing. */
static TnValue *
record_teacher (TnNetwork *teacher, TnTape *tape, TnValue *input, const TnNetworkShape *shape)
{
  TnValue *hidden;

  tn_tape_begin_no_grad (tape);
  hidden = teacher->class->record (teacher, tape, input, shape);
  tn_tape_end_no_grad (tape);
  return hidden;
}

static void
record_head_loss (TnTrainingLoss *self, TnTape *tape, TnNetwork *network, TnNetwork *teacher,
                  const TnTrainingLossOptions *options, TnValue *input, TnValue *targets, const TnNetworkShape *shape)
{
  const TnHeadLossOptions head =
      make_head_options (options, teacher != NULL, shape->n_sequences * shape->length * network->n_classes * sizeof (float));
  TnTeacher from = {NULL};
  TnValue *outputs[3], *hidden;

  if (teacher != NULL)
    {
      from.x = record_teacher (teacher, tape, input, shape);
      from.weight = tn_tape_variable (tape, teacher->head);
    }
  hidden = network->class->record (network, tape, input, shape);
  tn_tape_head_loss (tape, hidden, tn_tape_variable (tape, network->head), targets, teacher != NULL ? &from : NULL, &head,
                     outputs);
  self->loss = outputs[0];
  self->sums = outputs[1];
}

static void
record_logits_loss (TnTrainingLoss *self, TnTape *tape, TnNetwork *network, TnNetwork *teacher,
                    const TnTrainingLossOptions *options, TnValue *input, TnValue *targets, const TnNetworkShape *shape)
{
  double smoothing = options != NULL ? options->label_smoothing : 0.0;
  TnValue *outputs[3], *logits, *distillation, *from;

  logits = network->class->record_head (network, tape, network->class->record (network, tape, input, shape));
  tn_tape_cross_entropy (tape, logits, targets, smoothing, outputs);
  self->loss = outputs[0];
  self->sums = outputs[1];
  if (teacher == NULL)
    return;
  tn_tape_begin_no_grad (tape);
  from = teacher->class->record_head (teacher, tape, teacher->class->record (teacher, tape, input, shape));
  tn_tape_end_no_grad (tape);
  distillation = tn_tape_distillation (tape, logits, from, options->temperature);
  tn_tape_keep (tape, distillation);
  self->distillation = distillation;
  self->temperature = options->temperature;
  self->loss = tn_tape_add (tape, tn_tape_scale (tape, self->loss, 1.0 - options->distill),
                            tn_tape_scale (tape, distillation, options->distill));
}

static void
record_penalties (TnTrainingLoss *self, TnTape *tape, TnNetwork *network, const TnWeightPenalties *penalties)
{
  self->penalty_part = tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE_SCALAR);
  tn_weight_penalties_record (penalties, network, tape, self->penalties);
  for (guint i = 0; i < TN_N_PENALTIES; i++)
    if (self->penalties[i] != NULL)
      {
        self->penalties[i] = tn_tape_multiply (tape, self->penalties[i], self->penalty_part);
        tn_tape_keep (tape, self->penalties[i]);
        self->loss = tn_tape_add (tape, self->loss, self->penalties[i]);
      }
}

void
tn_training_loss_record (TnTrainingLoss *self, TnTape *tape, TnNetwork *network, TnNetwork *teacher,
                         const TnTrainingLossOptions *options, TnValue *input, TnValue *targets, const TnNetworkShape *shape)
{
  if (options != NULL && options->distill <= 0.0)
    teacher = NULL;
  if (network->head != NULL)
    record_head_loss (self, tape, network, teacher, options, input, targets, shape);
  else
    record_logits_loss (self, tape, network, teacher, options, input, targets, shape);
  if (options != NULL && !tn_weight_penalties_are_empty (&options->penalties))
    record_penalties (self, tape, network, &options->penalties);
  tn_tape_keep (tape, self->loss);
  tn_tape_keep (tape, self->sums);
}

void
tn_training_loss_add (const TnTrainingLoss *self, TnTrainingLossParts *parts)
{
  const TnHeadLossSums *sums = tn_value_get_data (self->sums);

  parts->cross_entropy += sums->nll_sum;
  parts->distillation += sums->kl_sum;
  if (self->distillation != NULL)
    parts->distillation += (double) *(const float *) tn_value_get_data (self->distillation) / (self->temperature * self->temperature) *
                           (double) sums->n_scored;
  for (guint i = 0; i < TN_N_PENALTIES; i++)
    if (self->penalties[i] != NULL)
      parts->penalties[i] = (double) *(const float *) tn_value_get_data (self->penalties[i]);
  parts->n_targets += sums->n_scored;
  parts->n_correct += sums->n_correct;
}

void
tn_training_loss_finish (TnTrainingLossParts *parts)
{
  double n = (double) MAX (parts->n_targets, 1);

  parts->cross_entropy /= n;
  parts->distillation /= n;
}
