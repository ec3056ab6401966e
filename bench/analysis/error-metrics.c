/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <omp.h>

#include "bench/analysis/analysis.h"
#include "bench/read-memory.h"
#include "engine/device/device.h"
#include "engine/memory/pool.h"
#include "engine/metrics/error-metrics.h"
#include "engine/random.h"

/* All metrics of a reference and its int8 rounding, over data that no cache holds, in turns with plain reads of the same data by
 * as many threads. */

#define BYTES ((gsize) 256 << 20)
#define FLOATS (BYTES / sizeof (float))
#define WIDTH ((gsize) 2048)
#define ROWS (FLOATS / 2 / WIDTH)
#define TURNS 5
#define TARGET 0.4
#define STEP (1.0f / 32.0f)

static double
time_metrics (const float *x, const float *y, TnErrorMetricsFlags flags)
{
  g_autoptr (TnErrorMetrics) metrics = tn_error_metrics_new (WIDTH, flags);
  double start = tn_time_now ();

  tn_error_metrics_add (metrics, 0, x, WIDTH, y, WIDTH, ROWS);
  return tn_time_now () - start;
}

static void
measure (TnBench *bench, const char *name, const float *data, TnErrorMetricsFlags flags, TnGoal goal)
{
  int threads = (int) tn_device_get_threads ();
  TnSamples fractions = {0}, rates = {0};
  guint64 seen = 0;

  omp_set_num_threads (threads);
  for (guint turn = 0; turn < TURNS && !tn_bench_cancelled (bench); turn++)
    {
      double start = tn_time_now (), read, taken;

      seen += tn_read_memory ((const guint8 *) data, BYTES, 2, threads);
      read = tn_time_now () - start;
      taken = time_metrics (data, data + FLOATS / 2, flags);
      tn_samples_add (&fractions, read / taken);
      tn_samples_add (&rates, (double) BYTES / taken * 1e-9);
    }
  tn_bench_remark (bench, "%s: rows of %zu, %d threads, %.1f GB/s (%d)", name, WIDTH, threads, tn_samples_median (&rates),
                   (int) (seen & 1));
  tn_bench_add (bench, name, tn_samples_median (&fractions), tn_samples_max (&fractions), "of read bandwidth", goal, TARGET, 1.0);
}

void
tn_bench_error_metrics (TnBench *bench)
{
  static const struct
  {
    const char *name;
    TnErrorMetricsFlags flags;
    TnGoal goal;
  } figures[] = {
      {"error_metrics_bandwidth_fraction", TN_ERROR_METRICS_WHOLE, TN_GOAL_AT_LEAST},
      {"error_metrics_channels_bandwidth_fraction", TN_ERROR_METRICS_CHANNELS, TN_GOAL_NONE},
  };
  g_autoptr (TnBlock) block = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, BYTES, NULL);
  float *data = (float *) block;
  TnRandom random = tn_random_stream (1, "error-metrics");

  if (data == NULL)
    {
      tn_bench_remark (bench, "error metrics: no memory for %zu MiB", BYTES >> 20);
      return;
    }
  /* Sums of uniform values: a bell is enough. */
  for (gsize i = 0; i < FLOATS / 2; i++)
    {
      guint64 bits = tn_random_next (&random);

      data[i] = ((float) (bits & 0xffff) + (float) (bits >> 16 & 0xffff) + (float) (bits >> 32 & 0xffff) - 98304.0f) / 32768.0f;
      data[FLOATS / 2 + i] = rintf (data[i] / STEP) * STEP;
    }
  for (guint i = 0; i < G_N_ELEMENTS (figures); i++)
    if (tn_bench_wants (bench, figures[i].name))
      measure (bench, figures[i].name, data, figures[i].flags, figures[i].goal);
}
