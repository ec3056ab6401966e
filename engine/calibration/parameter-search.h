/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/metrics/float-histogram.h"
#include "engine/quant/quant-params.h"

G_BEGIN_DECLS

/* Scale and zero point for an integer or ternary scheme with one fp32 scale a tensor, from a histogram, by any method that values are
 * enough for, and EMA where options know its range (engine/quant/method.h). The errors are those the histogram predicts (values
 * spread evenly inside a bin). minimum and maximum are the exact extremes: the outermost bins end there.
 * Codes: symmetric ±(2^(b-1) - 1), zero point 0; asymmetric 0 .. 2^b - 1. Ternary: ±1, a level and a threshold, by the rule of the
 * scheme where the method is minmax. All values zero: scale 0, no error.
 * TN_ERROR_DATA when there are no finite values, or the method finds nothing in them; TN_ERROR_ARGUMENT for a percentile outside
 * (0, 100]; TN_ERROR_UNSUPPORTED for other schemes and for methods that need more. Threads: any. */
gboolean tn_parameter_search_by (const TnFloatHistogram *histogram, double minimum, double maximum, const TnScheme *scheme,
                                 const TnMethodOptions *options, TnQuantParams *params, GError **error);
/* The same by a method and its percentile. */
gboolean tn_parameter_search    (const TnFloatHistogram *histogram, double minimum, double maximum, const TnScheme *scheme,
                                 TnMethod method, double percentile, TnQuantParams *params, GError **error);
/* The squared error and SQNR (+inf when exact) the histogram predicts for given scale and zero point. */
void     tn_parameter_error     (const TnFloatHistogram *histogram, const TnScheme *scheme, double scale, gint32 zero_point,
                                 double *mse, double *sqnr_db);

G_END_DECLS
