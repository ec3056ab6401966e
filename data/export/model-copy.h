/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/tensor/dtype.h"

G_BEGIN_DECLS

/* What tn_trained_model_write() made in from, again in the folder to, its weights in float_type: F32 (the same bits), F16 or BF16 (rounded to nearest, half
 * the size). A folder that is there is replaced if it holds nothing else. TN_ERROR_NOT_FOUND: from holds no such model; TN_ERROR_UNSUPPORTED: another
 * type; TN_ERROR_DATA: a weight is beyond what float_type holds; TN_ERROR_IO. */
gboolean tn_trained_model_copy (const char *from, const char *to, TnDtype float_type, GError **error);

G_END_DECLS
