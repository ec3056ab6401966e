/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "bench/core/core.h"
#include "engine/device/device.h"
#include "engine/device/rates.h"
#include "engine/nn/bit-linear.h"
#include "engine/nn/generate.h"
#include "engine/nn/quantized-model.h"
#include "engine/random.h"

/* Turns of a comparison, prompts, and tokens that are generated. */
#define TURNS 15
#define PROMPTS 7
#define DECODED 49
#define PROMPT_TOKENS 128

static const TnLlamaConfig small = {
    .n_vocab = 4096,
    .n_embd = 512,
    .n_layer = 4,
    .n_head = 8,
    .n_head_kv = 8,
    .head_dim = 64,
    .n_ff = 1376,
    .n_context = 256,
    .rope_dim = 64,
    .rope_base = 10000.0,
    .rope_scale = 1.0,
    .norm_epsilon = 1e-5,
    .rope_layout = TN_ROPE_HALF_SPLIT,
    .tied = TRUE,
};
static const TnLlamaConfig large = {
    .n_vocab = 32000,
    .n_embd = 2048,
    .n_layer = 22,
    .n_head = 32,
    .n_head_kv = 4,
    .head_dim = 64,
    .n_ff = 5632,
    .n_context = 2048,
    .rope_dim = 64,
    .rope_base = 10000.0,
    .rope_scale = 1.0,
    .norm_epsilon = 1e-5,
    .rope_layout = TN_ROPE_HALF_SPLIT,
    .tied = TRUE,
};

/* Codes -1, 0, +1 as they fall: weights of this shape need no more memory than they have. */
static TnTensor *
make_ternary (guint64 rows, guint64 columns, TnRandom *random, GError **error)
{
  TnTensor *tensor = tn_bit_linear_new (rows, columns, FALSE, error);
  guint8 bytes[81], *tiles;
  guint32 state = (guint32) tn_random_next (random);

  if (tensor == NULL)
    return NULL;
  for (guint i = 0; i < G_N_ELEMENTS (bytes); i++)
    bytes[i] = (guint8) (i % 3 | i / 3 % 3 << 2 | i / 9 % 3 << 4 | i / 27 << 6);
  /* Sides that are multiples of 16 have no codes behind their ends. */
  g_assert (rows % 16 == 0 && columns % 16 == 0);
  tiles = tn_tensor_get_writable (tensor);
  for (guint64 i = 0; i < rows * columns / 4; i++)
    {
      state = state * 1664525 + 1013904223;
      tiles[i] = bytes[(guint64) state * G_N_ELEMENTS (bytes) >> 32];
    }
  tn_bit_linear_get_scales (tensor)[0] = (float) (1.0 / sqrt ((double) columns));
  return tensor;
}

/* Uniform numbers of the size a layer of this width wants; a vector of ones where rows is 0. */
static TnTensor *
make_floats (TnDtype dtype, guint64 rows, guint64 columns, TnRandom *random, GError **error)
{
  const guint64 shape[] = {rows, columns};
  TnTensor *tensor = tn_tensor_new (dtype, rows > 0 ? 2 : 1, rows > 0 ? shape : shape + 1, TN_PURPOSE_WEIGHTS, error);
  double scale = sqrt (3.0 / (double) columns);
  void *data;

  if (tensor == NULL)
    return NULL;
  data = tn_tensor_get_writable (tensor);
  for (guint64 i = 0; i < tensor->count; i++)
    {
      float value = rows > 0 ? (float) (scale * (2.0 * tn_random_uniform (random) - 1.0)) : 1.0f;

      if (dtype == TN_DTYPE_F32)
        ((float *) data)[i] = value;
      else
        ((guint16 *) data)[i] = tn_f32_to_f16 (value);
    }
  return tensor;
}

static gboolean
add (GPtrArray *parameters, char *name, TnTensor *tensor)
{
  TnParameter *parameter = g_new0 (TnParameter, 1);

  parameter->name = name;
  parameter->source_name = g_strdup (name);
  parameter->tensor = tensor;
  g_ptr_array_add (parameters, parameter);
  return tensor != NULL;
}

/* ternary: packed layers and an embedding in f16, else all in fp32. */
static TnModel *
make_model (const TnLlamaConfig *config, gboolean ternary, GError **error)
{
  guint width = config->n_embd, heads = config->n_head * config->head_dim, heads_kv = config->n_head_kv * config->head_dim;
  const struct
  {
    const char *name;
    guint rows, columns;
  } shapes[] = {
      {"attn_norm", 0, width},           {"attn_q", heads, width},        {"attn_k", heads_kv, width},
      {"attn_v", heads_kv, width},       {"attn_output", width, heads},   {"ffn_norm", 0, width},
      {"ffn_gate", config->n_ff, width}, {"ffn_up", config->n_ff, width}, {"ffn_down", width, config->n_ff},
  };
  g_autoptr (GPtrArray) parameters = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_parameter_free);
  TnRandom random = tn_random_stream (1, "bench");
  TnDtype dtype = ternary ? TN_DTYPE_F16 : TN_DTYPE_F32;

  if (!add (parameters, g_strdup ("token_embd.weight"), make_floats (dtype, config->n_vocab, width, &random, error)) ||
      !add (parameters, g_strdup ("output_norm.weight"), make_floats (TN_DTYPE_F32, 0, width, &random, error)))
    return NULL;
  for (guint layer = 0; layer < config->n_layer; layer++)
    for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
      {
        TnTensor *tensor = ternary && shapes[i].rows > 0
                               ? make_ternary (shapes[i].rows, shapes[i].columns, &random, error)
                               : make_floats (TN_DTYPE_F32, shapes[i].rows, shapes[i].columns, &random, error);

        if (!add (parameters, g_strdup_printf ("blk.%u.%s.weight", layer, shapes[i].name), tensor))
          return NULL;
      }
  return tn_model_new_llama (config, parameters, 1, error);
}

static TnModel *
make_bit_linear (TnModel *model, gboolean rounds, GError **error)
{
  const TnScheme ternary = {.kind = TN_SCHEME_TERNARY};
  const TnScheme int8 = {.kind = TN_SCHEME_INTEGER, .bits = 8, .granularity = TN_PER_TOKEN};
  const TnLayerPrecision precision = {.weights = rounds ? &ternary : NULL, .activations = &int8};

  return tn_model_quantize (model, &precision, 1, NULL, error);
}

static TnBatch *
make_batch (const TnLlamaConfig *config, guint n, guint length)
{
  g_autofree gint32 *tokens = g_new (gint32, (gsize) n * length);
  g_autofree TnSequence *sequences = g_new0 (TnSequence, n);
  TnRandom random = tn_random_stream (1, "tokens");

  for (gsize i = 0; i < (gsize) n * length; i++)
    tokens[i] = (gint32) tn_random_below (&random, config->n_vocab);
  for (guint s = 0; s < n; s++)
    sequences[s] = (TnSequence){.length = length, .tokens = tokens + (gsize) s * length, .targets = tokens + (gsize) s * length};
  return tn_batch_new (sequences, n);
}

/* Seconds of a forward pass with the loss. */
static double
time_forward (TnModel *model, const TnBatch *batch)
{
  double start = tn_time_now ();
  TnLoss loss;

  if (!tn_model_forward (model, batch, NULL, NULL, &loss, NULL, NULL))
    return NAN;
  return tn_time_now () - start;
}

/* The same pass with BitLinear layers and in fp32, turn about. */
static void
measure_small (TnBench *bench)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TnModel) model = make_model (&small, FALSE, &error);
  g_autoptr (TnModel) made = model != NULL ? make_bit_linear (model, TRUE, &error) : NULL;
  g_autoptr (TnBatch) batch = make_batch (&small, 4, 256);
  TnSamples seconds = {0}, ratios = {0};

  if (made == NULL)
    {
      tn_bench_remark (bench, "%s", error->message);
      return;
    }
  for (guint turn = 0; turn < TURNS && !tn_bench_cancelled (bench); turn++)
    {
      double reference = time_forward (model, batch), taken = time_forward (made, batch);

      tn_samples_add (&seconds, 1e3 * taken);
      tn_samples_add (&ratios, reference / taken);
    }
  tn_bench_add (bench, "bit_linear_forward_17m_ms", tn_samples_median (&seconds), tn_samples_min (&seconds), "ms", TN_GOAL_NONE,
                NAN, NAN);
  tn_bench_add (bench, "bit_linear_forward_17m_vs_fp32", tn_samples_median (&ratios), tn_samples_max (&ratios), "ratio",
                TN_GOAL_AT_LEAST, 2.0, NAN);
}

static double
count_weight_bytes (TnModel *model)
{
  double bytes = 0.0;

  for (guint i = 0; i < tn_model_n_parameters (model); i++)
    bytes += (double) tn_model_get_parameter (model, i)->tensor->bytes;
  return bytes;
}

/* A prompt up to the logits behind it, then tokens one by one. */
static void
measure_generation (TnBench *bench, TnModel *model, const gint32 *prompt)
{
  const TnDeviceRates *rates = tn_device_measure_rates ();
  TnSamples prompts = {0}, tokens = {0};

  for (guint i = 0; i <= PROMPTS && !tn_bench_cancelled (bench); i++)
    {
      g_autoptr (TnGenerator) generator = tn_generator_new (model, NULL);
      double start = tn_time_now ();

      if (generator == NULL || tn_generator_prompt (generator, prompt, PROMPT_TOKENS, NULL) == NULL)
        return;
      if (i > 0)
        tn_samples_add (&prompts, PROMPT_TOKENS / (tn_time_now () - start));
      for (guint t = 0; t < DECODED / PROMPTS && i > 0; t++)
        {
          start = tn_time_now ();
          if (tn_generator_step (generator, prompt[t], NULL) == NULL)
            return;
          tn_samples_add (&tokens, 1.0 / (tn_time_now () - start));
        }
    }
  tn_bench_add (bench, "bit_linear_prompt_1b_tokens_per_second", tn_samples_median (&prompts), tn_samples_max (&prompts),
                "tokens/s", TN_GOAL_NONE, NAN, NAN);
  /* Tied: the head is read as a whole, and nearly nothing of the embedding. */
  tn_bench_add (bench, "bit_linear_decode_1b_tokens_per_second", tn_samples_median (&tokens), tn_samples_max (&tokens),
                "tokens/s", TN_GOAL_NONE, NAN, rates->read_bandwidth / count_weight_bytes (model));
}

static void
measure_large (TnBench *bench)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TnModel) packed = make_model (&large, TRUE, &error);
  g_autoptr (TnModel) model = packed != NULL ? make_bit_linear (packed, FALSE, &error) : NULL;
  g_autoptr (TnBatch) batch = make_batch (&large, 1, PROMPT_TOKENS);

  if (model != NULL)
    measure_generation (bench, model, batch->sequences[0].tokens);
  else
    tn_bench_remark (bench, "%s", error->message);
}

void
tn_bench_bit_linear (TnBench *bench)
{
  if (tn_bench_wants (bench, "bit_linear_forward_17m_ms") || tn_bench_wants (bench, "bit_linear_forward_17m_vs_fp32"))
    measure_small (bench);
  if (tn_bench_wants (bench, "bit_linear_prompt_1b_tokens_per_second") ||
      tn_bench_wants (bench, "bit_linear_decode_1b_tokens_per_second"))
    measure_large (bench);
}
