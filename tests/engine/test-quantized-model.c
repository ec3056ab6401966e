/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/kernels/row-quantize.h"
#include "engine/nn/bit-linear.h"
#include "engine/nn/generate.h"
#include "engine/nn/quantized-model.h"
#include "engine/nn/weight-block.h"
#include "engine/quant/quantize.h"
#include "tests/engine/llama-fixture.h"

#define TOLERANCE 2e-5
#define ALL_KINDS ((TnSiteKind) (TN_SITE_INPUT | TN_SITE_OUTPUT | TN_SITE_RESIDUAL | TN_SITE_LOGITS))

static const TnLlamaConfig configs[] = {
    {.n_vocab = 541,
     .n_embd = 37,
     .n_layer = 2,
     .n_head = 4,
     .n_head_kv = 2,
     .head_dim = 6,
     .n_ff = 53,
     .n_context = 300,
     .rope_dim = 6,
     .rope_base = 10000.0,
     .rope_scale = 1.0,
     .norm_epsilon = 1e-6,
     .rope_layout = TN_ROPE_INTERLEAVED},
    {.n_vocab = 131,
     .n_embd = 64,
     .n_layer = 3,
     .n_head = 8,
     .n_head_kv = 4,
     .head_dim = 8,
     .n_ff = 172,
     .n_context = 300,
     .rope_dim = 8,
     .rope_base = 10000.0,
     .rope_scale = 1.0,
     .norm_epsilon = 1e-5,
     .rope_layout = TN_ROPE_HALF_SPLIT,
     .activation = TN_ACTIVATION_RELU2,
     .tied = TRUE},
};

/* Precisions by name; "" keeps what is there. */
typedef struct
{
  TnScheme weights, activations;
  TnLayerPrecision precision;
} Named;

static const TnLayerPrecision *
name_precision (Named *self, const char *layer, const char *weights, const char *activations)
{
  g_assert_true (weights[0] == '\0' || tn_scheme_parse (weights, &self->weights, NULL));
  g_assert_true (activations[0] == '\0' || tn_scheme_parse (activations, &self->activations, NULL));
  self->precision = (TnLayerPrecision){
      .name = layer,
      .weights = weights[0] != '\0' ? &self->weights : NULL,
      .activations = activations[0] != '\0' ? &self->activations : NULL,
  };
  return &self->precision;
}

static TnModel *
quantize (TnModel *model, const char *weights, const char *activations)
{
  g_autoptr (GError) error = NULL;
  Named named;
  TnModel *made = tn_model_quantize (model, name_precision (&named, NULL, weights, activations), 1, NULL, &error);

  g_assert_no_error (error);
  return made;
}

/* A layer of every kind in one group of layers that share an input. */
static TnModel *
mix (TnModel *model)
{
  const char *const choices[][3] = {
      {"blk.0.attn_q.weight", "ternary", "int8:t"},    {"blk.0.attn_k.weight", "int4:c", "int8:t"},
      {"blk.0.attn_v.weight", "", "int4:t:asym"},      {"blk.0.ffn_gate.weight", "ternary:c", "int8:t"},
      {"blk.0.ffn_down.weight", "ternary", "int6:t"},  {"blk.1.attn_k.weight", "", "int4:t:asym"},
      {"blk.1.attn_output.weight", "ternary", ""},     {"blk.1.ffn_gate.weight", "", "int4:t"},
      {"blk.1.ffn_up.weight", "ternary:ls", "int8:t"}, {"blk.1.ffn_down.weight", "ternary:twn:c", "int8:t"},
  };
  Named named[G_N_ELEMENTS (choices)];
  TnLayerPrecision layers[G_N_ELEMENTS (choices)];
  g_autoptr (GError) error = NULL;
  TnModel *made;

  for (guint i = 0; i < G_N_ELEMENTS (choices); i++)
    layers[i] = *name_precision (&named[i], choices[i][0], choices[i][1], choices[i][2]);
  made = tn_model_quantize (model, layers, G_N_ELEMENTS (layers), NULL, &error);
  g_assert_no_error (error);
  return made;
}

typedef struct
{
  GHashTable *sites; /* name -> GBytes of [n_tokens, width] floats */
} Recording;

static void
record (const TnSite *site, const TnBatch *batch, const float *x, gpointer user_data)
{
  Recording *self = user_data;

  g_hash_table_insert (self->sites, g_strdup (site->name), g_bytes_new (x, batch->n_tokens * site->width * sizeof (float)));
}

static void
recording_init (Recording *self)
{
  self->sites = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
}

static const float *
recorded (const Recording *self, TnModel *model, const char *name)
{
  const TnSite *site = tn_model_get_site (model, (guint) tn_model_find_site (model, name));

  site = tn_model_get_site (model, site->shared_with);
  g_assert_true (g_hash_table_contains (self->sites, site->name));
  return g_bytes_get_data (g_hash_table_lookup (self->sites, site->name), NULL);
}

static void
run (TnModel *model, const TnBatch *batch, Recording *recording, float *logits, TnLoss *loss)
{
  const TnForwardOptions options = {.kinds = ALL_KINDS, .observe = record, .user_data = recording};
  g_autoptr (GError) error = NULL;

  g_assert_true (tn_model_forward (model, batch, recording != NULL ? &options : NULL, logits, loss, NULL, &error));
  g_assert_no_error (error);
}

typedef struct
{
  TnModel *model;
  Recording *recording;
  gsize row;
  guint length;
} Comparison;

/* The reference goes on from what the model has, so that a code that falls on the other side of a half leaves no trace. */
static void
compare_site (const char *name, double *expected, guint width, gpointer user_data)
{
  const Comparison *self = user_data;
  const float *x = recorded (self->recording, self->model, name) + self->row * width;
  gsize n = (gsize) self->length * width;
  double power = 0.0;

  for (gsize i = 0; i < n; i++)
    power += expected[i] * expected[i];
  for (gsize i = 0; i < n; i++)
    {
      if (!(fabs (x[i] - expected[i]) <= TOLERANCE * sqrt (power / (double) n)))
        g_error ("%s, value %zu: %.9g, expected %.9g", name, i, (double) x[i], expected[i]);
      expected[i] = (double) x[i];
    }
}

static void
check_against_reference (TnModel *model)
{
  const guint lengths[] = {1, 33, 2, 70};
  g_autoptr (TnBatch) batch = llama_fixture_batch (tn_model_get_config (model), lengths, 4, 9);
  Recording recording;
  Comparison comparison = {model, &recording, 0, 0};

  recording_init (&recording);
  run (model, batch, &recording, NULL, NULL);
  for (guint s = 0; s < batch->n_sequences; s++)
    {
      comparison.length = batch->sequences[s].length;
      llama_fixture_reference (model, batch->sequences[s].tokens, comparison.length, compare_site, &comparison);
      comparison.row += comparison.length;
    }
  g_hash_table_unref (recording.sites);
}

/* Output sites of BitLinear layers are the plain integer formula of their input sites, to the bit. */
static guint
check_layers_exact (TnModel *model)
{
  const guint lengths[] = {3, 40};
  g_autoptr (TnBatch) batch = llama_fixture_batch (tn_model_get_config (model), lengths, 2, 9);
  guint n_checked = 0;
  Recording recording;

  recording_init (&recording);
  run (model, batch, &recording, NULL, NULL);
  for (guint p = 0; p < tn_model_n_parameters (model); p++)
    {
      const TnParameter *parameter = tn_model_get_parameter (model, p);
      g_autofree char *layer = g_strndup (parameter->name, strlen (parameter->name) - strlen (".weight"));
      g_autofree char *in_name = g_strconcat (layer, ".in", NULL), *out_name = g_strconcat (layer, ".out", NULL);
      gsize in = tn_tensor_columns (parameter->tensor), out = tn_tensor_rows (parameter->tensor);
      g_autofree float *w = NULL;
      g_autofree gint8 *codes = NULL;
      const float *x, *y;

      if (!tn_parameter_is_linear (parameter) || tn_model_get_layer_path (model, parameter->name) != TN_LAYER_PATH_BIT_LINEAR)
        continue;
      x = recorded (&recording, model, in_name);
      y = recorded (&recording, model, out_name);
      w = g_new (float, in *out);
      codes = g_new (gint8, in);
      tn_tensor_decode (parameter->tensor, 0, in * out, w);
      for (gsize t = 0; t < batch->n_tokens; t++)
        {
          float scale;
          gint32 total;

          tn_quantize_rows (x + t * in, in, 1, in, codes, in, &scale, &total);
          for (gsize o = 0; o < out; o++)
            {
              float level = parameter->tensor->scales[o * in / parameter->tensor->group_size], product;
              gint32 sum = 0;

              for (gsize i = 0; i < in; i++)
                sum += codes[i] * ((w[o * in + i] > 0.0f) - (w[o * in + i] < 0.0f));
              product = (float) sum * scale;
              product *= level;
              g_assert_cmpfloat (y[t * out + o], ==, product);
            }
        }
      n_checked++;
    }
  g_hash_table_unref (recording.sites);
  return n_checked;
}

static void
test_bit_linear_models (void)
{
  const char *const schemes[] = {"ternary", "ternary:c", "ternary:ls", "ternary:absmedian:c"};

  for (guint c = 0; c < G_N_ELEMENTS (configs); c++)
    for (guint s = 0; s < G_N_ELEMENTS (schemes); s++)
      {
        g_autoptr (TnModel) model = llama_fixture_new (&configs[c], s % 2 == 0 ? TN_DTYPE_F32 : TN_DTYPE_BF16, s);
        g_autoptr (TnModel) made = quantize (model, schemes[s], "int8:t");
        guint n = 7 * configs[c].n_layer;

        g_assert_cmpuint (tn_model_count_layer_paths (made, TN_LAYER_PATH_BIT_LINEAR), ==, n);
        g_assert_cmpuint (tn_model_count_layer_paths (model, TN_LAYER_PATH_FLOAT), ==, n);
        g_assert_cmpuint (check_layers_exact (made), ==, n);
        check_against_reference (made);
      }
}

static void
test_rounded_models (void)
{
  const char *const choices[][2] = {{"int4:c", "int8:t"},       {"", "int4:t"},       {"int8", ""},
                                    {"ternary", "int8:t:asym"}, {"binary", "int8:t"}, {"ternary", ""}};

  for (guint c = 0; c < G_N_ELEMENTS (configs); c++)
    for (guint s = 0; s < G_N_ELEMENTS (choices); s++)
      {
        g_autoptr (TnModel) model = llama_fixture_new (&configs[c], TN_DTYPE_F32, s);
        g_autoptr (TnModel) made = quantize (model, choices[s][0], choices[s][1]);
        guint n = 7 * configs[c].n_layer;

        g_assert_cmpuint (tn_model_count_layer_paths (made, choices[s][1][0] != '\0' ? TN_LAYER_PATH_ROUNDED_INPUT
                                                                                     : TN_LAYER_PATH_FLOAT),
                          ==, n);
        check_against_reference (made);
      }
}

static void
test_mixed_models (void)
{
  for (guint c = 0; c < G_N_ELEMENTS (configs); c++)
    {
      g_autoptr (TnModel) model = llama_fixture_new (&configs[c], TN_DTYPE_F32, c);
      g_autoptr (TnModel) made = mix (model);

      g_assert_cmpuint (tn_model_count_layer_paths (made, TN_LAYER_PATH_BIT_LINEAR), ==, 4);
      g_assert_cmpuint (tn_model_count_layer_paths (made, TN_LAYER_PATH_ROUNDED_INPUT), ==, 5);
      g_assert_cmpuint (check_layers_exact (made), ==, 4);
      check_against_reference (made);
    }
}

/* Every linear weight rounded to an fp32 copy. */
static TnModel *
round_weights (TnModel *model, const char *name)
{
  g_autoptr (TnModel) made = tn_model_ref (model);
  TnScheme scheme;

  g_assert_true (tn_scheme_parse (name, &scheme, NULL));
  for (guint i = 0; i < tn_model_n_parameters (model); i++)
    {
      const TnParameter *parameter = tn_model_get_parameter (model, i);
      g_autoptr (TnTensor) rounded = NULL;
      TnModel *next;

      if (!tn_parameter_is_linear (parameter))
        continue;
      rounded = tn_quantize_tensor (parameter->tensor, &scheme, NULL);
      next = tn_model_with_parameter (made, parameter->name, rounded, NULL);
      tn_model_unref (made);
      made = next;
    }
  return g_steal_pointer (&made);
}

/* Integers and their fake-quantized twin in fp32 differ by rounding alone. */
static void
test_paths_agree (void)
{
  const guint lengths[] = {50};

  for (guint c = 0; c < G_N_ELEMENTS (configs); c++)
    {
      g_autoptr (TnModel) model = llama_fixture_new (&configs[c], TN_DTYPE_F32, 5);
      g_autoptr (TnModel) rounded = round_weights (model, "ternary");
      g_autoptr (TnModel) packed = quantize (model, "ternary", "");
      g_autoptr (TnModel) fake = quantize (rounded, "", "int8:t");
      g_autoptr (TnModel) made = quantize (model, "ternary", "int8:t");
      g_autoptr (TnBatch) batch = llama_fixture_batch (&configs[c], lengths, 1, 2);
      TnLoss expected, found;

      g_assert_cmpuint (tn_model_count_layer_paths (fake, TN_LAYER_PATH_ROUNDED_INPUT), ==, 7 * configs[c].n_layer);
      run (fake, batch, NULL, NULL, &expected);
      run (made, batch, NULL, NULL, &found);
      g_assert_cmpfloat_with_epsilon (found.nll_sum, expected.nll_sum, 0.01 * expected.nll_sum);
      /* Without int8 the packed codes are multiplied in fp32. */
      g_assert_cmpuint (tn_model_count_layer_paths (packed, TN_LAYER_PATH_FLOAT), ==, 7 * configs[c].n_layer);
      run (rounded, batch, NULL, NULL, &expected);
      run (packed, batch, NULL, NULL, &found);
      g_assert_cmpfloat (found.nll_sum, ==, expected.nll_sum);
    }
}

/* A sequence is the same to the bit alone and among others, for any number of threads, whether somebody looks or not. */
static void
test_sequences_are_independent (void)
{
  const guint lengths[8] = {1, 64, 65, 7, 257, 31, 2, 300};
  const guint orders[][8] = {{4}, {6, 0, 3}, {7, 6, 5, 4, 3, 2, 1, 0}};
  const guint sizes[] = {1, 3, 8};

  for (guint c = 0; c < G_N_ELEMENTS (configs); c++)
    for (guint kind = 0; kind < 2; kind++)
      {
        guint n_vocab = configs[c].n_vocab;
        g_autoptr (TnModel) model = llama_fixture_new (&configs[c], TN_DTYPE_BF16, c);
        g_autoptr (TnModel) made = kind == 0 ? quantize (model, "ternary:c", "int8:t") : mix (model);
        g_autoptr (TnBatch) whole = llama_fixture_batch (&configs[c], lengths, 8, 3);
        g_autofree float *expected = g_new (float, whole->n_tokens *n_vocab);

        tn_device_set_threads (2);
        run (made, whole, NULL, expected, NULL);
        for (guint threads = 1; threads <= 3; threads++)
          for (guint b = 0; b < G_N_ELEMENTS (sizes); b++)
            {
              TnSequence sequences[8];
              g_autoptr (TnBatch) batch = NULL;
              g_autofree float *logits = NULL;
              Recording recording;
              gsize row = 0;

              for (guint i = 0; i < sizes[b]; i++)
                sequences[i] = whole->sequences[orders[b][i]];
              batch = tn_batch_new (sequences, sizes[b]);
              logits = g_new (float, batch->n_tokens *n_vocab);
              tn_device_set_threads (threads);
              recording_init (&recording);
              run (made, batch, threads == 2 ? &recording : NULL, logits, NULL);
              g_hash_table_unref (recording.sites);
              for (guint i = 0; i < sizes[b]; i++)
                {
                  gsize start = 0, n = (gsize) batch->sequences[i].length * n_vocab;

                  for (guint j = 0; j < orders[b][i]; j++)
                    start += lengths[j];
                  g_assert_cmpmem (logits + row * n_vocab, n * sizeof (float), expected + start * n_vocab, n * sizeof (float));
                  row += batch->sequences[i].length;
                }
            }
      }
  tn_device_set_threads (0);
}

/* Token by token, and with a prompt at once, against one pass: to the bit with our own products. With others attention rounds
 * differently there, so that a code may fall on the other side of a half. */
static void
test_generator (void)
{
  const guint length = 60;

  for (guint c = 0; c < G_N_ELEMENTS (configs); c++)
    for (guint kind = 0; kind < 2; kind++)
      {
        guint n_vocab = configs[c].n_vocab;
        g_autoptr (TnModel) model = llama_fixture_new (&configs[c], TN_DTYPE_F16, c);
        g_autoptr (TnModel) made = kind == 0 ? quantize (model, "ternary", "int8:t") : mix (model);
        g_autoptr (TnBatch) batch = llama_fixture_batch (&configs[c], &length, 1, 1);
        g_autofree float *logits = g_new (float, length *n_vocab);
        g_autoptr (GError) error = NULL;
        g_autoptr (TnGenerator) generator = tn_generator_new (made, &error);
        double power = 0.0, errors = 0.0;

        g_assert_no_error (error);
        run (made, batch, NULL, logits, NULL);
        for (guint t = 20 * kind; t < length; t++)
          {
            const gint32 *tokens = batch->sequences[0].tokens;
            const float *found = kind == 1 && t == 20 ? tn_generator_prompt (generator, tokens, 21, &error)
                                                      : tn_generator_step (generator, tokens[t], &error);

            g_assert_no_error (error);
            if (tn_weight_product () == TN_PRODUCT_OWN)
              g_assert_cmpmem (found, n_vocab * sizeof (float), logits + t * n_vocab, n_vocab * sizeof (float));
            for (guint i = 0; i < n_vocab; i++)
              {
                double difference = (double) found[i] - (double) logits[t * n_vocab + i];

                power += (double) found[i] * (double) found[i];
                errors += difference * difference;
              }
          }
        g_assert_cmpfloat (sqrt (errors / power), <, 0.02);
      }
}

/* Exactly the estimate is enough, and a little less is not. */
static void
test_memory (void)
{
  const guint lengths[] = {100, 0, 300, 77};
  TnPool *pool = tn_pool_default ();

  for (guint c = 0; c < G_N_ELEMENTS (configs); c++)
    for (guint kind = 0; kind < 2; kind++)
      {
        g_autoptr (TnModel) model = llama_fixture_new (&configs[c], TN_DTYPE_F32, 1);
        g_autoptr (TnModel) made = kind == 0 ? quantize (model, "ternary", "int8:t") : mix (model);
        g_autoptr (TnBatch) batch = llama_fixture_batch (&configs[c], lengths, 4, 1);
        gsize before = tn_pool_get_total (pool);
        gsize estimate = tn_model_estimate_forward_bytes (made, batch->n_tokens, 300, 0);
        g_autoptr (GError) error = NULL;
        TnLoss loss;

        tn_pool_set_budget (pool, before + estimate);
        g_assert_true (tn_model_forward (made, batch, NULL, NULL, &loss, NULL, &error));
        g_assert_no_error (error);
        tn_pool_set_budget (pool, before + estimate - 1);
        g_assert_false (tn_model_forward (made, batch, NULL, NULL, &loss, NULL, &error));
        g_assert_error (error, TN_ERROR, TN_ERROR_MEMORY);
        tn_pool_set_budget (pool, 0);
        g_assert_cmpuint (tn_pool_get_total (pool), ==, before);
      }
}

/* Nothing but codes and scales is held, also after the source has gone; without room for them the layer is named. */
static void
test_weights_stay_packed (void)
{
  TnPool *pool = tn_pool_default ();
  gsize before = tn_pool_get_current (pool, TN_PURPOSE_WEIGHTS), fixed, n = 0;
  TnModel *model = llama_fixture_new (&configs[1], TN_DTYPE_F32, 1);
  TnModel *made = quantize (model, "ternary", "int8:t");
  g_autoptr (GError) error = NULL;
  Named named;

  fixed = (configs[1].n_vocab * configs[1].n_embd + 20 * (configs[1].n_embd + configs[1].n_ff)) * sizeof (float);
  for (guint i = 0; i < tn_model_n_parameters (made); i++)
    if (tn_parameter_is_linear (tn_model_get_parameter (made, i)))
      n += tn_model_get_parameter (made, i)->tensor->count;
  g_assert_cmpuint (n, ==, 3 * (3 * 64 * 172 + 2 * 64 * 64 + 2 * 64 * 32));
  tn_model_unref (model);
  g_assert_cmpuint (tn_pool_get_current (pool, TN_PURPOSE_WEIGHTS) - before, <, fixed + n / 3);
  tn_model_unref (made);
  g_assert_cmpuint (tn_pool_get_current (pool, TN_PURPOSE_WEIGHTS), ==, before);

  model = llama_fixture_new (&configs[1], TN_DTYPE_F32, 1);
  tn_pool_set_budget (pool, tn_pool_get_total (pool) + 5000);
  g_assert_null (tn_model_quantize (model, name_precision (&named, NULL, "ternary", "int8:t"), 1, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_MEMORY);
  g_assert_nonnull (strstr (error->message, "blk."));
  tn_pool_set_budget (pool, 0);
  tn_model_unref (model);
  g_assert_cmpuint (tn_pool_get_current (pool, TN_PURPOSE_WEIGHTS), ==, before);
}

/* Layers that are ternary already: taken as they are where that is asked for, or where their type says so. */
static void
test_already_ternary (void)
{
  g_autoptr (TnModel) model = llama_fixture_new (&configs[0], TN_DTYPE_F32, 1);
  g_autoptr (TnModel) rounded = round_weights (model, "ternary");
  g_autoptr (TnModel) kept = NULL, exact = NULL, again = NULL, none = NULL, packed = NULL;
  const char *name = "blk.1.ffn_up.weight";
  const TnTensor *level = tn_model_find_parameter (rounded, name)->tensor;
  float expected[53 * 37], found[53 * 37];
  g_autoptr (GError) error = NULL;
  TnLayerPrecision precision;
  Named named;

  tn_tensor_decode (level, 0, level->count, expected);
  /* Rounded once more, the level becomes that of the mean with the zeros in it. */
  again = quantize (rounded, "ternary", "int8:t");
  tn_tensor_decode (tn_model_find_parameter (again, name)->tensor, 0, 53 * 37, found);
  g_assert_cmpint (memcmp (expected, found, sizeof found), !=, 0);

  precision = *name_precision (&named, NULL, "ternary", "int8:t");
  precision.keep_ternary = TRUE;
  kept = tn_model_quantize (rounded, &precision, 1, NULL, &error);
  g_assert_no_error (error);
  tn_tensor_decode (tn_model_find_parameter (kept, name)->tensor, 0, 53 * 37, found);
  for (guint i = 0; i < 53 * 37; i++)
    g_assert_cmpfloat (found[i], ==, expected[i]);
  g_assert_cmpuint (tn_model_count_layer_paths (kept, TN_LAYER_PATH_BIT_LINEAR), ==, 14);
  /* What is not ternary is rounded then. */
  g_clear_pointer (&again, tn_model_unref);
  again = tn_model_quantize (model, &precision, 1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tn_model_count_layer_paths (again, TN_LAYER_PATH_BIT_LINEAR), ==, 14);

  precision = *name_precision (&named, NULL, "", "int8:t");
  precision.bit_linear = TRUE;
  exact = tn_model_quantize (rounded, &precision, 1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tn_model_count_layer_paths (exact, TN_LAYER_PATH_BIT_LINEAR), ==, 14);
  g_assert_null (tn_model_quantize (model, &precision, 1, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "blk.0.attn_q.weight"));
  g_clear_error (&error);

  /* A BitLinear goes back to fp32 activations, and back again, with the weights it has. */
  none = quantize (exact, "", "int8:t:asym");
  g_assert_cmpuint (tn_model_count_layer_paths (none, TN_LAYER_PATH_ROUNDED_INPUT), ==, 14);
  g_assert_true (tn_model_find_parameter (none, name)->tensor == tn_model_find_parameter (exact, name)->tensor);
  packed = quantize (none, "", "int8:t");
  g_assert_cmpuint (tn_model_count_layer_paths (packed, TN_LAYER_PATH_BIT_LINEAR), ==, 14);
}

/* A replaced weight keeps what its layer does with the input. */
static void
test_replaced_parameter (void)
{
  g_autoptr (TnModel) model = llama_fixture_new (&configs[0], TN_DTYPE_F32, 1);
  g_autoptr (TnModel) made = quantize (model, "ternary", "int8:t");
  const char *name = "blk.1.attn_k.weight";
  g_autoptr (TnModel) changed = tn_model_with_parameter (made, name, tn_model_find_parameter (model, name)->tensor, NULL);

  g_assert_cmpint (tn_model_get_layer_path (changed, name), ==, TN_LAYER_PATH_ROUNDED_INPUT);
  g_assert_cmpuint (tn_model_count_layer_paths (changed, TN_LAYER_PATH_BIT_LINEAR), ==, 13);
}

static void
test_wrong_requests (void)
{
  g_autoptr (TnModel) model = llama_fixture_new (&configs[0], TN_DTYPE_F32, 1);
  const struct
  {
    const char *layer, *weights, *activations, *named;
    TnErrorCode code;
  } cases[] = {
      {"blk.2.attn_q.weight", "ternary", "", "blk.2.attn_q.weight", TN_ERROR_NOT_FOUND},
      {"token_embd.weight", "ternary", "", "token_embd.weight", TN_ERROR_NOT_FOUND},
      {"blk.0.attn_norm.weight", "ternary", "", "blk.0.attn_norm.weight", TN_ERROR_NOT_FOUND},
      {"blk.1.ffn_up.weight", "int4:g32", "", "blk.1.ffn_up.weight", TN_ERROR_ARGUMENT},
      {"blk.1.ffn_up.weight", "", "int4:g32", "blk.1.ffn_up.weight", TN_ERROR_ARGUMENT},
      {NULL, "", "int8", "blk.0.", TN_ERROR_ARGUMENT},
      {NULL, "", "int8:c", "blk.0.", TN_ERROR_ARGUMENT},
  };

  for (guint c = 0; c < G_N_ELEMENTS (cases); c++)
    {
      g_autoptr (GError) error = NULL;
      Named named;
      const TnLayerPrecision *precision = name_precision (&named, cases[c].layer, cases[c].weights, cases[c].activations);

      g_assert_null (tn_model_quantize (model, precision, 1, NULL, &error));
      g_assert_error (error, TN_ERROR, (gint) cases[c].code);
      g_assert_nonnull (strstr (error->message, cases[c].named));
    }
}

static void
test_cancel (void)
{
  g_autoptr (TnModel) model = llama_fixture_new (&configs[0], TN_DTYPE_F32, 1);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  Named named;

  g_cancellable_cancel (cancellable);
  g_assert_null (tn_model_quantize (model, name_precision (&named, NULL, "ternary", "int8:t"), 1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* A real model, not trained for it: activations in int8 cost next to nothing, ternary weights nearly everything. */
static void
test_stories (void)
{
  g_autoptr (TnModel) model = llama_fixture_stories ();
  g_autoptr (TnModel) activations = NULL, whole = NULL, fake = NULL, rounded = NULL;
  g_autoptr (GArray) tokens = NULL;
  g_autofree gint32 *targets = NULL;
  g_autoptr (TnBatch) batch = NULL;
  TnLoss loss, other;
  TnSequence sequence;

  if (model == NULL)
    return;
  tokens = llama_fixture_stories_greedy ();
  targets = g_new (gint32, tokens->len);
  for (guint i = 0; i < tokens->len; i++)
    targets[i] = i + 1 < tokens->len ? g_array_index (tokens, gint32, i + 1) : -1;
  sequence = (TnSequence){.length = tokens->len, .tokens = (const gint32 *) tokens->data, .targets = targets};
  batch = tn_batch_new (&sequence, 1);
  run (model, batch, NULL, NULL, &loss);

  activations = quantize (model, "", "int8:t");
  run (activations, batch, NULL, NULL, &other);
  g_assert_cmpfloat_with_epsilon (other.nll_sum / (double) other.n_scored, loss.nll_sum / (double) loss.n_scored, 0.05);

  whole = quantize (model, "ternary", "int8:t");
  rounded = round_weights (model, "ternary");
  fake = quantize (rounded, "", "int8:t");
  run (whole, batch, NULL, NULL, &loss);
  run (fake, batch, NULL, NULL, &other);
  g_assert_cmpfloat_with_epsilon (other.nll_sum, loss.nll_sum, 0.02 * loss.nll_sum);
  g_test_message ("BitLinear loss %.4f", loss.nll_sum / (double) loss.n_scored);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/quantized-model/bit-linear", test_bit_linear_models);
  g_test_add_func ("/quantized-model/rounded", test_rounded_models);
  g_test_add_func ("/quantized-model/mixed", test_mixed_models);
  g_test_add_func ("/quantized-model/paths-agree", test_paths_agree);
  g_test_add_func ("/quantized-model/independent", test_sequences_are_independent);
  g_test_add_func ("/quantized-model/generator", test_generator);
  g_test_add_func ("/quantized-model/memory", test_memory);
  g_test_add_func ("/quantized-model/packed", test_weights_stay_packed);
  g_test_add_func ("/quantized-model/already-ternary", test_already_ternary);
  g_test_add_func ("/quantized-model/replaced", test_replaced_parameter);
  g_test_add_func ("/quantized-model/wrong-requests", test_wrong_requests);
  g_test_add_func ("/quantized-model/cancel", test_cancel);
  g_test_add_func ("/quantized-model/stories", test_stories);
  return g_test_run ();
}
