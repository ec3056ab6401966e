/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "bench/core/core.h"
#include "engine/device/onednn.h"
#include "engine/kernels/ternary.h"
#include "engine/memory/pool.h"
#include "engine/random.h"

/* The ternary product beside the int8 product of oneDNN on weights of one byte each, where the library is installed. The sums of
 * both must be equal. */

#define TOKENS 1024
#define ROWS 2048
#define COLUMNS 2048
#define TURNS 9

typedef struct
{
  TnTernaryMatrix matrix;
  gint8 *codes, *x;
  gint32 *x_sums, *own, *theirs;
  void *scratch;
} Work;

static void
multiply_own (gpointer user_data)
{
  Work *self = user_data;

  tn_ternary_product_int32 (&self->matrix, 0, ROWS, self->x, COLUMNS, self->x_sums, TOKENS, self->own, ROWS, self->scratch);
}

static void
multiply_theirs (gpointer user_data)
{
  Work *self = user_data;

  if (!tn_onednn_product_int8 (self->x, COLUMNS, TOKENS, self->codes, COLUMNS, ROWS, COLUMNS, self->theirs, ROWS))
    g_error ("oneDNN failed");
}

static void
fill (Work *self, guint8 *tiles)
{
  TnRandom random = tn_random_stream (1, "onednn");

  for (gsize i = 0; i < (gsize) ROWS * COLUMNS; i++)
    self->codes[i] = (gint8) tn_random_below (&random, 3) - 1;
  for (gsize t = 0; t < TOKENS; t++)
    {
      self->x_sums[t] = 0;
      for (gsize i = 0; i < COLUMNS; i++)
        self->x_sums[t] += self->x[t * COLUMNS + i] = (gint8) (gint) (tn_random_below (&random, 256) - 128);
    }
  tn_ternary_pack (tiles, COLUMNS, 0, ROWS, self->codes);
  self->matrix = (TnTernaryMatrix){ROWS, COLUMNS, tiles};
}

void
tn_bench_onednn (TnBench *bench)
{
  const double operations = 2e-9 * TOKENS * (double) ROWS * COLUMNS;
  const gsize n_x = (gsize) TOKENS * COLUMNS, n_y = (gsize) TOKENS * ROWS, n_w = (gsize) ROWS * COLUMNS;
  const gsize tile_bytes = tn_ternary_bytes (ROWS, COLUMNS), scratch_bytes = tn_ternary_scratch_bytes (COLUMNS);
  g_autoptr (TnBlock) block = NULL;
  TnSamples own = {.n = 0}, theirs = {.n = 0}, ratio = {.n = 0};
  Work work = {.scratch = NULL};
  guint8 *at;
  int threads = omp_get_max_threads ();

  block =
      tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH,
                     tile_bytes + n_w + n_x + TOKENS * sizeof (gint32) + 2 * n_y * sizeof (gint32) + scratch_bytes + 512, NULL);
  if (tn_onednn_get_name () == NULL || block == NULL)
    {
      tn_bench_remark (bench, "oneDNN (libdnnl2) is not installed: no comparison with it");
      return;
    }
  at = block;
  work.own = (gint32 *) (at + tile_bytes);
  work.theirs = work.own + n_y;
  work.x_sums = work.theirs + n_y;
  work.x = (gint8 *) (work.x_sums + TOKENS);
  work.codes = work.x + n_x;
  work.scratch = work.codes + n_w;
  fill (&work, at);

  /* One core each. */
  omp_set_num_threads (1);
  for (guint turn = 0; turn < TURNS && !tn_bench_cancelled (bench); turn++)
    {
      double a = tn_time_calls (multiply_own, &work, 0.05), b = tn_time_calls (multiply_theirs, &work, 0.05);

      tn_samples_add (&own, operations / a);
      tn_samples_add (&theirs, operations / b);
      tn_samples_add (&ratio, b / a);
    }
  omp_set_num_threads (threads);
  if (memcmp (work.own, work.theirs, n_y * sizeof (gint32)) != 0)
    g_error ("oneDNN and the ternary product disagree");
  tn_bench_add (bench, "onednn_int8_gops_per_core", tn_samples_median (&theirs), tn_samples_max (&theirs), "GOP/s", TN_GOAL_NONE,
                NAN, NAN);
  tn_bench_add (bench, "onednn_ternary_gemm_ratio", tn_samples_median (&ratio), tn_samples_max (&ratio), "ratio",
                TN_GOAL_AT_LEAST, 1.0, NAN);
}
