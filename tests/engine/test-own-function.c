/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "engine/error.h"

#include "function-fixture.h"

/* An operation of one's own, from its formula to its test: y = log (1 + exp (b x)) / b, the softplus of sharpness b.
 * dx = dy / (1 + exp (-b x)), which is dy (1 - exp (-b y)): what came out is enough, so the input's memory is free after the
 * forward pass. */

/* What the operation is told apart from its inputs; copied when it is recorded. */
typedef struct
{
  double sharpness;
} Softplus;

/* Shapes: what comes out is like what goes in. Backward reads output 0 and no input. */
static gboolean
softplus_infer (TnInference *inference, GError **error)
{
  const Softplus *self = inference->attributes;

  if (!tn_inference_check_kind (inference, 0, "x", TN_VALUE_FLOAT, error))
    return FALSE;
  if (!(self->sharpness > 0.0))
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, "the sharpness is %g, expected more than 0", self->sharpness);
      return FALSE;
    }
  inference->n_outputs = 1;
  inference->outputs[0].shape = inference->inputs[0].shape;
  inference->reads_outputs = 1;
  return TRUE;
}

/* One function for both types, element by element; exp of what is not positive never overflows. */
static double
softplus (double x, double sharpness)
{
  double u = sharpness * x;

  return (fmax (u, 0.0) + log1p (exp (-fabs (u)))) / sharpness;
}

static void
softplus_forward (const TnCall *call)
{
  const Softplus *self = call->attributes;
  gsize n = tn_shape_count (&call->input_infos[0].shape);

  for (gsize i = 0; i < n; i++)
    if (call->dtype == TN_DTYPE_F64)
      ((double *) call->outputs[0])[i] = softplus (((const double *) call->inputs[0])[i], self->sharpness);
    else
      ((float *) call->outputs[0])[i] = (float) softplus ((double) ((const float *) call->inputs[0])[i], self->sharpness);
}

/* The gradient is written, or added where another operation has written before. */
static void
softplus_backward (const TnCall *call)
{
  const Softplus *self = call->attributes;
  gsize n = tn_shape_count (&call->input_infos[0].shape);

  for (gsize i = 0; i < n; i++)
    if (call->dtype == TN_DTYPE_F64)
      {
        double part =
            -expm1 (-self->sharpness * ((const double *) call->outputs[0])[i]) * ((const double *) call->output_gradients[0])[i];
        double *gradient = &((double *) call->input_gradients[0])[i];

        *gradient = call->adds[0] ? *gradient + part : part;
      }
    else
      {
        double part = -expm1 (-self->sharpness * (double) ((const float *) call->outputs[0])[i]) *
                      (double) ((const float *) call->output_gradients[0])[i];
        float *gradient = &((float *) call->input_gradients[0])[i];

        *gradient = call->adds[0] ? *gradient + (float) part : (float) part;
      }
}

/* The line of a model: y = softplus (tape, x, 2.0). */
static TnValue *
record_softplus (TnTape *tape, TnValue *x, double sharpness)
{
  static const TnFunction function = {
      .name = "softplus",
      .attribute_bytes = sizeof (Softplus),
      .infer = softplus_infer,
      .forward = softplus_forward,
      .backward = softplus_backward,
  };

  return tn_tape_apply (tape, &function, &x, 1, &(const Softplus){.sharpness = sharpness}, NULL);
}

static TnValue *
build (TnTape *tape, TnVariable *const *variables, gpointer user_data)
{
  return record_softplus (tape, tn_tape_variable (tape, variables[0]), *(const double *) user_data);
}

static void
test_gradients (void)
{
  double sharpness[] = {0.5, 1.0, 4.0};

  for (guint i = 0; i < G_N_ELEMENTS (sharpness); i++)
    {
      const FixtureVariable small = {"x", TN_SHAPE (3, 7), 2.0, FALSE}, large = {"x", TN_SHAPE (31, 67), 2.0, FALSE};

      fixture_check_gradients (build, &small, 1, &sharpness[i], 1e-8);
      fixture_check_float32 (build, &large, 1, &sharpness[i], 1e-6);
    }
}

static void
test_refused (void)
{
  const FixtureVariable x = {"x", TN_SHAPE (3), 1.0, FALSE};
  g_autoptr (TnVariable) variable = fixture_variable (x.name, TN_DTYPE_F64, &x.shape, 1.0);
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F64, TRUE);
  g_autoptr (GError) error = NULL;

  g_assert_null (record_softplus (tape, tn_tape_variable (tape, variable), -1.0));
  g_assert_false (tn_tape_plan (tape, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
  g_assert_cmpstr (error->message, ==, "softplus: the sharpness is -1, expected more than 0");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/own-function/gradients", test_gradients);
  g_test_add_func ("/own-function/refused", test_refused);
  return g_test_run ();
}
