/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/metrics/metric-names.h"

#include <math.h>
#include <string.h>

#define METRIC(name, unit, sense, formula)                                                                                       \
  {                                                                                                                              \
#name, unit, formula, sense, G_STRUCT_OFFSET(TnErrorSummary, name)                                                           \
  }

static const TnMetric metrics[] = {
    METRIC (sqnr_db, "dB", TN_METRIC_MORE_IS_BETTER, "10 log10 (sum x^2 / sum e^2)"),
    METRIC (segmental_sqnr_db, "dB", TN_METRIC_MORE_IS_BETTER, "mean over rows of their sqnr, each within -10 .. 100 dB"),
    METRIC (effective_bits, "bit", TN_METRIC_MORE_IS_BETTER, "(sqnr_db - 1.76) / 6.02"),
    METRIC (mse, "", TN_METRIC_LESS_IS_BETTER, "mean e^2"),
    METRIC (rmse, "", TN_METRIC_LESS_IS_BETTER, "sqrt (mean e^2)"),
    METRIC (nmse, "", TN_METRIC_LESS_IS_BETTER, "sum e^2 / sum x^2"),
    METRIC (psnr_db, "dB", TN_METRIC_MORE_IS_BETTER, "10 log10 ((max x - min x)^2 / mse)"),
    METRIC (mean_abs, "", TN_METRIC_LESS_IS_BETTER, "mean |e|"),
    METRIC (max_abs, "", TN_METRIC_LESS_IS_BETTER, "max |e|"),
    METRIC (mean_relative, "", TN_METRIC_LESS_IS_BETTER, "mean |e| / |x| where x is not 0"),
    METRIC (bias, "", TN_METRIC_NEUTRAL, "mean e"),
    METRIC (cosine, "", TN_METRIC_MORE_IS_BETTER, "sum xy / sqrt (sum x^2 sum y^2)"),
    METRIC (cosine_distance, "", TN_METRIC_LESS_IS_BETTER, "1 - cosine"),
    METRIC (angle, "", TN_METRIC_LESS_IS_BETTER, "arccos (cosine) / pi"),
    METRIC (row_cosine_mean, "", TN_METRIC_MORE_IS_BETTER, "mean over rows of their cosine"),
    METRIC (row_cosine_min, "", TN_METRIC_MORE_IS_BETTER, "the smallest cosine of a row"),
    METRIC (row_cosine_p1, "", TN_METRIC_MORE_IS_BETTER, "1st percentile of the rows' cosine"),
    METRIC (row_cosine_p5, "", TN_METRIC_MORE_IS_BETTER, "5th percentile of the rows' cosine"),
    METRIC (row_cosine_p50, "", TN_METRIC_MORE_IS_BETTER, "median of the rows' cosine"),
    METRIC (magnitude_correlation, "", TN_METRIC_NEUTRAL, "Pearson's correlation of |e| with |x|"),
    METRIC (peak, "", TN_METRIC_NEUTRAL, "max x - min x"),
    METRIC (abs_p50, "", TN_METRIC_LESS_IS_BETTER, "median of |e|"),
    METRIC (abs_p90, "", TN_METRIC_LESS_IS_BETTER, "90th percentile of |e|"),
    METRIC (abs_p99, "", TN_METRIC_LESS_IS_BETTER, "99th percentile of |e|"),
    METRIC (abs_p999, "", TN_METRIC_LESS_IS_BETTER, "99.9th percentile of |e|"),
};

const TnMetric *
tn_metrics_list (guint *n)
{
  *n = G_N_ELEMENTS (metrics);
  return metrics;
}

const TnMetric *
tn_metric_find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (metrics); i++)
    if (strcmp (metrics[i].name, name) == 0)
      return &metrics[i];
  return NULL;
}

double
tn_metric_get (const TnMetric *self, const TnErrorSummary *summary)
{
  return *(const double *) (const void *) ((const char *) summary + self->offset);
}

int
tn_metric_compare_worst (const TnMetric *self, double a, double b)
{
  if (isnan (a) || isnan (b))
    return isnan (a) - isnan (b);
  if (self->sense == TN_METRIC_NEUTRAL)
    {
      a = fabs (a);
      b = fabs (b);
    }
  if (a == b)
    return 0;
  return (a < b) == (self->sense == TN_METRIC_MORE_IS_BETTER) ? -1 : 1;
}
