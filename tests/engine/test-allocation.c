/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/analysis/allocation.h"
#include "engine/analysis/combined-losses.h"
#include "engine/error.h"
#include "engine/random.h"

#define N_LAYERS 6

/* Six layers in three groups; "int4:g32" does not fit the last. */
static TnAnalysis *
build (void)
{
  static const guint groups[N_LAYERS] = {0, 0, 0, 1, 1, 2};
  static const char *const names[N_LAYERS] = {"blk.0.attn_q.weight",   "blk.0.attn_k.weight", "blk.0.attn_v.weight",
                                              "blk.0.ffn_gate.weight", "blk.0.ffn_up.weight", "blk.0.ffn_down.weight"};
  TnAnalysis *analysis = tn_analysis_new_empty ();
  g_autoptr (GArray) schemes = tn_scheme_parse_list ("ternary,int4:g32,int8", NULL);
  TnRandom random = tn_random_stream (3, "allocation");

  g_array_append_vals (analysis->schemes, schemes->data, schemes->len);
  analysis->model_fingerprint = 0x1234;
  analysis->n_groups = 3;
  for (guint i = 0; i < N_LAYERS; i++)
    g_ptr_array_add (analysis->layers, tn_analyzed_layer_new (names[i], "s", 0, 8 + i, i == 5 ? 48 : 64, groups[i]));
  tn_analysis_allocate (analysis);
  for (guint i = 0; i < N_LAYERS; i++)
    for (guint k = 0; k < 3; k++)
      {
        const TnAnalyzedLayer *layer = tn_analysis_get_layer (analysis, i);
        TnAnalysisCell *cell = tn_analysis_get_cell (analysis, i, k);
        const TnScheme *scheme = tn_analysis_get_scheme (analysis, k);

        cell->applies = tn_scheme_check (scheme, layer->rows, layer->columns, NULL);
        if (!cell->applies)
          continue;
        cell->bits = tn_scheme_bits (scheme, layer->rows, layer->columns);
        cell->bytes = cell->bits * (double) (layer->rows * layer->columns) / 8.0;
        cell->measured.value = pow (4.0, -cell->bits) * (1.0 + tn_random_uniform (&random)) - (k == 2 ? 1e-4 : 0.0);
        cell->measured.low = cell->measured.value - 0.01;
        cell->measured.high = cell->measured.value + 0.02;
        cell->measured.n = 5;
      }
  return analysis;
}

static void
test_budgets (void)
{
  g_autoptr (TnAnalysis) analysis = build ();
  g_autoptr (GError) error = NULL;
  g_autoptr (TnAllocation) allocation = tn_allocation_new (analysis, NULL, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (tn_allocation_get_unknown (allocation), ==, 0);
  for (double bits = 1.0; bits < 17.0; bits += 0.25)
    {
      double best = (double) INFINITY;
      gint schemes[N_LAYERS];
      guint point;
      g_autoptr (GError) budget_error = NULL;

      /* Every choice of a group: three schemes, or none. */
      for (guint code = 0; code < 64; code++)
        {
          TnPlanPrediction prediction;

          for (guint i = 0; i < N_LAYERS; i++)
            {
              guint choice = code >> (2 * tn_analysis_get_layer (analysis, i)->group) & 3;

              schemes[i] = choice < 3 ? (gint) choice : -1;
            }
          prediction = tn_analysis_predict_plan (analysis, schemes);
          if (!isnan (prediction.bytes) && prediction.bits <= bits && prediction.change.value < best)
            best = prediction.change.value;
        }
      if (!tn_allocation_find_bits (allocation, bits, &point, &budget_error))
        {
          g_assert_error (budget_error, TN_ERROR, TN_ERROR_ARGUMENT);
          g_assert_nonnull (strstr (budget_error->message, "the smallest has 1.6"));
          g_assert_true (isinf (best));
          continue;
        }
      tn_allocation_get_schemes (allocation, point, schemes);
      g_assert_cmpfloat_with_epsilon (tn_analysis_predict_plan (analysis, schemes).change.value, best, 1e-15);
      g_assert_true (tn_analysis_predict_plan (analysis, schemes).bits <= bits + 1e-3);
      g_assert_true (schemes[0] == schemes[1] && schemes[1] == schemes[2] && schemes[3] == schemes[4] && schemes[5] != 1);
    }
}

static void
test_options (void)
{
  static const char *const keep[] = {"blk.*.attn_k.*", NULL}, *const nothing[] = {"blk.7.*", NULL};
  static const gboolean allowed[] = {TRUE, FALSE, FALSE};
  const TnAllocationOptions options = {.schemes = allowed, .keep = keep}, wrong = {.keep = nothing};
  g_autoptr (TnAnalysis) analysis = build (), blank = build ();
  g_autoptr (GError) error = NULL, blank_error = NULL;
  g_autoptr (TnAllocation) allocation = tn_allocation_new (analysis, &options, NULL, NULL);
  g_autoptr (TnPlan) plan = NULL;
  gint schemes[N_LAYERS];
  guint64 fingerprint;

  tn_allocation_get_schemes (allocation, 0, schemes);
  for (guint i = 0; i < N_LAYERS; i++)
    g_assert_cmpint (schemes[i], ==, i < 3 ? -1 : 0);
  g_assert_null (tn_allocation_new (analysis, &wrong, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_NOT_FOUND);

  analysis->has_activations = TRUE;
  g_assert_true (tn_scheme_parse ("int8:t", &analysis->activations, NULL));
  plan = tn_analysis_make_plan (analysis, schemes);
  g_assert_true (tn_plan_get_fingerprint (plan, &fingerprint) && fingerprint == 0x1234);
  g_assert_cmpuint (tn_plan_n_rules (plan, TN_PLAN_WEIGHTS), ==, N_LAYERS);
  g_assert_true (tn_plan_find (plan, TN_PLAN_WEIGHTS, "blk.0.attn_q.weight", TRUE)->keep);
  g_assert_cmpuint (tn_plan_n_rules (plan, TN_PLAN_ACTIVATIONS), ==, 3);
  g_assert_nonnull (tn_plan_find (plan, TN_PLAN_ACTIVATIONS, "blk.0.ffn_down.in", TRUE));

  for (guint i = 0; i < N_LAYERS * 3; i++)
    blank->cells[i].measured = TN_ESTIMATE_NONE;
  g_assert_null (tn_allocation_new (blank, NULL, NULL, &blank_error));
  g_assert_error (blank_error, TN_ERROR, TN_ERROR_DATA);
}

/* What is measured well stays; what is lost in the error of measuring becomes what the score says; what was not measured too. */
static void
test_combined (void)
{
  g_autoptr (TnAnalysis) analysis = build ();
  g_autofree TnEstimate *losses = NULL;
  double factor;

  for (guint i = 0; i < N_LAYERS; i++)
    {
      TnAnalysisCell *sure = tn_analysis_get_cell (analysis, i, 0), *unsure = tn_analysis_get_cell (analysis, i, 2);

      sure->taylor = (TnEstimate){sure->measured.value * (i % 2 == 0 ? 1.5 : 3.0), 0.0, 1.0, 9};
      sure->measured.low = sure->measured.value - 1e-9;
      sure->measured.high = sure->measured.value + 1e-9;
      unsure->fisher = (TnEstimate){1e-6 * (i + 1), 0.0, 2e-6, 9};
      unsure->measured = (TnEstimate){i == 0 ? 7e-6 : 1e-7, -0.5, 0.5, 9};
    }
  tn_analysis_get_cell (analysis, 5, 0)->measured = TN_ESTIMATE_NONE;
  losses = tn_analysis_combine_losses (analysis);
  for (guint i = 0; i < 5; i++)
    g_assert_cmpfloat_with_epsilon (losses[i * 3].value, tn_analysis_get_cell (analysis, i, 0)->measured.value, 1e-9);
  factor = losses[15].value / tn_analysis_get_cell (analysis, 5, 0)->taylor.value;
  g_assert_true (factor > 1.0 / 3.0 && factor < 1.0 / 1.5);
  g_assert_cmpfloat_with_epsilon (losses[15].high, factor, 1e-12);
  /* sum m / sum f = 7.5 / 21 */
  for (guint i = 0; i < N_LAYERS; i++)
    {
      g_assert_cmpfloat_with_epsilon (losses[i * 3 + 2].value, 7.5 / 21.0 * 1e-6 * (i + 1), 1e-12);
      g_assert_true (losses[i * 3 + 2].high - losses[i * 3 + 2].low < 1e-5);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/allocation/budgets", test_budgets);
  g_test_add_func ("/allocation/options", test_options);
  g_test_add_func ("/allocation/combined", test_combined);
  return g_test_run ();
}
