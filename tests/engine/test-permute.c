/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/permute.h"

#include "engine/error.h"
#include "function-fixture.h"

typedef struct
{
  TnShape shape;
  guint order[4];
} Case;

static const Case cases[] = {
    {{1, {7}}, {0}},
    {{2, {3, 5}}, {1, 0}},
    {{2, {1, 9}}, {1, 0}},
    {{2, {33, 31}}, {1, 0}},
    {{3, {2, 3, 5}}, {2, 0, 1}},
    {{3, {4, 0, 3}}, {1, 2, 0}},
    {{4, {2, 3, 4, 5}}, {0, 2, 1, 3}},
    {{4, {3, 2, 1, 7}}, {3, 1, 0, 2}},
    {{4, {2, 2, 3, 2}}, {0, 1, 2, 3}},
};

static TnValue *
build (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  return tn_tape_permute (tape, tn_tape_variable (tape, variables[0]), ((const Case *) user_data)->order);
}

static TnValue *
build_transpose (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  return tn_tape_transpose (tape, tn_tape_variable (tape, variables[0]));
}

static TnValue *
build_heads (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  return tn_tape_split_heads (tape, tn_tape_variable (tape, variables[0]), 3, 2);
}

static void
test_gradients (void)
{
  const FixtureVariable matrix = {"x", TN_SHAPE (5, 7), 1.0, FALSE}, tokens = {"x", TN_SHAPE (6, 10), 1.0, FALSE};
  const FixtureVariable large[] = {{"x", TN_SHAPE (163, 301), 1.0, FALSE}};

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const FixtureVariable x = {"x", cases[i].shape, 1.0, FALSE};

      fixture_check_gradients (build, &x, 1, (gpointer) &cases[i], 1e-8);
    }
  fixture_check_gradients (build_transpose, &matrix, 1, NULL, 1e-8);
  fixture_check_gradients (build_heads, &tokens, 1, NULL, 1e-8);
  fixture_check_float32 (build_transpose, large, 1, NULL, 1e-6);
}

static void
run (TnTape *tape, TnValue *y)
{
  g_autoptr (GError) error = NULL;

  tn_tape_keep (tape, y);
  tn_tape_plan (tape, NULL, &error);
  g_assert_no_error (error);
  tn_tape_allocate (tape, &error);
  g_assert_no_error (error);
  tn_tape_forward (tape, NULL, &error);
  g_assert_no_error (error);
}

/* Place by place, slowly. */
static void
test_places (void)
{
  for (guint c = 0; c < G_N_ELEMENTS (cases); c++)
    {
      const TnShape *shape = &cases[c].shape;
      g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, FALSE);
      gsize n = tn_shape_count (shape);
      g_autofree float *x = g_new (float, MAX (n, 1));
      const float *found;
      const TnShape *other;
      TnValue *y;

      for (gsize i = 0; i < n; i++)
        x[i] = (float) i;
      y = tn_tape_permute (tape, tn_tape_constant (tape, TN_VALUE_FLOAT, shape, x), cases[c].order);
      run (tape, y);
      found = tn_value_get_data (y);
      other = &tn_value_get_info (y)->shape;
      for (gsize i = 0; i < n; i++)
        {
          gsize index[4] = {0}, place = 0, rest = i;

          for (guint k = other->n_dims; k-- > 0; rest /= other->dims[k])
            index[cases[c].order[k]] = rest % other->dims[k];
          for (guint k = 0; k < shape->n_dims; k++)
            place = place * shape->dims[k] + index[k];
          g_assert_cmpfloat (found[i], ==, x[place]);
        }
    }
}

/* There and back; a head's elements lie together in between. */
static void
test_heads (void)
{
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, FALSE);
  float x[2 * 3 * 4 * 5];
  TnValue *split, *joined;

  for (guint i = 0; i < G_N_ELEMENTS (x); i++)
    x[i] = (float) i;
  split = tn_tape_split_heads (tape, tn_tape_constant (tape, TN_VALUE_FLOAT, &TN_SHAPE (6, 20), x), 3, 4);
  tn_tape_keep (tape, split);
  joined = tn_tape_join_heads (tape, split);
  run (tape, joined);
  g_assert_cmpmem (tn_value_get_data (joined), sizeof x, x, sizeof x);
  /* Sequence 1, head 2, token 1, element 3. */
  g_assert_cmpfloat (((const float *) tn_value_get_data (split))[((1 * 4 + 2) * 3 + 1) * 5 + 3], ==, x[(1 * 3 + 1) * 20 + 2 * 5 + 3]);
}

static void
assert_refused (TnTape *tape, TnErrorCode code, const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (tn_tape_plan (tape, NULL, &error));
  g_assert_error (error, TN_ERROR, (int) code);
  g_assert_cmpstr (error->message, ==, message);
  tn_tape_free (tape);
}

static void
test_errors (void)
{
  TnTape *tape = tn_tape_new (TN_DTYPE_F32, FALSE);

  tn_tape_permute (tape, tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (2, 3)), (const guint[]){1, 1});
  assert_refused (tape, TN_ERROR_ARGUMENT, "permute: the order of 2 dimensions, expected each of the 2 of x once");
  tape = tn_tape_new (TN_DTYPE_F32, FALSE);
  tn_tape_transpose (tape, tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (3)));
  assert_refused (tape, TN_ERROR_SHAPE, "transpose: x has 1 dimensions, expected 2 or more");
  tape = tn_tape_new (TN_DTYPE_F32, FALSE);
  tn_tape_split_heads (tape, tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (6, 10)), 4, 2);
  assert_refused (tape, TN_ERROR_SHAPE, "split heads: x is [6, 10], expected a matrix of sequences of 4 rows and 2 heads");
  tape = tn_tape_new (TN_DTYPE_F32, FALSE);
  tn_tape_join_heads (tape, tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (6, 10)));
  assert_refused (tape, TN_ERROR_SHAPE, "join heads: x has 2 dimensions, expected 4");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/permute/gradients", test_gradients);
  g_test_add_func ("/permute/places", test_places);
  g_test_add_func ("/permute/heads", test_heads);
  g_test_add_func ("/permute/errors", test_errors);
  return g_test_run ();
}
