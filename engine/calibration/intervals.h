/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/site-stats.h"
#include "engine/quant/scheme.h"

G_BEGIN_DECLS

/* How far a site's numbers would move if other sequences of the same kind had been drawn: 95 % confidence intervals over sequences, which are what is
 * drawn independently; values and tokens of one sequence are not. Every sequence belongs to one of TN_STATS_GROUPS groups by its hash, so groups are
 * independent samples of unequal size, and the delete-a-group jackknife for unequal groups gives the standard error (Busing, Meijer and van der Leeden, Statistics
 * and Computing 9, 1999: pseudo-values h_j theta - (h_j - 1) theta_(-j), h_j = n / m_j, m_j the group's finite values):
 *   variance = 1/g sum_j (pseudo_j - theta_J)^2 / (h_j - 1),   interval = theta -+ t(g - 1) * sqrt (variance).
 * Deleting groups, not single values, keeps this right for percentiles, where the usual jackknife fails (Shao and Wu, Annals of Statistics 17, 1989). Std and
 * SQNR are treated as logarithms. What is needed of a group besides its moments is its coarse histogram: inside a coarse bin its values are taken to be
 * spread as the site's are.
 *
 * An interval needs two groups with values; with fewer than eight groups or about 32 sequences it is rough, which groups and sequences tell. So is that of
 * a percentile which few sequences reach: of 96 that differ in loudness, a test finds the truth in 92 to 97 % of the intervals of mean, std, SQNR and 99th
 * percentile, and in 85 % of those of the 99.9th; SQNR where clipping of
 * a few sequences makes most of the error is like the latter. */
typedef struct
{
  double  value;
  double  error;     /* standard error */
  double  low, high; /* NaN, like error, where there is no interval */
  guint   groups;    /* that hold values */
} TnInterval;

typedef enum
{
  TN_MOMENT_MEAN,
  TN_MOMENT_STD,
  TN_MOMENT_ABSMEAN,
} TnMoment;

/* Of any number: value is that of all groups, deleted[g] that without group g, for each that holds values. [TN_STATS_GROUPS] */
TnInterval tn_site_stats_jackknife           (const TnSiteStats *site, double value, const double *deleted);
TnInterval tn_site_stats_moment_interval     (const TnSiteStats *site, TnMoment moment);
/* NaN when the site has no details (files of the first version). The same holds below. */
TnInterval tn_site_stats_percentile_interval (const TnSiteStats *site, double percent);
/* SQNR in dB under given parameters (tn_parameter_error()). What it does not hold is that the parameters may have been chosen on the same data. */
TnInterval tn_site_stats_sqnr_interval       (const TnSiteStats *site, const TnScheme *scheme, double scale, gint32 zero_point);

/* An extreme has no such interval: it can only grow. What can be said:
 * - of n sequences drawn alike, the next one goes beyond the largest value seen with a chance of at most 1 / (n + 1), whatever the distribution;
 * - limit: the extreme of as many new sequences stays within it with about 95 % confidence, from a Gumbel distribution fitted to the groups' extremes by
 *   their L-moments (Hosking, J. R. Statist. Soc. B 52, 1990; Coles, An Introduction to Statistical Modeling of Extreme Values, 2001, chapter 3), to their logarithms
 *   when they all have the sign of the extreme, so that heavy tails are followed. */
typedef struct
{
  double  value;  /* the extreme seen */
  double  limit;  /* NaN with fewer than four groups */
  double  chance; /* 1 / (n + 1) */
  guint   groups;
} TnRangeInterval;

void       tn_site_stats_range_intervals     (const TnSiteStats *site, TnRangeInterval *min, TnRangeInterval *max);

G_END_DECLS
