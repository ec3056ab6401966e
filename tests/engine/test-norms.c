/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/autograd/functions/elementwise.h"
#include "engine/autograd/functions/layer-norm.h"
#include "engine/autograd/functions/rms-norm.h"
#include "engine/error.h"
#include "engine/kernels/norm.h"
#include "engine/kernels/variant.h"
#include "torch-golden.h"

static const gsize sizes[][2] = {{0, 3}, {3, 1}, {1, 16}, {5, 7}, {3, 17}, {40, 3}};

static TnValue *
build_rms (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  return tn_tape_rms_norm (tape, tn_tape_variable (tape, variables[0]), tn_tape_variable (tape, variables[1]), 1e-5);
}

/* As in a residual stream, where the gradient of x is added to. */
static TnValue *
build_rms_residual (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  return tn_tape_add (tape, tn_tape_variable (tape, variables[0]), build_rms (tape, variables, user_data));
}

static TnValue *
build_layer (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  return tn_tape_layer_norm (tape, tn_tape_variable (tape, variables[0]), tn_tape_variable (tape, variables[1]),
                             user_data != NULL ? NULL : tn_tape_variable (tape, variables[2]), 1e-5);
}

static TnValue *
build_layer_residual (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  TnValue *y = build_layer (tape, variables, user_data);

  return tn_tape_add (tape, y, tn_tape_multiply (tape, tn_tape_variable (tape, variables[0]), y));
}

static void
test_rms_norm (void)
{
  const FixtureVariable golden[] = {{"x", TN_SHAPE (4, 9), 0, FALSE}, {"gain", TN_SHAPE (9), 0, FALSE}};

  for (guint frozen = 0; frozen < 3; frozen++)
    {
      const FixtureVariable large[] = {{"x", TN_SHAPE (7, 191, 131), 1.0, frozen == 1},
                                       {"gain", TN_SHAPE (131), 1.0, frozen == 2}};

      for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
        {
          const FixtureVariable small[] = {{"x", TN_SHAPE (sizes[i][0], sizes[i][1]), 1.0, frozen == 1},
                                           {"gain", TN_SHAPE (sizes[i][1]), 1.0, frozen == 2}};

          fixture_check_gradients (build_rms, small, 2, NULL, 1e-7);
          fixture_check_gradients (build_rms_residual, small, 2, NULL, 1e-7);
        }
      fixture_check_float32 (build_rms, large, 2, NULL, 1e-5);
      fixture_check_float32 (build_rms_residual, large, 2, NULL, 1e-5);
    }
  torch_golden_check ("rms-norm", build_rms, golden, 2, NULL);
}

static void
test_layer_norm (void)
{
  const FixtureVariable golden[] = {{"x", TN_SHAPE (4, 9), 0, FALSE},
                                    {"gain", TN_SHAPE (9), 0, FALSE},
                                    {"bias", TN_SHAPE (9), 0, FALSE}};

  for (guint frozen = 0; frozen < 4; frozen++)
    {
      const FixtureVariable large[] = {{"x", TN_SHAPE (7, 191, 131), 1.0, frozen == 1},
                                       {"gain", TN_SHAPE (131), 1.0, frozen == 2},
                                       {"bias", TN_SHAPE (131), 1.0, frozen == 3}};

      for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
        {
          const FixtureVariable small[] = {{"x", TN_SHAPE (sizes[i][0], sizes[i][1]), 1.0, frozen == 1},
                                           {"gain", TN_SHAPE (sizes[i][1]), 1.0, frozen == 2},
                                           {"bias", TN_SHAPE (sizes[i][1]), 1.0, frozen == 3}};

          fixture_check_gradients (build_layer, small, 3, NULL, 1e-7);
          fixture_check_gradients (build_layer, small, 2, (gpointer) "no bias", 1e-7);
          fixture_check_gradients (build_layer_residual, small, 3, NULL, 1e-7);
        }
      fixture_check_float32 (build_layer, large, 3, NULL, 1e-5);
      fixture_check_float32 (build_layer, large, 2, (gpointer) "no bias", 1e-5);
      fixture_check_float32 (build_layer_residual, large, 3, NULL, 1e-5);
    }
  torch_golden_check ("layer-norm", build_layer, golden, 3, NULL);
}

/* Every instruction set gives the same bits. */
static void
test_variants (void)
{
  enum
  {
    ROWS = 5,
    WIDTH = 83
  };
  g_autoptr (TnVariable) x = fixture_variable ("x", TN_DTYPE_F32, &TN_SHAPE (ROWS, WIDTH), 1.0);
  g_autoptr (TnVariable) dy = fixture_variable ("dy", TN_DTYPE_F32, &TN_SHAPE (ROWS, WIDTH), 1.0);
  g_autoptr (TnVariable) gain = fixture_variable ("gain", TN_DTYPE_F32, &TN_SHAPE (WIDTH), 1.0);
  TnVariant usual = tn_variant_get ();
  float dx[2][2][ROWS * WIDTH], sums[2][2][WIDTH], y[2][ROWS * WIDTH];

  for (guint variant = 0; variant < TN_N_VARIANTS; variant++)
    if (tn_variant_use ((TnVariant) variant))
      {
        guint place = variant > 0;

        for (guint kind = 0; kind < 2; kind++)
          {
            const TnNormGradient gradient = {.x = x->data,
                                             .weight = gain->data,
                                             .dy = dy->data,
                                             .epsilon = 1e-5,
                                             .width = WIDTH,
                                             .dx = dx[place][kind],
                                             .dweight = sums[place][kind]};

            if (kind == 0)
              tn_rmsnorm_gradient (&gradient, ROWS);
            else
              tn_layernorm_gradient (&gradient, ROWS);
          }
        tn_layernorm (x->data, gain->data, NULL, 1e-5, ROWS, WIDTH, y[place]);
        g_assert_cmpmem (dx[place], sizeof dx[0], dx[0], sizeof dx[0]);
        g_assert_cmpmem (sums[place], sizeof sums[0], sums[0], sizeof sums[0]);
        g_assert_cmpmem (y[place], sizeof y[0], y[0], sizeof y[0]);
      }
  tn_variant_use (usual);
}

static void
test_errors (void)
{
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  g_autoptr (GError) error = NULL;

  tn_tape_rms_norm (tape, tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (4, 3)),
                    tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (4)), 1e-5);
  g_assert_false (tn_tape_plan (tape, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_SHAPE);
  g_assert_cmpstr (error->message, ==, "RMS norm: gain is [4], expected [3]");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/norms/rms-norm", test_rms_norm);
  g_test_add_func ("/norms/layer-norm", test_layer_norm);
  g_test_add_func ("/norms/variants", test_variants);
  g_test_add_func ("/norms/errors", test_errors);
  return g_test_run ();
}
