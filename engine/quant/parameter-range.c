/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges that are taken from the values as they are. */
#include <math.h>

#include "engine/quant/parameters-private.h"

gboolean
tn_parameters_minmax (const TnParameterProblem *problem, const TnMethodOptions *options, TnGridScale *scale)
{
  tn_grid_fit (&problem->grid, problem->min, problem->max, scale);
  return TRUE;
}

void
tn_parameters_cut (const TnParameterProblem *problem, double magnitude, TnGridScale *scale)
{
  tn_grid_fit (&problem->grid, MAX (problem->min, -magnitude), MIN (problem->max, magnitude), scale);
}

gboolean
tn_parameters_percentile (const TnParameterProblem *problem, const TnMethodOptions *options, TnGridScale *scale)
{
  double percentile = options->percentile > 0.0 ? options->percentile : TN_METHOD_DEFAULT_PERCENTILE;
  g_autoptr (TnDistribution) folded = problem->values->folded ? NULL : tn_distribution_fold (problem->values);
  const TnDistribution *magnitudes = folded != NULL ? folded : problem->values;

  tn_parameters_cut (problem, tn_distribution_quantile (magnitudes, tn_distribution_count (magnitudes) * (percentile / 100.0)),
                     scale);
  return TRUE;
}

gboolean
tn_parameters_ema (const TnParameterProblem *problem, const TnMethodOptions *options, TnGridScale *scale)
{
  if (!(options->low < 0.0 || options->high > 0.0) || !isfinite (options->low) || !isfinite (options->high))
    return FALSE;
  tn_grid_fit (&problem->grid, options->low, options->high, scale);
  return TRUE;
}
