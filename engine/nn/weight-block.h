/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/device/device.h"
#include "engine/kernels/softmax.h"
#include "engine/tensor/tensor.h"

G_BEGIN_DECLS

/* Some output rows of a weight, made ready by one thread for products with many rows of x. Where x and weights are too deep for the
 * caches they come in parts of the columns, each to be multiplied before the next is made:
 *   tn_weight_block_init (&block, …);
 *   while (tn_weight_block_next (&block))
 *     tn_weight_block_multiply (&block, …);
 * With our own products (engine/kernels/matrix-product.h) results do not depend on how rows of x are cut; with OpenBLAS on nothing
 * but the rows of a call and the weight's shape. */
typedef struct
{
  const TnTensor *weight; /* [out, in] of any dtype that can be decoded */
  guint64         first, n;
  float          *scratch;
  guint64         column, depth; /* the part that is ready */
  const float    *ready;
} TnWeightBlock;

/* Output rows a block; those of the head are where rows of logits are cut. */
#define TN_WEIGHT_BLOCK_ROWS TN_LOG_SUM_EXP_COLUMNS

/* Floats of scratch that a block of this weight takes. */
gsize    tn_weight_block_count    (const TnTensor *weight);
/* Parts that a block of this weight comes in. */
guint    tn_weight_block_parts    (const TnTensor *weight);
/* Rows first .. first + n, n <= TN_WEIGHT_BLOCK_ROWS. scratch: aligned to 64. */
void     tn_weight_block_init     (TnWeightBlock *self, const TnTensor *weight, guint64 first, guint64 n, float *scratch);
/* Makes the next part; FALSE after the last. */
gboolean tn_weight_block_next     (TnWeightBlock *self);
/* x: [n_rows, in]; y: [n_rows, n], its rows y_stride apart: what the parts so far give. */
void     tn_weight_block_multiply (const TnWeightBlock *self, const float *x, gsize n_rows, float *y, gsize y_stride);

/* y [n] for one row x [in] and output rows first .. first + n. scratch: [tn_weight_vector_count (weight)] of this thread. */
#define TN_WEIGHT_VECTOR_ROWS 16
gsize    tn_weight_vector_count    (const TnTensor *weight);
void     tn_weight_vector_multiply (const TnTensor *weight, guint64 first, guint64 n, const float *x, float *scratch, float *y);

/* TRUE when the data can be used as fp32 where it lies. */
gboolean tn_weight_in_place (const TnTensor *weight);

/* What multiplies: the device's choice, or what a test or a measurement wants. Not while anything computes. */
TnProductBackEnd tn_weight_product     (void);
void             tn_weight_product_use (TnProductBackEnd product);

G_END_DECLS
