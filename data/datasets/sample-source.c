/* SPDX-License-Identifier: Apache-2.0 */
#include "data/datasets/batch-builder.h"
#include "data/datasets/sample-private.h"
#include "engine/error.h"
#include "engine/hash.h"
#include "engine/random.h"

typedef struct
{
  TnDataset *dataset;
  TnSamplingOptions options;
  GCancellable *cancellable;
  GArray *items;   /* TnSampleItem that were drawn, in the order they are read; NULL: everything, streamed */
  TnSample *sample; /* owns their content */
  guint item;    /* next */
  guint file;    /* open, or the next to stream */
  TnRecordFile *records;
  guint64 ordinal; /* of the next sequence, over all shards */
  guint64 to_skip; /* sequences of the shard that are still to be passed over */
  gboolean weighted;
  double weight;   /* of the sequences that are being added; 0: they have none */
  TnBatchBuilder *builder;
  GArray *ids;
} SampleSource;

static gboolean
is_in_shard (SampleSource *self, guint64 ordinal)
{
  return ordinal % self->options.n_shards == self->options.shard - 1;
}

/* Counts the next sequence; FALSE where it is another shard's or is passed over. */
static gboolean
take_sequence (SampleSource *self)
{
  if (!is_in_shard (self, self->ordinal++))
    return FALSE;
  if (self->to_skip == 0)
    return TRUE;
  self->to_skip--;
  return FALSE;
}

static void
add_sequence (SampleSource *self, guint64 hash, const gint32 *tokens, guint length, guint n_available)
{
  if (take_sequence (self))
    tn_batch_builder_add (self->builder, hash, tokens, length, n_available, self->weight);
}

/* TRUE where the next sequence need not even be read; it is counted then. */
static gboolean
pass_over (SampleSource *self)
{
  return (self->to_skip > 0 || !is_in_shard (self, self->ordinal)) && !take_sequence (self);
}

static void
add_window (SampleSource *self, guint64 passage_hash, guint window)
{
  const gint32 *tokens = (const gint32 *) (gpointer) self->ids->data;
  guint first = window * self->options.seq_len;
  guint length = MIN (self->options.seq_len, self->ids->len - first);

  add_sequence (self, tn_hash_combine (passage_hash, window), tokens + first, length, self->ids->len - first);
}

/* Windows of the passage in ids: quota different ones (0: all), each drawn with a chance in proportion to its tokens. */
static void
add_windows (SampleSource *self, guint64 passage_hash, guint quota)
{
  TnRandom random = tn_random_stream (self->options.seed ^ passage_hash, "window");
  guint n_windows = (self->ids->len + self->options.seq_len - 1) / self->options.seq_len;
  g_autofree gboolean *taken = g_new0 (gboolean, MAX (n_windows, 1));
  guint n_taken = 0;

  self->weight /= MAX (quota > 0 ? MIN (quota, n_windows) : n_windows, 1);
  if (quota == 0 || quota >= n_windows)
    {
      for (guint i = 0; i < n_windows; i++)
        add_window (self, passage_hash, i);
      return;
    }
  while (n_taken < quota)
    {
      guint window = (guint) tn_random_below (&random, self->ids->len) / self->options.seq_len;

      if (taken[window])
        continue;
      taken[window] = TRUE;
      n_taken++;
    }
  for (guint i = 0; i < n_windows; i++)
    if (taken[i])
      add_window (self, passage_hash, i);
}

static gboolean
add_passage (SampleSource *self, guint file, const TnPassage *passage, guint quota, GError **error)
{
  g_array_set_size (self->ids, 0);
  if (!tn_dataset_encode (self->dataset, file, passage, self->ids, error))
    return FALSE;
  add_windows (self, tn_hash_bytes (passage->text, passage->bytes, 0), quota);
  return TRUE;
}

/* The window in ids, with what follows it. */
static void
add_tokens (SampleSource *self, guint length)
{
  add_sequence (self, tn_hash_bytes (self->ids->data, (gsize) length * sizeof (gint32), 0),
                (const gint32 *) (gpointer) self->ids->data, length, self->ids->len);
}

/* The content of a drawn item: a passage, or ids. */
static gboolean
read_item (SampleSource *self, const TnSampleItem *item, TnPassage *passage, GError **error)
{
  if (item->content != NULL)
    {
      gsize bytes;
      const char *data = g_bytes_get_data (item->content, &bytes);

      *passage = (TnPassage){
          .text = data,
          .bytes = bytes,
          .offset = item->record.offset,
          .begins_document = item->record.begins_document,
      };
      return TRUE;
    }
  if (self->records == NULL || self->file != item->file)
    {
      g_clear_pointer (&self->records, tn_record_file_free);
      self->file = item->file;
      self->records =
          tn_dataset_open_file (self->dataset, item->file, tn_sample_record_limit (self->dataset, self->options.seq_len), error);
      if (self->records == NULL)
        return FALSE;
    }
  return self->dataset->tokens ? tn_record_file_read_tokens (self->records, &item->record, self->ids, error)
                               : tn_record_file_read_text (self->records, &item->record, passage, error);
}

/* How many windows the item gives: one, and more where fewer passages were found than sequences asked for. */
static guint
quota_of (const SampleSource *self, guint item)
{
  guint n = self->options.n_samples, passages = self->items->len;

  return n / passages + (item < n % passages ? 1 : 0);
}

static gboolean
add_item (SampleSource *self, GError **error)
{
  const TnSampleItem *item = &g_array_index (self->items, TnSampleItem, self->item);
  guint quota = self->dataset->tokens ? 1 : quota_of (self, self->item);
  TnPassage passage;

  self->item++;
  self->weight = self->weighted ? item->weight : 0.0;
  /* One sequence an item: those that are not wanted need not be read. */
  if ((self->dataset->tokens || self->options.n_samples <= self->items->len) && pass_over (self))
    return TRUE;
  g_array_set_size (self->ids, 0);
  if (!read_item (self, item, &passage, error))
    return FALSE;
  if (!self->dataset->tokens)
    return add_passage (self, item->file, &passage, quota, error);
  add_tokens (self, item->record.length);
  return TRUE;
}

static gboolean
add_record (SampleSource *self, const TnRecord *record, GError **error)
{
  TnPassage passage;

  if (!self->dataset->tokens)
    return tn_record_file_read_text (self->records, record, &passage, error) &&
           add_passage (self, self->file, &passage, 0, error);
  if (pass_over (self))
    return TRUE;
  g_array_set_size (self->ids, 0);
  if (!tn_record_file_read_tokens (self->records, record, self->ids, error))
    return FALSE;
  add_tokens (self, record->length);
  return TRUE;
}

/* Everything, in order: the next passage or window; FALSE at the end or on failure. */
static gboolean
add_next (SampleSource *self, GError **error)
{
  GError *local = NULL;
  TnRecord record;

  for (; self->file < self->dataset->files->len; self->file++)
    {
      if (self->records == NULL &&
          (self->records = tn_dataset_open_file (self->dataset, self->file, tn_sample_record_limit (self->dataset, self->options.seq_len),
                                                 error)) == NULL)
        return FALSE;
      if (tn_record_file_next (self->records, &record, &local))
        return add_record (self, &record, error);
      if (local != NULL)
        {
          g_propagate_error (error, local);
          return FALSE;
        }
      g_clear_pointer (&self->records, tn_record_file_free);
    }
  if (self->ordinal == 0)
    tn_dataset_set_nothing (self->dataset, error);
  return FALSE;
}

static TnBatch *
sample_source_next (gpointer user_data, GError **error)
{
  SampleSource *self = user_data;
  GError *local = NULL;

  while (tn_batch_builder_count (self->builder) < self->options.batch_size)
    {
      if (g_cancellable_set_error_if_cancelled (self->cancellable, error))
        return NULL;
      if (self->items != NULL ? self->item == self->items->len || !add_item (self, &local) : !add_next (self, &local))
        break;
    }
  if (local != NULL)
    {
      g_propagate_error (error, local);
      return NULL;
    }
  return tn_batch_builder_finish (self->builder);
}

static gint64
sample_source_count (gpointer user_data)
{
  const SampleSource *self = user_data;

  /* Where a passage gives several sequences, how many is known when it has been tokenized. */
  if (self->items == NULL || (!self->dataset->tokens && self->items->len < self->options.n_samples))
    return -1;
  return (gint64) (((guint64) self->items->len + self->options.n_shards - self->options.shard) / self->options.n_shards);
}

static void
sample_source_free (gpointer user_data)
{
  SampleSource *self = user_data;

  g_clear_pointer (&self->records, tn_record_file_free);
  g_clear_pointer (&self->items, g_array_unref);
  g_clear_pointer (&self->sample, tn_sample_unref);
  g_clear_object (&self->cancellable);
  tn_batch_builder_free (self->builder);
  g_array_unref (self->ids);
  tn_dataset_unref (self->dataset);
  g_free (self);
}

static gint
compare_priorities (gconstpointer a, gconstpointer b)
{
  const TnSampleItem *x = a, *y = b;

  if (x->priority != y->priority)
    return x->priority < y->priority ? -1 : 1;
  return x->ordinal < y->ordinal ? -1 : x->ordinal > y->ordinal;
}

/* The items in the order they are read. Shuffled, every part from the first on is a uniform draw of the sample; the shards stay the same. */
static void
order_items (SampleSource *self)
{
  const TnRandom random = tn_random_stream (self->options.seed, "order");
  GArray *drawn = self->sample->items;
  gboolean one_each = self->dataset->tokens || self->options.n_samples <= drawn->len;

  /* Their content stays the sample's: no clear function. */
  self->items = g_array_new (FALSE, FALSE, sizeof (TnSampleItem));
  for (guint i = 0; i < drawn->len; i++)
    {
      TnSampleItem item = g_array_index (drawn, TnSampleItem, i);

      item.priority = tn_random_at (&random, item.ordinal);
      if (!self->options.shuffled || !one_each || is_in_shard (self, i))
        g_array_append_val (self->items, item);
    }
  if (!self->options.shuffled)
    return;
  g_array_sort (self->items, compare_priorities);
  if (one_each)
    {
      self->options.shard = self->options.n_shards = 1;
      self->options.n_samples = MIN (self->options.n_samples, self->items->len);
    }
}

TnBatchSource *
tn_sample_source_new (TnDataset *dataset, TnSample *sample, const TnSamplingOptions *options, GCancellable *cancellable)
{
  TnBatchSource *source = g_new0 (TnBatchSource, 1);
  SampleSource *self = g_new0 (SampleSource, 1);

  self->dataset = tn_dataset_ref (dataset);
  self->options = *options;
  self->to_skip = options->skip;
  self->cancellable = cancellable != NULL ? g_object_ref (cancellable) : NULL;
  self->builder = tn_batch_builder_new ();
  self->ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  if (sample != NULL)
    {
      self->sample = tn_sample_ref (sample);
      self->weighted = sample->report->weighted;
      /* Only where all records are taken for want of more may one of them give several sequences. */
      if (options->sampler == TN_SAMPLER_INDICES || sample->report->drawn < sample->report->records)
        self->options.n_samples = sample->items->len;
      order_items (self);
    }
  *source = (TnBatchSource){
      .next = sample_source_next,
      .count = sample_source_count,
      .free_func = sample_source_free,
      .user_data = self,
  };
  return source;
}
