/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "engine/autograd/functions/cross-entropy.h"
#include "engine/autograd/functions/elementwise.h"
#include "engine/autograd/functions/regression-loss.h"
#include "engine/error.h"

#include "function-fixture.h"
#include "torch-golden.h"

typedef enum
{
  MSE,
  L1,
  SMOOTH_L1,
  COSINE,
  DISTILLATION,
} Kind;

static TnValue *
build (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  TnValue *x = tn_tape_variable (tape, variables[0]), *y = tn_tape_variable (tape, variables[1]);

  switch ((Kind) GPOINTER_TO_INT (user_data))
    {
    case MSE:
      return tn_tape_mse (tape, x, y);
    case L1:
      return tn_tape_l1 (tape, x, y);
    case SMOOTH_L1:
      return tn_tape_smooth_l1 (tape, x, y, 0.7);
    case COSINE:
      return tn_tape_cosine_loss (tape, x, y);
    default:
      return tn_tape_distillation (tape, x, y, 1.7);
    }
}

static void
test_regression (void)
{
  const TnShape shapes[] = {TN_SHAPE (0, 3), TN_SHAPE (1, 1), TN_SHAPE (5, 7), TN_SHAPE (3, 64)};
  const TnShape large[] = {TN_SHAPE (1, 1), TN_SHAPE (31, 33), TN_SHAPE (1025, 17)};

  for (gint kind = MSE; kind <= DISTILLATION; kind++)
    {
      gboolean fixed = kind == DISTILLATION;

      for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
        {
          const FixtureVariable variables[] = {{"x", shapes[i], 1.0, FALSE}, {"y", shapes[i], 1.0, fixed}};

          fixture_check_gradients (build, variables, 2, GINT_TO_POINTER (kind), 1e-8);
        }
      for (guint i = 0; i < G_N_ELEMENTS (large); i++)
        {
          const FixtureVariable variables[] = {{"x", large[i], 1.0, FALSE}, {"y", large[i], 1.0, fixed}};

          if (kind != COSINE || i > 0) /* a row of one number has no angle to change */
            fixture_check_float32 (build, variables, 2, GINT_TO_POINTER (kind), 3e-6);
        }
    }
}

typedef struct
{
  gsize rows, classes;
  double smoothing;
  gint modulus;
} Case;

static TnValue *
build_cross_entropy (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  const Case *self = user_data;
  g_autofree gint32 *targets = g_new (gint32, self->rows + 1);

  for (gsize i = 0; i < self->rows; i++)
    targets[i] = self->modulus > 0 && i % (gsize) self->modulus == 0 ? -1 : (gint32) ((i * 7 + 3) % self->classes);
  return tn_tape_cross_entropy (tape, tn_tape_variable (tape, variables[0]),
                                tn_tape_constant (tape, TN_VALUE_INT32, &TN_SHAPE (self->rows), targets), self->smoothing, NULL);
}

static void
test_cross_entropy (void)
{
  static const Case small[] = {{0, 3, 0.1, 0}, {1, 1, 0.0, 0}, {4, 10, 0.0, 3}, {5, 7, 0.1, 0}, {3, 4, 0.2, 1}};
  static const Case large[] = {{1, 1, 0.0, 0}, {131, 10, 0.1, 4}, {33, 1031, 0.0, 0}, {3, 4, 0.2, 1}};

  for (guint i = 0; i < G_N_ELEMENTS (small); i++)
    {
      const FixtureVariable variables[] = {{"logits", TN_SHAPE (small[i].rows, small[i].classes), 2.0, FALSE}};

      fixture_check_gradients (build_cross_entropy, variables, 1, (gpointer) &small[i], 1e-8);
    }
  for (guint i = 0; i < G_N_ELEMENTS (large); i++)
    {
      const FixtureVariable variables[] = {{"logits", TN_SHAPE (large[i].rows, large[i].classes), 2.0, FALSE}};

      fixture_check_float32 (build_cross_entropy, variables, 1, (gpointer) &large[i], 3e-6);
    }
}

static void
test_torch (void)
{
  static const char *const names[] = {"mse", "l1", "smooth-l1", "cosine", "distillation"};
  static const Case smoothed = {6, 5, 0.1, 4};
  const FixtureVariable logits[] = {{"logits", TN_SHAPE (6, 5), 1.0, FALSE}};

  for (gint kind = MSE; kind <= DISTILLATION; kind++)
    {
      const FixtureVariable variables[] = {{"x", TN_SHAPE (4, 6), 1.0, FALSE}, {"y", TN_SHAPE (4, 6), 1.0, kind == DISTILLATION}};

      torch_golden_check (names[kind], build, variables, 2, GINT_TO_POINTER (kind));
    }
  torch_golden_check ("cross-entropy-smoothed", build_cross_entropy, logits, 1, (gpointer) &smoothed);
}

/* The numbers that metrics are made of, what is outside, and rows without a direction. */
static void
test_details (void)
{
  const gint32 targets[] = {1, -1, 0, 2};
  const float z[] = {0.0f, 1.0f, 1.0f, 5.0f, 5.0f, 5.0f, 2.0f, 1.0f, 0.0f, 0.0f, 0.0f, 0.0f}, zeros[12] = {0};
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  g_autoptr (TnVariable) x = tn_variable_new ("x", TN_ROLE_MATRIX, TN_DTYPE_F32, &TN_SHAPE (4, 3), NULL);
  TnValue *outputs[3], *value = tn_tape_variable (tape, x), *cosine;
  const TnHeadLossSums *sums;
  const float *rows;

  memcpy (x->data, z, sizeof z);
  tn_tape_cross_entropy (tape, value, tn_tape_constant (tape, TN_VALUE_INT32, &TN_SHAPE (4), targets), 0.0, outputs);
  cosine = tn_tape_cosine_loss (tape, value, tn_tape_constant (tape, TN_VALUE_FLOAT, &TN_SHAPE (4, 3), zeros));
  tn_tape_keep (tape, cosine);
  for (guint i = 0; i < 3; i++)
    tn_tape_keep (tape, outputs[i]);
  g_assert_true (tn_tape_plan (tape, tn_tape_add (tape, outputs[0], cosine), NULL) && tn_tape_allocate (tape, NULL) &&
                 tn_tape_forward (tape, NULL, NULL) && tn_tape_backward (tape, 1.0, FALSE, NULL, NULL));
  sums = tn_value_get_data (outputs[1]);
  rows = tn_value_get_data (outputs[2]);
  g_assert_cmpuint (sums->n_scored, ==, 3);
  g_assert_cmpuint (sums->n_correct, ==, 2);
  g_assert_cmpfloat_with_epsilon (sums->nll_sum, log (exp (-1.0) + 2.0) + log (1.0 + exp (-1.0) + exp (-2.0)) + log (3.0), 1e-6);
  g_assert_cmpfloat (rows[1], ==, 0.0f);
  g_assert_cmpfloat_with_epsilon (rows[3], (float) log (3.0), 1e-6f);
  g_assert_cmpfloat (*(float *) tn_value_get_data (cosine), ==, 1.0f);
  g_assert_cmpfloat (((float *) x->gradient)[3], ==, 0.0f);
}

static void
test_outside (void)
{
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  g_autoptr (TnVariable) x = fixture_variable ("x", TN_DTYPE_F32, &TN_SHAPE (2, 3), 1.0);
  TnValue *targets = tn_tape_constant (tape, TN_VALUE_INT32, &TN_SHAPE (2), (const gint32[]){0, 3});
  TnValue *loss = tn_tape_cross_entropy (tape, tn_tape_variable (tape, x), targets, 0.0, NULL);

  g_assert_true (tn_tape_plan (tape, loss, NULL) && tn_tape_allocate (tape, NULL) && tn_tape_forward (tape, NULL, NULL) &&
                 tn_tape_backward (tape, 1.0, FALSE, NULL, NULL));
  g_assert_true (isnan (*(float *) tn_value_get_data (loss)));
  g_assert_true (isnan (((float *) x->gradient)[5]));
}

static void
expect (TnTape *tape, TnErrorCode code, const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (tn_tape_plan (tape, NULL, &error));
  g_assert_error (error, TN_ERROR, (gint) code);
  g_assert_cmpstr (error->message, ==, message);
  tn_tape_free (tape);
}

static void
test_errors (void)
{
  TnTape *tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  const TnShape two = TN_SHAPE (2, 3), three = TN_SHAPE (3, 3);

  tn_tape_mse (tape, tn_tape_input (tape, TN_VALUE_FLOAT, &two), tn_tape_input (tape, TN_VALUE_FLOAT, &three));
  expect (tape, TN_ERROR_SHAPE, "mse: y is [3, 3], expected [2, 3]");
  tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  tn_tape_smooth_l1 (tape, tn_tape_input (tape, TN_VALUE_FLOAT, &two), tn_tape_input (tape, TN_VALUE_FLOAT, &two), 0.0);
  expect (tape, TN_ERROR_ARGUMENT, "smooth l1: beta 0, expected more than 0");
  tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  tn_tape_cross_entropy (tape, tn_tape_input (tape, TN_VALUE_FLOAT, &two), tn_tape_input (tape, TN_VALUE_INT32, &TN_SHAPE (3)),
                         0.0, NULL);
  expect (tape, TN_ERROR_SHAPE, "cross-entropy: targets is [3], expected [2]");
  tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  tn_tape_cross_entropy (tape, tn_tape_input (tape, TN_VALUE_FLOAT, &two), tn_tape_input (tape, TN_VALUE_INT32, &TN_SHAPE (2)),
                         1.0, NULL);
  expect (tape, TN_ERROR_ARGUMENT, "cross-entropy: label smoothing 1, expected 0 or more, and less than 1");
  tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  tn_tape_distillation (tape, tn_tape_input (tape, TN_VALUE_FLOAT, &two), tn_tape_input (tape, TN_VALUE_FLOAT, &two), -1.0);
  expect (tape, TN_ERROR_ARGUMENT, "distillation: temperature -1, expected more than 0");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/losses/regression", test_regression);
  g_test_add_func ("/losses/cross-entropy", test_cross_entropy);
  g_test_add_func ("/losses/torch", test_torch);
  g_test_add_func ("/losses/details", test_details);
  g_test_add_func ("/losses/outside", test_outside);
  g_test_add_func ("/losses/errors", test_errors);
  return g_test_run ();
}
