/* SPDX-License-Identifier: Apache-2.0 */
#include "function-fixture.h"

#include <math.h>
#include <string.h>

#include "engine/autograd/functions/elementwise.h"
#include "engine/device/device.h"
#include "engine/random.h"

#define MOST_VARIABLES 8

TnVariable *
fixture_variable (const char *name, TnDtype dtype, const TnShape *shape, double deviation)
{
  g_autoptr (GError) error = NULL;
  TnVariable *variable = tn_variable_new (name, TN_ROLE_MATRIX, dtype, shape, &error);
  TnRandom random = tn_random_stream (11, name);

  g_assert_no_error (error);
  for (gsize i = 0; i < variable->count; i++)
    {
      float value = (float) (tn_random_normal (&random) * deviation);

      if (dtype == TN_DTYPE_F64)
        ((double *) variable->data)[i] = (double) value;
      else
        ((float *) variable->data)[i] = value;
    }
  return variable;
}

static void
make_variables (TnVariable **made, TnDtype dtype, const FixtureVariable *variables, guint n)
{
  g_assert_cmpuint (n, <=, MOST_VARIABLES);
  for (guint i = 0; i < n; i++)
    {
      double deviation = variables[i].deviation != 0.0 ? variables[i].deviation : 1.0;

      made[i] = fixture_variable (variables[i].name, dtype, &variables[i].shape, deviation);
      g_assert_true (tn_variable_set_trained (made[i], !variables[i].not_trained, NULL));
    }
}

static void
drop_variables (TnVariable **made, guint n)
{
  for (guint i = 0; i < n; i++)
    tn_variable_unref (made[i]);
}

void
fixture_check_gradients (TnGradientCheckFunc func, const FixtureVariable *variables, guint n, gpointer user_data,
                         double tolerance)
{
  g_autoptr (GError) error = NULL;
  TnVariable *made[MOST_VARIABLES];
  TnGradientCheck result;
  gboolean ok;

  make_variables (made, TN_DTYPE_F64, variables, n);
  ok = tn_gradient_check (func, made, n, user_data, &result, &error);
  g_assert_no_error (error);
  g_assert_true (ok);
  if (!(result.worst <= tolerance))
    g_error ("gradient of %s[%zu]: %.12g, by differences %.12g", variables[result.variable].name, result.element, result.analytic,
             result.numeric);
  drop_variables (made, n);
}

typedef struct
{
  double *arrays[MOST_VARIABLES + 1]; /* gradients, then the value */
  gsize counts[MOST_VARIABLES + 1];
} Outcome;

static double *
widen (TnDtype dtype, const void *x, gsize n)
{
  double *out = g_new (double, MAX (n, 1));

  for (gsize i = 0; i < n; i++)
    out[i] = dtype == TN_DTYPE_F64 ? ((const double *) x)[i] : (double) ((const float *) x)[i];
  return out;
}

/* The loss is the sum of the value times numbers in -1 .. 1 that depend on the place alone. */
static void
run (TnGradientCheckFunc func, TnDtype dtype, const FixtureVariable *variables, guint n, gpointer user_data, Outcome *outcome)
{
  g_autoptr (TnTape) tape = tn_tape_new (dtype, TRUE);
  g_autoptr (GError) error = NULL;
  g_autoptr (TnVariable) weights = NULL;
  TnVariable *made[MOST_VARIABLES];
  TnValue *value, *loss = NULL;

  make_variables (made, dtype, variables, n);
  value = func (tape, made, user_data);
  if (value != NULL)
    {
      weights = fixture_variable ("weights", dtype, &tn_value_get_info (value)->shape, 1.0);
      g_assert_true (tn_variable_set_trained (weights, FALSE, NULL));
      tn_tape_keep (tape, value);
      loss = tn_tape_sum (tape, tn_tape_multiply (tape, value, tn_tape_variable (tape, weights)));
    }
  if (!tn_tape_plan (tape, loss, &error) || !tn_tape_allocate (tape, &error) || !tn_tape_forward (tape, NULL, &error) ||
      !tn_tape_backward (tape, 1.0, FALSE, NULL, &error))
    g_error ("%s", error->message);
  memset (outcome, 0, sizeof *outcome);
  for (guint i = 0; i < n; i++)
    if (made[i]->trained)
      {
        outcome->counts[i] = made[i]->count;
        outcome->arrays[i] = widen (dtype, made[i]->gradient, made[i]->count);
      }
  outcome->counts[n] = tn_shape_count (&tn_value_get_info (value)->shape);
  outcome->arrays[n] = widen (dtype, tn_value_get_data (value), outcome->counts[n]);
  drop_variables (made, n);
}

static void
clear (Outcome *outcome)
{
  for (guint i = 0; i <= MOST_VARIABLES; i++)
    g_free (outcome->arrays[i]);
}

static void
compare (const Outcome *a, const Outcome *b, guint n, double tolerance, const FixtureVariable *variables)
{
  for (guint i = 0; i <= n; i++)
    {
      double largest = 1e-30;

      for (gsize k = 0; k < a->counts[i]; k++)
        largest = fmax (largest, fabs (a->arrays[i][k]));
      for (gsize k = 0; k < a->counts[i]; k++)
        if (!(fabs (a->arrays[i][k] - b->arrays[i][k]) <= tolerance * largest))
          g_error ("%s%s[%zu]: %.9g in float64, %.9g in float32", i < n ? "gradient of " : "value",
                   i < n ? variables[i].name : "", k, a->arrays[i][k], b->arrays[i][k]);
    }
}

void
fixture_check_float32 (TnGradientCheckFunc func, const FixtureVariable *variables, guint n, gpointer user_data, double tolerance)
{
  guint threads = tn_device_get_threads ();
  Outcome wide, one, two;

  run (func, TN_DTYPE_F64, variables, n, user_data, &wide);
  tn_device_set_threads (1);
  run (func, TN_DTYPE_F32, variables, n, user_data, &one);
  tn_device_set_threads (2);
  run (func, TN_DTYPE_F32, variables, n, user_data, &two);
  tn_device_set_threads (threads);
  compare (&wide, &one, n, tolerance, variables);
  for (guint i = 0; i <= n; i++)
    g_assert_cmpmem (one.arrays[i], one.counts[i] * sizeof (double), two.arrays[i], two.counts[i] * sizeof (double));
  clear (&wide);
  clear (&one);
  clear (&two);
}
