/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "app/tasks/precision.h"
#include "data/export/trained-model.h"
#include "data/models/model-file.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/qat/trainer.h"
#include "engine/random.h"

#define VOCABULARY 37
#define LENGTH 13
#define SEQUENCES 3
#define ROWS (SEQUENCES * LENGTH)

/* How a network is trained, and what eval has to be told of the model it wrote. */
typedef struct
{
  const char *weights, *inputs;
  TnEstimator weight_estimator, input_estimator;
  gboolean fixed_inputs, keeps_first, integer, rotates;
  const char *scheme, *activations;
} Way;

static gboolean
fill (gpointer inputs, gint32 *targets, gpointer user_data, GError **error)
{
  for (gsize row = 0; row < ROWS; row++)
    {
      gint32 token = (gint32) tn_random_below (user_data, VOCABULARY);

      ((gint32 *) inputs)[row] = token;
      targets[row] = (token * 5 + 3) % VOCABULARY;
    }
  return TRUE;
}

static TnTrainingPrecision *
make_precision (const Way *way)
{
  TnTrainingPrecision *precision = tn_training_precision_new (NULL);

  precision->rounds_weights = way->weights != NULL && tn_scheme_parse (way->weights, &precision->weights, NULL);
  precision->rounds_inputs = way->inputs != NULL && tn_scheme_parse (way->inputs, &precision->inputs, NULL);
  precision->weight_estimator = way->weight_estimator;
  precision->input_estimator = way->input_estimator;
  precision->fixed_inputs = way->fixed_inputs;
  precision->keeps_first = way->keeps_first;
  precision->integer = way->integer;
  precision->rotates_weights = way->rotates;
  return precision;
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
  g_autoptr (TnTrainingPrecision) precision = make_precision (way);
  g_autoptr (GError) error = NULL;
  TnNetwork *network = tn_network_new_llama (&config, FALSE, 0.05, 11, precision, &error);

  g_assert_no_error (error);
  return network;
}

static void
train (TnNetwork *network, TnRandom *random)
{
  TnTrainerOptions options = {.shape = {SEQUENCES, LENGTH},
                              .accumulate = 1,
                              .loss = {.temperature = 1.0},
                              .gradient_limit = (double) INFINITY,
                              .latent_limit = (double) INFINITY};
  g_autoptr (TnTrainer) trainer = NULL;
  g_autoptr (GError) error = NULL;
  TnStepReport report;

  tn_optimizer_options_init (&options.optimizer, TN_OPTIMIZER_ADAMW);
  tn_schedule_init (&options.schedule, TN_SCHEDULE_CONSTANT);
  options.schedule.rate = 0.01;
  options.schedule.steps = 1000;
  g_assert_true (tn_schedule_finish (&options.schedule, NULL));
  trainer = tn_trainer_new (network, NULL, &options, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 20; i++)
    {
      tn_trainer_step (trainer, fill, random, &report, NULL, &error);
      g_assert_no_error (error);
    }
}

/* As evaluations record it. */
static void
compute_logits (TnNetwork *network, const gint32 *tokens, float *logits)
{
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, FALSE);
  const TnNetworkShape shape = {SEQUENCES, LENGTH};
  TnValue *input = tn_tape_input (tape, TN_VALUE_INT32, &TN_SHAPE (ROWS));
  TnValue *value = network->class->record_head (network, tape, network->class->record (network, tape, input, &shape));
  g_autoptr (GError) error = NULL;

  tn_tape_keep (tape, value);
  tn_tape_plan (tape, NULL, &error);
  g_assert_no_error (error);
  tn_tape_allocate (tape, &error);
  g_assert_no_error (error);
  memcpy (tn_value_get_data (input), tokens, ROWS * sizeof (gint32));
  tn_tape_forward (tape, NULL, &error);
  g_assert_no_error (error);
  memcpy (logits, tn_value_get_data (value), ROWS * VOCABULARY * sizeof (float));
}

/* What eval does with the folder. */
static TnModel *
read_back (const char *folder, const Way *way)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TnModelFile) file = tn_model_file_open (folder, &error);
  g_autoptr (TnModel) model = NULL;
  g_autoptr (TnActivationScales) stored = NULL;
  TnPrecision precision = {.scheme = way->scheme, .activations = way->activations};
  const char *text;
  TnModel *rounded;

  g_assert_no_error (error);
  model = tn_model_file_load (file, &error);
  g_assert_no_error (error);
  text = tn_model_file_get_metadata (file, TN_ACTIVATION_SCALES_KEY);
  if (text != NULL)
    {
      stored = tn_activation_scales_parse (text, folder, &error);
      g_assert_no_error (error);
    }
  precision.stored = stored;
  if (tn_precision_is_empty (&precision))
    return g_steal_pointer (&model);
  rounded = tn_precision_apply (&precision, model, NULL, &error);
  g_assert_no_error (error);
  return rounded;
}

static void
remove_folder (const char *folder)
{
  static const char *const names[] = {"config.json", "model.safetensors"};

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (folder, names[i], NULL);

      g_remove (path);
    }
  g_rmdir (folder);
}

static void
assert_same_logits (const Way *way)
{
  g_autoptr (TnNetwork) network = make_network (way);
  g_autofree char *parent = g_dir_make_tmp ("trained-XXXXXX", NULL), *folder = g_build_filename (parent, "model", NULL);
  g_autofree float *wanted = g_new (float, ROWS *VOCABULARY), *found = g_new (float, ROWS *VOCABULARY);
  g_autoptr (TnModel) model = NULL;
  g_autoptr (TnBatch) batch = NULL;
  g_autoptr (GError) error = NULL;
  TnRandom random = tn_random_stream (5, "tokens");
  gint32 tokens[ROWS], targets[ROWS];
  TnSequence sequences[SEQUENCES];

  train (network, &random);
  fill (tokens, targets, &random, NULL);
  compute_logits (network, tokens, wanted);
  tn_trained_model_write (network, "llama", NULL, folder, NULL, &error);
  g_assert_no_error (error);
  model = read_back (folder, way);
  for (guint i = 0; i < SEQUENCES; i++)
    sequences[i] = (TnSequence){.hash = i, .length = LENGTH, .tokens = tokens + i * LENGTH};
  batch = tn_batch_new (sequences, SEQUENCES);
  tn_model_forward (model, batch, NULL, found, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (found, ROWS * VOCABULARY * sizeof (float), wanted, ROWS * VOCABULARY * sizeof (float));
  remove_folder (folder);
  g_rmdir (parent);
}

static void
test_learned_inputs (void)
{
  const Way ways[] = {
      {"int8:c", "int8", TN_ESTIMATOR_LSQ, TN_ESTIMATOR_LSQ, .activations = "int8"},
      {NULL, "int4", .input_estimator = TN_ESTIMATOR_LSQ, .activations = "int4"},
      {"int4:c", "int4", TN_ESTIMATOR_LSQ, TN_ESTIMATOR_LSQ_PLUS, .activations = "int4"},
      {"int4:c", "int5:asym", TN_ESTIMATOR_LSQ, TN_ESTIMATOR_LSQ_PLUS, .activations = "int5:asym"},
      {"int4:c", "int6", TN_ESTIMATOR_LSQ, TN_ESTIMATOR_RANGE, .activations = "int6"},
      {"ternary", "int8", TN_ESTIMATOR_IDENTITY, TN_ESTIMATOR_LSQ, .scheme = "ternary", .activations = "int8"},
      {"int8:c", "int8", TN_ESTIMATOR_LSQ, TN_ESTIMATOR_LSQ, .keeps_first = TRUE, .activations = "int8"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    assert_same_logits (&ways[i]);
}

static void
test_fixed_inputs (void)
{
  const Way ways[] = {
      {"int8:c", "int8", TN_ESTIMATOR_LSQ, .fixed_inputs = TRUE, .activations = "int8"},
      {"int4:c", "int8:asym", TN_ESTIMATOR_LSQ, TN_ESTIMATOR_CLIPPED, .fixed_inputs = TRUE, .activations = "int8:asym"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    assert_same_logits (&ways[i]);
}

/* With a scale of each token nothing has to be kept. */
static void
test_found_inputs (void)
{
  const Way ways[] = {
      {.weights = NULL},
      {"ternary", "int8:t", .integer = TRUE, .scheme = "ternary", .activations = "int8:t"},
      {"int4:c", "int8:t", TN_ESTIMATOR_LSQ, TN_ESTIMATOR_IDENTITY, .activations = "int8:t"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    assert_same_logits (&ways[i]);
}

/* Rotated back, trusted and scaled weights are written as the layers multiply by them. */
static void
test_weights_of_their_own (void)
{
  const Way ways[] = {
      {"int4:c", .weight_estimator = TN_ESTIMATOR_TRUST},
      {"int4:c", .weight_estimator = TN_ESTIMATOR_TRUST, .rotates = TRUE},
      {"ternary", "int8:t", TN_ESTIMATOR_TRUST, .rotates = TRUE, .activations = "int8:t"},
      {"int4:g8", "int8:t", TN_ESTIMATOR_IDENTITY, .rotates = TRUE, .activations = "int8:t"},
      {"int3:c", "int8", TN_ESTIMATOR_LSQ, TN_ESTIMATOR_LSQ, .rotates = TRUE, .activations = "int8"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    assert_same_logits (&ways[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/trained-model/learned-inputs", test_learned_inputs);
  g_test_add_func ("/trained-model/fixed-inputs", test_fixed_inputs);
  g_test_add_func ("/trained-model/found-inputs", test_found_inputs);
  g_test_add_func ("/trained-model/weights-of-their-own", test_weights_of_their_own);
  return g_test_run ();
}
