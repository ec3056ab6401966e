/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/analysis/loss-changes.h"
#include "engine/analysis/plan-checks.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "tests/engine/llama-fixture.h"

static const TnLlamaConfig config = {
    .n_vocab = 67,
    .n_embd = 32,
    .n_layer = 3,
    .n_head = 4,
    .n_head_kv = 2,
    .head_dim = 6,
    .n_ff = 29,
    .n_context = 64,
    .rope_dim = 6,
    .rope_base = 10000.0,
    .rope_scale = 1.0,
    .norm_epsilon = 1e-6,
};

static const guint lengths[] = {13, 1, 24, 7};
#define N_WINDOWS G_N_ELEMENTS (lengths)

typedef struct
{
  TnModel *model;
  TnBatch *batch;
  double loss, targets;
} LossCall;

static void
find_loss (gpointer user_data)
{
  LossCall *call = user_data;
  TnLoss loss = {0};

  g_assert_true (tn_model_forward (call->model, call->batch, NULL, NULL, &loss, NULL, NULL));
  call->loss = loss.nll_sum;
  call->targets = (double) loss.n_scored;
}

static LossCall
get_loss (TnModel *model, const TnSequence *sequence)
{
  g_autoptr (TnBatch) batch = tn_batch_new (sequence, 1);
  LossCall call = {.model = model, .batch = batch};

  tn_compute_run (find_loss, &call);
  return call;
}

static TnAnalysis *
make_analysis (TnModel *model, const char *names, const char *activations)
{
  g_autoptr (GArray) schemes = tn_scheme_parse_list (names, NULL);
  TnScheme scheme;

  g_assert_true (activations == NULL || tn_scheme_parse (activations, &scheme, NULL));
  return tn_analysis_new (model, schemes, activations != NULL ? &scheme : NULL, NULL);
}

static TnModel *
round_one (TnModel *model, const char *name, const TnScheme *weights, const TnScheme *activations)
{
  const TnLayerPrecision precision = {.name = name, .weights = weights, .activations = activations};
  TnModel *rounded = tn_model_quantize (model, &precision, 1, NULL, NULL);

  g_assert_nonnull (rounded);
  return rounded;
}

static void
assert_same (const TnEstimate *a, const TnEstimate *b)
{
  g_assert_cmpfloat (a->value, ==, b->value);
  g_assert_cmpfloat (a->low, ==, b->low);
  g_assert_cmpfloat (a->high, ==, b->high);
  g_assert_cmpuint (a->n, ==, b->n);
}

/* Starting where the layer is gives the bits of the whole pass. */
static void
check_measured (const char *activations)
{
  g_autoptr (TnModel) model = llama_fixture_new (&config, TN_DTYPE_F32, 5);
  g_autoptr (TnBatch) batch = llama_fixture_batch (&config, lengths, N_WINDOWS, 3);
  g_autoptr (TnAnalysis) analysis = make_analysis (model, "ternary,int4:g32", activations);
  g_autoptr (TnLossBaseline) baseline = tn_loss_baseline_new (model, batch, 3, NULL, NULL, NULL);
  const TnLossChangeOptions options = {.most = G_MAXUINT};
  double sum = 0.0, targets = 0.0;

  g_assert_nonnull (analysis);
  g_assert_nonnull (baseline);
  g_assert_true (tn_analysis_measure_losses (analysis, model, baseline, &options, NULL, NULL, NULL));
  for (guint w = 0; w < N_WINDOWS; w++)
    {
      LossCall call = get_loss (model, &batch->sequences[w]);

      sum += call.loss;
      targets += call.targets;
    }
  g_assert_cmpfloat (analysis->loss.value, ==, sum / targets);
  for (guint i = 0; i < analysis->layers->len; i++)
    for (guint k = 0; k < 2; k++)
      {
        const TnAnalysisCell *cell = tn_analysis_get_cell (analysis, i, k);
        double differences[N_WINDOWS], weights[N_WINDOWS];
        g_autoptr (TnModel) rounded = NULL;
        TnEstimate expected;
        guint n = 0;

        if (!cell->applies)
          {
            g_assert_true (isnan (cell->measured.value));
            continue;
          }
        rounded = round_one (model, tn_analysis_get_layer (analysis, i)->name, tn_analysis_get_scheme (analysis, k),
                             activations != NULL ? &analysis->activations : NULL);
        for (guint w = 0; w < N_WINDOWS; w++)
          {
            LossCall a = get_loss (model, &batch->sequences[w]), b = get_loss (rounded, &batch->sequences[w]);

            differences[n] = b.loss - a.loss;
            weights[n] = a.targets;
            n += a.targets > 0.0;
          }
        expected = tn_estimate_ratio (differences, weights, n);
        assert_same (&cell->measured, &expected);
        g_assert_false (cell->stopped);
      }
}

static void
test_measured (void)
{
  check_measured (NULL);
}

static void
test_measured_with_inputs (void)
{
  check_measured ("int8:t");
}

/* Several layers at once, and a change in the first block alone. */
static void
test_compare (void)
{
  g_autoptr (TnModel) model = llama_fixture_new (&config, TN_DTYPE_F32, 5);
  g_autoptr (TnBatch) batch = llama_fixture_batch (&config, lengths, N_WINDOWS, 3);
  g_autoptr (TnAnalysis) analysis = make_analysis (model, "ternary,int8:c", NULL);
  g_autoptr (TnLossBaseline) baseline = tn_loss_baseline_new (model, batch, 3, NULL, NULL, NULL);
  g_autofree gint *schemes = g_new (gint, analysis->layers->len);
  g_autoptr (TnModel) rounded = NULL, same = NULL;
  TnEstimate change;
  double sum = 0.0, targets = 0.0;

  for (guint i = 0; i < analysis->layers->len; i++)
    schemes[i] = (gint) (i % 3) - 1;
  rounded = tn_analysis_round_layers (analysis, model, schemes, NULL, NULL, NULL);
  g_assert_nonnull (rounded);
  g_assert_true (tn_loss_baseline_compare (baseline, rounded, 0, &change, NULL, NULL));
  for (guint w = 0; w < N_WINDOWS; w++)
    {
      LossCall a = get_loss (model, &batch->sequences[w]), b = get_loss (rounded, &batch->sequences[w]);

      sum += b.loss - a.loss;
      targets += a.targets;
    }
  g_assert_cmpfloat (change.value, ==, sum / targets);
  for (guint i = 0; i < analysis->layers->len; i++)
    schemes[i] = -1;
  same = tn_analysis_round_layers (analysis, model, schemes, NULL, NULL, NULL);
  g_assert_true (tn_loss_baseline_compare (baseline, same, 0, &change, NULL, NULL));
  g_assert_cmpfloat (change.value, ==, 0.0);
}

static TnBatch *
repeat (const TnSequence *sequence, guint n)
{
  g_autofree TnSequence *sequences = g_new (TnSequence, n);

  for (guint i = 0; i < n; i++)
    sequences[i] = *sequence;
  return tn_batch_new (sequences, n);
}

/* Windows that are all the same leave no doubt: after the least number of them every place is certain. Windows that differ do. */
static void
test_stops_early (void)
{
  g_autoptr (TnModel) model = llama_fixture_new (&config, TN_DTYPE_F32, 5);
  g_autoptr (TnBatch) batch = llama_fixture_batch (&config, lengths, N_WINDOWS, 3), same = repeat (&batch->sequences[0], 6);
  g_autoptr (TnAnalysis) analysis = make_analysis (model, "binary", NULL), certain = make_analysis (model, "binary", NULL);
  g_autoptr (TnLossBaseline) baseline = tn_loss_baseline_new (model, batch, 3, NULL, NULL, NULL),
                             same_baseline = tn_loss_baseline_new (model, same, 2, NULL, NULL, NULL);
  const TnLossChangeOptions options = {.most = G_MAXUINT, .stops_early = TRUE, .least_windows = 4};

  g_assert_true (tn_analysis_measure_losses (analysis, model, baseline, &options, NULL, NULL, NULL));
  g_assert_true (tn_analysis_measure_losses (certain, model, same_baseline, &options, NULL, NULL, NULL));
  for (guint i = 0; i < analysis->layers->len; i++)
    {
      g_assert_false (tn_analysis_get_cell (analysis, i, 0)->stopped);
      g_assert_cmpuint (tn_analysis_get_cell (analysis, i, 0)->measured.n, ==, N_WINDOWS);
      g_assert_true (tn_analysis_get_cell (certain, i, 0)->stopped);
      g_assert_cmpuint (tn_analysis_get_cell (certain, i, 0)->measured.n, ==, 4);
    }
}

/* The most that scores say are measured, no others. */
static void
test_most (void)
{
  g_autoptr (TnModel) model = llama_fixture_new (&config, TN_DTYPE_F32, 5);
  g_autoptr (TnBatch) batch = llama_fixture_batch (&config, lengths, N_WINDOWS, 3);
  g_autoptr (TnAnalysis) analysis = make_analysis (model, "ternary", NULL);
  g_autoptr (TnLossBaseline) baseline = tn_loss_baseline_new (model, batch, 3, NULL, NULL, NULL);
  const TnLossChangeOptions options = {.most = 2};

  for (guint i = 0; i < analysis->layers->len; i++)
    tn_analysis_get_cell (analysis, i, 0)->taylor = (TnEstimate){.value = i == 3    ? 5.0
                                                                          : i == 11 ? 4.0
                                                                                    : 0.1 * i,
                                                                 .low = 0.0,
                                                                 .high = 9.0};
  g_assert_true (tn_analysis_measure_losses (analysis, model, baseline, &options, NULL, NULL, NULL));
  for (guint i = 0; i < analysis->layers->len; i++)
    g_assert_true (isnan (tn_analysis_get_cell (analysis, i, 0)->measured.value) == (i != 3 && i != 11));
}

static void
test_groups (void)
{
  g_autoptr (TnModel) model = llama_fixture_new (&config, TN_DTYPE_F32, 5);
  g_autoptr (TnAnalysis) analysis = make_analysis (model, "ternary", NULL);
  const guint groups[] = {0, 0, 0, 1, 2, 2, 3};

  g_assert_cmpuint (analysis->layers->len, ==, 21);
  g_assert_cmpuint (analysis->n_groups, ==, 12);
  for (guint i = 0; i < 21; i++)
    {
      g_assert_cmpuint (tn_analysis_get_layer (analysis, i)->group, ==, 4 * (i / 7) + groups[i % 7]);
      g_assert_cmpuint (tn_analysis_get_layer (analysis, i)->block, ==, i / 7);
    }
  g_assert_cmpstr (tn_analysis_get_layer (analysis, 2)->name, ==, "blk.0.attn_v.weight");
  g_assert_cmpstr (tn_analysis_get_layer (analysis, 2)->site, ==, "blk.0.attn_q.in");
  g_assert_cmpuint (tn_analysis_find_layer (analysis, "blk.2.ffn_down.weight"), ==, 20);
  g_assert_cmpuint (tn_analysis_find_layer (analysis, "none"), ==, G_MAXUINT);
}

/* Whole plans: every scheme in all layers, then plans of the front between its ends; measured as they are when rounded here. */
static void
test_plans (void)
{
  g_autoptr (TnModel) model = llama_fixture_new (&config, TN_DTYPE_F32, 5);
  g_autoptr (TnBatch) batch = llama_fixture_batch (&config, lengths, N_WINDOWS, 3);
  g_autoptr (TnAnalysis) analysis = make_analysis (model, "ternary,int8", NULL);
  g_autoptr (TnLossBaseline) baseline = tn_loss_baseline_new (model, batch, 3, NULL, NULL, NULL);
  const TnLossChangeOptions options = {.most = G_MAXUINT};
  double largest = 0.0;

  g_assert_true (tn_analysis_measure_losses (analysis, model, baseline, &options, NULL, NULL, NULL));
  g_assert_true (tn_analysis_check_plans (analysis, model, baseline, 2, NULL, NULL, NULL, NULL));
  g_assert_cmpuint (analysis->checks->len, >=, 3);
  g_assert_cmpuint (analysis->checks->len, <=, 4);
  for (guint i = 0; i < analysis->checks->len; i++)
    {
      const TnPlanCheck *check = g_ptr_array_index (analysis->checks, i);
      g_autoptr (TnModel) rounded = tn_analysis_round_layers (analysis, model, check->schemes, NULL, NULL, NULL);
      TnPlanPrediction prediction = tn_analysis_predict_plan (analysis, check->schemes);
      TnEstimate change;

      g_assert_true (tn_loss_baseline_compare (baseline, rounded, 0, &change, NULL, NULL));
      g_assert_cmpfloat (change.value, ==, check->measured.value);
      g_assert_cmpfloat (prediction.change.value, ==, check->predicted);
      g_assert_cmpfloat (prediction.bits, ==, check->bits);
      for (guint k = 0; i < 2 && k < analysis->layers->len; k++)
        g_assert_cmpint (check->schemes[k], ==, (gint) i);
      if (i >= 2)
        g_assert_cmpfloat (check->bits, >, largest);
      largest = i >= 2 ? check->bits : 0.0;
    }
  g_assert_cmpstr (((TnPlanCheck *) g_ptr_array_index (analysis->checks, 0))->title, ==, "ternary everywhere");
}

/* Mean 2, standard error 1 / sqrt 3 and t of 2 degrees of freedom 4.3027. */
static void
test_estimate (void)
{
  const double values[] = {1.0, 2.0, 3.0}, ones[] = {2.0, 2.0, 2.0};
  TnEstimate mean = tn_estimate_mean (values, 3), ratio = tn_estimate_ratio (values, ones, 3), one = tn_estimate_mean (values, 1);

  g_assert_cmpfloat_with_epsilon (mean.value, 2.0, 1e-15);
  g_assert_cmpfloat_with_epsilon (mean.high, 2.0 + 4.302652729911275 / sqrt (3.0), 1e-9);
  g_assert_cmpfloat_with_epsilon (mean.low, 2.0 - 4.302652729911275 / sqrt (3.0), 1e-9);
  g_assert_cmpfloat_with_epsilon (ratio.high, mean.high / 2.0, 1e-12);
  g_assert_true (isnan (one.low) && one.value == 1.0 && one.n == 1);
  g_assert_true (isnan (tn_estimate_mean (values, 0).value));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* The products are tiny: a second thread only waits. */
  tn_device_set_threads (1);
  g_test_add_func ("/loss-changes/measured", test_measured);
  g_test_add_func ("/loss-changes/measured-with-inputs", test_measured_with_inputs);
  g_test_add_func ("/loss-changes/compare", test_compare);
  g_test_add_func ("/loss-changes/stops-early", test_stops_early);
  g_test_add_func ("/loss-changes/most", test_most);
  g_test_add_func ("/loss-changes/groups", test_groups);
  g_test_add_func ("/loss-changes/plans", test_plans);
  g_test_add_func ("/loss-changes/estimate", test_estimate);
  return g_test_run ();
}
