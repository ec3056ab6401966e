/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/gradient-check.h"

G_BEGIN_DECLS

/* For tests of functions: variables of random numbers, and the three things every function must stand. */

/* Standard normal numbers times deviation, the same for both types but for rounding. Free with tn_variable_unref(). */
TnVariable *fixture_variable (const char *name, TnDtype dtype, const TnShape *shape, double deviation);

typedef struct
{
  const char *name;
  TnShape     shape;
  double      deviation;   /* 0: 1 */
  gboolean    not_trained;
} FixtureVariable;

/* Records with variables of these shapes, and asserts:
 * gradients are those of central differences, in float64, within tolerance (1e-8 for smooth functions);
 * gradients accumulate, are released and computed again the same.
 * For float64 alone: sizes of a few hundred elements at most. */
void fixture_check_gradients (TnGradientCheckFunc func, const FixtureVariable *variables, guint n, gpointer user_data, double tolerance);

/* The value and all gradients in float32 beside those in float64, relative to the largest magnitude of each array, within tolerance (1e-5 or
 * so); and the same bits of float32 on 1 and 2 threads. Any size. */
void fixture_check_float32 (TnGradientCheckFunc func, const FixtureVariable *variables, guint n, gpointer user_data, double tolerance);

G_END_DECLS
