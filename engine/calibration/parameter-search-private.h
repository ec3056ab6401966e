/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/calibration/parameter-search.h"

G_BEGIN_DECLS

/* How much of each part of a histogram counts. */
#define TN_KEPT_BINS 2048
typedef struct
{
  double bins[TN_KEPT_BINS]; /* of 32 bins each */
  double zeros;
} TnKeptShares;

/* tn_parameter_search_by() on a part; kept NULL: all. */
gboolean tn_parameter_search_in_part (const TnFloatHistogram *histogram, const TnKeptShares *kept, double minimum, double maximum,
                                      const TnScheme *scheme, const TnMethodOptions *options, TnQuantParams *params, GError **error);

G_END_DECLS
