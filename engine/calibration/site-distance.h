/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/site-stats.h"

G_BEGIN_DECLS

/* How far the activations of one sample are from those of another, independent one at the same site; and how far two samples of these sizes of one
 * population would be expected to be.
 *
 * ks: Kolmogorov-Smirnov, the largest difference of the distribution functions, over the bins of both histograms (histogram-distance.h). js:
 * Jensen-Shannon divergence in bits, over bins of a quarter of an octave, so that chance alone gives little.
 *
 * Values of one sequence are not independent, so what is expected is found from the hash groups, whose sequences are: with c_gb values of group g in
 * bin b of a quarter of an octave, n_g in all bins, p_b = sum c_gb / n, the variance of p_b is that of a ratio of sums over groups (Cochran 1977,
 * section 6.3), V(p_b) = G / (G - 1) sum_g (c_gb - p_b n_g)^2 / n^2, and likewise V(F_b) for the distribution function. With V of both samples added,
 * js_expected = sum_b V(p_b) / (8 p_b ln 2), and ks_expected = 0.8687 * 2 max_b sqrt (V(F_b)), for independent values the mean of Kolmogorov's
 * distribution. The
 * largest difference of dependent values is overstated by a quarter or so, and 16 groups tell a variance to a third. */
typedef struct
{
  double ks, ks_expected;
  double js, js_expected;
  double range_ratio;              /* (max - min) of the sample over the reference's */
  double std_ratio, std_expected;  /* std of the sample over the reference's; expected |ratio - 1|: sqrt(2 / pi) times its standard error (groups) */
} TnSiteDistance;

/* NaN where one of both holds no values; js and the expected ones also where statistics of the first version have no bins of groups. */
void tn_site_distance (const TnSiteStats *sample, const TnSiteStats *reference, TnSiteDistance *distance);

G_END_DECLS
