/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/core/pool-figures.h"

#include <stdlib.h>

#include "bench/core/pool-trace.h"
#include "engine/calibration/stats.h"
#include "engine/metrics/tensor-summary.h"
#include "engine/nn/generate.h"
#include "engine/nn/model.h"
#include "engine/quant/quantize.h"

#define TURNS 11
#define TURN_SECONDS 0.02
#define GENERATED_TOKENS 32

typedef struct
{
  const char *name;
  guint width, layers, sequences, length;
  TnDtype dtype;
} Shape;

typedef struct
{
  const Shape *shape;
  TnModel *model; /* of the work that does not begin with making one */
  TnBatch *batch;
} Work;

static void
add_parameter (GPtrArray *parameters, TnDtype dtype, char *name, guint64 rows, guint64 columns)
{
  const guint64 shape[] = {rows, columns};
  TnParameter *parameter = g_new (TnParameter, 1);
  TnTensor *tensor = tn_tensor_new (rows == 1 ? TN_DTYPE_F32 : dtype, rows == 1 ? 1 : 2, rows == 1 ? shape + 1 : shape,
                                    TN_PURPOSE_WEIGHTS, NULL);
  guint8 *bytes = tn_tensor_get_writable (tensor);

  /* The values do not matter; bytes of 0x3c are about 0.01 in every type. */
  for (guint64 i = 0; i < tensor->bytes; i++)
    bytes[i] = 0x3c;
  *parameter = (TnParameter){name, g_strdup (name), tensor};
  g_ptr_array_add (parameters, parameter);
}

static TnModel *
make_model (const Shape *self)
{
  g_autoptr (GPtrArray) parameters = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_parameter_free);
  guint width = self->width, head_dim = 64, kv = MAX (width / 4 / head_dim, 1) * head_dim, ff = (width * 8 / 3 + 63) / 64 * 64;
  const TnLlamaConfig config = {
      .n_vocab = 4096,
      .n_embd = width,
      .n_layer = self->layers,
      .n_head = width / head_dim,
      .n_head_kv = kv / head_dim,
      .n_ff = ff,
      .head_dim = head_dim,
      .n_context = self->length,
      .rope_dim = head_dim,
      .rope_base = 10000.0,
      .rope_scale = 1,
      .norm_epsilon = 1e-5,
      .tied = TRUE,
  };
  const struct
  {
    const char *name;
    guint rows, columns;
  } shapes[] = {
      {"attn_norm", 1, width}, {"attn_q", width, width},      {"attn_k", kv, width},
      {"attn_v", kv, width},   {"attn_output", width, width}, {"ffn_norm", 1, width},
      {"ffn_gate", ff, width}, {"ffn_up", ff, width},         {"ffn_down", width, ff},
  };
  g_autoptr (GError) error = NULL;
  TnModel *model;

  add_parameter (parameters, self->dtype, g_strdup ("token_embd.weight"), config.n_vocab, width);
  add_parameter (parameters, self->dtype, g_strdup ("output_norm.weight"), 1, width);
  for (guint layer = 0; layer < self->layers; layer++)
    for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
      add_parameter (parameters, self->dtype, g_strdup_printf ("blk.%u.%s.weight", layer, shapes[i].name), shapes[i].rows,
                     shapes[i].columns);
  model = tn_model_new_llama (&config, parameters, 1, &error);
  if (model == NULL)
    g_error ("%s", error->message);
  return model;
}

static TnBatch *
make_batch (const Shape *self)
{
  g_autofree gint32 *tokens = g_new0 (gint32, (gsize) self->sequences * self->length);
  g_autofree TnSequence *sequences = g_new0 (TnSequence, self->sequences);

  for (guint s = 0; s < self->sequences; s++)
    sequences[s] = (TnSequence){.hash = s, .length = self->length, .tokens = tokens, .targets = tokens};
  return tn_batch_new (sequences, self->sequences);
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
  for (guint i = 0; i < MIN (GENERATED_TOKENS, self->shape->length); i++)
    if (tn_generator_step (generator, 0, &error) == NULL)
      g_error ("%s", error->message);
}

typedef struct
{
  TnPoolFigureFunc figure;
  TnPoolRemarkFunc remark;
  gpointer user_data;
  TnPool *pool; /* that is replayed on, so that it is as new as malloc()'s arenas of new threads */
} Figures;

static int
compare (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* Sorts the turns. */
static void
show (const Figures *self, const char *name, const char *kind, guint threads, double *turns, gboolean larger_is_better,
      double scale, const char *unit)
{
  g_autofree char *full = g_strdup_printf ("pool_%s_%s_%ut", name, kind, threads);

  qsort (turns, TURNS, sizeof *turns, compare);
  self->figure (full, turns[TURNS / 2] * scale, turns[larger_is_better ? TURNS - 1 : 0] * scale, unit, self->user_data);
}

/* The allocators take turns; a ratio is formed turn by turn. */
static void
measure (const Figures *self, const char *name, const TnPoolTrace *trace)
{
  g_autofree char *text = g_strdup_printf ("%s: %u blocks, %u of them up to 32 KiB, the largest %.1f MiB, by %u threads", name,
                                           trace->n_blocks, trace->n_small, (double) trace->largest / 0x1p20, trace->n_threads);

  self->remark (text, self->user_data);
  for (guint threads = 1; trace->n_blocks > 0 && threads <= 2; threads++)
    {
      double seconds[TN_N_ALLOCATORS][TURNS];
      guint repeats[TN_N_ALLOCATORS];

      for (guint turn = 0; turn < TURNS; turn++)
        for (guint a = 0; a < TN_N_ALLOCATORS; a++)
          {
            if (turn == 0)
              repeats[a] =
                  (guint) CLAMP (TURN_SECONDS / tn_pool_trace_replay (trace, (TnAllocator) a, self->pool, threads, 3), 3, 1e6);
            seconds[a][turn] = tn_pool_trace_replay (trace, (TnAllocator) a, self->pool, threads, repeats[a]);
          }
      for (guint turn = 0; turn < TURNS; turn++)
        for (guint a = 1; a < TN_N_ALLOCATORS; a++)
          seconds[a][turn] /= seconds[TN_ALLOCATOR_POOL][turn];
      show (self, name, "block_ns", threads, seconds[TN_ALLOCATOR_POOL], FALSE, 1e9 / trace->n_blocks, "ns");
      show (self, name, "vs_aligned_alloc", threads, seconds[TN_ALLOCATOR_ALIGNED_ALLOC], TRUE, 1.0, "ratio");
      show (self, name, "vs_malloc", threads, seconds[TN_ALLOCATOR_MALLOC], TRUE, 1.0, "ratio");
    }
}

/* Measures what the work asks for, and adds its small blocks to those of other work. */
static void
measure_work (const Figures *self, const Shape *shape, const char *name, void (*work) (gpointer user_data), TnPoolTrace *small)
{
  g_autoptr (TnModel) model = make_model (shape);
  g_autoptr (TnBatch) batch = make_batch (shape);
  Work arguments = {shape, model, batch};
  g_autoptr (TnPoolTrace) trace = tn_pool_trace_record (work, &arguments);
  g_autofree char *full = g_strdup_printf ("trace_%s_%s", name, shape->name);

  tn_pool_trace_append_small (small, trace);
  measure (self, full, trace);
}

void
tn_pool_figures (TnPoolFigureFunc figure, TnPoolRemarkFunc remark, gpointer user_data)
{
  static const Shape shapes[] = {
      {"w64", 64, 5, 4, 256, TN_DTYPE_F32},
      {"17m", 512, 4, 4, 256, TN_DTYPE_F32},
      {"17m_f16", 512, 4, 4, 256, TN_DTYPE_F16},
  };
  Figures self = {figure, remark, user_data, tn_pool_new (0)};
  g_autoptr (TnPoolTrace) random = tn_pool_trace_random (20000, 256), small = tn_pool_trace_new ();

  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    measure_work (&self, &shapes[i], "forward", forward, small);
  measure_work (&self, &shapes[1], "calibrate", calibrate, small);
  measure_work (&self, &shapes[0], "inspect", inspect_and_generate, small);
  measure (&self, "small", small);
  measure (&self, "random", random);
  tn_pool_free (self.pool);
}
