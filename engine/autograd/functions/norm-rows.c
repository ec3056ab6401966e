/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/norm-rows.h"

#include "engine/autograd/functions/real.h"
#include "engine/kernels/column-sums.h"

#define LEAST_ROWS 16
#define MOST_BLOCKS 64

static gsize
rows_of_block (gsize rows)
{
  return MAX (LEAST_ROWS, (rows + MOST_BLOCKS - 1) / MOST_BLOCKS);
}

gboolean
tn_norm_rows_infer (TnInference *inference, GError **error)
{
  const TnShape *x = &inference->inputs[0].shape;
  gsize rows = tn_shape_rows (x), width = tn_shape_columns (x), block = rows_of_block (rows);

  if (!tn_inference_check_kind (inference, 0, "x", TN_VALUE_FLOAT, error) ||
      !tn_inference_check_kind (inference, 1, "gain", TN_VALUE_FLOAT, error) ||
      !tn_inference_check_shape (inference, 1, "gain", &TN_SHAPE (width), error))
    return FALSE;
  inference->n_outputs = 1;
  inference->outputs[0].shape = *x;
  inference->reads_inputs = 1 << 0 | 1 << 1;
  inference->backward_scratch_bytes = inference->dtype == TN_DTYPE_F32 ? (rows + block - 1) / block * width * sizeof (float) : 0;
  return TRUE;
}

void
tn_norm_rows_backward (const TnCall *call, void (*gradient_func) (const TnNormGradient *gradient, gsize n_rows))
{
  gsize rows = tn_shape_rows (&call->input_infos[0].shape), width = tn_shape_columns (&call->input_infos[0].shape);
  gsize block = rows_of_block (rows), n_blocks = (rows + block - 1) / block;
  float *sums = call->input_gradients[1] != NULL ? call->scratch : NULL, *dx = call->input_gradients[0];
  int threads = rows * width >= TN_PARALLEL_ELEMENTS ? (int) call->threads : 1;

#pragma omp parallel for schedule(static) num_threads(threads)
  for (gsize i = 0; i < n_blocks; i++)
    {
      gsize first = i * block * width;
      const TnNormGradient gradient = {
          .x = (const float *) call->inputs[0] + first,
          .weight = call->inputs[1],
          .dy = (const float *) call->output_gradients[0] + first,
          .epsilon = *(const double *) call->attributes,
          .width = width,
          .dx = dx != NULL ? dx + first : NULL,
          .adds = call->adds[0],
          .dweight = sums != NULL ? sums + i * width : NULL,
      };

      gradient_func (&gradient, MIN (block, rows - i * block));
    }
  if (sums != NULL)
    tn_column_sums (sums, NULL, n_blocks, width, call->input_gradients[1], call->adds[1], call->threads);
}
