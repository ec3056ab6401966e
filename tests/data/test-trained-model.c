/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "data/export/trained-model.h"
#include "data/models/model-file.h"
#include "engine/nn/quantized-model.h"
#include "engine/qat/trainer.h"
#include "engine/random.h"

#define VOCABULARY 37
#define LENGTH 13
#define SEQUENCES 3
#define STEPS 15

typedef struct
{
  const char *weights;
  TnEstimator estimator;
  gboolean integer;
  TnBackward backward;
  TnOptimizerMethod optimizer;
  gboolean saves; /* gradients are released, blocks computed again, embeddings' moments a byte */
} Way;

static gboolean
fill (gpointer inputs, gint32 *targets, gpointer user_data, GError **error)
{
  TnRandom *random = user_data;

  for (gsize i = 0; i < SEQUENCES * LENGTH; i++)
    {
      ((gint32 *) inputs)[i] = (gint32) tn_random_below (random, VOCABULARY);
      targets[i] = (((gint32 *) inputs)[i] * 5 + 3) % VOCABULARY;
    }
  return TRUE;
}

static TnNetwork *
make_network (const Way *way)
{
  const TnLlamaConfig config = {.n_vocab = VOCABULARY,
                                .n_embd = 24,
                                .n_layer = 2,
                                .n_head = 3,
                                .n_head_kv = 1,
                                .head_dim = 8,
                                .n_ff = 40,
                                .n_context = 64,
                                .rope_dim = 8,
                                .rope_base = 10000.0,
                                .rope_scale = 1.0,
                                .norm_epsilon = 1e-5,
                                .rope_layout = TN_ROPE_HALF_SPLIT,
                                .tied = TRUE,
                                .bos = -1,
                                .eos = -1};
  g_autoptr (TnTrainingPrecision) precision = tn_training_precision_new (NULL);
  g_autoptr (GError) error = NULL;
  TnNetwork *network;

  precision->rounds_weights = tn_scheme_parse (way->weights, &precision->weights, NULL);
  precision->rounds_inputs = tn_scheme_parse ("int8:t", &precision->inputs, NULL);
  precision->weight_estimator = way->estimator;
  precision->integer = way->integer;
  precision->backward_inputs = precision->backward_weights = way->backward;
  network = tn_network_new_llama (&config, FALSE, 0.05, 11, precision, &error);
  g_assert_no_error (error);
  network->recomputes = way->saves;
  return network;
}

static TnTrainer *
train (TnNetwork *network, const Way *way, TnRandom *random)
{
  TnTrainerOptions options = {.shape = {SEQUENCES, LENGTH},
                              .accumulate = 1,
                              .loss = {.temperature = 1.0},
                              .clip = {.kind = TN_CLIP_NORM, .limit = 1.0},
                              .gradient_limit = (double) INFINITY,
                              .latent_limit = (double) INFINITY,
                              .releases = way->saves};
  g_autoptr (GError) error = NULL;
  TnTrainer *trainer;

  tn_optimizer_options_init (&options.optimizer, way->optimizer);
  options.optimizer.least_8bit = 1;
  options.optimizer.embeddings_8bit = way->saves;
  tn_schedule_init (&options.schedule, TN_SCHEDULE_CONSTANT);
  options.schedule.rate = 0.01;
  options.schedule.steps = STEPS;
  g_assert_true (tn_schedule_finish (&options.schedule, NULL));
  trainer = tn_trainer_new (network, NULL, &options, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < STEPS; i++)
    {
      TnStepReport report;

      tn_trainer_step (trainer, fill, random, &report, NULL, &error);
      g_assert_no_error (error);
      g_assert_false (report.skipped);
    }
  return trainer;
}

/* The trainer's own, of a batch that fill() gives: tokens. */
static float *
compute_own_logits (TnNetwork *network, TnRandom *random, gint32 *tokens)
{
  const TnNetworkShape shape = {SEQUENCES, LENGTH};
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, FALSE);
  g_autoptr (GError) error = NULL;
  gint32 targets[SEQUENCES * LENGTH];
  TnValue *input = tn_tape_input (tape, TN_VALUE_INT32, &TN_SHAPE (SEQUENCES * LENGTH));
  TnValue *logits = network->class->record_head (network, tape, network->class->record (network, tape, input, &shape));

  tn_tape_keep (tape, logits);
  g_assert_true (tn_tape_plan (tape, NULL, &error) && tn_tape_allocate (tape, &error));
  fill (tn_value_get_data (input), targets, random, NULL);
  memcpy (tokens, tn_value_get_data (input), SEQUENCES * LENGTH * sizeof (gint32));
  g_assert_true (tn_tape_forward (tape, NULL, &error));
  return g_memdup2 (tn_value_get_data (logits), SEQUENCES * LENGTH * VOCABULARY * sizeof (float));
}

/* What a model that was read back gives for the same tokens, rounded as who opens it is told to round it: weights whose scales
 * were learned are in it as they are. */
static float *
compute_read_logits (const char *folder, const Way *way, const gint32 *tokens)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TnModelFile) file = tn_model_file_open (folder, &error);
  g_autoptr (TnModel) model = file != NULL ? tn_model_file_load (file, &error) : NULL;
  g_autoptr (TnModel) rounded = NULL;
  g_autoptr (TnBatch) batch = NULL;
  TnSequence sequences[SEQUENCES];
  TnScheme weights, inputs;
  float *logits = g_new (float, SEQUENCES *LENGTH *VOCABULARY);

  g_assert_no_error (error);
  g_assert_true (tn_scheme_parse (way->weights, &weights, NULL) && tn_scheme_parse ("int8:t", &inputs, NULL));
  rounded = tn_model_quantize (model,
                               &(TnLayerPrecision){.weights = tn_estimator_is_learned (way->estimator) ? NULL : &weights,
                                                   .activations = &inputs},
                               1, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < SEQUENCES; i++)
    sequences[i] = (TnSequence){.hash = i, .length = LENGTH, .tokens = tokens + i * LENGTH};
  batch = tn_batch_new (sequences, SEQUENCES);
  tn_model_forward (rounded, batch, NULL, logits, NULL, NULL, &error);
  g_assert_no_error (error);
  return logits;
}

static void
remove_folder (const char *folder)
{
  static const char *const names[] = {"config.json", "model.safetensors"};

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (folder, names[i], NULL);

      g_assert_no_errno (g_unlink (path));
    }
  g_assert_no_errno (g_rmdir (folder));
}

/* The logits of what was trained, written and read are those of the trainer, bit for bit. */
static void
test_same_logits (gconstpointer data)
{
  const Way *way = data;
  g_autoptr (TnNetwork) network = make_network (way);
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("trained-XXXXXX", &error), *model = g_build_filename (folder, "model", NULL);
  g_autofree float *own = NULL, *read = NULL;
  TnRandom random = tn_random_stream (3, "data");
  g_autoptr (TnTrainer) trainer = train (network, way, &random);
  gint32 tokens[SEQUENCES * LENGTH];

  g_assert_no_error (error);
  own = compute_own_logits (network, &random, tokens);
  tn_trained_model_write (network, "llama", NULL, model, NULL, &error);
  g_assert_no_error (error);
  read = compute_read_logits (model, way, tokens);
  g_assert_cmpmem (own, SEQUENCES * LENGTH * VOCABULARY * sizeof (float), read, SEQUENCES * LENGTH * VOCABULARY * sizeof (float));
  remove_folder (model);
  g_assert_no_errno (g_rmdir (folder));
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *name;
    Way way;
  } ways[] = {
      {"packed", {"ternary", TN_ESTIMATOR_IDENTITY, TRUE, TN_BACKWARD_FP32, TN_OPTIMIZER_ADAMW, FALSE}},
      {"int8-backward", {"ternary", TN_ESTIMATOR_IDENTITY, TRUE, TN_BACKWARD_INT8, TN_OPTIMIZER_ADAMW, FALSE}},
      {"int8-backward-rows", {"ternary:c", TN_ESTIMATOR_IDENTITY, TRUE, TN_BACKWARD_INT8, TN_OPTIMIZER_ADAMW, FALSE}},
      {"saving", {"ternary", TN_ESTIMATOR_IDENTITY, TRUE, TN_BACKWARD_FP32, TN_OPTIMIZER_ADAMW8, TRUE}},
      {"lsq", {"int4:c", TN_ESTIMATOR_LSQ, FALSE, TN_BACKWARD_FP32, TN_OPTIMIZER_ADAMW, FALSE}},
      {"lsq-ternary", {"ternary:c", TN_ESTIMATOR_LSQ, FALSE, TN_BACKWARD_FP32, TN_OPTIMIZER_ADAMW, FALSE}},
      {"seq", {"ternary:c", TN_ESTIMATOR_SEQ, FALSE, TN_BACKWARD_FP32, TN_OPTIMIZER_ADAMW, FALSE}},
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autofree char *path = g_strconcat ("/trained-model/same-logits/", ways[i].name, NULL);

      g_test_add_data_func (path, &ways[i].way, test_same_logits);
    }
  return g_test_run ();
}
