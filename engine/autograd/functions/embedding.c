/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/embedding.h"

#include <math.h>
#include <string.h>

#include "engine/autograd/functions/real.h"
#include "engine/error.h"

/* A thread adds to columns of its own: whole cache lines. */
#define LINE 16

static gboolean
infer (TnInference *inference, GError **error)
{
  const TnShape *tokens = &inference->inputs[1].shape;

  if (!tn_inference_check_kind (inference, 0, "table", TN_VALUE_FLOAT, error) ||
      !tn_inference_check_dims (inference, 0, "table", 2, error) ||
      !tn_inference_check_kind (inference, 1, "tokens", TN_VALUE_INT32, error))
    return FALSE;
  if (tokens->n_dims >= TN_SHAPE_MAX_DIMS)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_SHAPE, "tokens has %u dimensions, expected %u at most", tokens->n_dims,
                   TN_SHAPE_MAX_DIMS - 1);
      return FALSE;
    }
  inference->n_outputs = 1;
  inference->outputs[0].shape = *tokens;
  inference->outputs[0].shape.dims[inference->outputs[0].shape.n_dims++] = inference->inputs[0].shape.dims[1];
  inference->reads_inputs = 1 << 1;
  return TRUE;
}

static void
forward (const TnCall *call)
{
  const TnShape *table = &call->input_infos[0].shape;
  const gint32 *tokens = call->inputs[1];

  TN_FOR_ROWS (call, tn_shape_count (&call->input_infos[1].shape), table->dims[1],
               ((REAL *) call->outputs[0])[row * table->dims[1] + i] =
                   tokens[row] >= 0 && (gsize) tokens[row] < table->dims[0]
                       ? ((const REAL *) call->inputs[0])[(gsize) tokens[row] * table->dims[1] + i]
                       : (REAL) NAN);
}

static void
clear (void *gradient, gsize bytes, guint threads)
{
  const gsize part = 1 << 18;

#pragma omp parallel for schedule(static) num_threads((int) threads)
  for (gsize first = 0; first < bytes; first += part)
    memset ((char *) gradient + first, 0, MIN (part, bytes - first));
}

#define ADD_COLUMNS(REAL)                                                                                                        \
  for (gsize row = 0; row < n; row++)                                                                                            \
    if (tokens[row] >= 0 && (gsize) tokens[row] < table->dims[0])                                                                \
      {                                                                                                                          \
        REAL *sums = (REAL *) call->input_gradients[0] + (gsize) tokens[row] * width;                                            \
        const REAL *dy = (const REAL *) call->output_gradients[0] + row * width;                                                 \
                                                                                                                                 \
        for (gsize i = first; i < end; i++)                                                                                      \
          sums[i] += dy[i];                                                                                                      \
      }

static void
backward (const TnCall *call)
{
  const TnShape *table = &call->input_infos[0].shape;
  const gint32 *tokens = call->inputs[1];
  gsize n = tn_shape_count (&call->input_infos[1].shape), width = table->dims[1];
  gsize share = (width + call->threads * LINE) / (call->threads * LINE) * LINE;

  if (!call->adds[0])
    clear (call->input_gradients[0], tn_shape_count (table) * tn_real_bytes (call->dtype), call->threads);
#pragma omp parallel for schedule(static) num_threads((int) call->threads)
  for (gsize first = 0; first < width; first += share)
    {
      gsize end = MIN (first + share, width);

      if (call->dtype == TN_DTYPE_F64)
        {
          ADD_COLUMNS (double);
        }
      else
        {
          ADD_COLUMNS (float);
        }
    }
}

TnValue *
tn_tape_embedding (TnTape *tape, TnValue *table, TnValue *tokens)
{
  static const TnFunction function = {.name = "embedding", .infer = infer, .forward = forward, .backward = backward};

  return tn_tape_apply (tape, &function, (TnValue *[]){table, tokens}, 2, NULL, NULL);
}
