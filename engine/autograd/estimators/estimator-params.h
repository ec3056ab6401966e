/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/estimators/estimator.h"
#include "engine/quant/quant-params.h"
#include "engine/quant/rounding.h"

G_BEGIN_DECLS

  /* Scales of estimators, which each counts in its own way, and parameters of schemes, which say the size of a step. */

  /* What an estimator with this scale (and offset, else 0) rounds to, as inference takes it: tn_input_rounding_apply() gives the
   * same bits as tn_tape_quantize_activation(). FALSE: levels that are not those of an integer scheme (seq, soft, trust, binary,
   * ternary). Error and SQNR are NaN. */
  gboolean tn_estimator_to_params (TnEstimator estimator, const TnScheme *scheme, float scale, float offset, TnQuantParams *params);

  /* The scale (and offset) with which an estimator has the levels of the step and zero point that were found for its scheme: where
   * it starts. offset NULL: it has none. FALSE: it has no such levels: binary, int2 of seq, and asymmetric schemes without an
   * offset, whose lowest level is 0. */
  gboolean tn_estimator_from_params   (TnEstimator estimator, const TnScheme *scheme, double step, gint32 zero_point, float *scale,
                                       float *offset);
  gboolean tn_estimator_from_rounding (TnEstimator estimator, const TnScheme *scheme, const TnRounding *rounding, float *scale,
                                       float *offset);

G_END_DECLS
