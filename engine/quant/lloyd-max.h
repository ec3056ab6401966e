/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/tensor/tensor-blocks.h"

G_BEGIN_DECLS

/* The ternary quantizer {-a, 0, +a} of least squared error (Lloyd 1982, Max 1960), the global optimum, not a fixed point near a start.
 *
 * With magnitudes in falling order y_1 >= y_2 >= …, and P_k the sum of the first k, the best choice of k elements that are not 0 is
 * the first k, their best level P_k / k, and the error sum y^2 - P_k^2 / k. So the optimum is the k with the largest P_k^2 / k. At
 * it y_k >= P_k / 2k >= y_(k+1), or moving an element to its nearest level would lower the error further: only where that
 * crossing can be are prefix sums looked at one by one, by bins of the floats' bit patterns, whose sums are exact integers. */

/* The level a over finite elements; 0 when all of them are 0 or there is none. Threads: any. */
double   tn_lloyd_max_level        (const float *x, gsize n);
/* The same for elements of a tensor that is streamed, two times as a rule: once more for 16 of the bins in which the crossing may
 * be. Conditions of tn_tensor_visit_blocks(). */
gboolean tn_tensor_lloyd_max_level (const TnTensor *tensor, guint64 first, guint64 n, double *level, GCancellable *cancellable,
                                    GError **error);

G_END_DECLS
