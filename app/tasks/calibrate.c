/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/calibrate.h"

#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <string.h>

#include "app/tasks/calibrate-cache.h"
#include "app/tasks/calibrate-checkpoint.h"
#include "app/tasks/calibrate-draw.h"
#include "app/tasks/calibrate-extend.h"
#include "app/tasks/calibrate-forward.h"
#include "app/tasks/calibrate-provenance.h"
#include "app/tasks/calibrate-reference.h"
#include "app/tasks/calibrate-stop.h"
#include "app/tasks/calibrate-tensors.h"
#include "app/tasks/model-record.h"
#include "data/datasets/read-ahead.h"
#include "data/files/atomic-file.h"
#include "data/statistics/stats-file.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/nn/linear.h"

#define DEFAULT_SEQ_LEN 512
/* Batches read ahead take this part of the memory limit at most. */
#define AHEAD_FRACTION 16

typedef struct
{
  TnCalibrateOptions *options;
  TnWorkspace        *workspace;
  TnCalibrateResult  *result;
  GMutex              lock;
  TnStats            *stats;   /* guarded by lock: whole batches only */
  gint                version; /* atomic */
  TnSample           *sample;     /* NULL: everything is taken */
  TnCalibrateStop    *stop;
  char               *provenance; /* NULL: the data cannot be read twice */
  TnCalibrateCheckpoint *checkpoint; /* likewise */
  guint64             samples_before, tokens_before; /* from the checkpoint */
  gint64              start_us;
} CalibrateData;

void
tn_calibrate_result_clear (TnCalibrateResult *self)
{
  g_clear_pointer (&self->out, g_free);
  g_clear_pointer (&self->cached, g_free);
  g_clear_pointer (&self->sample, tn_sample_report_free);
  g_clear_pointer (&self->stop, tn_stop_report_free);
  g_clear_pointer (&self->reference, tn_calibrate_reference_free);
  g_clear_pointer (&self->stats, tn_stats_unref);
}

static void
calibrate_data_free (gpointer pointer)
{
  CalibrateData *data = pointer;

  tn_calibrate_options_free (data->options);
  g_clear_pointer (&data->workspace, tn_workspace_unref);
  g_clear_pointer (&data->stats, tn_stats_unref);
  g_clear_pointer (&data->sample, tn_sample_unref);
  g_clear_pointer (&data->stop, tn_calibrate_stop_free);
  g_clear_pointer (&data->checkpoint, tn_calibrate_checkpoint_free);
  g_free (data->provenance);
  g_mutex_clear (&data->lock);
  g_free (data);
}

/* What a run needs, opened. */
typedef struct
{
  TnModelFile   *file;
  TnModel       *model;
  TnTokenizer   *tokenizer;
  TnDataset     *dataset;
  TnBatchSource *source;
  TnTokenCounts *tokens; /* for --reference; NULL: not asked for, or not all were seen in this run */
  TnCalibrateReference *reference;
} Opened;

static void
opened_clear (Opened *self)
{
  g_clear_pointer (&self->source, tn_batch_source_free);
  g_clear_pointer (&self->tokens, tn_token_counts_free);
  g_clear_pointer (&self->reference, tn_calibrate_reference_free);
  g_clear_pointer (&self->dataset, tn_dataset_unref);
  g_clear_pointer (&self->tokenizer, tn_tokenizer_unref);
  g_clear_pointer (&self->model, tn_model_unref);
  g_clear_pointer (&self->file, tn_model_file_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Opened, opened_clear)

/* A batch enters the statistics whole or not at all, so that what a cancelled run keeps is exact for the sequences it counts. */
static gboolean
observe_batch (CalibrateData *data, const Opened *opened, const TnBatch *batch, TnStats *batch_stats, GCancellable *cancellable, GError **error)
{
  gboolean merged;

  if (!tn_calibrate_forward (opened->model, opened->file, batch, data->options->kinds, batch_stats, cancellable, error))
    return FALSE;
  g_mutex_lock (&data->lock);
  merged = tn_stats_append (data->stats, batch_stats, error);
  g_mutex_unlock (&data->lock);
  g_atomic_int_inc (&data->version);
  return merged;
}

/* Smaller batches change nothing in the statistics, so the batch size yields to the memory limit. */
static gboolean
fit_batch_size (TnModel *model, TnSamplingOptions *sampling, TnSiteKind kinds, const TnListener *listener, GError **error)
{
  gsize budget = tn_pool_get_budget (tn_pool_default ());
  gsize used = tn_pool_get_total (tn_pool_default ());
  guint wanted = sampling->batch_size;

  if (budget == 0)
    return TRUE;
  while (sampling->batch_size > 1 &&
         used + tn_model_estimate_forward_bytes (model, (gsize) sampling->batch_size * sampling->seq_len, sampling->seq_len, kinds) > budget)
    sampling->batch_size--;
  if (used + tn_model_estimate_forward_bytes (model, sampling->seq_len, sampling->seq_len, kinds) > budget)
    {
      g_autofree char *need = g_format_size_full (
          used + tn_model_estimate_forward_bytes (model, sampling->seq_len, sampling->seq_len, kinds), G_FORMAT_SIZE_IEC_UNITS);
      g_autofree char *have = g_format_size_full (budget, G_FORMAT_SIZE_IEC_UNITS);

      g_set_error (error, TN_ERROR, TN_ERROR_MEMORY, _("one sequence of %u tokens needs %s of memory and %s are allowed: raise --memory-limit or lower --seq-len"),
                   sampling->seq_len, need, have);
      return FALSE;
    }
  if (sampling->batch_size < wanted)
    {
      g_autofree char *text = g_strdup_printf (_("batches of %u instead of %u sequences, to stay within the memory limit"), sampling->batch_size, wanted);

      tn_listener_event (listener, "info", text);
    }
  return TRUE;
}

/* A file that cannot be written is found out before the work, not after it. */
static gboolean
check_output (const char *path, GError **error)
{
  g_autoptr (TnAtomicFile) file = tn_atomic_file_create (path, error);

  return file != NULL;
}

static gboolean
open_all (CalibrateData *data, Opened *opened, const TnListener *listener, GError **error)
{
  TnCalibrateOptions *options = data->options;
  TnSamplingOptions *sampling = &options->sampling;
  guint context;

  if (!check_output (options->out_path, error) || (opened->file = tn_model_file_open (options->model_path, error)) == NULL ||
      !tn_model_file_check_output (opened->file, options->out_path, error) ||
      (opened->model = tn_model_file_load (opened->file, error)) == NULL)
    return FALSE;
  /* What may end early has to have seen a uniform draw by then. */
  sampling->shuffled = options->tolerance > 0.0 || options->time_limit > 0.0;
  data->stop = tn_calibrate_stop_new (options);
  context = tn_model_get_config (opened->model)->n_context;
  if (sampling->seq_len == 0)
    sampling->seq_len = MIN (DEFAULT_SEQ_LEN, context);
  if (sampling->seq_len > context)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _("%s: a sequence length of %u was asked for; the model's context is %u"), options->model_path,
                   sampling->seq_len, context);
      return FALSE;
    }
  if (options->tokenizer_path != NULL || tn_dataset_needs_tokenizer ((const char *const *) options->data_paths, &options->data))
    if ((opened->tokenizer = tn_tokenizer_find (options->tokenizer_path, opened->file, error)) == NULL)
      return FALSE;
  opened->dataset = tn_dataset_open ((const char *const *) options->data_paths, &options->data, opened->tokenizer,
                                     tn_model_get_config (opened->model)->n_vocab, listener, error);
  return opened->dataset != NULL && fit_batch_size (opened->model, sampling, options->kinds, listener, error);
}

/* Behind what an earlier run has observed. */
static gboolean
open_source (CalibrateData *data, Opened *opened, const TnListener *listener, GCancellable *cancellable, GError **error)
{
  TnSamplingOptions *sampling = &data->options->sampling;

  sampling->skip = data->samples_before;
  opened->source = data->sample != NULL ? tn_sample_read (data->sample, sampling, cancellable)
                                        : tn_dataset_sample (opened->dataset, sampling, listener, cancellable, error);
  if (opened->source == NULL)
    return FALSE;
  opened->source = tn_batch_source_read_ahead (opened->source, data->options->workers, tn_pool_get_budget (tn_pool_default ()) / AHEAD_FRACTION);
  opened->source = tn_calibrate_stop_cut (data->stop, opened->source, data->samples_before,
                                          sampling->sampler == TN_SAMPLER_INDICES ? tn_sample_count (data->sample) : sampling->n_samples);
  return TRUE;
}

/* A shard may be empty; its file is, too, and merges with those of the others. */
static gboolean
check_samples (CalibrateData *data, const TnListener *listener, GError **error)
{
  if (data->stats->samples > 0)
    return TRUE;
  if (data->options->sampling.n_shards > 1)
    {
      tn_listener_event (listener, "info", _("this shard holds no sequence: its statistics are empty"));
      return TRUE;
    }
  g_set_error_literal (error, TN_ERROR, TN_ERROR_DATA, _("the data hold no sequence to calibrate on"));
  return FALSE;
}

static gboolean
observe_all (CalibrateData *data, Opened *opened, const TnListener *listener, GCancellable *cancellable, GError **error)
{
  g_autoptr (TnStats) batch_stats = tn_stats_new (tn_model_get_fingerprint (opened->model), data->stats->backend);
  gint64 start = g_get_monotonic_time ();
  gint64 total = tn_batch_source_count (opened->source);
  gint64 step = 0;
  GError *local = NULL;

  tn_stats_add_sites (batch_stats, opened->model, data->options->kinds);
  if (!tn_calibrate_extend_stats (data->options, batch_stats, error))
    return FALSE;
  if (data->stats->weighted != NULL)
    tn_stats_keep_weights (batch_stats);
  while (TRUE)
    {
      g_autoptr (TnBatch) batch = tn_batch_source_next (opened->source, &local);

      if (batch == NULL)
        break;
      if (!tn_listener_boundary (listener, error) || !observe_batch (data, opened, batch, batch_stats, cancellable, error))
        return FALSE;
      if (opened->tokens != NULL)
        tn_token_counts_add (opened->tokens, batch);
      tn_listener_progress (listener, (double) data->stats->samples, (double) total, "sequences");
      tn_listener_metric (listener, "tokens", step, (double) data->stats->tokens);
      tn_listener_metric (listener, "tokens_per_second", step,
                          (double) (data->stats->tokens - data->tokens_before) / ((double) (g_get_monotonic_time () - start) * 1e-6));
      tn_listener_metric (listener, "rss_bytes", step++, (double) tn_process_get_rss ());
      /* First: a run that goes on from a checkpoint does not look at what is in it again. */
      if (tn_calibrate_stop_offer (data->stop, data->stats, listener))
        break;
      if (data->checkpoint != NULL)
        tn_calibrate_checkpoint_offer (data->checkpoint, data->stats, listener);
    }
  if (local != NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  return check_samples (data, listener, error);
}

static void
fill_result (CalibrateData *data, guint64 bytes, const char *cached)
{
  if (data->result == NULL)
    return;
  *data->result = (TnCalibrateResult) {
    .out = g_strdup (data->options->out_path), .samples = data->stats->samples, .tokens = data->stats->tokens,
    .samples_before = data->samples_before, .tokens_before = data->tokens_before, .cached = g_strdup (cached),
    .seconds = (double) (g_get_monotonic_time () - data->start_us) * 1e-6, .peak_rss_bytes = tn_process_get_peak_rss (),
    .sites = data->stats->sites->len, .stats_bytes = bytes, .stats = tn_stats_ref (data->stats),
  };
  if (data->sample != NULL)
    {
      data->result->sampler = data->options->sampling.sampler;
      data->result->sample = tn_sample_report_copy (tn_sample_get_report (data->sample));
    }
  if (data->stop != NULL && cached == NULL)
    {
      const TnStopReport *report = tn_calibrate_stop_get_report (data->stop);

      data->result->end = tn_calibrate_stop_get_end (data->stop);
      data->result->stop = report != NULL ? tn_stop_report_copy (report) : NULL;
    }
}

/* provenance: NULL where they must not be found again. */
static void
record_stats (CalibrateData *data, TnJob *job, const char *provenance, guint64 bytes)
{
  g_autofree char *path = g_canonicalize_filename (data->options->out_path, NULL);

  tn_job_set_output (job, data->options->out_path);
  if (data->workspace != NULL && tn_job_get_run (job) >= 0)
    tn_workspace_record_stats (data->workspace, tn_job_get_run (job), path, data->stats->model_fingerprint, data->stats->data_fingerprint,
                               data->stats->samples, data->stats->tokens, bytes, provenance, NULL);
}

/* Keeps what was observed; for a run that ended before its end marked as partial. */
static gboolean
keep_statistics (CalibrateData *data, TnJob *job, gboolean partial, GError **error)
{
  /* A run that is over because its time was has done what was asked of it; it can go on all the same. */
  gboolean short_of_time = data->stop != NULL && tn_calibrate_stop_get_end (data->stop) == TN_CALIBRATE_END_TIME;
  guint64 bytes = 0;

  g_mutex_lock (&data->lock);
  data->stats->partial = partial;
  g_mutex_unlock (&data->lock);
  if (!tn_stats_save (data->stats, data->options->out_path, &bytes, error) ||
      ((partial || short_of_time) && data->checkpoint != NULL && !tn_calibrate_checkpoint_write (data->checkpoint, data->stats, error)))
    return FALSE;
  record_stats (data, job, partial || short_of_time ? NULL : data->provenance, bytes);
  fill_result (data, bytes, NULL);
  return TRUE;
}

/* A run that was cancelled says what it leaves behind. */
static void
keep_partial (CalibrateData *data, TnJob *job, const TnListener *listener, GError **why)
{
  g_autoptr (GError) unsaved = NULL;

  if (!keep_statistics (data, job, TRUE, &unsaved))
    tn_listener_event (listener, "error", unsaved->message);
  else if (data->checkpoint != NULL)
    g_prefix_error (why, _("statistics of %" PRIu64 " sequences are kept in %s, marked as partial; the same command with --resume goes on: "),
                    data->stats->samples, data->options->out_path);
  else
    g_prefix_error (why, _("statistics of %" PRIu64 " sequences are kept in %s, marked as partial: "), data->stats->samples,
                    data->options->out_path);
}

static void
set_stats (CalibrateData *data, TnStats *stats)
{
  g_mutex_lock (&data->lock);
  data->stats = stats;
  g_mutex_unlock (&data->lock);
}

/* TRUE in *used when an earlier run has made the statistics already; its file is copied where this one is wanted elsewhere. */
static gboolean
use_cache (CalibrateData *data, guint64 model_fingerprint, TnJob *job, const TnListener *listener, gboolean *used, GError **error)
{
  g_autofree char *out = g_canonicalize_filename (data->options->out_path, NULL), *path = NULL, *text = NULL;
  guint64 bytes = 0;
  GStatBuf info;
  TnStats *stats;

  *used = FALSE;
  if (data->workspace == NULL || data->options->no_cache || data->provenance == NULL)
    return TRUE;
  stats = tn_calibrate_cache_find (data->workspace, data->provenance, model_fingerprint, out, listener, &path);
  if (stats == NULL)
    return TRUE;
  set_stats (data, stats);
  g_atomic_int_inc (&data->version);
  if (strcmp (path, out) == 0 && g_stat (out, &info) == 0)
    bytes = (guint64) info.st_size;
  else if (!tn_stats_save (stats, out, &bytes, error))
    return FALSE;
  text = g_strdup_printf (_("model, data and options are those of %s: its statistics are used again (--no-cache computes them anew)"), path);
  tn_listener_event (listener, "info", text);
  record_stats (data, job, data->provenance, bytes);
  fill_result (data, bytes, path);
  *used = TRUE;
  return TRUE;
}

static void
tell_where_it_begins (const CalibrateData *data, const TnStats *before, const TnListener *listener)
{
  const char *path = tn_calibrate_checkpoint_get_path (data->checkpoint);
  g_autofree char *text = before != NULL
                            ? g_strdup_printf (_("going on behind %" PRIu64 " sequences from %s"), before->samples, path)
                            : g_strdup_printf (_("there is no %s to go on from: beginning with the first sequence"), path);

  tn_listener_event (listener, "info", text);
}

/* What an earlier run leaves to do: all of it with *before NULL, the rest, or, with *cached, nothing. */
static gboolean
look_back (CalibrateData *data, char *provenance, guint64 model_fingerprint, TnJob *job, const TnListener *listener, TnStats **before,
           gboolean *cached, GError **error)
{
  *before = NULL;
  *cached = FALSE;
  data->provenance = provenance;
  if (provenance != NULL)
    data->checkpoint = tn_calibrate_checkpoint_new (data->options->out_path, provenance, data->options->checkpoint_seconds);
  else if (data->options->resume)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _("--resume: the data cannot be read twice"));
      return FALSE;
    }
  if (data->options->resume && !tn_calibrate_checkpoint_load (data->checkpoint, before, error))
    return FALSE;
  if (*before == NULL && !use_cache (data, model_fingerprint, job, listener, cached, error))
    return FALSE;
  if (data->options->resume && !*cached)
    tell_where_it_begins (data, *before, listener);
  if (*before == NULL)
    return TRUE;
  data->samples_before = (*before)->samples;
  data->tokens_before = (*before)->tokens;
  return TRUE;
}

/* The end of a run; failure, which is taken, is why it came before the last sequence, NULL when it did not. */
static gboolean
finish (CalibrateData *data, TnJob *job, const TnListener *listener, GError *failure, GError **error)
{
  if (failure == NULL && keep_statistics (data, job, FALSE, &failure))
    {
      if (data->checkpoint != NULL && (data->stop == NULL || tn_calibrate_stop_get_end (data->stop) != TN_CALIBRATE_END_TIME))
        tn_calibrate_checkpoint_remove (data->checkpoint, listener);
      return TRUE;
    }
  if (g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_CANCELLED) && data->stats->samples > 0)
    keep_partial (data, job, listener, &failure);
  g_propagate_error (error, failure);
  return FALSE;
}

/* The statistics are kept by now, whatever becomes of this. */
static gboolean
look_at_reference (CalibrateData *data, Opened *opened, const TnListener *listener, GCancellable *cancellable, GError **error)
{
  if (data->options->reference == NULL)
    return TRUE;
  opened->reference =
      tn_calibrate_compare (data->options, opened->model, opened->file, opened->dataset, data->stats, opened->tokens, listener, cancellable, error);
  if (opened->reference != NULL && data->result != NULL)
    data->result->reference = tn_calibrate_reference_copy (opened->reference);
  return opened->reference != NULL;
}

static gboolean
calibrate (TnJob *job, const TnListener *listener, GCancellable *cancellable, gpointer user_data, GError **error)
{
  CalibrateData *data = user_data;
  g_auto (Opened) opened = { NULL };
  g_autofree char *backend = tn_linear_backend ();
  GError *failure = NULL;
  char *provenance;
  gboolean cached;
  TnStats *stats;

  if (!open_all (data, &opened, listener, error))
    return FALSE;
  tn_record_model (data->workspace, opened.file);
  provenance = tn_calibrate_provenance (data->options, opened.file, opened.dataset, opened.tokenizer, &failure);
  if (failure != NULL)
    {
      g_propagate_error (error, failure);
      return FALSE;
    }
  if (!look_back (data, provenance, tn_model_get_fingerprint (opened.model), job, listener, &stats, &cached, error))
    return FALSE;
  if (cached)
    return look_at_reference (data, &opened, listener, cancellable, error);
  if (!tn_calibrate_draw (data->options, opened.model, opened.dataset, listener, cancellable, &data->sample, error))
    {
      g_clear_pointer (&stats, tn_stats_unref);
      return FALSE;
    }
  if (stats == NULL)
    {
      stats = tn_stats_new (tn_model_get_fingerprint (opened.model), backend);
      tn_stats_add_sites (stats, opened.model, data->options->kinds);
      if (data->sample != NULL && tn_sample_get_report (data->sample)->weighted)
        tn_stats_keep_weights (stats);
      if (!tn_calibrate_extend_stats (data->options, stats, error))
        {
          tn_stats_unref (stats);
          return FALSE;
        }
    }
  /* Until the last sequence is in. */
  stats->partial = TRUE;
  set_stats (data, stats);
  if (tn_calibrate_options_get_reference_count (data->options) > 0 && data->samples_before == 0)
    opened.tokens = tn_token_counts_new (tn_model_get_config (opened.model)->n_vocab);
  if (!open_source (data, &opened, listener, cancellable, error))
    return FALSE;
  observe_all (data, &opened, listener, cancellable, &failure);
  return finish (data, job, listener, failure, error) && look_at_reference (data, &opened, listener, cancellable, error);
}

static gboolean
calibrate_tensors (TnJob *job, const TnListener *listener, GCancellable *cancellable, gpointer user_data, GError **error)
{
  CalibrateData *data = user_data;
  g_autoptr (TnRecordedRun) run = NULL;
  GError *failure = NULL;
  char *provenance;
  gboolean cached;
  TnStats *stats;

  if (!check_output (data->options->out_path, error) ||
      (provenance = tn_calibrate_tensors_provenance (data->options, error)) == NULL)
    return FALSE;
  if (!look_back (data, provenance, 0, job, listener, &stats, &cached, error) || cached)
    return cached;
  data->options->sampling.skip = data->samples_before;
  run = tn_recorded_run_open (data->options, listener, error);
  if (run == NULL)
    {
      g_clear_pointer (&stats, tn_stats_unref);
      return FALSE;
    }
  if (stats == NULL)
    {
      stats = tn_recorded_run_new_stats (run);
      if (!tn_calibrate_extend_stats (data->options, stats, error))
        {
          tn_stats_unref (stats);
          return FALSE;
        }
    }
  stats->partial = TRUE;
  set_stats (data, stats);
  data->stop = tn_calibrate_stop_new (data->options);
  if (tn_recorded_run_observe (run, stats, data->stop, data->checkpoint, &data->lock, &data->version, listener, cancellable, &failure) &&
      tn_stats_check_channel_histograms (stats, &failure))
    check_samples (data, listener, &failure);
  return finish (data, job, listener, failure, error);
}

static char *
default_out_path (const TnCalibrateOptions *options, TnWorkspace *workspace)
{
  g_autofree char *base = g_path_get_basename (options->tensor_paths != NULL ? options->tensor_paths[0] : options->model_path);
  g_autofree char *name = g_strconcat (base, ".stats.safetensors", NULL);
  g_autofree char *folder = workspace != NULL ? g_path_get_dirname (tn_workspace_get_path (workspace)) : g_strdup (".");

  return g_build_filename (folder, name, NULL);
}

static char *
describe (const TnCalibrateOptions *options)
{
  g_autofree char *model = g_path_get_basename (options->tensor_paths != NULL ? options->tensor_paths[0] : options->model_path);
  g_autofree char *first = options->tensor_paths != NULL ? NULL : options->data_paths[0] != NULL ? g_path_get_basename (options->data_paths[0]) : g_strdup ("");

  return first != NULL ? g_strdup_printf (_("Calibrate %s on %s"), model, first) : g_strdup_printf (_("Calibrate on recorded %s"), model);
}

TnJob *
tn_calibrate_job_new (const TnCalibrateOptions *options, TnWorkspace *workspace, TnCalibrateResult *result)
{
  CalibrateData *data = g_new0 (CalibrateData, 1);
  g_autofree char *title = describe (options);
  g_autofree char *arguments = g_strdup_printf ("{\"samples\":%u,\"seq_len\":%u,\"batch_size\":%u,\"seed\":%" PRIu64 "}",
                                                options->sampling.n_samples, options->sampling.seq_len, options->sampling.batch_size,
                                                options->sampling.seed);
  TnJob *job;

  data->options = tn_calibrate_options_copy (options);
  data->workspace = workspace != NULL ? tn_workspace_ref (workspace) : NULL;
  data->result = result;
  data->start_us = g_get_monotonic_time ();
  g_mutex_init (&data->lock);
  if (data->options->out_path == NULL)
    data->options->out_path = default_out_path (options, workspace);
  job = tn_job_new ("calibrate", title, arguments, workspace, options->tensor_paths != NULL ? calibrate_tensors : calibrate, data,
                    calibrate_data_free);
  g_object_set_data (G_OBJECT (job), "tn-calibrate-data", data);
  return job;
}

TnStats *
tn_calibrate_job_snapshot (TnJob *job)
{
  CalibrateData *data = g_object_get_data (G_OBJECT (job), "tn-calibrate-data");
  TnStats *copy = NULL;

  g_return_val_if_fail (data != NULL, NULL);
  g_mutex_lock (&data->lock);
  if (data->stats != NULL && data->stats->samples > 0)
    copy = tn_stats_copy (data->stats);
  g_mutex_unlock (&data->lock);
  return copy;
}

guint
tn_calibrate_job_version (TnJob *job)
{
  CalibrateData *data = g_object_get_data (G_OBJECT (job), "tn-calibrate-data");

  g_return_val_if_fail (data != NULL, 0);
  return (guint) g_atomic_int_get (&data->version);
}
