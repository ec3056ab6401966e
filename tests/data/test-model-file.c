/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "data/files/json-reader.h"
#include "data/models/model-file.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "tests/data/model-bytes.h"
#include "tests/realdata.h"

static void
test_not_a_model (void)
{
  g_autofree guint8 *zeros = g_malloc0 (10000);
  g_autofree char *empty = test_write ("empty", "", 0);
  g_autofree char *byte = test_write ("byte", "x", 1);
  g_autofree char *zero = test_write ("zeros", zeros, 10000);
  g_autofree char *text = test_write ("text.txt", "Once upon a time\nthere was a file.\n", 34);
  g_autofree char *fake = test_write ("fake.safetensors", "Once upon a time\nthere was a file.\n", 34);
  g_autofree char *fake_gguf = test_write ("fake.gguf", "Once upon a time\nthere was a file.\n", 34);
  g_autofree char *json = test_write ("any.json", "{\"a\":1}", 7);
  g_autofree char *missing = g_build_filename (test_folder, "missing", NULL);
  g_autofree char *folder = g_build_filename (test_folder, "folder", NULL);
  g_autofree char *only_config = test_write ("only/config.json", "{}", 2);
  g_autofree char *only_folder = g_path_get_dirname (only_config);
  const struct
  {
    const char *path;
    int code;
    const char *message;
  } cases[] = {
      {empty, TN_ERROR_FORMAT, "empty"},
      {byte, TN_ERROR_FORMAT, "begins with \"x\""},
      {zero, TN_ERROR_FORMAT, "begins with \"\\x00"},
      {text, TN_ERROR_FORMAT, "begins with \"Once upo\", expected safetensors, GGUF or a llama2.c checkpoint"},
      {fake, TN_ERROR_FORMAT, "header length"},
      {fake_gguf, TN_ERROR_FORMAT, "magic"},
      {json, TN_ERROR_FORMAT, "weight_map"},
      {missing, TN_ERROR_NOT_FOUND, "missing"},
      {folder, TN_ERROR_NOT_FOUND, "looked for config.json"},
      {only_folder, TN_ERROR_NOT_FOUND, "looked for model.safetensors"},
      {"/dev/null", TN_ERROR_IO, "/dev/null"},
  };

  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (tn_model_file_open (cases[i].path, &error));
      g_assert_error (error, TN_ERROR, cases[i].code);
      assert_message (error, cases[i].path, cases[i].message);
    }
}

static GByteArray *
build_model (gsize n, float last)
{
  g_autofree char *header =
      g_strdup_printf ("{\"a\":{\"dtype\":\"F32\",\"shape\":[%" G_GSIZE_FORMAT "],\"data_offsets\":[0,%" G_GSIZE_FORMAT "]}}", n,
                       4 * n);
  GByteArray *bytes = build_safetensors (header, 0);

  for (gsize i = 0; i + 1 < n; i++)
    put_f32 (bytes, (float) i);
  put_f32 (bytes, last);
  return bytes;
}

static guint64
fingerprint_of (const char *name, GByteArray *bytes)
{
  g_autofree char *path = test_write_array (name, bytes);
  g_autoptr (GError) error = NULL;
  g_autoptr (TnModelFile) file = tn_model_file_open (path, &error);
  guint64 fingerprint;

  g_assert_no_error (error);
  fingerprint = tn_model_file_get_fingerprint (file);
  g_assert_cmpuint (fingerprint, ==, tn_model_file_get_fingerprint (file));
  return fingerprint;
}

/* The same for a copy elsewhere; another for another number, also the last of a tensor that is sampled. */
static void
test_fingerprint (void)
{
  static const gsize sizes[] = {1, 3, 1000, 18433, 1000003};

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr (GByteArray) one = build_model (sizes[i], 1.5f);
      g_autoptr (GByteArray) other = build_model (sizes[i], 1.25f);
      g_autoptr (GByteArray) longer = build_model (sizes[i] + 1, 1.5f);
      guint64 fingerprint = fingerprint_of ("one", one);

      g_assert_cmpuint (fingerprint_of ("copy/of", one), ==, fingerprint);
      g_assert_cmpuint (fingerprint_of ("other", other), !=, fingerprint);
      g_assert_cmpuint (fingerprint_of ("longer", longer), !=, fingerprint);
    }
}

/* A file of 2 GB, nearly all of it a hole on disk, opens, is fingerprinted and decoded in part with little memory. */
static void
test_large (void)
{
  guint64 n = (guint64) 1 << 29;
  g_autofree char *header =
      g_strdup_printf ("{\"a\":{\"dtype\":\"F32\",\"shape\":[8192,65536],\"data_offsets\":[0,%" G_GUINT64_FORMAT "]}}   ", 4 * n);
  g_autoptr (GByteArray) bytes = build_safetensors (header, 0);
  g_autofree char *path = test_write_array ("large.safetensors", bytes);
  g_autofree float *row = g_new (float, 65536);
  g_autoptr (GError) error = NULL;
  g_autoptr (TnModelFile) file = NULL;
  gsize before = tn_process_get_rss ();
  gint64 start;

  if (truncate (path, (off_t) (bytes->len + 4 * n)) != 0)
    {
      g_test_skip ("the file system has no sparse files");
      return;
    }
  start = g_get_monotonic_time ();
  file = tn_model_file_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_get_monotonic_time () - start, <, G_USEC_PER_SEC);
  tn_model_file_get_fingerprint (file);
  for (guint64 i = 0; i < 8192; i += 61)
    {
      const TnTensor *tensor = tn_model_file_get_tensor (file, 0)->tensor;

      tn_tensor_decode_rows (tensor, i, 1, row);
      g_assert_cmpfloat (row[65535], ==, 0.0f);
      tn_tensor_release_rows (tensor, i, 1);
    }
  g_assert_cmpuint (tn_process_get_rss (), <, before + 16 * 1024 * 1024);
  g_assert_cmpuint (tn_model_file_get_bytes (file), ==, bytes->len + 4 * n);
}

/* Truth computed by an independent program: names and shapes. */
static void
test_real_shapes (void)
{
  static const char *const models[] = {"stories260k/stories260K.bin",
                                       "stories260k/stories260K_v1.bin",
                                       "stories260k/stories260K_q8_v2.bin",
                                       "gguf/stories260K.gguf",
                                       "stories260k/hf-f32",
                                       "stories260k/hf-f16",
                                       "stories260k/hf-bf16"};
  g_autofree char *truth_path = tn_test_realdata ("expected_stories260k.json");
  g_autoptr (GError) error = NULL;
  g_autoptr (TnJson) truth = NULL;
  const TnJsonNode *tensors;

  if (truth_path == NULL)
    return;
  truth = tn_json_parse_file (truth_path, &error);
  g_assert_no_error (error);
  tensors = tn_json_find_typed (tn_json_get_root (truth), "tensors", TN_JSON_OBJECT);
  g_assert_cmpuint (tensors->n_children, ==, 36);
  for (guint i = 0; i < G_N_ELEMENTS (models); i++)
    {
      g_autofree char *path = tn_test_realdata (models[i]);
      g_autoptr (TnModelFile) file = tn_model_file_open (path, &error);

      g_assert_no_error (error);
      /* The GGUF holds the embedding a second time, as the head. */
      g_assert_cmpuint (tn_model_file_get_n_elements (file), ==, i == 3 ? 292800 : 260032);
      for (const TnJsonNode *node = tensors->value.list.first; node != NULL; node = node->next)
        {
          const TnJsonNode *shape = tn_json_find_typed (node, "shape", TN_JSON_ARRAY);
          const TnModelTensor *entry = tn_model_file_find_tensor (file, node->name);

          g_assert_nonnull (entry);
          g_assert_cmpuint (entry->tensor->n_dims, ==, 2);
          g_assert_cmpint ((gint64) entry->tensor->shape[0], ==, shape->value.list.first->value.number.integer);
          g_assert_cmpint ((gint64) entry->tensor->shape[1], ==, shape->value.list.first->next->value.number.integer);
        }
    }
}

/* Every container of the same model gives the same configuration, but for the layout of the rotary embedding. */
static void
test_real_load (void)
{
  static const struct
  {
    const char *path;
    TnRopeLayout layout;
  } cases[] = {
      {"stories260k/stories260K.bin", TN_ROPE_INTERLEAVED},
      {"stories260k/stories260K_v1.bin", TN_ROPE_INTERLEAVED},
      {"stories260k/stories260K_q8_v2.bin", TN_ROPE_INTERLEAVED},
      {"gguf/stories260K.gguf", TN_ROPE_INTERLEAVED},
      {"stories260k/hf-f32", TN_ROPE_HALF_SPLIT},
      {"stories260k/hf-bf16", TN_ROPE_HALF_SPLIT},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = tn_test_realdata (cases[i].path);
      g_autoptr (GError) error = NULL;
      g_autoptr (TnModelFile) file = NULL;
      g_autoptr (TnModel) model = NULL;
      const TnLlamaConfig *config;

      if (path == NULL)
        return;
      file = tn_model_file_open (path, &error);
      g_assert_no_error (error);
      model = tn_model_file_load (file, &error);
      g_assert_no_error (error);
      config = tn_model_get_config (model);
      g_assert_cmpuint (config->n_vocab, ==, 512);
      g_assert_cmpuint (config->n_embd, ==, 64);
      g_assert_cmpuint (config->n_layer, ==, 5);
      g_assert_cmpuint (config->n_head, ==, 8);
      g_assert_cmpuint (config->n_head_kv, ==, 4);
      g_assert_cmpuint (config->head_dim, ==, 8);
      g_assert_cmpuint (config->rope_dim, ==, 8);
      g_assert_cmpuint (config->n_ff, ==, 172);
      g_assert_cmpfloat (config->rope_base, ==, 10000.0);
      g_assert_cmpfloat (config->rope_scale, ==, 1.0);
      g_assert_cmpfloat_with_epsilon (config->norm_epsilon, 1e-5, 1e-11);
      g_assert_cmpint (config->rope_layout, ==, cases[i].layout);
      g_assert_cmpint (config->tied, ==, i != 3);
      g_assert_cmpint (config->bos, ==, 1);
      g_assert_cmpuint (tn_model_n_parameters (model), ==, i == 3 ? 48 : 47);
      g_assert_cmpuint (tn_model_get_fingerprint (model), ==, tn_model_file_get_fingerprint (file));
    }
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  test_folder_create ();
  g_test_add_func ("/model-file/not-a-model", test_not_a_model);
  g_test_add_func ("/model-file/fingerprint", test_fingerprint);
  g_test_add_func ("/model-file/large", test_large);
  g_test_add_func ("/model-file/real-shapes", test_real_shapes);
  g_test_add_func ("/model-file/real-load", test_real_load);
  result = g_test_run ();
  test_folder_remove (test_folder);
  return result;
}
