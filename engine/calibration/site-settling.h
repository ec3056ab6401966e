/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/site-stats.h"

G_BEGIN_DECLS

/* How well the sequences seen so far tell what a site's values spread over. Half-widths are relative to the value, half_width_factor of the standard
 * errors of intervals.h; that of the range is the sum of those of its ends, which is at least what it should be. NaN where there is no interval, 0 where
 * nothing spreads. */
typedef struct
{
  double std, std_half_width;
  double range, range_half_width; /* between two percentiles */
} TnSiteSettling;

/* low < high: percentages. half_width_factor: of Student's t with TN_STATS_GROUPS - 1 degrees of freedom, see tn_student_half_width(). */
void    tn_site_settling       (const TnSiteStats *self, double low, double high, double half_width_factor, TnSiteSettling *settling);
/* So many sequences have a largest value that is exceeded by at most a part of all sequences, except with a chance of error, whatever the distribution
 * (Wilks 1941; for a small part the rule of three): ln (error) / ln (1 - part), rounded up. */
guint64 tn_sequences_for_range (double part, double error);

G_END_DECLS
