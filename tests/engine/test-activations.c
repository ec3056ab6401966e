/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/autograd/functions/activation.h"
#include "engine/autograd/functions/elementwise.h"
#include "engine/autograd/functions/gate.h"
#include "engine/kernels/activation.h"
#include "engine/kernels/variant.h"
#include "torch-golden.h"

typedef TnValue *(*ActivationFunc) (TnTape *tape, TnValue *x);
typedef TnValue *(*GateFunc) (TnTape *tape, TnValue *gate, TnValue *up);

typedef struct
{
  const char *name;
  ActivationFunc func;
  double factor; /* of x, in the golden values */
} Activation;

static const Activation activations[] = {
    {"relu", tn_tape_relu, 1.0}, {"relu2", tn_tape_relu2, 1.0},         {"silu", tn_tape_silu, 3.0},
    {"gelu", tn_tape_gelu, 3.0}, {"gelu-tanh", tn_tape_gelu_tanh, 3.0},
};

static TnValue *
build_activation (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  const Activation *activation = user_data;
  TnValue *x = tn_tape_variable (tape, variables[0]);

  return activation->func (tape, tn_tape_scale (tape, x, activation->factor));
}

/* x goes two ways, so that gradients are added. */
static TnValue *
build_twice (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  const Activation *activation = user_data;
  TnValue *x = tn_tape_variable (tape, variables[0]);

  return tn_tape_add (tape, activation->func (tape, x), activation->func (tape, tn_tape_scale (tape, x, -2.0)));
}

static void
test_activations (void)
{
  const gsize sizes[] = {0, 1, 3, 8, 67};
  const FixtureVariable large[] = {{"x", TN_SHAPE (5, 4099), 3.0, FALSE}};
  const FixtureVariable golden[] = {{"x", TN_SHAPE (4, 9), 0, FALSE}};

  for (guint a = 0; a < G_N_ELEMENTS (activations); a++)
    {
      for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
        {
          const FixtureVariable small[] = {{"x", TN_SHAPE (sizes[i]), 1.0, FALSE}};

          fixture_check_gradients (build_twice, small, 1, (gpointer) &activations[a], 1e-8);
        }
      fixture_check_float32 (build_activation, large, 1, (gpointer) &activations[a], 2e-6);
      fixture_check_float32 (build_twice, large, 1, (gpointer) &activations[a], 2e-6);
      torch_golden_check (activations[a].name, build_activation, golden, 1, (gpointer) &activations[a]);
    }
}

typedef struct
{
  const char *name;
  GateFunc func;
} Gate;

static TnValue *
build_gate (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  const Gate *gate = user_data;

  return gate->func (tape, tn_tape_variable (tape, variables[0]), tn_tape_variable (tape, variables[1]));
}

static TnValue *
build_own_gate (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  const Gate *gate = user_data;
  TnValue *x = tn_tape_variable (tape, variables[0]), *up = tn_tape_variable (tape, variables[1]);

  return tn_tape_add (tape, gate->func (tape, x, up), gate->func (tape, up, x));
}

static void
test_gates (void)
{
  static const Gate gates[] = {{"silu-gate", tn_tape_silu_gate}, {"relu2-gate", tn_tape_relu2_gate}};
  const gsize sizes[] = {0, 1, 3, 8, 67};
  const FixtureVariable golden[] = {{"gate", TN_SHAPE (3, 7), 0, FALSE}, {"up", TN_SHAPE (3, 7), 0, FALSE}};

  for (guint g = 0; g < G_N_ELEMENTS (gates); g++)
    {
      for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
        for (guint frozen = 0; frozen < 3; frozen++)
          {
            const FixtureVariable small[] = {{"gate", TN_SHAPE (sizes[i]), 1.0, frozen == 1},
                                             {"up", TN_SHAPE (sizes[i]), 1.0, frozen == 2}};

            fixture_check_gradients (build_gate, small, 2, (gpointer) &gates[g], 1e-8);
            fixture_check_gradients (build_own_gate, small, 2, (gpointer) &gates[g], 1e-8);
          }
      for (guint frozen = 0; frozen < 3; frozen++)
        {
          const FixtureVariable large[] = {{"gate", TN_SHAPE (5, 4099), 2.0, frozen == 1},
                                           {"up", TN_SHAPE (5, 4099), 2.0, frozen == 2}};

          fixture_check_float32 (build_gate, large, 2, (gpointer) &gates[g], 2e-6);
          fixture_check_float32 (build_own_gate, large, 2, (gpointer) &gates[g], 2e-6);
        }
      torch_golden_check (gates[g].name, build_gate, golden, 2, (gpointer) &gates[g]);
    }
}

/* Over the whole range, and the same bits with every instruction set, wherever an element stands. */
static void
test_kernels (void)
{
  enum
  {
    N = 4001
  };
  TnVariant usual = tn_variant_get ();
  float x[N], y[N], dx[N], dy[N], first[N], first_slope[N];

  for (guint i = 0; i < N; i++)
    {
      x[i] = 0.01f * ((float) i - 2000.0f);
      dy[i] = 1.0f;
    }
  for (TnActivate activate = 0; activate < TN_N_ACTIVATES; activate++)
    {
      tn_variant_use (TN_VARIANT_SCALAR);
      tn_activate (activate, x, first, N);
      tn_activate_gradient (activate, x, dy, first_slope, N, FALSE);
      for (guint i = 0; i < N; i++)
        {
          double p = activate == TN_ACTIVATE_GELU ? 0.5 * erfc (-(double) x[i] * M_SQRT1_2) : 0.0;

          if (activate == TN_ACTIVATE_GELU)
            g_assert_cmpfloat (fabs ((double) first[i] - (double) x[i] * p), <=, 3e-7 * fmax (1.0, fabs ((double) x[i])));
          g_assert_true (isfinite (first[i]) && isfinite (first_slope[i]));
        }
      for (guint variant = 0; variant < TN_N_VARIANTS; variant++)
        if (tn_variant_use ((TnVariant) variant))
          for (gsize start = 0; start < 5; start++)
            {
              tn_activate (activate, x + start, y, N - start);
              tn_activate_gradient (activate, x + start, dy, dx, N - start, FALSE);
              g_assert_cmpmem (y, (N - start) * 4, first + start, (N - start) * 4);
              g_assert_cmpmem (dx, (N - start) * 4, first_slope + start, (N - start) * 4);
            }
      tn_variant_use (usual);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/activations/functions", test_activations);
  g_test_add_func ("/activations/gates", test_gates);
  g_test_add_func ("/activations/kernels", test_kernels);
  return g_test_run ();
}
