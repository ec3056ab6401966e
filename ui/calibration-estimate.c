/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/calibration-estimate.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "data/models/model-file.h"
#include "data/statistics/stats-file.h"
#include "engine/calibration/stats.h"
#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/random.h"

#define MEASURE_US (2 * G_USEC_PER_SEC)
/* Statistics of the whole, of a batch, and the copy that the window looks at. */
#define STATISTICS_COPIES 3

struct _TnCalibrationEstimate
{
  GObject parent_instance;
  TnCalibrateOptions *options;
  guint64 memory;
  GCancellable *looking; /* the memory is being worked out */
  gboolean measuring;
  char *error;
  /* What was measured last, and for what. */
  char *measured_for;
  double rate;
  guint64 disk;
};

enum
{
  CHANGED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnCalibrationEstimate, tn_calibration_estimate, G_TYPE_OBJECT)

typedef struct
{
  double rate;
  guint64 disk;
} Measurement;

/* All that the rate depends on. */
static char *
describe_work (const TnCalibrateOptions *options)
{
  return g_strdup_printf ("%s %d %u %u", options->model_path, (int) options->kinds, options->sampling.seq_len,
                          options->sampling.batch_size);
}

static void
tn_calibration_estimate_finalize (GObject *object)
{
  TnCalibrationEstimate *self = TN_CALIBRATION_ESTIMATE (object);

  g_clear_object (&self->looking);
  tn_calibrate_options_free (self->options);
  g_free (self->measured_for);
  g_free (self->error);
  G_OBJECT_CLASS (tn_calibration_estimate_parent_class)->finalize (object);
}

static void
tn_calibration_estimate_class_init (TnCalibrationEstimateClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = tn_calibration_estimate_finalize;
  signals[CHANGED] = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
tn_calibration_estimate_init (TnCalibrationEstimate *self)
{
}

TnCalibrationEstimate *
tn_calibration_estimate_new (void)
{
  return g_object_new (TN_TYPE_CALIBRATION_ESTIMATE, NULL);
}

/* --- memory ------------------------------------------------------------ */

static guint64
statistics_bytes (TnModel *model, TnSiteKind kinds)
{
  g_autoptr (TnStats) stats = tn_stats_new (0, "");
  guint64 bytes = 0;

  tn_stats_add_sites (stats, model, kinds);
  for (guint i = 0; i < stats->sites->len; i++)
    bytes += sizeof (TnSiteStats) + TN_FLOAT_HISTOGRAM_BINS * sizeof (guint64) +
             ((const TnSiteStats *) g_ptr_array_index (stats->sites, i))->width * sizeof (TnChannelStats);
  return bytes;
}

/* As a calibration does, batches yield to the limit. */
static guint64
estimate_memory (TnModelFile *file, TnModel *model, const TnCalibrateOptions *options)
{
  gsize seq_len = options->sampling.seq_len;
  guint64 fixed = tn_model_file_get_bytes (file) + STATISTICS_COPIES * statistics_bytes (model, options->kinds);
  guint batch = options->sampling.batch_size;

  while (options->memory_limit > 0 && batch > 1 &&
         tn_model_estimate_forward_bytes (model, batch * seq_len, (guint) seq_len, options->kinds) > options->memory_limit)
    batch--;
  return fixed + tn_model_estimate_forward_bytes (model, batch * seq_len, (guint) seq_len, options->kinds);
}

static void
look_on_worker (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  const TnCalibrateOptions *options = task_data;
  g_autoptr (TnModelFile) file = tn_model_file_open (options->model_path, NULL);
  g_autoptr (TnModel) model = file != NULL ? tn_model_file_load (file, NULL) : NULL;
  guint64 *memory = g_new0 (guint64, 1);

  if (model != NULL)
    *memory = estimate_memory (file, model, options);
  g_task_return_pointer (task, memory, g_free);
}

static void
on_looked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TnCalibrationEstimate *self = TN_CALIBRATION_ESTIMATE (source);
  g_autofree guint64 *memory = g_task_propagate_pointer (G_TASK (result), NULL);

  if (memory == NULL) /* other options came meanwhile */
    return;
  g_clear_object (&self->looking);
  self->memory = *memory;
  g_signal_emit (self, signals[CHANGED], 0);
}

void
tn_calibration_estimate_set_options (TnCalibrationEstimate *self, const TnCalibrateOptions *options)
{
  g_autofree char *before = NULL, *after = NULL;
  guint64 limit_before;

  g_return_if_fail (TN_IS_CALIBRATION_ESTIMATE (self));

  before = self->options != NULL ? describe_work (self->options) : NULL;
  limit_before = self->options != NULL ? self->options->memory_limit : 0;
  after = options != NULL ? describe_work (options) : NULL;
  tn_calibrate_options_free (self->options);
  self->options = options != NULL ? tn_calibrate_options_copy (options) : NULL;
  if (options != NULL && (g_strcmp0 (before, after) != 0 || limit_before != options->memory_limit))
    {
      g_autoptr (GTask) task = NULL;

      if (self->looking != NULL)
        g_cancellable_cancel (self->looking);
      g_clear_object (&self->looking);
      self->looking = g_cancellable_new ();
      task = g_task_new (self, self->looking, on_looked, NULL);
      g_task_set_task_data (task, tn_calibrate_options_copy (options), (GDestroyNotify) tn_calibrate_options_free);
      g_task_run_in_thread (task, look_on_worker);
    }
  else if (options == NULL)
    self->memory = 0;
  g_signal_emit (self, signals[CHANGED], 0);
}

/* --- time and disk ----------------------------------------------------- */

static TnBatch *
make_random_batch (guint n_vocab, const TnSamplingOptions *sampling)
{
  TnRandom random = tn_random_stream (0, "estimate");
  g_autofree gint32 *tokens = g_new (gint32, (gsize) sampling->seq_len * sampling->batch_size);
  g_autofree TnSequence *sequences = g_new0 (TnSequence, sampling->batch_size);

  for (guint s = 0; s < sampling->batch_size; s++)
    {
      gint32 *first = tokens + (gsize) s * sampling->seq_len;

      for (guint t = 0; t < sampling->seq_len; t++)
        first[t] = (gint32) tn_random_below (&random, n_vocab);
      sequences[s] = (TnSequence){.hash = tn_random_next (&random), .length = sampling->seq_len, .tokens = first};
    }
  return tn_batch_new (sequences, sampling->batch_size);
}

typedef struct
{
  TnModel *model;
  const TnBatch *batch;
  TnStats *stats;
  TnSiteKind kinds;
  gboolean ok;
  GError *error;
} Forward;

static void
forward_on_compute_thread (gpointer user_data)
{
  Forward *forward = user_data;
  TnForwardOptions options = {.kinds = forward->kinds, .observe = tn_stats_observe, .user_data = forward->stats};

  forward->ok = tn_model_forward (forward->model, forward->batch, &options, NULL, NULL, NULL, &forward->error);
}

static guint64
measure_file (const TnStats *stats)
{
  g_autofree char *folder = g_dir_make_tmp ("ternion-estimate-XXXXXX", NULL);
  g_autofree char *path = folder != NULL ? g_build_filename (folder, "statistics.safetensors", NULL) : NULL;
  guint64 bytes = 0;

  if (path == NULL)
    return 0;
  if (!tn_stats_save (stats, path, &bytes, NULL))
    bytes = 0;
  g_remove (path);
  g_rmdir (folder);
  return bytes;
}

/* The first batch warms up; the best of the others counts, for other work only ever slows one down. */
static Measurement *
measure (const TnCalibrateOptions *options, GError **error)
{
  g_autoptr (TnModelFile) file = tn_model_file_open (options->model_path, error);
  g_autoptr (TnModel) model = file != NULL ? tn_model_file_load (file, error) : NULL;
  TnSamplingOptions sampling = options->sampling;
  g_autoptr (TnStats) stats = NULL;
  g_autoptr (TnBatch) batch = NULL;
  gint64 start = g_get_monotonic_time (), best = G_MAXINT64;
  Measurement *found;

  if (model == NULL)
    return NULL;
  sampling.seq_len = MIN (sampling.seq_len, tn_model_get_config (model)->n_context);
  stats = tn_stats_new (0, "");
  tn_stats_add_sites (stats, model, options->kinds);
  batch = make_random_batch (tn_model_get_config (model)->n_vocab, &sampling);
  for (guint i = 0; i < 2 || (i < 1000 && g_get_monotonic_time () - start < MEASURE_US); i++)
    {
      Forward forward = {model, batch, stats, options->kinds, FALSE, NULL};
      gint64 before = g_get_monotonic_time ();

      tn_compute_run (forward_on_compute_thread, &forward);
      if (!forward.ok)
        {
          g_propagate_error (error, forward.error);
          return NULL;
        }
      if (i > 0)
        best = MIN (best, g_get_monotonic_time () - before);
    }
  found = g_new0 (Measurement, 1);
  found->rate = (double) batch->n_tokens / ((double) MAX (best, 1) * 1e-6);
  found->disk = measure_file (stats);
  return found;
}

static void
measure_on_worker (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  GError *error = NULL;
  Measurement *found = measure (task_data, &error);

  if (found != NULL)
    g_task_return_pointer (task, found, g_free);
  else
    g_task_return_error (task, error);
}

static void
on_measured (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TnCalibrationEstimate *self = TN_CALIBRATION_ESTIMATE (source);
  g_autoptr (GError) error = NULL;
  g_autofree Measurement *found = g_task_propagate_pointer (G_TASK (result), &error);

  self->measuring = FALSE;
  g_clear_pointer (&self->error, g_free);
  if (found != NULL)
    {
      g_free (self->measured_for);
      self->measured_for = describe_work (g_task_get_task_data (G_TASK (result)));
      self->rate = found->rate;
      self->disk = found->disk;
    }
  else
    self->error = g_strdup (error->message);
  g_signal_emit (self, signals[CHANGED], 0);
}

void
tn_calibration_estimate_measure (TnCalibrationEstimate *self)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (TN_IS_CALIBRATION_ESTIMATE (self));

  if (self->measuring || self->options == NULL)
    return;
  self->measuring = TRUE;
  task = g_task_new (self, NULL, on_measured, NULL);
  g_task_set_task_data (task, tn_calibrate_options_copy (self->options), (GDestroyNotify) tn_calibrate_options_free);
  g_task_run_in_thread (task, measure_on_worker);
  g_signal_emit (self, signals[CHANGED], 0);
}

gboolean
tn_calibration_estimate_is_measuring (TnCalibrationEstimate *self)
{
  g_return_val_if_fail (TN_IS_CALIBRATION_ESTIMATE (self), FALSE);

  return self->measuring;
}

const char *
tn_calibration_estimate_get_error (TnCalibrationEstimate *self)
{
  g_return_val_if_fail (TN_IS_CALIBRATION_ESTIMATE (self), NULL);

  return self->error;
}

guint64
tn_calibration_estimate_get_memory (TnCalibrationEstimate *self)
{
  g_return_val_if_fail (TN_IS_CALIBRATION_ESTIMATE (self), 0);

  return self->memory;
}

static gboolean
is_measured (TnCalibrationEstimate *self)
{
  g_autofree char *work = self->options != NULL ? describe_work (self->options) : NULL;

  return work != NULL && g_strcmp0 (work, self->measured_for) == 0;
}

guint64
tn_calibration_estimate_get_disk (TnCalibrationEstimate *self)
{
  g_return_val_if_fail (TN_IS_CALIBRATION_ESTIMATE (self), 0);

  return is_measured (self) ? self->disk : 0;
}

double
tn_calibration_estimate_get_rate (TnCalibrationEstimate *self)
{
  g_return_val_if_fail (TN_IS_CALIBRATION_ESTIMATE (self), 0);

  return is_measured (self) ? self->rate : 0;
}

double
tn_calibration_estimate_get_seconds (TnCalibrationEstimate *self)
{
  double rate, tokens;

  g_return_val_if_fail (TN_IS_CALIBRATION_ESTIMATE (self), NAN);

  rate = tn_calibration_estimate_get_rate (self);
  if (!(rate > 0) || self->options->sampling.n_samples == 0 || self->options->sampling.sampler == TN_SAMPLER_INDICES)
    return NAN;
  tokens = (double) self->options->sampling.n_samples * self->options->sampling.seq_len / MAX (self->options->sampling.n_shards, 1);
  return tokens / rate;
}
