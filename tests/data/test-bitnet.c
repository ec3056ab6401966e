/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "data/models/model-file.h"
#include "engine/error.h"
#include "engine/nn/bit-linear.h"
#include "engine/nn/quantized-model.h"
#include "tests/data/bitnet-fixtures.h"
#include "tests/engine/llama-fixture.h"

static TnModelFile *
open_file (const char *path)
{
  g_autoptr (GError) error = NULL;
  TnModelFile *file = tn_model_file_open (path, &error);

  g_assert_no_error (error);
  return file;
}

static TnModel *
load (const char *path)
{
  g_autoptr (TnModelFile) file = open_file (path);
  g_autoptr (GError) error = NULL;
  TnModel *model = tn_model_file_load (file, &error);

  g_assert_no_error (error);
  return model;
}

static TnBatch *
make_batch (TnModel *model)
{
  const guint lengths[] = {1, 23, 7};

  return llama_fixture_batch (tn_model_get_config (model), lengths, 3, 4);
}

static float *
get_logits (TnModel *model, gsize *n)
{
  g_autoptr (TnBatch) batch = make_batch (model);
  float *logits = g_new (float, *n = batch->n_tokens * tn_model_get_config (model)->n_vocab);
  g_autoptr (GError) error = NULL;

  g_assert_true (tn_model_forward (model, batch, NULL, logits, NULL, NULL, &error));
  g_assert_no_error (error);
  return logits;
}

/* The weights are those of the generator. */
static void
check_weights (TnModel *model, const Size *size)
{
  g_assert_cmpuint (tn_model_count_layer_paths (model, TN_LAYER_PATH_BIT_LINEAR), ==, N_LINEAR * size->n_layer);
  for (guint layer = 0; layer < size->n_layer; layer++)
    for (guint kind = 0; kind < N_LINEAR; kind++)
      {
        g_autofree char *name = g_strdup_printf ("blk.%u.%s.weight", layer, linear[kind].name);
        const TnTensor *tensor = tn_model_find_parameter (model, name)->tensor;
        g_autofree gint8 *codes = codes_of (size, layer, kind);
        g_autofree float *values = g_new (float, tensor->count);

        g_assert_true (tn_bit_linear_is (tensor));
        tn_tensor_decode (tensor, 0, tensor->count, values);
        for (guint64 i = 0; i < tensor->count; i++)
          g_assert_cmpfloat (values[i], ==, codes[i] * level_of (layer, kind));
      }
}

/* All files hold the same model: the same weights, and the same logits to the bit. */
static void
test_forms_agree (void)
{
  for (guint silu = 0; silu < 2; silu++)
    for (guint s = 0; s < 2; s++)
      {
        const Size *size = s == 0 ? &large : &awkward;
        g_autofree float *expected = NULL;
        gsize n = 0;

        for (guint form = 0; form < (s == 0 ? N_FORMS : GGUF_TQ2_0); form++)
          {
            g_autofree char *path = write_form (size, (Form) form, silu);
            g_autoptr (TnModel) model = load (path);
            g_autofree float *logits = NULL;

            g_assert_cmpint (tn_model_get_config (model)->activation, ==, silu ? TN_ACTIVATION_SILU : TN_ACTIVATION_RELU2);
            g_assert_cmpint (tn_model_get_config (model)->rope_layout, ==, TN_ROPE_HALF_SPLIT);
            g_assert_true (tn_model_get_config (model)->tied);
            check_weights (model, size);
            logits = get_logits (model, &n);
            if (expected == NULL)
              expected = g_steal_pointer (&logits);
            else
              g_assert_cmpmem (logits, n * sizeof *logits, expected, n * sizeof *expected);
          }
      }
}

typedef struct
{
  TnModel *model;
  const float *logits;
  guint length;
} Comparison;

static void
compare_logits (const char *name, double *expected, guint width, gpointer user_data)
{
  const Comparison *self = user_data;
  double power = 0.0, errors = 0.0;

  if (strcmp (name, "output.out") != 0)
    return;
  for (gsize i = 0; i < (gsize) self->length * width; i++)
    {
      double difference = (double) self->logits[i] - expected[i];

      power += expected[i] * expected[i];
      errors += difference * difference;
    }
  /* A code that falls on the other side of a half is a step of 1/127 of one value; without one it is a millionth. */
  g_assert_cmpfloat (sqrt (errors / power), <, 0.03);
}

/* The whole forward pass in double and plain integers. */
static void
test_against_reference (void)
{
  const Size *const sizes[] = {&large, &awkward};

  for (guint s = 0; s < 2; s++)
    {
      g_autofree char *path = write_form (sizes[s], HF_PACKED, FALSE);
      g_autoptr (TnModel) model = load (path);
      g_autoptr (TnBatch) batch = make_batch (model);
      gsize n, row = 0;
      g_autofree float *logits = get_logits (model, &n);

      for (guint i = 0; i < batch->n_sequences; i++)
        {
          const TnSequence *sequence = &batch->sequences[i];
          Comparison comparison = {model, logits + row * sizes[s]->n_vocab, sequence->length};

          llama_fixture_reference (model, sequence->tokens, sequence->length, compare_logits, &comparison);
          row += sequence->length;
        }
    }
}

/* Llama with packed weights: no inner norms, SiLU, BitLinear all the same; a module that was not converted stays as it is. */
static void
test_packed_llama (void)
{
  const char *const configs[] =
      {",\"quantization_config\":{\"quant_method\":\"bitnet\"}",
       ",\"quantization_config\":{\"quant_method\":\"bitnet\",\"modules_to_not_convert\":[\"lm_head\",\"model.layers.7\"]}"};

  for (guint i = 0; i < 2; i++)
    {
      g_autofree char *path = write_huggingface ("llama", &awkward, HF_INVERSE, FALSE, configs[i]);
      g_autoptr (TnModelFile) file = open_file (path);
      g_autoptr (GError) error = NULL;
      g_autoptr (TnModel) model = tn_model_file_load (file, &error);
      const TnModelTensor *entry = tn_model_file_find_tensor (file, "blk.1.ffn_up.weight");

      g_assert_no_error (error);
      g_assert_cmpint (tn_model_get_config (model)->activation, ==, TN_ACTIVATION_SILU);
      g_assert_null (tn_model_find_parameter (model, "blk.0.attn_sub_norm.weight"));
      check_weights (model, &awkward);
      g_assert_cmpstr (entry->dtype_name, ==, "ternary");
      g_assert_cmpuint (entry->tensor->shape[0], ==, 53);
      g_assert_nonnull (strstr (tn_model_file_get_metadata (file, "ternion.reader.weight_scale"), "code / weight_scale"));
      g_assert_cmpstr (tn_model_file_get_metadata (file, "ternion.reader.weight_levels"), ==, "0.03125 to 0.125");
      g_assert_nonnull (strstr (tn_model_file_get_metadata (file, "ternion.reader.linear_layers"), "packed"));
    }
}

static void
test_exceptions (void)
{
  static const char config[] = AUTO "\"online\",\"modules_to_not_convert\":[\"q_proj\",\"model.layers.1\",\"proj\"]}";
  g_autofree char *path = write_huggingface ("exceptions", &awkward, HF_MASTERS, TRUE, config);
  g_autoptr (TnModel) model = load (path);

  g_assert_cmpint (tn_model_get_layer_path (model, "blk.0.attn_q.weight"), ==, TN_LAYER_PATH_FLOAT);
  g_assert_cmpint (tn_model_get_layer_path (model, "blk.0.attn_k.weight"), ==, TN_LAYER_PATH_BIT_LINEAR);
  g_assert_cmpuint (tn_model_count_layer_paths (model, TN_LAYER_PATH_FLOAT), ==, N_LINEAR + 1);
}

/* Ternary blocks in a llama of llama.cpp are weights like others, unless somebody asks. */
static void
test_plain_llama_stays_float (void)
{
  g_autofree char *path = write_huggingface ("plain", &awkward, HF_MASTERS, FALSE, "");
  g_autoptr (TnModel) model = load (path);

  g_assert_cmpuint (tn_model_count_layer_paths (model, TN_LAYER_PATH_FLOAT), ==, N_LINEAR * 2);
}

/* Nothing of the file's bytes beyond the embedding is needed once the model is there, and no fp32 copy is made. */
static void
test_memory (void)
{
  TnPool *pool = tn_pool_default ();
  g_autofree char *path = write_form (&large, GGUF_TQ2_0, FALSE);
  gsize before = tn_pool_get_current (pool, TN_PURPOSE_WEIGHTS), n = 0;
  g_autoptr (TnModel) model = load (path);

  for (guint kind = 0; kind < N_LINEAR; kind++)
    n += large.n_layer * shape_of (&large, kind).rows * shape_of (&large, kind).columns;
  g_assert_cmpuint (tn_pool_get_current (pool, TN_PURPOSE_WEIGHTS) - before, <, n / 4 + n / 16);
  g_clear_pointer (&model, tn_model_unref);
  g_assert_cmpuint (tn_pool_get_current (pool, TN_PURPOSE_WEIGHTS), ==, before);
  tn_pool_set_budget (pool, tn_pool_get_total (pool) + 40000);
  {
    g_autoptr (TnModelFile) file = open_file (path);
    g_autoptr (GError) error = NULL;

    g_assert_null (tn_model_file_load (file, &error));
    g_assert_error (error, TN_ERROR, TN_ERROR_MEMORY);
    assert_message (error, ".gguf", "blk.0.");
  }
  tn_pool_set_budget (pool, 0);
}

static void
test_i2_s_metadata (void)
{
  g_autofree char *path = write_form (&large, GGUF_I2_S, FALSE);
  g_autoptr (TnModelFile) file = open_file (path);

  g_assert_cmpstr (tn_model_file_get_metadata (file, "ternion.reader.i2_s"), ==, "blocks of 128 (x86); a file that was quantized on ARM has blocks of 64 and reads wrong");
  g_assert_cmpstr (tn_model_file_find_tensor (file, "blk.0.attn_q.weight")->dtype_name, ==, "I2_S");
}

/* Replaces the first piece of a file by another of the same length. */
static void
patch (const char *path, const void *piece, const void *other, gsize n)
{
  g_autofree char *data = NULL;
  gsize bytes, at = 0;

  g_assert_true (g_file_get_contents (path, &data, &bytes, NULL));
  while (at + n <= bytes && memcmp (data + at, piece, n) != 0)
    at++;
  g_assert_cmpuint (at + n, <=, bytes);
  memcpy (data + at, other, n);
  g_assert_true (g_file_set_contents (path, data, (gssize) bytes, NULL));
}

static void
assert_refused (const char *path, TnErrorCode code, const char *piece)
{
  g_autoptr (TnModelFile) file = open_file (path);
  g_autoptr (GError) error = NULL;

  g_assert_null (tn_model_file_load (file, &error));
  g_assert_error (error, TN_ERROR, (gint) code);
  assert_message (error, "", piece);
}

static void
test_wrong_configs (void)
{
  static const struct
  {
    const char *more;
    TnErrorCode code;
    const char *message;
  } cases[] = {
      {",\"quantization_config\":{\"quant_method\":\"bitnet\",\"linear_class\":\"other\"}", TN_ERROR_UNSUPPORTED, "linear_class"},
      {",\"quantization_config\":{\"quant_method\":\"bitnet\",\"quantization_mode\":\"never\"}", TN_ERROR_UNSUPPORTED,
       "\"never\""},
      {",\"quantization_config\":{\"quant_method\":\"bitnet\",\"use_rms_norm\":true}", TN_ERROR_UNSUPPORTED, "norm of its own"},
      {AUTO "\"online\"}", TN_ERROR_SHAPE, "q_proj.weight\" has shape"},
      {",\"hidden_act\":\"gelu\",\"quantization_config\":{\"quant_method\":\"bitnet\"}", TN_ERROR_UNSUPPORTED, "\"gelu\""},
      {",\"quantization_config\":{\"quant_method\":\"bitnet\",\"modules_to_not_convert\":[\"q_proj\"]}", TN_ERROR_SHAPE,
       "q_proj"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = write_huggingface ("wrong", &awkward, HF_PACKED, TRUE, cases[i].more);

      assert_refused (path, cases[i].code, cases[i].message);
    }
  {
    g_autofree char *path = write_huggingface ("masters", &awkward, HF_MASTERS, TRUE, AUTO "\"offline\"}");

    assert_refused (path, TN_ERROR_SHAPE, "BF16 of shape 24 × 42, expected packed ternary weights: U8, 6 rows");
  }
}

static void
test_wrong_tensors (void)
{
  static const struct
  {
    const char *piece, *other;
    TnErrorCode code;
    const char *message;
  } cases[] = {
      /* A scale that is not there, one that is no number, and one that is several. */
      {"layers.1.mlp.up_proj.weight_scale", "layers.1.mlp.up_proj.weight_spare", TN_ERROR_NOT_FOUND, "no weight_scale"},
      {"layers.1.mlp.up_proj.weight\":{\"dtype\":\"U8\"", "layers.1.mlp.up_proj.weight\":{\"dtype\":\"I8\"", TN_ERROR_SHAPE,
       "is I8 of shape 14 × 42, expected packed ternary weights: U8, 14 rows"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = write_form (&awkward, HF_PACKED, FALSE);
      g_autofree char *weights = g_build_filename (path, "model.safetensors", NULL);

      patch (weights, cases[i].piece, cases[i].other, strlen (cases[i].piece));
      assert_refused (path, cases[i].code, cases[i].message);
    }
}

/* Codes that mean nothing, scales that are none: found when the model is loaded, never computed with. */
static void
test_broken_values (void)
{
  const guint16 scales[] = {0x7fc0, 0x7f80, 0x0000, 0xbf80};

  for (guint i = 0; i < G_N_ELEMENTS (scales); i++)
    {
      g_autofree char *path = write_form (&awkward, HF_PACKED, FALSE);
      g_autofree char *weights = g_build_filename (path, "model.safetensors", NULL);
      g_autofree char *data = NULL;
      gsize bytes;

      /* The last layer's scale lies before the last norm. */
      g_assert_true (g_file_get_contents (weights, &data, &bytes, NULL));
      memcpy (data + bytes - awkward.n_embd * sizeof (float) - 2, &scales[i], 2);
      g_assert_true (g_file_set_contents (weights, data, (gssize) bytes, NULL));
      assert_refused (path, TN_ERROR_DATA, "down_proj.weight_scale\" is");
    }
  {
    g_autofree char *path = write_form (&awkward, HF_PACKED, FALSE);
    g_autofree char *weights = g_build_filename (path, "model.safetensors", NULL);
    g_autofree char *data = NULL;
    gsize bytes;

    g_assert_true (g_file_get_contents (weights, &data, &bytes, NULL));
    /* The second quarter of the rows of the last packed weight: 53 columns, 11 bytes of rows. */
    data[bytes - awkward.n_embd * sizeof (float) - 2 - 1] |= 3 << 2;
    g_assert_true (g_file_set_contents (weights, data, (gssize) bytes, NULL));
    assert_refused (path, TN_ERROR_DATA, "blk.1.ffn_down.weight: row 21 ");
  }
  {
    /* Blocks of different scales in a row. */
    g_autofree char *path = write_form (&large, GGUF_TQ2_0, FALSE);
    g_autofree char *data = NULL;
    guint16 half = tn_f32_to_f16 (0.75f);
    gsize bytes;

    g_assert_true (g_file_get_contents (path, &data, &bytes, NULL));
    memcpy (data + bytes - 256 * sizeof (float) - 2, &half, 2);
    g_assert_true (g_file_set_contents (path, data, (gssize) bytes, NULL));
    assert_refused (path, TN_ERROR_UNSUPPORTED, "blk.1.ffn_down.weight: row 255 holds ±");
  }
}

/* A tensor of a block that is not understood is not passed over, whatever it is called. */
static void
test_unknown_in_block (void)
{
  g_autofree char *path = write_huggingface ("unknown", &awkward, HF_MASTERS, TRUE, "");
  g_autofree char *weights = g_build_filename (path, "model.safetensors", NULL);
  g_autofree char *config = g_build_filename (path, "config.json", NULL);

  patch (weights, "self_attn.attn_sub_norm", "self_attn.inner_attn_ln", strlen ("self_attn.attn_sub_norm"));
  assert_refused (path, TN_ERROR_NOT_FOUND, "blk.0.attn_sub_norm");
  patch (config, "\"bitnet\",", "\"llama\" ,", strlen ("\"bitnet\","));
  assert_refused (path, TN_ERROR_UNSUPPORTED, "no place");
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  test_folder_create ();
  g_test_add_func ("/bitnet/forms-agree", test_forms_agree);
  g_test_add_func ("/bitnet/reference", test_against_reference);
  g_test_add_func ("/bitnet/packed-llama", test_packed_llama);
  g_test_add_func ("/bitnet/exceptions", test_exceptions);
  g_test_add_func ("/bitnet/plain-llama", test_plain_llama_stays_float);
  g_test_add_func ("/bitnet/memory", test_memory);
  g_test_add_func ("/bitnet/i2-s", test_i2_s_metadata);
  g_test_add_func ("/bitnet/wrong-configs", test_wrong_configs);
  g_test_add_func ("/bitnet/wrong-tensors", test_wrong_tensors);
  g_test_add_func ("/bitnet/broken-values", test_broken_values);
  g_test_add_func ("/bitnet/unknown", test_unknown_in_block);
  result = g_test_run ();
  test_folder_remove (test_folder);
  return result;
}
