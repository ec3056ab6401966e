/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/scratch.h"
#include "engine/tensor/tensor.h"

G_BEGIN_DECLS

/* Products with weights as they lie in their tensor. Every product is one call per sequence and fixed block of output rows: its
 * shape depends on the sequence's length and the layer alone, so a sequence's results have the same bits in any batch and on any
 * number of threads. */

/* y = x W^T. weight: [out, in] of any dtype that can be decoded; y: [n_tokens, out]. */
typedef struct
{
  const TnTensor *weight;
  float          *y;
} TnLinear;

/* Layers that read the same x [n_tokens, in]. Weights that are not fp32 are decoded a group of blocks at a time into the
 * scratch, and the mapped pages of large ones released. Runs parallel regions: call on the compute thread. */
void         tn_linear_forward    (const TnLinear *layers, guint n_layers, const float *x, const TnForwardScratch *scratch);

/* y [out] = W x for one row x [in]. tile: [threads * TN_LINEAR_VECTOR_ROWS * in] floats, unused where the weight is in place. */
#define TN_LINEAR_VECTOR_ROWS 16
void         tn_linear_vector     (const TnTensor *weight, const float *x, float *tiles, float *y);

/* What computes the products: library, version and the kernels it chose for this processor ("openblas 0.3.21 SkylakeX"). Another version or
 * another processor's kernels round differently, so statistics say which it was. Free with g_free(). */
char        *tn_linear_backend    (void);

/* Output rows a block. */
guint64      tn_linear_block_rows (const TnTensor *weight);
/* TRUE when the data can be used as fp32 where it lies. */
gboolean     tn_linear_in_place   (const TnTensor *weight);
/* Rows first .. first + n are not needed for now: drops the pages of large mapped weights where that is wanted. */
void         tn_linear_release    (const TnTensor *weight, guint64 first, guint64 n, const TnForwardScratch *scratch);

/* One product on this thread alone: c [m, n] (row stride ldc) = alpha a [m, k] b^T, b [n, k]. */
void         tn_product_transposed (const float *a, gsize lda, const float *b, gsize ldb, float *c, gsize ldc,
                                    gsize m, gsize n, gsize k, float alpha);
/* c [m, n] = a [m, k] b [k, n]. */
void         tn_product_plain      (const float *a, gsize lda, const float *b, gsize ldb, float *c, gsize ldc,
                                    gsize m, gsize n, gsize k);

G_END_DECLS
