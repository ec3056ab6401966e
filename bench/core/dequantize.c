/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "bench/core/core.h"
#include "engine/device/rates.h"
#include "engine/kernels/activation.h"
#include "engine/kernels/norm.h"
#include "engine/kernels/softmax.h"
#include "engine/kernels/ternarize.h"
#include "engine/random.h"
#include "engine/tensor/dtype.h"

/* What one core does with values in its caches. */

#define VALUES 32768
#define WIDTH 1024
/* Short, so that most repeats have the core for themselves. */
#define SECONDS 0.001
#define REPEATS 51

typedef struct
{
  TnDtype dtype;
  const guint8 *source; /* [4 * VALUES] */
  const float *other;
  float *values; /* [VALUES] */
} Work;

static void
decode (gpointer user_data)
{
  const Work *self = user_data;

  tn_dtype_decode (self->dtype, self->source, VALUES, self->values);
}

static void
decode_tiles (gpointer user_data)
{
  const Work *self = user_data;
  const TnTernaryMatrix matrix = {.rows = VALUES / WIDTH, .columns = WIDTH, .tiles = self->source};
  const float scale = 0.7f;

  tn_ternary_dequantize_rows (&matrix, 0, matrix.rows, &scale, FALSE, self->values, WIDTH);
}

static void
silu (gpointer user_data)
{
  const Work *self = user_data;

  memcpy (self->values, self->other, VALUES * sizeof (float));
  tn_silu_multiply (self->values, self->other, VALUES);
}

static void
relu2 (gpointer user_data)
{
  const Work *self = user_data;

  memcpy (self->values, self->other, VALUES * sizeof (float));
  tn_relu2_multiply (self->values, self->other, VALUES);
}

static void
rmsnorm (gpointer user_data)
{
  const Work *self = user_data;

  tn_rmsnorm (self->other, self->other, 1e-5, VALUES / WIDTH, WIDTH, self->values);
}

static void
softmax (gpointer user_data)
{
  const Work *self = user_data;
  float factor;

  memcpy (self->values, self->other, VALUES * sizeof (float));
  for (gsize i = 0; i < VALUES; i += WIDTH)
    tn_softmax (self->values + i, WIDTH, 1.0f, &factor);
}

static void
measure (TnBench *bench, const char *name, TnTimedFunc func, Work *work, double factor, const char *unit, double limit)
{
  TnSamples rates = {0};

  if (!tn_bench_wants (bench, name))
    return;
  for (guint i = 0; i < REPEATS; i++)
    tn_samples_add (&rates, factor * VALUES / tn_time_calls (func, work, SECONDS) * 1e-9);
  tn_bench_add (bench, name, tn_samples_median (&rates), tn_samples_max (&rates), unit, TN_GOAL_NONE, NAN, limit);
}

void
tn_bench_dequantize (TnBench *bench)
{
  static const struct
  {
    const char *name;
    TnDtype dtype;
  } forms[] = {
      {"dequantize_f16", TN_DTYPE_F16},     {"dequantize_bf16", TN_DTYPE_BF16},   {"dequantize_q8_0", TN_DTYPE_Q8_0},
      {"dequantize_q4_0", TN_DTYPE_Q4_0},   {"dequantize_q4_1", TN_DTYPE_Q4_1},   {"dequantize_q5_0", TN_DTYPE_Q5_0},
      {"dequantize_q5_1", TN_DTYPE_Q5_1},   {"dequantize_q4_k", TN_DTYPE_Q4_K},   {"dequantize_q6_k", TN_DTYPE_Q6_K},
      {"dequantize_tq1_0", TN_DTYPE_TQ1_0}, {"dequantize_tq2_0", TN_DTYPE_TQ2_0},
  };
  TnRandom random = tn_random_stream (1, "bench-dequantize");
  g_autofree guint8 *source = g_malloc (4 * VALUES);
  g_autofree float *values = g_new (float, VALUES), *other = g_new (float, VALUES);
  Work work = {.source = source, .other = other, .values = values};
  double bandwidth = tn_device_get_rates ()->read_bandwidth_core * 1e-9;

  /* No byte above 0x3b: scales are finite whichever bytes they lie in. */
  for (gsize i = 0; i < 4 * VALUES; i++)
    source[i] = (guint8) tn_random_below (&random, 0x3c);
  for (gsize i = 0; i < VALUES; i++)
    other[i] = (float) (2.0 * tn_random_normal (&random));

  /* Bytes of floats written, beside what memory could take them at. */
  for (guint i = 0; i < G_N_ELEMENTS (forms); i++)
    {
      work.dtype = forms[i].dtype;
      measure (bench, forms[i].name, decode, &work, sizeof (float), "GB/s", bandwidth);
    }
  measure (bench, "dequantize_tiles", decode_tiles, &work, sizeof (float), "GB/s", bandwidth);

  measure (bench, "elementwise_silu_multiply", silu, &work, 1.0, "Gvalues/s", NAN);
  measure (bench, "elementwise_relu2_multiply", relu2, &work, 1.0, "Gvalues/s", NAN);
  measure (bench, "elementwise_rmsnorm", rmsnorm, &work, 1.0, "Gvalues/s", NAN);
  measure (bench, "elementwise_softmax", softmax, &work, 1.0, "Gvalues/s", NAN);
}
