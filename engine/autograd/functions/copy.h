/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/tape.h"

G_BEGIN_DECLS

/* The same elements in an array of their own, whose gradient is an array of its own, too. */
TnValue *tn_tape_copy (TnTape *tape, TnValue *x);

G_END_DECLS
