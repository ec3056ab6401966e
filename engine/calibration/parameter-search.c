/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration/parameter-search.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "engine/calibration/parameter-search-private.h"
#include "engine/error.h"
#include "engine/quant/parameters.h"

#define TWN_THRESHOLD 0.7

static void
add_piece (GArray *pieces, double low, double high, double weight)
{
  TnPiece piece = {low, high, weight};

  if (weight > 0.0)
    g_array_append_val (pieces, piece);
}

/* The exact extremes are known: their bins end there, and one value stands at the end itself. */
static void
trim_ends (GArray *pieces, double min, double max, gboolean folded)
{
  TnPiece *first, *last;

  if (pieces->len == 0)
    return;
  first = &g_array_index (pieces, TnPiece, 0);
  if (min > first->low && min <= first->high)
    first->low = min;
  if (!folded && first->weight > 1.0 && first->low == min)
    {
      TnPiece point = {min, min, 1.0};

      first->weight -= 1.0;
      g_array_prepend_val (pieces, point);
    }
  last = &g_array_index (pieces, TnPiece, pieces->len - 1);
  if (max < last->low || max > last->high)
    return;
  last->high = max;
  if (last->weight > 1.0)
    {
      last->weight -= 1.0;
      add_piece (pieces, max, max, 1.0);
    }
  else
    last->low = max;
}

static double
get_weight (const TnFloatHistogram *histogram, const TnKeptShares *kept, guint bin)
{
  double count = (double) histogram->bins[bin];

  return kept != NULL && count > 0.0 ? count * kept->bins[bin / (TN_FLOAT_HISTOGRAM_BINS / TN_KEPT_BINS)] : count;
}

/* Zeros are points; min > max: the extremes are not known. kept: NULL for all. */
static TnDistribution *
read_histogram (const TnFloatHistogram *histogram, const TnKeptShares *kept, gboolean folded, double min, double max)
{
  g_autoptr (GArray) pieces = g_array_new (FALSE, FALSE, sizeof (TnPiece));
  double low, high;

  for (guint i = folded ? 0 : 0x8000; i-- > 0;)
    {
      tn_float_histogram_bin_range (0x8000 | i, &low, &high);
      add_piece (pieces, low, high, get_weight (histogram, kept, 0x8000 | i));
    }
  add_piece (pieces, 0.0, 0.0, (double) histogram->zeros * (kept != NULL ? kept->zeros : 1.0));
  for (guint i = 0; i < 0x8000; i++)
    {
      tn_float_histogram_bin_range (i, &low, &high);
      add_piece (pieces, low, high, get_weight (histogram, kept, i) + (folded ? get_weight (histogram, kept, 0x8000 | i) : 0.0));
    }
  if (min <= max)
    trim_ends (pieces, folded ? 0.0 : min, folded ? MAX (max, -min) : max, folded);
  return tn_distribution_new_pieces ((const TnPiece *) (void *) pieces->data, pieces->len, folded);
}

/* A ternary rule's level and threshold, as tn_quantize_values() has them; folded values. */
static gboolean
find_by_rule (const TnDistribution *values, const TnScheme *scheme, TnQuantParams *params)
{
  double absmean = tn_distribution_absmean (values);
  TnAbove above;

  switch (scheme->rule)
    {
    case TN_RULE_LLOYD:
      return FALSE;
    case TN_RULE_ABSMEDIAN:
      params->scale = tn_distribution_quantile (values, 0.5 * tn_distribution_count (values));
      params->threshold = 0.5 * params->scale;
      break;
    case TN_RULE_TWN:
    case TN_RULE_LEAST_SQUARES:
      params->threshold = (scheme->rule == TN_RULE_TWN ? TWN_THRESHOLD : 0.5) * absmean;
      above = tn_distribution_get_above (values, params->threshold);
      params->scale = above.count > 0.0 ? above.sum / above.count : 0.0;
      break;
    case TN_RULE_DEFAULT:
    case TN_RULE_ABSMEAN:
    default:
      params->scale = absmean;
      params->threshold = 0.5 * absmean;
      break;
    }
  return TRUE;
}

static void
finish_params (const TnDistribution *values, const TnGrid *grid, TnQuantParams *params)
{
  TnGridScale scale = {params->scale, params->zero_point};
  double count = tn_distribution_count (values), power = values->square[values->n], first, last, error;

  tn_grid_get_range (grid, params->zero_point, &first, &last);
  params->clip = tn_grid_get_clip (grid, &scale);
  if (params->scheme.kind == TN_SCHEME_TERNARY)
    {
      TnAbove above = tn_distribution_get_above (values, params->threshold);

      error = MAX (power - 2.0 * params->scale * above.sum + params->scale * params->scale * above.count, 0.0);
    }
  else
    error = tn_grid_error (values, params->scale, first, last, NULL);
  /* Below this, sums of squares hold nothing but their own rounding. */
  if (error < 1e-14 * power)
    error = 0.0;
  params->mse = error / count;
  params->sqnr_db = error > 0.0 ? 10.0 * log10 (power / error) : (double) INFINITY;
}

static gboolean
check_arguments (const TnScheme *scheme, const TnMethodOptions *options, GError **error)
{
  g_autofree char *name = NULL;
  gboolean known = scheme->kind == TN_SCHEME_TERNARY ||
                   (scheme->kind == TN_SCHEME_INTEGER && scheme->bits >= 2 && scheme->bits <= 8);

  if (!known || scheme->granularity != TN_PER_TENSOR || tn_scheme_get_scale_type (scheme) != TN_SCALE_F32)
    {
      name = tn_scheme_to_string (scheme);
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                   _ ("scheme %s: parameters are found for ternary and int2 to int8 with one fp32 scale a tensor only"), name);
      return FALSE;
    }
  if (options->method == TN_METHOD_PERCENTILE && !(options->percentile > 0.0 && options->percentile <= 100.0))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("percentile %g found, a number above 0 and up to 100 expected"),
                   options->percentile);
      return FALSE;
    }
  if (options->method == TN_METHOD_OUTPUT || (options->method == TN_METHOD_AUTO && options->objective == TN_OBJECTIVE_OUTPUT))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED,
                   _ ("method %s: the error of a layer's output needs the layer's weights and --stats with a Gram matrix or rows"),
                   tn_method_get_name (options->method));
      return FALSE;
    }
  return TRUE;
}

/* AUTO tells which method gave the scale it took. */
static TnMethod
find_chosen (const TnDistribution *values, const TnGrid *grid, const TnMethodOptions *options, const TnGridScale *scale)
{
  for (TnMethod method = TN_METHOD_MINMAX; options->method == TN_METHOD_AUTO && method < TN_METHOD_OUTPUT; method++)
    {
      TnMethodOptions one = *options;
      TnGridScale found;

      one.method = method;
      if (tn_parameters_find (values, grid, &one, &found) && found.scale == scale->scale &&
          found.zero_point == scale->zero_point)
        return method;
    }
  return options->method;
}

gboolean
tn_parameter_search_by (const TnFloatHistogram *histogram, double minimum, double maximum, const TnScheme *scheme,
                        const TnMethodOptions *options, TnQuantParams *params, GError **error)
{
  return tn_parameter_search_in_part (histogram, NULL, minimum, maximum, scheme, options, params, error);
}

gboolean
tn_parameter_search_in_part (const TnFloatHistogram *histogram, const TnKeptShares *kept, double minimum, double maximum,
                             const TnScheme *scheme, const TnMethodOptions *options, TnQuantParams *params, GError **error)
{
  TnQuantParams found = {.scheme = *scheme, .method = options->method, .chosen = options->method};
  TnGrid grid = tn_grid_of_scheme (scheme);
  g_autoptr (TnDistribution) values = NULL;
  TnGridScale scale;

  if (!check_arguments (scheme, options, error))
    return FALSE;
  values = read_histogram (histogram, kept, !grid.asymmetric, minimum, maximum);
  if (values->n == 0 || !isfinite (minimum) || !isfinite (maximum))
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_DATA, _ ("no finite values to find quantization parameters for"));
      return FALSE;
    }
  if (scheme->kind != TN_SCHEME_TERNARY || options->method != TN_METHOD_MINMAX || !find_by_rule (values, scheme, &found))
    {
      TnMethodOptions method = *options;

      if (scheme->kind == TN_SCHEME_TERNARY && method.method == TN_METHOD_MINMAX)
        method.method = TN_METHOD_MSE; /* ternary:lloyd */
      if (!tn_parameters_find (values, &grid, &method, &scale))
        {
          g_set_error (error, TN_ERROR, TN_ERROR_DATA,
                       method.method == TN_METHOD_EMA ? _ ("method %s: the statistics hold no moving average of the range")
                                                      : _ ("method %s: nothing fits these values"),
                       tn_method_get_name (method.method));
          return FALSE;
        }
      found.scale = scale.scale;
      found.zero_point = scale.zero_point;
      found.threshold = scheme->kind == TN_SCHEME_TERNARY ? 0.5 * scale.scale : 0.0;
      found.chosen = find_chosen (values, &grid, &method, &scale);
    }
  if (options->method == TN_METHOD_PERCENTILE)
    found.percentile = options->percentile;
  finish_params (values, &grid, &found);
  *params = found;
  return TRUE;
}

gboolean
tn_parameter_search (const TnFloatHistogram *histogram, double minimum, double maximum, const TnScheme *scheme, TnMethod method,
                     double percentile, TnQuantParams *params, GError **error)
{
  const TnMethodOptions options = {.method = method, .percentile = percentile};

  return tn_parameter_search_by (histogram, minimum, maximum, scheme, &options, params, error);
}

void
tn_parameter_error (const TnFloatHistogram *histogram, const TnScheme *scheme, double scale, gint32 zero_point, double *mse,
                    double *sqnr_db)
{
  TnGrid grid = tn_grid_of_scheme (scheme);
  g_autoptr (TnDistribution) values = read_histogram (histogram, NULL, !grid.asymmetric, 1.0, 0.0);
  TnQuantParams params = {.scheme = *scheme, .scale = scale, .zero_point = zero_point, .threshold = 0.5 * scale};

  if (values->n > 0)
    finish_params (values, &grid, &params);
  *mse = values->n > 0 ? params.mse : (double) NAN;
  *sqnr_db = values->n > 0 ? params.sqnr_db : (double) NAN;
}
