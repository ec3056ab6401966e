/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/function.h"

G_BEGIN_DECLS

/* Sums over elements or rows 0 .. n - 1 in double that have one order, whatever the number of threads: func gives the sum of a block of
 * TN_BLOCK_SUM (of fewer, the last), and blocks are added in their order. */
#define TN_BLOCK_SUM 1024

typedef double (*TnBlockFunc) (const TnCall *call, gsize first, gsize n, gconstpointer user_data);

static inline gsize
tn_block_sum_bytes (gsize n)
{
  return (n + TN_BLOCK_SUM - 1) / TN_BLOCK_SUM * sizeof (double);
}

/* sums: scratch of tn_block_sum_bytes (n). */
double tn_block_sum (const TnCall *call, gsize n, TnBlockFunc func, gconstpointer user_data, double *sums);

/* Element i of an input, a scalar that comes in as the gradient of output 0, and a scalar that goes out, of either type. */
static inline double
tn_call_get (const TnCall *call, guint input, gsize i)
{
  return call->dtype == TN_DTYPE_F64 ? ((const double *) call->inputs[input])[i] : (double) ((const float *) call->inputs[input])[i];
}

static inline double
tn_call_get_seed (const TnCall *call)
{
  return call->dtype == TN_DTYPE_F64 ? *(const double *) call->output_gradients[0] : (double) *(const float *) call->output_gradients[0];
}

static inline void
tn_call_put_scalar (const TnCall *call, double value)
{
  if (call->dtype == TN_DTYPE_F64)
    *(double *) call->outputs[0] = value;
  else
    *(float *) call->outputs[0] = (float) value;
}

/* Writes or adds, as the call wants it, to element i of the gradient of an input. */
static inline void
tn_call_put_gradient (const TnCall *call, guint input, gsize i, double value)
{
  if (call->dtype == TN_DTYPE_F64)
    {
      double *place = (double *) call->input_gradients[input] + i;

      *place = call->adds[input] ? *place + value : value;
    }
  else
    {
      float *place = (float *) call->input_gradients[input] + i;

      *place = call->adds[input] ? *place + (float) value : (float) value;
    }
}

G_END_DECLS
