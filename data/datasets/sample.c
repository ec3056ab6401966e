/* SPDX-License-Identifier: Apache-2.0 */
#include "data/datasets/sample.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "data/datasets/sample-private.h"
#include "engine/error.h"
#include "engine/memory/pool.h"

/* A passage holds this many bytes a token of a sequence: more than any tokenizer needs, so that it fills a sequence, and not much
 * more. */
#define PASSAGE_BYTES_PER_TOKEN 16
#define LEAST_PASSAGE_BYTES 4096
#define MOST_PASSAGE_BYTES ((guint64) 16 << 20)
#define SCAN_STEP_BYTES ((guint64) 4 << 20)
#define CANCEL_STEP_ITEMS 65536

/* The longest record for a sequence. */
guint
tn_sample_record_limit (const TnDataset *dataset, guint seq_len)
{
  if (dataset->tokens)
    return seq_len;
  return (guint) CLAMP ((guint64) seq_len * PASSAGE_BYTES_PER_TOKEN, LEAST_PASSAGE_BYTES, MOST_PASSAGE_BYTES);
}

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

/* What an item of a file holds that cannot be read again at its place. */
static gboolean
keep_content (TnRecordFile *records, TnSampleItem *item, GError **error)
{
  TnPassage passage;
  void *block;

  if (!tn_record_file_read_text (records, &item->record, &passage, error))
    return FALSE;
  block = tn_pool_alloc (tn_pool_default (), TN_PURPOSE_SCRATCH, passage.bytes, error);
  if (block == NULL)
    {
      g_prefix_error (error, "%s", _ ("drawn text of a packed file or a pipe is kept in memory, take fewer --samples: "));
      return FALSE;
    }
  memcpy (block, passage.text, passage.bytes);
  item->content = g_bytes_new_with_free_func (block, passage.bytes, tn_block_free, block);
  return TRUE;
}

/* A record that was found just now. */
static gboolean
offer (TnDrawing *drawing, TnRecordFile *records, const TnSampleItem *item, GError **error)
{
  TnSampleItem candidate;

  if (!tn_drawing_consider (drawing, item, records->sequential, &candidate))
    return TRUE;
  if (records->sequential && !keep_content (records, &candidate, error))
    return FALSE;
  tn_drawing_take (drawing, &candidate);
  return TRUE;
}

static gboolean
scan_file (TnDataset *dataset, guint file, guint seq_len, TnDrawing *drawing, ScanProgress *progress, GError **error)
{
  g_autoptr (TnRecordFile) records = tn_dataset_open_file (dataset, file, tn_sample_record_limit (dataset, seq_len), error);
  GError *local = NULL;
  TnSampleItem item = {.file = file};

  if (records == NULL)
    return FALSE;
  while (tn_record_file_next (records, &item.record, &local))
    {
      item.priority = tn_drawing_count (drawing);
      if (!tn_dataset_intern_label (dataset, records->label, &item.label, error) || !offer (drawing, records, &item, error) ||
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

static gboolean
scan (TnDataset *dataset, guint seq_len, TnDrawing *drawing, const TnListener *listener, GCancellable *cancellable, GError **error)
{
  ScanProgress progress = {.listener = listener, .cancellable = cancellable, .total = dataset->bytes};

  for (guint file = 0; file < dataset->files->len; file++)
    if (!scan_file (dataset, file, seq_len, drawing, &progress, error))
      return FALSE;
  return TRUE;
}

/* Fewer records than were asked for. */
static void
tell_shortage (const TnDataset *dataset, guint64 records, guint wanted, const TnListener *listener)
{
  g_autofree char *text =
      dataset->tokens
          ? g_strdup_printf (_ ("the data hold %" PRIu64 " windows; %u sequences were asked for, all are taken"), records, wanted)
          : g_strdup_printf (_ ("the data hold %" PRIu64 " passages; several sequences are taken of each to reach up to %u"), records, wanted);

  tn_listener_event (listener, "info", text);
}

TnSample *
tn_sample_draw (TnDataset *dataset, const TnSamplingOptions *options, const TnListener *listener, GCancellable *cancellable, GError **error)
{
  g_autoptr (TnDrawing) drawing = tn_drawing_new (options);
  g_autoptr (GArray) items = NULL;
  TnSampleReport *report = NULL;
  TnSample *self;

  do
    if (!scan (dataset, options->seq_len, drawing, listener, cancellable, error))
      return NULL;
  while (tn_drawing_next_pass (drawing));
  if (tn_drawing_count (drawing) == 0)
    {
      tn_dataset_set_nothing (dataset, error);
      return NULL;
    }
  items = tn_drawing_finish (drawing, &report, error);
  if (items == NULL)
    return NULL;
  if (tn_drawing_count (drawing) < options->n_samples && options->sampler != TN_SAMPLER_INDICES)
    tell_shortage (dataset, tn_drawing_count (drawing), options->n_samples, listener);
  self = g_new0 (TnSample, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->dataset = tn_dataset_ref (dataset);
  self->items = g_steal_pointer (&items);
  self->report = report;
  return self;
}

TnSample *
tn_sample_ref (TnSample *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
tn_sample_unref (TnSample *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_array_unref (self->items);
  tn_sample_report_free (self->report);
  tn_dataset_unref (self->dataset);
  g_free (self);
}

const TnSampleReport *
tn_sample_get_report (const TnSample *self)
{
  return self->report;
}

guint
tn_sample_count (const TnSample *self)
{
  return self->items->len;
}

void
tn_sample_get (const TnSample *self, guint index, TnSampledRecord *record)
{
  const TnSampleItem *item = &g_array_index (self->items, TnSampleItem, index);

  *record = (TnSampledRecord){
      .ordinal = item->ordinal,
      .path = tn_dataset_file (self->dataset, item->file),
      .offset = item->record.offset,
      .length = item->record.length,
      .label = tn_dataset_get_label (self->dataset, item->label),
      .weight = item->weight,
  };
}

void
tn_sample_thin (TnSample *self, const double *sizes, guint n, guint64 seed)
{
  tn_drawing_thin (self->items, sizes, n, seed, self->report);
}

TnBatchSource *
tn_sample_read (TnSample *self, const TnSamplingOptions *options, GCancellable *cancellable)
{
  return tn_sample_source_new (self->dataset, self, options, cancellable);
}

TnBatchSource *
tn_dataset_sample (TnDataset *self, const TnSamplingOptions *options, const TnListener *listener, GCancellable *cancellable,
                   GError **error)
{
  g_autoptr (TnSample) sample = NULL;

  g_return_val_if_fail (options->seq_len > 0 && options->batch_size > 0 && options->shard >= 1 &&
                            options->shard <= options->n_shards,
                        NULL);
  if ((options->n_samples > 0 || options->sampler == TN_SAMPLER_INDICES) &&
      (sample = tn_sample_draw (self, options, listener, cancellable, error)) == NULL)
    return NULL;
  return tn_sample_source_new (self, sample, options, cancellable);
}
