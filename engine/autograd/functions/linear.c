/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/linear.h"

#include "engine/autograd/functions/columns-private.h"
#include "engine/autograd/functions/real.h"
#include "engine/error.h"
#include "engine/kernels/matrix-multiply.h"

/* Of call->input_infos: 0 is x, 1 weight, 2 bias, if there. */
typedef struct
{
  gsize rows, in, out;
} Sizes;

static Sizes
get_sizes (const TnValueInfo *inputs)
{
  return (Sizes){tn_shape_rows (&inputs[0].shape), tn_shape_columns (&inputs[0].shape), inputs[1].shape.dims[0]};
}

static gboolean
check_inputs (const TnInference *inference, GError **error)
{
  const TnShape *x = &inference->inputs[0].shape, *weight = &inference->inputs[1].shape;

  if (!tn_inference_check_kind (inference, 0, "x", TN_VALUE_FLOAT, error) ||
      !tn_inference_check_kind (inference, 1, "weight", TN_VALUE_FLOAT, error) ||
      !tn_inference_check_dims (inference, 1, "weight", 2, error))
    return FALSE;
  if (x->n_dims == 0 || tn_shape_columns (x) != weight->dims[1])
    {
      g_autofree char *x_text = tn_shape_to_string (x), *weight_text = tn_shape_to_string (weight);

      g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, "x is %s, expected rows of %zu numbers for weight %s", x_text,
                   weight->dims[1], weight_text);
      return FALSE;
    }
  return inference->n_inputs < 3 || (tn_inference_check_kind (inference, 2, "bias", TN_VALUE_FLOAT, error) &&
                                     tn_inference_check_shape (inference, 2, "bias", &TN_SHAPE (weight->dims[0]), error));
}

static gboolean
infer (TnInference *inference, GError **error)
{
  Sizes sizes;

  if (!check_inputs (inference, error))
    return FALSE;
  sizes = get_sizes (inference->inputs);
  inference->n_outputs = 1;
  inference->outputs[0].shape = inference->inputs[0].shape;
  inference->outputs[0].shape.dims[inference->inputs[0].shape.n_dims - 1] = sizes.out;
  inference->reads_inputs = 1 << 0 | 1 << 1;
  if (inference->dtype != TN_DTYPE_F32)
    return TRUE;
  inference->forward_scratch_bytes =
      tn_matrix_multiply_scratch (TN_MULTIPLY_B_TRANSPOSED, sizes.rows, sizes.out, sizes.in, inference->threads);
  inference->backward_scratch_bytes =
      MAX (tn_matrix_multiply_scratch (TN_MULTIPLY_PLAIN, sizes.rows, sizes.in, sizes.out, inference->threads),
           tn_matrix_multiply_scratch (TN_MULTIPLY_A_TRANSPOSED, sizes.out, sizes.in, sizes.rows, inference->threads));
  return TRUE;
}

static void
forward_reference (const TnCall *call, Sizes sizes)
{
  const double *x = call->inputs[0], *weight = call->inputs[1], *bias = call->n_inputs > 2 ? call->inputs[2] : NULL;
  double *y = call->outputs[0];

  for (gsize i = 0; i < sizes.rows; i++)
    for (gsize j = 0; j < sizes.out; j++)
      {
        double sum = bias != NULL ? bias[j] : 0.0;

        for (gsize k = 0; k < sizes.in; k++)
          sum += x[i * sizes.in + k] * weight[j * sizes.in + k];
        y[i * sizes.out + j] = sum;
      }
}

static void
forward (const TnCall *call)
{
  Sizes sizes = get_sizes (call->input_infos);

  if (call->dtype == TN_DTYPE_F64)
    {
      forward_reference (call, sizes);
      return;
    }
  tn_matrix_multiply (&(const TnMatrixMultiply){.form = TN_MULTIPLY_B_TRANSPOSED,
                                                .m = sizes.rows,
                                                .n = sizes.out,
                                                .depth = sizes.in,
                                                .a = call->inputs[0],
                                                .b = call->inputs[1],
                                                .c = call->outputs[0]},
                      call->threads, call->scratch);
  if (call->n_inputs > 2)
    tn_columns_add (call, call->outputs[0], call->inputs[2], call->outputs[0], sizes.rows, sizes.out);
}

static void
backward_reference (const TnCall *call, Sizes sizes)
{
  const double *x = call->inputs[0], *weight = call->inputs[1], *dy = call->output_gradients[0];
  double *dx = call->input_gradients[0], *dweight = call->input_gradients[1];

  for (gsize i = 0; dx != NULL && i < sizes.rows; i++)
    for (gsize k = 0; k < sizes.in; k++)
      {
        double sum = 0.0;

        for (gsize j = 0; j < sizes.out; j++)
          sum += dy[i * sizes.out + j] * weight[j * sizes.in + k];
        TN_PUT (call->adds[0], dx[i * sizes.in + k], sum);
      }
  for (gsize j = 0; dweight != NULL && j < sizes.out; j++)
    for (gsize k = 0; k < sizes.in; k++)
      {
        double sum = 0.0;

        for (gsize i = 0; i < sizes.rows; i++)
          sum += dy[i * sizes.out + j] * x[i * sizes.in + k];
        TN_PUT (call->adds[1], dweight[j * sizes.in + k], sum);
      }
}

static void
backward_fast (const TnCall *call, Sizes sizes)
{
  const float *dy = call->output_gradients[0];

  if (call->input_gradients[0] != NULL)
    tn_matrix_multiply (&(const TnMatrixMultiply){.form = TN_MULTIPLY_PLAIN,
                                                  .m = sizes.rows,
                                                  .n = sizes.in,
                                                  .depth = sizes.out,
                                                  .a = dy,
                                                  .b = call->inputs[1],
                                                  .c = call->input_gradients[0],
                                                  .adds = call->adds[0]},
                        call->threads, call->scratch);
  if (call->input_gradients[1] != NULL)
    tn_matrix_multiply (&(const TnMatrixMultiply){.form = TN_MULTIPLY_A_TRANSPOSED,
                                                  .m = sizes.out,
                                                  .n = sizes.in,
                                                  .depth = sizes.rows,
                                                  .a = dy,
                                                  .b = call->inputs[0],
                                                  .c = call->input_gradients[1],
                                                  .adds = call->adds[1]},
                        call->threads, call->scratch);
}

static void
backward (const TnCall *call)
{
  Sizes sizes = get_sizes (call->input_infos);

  if (call->dtype == TN_DTYPE_F64)
    backward_reference (call, sizes);
  else
    backward_fast (call, sizes);
  if (call->n_inputs > 2)
    tn_columns_sum (call, call->output_gradients[0], NULL, sizes.rows, sizes.out, 2);
}

TnValue *
tn_tape_linear (TnTape *tape, TnValue *x, TnValue *weight, TnValue *bias)
{
  static const TnFunction function = {.name = "linear", .infer = infer, .forward = forward, .backward = backward};

  return tn_tape_apply (tape, &function, (TnValue *[]){x, weight, bias}, bias != NULL ? 3 : 2, NULL, NULL);
}
