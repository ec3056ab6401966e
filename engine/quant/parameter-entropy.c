/* SPDX-License-Identifier: Apache-2.0 */
/* The entropy calibration of TensorRT (Migacz, "8-bit Inference with TensorRT", GTC 2017), in the variant that ModelOpt and
 * pytorch-quantization ship: |x| in N = 2048 equal bins over [0, max |x|], the first bin overwritten by the second; for every i
 * from 2^(B-1) (128 at 8 bits) to N: P = bins 0 .. i - 1 with all that is above added to the last of them; Q = the same bins
 * without that, merged into 2^(B-1) groups, each spread evenly over its bins that are not empty; D = KL (P || Q), both
 * normalized; the clip is the upper edge of the last i with the least D. Its flaws are kept, for they are the method: it sees the
 * code 0 as one of 2^(B-1), not the grid ±Q; clipped mass weighs nothing but its count; where the last bin is empty and something
 * is above, D is infinite; fewer bits leave few groups and an i that starts near 0. Asymmetric grids are the range cut at the
 * same magnitude, since the method knows magnitudes only.
 *
 * Of fewer values than bins, as in a row or a group, there are as many bins as values, but no fewer than four for each group.
 *
 * Sums over a group take two looks at prefix sums of the bins' mass, of their mass times its logarithm and of how many are not
 * empty: D = sum P log P - sum of P over a group * log Q, for Q is the same in all bins of a group that count. */
#include <math.h>

#include "engine/quant/parameters-private.h"

#define MOST_BINS 2048
#define LEAST_BINS_A_GROUP 4

typedef struct
{
  guint n, n_groups;
  double width;                    /* of a bin */
  double *mass;                    /* [n] */
  double *below, *logs, *occupied; /* [n + 1]: prefix sums of mass, mass * log mass, mass > 0 */
  double total;                    /* of mass, and all that was overwritten */
} Histogram;

static void
histogram_clear (Histogram *self)
{
  g_clear_pointer (&self->mass, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Histogram, histogram_clear)

static void
spread (Histogram *self, double low, double high, double weight)
{
  double first = low / self->width, last = high / self->width;
  guint from = (guint) MIN (first, self->n - 1.0), to = (guint) MIN (last, self->n - 1.0);

  if (from == to)
    {
      self->mass[from] += weight;
      return;
    }
  for (guint i = from; i <= to; i++)
    {
      double part = MIN (last, i + 1.0) - MAX (first, (double) i);

      self->mass[i] += weight * MAX (part, 0.0) / (last - first);
    }
}

static void
histogram_init (Histogram *self, const TnParameterProblem *problem)
{
  g_autoptr (TnDistribution) folded = problem->values->folded ? NULL : tn_distribution_fold (problem->values);
  const TnDistribution *values = folded != NULL ? folded : problem->values;
  double count = tn_distribution_count (values);
  gint32 n_codes = problem->grid.n_codes;

  *self = (Histogram){.n_groups = (guint) (problem->grid.asymmetric ? (n_codes + 1) / 2 : n_codes + 1)};
  self->n = (guint) CLAMP (count, (double) (LEAST_BINS_A_GROUP * self->n_groups), (double) MOST_BINS);
  self->width = tn_distribution_max (values) / self->n;
  self->mass = g_new0 (double, self->n + 3 * (gsize) (self->n + 1));
  self->below = self->mass + self->n;
  self->logs = self->below + self->n + 1;
  self->occupied = self->logs + self->n + 1;
  for (gsize i = 0; i < values->n; i++)
    spread (self, values->low[i], values->high[i], tn_distribution_weight (values, i));
  self->mass[0] = self->mass[1];
  for (guint i = 0; i < self->n; i++)
    {
      double mass = self->mass[i];

      self->below[i + 1] = self->below[i] + mass;
      self->logs[i + 1] = self->logs[i] + (mass > 0.0 ? mass * log (mass) : 0.0);
      self->occupied[i + 1] = self->occupied[i] + (mass > 0.0);
    }
  self->total = self->below[self->n];
}

/* Of the candidate that keeps the first n_kept bins. */
static double
get_divergence (const Histogram *self, guint n_kept)
{
  double above = self->total - self->below[n_kept], last = self->mass[n_kept - 1], kept = self->below[n_kept];
  double logs, cross = 0.0, merged = last + above;

  /* Prefix sums leave a rest of rounding. */
  if (above <= 1e-12 * self->total)
    above = 0.0;
  if (!(kept > 0.0) || (last == 0.0 && above > 0.0))
    return (double) INFINITY;
  merged = last + above;
  logs = self->logs[n_kept - 1] + (merged > 0.0 ? merged * log (merged) : 0.0);
  for (guint group = 0; group < self->n_groups; group++)
    {
      guint first = (guint) ((guint64) n_kept * group / self->n_groups);
      guint end = (guint) ((guint64) n_kept * (group + 1) / self->n_groups);
      double mass = self->below[end] - self->below[first], occupied = self->occupied[end] - self->occupied[first];

      if (occupied > 0.0 && mass > 0.0)
        cross += (mass + (end == n_kept ? above : 0.0)) * log (mass / occupied);
    }
  /* P is normalized by total, Q by kept. */
  return (logs - cross) / self->total - log (self->total / kept);
}

gboolean
tn_parameters_kl (const TnParameterProblem *problem, const TnMethodOptions *options, TnGridScale *scale)
{
  g_auto (Histogram) histogram = {0};
  double least = (double) INFINITY;
  guint kept = 0;

  histogram_init (&histogram, problem);
  for (guint i = MAX (histogram.n_groups, 2); i <= histogram.n; i++)
    {
      double divergence = get_divergence (&histogram, i);

      if (divergence <= least && isfinite (divergence))
        {
          least = divergence;
          kept = i;
        }
    }
  tn_parameters_cut (problem, kept > 0 ? histogram.width * kept : (double) INFINITY, scale);
  return kept > 0;
}

double
tn_parameters_divergence (const TnParameterProblem *problem, const TnGridScale *scale)
{
  g_auto (Histogram) histogram = {0};
  double kept;

  histogram_init (&histogram, problem);
  kept = rint (tn_grid_get_clip (&problem->grid, scale) / histogram.width);
  return get_divergence (&histogram, (guint) CLAMP (kept, (double) MAX (histogram.n_groups, 2), (double) histogram.n));
}
