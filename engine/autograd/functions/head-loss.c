/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>

#include "engine/autograd/functions/head-loss-private.h"
#include "engine/error.h"

gboolean
tn_targets_check (const gint32 *targets, gsize n, gsize vocabulary, GError **error)
{
  for (gsize i = 0; i < n; i++)
    if (targets[i] < -1 || (targets[i] >= 0 && (gsize) targets[i] >= vocabulary))
      {
        g_set_error (error, TN_ERROR, TN_ERROR_DATA, _ ("target %d at place %zu, expected -1 or less than %zu"), targets[i], i,
                     vocabulary);
        return FALSE;
      }
  return TRUE;
}

TnHeadLossSizes
tn_head_loss_sizes (const TnValueInfo *inputs, TnTeacherKind teacher)
{
  TnHeadLossSizes sizes = {
      .rows = inputs[TN_HEAD_X].shape.dims[0],
      .width = inputs[TN_HEAD_X].shape.dims[1],
      .vocabulary = inputs[TN_HEAD_WEIGHT].shape.dims[0],
  };

  if (teacher == TN_TEACHER_HEAD)
    sizes.teacher_width = inputs[TN_HEAD_TEACHER].shape.dims[1];
  if (teacher == TN_TEACHER_TOP)
    sizes.n_top = inputs[TN_HEAD_TEACHER].shape.dims[1];
  return sizes;
}

gboolean
tn_head_loss_row_is_valid (const TnCall *call, gsize row)
{
  const TnHeadLossAttributes *attributes = call->attributes;
  TnHeadLossSizes sizes = tn_head_loss_sizes (call->input_infos, attributes->teacher);
  gint32 target = ((const gint32 *) call->inputs[TN_HEAD_TARGETS])[row];
  gboolean valid = target >= -1 && (target < 0 || (gsize) target < sizes.vocabulary);

  for (gsize i = 0; i < sizes.n_top; i++)
    {
      gint32 id = ((const gint32 *) call->inputs[TN_HEAD_TEACHER])[row * sizes.n_top + i];

      valid &= id >= -1 && (id < 0 || (gsize) id < sizes.vocabulary);
    }
  return valid;
}

double
tn_head_loss_share (const TnCall *call)
{
  gsize n = 0;

  for (gsize row = 0; row < call->input_infos[TN_HEAD_TARGETS].shape.dims[0]; row++)
    n += ((const gint32 *) call->inputs[TN_HEAD_TARGETS])[row] != -1;
  return n > 0 ? 1.0 / (double) n : 0.0;
}

void
tn_head_loss_finish (const TnCall *call, const TnHeadLossSums *sums)
{
  const TnHeadLossOptions *options = &((const TnHeadLossAttributes *) call->attributes)->options;
  double n = (double) MAX (sums->n_scored, 1), tau = options->temperature;
  double loss = options->cross_entropy * ((sums->nll_sum + options->z_loss * sums->z_sum) / n);

  if (options->distillation > 0.0)
    loss += options->distillation * (tau * tau * sums->kl_sum / n);
  if (call->dtype == TN_DTYPE_F64)
    *(double *) call->outputs[0] = loss;
  else
    *(float *) call->outputs[0] = (float) loss;
  *(TnHeadLossSums *) call->outputs[1] = *sums;
}

static gboolean
check_options (const TnHeadLossAttributes *attributes, GError **error)
{
  const TnHeadLossOptions *options = &attributes->options;

  if (!(options->cross_entropy >= 0.0 && options->z_loss >= 0.0 && options->distillation >= 0.0))
    g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, "weights %g, %g and %g, expected none below 0", options->cross_entropy,
                 options->z_loss, options->distillation);
  else if (!(options->temperature > 0.0))
    g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, "temperature %g, expected more than 0", options->temperature);
  else if (options->distillation > 0.0 && attributes->teacher == TN_TEACHER_NONE)
    g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, "distillation %g without a teacher", options->distillation);
  else
    return TRUE;
  return FALSE;
}

static gboolean
check_teacher (const TnInference *inference, TnTeacherKind teacher, const TnHeadLossSizes *sizes, GError **error)
{
  TnShape logits = TN_SHAPE (sizes->rows, sizes->vocabulary), x = TN_SHAPE (sizes->rows, sizes->teacher_width);
  TnShape weight = TN_SHAPE (sizes->vocabulary, sizes->teacher_width), top = TN_SHAPE (sizes->rows, sizes->n_top);

  switch (teacher)
    {
    case TN_TEACHER_LOGITS:
      return tn_inference_check_kind (inference, TN_HEAD_TEACHER, "the teacher's logits", TN_VALUE_FLOAT, error) &&
             tn_inference_check_shape (inference, TN_HEAD_TEACHER, "the teacher's logits", &logits, error);
    case TN_TEACHER_HEAD:
      return tn_inference_check_kind (inference, TN_HEAD_TEACHER, "the teacher's x", TN_VALUE_FLOAT, error) &&
             tn_inference_check_kind (inference, TN_HEAD_TEACHER_OTHER, "the teacher's weight", TN_VALUE_FLOAT, error) &&
             tn_inference_check_shape (inference, TN_HEAD_TEACHER, "the teacher's x", &x, error) &&
             tn_inference_check_shape (inference, TN_HEAD_TEACHER_OTHER, "the teacher's weight", &weight, error);
    case TN_TEACHER_TOP:
      return tn_inference_check_kind (inference, TN_HEAD_TEACHER, "the teacher's ids", TN_VALUE_INT32, error) &&
             tn_inference_check_kind (inference, TN_HEAD_TEACHER_OTHER, "the teacher's probabilities", TN_VALUE_FLOAT, error) &&
             tn_inference_check_shape (inference, TN_HEAD_TEACHER, "the teacher's ids", &top, error) &&
             tn_inference_check_shape (inference, TN_HEAD_TEACHER_OTHER, "the teacher's probabilities", &top, error);
    default:
      return TRUE;
    }
}

static gboolean
infer (TnInference *inference, GError **error)
{
  const TnHeadLossAttributes *attributes = inference->attributes;
  TnHeadLossSizes sizes;

  if (!check_options (attributes, error) || !tn_inference_check_kind (inference, TN_HEAD_X, "x", TN_VALUE_FLOAT, error) ||
      !tn_inference_check_kind (inference, TN_HEAD_WEIGHT, "weight", TN_VALUE_FLOAT, error) ||
      !tn_inference_check_kind (inference, TN_HEAD_TARGETS, "targets", TN_VALUE_INT32, error) ||
      !tn_inference_check_dims (inference, TN_HEAD_X, "x", 2, error) ||
      !tn_inference_check_dims (inference, TN_HEAD_WEIGHT, "weight", 2, error) ||
      (attributes->teacher >= TN_TEACHER_HEAD &&
       !tn_inference_check_dims (inference, TN_HEAD_TEACHER, "the teacher's x or ids", 2, error)))
    return FALSE;
  sizes = tn_head_loss_sizes (inference->inputs, attributes->teacher);
  if (sizes.vocabulary == 0 || sizes.vocabulary > G_MAXINT32 || sizes.width == 0)
    {
      g_autofree char *text = tn_shape_to_string (&inference->inputs[TN_HEAD_WEIGHT].shape);

      g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, "weight is %s, expected a vocabulary that int32 can number and a width",
                   text);
      return FALSE;
    }
  if (!tn_inference_check_shape (inference, TN_HEAD_WEIGHT, "weight", &TN_SHAPE (sizes.vocabulary, sizes.width), error) ||
      !tn_inference_check_shape (inference, TN_HEAD_TARGETS, "targets", &TN_SHAPE (sizes.rows), error) ||
      !check_teacher (inference, attributes->teacher, &sizes, error))
    return FALSE;
  inference->n_outputs = 3;
  inference->outputs[0].shape = TN_SHAPE_SCALAR;
  inference->outputs[1] = (TnValueInfo){.kind = TN_VALUE_PACKED, .shape = TN_SHAPE_SCALAR, .bytes = sizeof (TnHeadLossSums)};
  inference->outputs[2].shape = TN_SHAPE (sizes.rows);
  inference->reads_inputs = (1u << inference->n_inputs) - 1;
  if (inference->dtype == TN_DTYPE_F64)
    tn_head_loss_reference_infer (inference);
  else
    tn_head_loss_float_infer (inference);
  return TRUE;
}

static void
forward (const TnCall *call)
{
  if (call->dtype == TN_DTYPE_F64)
    tn_head_loss_reference_forward (call);
  else
    tn_head_loss_float_forward (call);
}

static void
backward (const TnCall *call)
{
  if (call->dtype == TN_DTYPE_F64)
    tn_head_loss_reference_backward (call);
  else
    tn_head_loss_float_backward (call);
}

TnValue *
tn_tape_head_loss (TnTape *tape, TnValue *x, TnValue *weight, TnValue *targets, const TnTeacher *teacher,
                   const TnHeadLossOptions *options, TnValue *outputs[3])
{
  static const TnFunction function = {.name = "head loss",
                                      .attribute_bytes = sizeof (TnHeadLossAttributes),
                                      .infer = infer,
                                      .forward = forward,
                                      .backward = backward};
  TnHeadLossAttributes attributes = {.options = *options};
  TnValue *inputs[] = {x, weight, targets, NULL, NULL}, *all[TN_FUNCTION_MAX_OUTPUTS], *loss;
  guint n = 3;

  if (options->distillation == 0.0)
    teacher = NULL;
  if (teacher != NULL && teacher->logits != NULL)
    {
      attributes.teacher = TN_TEACHER_LOGITS;
      inputs[n++] = tn_tape_detach (tape, teacher->logits);
    }
  else if (teacher != NULL && teacher->x != NULL)
    {
      attributes.teacher = TN_TEACHER_HEAD;
      inputs[n++] = tn_tape_detach (tape, teacher->x);
      inputs[n++] = tn_tape_detach (tape, teacher->weight);
    }
  else if (teacher != NULL && teacher->ids != NULL)
    {
      attributes.teacher = TN_TEACHER_TOP;
      inputs[n++] = teacher->ids;
      inputs[n++] = tn_tape_detach (tape, teacher->probabilities);
    }
  loss = tn_tape_apply (tape, &function, inputs, n, &attributes, all);
  for (guint i = 0; outputs != NULL && i < 3; i++)
    outputs[i] = all[i];
  return loss;
}
