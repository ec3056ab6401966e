/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/data/tokenizer-fixtures.h"

#include "realdata.h"

/* A safetensors file with an embedding of so many tokens, one channel each. */
static char *
write_model (const char *name, guint n_vocab)
{
  g_autoptr (GByteArray) file = g_byte_array_new ();
  g_autofree char *header =
      g_strdup_printf ("{\"token_embd.weight\":{\"dtype\":\"F32\",\"shape\":[%u,1],\"data_offsets\":[0,%u]}}", n_vocab,
                       n_vocab * 4);

  put_u64 (file, strlen (header));
  g_byte_array_append (file, (const guint8 *) header, (guint) strlen (header));
  for (guint i = 0; i < n_vocab; i++)
    put_f32 (file, (float) i);
  return fixture_write (name, file->data, file->len);
}

/* A llama2.c tokenizer of so many tokens. */
static char *
write_llama2c (const char *name, guint n)
{
  g_autoptr (GByteArray) file = g_byte_array_new ();

  put_u32 (file, 16);
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *piece = i >= 3 && i < 259 ? g_strdup_printf ("<0x%02X>", i - 3) : g_strdup_printf ("%s%u", name, i);

      put_f32 (file, -(float) i);
      put_u32 (file, (guint32) strlen (piece));
      g_byte_array_append (file, (const guint8 *) piece, (guint) strlen (piece));
    }
  return fixture_write (name, file->data, file->len);
}

static void
remove_file (const char *name)
{
  g_autofree char *path = fixture_path (name);

  g_remove (path);
}

static TnModelFile *
open_model (const char *path)
{
  g_autoptr (GError) error = NULL;
  TnModelFile *model = tn_model_file_open (path, &error);

  g_assert_no_error (error);
  return model;
}

static void
test_order (void)
{
  static const char json[] =
      "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}";
  g_autofree char *path = write_model ("model.safetensors", 300);
  g_autoptr (TnModelFile) model = open_model (path);
  g_autofree char *a = NULL, *b = NULL, *c = NULL, *d = NULL;
  static const char *const expected[] = {"bpe", "tokenizer.bin0", "tokaaa.bin0", "tokbbb.bin0"};
  static const char *const names[] = {"tokenizer.json", "tokenizer.bin", "tokaaa.bin", "tokbbb.bin"};

  a = fixture_write ("tokenizer.json", json, strlen (json));
  b = write_llama2c ("tokenizer.bin", 259);
  c = write_llama2c ("tokaaa.bin", 259);
  d = write_llama2c ("tokbbb.bin", 259);
  for (guint i = 0; i < 4; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (TnTokenizer) tokenizer = tn_tokenizer_find (NULL, model, &error);

      g_assert_no_error (error);
      g_assert_cmpstr (i == 0 ? tn_tokenizer_get_kind (tokenizer) : tn_tokenizer_get_piece (tokenizer, 0), ==, expected[i]);
      remove_file (names[i]);
    }
}

static void
test_not_found (void)
{
  g_autofree char *path = write_model ("model.safetensors", 300);
  g_autofree char *missing = fixture_path ("absent.json");
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr (TnModelFile) model = open_model (path);
  g_autoptr (GError) error = NULL;

  g_assert_null (tn_tokenizer_find (NULL, model, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "tokenizer.json"));
  g_assert_nonnull (strstr (error->message, "--tokenizer"));
  g_assert_nonnull (strstr (error->message, path));
  g_clear_error (&error);
  g_assert_null (tn_tokenizer_find (NULL, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (tn_tokenizer_find (missing, model, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (tn_tokenizer_find (folder, model, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_NOT_FOUND);
}

/* One that does not fit is passed over where another does; where none does, the message says why. */
static void
test_mismatch (void)
{
  g_autofree char *path = write_model ("model.safetensors", 260);
  g_autoptr (TnModelFile) model = open_model (path);
  g_autofree char *big = write_llama2c ("tok-a.bin", 261);
  g_autofree char *fitting = write_llama2c ("tok-b.bin", 260);
  g_autoptr (TnTokenizer) found = tn_tokenizer_find (NULL, model, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (found);
  g_assert_cmpuint (tn_tokenizer_get_size (found), ==, 260);
  g_assert_null (tn_tokenizer_find (big, model, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_MISMATCH);
  g_assert_nonnull (strstr (error->message, "261"));
  g_clear_error (&error);
  remove_file ("tok-b.bin");
  g_assert_null (tn_tokenizer_find (NULL, model, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_MISMATCH);
  remove_file ("tok-a.bin");
}

static void
test_bytes (void)
{
  g_autofree char *path = write_model ("model.safetensors", 256);
  g_autofree char *small_path = write_model ("small.safetensors", 255);
  g_autoptr (TnModelFile) model = open_model (path);
  g_autoptr (TnModelFile) small = open_model (small_path);
  g_autoptr (TnTokenizer) tokenizer = tn_tokenizer_find ("bytes", model, NULL);
  g_autoptr (TnTokenizer) alone = tn_tokenizer_find ("bytes", NULL, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (tn_tokenizer_get_kind (tokenizer), ==, "bytes");
  g_assert_cmpint (tn_tokenizer_get_bos (tokenizer), ==, -1);
  g_assert_nonnull (alone);
  g_assert_null (tn_tokenizer_find ("bytes", small, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_MISMATCH);
}

static void
test_not_a_tokenizer (void)
{
  g_autofree char *empty = fixture_write ("empty.bin", "", 0);
  g_autofree char *text = fixture_write ("text.bin", "this is no tokenizer at all", 27);
  g_autofree char *json = fixture_write ("list.json", "{\"a\":1", 6);
  g_autofree char *other = fixture_write ("other.json", "{\"a\":1}", 7);
  g_autofree char *folder = fixture_path ("");

  assert_open_fails (empty, TN_ERROR_FORMAT, "empty");
  assert_open_fails (text, TN_ERROR_FORMAT, "text.bin");
  assert_open_fails (json, TN_ERROR_FORMAT, "list.json");
  assert_open_fails (other, TN_ERROR_FORMAT, "model");
  assert_open_fails (folder, TN_ERROR_IO, folder);
}

/* The bundled model: the tokenizer lies beside it, config.json names its BOS. */
static void
test_sample (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "..", "resources", "sample", NULL);
  g_autoptr (TnModelFile) model = open_model (path);
  g_autoptr (GError) error = NULL;
  g_autoptr (TnTokenizer) tokenizer = tn_tokenizer_find (NULL, model, &error);
  g_autoptr (TnTokenizer) bytes = tn_tokenizer_find ("bytes", model, NULL);

  g_assert_no_error (error);
  g_assert_cmpstr (tn_tokenizer_get_kind (tokenizer), ==, "bpe");
  g_assert_cmpint (tn_tokenizer_get_bos (tokenizer), ==, 256);
  g_assert_cmpint (tn_tokenizer_get_bos (bytes), ==, 256);
  assert_ids (tokenizer, "A b\n", "65 32 98 10");
  assert_ids (tokenizer, "<|bos|>x", "256 120");
}

static void
test_real (void)
{
  static const struct
  {
    const char *path, *kind;
    guint size;
    gint32 bos;
  } cases[] = {
      {"stories260k/stories260K.bin", "spm", 512, 1},
      {"gguf/stories260K.gguf", "spm", 512, 1},
      {"gguf/llama-2-tiny-random.gguf", "spm", 32000, 1},
      {"hf/tiny-random-gpt2", "bpe", 1000, 98},
      {"hf/tiny-random-gpt2/model.safetensors", "bpe", 1000, 98},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = tn_test_realdata (cases[i].path);
      g_autoptr (TnModelFile) model = path != NULL ? open_model (path) : NULL;
      g_autoptr (GError) error = NULL;
      g_autoptr (TnTokenizer) tokenizer = NULL;

      if (model == NULL)
        return;
      tokenizer = tn_tokenizer_find (NULL, model, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (tn_tokenizer_get_kind (tokenizer), ==, cases[i].kind);
      g_assert_cmpuint (tn_tokenizer_get_size (tokenizer), ==, cases[i].size);
      g_assert_cmpint (tn_tokenizer_get_bos (tokenizer), ==, cases[i].bos);
    }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tokenizer-find/order", test_order);
  g_test_add_func ("/tokenizer-find/not-found", test_not_found);
  g_test_add_func ("/tokenizer-find/mismatch", test_mismatch);
  g_test_add_func ("/tokenizer-find/bytes", test_bytes);
  g_test_add_func ("/tokenizer-find/not-a-tokenizer", test_not_a_tokenizer);
  g_test_add_func ("/tokenizer-find/sample", test_sample);
  g_test_add_func ("/tokenizer-find/real", test_real);
  status = g_test_run ();
  fixture_clean_up ();
  return status;
}
