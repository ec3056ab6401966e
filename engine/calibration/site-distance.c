/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/site-distance.h"

#include <math.h>

#include "engine/calibration/site-settling.h"
#include "engine/calibration/site-stats-private.h"

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

/* What is expected of two samples of one population. */
static void
expect (const TnSiteStats *sample, const TnSiteStats *reference, TnSiteDistance *distance)
{
  g_autofree Spread *a = spread_new (sample);
  g_autofree Spread *b = spread_new (reference);
  double widest = 0.0, sum = 0.0;

  for (guint i = 0; i < TN_ORDERED_GROUP_BINS; i++)
    {
      double share = (a->share[i] * a->n + b->share[i] * b->n) / (a->n + b->n);

      if (share == 0.0)
        continue;
      widest = MAX (widest, a->below_variance[i] + b->below_variance[i]);
      sum += (a->variance[i] + b->variance[i]) / share;
    }
  distance->ks_expected = KOLMOGOROV_MEAN * 2.0 * sqrt (widest);
  distance->js_expected = sum / (8.0 * G_LN2);
}

static double
divergence (double p, double q)
{
  double middle = 0.5 * (p + q);

  return 0.5 * ((p > 0.0 ? p * log2 (p / middle) : 0.0) + (q > 0.0 ? q * log2 (q / middle) : 0.0));
}

/* Both distribution functions side by side, value after value. */
typedef struct
{
  double n[2];      /* values in all */
  double below[2];  /* in the bins gone through */
  double coarse[2]; /* in the quarter of an octave that is being gone through */
  guint quarter;
  double ks, js;
} Walk;

static void
walk_bin (Walk *self, guint quarter, guint64 a, guint64 b)
{
  if (quarter != self->quarter)
    {
      self->js += divergence (self->coarse[0] / self->n[0], self->coarse[1] / self->n[1]);
      self->coarse[0] = self->coarse[1] = 0.0;
      self->quarter = quarter;
    }
  self->coarse[0] += (double) a;
  self->coarse[1] += (double) b;
  self->below[0] += (double) a;
  self->below[1] += (double) b;
  self->ks = MAX (self->ks, fabs (self->below[0] / self->n[0] - self->below[1] / self->n[1]));
}

static void
walk_block (Walk *self, const TnFloatHistogram *a, const TnFloatHistogram *b, guint block, gboolean descending)
{
  guint first = block * TN_FLOAT_HISTOGRAM_BLOCK;

  if (((a->occupied | b->occupied) >> block & 1) == 0)
    return;
  for (guint i = 0; i < TN_FLOAT_HISTOGRAM_BLOCK; i++)
    {
      guint bin = descending ? first + TN_FLOAT_HISTOGRAM_BLOCK - 1 - i : first + i;

      walk_bin (self, 1 + bin / TN_GROUP_BIN_WIDTH, a->bins[bin], b->bins[bin]);
    }
}

static void
walk (Walk *self, const TnFloatHistogram *a, const TnFloatHistogram *b)
{
  const guint blocks = TN_FLOAT_HISTOGRAM_BINS / TN_FLOAT_HISTOGRAM_BLOCK;

  for (guint block = blocks; block-- > blocks / 2;)
    walk_block (self, a, b, block, TRUE);
  walk_bin (self, 0, a->zeros, b->zeros);
  for (guint block = 0; block < blocks / 2; block++)
    walk_block (self, a, b, block, FALSE);
  walk_bin (self, G_MAXUINT, 0, 0);
}

void
tn_site_distance (const TnSiteStats *sample, const TnSiteStats *reference, TnSiteDistance *distance)
{
  Walk both = {.n = {(double) tn_float_histogram_count (sample->histogram), (double) tn_float_histogram_count (reference->histogram)}};
  double std[2], error[2];

  *distance = (TnSiteDistance){NAN, NAN, NAN, NAN, NAN, NAN, NAN};
  if (both.n[0] == 0.0 || both.n[1] == 0.0)
    return;
  walk (&both, sample->histogram, reference->histogram);
  error[0] = tn_site_std_error (sample, &std[0]);
  error[1] = tn_site_std_error (reference, &std[1]);
  distance->ks = both.ks;
  distance->js = MAX (both.js, 0.0);
  distance->range_ratio =
      ((double) sample->max.value - (double) sample->min.value) / ((double) reference->max.value - (double) reference->min.value);
  distance->std_ratio = std[0] / std[1];
  distance->std_expected = sqrt (2.0 / G_PI * (error[0] * error[0] + error[1] * error[1]));
  if (sample->has_details && reference->has_details)
    expect (sample, reference, distance);
}
