/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>

#include "data/datasets/batch-builder.h"
#include "data/datasets/dataset-private.h"
#include "data/datasets/sample-set.h"
#include "engine/error.h"
#include "engine/hash.h"
#include "engine/random.h"

/* A passage holds this many bytes a token of a sequence: more than any tokenizer needs, so that it fills a sequence, and not much
 * more. */
#define PASSAGE_BYTES_PER_TOKEN 16
#define LEAST_PASSAGE_BYTES 4096
#define MOST_PASSAGE_BYTES ((guint64) 16 << 20)
#define SCAN_STEP_BYTES ((guint64) 4 << 20)
#define CANCEL_STEP_ITEMS 65536

typedef struct
{
  TnDataset *dataset;
  TnSamplingOptions options;
  GCancellable *cancellable;
  GArray *items; /* TnSampleItem that were drawn; NULL: everything, streamed */
  guint item;    /* next */
  guint file;    /* open, or the next to stream */
  TnRecordFile *records;
  guint64 ordinal; /* of the next sequence, over all shards */
  TnBatchBuilder *builder;
  GArray *ids;
} SampleSource;

/* The longest record for a sequence. */
static guint
record_limit (const TnDataset *dataset, guint seq_len)
{
  if (dataset->tokens)
    return seq_len;
  return (guint) CLAMP ((guint64) seq_len * PASSAGE_BYTES_PER_TOKEN, LEAST_PASSAGE_BYTES, MOST_PASSAGE_BYTES);
}

static gboolean
is_in_shard (SampleSource *self, guint64 ordinal)
{
  return ordinal % self->options.n_shards == self->options.shard - 1;
}

static void
add_sequence (SampleSource *self, guint64 hash, const gint32 *tokens, guint length, guint n_available)
{
  if (is_in_shard (self, self->ordinal++))
    tn_batch_builder_add (self->builder, hash, tokens, length, n_available);
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

      if (self->dataset->tokens)
        g_array_append_vals (self->ids, data, (guint) (bytes / sizeof (gint32)));
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
          tn_dataset_open_file (self->dataset, item->file, record_limit (self->dataset, self->options.seq_len), error);
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
  /* One sequence an item: those of other shards need not be read. */
  if ((self->dataset->tokens || self->options.n_samples <= self->items->len) && !is_in_shard (self, self->ordinal))
    {
      self->ordinal++;
      return TRUE;
    }
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
          (self->records = tn_dataset_open_file (self->dataset, self->file, record_limit (self->dataset, self->options.seq_len),
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
  g_clear_object (&self->cancellable);
  tn_batch_builder_free (self->builder);
  g_array_unref (self->ids);
  tn_dataset_unref (self->dataset);
  g_free (self);
}

/* Gets every passage or window of the data as an item, in order; priority is its ordinal. records is where it was found just now.
 */
typedef gboolean (*ItemFunc) (TnRecordFile *records, const TnSampleItem *item, gpointer user_data, GError **error);

/* How far a scan is, in bytes of all files. */
typedef struct
{
  const TnListener *listener;
  GCancellable *cancellable;
  guint64 total, done, told, items;
} ScanProgress;

static gboolean
step (ScanProgress *self, TnRecordFile *records, GError **error)
{
  /* Windows of tokens pass faster than the clock is looked at. */
  if (++self->items % CANCEL_STEP_ITEMS != 0 && self->done + tn_record_file_tell (records) - self->told < SCAN_STEP_BYTES)
    return TRUE;
  self->told = self->done + tn_record_file_tell (records);
  tn_listener_progress (self->listener, (double) self->told, (double) self->total, "bytes");
  return !g_cancellable_set_error_if_cancelled (self->cancellable, error) && tn_listener_boundary (self->listener, error);
}

static gboolean
scan_file (TnDataset *dataset, guint file, guint seq_len, guint64 *ordinal, ItemFunc func, gpointer user_data,
           ScanProgress *progress, GError **error)
{
  g_autoptr (TnRecordFile) records = tn_dataset_open_file (dataset, file, record_limit (dataset, seq_len), error);
  GError *local = NULL;
  TnSampleItem item = {.file = file};

  if (records == NULL)
    return FALSE;
  while (tn_record_file_next (records, &item.record, &local))
    {
      item.priority = (*ordinal)++;
      if (!tn_dataset_intern_label (dataset, records->label, &item.label, error) || !func (records, &item, user_data, error) ||
          !step (progress, records, error))
        return FALSE;
    }
  if (local != NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  progress->done += tn_record_file_tell (records);
  return TRUE;
}

typedef struct
{
  TnSampleSet *set;
  TnSampler sampler;
  TnRandom random;
  guint64 n_samples, n_items; /* n_items: of the first pass, systematic only */
  guint64 counted;
} Draw;

static gboolean
count_item (TnRecordFile *records, const TnSampleItem *item, gpointer user_data, GError **error)
{
  ((Draw *) user_data)->counted++;
  return TRUE;
}

/* What an item of a file holds that cannot be read again at its place. */
static gboolean
keep_content (TnRecordFile *records, TnSampleItem *item, GError **error)
{
  TnPassage passage;
  g_autoptr (GArray) ids = NULL;

  if (!tn_record_format_is_tokens (records->format))
    {
      if (!tn_record_file_read_text (records, &item->record, &passage, error))
        return FALSE;
      item->content = g_bytes_new (passage.text, passage.bytes);
      return TRUE;
    }
  ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  if (!tn_record_file_read_tokens (records, &item->record, ids, error))
    return FALSE;
  item->content = g_bytes_new (ids->data, (gsize) ids->len * sizeof (gint32));
  return TRUE;
}

static gboolean
offer_item (TnRecordFile *records, const TnSampleItem *item, gpointer user_data, GError **error)
{
  Draw *draw = user_data;
  TnSampleItem offered = *item;
  unsigned __int128 ordinal = item->priority;

  draw->counted++;
  if (draw->sampler == TN_SAMPLER_RANDOM)
    offered.priority = tn_random_at (&draw->random, item->priority);
  /* Systematic: the items in which a multiple of n_items / n_samples falls. */
  else if (draw->n_items > draw->n_samples &&
           (guint64) (ordinal * draw->n_samples / draw->n_items) == (guint64) ((ordinal + 1) * draw->n_samples / draw->n_items))
    return TRUE;
  if (!tn_sample_set_accepts (draw->set, &offered))
    return TRUE;
  if (records->sequential && !keep_content (records, &offered, error))
    return FALSE;
  tn_sample_set_offer (draw->set, &offered);
  return TRUE;
}

static gboolean
scan (TnDataset *dataset, guint seq_len, ItemFunc func, Draw *draw, const TnListener *listener, GCancellable *cancellable,
      GError **error)
{
  ScanProgress progress = {.listener = listener, .cancellable = cancellable, .total = dataset->bytes};
  guint64 ordinal = 0;

  draw->counted = 0;
  for (guint file = 0; file < dataset->files->len; file++)
    if (!scan_file (dataset, file, seq_len, &ordinal, func, draw, &progress, error))
      return FALSE;
  return TRUE;
}

static GArray *
draw_items (TnDataset *dataset, const TnSamplingOptions *options, const TnListener *listener, GCancellable *cancellable,
            GError **error)
{
  g_autoptr (TnSampleSet) set = tn_sample_set_new (options->n_samples);
  Draw draw = {.set = set,
               .sampler = options->sampler,
               .random = tn_random_stream (options->seed, "sample"),
               .n_samples = options->n_samples};

  if (options->sampler == TN_SAMPLER_SYSTEMATIC)
    {
      if (!scan (dataset, options->seq_len, count_item, &draw, listener, cancellable, error))
        return NULL;
      draw.n_items = draw.counted;
    }
  if (!scan (dataset, options->seq_len, offer_item, &draw, listener, cancellable, error))
    return NULL;
  if (draw.counted == 0)
    {
      tn_dataset_set_nothing (dataset, error);
      return NULL;
    }
  if (draw.counted < options->n_samples)
    {
      g_autofree char *text =
          dataset->tokens
              ? g_strdup_printf (_ ("the data hold %" PRIu64 " windows; %u sequences were asked for, all are taken"),
                                 draw.counted, options->n_samples)
              : g_strdup_printf (_ ("the data hold %" PRIu64 " passages; several sequences are taken of each to reach up to %u"),
                                 draw.counted, options->n_samples);

      tn_listener_event (listener, "info", text);
    }
  return tn_sample_set_finish (set);
}

TnBatchSource *
tn_dataset_sample (TnDataset *self, const TnSamplingOptions *options, const TnListener *listener, GCancellable *cancellable,
                   GError **error)
{
  g_autoptr (GArray) items = NULL;
  TnBatchSource *source;
  SampleSource *state;

  g_return_val_if_fail (options->seq_len > 0 && options->batch_size > 0 && options->shard >= 1 &&
                            options->shard <= options->n_shards,
                        NULL);
  if (options->n_samples > 0 && (items = draw_items (self, options, listener, cancellable, error)) == NULL)
    return NULL;
  state = g_new0 (SampleSource, 1);
  state->dataset = tn_dataset_ref (self);
  state->options = *options;
  state->cancellable = cancellable != NULL ? g_object_ref (cancellable) : NULL;
  state->items = g_steal_pointer (&items);
  state->builder = tn_batch_builder_new ();
  state->ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  source = g_new0 (TnBatchSource, 1);
  *source = (TnBatchSource){.next = sample_source_next,
                            .count = sample_source_count,
                            .free_func = sample_source_free,
                            .user_data = state};
  return source;
}
