/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/autograd/functions/bit-linear.h"
#include "engine/autograd/functions/elementwise.h"
#include "engine/autograd/functions/linear.h"
#include "engine/autograd/functions/quantize-rows.h"
#include "engine/autograd/functions/quantize.h"
#include "engine/autograd/functions/rms-norm.h"
#include "engine/autograd/functions/ternarize.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/kernels/norm.h"
#include "engine/kernels/stochastic-rows.h"
#include "engine/kernels/ternary-multiply.h"
#include "engine/kernels/token-product.h"
#include "engine/kernels/variant.h"
#include "engine/nn/bit-linear.h"
#include "engine/quant/quantize.h"
#include "engine/random.h"

#include "function-fixture.h"

#define EPSILON 1e-5

/* Two layers that share their rows: y1 and y2, the loss the sum of both times random numbers. */
typedef struct
{
  gsize tokens, in, out;
  const char *scheme;
  gboolean normed;
  TnBitLinearOptions options;
  guint steps;
} Case;

typedef struct
{
  TnVariable *x, *gain, *w[2], *weights[2];
  float *y[2];
  double *dx, *dgain, *dw[2]; /* means over the steps */
} Result;

static double *
add_to (double *sums, const float *x, gsize n, guint steps)
{
  if (sums == NULL)
    sums = g_new0 (double, MAX (n, 1));
  for (gsize i = 0; i < n; i++)
    sums[i] += (double) x[i] / steps;
  return sums;
}

static void
clear_result (Result *self)
{
  tn_variable_unref (self->x);
  tn_variable_unref (self->gain);
  for (guint i = 0; i < 2; i++)
    {
      tn_variable_unref (self->w[i]);
      tn_variable_unref (self->weights[i]);
      g_free (self->y[i]);
      g_free (self->dw[i]);
    }
  g_free (self->dx);
  g_free (self->dgain);
}

/* Where chains of products go on, twice is not twice to the bit. */
static void
assert_twice (const double *once, const TnVariable *twice)
{
  double largest = 1e-30;

  for (gsize i = 0; i < twice->count; i++)
    largest = fmax (largest, fabs (once[i]));
  for (gsize i = 0; i < twice->count; i++)
    g_assert_cmpfloat_with_epsilon ((double) ((const float *) twice->gradient)[i], 2.0 * once[i], 1e-5 * largest);
}

static void
run_case (const Case *c, Result *result)
{
  static const char *const w_names[] = {"w1", "w2"}, *const weights_names[] = {"weights1", "weights2"};
  const TnShape shapes[] = {TN_SHAPE (c->out, c->in), TN_SHAPE (c->out + 3, c->in)};
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
  g_autoptr (GError) error = NULL;
  TnValue *rows, *y[2], *losses[2];
  TnScheme scheme;

  memset (result, 0, sizeof *result);
  g_assert_true (tn_scheme_parse (c->scheme, &scheme, NULL));
  result->x = fixture_variable ("x", TN_DTYPE_F32, &TN_SHAPE (1, c->tokens, c->in), 1.0);
  result->gain = fixture_variable ("gain", TN_DTYPE_F32, &TN_SHAPE (c->in), 1.0);
  rows = tn_tape_quantize_rows (tape, tn_tape_variable (tape, result->x),
                                c->normed ? tn_tape_variable (tape, result->gain) : NULL, EPSILON, NULL);
  for (guint i = 0; i < 2; i++)
    {
      result->w[i] = fixture_variable (w_names[i], TN_DTYPE_F32, &shapes[i], 0.05);
      y[i] = tn_tape_bit_linear (tape, rows, tn_tape_ternarize (tape, tn_tape_variable (tape, result->w[i]), &scheme, NULL),
                                 &c->options);
      tn_tape_keep (tape, y[i]);
      result->weights[i] = fixture_variable (weights_names[i], TN_DTYPE_F32, &tn_value_get_info (y[i])->shape, 1.0);
      g_assert_true (tn_variable_set_trained (result->weights[i], FALSE, NULL));
      losses[i] = tn_tape_sum (tape, tn_tape_multiply (tape, y[i], tn_tape_variable (tape, result->weights[i])));
    }
  if (!tn_tape_plan (tape, tn_tape_add (tape, losses[0], losses[1]), &error) || !tn_tape_allocate (tape, &error))
    g_error ("%s", error->message);
  for (guint step = 0; step < MAX (c->steps, 1); step++)
    {
      tn_tape_set_step (tape, step);
      g_assert_true (tn_tape_forward (tape, NULL, NULL) && tn_tape_backward (tape, 1.0, FALSE, NULL, NULL));
      result->dx = add_to (result->dx, result->x->gradient, result->x->count, MAX (c->steps, 1));
      if (c->normed)
        result->dgain = add_to (result->dgain, result->gain->gradient, c->in, MAX (c->steps, 1));
      for (guint i = 0; i < 2; i++)
        result->dw[i] = add_to (result->dw[i], result->w[i]->gradient, result->w[i]->count, MAX (c->steps, 1));
    }
  if (c->steps <= 1)
    {
      /* A second batch is added. */
      g_assert_true (tn_tape_forward (tape, NULL, NULL) && tn_tape_backward (tape, 1.0, TRUE, NULL, NULL));
      assert_twice (result->dx, result->x);
      assert_twice (result->dw[0], result->w[0]);
      assert_twice (result->dw[1], result->w[1]);
    }
  for (guint i = 0; i < 2; i++)
    result->y[i] = g_memdup2 (tn_value_get_data (y[i]), result->weights[i]->count * sizeof (float));
}

/* What autograd of fake quantization gives, in double: dA = g What, dW = g^T Ahat, and the norm's gradient by hand. */
static void
by_hand (const Case *c, const Result *r, double *dx, double *dgain, double *dw[2])
{
  g_autofree float *normed = g_new (float, MAX (c->tokens * c->in, 1)), *a = g_new (float, MAX (c->tokens * c->in, 1));
  g_autofree guint8 *memory = g_malloc (tn_int8_rows_bytes (c->tokens, c->in) + 64);
  const float *x = r->x->data, *gain = r->gain->data;
  TnInt8Rows rows;
  TnScheme scheme;

  g_assert_true (tn_scheme_parse (c->scheme, &scheme, NULL));
  memcpy (normed, x, c->tokens * c->in * sizeof (float));
  if (c->normed)
    tn_rmsnorm (x, gain, EPSILON, c->tokens, c->in, normed);
  tn_int8_rows_place (&rows, (void *) (((guintptr) memory + 63) / 64 * 64), c->tokens, c->in);
  tn_int8_rows_quantize (&rows, normed, NULL, 0.0, c->tokens, c->in, 1);
  tn_int8_rows_decode (&rows, c->tokens, c->in, a, 1);
  for (guint i = 0; i < 2; i++)
    {
      gsize out = tn_shape_rows (&r->w[i]->shape);
      g_autofree float *w = g_new (float, MAX (r->w[i]->count, 1));
      const float *g = r->weights[i]->data;

      g_assert_true (tn_quantize_values (&scheme, r->w[i]->data, out, c->in, w, NULL));
      for (gsize o = 0; o < out; o++)
        for (gsize t = 0; t < c->tokens; t++)
          for (gsize k = 0; k < c->in; k++)
            {
              dx[t * c->in + k] += (double) g[t * out + o] * (double) w[o * c->in + k];
              dw[i][o * c->in + k] += (double) g[t * out + o] * (double) a[t * c->in + k];
            }
    }
  for (gsize t = 0; c->normed && t < c->tokens; t++)
    {
      double square = 0.0, along = 0.0, s;

      for (gsize k = 0; k < c->in; k++)
        square += (double) x[t * c->in + k] * (double) x[t * c->in + k] / (double) c->in;
      s = 1.0 / sqrt (square + EPSILON);
      for (gsize k = 0; k < c->in; k++)
        along += (double) gain[k] * dx[t * c->in + k] * (double) x[t * c->in + k] / (double) c->in;
      for (gsize k = 0; k < c->in; k++)
        {
          double g = dx[t * c->in + k];

          dgain[k] += g * (double) x[t * c->in + k] * s;
          dx[t * c->in + k] = s * (double) gain[k] * g - (double) x[t * c->in + k] * s * s * s * along;
        }
    }
}

/* Largest difference over largest magnitude; and the cosine. */
static double
find_distance (const double *got, const double *expected, gsize n, double *cosine)
{
  double most = 0.0, largest = 1e-30, product = 0.0, left = 1e-60, right = 1e-60;

  for (gsize i = 0; i < n; i++)
    {
      most = fmax (most, fabs (got[i] - expected[i]));
      largest = fmax (largest, fabs (expected[i]));
      product += got[i] * expected[i];
      left += got[i] * got[i];
      right += expected[i] * expected[i];
    }
  *cosine = n > 0 && right > 1e-50 ? product / sqrt (left * right) : 1.0;
  return isfinite (most) ? most / largest : INFINITY;
}

static void
check_case (const Case *c, double tolerance, double least_cosine)
{
  gsize out[2] = {c->out, c->out + 3};
  g_autofree double *dx = g_new0 (double, MAX (c->tokens * c->in, 1)), *dgain = g_new0 (double, c->in);
  g_autofree double *dw1 = g_new0 (double, MAX (out[0] * c->in, 1)), *dw2 = g_new0 (double, out[1] * c->in);
  double *dw[2] = {dw1, dw2};
  const struct
  {
    const char *name;
    gsize n;
  } arrays[4] = {{"dx", c->tokens * c->in}, {"dgain", c->normed ? c->in : 0}, {"dw1", out[0] * c->in}, {"dw2", out[1] * c->in}};
  Result result;

  run_case (c, &result);
  by_hand (c, &result, dx, dgain, dw);
  for (guint i = 0; i < 4; i++)
    {
      const double *got[4] = {result.dx, result.dgain, result.dw[0], result.dw[1]}, *expected[4] = {dx, dgain, dw1, dw2};
      double cosine, distance = find_distance (got[i], expected[i], arrays[i].n, &cosine);

      g_test_message ("%zu x %zu x %zu %s %s/%s %s: %.3g of the largest, cosine %.6f", c->tokens, c->in, c->out, c->scheme,
                      tn_backward_get_name (c->options.of_input), tn_backward_get_name (c->options.of_weight), arrays[i].name,
                      distance, cosine);
      if (!(distance <= tolerance) || !(cosine >= least_cosine))
        g_error ("%zu x %zu x %zu %s: %s: %g of the largest, cosine %g", c->tokens, c->in, c->out, c->scheme, arrays[i].name,
                 distance, cosine);
    }
  clear_result (&result);
}

static const struct
{
  gsize tokens, in, out;
} sizes[] = {{0, 16, 5}, {1, 1, 1}, {3, 7, 17}, {17, 16, 16}, {29, 53, 31}, {129, 250, 67}, {523, 64, 131}};

/* The integers' gradients are those of fake quantization. */
static void
test_equals_fake_quantization (void)
{
  const char *const schemes[] = {"ternary", "ternary:c", "ternary:twn"};

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (guint s = 0; s < G_N_ELEMENTS (schemes); s++)
      /* Of one column alone a norm leaves the sign, and its gradient is what rounding leaves. */
      for (guint normed = 0; normed < (sizes[i].in > 1 ? 2 : 1); normed++)
        {
          Case c = {sizes[i].tokens, sizes[i].in, sizes[i].out, schemes[s], normed, {TN_BACKWARD_FP32, TN_BACKWARD_FP32, 1}, 1};

          check_case (&c, 1e-5, 0.9999999);
        }
}

static TnValue *
build_fake (TnTape *tape, TnValue *x, TnValue *gain, TnValue *w)
{
  TnQuantizeOptions rows = {.scheme = {.kind = TN_SCHEME_INTEGER, .bits = 8, .granularity = TN_PER_TOKEN}};
  TnQuantizeOptions weights = {.scheme = {.kind = TN_SCHEME_TERNARY}};

  return tn_tape_linear (tape, tn_tape_quantize_activation (tape, tn_tape_rms_norm (tape, x, gain, EPSILON), NULL, &rows),
                         tn_tape_quantize_weight (tape, w, NULL, &weights), NULL);
}

/* The two ways to record the layer, side by side: values, and the gradients of all that is trained. */
static void
test_equals_fake_tape (void)
{
  for (guint i = 3; i < G_N_ELEMENTS (sizes); i++)
    {
      const TnShape shape = TN_SHAPE (sizes[i].tokens, sizes[i].in);
      g_autoptr (TnVariable) weights = fixture_variable ("weights", TN_DTYPE_F32, &TN_SHAPE (sizes[i].tokens, sizes[i].out), 1.0);
      TnVariable *variables[2][3];
      float *values[2];

      g_assert_true (tn_variable_set_trained (weights, FALSE, NULL));
      for (guint fake = 0; fake < 2; fake++)
        {
          g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
          TnValue *inputs[3], *y, *loss;

          variables[fake][0] = fixture_variable ("x", TN_DTYPE_F32, &shape, 1.0);
          variables[fake][1] = fixture_variable ("gain", TN_DTYPE_F32, &TN_SHAPE (sizes[i].in), 1.0);
          variables[fake][2] = fixture_variable ("w", TN_DTYPE_F32, &TN_SHAPE (sizes[i].out, sizes[i].in), 0.05);
          for (guint k = 0; k < 3; k++)
            inputs[k] = tn_tape_variable (tape, variables[fake][k]);
          y = fake ? build_fake (tape, inputs[0], inputs[1], inputs[2])
                   : tn_tape_bit_linear (tape, tn_tape_quantize_rows (tape, inputs[0], inputs[1], EPSILON, NULL),
                                         tn_tape_ternarize (tape, inputs[2], NULL, NULL), NULL);
          tn_tape_keep (tape, y);
          loss = tn_tape_sum (tape, tn_tape_multiply (tape, y, tn_tape_variable (tape, weights)));
          g_assert_true (tn_tape_plan (tape, loss, NULL) && tn_tape_allocate (tape, NULL) && tn_tape_forward (tape, NULL, NULL) &&
                         tn_tape_backward (tape, 1.0, FALSE, NULL, NULL));
          values[fake] = g_memdup2 (tn_value_get_data (y), weights->count * sizeof (float));
        }
      for (guint k = 0; k < 4; k++)
        {
          const float *packed = k < 3 ? variables[0][k]->gradient : values[0],
                      *fake = k < 3 ? variables[1][k]->gradient : values[1];
          gsize n = k < 3 ? variables[0][k]->count : weights->count;
          float largest = 0.0f;

          for (gsize e = 0; e < n; e++)
            largest = fmaxf (largest, fabsf (fake[e]));
          for (gsize e = 0; e < n; e++)
            g_assert_cmpfloat_with_epsilon (packed[e], fake[e], 1e-5f * largest);
        }
      for (guint fake = 0; fake < 2; fake++)
        {
          for (guint k = 0; k < 3; k++)
            tn_variable_unref (variables[fake][k]);
          g_free (values[fake]);
        }
    }
}

static void
test_low_precision (void)
{
  for (guint i = 1; i < G_N_ELEMENTS (sizes); i++)
    for (guint s = 0; s < 2; s++)
      {
        Case c = {sizes[i].tokens,
                  sizes[i].in,
                  sizes[i].out,
                  s ? "ternary:c" : "ternary",
                  s && sizes[i].in > 1,
                  {TN_BACKWARD_BF16, TN_BACKWARD_BF16, 1},
                  1};

        check_case (&c, 0.02, 0.99999);
        c.options.of_input = c.options.of_weight = TN_BACKWARD_INT8;
        /* A single number is rounded up or down by 1/127 of the largest at most; sums of them by less. */
        check_case (&c, 0.05, 0.999);
      }
}

/* Rounded at random, and right in the mean: over 64 steps the error is an eighth. */
static void
test_right_in_the_mean (void)
{
  Case c = {67, 48, 33, "ternary:c", FALSE, {TN_BACKWARD_INT8, TN_BACKWARD_INT8, 7}, 1};
  g_autofree double *dx = g_new0 (double, 67 * 48), *dgain = g_new0 (double, 48), *dw1 = g_new0 (double, 33 * 48),
                    *dw2 = g_new0 (double, 36 * 48);
  double errors[2][2] = {{0.0}};

  for (guint many = 0; many < 2; many++)
    {
      Result result;

      c.steps = many ? 64 : 1;
      run_case (&c, &result);
      if (!many)
        by_hand (&c, &result, dx, dgain, (double *[]){dw1, dw2});
      for (gsize i = 0; i < 67 * 48; i++)
        errors[many][0] += (result.dx[i] - dx[i]) * (result.dx[i] - dx[i]);
      for (gsize i = 0; i < 33 * 48; i++)
        errors[many][1] += (result.dw[0][i] - dw1[i]) * (result.dw[0][i] - dw1[i]);
      clear_result (&result);
    }
  for (guint i = 0; i < 2; i++)
    {
      g_assert_cmpfloat (sqrt (errors[1][i] / errors[0][i]), <, 0.18);
      g_assert_cmpfloat (sqrt (errors[1][i] / errors[0][i]), >, 0.08);
    }
}

/* The forward pass has the bits of the layer that inference runs. */
static void
test_same_bits_as_layer (void)
{
  const char *const schemes[] = {"ternary", "ternary:c"};

  for (guint s = 0; s < 2; s++)
    {
      const guint64 shape[] = {67, 250};
      Case c = {129, 250, 67, schemes[s], TRUE, {TN_BACKWARD_FP32, TN_BACKWARD_FP32, 1}, 1};
      g_autoptr (TnTensor) tensor = tn_tensor_new (TN_DTYPE_F32, 2, shape, TN_PURPOSE_WEIGHTS, NULL), weight = NULL;
      g_autoptr (TnBlock) memory = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, tn_int8_rows_bytes (129, 250), NULL);
      g_autoptr (TnBlock) scratch =
          tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, tn_bit_linear_scratch_bytes (250, 2), NULL);
      g_autofree float *y = g_new (float, 129 * 67);
      TnScheme scheme;
      TnInt8Rows rows;
      Result result;

      run_case (&c, &result);
      g_assert_true (tn_scheme_parse (schemes[s], &scheme, NULL));
      memcpy (tn_tensor_get_writable (tensor), result.w[0]->data, 67 * 250 * sizeof (float));
      weight = tn_bit_linear_from_float (tensor, &scheme, NULL, NULL);
      tn_int8_rows_place (&rows, memory, 129, 250);
      tn_int8_rows_quantize (&rows, result.x->data, result.gain->data, EPSILON, 129, 250, 2);
      tn_bit_linear_forward (&(TnBitLinear){weight, y}, 1, &rows, 129, scratch, 2);
      g_assert_cmpmem (y, 129 * 67 * sizeof (float), result.y[0], 129 * 67 * sizeof (float));
      clear_result (&result);
    }
}

/* The same bits on one thread and two, and in every variant. */
static void
test_same_bits (void)
{
  const TnVariant variants[] = {TN_VARIANT_SCALAR,      TN_VARIANT_AVX2, TN_VARIANT_AVX512,
                                TN_VARIANT_AVX512_VNNI, TN_VARIANT_NEON, TN_VARIANT_NEON_DOTPROD};
  TnVariant variant = tn_variant_get ();
  guint threads = tn_device_get_threads ();

  for (guint backward = 0; backward < TN_N_BACKWARDS; backward++)
    {
      Case c = {523, 250, 67, "ternary:c", TRUE, {(TnBackward) backward, (TnBackward) backward, 3}, 1};
      Result first;

      tn_device_set_threads (1);
      run_case (&c, &first);
      tn_device_set_threads (2);
      for (guint v = 0; v < G_N_ELEMENTS (variants); v++)
        {
          Result other;

          if (!tn_variant_use (variants[v]))
            continue;
          run_case (&c, &other);
          g_assert_cmpmem (first.y[1], first.weights[1]->count * sizeof (float), other.y[1],
                           other.weights[1]->count * sizeof (float));
          g_assert_cmpmem (first.dx, first.x->count * sizeof (double), other.dx, first.x->count * sizeof (double));
          g_assert_cmpmem (first.dgain, 250 * sizeof (double), other.dgain, 250 * sizeof (double));
          g_assert_cmpmem (first.dw[0], first.w[0]->count * sizeof (double), other.dw[0], first.w[0]->count * sizeof (double));
          clear_result (&other);
        }
      tn_variant_use (variant);
      clear_result (&first);
    }
  tn_device_set_threads (threads);
}

/* Of rows: floor (v + u) is v in the mean, codes stay within 127, a row of zeros is one. */
static void
test_stochastic_rows (void)
{
  const gsize width = 37, n = 400;
  g_autofree float *x = g_new0 (float, n *width);
  g_autofree double *mean = g_new0 (double, width);
  g_autofree guint8 *memory = g_malloc (tn_int8_rows_bytes (n, width) + 64);
  TnRandom random = tn_random_stream (1, "rows");
  TnInt8Rows rows;

  for (gsize i = 0; i < width; i++)
    for (gsize row = 0; row < n - 2; row++)
      x[row * width + i] = row == 0 ? (float) (1e-9 * tn_random_normal (&random)) : x[i];
  x[(n - 1) * width + 3] = NAN;
  tn_int8_rows_place (&rows, (void *) (((guintptr) memory + 63) / 64 * 64), n, width);
  tn_int8_rows_quantize_stochastic (&rows, x, NULL, n, width, 99, 2);
  for (gsize row = 0; row < n - 2; row++)
    {
      gint sum = 0;

      for (gsize i = 0; i < width; i++)
        {
          double value = (double) ((float) rows.codes[row * rows.stride + i] * rows.scales[row]);

          sum += rows.codes[row * rows.stride + i];
          mean[i] += value / (double) (n - 2);
          g_assert_cmpfloat (fabs (value - (double) x[i]), <=, (double) rows.scales[row] * 1.001);
        }
      g_assert_cmpint (sum, ==, rows.sums[row]);
    }
  for (gsize i = 0; i < width; i++)
    g_assert_cmpfloat (fabs (mean[i] - (double) x[i]), <=, 0.12 * (double) rows.scales[0]);
  g_assert_cmpfloat (rows.scales[n - 2], ==, 0.0f);
  g_assert_cmpint (rows.sums[n - 2], ==, 0);
  g_assert_true (isnan (rows.scales[n - 1]));
}

static void
test_transpose (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      gsize rows = sizes[i].in, columns = sizes[i].out;
      g_autofree gint8 *codes = g_new (gint8, rows * columns), *turned = g_new (gint8, rows * columns);
      g_autoptr (TnBlock) tiles = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, tn_ternary_bytes (rows, columns), NULL);
      g_autoptr (TnBlock) back = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, tn_ternary_bytes (columns, rows), NULL);
      TnRandom random = tn_random_stream (i, "codes");

      for (gsize k = 0; k < rows * columns; k++)
        codes[k] = (gint8) tn_random_below (&random, 3) - 1;
      tn_ternary_pack ((guint8 *) tiles, columns, 0, rows, codes);
      tn_ternary_transpose (&(TnTernaryMatrix){rows, columns, (const guint8 *) tiles}, (guint8 *) back, 2);
      tn_ternary_unpack (&(TnTernaryMatrix){columns, rows, (const guint8 *) back}, 0, columns, turned);
      for (gsize r = 0; r < rows; r++)
        for (gsize k = 0; k < columns; k++)
          g_assert_cmpint (turned[k * rows + r], ==, codes[r * columns + k]);
    }
}

/* What ternarize counts, beside a slow loop. */
static void
test_state (void)
{
  const char *const schemes[] = {"ternary", "ternary:c"};

  for (guint s = 0; s < 2; s++)
    {
      g_autoptr (TnVariable) w = fixture_variable ("w", TN_DTYPE_F32, &TN_SHAPE (67, 250), 0.05);
      g_autoptr (TnQuantizerState) state = tn_quantizer_state_new (w->count, TRUE);
      g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, TRUE);
      g_autofree float *q = g_new (float, w->count), *before = NULL;
      float *data = w->data;
      TnScheme scheme;

      g_assert_true (tn_scheme_parse (schemes[s], &scheme, NULL));
      g_assert_nonnull (tn_tape_ternarize (tape, tn_tape_variable (tape, w), &scheme, state));
      g_assert_true (tn_tape_plan (tape, NULL, NULL) && tn_tape_allocate (tape, NULL));
      for (guint step = 1; step < 3; step++)
        {
          guint64 zeros = 0, positives = 0, flips = 0, saturated = 0;
          double square = 0.0, error_square = 0.0;

          tn_tape_set_step (tape, step);
          g_assert_true (tn_tape_forward (tape, NULL, NULL));
          g_assert_true (tn_quantize_values (&scheme, data, 67, 250, q, NULL));
          for (gsize i = 0; i < w->count; i++)
            {
              float level = fabsf (q[i]);

              for (gsize k = i / 250 * 250; level == 0.0f && k < i / 250 * 250 + 250; k++)
                level = fabsf (q[k]);
              zeros += q[i] == 0.0f;
              positives += q[i] > 0.0f;
              saturated += fabsf (data[i]) > 1.5f * level;
              flips += before != NULL && ((q[i] > 0) - (q[i] < 0)) != ((before[i] > 0) - (before[i] < 0));
              square += (double) data[i] * (double) data[i];
              error_square += ((double) data[i] - (double) q[i]) * ((double) data[i] - (double) q[i]);
            }
          g_assert_cmpuint (state->zeros, ==, zeros);
          g_assert_cmpuint (state->positives, ==, positives);
          g_assert_cmpuint (state->saturated, ==, saturated);
          g_assert_cmpuint (state->flips, ==, flips);
          g_assert_cmpint (state->has_flips, ==, step == 2);
          g_assert_cmpfloat_with_epsilon (tn_quantizer_state_get_sqnr_db (state), 10 * log10 (square / error_square), 1e-4);
          g_free (before);
          before = g_memdup2 (q, w->count * sizeof (float));
          for (gsize i = 0; i < w->count; i += 7)
            data[i] = -0.5f * data[i];
        }
    }
}

static void
test_errors (void)
{
  g_autoptr (TnVariable) x = fixture_variable ("x", TN_DTYPE_F32, &TN_SHAPE (3, 8), 1.0);
  g_autoptr (TnVariable) w = fixture_variable ("w", TN_DTYPE_F32, &TN_SHAPE (5, 7), 1.0);
  g_autoptr (TnVariable) wide = fixture_variable ("w", TN_DTYPE_F64, &TN_SHAPE (5, 7), 1.0);
  const char *const messages[] = {"expected rows of one width",    "expected what quantize rows makes",
                                  "expected what ternarize makes", "gain is [5, 7], expected [8]",
                                  "a scale a tensor or row",       "float32 matrices",
                                  "expected quantize in float64"};
  TnScheme groups;
  TnBackward backward;
  g_autoptr (GError) unknown = NULL;

  g_assert_true (tn_scheme_parse ("ternary:g7:f32", &groups, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (messages); i++)
    {
      g_autoptr (TnTape) tape = tn_tape_new (i < 5 ? TN_DTYPE_F32 : TN_DTYPE_F64, TRUE);
      g_autoptr (GError) error = NULL;
      TnValue *input = i < 5 ? tn_tape_variable (tape, x) : NULL, *weight = tn_tape_variable (tape, i < 5 ? w : wide);

      switch (i)
        {
        case 0:
          tn_tape_bit_linear (tape, tn_tape_quantize_rows (tape, input, NULL, 0.0, NULL),
                              tn_tape_ternarize (tape, weight, NULL, NULL), NULL);
          break;
        case 1:
          tn_tape_bit_linear (tape, input, tn_tape_ternarize (tape, weight, NULL, NULL), NULL);
          break;
        case 2:
          tn_tape_bit_linear (tape, tn_tape_quantize_rows (tape, input, NULL, 0.0, NULL), weight, NULL);
          break;
        case 3:
          tn_tape_quantize_rows (tape, input, weight, 0.0, NULL);
          break;
        case 4:
          tn_tape_ternarize (tape, weight, &groups, NULL);
          break;
        case 5:
          tn_tape_ternarize (tape, weight, NULL, NULL);
          break;
        default:
          tn_tape_quantize_rows (tape, weight, NULL, 0.0, NULL);
        }
      g_assert_false (tn_tape_plan (tape, NULL, &error));
      if (strstr (error->message, messages[i]) == NULL)
        g_error ("%s: expected “%s”", error->message, messages[i]);
    }
  g_assert_true (tn_backward_parse ("int8", &backward, NULL) && backward == TN_BACKWARD_INT8);
  g_assert_false (tn_backward_parse ("fp16", &backward, &unknown));
  g_assert_error (unknown, TN_ERROR, TN_ERROR_ARGUMENT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bit-linear-function/equals-fake-quantization", test_equals_fake_quantization);
  g_test_add_func ("/bit-linear-function/equals-fake-tape", test_equals_fake_tape);
  g_test_add_func ("/bit-linear-function/low-precision", test_low_precision);
  g_test_add_func ("/bit-linear-function/right-in-the-mean", test_right_in_the_mean);
  g_test_add_func ("/bit-linear-function/same-bits-as-layer", test_same_bits_as_layer);
  g_test_add_func ("/bit-linear-function/same-bits", test_same_bits);
  g_test_add_func ("/bit-linear-function/stochastic-rows", test_stochastic_rows);
  g_test_add_func ("/bit-linear-function/transpose", test_transpose);
  g_test_add_func ("/bit-linear-function/state", test_state);
  g_test_add_func ("/bit-linear-function/errors", test_errors);
  return g_test_run ();
}
