/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/block-sum.h"

double
tn_block_sum (const TnCall *call, gsize n, TnBlockFunc func, gconstpointer user_data, double *sums)
{
  gint64 n_blocks = (gint64) ((n + TN_BLOCK_SUM - 1) / TN_BLOCK_SUM);
  double sum = 0.0;

#pragma omp parallel for schedule(static) num_threads((int) call->threads)
  for (gint64 block = 0; block < n_blocks; block++)
    {
      gsize first = (gsize) block * TN_BLOCK_SUM;

      sums[block] = func (call, first, MIN (TN_BLOCK_SUM, n - first), user_data);
    }
  for (gint64 block = 0; block < n_blocks; block++)
    sum += sums[block];
  return sum;
}
