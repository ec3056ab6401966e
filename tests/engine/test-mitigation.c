/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/analysis/mitigation/bias-correction.h"
#include "engine/analysis/mitigation/mitigation.h"
#include "engine/analysis/mitigation/sequence-losses.h"
#include "engine/analysis/mitigation/step-moments.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/nn/quantized-model.h"
#include "engine/random.h"
#include "tests/engine/llama-fixture.h"

static const TnLlamaConfig config = {.n_vocab = 61,
                                     .n_embd = 32,
                                     .n_layer = 2,
                                     .n_head = 4,
                                     .n_head_kv = 2,
                                     .head_dim = 8,
                                     .n_ff = 48,
                                     .n_context = 64,
                                     .rope_dim = 8,
                                     .rope_base = 10000.0,
                                     .rope_scale = 1.0,
                                     .norm_epsilon = 1e-6,
                                     .rope_layout = TN_ROPE_INTERLEAVED,
                                     .tied = TRUE};

static GPtrArray *
make_batches (const TnLlamaConfig *of, guint n, guint64 seed)
{
  GPtrArray *batches = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_batch_unref);

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (batches, llama_fixture_batch (of, (const guint[]){40, 17, 33}, 3, seed + i));
  return batches;
}

static void
check (TnModel *model, GPtrArray *fitting, GPtrArray *choosing, GPtrArray *others, const char *scheme, TnMitigationKind kinds,
       double most_left)
{
  TnMitigationOptions options = {.kinds = kinds, .seed = 3};
  g_autoptr (TnMitigation) mitigation = NULL;
  g_autoptr (TnModel) plain = NULL, again = NULL;
  g_auto (TnSequenceLosses) exact = {0}, plain_losses = {0}, losses = {0}, again_losses = {0}, base = {0};
  TnLayerPrecision precision = {0};
  double left;
  GError *error = NULL;

  g_assert_true (tn_scheme_parse (scheme, &options.scheme, NULL));
  mitigation = tn_mitigate (model, fitting, choosing, &options, NULL, NULL, &error);
  g_assert_no_error (error);
  precision.weights = &options.scheme;
  plain = tn_model_quantize (model, &precision, 1, NULL, NULL);
  /* Plain rounding of what came out changes nothing. */
  precision.weights = &mitigation->written;
  again = tn_model_quantize (mitigation->model, &precision, 1, NULL, NULL);
  for (guint i = 0; i < tn_model_n_parameters (again); i++)
    {
      const TnTensor *a = tn_model_get_parameter (again, i)->tensor, *b = tn_model_get_parameter (mitigation->model, i)->tensor;
      g_autofree float *x = g_new (float, a->count), *y = g_new (float, a->count);

      tn_tensor_decode (a, 0, a->count, x);
      tn_tensor_decode (b, 0, b->count, y);
      for (guint64 k = 0; k < a->count; k++)
        g_assert_cmpfloat (x[k], ==, y[k]);
    }
  g_assert_true (tn_sequence_losses_measure (&exact, model, others, NULL, NULL));
  g_assert_true (tn_sequence_losses_measure (&base, mitigation->base, others, NULL, NULL));
  g_assert_true (tn_sequence_losses_measure (&plain_losses, plain, others, NULL, NULL));
  g_assert_true (tn_sequence_losses_measure (&losses, mitigation->model, others, NULL, NULL));
  /* The base computes what the model does. */
  g_assert_cmpfloat (fabs (tn_sequence_losses_compare (&base, &exact).value), <, 1e-4);
  left = tn_sequence_losses_compare (&losses, &exact).value / tn_sequence_losses_compare (&plain_losses, &exact).value;
  g_test_message ("%s: plain %+.4f, mitigated %+.4f, %.3f left", scheme, tn_sequence_losses_compare (&plain_losses, &exact).value,
                  tn_sequence_losses_compare (&losses, &exact).value, left);
  g_assert_cmpfloat (left, <, most_left);
  /* Every step keeps one way, and says why not the others. */
  g_assert_cmpuint (mitigation->steps->len, ==, 4 * tn_model_get_config (model)->n_layer + ((kinds & 3) != 0));
  for (guint i = 0; i < mitigation->steps->len; i++)
    {
      const TnMitigationStep *step = g_ptr_array_index (mitigation->steps, i);
      guint kept = 0;

      for (guint k = 0; k < step->trials->len; k++)
        {
          const TnMitigationTrial *trial = &g_array_index (step->trials, TnMitigationTrial, k);

          kept += trial->kept;
          g_assert_true (trial->kept == (trial->reason == NULL));
        }
      g_assert_true (kept == 1 || (i == 0 && (kinds & 3) != 0));
    }
}

static void
test_stories (void)
{
  g_autoptr (TnModel) model = llama_fixture_stories ();
  g_autoptr (GArray) greedy = model != NULL ? llama_fixture_stories_greedy () : NULL;
  g_autoptr (GPtrArray) batches = NULL;
  g_autofree gint32 *tokens = NULL;
  TnSequence sequence = {.hash = 1}, sequences[4];

  if (model == NULL)
    return;
  /* The model's own story: what it predicts best. */
  tokens = (gint32 *) (void *) g_memdup2 (greedy->data, greedy->len * sizeof (gint32));
  batches = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_batch_unref);
  for (guint i = 0; i < G_N_ELEMENTS (sequences); i++)
    {
      sequence.hash++;
      sequence.tokens = tokens + 5 * i;
      sequence.targets = sequence.tokens + 1;
      sequence.length = greedy->len - 1 - 5 * i;
      sequences[i] = sequence;
    }
  g_ptr_array_add (batches, tn_batch_new (sequences, G_N_ELEMENTS (sequences)));
  check (model, batches, batches, batches, "ternary:c", TN_MITIGATION_FEEDBACK, 0.6);
  check (model, batches, batches, batches, "int3", TN_MITIGATION_COMPENSATE, 0.5);
}

/* Random weights and tokens: nothing to win for sure, but all of it holds together. */
static void
test_random (void)
{
  g_autoptr (TnModel) model = llama_fixture_new (&config, TN_DTYPE_F32, 4);
  g_autoptr (GPtrArray) fitting = make_batches (&config, 4, 10), choosing = make_batches (&config, 2, 20);

  check (model, fitting, choosing, choosing, "int4:g16", TN_MITIGATION_ALL, G_MAXDOUBLE);
  check (model, fitting, choosing, choosing, "ternary", TN_MITIGATION_SCALE, G_MAXDOUBLE);
}

/* A layer that nothing flows into is rounded plainly, and that is said. */
static void
test_silent (void)
{
  g_autoptr (TnModel) random = llama_fixture_new (&config, TN_DTYPE_F32, 4), model = NULL;
  g_autoptr (TnTensor) zeros = tn_tensor_new (TN_DTYPE_F32, 2, (const guint64[]){48, 32}, TN_PURPOSE_WEIGHTS, NULL);
  g_autoptr (GPtrArray) batches = make_batches (&config, 2, 10);
  TnMitigationOptions options = {.kinds = TN_MITIGATION_ALL};
  g_autoptr (TnMitigation) mitigation = NULL;
  const TnMitigationStep *step;
  GError *error = NULL;

  memset (tn_tensor_get_writable (zeros), 0, zeros->bytes);
  model = tn_model_with_parameter (random, "blk.0.ffn_up.weight", zeros, &error);
  g_assert_no_error (error);
  g_assert_true (tn_scheme_parse ("int3:c", &options.scheme, NULL));
  mitigation = tn_mitigate (model, batches, batches, &options, NULL, NULL, &error);
  g_assert_no_error (error);
  step = g_ptr_array_index (mitigation->steps, 4);
  g_assert_cmpstr (step->name, ==, "blk.0.ffn_down.weight");
  g_assert_true (g_array_index (step->trials, TnMitigationTrial, 0).kept);
  g_assert_nonnull (strstr (g_array_index (step->trials, TnMitigationTrial, 1).reason, "all zero"));
}

static void
test_budget (void)
{
  g_autoptr (TnModel) model = llama_fixture_new (&config, TN_DTYPE_F32, 4);
  g_autoptr (GPtrArray) batches = make_batches (&config, 2, 10);
  TnMitigationOptions options = {.kinds = TN_MITIGATION_FEEDBACK, .seconds = 1e-9};
  g_autoptr (TnMitigation) mitigation = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GError *error = NULL;

  g_assert_true (tn_scheme_parse ("int4:c", &options.scheme, NULL));
  mitigation = tn_mitigate (model, batches, batches, &options, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (mitigation->out_of_time);
  /* Plain rounding it is, then. */
  g_assert_cmpfloat (fabs (mitigation->mitigated_loss.value - mitigation->plain_loss.value), <, 1e-12);
  g_cancellable_cancel (cancellable);
  g_assert_null (tn_mitigate (model, batches, batches, &options, NULL, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
}

typedef struct
{
  const TnStepMoments *moments;
  const float *weight;
  gsize rows;
  TnResidualPlace residual;
  float *target;
  gboolean ok;
} TargetCall;

static void
make_target (gpointer user_data)
{
  TargetCall *call = user_data;

  call->ok = tn_step_moments_make_target (call->moments, call->weight, call->rows, call->residual, 1e-6, call->target, NULL);
}

/* Inputs that were only mixed up: the target undoes it. With a residual, it makes up for what that lost along the inputs. */
static void
test_target (void)
{
  enum
  {
    N = 5,
    ROWS = 3,
    TOKENS = 40
  };
  TnRandom random = tn_random_stream (1, "target");
  double x[TOKENS][N], mixed[TOKENS][N], mix[N][N], gram[N * N] = {0}, cross[N * N] = {0}, residual[ROWS * N] = {0};
  float weight[ROWS * N], lost[ROWS * N], target[ROWS * N];
  TnStepMoments moments = {.width = N, .residual_width = ROWS, .gram = gram, .cross = cross, .residual = residual};
  TargetCall call = {&moments, weight, ROWS, TN_RESIDUAL_NONE, target, FALSE};

  for (gsize i = 0; i < N; i++)
    for (gsize j = 0; j < N; j++)
      mix[i][j] = (i == j) + 0.2 * tn_random_normal (&random);
  for (gsize i = 0; i < ROWS * N; i++)
    {
      weight[i] = (float) tn_random_normal (&random);
      lost[i] = (float) tn_random_normal (&random);
    }
  for (gsize t = 0; t < TOKENS; t++)
    {
      for (gsize i = 0; i < N; i++)
        x[t][i] = tn_random_normal (&random);
      for (gsize i = 0; i < N; i++)
        for (gsize j = mixed[t][i] = 0; j < N; j++)
          mixed[t][i] += mix[i][j] * x[t][j];
      for (gsize i = 0; i < N; i++)
        for (gsize j = 0; j < N; j++)
          {
            gram[i * N + j] += mixed[t][i] * mixed[t][j];
            cross[i * N + j] += x[t][i] * mixed[t][j];
          }
      /* The stream lost an amount that is linear in the inputs. */
      for (gsize row = 0; row < ROWS; row++)
        for (gsize i = 0; i < N; i++)
          for (gsize j = 0; j < N; j++)
            residual[row * N + j] += (double) lost[row * N + i] * mixed[t][i] * mixed[t][j];
    }
  tn_compute_run (make_target, &call);
  g_assert_true (call.ok);
  for (gsize row = 0; row < ROWS; row++)
    for (gsize j = 0; j < N; j++)
      {
        double back = 0.0;

        for (gsize i = 0; i < N; i++)
          back += (double) target[row * N + i] * mix[i][j];
        g_assert_cmpfloat (fabs (back - (double) weight[row * N + j]), <, 1e-3);
      }
  call.residual = TN_RESIDUAL_BEHIND;
  tn_compute_run (make_target, &call);
  for (gsize i = 0; i < ROWS * N; i++)
    g_assert_cmpfloat (fabs ((double) target[i] - (double) weight[i] - (double) lost[i]), <, 1e-3);
}

static void
test_bias (void)
{
  enum
  {
    ROWS = 3,
    COLUMNS = 7,
    TOKENS = 20
  };
  TnRandom random = tn_random_stream (1, "bias");
  float weight[ROWS * COLUMNS], rounded[ROWS * COLUMNS], bias[ROWS] = {1.0f, -2.0f, 0.5f}, old[ROWS];
  double x[TOKENS][COLUMNS], mean[COLUMNS] = {0};

  for (gsize i = 0; i < ROWS * COLUMNS; i++)
    {
      weight[i] = (float) tn_random_normal (&random);
      rounded[i] = rintf (weight[i]);
    }
  for (gsize t = 0; t < TOKENS; t++)
    for (gsize i = 0; i < COLUMNS; i++)
      {
        x[t][i] = 2.0 + tn_random_normal (&random);
        mean[i] += x[t][i] / TOKENS;
      }
  memcpy (old, bias, sizeof bias);
  tn_bias_correct (weight, rounded, ROWS, COLUMNS, mean, bias);
  for (gsize row = 0; row < ROWS; row++)
    {
      double error = 0.0;

      for (gsize t = 0; t < TOKENS; t++)
        {
          error += (double) bias[row] - (double) old[row];
          for (gsize i = 0; i < COLUMNS; i++)
            error += ((double) rounded[row * COLUMNS + i] - (double) weight[row * COLUMNS + i]) * x[t][i];
        }
      g_assert_cmpfloat (fabs (error / TOKENS), <, 1e-6);
    }
}

static void
test_names (void)
{
  TnMitigationKind kinds;
  GError *error = NULL;

  g_assert_true (tn_mitigation_kinds_parse ("gptq,smooth", &kinds, NULL));
  g_assert_cmpuint (kinds, ==, TN_MITIGATION_FEEDBACK | TN_MITIGATION_SMOOTH);
  g_assert_cmpstr (tn_mitigation_kind_get_name (TN_MITIGATION_COMPENSATE), ==, "compensate");
  g_assert_false (tn_mitigation_kinds_parse ("gptq,plain", &kinds, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
  g_clear_error (&error);
  g_assert_false (tn_mitigation_kinds_parse ("bias", &kinds, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED);
  g_clear_error (&error);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mitigation/names", test_names);
  g_test_add_func ("/mitigation/bias", test_bias);
  g_test_add_func ("/mitigation/target", test_target);
  g_test_add_func ("/mitigation/random", test_random);
  g_test_add_func ("/mitigation/silent", test_silent);
  g_test_add_func ("/mitigation/budget", test_budget);
  g_test_add_func ("/mitigation/stories", test_stories);
  return g_test_run ();
}
