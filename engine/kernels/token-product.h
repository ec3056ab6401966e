/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/kernels/int8-rows.h"

G_BEGIN_DECLS

/* c [m, n] = sum over tokens of a[t][i] x[t][j], x int8 rows (codes times scales): the gradient of a weight, on integers. In every block of
 * TN_TOKEN_BLOCK tokens, each column of a times the scales of the tokens becomes int8 with one scale, rounded at random (engine/kernels/
 * stochastic-rows.h) so that it is right in the mean; the sums of the block are exact, and those of the blocks are added in float, in
 * their order. The same bits for any number of threads, in every variant. */
#define TN_TOKEN_BLOCK 512

typedef struct
{
  gsize             n_tokens, m, n;
  const float      *a; /* [n_tokens, m] */
  const TnInt8Rows *x; /* [n_tokens, n] */
  float            *c;
  gboolean          adds; /* to what c holds */
  guint64           key;  /* of the random numbers */
} TnTokenProduct;

/* scratch: [tn_token_product_scratch_bytes ()], aligned to 64. Runs parallel regions: call on the compute thread. */
void  tn_token_product               (const TnTokenProduct *self, void *scratch, guint threads);
gsize tn_token_product_scratch_bytes (gsize m, guint threads);

G_END_DECLS
