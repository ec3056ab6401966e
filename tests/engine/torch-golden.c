/* SPDX-License-Identifier: Apache-2.0 */
#include "torch-golden.h"

#include <math.h>

#include "engine/autograd/functions/elementwise.h"

#define MOST_VARIABLES 8

typedef struct
{
  const char *name;
  double sums[MOST_VARIABLES + 1][2]; /* of the value, then of the gradients of trained variables */
} Golden;

static const Golden goldens[] = {
#include "torch-golden.inc"
};

static void
compare (const char *name, const char *what, const double *x, gsize n, const double golden[2])
{
  double sum = 0.0, weighted = 0.0, size = 1e-3;

  for (gsize i = 0; i < n; i++)
    {
      sum += x[i];
      weighted += x[i] * ((double) (i % 7) - 3.0);
      size += fabs (x[i]);
    }
  if (!(fabs (sum - golden[0]) <= 1e-9 * size && fabs (weighted - golden[1]) <= 4e-9 * size))
    g_error ("%s: %s sums to %.12g and %.12g, in PyTorch to %.12g and %.12g", name, what, sum, weighted, golden[0], golden[1]);
}

static const Golden *
find_golden (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (goldens); i++)
    if (g_strcmp0 (goldens[i].name, name) == 0)
      return &goldens[i];
  g_error ("no golden values for %s", name);
}

void
torch_golden_check (const char *name, TnGradientCheckFunc func, const FixtureVariable *variables, guint n, gpointer user_data)
{
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F64, TRUE);
  g_autoptr (GError) error = NULL;
  const Golden *golden = find_golden (name);
  TnVariable *made[MOST_VARIABLES], *weights;
  TnValue *value, *loss;
  guint place = 1;

  for (guint v = 0; v < n; v++)
    {
      made[v] = tn_variable_new (variables[v].name, TN_ROLE_MATRIX, TN_DTYPE_F64, &variables[v].shape, &error);
      g_assert_no_error (error);
      g_assert_true (tn_variable_set_trained (made[v], !variables[v].not_trained, NULL));
      for (gsize i = 0; i < made[v]->count; i++)
        ((double *) made[v]->data)[i] = sin (0.7 * (double) i + (double) v + 0.3);
    }
  value = func (tape, made, user_data);
  if (value == NULL)
    g_error ("%s", tn_tape_plan (tape, NULL, &error) ? "?" : error->message);
  weights = tn_variable_new ("weights", TN_ROLE_MATRIX, TN_DTYPE_F64, &tn_value_get_info (value)->shape, &error);
  g_assert_true (tn_variable_set_trained (weights, FALSE, NULL));
  for (gsize i = 0; i < weights->count; i++)
    ((double *) weights->data)[i] = cos (0.9 * (double) i);
  tn_tape_keep (tape, value);
  loss = tn_tape_sum (tape, tn_tape_multiply (tape, value, tn_tape_variable (tape, weights)));
  if (!tn_tape_plan (tape, loss, &error) || !tn_tape_allocate (tape, &error) || !tn_tape_forward (tape, NULL, &error) ||
      !tn_tape_backward (tape, 1.0, FALSE, NULL, &error))
    g_error ("%s", error->message);
  compare (name, "value", tn_value_get_data (value), weights->count, golden->sums[0]);
  for (guint v = 0; v < n; v++)
    {
      if (made[v]->trained)
        compare (name, variables[v].name, made[v]->gradient, made[v]->count, golden->sums[place++]);
      tn_variable_unref (made[v]);
    }
  tn_variable_unref (weights);
}
