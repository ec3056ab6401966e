/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/autograd/functions/activation.h"
#include "engine/autograd/functions/elementwise.h"
#include "engine/autograd/functions/gate.h"
#include "engine/autograd/gradient-check.h"
#include "engine/autograd/interval-packing.h"
#include "engine/error.h"
#include "engine/random.h"

static TnVariable *
make_variable (const char *name, TnDtype dtype, gsize n, guint64 seed)
{
  g_autoptr (GError) error = NULL;
  TnVariable *variable = tn_variable_new (name, TN_ROLE_MATRIX, dtype, &TN_SHAPE (n), &error);
  TnRandom random = tn_random_stream (seed, name);

  g_assert_no_error (error);
  for (gsize i = 0; i < n; i++)
    if (dtype == TN_DTYPE_F64)
      ((double *) variable->data)[i] = tn_random_normal (&random);
    else
      ((float *) variable->data)[i] = (float) tn_random_normal (&random);
  return variable;
}

/* Layers x + w * (x * v), as a transformer's residual stream has them, with w used twice, and a part that no gradient goes
 * through. */
static TnValue *
record_layers (TnTape *tape, TnValue *x, TnVariable *const *variables, guint n_layers, gboolean recompute)
{
  TnValue *w = tn_tape_variable (tape, variables[1]), *v = tn_tape_variable (tape, variables[2]);

  for (guint i = 0; i < n_layers; i++)
    {
      TnValue *branch;

      if (recompute)
        tn_tape_begin_recompute (tape);
      branch = tn_tape_multiply (tape, tn_tape_multiply (tape, x, v), w);
      branch = tn_tape_add (tape, branch, tn_tape_scale (tape, tn_tape_detach (tape, branch), 0.5));
      x = tn_tape_add (tape, x, branch);
      if (recompute)
        tn_tape_end_recompute (tape);
    }
  return x;
}

typedef struct
{
  guint n_layers;
  gboolean recompute;
} Layers;

static TnValue *
build_polynomial (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  TnValue *x = tn_tape_variable (tape, variables[0]), *w = tn_tape_variable (tape, variables[1]);
  TnValue *square = tn_tape_multiply (tape, x, x), *cube = tn_tape_multiply (tape, square, x);
  TnValue *twice = tn_tape_add (tape, cube, cube), *sum = tn_tape_add (tape, twice, tn_tape_multiply (tape, w, square));

  return tn_tape_add (tape, x, tn_tape_add (tape, sum, x));
}

/* x + (w x v + v^2), layer by layer, so that every kind of sharing of gradients comes up. */
static TnValue *
build_residual (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  const Layers *layers = user_data;
  TnValue *x = tn_tape_variable (tape, variables[0]), *w = tn_tape_variable (tape, variables[1]);
  TnValue *v = tn_tape_variable (tape, variables[2]);

  for (guint i = 0; i < layers->n_layers; i++)
    {
      TnValue *a, *b;

      if (layers->recompute)
        tn_tape_begin_recompute (tape);
      a = tn_tape_multiply (tape, tn_tape_multiply (tape, x, w), v);
      b = tn_tape_scale (tape, tn_tape_multiply (tape, v, v), 0.25);
      x = tn_tape_add (tape, x, tn_tape_add (tape, a, b));
      if (layers->recompute)
        tn_tape_end_recompute (tape);
    }
  return x;
}

static void
check_gradients (TnGradientCheckFunc func, gsize n, gpointer user_data)
{
  g_autoptr (TnVariable) x = make_variable ("x", TN_DTYPE_F64, n, 1), w = make_variable ("w", TN_DTYPE_F64, n, 2);
  g_autoptr (TnVariable) v = make_variable ("v", TN_DTYPE_F64, n, 3);
  g_autoptr (GError) error = NULL;
  TnGradientCheck result;
  gboolean ok;

  ok = tn_gradient_check (func, (TnVariable *[]){x, w, v}, func == build_polynomial ? 2 : 3, user_data, &result, &error);
  g_assert_no_error (error);
  g_assert_true (ok);
  g_assert_cmpfloat (result.worst, <, 1e-8);
}

static void
test_gradients (void)
{
  Layers layers[] = {{1, FALSE}, {4, FALSE}, {4, TRUE}};

  check_gradients (build_polynomial, 1, NULL);
  check_gradients (build_polynomial, 7, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (layers); i++)
    check_gradients (build_residual, 5, &layers[i]);
}

/* A check that finds nothing wrong would prove nothing. */
static gboolean
infer_same (TnInference *inference, GError **error)
{
  inference->n_outputs = 1;
  inference->outputs[0].shape = inference->inputs[0].shape;
  inference->reads_inputs = 1;
  return TRUE;
}

static void
square_forward (const TnCall *call)
{
  for (gsize i = 0; i < tn_shape_count (&call->input_infos[0].shape); i++)
    ((double *) call->outputs[0])[i] = ((const double *) call->inputs[0])[i] * ((const double *) call->inputs[0])[i];
}

static void
wrong_backward (const TnCall *call)
{
  for (gsize i = 0; i < tn_shape_count (&call->input_infos[0].shape); i++)
    {
      double *gradient = &((double *) call->input_gradients[0])[i];
      double part = 2.001 * ((const double *) call->inputs[0])[i] * ((const double *) call->output_gradients[0])[i];

      *gradient = call->adds[0] ? *gradient + part : part;
    }
}

static TnValue *
build_wrong (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  static const TnFunction function = {.name = "wrong",
                                      .infer = infer_same,
                                      .forward = square_forward,
                                      .backward = wrong_backward};
  TnValue *x = tn_tape_variable (tape, variables[0]);

  return tn_tape_apply (tape, &function, &x, 1, NULL, NULL);
}

static void
test_wrong_is_found (void)
{
  g_autoptr (TnVariable) x = make_variable ("x", TN_DTYPE_F64, 3, 1);
  g_autoptr (GError) error = NULL;
  TnGradientCheck result;

  g_assert_true (tn_gradient_check (build_wrong, &x, 1, NULL, &result, &error));
  g_assert_no_error (error);
  g_assert_cmpfloat (result.worst, >, 1e-4);
}

typedef struct
{
  float loss;
  float *gradients[3];
  TnTapeMemory memory;
} Outcome;

static void
run_layers (guint n_layers, gsize n, gboolean recompute, guint replays, Outcome *outcome)
{
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  g_autoptr (GError) error = NULL;
  TnVariable *variables[3];
  TnValue *loss;

  for (guint i = 0; i < 3; i++)
    variables[i] = make_variable ("xwv" + i, TN_DTYPE_F32, n, i + 1);
  loss = tn_tape_sum (tape, record_layers (tape, tn_tape_variable (tape, variables[0]), variables, n_layers, recompute));
  g_assert_true (tn_tape_plan (tape, loss, &error));
  g_assert_true (tn_tape_allocate (tape, &error));
  for (guint i = 0; i < replays; i++)
    {
      g_assert_true (tn_tape_forward (tape, NULL, &error));
      g_assert_true (tn_tape_backward (tape, 1.0, FALSE, NULL, &error));
    }
  outcome->loss = *(float *) tn_value_get_data (loss);
  tn_tape_get_memory (tape, &outcome->memory);
  for (guint i = 0; i < 3; i++)
    {
      outcome->gradients[i] = g_memdup2 (variables[i]->gradient, n * sizeof (float));
      tn_variable_unref (variables[i]);
    }
}

static void
outcome_clear (Outcome *outcome)
{
  for (guint i = 0; i < 3; i++)
    g_free (outcome->gradients[i]);
}

/* Computing again gives the same bits with less memory, and so does the second replay. */
static void
test_recompute (void)
{
  const gsize n = 1003;
  Outcome plain, again, twice;

  run_layers (12, n, FALSE, 1, &plain);
  run_layers (12, n, TRUE, 1, &again);
  run_layers (12, n, FALSE, 2, &twice);
  g_assert_cmpfloat (plain.loss, ==, again.loss);
  for (guint i = 0; i < 3; i++)
    {
      g_assert_cmpmem (plain.gradients[i], n * sizeof (float), again.gradients[i], n * sizeof (float));
      g_assert_cmpmem (plain.gradients[i], n * sizeof (float), twice.gradients[i], n * sizeof (float));
    }
  g_assert_cmpuint (again.memory.forward_bytes, <, plain.memory.forward_bytes * 6 / 10);
  g_assert_cmpuint (again.memory.arena_bytes, <, plain.memory.arena_bytes);
  g_assert_cmpuint (again.memory.n_recomputed, >, 0);
  g_assert_cmpuint (plain.memory.n_recomputed, ==, 0);
  outcome_clear (&plain);
  outcome_clear (&again);
  outcome_clear (&twice);
}

/* A chain that keeps nothing runs in two arrays, however long it is. */
static void
test_memory_is_shared (void)
{
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, FALSE);
  g_autoptr (GError) error = NULL;
  TnValue *input = tn_tape_input (tape, TN_VALUE_FLOAT, &TN_SHAPE (1000)), *x = input;
  TnTapeMemory memory;

  for (guint i = 0; i < 50; i++)
    x = tn_tape_scale (tape, x, 1.01);
  tn_tape_keep (tape, x);
  g_assert_true (tn_tape_plan (tape, NULL, &error));
  tn_tape_get_memory (tape, &memory);
  g_assert_cmpuint (memory.arena_bytes, <=, 2 * 4032);
  g_assert_true (tn_tape_allocate (tape, &error));
  for (guint i = 0; i < 1000; i++)
    ((float *) tn_value_get_data (input))[i] = (float) i;
  g_assert_true (tn_tape_forward (tape, NULL, &error));
  g_assert_cmpfloat (((float *) tn_value_get_data (input))[999], ==, 999.0f);
  g_assert_cmpfloat_with_epsilon (((float *) tn_value_get_data (x))[999], 999.0 * pow (1.01, 50.0), 0.1);
}

/* Gradients are written over what was read last, and only over that: b and y are read twice. */
static TnValue *
build_gates (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  TnValue *a = tn_tape_scale (tape, tn_tape_variable (tape, variables[0]), 0.7);
  TnValue *b = tn_tape_scale (tape, tn_tape_variable (tape, variables[1]), 1.3);
  TnValue *y = tn_tape_silu_gate (tape, a, b), *z = tn_tape_silu (tape, tn_tape_silu_gate (tape, y, y));

  return tn_tape_add (tape, tn_tape_relu2_gate (tape, z, b), tn_tape_silu_gate (tape, tn_tape_variable (tape, variables[2]), z));
}

static void
test_gradients_in_place (void)
{
  const gsize n = 4096;
  g_autoptr (TnVariable) x = make_variable ("x", TN_DTYPE_F32, n, 1), w = make_variable ("w", TN_DTYPE_F32, n, 2);
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  g_autoptr (GError) error = NULL;
  TnValue *a = tn_tape_scale (tape, tn_tape_variable (tape, x), 0.7), *b = tn_tape_scale (tape, tn_tape_variable (tape, w), 1.3);
  TnTapeMemory memory;

  check_gradients (build_gates, 1, NULL);
  check_gradients (build_gates, 11, NULL);
  g_assert_true (tn_tape_plan (tape, tn_tape_sum (tape, tn_tape_silu_gate (tape, a, b)), &error));
  tn_tape_get_memory (tape, &memory);
  g_assert_cmpuint (memory.arena_bytes, >=, 3 * n * sizeof (float));
  g_assert_cmpuint (memory.arena_bytes, <, 4 * n * sizeof (float));
}

static void
test_no_gradient (void)
{
  g_autoptr (TnVariable) x = make_variable ("x", TN_DTYPE_F64, 4, 1), y = make_variable ("y", TN_DTYPE_F64, 4, 2);
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F64, TRUE);
  g_autoptr (GError) error = NULL;
  TnValue *a = tn_tape_variable (tape, x), *b = tn_tape_variable (tape, y), *product, *loss;

  tn_tape_begin_no_grad (tape);
  product = tn_tape_multiply (tape, a, a);
  tn_tape_end_no_grad (tape);
  g_assert_false (tn_value_needs_gradient (product));
  g_assert_false (tn_value_needs_gradient (tn_tape_detach (tape, a)));
  loss = tn_tape_sum (tape, tn_tape_add (tape, tn_tape_multiply (tape, product, b), tn_tape_detach (tape, a)));
  g_assert_true (tn_tape_plan (tape, loss, &error));
  g_assert_true (tn_tape_allocate (tape, &error));
  g_assert_true (tn_tape_forward (tape, NULL, &error) && tn_tape_backward (tape, 1.0, FALSE, NULL, &error));
  for (guint i = 0; i < 4; i++)
    {
      double value = ((double *) x->data)[i];

      g_assert_cmpfloat (((double *) y->gradient)[i], ==, value * value);
      g_assert_cmpfloat (((double *) x->gradient)[i], ==, 0.0);
    }
}

/* Through a reshape, gradients of both shapes are one array. */
static TnValue *
build_reshape (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  TnValue *x = tn_tape_variable (tape, variables[0]);
  TnValue *matrix = tn_tape_reshape (tape, tn_tape_multiply (tape, x, x), &TN_SHAPE (2, 3));

  return tn_tape_multiply (tape, matrix, tn_tape_reshape (tape, x, &TN_SHAPE (2, 3)));
}

static void
test_reshape (void)
{
  g_autoptr (TnVariable) x = make_variable ("x", TN_DTYPE_F64, 6, 1);
  g_autoptr (GError) error = NULL;
  TnGradientCheck result;

  g_assert_true (tn_gradient_check (build_reshape, &x, 1, NULL, &result, &error));
  g_assert_no_error (error);
  g_assert_cmpfloat (result.worst, <, 1e-8);
}

static void
test_errors (void)
{
  g_autoptr (TnVariable) x = make_variable ("x", TN_DTYPE_F32, 4, 1), y = make_variable ("y", TN_DTYPE_F32, 5, 2);
  g_autoptr (TnVariable) z = make_variable ("z", TN_DTYPE_F64, 5, 2);
  g_autoptr (TnTape) shapes = tn_tape_new (TN_DTYPE_F32, TRUE), types = tn_tape_new (TN_DTYPE_F32, TRUE);
  g_autoptr (TnTape) losses = tn_tape_new (TN_DTYPE_F32, TRUE);
  g_autoptr (GError) error = NULL;
  TnValue *sum = tn_tape_add (shapes, tn_tape_variable (shapes, x), tn_tape_variable (shapes, y));

  g_assert_null (sum);
  g_assert_null (tn_tape_scale (shapes, sum, 2.0));
  g_assert_null (tn_tape_reshape (shapes, sum, &TN_SHAPE (4)));
  g_assert_false (tn_tape_plan (shapes, sum, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_SHAPE);
  g_assert_cmpstr (error->message, ==, "add: b is [5], expected [4]");
  g_clear_error (&error);

  g_assert_null (tn_tape_variable (types, z));
  g_assert_false (tn_tape_plan (types, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
  g_clear_error (&error);

  g_assert_false (tn_tape_plan (losses, tn_tape_variable (losses, x), &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
  g_assert_cmpstr (error->message, ==, "the loss is no single number");
}

static void
test_cancel (void)
{
  g_autoptr (TnVariable) x = make_variable ("x", TN_DTYPE_F32, 4, 1);
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_assert_true (tn_tape_plan (tape, tn_tape_sum (tape, tn_tape_variable (tape, x)), &error));
  g_assert_true (tn_tape_allocate (tape, &error));
  g_cancellable_cancel (cancellable);
  g_assert_false (tn_tape_forward (tape, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* What lives at one time does not overlap, and no random mix takes much more than the most that lives at once. */
static void
test_packing (void)
{
  TnRandom random = tn_random_stream (3, "packing");

  for (guint round = 0; round < 50; round++)
    {
      TnInterval items[60];
      guint n = (guint) tn_random_below (&random, 61);
      gsize total, most = 0;

      for (guint i = 0; i < n; i++)
        {
          guint first = (guint) tn_random_below (&random, 40);

          items[i] = (TnInterval){.bytes = tn_random_below (&random, 5000),
                                  .first = first,
                                  .last = first + (guint) tn_random_below (&random, 10)};
        }
      total = tn_interval_packing (items, n);
      for (guint time = 0; time < 50; time++)
        {
          gsize live = 0;

          for (guint i = 0; i < n; i++)
            if (items[i].first <= time && items[i].last >= time)
              live += items[i].bytes;
          most = MAX (most, live);
        }
      g_assert_cmpuint (total, >=, most);
      g_assert_cmpuint (total, <=, most * 3 / 2 + 64 * n);
      for (guint i = 0; i < n; i++)
        {
          g_assert_cmpuint (items[i].offset % 64, ==, 0);
          g_assert_cmpuint (items[i].offset + items[i].bytes, <=, total);
          for (guint k = 0; k < i; k++)
            if (items[i].first <= items[k].last && items[k].first <= items[i].last && items[i].bytes > 0 && items[k].bytes > 0)
              g_assert_true (items[i].offset >= items[k].offset + items[k].bytes ||
                             items[k].offset >= items[i].offset + items[i].bytes);
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tape/gradients", test_gradients);
  g_test_add_func ("/tape/wrong-is-found", test_wrong_is_found);
  g_test_add_func ("/tape/recompute", test_recompute);
  g_test_add_func ("/tape/memory-is-shared", test_memory_is_shared);
  g_test_add_func ("/tape/gradients-in-place", test_gradients_in_place);
  g_test_add_func ("/tape/no-gradient", test_no_gradient);
  g_test_add_func ("/tape/reshape", test_reshape);
  g_test_add_func ("/tape/errors", test_errors);
  g_test_add_func ("/tape/cancel", test_cancel);
  g_test_add_func ("/tape/packing", test_packing);
  return g_test_run ();
}
