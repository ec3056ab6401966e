/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/site-details.h"
#include "engine/metrics/tensor-summary.h"

G_BEGIN_DECLS

/* What site-details.h gives of a site, of a tensor: the same numbers by the same definitions, without intervals, for nothing was drawn. Numbers that
 * cannot be had are NaN. */
typedef struct
{
  double     skewness, kurtosis; /* of the population; 3 for a normal distribution */
  double     hoyer, entropy, entropy_octave;
  TnBounded  iqr, mad;
  TnOutliers outliers[TN_N_OUTLIER_RULES], massive;
  guint      n_percentiles;
  TnPercentileDetails *percentiles;
} TnTensorDetails;

/* summary, histogram: what tn_tensor_summarize() found. Takes one more pass over the tensor, for distances to the mean; conditions and errors are
 * those of tn_tensor_visit_blocks(). percents: n of them, 0 to 100. */
TnTensorDetails *tn_tensor_details_new  (const TnTensor *tensor, const TnTensorSummary *summary, const TnFloatHistogram *histogram,
                                         const double *percents, guint n, GCancellable *cancellable, GError **error);
void             tn_tensor_details_free (TnTensorDetails *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnTensorDetails, tn_tensor_details_free)

G_END_DECLS
