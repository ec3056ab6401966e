/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "bench/core/core.h"
#include "bench/core/pool-trace.h"
#include "bench/random-llama.h"
#include "engine/calibration/stats.h"
#include "engine/metrics/tensor-summary.h"
#include "engine/nn/generate.h"
#include "engine/quant/quantize.h"

/* The memory pool beside aligned_alloc() and malloc(), on what the engine's own work asks of it. */

#define TURNS 11
#define TURN_SECONDS 0.02
#define GENERATED_TOKENS 32
#define SEQUENCES 4
#define LENGTH 256
/* pool_small_vs_aligned_alloc_2t */
#define TARGET_NAME "small"
#define TARGET_THREADS 2
#define TARGET 3.0

typedef struct
{
  const char *name;
  guint width, layers;
  TnDtype dtype;
} Shape;

typedef struct
{
  const Shape *shape;
  TnModel *model; /* of the work that does not begin with making one */
  TnBatch *batch;
} Work;

static TnModel *
make_model (const Shape *self)
{
  const TnLlamaConfig config = tn_random_llama_config (self->width, self->layers, LENGTH);
  g_autoptr (GError) error = NULL;
  TnModel *model = tn_random_llama_new (&config, self->dtype, &error);

  if (model == NULL)
    g_error ("%s", error->message);
  return model;
}

static void
forward (gpointer user_data)
{
  const Work *self = user_data;
  g_autoptr (GError) error = NULL;
  TnLoss loss;

  if (!tn_model_forward (self->model, self->batch, NULL, NULL, &loss, NULL, &error))
    g_error ("%s", error->message);
}

static void
calibrate (gpointer user_data)
{
  const Work *self = user_data;
  g_autoptr (TnStats) stats = tn_stats_new (tn_model_get_fingerprint (self->model), "");
  const TnForwardOptions options = {.kinds = TN_SITE_INPUT, .observe = tn_stats_observe, .user_data = stats};
  g_autoptr (GError) error = NULL;

  tn_stats_add_sites (stats, self->model, TN_SITE_INPUT);
  if (!tn_model_forward (self->model, self->batch, &options, NULL, NULL, NULL, &error))
    g_error ("%s", error->message);
}

/* Makes the model, looks at every tensor, and generates. */
static void
inspect_and_generate (gpointer user_data)
{
  const Work *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (TnModel) model = make_model (self->shape);
  g_autoptr (TnGenerator) generator = tn_generator_new (model, &error);
  g_autoptr (TnFloatHistogram) histogram = tn_float_histogram_new ();
  g_autoptr (GArray) schemes = tn_scheme_parse_list ("ternary,int8,int4:g32", &error);
  g_autofree TnQuantError *errors = NULL;

  if (generator == NULL || schemes == NULL)
    g_error ("%s", error->message);
  errors = g_new0 (TnQuantError, schemes->len);
  for (guint i = 0; i < tn_model_n_parameters (model); i++)
    {
      const TnParameter *parameter = tn_model_get_parameter (model, i);
      TnTensorSummary summary;

      if (!tn_tensor_summarize (parameter->tensor, &summary, histogram, NULL, &error))
        g_error ("%s", error->message);
      if (tn_parameter_is_linear (parameter) &&
          !tn_quantize_errors (parameter->tensor, (const TnScheme *) (gpointer) schemes->data, schemes->len, errors, &error))
        g_error ("%s", error->message);
    }
  for (guint i = 0; i < GENERATED_TOKENS; i++)
    if (tn_generator_step (generator, 0, &error) == NULL)
      g_error ("%s", error->message);
}

static void
add_ratio (TnBench *bench, const char *name, guint threads, const char *other, const TnSamples *own, const TnSamples *its)
{
  g_autofree char *full = g_strdup_printf ("pool_%s_vs_%s_%ut", name, other, threads);
  gboolean goal = strcmp (name, TARGET_NAME) == 0 && threads == TARGET_THREADS && strcmp (other, "aligned_alloc") == 0;
  TnSamples ratio = {.n = 0};

  for (guint turn = 0; turn < own->n; turn++)
    tn_samples_add (&ratio, its->values[turn] / own->values[turn]);
  tn_bench_add (bench, full, tn_samples_median (&ratio), tn_samples_min (its) / tn_samples_min (own), "ratio",
                goal ? TN_GOAL_AT_LEAST : TN_GOAL_NONE, TARGET, NAN);
}

/* The allocators take turns. The pool is one that is used for nothing else, as malloc()'s arenas of the replaying threads are. */
static void
measure_threads (TnBench *bench, TnPool *pool, const char *name, const TnPoolTrace *trace, guint threads)
{
  g_autofree char *full = g_strdup_printf ("pool_%s_block_ns_%ut", name, threads);
  TnSamples seconds[TN_N_ALLOCATORS] = {{.n = 0}};
  guint repeats[TN_N_ALLOCATORS];
  double scale = 1e9 / trace->n_blocks;

  for (guint turn = 0; turn < TURNS && !tn_bench_cancelled (bench); turn++)
    for (guint a = 0; a < TN_N_ALLOCATORS; a++)
      {
        if (turn == 0)
          repeats[a] = (guint) CLAMP (TURN_SECONDS / tn_pool_trace_replay (trace, (TnAllocator) a, pool, threads, 3), 3.0, 1e6);
        tn_samples_add (&seconds[a], tn_pool_trace_replay (trace, (TnAllocator) a, pool, threads, repeats[a]));
      }
  tn_bench_add (bench, full, scale * tn_samples_median (&seconds[TN_ALLOCATOR_POOL]),
                scale * tn_samples_min (&seconds[TN_ALLOCATOR_POOL]), "ns", TN_GOAL_NONE, NAN, NAN);
  add_ratio (bench, name, threads, "aligned_alloc", &seconds[TN_ALLOCATOR_POOL], &seconds[TN_ALLOCATOR_ALIGNED_ALLOC]);
  add_ratio (bench, name, threads, "malloc", &seconds[TN_ALLOCATOR_POOL], &seconds[TN_ALLOCATOR_MALLOC]);
}

static void
measure (TnBench *bench, TnPool *pool, const char *name, const TnPoolTrace *trace)
{
  tn_bench_remark (bench, "pool_%s: %u blocks, %u of them up to 32 KiB, the largest %.1f MiB", name, trace->n_blocks,
                   trace->n_small, (double) trace->largest / 0x1p20);
  for (guint threads = 1; trace->n_blocks > 0 && threads <= 2; threads++)
    measure_threads (bench, pool, name, trace, threads);
}

/* Measures what the work asks for, and adds its small blocks to those of other work. */
static void
measure_work (TnBench *bench, TnPool *pool, const Shape *shape, const char *name, void (*work) (gpointer user_data),
              TnPoolTrace *small)
{
  g_autoptr (TnModel) model = make_model (shape);
  g_autoptr (TnBatch) batch = tn_random_batch_new (SEQUENCES, LENGTH, tn_model_get_config (model)->n_vocab);
  Work arguments = {shape, model, batch};
  g_autoptr (TnPoolTrace) trace = tn_pool_trace_record (work, &arguments);
  g_autofree char *full = g_strdup_printf ("trace_%s_%s", name, shape->name);

  tn_pool_trace_append_small (small, trace);
  measure (bench, pool, full, trace);
}

void
tn_bench_pool (TnBench *bench)
{
  static const Shape w64 = {"w64", 64, 5, TN_DTYPE_F32}, f32 = {"17m", 512, 4, TN_DTYPE_F32},
                     f16 = {"17m_f16", 512, 4, TN_DTYPE_F16};
  g_autoptr (TnPoolTrace) random = tn_pool_trace_random (20000, 256), small = tn_pool_trace_new ();
  TnPool *pool = tn_pool_new (0);

  measure_work (bench, pool, &w64, "forward", forward, small);
  measure_work (bench, pool, &f32, "forward", forward, small);
  measure_work (bench, pool, &f16, "forward", forward, small);
  measure_work (bench, pool, &f32, "calibrate", calibrate, small);
  measure_work (bench, pool, &w64, "inspect", inspect_and_generate, small);
  measure (bench, pool, "small", small);
  measure (bench, pool, "random", random);
  tn_pool_free (pool);
}
