/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds every parser the files of its corpus and mutations of them that follow from a seed: the same in every run.
 *   fuzz-parsers CORPUS [MUTATIONS [PARSER]]
 * Built with -DTN_FUZZ_LIBFUZZER it is a target for libFuzzer instead; the environment variable TERNION_FUZZ_PARSER names the
 * parser. */
#include "tests/fuzz/fuzz-parsers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib/gstdio.h>

#include "engine/random.h"

#define DEFAULT_MUTATIONS 1000
#define MAX_INPUT_BYTES 65536

int LLVMFuzzerTestOneInput (const guint8 *data, gsize bytes);

static char *scratch_folder;

static gboolean
run_parser (const FuzzParser *parser, const guint8 *data, gsize bytes)
{
  g_autofree char *path = parser->file_name != NULL ? g_build_filename (scratch_folder, parser->file_name, NULL) : NULL;
  g_autoptr (GError) error = NULL;
  gboolean read;

  if (path != NULL)
    {
      FILE *file;

      /* A new file each time: some file systems flush one that is truncated and written again. */
      g_unlink (path);
      file = g_fopen (path, "wb");
      g_assert_nonnull (file);
      g_assert_cmpuint (fwrite (data, 1, bytes, file), ==, bytes);
      g_assert_cmpint (fclose (file), ==, 0);
    }
  read = parser->read (path, data, bytes, &error);
  g_assert_true (read == (error == NULL));
  if (error != NULL && (strchr (error->message, '\n') != NULL || !g_utf8_validate (error->message, -1, NULL)))
    g_error ("%s: the message is not one line of text: %s", parser->name, error->message);
  return read;
}

static void
make_scratch_folder (void)
{
  scratch_folder = g_dir_make_tmp ("ternion-fuzz-XXXXXX", NULL);
  g_assert_nonnull (scratch_folder);
}

static void
empty_scratch_folder (void)
{
  g_autoptr (GDir) folder = g_dir_open (scratch_folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *path = g_build_filename (scratch_folder, name, NULL);

      g_unlink (path);
    }
}

static guint64
interesting_number (TnRandom *random, gsize bytes)
{
  const guint64 numbers[] = {0,          1,           2,          7,          0x7f,        0x80,       0xff,
                             0x7fff,     0x8000,      0xffff,     0x7fffffff, 0x80000000u, 0xffffffff, (guint64) 1 << 32,
                             G_MAXINT64, G_MAXUINT64, bytes,      bytes - 1,  bytes + 1,   bytes / 2,  (guint64) 1 << 62,
                             1 << 30,    100000000,   100000001u, 36,         39,          42};

  return numbers[tn_random_below (random, G_N_ELEMENTS (numbers))];
}

static void
flip_bits (GByteArray *input, TnRandom *random)
{
  guint n = 1 + (guint) tn_random_below (random, 8);

  for (guint i = 0; i < n; i++)
    input->data[tn_random_below (random, input->len)] ^= (guint8) (1u << tn_random_below (random, 8));
}

/* A number of 1, 2, 4 or 8 bytes, often where headers keep lengths. */
static void
set_number (GByteArray *input, TnRandom *random)
{
  gsize width = (gsize) 1 << tn_random_below (random, 4);
  guint64 number = GUINT64_TO_LE (interesting_number (random, input->len));
  gsize range = tn_random_below (random, 2) == 0 ? MIN (input->len, 64) : input->len;

  if (input->len >= width)
    memcpy (input->data + tn_random_below (random, MAX (range - MIN (range, width), 1)), &number, MIN (width, input->len));
}

static void
add_to_byte (GByteArray *input, TnRandom *random)
{
  input->data[tn_random_below (random, input->len)] += (guint8) (tn_random_below (random, 2) == 0 ? 1 : 255);
}

/* Numbers in text, without a change of length. */
static void
change_digit (GByteArray *input, TnRandom *random)
{
  gsize start = (gsize) tn_random_below (random, input->len);

  for (gsize i = 0; i < input->len; i++)
    {
      guint8 *byte = &input->data[(start + i) % input->len];

      if (g_ascii_isdigit (*byte))
        {
          *byte = (guint8) "0123456789-.e"[tn_random_below (random, 13)];
          return;
        }
    }
}

static void
truncate_input (GByteArray *input, TnRandom *random)
{
  g_byte_array_set_size (input, (guint) tn_random_below (random, input->len));
}

static void
remove_range (GByteArray *input, TnRandom *random)
{
  guint start = (guint) tn_random_below (random, input->len);

  g_byte_array_remove_range (input, start, (guint) tn_random_below (random, MIN (input->len - start, 64)));
}

static void
insert_bytes (GByteArray *input, guint position, const guint8 *bytes, guint n)
{
  guint old = input->len;

  g_byte_array_set_size (input, old + n);
  memmove (input->data + position + n, input->data + position, old - position);
  memcpy (input->data + position, bytes, n);
}

/* A piece of another file of the corpus, or of this one. */
static void
splice (GByteArray *input, TnRandom *random, GPtrArray *corpus)
{
  GByteArray *other = g_ptr_array_index (corpus, tn_random_below (random, corpus->len));
  guint start, n;

  if (other->len == 0)
    return;
  start = (guint) tn_random_below (random, other->len);
  n = 1 + (guint) tn_random_below (random, MIN (other->len - start, 256));
  insert_bytes (input, (guint) tn_random_below (random, input->len + 1), other->data + start, n);
}

static void
append_zeros (GByteArray *input, TnRandom *random)
{
  guint n = 1 + (guint) tn_random_below (random, 64);
  guint8 zeros[64] = {0};

  insert_bytes (input, input->len, zeros, n);
}

static void
mutate (GByteArray *input, TnRandom *random, GPtrArray *corpus)
{
  guint n = 1 + (guint) tn_random_below (random, 3);

  for (guint i = 0; i < n && input->len > 0; i++)
    switch (tn_random_below (random, 10))
      {
      case 0:
      case 1:
        flip_bits (input, random);
        break;
      case 2:
      case 3:
        set_number (input, random);
        break;
      case 4:
        add_to_byte (input, random);
        break;
      case 5:
        change_digit (input, random);
        break;
      case 6:
        truncate_input (input, random);
        break;
      case 7:
        remove_range (input, random);
        break;
      case 8:
        splice (input, random, corpus);
        break;
      default:
        append_zeros (input, random);
      }
}

static int
compare_strings (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* In the order of names, whatever the file system says. */
static GPtrArray *
read_corpus (const char *folder)
{
  g_autoptr (GDir) entries = g_dir_open (folder, 0, NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  GPtrArray *corpus = g_ptr_array_new_with_free_func ((GDestroyNotify) g_byte_array_unref);
  const char *name;

  while (entries != NULL && (name = g_dir_read_name (entries)) != NULL)
    g_ptr_array_add (names, g_build_filename (folder, name, NULL));
  g_ptr_array_sort (names, compare_strings);
  for (guint i = 0; i < names->len; i++)
    {
      char *data;
      gsize bytes;

      g_assert_true (g_file_get_contents (g_ptr_array_index (names, i), &data, &bytes, NULL));
      g_ptr_array_add (corpus, g_byte_array_new_take ((guint8 *) data, bytes));
    }
  return corpus;
}

/* "PARSER/FILE=NAME" */
static void
put_beside (const FuzzParser *parser, const char *corpus_folder)
{
  g_auto (GStrv) parts = NULL;
  g_autofree char *source = NULL;
  g_autofree char *target = NULL;
  g_autofree char *data = NULL;
  gsize bytes;

  if (parser->beside == NULL)
    return;
  parts = g_strsplit (parser->beside, "=", 2);
  source = g_build_filename (corpus_folder, parts[0], NULL);
  target = g_build_filename (scratch_folder, parts[1], NULL);
  g_assert_true (g_file_get_contents (source, &data, &bytes, NULL));
  g_assert_true (g_file_set_contents (target, data, (gssize) bytes, NULL));
}

static guint
fuzz (const FuzzParser *parser, const char *corpus_folder, guint n_mutations)
{
  g_autofree char *folder = g_build_filename (corpus_folder, parser->name, NULL);
  g_autoptr (GPtrArray) corpus = read_corpus (folder);
  TnRandom random = tn_random_stream (1, parser->name);

  if (corpus->len == 0)
    g_error ("%s: no corpus", folder);
  put_beside (parser, corpus_folder);
  for (guint i = 0; i < corpus->len; i++)
    {
      GByteArray *original = g_ptr_array_index (corpus, i);

      if (!run_parser (parser, original->data, original->len))
        g_error ("%s: file %u of the corpus is refused", parser->name, i);
      for (guint j = 0; j < n_mutations; j++)
        {
          g_autoptr (GByteArray) input = g_byte_array_sized_new (original->len);

          g_byte_array_append (input, original->data, original->len);
          mutate (input, &random, corpus);
          run_parser (parser, input->data, input->len);
        }
    }
  empty_scratch_folder ();
  return corpus->len * (n_mutations + 1);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize bytes)
{
  const char *wanted = g_getenv ("TERNION_FUZZ_PARSER");

  if (scratch_folder == NULL)
    make_scratch_folder ();
  if (bytes > MAX_INPUT_BYTES)
    return 0;
  for (const FuzzParser *parser = fuzz_parsers; parser->name != NULL; parser++)
    if (wanted == NULL || strcmp (wanted, parser->name) == 0)
      run_parser (parser, data, bytes);
  return 0;
}

#ifndef TN_FUZZ_LIBFUZZER
int
main (int argc, char **argv)
{
  guint n_mutations = argc > 2 ? (guint) g_ascii_strtoull (argv[2], NULL, 10) : DEFAULT_MUTATIONS;

  if (argc < 2)
    {
      g_printerr ("fuzz-parsers CORPUS [MUTATIONS [PARSER]]\n");
      return EXIT_FAILURE;
    }
  make_scratch_folder ();
  for (const FuzzParser *parser = fuzz_parsers; parser->name != NULL; parser++)
    if (argc < 4 || strcmp (argv[3], parser->name) == 0)
      {
        gint64 start = g_get_monotonic_time ();
        guint n = fuzz (parser, argv[1], n_mutations);

        g_print ("%-16s %6u inputs %7.2f s\n", parser->name, n, (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC);
      }
  g_rmdir (scratch_folder);
  g_free (scratch_folder);
  return EXIT_SUCCESS;
}
#endif
