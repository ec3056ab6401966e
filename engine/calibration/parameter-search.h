/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/metrics/float-histogram.h"
#include "engine/quant/quant-params.h"

G_BEGIN_DECLS

/* Scale (and zero point) for a per-tensor integer scheme from a histogram; the errors are those the histogram predicts
 * (values spread evenly inside a bin). minimum and maximum are the exact extremes.
 * min-max: clip = max |x| (asymmetric: [min, max] with 0 inside); percentile: the given percentile of |x| (percent, e.g. 99.99);
 * mse: the clip with the least squared error, by a logarithmic grid and golden-section refinement.
 * FALSE with TN_ERROR_DATA when there are no finite values. */
gboolean tn_parameter_search (const TnFloatHistogram *histogram, double minimum, double maximum, const TnScheme *scheme,
                              TnMethod method, double percentile, TnQuantParams *params, GError **error);
/* The squared error and SQNR the histogram predicts for given scale and zero point. */
void     tn_parameter_error  (const TnFloatHistogram *histogram, const TnScheme *scheme, double scale, gint32 zero_point,
                              double *mse, double *sqnr_db);

G_END_DECLS
