/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/elementwise.h"

#include "engine/autograd/functions/real.h"

#define IN(k) (((const REAL *) call->inputs[k])[i])
#define OUT (((REAL *) call->outputs[0])[i])
#define DOUT (((const REAL *) call->output_gradients[0])[i])
#define DIN(k) (((REAL *) call->input_gradients[k])[i])

static gsize
count_elements (const TnCall *call)
{
  return tn_shape_count (&call->input_infos[0].shape);
}

static gboolean
infer_one (TnInference *inference, GError **error)
{
  if (!tn_inference_check_kind (inference, 0, "x", TN_VALUE_FLOAT, error))
    return FALSE;
  inference->n_outputs = 1;
  inference->outputs[0].shape = inference->inputs[0].shape;
  return TRUE;
}

static gboolean
infer_two (TnInference *inference, GError **error)
{
  return infer_one (inference, error) && tn_inference_check_kind (inference, 1, "b", TN_VALUE_FLOAT, error) &&
         tn_inference_check_shape (inference, 1, "b", &inference->inputs[0].shape, error);
}

static void
add_forward (const TnCall *call)
{
  TN_FOR_ELEMENTS (call, count_elements (call), OUT = IN (0) + IN (1));
}

static void
add_backward (const TnCall *call)
{
  for (guint k = 0; k < 2; k++)
    if (call->input_gradients[k] != NULL && call->input_gradients[k] != call->output_gradients[0])
      {
        gboolean adds = call->adds[k];

        TN_FOR_ELEMENTS (call, count_elements (call), TN_PUT (adds, DIN (k), DOUT));
      }
}

TnValue *
tn_tape_add (TnTape *tape, TnValue *a, TnValue *b)
{
  static const TnFunction function = {.name = "add",
                                      .flags = TN_FUNCTION_IN_PLACE | TN_FUNCTION_GRADIENT_PASSES,
                                      .infer = infer_two,
                                      .forward = add_forward,
                                      .backward = add_backward};

  return tn_tape_apply (tape, &function, (TnValue *[]){a, b}, 2, NULL, NULL);
}

static gboolean
infer_multiply (TnInference *inference, GError **error)
{
  inference->reads_inputs = 3;
  return infer_two (inference, error);
}

static void
multiply_forward (const TnCall *call)
{
  TN_FOR_ELEMENTS (call, count_elements (call), OUT = IN (0) * IN (1));
}

static void
multiply_backward (const TnCall *call)
{
  for (guint k = 0; k < 2; k++)
    if (call->input_gradients[k] != NULL)
      {
        gboolean adds = call->adds[k];

        TN_FOR_ELEMENTS (call, count_elements (call), TN_PUT (adds, DIN (k), DOUT * IN (1 - k)));
      }
}

TnValue *
tn_tape_multiply (TnTape *tape, TnValue *a, TnValue *b)
{
  static const TnFunction function = {.name = "multiply",
                                      .infer = infer_multiply,
                                      .forward = multiply_forward,
                                      .backward = multiply_backward};

  return tn_tape_apply (tape, &function, (TnValue *[]){a, b}, 2, NULL, NULL);
}

static void
scale_forward (const TnCall *call)
{
  double factor = *(const double *) call->attributes;

  TN_FOR_ELEMENTS (call, count_elements (call), OUT = IN (0) * (REAL) factor);
}

static void
scale_backward (const TnCall *call)
{
  double factor = *(const double *) call->attributes;
  gboolean adds = call->adds[0];

  TN_FOR_ELEMENTS (call, count_elements (call), TN_PUT (adds, DIN (0), DOUT * (REAL) factor));
}

TnValue *
tn_tape_scale (TnTape *tape, TnValue *x, double factor)
{
  static const TnFunction function = {.name = "scale",
                                      .attribute_bytes = sizeof (double),
                                      .flags = TN_FUNCTION_IN_PLACE,
                                      .infer = infer_one,
                                      .forward = scale_forward,
                                      .backward = scale_backward};

  return tn_tape_apply (tape, &function, &x, 1, &factor, NULL);
}

static gboolean
infer_sum (TnInference *inference, GError **error)
{
  if (!infer_one (inference, error))
    return FALSE;
  inference->outputs[0].shape = TN_SHAPE_SCALAR;
  return TRUE;
}

/* On one thread: sums of double in the order of the elements. */
static void
sum_forward (const TnCall *call)
{
  double sum = 0.0;

  for (gsize i = 0; i < count_elements (call); i++)
    sum += call->dtype == TN_DTYPE_F64 ? ((const double *) call->inputs[0])[i] : (double) ((const float *) call->inputs[0])[i];
  if (call->dtype == TN_DTYPE_F64)
    *(double *) call->outputs[0] = sum;
  else
    *(float *) call->outputs[0] = (float) sum;
}

static void
sum_backward (const TnCall *call)
{
  gboolean adds = call->adds[0];

  TN_FOR_ELEMENTS (call, count_elements (call), TN_PUT (adds, DIN (0), ((const REAL *) call->output_gradients[0])[0]));
}

TnValue *
tn_tape_sum (TnTape *tape, TnValue *x)
{
  static const TnFunction function = {.name = "sum", .infer = infer_sum, .forward = sum_forward, .backward = sum_backward};

  return tn_tape_apply (tape, &function, &x, 1, NULL, NULL);
}
