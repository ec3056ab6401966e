/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/copy.h"

#include <string.h>

#include "engine/autograd/functions/real.h"

static gboolean
infer (TnInference *inference, GError **error)
{
  if (!tn_inference_check_kind (inference, 0, "x", TN_VALUE_FLOAT, error))
    return FALSE;
  inference->n_outputs = 1;
  inference->outputs[0].shape = inference->inputs[0].shape;
  return TRUE;
}

static void
forward (const TnCall *call)
{
  memcpy (call->outputs[0], call->inputs[0], call->output_infos[0].bytes);
}

static void
backward (const TnCall *call)
{
  gboolean adds = call->adds[0];

  TN_FOR_ELEMENTS (call, tn_shape_count (&call->input_infos[0].shape),
                   TN_PUT (adds, ((REAL *) call->input_gradients[0])[i], ((const REAL *) call->output_gradients[0])[i]));
}

TnValue *
tn_tape_copy (TnTape *tape, TnValue *x)
{
  static const TnFunction function = {.name = "copy", .infer = infer, .forward = forward, .backward = backward};

  return tn_tape_apply (tape, &function, &x, 1, NULL, NULL);
}
