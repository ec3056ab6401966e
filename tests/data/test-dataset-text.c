/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/resource.h>

#include "tests/data/dataset-fixtures.h"

#include "data/datasets/passage-scanner.h"
#include "data/files/json-reader.h"
#include "realdata.h"

#define SEPARATOR "<|endoftext|>"

/* A document without white space around it: words of several scripts and lengths, here and there a separator that is none,
 * because it is not alone on its line. */
static char *
random_document (GRand *random, guint n_words)
{
  static const char *const words[] = {"a",           "river", "caf\xc3\xa9", "\xe4\xb8\xad\xe6\x96\x87", "\xf0\x9f\x98\x80",
                                      "x" SEPARATOR, "<|",    "endoftext|>"};
  static const char *const spaces[] = {" ", "\n", "  ", "\t", "\r\n", "\n\n"};
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < n_words; i++)
    {
      if (i > 0)
        g_string_append (text, spaces[g_rand_int_range (random, 0, G_N_ELEMENTS (spaces))]);
      g_string_append (text, words[g_rand_int_range (random, 0, G_N_ELEMENTS (words))]);
    }
  return g_strdup (text->str);
}

/* n documents, some of them empty, between separators in all their forms; the ones that are not empty go to documents. */
static GString *
random_file (GRand *random, guint n, guint longest, GPtrArray *documents)
{
  static const char *const separators[] = {"\n" SEPARATOR "\n", "\n\n" SEPARATOR "\r\n", "\n \t" SEPARATOR " \n \n",
                                           "\n" SEPARATOR "\n" SEPARATOR "\n"};
  GString *file = g_string_new (g_rand_boolean (random) ? "\n " : "");

  for (guint i = 0; i < n; i++)
    {
      char *document = random_document (random, (guint) g_rand_int_range (random, 0, (gint32) longest));

      g_string_append (file, document);
      g_string_append (file, separators[g_rand_int_range (random, 0, G_N_ELEMENTS (separators))]);
      if (document[0] != '\0')
        g_ptr_array_add (documents, document);
      else
        g_free (document);
    }
  return file;
}

static void
assert_documents (const char *path, const GPtrArray *documents)
{
  g_autoptr (TnTokenizer) bytes = tn_tokenizer_new_bytes (FALSE);
  g_autoptr (TnDataset) dataset = open_data (path, bytes, 256);
  g_autoptr (GPtrArray) seen = sample (dataset, 0, 2 << 20, 1, TN_SAMPLER_RANDOM, 1, 1);

  g_assert_cmpuint (seen->len, ==, documents->len);
  for (guint i = 0; i < seen->len; i++)
    {
      g_autofree char *text = seen_text (g_ptr_array_index (seen, i));

      g_assert_cmpstr (text, ==, g_ptr_array_index (documents, i));
    }
}

static void
test_documents (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (31);

  for (guint round = 0; round < 40; round++)
    {
      g_autoptr (GPtrArray) documents = g_ptr_array_new_with_free_func (g_free);
      g_autoptr (GString) file = random_file (random, 1 + round, 12, documents);
      g_autofree char *path = NULL;

      g_string_append (file, "end");
      g_ptr_array_add (documents, g_strdup ("end"));
      if (round % 3 == 0)
        g_string_prepend (file, "\xef\xbb\xbf");
      if (round % 2 == 0)
        g_string_append (file, "\n" SEPARATOR);
      path = fixture_write ("documents.txt", file->str, file->len);
      assert_documents (path, documents);
    }
}

/* Documents and characters that lie across the borders of the buffer, wherever these are. */
static void
test_buffer_borders (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (37);

  for (guint round = 0; round < 3; round++)
    {
      g_autoptr (GPtrArray) documents = g_ptr_array_new_with_free_func (g_free);
      g_autoptr (GString) file = random_file (random, 300, 4000, documents);
      g_autofree char *path = fixture_write ("borders.txt", file->str, file->len);

      g_assert_cmpuint (file->len, >, 3 << 20);
      assert_documents (path, documents);
    }
  /* A separator in every position around a border of 1 MiB. */
  for (guint shift = 0; shift < 40; shift++)
    {
      g_autoptr (GPtrArray) documents = g_ptr_array_new_with_free_func (g_free);
      gsize first = (1u << 20) - 20 + shift;
      g_autoptr (GString) file = g_string_new (NULL);
      g_autofree char *path = NULL;

      for (gsize i = 0; i < first; i++)
        g_string_append_c (file, i % 61 == 60 ? ' ' : 'w');
      g_string_overwrite (file, (gssize) first - 1, "w");
      g_ptr_array_add (documents, g_strdup (file->str));
      g_string_append (file, "\n" SEPARATOR "\nsecond");
      g_ptr_array_add (documents, g_strdup ("second"));
      path = fixture_write ("separator.txt", file->str, file->len);
      assert_documents (path, documents);
    }
}

/* Long documents: pieces of at most the limit that lie one behind another with nothing but white space between them. */
static void
test_pieces (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (41);

  for (guint round = 0; round < 60; round++)
    {
      g_autofree char *document = random_document (random, (guint) g_rand_int_range (random, 1, 3000));
      g_autofree char *solid = g_strjoinv ("", (char *[]){document, NULL});
      gsize limit = (gsize) g_rand_int_range (random, 16, 200), done = 0;
      g_autofree char *path = NULL;
      g_autoptr (TnPassageScanner) scanner = NULL;
      g_autoptr (GError) error = NULL;
      TnPassage passage;
      guint n = 0;

      if (round % 4 == 0)
        g_strdelimit (solid, " \n\t\r", '_'); /* nowhere to cut */
      path = fixture_write ("long.txt", solid, strlen (solid));
      scanner = tn_passage_scanner_new (tn_byte_stream_open (path, &error), limit);
      while (tn_passage_scanner_next (scanner, &passage, &error))
        {
          g_assert_cmpuint (passage.bytes, >, 0);
          g_assert_cmpuint (passage.bytes, <=, limit);
          g_assert_true (g_utf8_validate (passage.text, (gssize) passage.bytes, NULL));
          g_assert_cmpint (passage.begins_document, ==, n == 0);
          g_assert_cmpmem (passage.text, passage.bytes, solid + passage.offset, passage.bytes);
          for (gsize i = done; i < passage.offset; i++)
            g_assert_true (g_ascii_isspace (solid[i]));
          done = passage.offset + passage.bytes;
          n++;
        }
      g_assert_no_error (error);
      g_assert_cmpuint (done, ==, strlen (solid));
    }
}

/* The same long document alone, or behind others and across the borders of the buffer, is cut at the same places. */
static void
test_pieces_do_not_depend_on_place (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (43);
  g_autofree char *document = random_document (random, 60000);
  g_autofree char *filler = g_strnfill (900000, 'f');
  g_autofree char *file = g_strconcat (filler, "\n" SEPARATOR "\n\n  ", document, NULL);
  g_autofree char *alone_path = fixture_write ("alone.txt", document, strlen (document));
  g_autofree char *behind_path = fixture_write ("behind.txt", file, strlen (file));
  g_autoptr (TnPassageScanner) alone = tn_passage_scanner_new (tn_byte_stream_open (alone_path, NULL), 4096);
  g_autoptr (TnPassageScanner) behind = tn_passage_scanner_new (tn_byte_stream_open (behind_path, NULL), 4096);
  gsize shift = strlen (file) - strlen (document);
  TnPassage a, b;
  guint n = 0;

  do
    g_assert_true (tn_passage_scanner_next (behind, &b, NULL));
  while (b.offset < shift);
  while (tn_passage_scanner_next (alone, &a, NULL))
    {
      g_assert_cmpuint (a.offset + shift, ==, b.offset);
      g_assert_cmpmem (a.text, a.bytes, b.text, b.bytes);
      g_assert_cmpint (a.begins_document, ==, b.begins_document);
      n++;
      if (!tn_passage_scanner_next (behind, &b, NULL))
        break;
    }
  g_assert_cmpuint (n, >, 80);
  g_assert_false (tn_passage_scanner_next (alone, &a, NULL));
}

/* Scored text: the known loss of the small model stands on these windows. */
static void
test_stories (void)
{
  g_autofree char *tokenizer_path = tn_test_realdata ("stories260k/tok512.bin");
  g_autofree char *text = tn_test_realdata ("text/expected_stories.txt");
  g_autofree char *truth_path = tn_test_realdata ("expected_stories260k.json");
  g_autoptr (TnTokenizer) tokenizer = tokenizer_path != NULL ? tn_tokenizer_open (tokenizer_path, NULL) : NULL;
  g_autoptr (TnJson) truth = truth_path != NULL ? tn_json_parse_file (truth_path, NULL) : NULL;
  g_autoptr (TnDataset) dataset = NULL;
  g_autoptr (GPtrArray) seen = NULL;
  g_autoptr (GError) error = NULL;
  const TnJsonNode *story;
  guint predicted = 0, window = 0;

  if (tokenizer == NULL || truth == NULL || text == NULL)
    return;
  dataset = open_data (text, tokenizer, 512);
  seen = drain (tn_dataset_windows (dataset, 256, 4, NULL, &error), &error);
  g_assert_no_error (error);
  for (story = tn_json_find (tn_json_get_root (truth), "stories")->value.list.first; story != NULL; story = story->next)
    {
      guint n_tokens = (guint) tn_json_find (story, "tokens")->value.number.integer, done = 1;
      const TnJsonNode *first = tn_json_find (story, "first_tokens")->value.list.first;

      for (guint i = 0; first != NULL; first = first->next, i++)
        g_assert_cmpint (((Seen *) g_ptr_array_index (seen, window))->tokens[i], ==, first->value.number.integer);
      while (done < n_tokens)
        {
          const Seen *now = g_ptr_array_index (seen, window++);

          g_assert_cmpuint (now->length, ==, MIN (256, n_tokens - done));
          for (guint i = 0; i < now->length; i++)
            {
              g_assert_cmpint (now->targets[i], >=, 0);
              if (i + 1 < now->length)
                g_assert_cmpint (now->targets[i], ==, now->tokens[i + 1]);
            }
          /* The next window goes on where this one ended. */
          if (done + now->length < n_tokens)
            g_assert_cmpint (now->targets[now->length - 1], ==, ((Seen *) g_ptr_array_index (seen, window))->tokens[0]);
          done += now->length;
          predicted += now->length;
        }
    }
  g_assert_cmpuint (window, ==, seen->len);
  g_assert_cmpuint (predicted, ==, tn_json_find (tn_json_get_root (truth), "tokens_predicted")->value.number.integer);
}

static char *
write_numbered (const char *name, guint n)
{
  g_autoptr (GString) file = g_string_new (NULL);

  for (guint i = 0; i < n; i++)
    g_string_append_printf (file, "document %03u\n" SEPARATOR "\n", i);
  return fixture_write (name, file->str, file->len);
}

static guint
number_of (const Seen *seen)
{
  g_autofree char *text = seen_text (seen);

  return (guint) g_ascii_strtoull (text + strlen ("document "), NULL, 10);
}

static void
test_random_sampler (void)
{
  g_autofree char *path = write_numbered ("numbered.txt", 100);
  g_autofree char *other = write_numbered ("another-name.txt", 100);
  g_autoptr (TnTokenizer) bytes = tn_tokenizer_new_bytes (FALSE);
  g_autoptr (TnDataset) dataset = open_data (path, bytes, 256);
  g_autoptr (TnDataset) copy = open_data (other, bytes, 256);
  guint times[100] = {0}, same = 0;

  for (guint64 seed = 0; seed < 1000; seed++)
    {
      g_autoptr (GPtrArray) a = sample (dataset, 10, 64, seed, TN_SAMPLER_RANDOM, 1, 1);
      g_autoptr (GPtrArray) b = sample (copy, 10, 64, seed, TN_SAMPLER_RANDOM, 1, 1);

      g_assert_cmpuint (a->len, ==, 10);
      for (guint i = 0; i < 10; i++)
        {
          const Seen *x = g_ptr_array_index (a, i), *y = g_ptr_array_index (b, i);

          g_assert_cmpuint (x->hash, ==, y->hash);
          g_assert_cmpuint (x->batch, ==, i / 3);
          g_assert_cmpuint (number_of (x), ==, number_of (y));
          if (i > 0)
            g_assert_cmpuint (number_of (x), >, number_of (g_ptr_array_index (a, i - 1)));
          times[number_of (x)]++;
          same += number_of (x) == i;
        }
    }
  /* 100 of 1000 each, 9.5 standard deviation. */
  for (guint i = 0; i < 100; i++)
    {
      g_assert_cmpuint (times[i], >, 50);
      g_assert_cmpuint (times[i], <, 150);
    }
  g_assert_cmpuint (same, <, 1000);
}

static void
test_shards (void)
{
  g_autofree char *path = write_numbered ("numbered.txt", 57);
  g_autoptr (TnTokenizer) bytes = tn_tokenizer_new_bytes (FALSE);
  g_autoptr (TnDataset) dataset = open_data (path, bytes, 256);

  for (guint n_samples = 0; n_samples < 80; n_samples += 23)
    {
      g_autoptr (GPtrArray) all = sample (dataset, n_samples, 64, 5, TN_SAMPLER_RANDOM, 1, 1);
      guint n = 0;

      for (guint shard = 1; shard <= 4; shard++)
        {
          g_autoptr (GPtrArray) part = sample (dataset, n_samples, 64, 5, TN_SAMPLER_RANDOM, shard, 4);

          for (guint i = 0; i < part->len; i++)
            {
              const Seen *mine = g_ptr_array_index (part, i), *whole = g_ptr_array_index (all, shard - 1 + 4 * i);

              g_assert_cmpuint (mine->hash, ==, whole->hash);
              g_assert_cmpmem (mine->tokens, mine->length * 4, whole->tokens, whole->length * 4);
            }
          n += part->len;
        }
      g_assert_cmpuint (n, ==, all->len);
    }
}

static void
test_skip (void)
{
  g_autofree char *path = write_numbered ("numbered.txt", 17);
  g_autoptr (TnTokenizer) bytes = tn_tokenizer_new_bytes (FALSE);
  g_autoptr (TnDataset) dataset = open_data (path, bytes, 256);

  /* Everything, fewer than there are passages, and so many that passages give several windows. */
  for (guint n_samples = 0; n_samples <= 40; n_samples += 10)
    for (guint shard = 1; shard <= 3; shard++)
      {
        assert_skips (dataset, n_samples, 8, 1, 1);
        assert_skips (dataset, n_samples, 8, shard, 3);
      }
}

static void
test_systematic (void)
{
  g_autofree char *path = write_numbered ("numbered.txt", 100);
  g_autoptr (TnTokenizer) bytes = tn_tokenizer_new_bytes (FALSE);
  g_autoptr (TnDataset) dataset = open_data (path, bytes, 256);

  for (guint n = 1; n <= 100; n += 11)
    {
      g_autoptr (GPtrArray) seen = sample (dataset, n, 64, 5, TN_SAMPLER_SYSTEMATIC, 1, 1);

      g_assert_cmpuint (seen->len, ==, n);
      for (guint i = 1; i < seen->len; i++)
        {
          guint step = number_of (g_ptr_array_index (seen, i)) - number_of (g_ptr_array_index (seen, i - 1));

          g_assert_cmpuint (step, >=, 100 / n);
          g_assert_cmpuint (step, <=, (100 + n - 1) / n);
        }
    }
}

/* Windows of a passage that is longer than a sequence. */
static void
test_long_passage (void)
{
  static const char text[] = "abcdefghijklmnopqrstuvwxyz";
  g_autofree char *path = fixture_write ("letters.txt", text, strlen (text));
  g_autoptr (TnTokenizer) bytes = tn_tokenizer_new_bytes (TRUE);
  g_autoptr (TnDataset) dataset = open_data (path, bytes, 257);
  g_autoptr (GPtrArray) all = sample (dataset, 0, 10, 1, TN_SAMPLER_RANDOM, 1, 1);
  g_autoptr (GPtrArray) many = sample (dataset, 50, 10, 1, TN_SAMPLER_RANDOM, 1, 1);
  guint times[3] = {0};

  /* BOS and 26 letters: 10, 10 and 7 of them. */
  g_assert_cmpuint (all->len, ==, 3);
  g_assert_cmpuint (many->len, ==, 3);
  for (guint w = 0, place = 0; w < 3; w++)
    {
      const Seen *seen = g_ptr_array_index (all, w);

      g_assert_cmpuint (seen->length, ==, w < 2 ? 10 : 7);
      g_assert_cmpuint (seen->hash, ==, ((Seen *) g_ptr_array_index (many, w))->hash);
      for (guint i = 0; i < seen->length; i++, place++)
        {
          g_assert_cmpint (seen->tokens[i], ==, place == 0 ? 256 : text[place - 1]);
          g_assert_cmpint (seen->targets[i], ==, place == 26 ? -1 : text[place]);
        }
    }
  for (guint64 seed = 0; seed < 2700; seed++)
    {
      g_autoptr (GPtrArray) one = sample (dataset, 1, 10, seed, TN_SAMPLER_RANDOM, 1, 1);
      guint w = 0;

      g_assert_cmpuint (one->len, ==, 1);
      while (((Seen *) g_ptr_array_index (all, w))->hash != ((Seen *) g_ptr_array_index (one, 0))->hash)
        g_assert_cmpuint (++w, <, 3);
      times[w]++;
    }
  g_assert_cmpuint (times[0], >, 900);
  g_assert_cmpuint (times[1], >, 900);
  g_assert_cmpuint (times[2], >, 580);
  g_assert_cmpuint (times[2], <, 820);
}

typedef struct
{
  guint n_progress, n_events;
  double last, total;
} Heard;

static void
hear_progress (gpointer user_data, double done, double total, const char *unit)
{
  Heard *heard = user_data;

  g_assert_cmpstr (unit, ==, "bytes");
  g_assert_cmpfloat (done, >=, heard->last);
  g_assert_cmpfloat (done, <=, total);
  heard->last = done;
  heard->total = total;
  heard->n_progress++;
}

static void
hear_event (gpointer user_data, const char *kind, const char *text)
{
  ((Heard *) user_data)->n_events++;
}

/* Memory does not grow with the file, and what is read is told. */
static void
test_large_file (void)
{
  g_autoptr (GString) block = g_string_new (NULL);
  g_autofree char *path = fixture_path ("large.txt");
  g_autoptr (TnTokenizer) bytes = tn_tokenizer_new_bytes (FALSE);
  const TnSamplingOptions options = {.n_samples = 64, .seq_len = 32, .batch_size = 8, .seed = 3, .shard = 1, .n_shards = 1};
  Heard heard = {0};
  const TnListener listener = {.progress = hear_progress, .event = hear_event, .user_data = &heard};
  g_autoptr (TnDataset) dataset = NULL;
  g_autoptr (GPtrArray) seen = NULL;
  g_autoptr (GError) error = NULL;
  struct rusage before, after;
  FILE *file;
  gint64 start;

  for (guint i = 0; block->len < 1 << 20; i++)
    g_string_append_printf (block, "Story %u: once upon a time there was a caf\xc3\xa9 by the sea, and a dog.%s", i,
                            i % 7 == 6 ? "\n" SEPARATOR "\n" : "\n");
  file = g_fopen (path, "w");
  for (guint i = 0; i < 96; i++)
    g_assert_cmpuint (fwrite (block->str, 1, block->len, file), ==, block->len);
  g_assert_cmpint (fclose (file), ==, 0);
  dataset = open_data (path, bytes, 256);
  g_assert_cmpuint (tn_dataset_get_bytes (dataset), ==, 96 * block->len);
  getrusage (RUSAGE_SELF, &before);
  start = g_get_monotonic_time ();
  seen = drain (tn_dataset_sample (dataset, &options, &listener, NULL, &error), &error);
  g_test_message ("%.0f MB/s", (double) tn_dataset_get_bytes (dataset) / (double) (g_get_monotonic_time () - start));
  getrusage (RUSAGE_SELF, &after);
  g_assert_no_error (error);
  g_assert_cmpuint (seen->len, ==, 64);
  g_assert_cmpuint (heard.n_progress, >, 10);
  g_assert_cmpuint (heard.n_events, ==, 0);
  g_assert_cmpfloat (heard.total, ==, (double) tn_dataset_get_bytes (dataset));
  g_assert_cmpint (after.ru_maxrss - before.ru_maxrss, <, 16 << 10);
}

static void
test_few_passages (void)
{
  g_autofree char *path = write_numbered ("few.txt", 5);
  g_autoptr (TnTokenizer) bytes = tn_tokenizer_new_bytes (FALSE);
  g_autoptr (TnDataset) dataset = open_data (path, bytes, 256);
  const TnSamplingOptions options = {.n_samples = 9, .seq_len = 64, .batch_size = 8, .seed = 3, .shard = 1, .n_shards = 1};
  Heard heard = {0};
  const TnListener listener = {.event = hear_event, .user_data = &heard};
  g_autoptr (GPtrArray) seen = drain (tn_dataset_sample (dataset, &options, &listener, NULL, NULL), NULL);

  g_assert_cmpuint (seen->len, ==, 5);
  g_assert_cmpuint (heard.n_events, ==, 1);
}

static void
test_cancel (void)
{
  g_autofree char *path = write_numbered ("numbered.txt", 20);
  g_autoptr (TnTokenizer) bytes = tn_tokenizer_new_bytes (FALSE);
  g_autoptr (TnDataset) dataset = open_data (path, bytes, 256);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  const TnSamplingOptions options = {.n_samples = 9, .seq_len = 64, .batch_size = 2, .seed = 3, .shard = 1, .n_shards = 1};
  g_autoptr (GError) error = NULL;
  g_autoptr (TnBatchSource) source = tn_dataset_sample (dataset, &options, NULL, cancellable, &error);
  g_autoptr (TnBatch) first = tn_batch_source_next (source, &error);

  g_assert_no_error (error);
  g_assert_nonnull (first);
  g_cancellable_cancel (cancellable);
  g_assert_null (tn_batch_source_next (source, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_bad_text (void)
{
  g_autoptr (TnTokenizer) bytes = tn_tokenizer_new_bytes (FALSE);
  /* At the end, in the middle, across the border of the buffer. */
  const gsize places[] = {0, 1, 1000, (1 << 20) - 2, (1 << 20) - 1, 1 << 20, (3 << 20) - 1};
  static const char *const kinds[] = {"\xff", "\xe4\xb8", "\xed\xa0\x80", ""};

  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
      {
        gsize bytes_of_kind = k == 3 ? 1 : strlen (kinds[k]);
        g_autofree char *text = g_strnfill (places[i] + bytes_of_kind + 3, 'x');
        g_autofree char *offset = g_strdup_printf ("%" G_GSIZE_FORMAT, places[i]);
        g_autofree char *path = NULL;

        memcpy (text + places[i], kinds[k], bytes_of_kind);
        for (guint tail = 0; tail <= 3; tail += 3)
          {
            g_autoptr (TnDataset) dataset = NULL;

            g_free (path);
            path = fixture_write ("bad.txt", text, places[i] + bytes_of_kind + tail);
            dataset = open_data (path, bytes, 256);
            assert_sample_fails (dataset, 5, TN_ERROR_DATA, offset);
            assert_sample_fails (dataset, 0, TN_ERROR_DATA, path);
          }
      }
}

static void
test_errors (void)
{
  g_autoptr (TnTokenizer) bytes = tn_tokenizer_new_bytes (FALSE);
  g_autofree char *empty = fixture_write ("empty.txt", "", 0);
  g_autofree char *blank = fixture_write ("blank.txt", " \n\t\n" SEPARATOR "\n \r\n", 10 + strlen (SEPARATOR) - 1);
  g_autofree char *text = fixture_write ("text.txt", "text", 4);
  g_autofree char *tokens = fixture_write ("tokens.bin", "\1\0\2\0", 4);
  g_autofree char *missing = fixture_path ("missing.txt");
  g_autofree char *folder = g_dir_make_tmp ("ternion-empty-XXXXXX", NULL);
  g_autoptr (TnDataset) white = open_data (blank, bytes, 256);
  g_autoptr (TnDataset) narrow = open_data (text, bytes, 'e');
  g_autoptr (GError) error = NULL;

  assert_data_fails ((const char *const[]){NULL}, bytes, TN_ERROR_ARGUMENT, "");
  assert_data_fails ((const char *const[]){missing, NULL}, bytes, TN_ERROR_NOT_FOUND, missing);
  assert_data_fails ((const char *const[]){folder, NULL}, bytes, TN_ERROR_DATA, folder);
  assert_data_fails ((const char *const[]){empty, NULL}, bytes, TN_ERROR_DATA, empty);
  assert_data_fails ((const char *const[]){text, tokens, NULL}, bytes, TN_ERROR_ARGUMENT, tokens);
  assert_data_fails ((const char *const[]){text, NULL}, NULL, TN_ERROR_ARGUMENT, "--tokenizer");
  assert_data_fails ((const char *const[]){"/dev/null", NULL}, bytes, TN_ERROR_ARGUMENT, "/dev/null");
  assert_sample_fails (white, 5, TN_ERROR_DATA, blank);
  assert_sample_fails (white, 0, TN_ERROR_DATA, blank);
  assert_sample_fails (narrow, 5, TN_ERROR_MISMATCH, "116");
  g_ptr_array_unref (drain (tn_dataset_windows (white, 8, 2, NULL, NULL), &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  g_rmdir (folder);
  g_clear_error (&error);
}

static void
test_folder (void)
{
  g_autofree char *folder = g_dir_make_tmp ("ternion-folder-XXXXXX", NULL);
  static const char *const names[] = {"b.txt", "a.txt", ".hidden", "c.md"};
  g_autoptr (TnTokenizer) bytes = tn_tokenizer_new_bytes (FALSE);
  g_autoptr (TnDataset) dataset = NULL;
  g_autoptr (GPtrArray) seen = NULL;
  g_autofree char *preview = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (folder, names[i], NULL);

      g_assert_true (g_file_set_contents (path, names[i], -1, NULL));
    }
  dataset = open_data (folder, bytes, 256);
  seen = sample (dataset, 0, 64, 1, TN_SAMPLER_RANDOM, 1, 1);
  g_assert_cmpuint (seen->len, ==, 3);
  for (guint i = 0; i < 3; i++)
    {
      g_autofree char *text = seen_text (g_ptr_array_index (seen, i));

      g_assert_cmpstr (text, ==, ((const char *const[]){"a.txt", "b.txt", "c.md"})[i]);
    }
  preview = tn_dataset_preview (dataset, 3, NULL);
  g_assert_cmpstr (preview, ==, "a.t");
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (folder, names[i], NULL);

      g_remove (path);
    }
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dataset-text/documents", test_documents);
  g_test_add_func ("/dataset-text/buffer-borders", test_buffer_borders);
  g_test_add_func ("/dataset-text/pieces", test_pieces);
  g_test_add_func ("/dataset-text/pieces-do-not-depend-on-place", test_pieces_do_not_depend_on_place);
  g_test_add_func ("/dataset-text/stories", test_stories);
  g_test_add_func ("/dataset-text/random-sampler", test_random_sampler);
  g_test_add_func ("/dataset-text/shards", test_shards);
  g_test_add_func ("/dataset-text/skip", test_skip);
  g_test_add_func ("/dataset-text/systematic", test_systematic);
  g_test_add_func ("/dataset-text/long-passage", test_long_passage);
  g_test_add_func ("/dataset-text/large-file", test_large_file);
  g_test_add_func ("/dataset-text/few-passages", test_few_passages);
  g_test_add_func ("/dataset-text/cancel", test_cancel);
  g_test_add_func ("/dataset-text/bad-text", test_bad_text);
  g_test_add_func ("/dataset-text/errors", test_errors);
  g_test_add_func ("/dataset-text/folder", test_folder);
  status = g_test_run ();
  fixture_clean_up ();
  return status;
}
