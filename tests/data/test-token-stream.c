/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/data/dataset-fixtures.h"

#include "data/training/permutation.h"
#include "data/training/token-stream.h"
#include "engine/hash.h"
#include "engine/memory/pool.h"
#include "engine/random.h"
#include "realdata.h"

static void
test_permutation (void)
{
  static const guint64 sizes[] = {1, 2, 3, 4, 5, 16, 17, 31, 1000, 1024, 1025, 4099};

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    for (guint64 key = 0; key < 5; key++)
      {
        TnPermutation order = tn_permutation_new (sizes[s], key), other = tn_permutation_new (sizes[s], key + 100);
        g_autofree guint8 *seen = g_new0 (guint8, sizes[s]);
        guint64 same = 0;

        for (guint64 i = 0; i < sizes[s]; i++)
          {
            guint64 value = tn_permutation_at (&order, i);

            g_assert_cmpuint (value, <, sizes[s]);
            g_assert_cmpuint (seen[value]++, ==, 0);
            same += value == tn_permutation_at (&other, i);
          }
        /* Two random orders agree at one place on average. */
        if (sizes[s] >= 1000)
          g_assert_cmpuint (same, <, 12);
      }
  /* Large ones stay inside. */
  for (guint64 i = 0; i < 1000; i++)
    {
      TnPermutation order = tn_permutation_new (((guint64) 1 << 61) + 1, 3);

      g_assert_cmpuint (tn_permutation_at (&order, i), <, order.n);
    }
}

/* Each of the first five of 120 orders comes as often as chance has it. */
static void
test_permutation_uniform (void)
{
  guint counts[5][5] = {{0}};

  for (guint64 key = 0; key < 20000; key++)
    {
      TnPermutation order = tn_permutation_new (5, tn_hash_combine (key, 1));

      for (guint i = 0; i < 5; i++)
        counts[i][tn_permutation_at (&order, i)]++;
    }
  for (guint i = 0; i < 5; i++)
    for (guint k = 0; k < 5; k++)
      {
        g_assert_cmpuint (counts[i][k], >, 4000 - 300);
        g_assert_cmpuint (counts[i][k], <, 4000 + 300);
      }
}

static char *
write_token_file (const char *name, guint n, guint first)
{
  g_autofree guint16 *ids = g_new (guint16, n);

  for (guint i = 0; i < n; i++)
    ids[i] = GUINT16_TO_LE ((guint16) ((first + i) % 60000));
  return fixture_write (name, ids, n * 2);
}

/* What the whole sequence should be: BOS and the bytes of each document. */
static GArray *
expected_tokens (const char *const *documents, guint n, gint32 bos)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint32));

  for (guint i = 0; i < n; i++)
    {
      if (bos >= 0)
        g_array_append_val (ids, bos);
      for (const char *c = documents[i]; *c != '\0'; c++)
        {
          gint32 id = (guint8) *c;

          g_array_append_val (ids, id);
        }
    }
  return ids;
}

static GArray *
all_tokens (TnTokenSequence *sequence)
{
  guint n = (guint) tn_token_sequence_count (sequence);
  GArray *ids = g_array_sized_new (FALSE, FALSE, sizeof (gint32), n);

  g_array_set_size (ids, n);
  g_assert_true (tn_token_sequence_read (sequence, 0, n, (gint32 *) (void *) ids->data, NULL));
  return ids;
}

static void
assert_same_tokens (const GArray *a, const GArray *b)
{
  g_assert_cmpmem (a->data, a->len * 4, b->data, b->len * 4);
}

static TnTokenSequence *
read_sequence (TnDataset *dataset, double share, TnTokenSequence **validation)
{
  const TnTokenSequenceOptions options = {.validation_share = share};
  g_autoptr (TnTokenSequence) held = NULL;
  g_autoptr (GError) error = NULL;
  TnTokenSequence *training;

  tn_token_sequence_read_dataset (dataset, &options, NULL, NULL, &training, &held, &error);
  g_assert_no_error (error);
  if (validation != NULL)
    *validation = g_steal_pointer (&held);
  return training;
}

static void
test_text (void)
{
  static const char *const documents[] = {"one", "two words", "three"};
  static const char text[] = "one\n<|endoftext|>\n two words \n<|endoftext|>\nthree\n";
  g_autofree char *path = fixture_write ("packed.txt", text, strlen (text));

  for (guint bos = 0; bos < 2; bos++)
    {
      g_autoptr (TnTokenizer) tokenizer = tn_tokenizer_new_bytes (bos);
      g_autoptr (TnDataset) dataset = open_data (path, tokenizer, 257);
      g_autoptr (TnTokenSequence) training = read_sequence (dataset, 0.0, NULL);
      g_autoptr (GArray) expected = expected_tokens (documents, 3, bos ? 256 : -1);
      g_autoptr (GArray) found = all_tokens (training);

      assert_same_tokens (found, expected);
      g_assert_cmpuint (tn_token_sequence_documents (training), ==, 3);
      g_assert_true (tn_token_sequence_in_memory (training));
    }
}

/* JSON lines and CSV are documents as well, two files are one sequence, and gzip does not matter. */
static void
test_records (void)
{
  static const char *const documents[] = {"one", "two", "three", "four"};
  static const char lines[] = "{\"body\":\"one\"}\n{\"body\":\"two\"}\n", rows[] = "id,body\n1,three\n2,four\n";
  g_autofree char *a = fixture_write ("lines.jsonl", lines, strlen (lines)), *b = fixture_write ("rows.csv", rows, strlen (rows));
  const TnDatasetOptions options = {.field = (char *) "body"};
  g_autoptr (TnTokenizer) tokenizer = tn_tokenizer_new_bytes (TRUE);
  g_autoptr (GError) error = NULL;
  g_autoptr (TnDataset) dataset = tn_dataset_open ((const char *const[]){a, b, NULL}, &options, tokenizer, 257, NULL, &error);
  g_autoptr (GArray) expected = expected_tokens (documents, 4, 256), found = NULL;
  g_autoptr (TnTokenSequence) training = NULL;

  g_assert_no_error (error);
  training = read_sequence (dataset, 0.0, NULL);
  found = all_tokens (training);
  assert_same_tokens (found, expected);
  g_assert_cmpuint (tn_token_sequence_documents (training), ==, 4);
}

static char *
write_npy (const char *name, const char *shape, guint n)
{
  static const char magic[] = "\x93NUMPY\x01\x00\x76\x00";
  g_autoptr (GByteArray) file = g_byte_array_new ();
  g_autofree char *header = g_strdup_printf ("{'descr': '<u2', 'fortran_order': False, 'shape': %s, }", shape);

  g_byte_array_append (file, (const guint8 *) magic, sizeof magic - 1);
  g_byte_array_append (file, (const guint8 *) header, (guint) strlen (header));
  while (file->len < 127)
    g_byte_array_append (file, (const guint8 *) " ", 1);
  g_byte_array_append (file, (const guint8 *) "\n", 1);
  for (guint i = 0; i < n; i++)
    g_byte_array_append (file, (const guint8[]){(guint8) (i % 60000), (guint8) (i % 60000 >> 8)}, 2);
  return fixture_write (name, file->data, file->len);
}

/* An array of one dimension is one document, however long it is. */
static void
test_long_array (void)
{
  guint n = 2 * TN_TOKEN_LONG_DOCUMENT + 100;
  g_autofree char *shape = g_strdup_printf ("(%u,)", n), *path = write_npy ("long.npy", shape, n);
  g_autoptr (TnDataset) dataset = open_data (path, NULL, 60000);
  g_autoptr (TnTokenSequence) validation = NULL, training = read_sequence (dataset, 0.25, &validation);
  g_autoptr (GArray) kept = all_tokens (training), held = all_tokens (validation);

  g_assert_cmpuint (held->len, ==, n / 4);
  g_assert_cmpuint (kept->len, ==, n - n / 4);
  for (guint i = 0; i < n; i++)
    g_assert_cmpint (i < kept->len ? g_array_index (kept, gint32, i) : g_array_index (held, gint32, i - kept->len), ==,
                     i % 60000);
}

/* Rows of an array are documents, and a token file beside arrays gives its last share. */
static void
test_arrays (void)
{
  g_autofree char *npy = write_npy ("rows.npy", "(3, 4)", 12), *bin = write_token_file ("beside.bin", 100, 20);
  g_autoptr (TnTokenSequence) training = NULL, validation = NULL;
  g_autoptr (TnDataset) dataset = NULL;
  g_autoptr (GArray) kept = NULL, held = NULL;
  g_autoptr (GError) error = NULL;

  dataset = tn_dataset_open ((const char *const[]){npy, bin, NULL}, NULL, NULL, 1000, NULL, &error);
  g_assert_no_error (error);
  training = read_sequence (dataset, 0.0, NULL);
  kept = all_tokens (training);
  g_assert_cmpuint (kept->len, ==, 112);
  for (gint32 i = 0; i < 112; i++)
    g_assert_cmpint (g_array_index (kept, gint32, i), ==, i < 12 ? i : i + 8);
  g_assert_cmpuint (tn_token_sequence_documents (training), ==, 4);
  g_clear_pointer (&training, tn_token_sequence_unref);
  training = read_sequence (dataset, 0.05, &validation);
  held = all_tokens (validation);
  g_assert_cmpuint (held->len, >=, 5);
  g_assert_cmpint (g_array_index (held, gint32, held->len - 1), ==, 119);
  g_assert_cmpint (g_array_index (held, gint32, held->len - 5), ==, 115);
}

/* Many documents, of pseudo-random words. */
static char *
write_documents (guint n, guint least, guint most)
{
  g_autoptr (GString) text = g_string_new (NULL);
  TnRandom random = tn_random_stream (11, "documents");

  for (guint i = 0; i < n; i++)
    {
      guint length = least + (guint) tn_random_below (&random, most - least + 1);

      for (guint k = 0; k < length; k++)
        g_string_append_c (text, k % 7 == 6 && k + 1 < length ? ' ' : (char) ('a' + tn_random_below (&random, 26)));
      g_string_append (text, "\n<|endoftext|>\n");
    }
  return fixture_write ("documents.txt", text->str, text->len);
}

/* Every place of a file that spills over is what it is in memory; small memory and none of the budget give the same. */
static void
test_spill (void)
{
  g_autofree char *path = write_documents (3000, 400, 1400);
  g_autoptr (TnTokenizer) tokenizer = tn_tokenizer_new_bytes (TRUE);

  for (guint wide = 0; wide < 2; wide++)
    {
      g_autoptr (TnDataset) dataset = open_data (path, tokenizer, wide ? 70000 : 257);
      g_autoptr (TnTokenSequence) memory = read_sequence (dataset, 0.0, NULL);
      g_autoptr (GArray) expected = all_tokens (memory);
      gsize before = tn_pool_get_current (tn_pool_default (), TN_PURPOSE_STATISTICS);

      g_assert_true (tn_token_sequence_in_memory (memory));
      for (gsize limit = 1; limit <= 2 << 20; limit += 1 << 20)
        {
          const TnTokenSequenceOptions options = {.memory_bytes = limit, .folder = g_get_tmp_dir ()};
          g_autoptr (TnTokenSequence) training = NULL, validation = NULL;
          g_autoptr (GArray) found = NULL;
          g_autoptr (GError) error = NULL;
          TnRandom random = tn_random_stream (1, "places");

          tn_token_sequence_read_dataset (dataset, &options, NULL, NULL, &training, &validation, &error);
          g_assert_no_error (error);
          g_assert_null (validation);
          g_assert_false (tn_token_sequence_in_memory (training));
          g_assert_cmpuint (tn_pool_get_current (tn_pool_default (), TN_PURPOSE_STATISTICS), ==, before);
          found = all_tokens (training);
          assert_same_tokens (found, expected);
          g_assert_cmpuint (tn_token_sequence_fingerprint (training), ==, tn_token_sequence_fingerprint (memory));
          for (guint i = 0; i < 200; i++)
            {
              gint32 ids[97];
              guint64 first = tn_random_below (&random, expected->len - 97);

              g_assert_true (tn_token_sequence_read (training, first, 97, ids, NULL));
              g_assert_cmpmem (ids, sizeof ids, &g_array_index (expected, gint32, first), sizeof ids);
            }
        }
    }
}

static void
test_spill_fails (void)
{
  g_autofree char *path = write_documents (10, 10, 20), *folder = fixture_path ("no-such-folder");
  g_autoptr (TnTokenizer) tokenizer = tn_tokenizer_new_bytes (TRUE);
  g_autoptr (TnDataset) dataset = open_data (path, tokenizer, 257);
  const TnTokenSequenceOptions options = {.memory_bytes = 1, .folder = folder};
  g_autoptr (TnTokenSequence) training = NULL, validation = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_false (tn_token_sequence_read_dataset (dataset, &options, NULL, NULL, &training, &validation, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_IO);
  g_assert_nonnull (strstr (error->message, folder));
}

/* Documents by their BOS, as sorted text. */
static GHashTable *
documents_of (TnTokenSequence *sequence)
{
  g_autoptr (GArray) ids = all_tokens (sequence);
  GHashTable *documents = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 1; i <= ids->len; i++)
    if (i == ids->len || g_array_index (ids, gint32, i) == 256)
      {
        g_hash_table_add (documents, g_strdup (text->str));
        g_string_truncate (text, 0);
      }
    else
      g_string_append_c (text, (char) g_array_index (ids, gint32, i));
  return documents;
}

static void
test_hold_out (void)
{
  g_autofree char *path = write_documents (2000, 20, 60);
  g_autoptr (TnTokenizer) tokenizer = tn_tokenizer_new_bytes (TRUE);
  g_autoptr (TnDataset) dataset = open_data (path, tokenizer, 257);
  g_autoptr (TnTokenSequence) whole = read_sequence (dataset, 0.0, NULL);
  g_autoptr (GHashTable) all = documents_of (whole);
  g_autoptr (TnTokenSequence) held_less = NULL, held_more = NULL, training = read_sequence (dataset, 0.1, &held_less),
                              rest = read_sequence (dataset, 0.3, &held_more);
  g_autoptr (GHashTable) trained = documents_of (training), less = documents_of (held_less), more = documents_of (held_more);
  GHashTableIter iter;
  gpointer document;

  g_assert_cmpuint (g_hash_table_size (all), ==, 2000);
  g_assert_cmpuint (g_hash_table_size (trained) + g_hash_table_size (less), ==, 2000);
  g_assert_cmpuint (tn_token_sequence_documents (training) + tn_token_sequence_documents (held_less), ==, 2000);
  g_assert_cmpuint (g_hash_table_size (less), >, 200 - 55);
  g_assert_cmpuint (g_hash_table_size (less), <, 200 + 55);
  g_hash_table_iter_init (&iter, less);
  while (g_hash_table_iter_next (&iter, &document, NULL))
    {
      g_assert_false (g_hash_table_contains (trained, document));
      g_assert_true (g_hash_table_contains (all, document));
      /* A larger share only adds to it. */
      g_assert_true (g_hash_table_contains (more, document));
    }
  g_assert_cmpuint (tn_token_sequence_fingerprint (training), !=, tn_token_sequence_fingerprint (whole));
  g_assert_cmpuint (tn_token_sequence_fingerprint (training), !=, tn_token_sequence_fingerprint (rest));
}

/* A book among short documents gives its last share; what is before and behind it stays whole. */
static void
test_hold_out_long (void)
{
  static const guint sizes[] = {TN_TOKEN_LONG_DOCUMENT - 2, TN_TOKEN_LONG_DOCUMENT - 1, TN_TOKEN_LONG_DOCUMENT, 200001};

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      g_autoptr (GString) text = g_string_new ("before\n<|endoftext|>\n");
      g_autoptr (TnTokenizer) tokenizer = tn_tokenizer_new_bytes (TRUE);
      g_autoptr (TnTokenSequence) training = NULL, validation = NULL;
      g_autoptr (GArray) kept = NULL, held = NULL;
      g_autoptr (TnDataset) dataset = NULL;
      g_autofree char *path = NULL;
      guint book = sizes[s] + 1, n_held;

      for (guint i = 0; i < sizes[s]; i++)
        g_string_append_c (text, (char) ('a' + i % 23));
      g_string_append (text, "\n<|endoftext|>\nbehind\n");
      path = fixture_write ("book.txt", text->str, text->len);
      dataset = open_data (path, tokenizer, 257);
      if (book < TN_TOKEN_LONG_DOCUMENT)
        {
          training = read_sequence (dataset, 0.0, NULL);
          g_assert_cmpuint (tn_token_sequence_count (training), ==, 7 + book + 7);
          continue;
        }
      training = read_sequence (dataset, 0.25, &validation);
      kept = all_tokens (training);
      held = all_tokens (validation);
      n_held = book / 4;
      /* Neither "before" nor "behind" is held out by its hash. */
      g_assert_cmpuint (held->len, ==, n_held);
      g_assert_cmpuint (kept->len, ==, 7 + book - n_held + 7);
      for (guint i = 0; i < n_held; i++)
        g_assert_cmpint (g_array_index (held, gint32, i), ==, 'a' + (gint32) ((book - n_held - 1 + i) % 23));
      g_assert_cmpint (g_array_index (kept, gint32, kept->len - 6), ==, 'b');
      g_assert_cmpuint (tn_token_sequence_documents (training), ==, 3);
      g_assert_cmpuint (tn_token_sequence_documents (validation), ==, 1);
    }
}

static void
test_one_side_empty (void)
{
  g_autofree char *path = fixture_write ("one.txt", "only one", 8);
  g_autoptr (TnTokenizer) tokenizer = tn_tokenizer_new_bytes (TRUE);
  g_autoptr (TnDataset) dataset = open_data (path, tokenizer, 257);
  TnTokenSequenceOptions options = {.validation_share = 0.01};
  g_autoptr (TnTokenSequence) training = NULL, validation = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_false (tn_token_sequence_read_dataset (dataset, &options, NULL, NULL, &training, &validation, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  g_assert_nonnull (strstr (error->message, "0.01 holds out none of 1 documents"));
  g_clear_error (&error);
  options.validation_share = 0.6;
  g_assert_false (tn_token_sequence_read_dataset (dataset, &options, NULL, NULL, &training, &validation, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
  g_assert_null (training);
}

/* Token files are read where they lie, and each gives its last share. */
static void
test_token_files (void)
{
  g_autofree char *a = write_token_file ("a.bin", 1001, 0), *b = write_token_file ("b.bin", 1, 5000),
                  *c = write_token_file ("c.bin", 70001, 7000);
  g_autoptr (GError) error = NULL;
  g_autoptr (TnDataset) dataset = tn_dataset_open ((const char *const[]){a, b, c, NULL}, NULL, NULL, 60000, NULL, &error);
  g_autoptr (TnTokenSequence) training = NULL, validation = NULL;
  g_autoptr (GArray) kept = NULL, held = NULL;

  g_assert_no_error (error);
  training = read_sequence (dataset, 0.1, &validation);
  kept = all_tokens (training);
  held = all_tokens (validation);
  g_assert_false (tn_token_sequence_in_memory (training));
  g_assert_cmpuint (kept->len, ==, 901 + 1 + 63001);
  g_assert_cmpuint (held->len, ==, 100 + 7000);
  g_assert_cmpint (g_array_index (kept, gint32, 900), ==, 900);
  g_assert_cmpint (g_array_index (kept, gint32, 901), ==, 5000);
  g_assert_cmpint (g_array_index (kept, gint32, 902), ==, 7000);
  g_assert_cmpint (g_array_index (held, gint32, 0), ==, 901);
  g_assert_cmpint (g_array_index (held, gint32, 100), ==, (7000 + 63001) % 60000);
}

static void
test_token_file_out_of_range (void)
{
  g_autofree char *a = write_token_file ("range.bin", 101, 0);
  g_autoptr (TnDataset) dataset = open_data (a, NULL, 100);
  g_autoptr (TnTokenSequence) training = read_sequence (dataset, 0.0, NULL);
  g_autoptr (GError) error = NULL;
  const TnTokenStreamOptions options = {.seq_len = 101, .batch_size = 1, .masked_token = -1};
  g_autoptr (TnTokenStream) stream = tn_token_stream_new (training, NULL, &options, &error);
  gint32 tokens[101], targets[101];

  g_assert_no_error (error);
  g_assert_false (tn_token_stream_fill (stream, tokens, targets, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  g_assert_nonnull (strstr (error->message, "token 100 is 100"));
  g_assert_cmpuint (tn_token_stream_get_position (stream).index, ==, 0);
}

/* Over an epoch every window comes once, targets are what follows, around the end too; sizes that do not divide. */
static void
test_epochs (void)
{
  static const guint shapes[][3] = {{103, 8, 3}, {104, 8, 4}, {7, 7, 2}, {8, 7, 1}, {2, 1, 5}, {1000, 31, 7}};

  for (guint s = 0; s < G_N_ELEMENTS (shapes); s++)
    {
      guint count = shapes[s][0], seq_len = shapes[s][1], batch_size = shapes[s][2], n_windows = count / seq_len;
      g_autofree char *path = write_token_file ("epoch.bin", count, 0);
      g_autoptr (TnDataset) dataset = open_data (path, NULL, 60000);
      g_autoptr (TnTokenSequence) training = read_sequence (dataset, 0.0, NULL);
      const TnTokenStreamOptions options = {.seq_len = seq_len, .batch_size = batch_size, .seed = 5, .masked_token = -1};
      g_autoptr (TnTokenStream) stream = tn_token_stream_new (training, NULL, &options, NULL);
      g_autofree gint32 *tokens = g_new (gint32, batch_size * seq_len), *targets = g_new (gint32, batch_size * seq_len);
      g_autofree guint *seen = g_new0 (guint, count);
      guint64 drawn = 0;

      g_assert_cmpuint (tn_token_stream_epoch_windows (stream), ==, n_windows);
      g_assert_cmpuint (tn_token_stream_n_validation_batches (stream), ==, 0);
      while (drawn < 3 * batch_size * n_windows)
        {
          g_assert_true (tn_token_stream_fill (stream, tokens, targets, NULL));
          for (guint i = 0; i < batch_size; i++, drawn++)
            {
              if (drawn % n_windows == 0)
                memset (seen, 0, count * sizeof *seen);
              for (guint k = 0; k < seq_len; k++)
                {
                  guint token = (guint) tokens[i * seq_len + k];

                  g_assert_cmpuint (seen[token]++, ==, 0);
                  g_assert_cmpint (targets[i * seq_len + k], ==, token == count - 1 ? -1 : (gint32) token + 1);
                  if (k > 0)
                    g_assert_cmpuint (token, ==, ((guint) tokens[i * seq_len + k - 1] + 1) % count);
                }
              if (drawn < n_windows)
                g_assert_cmpuint ((guint) tokens[i * seq_len] % seq_len, ==, 0);
            }
          g_assert_cmpuint (tn_token_stream_tokens_seen (stream), ==, drawn * seq_len);
        }
    }
}

/* Windows of later epochs begin elsewhere, all of one epoch by the same shift. */
static void
test_shifts (void)
{
  enum
  {
    COUNT = 64,
    SEQ = 16,
    EPOCHS = 20
  };
  g_autofree char *path = write_token_file ("shifts.bin", COUNT, 0);
  g_autoptr (TnDataset) dataset = open_data (path, NULL, 60000);
  g_autoptr (TnTokenSequence) training = read_sequence (dataset, 0.0, NULL);
  const TnTokenStreamOptions options = {.seq_len = SEQ, .batch_size = COUNT / SEQ, .seed = 5, .masked_token = -1};
  g_autoptr (TnTokenStream) stream = tn_token_stream_new (training, NULL, &options, NULL);
  gint32 tokens[COUNT], targets[COUNT];
  guint seen[SEQ] = {0}, n_seen = 0;

  for (guint epoch = 0; epoch < EPOCHS; epoch++)
    {
      g_assert_true (tn_token_stream_fill (stream, tokens, targets, NULL));
      for (guint i = 1; i < COUNT / SEQ; i++)
        g_assert_cmpint (tokens[i * SEQ] % SEQ, ==, tokens[0] % SEQ);
      if (epoch == 0)
        g_assert_cmpint (tokens[0] % SEQ, ==, 0);
      n_seen += seen[tokens[0] % SEQ]++ == 0;
    }
  g_assert_cmpuint (n_seen, >, SEQ / 2);
}

/* From any position, in a new stream, the batches are the same. */
static void
test_resume (void)
{
  enum
  {
    COUNT = 517,
    SEQ = 9,
    BATCH = 4,
    STEPS = 60
  };
  g_autofree char *path = write_token_file ("resume.bin", COUNT, 0);
  g_autoptr (TnDataset) dataset = open_data (path, NULL, 60000);
  g_autoptr (TnTokenSequence) training = read_sequence (dataset, 0.0, NULL);
  TnTokenStreamOptions options = {.seq_len = SEQ, .batch_size = BATCH, .seed = 5, .masked_token = 100};
  g_autoptr (TnTokenStream) stream = tn_token_stream_new (training, NULL, &options, NULL), other = NULL;
  static gint32 tokens[STEPS][BATCH * SEQ], targets[STEPS][BATCH * SEQ];
  gint32 again[BATCH * SEQ], again_targets[BATCH * SEQ];
  TnStreamPosition positions[STEPS];
  g_autoptr (GError) error = NULL;
  gboolean masked = FALSE;

  for (guint i = 0; i < STEPS; i++)
    {
      positions[i] = tn_token_stream_get_position (stream);
      g_assert_true (tn_token_stream_fill (stream, tokens[i], targets[i], NULL));
      for (guint k = 0; k < BATCH * SEQ; k++)
        {
          g_assert_cmpint (targets[i][k], !=, 100);
          masked = masked || (tokens[i][k] == 99 && targets[i][k] == -1);
        }
    }
  g_assert_true (masked);
  for (guint i = 0; i < STEPS; i += 7)
    {
      g_autoptr (TnTokenStream) resumed = tn_token_stream_new (training, NULL, &options, NULL);

      g_assert_true (tn_token_stream_set_position (resumed, positions[i], NULL));
      for (guint k = i; k < STEPS; k++)
        {
          g_assert_true (tn_token_stream_fill (resumed, again, again_targets, NULL));
          g_assert_cmpmem (again, sizeof again, tokens[k], sizeof again);
          g_assert_cmpmem (again_targets, sizeof again, targets[k], sizeof again);
        }
    }
  options.seed++;
  other = tn_token_stream_new (training, NULL, &options, NULL);
  g_assert_true (tn_token_stream_fill (other, again, again_targets, NULL));
  g_assert_true (memcmp (again, tokens[0], sizeof again) != 0);
  g_assert_false (tn_token_stream_set_position (other, (TnStreamPosition){.index = COUNT / SEQ}, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_MISMATCH);
}

/* All tokens but the first are targets once; the same batches each time. */
static void
test_validation (void)
{
  static const guint counts[] = {1, 2, 8, 9, 10, 16, 17, 18, 25, 100};
  g_autofree char *training_path = write_token_file ("training.bin", 50, 0);
  g_autoptr (TnDataset) dataset = open_data (training_path, NULL, 60000);
  g_autoptr (TnTokenSequence) training = read_sequence (dataset, 0.0, NULL);

  for (guint c = 0; c < G_N_ELEMENTS (counts); c++)
    {
      g_autofree char *path = write_token_file ("validation.bin", counts[c], 1000);
      g_autoptr (TnDataset) held = open_data (path, NULL, 60000);
      g_autoptr (TnTokenSequence) validation = read_sequence (held, 0.0, NULL);
      TnTokenStreamOptions options = {.seq_len = 8, .batch_size = 3, .masked_token = -1};
      g_autoptr (TnTokenStream) stream = tn_token_stream_new (training, validation, &options, NULL), few = NULL;
      g_autofree guint *seen = g_new0 (guint, counts[c]);
      gint32 tokens[24], targets[24];

      for (guint b = 0; b < tn_token_stream_n_validation_batches (stream); b++)
        {
          guint with_targets = 0;

          g_assert_true (tn_token_stream_fill_validation (stream, b, tokens, targets, NULL));
          for (guint i = 0; i < 24; i++)
            if (targets[i] >= 0)
              {
                g_assert_cmpint (tokens[i] + 1, ==, targets[i]);
                seen[targets[i] - 1000]++;
                with_targets++;
              }
          g_assert_cmpuint (with_targets, >, 0);
        }
      g_assert_cmpuint (seen[0], ==, 0);
      for (guint i = 1; i < counts[c]; i++)
        g_assert_cmpuint (seen[i], ==, 1);
      options.validation_windows = 5;
      few = tn_token_stream_new (training, validation, &options, NULL);
      g_assert_cmpuint (tn_token_stream_n_validation_batches (few), ==, MIN (tn_token_stream_n_validation_batches (stream), 2));
      if (counts[c] == 100)
        {
          static const gint32 begins[] = {1000, 1016, 1040, 1056, 1080};

          for (guint i = 0; i < 5; i++)
            {
              g_assert_true (tn_token_stream_fill_validation (few, i / 3, tokens, targets, NULL));
              g_assert_cmpint (tokens[i % 3 * 8], ==, begins[i]);
            }
          g_assert_cmpint (tokens[16], ==, 0);
          g_assert_cmpint (targets[16], ==, -1);
        }
    }
}

static void
test_too_few (void)
{
  g_autofree char *path = write_token_file ("few.bin", 7, 0);
  g_autoptr (TnDataset) dataset = open_data (path, NULL, 60000);
  g_autoptr (TnTokenSequence) training = read_sequence (dataset, 0.0, NULL);
  const TnTokenStreamOptions options = {.seq_len = 8, .batch_size = 1, .masked_token = -1};
  g_autoptr (GError) error = NULL;

  g_assert_null (tn_token_stream_new (training, NULL, &options, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  g_assert_nonnull (strstr (error->message, "7 tokens, expected at least 8"));
}

/* The stories with the tokenizer that goes with them: BOS is 1, and as many documents as the text has. */
static void
test_stories (void)
{
  g_autofree char *text = tn_test_realdata ("text/tinystories_2MB.txt"),
                  *vocabulary = tn_test_realdata ("stories260k/tok512.bin");
  g_autofree char *contents = NULL;
  g_autoptr (TnTokenizer) tokenizer = NULL;
  g_autoptr (TnDataset) dataset = NULL;
  g_autoptr (TnTokenSequence) training = NULL, validation = NULL, whole = NULL;
  g_autoptr (GArray) ids = NULL;
  guint64 begins = 0, separators = 0;

  if (text == NULL || vocabulary == NULL)
    return;
  g_assert_true (g_file_get_contents (text, &contents, NULL, NULL));
  for (const char *c = contents; (c = strstr (c, "<|endoftext|>")) != NULL; c++)
    separators++;
  tokenizer = tn_tokenizer_open (vocabulary, NULL);
  dataset = open_data (text, tokenizer, 512);
  training = read_sequence (dataset, 0.05, &validation);
  whole = read_sequence (dataset, 0.0, NULL);
  ids = all_tokens (whole);
  for (guint i = 0; i < ids->len; i++)
    begins += g_array_index (ids, gint32, i) == 1;
  g_assert_cmpuint (begins, ==, tn_token_sequence_documents (whole));
  g_assert_cmpuint (begins, >=, separators);
  g_assert_cmpuint (begins, <=, separators + 1);
  g_assert_cmpuint (tn_token_sequence_documents (training) + tn_token_sequence_documents (validation), ==, begins);
  g_assert_cmpuint (tn_token_sequence_count (training) + tn_token_sequence_count (validation), ==, ids->len);
  g_assert_cmpfloat ((double) tn_token_sequence_count (validation) / ids->len, >, 0.02);
  g_assert_cmpfloat ((double) tn_token_sequence_count (validation) / ids->len, <, 0.1);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/token-stream/permutation", test_permutation);
  g_test_add_func ("/token-stream/permutation-uniform", test_permutation_uniform);
  g_test_add_func ("/token-stream/text", test_text);
  g_test_add_func ("/token-stream/records", test_records);
  g_test_add_func ("/token-stream/arrays", test_arrays);
  g_test_add_func ("/token-stream/long-array", test_long_array);
  g_test_add_func ("/token-stream/spill", test_spill);
  g_test_add_func ("/token-stream/spill-fails", test_spill_fails);
  g_test_add_func ("/token-stream/hold-out", test_hold_out);
  g_test_add_func ("/token-stream/hold-out-long", test_hold_out_long);
  g_test_add_func ("/token-stream/one-side-empty", test_one_side_empty);
  g_test_add_func ("/token-stream/token-files", test_token_files);
  g_test_add_func ("/token-stream/token-file-out-of-range", test_token_file_out_of_range);
  g_test_add_func ("/token-stream/epochs", test_epochs);
  g_test_add_func ("/token-stream/shifts", test_shifts);
  g_test_add_func ("/token-stream/resume", test_resume);
  g_test_add_func ("/token-stream/validation", test_validation);
  g_test_add_func ("/token-stream/too-few", test_too_few);
  g_test_add_func ("/token-stream/stories", test_stories);
  status = g_test_run ();
  fixture_clean_up ();
  return status;
}
