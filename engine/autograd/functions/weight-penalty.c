/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/weight-penalty.h"

#include "engine/autograd/functions/block-sum.h"

static gsize
count_of (const TnCall *call)
{
  return tn_shape_count (&call->input_infos[0].shape);
}

static gboolean
infer (TnInference *inference, GError **error)
{
  if (!tn_inference_check_kind (inference, 0, "w", TN_VALUE_FLOAT, error))
    return FALSE;
  inference->n_outputs = 1;
  inference->outputs[0].shape = TN_SHAPE_SCALAR;
  inference->reads_inputs = 1;
  inference->forward_scratch_bytes = tn_block_sum_bytes (tn_shape_count (&inference->inputs[0].shape));
  return TRUE;
}

static double
sum_squares (const TnCall *call, gsize first, gsize n, G_GNUC_UNUSED gconstpointer user_data)
{
  double sum = 0.0;

  for (gsize i = first; i < first + n; i++)
    sum += tn_call_get (call, 0, i) * tn_call_get (call, 0, i);
  return sum;
}

static void
l2_forward (const TnCall *call)
{
  tn_call_put_scalar (call, tn_block_sum (call, count_of (call), sum_squares, NULL, call->scratch));
}

static void
l2_backward (const TnCall *call)
{
  gint64 n = (gint64) count_of (call);
  double factor = 2.0 * tn_call_get_seed (call);

#pragma omp parallel for schedule(static) num_threads((int) call->threads)
  for (gint64 i = 0; i < n; i++)
    tn_call_put_gradient (call, 0, (gsize) i, factor * tn_call_get (call, 0, (gsize) i));
}

TnValue *
tn_tape_l2 (TnTape *tape, TnValue *w)
{
  static const TnFunction function = {.name = "l2", .infer = infer, .forward = l2_forward, .backward = l2_backward};

  return tn_tape_apply (tape, &function, &w, 1, NULL, NULL);
}

/* Saved: central moments; what is summed is (w - mean)^power. */
typedef struct
{
  double mean, m2, m3, m4;
} Moments;

typedef struct
{
  double mean;
  guint power;
} Power;

static double
sum_powers (const TnCall *call, gsize first, gsize n, gconstpointer user_data)
{
  const Power *power = user_data;
  double sum = 0.0;

  for (gsize i = first; i < first + n; i++)
    {
      double d = tn_call_get (call, 0, i) - power->mean, product = d;

      for (guint k = 1; k < power->power; k++)
        product *= d;
      sum += product;
    }
  return sum;
}

static double
find_moment (const TnCall *call, double mean, guint power)
{
  const Power what = {mean, power};
  gsize n = count_of (call);

  return tn_block_sum (call, n, sum_powers, &what, call->scratch) / (double) MAX (n, 1);
}

static gboolean
infer_kurtosis (TnInference *inference, GError **error)
{
  inference->saved_bytes = sizeof (Moments);
  return infer (inference, error);
}

static void
kurtosis_forward (const TnCall *call)
{
  double target = *(const double *) call->attributes, distance;
  Moments *moments = call->saved;

  moments->mean = find_moment (call, 0.0, 1);
  moments->m2 = find_moment (call, moments->mean, 2);
  moments->m3 = find_moment (call, moments->mean, 3);
  moments->m4 = find_moment (call, moments->mean, 4);
  distance = moments->m2 == 0.0 ? 0.0 : moments->m4 / (moments->m2 * moments->m2) - target;
  tn_call_put_scalar (call, distance * distance);
}

static void
kurtosis_backward (const TnCall *call)
{
  const Moments *moments = call->saved;
  gint64 n = (gint64) count_of (call);
  double m2 = moments->m2, square = m2 * m2, target = *(const double *) call->attributes;
  double factor = m2 == 0.0 ? 0.0 : tn_call_get_seed (call) * 8.0 * (moments->m4 / square - target) / (double) n / square;
  double ratio = m2 == 0.0 ? 0.0 : moments->m4 / m2;

#pragma omp parallel for schedule(static) num_threads((int) call->threads)
  for (gint64 i = 0; i < n; i++)
    {
      double d = tn_call_get (call, 0, (gsize) i) - moments->mean;

      tn_call_put_gradient (call, 0, (gsize) i, factor * (d * d * d - moments->m3 - ratio * d));
    }
}

TnValue *
tn_tape_kurtosis_penalty (TnTape *tape, TnValue *w, double target)
{
  static const TnFunction function = {.name = "kurtosis penalty",
                                      .attribute_bytes = sizeof (double),
                                      .infer = infer_kurtosis,
                                      .forward = kurtosis_forward,
                                      .backward = kurtosis_backward};

  return tn_tape_apply (tape, &function, &w, 1, &target, NULL);
}
