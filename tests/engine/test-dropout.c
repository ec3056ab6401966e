/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/autograd/functions/dropout.h"
#include "engine/autograd/functions/elementwise.h"
#include "engine/error.h"
#include "function-fixture.h"

static TnValue *
build (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  TnValue *x = tn_tape_variable (tape, variables[0]);

  return tn_tape_add (tape, tn_tape_dropout (tape, tn_tape_multiply (tape, x, x), 0.3, 5), tn_tape_dropout (tape, x, 0.0, 6));
}

static void
test_gradients (void)
{
  const gsize sizes[] = {0, 1, 5, 67};
  const FixtureVariable large[] = {{"x", TN_SHAPE (163, 101), 1.0, FALSE}};

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      const FixtureVariable small[] = {{"x", TN_SHAPE (sizes[i]), 1.0, FALSE}};

      fixture_check_gradients (build, small, 1, NULL, 1e-8);
    }
  fixture_check_float32 (build, large, 1, NULL, 1e-6);
}

enum
{
  N = 40000
};

/* Ones through dropout. */
static void
run (gboolean training, gboolean recompute, double rate, guint64 seed, guint64 step, float y[N], float dx[N])
{
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, training);
  g_autoptr (TnVariable) x = fixture_variable ("x", TN_DTYPE_F32, &TN_SHAPE (N), 0.0);
  g_autoptr (GError) error = NULL;
  TnValue *value, *square;

  for (guint i = 0; i < N; i++)
    ((float *) x->data)[i] = 1.0f;
  if (recompute)
    tn_tape_begin_recompute (tape);
  value = tn_tape_dropout (tape, tn_tape_scale (tape, tn_tape_variable (tape, x), 1.0), rate, seed);
  square = tn_tape_multiply (tape, value, value);
  if (recompute)
    tn_tape_end_recompute (tape);
  tn_tape_keep (tape, square);
  g_assert_true (tn_tape_plan (tape, tn_tape_sum (tape, square), &error) && tn_tape_allocate (tape, &error));
  tn_tape_set_step (tape, step);
  g_assert_true (tn_tape_forward (tape, NULL, &error));
  memcpy (y, tn_value_get_data (square), N * sizeof (float));
  g_assert_true (tn_tape_backward (tape, 1.0, FALSE, NULL, &error));
  memcpy (dx, x->gradient, N * sizeof (float));
}

static guint
count_different (const float *a, const float *b)
{
  guint n = 0;

  for (guint i = 0; i < N; i++)
    n += a[i] < b[i] || a[i] > b[i];
  return n;
}

static void
test_mask (void)
{
  g_autofree float *y = g_new (float, N), *dx = g_new (float, N), *other = g_new (float, N), *other_dx = g_new (float, N);
  const double rate = 0.25, scale = 1.0 / (1.0 - rate);
  guint dropped = 0, both = 0;

  run (TRUE, FALSE, rate, 1, 0, y, dx);
  for (guint i = 0; i < N; i++)
    {
      g_assert_true (y[i] == 0.0f ? dx[i] == 0.0f : fabs ((double) y[i] - scale * scale) < 1e-5 && dx[i] > 3.5f);
      dropped += y[i] == 0.0f;
      both += i > 0 && y[i] == 0.0f && y[i - 1] == 0.0f;
    }
  /* Within 5 standard deviations; neighbours are independent. */
  g_assert_cmpfloat (fabs (dropped - rate * N), <, 5.0 * sqrt (N * rate * (1.0 - rate)));
  g_assert_cmpfloat (fabs (both - rate * rate * N), <, 6.0 * sqrt (N * rate * rate));
  run (TRUE, TRUE, rate, 1, 0, other, other_dx);
  g_assert_cmpmem (y, N * sizeof (float), other, N * sizeof (float));
  g_assert_cmpmem (dx, N * sizeof (float), other_dx, N * sizeof (float));
  run (TRUE, FALSE, rate, 1, 1, other, other_dx);
  g_assert_cmpuint (count_different (y, other), >, N / 4);
  run (TRUE, FALSE, rate, 2, 0, other, other_dx);
  g_assert_cmpuint (count_different (y, other), >, N / 4);
  run (FALSE, FALSE, rate, 1, 0, other, other_dx);
  for (guint i = 0; i < N; i++)
    g_assert_cmpfloat (other[i], ==, 1.0f);
}

static void
test_errors (void)
{
  const double rates[] = {-0.1, 1.0, NAN};

  for (guint i = 0; i < G_N_ELEMENTS (rates); i++)
    {
      g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
      g_autoptr (GError) error = NULL;

      tn_tape_dropout (tape, tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (3)), rates[i], 0);
      g_assert_false (tn_tape_plan (tape, NULL, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
      g_assert_nonnull (strstr (error->message, "expected at least 0 and less than 1"));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dropout/gradients", test_gradients);
  g_test_add_func ("/dropout/mask", test_mask);
  g_test_add_func ("/dropout/errors", test_errors);
  return g_test_run ();
}
