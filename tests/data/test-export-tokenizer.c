/* SPDX-License-Identifier: Apache-2.0 */
#include "data/models/gguf.h"
#include "data/tokenizers/byte-level.h"
#include "data/tokenizers/tokenizer.h"
#include "tests/data/export-fixtures.h"

static char *
make_model_of_words (const char *name)
{
  return make_model (name, &wordy, FALSE);
}

/* The tokenizer of a file and that of the model it was made from cut text into the same tokens. */
static void
assert_same_tokens (const char *model, const char *tokenizer_path, const char *gguf)
{
  static const char text[] = "abc aab  cab abcabc ba\xc3\xa4 c";
  g_autoptr (TnModelFile) source = open_model (model), file = open_model (gguf);
  g_autoptr (GError) error = NULL;
  g_autoptr (TnTokenizer) was = tn_tokenizer_find (tokenizer_path, source, &error), is = NULL;
  g_autoptr (GArray) expected = g_array_new (FALSE, FALSE, sizeof (gint32)), found = g_array_new (FALSE, FALSE, sizeof (gint32));

  g_assert_no_error (error);
  is = tn_tokenizer_find (NULL, file, &error);
  g_assert_no_error (error);
  g_assert_true (tn_tokenizer_encode (was, text, strlen (text), TRUE, expected, &error));
  g_assert_true (tn_tokenizer_encode (is, text, strlen (text), TRUE, found, &error));
  g_assert_cmpmem (found->data, found->len * 4, expected->data, expected->len * 4);
  g_assert_cmpint (tn_tokenizer_get_eos (is), ==, tn_tokenizer_get_eos (was));
}

/* Byte-level pairs over all bytes, with a and b, ab and c, and space and a merging; EOS is added. */
static char *
make_tokenizer_json (const char *prefix_space)
{
  GString *out = g_string_new ("{\"version\":\"1.0\",\"added_tokens\":[{\"id\":259,\"content\":\"<eos>\",\"special\":true}],");

  g_string_append_printf (out, "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":%s,\"use_regex\":true},",
                          prefix_space);
  g_string_append (out, "\"model\":{\"type\":\"BPE\",\"merges\":[\"a b\",[\"ab\",\"c\"],\"\xc4\xa0 a\"],\"vocab\":{");
  for (guint byte = 0; byte < 256; byte++)
    {
      char piece[8] = "";

      g_unichar_to_utf8 (tn_byte_level_character ((guint8) byte), piece);
      g_string_append_printf (out, "\"%s%s\":%u,", piece[0] == '"' || piece[0] == '\\' ? "\\" : "", piece, byte);
    }
  g_string_append (out, "\"ab\":256,\"abc\":257,\"\xc4\xa0"
                        "a\":258}}}");
  return g_string_free (out, FALSE);
}

static void
test_tokenizer (void)
{
  static const char *const prefixes[] = {"false", "true"};
  g_autofree char *path = out_path ("tokens.gguf");
  const char *folder = "words";

  for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++)
    {
      g_autofree char *model = make_model_of_words (folder);
      g_autofree char *json = make_tokenizer_json (prefixes[i]);
      g_autofree char *json_path = test_write ("words/tokenizer.json", json, strlen (json));
      g_autoptr (TnMappedFile) map = NULL;
      g_autoptr (TnGguf) gguf = NULL;

      export(tn_export_gguf, model, path, "int8", TN_DTYPE_F32);
      assert_same_tokens (model, NULL, path);
      map = tn_mapped_file_open (path, NULL);
      gguf = tn_gguf_open (map, NULL);
      /* A space in front is nothing that GGUF has a key for. */
      g_assert_true ((tn_gguf_find_value (gguf, "tokenizer.ggml.tokens") != NULL) == (i == 0));
      g_assert_true ((tn_gguf_find_value (gguf, "tokenizer.huggingface.json") != NULL) == (i == 1));
      if (i == 0)
        /* As many as the embedding has rows: what is missing is filled up. */
        g_assert_cmpuint (tn_gguf_find_value (gguf, "tokenizer.ggml.tokens")->count, ==, WORDS);
    }
}

/* As a SentencePiece model becomes a tokenizer.json: merges of all ways to a piece together, by its score. */
static char *
make_piece_json (const char *merges, const char *prefix)
{
  GString *out = g_string_new ("{\"version\":\"1.0\",\"added_tokens\":[{\"id\":0,\"content\":\"<unk>\",\"special\":true},"
                               "{\"id\":1,\"content\":\"<s>\",\"special\":true}],");

  g_string_append_printf (
      out,
      "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[%s{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},"
      "\"content\":\"\xe2\x96\x81\"}]},",
      prefix);
  g_string_append (out, "\"model\":{\"type\":\"BPE\",\"unk_token\":\"<unk>\",\"fuse_unk\":true,\"byte_fallback\":true,\"vocab\":{"
                        "\"<unk>\":0,\"<s>\":1,");
  for (guint byte = 0; byte < 256; byte++)
    g_string_append_printf (out, "\"<0x%02X>\":%u,", byte, byte + 2);
  g_string_append_printf (out,
                          "\"\xe2\x96\x81\":258,\"a\":259,\"b\":260,\"c\":261,\"ab\":262,\"bc\":263,\"abc\":264,\"\xe2\x96\x81"
                          "a\":265},"
                          "\"merges\":[%s]}}",
                          merges);
  return g_string_free (out, FALSE);
}

static void
test_piece_tokenizer (void)
{
  static const char prepend[] = "{\"type\":\"Prepend\",\"prepend\":\"\xe2\x96\x81\"},";
  static const struct
  {
    const char *merges, *prefix;
    gboolean expressed;
  } cases[] = {
      {"\"\xe2\x96\x81 a\",\"b c\",\"a b\",\"ab c\",\"a bc\"", prepend, TRUE},
      {"[\"a\",\"b\"],[\"b\",\"c\"],[\"a\",\"bc\"],[\"ab\",\"c\"],[\"\xe2\x96\x81\",\"a\"]", "", TRUE},
      /* A way to a piece is missing; ways to a piece apart from each other. */
      {"\"a b\",\"b c\",\"ab c\",\"\xe2\x96\x81 a\"", prepend, FALSE},
      {"\"a b\",\"b c\",\"a bc\",\"\xe2\x96\x81 a\",\"ab c\"", prepend, FALSE},
  };
  g_autofree char *path = out_path ("pieces.gguf");

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *model = make_model_of_words ("words");
      g_autofree char *json = make_piece_json (cases[i].merges, cases[i].prefix);
      g_autofree char *json_path = test_write ("words/tokenizer.json", json, strlen (json));
      g_autoptr (TnMappedFile) map = NULL;
      g_autoptr (TnGguf) gguf = NULL;

      export(tn_export_gguf, model, path, "int8", TN_DTYPE_F32);
      assert_same_tokens (model, NULL, path);
      map = tn_mapped_file_open (path, NULL);
      gguf = tn_gguf_open (map, NULL);
      g_assert_true ((tn_gguf_find_value (gguf, "tokenizer.ggml.scores") != NULL) == cases[i].expressed);
    }
}

static void
put_piece (GByteArray *out, float score, const char *piece)
{
  put_f32 (out, score);
  put_u32 (out, (guint32) strlen (piece));
  put_bytes (out, piece, strlen (piece));
}

static void
test_llama2c_tokenizer (void)
{
  static const char *const pieces[] = {" ", "a", "b", "c", "ab", " a", "abc", " c"};
  g_autofree char *model = make_model_of_words ("words"), *path = out_path ("scores.gguf"), *tokenizer = NULL;
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (TnModelFile) source = NULL;
  TnScheme scheme = {.kind = TN_SCHEME_TERNARY};
  TnExportOptions options = {.scheme = &scheme, .type = TN_DTYPE_F32};
  TnExportRun run = {NULL};
  TnExportResult result = {0};
  g_autoptr (GError) error = NULL;

  put_u32 (bytes, 6);
  put_piece (bytes, 0, "<unk>");
  put_piece (bytes, 0, "\n<s>\n");
  put_piece (bytes, 0, "\n</s>\n");
  for (guint byte = 0; byte < 256; byte++)
    {
      g_autofree char *piece = g_strdup_printf ("<0x%02X>", byte);

      put_piece (bytes, 0, piece);
    }
  for (guint i = 0; i < G_N_ELEMENTS (pieces); i++)
    put_piece (bytes, -(float) i, pieces[i]);
  tokenizer = test_write_array ("scores.bin", bytes);
  options.tokenizer_path = tokenizer;
  source = open_model (model);
  g_assert_true (tn_export_gguf (source, path, &options, &run, &result, &error));
  tn_export_result_clear (&result);
  assert_same_tokens (model, tokenizer, path);
  /* Another file's tokenizer is taken over key by key. */
  g_free (tokenizer);
  tokenizer = g_steal_pointer (&path);
  path = out_path ("again.gguf");
  options.tokenizer_path = tokenizer;
  g_assert_true (tn_export_gguf (source, path, &options, &run, &result, &error));
  tn_export_result_clear (&result);
  assert_same_tokens (model, tokenizer, path);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  test_folder_create ();
  g_test_add_func ("/export-tokenizer/tokenizer", test_tokenizer);
  g_test_add_func ("/export-tokenizer/piece-tokenizer", test_piece_tokenizer);
  g_test_add_func ("/export-tokenizer/llama2c-tokenizer", test_llama2c_tokenizer);
  status = g_test_run ();
  test_folder_remove (test_folder);
  return status;
}
