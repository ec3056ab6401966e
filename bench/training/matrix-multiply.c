/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "bench/training/training.h"
#include "engine/device/device.h"
#include "engine/device/rates.h"
#include "engine/kernels/matrix-multiply.h"
#include "engine/memory/pool.h"
#include "engine/random.h"

/* The products of a training step of the model of 17 million parameters, 1024 tokens: y = x W^T, dx = dy W, dW = dy^T x of layers
 * [out, in]. */

#define TOKENS 1024
#define TURNS 15

static const gsize layers[][2] = {{512, 512}, {1376, 512}, {512, 1376}, {4096, 512}};
static const char *const names[] = {"matrix_multiply_forward_gflops", "matrix_multiply_input_gflops",
                                    "matrix_multiply_weight_gflops"};

static void
fill (float *x, gsize n)
{
  TnRandom random = tn_random_stream (1, "product");

  for (gsize i = 0; i < n; i++)
    x[i] = (float) tn_random_uniform (&random) - 0.5f;
}

static TnMatrixMultiply
make_product (TnMultiplyForm form, gsize out, gsize in)
{
  switch (form)
    {
    case TN_MULTIPLY_B_TRANSPOSED:
      return (TnMatrixMultiply){.form = form, .m = TOKENS, .n = out, .depth = in};
    case TN_MULTIPLY_PLAIN:
      return (TnMatrixMultiply){.form = form, .m = TOKENS, .n = in, .depth = out};
    default:
      return (TnMatrixMultiply){.form = form, .m = out, .n = in, .depth = TOKENS};
    }
}

/* Seconds of one product of every layer, of two arrays into a third with scratch behind it. */
static double
run (TnMultiplyForm form, float *arrays, gsize most, double *operations)
{
  double start = tn_time_now ();

  *operations = 0.0;
  for (guint i = 0; i < G_N_ELEMENTS (layers); i++)
    {
      TnMatrixMultiply product = make_product (form, layers[i][0], layers[i][1]);

      product.a = arrays;
      product.b = arrays + most;
      product.c = arrays + 2 * most;
      tn_matrix_multiply (&product, tn_device_get_threads (), arrays + 3 * most);
      *operations += 2.0 * (double) product.m * (double) product.n * (double) product.depth;
    }
  return tn_time_now () - start;
}

static gsize
count_scratch (void)
{
  gsize most = 0;

  for (guint form = 0; form < G_N_ELEMENTS (names); form++)
    for (guint i = 0; i < G_N_ELEMENTS (layers); i++)
      {
        TnMatrixMultiply product = make_product ((TnMultiplyForm) form, layers[i][0], layers[i][1]);

        most =
            MAX (most, tn_matrix_multiply_scratch (product.form, product.m, product.n, product.depth, tn_device_get_threads ()));
      }
  return most;
}

void
tn_bench_matrix_multiply (TnBench *bench)
{
  const gsize most = 4096 * TOKENS;
  g_autoptr (GError) error = NULL;
  g_autoptr (TnBlock) block =
      tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, 3 * most * sizeof (float) + count_scratch (), &error);
  TnSamples samples[G_N_ELEMENTS (names)] = {{.n = 0}}, all = {.n = 0};
  double operations = 0.0, limit = 1e-9 * tn_device_get_rates ()->fp32;
  float *arrays = (float *) block;

  if (block == NULL)
    g_error ("%s", error->message);
  fill (arrays, 2 * most);
  for (guint turn = 0; turn < TURNS && !tn_bench_cancelled (bench); turn++)
    {
      double sum = 0.0;

      for (guint form = 0; form < G_N_ELEMENTS (names); form++)
        {
          double seconds = run ((TnMultiplyForm) form, arrays, most, &operations);

          tn_samples_add (&samples[form], seconds);
          sum += seconds;
        }
      tn_samples_add (&all, sum);
    }
  for (guint form = 0; form < G_N_ELEMENTS (names); form++)
    tn_bench_add (bench, names[form], 1e-9 * operations / tn_samples_median (&samples[form]),
                  1e-9 * operations / tn_samples_min (&samples[form]), "GFLOP/s", TN_GOAL_NONE, NAN, limit);
  tn_bench_add (bench, "matrix_multiply_gflops", 3e-9 * operations / tn_samples_median (&all),
                3e-9 * operations / tn_samples_min (&all), "GFLOP/s", TN_GOAL_NONE, NAN, limit);
}
