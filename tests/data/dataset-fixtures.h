/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "tests/data/tokenizer-fixtures.h"

#include "data/datasets/dataset.h"

/* What a test needs to know of one sequence. */
typedef struct
{
  guint64 hash;
  guint   length, batch;
  gint32 *tokens, *targets;
} Seen;

static inline void
seen_free (gpointer data)
{
  Seen *self = data;

  g_free (self->tokens);
  g_free (self->targets);
  g_free (self);
}

/* All sequences of a source, which is freed. error: where reading them fails. */
static inline GPtrArray *
drain (TnBatchSource *source, GError **error)
{
  GPtrArray *all = g_ptr_array_new_with_free_func (seen_free);
  TnBatch *batch;

  for (guint n = 0; (batch = tn_batch_source_next (source, error)) != NULL; n++)
    {
      gsize tokens = 0;

      g_assert_cmpuint (batch->n_sequences, >, 0);
      for (guint i = 0; i < batch->n_sequences; i++)
        {
          const TnSequence *sequence = &batch->sequences[i];
          Seen *seen = g_new0 (Seen, 1);

          g_assert_cmpuint (sequence->length, >, 0);
          tokens += sequence->length;
          *seen = (Seen){ .hash = sequence->hash, .length = sequence->length, .batch = n };
          seen->tokens = g_memdup2 (sequence->tokens, sequence->length * sizeof (gint32));
          seen->targets = g_memdup2 (sequence->targets, sequence->length * sizeof (gint32));
          g_ptr_array_add (all, seen);
        }
      g_assert_cmpuint (batch->n_tokens, ==, tokens);
      tn_batch_unref (batch);
    }
  tn_batch_source_free (source);
  return all;
}

static inline TnDataset *
open_data (const char *path, TnTokenizer *tokenizer, guint n_vocab)
{
  g_autoptr (GError) error = NULL;
  TnDataset *dataset = tn_dataset_open ((const char *const[]){ path, NULL }, NULL, tokenizer, n_vocab, NULL, &error);

  g_assert_no_error (error);
  return dataset;
}

static inline GPtrArray *
sample (TnDataset *dataset, guint n_samples, guint seq_len, guint64 seed, TnSampler sampler, guint shard, guint n_shards)
{
  const TnSamplingOptions options = {
    .n_samples = n_samples, .seq_len = seq_len, .batch_size = 3, .seed = seed, .sampler = sampler, .shard = shard, .n_shards = n_shards
  };
  g_autoptr (GError) error = NULL;
  TnBatchSource *source = tn_dataset_sample (dataset, &options, NULL, NULL, &error);
  gint64 count;
  GPtrArray *all;

  g_assert_no_error (error);
  count = tn_batch_source_count (source);
  all = drain (source, &error);
  g_assert_no_error (error);
  if (count >= 0)
    g_assert_cmpint (count, ==, all->len);
  return all;
}

/* For every place to stop at: the rest is what all of them are without it, on whatever batches. */
static inline void
assert_skips (TnDataset *dataset, guint n_samples, guint seq_len, guint shard, guint n_shards)
{
  g_autoptr (GPtrArray) all = sample (dataset, n_samples, seq_len, 5, TN_SAMPLER_RANDOM, shard, n_shards);

  for (guint skip = 0; skip <= all->len + 1; skip++)
    {
      const TnSamplingOptions options = {
        .n_samples = n_samples, .seq_len = seq_len, .batch_size = 1 + skip % 4, .seed = 5, .shard = shard, .n_shards = n_shards, .skip = skip
      };
      g_autoptr (GError) error = NULL;
      TnBatchSource *source = tn_dataset_sample (dataset, &options, NULL, NULL, &error);
      g_autoptr (GPtrArray) rest = NULL;

      g_assert_no_error (error);
      if (tn_batch_source_count (source) >= 0)
        g_assert_cmpint (tn_batch_source_count (source), ==, all->len);
      rest = drain (source, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (rest->len, ==, all->len - MIN (skip, all->len));
      for (guint i = 0; i < rest->len; i++)
        {
          const Seen *mine = g_ptr_array_index (rest, i), *whole = g_ptr_array_index (all, skip + i);

          g_assert_cmpuint (mine->hash, ==, whole->hash);
          g_assert_cmpmem (mine->tokens, mine->length * 4, whole->tokens, whole->length * 4);
          g_assert_cmpmem (mine->targets, mine->length * 4, whole->targets, whole->length * 4);
        }
    }
}

/* Sampling everything fails, or reading what was drawn. */
static inline void
assert_sample_fails (TnDataset *dataset, guint n_samples, TnErrorCode code, const char *needle)
{
  const TnSamplingOptions options = { .n_samples = n_samples, .seq_len = 8, .batch_size = 3, .shard = 1, .n_shards = 1 };
  g_autoptr (GError) error = NULL;
  TnBatchSource *source = tn_dataset_sample (dataset, &options, NULL, NULL, &error);

  if (source != NULL)
    {
      GPtrArray *all = drain (source, &error);

      g_ptr_array_unref (all);
    }
  g_assert_error (error, TN_ERROR, (gint) code);
  if (strstr (error->message, needle) == NULL)
    g_error ("“%s” is not in “%s”", needle, error->message);
}

static inline void
assert_data_fails (const char *const *paths, TnTokenizer *tokenizer, TnErrorCode code, const char *needle)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (tn_dataset_open (paths, NULL, tokenizer, 256, NULL, &error));
  g_assert_error (error, TN_ERROR, (gint) code);
  if (strstr (error->message, needle) == NULL)
    g_error ("“%s” is not in “%s”", needle, error->message);
}

/* The bytes of a sequence of the "bytes" tokenizer. */
static inline char *
seen_text (const Seen *seen)
{
  char *text = g_malloc (seen->length + 1);

  for (guint i = 0; i < seen->length; i++)
    text[i] = (char) seen->tokens[i];
  text[seen->length] = '\0';
  return text;
}
