/* SPDX-License-Identifier: Apache-2.0 */
/* OCTAV: Newton's iteration on the error of clipping plus that of rounding, taken as evenly spread in a step (Sakr et al. 2022,
 * equation 6). Zeros are not rounded and do not count. It starts where the paper does, at the mean magnitude times three.
 *
 * Asymmetric grids have two ends that share a step (high - low) / Q; each gets Newton's step in turn, the other being held:
 * high = (sum x [x > high] + k N low) / (#[x > high] + k N), k = 1 / 12 Q^2, N the values inside that are not 0; and low alike.
 * This is ours. */
#include <math.h>

#include "engine/quant/parameters-private.h"

#define STEPS 100
#define TOLERANCE 1e-9

/* Values that are not 0. */
static double
count_nonzero (const TnDistribution *values)
{
  double n = 0.0;

  for (gsize i = 0; i < values->n; i++)
    if (values->low[i] != 0.0 || values->high[i] != 0.0)
      n += tn_distribution_weight (values, i);
  return n;
}

static double
iterate_symmetric (const TnParameterProblem *problem, double noise)
{
  double nonzero = count_nonzero (problem->values), clip = MIN (3.0 * problem->absmean, problem->max);

  for (guint i = 0; i < STEPS; i++)
    {
      TnAbove above = tn_distribution_get_above (problem->values, clip);
      double next = above.sum / (noise * (nonzero - above.count) + above.count);

      /* Nothing was above, and the step led to 0; the next one leads from there to the mean. */
      if (!(next > 0.0))
        next = problem->absmean;
      if (fabs (next - clip) <= TOLERANCE * clip)
        break;
      clip = MIN (next, problem->max);
    }
  return clip;
}

static void
iterate_asymmetric (const TnParameterProblem *problem, double noise, double *low, double *high)
{
  const TnDistribution *values = problem->values;
  double nonzero = count_nonzero (values), total = tn_distribution_count (values), sum = values->sum[values->n];

  *high = MIN (3.0 * problem->absmean, problem->max);
  *low = MAX (-3.0 * problem->absmean, problem->min);
  for (guint i = 0; i < STEPS; i++)
    {
      double before_low = *low, before_high = *high, inside;
      TnAbove above = tn_distribution_get_above (values, *high), rest = tn_distribution_get_above (values, *low);
      TnAbove below = {total - rest.count, sum - rest.sum};

      inside = MAX (nonzero - above.count - below.count, 0.0);
      if (above.count + noise * inside > 0.0)
        *high = CLAMP ((above.sum + noise * inside * *low) / (above.count + noise * inside), 0.0, problem->max);
      if (below.count + noise * inside > 0.0)
        *low = CLAMP ((below.sum + noise * inside * *high) / (below.count + noise * inside), problem->min, 0.0);
      if (fabs (*low - before_low) + fabs (*high - before_high) <= TOLERANCE * (*high - *low))
        break;
    }
}

gboolean
tn_parameters_octav (const TnParameterProblem *problem, const TnMethodOptions *options, TnGridScale *scale)
{
  double n_codes = (double) problem->grid.n_codes, noise = 1.0 / (12.0 * n_codes * n_codes), low, high;

  if (problem->grid.asymmetric)
    {
      iterate_asymmetric (problem, noise, &low, &high);
      tn_grid_fit (&problem->grid, low, high, scale);
    }
  else
    {
      high = iterate_symmetric (problem, noise);
      tn_grid_fit (&problem->grid, -high, high, scale);
    }
  return scale->scale > 0.0;
}
