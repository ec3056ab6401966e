/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/calibration/streaming.h"

#include <fcntl.h>
#include <math.h>
#include <omp.h>
#include <string.h>
#include <unistd.h>

#include "bench/calibration/made-files.h"
#include "data/datasets/dataset.h"
#include "data/datasets/read-ahead.h"
#include "data/files/json-reader.h"
#include "data/models/model-file.h"
#include "engine/calibration/stats.h"
#include "engine/device/device.h"

#include "engine/random.h"

#define BYTES G_GUINT64_CONSTANT (10000000000)
#define MEMORY_LIMIT "1GiB"
#define MOST_PEAK 1073741824.0
#define N_SEQUENCES "256"
/* What has to stay free on the disk. */
#define SPARE_BYTES ((guint64) 2 << 30)
#define READ_BYTES ((gsize) 8 << 20)
#define OBSERVED_BYTES ((gsize) 16 << 20)
#define OBSERVED_ROWS 512
#define TEXT_BYTES ((guint64) 64 << 20)
#define BATCHES 6
#define TURNS 9
#define RATE_TURNS 2 /* for every file: disks are noisier than anything else */

static const guint widths[] = {768, 1024, 2048, 4096, 768, 1024, 2048, 4096};

typedef struct
{
  TnBench *bench;
  TnMadeFiles files;
  guint64 bytes;  /* of the activations, and of the tokens */
  gboolean whole; /* as many as the figures' names say */
} Streaming;

/* What a calibration in a process of its own says of itself. */
typedef struct
{
  double seconds, peak, tokens;
} Outcome;

static gboolean
read_outcome (const char *text, Outcome *outcome)
{
  g_autoptr (TnJson) json = tn_json_parse (text, strlen (text), "calibrate", 0, NULL);
  const TnJsonNode *root = json != NULL ? tn_json_get_root (json) : NULL;
  const TnJsonNode *seconds = tn_json_find_typed (root, "seconds", TN_JSON_NUMBER);
  const TnJsonNode *peak = tn_json_find_typed (root, "peak_rss_bytes", TN_JSON_NUMBER);
  const TnJsonNode *tokens = tn_json_find_typed (root, "tokens", TN_JSON_NUMBER);

  if (seconds == NULL || peak == NULL || tokens == NULL)
    return FALSE;
  *outcome = (Outcome){seconds->value.number.real, peak->value.number.real, tokens->value.number.real};
  return TRUE;
}

/* ternion calibrate with these arguments, which it takes. */
static gboolean
calibrate (Streaming *self, GPtrArray *arguments, Outcome *outcome)
{
  g_autoptr (GPtrArray) owned = arguments;
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *out = g_build_filename (self->files.folder, "out.safetensors", NULL);
  g_autofree char *workspace = g_build_filename (self->files.folder, "workspace.db", NULL);
  g_autofree char *text = NULL;
  const char *const rest[] = {"--memory-limit", MEMORY_LIMIT, "--out", out, "--workspace", workspace, "--quiet", "--json", NULL};

  g_ptr_array_insert (owned, 0, (gpointer) "calibrate");
  g_ptr_array_insert (owned, 0, (gpointer) "/proc/self/exe");
  for (guint i = 0; i < G_N_ELEMENTS (rest); i++)
    g_ptr_array_add (owned, (gpointer) rest[i]);
  process = g_subprocess_newv ((const char *const *) owned->pdata, G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error);
  if (process == NULL || !g_subprocess_communicate_utf8 (process, NULL, NULL, &text, NULL, &error) || !g_subprocess_get_successful (process) ||
      !read_outcome (text, outcome))
    {
      tn_bench_remark (self->bench, "calibrate failed: %s", error != NULL ? error->message : "see above");
      return FALSE;
    }
  return TRUE;
}

static void
add_peak (Streaming *self, const char *name, double peak)
{
  tn_bench_add (self->bench, name, peak, peak, "bytes", self->whole ? TN_GOAL_AT_MOST : TN_GOAL_NONE, self->whole ? MOST_PEAK : NAN, NAN);
}

/* Bytes a second that the disk gives to somebody who does nothing with them. */
static double
measure_disk (const char *path)
{
  g_autofree char *buffer = g_malloc (READ_BYTES);
  double start, bytes = 0.0;
  int fd;

  tn_forget_pages (path);
  start = tn_time_now ();
  fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return NAN;
  posix_fadvise (fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  for (ssize_t n; (n = read (fd, buffer, READ_BYTES)) > 0;)
    bytes += (double) n;
  close (fd);
  return bytes / (tn_time_now () - start);
}

typedef struct
{
  TnSiteStats *stats;
  TnBatch *batch;
  float *values;
} Observed;

static void
observe (gpointer observed)
{
  Observed *self = observed;

  tn_site_stats_observe (self->stats, self->batch, self->values);
}

/* Bytes a second that are observed of a tile in memory, over and over. */
static double
measure_observing (guint width)
{
  guint rows = (guint) (OBSERVED_BYTES / sizeof (float) / width), n = (rows + OBSERVED_ROWS - 1) / OBSERVED_ROWS;
  g_autofree TnSequence *sequences = g_new0 (TnSequence, n);
  Observed observed = {.stats = tn_site_stats_new ("site", width), .values = g_new (float, (gsize) rows * width)};
  TnRandom random = tn_random_stream (2, "observed");
  double seconds;

  for (gsize i = 0; i < (gsize) rows * width; i++)
    observed.values[i] = (float) tn_random_normal (&random);
  for (guint s = 0; s < n; s++)
    sequences[s] = (TnSequence){.hash = tn_random_next (&random), .length = MIN (OBSERVED_ROWS, rows - s * OBSERVED_ROWS)};
  observed.batch = tn_batch_new (sequences, n);
  seconds = tn_time_calls (observe, &observed, 0.3);
  tn_batch_unref (observed.batch);
  tn_site_stats_free (observed.stats);
  g_free (observed.values);
  return (double) rows * width * sizeof (float) / seconds;
}

static gboolean
make_activations (Streaming *self, GPtrArray *paths)
{
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (widths); i++)
    {
      g_autofree char *name = g_strdup_printf ("site%u.npy", i);
      const char *path = tn_make_activations (&self->files, name, self->bytes / G_N_ELEMENTS (widths) / sizeof (float) / widths[i] + 1, widths[i], NULL, &error);

      if (path == NULL || tn_bench_cancelled (self->bench))
        {
          tn_bench_remark (self->bench, "activations could not be written: %s", error != NULL ? error->message : "cancelled");
          return FALSE;
        }
      g_ptr_array_add (paths, (gpointer) path);
    }
  return TRUE;
}

static gboolean
calibrate_files (Streaming *self, const GPtrArray *paths, Outcome *outcome)
{
  GPtrArray *arguments = g_ptr_array_new ();

  for (guint i = 0; i < paths->len; i++)
    {
      tn_forget_pages (g_ptr_array_index (paths, i));
      g_ptr_array_add (arguments, (gpointer) "--tensors");
      g_ptr_array_add (arguments, g_ptr_array_index (paths, i));
    }
  return calibrate (self, arguments, outcome);
}

/* The rate, file by file: each is read by nobody's work, then calibrated on, both from the disk. */
static void
measure_rate (Streaming *self, const GPtrArray *paths)
{
  TnSamples rates = {.n = 0}, limits = {.n = 0}, shares = {.n = 0}, disks = {.n = 0}, memories = {.n = 0};

  for (guint turn = 0; turn < RATE_TURNS * paths->len && !tn_bench_cancelled (self->bench); turn++)
    {
      g_autoptr (GPtrArray) one = g_ptr_array_new ();
      guint i = turn % paths->len;
      double disk = measure_disk (g_ptr_array_index (paths, i)), memory = measure_observing (widths[i]), rate;
      Outcome outcome;

      g_ptr_array_add (one, g_ptr_array_index (paths, i));
      if (!calibrate_files (self, one, &outcome))
        return;
      rate = outcome.tokens * widths[i] * sizeof (float) / outcome.seconds;
      disk = 0.5 * (disk + measure_disk (g_ptr_array_index (paths, i)));
      tn_samples_add (&rates, rate);
      tn_samples_add (&disks, disk);
      tn_samples_add (&memories, memory);
      tn_samples_add (&limits, MIN (disk, memory));
      tn_samples_add (&shares, rate / MIN (disk, memory));
    }
  tn_bench_remark (self->bench, "disk %.3g GB/s, observing in memory %.3g GB/s by %d threads", 1e-9 * tn_samples_median (&disks),
                   1e-9 * tn_samples_median (&memories), omp_get_max_threads ());
  tn_bench_add (self->bench, "calibrate_tensors_rate", 1e-9 * tn_samples_median (&rates), 1e-9 * tn_samples_max (&rates), "GB/s", TN_GOAL_NONE, NAN,
                1e-9 * tn_samples_median (&limits));
  tn_bench_add (self->bench, "calibrate_tensors_rate_fraction", tn_samples_median (&shares), tn_samples_max (&shares), "of limit", TN_GOAL_AT_LEAST, 0.9, 1.0);
}

static void
measure_activations (Streaming *self)
{
  g_autoptr (GPtrArray) paths = g_ptr_array_new ();
  Outcome outcome;

  if (!make_activations (self, paths))
    return;
  if (tn_bench_wants (self->bench, "calibrate_tensors_rate"))
    measure_rate (self, paths);
  if (tn_bench_wants (self->bench, "calibrate_10gb_peak_bytes") && calibrate_files (self, paths, &outcome))
    {
      add_peak (self, "calibrate_10gb_peak_bytes", outcome.peak);
      tn_bench_remark (self->bench, "all %.3g GB of activations in %.3g s, %.3g GB/s", 1e-9 * (double) self->bytes, outcome.seconds,
                       1e-9 * (double) self->bytes / outcome.seconds);
    }
  for (guint i = 0; i < paths->len; i++)
    unlink (g_ptr_array_index (paths, i));
}

static void
measure_tokens (Streaming *self, const char *model)
{
  g_autoptr (GError) error = NULL;
  const char *path = tn_make_tokens (&self->files, "tokens.bin", self->bytes / sizeof (guint16), TN_MADE_MODEL_VOCABULARY, NULL, &error);
  GPtrArray *arguments;
  Outcome outcome;

  if (path == NULL)
    {
      tn_bench_remark (self->bench, "tokens could not be written: %s", error->message);
      return;
    }
  arguments = g_ptr_array_new ();
  g_ptr_array_add (arguments, (gpointer) model);
  g_ptr_array_add (arguments, (gpointer) "--data");
  g_ptr_array_add (arguments, (gpointer) path);
  g_ptr_array_add (arguments, (gpointer) "--samples");
  g_ptr_array_add (arguments, (gpointer) N_SEQUENCES);
  if (calibrate (self, arguments, &outcome))
    {
      add_peak (self, "calibrate_10gb_tokens_peak_bytes", outcome.peak);
      tn_bench_remark (self->bench, N_SEQUENCES " sequences drawn across %.3g GB of tokens: %.3g s", 1e-9 * (double) self->bytes, outcome.seconds);
    }
  unlink (path);
}

typedef struct
{
  TnModel *model;
  const TnBatch *batch;
  TnStats *stats;
} Forward;

static void
forward (gpointer forward_call)
{
  Forward *self = forward_call;
  TnForwardOptions options = {.kinds = TN_SITE_INPUT, .observe = tn_stats_observe, .user_data = self->stats};

  if (tn_model_forward (self->model, self->batch, &options, NULL, NULL, NULL, NULL))
    tn_stats_count_batch (self->stats, self->batch);
}

static TnBatchSource *
open_source (const char *path, GError **error)
{
  const TnSamplingOptions options = {.seq_len = TN_MADE_MODEL_CONTEXT, .batch_size = 4, .shard = 1, .n_shards = 1};
  g_autoptr (TnTokenizer) tokenizer = tn_tokenizer_new_bytes (TRUE);
  g_autoptr (TnDataset) dataset = tn_dataset_open ((const char *const[]){path, NULL}, NULL, tokenizer, TN_MADE_MODEL_VOCABULARY, NULL, error);

  return dataset != NULL ? tn_dataset_sample (dataset, &options, NULL, NULL, error) : NULL;
}

/* Seconds for the batches of a file that lies on the disk; the batches are kept for measure_memory(). */
static double
measure_stream (TnModel *model, TnStats *stats, const char *path, GPtrArray *batches)
{
  TnBatchSource *source;
  double start;

  tn_forget_pages (path);
  tn_stats_clear (stats);
  g_ptr_array_set_size (batches, 0);
  start = tn_time_now ();
  if ((source = open_source (path, NULL)) == NULL)
    return NAN;
  source = tn_batch_source_read_ahead (source, 2, 0);
  while (batches->len < BATCHES)
    {
      Forward call = {.model = model, .batch = tn_batch_source_next (source, NULL), .stats = stats};

      if (call.batch == NULL)
        break;
      forward (&call);
      g_ptr_array_add (batches, (gpointer) call.batch);
    }
  start = tn_time_now () - start;
  tn_batch_source_free (source);
  return start;
}

static double
measure_memory (TnModel *model, TnStats *stats, const GPtrArray *batches)
{
  double start;

  tn_stats_clear (stats);
  start = tn_time_now ();
  for (guint i = 0; i < batches->len; i++)
    {
      Forward call = {.model = model, .batch = g_ptr_array_index (batches, i), .stats = stats};

      forward (&call);
    }
  return tn_time_now () - start;
}

static void
free_batch (gpointer batch)
{
  tn_batch_unref (batch);
}

/* Turns of both, one behind the other; the better of a kind of data counts nothing: the worse one is the figure. */
static void
measure_stream_vs_memory (Streaming *self, const char *model_path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TnModelFile) file = tn_model_file_open (model_path, &error);
  g_autoptr (TnModel) model = file != NULL ? tn_model_file_load (file, &error) : NULL;
  const char *paths[2] = {NULL};
  double worst = INFINITY, best = INFINITY;

  if (model != NULL)
    {
      paths[0] = tn_make_json_lines (&self->files, "text.jsonl", TEXT_BYTES, NULL, &error);
      paths[1] = tn_make_tokens (&self->files, "some-tokens.bin", TEXT_BYTES, TN_MADE_MODEL_VOCABULARY, NULL, &error);
    }
  for (guint p = 0; p < G_N_ELEMENTS (paths) && paths[p] != NULL; p++)
    {
      g_autoptr (TnStats) stats = tn_stats_new (tn_model_get_fingerprint (model), "");
      g_autoptr (GPtrArray) batches = g_ptr_array_new_with_free_func (free_batch);
      TnSamples ratios = {.n = 0};

      tn_stats_add_sites (stats, model, TN_SITE_INPUT);
      measure_stream (model, stats, paths[p], batches);
      for (guint turn = 0; turn < TURNS && !tn_bench_cancelled (self->bench); turn++)
        {
          double memory = measure_memory (model, stats, batches);

          tn_samples_add (&ratios, memory / measure_stream (model, stats, paths[p], batches));
        }
      tn_bench_remark (self->bench, "from %s: %.4g of the rate in memory", p == 0 ? "JSON lines" : "tokens", tn_samples_median (&ratios));
      worst = MIN (worst, tn_samples_median (&ratios));
      best = MIN (best, tn_samples_max (&ratios));
    }
  if (error != NULL)
    tn_bench_remark (self->bench, "stream_vs_memory: %s", error->message);
  else
    tn_bench_add (self->bench, "stream_vs_memory", worst, best, "ratio", TN_GOAL_AT_LEAST, 0.97, 1.0);
}

void
tn_bench_streaming (TnBench *bench)
{
  const char *wanted = g_getenv ("TERNION_BENCH_BYTES");
  g_auto (TnMadeFiles) files = {NULL};
  g_autoptr (GError) error = NULL;
  Streaming self = {.bench = bench, .bytes = wanted != NULL ? g_ascii_strtoull (wanted, NULL, 10) : BYTES};
  const char *model;

  if (!tn_made_files_init (&files, &error) || (model = tn_make_model (&files, "model.bin", &error)) == NULL)
    {
      tn_bench_remark (bench, "no files: %s", error->message);
      return;
    }
  if (tn_made_files_left (&files) < self.bytes + SPARE_BYTES)
    {
      self.bytes = tn_made_files_left (&files) / 4;
      tn_bench_remark (bench, "the disk has no room for more than %.3g GB", 1e-9 * (double) self.bytes);
    }
  self.whole = self.bytes >= BYTES;
  if (!self.whole)
    tn_bench_remark (bench, "with %.3g GB instead of 10: no targets for memory", 1e-9 * (double) self.bytes);
  tn_made_files_name (&files, "out.safetensors");
  tn_made_files_name (&files, "workspace.db");
  tn_made_files_name (&files, "workspace.db-wal");
  tn_made_files_name (&files, "workspace.db-shm");
  self.files = files;
  if (tn_bench_wants (bench, "stream_vs_memory"))
    measure_stream_vs_memory (&self, model);
  if (tn_bench_wants (bench, "calibrate_10gb_peak_bytes") || tn_bench_wants (bench, "calibrate_tensors_rate"))
    measure_activations (&self);
  if (tn_bench_wants (bench, "calibrate_10gb_tokens_peak_bytes"))
    measure_tokens (&self, model);
}
