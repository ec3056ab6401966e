/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/columns-private.h"
#include "engine/autograd/functions/linear.h"
#include "engine/autograd/functions/real.h"
#include "engine/kernels/column-sums.h"

#define X(i) (((const REAL *) x)[i])
#define Y(i) (((REAL *) y)[i])

void
tn_columns_add (const TnCall *call, const void *x, const void *bias, void *y, gsize rows, gsize columns)
{
  TN_FOR_ROWS (call, rows, columns, Y (row * columns + i) = X (row * columns + i) + ((const REAL *) bias)[i]);
}

void
tn_columns_multiply (const TnCall *call, const void *x, const void *factors, void *y, gsize rows, gsize columns)
{
  TN_FOR_ROWS (call, rows, columns, Y (row * columns + i) = X (row * columns + i) * ((const REAL *) factors)[i]);
}

static void
sum_reference (const double *x, const double *y, gsize rows, gsize columns, double *sums, gboolean adds)
{
  for (gsize i = 0; i < columns; i++)
    {
      double sum = 0.0;

      for (gsize row = 0; row < rows; row++)
        sum += x[row * columns + i] * (y != NULL ? y[row * columns + i] : 1.0);
      TN_PUT (adds, sums[i], sum);
    }
}

void
tn_columns_sum (const TnCall *call, const void *x, const void *y, gsize rows, gsize columns, guint i)
{
  if (call->input_gradients[i] == NULL)
    return;
  if (call->dtype == TN_DTYPE_F64)
    sum_reference (x, y, rows, columns, call->input_gradients[i], call->adds[i]);
  else
    tn_column_sums (x, y, rows, columns, call->input_gradients[i], call->adds[i], call->threads);
}

static gboolean
infer (TnInference *inference, GError **error)
{
  const TnShape *x = &inference->inputs[0].shape;

  if (!tn_inference_check_kind (inference, 0, "x", TN_VALUE_FLOAT, error) ||
      !tn_inference_check_kind (inference, 1, "one number a column", TN_VALUE_FLOAT, error) ||
      !tn_inference_check_shape (inference, 1, "one number a column", &TN_SHAPE (tn_shape_columns (x)), error))
    return FALSE;
  inference->n_outputs = 1;
  inference->outputs[0].shape = *x;
  return TRUE;
}

static void
add_forward (const TnCall *call)
{
  const TnShape *x = &call->input_infos[0].shape;

  tn_columns_add (call, call->inputs[0], call->inputs[1], call->outputs[0], tn_shape_rows (x), tn_shape_columns (x));
}

static void
add_backward (const TnCall *call)
{
  const TnShape *x = &call->input_infos[0].shape;
  gboolean adds = call->adds[0];

  /* Before the gradient of x, which may be that of y. */
  tn_columns_sum (call, call->output_gradients[0], NULL, tn_shape_rows (x), tn_shape_columns (x), 1);
  if (call->input_gradients[0] != NULL && call->input_gradients[0] != call->output_gradients[0])
    TN_FOR_ELEMENTS (call, tn_shape_count (x),
                     TN_PUT (adds, ((REAL *) call->input_gradients[0])[i], ((const REAL *) call->output_gradients[0])[i]));
}

TnValue *
tn_tape_add_columns (TnTape *tape, TnValue *x, TnValue *bias)
{
  static const TnFunction function = {.name = "add to columns",
                                      .flags = TN_FUNCTION_IN_PLACE | TN_FUNCTION_GRADIENT_PASSES,
                                      .infer = infer,
                                      .forward = add_forward,
                                      .backward = add_backward};

  return tn_tape_apply (tape, &function, (TnValue *[]){x, bias}, 2, NULL, NULL);
}

static gboolean
infer_multiply (TnInference *inference, GError **error)
{
  inference->reads_inputs = 1 << 0 | 1 << 1;
  return infer (inference, error);
}

static void
multiply_forward (const TnCall *call)
{
  const TnShape *x = &call->input_infos[0].shape;

  tn_columns_multiply (call, call->inputs[0], call->inputs[1], call->outputs[0], tn_shape_rows (x), tn_shape_columns (x));
}

static void
multiply_backward (const TnCall *call)
{
  gsize rows = tn_shape_rows (&call->input_infos[0].shape), columns = tn_shape_columns (&call->input_infos[0].shape);
  const void *dy = call->output_gradients[0];
  gboolean adds = call->adds[0];

  tn_columns_sum (call, dy, call->inputs[0], rows, columns, 1);
  if (call->input_gradients[0] != NULL)
    TN_FOR_ROWS (call, rows, columns,
                 TN_PUT (adds, ((REAL *) call->input_gradients[0])[row * columns + i],
                         ((const REAL *) dy)[row * columns + i] * ((const REAL *) call->inputs[1])[i]));
}

TnValue *
tn_tape_multiply_columns (TnTape *tape, TnValue *x, TnValue *factors)
{
  static const TnFunction function = {.name = "multiply columns",
                                      .infer = infer_multiply,
                                      .forward = multiply_forward,
                                      .backward = multiply_backward};

  return tn_tape_apply (tape, &function, (TnValue *[]){x, factors}, 2, NULL, NULL);
}
