/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/metrics/float-histogram.h"
#include "engine/quant/quant-params.h"

G_BEGIN_DECLS

/* Scale (and zero point) for a per-tensor integer scheme from a histogram; the errors are those the histogram predicts
 * (values spread evenly inside a bin). minimum and maximum are the exact extremes.
 * min-max: clip = max |x| (asymmetric: [min, max] with 0 inside); percentile: the given percentile of |x| (percent, e.g. 99.99);
 * (asymmetric: the extremes cut there); mse: the clip with the least squared error, by a logarithmic grid and golden-section refinement
 * (asymmetric: for every zero point of a coarse set, then of the neighbours of the best).
 * Codes: symmetric ±(2^(b-1) - 1), zero point 0; asymmetric 0 .. 2^b - 1. All values zero: scale 0, no error.
 * TN_ERROR_DATA when there are no finite values, TN_ERROR_ARGUMENT for a percentile outside (0, 100], TN_ERROR_UNSUPPORTED
 * for schemes that are not integer per tensor with an fp32 scale. */
gboolean tn_parameter_search (const TnFloatHistogram *histogram, double minimum, double maximum, const TnScheme *scheme,
                              TnMethod method, double percentile, TnQuantParams *params, GError **error);
/* The squared error and SQNR (+inf when exact) the histogram predicts for given scale and zero point. */
void     tn_parameter_error  (const TnFloatHistogram *histogram, const TnScheme *scheme, double scale, gint32 zero_point,
                              double *mse, double *sqnr_db);

G_END_DECLS
