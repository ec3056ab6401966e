/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/workspace/workspace.h"

G_BEGIN_DECLS

/* TnSeriesPoints: a series of a run as it is drawn: at most so many points, each the extremes of the entries it stands for, and the smoothed
 * value behind the last of them. */
typedef struct
{
  gsize    n;
  double  *steps;          /* the last one a point stands for */
  double  *low, *high;     /* NaN where there is no number */
  double  *smooth;         /* NaN before the first number */
  gboolean spread;         /* some point stands for several values */
} TnSeriesPoints;

/* entries: of TnPyramidEntry, in order. Smoothed is an exponential moving average of the middles of low and high, which weigh as many steps as they
 * stand for: s = d s + (1 - d) v from 0, over 1 - d^k after k steps (Kingma and Ba 2015, section 3); smoothing d is from 0 to below 1. */
TnSeriesPoints *tn_series_points_new  (const GArray *entries, double smoothing, guint most);
void            tn_series_points_free (TnSeriesPoints *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnSeriesPoints, tn_series_points_free)

G_END_DECLS
