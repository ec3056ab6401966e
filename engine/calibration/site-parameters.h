/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/site-stats.h"
#include "engine/quant/quant-params.h"

G_BEGIN_DECLS

/* How well the sequences that were seen tell the parameters: 95 % intervals by leaving out one hash group of sequences at a time (jackknife of the
 * logarithm of scale and error, and of the SQNR in dB; Student's t with one degree of freedom less than there are groups). A group's values are known
 * by its exact extremes and its bins, 32 of the site's to one, inside of which they count as spread like the site's. Of min-max the jackknife
 * understates what a new extreme could do. NaN where fewer than two groups have values, or the statistics have no bins of groups. */
typedef struct
{
  double scale_low, scale_high;
  double mse_low, mse_high;
  double sqnr_low_db, sqnr_high_db;
} TnParameterInterval;

/* Parameters of a site by a method; EMA takes the site's moving range. interval may be NULL: seventeen searches less sixteen. Errors of
 * tn_parameter_search_by(). Threads: any. */
gboolean tn_site_parameters (const TnSiteStats *site, const TnScheme *scheme, const TnMethodOptions *options, TnQuantParams *params,
                             TnParameterInterval *interval, GError **error);

G_END_DECLS
