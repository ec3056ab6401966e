/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/tape.h"

G_BEGIN_DECLS

/* y[..] = table[tokens[..]].  table: [vocabulary, width]; tokens: INT32 [..], of at most 3 dimensions; y: [.., width]. A token outside the
 * vocabulary gives NaN, and no gradient.
 * dtable[t] = sum of dy of the tokens t, in their order whatever the number of threads. */
TnValue *tn_tape_embedding (TnTape *tape, TnValue *table, TnValue *tokens);

G_END_DECLS
