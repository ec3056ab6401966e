/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "bench/core/core.h"
#include "bench/core/reading.h"
#include "engine/device/device.h"
#include "engine/device/rates.h"
#include "engine/nn/linear.h"
#include "engine/random.h"

/* A vector by the head of a model of 1.1 billion parameters as files have it: far more bytes than any cache holds. */

#define ROWS 32000
#define WIDTH 2048
#define TURNS 24
/* Numbers that differ; the whole is made of copies of them. */
#define MADE_ROWS 16

static TnTensor *
make_head (TnDtype dtype, TnRandom *random, GError **error)
{
  const guint64 shape[] = {ROWS, WIDTH};
  g_autofree float *x = g_new (float, MADE_ROWS *WIDTH);
  g_autoptr (TnTensor) head = tn_tensor_new (dtype, 2, shape, TN_PURPOSE_WEIGHTS, error);
  guint8 *data;
  gsize made;

  if (head == NULL)
    return NULL;
  data = tn_tensor_get_writable (head);
  made = head->bytes / ROWS * MADE_ROWS;
  for (gsize i = 0; i < MADE_ROWS * WIDTH; i++)
    x[i] = 0.02f * (float) tn_random_normal (random);
  if (!tn_dtype_encode (dtype, x, MADE_ROWS * WIDTH, data, error))
    return NULL;
  for (gsize done = made; done < head->bytes; done++)
    data[done] = data[done - made];
  return g_steal_pointer (&head);
}

static void
measure (TnBench *bench, TnDtype dtype, const char *rate_name, const char *fraction_name, double target)
{
  g_autoptr (GError) error = NULL;
  TnRandom random = tn_random_stream (1, "vector");
  g_autoptr (TnTensor) head = make_head (dtype, &random, &error);
  guint threads = tn_device_get_threads ();
  gsize tile_count = head != NULL ? tn_weight_vector_count (head) : 0;
  g_autoptr (TnBlock) tiles =
      tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, MAX (threads * tile_count, 1) * sizeof (float), NULL);
  g_autofree float *x = g_new (float, WIDTH), *y = g_new (float, ROWS);
  TnSamples rates = {.n = 0}, read = {.n = 0}, fractions = {.n = 0};

  if (head == NULL || tiles == NULL)
    {
      tn_bench_remark (bench, "%s", error != NULL ? error->message : rate_name);
      return;
    }
  for (gsize i = 0; i < WIDTH; i++)
    x[i] = (float) tn_random_normal (&random);
  for (guint turn = 0; turn < TURNS && !tn_bench_cancelled (bench); turn++)
    {
      double gigabytes = 1e-9 * (double) head->bytes, bare = tn_time_reading (head->data, head->bytes, threads);
      double start = tn_time_process_now (), taken;

      tn_linear_vector (head, x, tiles, tile_count, y);
      taken = (tn_time_process_now () - start) / threads;
      tn_samples_add (&rates, gigabytes / taken);
      tn_samples_add (&read, gigabytes / bare);
      tn_samples_add (&fractions, bare / taken);
    }
  tn_bench_add (bench, rate_name, tn_samples_median (&rates), tn_samples_max (&rates), "GB/s", TN_GOAL_NONE, NAN,
                tn_samples_max (&read));
  tn_bench_add (bench, fraction_name, tn_samples_median (&fractions), tn_samples_max (&rates) / tn_samples_max (&read), "ratio",
                target > 0.0 ? TN_GOAL_AT_LEAST : TN_GOAL_NONE, target > 0.0 ? target : NAN, 1.0);
}

void
tn_bench_vector (TnBench *bench)
{
  if (tn_bench_wants (bench, "vector_half_bandwidth") || tn_bench_wants (bench, "vector_half_bandwidth_fraction"))
    measure (bench, TN_DTYPE_F16, "vector_half_bandwidth", "vector_half_bandwidth_fraction", 0.7);
  if (tn_bench_wants (bench, "vector_q8_0_bandwidth") || tn_bench_wants (bench, "vector_q8_0_bandwidth_fraction"))
    measure (bench, TN_DTYPE_Q8_0, "vector_q8_0_bandwidth", "vector_q8_0_bandwidth_fraction", 0.7);
}
