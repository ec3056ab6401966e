/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/site-parameters.h"

#include <math.h>

#include "engine/calibration/parameter-search-private.h"
#include "engine/metrics/student.h"

#define ERROR 0.05

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

/* Half the width of the interval around what all groups together give. */
static double
half_width (const double *values, guint n)
{
  double mean = 0.0, spread = 0.0;

  for (guint i = 0; i < n; i++)
    mean += values[i] / n;
  for (guint i = 0; i < n; i++)
    spread += (values[i] - mean) * (values[i] - mean);
  return tn_student_half_width (ERROR, n - 1) * sqrt (spread * (n - 1) / n);
}

static void
find_interval (const TnSiteStats *site, const TnScheme *scheme, const TnMethodOptions *options, const TnQuantParams *params,
               TnParameterInterval *interval)
{
  double scales[TN_STATS_GROUPS], errors[TN_STATS_GROUPS], sqnrs[TN_STATS_GROUPS], width;
  g_autofree Rest *rest = g_new (Rest, 1);
  guint n = 0;

  *interval = (TnParameterInterval){NAN, NAN, NAN, NAN, NAN, NAN};
  if (!site->has_details || !(params->scale > 0.0) || !(params->mse > 0.0))
    return;
  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    {
      TnQuantParams found;

      if (!leave_out (site, g, rest) ||
          !tn_parameter_search_in_part (site->histogram, &rest->kept, rest->min, rest->max, scheme, options, &found, NULL) ||
          !(found.scale > 0.0) || !(found.mse > 0.0))
        continue;
      scales[n] = log (found.scale);
      errors[n] = log (found.mse);
      sqnrs[n++] = found.sqnr_db;
    }
  if (n < 2)
    return;
  width = half_width (scales, n);
  interval->scale_low = params->scale * exp (-width);
  interval->scale_high = params->scale * exp (width);
  width = half_width (errors, n);
  interval->mse_low = params->mse * exp (-width);
  interval->mse_high = params->mse * exp (width);
  width = half_width (sqnrs, n);
  interval->sqnr_low_db = params->sqnr_db - width;
  interval->sqnr_high_db = params->sqnr_db + width;
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
