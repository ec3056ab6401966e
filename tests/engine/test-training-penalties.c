/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/qat/trainer.h"
#include "engine/random.h"

#define FEATURES 19
#define CLASSES 5
#define ROWS 23

static gboolean
fill (gpointer inputs, gint32 *targets, gpointer user_data, GError **error)
{
  for (gsize row = 0; row < ROWS; row++)
    {
      gint32 class = (gint32) tn_random_below (user_data, CLASSES);

      for (gsize i = 0; i < FEATURES; i++)
        ((float *) inputs)[row * FEATURES + i] =
            (float) tn_random_normal (user_data) + (i % CLASSES == (gsize) class ? 2.0f : 0.0f);
      targets[row] = class;
    }
  return TRUE;
}

static TnNetwork *
make_network (const char *weights, TnEstimator estimator)
{
  const gsize sizes[] = {FEATURES, 16, CLASSES};
  g_autoptr (TnTrainingPrecision) precision = tn_training_precision_new (NULL);
  g_autoptr (GError) error = NULL;
  TnNetwork *network;

  precision->rounds_weights = weights != NULL && tn_scheme_parse (weights, &precision->weights, NULL);
  precision->weight_estimator = estimator;
  network = tn_network_new_mlp (sizes, G_N_ELEMENTS (sizes), 11, precision, &error);
  g_assert_no_error (error);
  return network;
}

static TnTrainer *
make_trainer (TnNetwork *network, const TnWeightPenalties *penalties, GError **error)
{
  TnTrainerOptions options = {.shape = {ROWS, 1},
                              .accumulate = 1,
                              .loss = {.temperature = 1.0, .penalties = *penalties},
                              .gradient_limit = (double) INFINITY,
                              .latent_limit = (double) INFINITY};

  tn_optimizer_options_init (&options.optimizer, TN_OPTIMIZER_SGD);
  tn_schedule_init (&options.schedule, TN_SCHEDULE_CONSTANT);
  options.schedule.rate = 0.01;
  options.schedule.steps = 1000;
  g_assert_true (tn_schedule_finish (&options.schedule, NULL));
  return tn_trainer_new (network, NULL, &options, error);
}

static void
step (TnTrainer *trainer, TnRandom *random, TnStepReport *report)
{
  g_autoptr (GError) error = NULL;

  tn_trainer_step (trainer, fill, random, report, NULL, &error);
  g_assert_no_error (error);
  g_assert_false (report->skipped);
}

/* The size of a step between levels, seen from outside: what a unit is rounded to. */
static double
find_scale (const float *rounded, gsize n)
{
  double scale = INFINITY;

  for (gsize i = 0; i < n; i++)
    if (rounded[i] != 0.0f)
      scale = fmin (scale, fabs ((double) rounded[i]));
  return scale;
}

/* Slow and obvious, from the formulas; each level is met by some weight, or the last one here is not the highest. */
static void
measure (TnNetwork *network, gint highest, double parts[TN_N_PENALTIES])
{
  memset (parts, 0, TN_N_PENALTIES * sizeof (double));
  for (guint l = 0; l < network->layers->len; l++)
    {
      const TnTrainingLayer *layer = g_ptr_array_index (network->layers, l);
      gsize n = layer->weight->count, columns = layer->weight->shape.dims[1];
      gsize unit = network->precision->weights.granularity == TN_PER_CHANNEL ? columns : n;
      const float *w = layer->weight->data;
      g_autofree float *q = g_new (float, n);
      double mean = 0.0, second = 0.0, fourth = 0.0;
      double squares[2 * 128 + 1] = {0};
      guint counts[2 * 128 + 1] = {0};

      g_assert_true (tn_network_round_layer (network, layer, q, NULL));
      for (gsize i = 0; i < n; i++)
        {
          double x = (double) w[i], scale = find_scale (q + i / unit * unit, unit), end = scale * highest;
          gint code = (gint) CLAMP (nearbyint (x / scale), -highest, highest);
          double distance = (double) q[i] - CLAMP (x, -end, end);

          parts[TN_PENALTY_DAMPENING] += distance * distance;
          parts[TN_PENALTY_L2] += x * x;
          squares[code + 128] += (x - scale * code) * (x - scale * code);
          counts[code + 128]++;
          mean += x / (double) n;
        }
      for (gsize i = 0; i < n; i++)
        {
          second += pow ((double) w[i] - mean, 2.0) / (double) n;
          fourth += pow ((double) w[i] - mean, 4.0) / (double) n;
        }
      for (guint i = 0; i < G_N_ELEMENTS (counts); i++)
        if (counts[i] > 0)
          parts[TN_PENALTY_BINS] += squares[i] / counts[i];
      parts[TN_PENALTY_KURTOSIS] += pow (fourth / (second * second) - 1.8, 2.0) / network->layers->len;
    }
}

static void
test_parts (void)
{
  const struct
  {
    const char *scheme;
    TnEstimator estimator;
    gint highest;
  } ways[] = {{"ternary", TN_ESTIMATOR_IDENTITY, 1},
              {"ternary:c", TN_ESTIMATOR_SEQ, 1},
              {"int3:c", TN_ESTIMATOR_LSQ, 3},
              {"int3", TN_ESTIMATOR_CLIPPED, 3},
              {"int3", TN_ESTIMATOR_RANGE, 3}};
  const TnWeightPenalties penalties = {.weights = {0.01, 0.02, 0.03, 0.004}, .kurtosis_target = 1.8};
  const TnWeightPenalties none = {.kurtosis_target = 1.8};

  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autoptr (TnNetwork) network = make_network (ways[i].scheme, ways[i].estimator), plain = make_network (ways[i].scheme, ways[i].estimator);
      g_autoptr (TnTrainer) trainer = make_trainer (network, &penalties, NULL), without = make_trainer (plain, &none, NULL);
      TnRandom random = tn_random_stream (3, "data"), same = random;
      TnStepReport report, other;
      double wanted[TN_N_PENALTIES], sum = 0.0;

      measure (network, ways[i].highest, wanted);
      step (trainer, &random, &report);
      step (without, &same, &other);
      for (guint k = 0; k < TN_N_PENALTIES; k++)
        {
          g_assert_cmpfloat (fabs (report.parts.penalties[k] / (wanted[k] * penalties.weights[k]) - 1.0), <, 1e-4);
          g_assert_cmpfloat (other.parts.penalties[k], ==, 0.0);
          sum += report.parts.penalties[k];
        }
      g_assert_cmpfloat (fabs (report.loss - other.loss - sum), <, 1e-5);
      g_assert_cmpfloat (report.parts.cross_entropy, ==, other.parts.cross_entropy);
      g_assert_cmpfloat (report.gradient_norm, !=, other.gradient_norm);
    }
}

/* What is penalized becomes less than it does without. */
static void
test_effect (void)
{
  for (guint k = 0; k < TN_N_PENALTIES; k++)
    {
      const TnWeightPenalties none = {.kurtosis_target = 1.8};
      TnWeightPenalties penalties = none;
      g_autoptr (TnNetwork) network = make_network ("int3:c", TN_ESTIMATOR_IDENTITY), plain = make_network ("int3:c", TN_ESTIMATOR_IDENTITY);
      g_autoptr (TnTrainer) trainer = NULL, without = make_trainer (plain, &none, NULL);
      TnRandom random = tn_random_stream (3, "data"), same = random;
      TnStepReport report;
      double with[TN_N_PENALTIES], unchanged[TN_N_PENALTIES];

      penalties.weights[k] = k == TN_PENALTY_DAMPENING || k == TN_PENALTY_L2 ? 1.0 : 10.0;
      trainer = make_trainer (network, &penalties, NULL);
      for (guint i = 0; i < 60; i++)
        {
          step (trainer, &random, &report);
          step (without, &same, &report);
        }
      measure (network, 3, with);
      measure (plain, 3, unchanged);
      g_assert_cmpfloat (with[k], <, 0.7 * unchanged[k]);
    }
}

static void
test_warmup (void)
{
  const TnWeightPenalties penalties = {.weights = {[TN_PENALTY_L2] = 0.5}, .warmup_steps = 4};
  g_autoptr (TnNetwork) network = make_network ("ternary", TN_ESTIMATOR_IDENTITY);
  g_autoptr (TnTrainer) trainer = make_trainer (network, &penalties, NULL);
  const double wanted[] = {0.0, 0.14644660940672624, 0.5, 0.8535533905932737, 1.0, 1.0};
  TnRandom random = tn_random_stream (3, "data");

  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++)
    {
      double parts[TN_N_PENALTIES];
      TnStepReport report;

      measure (network, 1, parts);
      step (trainer, &random, &report);
      g_assert_cmpfloat_with_epsilon (report.parts.penalties[TN_PENALTY_L2], 0.5 * wanted[i] * parts[TN_PENALTY_L2], 1e-4);
    }
}

static void
test_refused (void)
{
  const struct
  {
    const char *scheme;
    TnEstimator estimator;
    TnPenalty penalty;
    const char *word;
  } wrong[] = {{NULL, TN_ESTIMATOR_IDENTITY, TN_PENALTY_L2, "weights"},
               {"int4:asym", TN_ESTIMATOR_IDENTITY, TN_PENALTY_DAMPENING, "int4:asym"},
               {"int4", TN_ESTIMATOR_TRUST, TN_PENALTY_BINS, "trust"},
               {"int2", TN_ESTIMATOR_SEQ, TN_PENALTY_BINS, "seq"},
               {"int4", TN_ESTIMATOR_LSQ_PLUS, TN_PENALTY_DAMPENING, "lsq+"},
               {"binary", TN_ESTIMATOR_LSQ, TN_PENALTY_BINS, "bins"}};

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (TnNetwork) network = make_network (wrong[i].scheme, wrong[i].estimator);
      TnWeightPenalties penalties = {.kurtosis_target = 1.8};
      g_autoptr (GError) error = NULL;

      penalties.weights[wrong[i].penalty] = 0.1;
      g_assert_null (make_trainer (network, &penalties, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
      g_assert_nonnull (strstr (error->message, wrong[i].word));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/training-penalties/parts", test_parts);
  g_test_add_func ("/training-penalties/effect", test_effect);
  g_test_add_func ("/training-penalties/warmup", test_warmup);
  g_test_add_func ("/training-penalties/refused", test_refused);
  return g_test_run ();
}
