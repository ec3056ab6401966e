/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/analysis/findings.h"
#include "engine/analysis/layer-errors.h"
#include "engine/analysis/remedies.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/random.h"
#include "tests/engine/llama-fixture.h"

static const TnLlamaConfig config = {
    .n_vocab = 131,
    .n_embd = 64,
    .n_layer = 2,
    .n_head = 8,
    .n_head_kv = 4,
    .head_dim = 8,
    .n_ff = 173,
    .n_context = 300,
    .rope_dim = 8,
    .rope_base = 10000.0,
    .rope_scale = 1.0,
    .norm_epsilon = 1e-5,
};

/* What is planted. */
#define CHANNEL 13
#define ROW 29

typedef void (*ChangeFunc) (float *values, guint64 rows, guint64 columns);

static TnModel *
change (TnModel *model, const char *name, ChangeFunc func)
{
  const TnTensor *old = tn_model_find_parameter (model, name)->tensor;
  g_autoptr (TnTensor) tensor = tn_tensor_new (TN_DTYPE_F32, old->n_dims, old->shape, TN_PURPOSE_WEIGHTS, NULL);
  g_autoptr (GError) error = NULL;
  TnModel *changed;

  tn_tensor_decode (old, 0, old->count, tn_tensor_get_writable (tensor));
  func (tn_tensor_get_writable (tensor), tn_tensor_rows (old), tn_tensor_columns (old));
  changed = tn_model_with_parameter (model, name, tensor, &error);
  g_assert_no_error (error);
  return changed;
}

static TnAnalysis *
new_analysis (TnModel *model, const char *schemes, const char *activations)
{
  g_autoptr (GArray) list = tn_scheme_parse_list (schemes, NULL);
  TnAnalysis *analysis;
  TnScheme scheme;

  g_assert_true (activations == NULL || tn_scheme_parse (activations, &scheme, NULL));
  analysis = tn_analysis_new (model, list, activations != NULL ? &scheme : NULL, NULL);
  g_assert_nonnull (analysis);
  return analysis;
}

static void
measure (TnAnalysis *analysis, TnModel *model)
{
  static const guint lengths[] = {40, 17};
  g_autoptr (TnBatch) batch = llama_fixture_batch (&config, lengths, G_N_ELEMENTS (lengths), 5);
  g_autoptr (GError) error = NULL;

  g_assert_true (tn_analysis_measure_errors (analysis, model, &batch, 1, NULL, NULL, NULL, &error));
  g_assert_no_error (error);
}

static void
find_causes (TnAnalysis *analysis, TnModel *model, const TnStats *stats)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (tn_analysis_find_causes (analysis, model, stats, NULL, &error));
  g_assert_no_error (error);
}

static const TnFinding *
get_finding (const TnAnalysis *analysis, const char *layer, TnFindingKind kind)
{
  return tn_analyzed_layer_get_finding (tn_analysis_get_layer (analysis, tn_analysis_find_layer (analysis, layer)), kind);
}

static gboolean
recommends (const TnAnalysis *analysis, const char *layer, TnRemedy remedy)
{
  TnRemedy remedies[TN_MOST_REMEDIES];
  guint n = tn_analysis_recommend (analysis, tn_analysis_find_layer (analysis, layer), 0, remedies);

  for (guint i = 0; i < n; i++)
    if (remedies[i] == remedy)
      return TRUE;
  return FALSE;
}

static void
scale_gain (float *values, guint64 rows G_GNUC_UNUSED, guint64 columns G_GNUC_UNUSED)
{
  values[CHANNEL] *= 50.0f;
}

static void
divide_column (float *values, guint64 rows, guint64 columns)
{
  for (guint64 i = 0; i < rows; i++)
    values[i * columns + CHANNEL] /= 50.0f;
}

static TnModel *
plant_outlier_channel (TnModel *plain)
{
  g_autoptr (TnModel) gain = change (plain, "blk.1.attn_norm.weight", scale_gain);
  g_autoptr (TnModel) q = change (gain, "blk.1.attn_q.weight", divide_column);
  g_autoptr (TnModel) k = change (q, "blk.1.attn_k.weight", divide_column);

  return change (k, "blk.1.attn_v.weight", divide_column);
}

/* The same function, another balance: exactly this channel is found, by the few tokens of the errors and by statistics. */
static void
test_outlier_channel (void)
{
  static const char *const layers[] = {"blk.1.attn_q.weight", "blk.1.attn_k.weight", "blk.1.attn_v.weight"};
  static const guint lengths[] = {33};
  g_autoptr (TnModel) plain = llama_fixture_new (&config, TN_DTYPE_F32, 3);
  g_autoptr (TnModel) model = plant_outlier_channel (plain);
  g_autoptr (TnAnalysis) analysis = new_analysis (model, "int8", "int4:t");
  g_autoptr (TnAnalysis) untouched = new_analysis (plain, "int8", "int4:t");
  g_autoptr (TnBatch) batch = llama_fixture_batch (&config, lengths, 1, 7);
  g_autoptr (TnStats) stats = tn_stats_new (tn_model_get_fingerprint (model), "own");
  g_autoptr (TnStats) foreign = tn_stats_new (~tn_model_get_fingerprint (model), "own");
  const TnForwardOptions options = {.kinds = TN_SITE_INPUT, .observe = tn_stats_observe, .user_data = stats};
  g_autoptr (GError) error = NULL;

  measure (analysis, model);
  measure (untouched, plain);
  tn_stats_add_sites (stats, model, TN_SITE_INPUT);
  g_assert_true (tn_model_forward (model, batch, &options, NULL, NULL, NULL, NULL));
  tn_stats_count_batch (stats, batch);
  for (guint round = 0; round < 2; round++)
    {
      for (guint i = 0; i < G_N_ELEMENTS (layers); i++)
        {
          const TnFinding *finding = get_finding (analysis, layers[i], TN_FINDING_OUTLIER_INPUTS);

          g_assert_nonnull (finding);
          g_assert_cmpuint (finding->index, ==, CHANNEL);
          g_assert_cmpfloat (finding->value, >, 20.0);
          g_assert_cmpfloat (finding->value, <, 100.0);
          g_assert_true (recommends (analysis, layers[i], TN_REMEDY_SMOOTHING));
        }
      g_assert_null (get_finding (analysis, "blk.1.ffn_gate.weight", TN_FINDING_OUTLIER_INPUTS));
      g_assert_null (get_finding (untouched, layers[0], TN_FINDING_OUTLIER_INPUTS));
      find_causes (analysis, model, stats);
    }
  g_assert_false (tn_analysis_find_causes (analysis, model, foreign, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_MISMATCH);
}

/* Weights of that channel are small and their rounding is coarse: one channel carries most of the error. */
static void
test_concentration (void)
{
  g_autoptr (TnModel) plain = llama_fixture_new (&config, TN_DTYPE_F32, 3);
  g_autoptr (TnModel) model = plant_outlier_channel (plain);
  g_autoptr (TnAnalysis) analysis = new_analysis (model, "int4", NULL);
  const TnFinding *finding;

  measure (analysis, model);
  finding = get_finding (analysis, "blk.1.attn_q.weight", TN_FINDING_CONCENTRATION);
  g_assert_nonnull (finding);
  g_assert_cmpuint (finding->index, ==, CHANNEL);
  g_assert_cmpfloat (finding->value, <=, 1.0);
  g_assert_null (get_finding (analysis, "blk.0.attn_q.weight", TN_FINDING_CONCENTRATION));
  g_assert_true (recommends (analysis, "blk.1.attn_q.weight", TN_REMEDY_ERROR_FEEDBACK));
}

static void
scale_row (float *values, guint64 rows G_GNUC_UNUSED, guint64 columns)
{
  for (guint64 c = 0; c < columns; c++)
    values[ROW * columns + c] *= 100.0f;
}

static void
shrink_row (float *values, guint64 rows G_GNUC_UNUSED, guint64 columns)
{
  for (guint64 c = 0; c < columns; c++)
    values[ROW * columns + c] /= 100.0f;
}

static void
test_scale_spread (void)
{
  static const ChangeFunc changes[] = {scale_row, shrink_row};
  g_autoptr (TnModel) plain = llama_fixture_new (&config, TN_DTYPE_F32, 3);

  for (guint i = 0; i < G_N_ELEMENTS (changes); i++)
    {
      g_autoptr (TnModel) model = change (plain, "blk.0.ffn_down.weight", changes[i]);
      g_autoptr (TnAnalysis) analysis = new_analysis (model, "ternary,int4:c", NULL);
      const TnFinding *finding;

      measure (analysis, model);
      find_causes (analysis, model, NULL);
      finding = get_finding (analysis, "blk.0.ffn_down.weight", TN_FINDING_SCALE_SPREAD);
      g_assert_nonnull (finding);
      g_assert_cmpuint (finding->index, ==, ROW);
      g_assert_cmpfloat (finding->value, >, 80.0);
      g_assert_null (get_finding (analysis, "blk.0.ffn_up.weight", TN_FINDING_SCALE_SPREAD));
      if (changes[i] == scale_row)
        g_assert_true (recommends (analysis, "blk.0.ffn_down.weight", TN_REMEDY_PER_ROW));
    }
}

static void
set_few (float *values, guint64 rows, guint64 columns)
{
  for (guint64 i = 0; i < rows * columns; i++)
    values[i] = rintf (values[i] * 16.0f) / 16.0f;
}

static void
set_constant (float *values, guint64 rows, guint64 columns)
{
  for (guint64 i = 0; i < rows * columns; i++)
    values[i] = 0.25f;
}

static void
set_nan (float *values, guint64 rows G_GNUC_UNUSED, guint64 columns)
{
  values[2 * columns] = INFINITY;
  values[ROW * columns] = NAN;
  values[ROW * columns + 5] = -INFINITY;
}

static void
set_tail (float *values, guint64 rows, guint64 columns)
{
  for (guint64 i = 0; i < rows * columns; i++)
    values[i] = values[i] * values[i] * values[i] + 0.01f;
}

static void
set_shift (float *values, guint64 rows, guint64 columns)
{
  for (guint64 i = 0; i < rows * columns; i++)
    values[i] += 0.5f;
}

static void
set_spike (float *values, guint64 rows G_GNUC_UNUSED, guint64 columns)
{
  values[ROW * columns + 7] = -9.0f;
}

static double
count_distinct (const float *values, guint64 n)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_double_hash, g_double_equal, g_free, NULL);

  for (guint64 i = 0; i < n; i++)
    {
      double *value = g_new (double, 1);

      *value = (double) values[i];
      g_hash_table_add (seen, value);
    }
  return g_hash_table_size (seen);
}

/* The slow values, two passes in long double. */
static double
find_slowly (const float *values, guint64 n, TnFindingKind kind)
{
  long double mean = 0.0, m2 = 0.0, m4 = 0.0, square = 0.0, most = 0.0;

  for (guint64 i = 0; i < n; i++)
    {
      mean += (long double) values[i] / n;
      square += (long double) values[i] * values[i] / n;
      most = fmaxl (most, fabsl (values[i]));
    }
  for (guint64 i = 0; i < n; i++)
    {
      long double distance = values[i] - mean;

      m2 += distance * distance / n;
      m4 += distance * distance * distance * distance / n;
    }
  switch (kind)
    {
    case TN_FINDING_OUTLIER_WEIGHTS:
      return (double) (most / sqrtl (square));
    case TN_FINDING_HEAVY_TAIL:
      return (double) (m4 / (m2 * m2));
    case TN_FINDING_SHIFTED:
      return (double) (fabsl (mean) / sqrtl (m2));
    default:
      return count_distinct (values, n);
    }
}

typedef struct
{
  TnFindingKind kind;
  ChangeFunc func;
  guint index;
} Planted;

static const Planted planted[] = {
    {TN_FINDING_FEW_VALUES, set_few, G_MAXUINT},
    {TN_FINDING_HEAVY_TAIL, set_tail, G_MAXUINT},
    {TN_FINDING_SHIFTED, set_shift, G_MAXUINT},
    {TN_FINDING_OUTLIER_WEIGHTS, set_spike, ROW},
};

static void
test_weights (gconstpointer data)
{
  const Planted *plan = data;
  g_autoptr (TnModel) plain = llama_fixture_new (&config, TN_DTYPE_F32, 3);
  g_autoptr (TnModel) model = change (plain, "blk.0.ffn_gate.weight", plan->func);
  const TnTensor *tensor = tn_model_find_parameter (model, "blk.0.ffn_gate.weight")->tensor;
  g_autoptr (TnAnalysis) analysis = new_analysis (model, "int4", NULL);
  g_autoptr (TnAnalysis) untouched = new_analysis (plain, "int4", NULL);
  g_autofree float *values = g_new (float, tensor->count);
  const TnFinding *finding;
  guint threads = tn_device_get_threads ();
  double expected;

  tn_tensor_decode (tensor, 0, tensor->count, values);
  find_causes (analysis, model, NULL);
  find_causes (untouched, plain, NULL);
  finding = get_finding (analysis, "blk.0.ffn_gate.weight", plan->kind);
  g_assert_nonnull (finding);
  g_assert_null (get_finding (untouched, "blk.0.ffn_gate.weight", plan->kind));
  expected = find_slowly (values, tensor->count, plan->kind);
  g_assert_cmpfloat (fabs (finding->value - expected), <=, 1e-12 * expected);
  g_assert_cmpfloat (finding->limit, ==, tn_finding_get_limit (plan->kind));
  g_assert_cmpuint (finding->index, ==, plan->index);

  expected = finding->value;
  tn_device_set_threads (threads == 1 ? 2 : 1);
  find_causes (analysis, model, NULL);
  tn_device_set_threads (threads);
  g_assert_true (get_finding (analysis, "blk.0.ffn_gate.weight", plan->kind)->value == expected);
}

static void
test_constant_and_nonfinite (void)
{
  g_autoptr (TnModel) plain = llama_fixture_new (&config, TN_DTYPE_F32, 3);
  g_autoptr (TnModel) constant = change (plain, "blk.0.ffn_gate.weight", set_constant);
  g_autoptr (TnModel) model = change (constant, "blk.1.ffn_gate.weight", set_nan);
  g_autoptr (TnAnalysis) analysis = new_analysis (model, "int4", NULL);
  const GArray *findings;
  const TnFinding *finding;

  find_causes (analysis, model, NULL);
  finding = get_finding (analysis, "blk.0.ffn_gate.weight", TN_FINDING_CONSTANT);
  g_assert_nonnull (finding);
  g_assert_cmpfloat (finding->value, ==, 0.25);
  g_assert_cmpuint (finding->index, ==, G_MAXUINT);
  findings = tn_analysis_get_layer (analysis, tn_analysis_find_layer (analysis, "blk.1.ffn_gate.weight"))->findings;
  finding = &g_array_index (findings, TnFinding, 0);
  g_assert_cmpint (finding->kind, ==, TN_FINDING_NONFINITE);
  g_assert_cmpfloat (finding->value, ==, 3.0);
  g_assert_cmpuint (finding->index, ==, ROW);
  g_assert_true (recommends (analysis, "blk.1.ffn_gate.weight", TN_REMEDY_REPAIR));
  /* Found again, it is there once; gone, it is gone. */
  find_causes (analysis, model, NULL);
  g_assert_nonnull (get_finding (analysis, "blk.0.ffn_gate.weight", TN_FINDING_CONSTANT));
  find_causes (analysis, plain, NULL);
  g_assert_cmpuint (findings->len, ==, 0);
  g_assert_null (get_finding (analysis, "blk.0.ffn_gate.weight", TN_FINDING_CONSTANT));
}

static void
test_order (void)
{
  static const TnFinding findings[] = {
      {TN_FINDING_HEAVY_TAIL, 7.0, 6.0, G_MAXUINT},   {TN_FINDING_NONFINITE, 1.0, NAN, 0},
      {TN_FINDING_FEW_VALUES, 3.0, 256.0, G_MAXUINT}, {TN_FINDING_OUTLIER_INPUTS, 80.0, 8.0, 2},
      {TN_FINDING_HEAVY_TAIL, 600.0, 6.0, G_MAXUINT},
  };
  static const TnFindingKind order[] = {TN_FINDING_NONFINITE, TN_FINDING_HEAVY_TAIL, TN_FINDING_FEW_VALUES,
                                        TN_FINDING_OUTLIER_INPUTS};
  TnAnalyzedLayer *layer = tn_analyzed_layer_new ("a.weight", "a.in", 0, 2, 3, 0);
  g_autoptr (TnAnalysis) analysis = tn_analysis_new_empty ();

  g_ptr_array_add (analysis->layers, layer);
  for (guint i = 0; i < G_N_ELEMENTS (findings); i++)
    tn_analyzed_layer_add_finding (layer, &findings[i]);
  g_assert_cmpuint (layer->findings->len, ==, G_N_ELEMENTS (order));
  for (guint i = 0; i < G_N_ELEMENTS (order); i++)
    g_assert_cmpint (g_array_index (layer->findings, TnFinding, i).kind, ==, order[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/findings/outlier-channel", test_outlier_channel);
  g_test_add_func ("/findings/concentration", test_concentration);
  g_test_add_func ("/findings/scale-spread", test_scale_spread);
  for (guint i = 0; i < G_N_ELEMENTS (planted); i++)
    {
      g_autofree char *path = g_strdup_printf ("/findings/weights/%s", tn_finding_kind_get_name (planted[i].kind));

      g_test_add_data_func (path, &planted[i], test_weights);
    }
  g_test_add_func ("/findings/constant-and-nonfinite", test_constant_and_nonfinite);
  g_test_add_func ("/findings/order", test_order);
  return g_test_run ();
}
