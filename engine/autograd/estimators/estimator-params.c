/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/estimators/estimator-params.h"

#include "engine/autograd/estimators/quantizer-unit.h"

/* The levels of ternary seq are those of a step of two thirds of its scale. */
#define SEQ_OVER_STEP 1.5

gboolean
tn_estimator_to_params (TnEstimator estimator, const TnScheme *scheme, float scale, float offset, TnQuantParams *params)
{
  const double wide = (double) scale;
  TnQuantizerUnit unit;

  if (scheme->kind != TN_SCHEME_INTEGER || estimator == TN_ESTIMATOR_SEQ || estimator == TN_ESTIMATOR_SOFT ||
      estimator == TN_ESTIMATOR_TRUST)
    return FALSE;
  tn_quantizer_unit_init (&unit, estimator, scheme, &(TnUnitSource){.scale = &wide, .offset = (double) offset});
  *params = (TnQuantParams){.scheme = *scheme,
                            .scale = unit.scale,
                            .offset = unit.offset,
                            .clip = fabs (unit.offset) + unit.scale * unit.high,
                            .mse = (double) NAN,
                            .sqnr_db = (double) NAN};
  return TRUE;
}

gboolean
tn_estimator_from_params (TnEstimator estimator, const TnScheme *scheme, double step, gint32 zero_point, float *scale,
                          float *offset)
{
  const double one = 1.0;
  TnQuantizerUnit unit;

  if (scheme->kind == TN_SCHEME_BINARY || (estimator == TN_ESTIMATOR_SEQ && scheme->kind == TN_SCHEME_INTEGER) ||
      (scheme->asymmetric && offset == NULL))
    return FALSE;
  tn_quantizer_unit_init (&unit, estimator, scheme, &(TnUnitSource){.scale = &one});
  if (estimator == TN_ESTIMATOR_RANGE)
    step *= unit.high;
  else if (estimator == TN_ESTIMATOR_SEQ)
    step *= SEQ_OVER_STEP;
  *scale = (float) step;
  if (offset != NULL)
    *offset = scheme->asymmetric ? -*scale * (float) zero_point : 0.0f;
  return TRUE;
}

gboolean
tn_estimator_from_rounding (TnEstimator estimator, const TnScheme *scheme, const TnRounding *rounding, float *scale, float *offset)
{
  return tn_estimator_from_params (estimator, scheme, (double) rounding->scale, (gint32) -rounding->low, scale, offset);
}
