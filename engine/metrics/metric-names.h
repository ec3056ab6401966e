/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/metrics/error-metrics.h"

G_BEGIN_DECLS

/* The numbers of TnErrorSummary by the names that commands, reports and files use. */

/* Where a larger value is a better one, a worse one, or neither. */
typedef enum { TN_METRIC_LESS_IS_BETTER, TN_METRIC_MORE_IS_BETTER, TN_METRIC_NEUTRAL } TnMetricSense;

typedef struct
{
  const char   *name;    /* "sqnr_db" */
  const char   *unit;    /* "dB", or "" */
  const char   *formula; /* "10 log10 (sum x^2 / sum e^2)" */
  TnMetricSense sense;
  gsize         offset;  /* of the double in TnErrorSummary */
} TnMetric;

/* All, in the order people look at them. */
const TnMetric *tn_metrics_list  (guint *n);
/* NULL: there is none of this name. */
const TnMetric *tn_metric_find   (const char *name);
double          tn_metric_get    (const TnMetric *self, const TnErrorSummary *summary);
/* Negative where a is worse than b, which ranks first; NaN stands last. */
int             tn_metric_compare_worst (const TnMetric *self, double a, double b);

G_END_DECLS
