/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "engine/autograd/functions/batch-norm.h"
#include "engine/autograd/functions/elementwise.h"
#include "engine/error.h"
#include "torch-golden.h"

#define MOMENTUM 0.1
#define EPSILON 1e-5

static TnValue *
build (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  TnValue *inputs[5];

  for (guint i = 0; i < 5; i++)
    inputs[i] = tn_tape_variable (tape, variables[i]);
  return tn_tape_batch_norm (tape, inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], MOMENTUM, EPSILON);
}

static TnValue *
build_residual (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  TnValue *y = build (tape, variables, user_data);

  return tn_tape_add (tape, y, tn_tape_multiply (tape, tn_tape_variable (tape, variables[0]), y));
}

static void
check (TnShape x, gboolean large)
{
  for (guint frozen = 0; frozen < 4; frozen++)
    {
      gsize channels = x.dims[1];
      const FixtureVariable variables[] = {{"x", x, 1.0, frozen == 1},
                                           {"gain", TN_SHAPE (channels), 1.0, frozen == 2},
                                           {"bias", TN_SHAPE (channels), 1.0, frozen == 3},
                                           {"mean", TN_SHAPE (channels), 1.0, TRUE},
                                           {"variance", TN_SHAPE (channels), 1.0, TRUE}};

      if (!large)
        fixture_check_gradients (build, variables, 5, NULL, 1e-6);
      if (!large)
        fixture_check_gradients (build_residual, variables, 5, NULL, 1e-6);
      fixture_check_float32 (build, variables, 5, NULL, 1e-4);
      fixture_check_float32 (build_residual, variables, 5, NULL, 1e-4);
    }
}

static void
test_gradients (void)
{
  const FixtureVariable golden[] = {{"x", TN_SHAPE (3, 4, 2, 5), 0, FALSE},
                                    {"gain", TN_SHAPE (4), 0, FALSE},
                                    {"bias", TN_SHAPE (4), 0, FALSE},
                                    {"mean", TN_SHAPE (4), 0, TRUE},
                                    {"variance", TN_SHAPE (4), 0, TRUE}};

  check (TN_SHAPE (0, 3), FALSE);
  check (TN_SHAPE (5, 3), FALSE);
  check (TN_SHAPE (3, 2, 3, 4), FALSE);
  check (TN_SHAPE (2, 1, 1, 7), FALSE);
  check (TN_SHAPE (129, 67), TRUE);
  check (TN_SHAPE (7, 5, 23, 29), TRUE);
  torch_golden_check ("batch-norm", build, golden, 5, NULL);
}

typedef struct
{
  TnVariable *variables[5];
  TnTape *tape;
  TnValue *y;
} Run;

static void
start (Run *run, gboolean training, gboolean recompute)
{
  g_autoptr (GError) error = NULL;
  TnValue *y;

  run->tape = tn_tape_new (TN_DTYPE_F32, training);
  if (recompute)
    tn_tape_begin_recompute (run->tape);
  y = build (run->tape, run->variables, NULL);
  if (recompute)
    tn_tape_end_recompute (run->tape);
  run->y = tn_tape_multiply (run->tape, y, y);
  tn_tape_keep (run->tape, run->y);
  g_assert_true (tn_tape_plan (run->tape, training ? tn_tape_sum (run->tape, run->y) : NULL, &error));
  g_assert_true (tn_tape_allocate (run->tape, &error));
  g_assert_true (tn_tape_forward (run->tape, NULL, &error));
  if (training)
    g_assert_true (tn_tape_backward (run->tape, 1.0, FALSE, NULL, &error));
}

/* Moved once a forward pass, also where it runs again; an evaluating tape takes them and leaves them alone. */
static void
test_running (void)
{
  const float x[] = {1.0f, 10.0f, 3.0f, 30.0f, 8.0f, 50.0f};
  const double means[] = {4.0, 30.0}, variances[] = {13.0, 400.0}; /* the latter divided by n - 1 */

  for (guint recompute = 0; recompute < 2; recompute++)
    {
      Run run = {{NULL}}, evaluation;

      run.variables[0] = fixture_variable ("x", TN_DTYPE_F32, &TN_SHAPE (3, 2), 1.0);
      for (guint i = 1; i < 5; i++)
        {
          run.variables[i] = fixture_variable ("numbers", TN_DTYPE_F32, &TN_SHAPE (2), 0.0);
          g_assert_true (tn_variable_set_trained (run.variables[i], i < 3, NULL));
          for (guint k = 0; k < 2; k++)
            ((float *) run.variables[i]->data)[k] = i == 1 || i == 4 ? 1.0f : 0.0f;
        }
      for (guint i = 0; i < 6; i++)
        ((float *) run.variables[0]->data)[i] = x[i];
      start (&run, TRUE, recompute == 1);
      for (guint k = 0; k < 2; k++)
        {
          g_assert_cmpfloat_with_epsilon (((float *) run.variables[3]->data)[k], 0.1 * means[k], 1e-5);
          g_assert_cmpfloat_with_epsilon (((float *) run.variables[4]->data)[k], 0.9 + 0.1 * variances[k], 1e-4);
        }
      evaluation = run;
      start (&evaluation, FALSE, FALSE);
      for (guint i = 0; i < 6; i++)
        {
          double z = ((double) x[i] - 0.1 * means[i % 2]) / sqrt (0.9 + 0.1 * variances[i % 2] + EPSILON);

          g_assert_cmpfloat_with_epsilon (((const float *) tn_value_get_data (evaluation.y))[i], z * z, 1e-4 * fmax (1.0, z * z));
        }
      g_assert_cmpfloat_with_epsilon (((float *) run.variables[3]->data)[1], 3.0, 1e-5);
      tn_tape_free (run.tape);
      tn_tape_free (evaluation.tape);
      for (guint i = 0; i < 5; i++)
        tn_variable_unref (run.variables[i]);
    }
}

/* Of a network that is frozen: on a tape that trains, too, the running statistics count, and stay. */
static void
test_frozen (void)
{
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  const float x[] = {1.0f, 10.0f, 3.0f, 30.0f}, means[] = {2.0f, 5.0f}, variances[] = {4.0f, 25.0f}, gains[] = {1.0f, 2.0f}, biases[] = {0.5f, 0.0f};
  TnValue *numbers[4], *y;
  const float *all[] = {gains, biases, means, variances};
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 4; i++)
    {
      numbers[i] = tn_tape_constant (tape, TN_VALUE_FLOAT, &TN_SHAPE (2), all[i]);
      tn_tape_keep (tape, numbers[i]);
    }
  y = tn_tape_batch_norm (tape, tn_tape_constant (tape, TN_VALUE_FLOAT, &TN_SHAPE (2, 2), x), numbers[0], numbers[1], numbers[2], numbers[3], 0.0, EPSILON);
  tn_tape_keep (tape, y);
  g_assert_true (tn_tape_plan (tape, NULL, &error) && tn_tape_allocate (tape, &error) && tn_tape_forward (tape, NULL, &error));
  for (guint i = 0; i < 4; i++)
    {
      double wanted = (double) ((x[i] - means[i % 2]) * gains[i % 2]) / sqrt ((double) variances[i % 2] + EPSILON) + (double) biases[i % 2];

      g_assert_cmpfloat_with_epsilon (((const float *) tn_value_get_data (y))[i], wanted, 1e-5);
    }
  g_assert_cmpmem (tn_value_get_data (numbers[2]), sizeof means, means, sizeof means);
  g_assert_cmpmem (tn_value_get_data (numbers[3]), sizeof variances, variances, sizeof variances);
}

static void
test_errors (void)
{
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  g_autoptr (GError) error = NULL;
  TnValue *three = tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (3)),
          *four = tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (4));

  tn_tape_batch_norm (tape, tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (5, 3)), three, three, four, three, MOMENTUM, EPSILON);
  g_assert_false (tn_tape_plan (tape, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_SHAPE);
  g_assert_cmpstr (error->message, ==, "batch norm: mean is [4], expected [3]");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/batch-norm/gradients", test_gradients);
  g_test_add_func ("/batch-norm/running", test_running);
  g_test_add_func ("/batch-norm/frozen", test_frozen);
  g_test_add_func ("/batch-norm/errors", test_errors);
  return g_test_run ();
}
