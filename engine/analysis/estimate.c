/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/analysis/estimate.h"

#include "engine/metrics/student.h"

TnEstimate
tn_estimate_ratio (const double *numerators, const double *denominators, guint n)
{
  TnEstimate estimate = TN_ESTIMATE_NONE;
  double numerator = 0.0, denominator = 0.0, squares = 0.0, half;

  for (guint i = 0; i < n; i++)
    {
      numerator += numerators[i];
      denominator += denominators[i];
    }
  if (n == 0 || !(denominator > 0.0))
    return estimate;
  estimate.value = numerator / denominator;
  estimate.n = n;
  if (n < 2)
    return estimate;
  for (guint i = 0; i < n; i++)
    {
      double residual = numerators[i] - estimate.value * denominators[i];

      squares += residual * residual;
    }
  half = tn_student_half_width (1.0 - TN_ESTIMATE_CONFIDENCE, n - 1) * sqrt (squares * n / (n - 1)) / denominator;
  estimate.low = estimate.value - half;
  estimate.high = estimate.value + half;
  return estimate;
}

TnEstimate
tn_estimate_mean (const double *values, guint n)
{
  g_autofree double *ones = g_new (double, MAX (n, 1));

  for (guint i = 0; i < n; i++)
    ones[i] = 1.0;
  return tn_estimate_ratio (values, ones, n);
}
