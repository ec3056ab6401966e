/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/tensor/tensor-blocks.h"

G_BEGIN_DECLS

/* The median of |x| over finite elements, the lower of the two in the middle; 0 when there is none. */
float    tn_absmedian        (const float *x, gsize n);
/* The same, exact, for elements of a tensor that is streamed twice; conditions of tn_tensor_visit_blocks(). */
gboolean tn_tensor_absmedian (const TnTensor *tensor, guint64 first, guint64 n, float *absmedian, GCancellable *cancellable,
                              GError **error);

G_END_DECLS
