/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/nn/quantized-model.h"
#include "engine/qat/trainer.h"
#include "engine/random.h"

#define VOCABULARY 37
#define LENGTH     13
#define FEATURES   19
#define CLASSES    5

/* Data without end: what comes next follows from what came before, so that there is something to learn. */
typedef struct
{
  TnRandom random;
  gsize rows;
  gboolean tokens;
  guint spoiled; /* this batch, counted from 1, has features that are no numbers */
  guint batch;
} Data;

static gboolean
fill (gpointer inputs, gint32 *targets, gpointer user_data, GError **error)
{
  Data *self = user_data;

  self->batch++;
  for (gsize row = 0; row < self->rows; row++)
    if (self->tokens)
      {
        gint32 token = (gint32) tn_random_below (&self->random, VOCABULARY);

        ((gint32 *) inputs)[row] = token;
        targets[row] = token % 7 == 0 ? -1 : (token * 5 + 3) % VOCABULARY;
      }
    else
      {
        gint32 class = (gint32) tn_random_below (&self->random, CLASSES);
        float *x = (float *) inputs + row * FEATURES;

        for (gsize i = 0; i < FEATURES; i++)
          x[i] = (float) tn_random_normal (&self->random) + (i % CLASSES == (gsize) class ? 2.0f : 0.0f);
        if (self->batch == self->spoiled)
          x[row % FEATURES] = NAN;
        targets[row] = class;
      }
  return TRUE;
}

static Data
make_data (gsize rows, gboolean tokens)
{
  return (Data){.random = tn_random_stream (3, "data"), .rows = rows, .tokens = tokens};
}

static TnTrainingPrecision *
make_precision (const char *weights, const char *inputs, gboolean integer)
{
  TnTrainingPrecision *precision = tn_training_precision_new (NULL);

  precision->rounds_weights = weights != NULL && tn_scheme_parse (weights, &precision->weights, NULL);
  precision->rounds_inputs = inputs != NULL && tn_scheme_parse (inputs, &precision->inputs, NULL);
  precision->integer = integer;
  precision->counts = TRUE;
  return precision;
}

static TnNetwork *
make_llama (const char *weights, const char *inputs, gboolean integer)
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
  g_autoptr (TnTrainingPrecision) precision = make_precision (weights, inputs, integer);
  g_autoptr (GError) error = NULL;
  TnNetwork *network = tn_network_new_llama (&config, FALSE, 0.05, 11, precision, &error);

  g_assert_no_error (error);
  return network;
}

static TnNetwork *
make_mlp (const char *weights, const char *inputs, gboolean integer)
{
  const gsize sizes[] = {FEATURES, 16, CLASSES};
  g_autoptr (TnTrainingPrecision) precision = make_precision (weights, inputs, integer);
  g_autoptr (GError) error = NULL;
  TnNetwork *network = tn_network_new_mlp (sizes, G_N_ELEMENTS (sizes), 11, precision, &error);

  g_assert_no_error (error);
  return network;
}

static TnTrainerOptions
make_options (gsize n_sequences, gsize length)
{
  TnTrainerOptions options = {.shape = {n_sequences, length},
                              .accumulate = 1,
                              .loss = {.temperature = 1.0},
                              .clip = {.kind = TN_CLIP_NONE},
                              .gradient_limit = (double) INFINITY,
                              .latent_limit = (double) INFINITY};

  tn_optimizer_options_init (&options.optimizer, TN_OPTIMIZER_ADAMW);
  tn_schedule_init (&options.schedule, TN_SCHEDULE_CONSTANT);
  options.schedule.rate = 0.01;
  options.schedule.steps = 1000;
  g_assert_true (tn_schedule_finish (&options.schedule, NULL));
  return options;
}

static TnTrainer *
make_trainer (TnNetwork *network, const TnTrainerOptions *options)
{
  g_autoptr (GError) error = NULL;
  TnTrainer *trainer = tn_trainer_new (network, NULL, options, &error);

  g_assert_no_error (error);
  return trainer;
}

/* The loss of each step. */
static void
run (TnTrainer *trainer, Data *data, guint n, double *losses)
{
  for (guint i = 0; i < n; i++)
    {
      TnStepReport report;
      g_autoptr (GError) error = NULL;

      tn_trainer_step (trainer, fill, data, &report, NULL, &error);
      g_assert_no_error (error);
      g_assert_false (report.skipped);
      losses[i] = report.loss;
    }
}

static void
assert_same_variables (TnNetwork *a, TnNetwork *b)
{
  g_assert_cmpuint (a->variables->len, ==, b->variables->len);
  for (guint i = 0; i < a->variables->len; i++)
    {
      const TnVariable *x = g_ptr_array_index (a->variables, i), *y = g_ptr_array_index (b->variables, i);

      g_assert_cmpmem (x->data, x->count * sizeof (float), y->data, y->count * sizeof (float));
    }
}

static double
mean (const double *values, guint n)
{
  double sum = 0.0;

  for (guint i = 0; i < n; i++)
    sum += values[i] / n;
  return sum;
}

static void
assert_learns (TnNetwork *network, gsize n_sequences, gsize length, double drop)
{
  const TnTrainerOptions options = make_options (n_sequences, length);
  g_autoptr (TnTrainer) trainer = make_trainer (network, &options);
  Data data = make_data (n_sequences * length, length > 1);
  TnTrainerEvaluation before, after;
  double losses[80];

  g_assert_true (tn_trainer_evaluate (trainer, 3, fill, &data, &before, NULL, NULL));
  run (trainer, &data, 80, losses);
  g_assert_true (tn_trainer_evaluate (trainer, 3, fill, &data, &after, NULL, NULL));
  g_assert_cmpfloat (mean (losses + 70, 10), <, mean (losses, 3) - drop);
  g_assert_cmpfloat (after.loss, <, before.loss - drop);
  g_assert_cmpfloat (after.accuracy, >, before.accuracy + 0.2);
}

static void
test_learns (void)
{
  const struct
  {
    const char *weights, *inputs;
    gboolean integer;
  } ways[] = {{NULL, NULL, FALSE}, {"ternary", "int8:t", FALSE}, {"ternary", "int8:t", TRUE}, {"int4:g8", NULL, FALSE}};

  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autoptr (TnNetwork) llama = make_llama (ways[i].weights, ways[i].inputs, ways[i].integer);

      assert_learns (llama, 4, LENGTH, 1.0);
    }
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (TnNetwork) mlp = make_mlp (ways[i].weights, ways[i].inputs, ways[i].integer);

      assert_learns (mlp, 23, 1, 0.4);
    }
}

/* The trainer's own logits, of the network as evaluations record it. */
static TnTape *
record_logits (TnNetwork *network, const TnNetworkShape *shape, TnValue **input, TnValue **logits)
{
  g_autoptr (TnTape) tape = tn_tape_new (TN_DTYPE_F32, FALSE);
  g_autoptr (GError) error = NULL;

  *input = tn_tape_input (tape, TN_VALUE_INT32, &TN_SHAPE (shape->n_sequences * shape->length));
  *logits = network->class->record_head (network, tape, network->class->record (network, tape, *input, shape));
  tn_tape_keep (tape, *logits);
  tn_tape_plan (tape, NULL, &error);
  g_assert_no_error (error);
  tn_tape_allocate (tape, &error);
  g_assert_no_error (error);
  return g_steal_pointer (&tape);
}

/* The model of the latent weights, rounded as inference does it. */
static TnModel *
make_rounded (TnNetwork *network, const char *weights, const char *inputs)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TnModel) model = tn_network_make_model (network, &error);
  TnScheme weight_scheme, input_scheme;
  TnModel *rounded;

  g_assert_no_error (error);
  if (weights == NULL)
    return g_steal_pointer (&model);
  g_assert_true (tn_scheme_parse (weights, &weight_scheme, NULL));
  if (inputs != NULL)
    g_assert_true (tn_scheme_parse (inputs, &input_scheme, NULL));
  rounded = tn_model_quantize (
      model, &(TnLayerPrecision){.weights = &weight_scheme, .activations = inputs != NULL ? &input_scheme : NULL}, 1, NULL, &error);
  g_assert_no_error (error);
  return rounded;
}

static void
assert_same_logits (const char *weights, const char *inputs, gboolean integer)
{
  g_autoptr (TnNetwork) network = make_llama (weights, inputs, integer);
  const TnTrainerOptions options = make_options (3, LENGTH);
  g_autoptr (TnTrainer) trainer = make_trainer (network, &options);
  g_autoptr (TnTape) tape = NULL;
  g_autoptr (TnModel) model = NULL;
  g_autoptr (TnBatch) batch = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree float *wanted = g_new (float, 3 * LENGTH * VOCABULARY);
  Data data = make_data (3 * LENGTH, TRUE);
  gint32 targets[3 * LENGTH];
  TnSequence sequences[3];
  TnValue *input, *logits;
  double losses[20];

  run (trainer, &data, 20, losses);
  tape = record_logits (network, &options.shape, &input, &logits);
  fill (tn_value_get_data (input), targets, &data, NULL);
  tn_tape_forward (tape, NULL, &error);
  g_assert_no_error (error);
  model = make_rounded (network, weights, inputs);
  for (guint i = 0; i < 3; i++)
    sequences[i] = (TnSequence){.hash = i, .length = LENGTH, .tokens = (const gint32 *) tn_value_get_data (input) + i * LENGTH};
  batch = tn_batch_new (sequences, 3);
  tn_model_forward (model, batch, NULL, wanted, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (tn_value_get_data (logits), 3 * LENGTH * VOCABULARY * sizeof (float), wanted,
                   3 * LENGTH * VOCABULARY * sizeof (float));
}

/* What was trained is what inference computes, bit for bit. */
static void
test_logits_are_those_of_the_model (void)
{
  assert_same_logits (NULL, NULL, FALSE);
  assert_same_logits ("ternary", "int8:t", TRUE);
  assert_same_logits ("ternary:c", "int8:t", TRUE);
  assert_same_logits ("int4:g8", NULL, FALSE);
  assert_same_logits ("int8:c", "int8:t", FALSE);
}

/* Two batches of four are the step of one of eight, but for the order of the sums. Every target is scored, so that means are of as many. */
static void
test_accumulates (void)
{
  g_autoptr (TnNetwork) one = make_mlp (NULL, NULL, FALSE), two = make_mlp (NULL, NULL, FALSE);
  TnTrainerOptions options = make_options (8, 1);
  g_autoptr (TnTrainer) whole = make_trainer (one, &options);
  g_autoptr (TnTrainer) halves = NULL;
  Data data = make_data (8, FALSE), same = make_data (4, FALSE);
  double losses[2][10];

  options.shape.n_sequences = 4;
  options.accumulate = 2;
  halves = make_trainer (two, &options);
  run (whole, &data, 10, losses[0]);
  run (halves, &same, 10, losses[1]);
  for (guint i = 0; i < 10; i++)
    g_assert_cmpfloat_with_epsilon (losses[0][i], losses[1][i], 1e-4);
}

static void
test_releases (void)
{
  for (guint integer = 0; integer < 2; integer++)
    {
      g_autoptr (TnNetwork) kept = make_llama ("ternary", "int8:t", integer), released = make_llama ("ternary", "int8:t", integer);
      TnTrainerOptions options = make_options (2, LENGTH);
      g_autoptr (TnTrainer) first = make_trainer (kept, &options);
      g_autoptr (TnTrainer) second = NULL;
      Data data = make_data (2 * LENGTH, TRUE), same = data;
      TnTrainerMemory memory, less;
      double losses[2][12];

      options.releases = TRUE;
      second = make_trainer (released, &options);
      run (first, &data, 12, losses[0]);
      run (second, &same, 12, losses[1]);
      g_assert_cmpmem (losses[0], sizeof losses[0], losses[1], sizeof losses[1]);
      assert_same_variables (kept, released);
      tn_trainer_get_memory (first, &memory);
      tn_trainer_get_memory (second, &less);
      g_assert_cmpuint (memory.gradients, >, 0);
      g_assert_cmpuint (less.gradients, ==, 0);
    }
}

static void
test_recomputes (void)
{
  g_autoptr (TnNetwork) kept = make_llama ("ternary", "int8:t", TRUE), again = make_llama ("ternary", "int8:t", TRUE);
  const TnTrainerOptions options = make_options (2, LENGTH);
  g_autoptr (TnTrainer) first = make_trainer (kept, &options);
  g_autoptr (TnTrainer) second = NULL;
  Data data = make_data (2 * LENGTH, TRUE), same = data;
  TnTrainerMemory memory, less;
  double losses[2][12];

  again->recomputes = TRUE;
  second = make_trainer (again, &options);
  run (first, &data, 12, losses[0]);
  run (second, &same, 12, losses[1]);
  g_assert_cmpmem (losses[0], sizeof losses[0], losses[1], sizeof losses[1]);
  assert_same_variables (kept, again);
  tn_trainer_get_memory (first, &memory);
  tn_trainer_get_memory (second, &less);
  g_assert_cmpuint (less.activations, <, memory.activations);
}

/* Integers compute what rounding in float32 does. */
static void
test_integers (void)
{
  g_autoptr (TnNetwork) rounded = make_llama ("ternary", "int8:t", FALSE), integer = make_llama ("ternary", "int8:t", TRUE);
  const TnTrainerOptions options = make_options (2, LENGTH);
  g_autoptr (TnTrainer) first = make_trainer (rounded, &options), second = make_trainer (integer, &options);
  Data data = make_data (2 * LENGTH, TRUE), same = data;
  double losses[2][1];

  run (first, &data, 1, losses[0]);
  run (second, &same, 1, losses[1]);
  g_assert_cmpfloat (fabs (losses[0][0] / losses[1][0] - 1.0), <, 1e-6);
}

static void
test_skips (void)
{
  g_autoptr (TnNetwork) network = make_mlp ("ternary", "int8:t", FALSE), untouched = make_mlp ("ternary", "int8:t", FALSE);
  const TnTrainerOptions options = make_options (7, 1);
  g_autoptr (TnTrainer) trainer = make_trainer (network, &options);
  Data data = make_data (7, FALSE);
  TnStepReport report;
  double losses[2];
  guint n;
  const TnStateTensor *state = tn_trainer_get_state (trainer, &n);

  data.spoiled = 1;
  g_assert_true (tn_trainer_step (trainer, fill, &data, &report, NULL, NULL));
  g_assert_true (report.skipped);
  g_assert_false (report.spoiled);
  assert_same_variables (network, untouched);
  for (guint i = 0; i < n; i++)
    if (g_str_has_suffix (state[i].name, ".moment1"))
      for (gsize k = 0; k < tn_shape_count (&state[i].shape); k++)
        g_assert_cmpfloat (((const float *) state[i].data)[k], ==, 0.0f);
  g_assert_cmpuint (tn_trainer_get_counts (trainer).step, ==, 1);
  g_assert_cmpuint (tn_trainer_get_counts (trainer).n_skipped, ==, 1);
  /* And it goes on. */
  run (trainer, &data, 2, losses);
  g_assert_true (isfinite (losses[1]));
}

static void
test_wrong_options (void)
{
  g_autoptr (TnNetwork) network = make_mlp (NULL, NULL, FALSE);
  TnTrainerOptions options = make_options (7, 1);
  const struct
  {
    guint accumulate;
    gboolean releases;
    double distill;
    const char *word;
  } wrong[] = {{0, FALSE, 0.0, "no data"}, {2, TRUE, 0.0, "released"}, {1, FALSE, 0.5, "teacher"}};

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) error = NULL;

      options.accumulate = wrong[i].accumulate;
      options.releases = wrong[i].releases;
      options.loss.distill = wrong[i].distill;
      g_assert_null (tn_trainer_new (network, NULL, &options, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
      g_assert_nonnull (strstr (error->message, wrong[i].word));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/trainer/learns", test_learns);
  g_test_add_func ("/trainer/logits-are-those-of-the-model", test_logits_are_those_of_the_model);
  g_test_add_func ("/trainer/accumulates", test_accumulates);
  g_test_add_func ("/trainer/releases", test_releases);
  g_test_add_func ("/trainer/recomputes", test_recomputes);
  g_test_add_func ("/trainer/integers", test_integers);
  g_test_add_func ("/trainer/skips", test_skips);
  g_test_add_func ("/trainer/wrong-options", test_wrong_options);
  return g_test_run ();
}
