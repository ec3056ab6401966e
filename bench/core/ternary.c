/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "bench/core/core.h"
#include "bench/core/reading.h"
#include "engine/device/device.h"
#include "engine/device/rates.h"
#include "engine/kernels/ternary.h"
#include "engine/kernels/variant.h"
#include "engine/memory/pool.h"
#include "engine/random.h"

#define TURNS 11
#define GEMV_TURNS 48
#define GEMV_WIDTH 4096
/* Together far more than any cache, and what one turn reads of them. */
#define GEMV_MATRICES 72
#define GEMV_TURN_MATRICES 8

typedef struct
{
  guint n_tokens, rows, columns;
} Shape;

/* 256 to 2048 tokens by weights of 512 to 4096 rows and columns. */
static const Shape shapes[] = {{256, 512, 512},    {256, 1024, 4096}, {256, 4096, 4096}, {512, 512, 2048},
                               {512, 4096, 1024},  {512, 2048, 2048}, {1024, 512, 4096}, {1024, 1024, 1024},
                               {1024, 4096, 2048}, {2048, 512, 512},  {2048, 1024, 2048}};

/* A product that several threads do together, each some rows. */
typedef struct
{
  TnTernaryMatrix matrix;
  guint8 *tiles;
  gint8 *x;
  gint32 *x_sums;
  float *y, *token_scales, row_scale;
  guint n_tokens, threads;
  guint8 *scratch; /* [threads of the engine], scratch_bytes each */
  gsize scratch_bytes;
} Work;

static void *
alloc (gsize bytes)
{
  g_autoptr (GError) error = NULL;
  void *block = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, bytes, &error);

  if (block == NULL)
    g_error ("%s", error->message);
  return block;
}

static Work *
work_new (guint n_tokens, guint rows, guint columns)
{
  Work *self = g_new0 (Work, 1);
  TnRandom random = tn_random_stream (1, "ternary");
  g_autofree gint8 *codes = g_new (gint8, (gsize) rows * columns);
  gsize stride = tn_ternary_padded (columns);

  for (gsize i = 0; i < (gsize) rows * columns; i++)
    codes[i] = (gint8) tn_random_below (&random, 3) - 1;
  self->tiles = alloc (tn_ternary_bytes (rows, columns));
  tn_ternary_pack (self->tiles, columns, 0, rows, codes);
  self->matrix = (TnTernaryMatrix){rows, columns, self->tiles};
  self->x = alloc (n_tokens * stride);
  self->x_sums = alloc (n_tokens * sizeof (gint32));
  self->token_scales = alloc (n_tokens * sizeof (float));
  for (guint t = 0; t < n_tokens; t++)
    {
      self->x_sums[t] = 0;
      self->token_scales[t] = 1.0f / (float) (t + 100);
      for (gsize i = 0; i < stride; i++)
        self->x_sums[t] += self->x[t * stride + i] = (gint8) (gint) (tn_random_below (&random, 256) - 128);
    }
  self->row_scale = 0.25f;
  self->y = alloc ((gsize) n_tokens * rows * sizeof (float));
  self->n_tokens = n_tokens;
  self->threads = 1;
  self->scratch_bytes = (tn_ternary_scratch_bytes (columns) + TN_POOL_ALIGNMENT - 1) / TN_POOL_ALIGNMENT * TN_POOL_ALIGNMENT;
  self->scratch = alloc (tn_device_get_threads () * self->scratch_bytes);
  return self;
}

static void
work_free (Work *self)
{
  void *const blocks[] = {self->tiles, self->x, self->x_sums, self->token_scales, self->y, self->scratch};

  for (guint i = 0; i < G_N_ELEMENTS (blocks); i++)
    tn_pool_release (tn_pool_default (), blocks[i]);
  g_free (self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Work, work_free)

/* The part of a thread. */
static void
multiply_part (const Work *self, const TnTernaryMatrix *matrix, guint rank)
{
  const TnTernaryScales scales = {self->token_scales, &self->row_scale, FALSE};
  guint64 groups = (matrix->rows + TN_TERNARY_TILE_ROWS - 1) / TN_TERNARY_TILE_ROWS;
  guint64 first = groups * rank / self->threads * TN_TERNARY_TILE_ROWS;
  guint64 end = MIN (groups * (rank + 1) / self->threads * TN_TERNARY_TILE_ROWS, matrix->rows);

  tn_ternary_product (matrix, first, end - first, self->x, tn_ternary_padded (matrix->columns), self->x_sums, self->n_tokens,
                      &scales, self->y + first, matrix->rows, self->scratch + rank * self->scratch_bytes);
}

static void
multiply (gpointer user_data)
{
  const Work *self = user_data;

#pragma omp parallel num_threads((int) self->threads)
  multiply_part (self, &self->matrix, (guint) omp_get_thread_num ());
}

/* Seconds of the thread that took longest. */
static double
time_parts (const Work *self)
{
  double longest = 0.0;

#pragma omp parallel num_threads((int) self->threads) reduction(max : longest)
  {
    double start = tn_time_thread_now ();

    multiply_part (self, &self->matrix, (guint) omp_get_thread_num ());
    longest = tn_time_thread_now () - start;
  }
  return longest;
}

static double
count_operations (const Work *self)
{
  return 2.0 * self->n_tokens * (double) self->matrix.rows * (double) self->matrix.columns;
}

static void
measure_gemm (TnBench *bench, const TnDeviceRates *rates)
{
  double limit = rates->int8_core > 0.0 ? rates->int8_core * 1e-9 : NAN;
  gboolean vnni = tn_variant_get () == TN_VARIANT_AVX512_VNNI;
  TnSamples medians = {.n = 0}, bests = {.n = 0};

  for (guint i = 0; i < G_N_ELEMENTS (shapes) && !tn_bench_cancelled (bench); i++)
    {
      const Shape *shape = &shapes[i];
      g_autoptr (Work) work = work_new (shape->n_tokens, shape->rows, shape->columns);
      g_autofree char *name =
          g_strdup_printf ("ternary_gemm_gops_per_core_%u_tokens_%ux%u", shape->n_tokens, shape->rows, shape->columns);
      TnSamples rate = {.n = 0};

      for (guint turn = 0; turn < TURNS; turn++)
        tn_samples_add (&rate, 1e-9 * count_operations (work) / tn_time_calls_alone (multiply, work, 2e-3));
      tn_samples_add (&medians, tn_samples_median (&rate));
      tn_samples_add (&bests, tn_samples_max (&rate));
      tn_bench_add (bench, name, tn_samples_median (&rate), tn_samples_max (&rate), "GOP/s", TN_GOAL_NONE, NAN, limit);
    }
  tn_bench_add (bench, "ternary_gemm_gops_per_core", tn_samples_median (&medians), tn_samples_median (&bests), "GOP/s",
                TN_GOAL_AT_LEAST, vnni ? 300.0 : 100.0, limit);
}

static void
measure_scaling (TnBench *bench)
{
  g_autoptr (Work) work = work_new (512, 2048, 2048);
  TnSamples one = {.n = 0}, two = {.n = 0}, ratio = {.n = 0};

  for (guint turn = 0; turn < 3 * TURNS && !tn_bench_cancelled (bench); turn++)
    {
      work->threads = 1;
      tn_samples_add (&one, time_parts (work));
      work->threads = 2;
      tn_samples_add (&two, time_parts (work));
      tn_samples_add (&ratio, one.values[turn] / two.values[turn]);
    }
  tn_bench_add (bench, "ternary_gemm_scaling_2t", tn_samples_median (&ratio), tn_samples_min (&one) / tn_samples_min (&two),
                "ratio", TN_GOAL_AT_LEAST, 1.9, 2.0);
}

/* Weights that no cache holds: a turn takes some of the matrices, the next turn goes on behind them. */
typedef struct
{
  Work *work;
  guint8 *tiles; /* [GEMV_MATRICES] matrices */
  gsize bytes;   /* of a matrix */
  guint next;
} Gemv;

/* Seconds of the thread that took longest for the matrices of a turn. */
static double
gemv_multiply (Gemv *self)
{
  double longest = 0.0;

#pragma omp parallel num_threads((int) self->work->threads) reduction(max : longest)
  {
    double start = tn_time_thread_now ();

    for (guint i = 0; i < GEMV_TURN_MATRICES; i++)
      {
        const TnTernaryMatrix matrix = {GEMV_WIDTH, GEMV_WIDTH, self->tiles + (self->next + i) * self->bytes};

        multiply_part (self->work, &matrix, (guint) omp_get_thread_num ());
      }
    longest = tn_time_thread_now () - start;
  }
  self->next = (self->next + GEMV_TURN_MATRICES) % GEMV_MATRICES;
  return longest;
}

/* The same bytes by as many threads. */
static double
gemv_read (Gemv *self)
{
  double seconds =
      tn_time_reading (self->tiles + self->next * self->bytes, GEMV_TURN_MATRICES * self->bytes, self->work->threads);

  self->next = (self->next + GEMV_TURN_MATRICES) % GEMV_MATRICES;
  return seconds;
}

static void
measure_gemv (TnBench *bench, const TnDeviceRates *rates)
{
  Gemv self = {.work = work_new (1, GEMV_WIDTH, GEMV_WIDTH), .bytes = tn_ternary_bytes (GEMV_WIDTH, GEMV_WIDTH)};
  TnSamples multiplied = {.n = 0}, read = {.n = 0}, fraction = {.n = 0};
  double turn_gb = 1e-9 * (double) self.bytes * GEMV_TURN_MATRICES;

  self.tiles = alloc (GEMV_MATRICES * self.bytes);
  for (guint i = 0; i < GEMV_MATRICES; i++)
    memcpy (self.tiles + i * self.bytes, self.work->tiles, self.bytes);
  self.work->threads = tn_device_get_threads ();
  for (guint turn = 0; turn < GEMV_TURNS && !tn_bench_cancelled (bench); turn++)
    {
      double gemv = turn_gb / gemv_multiply (&self);
      double bare = turn_gb / gemv_read (&self);

      tn_samples_add (&multiplied, gemv);
      tn_samples_add (&read, bare);
      tn_samples_add (&fraction, gemv / bare);
    }
  tn_bench_add (bench, "ternary_gemv_bandwidth", tn_samples_median (&multiplied), tn_samples_max (&multiplied), "GB/s",
                TN_GOAL_NONE, NAN, MAX (rates->read_bandwidth * 1e-9, tn_samples_max (&read)));
  tn_bench_add (bench, "ternary_gemv_bandwidth_fraction", tn_samples_median (&fraction),
                tn_samples_max (&multiplied) / MAX (rates->read_bandwidth * 1e-9, tn_samples_max (&read)), "ratio",
                TN_GOAL_AT_LEAST, 0.7, 1.0);
  tn_pool_release (tn_pool_default (), self.tiles);
  work_free (self.work);
}

void
tn_bench_ternary (TnBench *bench)
{
  const TnDeviceRates *rates = tn_device_measure_rates ();

  if (tn_bench_wants (bench, "ternary_gemm_gops_per_core"))
    measure_gemm (bench, rates);
  if (tn_bench_wants (bench, "ternary_gemm_scaling_2t") && tn_device_get_threads () >= 2)
    measure_scaling (bench);
  if (tn_bench_wants (bench, "ternary_gemv_bandwidth") || tn_bench_wants (bench, "ternary_gemv_bandwidth_fraction"))
    measure_gemv (bench, rates);
}
