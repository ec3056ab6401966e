/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/quantize-rows.h"

#include <string.h>

#include "engine/autograd/functions/real.h"
#include "engine/error.h"
#include "engine/kernels/norm-gradient.h"

/* Rows whose gains are summed at once. */
#define BLOCK_ROWS 32

typedef struct
{
  double epsilon;
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
  gsize rows = tn_shape_rows (shape), width = tn_shape_columns (shape);
  TnShape gain = TN_SHAPE (width);

  if (!tn_inference_check_kind (inference, 0, "x", TN_VALUE_FLOAT, error))
    return FALSE;
  if (inference->dtype != TN_DTYPE_F32)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED, "rows of int8 are for float32, expected quantize in float64");
      return FALSE;
    }
  inference->n_outputs = 1;
  inference->outputs[0] = (TnValueInfo){.kind = TN_VALUE_PACKED, .shape = *shape, .bytes = tn_int8_rows_bytes (rows, width)};
  if (inference->n_inputs < 2)
    return TRUE;
  inference->reads_inputs = 3;
  inference->backward_scratch_bytes = (rows + BLOCK_ROWS - 1) / BLOCK_ROWS * width * sizeof (float);
  return tn_inference_check_kind (inference, 1, "gain", TN_VALUE_FLOAT, error) &&
         tn_inference_check_shape (inference, 1, "gain", &gain, error);
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

/* Gains are summed within blocks of rows, and the sums of the blocks in their order. */
static void
fold_gains (const TnCall *call, gsize n_blocks, gsize width)
{
  float *dw = call->input_gradients[1];
  gboolean adds = call->adds[1];

  for (gsize block = 0; block < n_blocks || block == 0; block++)
    {
      const float *sums = (const float *) call->scratch + block * width;

      for (gsize i = 0; i < width; i++)
        dw[i] = (adds || block > 0 ? dw[i] : 0.0f) + (block < n_blocks ? sums[i] : 0.0f);
    }
}

static void
rows_backward (const TnCall *call)
{
  const Attributes *attributes = call->attributes;
  const TnShape *shape = &call->input_infos[0].shape;
  gsize n_rows = tn_shape_rows (shape), width = tn_shape_columns (shape), n_blocks = (n_rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
  const float *x = call->inputs[0], *g = call->output_gradients[0];
  float *dx = call->input_gradients[0];

  if (call->n_inputs < 2)
    {
      gboolean adds = call->adds[0];

      if (dx != NULL && dx != g)
        TN_FOR_ELEMENTS (call, n_rows * width,
                         TN_PUT (adds, ((REAL *) call->input_gradients[0])[i], ((const REAL *) call->output_gradients[0])[i]));
      return;
    }
#pragma omp parallel for schedule(static) num_threads((int) call->threads)
  for (gsize block = 0; block < n_blocks; block++)
    {
      gsize first = block * BLOCK_ROWS * width, n = MIN (BLOCK_ROWS, n_rows - block * BLOCK_ROWS);
      float *sums = call->input_gradients[1] != NULL ? (float *) call->scratch + block * width : NULL;

      if (sums != NULL)
        memset (sums, 0, width * sizeof (float));
      tn_rmsnorm_gradient (x + first, call->inputs[1], attributes->epsilon, g + first, n, width, dx != NULL ? dx + first : NULL,
                           call->adds[0], sums);
    }
  if (call->input_gradients[1] != NULL)
    fold_gains (call, n_blocks, width);
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
