/* SPDX-License-Identifier: Apache-2.0 */
#include "data/models/model-file.h"
#include "engine/error.h"
#include "tests/data/model-bytes.h"
#include "tests/realdata.h"

/* hidden 4, 1 layer, 2 heads of which 1 for keys and values, feed-forward 3, 5 words. */
#define CONFIG_HEAD                                                                                                              \
  "{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\",\"hidden_size\":4,\"intermediate_size\":3,"
#define CONFIG_BODY "\"num_hidden_layers\":1,\"num_attention_heads\":2,\"num_key_value_heads\":1,\"vocab_size\":5"
#define CONFIG CONFIG_HEAD CONFIG_BODY

typedef struct
{
  const char *name;
  guint rows; /* 0: one-dimensional */
  guint columns;
} Weight;

static const Weight weights[] = {
    {"model.embed_tokens.weight", 5, 4},
    {"model.layers.0.input_layernorm.weight", 0, 4},
    {"model.layers.0.mlp.down_proj.weight", 4, 3},
    {"model.layers.0.mlp.gate_proj.weight", 3, 4},
    {"model.layers.0.mlp.up_proj.weight", 3, 4},
    {"model.layers.0.post_attention_layernorm.weight", 0, 4},
    {"model.layers.0.self_attn.k_proj.weight", 2, 4},
    {"model.layers.0.self_attn.o_proj.weight", 4, 4},
    {"model.layers.0.self_attn.q_proj.weight", 4, 4},
    {"model.layers.0.self_attn.v_proj.weight", 2, 4},
    {"model.norm.weight", 0, 4},
};

/* f32 weights that count up, in a header of odd length, so that no number lies on a multiple of its size. */
static GByteArray *
build_weights (const Weight *list, guint n, const char *more)
{
  g_autoptr (GString) header = g_string_new ("{");
  GByteArray *bytes;
  gsize end = 0;

  for (guint i = 0; i < n; i++)
    {
      gsize count = MAX (list[i].rows, 1) * list[i].columns;

      g_string_append_printf (header, "\"%s\":{\"dtype\":\"F32\",\"shape\":[", list[i].name);
      if (list[i].rows > 0)
        g_string_append_printf (header, "%u,", list[i].rows);
      g_string_append_printf (header, "%u],\"data_offsets\":[%" G_GSIZE_FORMAT ",%" G_GSIZE_FORMAT "]}%s", list[i].columns, end,
                              end + 4 * count, i + 1 < n ? "," : "");
      end += 4 * count;
    }
  g_string_append (header, more);
  g_string_append_c (header, '}');
  while (header->len % 4 != 1)
    g_string_append_c (header, ' ');
  bytes = build_safetensors (header->str, 0);
  for (gsize i = 0; i < end / 4; i++)
    put_f32 (bytes, (float) i);
  return bytes;
}

static char *
write_model (const char *folder, const char *config, const Weight *list, guint n, const char *more)
{
  g_autofree char *config_name = g_build_filename (folder, "config.json", NULL);
  g_autofree char *weights_name = g_build_filename (folder, "model.safetensors", NULL);
  g_autofree char *config_path = test_write (config_name, config, strlen (config));
  g_autoptr (GByteArray) bytes = build_weights (list, n, more);
  g_autofree char *weights_path = test_write_array (weights_name, bytes);

  return g_path_get_dirname (weights_path);
}

static void
test_names (void)
{
  g_autofree char *path = write_model ("names", CONFIG "}", weights, G_N_ELEMENTS (weights), "");
  g_autofree char *file_path = g_build_filename (path, "model.safetensors", NULL);
  g_autofree char *config_path = g_build_filename (path, "config.json", NULL);
  const char *const paths[] = {path, file_path, config_path};
  const char *const names[] = {"token_embd.weight",     "blk.0.attn_norm.weight",   "blk.0.ffn_down.weight",
                               "blk.0.ffn_gate.weight", "blk.0.ffn_up.weight",      "blk.0.ffn_norm.weight",
                               "blk.0.attn_k.weight",   "blk.0.attn_output.weight", "blk.0.attn_q.weight",
                               "blk.0.attn_v.weight",   "output_norm.weight"};

  for (guint p = 0; p < G_N_ELEMENTS (paths); p++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (TnModelFile) file = tn_model_file_open (paths[p], &error);
      float next = 0;

      g_assert_no_error (error);
      g_assert_cmpstr (tn_model_file_get_format (file), ==, "huggingface");
      g_assert_cmpstr (tn_model_file_get_path (file), ==, path);
      g_assert_cmpuint (tn_model_file_n_tensors (file), ==, G_N_ELEMENTS (weights));
      for (guint i = 0; i < G_N_ELEMENTS (weights); i++)
        {
          const TnModelTensor *entry = tn_model_file_get_tensor (file, i);
          float values[20];

          g_assert_cmpstr (entry->name, ==, names[i]);
          g_assert_cmpstr (entry->source_name, ==, weights[i].name);
          g_assert_true (tn_model_file_find_tensor (file, weights[i].name) == entry);
          g_assert_true (tn_model_file_find_tensor (file, names[i]) == entry);
          tn_tensor_decode (entry->tensor, 0, entry->tensor->count, values);
          for (guint64 j = 0; j < entry->tensor->count; j++)
            g_assert_cmpfloat (values[j], ==, next++);
        }
    }
}

static void
test_load (void)
{
  g_autofree char *path =
      write_model ("load",
                   CONFIG ",\"rope_theta\":5e5,\"rms_norm_eps\":1e-6,\"rope_scaling\":{\"type\":\"linear\",\"factor\":4.0},"
                          "\"tie_word_embeddings\":true,\"bos_token_id\":1,\"eos_token_id\":[2,3],\"head_dim\":null}",
                   weights, G_N_ELEMENTS (weights), "");
  g_autoptr (GError) error = NULL;
  g_autoptr (TnModelFile) file = tn_model_file_open (path, &error);
  g_autoptr (TnModel) model = NULL;
  const TnLlamaConfig *config;

  g_assert_no_error (error);
  g_assert_cmpstr (tn_model_file_get_metadata (file, "rope_scaling.factor"), ==, "4");
  g_assert_cmpstr (tn_model_file_get_metadata (file, "eos_token_id"), ==, "[2, 3]");
  g_assert_true (tn_model_file_can_run (file));
  model = tn_model_file_load (file, &error);
  g_assert_no_error (error);
  config = tn_model_get_config (model);
  g_assert_cmpuint (config->n_vocab, ==, 5);
  g_assert_cmpuint (config->n_embd, ==, 4);
  g_assert_cmpuint (config->n_layer, ==, 1);
  g_assert_cmpuint (config->n_head, ==, 2);
  g_assert_cmpuint (config->n_head_kv, ==, 1);
  g_assert_cmpuint (config->head_dim, ==, 2);
  g_assert_cmpuint (config->rope_dim, ==, 2);
  g_assert_cmpuint (config->n_ff, ==, 3);
  g_assert_cmpuint (config->n_context, ==, 2048);
  g_assert_cmpfloat (config->rope_base, ==, 5e5);
  g_assert_cmpfloat (config->rope_scale, ==, 4.0);
  g_assert_cmpfloat (config->norm_epsilon, ==, 1e-6);
  g_assert_cmpint (config->rope_layout, ==, TN_ROPE_HALF_SPLIT);
  g_assert_true (config->tied);
  g_assert_cmpint (config->bos, ==, 1);
  g_assert_cmpint (config->eos, ==, 2);
  /* Copied where products need them aligned. */
  for (guint i = 0; i < tn_model_n_parameters (model); i++)
    {
      const TnParameter *parameter = tn_model_get_parameter (model, i);
      const TnModelTensor *entry = tn_model_file_find_tensor (file, parameter->name);

      g_assert_cmpuint (GPOINTER_TO_SIZE (parameter->tensor->data) % sizeof (float), ==, 0);
      g_assert_cmpmem (parameter->tensor->data, parameter->tensor->bytes, entry->tensor->data, entry->tensor->bytes);
    }
}

static void
test_cannot_run (void)
{
  static const struct
  {
    const char *config;
    int code;
    const char *message;
  } cases[] = {
      {"{\"model_type\":\"gpt_neox\"}", TN_ERROR_UNSUPPORTED, "\"gpt_neox\""},
      {"{}", TN_ERROR_UNSUPPORTED, "\"unknown\""},
      {"{\"architectures\":[\"FooForCausalLM\"]}", TN_ERROR_UNSUPPORTED, "FooForCausalLM"},
      {CONFIG ",\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8}}", TN_ERROR_UNSUPPORTED, "\"llama3\""},
      {CONFIG ",\"rope_scaling\":7}", TN_ERROR_FORMAT, "rope_scaling"},
      {CONFIG ",\"hidden_act\":\"gelu\"}", TN_ERROR_UNSUPPORTED, "\"gelu\""},
      {CONFIG ",\"attention_bias\":true}", TN_ERROR_UNSUPPORTED, "biases"},
      {CONFIG ",\"attention_bias\":1}", TN_ERROR_FORMAT, "attention_bias"},
      {CONFIG ",\"quantization_config\":{\"quant_method\":\"gptq\"}}", TN_ERROR_UNSUPPORTED, "\"gptq\""},
      {CONFIG ",\"rms_norm_eps\":\"small\"}", TN_ERROR_FORMAT, "rms_norm_eps"},
      {CONFIG ",\"rope_theta\":-1}", TN_ERROR_FORMAT, "rope_theta"},
      {CONFIG ",\"head_dim\":0}", TN_ERROR_FORMAT, "head_dim"},
      {CONFIG ",\"head_dim\":3}", TN_ERROR_SHAPE, "even"},
      {CONFIG_HEAD "\"num_hidden_layers\":1,\"num_attention_heads\":2}", TN_ERROR_FORMAT, "vocab_size"},
      {CONFIG_HEAD "\"num_hidden_layers\":0,\"num_attention_heads\":2,\"vocab_size\":5}", TN_ERROR_FORMAT, "num_hidden_layers"},
      {CONFIG_HEAD "\"num_hidden_layers\":1,\"num_attention_heads\":3,\"vocab_size\":5}", TN_ERROR_SHAPE, "num_attention_heads"},
      {CONFIG_HEAD "\"num_hidden_layers\":1,\"num_attention_heads\":2,\"vocab_size\":5e0}", TN_ERROR_FORMAT, "vocab_size"},
      {CONFIG_HEAD "\"num_hidden_layers\":1,\"num_attention_heads\":4,\"num_key_value_heads\":3,\"head_dim\":2,\"vocab_size\":5}",
       TN_ERROR_SHAPE, "key/value"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = write_model ("cannot", cases[i].config, weights, G_N_ELEMENTS (weights), "");
      g_autoptr (GError) error = NULL;
      g_autoptr (TnModelFile) file = tn_model_file_open (path, &error);

      g_assert_no_error (error);
      g_assert_cmpuint (tn_model_file_n_tensors (file), ==, G_N_ELEMENTS (weights));
      g_assert_false (tn_model_file_can_run (file));
      g_assert_null (tn_model_file_load (file, &error));
      g_assert_error (error, TN_ERROR, cases[i].code);
      assert_message (error, "cannot", cases[i].message);
    }
}

static void
test_shapes (void)
{
  static const struct
  {
    const char *config;
    guint n_weights;
    const char *more;
    int code;
    const char *message;
  } cases[] = {
      {CONFIG_HEAD "\"num_hidden_layers\":1,\"num_attention_heads\":2,\"vocab_size\":5}", 11, "", TN_ERROR_SHAPE,
       "\"model.layers.0.self_attn.k_proj.weight\" has shape 2 × 4, expected 4 × 4"},
      {CONFIG_HEAD "\"num_hidden_layers\":2,\"num_attention_heads\":2,\"num_key_value_heads\":1,\"vocab_size\":5}", 11, "",
       TN_ERROR_NOT_FOUND, "blk.1.attn_norm.weight"},
      {CONFIG_HEAD "\"num_hidden_layers\":2147483647,\"num_attention_heads\":2,\"num_key_value_heads\":1,\"vocab_size\":5}", 11,
       "", TN_ERROR_NOT_FOUND, "blk.1.attn_norm.weight"},
      {CONFIG_HEAD "\"num_hidden_layers\":1,\"num_attention_heads\":2,\"num_key_value_heads\":1,\"vocab_size\":2147483647}", 11,
       "", TN_ERROR_SHAPE, "has shape 5 × 4, expected 2147483647 × 4"},
      {CONFIG "}", 10, "", TN_ERROR_NOT_FOUND, "output_norm.weight"},
      {CONFIG ",\"tie_word_embeddings\":false}", 11, "", TN_ERROR_NOT_FOUND, "output.weight"},
      {CONFIG "}", 11, ",\"model.layers.1.mlp.up_proj.weight\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}",
       TN_ERROR_UNSUPPORTED, "no place"},
      {CONFIG "}", 11, ",\"model.layers.0.self_attn.q_proj.bias\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}",
       TN_ERROR_UNSUPPORTED, "no place"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = write_model ("shapes", cases[i].config, weights, cases[i].n_weights, cases[i].more);
      g_autoptr (GError) error = NULL;
      g_autoptr (TnModelFile) file = tn_model_file_open (path, &error);

      g_assert_no_error (error);
      g_assert_null (tn_model_file_load (file, &error));
      g_assert_error (error, TN_ERROR, cases[i].code);
      assert_message (error, "shapes", cases[i].message);
    }
}

static void
test_shards (void)
{
  static const char index[] = "{\"metadata\":{\"total_size\":1},\"weight_map\":{\"model.norm.weight\":\"b.safetensors\",\"model."
                              "embed_tokens.weight\":\"a.safetensors\"}}";
  g_autofree char *config_path = test_write ("shards/config.json", CONFIG "}", strlen (CONFIG "}"));
  g_autofree char *index_path = test_write ("shards/model.safetensors.index.json", index, strlen (index));
  g_autofree char *other_path = test_write ("lone.index.json", index, strlen (index));
  g_autoptr (GByteArray) first = build_weights (weights, 1, "");
  g_autoptr (GByteArray) second = build_weights (weights + 10, 1, "");
  g_autofree char *first_path = test_write_array ("shards/a.safetensors", first);
  g_autofree char *second_path = test_write_array ("shards/b.safetensors", second);
  g_autofree char *folder = g_path_get_dirname (config_path);
  g_autoptr (GError) error = NULL;
  g_autoptr (TnModelFile) file = tn_model_file_open (folder, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (tn_model_file_n_tensors (file), ==, 2);
  g_assert_cmpuint (tn_model_file_get_bytes (file), ==, first->len + second->len);
  g_assert_cmpuint (tn_model_file_get_n_elements (file), ==, 24);
  g_assert_nonnull (tn_model_file_find_tensor (file, "token_embd.weight"));
  g_assert_nonnull (tn_model_file_find_tensor (file, "output_norm.weight"));

  /* Without a configuration the index alone is enough to list tensors; here its shards are missing. */
  g_assert_null (tn_model_file_open (other_path, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_unlink (config_path);
  g_clear_pointer (&file, tn_model_file_unref);
  file = tn_model_file_open (index_path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (tn_model_file_get_format (file), ==, "safetensors");
  g_assert_nonnull (tn_model_file_find_tensor (file, "model.norm.weight"));
}

static void
test_hostile_index (void)
{
  static const struct
  {
    const char *index;
    const char *message;
  } cases[] = {
      {"[]", "weight_map"},
      {"{}", "weight_map"},
      {"{\"weight_map\":[]}", "weight_map"},
      {"{\"weight_map\":{\"model.norm.weight\":7}}", "expected the name of a file"},
      {"{\"weight_map\":{\"model.norm.weight\":\"gone.safetensors\"}}", "gone.safetensors"},
      {"{\"weight_map\":{\"model.norm.weight\":\"../hostile/w.safetensors\"}}", "plain name"},
      {"{\"weight_map\":{\"model.norm.weight\":\"/etc/passwd\"}}", "plain name"},
      {"{\"weight_map\":{\"model.norm.weight\":\"..\"}}", "plain name"},
      {"{\"weight_map\":{\"model.norm.weight\":\"\"}}", "plain name"},
      {"{\"weight_map\":{\"model.norm.weight\":\"w.safetensors\\u0000\"}}", "expected the name of a file"},
      {"{\"weight_map\":{\"other\":\"w.safetensors\"}}", "\"other\" is not in shard"},
      {"{\"weight_map\":{\"model.norm.weight\":\"w.safetensors\",\"model.norm.weight\":\"w.safetensors\"}}", "once"},
      {"{\"weight_map\":{\"a\":\"model.safetensors.index.json\"}}", "header length"},
      {"{\"weight_map\":{\"a\":\"w.safetensors\"", "end of the text"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *config_path = test_write ("hostile/config.json", CONFIG "}", strlen (CONFIG "}"));
      g_autofree char *index_path = test_write ("hostile/model.safetensors.index.json", cases[i].index, strlen (cases[i].index));
      g_autoptr (GByteArray) bytes = build_weights (weights + 10, 1, "");
      g_autofree char *weights_path = test_write_array ("hostile/w.safetensors", bytes);
      g_autofree char *folder = g_path_get_dirname (config_path);
      g_autoptr (GError) error = NULL;

      g_assert_null (tn_model_file_open (folder, &error));
      g_assert_nonnull (error);
      assert_message (error, "hostile", cases[i].message);
    }
}

static void
test_hostile_config (void)
{
  static const char *const configs[] = {"", "[]", "7", "{", "{\"a\":1,\"a\":2}", "{\"a\":NaN}", "\xff"};

  for (guint i = 0; i < G_N_ELEMENTS (configs); i++)
    {
      g_autofree char *path = write_model ("config", configs[i], weights, G_N_ELEMENTS (weights), "");
      g_autoptr (GError) error = NULL;

      g_assert_null (tn_model_file_open (path, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_FORMAT);
      assert_message (error, "config.json", "expected");
    }
}

static void
test_real_unknown (void)
{
  static const struct
  {
    const char *path;
    const char *architecture;
    guint n_tensors;
    const char *tensor;
  } cases[] = {
      {"hf/tiny-random-gpt2", "gpt2", 0, "transformer.wte.weight"},   {"hf/gpt-nano-sort", "gpt2", 0, NULL},
      {"hf/silero_vad_16k.safetensors", "unknown", 0, NULL},          {"vision/burn_mnist_cnn.safetensors", "unknown", 0, NULL},
      {"mnist/mnist-mlp-784-500-10.safetensors", "unknown", 4, NULL},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = tn_test_realdata (cases[i].path);
      g_autoptr (GError) error = NULL;
      g_autoptr (TnModelFile) file = NULL;

      if (path == NULL)
        return;
      file = tn_model_file_open (path, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (tn_model_file_get_architecture (file), ==, cases[i].architecture);
      g_assert_cmpuint (tn_model_file_n_tensors (file), >=, MAX (cases[i].n_tensors, 1));
      if (cases[i].tensor != NULL)
        g_assert_nonnull (tn_model_file_find_tensor (file, cases[i].tensor));
      g_assert_false (tn_model_file_can_run (file));
      g_assert_null (tn_model_file_load (file, &error));
      g_assert_error (error, TN_ERROR, TN_ERROR_UNSUPPORTED);
      g_assert_nonnull (strstr (error->message, cases[i].architecture));
    }
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  test_folder_create ();
  g_test_add_func ("/huggingface/names", test_names);
  g_test_add_func ("/huggingface/load", test_load);
  g_test_add_func ("/huggingface/cannot-run", test_cannot_run);
  g_test_add_func ("/huggingface/shapes", test_shapes);
  g_test_add_func ("/huggingface/shards", test_shards);
  g_test_add_func ("/huggingface/hostile-index", test_hostile_index);
  g_test_add_func ("/huggingface/hostile-config", test_hostile_config);
  g_test_add_func ("/huggingface/real-unknown", test_real_unknown);
  result = g_test_run ();
  test_folder_remove (test_folder);
  return result;
}
