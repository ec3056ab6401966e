/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/layer-norm.h"

#include <math.h>

#include "engine/autograd/functions/columns-private.h"
#include "engine/autograd/functions/norm-rows.h"
#include "engine/autograd/functions/real.h"

/* Rows that a thread takes at a time. */
#define ROWS 8

typedef struct
{
  double mean, factor;
} RowMoments;

static gboolean
infer (TnInference *inference, GError **error)
{
  return tn_norm_rows_infer (inference, error) &&
         (inference->n_inputs < 3 || (tn_inference_check_kind (inference, 2, "bias", TN_VALUE_FLOAT, error) &&
                                      tn_inference_check_shape (inference, 2, "bias", &inference->inputs[1].shape, error)));
}

static RowMoments
get_moments (const double *x, gsize width, double epsilon)
{
  double mean = 0.0, variance = 0.0;

  for (gsize i = 0; i < width; i++)
    mean += x[i] / (double) width;
  for (gsize i = 0; i < width; i++)
    variance += (x[i] - mean) * (x[i] - mean) / (double) width;
  return (RowMoments){mean, 1.0 / sqrt (variance + epsilon)};
}

static void
forward_reference (const TnCall *call, gsize rows, gsize width, double epsilon)
{
  const double *x = call->inputs[0], *gain = call->inputs[1], *bias = call->n_inputs > 2 ? call->inputs[2] : NULL;
  double *y = call->outputs[0];

  for (gsize row = 0; row < rows; row++, x += width, y += width)
    {
      RowMoments moments = get_moments (x, width, epsilon);

      for (gsize i = 0; i < width; i++)
        y[i] = (x[i] - moments.mean) * moments.factor * gain[i] + (bias != NULL ? bias[i] : 0.0);
    }
}

static void
forward (const TnCall *call)
{
  gsize rows = tn_shape_rows (&call->input_infos[0].shape), width = tn_shape_columns (&call->input_infos[0].shape);
  double epsilon = *(const double *) call->attributes;
  int threads = rows * width >= TN_PARALLEL_ELEMENTS ? (int) call->threads : 1;

  if (call->dtype == TN_DTYPE_F64)
    {
      forward_reference (call, rows, width, epsilon);
      return;
    }
#pragma omp parallel for schedule(static) num_threads(threads)
  for (gsize row = 0; row < rows; row += ROWS)
    tn_layernorm ((const float *) call->inputs[0] + row * width, call->inputs[1], call->n_inputs > 2 ? call->inputs[2] : NULL,
                  epsilon, MIN (ROWS, rows - row), width, (float *) call->outputs[0] + row * width);
}

static void
put_row (const TnCall *call, gsize row, gsize width, const RowMoments *moments)
{
  const double *x = (const double *) call->inputs[0] + row * width, *gain = call->inputs[1];
  const double *dy = (const double *) call->output_gradients[0] + row * width;
  double *dx = (double *) call->input_gradients[0] + row * width, mean = 0.0, mean_product = 0.0;

  for (gsize i = 0; i < width; i++)
    {
      mean += gain[i] * dy[i] / (double) width;
      mean_product += gain[i] * dy[i] * (x[i] - moments->mean) * moments->factor / (double) width;
    }
  for (gsize i = 0; i < width; i++)
    TN_PUT (call->adds[0], dx[i],
            moments->factor * (gain[i] * dy[i] - mean - (x[i] - moments->mean) * moments->factor * mean_product));
}

static void
backward_reference (const TnCall *call, gsize rows, gsize width, double epsilon)
{
  const double *x = call->inputs[0], *dy = call->output_gradients[0];
  double *dgain = call->input_gradients[1];

  for (gsize row = 0; call->input_gradients[0] != NULL && row < rows; row++)
    {
      RowMoments moments = get_moments (x + row * width, width, epsilon);

      put_row (call, row, width, &moments);
    }
  for (gsize i = 0; dgain != NULL && i < width; i++)
    {
      double sum = 0.0;

      for (gsize row = 0; row < rows; row++)
        {
          RowMoments moments = get_moments (x + row * width, width, epsilon);

          sum += dy[row * width + i] * (x[row * width + i] - moments.mean) * moments.factor;
        }
      TN_PUT (call->adds[1], dgain[i], sum);
    }
}

static void
backward (const TnCall *call)
{
  gsize rows = tn_shape_rows (&call->input_infos[0].shape), width = tn_shape_columns (&call->input_infos[0].shape);

  if (call->dtype == TN_DTYPE_F64)
    backward_reference (call, rows, width, *(const double *) call->attributes);
  else
    tn_norm_rows_backward (call, tn_layernorm_gradient);
  if (call->n_inputs > 2)
    tn_columns_sum (call, call->output_gradients[0], NULL, rows, width, 2);
}

TnValue *
tn_tape_layer_norm (TnTape *tape, TnValue *x, TnValue *gain, TnValue *bias, double epsilon)
{
  static const TnFunction function = {.name = "layer norm",
                                      .attribute_bytes = sizeof (double),
                                      .infer = infer,
                                      .forward = forward,
                                      .backward = backward};

  return tn_tape_apply (tape, &function, (TnValue *[]){x, gain, bias}, bias != NULL ? 3 : 2, &epsilon, NULL);
}
