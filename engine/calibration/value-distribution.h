/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/site-stats.h"

G_BEGIN_DECLS

/* Numbers of order, spread and entropy that a histogram of bit patterns gives, with what its bins leave open. Nothing here is sampled: each
 * true number (of all finite values that were seen) lies between low and high, which are at most a bin apart: 1/128 of the value. */

typedef struct
{
  double value; /* estimate: values spread evenly inside a bin */
  double low, high;
} TnBounded;

/* The finite values, zeros included, in the pieces their bins are, ascending; the outermost end at the exact extremes. */
typedef struct
{
  double  low, high;
  guint64 count;
} TnValuePiece;

typedef struct
{
  TnValuePiece *pieces;
  guint    n_pieces;
  guint64  count;
  double   min, max;
} TnValueDistribution;

/* min, max: the exact extremes of the histogram's values; NaN when there are none. */
TnValueDistribution *tn_value_distribution_new        (const TnFloatHistogram *histogram, double min, double max);
TnValueDistribution *tn_value_distribution_new_site   (const TnSiteStats *site);
/* NULL when the site has no histograms of channels. */
TnValueDistribution *tn_value_distribution_new_channel (const TnSiteStats *site, guint channel);
void            tn_value_distribution_free       (TnValueDistribution *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnValueDistribution, tn_value_distribution_free)

/* All below are NaN when there are no values.
 * The value of rank ceil (percent / 100 * count) among all in ascending order, at least the first: between low and high, exactly the extreme at 0
 * and 100. */
TnBounded tn_value_distribution_percentile      (const TnValueDistribution *self, double percent);
/* 75th less 25th percentile. */
TnBounded tn_value_distribution_iqr             (const TnValueDistribution *self);
/* Median of |x - center|, and any other percentile of it; low and high hold for every center in its bounds. */
TnBounded tn_value_distribution_distance        (const TnValueDistribution *self, const TnBounded *center, double percent);
/* Median absolute deviation: median of |x - median|. */
TnBounded tn_value_distribution_mad             (const TnValueDistribution *self);
/* Values beyond [low, high]. */
typedef struct
{
  double  count;       /* estimate */
  guint64 least, most; /* what it lies between */
} TnBoundedCount;
TnBoundedCount tn_value_distribution_count_outside (const TnValueDistribution *self, const TnBounded *low, const TnBounded *high);
/* Shannon entropy in bits of the bins joined until there are bins_per_octave (a power of two, 1 to 128) in each octave of each sign, zero apart:
 * how many bits a value needs at that relative resolution. */
double    tn_value_distribution_entropy         (const TnValueDistribution *self, guint bins_per_octave);
/* Entropy in bits of the codes round (x / scale) + zero_point, clamped to first .. last: what an ideal entropy coder would store each value
 * in. Values spread evenly inside a bin. 0 when scale is 0. */
double    tn_value_distribution_code_entropy    (const TnValueDistribution *self, double scale, gint32 zero_point, gint32 first, gint32 last);

G_END_DECLS
