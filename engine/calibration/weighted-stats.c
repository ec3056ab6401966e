/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/weighted-stats.h"

#include <math.h>
#include <string.h>

#include "engine/calibration/site-stats.h"

#define PARTS 8

TnWeightedStats *
tn_weighted_stats_new (guint n_sites)
{
  TnWeightedStats *self = g_new0 (TnWeightedStats, 1);

  self->n_sites = n_sites;
  self->sites = g_new0 (TnWeightedMoments, n_sites);
  return self;
}

TnWeightedStats *
tn_weighted_stats_copy (const TnWeightedStats *self)
{
  TnWeightedStats *copy = g_memdup2 (self, sizeof *self);

  copy->sites = g_memdup2 (self->sites, self->n_sites * sizeof *self->sites);
  return copy;
}

void
tn_weighted_stats_free (TnWeightedStats *self)
{
  if (self == NULL)
    return;
  g_free (self->sites);
  g_free (self);
}

void
tn_weighted_stats_clear (TnWeightedStats *self)
{
  self->weight = self->weight2 = (TnWideSum){0};
  memset (self->sites, 0, self->n_sites * sizeof *self->sites);
}

static double
weight_of (const TnSequence *sequence)
{
  return sequence->weight > 0.0 ? sequence->weight : 1.0;
}

static double
fold (const double *parts)
{
  return ((parts[0] + parts[1]) + (parts[2] + parts[3])) + ((parts[4] + parts[5]) + (parts[6] + parts[7]));
}

void
tn_weighted_stats_observe (TnWeightedStats *self, guint site, const TnBatch *batch, const float *x, guint width)
{
  const double bound = ldexp (1.0, TN_STATS_OVERSIZE_LOG2);
  TnWeightedMoments *moments = &self->sites[site];

  for (guint s = 0; s < batch->n_sequences; s++)
    {
      const TnSequence *sequence = &batch->sequences[s];
      double count[PARTS] = {0}, sum_abs[PARTS] = {0}, sum1[PARTS] = {0}, sum2[PARTS] = {0};
      double weight = weight_of (sequence);

      for (guint t = 0; t < sequence->length; t++, x += width)
        for (guint c = 0; c < width; c++)
          {
            /* NaN and infinity fail the comparison, too. */
            gboolean in = fabs ((double) x[c]) < bound;
            double value = in ? (double) x[c] : 0.0;

            count[c % PARTS] += in ? 1.0 : 0.0;
            sum_abs[c % PARTS] += fabs (value);
            sum1[c % PARTS] += value;
            sum2[c % PARTS] += value * value;
          }
      tn_wide_sum_add (&moments->count, weight * fold (count));
      tn_wide_sum_add (&moments->sum_abs, weight * fold (sum_abs));
      tn_wide_sum_add (&moments->sum1, weight * fold (sum1));
      tn_wide_sum_add (&moments->sum2, weight * fold (sum2));
    }
}

void
tn_weighted_stats_count (TnWeightedStats *self, const TnBatch *batch)
{
  for (guint s = 0; s < batch->n_sequences; s++)
    {
      double weight = weight_of (&batch->sequences[s]);

      tn_wide_sum_add (&self->weight, weight);
      tn_wide_sum_add (&self->weight2, weight * weight);
    }
}

void
tn_weighted_stats_merge (TnWeightedStats *self, const TnWeightedStats *other)
{
  g_return_if_fail (self->n_sites == other->n_sites);

  tn_wide_sum_merge (&self->weight, &other->weight);
  tn_wide_sum_merge (&self->weight2, &other->weight2);
  for (guint i = 0; i < self->n_sites; i++)
    {
      tn_wide_sum_merge (&self->sites[i].count, &other->sites[i].count);
      tn_wide_sum_merge (&self->sites[i].sum_abs, &other->sites[i].sum_abs);
      tn_wide_sum_merge (&self->sites[i].sum1, &other->sites[i].sum1);
      tn_wide_sum_merge (&self->sites[i].sum2, &other->sites[i].sum2);
    }
}

gboolean
tn_weighted_stats_equal (const TnWeightedStats *a, const TnWeightedStats *b)
{
  if (a == NULL || b == NULL)
    return a == b;
  return a->n_sites == b->n_sites && tn_wide_sum_equal (&a->weight, &b->weight) && tn_wide_sum_equal (&a->weight2, &b->weight2) &&
         memcmp (a->sites, b->sites, a->n_sites * sizeof *a->sites) == 0;
}

void
tn_weighted_stats_summarize (const TnWeightedStats *self, guint site, TnWeightedSummary *summary)
{
  const TnWeightedMoments *moments = &self->sites[site];
  double n = tn_wide_sum_to_double (&moments->count);
  double mean = tn_wide_sum_to_double (&moments->sum1) / n;

  *summary = (TnWeightedSummary){n, NAN, NAN, NAN, NAN};
  if (!(n > 0.0))
    return;
  summary->mean = mean;
  summary->absmean = tn_wide_sum_to_double (&moments->sum_abs) / n;
  summary->mean_square = tn_wide_sum_to_double (&moments->sum2) / n;
  summary->std = sqrt (MAX (summary->mean_square - mean * mean, 0.0));
}
