/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A mean and how sure it is. error: the share of intervals that miss the truth, 0.05 for 95 %. */
typedef struct
{
  double mean;
  double standard_error; /* NaN of fewer than two values */
  double low, high; /* NaN likewise */
  gsize  n;
} TnMeanInterval;

/* Mean of values with Student's interval. */
void tn_mean_interval   (const double *values, gsize n, double error, TnMeanInterval *interval);
/* Mean of a - b, whose error is that of the differences: what both share is no part of it. */
void tn_paired_interval (const double *a, const double *b, gsize n, double error, TnMeanInterval *interval);
/* sum values / sum weights over n clusters such as windows of unequal length: the error of a ratio estimator (Cochran 1977, Sampling Techniques, 6.4),
 * Student's interval with n - 1 degrees of freedom. NaN where the weights sum to 0. */
void tn_ratio_interval  (const double *values, const double *weights, gsize n, double error, TnMeanInterval *interval);

/* A statistic of a sample: order[k], k < n, names the observations, each as often as it was drawn. */
typedef double (*TnStatisticFunc) (const guint32 *order, gsize n, gpointer user_data);
/* Percentile interval over so many resamples (Efron 1979), drawn from the seed alone; mean is the statistic of the sample itself, standard_error the
 * standard deviation over resamples. Resamples whose statistic is NaN are left out. n < 2^32, resamples >= 2. */
void tn_bootstrap_interval (TnStatisticFunc func, gpointer user_data, gsize n, guint resamples, guint64 seed, double error, TnMeanInterval *interval);

G_END_DECLS
