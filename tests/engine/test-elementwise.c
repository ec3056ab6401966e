/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/autograd/functions/copy.h"
#include "engine/autograd/functions/elementwise.h"

#include "function-fixture.h"

static TnValue *
build (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  TnValue *a = tn_tape_variable (tape, variables[0]), *b = tn_tape_variable (tape, variables[1]);
  TnValue *product = tn_tape_multiply (tape, tn_tape_add (tape, a, b), tn_tape_copy (tape, b));

  return tn_tape_add (tape, tn_tape_scale (tape, product, -0.7), a);
}

static void
test_elementwise (void)
{
  const gsize sizes[] = {0, 1, 3, 64, 257};
  const FixtureVariable large[] = {{"a", TN_SHAPE (163, 101), 1.0, FALSE}, {"b", TN_SHAPE (163, 101), 1.0, FALSE}};

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      const FixtureVariable small[] = {{"a", TN_SHAPE (sizes[i]), 1.0, FALSE}, {"b", TN_SHAPE (sizes[i]), 1.0, FALSE}};

      fixture_check_gradients (build, small, 2, NULL, 1e-8);
    }
  fixture_check_float32 (build, large, 2, NULL, 1e-6);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/elementwise/all", test_elementwise);
  return g_test_run ();
}
