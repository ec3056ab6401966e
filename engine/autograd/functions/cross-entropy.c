/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/cross-entropy.h"

#include <math.h>

#include "engine/autograd/functions/block-sum.h"
#include "engine/error.h"
#include "engine/kernels/softmax.h"

/* Of a row of logits: its log-sum-exp, of scale times them, its best class, and their sum. */
typedef struct
{
  double lse, sum;
  guint best;
} Row;

static gsize
classes_of (const TnCall *call)
{
  return call->input_infos[0].shape.dims[1];
}

static Row
find_wide (const TnCall *call, guint input, gsize row, double scale)
{
  gsize n = classes_of (call);
  Row out = {0};
  double largest = -(double) INFINITY, sum = 0.0;

  for (gsize j = 0; j < n; j++)
    {
      double z = tn_call_get (call, input, row * n + j);

      if (z > largest)
        {
          largest = z;
          out.best = (guint) j;
        }
      out.sum += z;
    }
  for (gsize j = 0; j < n; j++)
    sum += exp (scale * (tn_call_get (call, input, row * n + j) - largest));
  out.lse = log (sum) + scale * largest;
  return out;
}

/* In float32 with the bits that the head has. */
static Row
find_row (const TnCall *call, gsize row)
{
  gsize n = classes_of (call);
  const float *z = (const float *) call->inputs[0] + row * n;
  TnLogSumExp all = TN_LOG_SUM_EXP_EMPTY;
  Row out = {0};

  if (call->dtype == TN_DTYPE_F64)
    return find_wide (call, 0, row, 1.0);
  for (gsize first = 0; first < n; first += TN_LOG_SUM_EXP_COLUMNS)
    {
      TnLogSumExp piece;

      tn_log_sum_exp_piece (z + first, MIN (TN_LOG_SUM_EXP_COLUMNS, n - first), (guint) first, &piece);
      tn_log_sum_exp_join (&all, &piece);
    }
  for (gsize j = 0; j < n; j++)
    out.sum += (double) z[j];
  out.lse = tn_log_sum_exp_finish (&all);
  out.best = all.best;
  return out;
}

static gint32
target_of (const TnCall *call, gsize row)
{
  return ((const gint32 *) call->inputs[1])[row];
}

static gboolean
is_outside (const TnCall *call, gsize row)
{
  gint32 target = target_of (call, row);

  return target < -1 || (target >= 0 && (gsize) target >= classes_of (call));
}

static gboolean
check_logits (TnInference *inference, GError **error)
{
  if (!tn_inference_check_kind (inference, 0, "logits", TN_VALUE_FLOAT, error) ||
      !tn_inference_check_dims (inference, 0, "logits", 2, error))
    return FALSE;
  if (inference->inputs[0].shape.dims[1] > 0)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, "logits has no classes");
  return FALSE;
}

static gboolean
infer (TnInference *inference, GError **error)
{
  double smoothing = *(const double *) inference->attributes;
  gsize rows;

  if (!check_logits (inference, error) || !tn_inference_check_kind (inference, 1, "targets", TN_VALUE_INT32, error))
    return FALSE;
  rows = inference->inputs[0].shape.dims[0];
  if (!tn_inference_check_shape (inference, 1, "targets", &TN_SHAPE (rows), error))
    return FALSE;
  if (!(smoothing >= 0.0 && smoothing < 1.0))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, "label smoothing %g, expected 0 or more, and less than 1", smoothing);
      return FALSE;
    }
  inference->n_outputs = 3;
  inference->outputs[0].shape = TN_SHAPE_SCALAR;
  inference->outputs[1] = (TnValueInfo){.kind = TN_VALUE_PACKED, .shape = TN_SHAPE_SCALAR, .bytes = sizeof (TnHeadLossSums)};
  inference->outputs[2].shape = TN_SHAPE (rows);
  inference->reads_inputs = 3;
  inference->saved_bytes = rows * sizeof (double); /* log-sum-exps */
  inference->forward_scratch_bytes = rows * sizeof (Row);
  return TRUE;
}

static void
forward (const TnCall *call)
{
  gint64 n = (gint64) call->input_infos[0].shape.dims[0];
  double smoothing = *(const double *) call->attributes, smoothed = 0.0;
  TnHeadLossSums sums = {0};
  Row *rows = call->scratch;

#pragma omp parallel for schedule(static) num_threads((int) call->threads)
  for (gint64 i = 0; i < n; i++)
    {
      rows[i] = find_row (call, (gsize) i);
      ((double *) call->saved)[i] = rows[i].lse;
    }
  for (gsize i = 0; i < (gsize) n; i++)
    {
      gboolean scored = target_of (call, i) != -1, outside = is_outside (call, i);
      double logit = scored && !outside ? tn_call_get (call, 0, i * classes_of (call) + (gsize) target_of (call, i)) : 0.0;
      double nll = outside ? (double) NAN : scored ? rows[i].lse - logit : 0.0;

      if (call->dtype == TN_DTYPE_F64)
        ((double *) call->outputs[2])[i] = nll;
      else
        ((float *) call->outputs[2])[i] = (float) nll;
      if (!scored)
        continue;
      sums.nll_sum += nll;
      sums.n_scored++;
      sums.n_correct += rows[i].best == (guint) target_of (call, i);
      smoothed += rows[i].lse - rows[i].sum / (double) classes_of (call);
    }
  *(TnHeadLossSums *) call->outputs[1] = sums;
  if (smoothing > 0.0)
    sums.nll_sum = (1.0 - smoothing) * sums.nll_sum + smoothing * smoothed;
  tn_call_put_scalar (call, sums.nll_sum / (double) MAX (sums.n_scored, 1));
}

static void
put_row (const TnCall *call, gsize row, double factor)
{
  double smoothing = *(const double *) call->attributes, lse = ((const double *) call->saved)[row];
  gsize n = classes_of (call);
  gint32 target = target_of (call, row);

  if (is_outside (call, row))
    factor = (double) NAN;
  for (gsize j = 0; j < n; j++)
    {
      double wanted = smoothing / (double) n + (target >= 0 && (gsize) target == j ? 1.0 - smoothing : 0.0);
      double g = target == -1 ? 0.0 : factor * (exp (tn_call_get (call, 0, row * n + j) - lse) - wanted);

      tn_call_put_gradient (call, 0, row * n + j, g);
    }
}

static void
backward (const TnCall *call)
{
  gint64 n = (gint64) call->input_infos[0].shape.dims[0];
  gsize n_scored = 0;
  double factor;

  for (gsize i = 0; i < (gsize) n; i++)
    n_scored += target_of (call, i) != -1;
  factor = tn_call_get_seed (call) / (double) MAX (n_scored, 1);
#pragma omp parallel for schedule(static) num_threads((int) call->threads)
  for (gint64 i = 0; i < n; i++)
    put_row (call, (gsize) i, factor);
}

TnValue *
tn_tape_cross_entropy (TnTape *tape, TnValue *logits, TnValue *targets, double smoothing, TnValue *outputs[3])
{
  static const TnFunction function = {.name = "cross-entropy",
                                      .attribute_bytes = sizeof (double),
                                      .infer = infer,
                                      .forward = forward,
                                      .backward = backward};
  TnValue *all[TN_FUNCTION_MAX_OUTPUTS];
  TnValue *loss = tn_tape_apply (tape, &function, (TnValue *[]){logits, targets}, 2, &smoothing, all);

  for (guint i = 0; outputs != NULL && i < 3; i++)
    outputs[i] = all[i];
  return loss;
}

static gboolean
infer_distillation (TnInference *inference, GError **error)
{
  double temperature = *(const double *) inference->attributes;

  if (!check_logits (inference, error) || !tn_inference_check_kind (inference, 1, "teacher", TN_VALUE_FLOAT, error) ||
      !tn_inference_check_shape (inference, 1, "teacher", &inference->inputs[0].shape, error))
    return FALSE;
  if (!(temperature > 0.0))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, "temperature %g, expected more than 0", temperature);
      return FALSE;
    }
  inference->n_outputs = 1;
  inference->outputs[0].shape = TN_SHAPE_SCALAR;
  inference->reads_inputs = 3;
  inference->forward_scratch_bytes = tn_block_sum_bytes (inference->inputs[0].shape.dims[0]);
  return TRUE;
}

static double
sum_divergences (const TnCall *call, gsize first, gsize n, G_GNUC_UNUSED gconstpointer user_data)
{
  double scale = 1.0 / *(const double *) call->attributes, sum = 0.0;
  gsize classes = classes_of (call);

  for (gsize row = first; row < first + n; row++)
    {
      double student_lse = find_wide (call, 0, row, scale).lse, teacher_lse = find_wide (call, 1, row, scale).lse;

      for (gsize i = row * classes; i < (row + 1) * classes; i++)
        {
          double wanted = scale * tn_call_get (call, 1, i) - teacher_lse, p = exp (wanted);

          sum += p > 0.0 ? p * (wanted - scale * tn_call_get (call, 0, i) + student_lse) : 0.0;
        }
    }
  return sum;
}

static void
distillation_forward (const TnCall *call)
{
  gsize n = call->input_infos[0].shape.dims[0];
  double temperature = *(const double *) call->attributes;

  tn_call_put_scalar (call, temperature * temperature * tn_block_sum (call, n, sum_divergences, NULL, call->scratch) /
                                (double) MAX (n, 1));
}

static void
distillation_backward (const TnCall *call)
{
  gint64 n = (gint64) call->input_infos[0].shape.dims[0];
  double temperature = *(const double *) call->attributes, scale = 1.0 / temperature;
  double factor = tn_call_get_seed (call) * temperature / (double) MAX (n, 1);
  gsize classes = classes_of (call);

#pragma omp parallel for schedule(static) num_threads((int) call->threads)
  for (gint64 row = 0; row < n; row++)
    {
      double student_lse = find_wide (call, 0, (gsize) row, scale).lse, teacher_lse = find_wide (call, 1, (gsize) row, scale).lse;

      for (gsize i = (gsize) row * classes; i < (gsize) (row + 1) * classes; i++)
        tn_call_put_gradient (call, 0, i,
                              factor * (exp (scale * tn_call_get (call, 0, i) - student_lse) -
                                        exp (scale * tn_call_get (call, 1, i) - teacher_lse)));
    }
}

TnValue *
tn_tape_distillation (TnTape *tape, TnValue *logits, TnValue *teacher, double temperature)
{
  static const TnFunction function = {.name = "distillation",
                                      .attribute_bytes = sizeof (double),
                                      .infer = infer_distillation,
                                      .forward = distillation_forward,
                                      .backward = distillation_backward};

  return tn_tape_apply (tape, &function, (TnValue *[]){logits, tn_tape_detach (tape, teacher)}, 2, &temperature, NULL);
}
