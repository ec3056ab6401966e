/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/value-distribution.h"

G_BEGIN_DECLS

/* What counts as an outlier, by four rules:
 * - sigma: |x - mean| > 3 std;
 * - iqr: outside Tukey's fences, 1.5 IQR beyond the quartiles (Tukey, Exploratory Data Analysis, 1977);
 * - modified-z: 0.6745 |x - median| / MAD > 3.5 (Iglewicz and Hoaglin, 1993);
 * - tail: farther from the median than the tail of the distribution itself explains. The tail of |x - median| beyond its 98th percentile is fitted
 *   with a generalized Pareto distribution (Pickands, Annals of Statistics 3, 1975: shape xi = log2 ((q99 - q98) / (q98 - q96)), quantiles of the
 *   distances; a shape below 0, that of tails that end, counts as 0) and carried on to the distance that among as many values one is expected to
 *   exceed. Values beyond are outliers: by chance there would be one.
 *
 * Why tail and not an isolation forest: on one-dimensional values the depth of an isolation tree is nothing but a random, coarse estimate of how
 * thin the values lie (Liu et al. 2008 split at uniform points), its threshold has no error rate, and neither forest nor score can be merged
 * exactly. The first three rules measure against the middle of the distribution and call a fixed share of every heavy tail outliers (2.7 % of
 * a Laplace distribution by modified-z); extreme-value theory says for any tail how far chance alone reaches (Siffer et al. 2017, "SPOT", use it so),
 * the percentiles it needs come from the exact histogram, and up to 1 % of outliers do not move it. */
typedef enum
{
  TN_OUTLIER_SIGMA,
  TN_OUTLIER_IQR,
  TN_OUTLIER_MODIFIED_Z,
  TN_OUTLIER_TAIL,
  TN_N_OUTLIER_RULES,
} TnOutlierRule;

#define TN_OUTLIER_SIGMAS 3.0
#define TN_OUTLIER_FENCE 1.5
#define TN_OUTLIER_MODIFIED_Z_SCORE 3.5
/* With fewer values the 99th percentile says nothing of the tail. */
#define TN_OUTLIER_TAIL_LEAST_VALUES 5000

typedef struct
{
  TnOutlierRule  rule;
  TnBounded      low, high; /* thresholds; NaN when the rule says nothing: no values, no spread, too few */
  TnBoundedCount outside;
  double         fraction;  /* estimate, of the finite values */
  double         shape;     /* tail: xi; else NaN */
} TnOutliers;

const char *tn_outlier_rule_get_name (TnOutlierRule rule);
/* TN_ERROR_ARGUMENT. */
gboolean    tn_outlier_rule_parse    (const char *name, TnOutlierRule *rule, GError **error);
/* mean and std of the distribution's values, for sigma. */
void        tn_outliers_find         (const TnValueDistribution *distribution, double mean, double std, TnOutlierRule rule, TnOutliers *outliers);

/* Massive activations: |x| > 100 and > 1000 times the median of |x| (Sun et al. 2024, section 2). fraction is of the finite values. */
#define TN_MASSIVE_MAGNITUDE 100.0
#define TN_MASSIVE_RATIO 1000.0
void        tn_outliers_find_massive (const TnValueDistribution *distribution, TnOutliers *outliers);

/* Outlier channels. */
typedef enum
{
  TN_CHANNEL_LARGE = 1 << 0,   /* |x| reaches 6, what LLM.int8() keeps out of the integer product (Dettmers et al. 2022, section 3.2; its other criteria ask for
                                * the share of layers and tokens) */
  TN_CHANNEL_LOUD = 1 << 1,    /* modified z of log rms among the site's channels above 3.5: loud throughout, not in one value */
  TN_CHANNEL_MASSIVE = 1 << 2, /* holds a massive activation */
} TnChannelFlags;
#define TN_CHANNEL_LARGE_MAGNITUDE 6.0

/* flags: [width]. */
void        tn_site_stats_flag_channels (const TnSiteStats *site, TnChannelFlags *flags);

G_END_DECLS
