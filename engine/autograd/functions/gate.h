/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/tape.h"

G_BEGIN_DECLS

/* y = f(gate) * up, element by element; keeps gate and up alone. dgate = dy f'(gate) up, dup = dy f(gate).
 * float32: the bits of the gated activations of inference (kernels/activation.h, formulas and sources there). */
TnValue *tn_tape_silu_gate  (TnTape *tape, TnValue *gate, TnValue *up);
TnValue *tn_tape_relu2_gate (TnTape *tape, TnValue *gate, TnValue *up);

G_END_DECLS
