/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/relation-loss.h"
#include "engine/error.h"

#include "function-fixture.h"
#include "torch-golden.h"

typedef struct
{
  TnRelationShape shape;
  guint n_sequences;
  gsize head_dim[2];
} Case;

static TnValue *
build (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  return tn_tape_relation_loss (tape, tn_tape_variable (tape, variables[0]), tn_tape_variable (tape, variables[1]),
                                &((const Case *) user_data)->shape);
}

static void
fill_variables (const Case *self, FixtureVariable variables[2])
{
  gsize rows = (gsize) self->n_sequences * self->shape.length;

  variables[0] = (FixtureVariable){"student", TN_SHAPE (rows, self->shape.n_head * self->head_dim[0]), 1.0, FALSE};
  variables[1] = (FixtureVariable){"teacher", TN_SHAPE (rows, self->shape.n_head * self->head_dim[1]), 1.0, TRUE};
}

static void
test_gradients (void)
{
  static const Case cases[] = {{{2, 3, TRUE, 0.0}, 2, {4, 5}},
                               {{1, 4, FALSE, 0.0}, 1, {3, 3}},
                               {{3, 2, TRUE, 0.3}, 2, {2, 4}},
                               {{1, 1, TRUE, 0.0}, 1, {3, 2}},
                               {{2, 3, TRUE, 1.0}, 0, {2, 2}}};

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      FixtureVariable variables[2];

      fill_variables (&cases[i], variables);
      fixture_check_gradients (build, variables, 2, (gpointer) &cases[i], 1e-7);
    }
}

static void
test_float32 (void)
{
  static const Case cases[] = {{{2, 47, TRUE, 0.1}, 3, {16, 24}},
                               {{1, 48, FALSE, 0.0}, 1, {17, 9}},
                               {{4, 101, TRUE, 0.0}, 2, {32, 64}},
                               {{3, 49, FALSE, 0.0}, 2, {5, 5}}};

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      FixtureVariable variables[2];

      fill_variables (&cases[i], variables);
      fixture_check_float32 (build, variables, 2, (gpointer) &cases[i], 2e-4);
    }
}

static void
test_torch (void)
{
  static const Case normalized = {{2, 5, TRUE, 0.0}, 2, {3, 4}}, plain = {{2, 5, FALSE, 0.7}, 2, {3, 4}};
  FixtureVariable variables[2];

  fill_variables (&normalized, variables);
  torch_golden_check ("relation-normalized", build, variables, 2, (gpointer) &normalized);
  torch_golden_check ("relation-plain", build, variables, 2, (gpointer) &plain);
}

static void
test_errors (void)
{
  static const char *const messages[] = {"relation loss: student is [6, 7], expected whole sequences of 3 tokens and 2 heads",
                                         "relation loss: teacher is [3, 8], expected whole sequences of 3 tokens and 2 heads"};
  const TnShape students[] = {TN_SHAPE (6, 7), TN_SHAPE (6, 8)};

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
      g_autoptr (GError) error = NULL;

      tn_tape_relation_loss (tape, tn_tape_input (tape, TN_VALUE_FLOAT, &students[i]),
                             tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (3, 8)), &(const TnRelationShape){2, 3, TRUE, 0.0});
      g_assert_false (tn_tape_plan (tape, NULL, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_SHAPE);
      g_assert_cmpstr (error->message, ==, messages[i]);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/relation-loss/gradients", test_gradients);
  g_test_add_func ("/relation-loss/float32", test_float32);
  g_test_add_func ("/relation-loss/torch", test_torch);
  g_test_add_func ("/relation-loss/errors", test_errors);
  return g_test_run ();
}
