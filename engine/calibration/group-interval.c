/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/group-interval.h"

#include <math.h>

/* Student's t, two-sided 95 %, by degrees of freedom from 1. */
static const double student[TN_STATS_GROUPS - 1] = {12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060,
                                                    2.2622,  2.2281, 2.2010, 2.1788, 2.1604, 2.1448, 2.1314};

typedef struct
{
  double count, sum_abs, sum1, sum2;
} Moments;

static double
evaluate (const Moments *moments, TnGroupMeasure measure)
{
  double mean = moments->sum1 / moments->count;

  if (measure == TN_GROUP_MEAN)
    return mean;
  if (measure == TN_GROUP_MEAN_MAGNITUDE)
    return moments->sum_abs / moments->count;
  return sqrt (fmax (moments->sum2 / moments->count - mean * mean, 0));
}

void
tn_site_stats_group_interval (const TnSiteStats *self, TnGroupMeasure measure, TnGroupInterval *interval)
{
  Moments groups[TN_STATS_GROUPS], all = {0};
  double without[TN_STATS_GROUPS], mean = 0, squares = 0, reach;
  guint n = 0;

  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    {
      Moments one = {(double) self->groups[g].count, tn_wide_sum_to_double (&self->groups[g].sum_abs),
                     tn_wide_sum_to_double (&self->groups[g].sum1), tn_wide_sum_to_double (&self->groups[g].sum2)};

      if (self->groups[g].count == 0)
        continue;
      groups[n++] = one;
      all = (Moments){all.count + one.count, all.sum_abs + one.sum_abs, all.sum1 + one.sum1, all.sum2 + one.sum2};
    }
  *interval = (TnGroupInterval){(double) NAN, (double) NAN, (double) NAN};
  if (n == 0)
    return;
  interval->value = evaluate (&all, measure);
  if (n < 2)
    return;
  for (guint g = 0; g < n; g++)
    {
      Moments rest = {all.count - groups[g].count, all.sum_abs - groups[g].sum_abs, all.sum1 - groups[g].sum1,
                      all.sum2 - groups[g].sum2};

      without[g] = evaluate (&rest, measure);
      mean += without[g] / n;
    }
  for (guint g = 0; g < n; g++)
    squares += (without[g] - mean) * (without[g] - mean);
  reach = student[n - 2] * sqrt ((n - 1.0) / n * squares);
  interval->low = interval->value - reach;
  interval->high = interval->value + reach;
  if (measure != TN_GROUP_MEAN)
    interval->low = fmax (interval->low, 0);
}
