/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/site-settling.h"

#include <math.h>

#include "engine/calibration/intervals.h"

void
tn_site_settling (const TnSiteStats *self, double low, double high, double half_width_factor, TnSiteSettling *settling)
{
  TnInterval std = tn_site_stats_moment_interval (self, TN_MOMENT_STD);
  TnInterval first = tn_site_stats_percentile_interval (self, low), last = tn_site_stats_percentile_interval (self, high);

  *settling = (TnSiteSettling){
      .std = std.value,
      .std_half_width = half_width_factor * std.error / std.value,
      .range = last.value - first.value,
      .range_half_width = half_width_factor * (first.error + last.error) / (last.value - first.value),
  };
  /* A site that is constant is known without error. */
  if (std.value == 0.0)
    settling->std_half_width = 0.0;
  if (settling->range == 0.0)
    settling->range_half_width = 0.0;
}

guint64
tn_sequences_for_range (double part, double error)
{
  return (guint64) ceil (log (error) / log1p (-part));
}
