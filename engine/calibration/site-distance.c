/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/site-distance.h"

#include <math.h>

#include "engine/calibration/intervals.h"
#include "engine/calibration/site-stats-private.h"
#include "engine/metrics/histogram-distance.h"

/* The mean of Kolmogorov's distribution: sqrt(pi / 2) ln 2. */
#define KOLMOGOROV_MEAN 0.86873

/* What the groups say of one sample: for each bin in order its share, the share's variance, and the variance of the distribution function. */
typedef struct
{
  double n;
  double share[TN_ORDERED_GROUP_BINS], variance[TN_ORDERED_GROUP_BINS], below_variance[TN_ORDERED_GROUP_BINS];
} Spread;

static Spread *
spread_new (const TnSiteStats *self)
{
  Spread *spread = g_new0 (Spread, 1);
  double n_group[TN_STATS_GROUPS] = {0}, below[TN_STATS_GROUPS] = {0};
  double all_below = 0.0, factor;
  guint groups = 0;

  for (guint g = 0; g < TN_STATS_GROUPS; g++)
    {
      for (guint i = 0; i < TN_ORDERED_GROUP_BINS; i++)
        n_group[g] += (double) tn_site_stats_ordered_bin (self, g, i);
      spread->n += n_group[g];
      groups += n_group[g] > 0.0;
    }
  factor = groups > 1 ? (double) groups / (groups - 1) / (spread->n * spread->n) : (double) NAN;
  for (guint i = 0; i < TN_ORDERED_GROUP_BINS; i++)
    {
      double count = 0.0;

      for (guint g = 0; g < TN_STATS_GROUPS; g++)
        count += (double) tn_site_stats_ordered_bin (self, g, i);
      if (count == 0.0)
        continue;
      spread->share[i] = count / spread->n;
      all_below += spread->share[i];
      for (guint g = 0; g < TN_STATS_GROUPS; g++)
        {
          double here = (double) tn_site_stats_ordered_bin (self, g, i);
          double residual = here - spread->share[i] * n_group[g], below_residual;

          below[g] += here;
          below_residual = below[g] - all_below * n_group[g];
          spread->variance[i] += factor * residual * residual;
          spread->below_variance[i] += factor * below_residual * below_residual;
        }
    }
  return spread;
}

static double
divergence (double p, double q)
{
  double middle = 0.5 * (p + q);

  return 0.5 * ((p > 0.0 ? p * log2 (p / middle) : 0.0) + (q > 0.0 ? q * log2 (q / middle) : 0.0));
}

/* The divergence over the bins of groups, and what is expected of two samples of one population. */
static void
compare_groups (const TnSiteStats *sample, const TnSiteStats *reference, TnSiteDistance *distance)
{
  g_autofree Spread *a = spread_new (sample);
  g_autofree Spread *b = spread_new (reference);
  double widest = 0.0, sum = 0.0, js = 0.0;

  for (guint i = 0; i < TN_ORDERED_GROUP_BINS; i++)
    {
      double share = (a->share[i] * a->n + b->share[i] * b->n) / (a->n + b->n);

      if (share == 0.0)
        continue;
      js += divergence (a->share[i], b->share[i]);
      widest = MAX (widest, a->below_variance[i] + b->below_variance[i]);
      sum += (a->variance[i] + b->variance[i]) / share;
    }
  distance->ks_expected = KOLMOGOROV_MEAN * 2.0 * sqrt (widest);
  distance->js = MAX (js, 0.0);
  distance->js_expected = sum / (8.0 * G_LN2);
}

void
tn_site_distance (const TnSiteStats *sample, const TnSiteStats *reference, TnSiteDistance *distance)
{
  TnHistogramDistance shape;
  TnInterval std[] = {tn_site_stats_moment_interval (sample, TN_MOMENT_STD), tn_site_stats_moment_interval (reference, TN_MOMENT_STD)};
  double error[] = {std[0].error / std[0].value, std[1].error / std[1].value};

  *distance = (TnSiteDistance){NAN, NAN, NAN, NAN, NAN, NAN, NAN};
  tn_histogram_distance (sample->histogram, reference->histogram, &shape);
  if (isnan (shape.ks))
    return;
  distance->ks = shape.ks;
  distance->range_ratio =
      ((double) sample->max.value - (double) sample->min.value) / ((double) reference->max.value - (double) reference->min.value);
  distance->std_ratio = std[0].value / std[1].value;
  distance->std_expected = sqrt (2.0 / G_PI * (error[0] * error[0] + error[1] * error[1]));
  if (sample->has_details && reference->has_details)
    compare_groups (sample, reference, distance);
}
