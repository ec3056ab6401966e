/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/tape.h"
#include "engine/kernels/rope.h"

G_BEGIN_DECLS

/* The tables of positions 0 .. length - 1 as constants of the tape, [length, dim / 2] each, for all the layers that rotate alike; the
 * arguments are those of tn_rope_table(). */
void     tn_tape_rope_table (TnTape *tape, gsize length, gsize dim, double base, double scale, const float *factors,
                             TnValue **cosines, TnValue **sines);

/* The rotation alone: x [n x length, heads x head_dim] turned by its position in its sequence. Backward: the gradient is turned back. */
TnValue *tn_tape_rope       (TnTape *tape, TnValue *x, TnValue *cosines, TnValue *sines, guint length, gsize head_dim, TnRopeLayout layout);

/* For infer() of functions that rotate: inputs i and i + 1 are such tables, for `length` positions and heads of head_dim. */
gboolean tn_rope_check_tables (const TnInference *inference, guint i, gsize length, gsize head_dim, GError **error);

G_END_DECLS
