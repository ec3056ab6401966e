/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "bench/analysis/analysis.h"
#include "bench/random-llama.h"
#include "engine/analysis/loss-changes.h"
#include "engine/analysis/scores.h"
#include "engine/analysis/weight-errors.h"
#include "engine/device/rates.h"

/* The sensitivity of every layer of a model of 110 million parameters: errors of the weights and scores from 16 x 256 tokens for
 * four schemes, then the ten pairs with the highest scores measured on 8 x 256. The model is random, which changes nothing of the
 * time. */

#define WIDTH 768
#define LAYERS 12
#define LENGTH 256
#define SCORED 16
#define MEASURED 8
#define PAIRS 10
#define SCHEMES "ternary,int3:g32,int4:g32,int8:c"
#define MOST_SECONDS 60.0

/* Products of one token's forward pass. */
static double
count_operations (TnModel *model)
{
  const TnLlamaConfig *config = tn_model_get_config (model);
  double weights = (double) config->n_vocab * config->n_embd;

  for (guint i = 0; i < tn_model_n_parameters (model); i++)
    if (tn_parameter_is_linear (tn_model_get_parameter (model, i)))
      weights += (double) tn_model_get_parameter (model, i)->tensor->count;
  return 2.0 * weights;
}

void
tn_bench_sensitivity (TnBench *bench)
{
  const TnScoreOptions score_options = {NULL};
  const TnLossChangeOptions change_options = {.most = PAIRS, .stops_early = TRUE, .least_windows = 4};
  const TnDeviceRates *rates = tn_device_get_rates ();
  TnLlamaConfig config = tn_random_llama_config (WIDTH, LAYERS, LENGTH);
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) schemes = tn_scheme_parse_list (SCHEMES, NULL);
  g_autoptr (TnModel) model = NULL;
  g_autoptr (TnBatch) scored = NULL, measured = NULL;
  g_autoptr (TnAnalysis) analysis = NULL;
  g_autoptr (TnLossBaseline) baseline = NULL;
  double start, weights, scores, losses, operations;

  config.n_vocab = 32000;
  config.n_head_kv = config.n_head;
  config.tied = TRUE;
  model = tn_random_llama_new (&config, TN_DTYPE_F16, &error);
  if (model == NULL || (analysis = tn_analysis_new (model, schemes, NULL, &error)) == NULL)
    g_error ("%s", error->message);
  scored = tn_random_batch_new (SCORED, LENGTH, config.n_vocab);
  measured = tn_random_batch_new (MEASURED, LENGTH, config.n_vocab);
  start = tn_time_now ();
  if (!tn_analysis_measure_weights (analysis, model, NULL, NULL, &error))
    g_error ("%s", error->message);
  weights = tn_time_now ();
  if (!tn_analysis_score (analysis, model, scored, &score_options, NULL, NULL, &error))
    g_error ("%s", error->message);
  scores = tn_time_now ();
  baseline = tn_loss_baseline_new (model, measured, 4, NULL, NULL, &error);
  if (baseline == NULL || !tn_analysis_measure_losses (analysis, model, baseline, &change_options, NULL, NULL, &error))
    g_error ("%s", error->message);
  losses = tn_time_now ();
  /* Forward, backward through activations and through weights of linear layers; then the passes that were measured, taken as
   * whole ones. */
  operations = count_operations (model);
  operations = 3.0 * operations * SCORED * LENGTH + (1.0 + PAIRS) * operations * MEASURED * LENGTH;
  tn_bench_remark (bench, "%u layers, %s: errors of weights %.1f s, scores %.1f s, %u pairs measured %.1f s",
                   analysis->layers->len, SCHEMES, weights - start, scores - weights, PAIRS, losses - scores);
  tn_bench_add (bench, "sensitivity_100m_seconds", losses - start, losses - start, "s", TN_GOAL_AT_MOST, MOST_SECONDS,
                rates->fp32 > 0.0 ? operations / rates->fp32 : NAN);
}
