/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "bench/core/core.h"
#include "bench/peer.h"
#include "bench/random-llama.h"
#include "engine/device/device.h"
#include "engine/device/rates.h"

/* The fp32 forward pass with loss of a model of 17 million parameters, beside the same model in PyTorch, in turns. */

#define WIDTH 512
#define LAYERS 4
#define SEQUENCES 4
#define LENGTH 256
#define TURNS 15

typedef struct
{
  TnModel *model;
  TnBatch *batch;
} Pass;

static double
run_pass (const Pass *self)
{
  g_autoptr (GError) error = NULL;
  double start = tn_time_now ();
  TnLoss loss;

  if (!tn_model_forward (self->model, self->batch, NULL, NULL, &loss, NULL, &error))
    g_error ("%s", error->message);
  return tn_time_now () - start;
}

/* Multiplications and additions of the products: linear layers, head, and the causal half of the attention. */
static double
count_operations (const Pass *self)
{
  const TnLlamaConfig *config = tn_model_get_config (self->model);
  double weights = (double) config->n_vocab * config->n_embd;

  for (guint i = 0; i < tn_model_n_parameters (self->model); i++)
    if (tn_parameter_is_linear (tn_model_get_parameter (self->model, i)))
      weights += (double) tn_model_get_parameter (self->model, i)->tensor->count;
  return 2.0 * weights * (double) self->batch->n_tokens +
         2.0 * config->n_layer * config->n_head * config->head_dim * SEQUENCES * pow (LENGTH, 2.0);
}

void
tn_bench_forward (TnBench *bench)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) no_peer = NULL;
  TnLlamaConfig config = tn_random_llama_config (WIDTH, LAYERS, LENGTH);
  const TnDeviceRates *rates = tn_device_get_rates ();
  g_autoptr (TnModel) model = NULL;
  g_autoptr (TnBatch) batch = NULL;
  g_autoptr (TnPeer) peer = tn_peer_start ("forward_torch.py", NULL, &no_peer);
  TnSamples own = {.n = 0}, theirs = {.n = 0}, ratio = {.n = 0};
  Pass pass;
  double operations;

  config.n_head_kv = config.n_head;
  model = tn_random_llama_new (&config, TN_DTYPE_F32, &error);
  if (model == NULL)
    g_error ("%s", error->message);
  batch = tn_random_batch_new (SEQUENCES, LENGTH, config.n_vocab);
  pass = (Pass){model, batch};
  operations = count_operations (&pass);
  if (peer != NULL)
    tn_bench_remark (bench, "peer: %s", tn_peer_describe (peer));
  else
    tn_bench_remark (bench, "%s", no_peer->message);

  run_pass (&pass);
  for (guint turn = 0; turn < TURNS && !tn_bench_cancelled (bench); turn++)
    {
      double mine = run_pass (&pass), its = peer != NULL ? tn_peer_run (peer, "forward") : NAN;

      tn_samples_add (&own, mine);
      if (isnan (its))
        continue;
      tn_samples_add (&theirs, its);
      tn_samples_add (&ratio, its / mine);
    }
  tn_bench_add (bench, "forward_17m_ms", 1e3 * tn_samples_median (&own), 1e3 * tn_samples_min (&own), "ms", TN_GOAL_NONE, NAN,
                rates->fp32 > 0.0 ? 1e3 * operations / rates->fp32 : NAN);
  tn_bench_add (bench, "forward_17m_gflops", 1e-9 * operations / tn_samples_median (&own), 1e-9 * operations / tn_samples_min (&own),
                "GFLOP/s", TN_GOAL_NONE, NAN, rates->fp32 > 0.0 ? 1e-9 * rates->fp32 : NAN);
  if (ratio.n == 0)
    return;
  tn_bench_add (bench, "forward_17m_torch_ms", 1e3 * tn_samples_median (&theirs), 1e3 * tn_samples_min (&theirs), "ms", TN_GOAL_NONE,
                NAN, NAN);
  tn_bench_add (bench, "forward_17m_vs_torch", tn_samples_median (&ratio), tn_samples_min (&theirs) / tn_samples_min (&own), "ratio",
                TN_GOAL_AT_LEAST, 1.1, NAN);
}
