/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/function.h"
#include "engine/kernels/norm.h"

G_BEGIN_DECLS

/* What norms of rows share: inputs x [.., width] and gain [width]; attributes begin with a double epsilon. Private to
 * engine/autograd/functions. */

/* Output, what backward reads, and its scratch. */
gboolean tn_norm_rows_infer    (TnInference *inference, GError **error);
/* Gradients of x and gain in float32: gradient_func for blocks of rows, which depend on the shape alone, and the sums of what they give
 * for the gain. */
void     tn_norm_rows_backward (const TnCall *call, void (*gradient_func) (const TnNormGradient *gradient, gsize n_rows));

G_END_DECLS
