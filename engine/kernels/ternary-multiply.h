/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/kernels/int8-rows.h"
#include "engine/kernels/ternary.h"

G_BEGIN_DECLS

/* y [n_rows, matrix->rows] = the product of tn_ternary_product() for all rows of x and of the matrix, cut among threads: the same bits for
 * any number of them. scales: of the matrix, one a row or one number; adds: to what y holds. */
typedef struct
{
  TnTernaryMatrix matrix;
  const float    *scales;
  gboolean        per_row;
  gboolean        adds;
  float          *y;
} TnTernaryMultiply;

/* scratch: [tn_ternary_multiply_scratch_bytes ()], aligned to 64. Runs a parallel region: call on the compute thread. */
void  tn_ternary_multiply               (const TnTernaryMultiply *self, const TnInt8Rows *x, gsize n_rows, void *scratch, guint threads);
gsize tn_ternary_multiply_scratch_bytes (guint64 columns, guint threads);

/* tiles: [tn_ternary_bytes (columns, rows)] of the transposed matrix; its rows and columns behind the end have code 0, too. Runs a parallel
 * region: call on the compute thread. */
void  tn_ternary_transpose              (const TnTernaryMatrix *self, guint8 *tiles, guint threads);

G_END_DECLS
