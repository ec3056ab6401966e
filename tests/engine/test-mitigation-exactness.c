/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/analysis/mitigation/folding.h"
#include "engine/analysis/mitigation/rotation.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/nn/quantized-model.h"
#include "engine/random.h"
#include "tests/engine/llama-fixture.h"

static const TnLlamaConfig configs[] = {
    /* An odd width, heads that share keys and values. */
    {.n_vocab = 61,
     .n_embd = 37,
     .n_layer = 2,
     .n_head = 6,
     .n_head_kv = 2,
     .head_dim = 6,
     .n_ff = 53,
     .n_context = 64,
     .rope_dim = 6,
     .rope_base = 10000.0,
     .rope_scale = 1.0,
     .norm_epsilon = 1e-6,
     .rope_layout = TN_ROPE_INTERLEAVED},
    {.n_vocab = 67,
     .n_embd = 48,
     .n_layer = 3,
     .n_head = 4,
     .n_head_kv = 4,
     .head_dim = 8,
     .n_ff = 40,
     .n_context = 64,
     .rope_dim = 8,
     .rope_base = 10000.0,
     .rope_scale = 1.0,
     .norm_epsilon = 1e-5,
     .rope_layout = TN_ROPE_HALF_SPLIT,
     .tied = TRUE},
    /* Squared ReLU, and norms before the output and down projections. */
    {.n_vocab = 67,
     .n_embd = 32,
     .n_layer = 2,
     .n_head = 4,
     .n_head_kv = 2,
     .head_dim = 8,
     .n_ff = 40,
     .n_context = 64,
     .rope_dim = 8,
     .rope_base = 10000.0,
     .rope_scale = 1.0,
     .norm_epsilon = 1e-5,
     .rope_layout = TN_ROPE_HALF_SPLIT,
     .activation = TN_ACTIVATION_RELU2,
     .tied = TRUE},
};

typedef struct
{
  TnModel *model;
  TnBatch *batch;
  float *logits;
  GError *error;
} ForwardCall;

static void
forward_on_compute_thread (gpointer user_data)
{
  ForwardCall *call = user_data;

  tn_model_forward (call->model, call->batch, NULL, call->logits, NULL, NULL, &call->error);
}

static float *
get_logits (TnModel *model, TnBatch *batch)
{
  float *logits = g_new (float, batch->n_tokens *tn_model_get_config (model)->n_vocab);
  ForwardCall call = {model, batch, logits, NULL};

  tn_compute_run (forward_on_compute_thread, &call);
  g_assert_no_error (call.error);
  return logits;
}

static void
assert_same_logits (TnModel *model, TnModel *changed)
{
  const TnLlamaConfig *config = tn_model_get_config (model);
  g_autoptr (TnBatch) batch = llama_fixture_batch (config, (const guint[]){1, 17, 40}, 3, 5);
  g_autofree float *a = get_logits (model, batch), *b = get_logits (changed, batch);
  double most = 0.0, largest = 0.0;

  for (gsize i = 0; i < batch->n_tokens * config->n_vocab; i++)
    {
      most = MAX (most, fabs ((double) a[i] - (double) b[i]));
      largest = MAX (largest, fabs ((double) a[i]));
    }
  g_test_message ("largest difference %g of %g", most, largest);
  g_assert_cmpfloat (most, <, 1e-4 * MAX (largest, 1.0));
}

typedef struct
{
  TnModelEdit *edit;
  guint what;
  gboolean ok;
  GError *error;
} EditCall;

static void
rotate_on_compute_thread (gpointer user_data)
{
  EditCall *call = user_data;
  TnRotationReport report;

  call->ok = call->what == 0   ? tn_fold_norm_gains (call->edit, NULL, &call->error)
             : call->what == 1 ? tn_rotate_residual (call->edit, 7, &report, &call->error)
             : call->what == 2 ? tn_rotate_values (call->edit, &report, &call->error)
                               : tn_rotate_values (call->edit, &report, &call->error) &&
                                     tn_rotate_residual (call->edit, 8, &report, &call->error);
}

static void
check_rotation (TnModel *model)
{
  for (guint what = 0; what < 4; what++)
    {
      g_autoptr (TnModelEdit) edit = tn_model_edit_new (model, NULL);
      EditCall call = {.edit = edit, .what = what};
      g_autoptr (TnModel) changed = NULL;

      tn_compute_run (rotate_on_compute_thread, &call);
      g_assert_no_error (call.error);
      changed = tn_model_edit_finish (edit, &call.error);
      g_assert_no_error (call.error);
      assert_same_logits (model, changed);
    }
}

static void
test_rotation (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (configs); i++)
    {
      g_autoptr (TnModel) model = llama_fixture_new (&configs[i], TN_DTYPE_F32, i);

      check_rotation (model);
    }
}

static void
test_rotation_stories (void)
{
  g_autoptr (TnModel) model = llama_fixture_stories ();

  if (model != NULL)
    check_rotation (model);
}

static void
test_folding (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (configs); i++)
    for (guint fold = 0; fold < TN_N_FOLDS; fold++)
      {
        g_autoptr (TnModel) model = llama_fixture_new (&configs[i], TN_DTYPE_BF16, i), changed = NULL;
        g_autoptr (TnModelEdit) edit = tn_model_edit_new (model, NULL);
        guint n = tn_fold_n_channels (&configs[i], fold, configs[i].activation == TN_ACTIVATION_RELU2);
        TnRandom random = tn_random_stream (fold, "scales");
        g_autofree double *s = g_new (double, n);
        g_autoptr (GError) error = NULL;

        for (guint k = 0; k < n; k++)
          s[k] = exp (tn_random_normal (&random));
        for (guint block = 0; block < configs[i].n_layer; block++)
          g_assert_true (tn_fold_apply (edit, block, fold, s, &error));
        changed = tn_model_edit_finish (edit, &error);
        g_assert_no_error (error);
        assert_same_logits (model, changed);
        s[n - 1] = 0.0;
        g_assert_false (tn_fold_apply (edit, 0, fold, s, &error));
        g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
      }
}

typedef struct
{
  TnModelEdit *edit;
  TnFold fold;
  const double *gram, *writer_gram;
  TnScheme scheme;
  TnFoldChoice choice;
  double *s;
  GError *error;
} FindCall;

static void
find_on_compute_thread (gpointer user_data)
{
  FindCall *call = user_data;

  call->s = tn_fold_find (call->edit, 1, call->fold, &call->scheme, call->gram, call->writer_gram, &call->choice, &call->error);
}

/* Columns with large inputs and columns with large weights: some scales are better than none. */
static void
test_finding (void)
{
  const TnLlamaConfig *config = &configs[1];

  for (guint fold = 0; fold < TN_N_FOLDS; fold++)
    {
      g_autoptr (TnModel) model = llama_fixture_new (config, TN_DTYPE_F32, 1), changed = NULL;
      g_autoptr (TnModelEdit) edit = tn_model_edit_new (model, NULL);
      gsize width = fold == TN_FOLD_VALUES ? 32 : fold == TN_FOLD_UP ? 40 : 48;
      g_autofree double *gram = g_new0 (double, width *width), *writer_gram = g_new0 (double, 48 * 48);
      FindCall call = {.edit = edit, .fold = fold, .gram = gram, .writer_gram = fold % 2 == 1 ? writer_gram : NULL};

      for (gsize i = 0; i < width; i++)
        gram[i * width + i] = i % 5 == 0 ? 1000.0 : 1.0;
      for (gsize i = 0; i < 48; i++)
        writer_gram[i * 49] = 1.0;
      g_assert_true (tn_scheme_parse ("int3:c", &call.scheme, NULL));
      tn_compute_run (find_on_compute_thread, &call);
      g_assert_no_error (call.error);
      g_assert_cmpfloat (call.choice.after, <, call.choice.before);
      g_assert_true (tn_fold_apply (edit, 1, fold, call.s, &call.error));
      changed = tn_model_edit_finish (edit, &call.error);
      g_assert_no_error (call.error);
      assert_same_logits (model, changed);
      g_free (call.s);
    }
}

static void
test_low_precision (void)
{
  g_autoptr (TnModel) model = llama_fixture_new (&configs[1], TN_DTYPE_F32, 1), rounded = NULL;
  g_autoptr (GError) error = NULL;
  TnScheme weights, inputs;
  const TnLayerPrecision precision = {.weights = &weights, .activations = &inputs};

  g_assert_true (tn_scheme_parse ("ternary", &weights, NULL) && tn_scheme_parse ("int8:t", &inputs, NULL));
  rounded = tn_model_quantize (model, &precision, 1, NULL, &error);
  g_assert_no_error (error);
  g_assert_null (tn_model_edit_new (rounded, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mitigation/rotation", test_rotation);
  g_test_add_func ("/mitigation/rotation-stories", test_rotation_stories);
  g_test_add_func ("/mitigation/folding", test_folding);
  g_test_add_func ("/mitigation/finding", test_finding);
  g_test_add_func ("/mitigation/low-precision", test_low_precision);
  return g_test_run ();
}
