/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What is followed of a site while it is measured. */
typedef enum
{
  TN_SITE_RANGE,     /* smallest and largest value */
  TN_SITE_DEVIATION, /* standard deviation with its confidence interval */
  TN_SITE_MAGNITUDE, /* mean magnitude, likewise */
  TN_SITE_MEAN,      /* likewise */
  TN_N_SITE_MEASURES
} TnSiteMeasure;

/* low and high are the interval's ends (NaN while there is none), of RANGE the extremes themselves; value is NaN for RANGE. */
typedef struct
{
  double value, low, high;
} TnSitePoint;

/* TnSiteHistory: how a site's numbers settled, against the sequences seen. Memory is bounded: when it is full every other point is dropped. */
#define TN_SITE_HISTORY_POINTS 256

typedef struct
{
  guint       n;
  double      sequences[TN_SITE_HISTORY_POINTS];
  TnSitePoint points[TN_SITE_HISTORY_POINTS][TN_N_SITE_MEASURES];
} TnSiteHistory;

/* Sequences that were seen before replace their point. */
void tn_site_history_add (TnSiteHistory *self, double sequences, const TnSitePoint points[TN_N_SITE_MEASURES]);

G_END_DECLS
