/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/data/dataset-fixtures.h"

#include "realdata.h"

typedef enum
{
  RAW,
  HEADER_U16,
  HEADER_U32,
} Form;

static GByteArray *
make_tokens (Form form, guint n, guint n_vocab)
{
  GByteArray *file = g_byte_array_new ();

  if (form != RAW)
    {
      put_u32 (file, form == HEADER_U16 ? 20240520 : 20240801);
      put_u32 (file, form == HEADER_U16 ? 1 : 7);
      put_u32 (file, n);
      while (file->len < 1024)
        put_u32 (file, 0);
    }
  for (guint i = 0; i < n; i++)
    {
      guint32 id = i * 7 % n_vocab;
      const guint8 bytes[4] = {(guint8) id, (guint8) (id >> 8), 0, 0};

      g_byte_array_append (file, bytes, form == HEADER_U32 ? 4 : 2);
    }
  return file;
}

static char *
write_tokens (const char *name, Form form, guint n, guint n_vocab)
{
  g_autoptr (GByteArray) file = make_tokens (form, n, n_vocab);

  return fixture_write (name, file->data, file->len);
}

/* Windows that lie side by side over the whole file, whatever its form. */
static void
test_windows (void)
{
  static const guint sizes[] = {1, 2, 7, 8, 9, 100, 101};

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      g_autoptr (GPtrArray) first = NULL;

      for (Form form = RAW; form <= HEADER_U32; form++)
        {
          g_autofree char *path = write_tokens ("tokens.bin", form, sizes[s], 300);
          g_autoptr (TnDataset) dataset = open_data (path, NULL, 300);
          g_autoptr (GPtrArray) all = sample (dataset, 0, 8, 1, TN_SAMPLER_RANDOM, 1, 1);
          g_autoptr (GPtrArray) drawn = sample (dataset, 1000, 8, 1, TN_SAMPLER_RANDOM, 1, 1);
          guint place = 0;

          g_assert_cmpuint (all->len, ==, (sizes[s] + 7) / 8);
          g_assert_cmpuint (drawn->len, ==, all->len);
          for (guint w = 0; w < all->len; w++)
            {
              const Seen *seen = g_ptr_array_index (all, w);

              g_assert_cmpuint (seen->length, ==, MIN (8, sizes[s] - place));
              g_assert_cmpuint (seen->hash, ==, ((Seen *) g_ptr_array_index (drawn, w))->hash);
              if (first != NULL)
                g_assert_cmpuint (seen->hash, ==, ((Seen *) g_ptr_array_index (first, w))->hash);
              for (guint i = 0; i < seen->length; i++, place++)
                {
                  g_assert_cmpint (seen->tokens[i], ==, place * 7 % 300);
                  g_assert_cmpint (seen->targets[i], ==, place + 1 < sizes[s] ? (gint) ((place + 1) * 7 % 300) : -1);
                }
            }
          if (first == NULL)
            first = g_steal_pointer (&all);
        }
    }
}

/* What is scored: every token but the first once, no BOS. */
static void
test_scored (void)
{
  static const guint sizes[] = {2, 8, 9, 10, 17, 100};
  g_autoptr (TnTokenizer) bytes = tn_tokenizer_new_bytes (TRUE);

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      g_autofree char *path = write_tokens ("tokens.bin", RAW, sizes[s], 256);
      g_autoptr (TnDataset) dataset = open_data (path, bytes, 257);
      g_autoptr (GError) error = NULL;
      g_autoptr (GPtrArray) seen = drain (tn_dataset_windows (dataset, 8, 3, NULL, &error), &error);
      guint place = 0;

      g_assert_no_error (error);
      g_assert_cmpuint (seen->len, ==, (sizes[s] - 1 + 7) / 8);
      for (guint w = 0; w < seen->len; w++)
        {
          const Seen *now = g_ptr_array_index (seen, w);

          g_assert_cmpuint (now->batch, ==, w / 3);
          for (guint i = 0; i < now->length; i++, place++)
            {
              g_assert_cmpint (now->tokens[i], ==, place * 7 % 256);
              g_assert_cmpint (now->targets[i], ==, (place + 1) * 7 % 256);
            }
        }
      g_assert_cmpuint (place, ==, sizes[s] - 1);
    }
}

static void
test_draws (void)
{
  g_autofree char *path = write_tokens ("tokens.bin", RAW, 5000, 5000);
  g_autofree char *other = write_tokens ("other.bin", HEADER_U32, 5000, 5000);
  g_autoptr (TnDataset) dataset = open_data (path, NULL, 5000);
  g_autoptr (TnDataset) copy = open_data (other, NULL, 5000);
  guint differ = 0;

  for (guint64 seed = 0; seed < 50; seed++)
    {
      g_autoptr (GPtrArray) a = sample (dataset, 20, 50, seed, TN_SAMPLER_RANDOM, 1, 1);
      g_autoptr (GPtrArray) b = sample (copy, 20, 50, seed, TN_SAMPLER_RANDOM, 1, 1);
      g_autoptr (GPtrArray) c = sample (dataset, 20, 50, seed + 1, TN_SAMPLER_RANDOM, 1, 1);
      g_autoptr (GPtrArray) part = sample (dataset, 20, 50, seed, TN_SAMPLER_RANDOM, 3, 7);

      g_assert_cmpuint (a->len, ==, 20);
      for (guint i = 0; i < 20; i++)
        {
          g_assert_cmpuint (((Seen *) g_ptr_array_index (a, i))->hash, ==, ((Seen *) g_ptr_array_index (b, i))->hash);
          g_assert_cmpint (((Seen *) g_ptr_array_index (a, i))->tokens[0] % 50, ==, 0);
          differ += ((Seen *) g_ptr_array_index (a, i))->hash != ((Seen *) g_ptr_array_index (c, i))->hash;
        }
      g_assert_cmpuint (part->len, ==, 3);
      for (guint i = 0; i < 3; i++)
        g_assert_cmpuint (((Seen *) g_ptr_array_index (part, i))->hash, ==, ((Seen *) g_ptr_array_index (a, 2 + 7 * i))->hash);
    }
  g_assert_cmpuint (differ, >, 500);
}

static void
test_skip (void)
{
  g_autofree char *path = write_tokens ("tokens.bin", RAW, 501, 501);
  g_autofree char *other = write_tokens ("other.bin", HEADER_U32, 83, 500);
  g_autoptr (TnDataset) dataset = tn_dataset_open ((const char *const[]){path, other, NULL}, NULL, NULL, 501, NULL, NULL);

  for (guint n_samples = 0; n_samples <= 20; n_samples += 10)
    {
      assert_skips (dataset, n_samples, 17, 1, 1);
      assert_skips (dataset, n_samples, 17, 2, 3);
    }
}

static void
test_systematic (void)
{
  g_autofree char *path = write_tokens ("tokens.bin", RAW, 1000, 1000);
  g_autoptr (TnDataset) dataset = open_data (path, NULL, 1000);
  g_autoptr (GPtrArray) seen = sample (dataset, 10, 10, 1, TN_SAMPLER_SYSTEMATIC, 1, 1);

  g_assert_cmpuint (seen->len, ==, 10);
  for (guint i = 1; i < 10; i++)
    {
      /* 7 has the inverse 143 modulo 1000. */
      gint place = ((Seen *) g_ptr_array_index (seen, i))->tokens[0] * 143 % 1000;
      gint before = ((Seen *) g_ptr_array_index (seen, i - 1))->tokens[0] * 143 % 1000;

      g_assert_cmpint (place - before, ==, 100);
    }
}

static void
assert_file_fails (const GByteArray *file, gsize bytes, TnErrorCode code, const char *needle)
{
  g_autofree char *path = fixture_write ("broken.bin", file->data, bytes);
  g_autoptr (TnDataset) dataset = open_data (path, NULL, 300);

  assert_sample_fails (dataset, 0, code, needle);
  assert_sample_fails (dataset, 5, code, path);
}

static void
test_errors (void)
{
  g_autoptr (GByteArray) raw = make_tokens (RAW, 50, 400);
  g_autoptr (GByteArray) header = make_tokens (HEADER_U16, 50, 300);
  g_autoptr (GByteArray) wide = make_tokens (HEADER_U32, 50, 300);

  assert_file_fails (raw, 99, TN_ERROR_FORMAT, "99");
  /* The first id that is too large is 301, in place 43. */
  assert_file_fails (raw, 100, TN_ERROR_DATA, "301");
  assert_file_fails (raw, 100, TN_ERROR_DATA, "token 43");
  for (guint bytes = 8; bytes < header->len; bytes += 97)
    assert_file_fails (header, bytes, TN_ERROR_FORMAT, "header");
  assert_file_fails (wide, wide->len - 1, TN_ERROR_FORMAT, "header");
  wide->data[1024 + 3] = 0x80;
  assert_file_fails (wide, wide->len, TN_ERROR_DATA, "token 0");
  header->data[11] = 0x80;
  assert_file_fails (header, header->len, TN_ERROR_FORMAT, "header");
  header->data[4] = 2;
  assert_file_fails (header, header->len, TN_ERROR_UNSUPPORTED, "version 2");
}

static void
test_too_few (void)
{
  g_autofree char *path = write_tokens ("one.bin", RAW, 1, 10);
  g_autofree char *none = write_tokens ("none.bin", HEADER_U16, 0, 10);
  g_autoptr (TnDataset) one = open_data (path, NULL, 10);
  g_autoptr (TnDataset) nothing = open_data (none, NULL, 10);
  g_autoptr (GError) error = NULL;

  g_ptr_array_unref (drain (tn_dataset_windows (one, 8, 1, NULL, NULL), &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  assert_sample_fails (nothing, 0, TN_ERROR_DATA, none);
  assert_sample_fails (nothing, 3, TN_ERROR_DATA, none);
}

static void
test_real (void)
{
  g_autofree char *path = tn_test_realdata ("tokens/tiny_shakespeare_gpt2_train.bin");
  g_autofree char *vocabulary = tn_test_realdata ("gguf/ggml-vocab-gpt-2.gguf");
  g_autofree char *book_path = tn_test_realdata ("text/tinyshakespeare.txt");
  g_autoptr (TnTokenizer) tokenizer = vocabulary != NULL ? tn_tokenizer_open (vocabulary, NULL) : NULL;
  g_autoptr (TnDataset) dataset = NULL, bare = NULL;
  g_autofree char *preview = NULL, *numbers = NULL, *book = NULL;
  g_autoptr (GPtrArray) all = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GArray) ids = NULL;
  g_autoptr (GError) error = NULL;

  if (path == NULL || tokenizer == NULL || book_path == NULL)
    return;
  g_assert_true (g_file_get_contents (book_path, &book, NULL, NULL));
  dataset = open_data (path, tokenizer, 50257);
  bare = open_data (path, NULL, 50257);
  preview = tn_dataset_preview (dataset, 200, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (strlen (preview), >=, 190);
  g_assert_true (g_str_has_prefix (book, preview));
  numbers = tn_dataset_preview (bare, 20, &error);
  g_assert_true (g_str_has_prefix (numbers, "5962 22307 25"));
  all = sample (dataset, 0, 1024, 1, TN_SAMPLER_RANDOM, 1, 1);
  for (guint w = 0; w < all->len; w++)
    for (guint i = 0; i < ((Seen *) g_ptr_array_index (all, w))->length; i++)
      g_assert_true (tn_tokenizer_decode (tokenizer, ((Seen *) g_ptr_array_index (all, w))->tokens[i], text, NULL));
  g_assert_cmpuint (text->len, >, 900000);
  g_assert_true (g_str_has_prefix (book, text->str));
  /* And the tokenizer makes the same tokens of it. */
  ids = encode (tokenizer, text->str, text->len);
  for (guint w = 0, place = 0; w < all->len; w++)
    for (guint i = 0; i < ((Seen *) g_ptr_array_index (all, w))->length; i++, place++)
      g_assert_cmpint (g_array_index (ids, gint32, place), ==, ((Seen *) g_ptr_array_index (all, w))->tokens[i]);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dataset-tokens/windows", test_windows);
  g_test_add_func ("/dataset-tokens/scored", test_scored);
  g_test_add_func ("/dataset-tokens/draws", test_draws);
  g_test_add_func ("/dataset-tokens/skip", test_skip);
  g_test_add_func ("/dataset-tokens/systematic", test_systematic);
  g_test_add_func ("/dataset-tokens/errors", test_errors);
  g_test_add_func ("/dataset-tokens/too-few", test_too_few);
  g_test_add_func ("/dataset-tokens/real", test_real);
  status = g_test_run ();
  fixture_clean_up ();
  return status;
}
