/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/rms-norm.h"

#include <math.h>

#include "engine/autograd/functions/norm-rows.h"
#include "engine/autograd/functions/real.h"

/* Rows that a thread takes at a time. */
#define ROWS 8

static double
get_factor (const double *x, gsize width, double epsilon)
{
  double sum = 0.0;

  for (gsize i = 0; i < width; i++)
    sum += x[i] * x[i];
  return 1.0 / sqrt (sum / (double) width + epsilon);
}

static void
forward_reference (const TnCall *call, gsize rows, gsize width, double epsilon)
{
  const double *x = call->inputs[0], *gain = call->inputs[1];
  double *y = call->outputs[0];

  for (gsize row = 0; row < rows; row++, x += width, y += width)
    for (gsize i = 0; i < width; i++)
      y[i] = x[i] * get_factor (x, width, epsilon) * gain[i];
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
    tn_rmsnorm ((const float *) call->inputs[0] + row * width, call->inputs[1], epsilon, MIN (ROWS, rows - row), width,
                (float *) call->outputs[0] + row * width);
}

static void
backward_reference (const TnCall *call, gsize rows, gsize width, double epsilon)
{
  const double *gain = call->inputs[1];
  double *dx = call->input_gradients[0], *dgain = call->input_gradients[1];

  for (gsize i = 0; dgain != NULL && i < width; i++)
    {
      double sum = 0.0;

      for (gsize row = 0; row < rows; row++)
        {
          const double *x = (const double *) call->inputs[0] + row * width;

          sum += ((const double *) call->output_gradients[0])[row * width + i] * x[i] * get_factor (x, width, epsilon);
        }
      TN_PUT (call->adds[1], dgain[i], sum);
    }
  for (gsize row = 0; dx != NULL && row < rows; row++, dx += width)
    {
      const double *x = (const double *) call->inputs[0] + row * width;
      const double *dy = (const double *) call->output_gradients[0] + row * width;
      double factor = get_factor (x, width, epsilon), sum = 0.0;

      for (gsize i = 0; i < width; i++)
        sum += gain[i] * dy[i] * x[i];
      for (gsize i = 0; i < width; i++)
        TN_PUT (call->adds[0], dx[i], factor * gain[i] * dy[i] - x[i] * pow (factor, 3.0) / (double) width * sum);
    }
}

static void
backward (const TnCall *call)
{
  const TnShape *x = &call->input_infos[0].shape;

  if (call->dtype == TN_DTYPE_F64)
    backward_reference (call, tn_shape_rows (x), tn_shape_columns (x), *(const double *) call->attributes);
  else
    tn_norm_rows_backward (call, tn_rmsnorm_gradient);
}

TnValue *
tn_tape_rms_norm (TnTape *tape, TnValue *x, TnValue *gain, double epsilon)
{
  static const TnFunction function = {.name = "RMS norm",
                                      .attribute_bytes = sizeof (double),
                                      .infer = tn_norm_rows_infer,
                                      .forward = forward,
                                      .backward = backward};

  return tn_tape_apply (tape, &function, (TnValue *[]){x, gain}, 2, &epsilon, NULL);
}
