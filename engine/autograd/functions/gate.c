/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/gate.h"

#include <math.h>
#include <string.h>

#include "engine/autograd/functions/real.h"
#include "engine/kernels/activation.h"

typedef enum
{
  GATE_SILU,
  GATE_RELU2,
} Gate;

static gboolean
infer (TnInference *inference, GError **error)
{
  if (!tn_inference_check_kind (inference, 0, "gate", TN_VALUE_FLOAT, error) ||
      !tn_inference_check_kind (inference, 1, "up", TN_VALUE_FLOAT, error) ||
      !tn_inference_check_shape (inference, 1, "up", &inference->inputs[0].shape, error))
    return FALSE;
  inference->n_outputs = 1;
  inference->outputs[0].shape = inference->inputs[0].shape;
  inference->reads_inputs = 1 << 0 | 1 << 1;
  return TRUE;
}

static void
evaluate (Gate gate, double x, double *value, double *slope)
{
  double s = 1.0 / (1.0 + exp (-x)), positive = x > 0.0 ? x : 0.0;

  *value = gate == GATE_SILU ? x * s : positive * positive;
  *slope = gate == GATE_SILU ? s * (1.0 + x * (1.0 - s)) : 2.0 * positive;
}

static void
forward_reference (const TnCall *call, Gate gate, gsize n)
{
  const double *x = call->inputs[0], *up = call->inputs[1];

  for (gsize i = 0; i < n; i++)
    {
      double value, slope;

      evaluate (gate, x[i], &value, &slope);
      ((double *) call->outputs[0])[i] = value * up[i];
    }
}

static void
forward_block (const TnCall *call, Gate gate, gsize first, gsize n)
{
  float *y = (float *) call->outputs[0] + first;
  const float *up = (const float *) call->inputs[1] + first;

  memcpy (y, (const float *) call->inputs[0] + first, n * sizeof (float));
  if (gate == GATE_SILU)
    tn_silu_multiply (y, up, n);
  else
    tn_relu2_multiply (y, up, n);
}

static void
forward (const TnCall *call)
{
  Gate gate = *(const Gate *) call->attributes;
  gsize n = tn_shape_count (&call->input_infos[0].shape);

  if (call->dtype == TN_DTYPE_F64)
    forward_reference (call, gate, n);
  else
    TN_FOR_BLOCKS (call, n, forward_block (call, gate, first, count));
}

static void
backward_reference (const TnCall *call, Gate gate, gsize n)
{
  const double *x = call->inputs[0], *up = call->inputs[1], *dy = call->output_gradients[0];
  double *dgate = call->input_gradients[0], *dup = call->input_gradients[1];

  for (gsize i = 0; i < n; i++)
    {
      double value, slope;

      evaluate (gate, x[i], &value, &slope);
      value *= dy[i];
      slope *= dy[i] * up[i];
      if (dgate != NULL)
        TN_PUT (call->adds[0], dgate[i], slope);
      if (dup != NULL)
        TN_PUT (call->adds[1], dup[i], value);
    }
}

static void
backward_block (const TnCall *call, Gate gate, gsize first, gsize n)
{
  float *dgate = call->input_gradients[0], *dup = call->input_gradients[1];
  const TnGateGradient gradient = {
      .gate = (const float *) call->inputs[0] + first,
      .up = (const float *) call->inputs[1] + first,
      .dy = (const float *) call->output_gradients[0] + first,
      .dgate = dgate != NULL ? dgate + first : NULL,
      .dup = dup != NULL ? dup + first : NULL,
      .gate_adds = call->adds[0],
      .up_adds = call->adds[1],
  };

  if (gate == GATE_SILU)
    tn_silu_gate_gradient (&gradient, n);
  else
    tn_relu2_gate_gradient (&gradient, n);
}

static void
backward (const TnCall *call)
{
  Gate gate = *(const Gate *) call->attributes;
  gsize n = tn_shape_count (&call->input_infos[0].shape);

  if (call->dtype == TN_DTYPE_F64)
    backward_reference (call, gate, n);
  else
    TN_FOR_BLOCKS (call, n, backward_block (call, gate, first, count));
}

static TnValue *
apply (TnTape *tape, const TnFunction *function, Gate gate, TnValue *x, TnValue *up)
{
  return tn_tape_apply (tape, function, (TnValue *[]){x, up}, 2, &gate, NULL);
}

TnValue *
tn_tape_silu_gate (TnTape *tape, TnValue *gate, TnValue *up)
{
  static const TnFunction function = {.name = "silu gate",
                                      .attribute_bytes = sizeof (Gate),
                                      .flags = TN_FUNCTION_BACKWARD_IN_PLACE,
                                      .infer = infer,
                                      .forward = forward,
                                      .backward = backward};

  return apply (tape, &function, GATE_SILU, gate, up);
}

TnValue *
tn_tape_relu2_gate (TnTape *tape, TnValue *gate, TnValue *up)
{
  static const TnFunction function = {.name = "relu2 gate",
                                      .attribute_bytes = sizeof (Gate),
                                      .flags = TN_FUNCTION_BACKWARD_IN_PLACE,
                                      .infer = infer,
                                      .forward = forward,
                                      .backward = backward};

  return apply (tape, &function, GATE_RELU2, gate, up);
}
