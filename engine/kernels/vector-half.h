/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Products of a vector with rows of numbers of 16 bits as they lie in memory, for weights that are read once: a row a token. */

#define TN_HALF_ROWS 16

typedef enum
{
  TN_HALF_F16,
  TN_HALF_BF16,
} TnHalfKind;

/* y [TN_HALF_ROWS]: chains over depth of fused multiply-adds of x[k] and row j's k-th number, the same bits as
 * tn_vector_multiply_transposed() of the decoded rows. rows: any alignment, a row every stride numbers. Runs on this thread alone.
 * The same bits in every variant. */
void     tn_vector_multiply_half (TnHalfKind kind, const float *x, const void *rows, gsize stride, gsize depth, float *y);
/* FALSE where decoding first is faster: without instructions for it. */
gboolean tn_vector_half_is_fast  (void);

G_END_DECLS
