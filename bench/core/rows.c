/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <omp.h>

#include "bench/core/core.h"
#include "bench/read-memory.h"
#include "engine/device/device.h"
#include "engine/kernels/row-quantize.h"
#include "engine/kernels/ternarize.h"
#include "engine/memory/pool.h"
#include "engine/quant/rounding-search.h"
#include "engine/random.h"
#include "engine/tensor/tensor-blocks.h"

/* Kernels that memory limits, over data that no cache holds, in turns with plain reads of the same data by as many threads. Bytes
 * are counted that have to move at least: what is read, and what is written once, though a cache reads before it writes. */

#define BYTES ((gsize) 256 << 20)
#define FLOATS (BYTES / sizeof (float))
#define TURNS 5
#define TARGET 0.6

static const gsize widths[] = {512, 1024, 2048, 4096};
static const gsize row_counts[] = {256, 2048};
#define MOST_WIDTH 4096
#define LEAST_WIDTH 512

typedef struct
{
  guint8 *data;  /* [BYTES] of floats or halves */
  guint8 *codes; /* [FLOATS] */
  float *scales; /* [FLOATS / LEAST_WIDTH] */
  gint32 *sums;
  float *weight; /* [MOST_WIDTH] */
  gsize rows, width;
  int threads;
  TnDtype dtype; /* of matrices */
  TnScheme scheme;
  gboolean scale_known;
  guint64 seen; /* so that reading is for something */
} Stream;

typedef void (*Pass) (Stream *self);

static void
read_pass (Stream *self)
{
  self->seen += tn_read_memory (self->data, BYTES, 1, self->threads);
}

static void
read_streams_pass (Stream *self)
{
  self->seen += tn_read_memory (self->data, BYTES, 4, self->threads);
}

static void
norm_quantize_pass (Stream *self)
{
  const float *x = (const float *) (const void *) self->data;
  gsize block = self->rows * self->width;

  for (gsize first = 0; first < FLOATS; first += block)
#pragma omp parallel num_threads(self->threads)
    {
      gsize rank = (gsize) omp_get_thread_num (), team = (gsize) omp_get_num_threads ();
      gsize begin = self->rows * rank / team, end = self->rows * (rank + 1) / team;
      gsize at = first + begin * self->width;

      tn_rmsnorm_quantize_rows (x + at, self->width, self->weight, 1e-5, end - begin, self->width, (gint8 *) self->codes + at,
                                self->width, self->scales + begin, self->sums + begin);
    }
}

typedef struct
{
  const Stream *stream;
  TnRounding rounding; /* of the tensor */
  guint8 *tiles;
} Packing;

static void
pack_block (const TnTensorBlock *block, gpointer user_data)
{
  const Packing *self = user_data;
  const TnScheme *scheme = &self->stream->scheme;
  gsize width = self->stream->width;
  guint64 first = block->first / width, n = block->n / width;

  if (scheme->granularity == TN_PER_TENSOR)
    {
      tn_ternarize_pack_rows (block->x, width, width, &self->rounding.threshold, FALSE, first, n, self->tiles);
      return;
    }
  for (guint64 row = 0; row < n; row += TN_TERNARY_TILE_ROWS)
    {
      float thresholds[TN_TERNARY_TILE_ROWS];

      for (guint i = 0; i < TN_TERNARY_TILE_ROWS; i++)
        thresholds[i] = tn_rounding_find (scheme, block->x + (row + i) * width, width).threshold;
      tn_ternarize_pack_rows (block->x + row * width, width, width, thresholds, TRUE, first + row, TN_TERNARY_TILE_ROWS,
                              self->tiles);
    }
}

/* One matrix of rows x width after the other. */
static void
ternarize_pass (Stream *self)
{
  const guint64 shape[] = {self->rows, self->width};
  const TnScheme *schemes[] = {&self->scheme};
  guint64 count = self->rows * self->width;
  gsize value_bytes = tn_dtype_block_bytes (self->dtype), bytes = count * value_bytes;

  omp_set_num_threads (self->threads);
  for (gsize first = 0; first < BYTES; first += bytes)
    {
      g_autoptr (TnTensor) matrix = tn_tensor_new_mapped (self->dtype, 2, shape, self->data + first, bytes, NULL, NULL, NULL);
      Packing packing = {.stream = self, .rounding.threshold = 0.02f, .tiles = self->codes + first / value_bytes / 4};
      TnTensorVisitor visitor = {.measure = pack_block, .user_data = &packing};

      if (self->scheme.granularity == TN_PER_TENSOR && !self->scale_known)
        tn_rounding_find_in_tensor (matrix, 0, count, NULL, schemes, 1, &packing.rounding, NULL, NULL);
      tn_tensor_visit_blocks (matrix, 0, count, TN_TENSOR_BLOCK_ELEMENTS, &visitor, NULL, NULL);
    }
  omp_set_num_threads ((int) tn_device_get_threads ());
}

static double
time_pass (Stream *self, Pass pass)
{
  double start = tn_time_now ();

  pass (self);
  return tn_time_now () - start;
}

/* moved: bytes that have to move for each byte of the data. Gives the fraction of what one reading stream a thread takes, as the
 * device measures it, and what several streams reach of that. */
static double
measure_shape (Stream *self, Pass pass, double moved, double *limit)
{
  TnSamples fractions = {0}, limits = {0};

  time_pass (self, pass);
  for (guint turn = 0; turn < TURNS; turn++)
    {
      double read_seconds = time_pass (self, read_pass), seconds = time_pass (self, pass);

      tn_samples_add (&fractions, moved * read_seconds / seconds);
      tn_samples_add (&limits, fmax (read_seconds / time_pass (self, read_streams_pass), 1.0));
    }
  *limit = tn_samples_median (&limits);
  return tn_samples_median (&fractions);
}

/* A tensor's scale has to be known before its codes: a matrix that the last cache does not hold is read twice. */
static double
count_moved (const Stream *self, Pass pass)
{
  double code_bytes = pass == norm_quantize_pass ? 1.0 : 0.25;
  gsize value_bytes = tn_dtype_block_bytes (self->dtype);
  gboolean scale_first = pass == ternarize_pass && self->scheme.granularity == TN_PER_TENSOR && !self->scale_known;
  gboolean twice = scale_first && self->rows * self->width * value_bytes >= tn_device_auto_select ()->l3_bytes;

  return (twice ? 2.0 : 1.0) + code_bytes / (double) value_bytes;
}

static void
measure (TnBench *bench, Stream *self, const char *name, Pass pass, TnDtype dtype, const char *scheme, gboolean scale_known,
         TnGoal goal)
{
  int threads = (int) tn_device_get_threads ();

  if (scheme != NULL && !tn_scheme_parse (scheme, &self->scheme, NULL))
    g_assert_not_reached ();
  self->dtype = dtype;
  self->scale_known = scale_known;
  for (guint all = 0; all < 2; all++)
    {
      g_autofree char *full = g_strconcat (name, all ? NULL : "_core", NULL);
      TnSamples fractions = {0}, limits = {0};

      if (!tn_bench_wants (bench, full) || (all && threads == 1))
        continue;
      self->threads = all ? threads : 1;
      for (guint w = 0; w < G_N_ELEMENTS (widths); w++)
        for (guint r = 0; r < G_N_ELEMENTS (row_counts); r++)
          {
            double limit;

            if (tn_bench_cancelled (bench))
              return;
            self->width = widths[w];
            self->rows = row_counts[r];
            tn_samples_add (&fractions, measure_shape (self, pass, count_moved (self, pass), &limit));
            tn_samples_add (&limits, limit);
            tn_bench_remark (bench, "%s, %zu x %zu: %.2f", full, self->rows, self->width, fractions.values[fractions.n - 1]);
          }
      tn_bench_add (bench, full, tn_samples_median (&fractions), tn_samples_max (&fractions), "of read bandwidth", goal, TARGET,
                    tn_samples_median (&limits));
    }
}

/* Bits that are good numbers as a float, 2^-71 to 2^-8, and as two halves, 2^-8 to 1. */
static void
fill (Stream *self)
{
  TnRandom random = tn_random_stream (1, "bench-rows");
  const gsize period = 1 << 20;
  guint16 *halves = (guint16 *) (void *) self->data;

  for (gsize i = 0; i < BYTES / 2; i++)
    {
      guint64 bits = i < period ? tn_random_next (&random) : 0;

      halves[i] = i < period ? (guint16) ((bits & 0x83ff) | (7 + (bits >> 16 & 7)) << 10) : halves[i - period];
    }
  for (gsize i = 0; i < MOST_WIDTH; i++)
    self->weight[i] = 1.0f + 1e-4f * (float) i;
  /* Touches the pages. */
  for (gsize i = 0; i < FLOATS; i += 4096)
    self->codes[i] = 1;
}

void
tn_bench_rows (TnBench *bench)
{
  TnPool *pool = tn_pool_default ();
  g_autoptr (TnBlock) data = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, BYTES, NULL);
  g_autoptr (TnBlock) codes = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, FLOATS, NULL);
  g_autofree float *scales = g_new (float, FLOATS / LEAST_WIDTH);
  g_autofree gint32 *sums = g_new (gint32, FLOATS / LEAST_WIDTH);
  g_autofree float *weight = g_new (float, MOST_WIDTH);
  Stream stream = {.scales = scales, .sums = sums, .weight = weight};

  if (data == NULL || codes == NULL)
    {
      tn_bench_remark (bench, "rows: no memory for %zu MB", (BYTES + FLOATS) >> 20);
      return;
    }
  stream.data = data;
  stream.codes = codes;
  fill (&stream);
  measure (bench, &stream, "norm_quant_bandwidth_fraction", norm_quantize_pass, TN_DTYPE_F32, NULL, FALSE, TN_GOAL_AT_LEAST);
  measure (bench, &stream, "ternarize_bandwidth_fraction", ternarize_pass, TN_DTYPE_F32, "ternary", FALSE, TN_GOAL_AT_LEAST);
  measure (bench, &stream, "ternarize_rows_bandwidth_fraction", ternarize_pass, TN_DTYPE_F32, "ternary:c", FALSE, TN_GOAL_NONE);
  measure (bench, &stream, "ternarize_pack_bandwidth_fraction", ternarize_pass, TN_DTYPE_F32, "ternary", TRUE, TN_GOAL_NONE);
  measure (bench, &stream, "ternarize_f16_bandwidth_fraction", ternarize_pass, TN_DTYPE_F16, "ternary", FALSE, TN_GOAL_NONE);
}
