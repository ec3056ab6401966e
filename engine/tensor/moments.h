/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/tensor/tensor-blocks.h"

G_BEGIN_DECLS

/* What one pass over a tensor finds: all that quantizers and summaries need of it. Elements that are not finite enter only count. */
typedef struct
{
  guint64 count;
  guint64 finite;
  guint64 zeros;
  double  min, max;   /* +inf, -inf when nothing is finite */
  double  mean;
  double  deviation;  /* sum of squared distances to the mean */
  double  abs_sum;
} TnMoments;

/* Called for every block while it is in the cache, in parallel. */
typedef void (*TnMomentsFunc) (const TnTensorBlock *block, gpointer user_data);

/* Streams over elements first .. first + n; conditions and errors of tn_tensor_visit_blocks(). also may be NULL. The same bits
 * for any number of threads. */
gboolean tn_tensor_moments (const TnTensor *self, guint64 first, guint64 n, TnMomentsFunc also, gpointer user_data,
                            TnMoments *moments, GCancellable *cancellable, GError **error);

G_END_DECLS
