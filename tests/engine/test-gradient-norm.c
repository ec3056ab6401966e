/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/qat/gradient-norm.h"

#include <math.h>

#include "engine/device/device.h"
#include "engine/kernels/variant.h"
#include "engine/random.h"

static const gsize counts[] = {0, 1, 7, 15, 16, 17, 255, 257, 16383, 16384, 16385, 50021, 3};
#define N G_N_ELEMENTS (counts)

static void
release (gpointer variable)
{
  tn_variable_unref (variable);
}

static GPtrArray *
make_variables (void)
{
  TnRandom random = tn_random_stream (1, "gradients");
  GPtrArray *variables = g_ptr_array_new_with_free_func (release);

  for (guint i = 0; i < N; i++)
    {
      TnVariable *variable = tn_variable_new ("v", TN_ROLE_MATRIX, TN_DTYPE_F32, &TN_SHAPE (counts[i]), NULL);

      g_ptr_array_add (variables, variable);
      for (gsize k = 0; k < counts[i]; k++)
        ((float *) variable->gradient)[k] = (float) (tn_random_normal (&random) * exp (4.0 * tn_random_normal (&random)));
    }
  return variables;
}

#define VARIABLES(array) (TnVariable *const *) (array)->pdata, (array)->len

static long double
sum_slowly (const TnVariable *variable)
{
  const float *g = variable->gradient;
  long double sum = 0.0L;

  for (gsize i = 0; g != NULL && i < variable->count; i++)
    sum += (long double) g[i] * (long double) g[i];
  return sum;
}

static void
test_reference (void)
{
  g_autoptr (GPtrArray) variables = make_variables ();
  TnGradientNorm norm;
  long double sum = 0.0L;
  guint64 n = 0;

  tn_variable_drop_gradient (variables->pdata[8]);
  for (guint i = 0; i < N; i++)
    {
      const TnVariable *variable = variables->pdata[i];
      double one = (double) sum_slowly (variable);

      if (variable->gradient == NULL)
        continue;
      sum += sum_slowly (variable);
      n += variable->count;
      g_assert_cmpfloat_with_epsilon (tn_gradient_sum_squares (variable->gradient, variable->count), one, 1e-13 * one + 1e-300);
    }
  tn_gradient_norm_measure (VARIABLES (variables), &norm);
  g_assert_cmpfloat_with_epsilon (norm.norm, (double) sqrtl (sum), 1e-13 * norm.norm);
  g_assert_cmpuint (norm.n_elements, ==, n);
  g_assert_cmpuint (norm.n_nonfinite, ==, 0);
  g_assert_null (norm.first_nonfinite);
  tn_gradient_norm_measure (NULL, 0, &norm);
  g_assert_cmpfloat (norm.norm, ==, 0.0);
}

static void
test_same_bits (void)
{
  g_autoptr (GPtrArray) variables = make_variables ();
  TnVariant before = tn_variant_get ();
  TnGradientNorm first, norm;
  double sum = 0.0;

  tn_gradient_norm_measure (VARIABLES (variables), &first);
  for (guint i = 0; i < N; i++)
    sum += tn_gradient_sum_squares (((TnVariable *) variables->pdata[i])->gradient, counts[i]);
  g_assert_cmpfloat (sqrt (sum), ==, first.norm);
  for (guint variant = 0; variant < TN_N_VARIANTS; variant++)
    for (guint threads = 1; threads <= 3 && tn_variant_use (variant); threads++)
      {
        tn_device_set_threads (threads);
        tn_gradient_norm_measure (VARIABLES (variables), &norm);
        g_assert_cmpfloat (norm.norm, ==, first.norm);
      }
  tn_variant_use (before);
  tn_device_set_threads (0);
}

/* More blocks than one region takes. */
static void
test_many (void)
{
  g_autoptr (GPtrArray) variables = g_ptr_array_new_with_free_func (release);
  TnGradientNorm norm;

  for (guint i = 0; i < 2500; i++)
    {
      TnVariable *variable = tn_variable_new ("v", TN_ROLE_BIAS, TN_DTYPE_F32, &TN_SHAPE (3), NULL);

      g_ptr_array_add (variables, variable);
      for (guint k = 0; k < 3; k++)
        ((float *) variable->gradient)[k] = (float) ((i * 3 + k) % 8);
    }
  ((float *) ((TnVariable *) variables->pdata[2400])->gradient)[1] = NAN;
  tn_gradient_norm_measure (VARIABLES (variables), &norm);
  g_assert_true (isnan (norm.norm));
  g_assert_true (norm.first_nonfinite == variables->pdata[2400]);
  ((float *) ((TnVariable *) variables->pdata[2400])->gradient)[1] = (float) (7201 % 8);
  tn_gradient_norm_measure (VARIABLES (variables), &norm);
  /* 7500 numbers: 937 times 0 … 7, then 0 … 3. */
  g_assert_cmpfloat (norm.norm, ==, sqrt (937.0 * 140.0 + 14.0));
  g_assert_cmpuint (norm.n_elements, ==, 7500);
}

static void
test_nonfinite (void)
{
  static const float values[] = {INFINITY, -INFINITY, NAN};
  g_autoptr (GPtrArray) variables = make_variables ();
  TnGradientNorm norm;

  for (guint i = 0; i < 3; i++)
    {
      ((float *) ((TnVariable *) variables->pdata[10])->gradient)[16384] = values[i];
      ((float *) ((TnVariable *) variables->pdata[11])->gradient)[i] = values[i];
      tn_gradient_norm_measure (VARIABLES (variables), &norm);
      g_assert_false (isfinite (norm.norm));
      g_assert_cmpuint (norm.n_nonfinite, ==, 2 + i);
      g_assert_true (norm.first_nonfinite == variables->pdata[10]);
    }
  /* The largest float is no infinity. */
  g_assert_true (isfinite (tn_gradient_sum_squares ((const float[]){3.4e38f, -3.4e38f}, 2)));
}

static void
test_factor (void)
{
  const TnGradientClip none = {TN_CLIP_NONE, 0.0}, clip = {TN_CLIP_NORM, 0.5}, normalize = {TN_CLIP_NORMALIZE, 0.5};

  g_assert_cmpfloat (tn_gradient_clip_factor (&none, 100.0, 0.25), ==, 0.25);
  /* torch.nn.utils.clip_grad_norm_(): 0.5 / (2 + 1e-6). */
  g_assert_cmpfloat_with_epsilon (tn_gradient_clip_factor (&clip, 2.0, 1.0), 0.249999875000062, 1e-14);
  g_assert_cmpfloat (tn_gradient_clip_factor (&clip, 0.4, 1.0), ==, 1.0);
  /* The norm of what is meant is 1. */
  g_assert_cmpfloat_with_epsilon (tn_gradient_clip_factor (&clip, 8.0, 0.125), 0.125 * 0.5, 1e-7);
  g_assert_cmpfloat_with_epsilon (tn_gradient_clip_factor (&normalize, 8.0, 0.125), 0.5 / 8.0, 1e-15);
  g_assert_cmpfloat_with_epsilon (tn_gradient_clip_factor (&normalize, 0.01, 1.0), 50.0, 1e-12);
  g_assert_cmpfloat (tn_gradient_clip_factor (&normalize, 0.0, 1.0), ==, 1.0);
  g_assert_cmpfloat (tn_gradient_clip_factor (&clip, (double) NAN, 0.125), ==, 0.125);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gradient-norm/reference", test_reference);
  g_test_add_func ("/gradient-norm/same-bits", test_same_bits);
  g_test_add_func ("/gradient-norm/many", test_many);
  g_test_add_func ("/gradient-norm/nonfinite", test_nonfinite);
  g_test_add_func ("/gradient-norm/factor", test_factor);
  return g_test_run ();
}
