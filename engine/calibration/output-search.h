/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "engine/calibration/site-stats.h"
#include "engine/quant/quant-params.h"
#include "engine/quant/rounding.h"
#include "engine/tensor/tensor.h"

G_BEGIN_DECLS

/* Parameters with the least error of a layer's output ‖X W - Xq Wq‖² (Nagel et al. 2021, section 3.1), X the inputs that calibration saw. */

typedef struct
{
  double power;  /* ‖X W‖² */
  double by_mse; /* ‖X (W - Wq)‖², or of both parts, with the scales of least squared error */
  double best;   /* with those that were found: never more */
} TnOutputErrors;

/* XᵀX [width, width] from the Gram matrix, else from the rows of the sample; NULL where the site has neither (TN_ERROR_NOT_FOUND). Free with
 * g_free(). Call on the compute thread. */
float      *tn_output_gram        (const TnSiteStats *site, GError **error);
/* Weights alone: from the scale of least squared error each tensor, row or group goes over scales between 0.7 and 1.6 times that and keeps the
 * best by eᵀ XᵀX e, e a row's error. Groups, which share a row, are judged by the diagonal of XᵀX alone. units: [1], [rows] or [rows, groups].
 * binary has nothing to search. Free with g_free(). Call on the compute thread. */
TnRounding *tn_output_find_units  (const TnTensor *weight, const TnScheme *scheme, const float *gram, TnOutputErrors *errors,
                                   GCancellable *cancellable, GError **error);
/* The tensor rounded by units. */
TnTensor   *tn_output_round       (const TnTensor *weight, const TnScheme *scheme, const TnRounding *units, GError **error);
/* Inputs with one scale for all tokens, on the sampled rows exactly, with the layer's weights before and after rounding (the same where they
 * are not rounded): scales between 0.5 and 2.5 times that of params, which is taken over. Call on the compute thread. */
gboolean    tn_output_find_input  (const TnSiteStats *site, const TnTensor *weight, const TnTensor *rounded, TnQuantParams *params,
                                   TnOutputErrors *errors, GCancellable *cancellable, GError **error);

G_END_DECLS
