/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/site-stats.h"

#include <math.h>

#include "engine/calibration/site-stats-private.h"

void
tn_site_stats_summarize (const TnSiteStats *self, TnSiteSummary *summary)
{
  const TnFloatHistogram *histogram = self->histogram;
  TnGroupStats total = {0};
  guint64 finite;
  double n, mean, raw2, raw3, raw4, variance;

  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    tn_group_stats_merge_moments (&total, &self->groups[g]);

  *summary = (TnSiteSummary){
      .count = self->tokens * self->width,
      .nonfinite = histogram->nans + histogram->positive_infinities + histogram->negative_infinities,
      .oversize = self->oversize,
      .min = self->has_extremes ? (double) self->min.value : (double) NAN,
      .max = self->has_extremes ? (double) self->max.value : (double) NAN,
      .mean = (double) NAN,
      .std = (double) NAN,
      .absmean = (double) NAN,
      .skewness = (double) NAN,
      .kurtosis = (double) NAN,
      .zeros = (double) NAN,
      .mean_square = (double) NAN,
      .variance = (double) NAN,
  };
  finite = summary->count - summary->nonfinite;
  if (finite > 0)
    summary->zeros = (double) histogram->zeros / (double) finite;
  if (total.count == 0)
    return;

  n = (double) total.count;
  mean = tn_wide_sum_to_double (&total.sum1) / n;
  raw2 = tn_wide_sum_to_double (&total.sum2) / n;
  raw3 = tn_wide_sum_to_double (&total.sum3) / n;
  raw4 = tn_wide_sum_to_double (&total.sum4) / n;
  variance = MAX (raw2 - mean * mean, 0.0);
  summary->mean = mean;
  summary->mean_square = raw2;
  summary->variance = variance;
  summary->absmean = tn_wide_sum_to_double (&total.sum_abs) / n;
  summary->std = sqrt (variance);
  /* Below this the difference of the raw moments is rounding, not spread. */
  if (variance > 1e-13 * raw2)
    {
      double third = raw3 - 3.0 * mean * raw2 + 2.0 * mean * mean * mean;
      double fourth = raw4 - 4.0 * mean * raw3 + 6.0 * mean * mean * raw2 - 3.0 * mean * mean * mean * mean;

      summary->skewness = third / (variance * summary->std);
      summary->kurtosis = fourth / (variance * variance);
    }
}
