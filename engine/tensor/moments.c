/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tensor/moments.h"

#include <math.h>

#include "engine/tensor/scan.h"

typedef struct
{
  TnMomentsFunc also;
  gpointer also_data;
  TnMoments *total;
  TnMoments blocks[TN_TENSOR_WAVE_BLOCKS];
} Pass;

static void
measure (const TnTensorBlock *block, gpointer user_data)
{
  Pass *pass = user_data;
  TnScan scan;
  double mean;

  tn_scan_values (block->x, block->n, &scan);
  mean = scan.finite > 0 ? scan.sum / (double) scan.finite : 0.0;
  pass->blocks[block->slot] = (TnMoments){
      .count = block->n,
      .finite = scan.finite,
      .zeros = scan.zeros,
      .min = (double) scan.min,
      .max = (double) scan.max,
      .mean = mean,
      .deviation = tn_scan_deviation (block->x, block->n, mean),
      .abs_sum = scan.abs_sum,
  };
  if (pass->also != NULL)
    pass->also (block, pass->also_data);
}

static void
fold (guint slot, gpointer user_data)
{
  Pass *pass = user_data;
  const TnMoments *block = &pass->blocks[slot];
  TnMoments *total = pass->total;

  total->count += block->count;
  if (block->finite == 0)
    return;
  if (total->finite == 0)
    {
      total->mean = block->mean;
      total->deviation = block->deviation;
    }
  else
    {
      /* Chan, Golub and LeVeque: no cancellation, however far the mean is from zero. */
      double weight = (double) block->finite / (double) (total->finite + block->finite);
      double distance = block->mean - total->mean;

      total->mean += distance * weight;
      total->deviation += block->deviation + distance * distance * weight * (double) total->finite;
    }
  total->finite += block->finite;
  total->zeros += block->zeros;
  total->min = MIN (total->min, block->min);
  total->max = MAX (total->max, block->max);
  total->abs_sum += block->abs_sum;
}

gboolean
tn_tensor_moments (const TnTensor *self, guint64 first, guint64 n, TnMomentsFunc also, gpointer user_data, TnMoments *moments,
                   GCancellable *cancellable, GError **error)
{
  TnMoments total = {.min = INFINITY, .max = -INFINITY};
  Pass pass = {.also = also, .also_data = user_data, .total = &total};
  TnTensorVisitor visitor = {.measure = measure, .fold = fold, .user_data = &pass};

  if (!tn_tensor_visit_blocks (self, first, n, TN_TENSOR_BLOCK_ELEMENTS, &visitor, cancellable, error))
    return FALSE;
  *moments = total;
  return TRUE;
}
