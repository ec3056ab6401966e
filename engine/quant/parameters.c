/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quant/parameters.h"

#include <math.h>

#include "engine/quant/parameters-private.h"

gboolean
tn_scheme_is_searched (const TnScheme *scheme)
{
  return scheme->kind != TN_SCHEME_BINARY && scheme->method != TN_METHOD_MINMAX;
}

void
tn_scheme_get_method (const TnScheme *scheme, TnMethodOptions *options)
{
  *options = (TnMethodOptions){
      .method = scheme->method,
      .objective = scheme->objective,
      .percentile = scheme->percentile,
  };
}

void
tn_scheme_set_method (TnScheme *scheme, const TnMethodOptions *options)
{
  if (scheme->kind == TN_SCHEME_BINARY || scheme->granularity == TN_PER_TOKEN)
    return;
  if (scheme->kind == TN_SCHEME_TERNARY && options->method == TN_METHOD_MSE)
    {
      scheme->rule = TN_RULE_LLOYD;
      scheme->method = TN_METHOD_MINMAX;
      return;
    }
  if (scheme->kind == TN_SCHEME_TERNARY && options->method != TN_METHOD_MINMAX)
    scheme->rule = TN_RULE_DEFAULT;
  scheme->method = options->method;
  scheme->objective = options->method == TN_METHOD_AUTO ? options->objective : TN_OBJECTIVE_MSE;
  scheme->percentile = options->method == TN_METHOD_PERCENTILE ? options->percentile : 0.0;
}

/* What the objective gives a scale; the least is the best. */
static double
rate (const TnParameterProblem *problem, TnObjective objective, const TnGridScale *scale)
{
  double first, last;

  if (objective == TN_OBJECTIVE_KL)
    return tn_parameters_divergence (problem, scale);
  tn_grid_get_range (&problem->grid, scale->zero_point, &first, &last);
  return tn_grid_error (problem->values, scale->scale, first, last, NULL);
}

gboolean
tn_parameters_auto (const TnParameterProblem *problem, const TnMethodOptions *options, TnGridScale *scale)
{
  double least = (double) INFINITY;

  for (TnMethod method = TN_METHOD_MINMAX; method < TN_METHOD_OUTPUT; method++)
    {
      TnMethodOptions one = *options;
      TnGridScale found;
      double rating;

      one.method = method;
      if (!tn_method_get_func (method) (problem, &one, &found))
        continue;
      rating = rate (problem, options->objective, &found);
      if (rating < least)
        {
          least = rating;
          *scale = found;
        }
    }
  return isfinite (least);
}

gboolean
tn_parameters_find (const TnDistribution *values, const TnGrid *grid, const TnMethodOptions *options, TnGridScale *scale)
{
  TnParameterProblem problem = {.values = values, .grid = *grid};
  TnMethodFunc find = tn_method_get_func (options->method);

  g_return_val_if_fail (values->folded != grid->asymmetric, FALSE);

  *scale = (TnGridScale){0};
  problem.max = MAX (tn_distribution_max (values), 0.0);
  problem.min = values->folded ? -problem.max : MIN (tn_distribution_min (values), 0.0);
  if (problem.max == 0.0 && problem.min == 0.0)
    return tn_method_needs_values_only (options->method);
  problem.absmean = tn_distribution_absmean (values);
  if (find != NULL && find (&problem, options, scale))
    return TRUE;
  tn_parameters_minmax (&problem, options, scale);
  return FALSE;
}

/* values: folded where the scheme is symmetric. */
static TnRounding
search (const TnScheme *scheme, const TnDistribution *values)
{
  TnGrid grid = tn_grid_of_scheme (scheme);
  TnMethodOptions options;
  TnGridScale found;

  tn_scheme_get_method (scheme, &options);
  tn_parameters_find (values, &grid, &options, &found);
  return tn_rounding_from_scale (scheme, found.scale, found.zero_point);
}

TnRounding
tn_rounding_search (const TnScheme *scheme, const float *x, gsize n)
{
  g_autoptr (TnDistribution) values = tn_distribution_new_values (x, n, !tn_grid_of_scheme (scheme).asymmetric);

  return search (scheme, values);
}

TnRounding
tn_rounding_search_values (const TnScheme *scheme, const TnDistribution *values)
{
  g_autoptr (TnDistribution) folded = tn_grid_of_scheme (scheme).asymmetric ? NULL : tn_distribution_fold (values);

  return search (scheme, folded != NULL ? folded : values);
}
