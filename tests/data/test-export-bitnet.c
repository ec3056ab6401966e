/* SPDX-License-Identifier: Apache-2.0 */
#include "data/models/gguf.h"
#include "data/models/safetensors.h"
#include "engine/device/device.h"
#include "engine/nn/quantized-model.h"
#include "tests/data/export-fixtures.h"

/* From GGUF's layout back to Hugging Face's, packed and scaled as transformers reads it. */
static void
test_bitnet (void)
{
  g_autofree char *model = make_model ("narrow", &narrow, FALSE);
  g_autofree char *gguf = out_path ("plain.gguf"), *path = out_path ("bitnet"), *config_path = NULL, *config = NULL,
                  *weights_path = NULL;
  g_autoptr (TnMappedFile) map = NULL;
  g_autoptr (TnSafetensors) weights = NULL;
  g_autoptr (TnModelFile) file = NULL;
  g_autoptr (TnModel) loaded = NULL;
  Entry entries[N_ENTRIES];

  list_entries (&narrow, entries);
  export(tn_export_gguf, model, gguf, NULL, TN_DTYPE_F32);
  /* Twice: the folder is replaced. */
  export(tn_export_bitnet, model, path, "ternary", TN_DTYPE_INVALID);
  export(tn_export_bitnet, gguf, path, "ternary:ls", TN_DTYPE_INVALID);
  config_path = g_build_filename (path, "config.json", NULL);
  g_assert_true (g_file_get_contents (config_path, &config, NULL, NULL));
  g_assert_nonnull (strstr (config, "\"autobitlinear\""));
  g_assert_nonnull (strstr (config, "\"offline\""));
  weights_path = g_build_filename (path, "model.safetensors", NULL);
  map = tn_mapped_file_open (weights_path, NULL);
  weights = tn_safetensors_open (map, NULL);
  for (guint i = 0; i < N_ENTRIES; i++)
    if (is_linear (&entries[i]))
      {
        const Entry *entry = &entries[i];
        g_autofree char *scale_name = g_strconcat (entry->source, "_scale", NULL);
        const TnSafetensorsEntry *packed = tn_safetensors_find_entry (weights, entry->source),
                                 *scale_entry = tn_safetensors_find_entry (weights, scale_name);
        g_autofree float *values = rounded (entry, "ternary:ls");
        guint stride = (entry->rows + 3) / 4;
        float scale;

        g_assert_cmpuint (packed->shape[0], ==, stride);
        memcpy (&scale, scale_entry->data, sizeof scale);
        for (guint row = 0; row < entry->rows; row++)
          for (guint k = 0; k < entry->columns; k++)
            {
              int code = (packed->data[row % stride * entry->columns + k] >> (2 * (row / stride)) & 3) - 1;
              float x = values[row * entry->columns + k];

              g_assert_cmpint (code, ==, (x > 0) - (x < 0));
              /* The scale was found over rows in another order. */
              g_assert_true (code == 0 || fabsf (scale - fabsf (x)) <= 1e-6f * scale);
            }
      }
  file = open_model (path);
  loaded = tn_model_file_load (file, NULL);
  g_assert_cmpuint (tn_model_count_layer_paths (loaded, TN_LAYER_PATH_BIT_LINEAR), ==, 7);
}

static void
test_bitnet_keeps_what_a_plan_keeps (void)
{
  g_autofree char *model = make_model ("narrow", &narrow, FALSE);
  g_autofree char *path = out_path ("mixed");
  g_autoptr (TnModelFile) source = open_model (model), file = NULL;
  g_autoptr (TnModel) loaded = NULL;
  g_autoptr (TnPlan) plan = tn_plan_new ();
  g_autoptr (GError) error = NULL;
  TnScheme ternary = {.kind = TN_SCHEME_TERNARY};
  TnExportOptions options = {.plan = plan};
  TnExportRun run = {NULL};
  TnExportResult result = {0};

  tn_plan_add (plan, TN_PLAN_WEIGHTS, "blk.*.ffn_down.weight", NULL);
  tn_plan_add (plan, TN_PLAN_WEIGHTS, "blk.*", &ternary);
  g_assert_true (tn_export_bitnet (source, path, &options, &run, &result, &error));
  tn_export_result_clear (&result);
  file = open_model (path);
  loaded = tn_model_file_load (file, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tn_model_count_layer_paths (loaded, TN_LAYER_PATH_BIT_LINEAR), ==, 6);
  g_assert_cmpint (tn_model_get_layer_path (loaded, "blk.0.ffn_down.weight"), ==, TN_LAYER_PATH_FLOAT);
}

/* Folders that hold what is not ours stay. */
static void
test_folder_with_other_files (void)
{
  g_autofree char *model = make_model ("narrow", &narrow, FALSE), *path = out_path ("mine");
  g_autofree char *note = test_write ("mine/notes.txt", "x", 1);
  g_autoptr (GError) error = NULL;

  g_assert_false (try_export (tn_export_bitnet, model, path, "ternary", TN_DTYPE_INVALID, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_IO);
  assert_message (error, "mine", "notes.txt");
  g_assert_true (g_file_test (note, G_FILE_TEST_EXISTS));
}

/* The model that trains in rounded weights: BitNet's own architecture, its weights still full. */
static char *
make_masters (const char *name)
{
  static const char config[] =
      "{\"model_type\":\"bitnet\",\"hidden_size\":40,\"intermediate_size\":52,\"num_hidden_layers\":1,\"num_attention_heads\":4,"
      "\"num_key_value_heads\":2,\"vocab_size\":11,\"max_position_embeddings\":64,\"rms_norm_eps\":1e-5,\"rope_theta\":5000.0,"
      "\"hidden_act\":\"relu2\",\"tie_word_embeddings\":true,"
      "\"quantization_config\":{\"quant_method\":\"bitnet\",\"linear_class\":\"autobitlinear\",\"quantization_mode\":\"online\"}"
      "}";
  static const Entry sub_norms[N_SUB_NORMS] = {
      {"model.layers.0.self_attn.attn_sub_norm.weight", "blk.0.attn_sub_norm.weight", 0, 40},
      {"model.layers.0.mlp.ffn_sub_norm.weight", "blk.0.ffn_sub_norm.weight", 0, 52},
  };
  g_autofree char *config_name = g_build_filename (name, "config.json", NULL);
  g_autofree char *weights_path = g_build_filename (test_folder, name, "model.safetensors", NULL);
  g_autoptr (TnSafetensorsWriter) writer = tn_safetensors_writer_new ();
  g_autoptr (GError) error = NULL;
  Entry entries[N_ENTRIES + N_SUB_NORMS];

  g_free (test_write (config_name, config, strlen (config)));
  list_entries (&narrow, entries);
  /* In place of the head. */
  memcpy (entries + N_ENTRIES - 1, sub_norms, sizeof sub_norms);
  for (guint i = 0; i < N_ENTRIES - 1 + N_SUB_NORMS; i++)
    {
      guint64 shape[2] = {entries[i].rows, entries[i].columns};

      tn_safetensors_writer_take_tensor (writer, entries[i].source, TN_DTYPE_F32, entries[i].rows > 0 ? 2 : 1,
                                         entries[i].rows > 0 ? shape : shape + 1, values_of (&entries[i]), &error);
      g_assert_no_error (error);
    }
  tn_safetensors_writer_write (writer, weights_path, NULL, &error);
  g_assert_no_error (error);
  return g_build_filename (test_folder, name, NULL);
}

typedef struct
{
  TnModel *model;
  float logits[6 * VOCAB];
  GError *error;
} Run;

static void
run_on_compute_thread (gpointer user_data)
{
  static const gint32 tokens[6] = {1, 4, 9, 10, 0, 3};
  Run *self = user_data;
  const TnSequence sequence = {.hash = 1, .length = 6, .tokens = tokens};
  g_autoptr (TnBatch) batch = tn_batch_new (&sequence, 1);
  const TnForwardOptions options = {0};

  tn_model_forward (self->model, batch, &options, self->logits, NULL, NULL, &self->error);
}

static void
get_logits (const char *path, Run *run)
{
  g_autoptr (TnModelFile) file = open_model (path);

  *run = (Run){.model = tn_model_file_load (file, &run->error)};
  g_assert_nonnull (run->model);
  g_assert_cmpuint (tn_model_count_layer_paths (run->model, TN_LAYER_PATH_BIT_LINEAR), ==, 7);
  tn_compute_run (run_on_compute_thread, run);
  g_assert_no_error (run->error);
  tn_model_unref (run->model);
}

/* What was trained is what is exported: the same logits, to the bit. GGUF keeps the epsilon of norms in 32 bits, so that the last
 * may differ. */
static void
test_bitnet_masters (void)
{
  g_autofree char *model = make_masters ("masters"), *folder = out_path ("trained"), *packed = out_path ("trained.safetensors"),
                  *gguf = out_path ("trained.gguf"), *again = out_path ("trained-again"), *plain = out_path ("trained-f32.safetensors");
  g_autoptr (TnMappedFile) map = NULL;
  g_autoptr (TnGguf) file = NULL;
  g_autofree char *architecture = NULL;
  Run wanted, found;

  get_logits (model, &wanted);
  export(tn_export_bitnet, model, folder, "ternary", TN_DTYPE_INVALID);
  export(tn_export_safetensors, model, packed, "ternary", TN_DTYPE_INVALID);
  export(tn_export_safetensors, model, plain, "ternary", TN_DTYPE_F32);
  export(tn_export_gguf, model, gguf, "ternary", TN_DTYPE_F32);
  /* A checkpoint that is packed already stays what it is under the level of least squares. */
  export(tn_export_bitnet, folder, again, "ternary:ls", TN_DTYPE_INVALID);
  get_logits (folder, &found);
  g_assert_cmpmem (found.logits, sizeof found.logits, wanted.logits, sizeof wanted.logits);
  get_logits (packed, &found);
  g_assert_cmpmem (found.logits, sizeof found.logits, wanted.logits, sizeof wanted.logits);
  get_logits (plain, &found);
  g_assert_cmpmem (found.logits, sizeof found.logits, wanted.logits, sizeof wanted.logits);
  get_logits (again, &found);
  g_assert_cmpmem (found.logits, sizeof found.logits, wanted.logits, sizeof wanted.logits);
  get_logits (gguf, &found);
  for (guint i = 0; i < G_N_ELEMENTS (found.logits); i++)
    g_assert_cmpfloat_with_epsilon ((double) found.logits[i], (double) wanted.logits[i], 0.05);
  export(tn_export_bitnet, gguf, again, "ternary:ls", TN_DTYPE_INVALID);
  get_logits (again, &wanted);
  g_assert_cmpmem (found.logits, sizeof found.logits, wanted.logits, sizeof wanted.logits);
  map = tn_mapped_file_open (gguf, NULL);
  file = tn_gguf_open (map, NULL);
  architecture = tn_gguf_dup_string (file, "general.architecture");
  g_assert_cmpstr (architecture, ==, "bitnet-b1.58");
  assert_refused (tn_export_safetensors, folder, "no.safetensors", "ternary:ls", TN_DTYPE_INVALID, TN_ERROR_UNSUPPORTED, "GGUF");
  /* What would be ternarized again when it is read. */
  assert_refused (tn_export_safetensors, model, "no.safetensors", "int4:c", TN_DTYPE_INVALID, TN_ERROR_UNSUPPORTED, "BitNet");
  assert_refused (tn_export_gguf, model, "no.gguf", "int8", TN_DTYPE_F32, TN_ERROR_UNSUPPORTED, "BitNet");
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  test_folder_create ();
  g_test_add_func ("/export-bitnet/bitnet", test_bitnet);
  g_test_add_func ("/export-bitnet/bitnet-keeps", test_bitnet_keeps_what_a_plan_keeps);
  g_test_add_func ("/export-bitnet/folder-with-other-files", test_folder_with_other_files);
  g_test_add_func ("/export-bitnet/bitnet-masters", test_bitnet_masters);
  status = g_test_run ();
  test_folder_remove (test_folder);
  return status;
}
