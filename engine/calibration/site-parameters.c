/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/site-parameters.h"

#include <math.h>

#include "engine/calibration/intervals.h"
#include "engine/calibration/parameter-search-private.h"

G_STATIC_ASSERT (TN_KEPT_BINS == TN_GROUP_BINS);

/* The site without one group. */
typedef struct
{
  TnKeptShares kept;
  double min, max;
} Rest;

static gboolean
leave_out (const TnSiteStats *site, guint group, Rest *rest)
{
  const guint64 *left_out = site->group_bins + (gsize) group * TN_GROUP_BINS;
  guint64 zeros = site->histogram->zeros;

  if (site->groups[group].min > site->groups[group].max)
    return FALSE;
  rest->min = (double) INFINITY;
  rest->max = -(double) INFINITY;
  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    if (g != group && site->groups[g].min <= site->groups[g].max)
      {
        rest->min = fmin (rest->min, (double) site->groups[g].min);
        rest->max = fmax (rest->max, (double) site->groups[g].max);
      }
  for (guint bin = 0; bin < TN_GROUP_BINS; bin++)
    {
      guint64 all = 0;

      for (guint g = 0; g < TN_STATS_GROUPS; g++)
        all += site->group_bins[(gsize) g * TN_GROUP_BINS + bin];
      rest->kept.bins[bin] = all > 0 ? 1.0 - (double) left_out[bin] / (double) all : 1.0;
    }
  rest->kept.zeros = zeros > 0 ? 1.0 - (double) site->groups[group].zeros / (double) zeros : 1.0;
  return rest->min <= rest->max;
}

static void
find_interval (const TnSiteStats *site, const TnScheme *scheme, const TnMethodOptions *options, const TnQuantParams *params,
               TnParameterInterval *interval)
{
  double scales[TN_STATS_GROUPS], errors[TN_STATS_GROUPS], sqnrs[TN_STATS_GROUPS];
  g_autofree Rest *rest = g_new (Rest, 1);
  TnInterval scale, error, sqnr;

  *interval = (TnParameterInterval){NAN, NAN, NAN, NAN, NAN, NAN};
  if (!site->has_details || !(params->scale > 0.0) || !(params->mse > 0.0))
    return;
  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    {
      TnQuantParams found;

      scales[g] = errors[g] = sqnrs[g] = (double) NAN;
      if (!leave_out (site, g, rest) ||
          !tn_parameter_search_in_part (site->histogram, &rest->kept, rest->min, rest->max, scheme, options, &found, NULL) ||
          !(found.scale > 0.0) || !(found.mse > 0.0))
        continue;
      scales[g] = log (found.scale);
      errors[g] = log (found.mse);
      sqnrs[g] = found.sqnr_db;
    }
  scale = tn_site_stats_jackknife (site, log (params->scale), scales);
  error = tn_site_stats_jackknife (site, log (params->mse), errors);
  sqnr = tn_site_stats_jackknife (site, params->sqnr_db, sqnrs);
  *interval = (TnParameterInterval){exp (scale.low), exp (scale.high), exp (error.low), exp (error.high), sqnr.low, sqnr.high};
}

gboolean
tn_site_parameters (const TnSiteStats *site, const TnScheme *scheme, const TnMethodOptions *options, TnQuantParams *params,
                    TnParameterInterval *interval, GError **error)
{
  double min = site->has_extremes ? (double) site->min.value : (double) NAN;
  double max = site->has_extremes ? (double) site->max.value : (double) NAN;
  TnMethodOptions method = *options;

  if (method.method == TN_METHOD_PERCENTILE && method.percentile == 0.0)
    method.percentile = TN_METHOD_DEFAULT_PERCENTILE;
  if (site->moving.sequences > 0)
    {
      method.low = site->moving.min;
      method.high = site->moving.max;
    }
  if (!tn_parameter_search_by (site->histogram, min, max, scheme, &method, params, error))
    return FALSE;
  if (interval != NULL)
    find_interval (site, scheme, &method, params, interval);
  return TRUE;
}
