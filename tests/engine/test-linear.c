/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/autograd/functions/elementwise.h"
#include "engine/autograd/functions/embedding.h"
#include "engine/autograd/functions/linear.h"
#include "engine/error.h"
#include "torch-golden.h"

static TnValue *
build_linear (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  gboolean *has_bias = user_data;

  return tn_tape_linear (tape, tn_tape_variable (tape, variables[0]), tn_tape_variable (tape, variables[1]),
                         *has_bias ? tn_tape_variable (tape, variables[2]) : NULL);
}

static void
test_linear (void)
{
  const gsize sizes[][3] = {{0, 3, 2}, {3, 0, 2}, {3, 2, 0}, {1, 1, 1}, {5, 7, 3}, {2, 17, 13}};
  const FixtureVariable large[] = {{"x", TN_SHAPE (3, 41, 129), 1.0, FALSE},
                                   {"w", TN_SHAPE (257, 129), 1.0, FALSE},
                                   {"b", TN_SHAPE (257), 1.0, FALSE}};
  const FixtureVariable golden[] = {{"x", TN_SHAPE (3, 2, 5), 0, FALSE},
                                    {"w", TN_SHAPE (4, 5), 0, FALSE},
                                    {"b", TN_SHAPE (4), 0, FALSE}};
  gboolean has_bias = TRUE;

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (has_bias = FALSE; has_bias <= TRUE; has_bias++)
      for (guint frozen = 0; frozen < 3; frozen++)
        {
          const FixtureVariable small[] = {{"x", TN_SHAPE (sizes[i][0], sizes[i][1]), 1.0, frozen == 1},
                                           {"w", TN_SHAPE (sizes[i][2], sizes[i][1]), 1.0, frozen == 2},
                                           {"b", TN_SHAPE (sizes[i][2]), 1.0, FALSE}};

          fixture_check_gradients (build_linear, small, has_bias ? 3 : 2, &has_bias, 1e-8);
        }
  has_bias = TRUE;
  fixture_check_float32 (build_linear, large, 3, &has_bias, 1e-5);
  torch_golden_check ("linear", build_linear, golden, 3, &has_bias);
}

static TnValue *
build_tied (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  TnValue *w = tn_tape_variable (tape, variables[1]), *x = tn_tape_linear (tape, tn_tape_variable (tape, variables[0]), w, NULL);

  return tn_tape_add (tape, x, tn_tape_linear (tape, x, w, NULL));
}

/* A weight that is used twice, so that gradients are added. */
static void
test_tied (void)
{
  const FixtureVariable small[] = {{"x", TN_SHAPE (3, 5), 1.0, FALSE}, {"w", TN_SHAPE (5, 5), 1.0, FALSE}};
  const FixtureVariable large[] = {{"x", TN_SHAPE (200, 131), 1.0, FALSE}, {"w", TN_SHAPE (131, 131), 0.1, FALSE}};

  fixture_check_gradients (build_tied, small, 2, NULL, 1e-8);
  fixture_check_float32 (build_tied, large, 2, NULL, 1e-5);
}

static TnValue *
build_columns (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  TnValue *x = tn_tape_variable (tape, variables[0]);

  x = tn_tape_multiply_columns (tape, x, tn_tape_variable (tape, variables[1]));
  if (user_data != NULL)
    return x;
  return tn_tape_add_columns (tape, tn_tape_add_columns (tape, x, tn_tape_variable (tape, variables[2])),
                              tn_tape_variable (tape, variables[2]));
}

static void
test_columns (void)
{
  const gsize sizes[][2] = {{0, 3}, {3, 0}, {1, 1}, {7, 5}};
  const FixtureVariable large[] = {{"x", TN_SHAPE (257, 131), 1.0, FALSE},
                                   {"f", TN_SHAPE (131), 1.0, FALSE},
                                   {"b", TN_SHAPE (131), 1.0, FALSE}};
  const FixtureVariable golden[] = {{"x", TN_SHAPE (3, 5), 0, FALSE}, {"f", TN_SHAPE (5), 0, FALSE}};

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      const FixtureVariable small[] = {{"x", TN_SHAPE (sizes[i][0], sizes[i][1]), 1.0, FALSE},
                                       {"f", TN_SHAPE (sizes[i][1]), 1.0, FALSE},
                                       {"b", TN_SHAPE (sizes[i][1]), 1.0, FALSE}};

      fixture_check_gradients (build_columns, small, 3, NULL, 1e-8);
    }
  fixture_check_float32 (build_columns, large, 3, NULL, 1e-5);
  torch_golden_check ("multiply-columns", build_columns, golden, 2, (gpointer) "multiply");
}

typedef struct
{
  const gint32 *tokens;
  TnShape shape;
} Tokens;

static TnValue *
build_embedding (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  const Tokens *tokens = user_data;
  TnValue *table = tn_tape_variable (tape, variables[0]);
  TnValue *input = tn_tape_constant (tape, TN_VALUE_INT32, &tokens->shape, tokens->tokens);

  return tn_tape_multiply (tape, tn_tape_embedding (tape, table, input), tn_tape_embedding (tape, table, input));
}

static TnValue *
build_embedding_alone (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  const Tokens *tokens = user_data;

  return tn_tape_embedding (tape, tn_tape_variable (tape, variables[0]),
                            tn_tape_constant (tape, TN_VALUE_INT32, &tokens->shape, tokens->tokens));
}

static void
test_embedding (void)
{
  const gint32 few[] = {2, 0, 2, 5, 5, 2};
  Tokens tokens[] = {{few, TN_SHAPE (0)}, {few, TN_SHAPE (1)}, {few, TN_SHAPE (2, 3)}, {few, TN_SHAPE (1, 3, 2)}};
  const FixtureVariable small[] = {{"table", TN_SHAPE (6, 5), 1.0, FALSE}}, empty[] = {{"table", TN_SHAPE (6, 0), 1.0, FALSE}};
  const FixtureVariable large[] = {{"table", TN_SHAPE (300, 131), 1.0, FALSE}};
  gint32 many[1000];
  Tokens stream = {many, TN_SHAPE (1000)};

  for (guint i = 0; i < G_N_ELEMENTS (tokens); i++)
    {
      fixture_check_gradients (build_embedding, small, 1, &tokens[i], 1e-8);
      fixture_check_gradients (build_embedding, empty, 1, &tokens[i], 1e-8);
    }
  for (guint i = 0; i < G_N_ELEMENTS (many); i++)
    many[i] = (gint32) (i * i % 299);
  fixture_check_float32 (build_embedding, large, 1, &stream, 1e-5);
  torch_golden_check ("embedding", build_embedding_alone, small, 1, &tokens[2]);
}

/* Nothing is read or written outside the table. */
static void
test_unknown_token (void)
{
  const gint32 tokens[] = {6, 1, -1};
  g_autoptr (TnVariable) table = fixture_variable ("table", TN_DTYPE_F32, &TN_SHAPE (6, 2), 1.0);
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  TnValue *y =
      tn_tape_embedding (tape, tn_tape_variable (tape, table), tn_tape_constant (tape, TN_VALUE_INT32, &TN_SHAPE (3), tokens));
  g_autoptr (GError) error = NULL;
  const float *values;

  tn_tape_keep (tape, y);
  g_assert_true (tn_tape_plan (tape, tn_tape_sum (tape, y), &error) && tn_tape_allocate (tape, &error));
  g_assert_true (tn_tape_forward (tape, NULL, &error) && tn_tape_backward (tape, 1.0, FALSE, NULL, &error));
  values = tn_value_get_data (y);
  for (guint i = 0; i < 6; i++)
    {
      g_assert_true (i / 2 == 1 ? memcmp (&values[i], &((const float *) table->data)[i], 4) == 0 : isnan (values[i]));
      g_assert_cmpfloat (((const float *) table->gradient)[i], ==, i / 2 == 1 ? 1.0f : 0.0f);
    }
}

static void
assert_fails (TnTape *tape, const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (tn_tape_plan (tape, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_SHAPE);
  g_assert_cmpstr (error->message, ==, message);
  tn_tape_free (tape);
}

static void
test_errors (void)
{
  TnTape *tape = tn_tape_new (TN_DTYPE_F32, TRUE);

  tn_tape_linear (tape, tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (2, 5)),
                  tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (3, 4)), NULL);
  assert_fails (tape, "linear: x is [2, 5], expected rows of 4 numbers for weight [3, 4]");
  tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  tn_tape_linear (tape, tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (2, 4)),
                  tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (3, 4)), tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (4)));
  assert_fails (tape, "linear: bias is [4], expected [3]");
  tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  tn_tape_embedding (tape, tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (4)),
                     tn_tape_input (tape, TN_VALUE_INT32, &TN_SHAPE (3)));
  assert_fails (tape, "embedding: table is [4], expected 2 dimensions");
  tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  tn_tape_multiply_columns (tape, tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (4, 3)),
                            tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (4)));
  assert_fails (tape, "multiply columns: one number a column is [4], expected [3]");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/linear/gradients", test_linear);
  g_test_add_func ("/linear/tied", test_tied);
  g_test_add_func ("/linear/columns", test_columns);
  g_test_add_func ("/linear/embedding", test_embedding);
  g_test_add_func ("/linear/unknown-token", test_unknown_token);
  g_test_add_func ("/linear/errors", test_errors);
  return g_test_run ();
}
