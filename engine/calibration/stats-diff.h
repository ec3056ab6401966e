/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/stats.h"
#include "engine/metrics/histogram-distance.h"

G_BEGIN_DECLS

/* What changed between two calibrations, site by site: of two data sets, two models, two moments of one. */

/* What is compared of a site in one of the two. */
typedef struct
{
  TnSiteSummary summary;
  double        int8_sqnr_db, int4_sqnr_db; /* with the scale a tensor of the least squared error; NaN without finite values */
} TnSiteView;

typedef enum
{
  TN_CHANGE_NONE,  /* every number is the same */
  TN_CHANGE_SITE,  /* one of the two does not have it, or saw nothing there */
  TN_CHANGE_SHAPE, /* ks */
  TN_CHANGE_RANGE, /* |ln| of the ratio of the largest magnitudes */
  TN_CHANGE_MEAN,  /* difference in standard deviations (the larger of the two) */
  TN_CHANGE_STD,   /* |ln| of the ratio */
} TnChangeKind;

typedef struct
{
  char               *name;
  guint               width_a, width_b; /* 0: that one does not have the site */
  TnSiteView          a, b;             /* of those that have it */
  TnHistogramDistance distance;         /* NaN unless both saw something there */
  TnChangeKind        kind;             /* what changed most */
  double              change;           /* by how much, in its own measure; infinite for TN_CHANGE_SITE */
} TnSiteDifference;

/* Sites of both, those that changed most first, ties by name; element-type TnSiteDifference. Searches scales: some milliseconds a site. */
GPtrArray *tn_stats_diff (const TnStats *a, const TnStats *b);

G_END_DECLS
