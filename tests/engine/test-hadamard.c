/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "engine/autograd/functions/hadamard.h"
#include "engine/random.h"

#include "function-fixture.h"

static TnValue *
build_hadamard (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  return tn_tape_hadamard (tape, tn_tape_variable (tape, variables[0]), *(const gsize *) user_data);
}

/* The matrix, entry by entry: (-1)^(bits that i and j share) / sqrt (n). */
static void
test_hadamard (void)
{
  const gsize blocks[] = {1, 2, 16, 128};

  for (guint i = 0; i < G_N_ELEMENTS (blocks); i++)
    {
      gsize n = blocks[i];
      const FixtureVariable small[] = {{"x", TN_SHAPE (3, 2 * n), 1.0, FALSE}},
                            large[] = {{"x", TN_SHAPE (131, 2 * n), 1.0, FALSE}};
      g_autofree float *x = g_new (float, n), *y = g_new (float, n);
      TnRandom random = tn_random_stream (n, "hadamard");

      for (gsize k = 0; k < n; k++)
        x[k] = (float) tn_random_normal (&random);
      tn_hadamard_transform (x, n, y);
      for (gsize k = 0; k < n; k++)
        {
          double sum = 0.0;

          for (gsize j = 0; j < n; j++)
            sum += (__builtin_popcountll (j & k) % 2 ? -1.0 : 1.0) * (double) x[j] / sqrt ((double) n);
          g_assert_cmpfloat_with_epsilon ((double) y[k], sum, 1e-5);
        }
      fixture_check_gradients (build_hadamard, small, 1, &n, 1e-8);
      fixture_check_float32 (build_hadamard, large, 1, &n, 1e-5);
    }
  g_assert_cmpuint (tn_hadamard_get_block (512), ==, 128);
  g_assert_cmpuint (tn_hadamard_get_block (1376), ==, 32);
  g_assert_cmpuint (tn_hadamard_get_block (7), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hadamard/matrix", test_hadamard);
  return g_test_run ();
}
