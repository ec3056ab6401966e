/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "engine/metrics/float-histogram.h"
#include "engine/tensor/moments.h"

G_BEGIN_DECLS

/* Numbers of one tensor. Non-finite elements are counted and left out of everything else. */
typedef struct
{
  guint64 count;
  double  min, max, mean;
  double  std;       /* of the population */
  double  absmean;
  double  zeros;     /* fraction of exact zeros */
  guint64 nonfinite; /* number */
  TnMoments moments; /* what all this comes from: saves tn_quantize_errors_with() a pass */
} TnTensorSummary;

/* Streams over the tensor by rows, mapped pages released behind it. histogram may be NULL, else values are added to it.
 * Runs parallel loops: call on the compute thread. TN_ERROR_UNSUPPORTED when the dtype cannot be decoded. */
gboolean tn_tensor_summarize (const TnTensor *tensor, TnTensorSummary *summary, TnFloatHistogram *histogram,
                              GCancellable *cancellable, GError **error);

G_END_DECLS
