/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/hadamard.h"

#include <math.h>
#include <omp.h>

#include "engine/autograd/functions/real.h"
#include "engine/error.h"
#include "engine/kernels/variant.h"

#define MOST_BLOCK 4096
#define USUAL_BLOCK 128

/* Steps of growing distance, each pair by itself: compilers make vectors of all but the first two or three. */
#define TRANSFORM(REAL)                                                                                                          \
  REAL factor = (REAL) (1.0 / sqrt ((double) n));                                                                                \
                                                                                                                                 \
  for (gsize i = 0; i < n; i++)                                                                                                  \
    y[i] = x[i] * factor;                                                                                                        \
  for (gsize distance = 1; distance < n; distance *= 2)                                                                          \
    for (gsize i = 0; i < n; i += 2 * distance)                                                                                  \
      for (gsize k = i; k < i + distance; k++)                                                                                   \
        {                                                                                                                        \
          REAL a = y[k], b = y[k + distance];                                                                                    \
                                                                                                                                 \
          y[k] = a + b;                                                                                                          \
          y[k + distance] = a - b;                                                                                               \
        }

TN_KERNEL_INLINE void
tn_hadamard_transform_body (const float *x, gsize n, float *y){TRANSFORM (float)}

TN_KERNEL_DEFINE (tn_hadamard_transform, (const float *x, gsize n, float *y), (x, n, y))

    static void transform_wide (const double *x, gsize n, double *y){TRANSFORM (double)}

gsize tn_hadamard_get_block (gsize width)
{
  gsize block = USUAL_BLOCK;

  while (block > 1 && width % block != 0)
    block /= 2;
  return block;
}

static gboolean
infer_hadamard (TnInference *inference, GError **error)
{
  gsize block = *(const gsize *) inference->attributes, width = tn_shape_columns (&inference->inputs[0].shape);

  if (!tn_inference_check_kind (inference, 0, "x", TN_VALUE_FLOAT, error))
    return FALSE;
  if (block == 0 || block > MOST_BLOCK || (block & (block - 1)) != 0 || width % block != 0)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_SHAPE,
                   "rows of %zu elements in pieces of %zu, expected a power of two that divides them", width, block);
      return FALSE;
    }
  inference->n_outputs = 1;
  inference->outputs[0].shape = inference->inputs[0].shape;
  inference->backward_scratch_bytes = inference->threads * MOST_BLOCK * tn_real_bytes (inference->dtype);
  return TRUE;
}

/* room: of a piece where it is added, else NULL. */
static void
transform_piece (const TnCall *call, const void *x, void *y, gsize first, gsize block, void *room)
{
  if (call->dtype == TN_DTYPE_F64)
    {
      double *out = room != NULL ? room : (double *) y + first;

      transform_wide ((const double *) x + first, block, out);
      for (gsize i = 0; room != NULL && i < block; i++)
        ((double *) y)[first + i] += out[i];
    }
  else
    {
      float *out = room != NULL ? room : (float *) y + first;

      tn_hadamard_transform ((const float *) x + first, block, out);
      for (gsize i = 0; room != NULL && i < block; i++)
        ((float *) y)[first + i] += out[i];
    }
}

static void
transform_all (const TnCall *call, const void *x, void *y, gboolean adds)
{
  gsize block = *(const gsize *) call->attributes, count = tn_shape_count (&call->input_infos[0].shape);
  gsize room_bytes = MOST_BLOCK * tn_real_bytes (call->dtype);

#pragma omp parallel for schedule(static) num_threads((int) call->threads) if (count >= TN_PARALLEL_ELEMENTS)
  for (gsize first = 0; first < count; first += block)
    transform_piece (call, x, y, first, block, adds ? (char *) call->scratch + (gsize) omp_get_thread_num () * room_bytes : NULL);
}

static void
hadamard_forward (const TnCall *call)
{
  transform_all (call, call->inputs[0], call->outputs[0], FALSE);
}

static void
hadamard_backward (const TnCall *call)
{
  if (call->input_gradients[0] != NULL)
    transform_all (call, call->output_gradients[0], call->input_gradients[0], call->adds[0]);
}

TnValue *
tn_tape_hadamard (TnTape *tape, TnValue *x, gsize block)
{
  static const TnFunction function = {.name = "hadamard",
                                      .attribute_bytes = sizeof (gsize),
                                      .flags = TN_FUNCTION_IN_PLACE,
                                      .infer = infer_hadamard,
                                      .forward = hadamard_forward,
                                      .backward = hadamard_backward};

  return tn_tape_apply (tape, &function, &x, 1, &block, NULL);
}
