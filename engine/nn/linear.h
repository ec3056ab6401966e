/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/batch.h"
#include "engine/tensor/tensor.h"

G_BEGIN_DECLS

/* Products with weights as they lie in their tensor. Every product is one call per (sequence, block of TN_LINEAR_BLOCK_ROWS output rows): its shape
 * depends on the sequence's length and the layer alone, so a sequence's results have the same bits in any batch and on any number of threads.
 * Run parallel loops: call on the compute thread. */
#define TN_LINEAR_BLOCK_ROWS 512

/* y = x W^T. weight: [out, in] of any dtype that can be decoded; x: [batch->n_tokens, in]; y: [batch->n_tokens, out]. Weights that are not fp32 are decoded
 * block by block into scratch from the pool and their mapped pages released. TN_ERROR_MEMORY. */
gboolean tn_linear_forward (const TnTensor *weight, const TnBatch *batch, const float *x, float *y, GError **error);
/* Scratch bytes it takes at most. */
gsize    tn_linear_estimate_scratch (const TnTensor *weight);

/* Rows first .. first + n of the weight in fp32: in place where it is fp32 already, else decoded to scratch [n, in]. */
const float *tn_linear_rows (const TnTensor *weight, guint64 first, guint64 n, float *scratch);
/* One product, alone on this thread: c [m, n] with row stride ldc = a [m, k] (row stride lda) times b [n, k]^T (row stride ldb), times alpha. */
void     tn_linear_product (const float *a, gsize lda, const float *b, gsize ldb, float *c, gsize ldc, gsize m, gsize n, gsize k, float alpha);
/* c [m, n] = a [m, k] b [k, n]. */
void     tn_linear_product_plain (const float *a, gsize lda, const float *b, gsize ldb, float *c, gsize ldc, gsize m, gsize n, gsize k);
/* TRUE when the data can be used as fp32 where it lies. */
gboolean tn_linear_in_place (const TnTensor *weight);

G_END_DECLS
