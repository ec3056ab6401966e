/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/nn/linear.h"
#include "engine/nn/model-private.h"

G_BEGIN_DECLS

/* What layers with rounded inputs or ternary weights need besides plain products, for one pass: a block of the pool, or nothing. */
typedef struct
{
  guint threads;
  gsize int8_bytes, rounded_bytes, product_bytes; /* each a multiple of 64 */
  /* Filled by tn_layer_scratch_init(). */
  guint8 *memory;
} TnLayerScratch;

/* For passes over at most n_rows rows. */
void     tn_layer_scratch_plan   (TnLayerScratch *self, const TnModel *model, gsize n_rows, guint threads);
/* Pool bytes of a plan. */
gsize    tn_layer_scratch_bytes  (const TnLayerScratch *self);
/* Allocates what was planned; TN_ERROR_MEMORY. */
gboolean tn_layer_scratch_init   (TnLayerScratch *self, GError **error);
void     tn_layer_scratch_clear  (TnLayerScratch *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TnLayerScratch, tn_layer_scratch_clear)

/* fp32 products of layers that read the same x. */
typedef void (*TnFloatProducts) (const TnLinear *layers, guint n_layers, const float *x, gpointer user_data);

/* TRUE when all these layers read int8 codes: then the norm in front of them need not be computed in fp32. */
gboolean tn_block_layers_fuse    (const TnBlockLayers *block, TnLayerKind first, guint n);
/* Layers first .. first + n of a block, which read x [n_rows, width], behind a norm when gain is given (where they fuse). y[i]:
 * [n_rows, out]. Products in fp32 are left to float_products. Runs parallel regions: call on the compute thread. */
void     tn_block_layers_forward (const TnBlockLayers *block, TnLayerKind first, guint n, const float *x, const float *gain,
                                  double epsilon, gsize n_rows, float *const *y, const TnLayerScratch *scratch,
                                  TnFloatProducts float_products, gpointer user_data);

G_END_DECLS
