/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/metrics/float-histogram.h"

G_BEGIN_DECLS

/* How far apart the finite values of two histograms lie, each taken as a distribution. */
typedef struct
{
  double ks; /* Kolmogorov-Smirnov: the largest difference of the two distribution functions, 0 to 1; at the edges of the bins */
  double js; /* Jensen-Shannon divergence in bits, 0 to 1 (Lin 1991): half the divergences of both from their mean, over the bins. Two samples
                of one distribution are (K - 1) (1/n + 1/m) / (8 ln 2) apart on average, K the number of bins that occur */
} TnHistogramDistance;

/* NaN where one of them is empty. */
void tn_histogram_distance (const TnFloatHistogram *a, const TnFloatHistogram *b, TnHistogramDistance *distance);

G_END_DECLS
