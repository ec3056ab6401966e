/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "engine/autograd/functions/elementwise.h"
#include "engine/autograd/functions/weight-penalty.h"
#include "engine/error.h"

#include "function-fixture.h"
#include "torch-golden.h"

typedef enum
{
  L2,
  KURTOSIS,
  DAMPENING,
  BINS,
} Kind;

/* Scales of the groups of w, 0.375 and more, as a constant. */
static TnValue *
make_scales (TnTape *tape, gsize n)
{
  g_autofree double *wide = g_new (double, n);
  g_autofree float *narrow = g_new (float, n);

  for (gsize i = 0; i < n; i++)
    {
      narrow[i] = 0.375f + 0.0625f * (float) i;
      wide[i] = (double) narrow[i];
    }
  return tn_tape_constant (tape, TN_VALUE_FLOAT, &TN_SHAPE (n),
                           tn_tape_get_dtype (tape) == TN_DTYPE_F64 ? (gconstpointer) wide : narrow);
}

static TnValue *
build (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  TnValue *w = tn_tape_variable (tape, variables[0]);
  const TnShape *shape = &variables[0]->shape;
  TnValue *scales = make_scales (tape, shape->n_dims == 2 && shape->dims[0] > 0 ? shape->dims[0] : 1);

  switch ((Kind) GPOINTER_TO_INT (user_data))
    {
    case L2:
      return tn_tape_l2 (tape, w);
    case KURTOSIS:
      return tn_tape_kurtosis_penalty (tape, w, 1.8);
    case DAMPENING:
      return tn_tape_dampening (tape, w, tn_tape_variable (tape, variables[1]), scales, &(const TnCodeRange){-1, 1});
    default:
      return tn_tape_bin_regularization (tape, w, scales, &(const TnCodeRange){-2, 1});
    }
}

static void
test_gradients (void)
{
  const TnShape small[] = {TN_SHAPE (0), TN_SHAPE (1), TN_SHAPE (7), TN_SHAPE (5, 13)};
  const TnShape large[] = {TN_SHAPE (1), TN_SHAPE (31, 33), TN_SHAPE (3, 4099)};

  for (gint kind = L2; kind <= BINS; kind++)
    {
      guint n = kind == DAMPENING ? 2 : 1;

      for (guint i = 0; i < G_N_ELEMENTS (small); i++)
        {
          const FixtureVariable variables[] = {{"w", small[i], 0.5, FALSE}, {"quantized", small[i], 0.3, TRUE}};

          fixture_check_gradients (build, variables, n, GINT_TO_POINTER (kind), 1e-7);
        }
      for (guint i = 0; i < G_N_ELEMENTS (large); i++)
        {
          const FixtureVariable variables[] = {{"w", large[i], 0.5, FALSE}, {"quantized", large[i], 0.3, TRUE}};

          fixture_check_float32 (build, variables, n, GINT_TO_POINTER (kind), 1e-6);
        }
    }
}

static void
test_torch (void)
{
  static const char *const names[] = {"l2", "kurtosis", "dampening", "bins"};

  for (gint kind = L2; kind <= BINS; kind++)
    {
      const FixtureVariable variables[] = {{"w", TN_SHAPE (3, 8), 1.0, FALSE}, {"quantized", TN_SHAPE (3, 8), 1.0, TRUE}};

      torch_golden_check (names[kind], build, variables, kind == DAMPENING ? 2 : 1, GINT_TO_POINTER (kind));
    }
}

/* By hand: 0.1 and 0.5 are of codes 0 and 1 at scale 0.4; 2 is beyond the highest code; weights that are all the same have no
 * kurtosis. */
static void
test_values (void)
{
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F64, TRUE);
  g_autoptr (TnVariable) w = tn_variable_new ("w", TN_ROLE_MATRIX, TN_DTYPE_F64, &TN_SHAPE (4), NULL);
  g_autoptr (TnVariable) same = tn_variable_new ("same", TN_ROLE_MATRIX, TN_DTYPE_F64, &TN_SHAPE (3), NULL);
  const double weights[] = {0.1, 0.5, 2.0, -0.1}, quantized[] = {0.0, 0.4, 0.4, 0.0}, scale = 0.4;
  const TnCodeRange ternary = {-1, 1};
  TnValue *value = tn_tape_variable (tape, w), *scales = tn_tape_constant (tape, TN_VALUE_FLOAT, &TN_SHAPE_SCALAR, &scale);
  TnValue *dampening =
      tn_tape_dampening (tape, value, tn_tape_constant (tape, TN_VALUE_FLOAT, &TN_SHAPE (4), quantized), scales, &ternary);
  TnValue *bins = tn_tape_bin_regularization (tape, value, scales, &ternary);
  TnValue *kurtosis = tn_tape_kurtosis_penalty (tape, tn_tape_variable (tape, same), 1.8);

  memcpy (w->data, weights, sizeof weights);
  tn_tape_keep (tape, dampening);
  tn_tape_keep (tape, bins);
  tn_tape_keep (tape, kurtosis);
  g_assert_true (tn_tape_plan (tape, tn_tape_add (tape, tn_tape_add (tape, dampening, bins), kurtosis), NULL) &&
                 tn_tape_allocate (tape, NULL) && tn_tape_forward (tape, NULL, NULL) &&
                 tn_tape_backward (tape, 1.0, FALSE, NULL, NULL));
  g_assert_cmpfloat_with_epsilon (*(double *) tn_value_get_data (dampening), 0.02, 1e-12);
  g_assert_cmpfloat_with_epsilon (*(double *) tn_value_get_data (bins), 0.01 + (0.01 + 2.56) / 2.0, 1e-12);
  g_assert_cmpfloat (*(double *) tn_value_get_data (kurtosis), ==, 0.0);
  g_assert_cmpfloat (((double *) same->gradient)[1], ==, 0.0);
  /* 2 (0.1 - 0) + 2 (0.1 - 0) / 2;  the one beyond the end: bins alone, 2 (2 - 0.4) / 2. */
  g_assert_cmpfloat_with_epsilon (((double *) w->gradient)[0], 0.3, 1e-12);
  g_assert_cmpfloat_with_epsilon (((double *) w->gradient)[2], 1.6, 1e-12);
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
  const TnShape shape = TN_SHAPE (2, 3);

  tn_tape_bin_regularization (tape, tn_tape_input (tape, TN_VALUE_FLOAT, &shape),
                              tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (4)), &(const TnCodeRange){-1, 1});
  expect (tape, TN_ERROR_SHAPE, "bin regularization: 4 scales for 6 weights, expected a number that divides them");
  tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  tn_tape_bin_regularization (tape, tn_tape_input (tape, TN_VALUE_FLOAT, &shape),
                              tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (2)), &(const TnCodeRange){1, 0});
  expect (tape, TN_ERROR_ARGUMENT, "bin regularization: codes 1 to 0, expected 1 to 256 of them");
  tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  tn_tape_dampening (tape, tn_tape_input (tape, TN_VALUE_FLOAT, &shape), tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (6)),
                     tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (2)), &(const TnCodeRange){-1, 1});
  expect (tape, TN_ERROR_SHAPE, "dampening: quantized is [6], expected [2, 3]");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/weight-penalty/gradients", test_gradients);
  g_test_add_func ("/weight-penalty/torch", test_torch);
  g_test_add_func ("/weight-penalty/values", test_values);
  g_test_add_func ("/weight-penalty/errors", test_errors);
  return g_test_run ();
}
