/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/function.h"

G_BEGIN_DECLS

/* What functions share that have a number for each column of [rows, columns]; arrays are of the call's dtype. */

/* y = x + bias[column], and x * factors[column]; y may be x. */
void tn_columns_add      (const TnCall *call, const void *x, const void *bias, void *y, gsize rows, gsize columns);
void tn_columns_multiply (const TnCall *call, const void *x, const void *factors, void *y, gsize rows, gsize columns);
/* input_gradients[i], if wanted, = or += sums over the rows of x times y; y NULL: of x alone. */
void tn_columns_sum      (const TnCall *call, const void *x, const void *y, gsize rows, gsize columns, guint i);

G_END_DECLS
