/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/estimators/estimator.h"
#include "engine/quant/rounding.h"

G_BEGIN_DECLS

  /* How elements that share a scale are rounded, and their gradients found: an estimator and a scheme in numbers. Private to this
   * folder. */

  typedef enum
  {
    TN_RULE_OF_ROUND,   /* scale, offset, low, high */
    TN_RULE_OF_LEVEL,   /* scale, threshold */
    TN_RULE_OF_STEP,    /* as ROUND */
    TN_RULE_OF_SIGN,    /* scale */
    TN_RULE_OF_RANGE,   /* as ROUND; threshold: the range */
    TN_RULE_OF_STRETCH, /* scale; step: n, offset: c */
    TN_RULE_OF_TRUST,   /* step; low, high: ±A; offset: of the grid in steps; threshold: where gradients end */
    TN_RULE_OF_SOFT,    /* as ROUND; step: of x; threshold: half a cell; temperature > 0 */
  } TnElementRule;

  typedef struct
  {
    double scale, offset, step, low, high, threshold, temperature;
  } TnQuantizerUnit;

  /* What a unit is made of; of NULL there is none. */
  typedef struct
  {
    const TnRounding *rounding; /* found from the elements */
    const double *scale;        /* given or learned */
    double offset;
    double temperature;
    double rms; /* of the elements, for trust */
  } TnUnitSource;

  TnElementRule tn_quantizer_rule (TnEstimator estimator, const TnScheme *scheme, gboolean scale_given, double temperature);
  void tn_quantizer_unit_init (TnQuantizerUnit * self, TnEstimator estimator, const TnScheme *scheme, const TnUnitSource *source);
  /* Code 0 is at zero, the distance between codes is 1: what is stored of y. */
  double tn_quantizer_unit_code (const TnQuantizerUnit *self, TnElementRule rule, double y);
  /* The largest magnitude that is still rounded by half a step at most; *bottom: the same below. */
  void tn_quantizer_unit_ends (const TnQuantizerUnit *self, TnElementRule rule, double *bottom, double *top);

  /* y = x + lambda (Q (x) - x). */
  void tn_elements_forward_f32 (TnElementRule rule, const TnQuantizerUnit *unit, float lambda, const float *x, gsize n, float *y);
  void tn_elements_forward_f64 (TnElementRule rule, const TnQuantizerUnit *unit, double lambda, const double *x, gsize n,
                                double *y);
  /* dx, unless NULL: written or added to. sums: the gradients of scale and offset before lambda and their factor, added to. */
  void tn_elements_backward_f32 (TnElementRule rule, const TnQuantizerUnit *unit, float lambda, const float *x, const float *g,
                                 gsize n, float *dx, gboolean adds, double sums[2]);
  void tn_elements_backward_f64 (TnElementRule rule, const TnQuantizerUnit *unit, double lambda, const double *x, const double *g,
                                 gsize n, double *dx, gboolean adds, double sums[2]);

G_END_DECLS
