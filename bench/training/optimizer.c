/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "bench/peer.h"
#include "bench/read-memory.h"
#include "bench/training/training.h"
#include "engine/device/device.h"
#include "engine/device/rates.h"
#include "engine/qat/newton-schulz.h"
#include "engine/qat/optimizer.h"
#include "engine/random.h"

/* A step of AdamW over 16.8 million numbers, which no cache holds, beside plain reads of as many bytes as move, beside AdamW with
 * state of a byte each, and beside PyTorch's, in turns. A step reads value, gradient and two moments, and writes all but the
 * gradient: 28 bytes a number. */

#define WIDTH ((gsize) 4096)
#define COUNT (WIDTH * WIDTH)
#define MOVED_BYTES (28 * COUNT)
#define FLOAT_BYTES (COUNT * sizeof (float))
#define TURNS 15
/* Where a step's time is that of as many bytes read. */
#define BANDWIDTH_TARGET 0.6

#define MUON_ROWS ((gsize) 512)
#define MUON_COLUMNS ((gsize) 1376)
#define MUON_STEPS 5
#define MUON_TURNS 9

typedef struct
{
  TnVariable *variable;
  TnOptimizer *adamw, *adamw8;
  TnPeer *peer;
  float *moments[2]; /* for the limit */
  int threads;
  guint64 seen;
} Work;

static double
time_step (TnOptimizer *optimizer)
{
  const TnUpdate update = {.rate = 1e-6, .decay_factor = 1.0, .gradient_scale = 1.0, .gradient_limit = INFINITY};
  double start = tn_time_now ();

  tn_optimizer_step (optimizer, &update);
  return tn_time_now () - start;
}

/* Seconds to read as many bytes as a step of AdamW moves, as four streams a thread, like those of the step. */
static double
time_reading (Work *self)
{
  double start = tn_time_now ();

  self->seen += tn_read_memory (self->variable->gradient, FLOAT_BYTES, 4, self->threads);
  return (tn_time_now () - start) * (double) MOVED_BYTES / (double) FLOAT_BYTES;
}

/* The same reads and writes with almost nothing to compute. */
static double
time_moving (Work *self)
{
  float *value = self->variable->data, *first = self->moments[0], *second = self->moments[1];
  const float *gradient = self->variable->gradient;
  double start = tn_time_now ();

#pragma omp parallel for schedule(static) num_threads(self->threads)
  for (gsize block = 0; block < COUNT; block += WIDTH)
    {
      float *restrict a = value + block, *restrict b = first + block, *restrict c = second + block;
      const float *restrict g = gradient + block;

      for (gsize i = 0; i < WIDTH; i++)
        {
          a[i] -= 1e-9f * g[i];
          b[i] += 1e-9f * g[i];
          c[i] -= 2e-9f * g[i];
        }
    }
  return tn_time_now () - start;
}

static void
fill (TnVariable *variable)
{
  TnRandom random = tn_random_stream (1, "optimizer");
  float *value = variable->data, *gradient = variable->gradient;

  for (gsize i = 0; i < COUNT; i++)
    {
      value[i] = i < 65536 ? (float) tn_random_normal (&random) : value[i - 65536];
      gradient[i] = i < 65536 ? (float) (1e-3 * tn_random_normal (&random)) : gradient[i - 65536];
    }
}

static void
measure_fraction (TnBench *bench, Work *self, const char *name, int threads)
{
  TnSamples fractions = {.n = 0}, limits = {.n = 0};

  if (!tn_bench_wants (bench, name))
    return;
  self->threads = threads;
  tn_device_set_threads ((guint) threads);
  time_step (self->adamw);
  for (guint turn = 0; turn < TURNS && !tn_bench_cancelled (bench); turn++)
    {
      double reading = time_reading (self);

      tn_samples_add (&fractions, reading / time_step (self->adamw));
      tn_samples_add (&limits, reading / time_moving (self));
    }
  tn_device_set_threads (0);
  tn_bench_add (bench, name, tn_samples_median (&fractions), tn_samples_max (&fractions), "ratio", TN_GOAL_AT_LEAST,
                BANDWIDTH_TARGET, tn_samples_median (&limits));
}

static void
measure_others (TnBench *bench, Work *self)
{
  TnSamples own = {.n = 0}, eight = {.n = 0}, eight_ratio = {.n = 0}, theirs = {.n = 0}, ratio = {.n = 0};

  time_step (self->adamw8);
  for (guint turn = 0; turn < TURNS && !tn_bench_cancelled (bench); turn++)
    {
      double mine = time_step (self->adamw), small = time_step (self->adamw8);
      double its = self->peer != NULL ? tn_peer_run (self->peer, "adamw") : NAN;

      tn_samples_add (&own, mine);
      tn_samples_add (&eight, small);
      tn_samples_add (&eight_ratio, mine / small);
      if (isnan (its))
        continue;
      tn_samples_add (&theirs, its);
      tn_samples_add (&ratio, its / mine);
    }
  tn_bench_add (bench, "adamw_17m_ms", 1e3 * tn_samples_median (&own), 1e3 * tn_samples_min (&own), "ms", TN_GOAL_NONE, NAN, NAN);
  tn_bench_add (bench, "adamw8_17m_ms", 1e3 * tn_samples_median (&eight), 1e3 * tn_samples_min (&eight), "ms", TN_GOAL_NONE, NAN,
                NAN);
  /* 16 bytes a number instead of 28. */
  tn_bench_add (bench, "adamw8_vs_adamw", tn_samples_median (&eight_ratio), tn_samples_min (&own) / tn_samples_min (&eight),
                "ratio", TN_GOAL_NONE, NAN, 28.0 / 16.0);
  if (ratio.n > 0)
    tn_bench_add (bench, "adamw_vs_torch", tn_samples_median (&ratio), tn_samples_min (&theirs) / tn_samples_min (&own), "ratio",
                  TN_GOAL_AT_LEAST, 1.1, NAN);
}

/* Five steps of Newton and Schulz: 4 r^2 c + 2 r^3 operations each, of which the symmetric products need but half. */
static void
measure_muon (TnBench *bench)
{
  guint threads = tn_device_get_threads ();
  const double r = MUON_ROWS, c = MUON_COLUMNS, operations = MUON_STEPS * (4.0 * r * r * c + 2.0 * r * r * r);
  double limit = tn_device_get_rates ()->fp32;
  g_autoptr (TnBlock) x =
      tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_SCRATCH, MUON_ROWS * MUON_COLUMNS, sizeof (float), NULL);
  g_autoptr (TnBlock) scratch =
      tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_SCRATCH, tn_newton_schulz_count (MUON_ROWS, MUON_COLUMNS, threads),
                           sizeof (float), NULL);
  TnRandom random = tn_random_stream (2, "optimizer");
  TnSamples rates = {.n = 0};

  if (x == NULL || scratch == NULL)
    return;
  for (gsize i = 0; i < MUON_ROWS * MUON_COLUMNS; i++)
    ((float *) x)[i] = (float) tn_random_normal (&random);
  for (guint turn = 0; turn < MUON_TURNS && !tn_bench_cancelled (bench); turn++)
    {
      double start = tn_time_now ();

      tn_newton_schulz (x, MUON_ROWS, MUON_COLUMNS, MUON_STEPS, threads, scratch);
      tn_samples_add (&rates, 1e-9 * operations / (tn_time_now () - start));
    }
  tn_bench_add (bench, "muon_gflops", tn_samples_median (&rates), tn_samples_max (&rates), "GFLOP/s", TN_GOAL_NONE, NAN,
                limit > 0.0 ? 1e-9 * limit : NAN);
}

static TnOptimizer *
make_optimizer (TnVariable *variable, TnOptimizerMethod method)
{
  TnOptimizerOptions options;

  tn_optimizer_options_init (&options, method);
  return tn_optimizer_new (&variable, 1, &options, NULL);
}

void
tn_bench_optimizer (TnBench *bench)
{
  g_autoptr (GError) no_peer = NULL;
  g_autofree char *count = g_strdup_printf ("%zu", COUNT);
  g_autoptr (TnVariable) variable = tn_variable_new ("w", TN_ROLE_MATRIX, TN_DTYPE_F32, &TN_SHAPE (WIDTH, WIDTH), NULL);
  g_autoptr (TnBlock) moments = tn_pool_alloc0 (tn_pool_default (), TN_PURPOSE_SCRATCH, 2 * FLOAT_BYTES, NULL);
  g_autoptr (TnOptimizer) adamw = variable != NULL ? make_optimizer (variable, TN_OPTIMIZER_ADAMW) : NULL;
  g_autoptr (TnOptimizer) adamw8 = variable != NULL ? make_optimizer (variable, TN_OPTIMIZER_ADAMW8) : NULL;
  g_autoptr (TnPeer) peer = NULL;
  Work work = {.variable = variable, .adamw = adamw, .adamw8 = adamw8};

  if (adamw == NULL || adamw8 == NULL || moments == NULL)
    {
      tn_bench_remark (bench, "optimizer: no memory for %zu MB", 7 * FLOAT_BYTES >> 20);
      return;
    }
  work.moments[0] = moments;
  work.moments[1] = work.moments[0] + COUNT;
  fill (variable);
  measure_fraction (bench, &work, "adamw_bandwidth_fraction_core", 1);
  if (tn_device_get_threads () > 1)
    measure_fraction (bench, &work, "adamw_bandwidth_fraction", (int) tn_device_get_threads ());
  peer = tn_bench_wants (bench, "adamw_vs_torch")
             ? tn_peer_start ("optimizer_torch.py", (const char *const[]){count, NULL}, &no_peer)
             : NULL;
  if (peer != NULL)
    tn_bench_remark (bench, "peer: %s", tn_peer_describe (peer));
  else if (no_peer != NULL)
    tn_bench_remark (bench, "%s", no_peer->message);
  work.peer = peer;
  measure_others (bench, &work);
  if (tn_bench_wants (bench, "muon_gflops"))
    measure_muon (bench);
}
