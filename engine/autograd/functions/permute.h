/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/tape.h"

G_BEGIN_DECLS

/* Dimensions in another order, elements copied: y[i0, i1, …] = x at the place whose dimension order[k] is ik, so that y has the shape
 * x.dims[order[0]], x.dims[order[1]], …; dx is dy in the inverse order. order: as many as x has dimensions, each once. */
TnValue *tn_tape_permute     (TnTape *tape, TnValue *x, const guint *order);
/* The last two dimensions change places: of a matrix the transpose. */
TnValue *tn_tape_transpose   (TnTape *tape, TnValue *x);
/* Tokens one behind another [n * length, heads * dim], as linear layers give them, to heads one behind another [n, heads, length, dim]; and back. */
TnValue *tn_tape_split_heads (TnTape *tape, TnValue *x, gsize length, gsize heads);
TnValue *tn_tape_join_heads  (TnTape *tape, TnValue *x);

G_END_DECLS
