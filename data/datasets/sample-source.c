/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "data/datasets/batch-builder.h"
#include "data/datasets/dataset-private.h"
#include "data/datasets/sample-set.h"
#include "data/datasets/token-file.h"
#include "engine/error.h"
#include "engine/hash.h"
#include "engine/random.h"

/* A passage holds this many bytes a token of a sequence: more than any tokenizer needs, so that it fills a sequence, and not much
 * more. */
#define PASSAGE_BYTES_PER_TOKEN 16
#define LEAST_PASSAGE_BYTES 4096
#define SCAN_STEP_BYTES ((guint64) 4 << 20)
#define CANCEL_STEP_ITEMS 65536

typedef struct
{
  TnDataset *dataset;
  TnSamplingOptions options;
  GCancellable *cancellable;
  GArray *items; /* TnSampleItem that were drawn; NULL: everything, streamed */
  guint item;    /* next */
  guint file;    /* open */
  TnTokenFile *token_file;
  TnPassageScanner *scanner; /* streaming text */
  guint64 next_token;        /* streaming tokens */
  int fd;                    /* reading drawn passages */
  guint64 ordinal;           /* of the next sequence, over all shards */
  guint64 to_skip;           /* sequences of the shard that are still to be passed over */
  TnBatchBuilder *builder;
  GArray *ids;
  GString *text;
} SampleSource;

static gsize
passage_limit (guint seq_len)
{
  return MAX ((gsize) seq_len * PASSAGE_BYTES_PER_TOKEN, LEAST_PASSAGE_BYTES);
}

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
    tn_batch_builder_add (self->builder, hash, tokens, length, n_available);
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

static gboolean
add_tokens (SampleSource *self, guint64 first, guint length, GError **error)
{
  guint available = (guint) MIN ((guint64) length + 1, tn_token_file_count (self->token_file) - first);

  g_array_set_size (self->ids, available);
  if (!tn_token_file_read (self->token_file, first, available, self->dataset->n_vocab, (gint32 *) (gpointer) self->ids->data,
                           error))
    return FALSE;
  add_sequence (self, tn_hash_bytes (self->ids->data, (gsize) length * sizeof (gint32), 0),
                (const gint32 *) (gpointer) self->ids->data, length, available);
  return TRUE;
}

static void
close_file (SampleSource *self)
{
  g_clear_pointer (&self->token_file, tn_token_file_free);
  g_clear_pointer (&self->scanner, tn_passage_scanner_free);
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
}

/* The file of the drawn item. */
static gboolean
open_file (SampleSource *self, guint file, GError **error)
{
  const char *path = tn_dataset_file (self->dataset, file);

  if (self->file == file && (self->token_file != NULL || self->fd >= 0))
    return TRUE;
  close_file (self);
  self->file = file;
  if (self->dataset->tokens)
    return (self->token_file = tn_token_file_open (path, error)) != NULL;
  self->fd = open (path, O_RDONLY | O_CLOEXEC);
  if (self->fd >= 0)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: cannot be read: %s"), path, g_strerror (errno));
  return FALSE;
}

static gboolean
read_passage (SampleSource *self, const TnSampleItem *item, GError **error)
{
  g_string_set_size (self->text, item->length);
  for (gsize done = 0; done < item->length;)
    {
      ssize_t got = pread (self->fd, self->text->str + done, item->length - done, (off_t) (item->offset + done));

      if (got < 0 && errno == EINTR)
        continue;
      if (got <= 0)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_IO, _ ("%s: reading at byte %" PRIu64 " failed: %s"),
                       tn_dataset_file (self->dataset, item->file), item->offset + done,
                       got < 0 ? g_strerror (errno) : _ ("the file has become shorter"));
          return FALSE;
        }
      done += (gsize) got;
    }
  return TRUE;
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
  /* One sequence an item: those that are not wanted need not be read. */
  if ((self->dataset->tokens || self->options.n_samples <= self->items->len) && pass_over (self))
    return TRUE;
  if (!open_file (self, item->file, error))
    return FALSE;
  if (self->dataset->tokens)
    return add_tokens (self, item->offset, item->length, error);
  if (!read_passage (self, item, error))
    return FALSE;
  passage = (TnPassage){.text = self->text->str,
                        .bytes = item->length,
                        .offset = item->offset,
                        .begins_document = item->begins_document};
  return add_passage (self, item->file, &passage, quota, error);
}

/* Everything, in order: the next passage or window; FALSE at the end or on failure. */
static gboolean
add_next (SampleSource *self, GError **error)
{
  GError *local = NULL;
  TnPassage passage;

  while (self->file < self->dataset->files->len)
    {
      const char *path = tn_dataset_file (self->dataset, self->file);

      if (self->dataset->tokens)
        {
          if (self->token_file == NULL && (self->token_file = tn_token_file_open (path, error)) == NULL)
            return FALSE;
          if (self->next_token < tn_token_file_count (self->token_file))
            {
              guint length = (guint) MIN (self->options.seq_len, tn_token_file_count (self->token_file) - self->next_token);
              guint64 first = self->next_token;

              self->next_token += length;
              return pass_over (self) || add_tokens (self, first, length, error);
            }
        }
      else
        {
          if (self->scanner == NULL &&
              (self->scanner = tn_passage_scanner_new (path, passage_limit (self->options.seq_len), error)) == NULL)
            return FALSE;
          if (tn_passage_scanner_next (self->scanner, &passage, &local))
            return add_passage (self, self->file, &passage, 0, error);
          if (local != NULL)
            {
              g_propagate_error (error, local);
              return FALSE;
            }
        }
      close_file (self);
      self->next_token = 0;
      self->file++;
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

  close_file (self);
  g_clear_pointer (&self->items, g_array_unref);
  g_clear_object (&self->cancellable);
  tn_batch_builder_free (self->builder);
  g_array_unref (self->ids);
  g_string_free (self->text, TRUE);
  tn_dataset_unref (self->dataset);
  g_free (self);
}

/* Gives every passage or window of the data to func as an item, in order; priority is its ordinal. */
typedef void (*ItemFunc) (const TnSampleItem *item, gpointer user_data);

static gboolean
scan_text (TnDataset *dataset, guint seq_len, ItemFunc func, gpointer user_data, const TnListener *listener,
           GCancellable *cancellable, GError **error)
{
  guint64 ordinal = 0, done = 0, told = 0;

  for (guint file = 0; file < dataset->files->len; file++)
    {
      g_autoptr (TnPassageScanner) scanner =
          tn_passage_scanner_new (tn_dataset_file (dataset, file), passage_limit (seq_len), error);
      GError *local = NULL;
      TnPassage passage;

      if (scanner == NULL)
        return FALSE;
      while (tn_passage_scanner_next (scanner, &passage, &local))
        {
          const TnSampleItem item = {
              .priority = ordinal++,
              .offset = passage.offset,
              .file = file,
              .length = (guint32) passage.bytes,
              .begins_document = passage.begins_document,
          };

          func (&item, user_data);
          if (done + tn_passage_scanner_tell (scanner) - told < SCAN_STEP_BYTES)
            continue;
          told = done + tn_passage_scanner_tell (scanner);
          tn_listener_progress (listener, (double) told, (double) dataset->bytes, "bytes");
          if (g_cancellable_set_error_if_cancelled (cancellable, error) || !tn_listener_boundary (listener, error))
            return FALSE;
        }
      if (local != NULL)
        {
          g_propagate_error (error, local);
          return FALSE;
        }
      done += tn_passage_scanner_tell (scanner);
    }
  return TRUE;
}

static gboolean
scan_tokens (TnDataset *dataset, guint seq_len, ItemFunc func, gpointer user_data, GCancellable *cancellable, GError **error)
{
  guint64 ordinal = 0;

  for (guint file = 0; file < dataset->files->len; file++)
    {
      g_autoptr (TnTokenFile) tokens = tn_token_file_open (tn_dataset_file (dataset, file), error);

      if (tokens == NULL)
        return FALSE;
      for (guint64 first = 0; first < tn_token_file_count (tokens); first += seq_len)
        {
          const TnSampleItem item = {
              .priority = ordinal++,
              .offset = first,
              .file = file,
              .length = (guint32) MIN (seq_len, tn_token_file_count (tokens) - first),
              .begins_document = first == 0,
          };

          func (&item, user_data);
          if (ordinal % CANCEL_STEP_ITEMS == 0 && g_cancellable_set_error_if_cancelled (cancellable, error))
            return FALSE;
        }
    }
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

static void
count_item (const TnSampleItem *item, gpointer user_data)
{
  ((Draw *) user_data)->counted++;
}

static void
offer_item (const TnSampleItem *item, gpointer user_data)
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
    return;
  tn_sample_set_offer (draw->set, &offered);
}

static gboolean
scan (TnDataset *dataset, guint seq_len, ItemFunc func, Draw *draw, const TnListener *listener, GCancellable *cancellable,
      GError **error)
{
  draw->counted = 0;
  return dataset->tokens ? scan_tokens (dataset, seq_len, func, draw, cancellable, error)
                         : scan_text (dataset, seq_len, func, draw, listener, cancellable, error);
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
              : g_strdup_printf (_ ("the data hold %" PRIu64
                                    " passages; several sequences are taken of each to reach up to %u"),
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
  state->to_skip = options->skip;
  state->cancellable = cancellable != NULL ? g_object_ref (cancellable) : NULL;
  state->items = g_steal_pointer (&items);
  state->fd = -1;
  state->builder = tn_batch_builder_new ();
  state->ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  state->text = g_string_new (NULL);
  source = g_new0 (TnBatchSource, 1);
  *source = (TnBatchSource){.next = sample_source_next,
                            .count = sample_source_count,
                            .free_func = sample_source_free,
                            .user_data = state};
  return source;
}
