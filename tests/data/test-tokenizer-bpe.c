/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/data/tokenizer-fixtures.h"

#include "data/files/json-reader.h"
#include "data/tokenizers/byte-level.h"
#include "data/tokenizers/text-splitter.h"
#include "realdata.h"

#define GPT2_EXPRESSION "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define LLAMA3_EXPRESSION                                                                                                        \
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "                                                     \
  "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define QWEN2_EXPRESSION                                                                                                         \
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "                                                          \
  "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

static void
append_word (const char *word, gsize bytes, gpointer user_data)
{
  g_string_append_len (user_data, word, (gssize) bytes);
  g_string_append_c (user_data, '\x1f');
}

/* The words by the library of regular expressions: matches, and what lies between them. */
static char *
split_slowly (const char *expression, const char *text)
{
  g_autoptr (GString) words = g_string_new (NULL);
  g_autoptr (GRegex) regex = g_regex_new (expression, 0, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;
  gint done = 0;

  g_assert_nonnull (regex);
  g_regex_match (regex, text, 0, &match);
  for (; g_match_info_matches (match); g_match_info_next (match, NULL))
    {
      gint start, end;

      g_match_info_fetch_pos (match, 0, &start, &end);
      if (start > done)
        append_word (text + done, (gsize) (start - done), words);
      append_word (text + start, (gsize) (end - start), words);
      done = end;
    }
  if (text[done] != '\0')
    append_word (text + done, strlen (text) - (gsize) done, words);
  return g_strdup (words->str);
}

static void
assert_split (const TnTextSplitter *splitter, const char *text, const char *expected)
{
  g_autoptr (GString) words = g_string_new (NULL);

  g_assert_true (tn_text_splitter_run (splitter, text, strlen (text), append_word, words, NULL));
  g_assert_cmpstr (words->str, ==, expected);
}

static void
test_splitter (void)
{
  static const char *const expressions[] = {GPT2_EXPRESSION, LLAMA3_EXPRESSION, QWEN2_EXPRESSION, "\\p{N}", "[aeiou]+|\\s"};
  static const char *const fixed[] = {"I'll we'VE don't it's",
                                      "  two  spaces ",
                                      "a\n\n b \r\n c\n",
                                      "x12345 6",
                                      "'\xc5\xbf'\xc5\xbft",
                                      "...\n\nHi",
                                      " ",
                                      "\n",
                                      "'",
                                      "''s",
                                      "a  ",
                                      "\t\tx",
                                      " \xc2\xa0x",
                                      "!?\r\n\r\n!"};
  g_autoptr (GRand) random = g_rand_new_with_seed (11);

  for (guint i = 0; i < G_N_ELEMENTS (expressions); i++)
    {
      g_autoptr (TnTextSplitter) splitter = tn_text_splitter_new ();

      g_assert_true (tn_text_splitter_add_regex (splitter, expressions[i], NULL));
      g_assert_cmpint (tn_text_splitter_knows (expressions[i]), ==, i < 3);
      for (guint k = 0; k < G_N_ELEMENTS (fixed); k++)
        {
          g_autofree char *expected = split_slowly (expressions[i], fixed[k]);

          assert_split (splitter, fixed[k], expected);
        }
      for (guint k = 0; k < 1500; k++)
        {
          g_autofree char *text = random_text (random, (guint) g_rand_int_range (random, 0, 60));
          g_autofree char *expected = split_slowly (expressions[i], text);

          assert_split (splitter, text, expected);
        }
    }
}

static void
test_splitter_chain (void)
{
  g_autoptr (TnTextSplitter) single = tn_text_splitter_new ();
  g_autoptr (TnTextSplitter) runs = tn_text_splitter_new ();
  g_autoptr (TnTextSplitter) none = tn_text_splitter_new ();
  g_autoptr (GError) error = NULL;

  tn_text_splitter_add_rule (single, TN_SPLIT_DIGIT);
  tn_text_splitter_add_rule (single, TN_SPLIT_GPT2);
  assert_split (single, "a 12 b",
                "a\x1f \x1f"
                "1\x1f"
                "2\x1f b\x1f");
  tn_text_splitter_add_rule (runs, TN_SPLIT_DIGITS);
  assert_split (runs, "a 12b3",
                "a \x1f"
                "12\x1f"
                "b\x1f"
                "3\x1f");
  assert_split (none, "a 12", "a 12\x1f");
  assert_split (none, "", "");
  g_assert_false (tn_text_splitter_add_regex (none, "(", &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_FORMAT);
}

static void
test_byte_level (void)
{
  g_autoptr (GString) out = g_string_new ("x");
  gboolean seen[0x144] = {FALSE};

  for (guint byte = 0; byte < 256; byte++)
    {
      gunichar c = tn_byte_level_character ((guint8) byte);

      g_assert_cmpuint (c, <, G_N_ELEMENTS (seen));
      g_assert_true (g_unichar_isprint (c) && !g_unichar_isspace (c) && !seen[c]);
      seen[c] = TRUE;
      g_assert_cmpint (tn_byte_level_byte (c), ==, byte);
    }
  g_assert_cmpuint (tn_byte_level_character (' '), ==, 0x120);
  g_assert_cmpuint (tn_byte_level_character ('\n'), ==, 0x10a);
  g_assert_cmpint (tn_byte_level_byte (' '), ==, -1);
  g_assert_cmpint (tn_byte_level_byte (0x144), ==, -1);
  g_assert_true (tn_byte_level_decode ("\xc4\xa0the", 5, out));
  g_assert_cmpstr (out->str, ==, "x the");
  g_assert_false (tn_byte_level_decode ("a b", 3, out));
  g_assert_false (tn_byte_level_decode ("\xff", 1, out));
  g_assert_cmpstr (out->str, ==, "x the");
}

static void
test_vectors (void)
{
  g_autofree char *vocabulary = tn_test_realdata ("gguf/ggml-vocab-gpt-2.gguf");
  g_autofree char *texts = vocabulary != NULL ? g_strconcat (vocabulary, ".inp", NULL) : NULL;
  g_autofree char *ids = vocabulary != NULL ? g_strconcat (vocabulary, ".out", NULL) : NULL;

  if (vocabulary != NULL)
    assert_vectors (vocabulary, texts, ids);
}

/* Without the characters that have no token at all: a small vocabulary lacks some bytes. */
static void
keep_known (TnTokenizer *tokenizer, char *text)
{
  char *out = text;

  for (const char *p = text, *next; *p != '\0'; p = next)
    {
      g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
      gsize bytes;

      next = g_utf8_next_char (p);
      bytes = (gsize) (next - p);
      if (!tn_tokenizer_encode (tokenizer, p, bytes, FALSE, ids, NULL))
        continue;
      memmove (out, p, bytes);
      out += bytes;
    }
  *out = '\0';
}

static void
test_round_trips (void)
{
  static const char *const files[] = {"gguf/ggml-vocab-gpt-2.gguf", "hf/tiny-random-gpt2/tokenizer.json"};
  g_autoptr (GRand) random = g_rand_new_with_seed (17);

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = tn_test_realdata (files[i]);
      g_autofree char *book = path != NULL ? tn_test_realdata ("text/wikitext2_valid.raw.txt") : NULL;
      g_autoptr (TnTokenizer) tokenizer = path != NULL ? tn_tokenizer_open (path, NULL) : NULL;
      g_autofree char *text = NULL;

      if (tokenizer == NULL || book == NULL)
        return;
      assert_round_trip (tokenizer, "", 0, "");
      if (i == 0)
        assert_round_trip (tokenizer, "a\0b\0", 4, "");
      assert_round_trip (tokenizer, "<|endoftext|> <|endoftext|>x", 28, "");
      g_assert_true (g_file_get_contents (book, &text, NULL, NULL));
      keep_known (tokenizer, text);
      g_assert_cmpuint (strlen (text), >, 1100000);
      assert_round_trip (tokenizer, text, strlen (text), "");
      for (guint k = 0; k < 500; k++)
        {
          g_autofree char *some = random_text (random, (guint) g_rand_int_range (random, 0, 200));

          keep_known (tokenizer, some);
          assert_round_trip (tokenizer, some, strlen (some), "");
        }
    }
}

/* Byte-pair encoding as it is told: of all neighbours the pair that stands first in the list, the leftmost of them, until none is
 * left. */
typedef struct
{
  GHashTable *ids, *ranks; /* by spelled piece; by "left right" */
} Slow;

static void
slow_merge_word (const Slow *self, const char *word, GArray *ids)
{
  g_autoptr (GPtrArray) symbols = g_ptr_array_new_with_free_func (g_free);

  for (const char *p = word; *p != '\0'; p++)
    {
      char spelled[7] = {0};

      g_unichar_to_utf8 (tn_byte_level_character ((guint8) *p), spelled);
      g_ptr_array_add (symbols, g_strdup (spelled));
    }
  for (;;)
    {
      guint best = G_MAXUINT, best_rank = G_MAXUINT;

      for (guint i = 0; i + 1 < symbols->len; i++)
        {
          g_autofree char *pair = g_strconcat (g_ptr_array_index (symbols, i), " ", g_ptr_array_index (symbols, i + 1), NULL);
          gpointer rank;

          if (g_hash_table_lookup_extended (self->ranks, pair, NULL, &rank) && GPOINTER_TO_UINT (rank) < best_rank)
            {
              best = i;
              best_rank = GPOINTER_TO_UINT (rank);
            }
        }
      if (best == G_MAXUINT)
        break;
      char *both = g_strconcat (g_ptr_array_index (symbols, best), g_ptr_array_index (symbols, best + 1), NULL);

      g_free (g_ptr_array_index (symbols, best));
      g_ptr_array_index (symbols, best) = both;
      g_ptr_array_remove_index (symbols, best + 1);
    }
  for (guint i = 0; i < symbols->len; i++)
    {
      gpointer id;

      g_assert_true (g_hash_table_lookup_extended (self->ids, g_ptr_array_index (symbols, i), NULL, &id));
      g_array_append_vals (ids, &(gint32){(gint32) GPOINTER_TO_UINT (id)}, 1);
    }
}

static void
test_huggingface_slow (void)
{
  g_autofree char *path = tn_test_realdata ("hf/tiny-random-gpt2/tokenizer.json");
  g_autoptr (TnJson) json = path != NULL ? tn_json_parse_file (path, NULL) : NULL;
  g_autoptr (TnTokenizer) tokenizer = path != NULL ? tn_tokenizer_open (path, NULL) : NULL;
  Slow slow = {.ids = g_hash_table_new (g_str_hash, g_str_equal), .ranks = g_hash_table_new (g_str_hash, g_str_equal)};
  g_autoptr (GRand) random = g_rand_new_with_seed (23);
  const TnJsonNode *model;
  guint rank = 0;

  if (json != NULL)
    {
      model = tn_json_find (tn_json_get_root (json), "model");
      for (const TnJsonNode *node = tn_json_find (model, "vocab")->value.list.first; node != NULL; node = node->next)
        g_hash_table_insert (slow.ids, (gpointer) node->name, GUINT_TO_POINTER ((guint) node->value.number.integer));
      for (const TnJsonNode *node = tn_json_find (model, "merges")->value.list.first; node != NULL; node = node->next)
        g_hash_table_insert (slow.ranks, (gpointer) node->value.string.text, GUINT_TO_POINTER (rank++));
      g_assert_cmpuint (rank, >, 500);
      g_assert_cmpuint (tn_tokenizer_get_size (tokenizer), ==, 1000);
      for (guint i = 0; i < 400; i++)
        {
          g_autofree char *text = random_text (random, (guint) g_rand_int_range (random, 0, 300));
          g_autofree char *joined = NULL, *expected = NULL;
          g_auto (GStrv) words = NULL;
          g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));

          keep_known (tokenizer, text);
          joined = split_slowly (GPT2_EXPRESSION, text);
          words = g_strsplit (joined, "\x1f", -1);
          for (guint k = 0; words[k] != NULL; k++)
            slow_merge_word (&slow, words[k], ids);
          expected = ids_to_text (ids);
          assert_ids (tokenizer, text, expected);
        }
      /* A word that is longer than those merged by a plain scan. */
      {
        g_autofree char *text = g_strnfill (700, 'e');
        g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
        g_autofree char *expected = NULL;

        for (guint i = 0; i < 700; i++)
          text[i] = "theinrdo"[g_rand_int_range (random, 0, 8)];
        slow_merge_word (&slow, text, ids);
        expected = ids_to_text (ids);
        assert_ids (tokenizer, text, expected);
      }
    }
  g_hash_table_unref (slow.ids);
  g_hash_table_unref (slow.ranks);
}

/* A tokenizer.json whose vocabulary is some letters and what merges make of them. */
static TnTokenizer *
open_json (const char *top, const char *model, GError **error)
{
  g_autofree char *text = g_strdup_printf ("{\"version\":\"1.0\",%s%s\"model\":{%s}}", top, top[0] != '\0' ? "," : "", model);
  g_autofree char *path = fixture_write ("tokenizer.json", text, strlen (text));

  return tn_tokenizer_open (path, error);
}

#define BYTE_LEVEL "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true}"
#define LETTERS                                                                                                                  \
  "\"a\":0,\"b\":1,\"c\":2,\"\xc4\xa0\":3,\"ab\":4,\"abc\":5,\"bc\":6,\"\xc4\xa0"                                                \
  "a\":7"
#define MODEL "\"type\":\"BPE\",\"vocab\":{" LETTERS "},\"merges\":[\"b c\",\"a b\",\"\xc4\xa0 a\"]"

static void
test_huggingface_rules (void)
{
  g_autoptr (TnTokenizer) plain = open_json (BYTE_LEVEL, MODEL, NULL);
  g_autoptr (TnTokenizer) pairs =
      open_json (BYTE_LEVEL,
                 "\"vocab\":{" LETTERS "},\"merges\":[[\"b\",\"c\"],[\"a\",\"b\"],[\"\xc4\xa0\",\"a\"]],\"ignore_merges\":true",
                 NULL);
  g_autoptr (TnTokenizer) prefix =
      open_json ("\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true}", MODEL, NULL);
  g_autoptr (TnTokenizer) unknown = open_json (BYTE_LEVEL, MODEL ",\"unk_token\":\"c\",\"fuse_unk\":true", NULL);
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (tn_tokenizer_get_kind (plain), ==, "bpe");
  g_assert_cmpint (tn_tokenizer_get_bos (plain), ==, -1);
  g_assert_cmpstr (tn_tokenizer_get_piece (plain, 7), ==,
                   "\xc4\xa0"
                   "a");
  assert_ids (plain, "abc", "0 6");
  assert_ids (pairs, "abc", "5");
  assert_ids (pairs, "abcabc", "0 6 0 6");
  assert_ids (plain, "ab abb a", "4 3 4 1 7");
  assert_ids (prefix, "abc", "7 6");
  assert_ids (prefix, " abc", "7 6");
  assert_ids (prefix, "", "");
  assert_ids (unknown, "axyab", "0 2 4");
  g_assert_false (tn_tokenizer_encode (plain, "ax", 2, TRUE, ids, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  g_assert_nonnull (strstr (error->message, "0x78"));
  g_assert_cmpuint (ids->len, ==, 0);
}

static void
test_added_tokens (void)
{
  static const char added[] =
      "\"added_tokens\":[{\"id\":8,\"content\":\"<b>\"},{\"id\":9,\"content\":\"<b>c\"},{\"id\":10,\"content\":\"[L]\","
      "\"lstrip\":true},"
      "{\"id\":11,\"content\":\"[R]\",\"rstrip\":true},{\"id\":12,\"content\":\"cab\",\"single_word\":true}],"
      "\"post_processor\":{\"type\":\"Sequence\",\"processors\":[{\"type\":\"ByteLevel\"},{\"type\":\"TemplateProcessing\","
      "\"single\":["
      "{\"SpecialToken\":{\"id\":\"<b>\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},{\"SpecialToken\":{\"id\":"
      "\"[L]\",\"type_id\":0}}],"
      "\"special_tokens\":{\"<b>\":{\"id\":\"<b>\",\"ids\":[8],\"tokens\":[\"<b>\"]},\"[L]\":{\"id\":\"[L]\",\"ids\":[10],"
      "\"tokens\":[\"[L]\"]}}}]}," BYTE_LEVEL;
  g_autoptr (GError) error = NULL;
  g_autoptr (TnTokenizer) tokenizer = open_json (added, MODEL, &error);
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));

  g_assert_no_error (error);
  g_assert_cmpuint (tn_tokenizer_get_size (tokenizer), ==, 13);
  g_assert_cmpint (tn_tokenizer_get_bos (tokenizer), ==, 8);
  g_assert_cmpint (tn_tokenizer_get_eos (tokenizer), ==, 10);
  assert_ids (tokenizer, "a<b>b", "0 8 1");
  assert_ids (tokenizer, "a<b>cb", "0 9 1");
  assert_ids (tokenizer, "a  [L] b", "0 10 3 1");
  assert_ids (tokenizer, "a [R]  b", "0 3 11 1");
  assert_ids (tokenizer, "cab", "12");
  assert_ids (tokenizer, "cab cab", "12 3 12");
  assert_ids (tokenizer, "cabc", "2 0 6");
  assert_ids (tokenizer, "ccab", "2 2 4");
  g_assert_true (tn_tokenizer_encode (tokenizer, "a", 1, TRUE, ids, NULL));
  g_assert_cmpuint (ids->len, ==, 2);
  g_assert_cmpint (g_array_index (ids, gint32, 0), ==, 8);
}

/* The two ways in which files of the SentencePiece family say the same. */
static void
test_pieces (void)
{
  static const char model[] =
      "\"type\":\"BPE\",\"unk_token\":\"<unk>\",\"fuse_unk\":true,\"byte_fallback\":true,\"vocab\":{\"<unk>\":0,\"<s>\":1,"
      "\"<0xE4>\":2,\"<0xB8>\":3,\"<0xAD>\":4,\"\xe2\x96\x81\":5,\"a\":6,\"b\":7,\"ab\":8,\"\xe2\x96\x81"
      "ab\":9,"
      "\"\xe2\x96\x81\xe2\x96\x81\":10},\"merges\":[\"a b\",\"\xe2\x96\x81 ab\",\"\xe2\x96\x81 \xe2\x96\x81\"]";
  static const char normalizer[] =
      "\"added_tokens\":[{\"id\":1,\"content\":\"<s>\",\"special\":true}],\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":["
      "{\"type\":\"Prepend\",\"prepend\":\"\xe2\x96\x81\"},{\"type\":\"Replace\",\"pattern\":{\"String\":\" "
      "\"},\"content\":\"\xe2\x96\x81\"}]},"
      "\"pre_tokenizer\":null";
  static const char metaspace[] =
      "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\xe2\x96\x81\",\"prepend_scheme\":\"first\",\"split\":true}";
  g_autoptr (GError) error = NULL;
  g_autoptr (TnTokenizer) a = open_json (normalizer, model, &error);
  g_autoptr (TnTokenizer) b = open_json (metaspace, model, &error);
  g_autoptr (GArray) ids = NULL;
  g_autofree char *text = NULL;
  gsize bytes;

  g_assert_no_error (error);
  g_assert_cmpstr (tn_tokenizer_get_kind (a), ==, "bpe");
  assert_ids (a, "ab", "9");
  assert_ids (b, "ab", "9");
  assert_ids (a, " ab", "5 9");
  assert_ids (b, " ab", "9");
  assert_ids (a, "  a", "10 5 6");
  assert_ids (b, "  a", "5 5 6");
  assert_ids (a, "", "");
  assert_ids (a,
              "\xe4\xb8\xad"
              "a",
              "5 2 3 4 6");
  assert_ids (a,
              "\xc3\xa9\xc3\xa9"
              "b",
              "5 0 7");
  assert_ids (a, "ab<s>ab", "9 1 9");
  ids = encode (a, "ab \xe4\xb8\xad", 6);
  text = decode (a, ids, &bytes);
  g_assert_cmpmem (text, bytes, " ab \xe4\xb8\xad", 7);
}

static void
test_normal_forms (void)
{
  /* é in one or two characters; its bytes c3 a9 are spelled Ã and ©. */
  static const char model[] =
      "\"type\":\"BPE\",\"vocab\":{\"e\":0,\"\xc3\x83\":1,\"\xc2\xa9\":2,\"\xc3\x8c\":3,\"\xc4\xa3\":4},\"merges\":[]";
  g_autoptr (TnTokenizer) nfc = open_json ("\"normalizer\":{\"type\":\"NFC\"}," BYTE_LEVEL, model, NULL);
  g_autoptr (TnTokenizer) none = open_json ("\"normalizer\":null," BYTE_LEVEL, model, NULL);

  g_assert_nonnull (nfc);
  assert_ids (nfc, "e\xcc\x81", "1 2");
  assert_ids (none, "e\xcc\x81", "0 3 4");
  assert_ids (none, "\xc3\xa9", "1 2");
}

static void
test_huggingface_errors (void)
{
  static const struct
  {
    const char *top, *model;
    TnErrorCode code;
    const char *needle;
  } cases[] = {
      {BYTE_LEVEL, "\"type\":\"WordPiece\",\"vocab\":{}", TN_ERROR_UNSUPPORTED, "WordPiece"},
      {"\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"}", MODEL, TN_ERROR_UNSUPPORTED, "BertPreTokenizer"},
      {"\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Punctuation\"}]}", MODEL, TN_ERROR_UNSUPPORTED,
       "Punctuation"},
      {"\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"},\"behavior\":\"Isolated\"}", MODEL, TN_ERROR_FORMAT,
       "pre_tokenizer"},
      {"\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"x\"},\"behavior\":\"Removed\"}", MODEL,
       TN_ERROR_UNSUPPORTED, "Removed"},
      {"\"pre_tokenizer\":{}", MODEL, TN_ERROR_FORMAT, "pre_tokenizer"},
      {"\"pre_tokenizer\":null", MODEL, TN_ERROR_UNSUPPORTED, "pre_tokenizer"},
      {"\"normalizer\":{\"type\":\"Lowercase\"}," BYTE_LEVEL, MODEL, TN_ERROR_UNSUPPORTED, "Lowercase"},
      {"\"post_processor\":{\"type\":\"BertProcessing\"}," BYTE_LEVEL, MODEL, TN_ERROR_UNSUPPORTED, "BertProcessing"},
      {BYTE_LEVEL, MODEL ",\"end_of_word_suffix\":\"</w>\"", TN_ERROR_UNSUPPORTED, "end_of_word_suffix"},
      {BYTE_LEVEL, MODEL ",\"dropout\":0.1", TN_ERROR_UNSUPPORTED, "dropout"},
      {BYTE_LEVEL, MODEL ",\"unk_token\":\"zz\"", TN_ERROR_FORMAT, "unk_token"},
      {BYTE_LEVEL, "\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]", TN_ERROR_FORMAT, "id 0"},
      {BYTE_LEVEL, "\"type\":\"BPE\",\"vocab\":{\"a\":-1},\"merges\":[]", TN_ERROR_FORMAT, "-1"},
      {BYTE_LEVEL, "\"type\":\"BPE\",\"vocab\":{\"a\":1000000000},\"merges\":[]", TN_ERROR_FORMAT, "1000000000"},
      {BYTE_LEVEL, "\"type\":\"BPE\",\"vocab\":{\"a\":0.5},\"merges\":[]", TN_ERROR_FORMAT, "0.5"},
      {BYTE_LEVEL, "\"type\":\"BPE\",\"vocab\":{},\"merges\":[]", TN_ERROR_FORMAT, "model.vocab"},
      {BYTE_LEVEL, "\"type\":\"BPE\",\"merges\":[]", TN_ERROR_FORMAT, "model.vocab"},
      {BYTE_LEVEL, "\"type\":\"BPE\",\"vocab\":{" LETTERS "}", TN_ERROR_FORMAT, "model.merges"},
      {BYTE_LEVEL, "\"type\":\"BPE\",\"vocab\":{" LETTERS "},\"merges\":[\"a b\",\"ab\"]", TN_ERROR_FORMAT, "model.merges[1]"},
      {BYTE_LEVEL, "\"type\":\"BPE\",\"vocab\":{" LETTERS "},\"merges\":[\"a b c\"]", TN_ERROR_FORMAT, "model.merges[0]"},
      {BYTE_LEVEL, "\"type\":\"BPE\",\"vocab\":{" LETTERS "},\"merges\":[\"c a\"]", TN_ERROR_FORMAT, "\"ca\""},
      {BYTE_LEVEL, "\"type\":\"BPE\",\"vocab\":{" LETTERS "},\"merges\":[\"x a\"]", TN_ERROR_FORMAT, "\"x\""},
      {BYTE_LEVEL, "\"type\":\"BPE\",\"vocab\":{" LETTERS "},\"merges\":[\" a\"]", TN_ERROR_FORMAT, "model.merges[0]"},
      {BYTE_LEVEL, "\"type\":\"BPE\",\"vocab\":{" LETTERS "},\"merges\":[[\"a\"]]", TN_ERROR_FORMAT, "model.merges[0]"},
      {"\"added_tokens\":[{\"id\":1}]," BYTE_LEVEL, MODEL, TN_ERROR_FORMAT, "added_tokens"},
      {"\"added_tokens\":[{\"id\":99999999,\"content\":\"x\"}]," BYTE_LEVEL, MODEL, TN_ERROR_FORMAT, "added_tokens"},
  };
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) failure = NULL;

      g_assert_null (open_json (cases[i].top, cases[i].model, &failure));
      g_assert_error (failure, TN_ERROR, (gint) cases[i].code);
      if (strstr (failure->message, cases[i].needle) == NULL)
        g_error ("case %u: “%s” is not in “%s”", i, cases[i].needle, failure->message);
    }
  g_assert_null (open_json ("\"pre_tokenizer\":7", MODEL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_FORMAT);
}

static void
put_byte_pairs (GgufFixture *gguf, const char *pre)
{
  static const char *const pieces[] = {"a", "b", "ab", "\xc4\xa0", "1", "<u>", "[c]"};
  static const gint32 types[] = {1, 1, 1, 1, 1, 4, 3};
  /* ba is no token: what merges make of it falls back to its bytes. */
  static const char *const merges[] = {"b a", "a b", "1 1"};

  gguf_begin (gguf);
  gguf_text (gguf, "tokenizer.ggml.model", "gpt2");
  if (pre != NULL)
    gguf_text (gguf, "tokenizer.ggml.pre", pre);
  gguf_texts (gguf, "tokenizer.ggml.tokens", pieces, G_N_ELEMENTS (pieces));
  gguf_ints (gguf, "tokenizer.ggml.token_type", types, G_N_ELEMENTS (types));
  gguf_texts (gguf, "tokenizer.ggml.merges", merges, G_N_ELEMENTS (merges));
  gguf_u32 (gguf, "tokenizer.ggml.bos_token_id", 6);
}

static void
test_gguf (void)
{
  static const struct
  {
    const char *pre;
    gint32 bos;
  } cases[] = {{NULL, -1},        {"default", -1}, {"gpt-2", -1}, {"llama-bpe", 6}, {"llama3", 6}, {"qwen2", -1},
               {"stablelm2", -1}, {"phi-2", -1},   {"mpt", -1},   {"olmo", -1},     {"smollm", -1}};
  GgufFixture gguf;
  g_autofree char *unknown = NULL, *broken = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = NULL;
      g_autoptr (TnTokenizer) tokenizer = NULL;
      g_autoptr (GError) error = NULL;

      put_byte_pairs (&gguf, cases[i].pre);
      path = gguf_write (&gguf, "pairs.gguf");
      tokenizer = tn_tokenizer_open (path, &error);
      g_assert_no_error (error);
      g_assert_cmpint (tn_tokenizer_get_bos (tokenizer), ==, cases[i].bos);
      assert_ids (tokenizer, "ab", "2");
      assert_ids (tokenizer, "bab", "1 0 1");
      assert_ids (tokenizer, "a<u>b", "0 5 1");
      assert_ids (tokenizer, "11", "4 4");
    }
  put_byte_pairs (&gguf, "wonder");
  unknown = gguf_write (&gguf, "unknown.gguf");
  assert_open_fails (unknown, TN_ERROR_UNSUPPORTED, "wonder");
  gguf_begin (&gguf);
  gguf_text (&gguf, "tokenizer.ggml.model", "gpt2");
  gguf_texts (&gguf, "tokenizer.ggml.tokens", (const char *const[]){"a"}, 1);
  gguf_texts (&gguf, "tokenizer.ggml.merges", (const char *const[]){"aa"}, 1);
  broken = gguf_write (&gguf, "broken-pairs.gguf");
  assert_open_fails (broken, TN_ERROR_FORMAT, "tokenizer.ggml.merges[0]");
}

static void
test_bytes (void)
{
  g_autoptr (TnTokenizer) plain = tn_tokenizer_open ("bytes", NULL);
  g_autoptr (TnTokenizer) with_bos = tn_tokenizer_new_bytes (TRUE);
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));

  g_assert_cmpstr (tn_tokenizer_get_kind (plain), ==, "bytes");
  g_assert_cmpuint (tn_tokenizer_get_size (plain), ==, 256);
  g_assert_cmpuint (tn_tokenizer_get_size (with_bos), ==, 257);
  g_assert_cmpint (tn_tokenizer_get_bos (plain), ==, -1);
  assert_ids (plain, "a\xff\n", "97 255 10");
  assert_round_trip (plain, "\0\x80z", 3, "");
  g_assert_true (tn_tokenizer_encode (with_bos, "a", 1, TRUE, ids, NULL));
  g_assert_cmpint (g_array_index (ids, gint32, 0), ==, 256);
  g_assert_cmpuint (ids->len, ==, 2);
  g_assert_cmpstr (tn_tokenizer_get_piece (plain, 10), ==, "<0x0A>");
  g_assert_cmpstr (tn_tokenizer_get_piece (plain, 'a'), ==, "a");
  g_assert_null (tn_tokenizer_get_piece (plain, 256));
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tokenizer-bpe/splitter", test_splitter);
  g_test_add_func ("/tokenizer-bpe/splitter-chain", test_splitter_chain);
  g_test_add_func ("/tokenizer-bpe/byte-level", test_byte_level);
  g_test_add_func ("/tokenizer-bpe/vectors", test_vectors);
  g_test_add_func ("/tokenizer-bpe/round-trips", test_round_trips);
  g_test_add_func ("/tokenizer-bpe/huggingface-slow", test_huggingface_slow);
  g_test_add_func ("/tokenizer-bpe/huggingface-rules", test_huggingface_rules);
  g_test_add_func ("/tokenizer-bpe/added-tokens", test_added_tokens);
  g_test_add_func ("/tokenizer-bpe/pieces", test_pieces);
  g_test_add_func ("/tokenizer-bpe/normal-forms", test_normal_forms);
  g_test_add_func ("/tokenizer-bpe/huggingface-errors", test_huggingface_errors);
  g_test_add_func ("/tokenizer-bpe/gguf", test_gguf);
  g_test_add_func ("/tokenizer-bpe/bytes", test_bytes);
  status = g_test_run ();
  fixture_clean_up ();
  return status;
}
