/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/estimators/estimator.h"

G_BEGIN_DECLS

  /* What scales that are learned start from. */
  typedef enum
  {
    /* Of lsq 2 mean |x| / sqrt (high) (Esser et al., 2020, section 2.1), of lsq+ max |mean ± 3 deviations| / 2^(b-1) (Bhalgat et
     * al., 2020, section 4; asymmetric: the range over the codes), of seq max |x| (ParetoQ's code), of binary mean |x|, of range
     * max |x|; of soft as lsq. */
    TN_INITIAL_BY_SOURCE,
    /* That with the least squared error, searched: 96 sizes, then by golden section. Of a normal distribution ParetoQ's start
     * leaves 70 % of ternary weights zero, this one 46 %. */
    TN_INITIAL_LEAST_ERROR,
  } TnInitialScale;

  /* x: [rows, columns] of weights, or activations that are typical. scales: [units]. offsets: [units] of lsq+, or NULL: the least
   * x where the scheme is asymmetric, else 0. Elements that are not finite count nowhere. Runs a parallel region: call on the
   * compute thread. */
  void tn_initial_scales (TnEstimator estimator, const TnScheme *scheme, TnInitialScale how, const float *x, gsize rows,
                          gsize columns, float *scales, float *offsets);

G_END_DECLS
