/* SPDX-License-Identifier: Apache-2.0 */
#include "data/datasets/find-sequence.h"

#include <glib/gstdio.h>
#include <string.h>

#define SEQ_LEN 7

typedef struct
{
  char *folder;
  char *paths[3];
} Fixture;

static void
write_file (Fixture *fixture, guint i, const char *name, const void *data, gsize bytes)
{
  fixture->paths[i] = g_build_filename (fixture->folder, name, NULL);
  g_assert_true (g_file_set_contents (fixture->paths[i], data, (gssize) bytes, NULL));
}

static void
set_up (Fixture *fixture, gconstpointer tokens)
{
  fixture->folder = g_dir_make_tmp ("ternion-find-XXXXXX", NULL);
  if (GPOINTER_TO_INT (tokens))
    {
      guint16 ids[61];

      for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
        ids[i] = GUINT16_TO_LE (i * 37 % 251);
      write_file (fixture, 0, "a.bin", ids, sizeof ids);
      write_file (fixture, 1, "b.bin", ids + 3, sizeof ids - 20);
    }
  else
    {
      static const char first[] = "One short\n<|endoftext|>\nA longer document of several windows, and more of them.\n<|endoftext|>\nx\n";
      static const char second[] = "Another file with ünïcode in it.\n<|endoftext|>\nThe end";

      write_file (fixture, 0, "a.txt", first, sizeof first - 1);
      write_file (fixture, 1, "b.txt", second, sizeof second - 1);
    }
}

static void
tear_down (Fixture *fixture, gconstpointer tokens)
{
  for (guint i = 0; i < 2; i++)
    {
      g_remove (fixture->paths[i]);
      g_free (fixture->paths[i]);
    }
  g_rmdir (fixture->folder);
  g_free (fixture->folder);
}

static TnDataset *
open_data (Fixture *fixture)
{
  g_autoptr (TnTokenizer) tokenizer = tn_tokenizer_new_bytes (TRUE);
  TnDataset *dataset = tn_dataset_open ((const char *const *) fixture->paths, NULL, tokenizer, 257, NULL, NULL);

  g_assert_nonnull (dataset);
  return dataset;
}

/* Every sequence that is observed is found again by its hash, with the same tokens. */
static void
test_all (Fixture *fixture, gconstpointer tokens)
{
  g_autoptr (TnDataset) dataset = open_data (fixture);
  TnSamplingOptions options = {.seq_len = SEQ_LEN, .batch_size = 5, .shard = 1, .n_shards = 1};
  g_autoptr (TnBatchSource) source = tn_dataset_sample (dataset, &options, NULL, NULL, NULL);
  g_autoptr (GError) error = NULL;
  guint n_sequences = 0, later = 0;

  while (TRUE)
    {
      g_autoptr (TnBatch) batch = tn_batch_source_next (source, &error);

      g_assert_no_error (error);
      if (batch == NULL)
        break;
      for (guint i = 0; i < batch->n_sequences; i++)
        {
          const TnSequence *sequence = &batch->sequences[i];
          const guint64 hashes[] = {sequence->hash, 1234567};
          g_autoptr (GPtrArray) found = tn_dataset_find_sequences (dataset, SEQ_LEN, hashes, 2, NULL, NULL, &error);
          const TnFoundSequence *here;

          g_assert_no_error (error);
          g_assert_cmpuint (found->len, ==, 1);
          here = g_ptr_array_index (found, 0);
          g_assert_cmphex (here->hash, ==, sequence->hash);
          g_assert_cmpmem (here->tokens->data, here->tokens->len * sizeof (gint32), sequence->tokens,
                           sequence->length * sizeof (gint32));
          g_assert_true (strcmp (here->path, fixture->paths[0]) == 0 || strcmp (here->path, fixture->paths[1]) == 0);
          n_sequences++;
          later += here->window > 0 || here->offset > 0;
        }
    }
  g_assert_cmpuint (n_sequences, >, 12);
  g_assert_cmpuint (later, >, 6);
}

/* Several at once, in one pass; of what is not there nothing comes. */
static void
test_several (Fixture *fixture, gconstpointer tokens)
{
  g_autoptr (TnDataset) dataset = open_data (fixture);
  TnSamplingOptions options = {.seq_len = SEQ_LEN, .batch_size = 100, .shard = 1, .n_shards = 1};
  g_autoptr (TnBatchSource) source = tn_dataset_sample (dataset, &options, NULL, NULL, NULL);
  g_autoptr (TnBatch) batch = tn_batch_source_next (source, NULL);
  g_autofree guint64 *hashes = g_new (guint64, batch->n_sequences);
  const guint64 unknown[] = {42};
  g_autoptr (GPtrArray) found = NULL, none = tn_dataset_find_sequences (dataset, SEQ_LEN, unknown, 1, NULL, NULL, NULL);
  g_autoptr (GHashTable) distinct = g_hash_table_new (g_int64_hash, g_int64_equal);

  for (guint i = 0; i < batch->n_sequences; i++)
    {
      hashes[i] = batch->sequences[i].hash;
      g_hash_table_add (distinct, &hashes[i]);
    }
  found = tn_dataset_find_sequences (dataset, SEQ_LEN, hashes, batch->n_sequences, NULL, NULL, NULL);
  g_assert_cmpuint (found->len, ==, g_hash_table_size (distinct));
  g_assert_cmpuint (none->len, ==, 0);
}

static void
test_cancel (Fixture *fixture, gconstpointer tokens)
{
  g_autoptr (TnDataset) dataset = open_data (fixture);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  const guint64 unknown[] = {42};

  g_cancellable_cancel (cancellable);
  g_assert_null (tn_dataset_find_sequences (dataset, SEQ_LEN, unknown, 1, NULL, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/find-sequence/text/all", Fixture, GINT_TO_POINTER (FALSE), set_up, test_all, tear_down);
  g_test_add ("/find-sequence/tokens/all", Fixture, GINT_TO_POINTER (TRUE), set_up, test_all, tear_down);
  g_test_add ("/find-sequence/text/several", Fixture, GINT_TO_POINTER (FALSE), set_up, test_several, tear_down);
  g_test_add ("/find-sequence/tokens/several", Fixture, GINT_TO_POINTER (TRUE), set_up, test_several, tear_down);
  g_test_add ("/find-sequence/cancel", Fixture, GINT_TO_POINTER (FALSE), set_up, test_cancel, tear_down);
  return g_test_run ();
}
