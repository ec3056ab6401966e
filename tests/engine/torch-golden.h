/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "function-fixture.h"

G_BEGIN_DECLS

/* Runs what is recorded in float64 on variables of fixed numbers, element i of variable v being sin (0.7 i + v + 0.3), and compares the
 * value, and the gradients of sum (cos (0.9 j) value_j), with what PyTorch gave, as tests/engine/torch-golden.py computed it:
 * of every array the sum, and the sum of element i times (i % 7 - 3), to 1e-9 of the array's magnitude. */
void torch_golden_check (const char *name, TnGradientCheckFunc func, const FixtureVariable *variables, guint n, gpointer user_data);

G_END_DECLS
