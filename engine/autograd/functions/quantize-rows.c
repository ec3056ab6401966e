/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/quantize-rows.h"

#include "engine/autograd/functions/norm-rows.h"
#include "engine/autograd/functions/real.h"
#include "engine/error.h"

typedef struct
{
  double epsilon; /* first, as tn_norm_rows_backward() reads it */
  TnQuantizerState *state;
} Attributes;

void
tn_packed_rows_place (TnInt8Rows *rows, const TnShape *shape, const void *data)
{
  tn_int8_rows_place (rows, (void *) data, tn_shape_rows (shape), tn_shape_columns (shape));
}

gboolean
tn_packed_rows_check (const TnInference *inference, guint i, GError **error)
{
  const TnValueInfo *info = &inference->inputs[i];

  if (info->kind == TN_VALUE_PACKED &&
      info->bytes == tn_int8_rows_bytes (tn_shape_rows (&info->shape), tn_shape_columns (&info->shape)))
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, "x is no rows of int8, expected what quantize rows makes");
  return FALSE;
}

static gboolean
infer_rows (TnInference *inference, GError **error)
{
  const TnShape *shape = &inference->inputs[0].shape;

  if (inference->dtype != TN_DTYPE_F32)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, "rows of int8 are for float32, expected quantize in float64");
      return FALSE;
    }
  if (inference->n_inputs > 1 ? !tn_norm_rows_infer (inference, error)
                              : !tn_inference_check_kind (inference, 0, "x", TN_VALUE_FLOAT, error))
    return FALSE;
  inference->n_outputs = 1;
  inference->outputs[0] = (TnValueInfo){.kind = TN_VALUE_PACKED,
                                        .shape = *shape,
                                        .bytes = tn_int8_rows_bytes (tn_shape_rows (shape), tn_shape_columns (shape))};
  return TRUE;
}

static void
count_codes (const TnInt8Rows *rows, gsize n_rows, gsize width, TnQuantizerState *state, guint threads)
{
  guint64 zeros = 0, positives = 0, saturated = 0;
  double scale = 0.0;

#pragma omp parallel for schedule(static) num_threads((int) threads) reduction(+ : zeros, positives, saturated)
  for (gsize row = 0; row < n_rows; row++)
    {
      const gint8 *codes = rows->codes + row * rows->stride;
      guint32 none = 0, more = 0, most = 0;

      for (gsize i = 0; i < width; i++)
        {
          none += codes[i] == 0;
          more += codes[i] > 0;
          most += (codes[i] == 127) | (codes[i] <= -127);
        }
      zeros += none;
      positives += more;
      saturated += most;
    }
  for (gsize row = 0; row < n_rows; row++)
    scale += (double) rows->scales[row];
  state->zeros = zeros;
  state->positives = positives;
  state->saturated = saturated;
  state->scale = n_rows > 0 ? scale / (double) n_rows : 0.0;
}

static void
rows_forward (const TnCall *call)
{
  const Attributes *attributes = call->attributes;
  const TnShape *shape = &call->input_infos[0].shape;
  gsize n_rows = tn_shape_rows (shape), width = tn_shape_columns (shape);
  TnInt8Rows rows;

  tn_packed_rows_place (&rows, shape, call->outputs[0]);
  tn_int8_rows_quantize (&rows, call->inputs[0], call->n_inputs > 1 ? call->inputs[1] : NULL, attributes->epsilon, n_rows, width,
                         call->threads);
  if (tn_quantizer_state_begin (attributes->state, call->step, call->again))
    count_codes (&rows, n_rows, width, attributes->state, call->threads);
}

static void
rows_backward (const TnCall *call)
{
  gboolean adds = call->adds[0];

  if (call->n_inputs > 1)
    tn_norm_rows_backward (call, tn_rmsnorm_gradient);
  else if (call->input_gradients[0] != NULL && call->input_gradients[0] != call->output_gradients[0])
    TN_FOR_ELEMENTS (call, tn_shape_count (&call->input_infos[0].shape),
                     TN_PUT (adds, ((REAL *) call->input_gradients[0])[i], ((const REAL *) call->output_gradients[0])[i]));
}

TnValue *
tn_tape_quantize_rows (TnTape *tape, TnValue *x, TnValue *gain, double epsilon, TnQuantizerState *state)
{
  static const TnFunction plain = {.name = "quantize rows",
                                   .attribute_bytes = sizeof (Attributes),
                                   .flags = TN_FUNCTION_GRADIENT_PASSES,
                                   .infer = infer_rows,
                                   .forward = rows_forward,
                                   .backward = rows_backward};
  static const TnFunction normed = {.name = "quantize rows",
                                    .attribute_bytes = sizeof (Attributes),
                                    .infer = infer_rows,
                                    .forward = rows_forward,
                                    .backward = rows_backward};
  const Attributes attributes = {.epsilon = epsilon, .state = state};

  return tn_tape_apply (tape, gain != NULL ? &normed : &plain, (TnValue *[]){x, gain}, gain != NULL ? 2 : 1, &attributes, NULL);
}
