/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/data/dataset-fixtures.h"

#include "data/datasets/data-files.h"
#include "data/datasets/record-file.h"
#include "data/files/csv-row.h"

/* Kinds of data files, as records. */

static TnRecordFile *
open_records (const TnRecordFormat *format, const char *name, const char *content, gsize bytes, guint limit, const char *label)
{
  g_autofree char *path = fixture_write (name, content, bytes);
  const TnRecordOptions options = {.limit = limit, .label = label, .n_vocab = 1000};
  g_autoptr (GError) error = NULL;
  TnRecordFile *file = tn_record_file_open (format, tn_byte_stream_open (path, &error), &options, &error);

  g_assert_no_error (error);
  return file;
}

/* All records as text, a line each: "+" begins a document, "-" goes on; and the same again, read at their places from the last to the first. */
static char *
list_records (TnRecordFile *file)
{
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GArray) records = g_array_new (FALSE, FALSE, sizeof (TnRecord));
  g_autoptr (GError) error = NULL;
  TnRecord record;
  TnPassage passage;

  while (tn_record_file_next (file, &record, &error))
    {
      g_assert_true (tn_record_file_read_text (file, &record, &passage, &error));
      g_ptr_array_add (lines, g_strdup_printf ("%s%.*s%s%s\n", passage.begins_document ? "+" : "-", (int) passage.bytes, passage.text,
                                               file->label != NULL ? " @" : "", file->label != NULL ? file->label : ""));
      g_array_append_val (records, record);
    }
  g_assert_no_error (error);
  for (guint i = records->len; i-- > 0 && !file->sequential;)
    {
      const char *line = g_ptr_array_index (lines, i);

      record = g_array_index (records, TnRecord, i);
      g_assert_true (tn_record_file_read_text (file, &record, &passage, &error));
      g_assert_cmpmem (line + 1, passage.bytes, passage.text, passage.bytes);
      g_assert_cmpint (line[0] == '+', ==, passage.begins_document);
    }
  g_ptr_array_add (lines, NULL);
  return g_strjoinv ("", (char **) lines->pdata);
}

static void
assert_records (const TnRecordFormat *format, const char *name, const char *content, guint limit, const char *label, const char *expected)
{
  g_autoptr (TnRecordFile) file = open_records (format, name, content, strlen (content), limit, label);
  g_autofree char *found = list_records (file);

  g_assert_cmpstr (found, ==, expected);
}

static void
test_json_lines (void)
{
  assert_records (&tn_json_line_records, "a.jsonl", "{\"text\":\"one\"}\n\n  \r\n{\"id\":1,\"text\":\" tw\\u00f6\\n \"}\r\n{\"text\":null}\n{\"text\":\"\"}\n{\"text\":\"last\"}",
                  100, NULL, "+one\n+twö\n+last\n");
  assert_records (&tn_json_line_records, "a.jsonl", "\xef\xbb\xbf{\"text\":\"one\",\"k\":\"x\"}\n{\"k\":7,\"text\":\"two\"}\n{\"text\":\"three\"}\n", 100, "k",
                  "+one @x\n+two @7\n+three\n");
  assert_records (&tn_json_line_records, "a.jsonl", "{\"text\":\"aaaa bbbb cccc dddd eeee\"}\n{\"text\":\"f\"}\n", 16, NULL,
                  "+aaaa bbbb cccc\n-dddd eeee\n+f\n");
  assert_records (&tn_json_line_records, "a.jsonl", "", 16, NULL, "");
}

static void
test_csv (void)
{
  assert_records (&tn_csv_records, "a.csv", "id,text\n1,one\n2,\"two, \"\"quoted\"\"\nand a line\"\r\n\n3,\n4,last", 100, NULL,
                  "+one\n+two, \"quoted\"\nand a line\n+last\n");
  assert_records (&tn_csv_records, "a.csv", "text,kind\none,x\n\"two\",\"y,z\"\n", 100, "kind", "+one @x\n+two @y,z\n");
  assert_records (&tn_csv_records, "a.csv", "text\n\"aaaa bbbb cccc dddd eeee\"\n", 16, NULL, "+aaaa bbbb cccc\n-dddd eeee\n");
  assert_records (&tn_csv_records, "a.csv", "\xef\xbb\xbftext\n\nx\n", 100, NULL, "+x\n");
}

/* Where a row ends does not depend on where the buffer did. */
static void
test_csv_rows_in_pieces (void)
{
  static const char text[] = "a,\"b\n\"\"c\"\"\n\",d\r\ne\n";
  const gsize first = sizeof "a,\"b\n\"\"c\"\"\n\",d\r\n" - 1;

  for (gsize cut = 0; cut < first; cut++)
    {
      guint state = 0;

      if (cut > 0)
        g_assert_cmpuint (tn_csv_find_row_end (text, 0, cut, &state), ==, 0);
      g_assert_cmpuint (tn_csv_find_row_end (text, cut, sizeof text - 1, &state), ==, first);
    }
}

/* The same documents in any form give the same sequences. */
static void
test_forms_agree (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (5);
  g_autoptr (GString) text = g_string_new (NULL), lines = g_string_new (NULL), table = g_string_new ("text,n\n");
  g_autoptr (TnTokenizer) bytes = tn_tokenizer_new_bytes (TRUE);
  g_autoptr (GPtrArray) expected = NULL;
  static const char *const names[] = {"f.txt", "f.jsonl", "f.csv"};
  const GString *contents[] = {text, lines, table};

  for (guint i = 0; i < 50; i++)
    {
      guint words = (guint) g_rand_int_range (random, 1, i % 7 == 0 ? 9000 : 60);

      g_string_append (text, i > 0 ? "\n<|endoftext|>\n" : "");
      g_string_append (lines, "{\"text\":\"");
      g_string_append (table, "\"");
      for (guint w = 0; w < words; w++)
        {
          g_autofree char *word = g_strdup_printf ("w%d ", g_rand_int_range (random, 0, 1000));

          g_string_append (text, word);
          g_string_append (lines, word);
          g_string_append (table, word);
        }
      g_string_append (lines, "\"}\n");
      g_string_append_printf (table, "\",%u\n", i);
    }
  for (guint f = 0; f < G_N_ELEMENTS (names); f++)
    for (guint n = 0; n < 40; n += 39)
      {
        g_autofree char *path = fixture_write (names[f], contents[f]->str, contents[f]->len);
        g_autoptr (TnDataset) dataset = open_data (path, bytes, 257);
        g_autoptr (GPtrArray) seen = sample (dataset, n, 32, 7, TN_SAMPLER_RANDOM, 1, 1);

        if (f == 0 && n == 39)
          expected = g_ptr_array_ref (seen);
        if (n == 0)
          g_assert_cmpuint (seen->len, >, 1000);
        else
          {
            g_assert_cmpuint (seen->len, ==, expected->len);
            for (guint i = 0; i < seen->len; i++)
              {
                const Seen *a = g_ptr_array_index (seen, i), *b = g_ptr_array_index (expected, i);

                g_assert_cmpuint (a->hash, ==, b->hash);
                g_assert_cmpmem (a->tokens, a->length * sizeof (gint32), b->tokens, b->length * sizeof (gint32));
              }
          }
      }
}

static void
count_event (gpointer user_data, const char *kind, const char *text)
{
  (*(guint *) user_data)++;
}

static void
test_files (void)
{
  g_autofree char *a = fixture_write ("glob-1.txt", "a", 1), *b = fixture_write ("glob-2.txt", "b", 1), *c = fixture_write ("glob-10.txt", "c", 1);
  g_autofree char *folder = g_path_get_dirname (a);
  g_autofree char *pattern = g_build_filename (folder, "glob-?.txt", NULL), *other = g_build_filename (folder, "nothing-*.txt", NULL);
  g_autofree char *again = g_build_filename (folder, ".", "glob-1.txt", NULL);
  guint events = 0;
  const TnListener listener = {.event = count_event, .user_data = &events};
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) found = tn_data_files_find ((const char *const[]){pattern, c, again, NULL}, &listener, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (found->len, ==, 3);
  g_assert_cmpstr (g_ptr_array_index (found, 0), ==, a);
  g_assert_cmpstr (g_ptr_array_index (found, 1), ==, b);
  g_assert_cmpstr (g_ptr_array_index (found, 2), ==, c);
  g_assert_cmpuint (events, ==, 1);
  g_assert_null (tn_data_files_find ((const char *const[]){other, NULL}, NULL, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_NOT_FOUND);
}

static void
test_kinds (void)
{
  static const struct
  {
    const char *name, *head;
    const TnRecordFormat *format;
  } cases[] = {
      {"a.txt", "{\"text\":\"a\"}\n", &tn_text_records}, {"a", "{\"text\":\"a\"}\n", &tn_json_line_records}, {"a", "{not json}\n", &tn_text_records},
      {"a.JSONL.GZ", "", &tn_json_line_records},         {"a.csv", "", &tn_csv_records},                     {"a", "\x93NUMPY\x01", &tn_npy_records},
      {"a.bin", "", &tn_token_records},                  {"a.log", "text\n", &tn_text_records},              {"a.gz", "text", &tn_text_records},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_true (tn_record_format_find (cases[i].name, cases[i].head, strlen (cases[i].head)) == cases[i].format);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/records/json-lines", test_json_lines);
  g_test_add_func ("/records/csv", test_csv);
  g_test_add_func ("/records/csv-rows-in-pieces", test_csv_rows_in_pieces);
  g_test_add_func ("/records/forms-agree", test_forms_agree);
  g_test_add_func ("/records/files", test_files);
  g_test_add_func ("/records/kinds", test_kinds);
  status = g_test_run ();
  fixture_clean_up ();
  return status;
}
