/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/scratch.h"
#include "engine/nn/weight-block.h"

G_BEGIN_DECLS

/* Products with weights as they lie in their tensor: a sequence's results have the same bits in any batch and on any number of
 * threads. With our own products, which are the rule, because that is how they are; with OpenBLAS because every product is a call
 * for one sequence and a fixed block of output rows. */

/* y = x W^T. weight: [out, in] of any dtype that can be decoded; y: [n_tokens, out]. */
typedef struct
{
  const TnTensor *weight;
  float          *y;
} TnLinear;

/* Layers that read the same x [n_tokens, in]. Mapped pages of large weights are released behind the products. Runs a parallel region:
 * call on the compute thread. */
void         tn_linear_forward    (const TnLinear *layers, guint n_layers, const float *x, const TnForwardScratch *scratch);

/* Some rows of the batch's matrices. */
typedef struct
{
  gsize first, n;
} TnRowRange;

/* The same for layers with as many outputs, which are computed side by side: part is called, on any thread, with some rows and
 * output columns first .. first + n as soon as all the layers have them. */
typedef void (*TnLinearPartFunc) (const TnRowRange *rows, gsize first, gsize n, gpointer user_data);
void         tn_linear_forward_joined (const TnLinear *layers, guint n_layers, const float *x, const TnForwardScratch *scratch,
                                       TnLinearPartFunc part, gpointer user_data);

/* y [out] = W x for one row x [in]; with our own products the same bits as in a batch. tiles: for every thread the
 * tn_weight_vector_count() of the weight that takes most. */
void         tn_linear_vector     (const TnTensor *weight, const float *x, float *tiles, gsize tile_count, float *y);

/* What computes the products: our own arithmetic ("ternion fma chain 1"), which gives the same bits on every processor, or library,
 * version and the kernels it chose for this processor ("openblas 0.3.21 SkylakeX"), where another version or another processor's
 * kernels round differently. Statistics say which it was. Free with g_free(). */
char        *tn_linear_backend    (void);

/* Rows first .. first + n are not needed for now: drops the pages of large mapped weights where that is wanted. Any thread. */
void         tn_linear_release    (const TnTensor *weight, guint64 first, guint64 n, const TnForwardScratch *scratch);

/* The batch cut into ranges of at most most rows; with OpenBLAS each of one sequence. TnRowRange, free with g_array_unref(). */
GArray      *tn_linear_cut_rows   (const TnForwardScratch *scratch, gsize most);
/* Rows a range so that n_blocks blocks of weights times the ranges are work enough for all threads. */
gsize        tn_linear_share_rows (const TnForwardScratch *scratch, guint64 n_blocks);

G_END_DECLS
