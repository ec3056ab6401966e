/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/estimate.h"

#include "engine/metrics/paired-interval.h"

static TnEstimate
take (const TnMeanInterval *interval)
{
  return (TnEstimate){.value = interval->mean, .low = interval->low, .high = interval->high, .n = (guint) interval->n};
}

TnEstimate
tn_estimate_ratio (const double *numerators, const double *denominators, guint n)
{
  TnMeanInterval interval;

  tn_ratio_interval (numerators, denominators, n, 1.0 - TN_ESTIMATE_CONFIDENCE, &interval);
  return isnan (interval.mean) ? TN_ESTIMATE_NONE : take (&interval);
}

TnEstimate
tn_estimate_mean (const double *values, guint n)
{
  TnMeanInterval interval;

  if (n == 0)
    return TN_ESTIMATE_NONE;
  tn_mean_interval (values, n, 1.0 - TN_ESTIMATE_CONFIDENCE, &interval);
  return take (&interval);
}
