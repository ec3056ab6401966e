/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "bench/peer.h"
#include "bench/training/training.h"
#include "engine/autograd/functions/attention.h"
#include "engine/autograd/functions/elementwise.h"
#include "engine/autograd/functions/head-loss.h"
#include "engine/device/device.h"
#include "engine/device/rates.h"
#include "engine/random.h"

/* Forward and backward of the attention of one layer, and of the head with its loss, of a model of 17 million parameters, beside
 * PyTorch's in turns. */

#define WIDTH 512
#define HEADS 8
#define VOCABULARY 4096
#define SEQUENCES 4
#define LENGTH 256
#define TOKENS (SEQUENCES * LENGTH)
#define TURNS 15

static TnValue *
make_variable (TnTape *tape, const char *name, const TnShape *shape, float size, gboolean trained)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TnVariable) variable = tn_variable_new (name, TN_ROLE_MATRIX, TN_DTYPE_F32, shape, &error);
  TnRandom random = tn_random_stream (1, name);

  if (variable == NULL || !tn_variable_set_trained (variable, trained, &error))
    g_error ("%s", error->message);
  for (gsize i = 0; i < variable->count; i++)
    ((float *) variable->data)[i] = size * ((float) tn_random_uniform (&random) - 0.5f);
  return tn_tape_variable (tape, variable);
}

static TnValue *
record_attention (TnTape *tape)
{
  const TnShape shape = TN_SHAPE (TOKENS, WIDTH);
  TnValue *cosines, *sines, *out;

  tn_tape_rope_table (tape, LENGTH, WIDTH / HEADS, 10000.0, 1.0, NULL, &cosines, &sines);
  out = tn_tape_attention (tape, make_variable (tape, "q", &shape, 2.0f, TRUE), make_variable (tape, "k", &shape, 2.0f, TRUE),
                           make_variable (tape, "v", &shape, 2.0f, TRUE), cosines, sines,
                           &(const TnAttentionShape){HEADS, HEADS, LENGTH, TN_ROPE_INTERLEAVED});
  return tn_tape_sum (tape, tn_tape_multiply (tape, out, make_variable (tape, "weights", &shape, 2.0f, FALSE)));
}

static TnValue *
record_head (TnTape *tape, gsize kept_bytes)
{
  TnHeadLossOptions options = TN_HEAD_LOSS_CROSS_ENTROPY;
  gint32 targets[TOKENS];

  options.kept_bytes = kept_bytes;
  for (gsize i = 0; i < TOKENS; i++)
    targets[i] = (gint32) (i * 37 % VOCABULARY);
  return tn_tape_head_loss (tape, make_variable (tape, "x", &TN_SHAPE (TOKENS, WIDTH), 2.0f, TRUE),
                            make_variable (tape, "weight", &TN_SHAPE (VOCABULARY, WIDTH), 0.1f, TRUE),
                            tn_tape_constant (tape, TN_VALUE_INT32, &TN_SHAPE (TOKENS), targets), NULL, &options, NULL);
}

static void
plan (TnBench *bench, TnTape *tape, TnValue *loss, const char *what)
{
  g_autoptr (GError) error = NULL;
  TnTapeMemory memory;

  if (!tn_tape_plan (tape, loss, &error) || !tn_tape_allocate (tape, &error))
    g_error ("%s", error->message);
  tn_tape_get_memory (tape, &memory);
  tn_bench_remark (bench, "%s: %.2f MB kept from forward to backward, %.2f MB at most", what,
                   1e-6 * (double) memory.forward_bytes, 1e-6 * (double) memory.arena_bytes);
}

static double
run (TnTape *tape)
{
  g_autoptr (GError) error = NULL;
  double start = tn_time_now ();

  if (!tn_tape_forward (tape, NULL, &error) || !tn_tape_backward (tape, 1.0, FALSE, NULL, &error))
    g_error ("%s", error->message);
  return tn_time_now () - start;
}

/* operations: of the products of both passes. */
static void
measure (TnBench *bench, TnTape *tape, TnPeer *peer, const char *name, const char *theirs_name, double operations)
{
  TnSamples own = {.n = 0}, theirs = {.n = 0}, ratio = {.n = 0};
  g_autofree char *ms = g_strconcat (name, "_ms", NULL), *vs = g_strconcat (name, "_vs_torch", NULL);
  double rate = tn_device_get_rates ()->fp32;

  run (tape);
  for (guint turn = 0; turn < TURNS && !tn_bench_cancelled (bench); turn++)
    {
      double mine = run (tape), its = peer != NULL ? tn_peer_run (peer, theirs_name) : (double) NAN;

      tn_samples_add (&own, mine);
      if (isnan (its))
        continue;
      tn_samples_add (&theirs, its);
      tn_samples_add (&ratio, its / mine);
    }
  tn_bench_add (bench, ms, 1e3 * tn_samples_median (&own), 1e3 * tn_samples_min (&own), "ms", TN_GOAL_NONE, NAN,
                rate > 0.0 ? 1e3 * operations / rate : (double) NAN);
  if (ratio.n > 0)
    tn_bench_add (bench, vs, tn_samples_median (&ratio), tn_samples_min (&theirs) / tn_samples_min (&own), "ratio", TN_GOAL_NONE,
                  NAN, NAN);
}

void
tn_bench_functions (TnBench *bench)
{
  g_autoptr (GError) no_peer = NULL;
  g_autoptr (TnPeer) peer = tn_peer_start ("functions_torch.py", NULL, &no_peer);
  g_autoptr (TnTape) attention = tn_tape_new (TN_DTYPE_F32, TRUE);
  g_autoptr (TnTape) head = tn_tape_new (TN_DTYPE_F32, TRUE);
  g_autoptr (TnTape) head_kept = tn_tape_new (TN_DTYPE_F32, TRUE);
  double product = 2.0 * TOKENS * (double) VOCABULARY * WIDTH, scores = (double) TOKENS * LENGTH * WIDTH; /* the causal half */

  if (peer != NULL)
    tn_bench_remark (bench, "peer: %s", tn_peer_describe (peer));
  else
    tn_bench_remark (bench, "%s", no_peer->message);
  plan (bench, attention, record_attention (attention), "attention");
  plan (bench, head, record_head (head, 0), "head loss");
  plan (bench, head_kept, record_head (head_kept, (gsize) TOKENS * VOCABULARY * sizeof (float)), "head loss, logits kept");
  measure (bench, attention, peer, "attention_step", "attention", 7.0 * scores);
  measure (bench, head, peer, "head_loss_step", "head", 4.0 * product);
  measure (bench, head_kept, peer, "head_loss_kept_step", "head", 3.0 * product);
}
