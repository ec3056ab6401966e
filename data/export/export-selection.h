/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/models/model-file.h"
#include "engine/quant/plan.h"

G_BEGIN_DECLS

typedef enum { TN_SELECT_KEEP, TN_SELECT_SCHEME, TN_SELECT_TYPE } TnSelect;

/* What becomes of each tensor of a model: [tn_model_file_n_tensors()]. */
typedef struct
{
  TnSelect select;
  gboolean linear; /* a weight of a linear layer inside a block */
  TnScheme scheme; /* SCHEME */
} TnSelection;

/* TRUE for the weights that are quantized unless somebody says otherwise, by their canonical name. */
gboolean     tn_export_is_linear (const TnModelTensor *tensor);
/* TRUE when a tensor holds codes times scales: rounding it to a scheme is a second rounding. */
gboolean     tn_export_is_rounded_already (const TnTensor *tensor);
/* plan: its weights; patterns take linear layers only, or every matrix where the file does not say which are linear; any other matrix has to be
 * named. plan NULL: scheme for the linear layers, or TYPE where that is NULL, too. TN_ERROR_MISMATCH: a plan for another model; TN_ERROR_NOT_FOUND: names that are none of the
 * model's, or no linear layer and no plan; TN_ERROR_ARGUMENT: a scheme that does not fit, a tensor that is no matrix;
 * TN_ERROR_UNSUPPORTED: a tensor that cannot be decoded. */
TnSelection *tn_export_select    (TnModelFile *model, TnPlan *plan, const TnScheme *scheme, GError **error);

G_END_DECLS
