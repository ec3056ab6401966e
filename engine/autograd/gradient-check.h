/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/autograd/tape.h"

G_BEGIN_DECLS

/* Records what is to be checked on a tape of float64; the variables it takes are those of the check. Returns any value with a gradient:
 * its elements are multiplied by fixed random numbers and summed, so that every one counts. NULL where recording failed. */
typedef TnValue *(*TnGradientCheckFunc) (TnTape *tape, TnVariable *const *variables, gpointer user_data);

typedef struct
{
  double worst;         /* largest |analytic - numeric| / the largest |analytic| of the variable, at least 1e-3 */
  guint  variable;      /* where */
  gsize  element;
  double analytic, numeric;
} TnGradientCheck;

/* Compares the backward pass, of every element of every trained variable, with central differences (f (x + h) - f (x - h)) / 2 h,
 * h = 1e-5 max (1, |x|); smooth functions agree to 1e-8 or so. What else the operation reads are variables that are not trained. Also
 * replays with a second batch accumulated, and with gradients released, and says MISMATCH where these differ
 * in a bit. Errors of the tape. */
gboolean tn_gradient_check (TnGradientCheckFunc func, TnVariable *const *variables, guint n, gpointer user_data,
                            TnGradientCheck *result, GError **error);

G_END_DECLS
