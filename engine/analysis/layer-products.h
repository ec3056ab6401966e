/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/analysis/carriers.h"
#include "engine/analysis/output-sums.h"
#include "engine/nn/model.h"

G_BEGIN_DECLS

/* Products that make up the error of one layer (layer-errors.h), and the memory for them: some rows of the weights at a time. */
typedef struct
{
  guint threads;
  gsize most_tokens, most_columns;
  float *read, *change, *rounded_read, *rounded_change, *inherited; /* [most_tokens, most_columns]: X, X^ - X, X', X'^ - X', X' - X */
  float *weights, *weight_errors;                                   /* some rows of [most_columns] */
  float *alone_products[TN_N_ERROR_PARTS], *accumulated_products[TN_N_ERROR_PARTS]; /* [most_tokens, some rows] */
  void *scratch;
  /* [most_tokens] of the layer measured last. */
  TnOutputSums *alone, *accumulated;
  gpointer memory;
} TnLayerProducts;

/* A layer of a model and of that model rounded. */
typedef struct
{
  TnModel *model, *rounded;
  const char *name;               /* of its weight */
  const float *site, *rounded_site; /* [n_tokens, columns]: its input in both */
  const float *output, *rounded_output; /* [n_tokens, rows]: what comes out of it in both */
  gsize n_tokens;
  TnCarrierSums *carriers;        /* or NULL */
  gboolean first;                 /* carriers have not seen the weights yet */
} TnLayerCase;

/* For layers of any number of rows. TN_ERROR_MEMORY. */
gboolean tn_layer_products_init (TnLayerProducts *self, gsize most_tokens, gsize most_columns, guint threads, GError **error);
void tn_layer_products_clear (TnLayerProducts *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TnLayerProducts, tn_layer_products_clear)
/* Fills alone and accumulated, and adds inputs, weights and outputs to carriers. Runs parallel regions: call on the compute thread. The same bits
 * for any number of threads. */
void tn_layer_products_measure (TnLayerProducts *self, const TnLayerCase *layer);

G_END_DECLS
