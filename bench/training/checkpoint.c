/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/training/training.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "bench/calibration/made-files.h"
#include "data/training/checkpoint-writer.h"
#include "engine/memory/pool.h"

/* The 17M model (width 512, 4 layers, hidden 1376, vocabulary 4096) with AdamW's two moments. */
#define WIDTH 512
#define HIDDEN 1376
#define LAYERS 4
#define VOCABULARY 4096
#define PARTS 3
#define TURNS 9

typedef struct
{
  const char *name;
  guint64 rows, columns;
} Shape;

static const Shape layer[] = {
    {"attn_q", WIDTH, WIDTH},      {"attn_k", WIDTH, WIDTH},    {"attn_v", WIDTH, WIDTH},
    {"attn_output", WIDTH, WIDTH}, {"ffn_gate", HIDDEN, WIDTH}, {"ffn_up", HIDDEN, WIDTH},
    {"ffn_down", WIDTH, HIDDEN},   {"attn_norm", 1, WIDTH},     {"ffn_norm", 1, WIDTH},
};

typedef struct
{
  TnCheckpoint *checkpoint;
  GPtrArray *arrays; /* of the pool */
} State;

static void
block_free (gpointer block)
{
  tn_pool_release (tn_pool_default (), block);
}

static gboolean
add_array (State *self, const char *part, guint index, const Shape *shape)
{
  static const char *const parts[PARTS] = {"model", "optimizer/first", "optimizer/second"};
  gsize n = (gsize) (shape->rows * shape->columns);
  g_autofree char *name = g_strdup_printf ("%s/%s.%u.%s", parts[index % PARTS], part, index / PARTS, shape->name);
  float *data = tn_pool_alloc_array (tn_pool_default (), TN_PURPOSE_OPTIMIZER, n, sizeof (float), NULL);

  if (data == NULL)
    return FALSE;
  for (gsize i = 0; i < n; i++)
    data[i] = (float) (i % 1021) * 0.001f;
  g_ptr_array_add (self->arrays, data);
  return tn_checkpoint_add_array (self->checkpoint, name, TN_DTYPE_F32, 2, (const guint64[]){shape->rows, shape->columns}, data,
                                  NULL);
}

static gboolean
make_state (State *self)
{
  static const Shape top[] = {{"token_embd", VOCABULARY, WIDTH}, {"output", VOCABULARY, WIDTH}, {"output_norm", 1, WIDTH}};

  self->checkpoint = tn_checkpoint_new (1);
  self->arrays = g_ptr_array_new_with_free_func (block_free);
  for (guint part = 0; part < PARTS; part++)
    {
      for (guint i = 0; i < G_N_ELEMENTS (top); i++)
        if (!add_array (self, "top", part, &top[i]))
          return FALSE;
      for (guint l = 0; l < LAYERS; l++)
        for (guint i = 0; i < G_N_ELEMENTS (layer); i++)
          if (!add_array (self, "blk", l * PARTS + part, &layer[i]))
            return FALSE;
    }
  return TRUE;
}

static void
clear_state (State *self)
{
  tn_checkpoint_free (self->checkpoint);
  g_ptr_array_unref (self->arrays);
}

/* What the disk could do: the same bytes in one piece, written and synced. */
static double
time_plain_write (const char *path, const guint8 *data, gsize bytes)
{
  double start = tn_time_now ();
  int file = g_open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  gboolean written = file >= 0;

  for (gsize done = 0; written && done < bytes;)
    {
      gssize n = write (file, data + done, bytes - done);

      written = n > 0;
      done += written ? (gsize) n : 0;
    }
  if (file >= 0 && (fsync (file) != 0 || close (file) != 0))
    written = FALSE;
  g_unlink (path);
  return written ? tn_time_now () - start : NAN;
}

static double
time_copy (guint8 *out, const guint8 *data, gsize bytes)
{
  double start = tn_time_now ();

  memcpy (out, data, bytes);
  return tn_time_now () - start;
}

static double
time_restore (State *state, const char *folder)
{
  double start = tn_time_now ();
  g_autoptr (TnCheckpointFile) file = tn_checkpoint_find_latest (folder, NULL, NULL);

  if (file == NULL || !tn_checkpoint_restore (state->checkpoint, file, NULL))
    return NAN;
  return tn_time_now () - start;
}

/* Without copies, submit() writes to the page cache. */
static void
measure_uncopied (TnBench *bench, State *state, TnMadeFiles *files, double limit)
{
  const TnCheckpointRetention retention = {.keep_last = 1};
  g_autoptr (TnCheckpointWriter) writer = tn_checkpoint_writer_new (files->folder, &retention, 0, NULL);
  TnSamples stall = {.n = 0};

  for (guint turn = 0; writer != NULL && turn < TURNS && !tn_bench_cancelled (bench); turn++)
    {
      tn_checkpoint_set_step (state->checkpoint, TURNS + turn + 1);
      tn_checkpoint_writer_submit (writer, state->checkpoint, TRUE, NULL);
      if (!tn_checkpoint_writer_finish (writer, NULL, NULL))
        break;
      tn_samples_add (&stall, tn_checkpoint_writer_get_counts (writer)->last_stall_seconds);
    }
  tn_bench_add (bench, "checkpoint_17m_uncopied_stall_ms", 1e3 * tn_samples_median (&stall), 1e3 * tn_samples_min (&stall), "ms",
                TN_GOAL_NONE, NAN, limit);
}

static void
measure (TnBench *bench, State *state, TnMadeFiles *files)
{
  const TnCheckpointRetention retention = {.keep_last = 1};
  const char *plain = tn_made_files_name (files, "plain");
  g_autoptr (TnCheckpointWriter) writer = tn_checkpoint_writer_new (files->folder, &retention, TN_CHECKPOINT_ANY_COPY, NULL);
  gsize bytes = (gsize) tn_checkpoint_get_bytes (state->checkpoint);
  g_autoptr (TnBlock) from = tn_pool_alloc0 (tn_pool_default (), TN_PURPOSE_SCRATCH, bytes, NULL);
  g_autoptr (TnBlock) to = tn_pool_alloc0 (tn_pool_default (), TN_PURPOSE_SCRATCH, bytes, NULL);
  TnSamples stall = {.n = 0}, copy = {.n = 0}, written = {.n = 0}, disk = {.n = 0}, restored = {.n = 0};

  if (writer == NULL || from == NULL || to == NULL)
    return;
  memset (from, 1, bytes);
  memset (to, 1, bytes);
  for (guint turn = 0; turn < TURNS && !tn_bench_cancelled (bench); turn++)
    {
      tn_checkpoint_set_step (state->checkpoint, turn + 1);
      tn_checkpoint_writer_submit (writer, state->checkpoint, TRUE, NULL);
      if (!tn_checkpoint_writer_finish (writer, NULL, NULL))
        break;
      tn_samples_add (&stall, tn_checkpoint_writer_get_counts (writer)->last_stall_seconds);
      tn_samples_add (&written, tn_checkpoint_writer_get_counts (writer)->last_write_seconds);
      tn_samples_add (&copy, time_copy (to, from, bytes));
      tn_samples_add (&disk, time_plain_write (plain, from, bytes));
      tn_samples_add (&restored, time_restore (state, files->folder));
    }
  tn_bench_remark (bench, "checkpoint_17m: %u arrays, %.1f MiB in a file", tn_checkpoint_n_arrays (state->checkpoint),
                   (double) bytes / 0x1p20);
  tn_bench_add (bench, "checkpoint_17m_stall_ms", 1e3 * tn_samples_median (&stall), 1e3 * tn_samples_min (&stall), "ms",
                TN_GOAL_NONE, NAN, 1e3 * tn_samples_median (&copy));
  tn_bench_add (bench, "checkpoint_17m_write_ms", 1e3 * tn_samples_median (&written), 1e3 * tn_samples_min (&written), "ms",
                TN_GOAL_NONE, NAN, 1e3 * tn_samples_median (&disk));
  tn_bench_add (bench, "checkpoint_17m_restore_ms", 1e3 * tn_samples_median (&restored), 1e3 * tn_samples_min (&restored), "ms",
                TN_GOAL_NONE, NAN, 2e3 * tn_samples_median (&copy));
  measure_uncopied (bench, state, files, 1e3 * tn_samples_median (&copy));
}

void
tn_bench_training_checkpoint (TnBench *bench)
{
  g_auto (TnMadeFiles) files = {NULL};
  g_autoptr (GError) error = NULL;
  State state;

  if (!tn_made_files_init (&files, &error))
    {
      tn_bench_remark (bench, "checkpoint_17m: %s", error->message);
      return;
    }
  if (make_state (&state))
    measure (bench, &state, &files);
  clear_state (&state);
}
