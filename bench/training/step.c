/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "bench/peer.h"
#include "bench/random-llama.h"
#include "bench/training/training.h"
#include "engine/device/rates.h"
#include "engine/nn/network.h"
#include "engine/qat/trainer.h"
#include "engine/random.h"

/* Steps of training a model of 17 million parameters (forward, backward, clipping, AdamW): in fp32, with BitLinear layers by fake
 * quantization, and on packed numbers; beside the same in PyTorch, in turns. And one of 124 million in fp32. */

#define WIDTH 512
#define LAYERS 4
#define SEQUENCES 4
#define LENGTH 256
#define TURNS 7

/* GPT-2's size in the shape of a LLaMA: 12 layers of 768, hidden 2048, heads of 64, GPT-2's vocabulary, a tied head. */
#define LARGE_WIDTH 768
#define LARGE_LAYERS 12
#define LARGE_VOCABULARY 50257
#define LARGE_LENGTH 64
#define LARGE_TURNS 5

/* What a step computes with. */
typedef enum
{
  FP32,
  FAKE,
  INTEGER,
  INTEGER_INT8,
  N_WAYS
} Way;

static const char *const way_names[N_WAYS] = {"fp32", "qat", "qat_lowp", "qat_lowp_int8"};

typedef struct
{
  TnNetwork *network;
  TnTrainer *trainer;
  TnSamples seconds;
} Steps;

static TnTrainingPrecision *
make_precision (Way way)
{
  TnTrainingPrecision *self = tn_training_precision_new (NULL);

  if (way == FP32)
    return self;
  self->rounds_weights = self->rounds_inputs = TRUE;
  tn_scheme_parse ("ternary", &self->weights, NULL);
  tn_scheme_parse ("int8:t", &self->inputs, NULL);
  self->integer = way != FAKE;
  self->backward_inputs = self->backward_weights = way == INTEGER_INT8 ? TN_BACKWARD_INT8 : TN_BACKWARD_FP32;
  return self;
}

static TnTrainerOptions
make_options (gsize sequences, gsize length)
{
  TnTrainerOptions options = {
      .shape = {sequences, length},
      .accumulate = 1,
      .loss = {.temperature = 1.0, .keeps_logits = TRUE},
      .clip = {.kind = TN_CLIP_NORM, .limit = 1.0},
      .gradient_limit = INFINITY,
      .latent_limit = INFINITY,
  };

  tn_optimizer_options_init (&options.optimizer, TN_OPTIMIZER_ADAMW);
  tn_schedule_init (&options.schedule, TN_SCHEDULE_CONSTANT);
  options.schedule.rate = 1e-4;
  tn_schedule_finish (&options.schedule, NULL);
  return options;
}

static void
steps_init (Steps *self, const TnLlamaConfig *config, Way way, gsize sequences, gsize length, gboolean releases)
{
  g_autoptr (TnTrainingPrecision) precision = make_precision (way);
  g_autoptr (GError) error = NULL;
  TnTrainerOptions options = make_options (sequences, length);

  options.releases = releases;
  self->seconds.n = 0;
  self->network = tn_network_new_llama (config, FALSE, 0.0, 1, precision, &error);
  self->trainer = self->network != NULL ? tn_trainer_new (self->network, NULL, &options, &error) : NULL;
  if (self->trainer == NULL)
    g_error ("%s", error->message);
}

static void
steps_clear (Steps *self)
{
  g_clear_pointer (&self->trainer, tn_trainer_free);
  g_clear_pointer (&self->network, tn_network_unref);
}

typedef struct
{
  TnNetworkShape shape;
  gsize vocabulary;
} Batch;

static gboolean
fill (gpointer inputs, gint32 *targets, gpointer user_data, GError **error)
{
  const Batch *batch = user_data;
  TnRandom random = tn_random_stream (5, "tokens");

  for (gsize i = 0; i < batch->shape.n_sequences * batch->shape.length; i++)
    ((gint32 *) inputs)[i] = targets[i] = (gint32) tn_random_below (&random, batch->vocabulary);
  return TRUE;
}

static double
take_step (Steps *self)
{
  Batch batch = {tn_trainer_get_options (self->trainer)->shape, self->network->n_classes};
  double start = tn_time_now ();
  TnStepReport report;

  if (!tn_trainer_step (self->trainer, fill, &batch, &report, NULL, NULL) || report.skipped)
    g_error ("a step of the benchmark is not finite");
  return tn_time_now () - start;
}

/* Multiplications and additions of the products, three times those of a forward pass: of every matrix but the table of the
 * embedding, and of the causal half of the attention. */
static double
count_operations (const Steps *self, const TnLlamaConfig *config, gsize sequences, gsize length)
{
  double weights = (double) config->n_vocab * config->n_embd;

  for (guint i = 0; i < self->network->layers->len; i++)
    weights += (double) ((const TnTrainingLayer *) g_ptr_array_index (self->network->layers, i))->weight->count;
  return 3.0 * (2.0 * weights * (double) (sequences * length) +
                2.0 * config->n_layer * config->n_head * config->head_dim * (double) sequences * pow ((double) length, 2.0));
}

static void
add_times (TnBench *bench, const Steps *ways, const TnLlamaConfig *config)
{
  const TnDeviceRates *rates = tn_device_get_rates ();

  for (Way way = 0; way < N_WAYS; way++)
    {
      const TnSamples *seconds = &ways[way].seconds;
      double operations = count_operations (&ways[way], config, SEQUENCES, LENGTH);
      g_autofree char *name = g_strdup_printf ("train_%s_17m_ms", way_names[way]);

      tn_bench_add (bench, name, 1e3 * tn_samples_median (seconds), 1e3 * tn_samples_min (seconds), "ms", TN_GOAL_NONE, NAN,
                    way == FP32 && rates->fp32 > 0.0 ? 1e3 * operations / rates->fp32 : NAN);
    }
}

static void
add_ratio (TnBench *bench, const char *name, const TnSamples *ratio, TnGoal goal, double target)
{
  if (ratio->n > 0)
    tn_bench_add (bench, name, tn_samples_median (ratio),
                  goal == TN_GOAL_AT_MOST ? tn_samples_min (ratio) : tn_samples_max (ratio), "ratio", goal, target, NAN);
}

static void
run_turns (TnBench *bench, Steps *ways, TnPeer *peer)
{
  TnSamples vs_torch = {.n = 0}, qat_vs_torch = {.n = 0}, over = {.n = 0}, lowp = {.n = 0}, lowp_int8 = {.n = 0};

  for (guint turn = 0; turn < TURNS && !tn_bench_cancelled (bench); turn++)
    {
      double own[N_WAYS], torch, torch_bit_linear, best;

      for (Way way = 0; way < N_WAYS; way++)
        {
          own[way] = take_step (&ways[way]);
          tn_samples_add (&ways[way].seconds, own[way]);
        }
      tn_samples_add (&over, own[FAKE] / own[FP32]);
      tn_samples_add (&lowp, own[INTEGER] / own[FP32]);
      tn_samples_add (&lowp_int8, own[INTEGER_INT8] / own[FP32]);
      torch = peer != NULL ? tn_peer_run (peer, "fp32") : NAN;
      torch_bit_linear = peer != NULL ? tn_peer_run (peer, "bitlinear") : NAN;
      best = fmin (own[INTEGER], own[INTEGER_INT8]);
      if (isnan (torch) || isnan (torch_bit_linear))
        continue;
      tn_samples_add (&vs_torch, torch / own[FP32]);
      tn_samples_add (&qat_vs_torch, torch_bit_linear / best);
    }
  add_ratio (bench, "train_fp32_17m_vs_torch", &vs_torch, TN_GOAL_AT_LEAST, 1.1);
  add_ratio (bench, "qat_vs_torch_bit_linear", &qat_vs_torch, TN_GOAL_AT_LEAST, 1.7);
  add_ratio (bench, "qat_over_fp32", &over, TN_GOAL_AT_MOST, 1.2);
  add_ratio (bench, "qat_lowp_over_fp32", &lowp, TN_GOAL_AT_MOST, 0.7);
  add_ratio (bench, "qat_lowp_int8_over_fp32", &lowp_int8, TN_GOAL_AT_MOST, 0.7);
}

/* Bytes of everything a run holds: with fp32 AdamW that keeps its activations, and with packed numbers, moments of a byte,
 * gradients that are released, and blocks that are computed again. */
static double
count_bytes (const TnLlamaConfig *config, gboolean saving)
{
  g_autoptr (TnTrainingPrecision) precision = make_precision (saving ? INTEGER : FP32);
  g_autoptr (TnNetwork) network = tn_network_new_llama (config, FALSE, 0.0, 1, precision, NULL);
  g_autoptr (TnTrainer) trainer = NULL;
  TnTrainerOptions options = make_options (SEQUENCES, LENGTH);
  TnTrainerMemory memory;

  if (saving)
    {
      tn_optimizer_options_init (&options.optimizer, TN_OPTIMIZER_ADAMW8);
      options.optimizer.embeddings_8bit = TRUE;
      options.releases = TRUE;
      options.loss.keeps_logits = FALSE;
      network->recomputes = TRUE;
    }
  trainer = tn_trainer_new (network, NULL, &options, NULL);
  tn_trainer_get_memory (trainer, &memory);
  return (double) (memory.variables + memory.gradients + memory.optimizer + memory.activations);
}

static void
add_memory (TnBench *bench, const TnLlamaConfig *config)
{
  double plain = count_bytes (config, FALSE), saving = count_bytes (config, TRUE);

  tn_bench_add (bench, "train_memory_fp32_bytes", plain, plain, "bytes", TN_GOAL_NONE, NAN, NAN);
  tn_bench_add (bench, "train_memory_qat_bytes", saving, saving, "bytes", TN_GOAL_NONE, NAN, NAN);
  tn_bench_add (bench, "train_memory_saving", 1.0 - saving / plain, 1.0 - saving / plain, "fraction", TN_GOAL_AT_LEAST, 0.6, NAN);
}

/* Operations as they are usually counted, 6 for each parameter and token; with gradients that are released, and with those that
 * are kept, in turns. */
static void
add_large (TnBench *bench)
{
  static const char *const names[] = {"train_124m_kept_gflops", "train_124m_gflops"};
  TnLlamaConfig config = tn_random_llama_config (LARGE_WIDTH, LARGE_LAYERS, LARGE_LENGTH);
  Steps steps[2];
  double operations;

  config.n_head_kv = config.n_head;
  config.n_vocab = LARGE_VOCABULARY;
  for (guint releases = 0; releases < 2; releases++)
    {
      steps_init (&steps[releases], &config, FP32, SEQUENCES, LARGE_LENGTH, releases != 0);
      take_step (&steps[releases]);
    }
  operations = 6e-9 * (double) tn_network_count (steps[0].network) * SEQUENCES * LARGE_LENGTH;
  tn_bench_remark (bench, "train_124m: %.1f million parameters, fp32, AdamW, gradients released, or kept",
                   1e-6 * (double) tn_network_count (steps[0].network));
  for (guint turn = 0; turn < LARGE_TURNS && !tn_bench_cancelled (bench); turn++)
    for (guint i = 0; i < 2; i++)
      tn_samples_add (&steps[i].seconds, take_step (&steps[i]));
  for (guint i = 0; i < 2; i++)
    {
      tn_bench_add (bench, names[i], operations / tn_samples_median (&steps[i].seconds),
                    operations / tn_samples_min (&steps[i].seconds), "GFLOP/s", i == 1 ? TN_GOAL_AT_LEAST : TN_GOAL_NONE, 110.0,
                    1e-9 * tn_device_get_rates ()->fp32);
      steps_clear (&steps[i]);
    }
}

static void
add_steps (TnBench *bench, const TnLlamaConfig *config)
{
  g_autoptr (GError) no_peer = NULL;
  g_autoptr (TnPeer) peer = tn_peer_start ("training_torch.py", NULL, &no_peer);
  Steps ways[N_WAYS];

  if (peer != NULL)
    tn_bench_remark (bench, "peer: %s", tn_peer_describe (peer));
  else
    tn_bench_remark (bench, "%s", no_peer->message);
  for (Way way = 0; way < N_WAYS; way++)
    {
      steps_init (&ways[way], config, way, SEQUENCES, LENGTH, FALSE);
      take_step (&ways[way]);
    }
  run_turns (bench, ways, peer);
  add_times (bench, ways, config);
  for (Way way = 0; way < N_WAYS; way++)
    steps_clear (&ways[way]);
}

static gboolean
wants_any (TnBench *bench, const char *const *names)
{
  for (guint i = 0; names[i] != NULL; i++)
    if (tn_bench_wants (bench, names[i]))
      return TRUE;
  return FALSE;
}

void
tn_bench_training_step (TnBench *bench)
{
  static const char *const of_steps[] = {"train_fp32_17m_ms",       "train_qat_17m_ms",
                                         "train_qat_lowp_17m_ms",   "train_qat_lowp_int8_17m_ms",
                                         "train_fp32_17m_vs_torch", "qat_vs_torch_bit_linear",
                                         "qat_over_fp32",           "qat_lowp_over_fp32",
                                         "qat_lowp_int8_over_fp32", NULL};
  static const char *const of_memory[] = {"train_memory_fp32_bytes", "train_memory_qat_bytes", "train_memory_saving", NULL};
  static const char *const of_large[] = {"train_124m_gflops", "train_124m_kept_gflops", NULL};
  TnLlamaConfig config = tn_random_llama_config (WIDTH, LAYERS, LENGTH);

  config.n_head_kv = config.n_head;
  if (wants_any (bench, of_steps))
    add_steps (bench, &config);
  if (wants_any (bench, of_memory))
    add_memory (bench, &config);
  if (wants_any (bench, of_large))
    add_large (bench);
}
