/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/tensor-details.h"

#include <math.h>

#include "engine/tensor/tensor-blocks.h"

#define PARTIAL_SUMS 4

typedef struct
{
  double third, fourth; /* sums of powers of the distance to the mean */
} Powers;

typedef struct
{
  double mean;
  Powers total;
  Powers blocks[TN_TENSOR_WAVE_BLOCKS];
} Pass;

static void
measure (const TnTensorBlock *block, gpointer user_data)
{
  Pass *pass = user_data;
  Powers sums[PARTIAL_SUMS] = {{0.0, 0.0}};

  for (gsize i = 0; i < block->n; i++)
    {
      double distance = isfinite (block->x[i]) ? (double) block->x[i] - pass->mean : 0.0, square = distance * distance;

      sums[i % PARTIAL_SUMS].third += square * distance;
      sums[i % PARTIAL_SUMS].fourth += square * square;
    }
  pass->blocks[block->slot] = (Powers){0.0, 0.0};
  for (guint k = 0; k < PARTIAL_SUMS; k++)
    {
      pass->blocks[block->slot].third += sums[k].third;
      pass->blocks[block->slot].fourth += sums[k].fourth;
    }
}

static void
fold (guint slot, gpointer user_data)
{
  Pass *pass = user_data;

  pass->total.third += pass->blocks[slot].third;
  pass->total.fourth += pass->blocks[slot].fourth;
}

static gboolean
find_shape (TnTensorDetails *self, const TnTensor *tensor, const TnTensorSummary *summary, GCancellable *cancellable, GError **error)
{
  g_autofree Pass *pass = g_new0 (Pass, 1);
  TnTensorVisitor visitor = {.measure = measure, .fold = fold, .user_data = pass};
  double n = (double) summary->moments.finite, variance = summary->std * summary->std;

  self->skewness = self->kurtosis = (double) NAN;
  /* A tensor that is constant has no shape. */
  if (!(variance > 0.0))
    return TRUE;
  pass->mean = summary->mean;
  if (!tn_tensor_visit_blocks (tensor, 0, tensor->count, TN_TENSOR_BLOCK_ELEMENTS, &visitor, cancellable, error))
    return FALSE;
  self->skewness = pass->total.third / n / (variance * summary->std);
  self->kurtosis = pass->total.fourth / n / (variance * variance);
  return TRUE;
}

TnTensorDetails *
tn_tensor_details_new (const TnTensor *tensor, const TnTensorSummary *summary, const TnFloatHistogram *histogram, const double *percents, guint n,
                       GCancellable *cancellable, GError **error)
{
  g_autoptr (TnTensorDetails) self = g_new0 (TnTensorDetails, 1);
  g_autoptr (TnValueDistribution) distribution = tn_value_distribution_new (histogram, summary->min, summary->max);
  double mean_square = summary->mean * summary->mean + summary->std * summary->std;

  if (!find_shape (self, tensor, summary, cancellable, error))
    return NULL;
  self->hoyer = mean_square > 0.0 ? MAX (1.0 - summary->absmean / sqrt (mean_square), 0.0) : (double) NAN;
  self->entropy = tn_value_distribution_entropy (distribution, TN_CHANNEL_HISTOGRAM_OCTAVE_BINS);
  self->entropy_octave = tn_value_distribution_entropy (distribution, 1);
  self->iqr = tn_value_distribution_iqr (distribution);
  self->mad = tn_value_distribution_mad (distribution);
  for (TnOutlierRule rule = 0; rule < TN_N_OUTLIER_RULES; rule++)
    tn_outliers_find (distribution, summary->mean, summary->std, rule, &self->outliers[rule]);
  tn_outliers_find_massive (distribution, &self->massive);
  self->n_percentiles = n;
  self->percentiles = g_new0 (TnPercentileDetails, n);
  for (guint i = 0; i < n; i++)
    self->percentiles[i] = (TnPercentileDetails){
        .percent = percents[i],
        .value = tn_value_distribution_percentile (distribution, percents[i]),
        .interval = {(double) NAN, (double) NAN, (double) NAN, (double) NAN, 0},
    };
  return g_steal_pointer (&self);
}

void
tn_tensor_details_free (TnTensorDetails *self)
{
  if (self == NULL)
    return;
  g_free (self->percentiles);
  g_free (self);
}
