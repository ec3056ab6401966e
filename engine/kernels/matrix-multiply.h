/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Products of fp32 matrices on several threads, in the three forms that training a linear layer y = x W^T takes. Matrices are
 * row-major. Every element of c is one chain of fused multiply-adds in the order of the depth, as
 * matrix-product.h has it: the same bits for any number of threads and on any processor. */
typedef enum
{
  TN_MULTIPLY_B_TRANSPOSED, /* c [m, n] = a [m, depth] b [n, depth]^T:  y = x W^T */
  TN_MULTIPLY_PLAIN,        /* c [m, n] = a [m, depth] b [depth, n]:    dx = dy W */
  TN_MULTIPLY_A_TRANSPOSED, /* c [m, n] = a [depth, m]^T b [depth, n]:  dW = dy^T x */
} TnMultiplyForm;

typedef struct
{
  TnMultiplyForm form;
  gsize m, n, depth;
  const float *a, *b;
  float *c; /* overlaps neither */
  /* From row to row of what lies in memory; 0: rows lie without gaps. */
  gsize a_stride, b_stride, c_stride;
  /* The chains go on from what c holds: two products added one after the other are one product of both depths. */
  gboolean adds;
} TnMatrixMultiply;

/* Bytes of scratch that such a product takes on so many threads. */
gsize tn_matrix_multiply_scratch (TnMultiplyForm form, gsize m, gsize n, gsize depth, guint threads);
/* scratch: aligned to 64 bytes. Runs a parallel region: call on the compute thread. */
void tn_matrix_multiply (const TnMatrixMultiply *self, guint threads, void *scratch);

G_END_DECLS
