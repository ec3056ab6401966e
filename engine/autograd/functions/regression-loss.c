/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/regression-loss.h"

#include <math.h>

#include "engine/autograd/functions/block-sum.h"
#include "engine/error.h"

#define LEAST_LENGTH 1e-8

typedef enum
{
  MSE,
  L1,
  SMOOTH_L1,
} Kind;

typedef struct
{
  Kind kind;
  double beta;
} Attributes;

static gboolean
infer_two (TnInference *inference, GError **error)
{
  if (!tn_inference_check_kind (inference, 0, "x", TN_VALUE_FLOAT, error) ||
      !tn_inference_check_kind (inference, 1, "y", TN_VALUE_FLOAT, error) ||
      !tn_inference_check_shape (inference, 1, "y", &inference->inputs[0].shape, error))
    return FALSE;
  inference->n_outputs = 1;
  inference->outputs[0].shape = TN_SHAPE_SCALAR;
  inference->reads_inputs = 3;
  return TRUE;
}

static gboolean
infer (TnInference *inference, GError **error)
{
  const Attributes *attributes = inference->attributes;

  if (!infer_two (inference, error))
    return FALSE;
  if (attributes->kind == SMOOTH_L1 && !(attributes->beta > 0.0))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, "beta %g, expected more than 0", attributes->beta);
      return FALSE;
    }
  inference->forward_scratch_bytes = tn_block_sum_bytes (tn_shape_count (&inference->inputs[0].shape));
  return TRUE;
}

static double
distance (const Attributes *self, double d)
{
  switch (self->kind)
    {
    case MSE:
      return d * d;
    case L1:
      return fabs (d);
    default:
      return fabs (d) < self->beta ? d * d / (2.0 * self->beta) : fabs (d) - self->beta / 2.0;
    }
}

static double
slope (const Attributes *self, double d)
{
  double sign = d > 0.0 ? 1.0 : d < 0.0 ? -1.0 : 0.0;

  switch (self->kind)
    {
    case MSE:
      return 2.0 * d;
    case L1:
      return isnan (d) ? d : sign;
    default:
      return fabs (d) >= self->beta ? sign : d / self->beta;
    }
}

static double
sum_block (const TnCall *call, gsize first, gsize n, gconstpointer user_data)
{
  double sum = 0.0;

  for (gsize i = first; i < first + n; i++)
    sum += distance (user_data, tn_call_get (call, 0, i) - tn_call_get (call, 1, i));
  return sum;
}

static void
forward (const TnCall *call)
{
  gsize n = tn_shape_count (&call->input_infos[0].shape);

  tn_call_put_scalar (call, tn_block_sum (call, n, sum_block, call->attributes, call->scratch) / (double) MAX (n, 1));
}

static void
backward (const TnCall *call)
{
  gint64 n = (gint64) tn_shape_count (&call->input_infos[0].shape);
  double factor = tn_call_get_seed (call) / (double) MAX (n, 1);

#pragma omp parallel for schedule(static) num_threads((int) call->threads)
  for (gint64 i = 0; i < n; i++)
    {
      double g = factor * slope (call->attributes, tn_call_get (call, 0, (gsize) i) - tn_call_get (call, 1, (gsize) i));

      if (call->input_gradients[0] != NULL)
        tn_call_put_gradient (call, 0, (gsize) i, g);
      if (call->input_gradients[1] != NULL)
        tn_call_put_gradient (call, 1, (gsize) i, -g);
    }
}

static TnValue *
apply (TnTape *tape, TnValue *x, TnValue *y, const Attributes *attributes)
{
  static const TnFunction mse = {"mse", sizeof (Attributes), TN_FUNCTION_PLAIN, infer, forward, backward};
  static const TnFunction l1 = {"l1", sizeof (Attributes), TN_FUNCTION_PLAIN, infer, forward, backward};
  static const TnFunction smooth_l1 = {"smooth l1", sizeof (Attributes), TN_FUNCTION_PLAIN, infer, forward, backward};
  const TnFunction *function = attributes->kind == MSE ? &mse : attributes->kind == L1 ? &l1 : &smooth_l1;

  return tn_tape_apply (tape, function, (TnValue *[]){x, y}, 2, attributes, NULL);
}

TnValue *
tn_tape_mse (TnTape *tape, TnValue *x, TnValue *y)
{
  return apply (tape, x, y, &(const Attributes){.kind = MSE});
}

TnValue *
tn_tape_l1 (TnTape *tape, TnValue *x, TnValue *y)
{
  return apply (tape, x, y, &(const Attributes){.kind = L1});
}

TnValue *
tn_tape_smooth_l1 (TnTape *tape, TnValue *x, TnValue *y, double beta)
{
  return apply (tape, x, y, &(const Attributes){.kind = SMOOTH_L1, .beta = beta});
}

/* Of one row: x . y, |x|, |y|. */
typedef struct
{
  double product, x_length, y_length;
} Angle;

static Angle
find_angle (const TnCall *call, gsize row)
{
  gsize width = tn_shape_columns (&call->input_infos[0].shape);
  Angle angle = {0};

  for (gsize i = row * width; i < (row + 1) * width; i++)
    {
      double x = tn_call_get (call, 0, i), y = tn_call_get (call, 1, i);

      angle.product += x * y;
      angle.x_length += x * x;
      angle.y_length += y * y;
    }
  angle.x_length = sqrt (angle.x_length);
  angle.y_length = sqrt (angle.y_length);
  return angle;
}

static gboolean
is_short (const Angle *angle)
{
  return angle->x_length < LEAST_LENGTH || angle->y_length < LEAST_LENGTH;
}

static double
sum_angles (const TnCall *call, gsize first, gsize n, G_GNUC_UNUSED gconstpointer user_data)
{
  double sum = 0.0;

  for (gsize row = first; row < first + n; row++)
    {
      Angle angle = find_angle (call, row);

      sum += is_short (&angle) ? 1.0 : 1.0 - angle.product / (angle.x_length * angle.y_length);
    }
  return sum;
}

static gsize
count_rows (const TnShape *shape)
{
  return tn_shape_count (shape) > 0 ? tn_shape_rows (shape) : 0;
}

static gboolean
infer_cosine (TnInference *inference, GError **error)
{
  inference->forward_scratch_bytes = tn_block_sum_bytes (count_rows (&inference->inputs[0].shape));
  return infer_two (inference, error);
}

static void
cosine_forward (const TnCall *call)
{
  gsize n = count_rows (&call->input_infos[0].shape);

  tn_call_put_scalar (call, tn_block_sum (call, n, sum_angles, NULL, call->scratch) / (double) MAX (n, 1));
}

static void
cosine_backward (const TnCall *call)
{
  gint64 n = (gint64) count_rows (&call->input_infos[0].shape);
  gsize width = tn_shape_columns (&call->input_infos[0].shape);
  double factor = tn_call_get_seed (call) / (double) MAX (n, 1);

#pragma omp parallel for schedule(static) num_threads((int) call->threads)
  for (gint64 row = 0; row < n; row++)
    {
      Angle angle = find_angle (call, (gsize) row);
      double inverse = is_short (&angle) ? 0.0 : factor / (angle.x_length * angle.y_length);

      for (gsize i = (gsize) row * width; i < (gsize) (row + 1) * width; i++)
        {
          double x = tn_call_get (call, 0, i), y = tn_call_get (call, 1, i);
          double x_part = is_short (&angle) ? 0.0 : angle.product / (angle.x_length * angle.x_length);
          double y_part = is_short (&angle) ? 0.0 : angle.product / (angle.y_length * angle.y_length);

          if (call->input_gradients[0] != NULL)
            tn_call_put_gradient (call, 0, i, inverse * (x_part * x - y));
          if (call->input_gradients[1] != NULL)
            tn_call_put_gradient (call, 1, i, inverse * (y_part * y - x));
        }
    }
}

TnValue *
tn_tape_cosine_loss (TnTape *tape, TnValue *x, TnValue *y)
{
  static const TnFunction function = {.name = "cosine loss",
                                      .infer = infer_cosine,
                                      .forward = cosine_forward,
                                      .backward = cosine_backward};

  return tn_tape_apply (tape, &function, (TnValue *[]){x, y}, 2, NULL, NULL);
}
