/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/intervals.h"
#include "engine/calibration/outliers.h"

G_BEGIN_DECLS

/* All numbers that a site's statistics give, in one place: what "stats show" prints and a page shows. Numbers that cannot be had are NaN. */
typedef struct
{
  double     percent;
  TnBounded  value;
  TnInterval interval;
} TnPercentileDetails;

typedef struct
{
  TnSiteSummary summary;
  double        hoyer;     /* sparsity (Hoyer 2004) without its terms in 1 / sqrt (n): 1 - absmean / rms; 0 when all magnitudes are equal, 1 when next to none is not zero */
  double        entropy;   /* bits a value, at the histogram's resolution of 128 bins an octave */
  double        entropy_octave; /* the same at 1 bin an octave */
  TnBounded     iqr, mad;
  TnOutliers    outliers[TN_N_OUTLIER_RULES], massive;
  TnInterval    mean, std, absmean;
  TnRangeInterval min, max;
  guint         n_percentiles;
  TnPercentileDetails *percentiles;
} TnSiteDetails;

/* percents: n of them, 0 to 100. intervals FALSE: those of percentiles, which take the time, are left out. */
TnSiteDetails *tn_site_details_new  (const TnSiteStats *site, const double *percents, guint n, gboolean intervals);
void           tn_site_details_free (TnSiteDetails *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnSiteDetails, tn_site_details_free)

/* One channel. */
typedef struct
{
  guint64        count;     /* in its sums */
  double         min, max, mean, std, rms;
  TnChannelFlags flags;
  /* With histograms of channels; else NaN. */
  double         zeros;     /* fraction of its finite values */
  TnBounded      median, iqr, mad;
  TnOutliers     outliers[TN_N_OUTLIER_RULES];
  guint          n_percentiles;
  TnPercentileDetails *percentiles; /* their intervals are NaN: groups have no histograms of channels */
} TnChannelDetails;

TnChannelDetails *tn_channel_details_new  (const TnSiteStats *site, guint channel, TnChannelFlags flags, const double *percents, guint n);
void              tn_channel_details_free (TnChannelDetails *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnChannelDetails, tn_channel_details_free)

G_END_DECLS
