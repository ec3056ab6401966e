/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/activation.h"

#include <math.h>

#include "engine/autograd/functions/real.h"
#include "engine/kernels/activation.h"

static gboolean
infer (TnInference *inference, GError **error)
{
  TnActivate activate = *(const TnActivate *) inference->attributes;

  if (!tn_inference_check_kind (inference, 0, "x", TN_VALUE_FLOAT, error))
    return FALSE;
  inference->n_outputs = 1;
  inference->outputs[0].shape = inference->inputs[0].shape;
  if (activate == TN_ACTIVATE_RELU)
    inference->reads_outputs = 1;
  else
    inference->reads_inputs = 1;
  return TRUE;
}

/* slope: f'(x), or NULL. */
static double
activate_reference (TnActivate activate, double x, double *slope)
{
  double value = 0.0, derivative = 0.0, s, u, t;

  switch (activate)
    {
    case TN_ACTIVATE_RELU:
      value = x < 0.0 ? 0.0 : x;
      derivative = x > 0.0 ? 1.0 : 0.0;
      break;
    case TN_ACTIVATE_RELU2:
      value = x < 0.0 ? 0.0 : x * x;
      derivative = x > 0.0 ? 2.0 * x : 0.0;
      break;
    case TN_ACTIVATE_SILU:
      s = 1.0 / (1.0 + exp (-x));
      value = x * s;
      derivative = s * (1.0 + x * (1.0 - s));
      break;
    case TN_ACTIVATE_GELU:
      s = 0.5 * erfc (-x * M_SQRT1_2);
      value = x * s;
      derivative = s + x * exp (-0.5 * x * x) / sqrt (2.0 * M_PI);
      break;
    case TN_ACTIVATE_GELU_TANH:
      u = sqrt (2.0 / M_PI) * (x + 0.044715 * x * x * x);
      t = tanh (u);
      value = 0.5 * x * (1.0 + t);
      derivative = 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * sqrt (2.0 / M_PI) * (1.0 + 0.134145 * x * x);
      break;
    case TN_N_ACTIVATES:
      g_assert_not_reached ();
    }
  if (slope != NULL)
    *slope = derivative;
  return value;
}

static void
forward (const TnCall *call)
{
  TnActivate activate = *(const TnActivate *) call->attributes;
  gsize n = tn_shape_count (&call->input_infos[0].shape);

  if (call->dtype == TN_DTYPE_F64)
    for (gsize i = 0; i < n; i++)
      ((double *) call->outputs[0])[i] = activate_reference (activate, ((const double *) call->inputs[0])[i], NULL);
  else
    TN_FOR_BLOCKS (call, n,
                   tn_activate (activate, (const float *) call->inputs[0] + first, (float *) call->outputs[0] + first, count));
}

static void
backward (const TnCall *call)
{
  TnActivate activate = *(const TnActivate *) call->attributes;
  const void *x = activate == TN_ACTIVATE_RELU ? call->outputs[0] : call->inputs[0];
  const float *dy = call->output_gradients[0];
  float *dx = call->input_gradients[0];
  gsize n = tn_shape_count (&call->input_infos[0].shape);

  if (call->dtype == TN_DTYPE_F64)
    for (gsize i = 0; i < n; i++)
      {
        double slope;

        activate_reference (activate, ((const double *) x)[i], &slope);
        TN_PUT (call->adds[0], ((double *) call->input_gradients[0])[i], slope * ((const double *) call->output_gradients[0])[i]);
      }
  else
    TN_FOR_BLOCKS (call, n,
                   tn_activate_gradient (activate, (const float *) x + first, dy + first, dx + first, count, call->adds[0]));
}

static TnValue *
apply (TnTape *tape, const TnFunction *function, TnActivate activate, TnValue *x)
{
  return tn_tape_apply (tape, function, &x, 1, &activate, NULL);
}

#define ACTIVATION(text, its_flags)                                                                                              \
  {                                                                                                                              \
    .name = text, .attribute_bytes = sizeof (TnActivate), .flags = its_flags, .infer = infer, .forward = forward,                \
    .backward = backward                                                                                                         \
  }

TnValue *
tn_tape_relu (TnTape *tape, TnValue *x)
{
  static const TnFunction function = ACTIVATION ("relu", TN_FUNCTION_IN_PLACE | TN_FUNCTION_BACKWARD_IN_PLACE);

  return apply (tape, &function, TN_ACTIVATE_RELU, x);
}

TnValue *
tn_tape_relu2 (TnTape *tape, TnValue *x)
{
  static const TnFunction function = ACTIVATION ("relu2", TN_FUNCTION_BACKWARD_IN_PLACE);

  return apply (tape, &function, TN_ACTIVATE_RELU2, x);
}

TnValue *
tn_tape_silu (TnTape *tape, TnValue *x)
{
  static const TnFunction function = ACTIVATION ("silu", TN_FUNCTION_BACKWARD_IN_PLACE);

  return apply (tape, &function, TN_ACTIVATE_SILU, x);
}

TnValue *
tn_tape_gelu (TnTape *tape, TnValue *x)
{
  static const TnFunction function = ACTIVATION ("gelu", TN_FUNCTION_BACKWARD_IN_PLACE);

  return apply (tape, &function, TN_ACTIVATE_GELU, x);
}

TnValue *
tn_tape_gelu_tanh (TnTape *tape, TnValue *x)
{
  static const TnFunction function = ACTIVATION ("gelu (tanh)", TN_FUNCTION_BACKWARD_IN_PLACE);

  return apply (tape, &function, TN_ACTIVATE_GELU_TANH, x);
}
