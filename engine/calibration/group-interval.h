/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/site-stats.h"

G_BEGIN_DECLS

/* How sure a site's numbers are: 95 % confidence intervals over sequences, from the hash groups.
 *
 * Values of one sequence are not independent, sequences are; they fall into groups by their hash. With T the number from all groups and
 * T_g the one without group g, of G groups that hold values, the standard error is sqrt((G - 1) / G sum (T_g - mean T_g)^2) (delete-a-group
 * jackknife, Kott 2001), and the interval T +- t * error with Student's t of G - 1 degrees of freedom. */
typedef enum
{
  TN_GROUP_MEAN,
  TN_GROUP_MEAN_MAGNITUDE,
  TN_GROUP_STD, /* of the population */
  TN_N_GROUP_MEASURES
} TnGroupMeasure;

typedef struct
{
  double value, low, high;
} TnGroupInterval;

/* NaN: value when there are no values, low and high too with fewer than two groups that hold some. */
void tn_site_stats_group_interval (const TnSiteStats *self, TnGroupMeasure measure, TnGroupInterval *interval);

G_END_DECLS
