/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "tests/data/tokenizer-fixtures.h"

#include "data/tokenizers/utf8.h"
#include "realdata.h"

/* A vocabulary as llama2.c has it, and its rule as it stands there: look for the best pair again and again. */
typedef struct
{
  GPtrArray *pieces;
  GArray *scores;
  GHashTable *ids;
} Naive;

static void
naive_add (Naive *self, const char *piece, float score)
{
  if (!g_hash_table_contains (self->ids, piece))
    g_hash_table_insert (self->ids, g_strdup (piece), GUINT_TO_POINTER (self->pieces->len));
  g_ptr_array_add (self->pieces, g_strdup (piece));
  g_array_append_val (self->scores, score);
}

static void
naive_begin (Naive *self)
{
  self->pieces = g_ptr_array_new_with_free_func (g_free);
  self->scores = g_array_new (FALSE, FALSE, sizeof (float));
  self->ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  naive_add (self, "<unk>", 0.0f);
  naive_add (self, "\n<s>\n", 0.0f);
  naive_add (self, "\n</s>\n", 0.0f);
  for (guint byte = 0; byte < 256; byte++)
    {
      g_autofree char *piece = g_strdup_printf ("<0x%02X>", byte);

      naive_add (self, piece, 0.0f);
    }
}

static void
naive_clear (Naive *self)
{
  g_ptr_array_unref (self->pieces);
  g_array_unref (self->scores);
  g_hash_table_unref (self->ids);
}

static gint32
naive_find (const Naive *self, const char *piece)
{
  gpointer id;

  return g_hash_table_lookup_extended (self->ids, piece, NULL, &id) ? (gint32) GPOINTER_TO_UINT (id) : -1;
}

static GArray *
naive_encode (const Naive *self, const char *text)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autofree char *prefixed = text[0] != '\0' ? g_strconcat (" ", text, NULL) : g_strdup ("");

  for (const char *p = prefixed; *p != '\0'; p = g_utf8_next_char (p))
    {
      g_autofree char *character = g_strndup (p, (gsize) (g_utf8_next_char (p) - p));
      gint32 id = naive_find (self, character);

      if (id >= 0)
        g_array_append_val (ids, id);
      for (const char *byte = character; id < 0 && *byte != '\0'; byte++)
        {
          gint32 fallback = (guint8) *byte + 3;

          g_array_append_val (ids, fallback);
        }
    }
  for (;;)
    {
      float best_score = -1e10f;
      gint32 best = -1, best_id = -1;

      for (guint i = 0; i + 1 < ids->len; i++)
        {
          g_autofree char *both = g_strconcat (g_ptr_array_index (self->pieces, g_array_index (ids, gint32, i)),
                                               g_ptr_array_index (self->pieces, g_array_index (ids, gint32, i + 1)), NULL);
          gint32 id = naive_find (self, both);

          if (id >= 0 && g_array_index (self->scores, float, id) > best_score)
            {
              best_score = g_array_index (self->scores, float, id);
              best = (gint32) i;
              best_id = id;
            }
        }
      if (best < 0)
        return ids;
      g_array_index (ids, gint32, best) = best_id;
      g_array_remove_index (ids, (guint) best + 1);
    }
}

static GByteArray *
naive_to_file (const Naive *self)
{
  GByteArray *out = g_byte_array_new ();

  put_u32 (out, 64);
  for (guint i = 0; i < self->pieces->len; i++)
    {
      const char *piece = g_ptr_array_index (self->pieces, i);

      put_f32 (out, g_array_index (self->scores, float, i));
      put_u32 (out, (guint32) strlen (piece));
      g_byte_array_append (out, (const guint8 *) piece, (guint) strlen (piece));
    }
  return out;
}

static void
assert_equals_naive (TnTokenizer *tokenizer, const Naive *naive, const char *text)
{
  g_autoptr (GArray) expected = naive_encode (naive, text);
  g_autofree char *ids = ids_to_text (expected);

  assert_ids (tokenizer, text, ids);
}

static void
test_naive_random (void)
{
  static const char *const alphabet[] = {"a", "b", "c", " ", "\xc3\xa9", "\xe4\xb8\xad", "."};
  g_autoptr (GRand) random = g_rand_new_with_seed (7);

  for (guint round = 0; round < 25; round++)
    {
      Naive naive;
      g_autoptr (GByteArray) file = NULL;
      g_autofree char *path = NULL;
      g_autoptr (TnTokenizer) tokenizer = NULL;
      g_autoptr (GError) error = NULL;

      naive_begin (&naive);
      for (guint i = 0; i < G_N_ELEMENTS (alphabet); i++)
        if (g_rand_int_range (random, 0, 8) > 0)
          naive_add (&naive, alphabet[i], -1.0f);
      for (guint i = 0; i < 60; i++)
        {
          g_autoptr (GString) piece = g_string_new (NULL);

          for (gint n = g_rand_int_range (random, 2, 6); n > 0; n--)
            g_string_append (piece, alphabet[g_rand_int_range (random, 0, G_N_ELEMENTS (alphabet))]);
          /* Few different scores, so that ties are common. */
          naive_add (&naive, piece->str, (float) -g_rand_int_range (random, 0, 12));
        }
      file = naive_to_file (&naive);
      path = fixture_write ("random.bin", file->data, file->len);
      tokenizer = tn_tokenizer_open (path, &error);
      g_assert_no_error (error);
      for (guint n = 0; n < 300; n = n * 2 + 1)
        {
          g_autoptr (GString) text = g_string_new (NULL);

          for (guint i = 0; i < n; i++)
            g_string_append (text,
                             g_rand_int_range (random, 0, 30) == 0 ? "\xe2\x82\xac" : alphabet[g_rand_int_range (random, 0, 7)]);
          assert_equals_naive (tokenizer, &naive, text->str);
        }
      naive_clear (&naive);
    }
}

static void
test_llama2c (void)
{
  g_autofree char *path = tn_test_realdata ("stories260k/tok512.bin");
  g_autoptr (GRand) random = g_rand_new_with_seed (3);
  g_autoptr (TnTokenizer) tokenizer = NULL;
  g_autoptr (GError) error = NULL;
  Naive naive;

  if (path == NULL)
    return;
  tokenizer = tn_tokenizer_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (tn_tokenizer_get_kind (tokenizer), ==, "spm");
  g_assert_cmpuint (tn_tokenizer_get_size (tokenizer), ==, 512);
  g_assert_cmpint (tn_tokenizer_get_bos (tokenizer), ==, 1);
  g_assert_cmpint (tn_tokenizer_get_eos (tokenizer), ==, 2);
  g_assert_cmpstr (tn_tokenizer_get_piece (tokenizer, 13), ==, "<0x0A>");
  assert_ids (tokenizer, "Once upon a time, there was a little car", "403 407 261 378 432 383 286 261 376 280 295");
  naive_begin (&naive);
  for (guint id = 259; id < 512; id++)
    {
      /* The scores of this file fall from token to token, in ones. */
      naive_add (&naive, tn_tokenizer_get_piece (tokenizer, (gint32) id), -(float) (id - 259));
    }
  for (guint i = 0; i < 60; i++)
    {
      g_autofree char *text = random_text (random, (guint) g_rand_int_range (random, 0, 150));

      assert_equals_naive (tokenizer, &naive, text);
      assert_round_trip (tokenizer, text, strlen (text), " ");
    }
  naive_clear (&naive);
}

static void
test_vectors (void)
{
  g_autofree char *vocabulary = tn_test_realdata ("gguf/ggml-vocab-llama-spm.gguf");
  g_autofree char *texts = vocabulary != NULL ? g_strconcat (vocabulary, ".inp", NULL) : NULL;
  g_autofree char *ids = vocabulary != NULL ? g_strconcat (vocabulary, ".out", NULL) : NULL;

  if (vocabulary != NULL)
    assert_vectors (vocabulary, texts, ids);
}

static void
test_same_in_gguf (void)
{
  g_autofree char *one = tn_test_realdata ("stories260k/tok512.bin");
  g_autofree char *other = tn_test_realdata ("gguf/stories260K.gguf");
  g_autofree char *text_path = tn_test_realdata ("text/expected_stories.txt");
  g_autoptr (TnTokenizer) a = one != NULL ? tn_tokenizer_open (one, NULL) : NULL;
  g_autoptr (TnTokenizer) b = other != NULL ? tn_tokenizer_open (other, NULL) : NULL;
  g_autofree char *text = NULL;
  g_autoptr (GArray) ids = NULL;
  g_autofree char *expected = NULL;

  if (a == NULL || b == NULL || text_path == NULL)
    return;
  g_assert_true (g_file_get_contents (text_path, &text, NULL, NULL));
  ids = encode (a, text, strlen (text));
  expected = ids_to_text (ids);
  assert_ids (b, text, expected);
}

/* ids: 0 <unk> 1 <s> 2 </s> 3 ▁ 4 a 5 ab 6 ▁a 7 <x> user-defined 8 bc 9 [ctl] 10 ▁▁y user-defined, then bytes. */
static void
put_vocabulary (GgufFixture *gguf, gboolean bytes)
{
  static const char *const first[] = {"<unk>",
                                      "<s>",
                                      "</s>",
                                      "\xe2\x96\x81",
                                      "a",
                                      "ab",
                                      "\xe2\x96\x81"
                                      "a",
                                      "<x>",
                                      "bc",
                                      "[ctl]",
                                      "\xe2\x96\x81\xe2\x96\x81y"};
  static const gint32 first_types[] = {2, 3, 3, 1, 1, 1, 1, 4, 1, 3, 4};
  static char byte_pieces[256][8];
  const char *pieces[11 + 256];
  gint32 types[11 + 256];
  float scores[11 + 256] = {0, 0, 0, -5, -6, -1, -2, 0, -3, 0, 0};
  guint n = 11;

  memcpy (pieces, first, sizeof first);
  memcpy (types, first_types, sizeof first_types);
  for (guint byte = 0; bytes && byte < 256; byte++, n++)
    {
      g_snprintf (byte_pieces[byte], sizeof byte_pieces[byte], "<0x%02X>", byte);
      pieces[n] = byte_pieces[byte];
      types[n] = 6;
    }
  gguf_begin (gguf);
  gguf_text (gguf, "tokenizer.ggml.model", "llama");
  gguf_texts (gguf, "tokenizer.ggml.tokens", pieces, n);
  gguf_floats (gguf, "tokenizer.ggml.scores", scores, n);
  gguf_ints (gguf, "tokenizer.ggml.token_type", types, n);
}

static void
test_gguf_rules (void)
{
  GgufFixture gguf;
  g_autofree char *with_bytes = NULL, *without = NULL;
  g_autoptr (TnTokenizer) a = NULL, b = NULL;
  g_autoptr (GArray) ids = NULL;
  g_autoptr (GString) text = g_string_new (NULL);

  put_vocabulary (&gguf, TRUE);
  with_bytes = gguf_write (&gguf, "rules.gguf");
  put_vocabulary (&gguf, FALSE);
  gguf_bool (&gguf, "tokenizer.ggml.add_space_prefix", FALSE);
  gguf_bool (&gguf, "tokenizer.ggml.add_bos_token", FALSE);
  gguf_u32 (&gguf, "tokenizer.ggml.eos_token_id", G_MAXUINT32);
  without = gguf_write (&gguf, "no-bytes.gguf");
  a = tn_tokenizer_open (with_bytes, NULL);
  b = tn_tokenizer_open (without, NULL);
  g_assert_nonnull (a);
  g_assert_nonnull (b);
  g_assert_cmpint (tn_tokenizer_get_bos (a), ==, 1);
  g_assert_cmpint (tn_tokenizer_get_eos (a), ==, 2);
  g_assert_cmpint (tn_tokenizer_get_bos (b), ==, -1);
  g_assert_cmpint (tn_tokenizer_get_eos (b), ==, -1);
  assert_ids (a, "", "");
  assert_ids (b, "", "");
  assert_ids (a, "a", "6");
  /* ab (-1) goes before ▁a (-2) and before bc (-3), though b and c alone are no tokens. */
  assert_ids (a, "ab", "3 5");
  assert_ids (a, "bc", "3 8");
  assert_ids (a, "abc", "3 5 110");
  assert_ids (b, "abc", "5 0");
  assert_ids (b, "b", "0");
  assert_ids (b, "\xe4\xb8\xad", "0");
  assert_ids (a, "\xe4\xb8\xad", "3 239 195 184");
  /* A user-defined token is found anywhere and the text behind it starts anew; control tokens are text like other. */
  assert_ids (a, "a<x>a", "6 7 6");
  assert_ids (b, "a<x>a", "4 7 4");
  assert_ids (b, "a  ya", "4 10 4");
  assert_ids (b, "[ctl]", "0 0 0 0 0");
  /* A lower one eighth block in the text counts as a space. */
  assert_ids (b,
              "\xe2\x96\x81"
              "a",
              "6");
  ids = encode (a, "a<x>bc", 6);
  for (guint i = 0; i < ids->len; i++)
    g_assert_true (tn_tokenizer_decode (a, g_array_index (ids, gint32, i), text, NULL));
  g_assert_cmpstr (text->str, ==, " a<x> bc");
  g_string_truncate (text, 0);
  g_assert_true (tn_tokenizer_decode (a, 1, text, NULL));
  g_assert_true (tn_tokenizer_decode (a, 9, text, NULL));
  g_assert_cmpstr (text->str, ==, "");
}

static void
test_gguf_errors (void)
{
  static const char *const pieces[] = {"<unk>", "<s>", "</s>", "a"};
  static const float scores[] = {0, 0, 0, 0};
  static const float broken[] = {0, 0, NAN, 0};
  GgufFixture gguf;
  struct
  {
    const char *model;
    const float *scores;
    guint n_scores;
    guint32 bos;
    TnErrorCode code;
    const char *needle;
  } cases[] = {
      {"bert", scores, 4, 1, TN_ERROR_UNSUPPORTED, "bert"},
      {"llama", scores, 3, 1, TN_ERROR_FORMAT, "tokenizer.ggml.scores"},
      {"llama", broken, 4, 1, TN_ERROR_FORMAT, "tokenizer.ggml.scores[2]"},
      {"llama", scores, 4, 4, TN_ERROR_FORMAT, "tokenizer.ggml.bos_token_id"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = NULL;

      gguf_begin (&gguf);
      gguf_text (&gguf, "tokenizer.ggml.model", cases[i].model);
      gguf_texts (&gguf, "tokenizer.ggml.tokens", pieces, 4);
      gguf_floats (&gguf, "tokenizer.ggml.scores", cases[i].scores, cases[i].n_scores);
      gguf_u32 (&gguf, "tokenizer.ggml.bos_token_id", cases[i].bos);
      path = gguf_write (&gguf, "broken.gguf");
      assert_open_fails (path, cases[i].code, cases[i].needle);
    }
}

static void
test_llama2c_hostile (void)
{
  Naive naive;
  g_autoptr (GByteArray) file = NULL;
  g_autofree char *path = NULL;
  guint n_good = 0;

  naive_begin (&naive);
  naive_add (&naive, "ab", -1.0f);
  file = naive_to_file (&naive);
  naive_clear (&naive);
  /* Cut off anywhere: an error, but for the ends of records. */
  for (guint bytes = 0; bytes < file->len; bytes += bytes < 64 ? 1 : 11)
    {
      g_autofree char *cut = fixture_write ("cut.bin", file->data, bytes);
      g_autoptr (GError) error = NULL;
      g_autoptr (TnTokenizer) tokenizer = tn_tokenizer_open (cut, &error);

      if (tokenizer == NULL)
        g_assert_error (error, TN_ERROR, TN_ERROR_FORMAT);
      else
        n_good++;
    }
  g_assert_cmpuint (n_good, >, 10);
  g_assert_cmpuint (n_good, <, 60);
  /* A length that lies. */
  file->data[8 + 3] = 0x7f;
  path = fixture_write ("length.bin", file->data, file->len);
  assert_open_fails (path, TN_ERROR_FORMAT, "length");
  file->data[8 + 3] = 0;
  /* A score that is no number. */
  memset (file->data + 4, 0xff, 4);
  g_free (path);
  path = fixture_write ("score.bin", file->data, file->len);
  assert_open_fails (path, TN_ERROR_FORMAT, "score");
}

/* A vocabulary that is smaller than a token. */
static void
test_llama2c_small (void)
{
  g_autoptr (GByteArray) file = g_byte_array_new ();
  g_autofree char *path = NULL;
  g_autoptr (TnTokenizer) tokenizer = NULL;
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GError) error = NULL;

  put_u32 (file, 1);
  for (guint i = 0; i < 5; i++)
    {
      put_f32 (file, 0.0f);
      put_u32 (file, 1);
      g_byte_array_append (file, (const guint8 *) "xyz a" + i, 1);
    }
  path = fixture_write ("small.bin", file->data, file->len);
  tokenizer = tn_tokenizer_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpint (tn_tokenizer_get_bos (tokenizer), ==, 1);
  assert_ids (tokenizer, "a", "3 4");
  g_array_append_vals (ids, &(gint32){77}, 1);
  g_assert_false (tn_tokenizer_encode (tokenizer, "ab", 2, TRUE, ids, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  g_assert_cmpuint (ids->len, ==, 1);
}

static void
test_bad_text (void)
{
  g_autofree char *path = tn_test_realdata ("stories260k/tok512.bin");
  g_autoptr (TnTokenizer) tokenizer = path != NULL ? tn_tokenizer_open (path, NULL) : NULL;
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GString) out = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  if (tokenizer == NULL)
    return;
  g_assert_false (tn_tokenizer_encode (tokenizer, "abc\xff", 4, TRUE, ids, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  g_assert_nonnull (strstr (error->message, "offset 3"));
  g_assert_cmpuint (ids->len, ==, 0);
  g_clear_error (&error);
  g_assert_true (tn_tokenizer_encode (tokenizer, "", 0, TRUE, ids, &error));
  g_assert_cmpuint (ids->len, ==, 1);
  /* NUL is a character. */
  assert_round_trip (tokenizer, "a\0b", 3, " ");
  g_assert_false (tn_tokenizer_decode (tokenizer, 512, out, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  g_clear_error (&error);
  g_assert_false (tn_tokenizer_decode (tokenizer, -1, out, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  g_assert_null (tn_tokenizer_get_piece (tokenizer, -1));
  g_assert_null (tn_tokenizer_get_piece (tokenizer, 512));
}

/* Where nothing keeps the pieces apart, time must not grow with the square of the text. */
static void
test_long_word (void)
{
  Naive naive;
  g_autoptr (GByteArray) file = NULL;
  g_autofree char *path = NULL;
  g_autofree char *text = g_strnfill (1000000, 'a');
  g_autoptr (TnTokenizer) tokenizer = NULL;
  g_autoptr (GArray) ids = NULL;
  gint64 start;

  naive_begin (&naive);
  naive_add (&naive, "a", -9.0f);
  naive_add (&naive, " ", -9.0f);
  naive_add (&naive, "aa", -2.0f);
  naive_add (&naive, "aaaa", -1.0f);
  naive_add (&naive, "aaaaaaaa", -3.0f);
  file = naive_to_file (&naive);
  path = fixture_write ("long.bin", file->data, file->len);
  tokenizer = tn_tokenizer_open (path, NULL);
  assert_equals_naive (tokenizer, &naive,
                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
  start = g_get_monotonic_time ();
  ids = encode (tokenizer, text, 1000000);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 10 * G_USEC_PER_SEC);
  g_assert_cmpuint (ids->len, ==, 1 + 125000);
  naive_clear (&naive);
}

static gpointer
encode_often (gpointer data)
{
  TnTokenizer *tokenizer = data;
  g_autofree char *first = NULL;

  for (guint i = 0; i < 200; i++)
    {
      const char *text = "One day, a little fish named Fin was swimming near the shore.";
      g_autoptr (GArray) ids = encode (tokenizer, text, strlen (text));
      g_autofree char *now = ids_to_text (ids);

      if (first == NULL)
        first = g_strdup (now);
      g_assert_cmpstr (now, ==, first);
    }
  return g_steal_pointer (&first);
}

static void
test_threads (void)
{
  g_autofree char *path = tn_test_realdata ("stories260k/tok512.bin");
  g_autoptr (TnTokenizer) tokenizer = path != NULL ? tn_tokenizer_open (path, NULL) : NULL;
  GThread *threads[4];
  g_autofree char *first = NULL;

  if (tokenizer == NULL)
    return;
  for (guint i = 0; i < 4; i++)
    threads[i] = g_thread_new ("encode", encode_often, tokenizer);
  for (guint i = 0; i < 4; i++)
    {
      g_autofree char *ids = g_thread_join (threads[i]);

      if (first == NULL)
        first = g_strdup (ids);
      g_assert_cmpstr (ids, ==, first);
    }
}

static void
test_utf8 (void)
{
  static const struct
  {
    const char *text;
    gsize bytes, valid;
  } cases[] = {
      {"", 0, 0},
      {"abc", 3, 3},
      {"a\0c", 3, 3},
      {"\xc3\xa9", 2, 2},
      {"\xc3", 1, 0},
      {"\xc0\x80", 2, 0},     /* overlong */
      {"\xe0\x9f\xbf", 3, 0}, /* overlong */
      {"\xed\xa0\x80", 3, 0}, /* surrogate */
      {"\xed\x9f\xbf", 3, 3},
      {"\xf0\x8f\xbf\xbf", 4, 0}, /* overlong */
      {"\xf4\x8f\xbf\xbf", 4, 4},
      {"\xf4\x90\x80\x80", 4, 0}, /* above U+10FFFF */
      {"\xf5\x80\x80\x80", 4, 0},
      {"ab\x80", 3, 2},
      {"\xe4\xb8\xad\xe4\xb8", 5, 3},
  };
  g_autoptr (GRand) random = g_rand_new_with_seed (5);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpuint (tn_utf8_valid_prefix (cases[i].text, cases[i].bytes), ==, cases[i].valid);
  /* Against GLib, which takes NUL for an end: none in here. */
  for (guint round = 0; round < 3000; round++)
    {
      g_autofree char *text = random_text (random, (guint) g_rand_int_range (random, 0, 90));
      gsize bytes = strlen (text);
      const char *end;

      for (gint n = g_rand_int_range (random, 0, 3); n > 0 && bytes > 0; n--)
        text[g_rand_int_range (random, 0, (gint32) bytes)] = (char) g_rand_int_range (random, 1, 256);
      g_utf8_validate_len (text, bytes, &end);
      g_assert_cmpuint (tn_utf8_valid_prefix (text, bytes), ==, (gsize) (end - text));
    }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tokenizer-spm/utf8", test_utf8);
  g_test_add_func ("/tokenizer-spm/naive-random", test_naive_random);
  g_test_add_func ("/tokenizer-spm/llama2c", test_llama2c);
  g_test_add_func ("/tokenizer-spm/llama2c-hostile", test_llama2c_hostile);
  g_test_add_func ("/tokenizer-spm/llama2c-small", test_llama2c_small);
  g_test_add_func ("/tokenizer-spm/vectors", test_vectors);
  g_test_add_func ("/tokenizer-spm/same-in-gguf", test_same_in_gguf);
  g_test_add_func ("/tokenizer-spm/gguf-rules", test_gguf_rules);
  g_test_add_func ("/tokenizer-spm/gguf-errors", test_gguf_errors);
  g_test_add_func ("/tokenizer-spm/bad-text", test_bad_text);
  g_test_add_func ("/tokenizer-spm/long-word", test_long_word);
  g_test_add_func ("/tokenizer-spm/threads", test_threads);
  status = g_test_run ();
  fixture_clean_up ();
  return status;
}
