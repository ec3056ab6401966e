/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "data/workspace/schema.h"
#include "engine/error.h"
#include "tests/data/workspace-fixture.h"

static char *program;

/* One line that names the file. */
static void
assert_refused (const char *path, TnErrorCode code, const char *words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TnWorkspace) workspace = tn_workspace_open (path, &error);

  g_assert_null (workspace);
  g_assert_error (error, TN_ERROR, (int) code);
  g_assert_true (g_str_has_prefix (error->message, path));
  g_assert_nonnull (strstr (error->message, words));
  g_assert_null (strchr (error->message, '\n'));
}

static void
test_models (Fixture *fixture, gconstpointer data)
{
  g_autoptr (TnWorkspace) workspace = open_workspace (fixture->path);
  TnModelRow model = {0, (char *) "a.gguf", (char *) "gguf", (char *) "llama", G_MAXUINT64 - 5, 1000, 250, 1};
  TnModelRow other = {0, (char *) "b.bin", (char *) "llama2.c", (char *) "llama", 7, 10, 2, 2};
  g_autoptr (GPtrArray) rows = NULL;
  gint64 first = tn_workspace_record_model (workspace, &model, NULL);
  TnModelRow *row;

  g_assert_cmpint (first, >, 0);
  g_assert_cmpint (tn_workspace_record_model (workspace, &other, NULL), !=, first);
  model.path = (char *) "moved.gguf";
  model.seen_us = 3;
  g_assert_cmpint (tn_workspace_record_model (workspace, &model, NULL), ==, first);

  rows = tn_workspace_list_models (workspace, NULL);
  g_assert_cmpuint (rows->len, ==, 2);
  row = g_ptr_array_index (rows, 0);
  g_assert_cmpint (row->id, ==, first);
  g_assert_cmpstr (row->path, ==, "moved.gguf");
  g_assert_cmpstr (row->format, ==, "gguf");
  g_assert_cmpstr (row->architecture, ==, "llama");
  g_assert_cmpuint (row->fingerprint, ==, G_MAXUINT64 - 5);
  g_assert_cmpuint (row->bytes, ==, 1000);
  g_assert_cmpuint (row->parameters, ==, 250);
  g_assert_cmpint (row->seen_us, ==, 3);
}

static void
test_runs (Fixture *fixture, gconstpointer data)
{
  g_autoptr (TnWorkspace) workspace = open_workspace (fixture->path);
  g_autoptr (GError) error = NULL;
  g_autoptr (TnRunRow) row = NULL;
  g_autoptr (GPtrArray) rows = NULL, events = NULL;
  gint64 first = tn_workspace_begin_run (workspace, "inspect", NULL, NULL, &error);
  gint64 second = tn_workspace_begin_run (workspace, "calibrate", "a title", "{\"n\":1}", &error);

  g_assert_no_error (error);
  g_assert_cmpint (second, >, first);
  g_assert_true (tn_workspace_update_run (workspace, second, TN_RUN_PAUSED, 3, 12.5, "sequences", 1.25, 1 << 20, &error));
  g_assert_true (tn_workspace_add_event (workspace, second, "info", "half way", &error));
  row = tn_workspace_get_run (workspace, second, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (row->verb, ==, "calibrate");
  g_assert_cmpstr (row->title, ==, "a title");
  g_assert_cmpstr (row->arguments, ==, "{\"n\":1}");
  g_assert_cmpint (row->state, ==, TN_RUN_PAUSED);
  g_assert_cmpfloat (row->done, ==, 3);
  g_assert_cmpfloat (row->total, ==, 12.5);
  g_assert_cmpstr (row->unit, ==, "sequences");
  g_assert_cmpfloat (row->rate, ==, 1.25);
  g_assert_cmpuint (row->rss_bytes, ==, 1 << 20);
  g_assert_cmpstr (row->message, ==, "half way");
  g_assert_null (row->output);
  g_assert_cmpint (row->pid, ==, getpid ());
  g_assert_cmpint (row->updated_us, >=, row->started_us);
  g_clear_pointer (&row, tn_run_row_free);

  g_assert_true (tn_workspace_end_run (workspace, second, TN_RUN_DONE, NULL, "out.safetensors", &error));
  g_assert_true (tn_workspace_end_run (workspace, first, TN_RUN_FAILED, "why", NULL, &error));
  rows = tn_workspace_list_runs (workspace, 0, &error);
  g_assert_cmpuint (rows->len, ==, 2);
  g_assert_cmpint (((TnRunRow *) rows->pdata[0])->id, ==, second);
  g_assert_cmpint (((TnRunRow *) rows->pdata[0])->state, ==, TN_RUN_DONE);
  g_assert_cmpstr (((TnRunRow *) rows->pdata[0])->output, ==, "out.safetensors");
  g_assert_cmpstr (((TnRunRow *) rows->pdata[0])->message, ==, "half way");
  g_assert_cmpint (((TnRunRow *) rows->pdata[1])->state, ==, TN_RUN_FAILED);
  g_assert_cmpstr (((TnRunRow *) rows->pdata[1])->message, ==, "why");
  g_clear_pointer (&rows, g_ptr_array_unref);
  rows = tn_workspace_list_runs (workspace, 1, &error);
  g_assert_cmpuint (rows->len, ==, 1);

  events = tn_workspace_list_events (workspace, second, &error);
  g_assert_cmpuint (events->len, ==, 1);
  g_assert_cmpstr (((TnEventRow *) events->pdata[0])->kind, ==, "info");

  g_assert_null (tn_workspace_get_run (workspace, 99, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_false (tn_workspace_update_run (workspace, 99, TN_RUN_RUNNING, 0, 0, "", 0, 0, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_false (tn_workspace_add_event (workspace, 99, "info", "x", &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_NOT_FOUND);
}

static void
test_requests (Fixture *fixture, gconstpointer data)
{
  g_autoptr (TnWorkspace) here = open_workspace (fixture->path);
  g_autoptr (TnWorkspace) there = open_workspace (fixture->path);
  g_autoptr (GError) error = NULL;
  gint64 run = tn_workspace_begin_run (here, "train", NULL, NULL, NULL);

  g_assert_cmpint (tn_workspace_take_request (here, run), ==, TN_REQUEST_NONE);
  g_assert_true (tn_workspace_post_request (there, run, TN_REQUEST_PAUSE, &error));
  g_assert_true (tn_workspace_post_request (there, run, TN_REQUEST_RESUME, &error));
  g_assert_cmpint (tn_workspace_take_request (here, run), ==, TN_REQUEST_RESUME);
  g_assert_cmpint (tn_workspace_take_request (here, run), ==, TN_REQUEST_NONE);
  /* Nothing takes a cancellation back. */
  g_assert_true (tn_workspace_post_request (there, run, TN_REQUEST_CANCEL, &error));
  g_assert_true (tn_workspace_post_request (there, run, TN_REQUEST_PAUSE, &error));
  g_assert_cmpint (tn_workspace_take_request (here, run), ==, TN_REQUEST_CANCEL);

  g_assert_true (tn_workspace_end_run (here, run, TN_RUN_CANCELLED, NULL, NULL, NULL));
  g_assert_false (tn_workspace_post_request (there, run, TN_REQUEST_PAUSE, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_ARGUMENT);
  g_clear_error (&error);
  g_assert_false (tn_workspace_post_request (there, run + 1, TN_REQUEST_PAUSE, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_NOT_FOUND);
}

static void
test_data_version (Fixture *fixture, gconstpointer data)
{
  g_autoptr (TnWorkspace) here = open_workspace (fixture->path);
  g_autoptr (TnWorkspace) there = open_workspace (fixture->path);
  gint64 run = tn_workspace_begin_run (here, "train", NULL, NULL, NULL);
  gint64 version = tn_workspace_data_version (here);
  gint64 foreign = tn_workspace_data_version (there);

  g_assert_cmpint (tn_workspace_data_version (here), ==, version);
  g_assert_true (tn_workspace_add_event (here, run, "info", "own", NULL));
  g_assert_cmpint (tn_workspace_data_version (here), !=, version);
  g_assert_cmpint (tn_workspace_data_version (there), !=, foreign);
  version = tn_workspace_data_version (here);
  foreign = tn_workspace_data_version (there);
  g_assert_true (tn_workspace_add_event (there, run, "info", "foreign", NULL));
  g_assert_cmpint (tn_workspace_data_version (here), !=, version);
  g_assert_cmpint (tn_workspace_data_version (there), !=, foreign);
}

static void
test_batch (Fixture *fixture, gconstpointer data)
{
  g_autoptr (TnWorkspace) workspace = open_workspace (fixture->path);
  g_autoptr (GPtrArray) events = NULL;
  gint64 run = tn_workspace_begin_run (workspace, "train", NULL, NULL, NULL);

  g_assert_true (tn_workspace_begin_batch (workspace, NULL));
  g_assert_true (tn_workspace_add_event (workspace, run, "info", "dropped", NULL));
  g_assert_false (tn_workspace_end_batch (workspace, FALSE, NULL));
  g_assert_true (tn_workspace_begin_batch (workspace, NULL));
  g_assert_true (tn_workspace_add_event (workspace, run, "info", "kept", NULL));
  g_assert_true (tn_workspace_end_batch (workspace, TRUE, NULL));
  events = tn_workspace_list_events (workspace, run, NULL);
  g_assert_cmpuint (events->len, ==, 1);
  g_assert_cmpstr (((TnEventRow *) events->pdata[0])->text, ==, "kept");
}

static double
series_value (gint64 i)
{
  return i % 1009 == 17 ? (double) NAN : sin ((double) i) * (double) (i % 4099);
}

static void
check_pyramid (TnWorkspace *workspace, gint64 run, gint64 n, guint max_entries)
{
  g_autoptr (GArray) entries = g_array_new (FALSE, FALSE, sizeof (TnPyramidEntry));
  gint64 next = 0;

  g_assert_true (tn_workspace_read_pyramid (workspace, run, "loss", max_entries, entries, NULL));
  g_assert_cmpuint (entries->len, <=, max_entries);
  g_assert_cmpuint (entries->len, >, max_entries / 16);
  for (guint i = 0; i < entries->len; i++)
    {
      TnPyramidEntry *entry = &g_array_index (entries, TnPyramidEntry, i);
      double minimum = NAN, maximum = NAN;

      g_assert_cmpint (entry->first_step, ==, next * 3);
      for (gint64 k = 0; k < entry->count; k++, next++)
        {
          minimum = fmin (minimum, series_value (next));
          maximum = fmax (maximum, series_value (next));
        }
      g_assert_cmpint (entry->last_step, ==, (next - 1) * 3);
      g_assert_cmpfloat (entry->minimum, ==, minimum);
      g_assert_cmpfloat (entry->maximum, ==, maximum);
    }
  g_assert_cmpint (next, ==, n);
}

static void
test_series (Fixture *fixture, gconstpointer data)
{
  const gint64 n = 100000;
  const gsize parts[] = {1, 511, 512, 513, 7, 0, 1024, 3, 2049, 100};
  g_autoptr (TnWorkspace) workspace = open_workspace (fixture->path);
  g_autoptr (GArray) steps = g_array_new (FALSE, FALSE, sizeof (gint64)), values = g_array_new (FALSE, FALSE, sizeof (double));
  g_autofree gint64 *all_steps = g_new (gint64, n);
  g_autofree double *all_values = g_new (double, n);
  gint64 run = tn_workspace_begin_run (workspace, "train", NULL, NULL, NULL);
  g_auto (GStrv) names = NULL;
  g_autoptr (GPtrArray) latest = NULL;
  g_autoptr (GError) error = NULL;
  double last[] = {NAN, NAN};
  gint64 last_steps[] = {1, 2};

  for (gint64 i = 0; i < n; i++)
    {
      all_steps[i] = i * 3;
      all_values[i] = series_value (i);
    }
  g_assert_true (tn_workspace_begin_batch (workspace, NULL));
  for (gint64 i = 0, k = 0; i < n; k++)
    {
      gsize part = MIN (parts[k % (gint64) G_N_ELEMENTS (parts)], (gsize) (n - i));

      g_assert_true (tn_workspace_append_series (workspace, run, "loss", part, all_steps + i, all_values + i, &error));
      i += (gint64) part;
    }
  g_assert_true (tn_workspace_end_batch (workspace, TRUE, NULL));
  g_assert_true (tn_workspace_read_series (workspace, run, "loss", steps, values, &error));
  g_assert_cmpuint (steps->len, ==, n);
  g_assert_cmpmem (steps->data, n * sizeof (gint64), all_steps, n * sizeof (gint64));
  g_assert_cmpmem (values->data, n * sizeof (double), all_values, n * sizeof (double));
  check_pyramid (workspace, run, n, 1000);
  check_pyramid (workspace, run, n, 100);
  check_pyramid (workspace, run, n, 5);

  /* A series without a number, and one that is not there. */
  g_assert_true (tn_workspace_append_series (workspace, run, "empty", 2, last_steps, last, &error));
  g_array_set_size (steps, 0);
  g_array_set_size (values, 0);
  g_assert_true (tn_workspace_read_series (workspace, run, "empty", steps, values, &error));
  g_assert_cmpuint (values->len, ==, 2);
  g_assert_true (isnan (g_array_index (values, double, 1)));
  g_assert_false (tn_workspace_read_series (workspace, run, "missing", steps, values, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_false (tn_workspace_append_series (workspace, 99, "loss", 2, last_steps, last, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_NOT_FOUND);
  names = tn_workspace_list_series (workspace, run, NULL);
  g_assert_cmpuint (g_strv_length (names), ==, 2);
  g_assert_cmpstr (names[0], ==, "empty");
  g_assert_cmpstr (names[1], ==, "loss");

  g_clear_error (&error);
  latest = tn_workspace_list_latest (workspace, run, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (latest->len, ==, 2);
  g_assert_cmpstr (((TnSeriesRow *) g_ptr_array_index (latest, 0))->name, ==, "empty");
  g_assert_true (isnan (((TnSeriesRow *) g_ptr_array_index (latest, 0))->value));
  g_assert_cmpint (((TnSeriesRow *) g_ptr_array_index (latest, 1))->count, ==, n);
  g_assert_cmpint (((TnSeriesRow *) g_ptr_array_index (latest, 1))->step, ==, all_steps[n - 1]);
  g_assert_cmpfloat (((TnSeriesRow *) g_ptr_array_index (latest, 1))->value, ==, all_values[n - 1]);
}

static void
test_snapshots (Fixture *fixture, gconstpointer data)
{
  g_autoptr (TnWorkspace) workspace = open_workspace (fixture->path);
  g_autoptr (GBytes) first = g_bytes_new_static ("one\0two", 7), empty = g_bytes_new_static ("", 0), found = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) stats = NULL;
  gint64 run = tn_workspace_begin_run (workspace, "calibrate", NULL, NULL, NULL);
  gint64 later = tn_workspace_begin_run (workspace, "calibrate", NULL, NULL, NULL);
  gint64 version = 0;

  g_assert_null (tn_workspace_get_snapshot (workspace, run, &version, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_true (tn_workspace_put_snapshot (workspace, run, empty, &error));
  g_assert_true (tn_workspace_put_snapshot (workspace, run, first, &error));
  found = tn_workspace_get_snapshot (workspace, run, &version, &error);
  g_assert_true (g_bytes_equal (found, first));
  g_assert_cmpint (version, ==, 2);

  /* The latest ended run keeps its snapshot, earlier ones lose theirs. */
  g_assert_true (tn_workspace_put_snapshot (workspace, later, first, &error));
  g_assert_true (tn_workspace_end_run (workspace, run, TN_RUN_DONE, NULL, "a", &error));
  g_clear_pointer (&found, g_bytes_unref);
  found = tn_workspace_get_snapshot (workspace, run, NULL, &error);
  g_assert_nonnull (found);
  g_assert_true (tn_workspace_end_run (workspace, later, TN_RUN_DONE, NULL, "b", &error));
  g_assert_null (tn_workspace_get_snapshot (workspace, run, NULL, NULL));
  g_clear_pointer (&found, g_bytes_unref);
  found = tn_workspace_get_snapshot (workspace, later, NULL, &error);
  g_assert_nonnull (found);

  g_assert_true (tn_workspace_record_stats (workspace, run, "s.safetensors", 1, G_MAXUINT64, 3, 4, 5, "the model=1\n", &error));
  g_assert_true (tn_workspace_record_stats (workspace, run, "t.safetensors", 1, 2, 3, 4, 5, NULL, &error));
  stats = tn_workspace_list_stats (workspace, &error);
  g_assert_cmpuint (stats->len, ==, 2);
  g_assert_null (((TnStatisticsRow *) stats->pdata[0])->provenance);
  g_assert_cmpint (((TnStatisticsRow *) stats->pdata[1])->run, ==, run);
  g_assert_cmpuint (((TnStatisticsRow *) stats->pdata[1])->data_fingerprint, ==, G_MAXUINT64);
  g_assert_cmpuint (((TnStatisticsRow *) stats->pdata[1])->bytes, ==, 5);
  g_assert_cmpstr (((TnStatisticsRow *) stats->pdata[1])->provenance, ==, "the model=1\n");
}

static sqlite3 *
open_raw (const char *path)
{
  sqlite3 *raw;

  g_assert_cmpint (sqlite3_open (path, &raw), ==, SQLITE_OK);
  return raw;
}

static void
execute_raw (const char *path, const char *sql)
{
  sqlite3 *raw = open_raw (path);

  g_assert_cmpint (sqlite3_exec (raw, sql, NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close (raw);
}

static void
test_newer_version (Fixture *fixture, gconstpointer data)
{
  tn_workspace_unref (open_workspace (fixture->path));
  execute_raw (fixture->path, "PRAGMA user_version=99");
  assert_refused (fixture->path, TN_ERROR_MISMATCH, "newer");
}

static void
test_foreign_files (Fixture *fixture, gconstpointer data)
{
  g_autofree char *text = g_build_filename (fixture->folder, "text.db", NULL);
  g_autofree char *other = g_build_filename (fixture->folder, "other.db", NULL);
  g_autofree char *empty = g_build_filename (fixture->folder, "empty.db", NULL);
  g_autofree char *content = NULL;
  g_autofree char *long_text = g_strnfill (5000, 'x');

  g_assert_true (g_file_set_contents (text, long_text, -1, NULL));
  assert_refused (text, TN_ERROR_FORMAT, "expected an SQLite file");
  g_assert_true (g_file_get_contents (text, &content, NULL, NULL));
  g_assert_cmpstr (content, ==, long_text);
  execute_raw (other, "CREATE TABLE recipes (name TEXT)");
  assert_refused (other, TN_ERROR_FORMAT, "not a workspace");
  assert_refused (fixture->folder, TN_ERROR_IO, "folder");
  g_assert_true (g_file_set_contents (empty, "", 0, NULL));
  tn_workspace_unref (open_workspace (empty));
}

static void
test_corrupt (Fixture *fixture, gconstpointer data)
{
  g_autofree char *content = NULL;
  gsize size;

  {
    g_autoptr (TnWorkspace) workspace = open_workspace (fixture->path);
    gint64 run = tn_workspace_begin_run (workspace, "train", NULL, NULL, NULL);

    for (int i = 0; i < 200; i++)
      tn_workspace_add_event (workspace, run, "info", "a line of some length so that there are several pages of them", NULL);
  }
  g_assert_true (g_file_get_contents (fixture->path, &content, &size, NULL));
  g_assert_cmpuint (size, >, 3 * 4096);
  /* Cut short. */
  g_assert_true (g_file_set_contents (fixture->path, content, (gssize) size - 4096, NULL));
  assert_refused (fixture->path, TN_ERROR_FORMAT, "damaged");
  /* Every page but the first overwritten. */
  memset (content + 4096, 0xa5, size - 4096);
  g_assert_true (g_file_set_contents (fixture->path, content, (gssize) size, NULL));
  assert_refused (fixture->path, TN_ERROR_FORMAT, "damaged");
}

/* Whatever single byte of the file is wrong: an error or wrong content, never a crash. */
static void
test_flipped_bytes (Fixture *fixture, gconstpointer data)
{
  g_autofree char *content = NULL;
  g_autoptr (GRand) random = g_rand_new_with_seed (11);
  const gint64 steps[] = {1, 2, 3};
  const double values[] = {1, 2, 3};
  gsize size;

  {
    g_autoptr (TnWorkspace) workspace = open_workspace (fixture->path);
    gint64 run = tn_workspace_begin_run (workspace, "train", "title", NULL, NULL);

    g_assert_true (tn_workspace_append_series (workspace, run, "loss", 3, steps, values, NULL));
    g_assert_true (tn_workspace_add_event (workspace, run, "info", "text", NULL));
  }
  g_assert_true (g_file_get_contents (fixture->path, &content, &size, NULL));
  for (int i = 0; i < 300; i++)
    {
      gsize at = (gsize) g_rand_int_range (random, 0, (gint32) size);
      char kept = content[at];
      g_autoptr (TnWorkspace) workspace = NULL;

      content[at] = (char) g_rand_int_range (random, 0, 256);
      g_assert_true (g_file_set_contents (fixture->path, content, (gssize) size, NULL));
      content[at] = kept;
      workspace = tn_workspace_open (fixture->path, NULL);
      if (workspace != NULL)
        {
          g_autoptr (GArray) a = g_array_new (FALSE, FALSE, 8), b = g_array_new (FALSE, FALSE, 8);
          g_autoptr (GPtrArray) runs = tn_workspace_list_runs (workspace, 0, NULL);
          g_autoptr (GPtrArray) events = tn_workspace_list_events (workspace, 1, NULL);

          tn_workspace_read_series (workspace, 1, "loss", a, b, NULL);
          tn_workspace_append_series (workspace, 1, "loss", 3, steps, values, NULL);
        }
    }
}

static void
test_locked (Fixture *fixture, gconstpointer data)
{
  g_autoptr (TnWorkspace) workspace = open_workspace (fixture->path);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) runs = NULL;
  sqlite3 *raw = open_raw (fixture->path);

  g_assert_cmpint (sqlite3_exec (raw, "BEGIN EXCLUSIVE", NULL, NULL, NULL), ==, SQLITE_OK);
  assert_refused (fixture->path, TN_ERROR_BUSY, "locked");
  g_assert_cmpint (tn_workspace_begin_run (workspace, "train", NULL, NULL, &error), ==, -1);
  g_assert_error (error, TN_ERROR, TN_ERROR_BUSY);
  g_clear_error (&error);
  /* Readers do not wait for a writer. */
  runs = tn_workspace_list_runs (workspace, 0, &error);
  g_assert_no_error (error);
  g_assert_cmpint (sqlite3_exec (raw, "ROLLBACK", NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close (raw);
  g_assert_cmpint (tn_workspace_begin_run (workspace, "train", NULL, NULL, &error), >, 0);
}

static void
test_exclusively_locked (Fixture *fixture, gconstpointer data)
{
  sqlite3 *raw;

  tn_workspace_unref (open_workspace (fixture->path));
  raw = open_raw (fixture->path);
  g_assert_cmpint (sqlite3_exec (raw, "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE x (y); COMMIT", NULL, NULL,
                                 NULL),
                   ==, SQLITE_OK);
  assert_refused (fixture->path, TN_ERROR_BUSY, "locked");
  sqlite3_close (raw);
}

/* The superuser may write everywhere, so it becomes somebody else. */
static void
become_nobody (void)
{
  if (geteuid () == 0)
    g_assert_cmpint (seteuid (65534), ==, 0);
}

static void
test_read_only (void)
{
  g_autofree char *folder = NULL, *path = NULL;
  g_autofree char *fresh = NULL;

  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
      g_test_trap_assert_passed ();
      return;
    }
  folder = g_dir_make_tmp ("ternion-workspace-XXXXXX", NULL);
  path = g_build_filename (folder, "workspace.db", NULL);
  fresh = g_build_filename (folder, "fresh.db", NULL);
  tn_workspace_unref (open_workspace (path));
  g_assert_cmpint (g_chmod (folder, 0777), ==, 0);
  g_assert_cmpint (g_chmod (path, 0444), ==, 0);
  become_nobody ();
  assert_refused (path, TN_ERROR_IO, "read-only");
  if (seteuid (0) != 0)
    g_assert_cmpint (errno, ==, EPERM);
  g_assert_cmpint (g_chmod (path, 0666), ==, 0);
  g_assert_cmpint (g_chmod (folder, 0555), ==, 0);
  become_nobody ();
  assert_refused (path, TN_ERROR_IO, "folder is read-only");
  assert_refused (fresh, TN_ERROR_IO, "folder is read-only");
  if (seteuid (0) != 0)
    g_assert_cmpint (errno, ==, EPERM);
  g_assert_cmpint (g_chmod (folder, 0755), ==, 0);
  remove_folder (folder);
}

static void
fill_disk (const char *path)
{
  g_autoptr (TnWorkspace) workspace = open_workspace (path);
  g_autofree char *text = g_strnfill (10000, 'y');
  g_autoptr (GPtrArray) runs = NULL;
  g_autoptr (GError) error = NULL;
  gint64 run = tn_workspace_begin_run (workspace, "train", NULL, NULL, NULL);

  for (int i = 0; i < 1000 && error == NULL; i++)
    tn_workspace_add_event (workspace, run, "info", text, &error);
  g_assert_error (error, TN_ERROR, TN_ERROR_IO);
  g_assert_nonnull (strstr (error->message, "no space is left"));
  g_assert_true (g_str_has_prefix (error->message, path));
  g_clear_error (&error);
  /* What was written before is still there, and reading goes on. */
  runs = tn_workspace_list_runs (workspace, 0, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (runs->len, ==, 1);
}

/* In a process of its own, with its own view of the file systems; 77 where it may not have one. */
static int
fill_small_disk (const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "workspace.db", NULL);

  if (unshare (CLONE_NEWNS) != 0 || mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
      mount ("none", folder, "tmpfs", 0, "size=512k") != 0)
    return 77;
  fill_disk (path);
  return 0;
}

static void
test_disk_full (Fixture *fixture, gconstpointer data)
{
  const char *arguments[] = {program, "--fill-small-disk", fixture->folder, NULL};
  g_autoptr (GError) error = NULL;
  int status;

  g_assert_true (g_spawn_sync (NULL, (char **) arguments, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, &error));
  g_assert_no_error (error);
  if (WIFEXITED (status) && WEXITSTATUS (status) == 77)
    g_test_skip ("a small disk cannot be made here");
  else
    g_assert_cmpint (status, ==, 0);
}

static void
test_migrations (Fixture *fixture, gconstpointer data)
{
  static const char *const good[] = {"CREATE TABLE a (x)", "CREATE TABLE b (x); INSERT INTO b VALUES (1)",
                                     "INSERT INTO b VALUES (2)"};
  static const char *const bad[] = {"CREATE TABLE a (x)", "CREATE TABLE b (x); INSERT INTO b VALUES (1)",
                                    "INSERT INTO b VALUES (3); INSERT INTO missing VALUES (1)"};
  g_autoptr (GError) error = NULL;
  gint64 value;

  {
    g_autoptr (TnDatabase) database = tn_database_open (fixture->path, &error);

    g_assert_true (tn_schema_apply (database, good, 1, &error));
    g_assert_true (tn_database_query (database, "PRAGMA user_version", &value, NULL));
    g_assert_cmpint (value, ==, 1);
    /* The third fails: the second stays, and nothing of the third. */
    g_assert_false (tn_schema_apply (database, bad, 3, &error));
    g_assert_nonnull (error);
    g_clear_error (&error);
    g_assert_true (tn_database_query (database, "PRAGMA user_version", &value, NULL));
    g_assert_cmpint (value, ==, 2);
    g_assert_true (tn_database_query (database, "SELECT sum(x) FROM b", &value, NULL));
    g_assert_cmpint (value, ==, 1);
    g_assert_true (tn_schema_apply (database, good, 3, &error));
    g_assert_true (tn_schema_apply (database, good, 3, &error));
    g_assert_true (tn_database_query (database, "SELECT sum(x) FROM b", &value, NULL));
    g_assert_cmpint (value, ==, 3);
    g_assert_true (tn_database_query (database, "PRAGMA application_id", &value, NULL));
    g_assert_cmpint (value, ==, TN_SCHEMA_APPLICATION_ID);
    g_assert_false (tn_schema_apply (database, good, 2, &error));
    g_assert_error (error, TN_ERROR, TN_ERROR_MISMATCH);
  }
}

static gpointer
open_thread (gpointer path)
{
  g_autoptr (TnWorkspace) workspace = open_workspace (path);

  return GINT_TO_POINTER (tn_workspace_begin_run (workspace, "inspect", NULL, NULL, NULL) > 0);
}

/* Several windows and commands may be the first, at the same moment. */
static void
test_created_at_once (Fixture *fixture, gconstpointer data)
{
  for (guint round = 0; round < 40; round++)
    {
      g_autofree char *name = g_strdup_printf ("together-%u.db", round);
      g_autofree char *path = g_build_filename (fixture->folder, name, NULL);
      g_autoptr (TnWorkspace) workspace = NULL;
      g_autoptr (GPtrArray) runs = NULL;
      GThread *threads[6];

      for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
        threads[i] = g_thread_new ("open", open_thread, path);
      for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
        g_assert_true (GPOINTER_TO_INT (g_thread_join (threads[i])));
      workspace = open_workspace (path);
      runs = tn_workspace_list_runs (workspace, 0, NULL);
      g_assert_cmpuint (runs->len, ==, G_N_ELEMENTS (threads));
    }
}

static void
test_killed (void)
{
  const char *path = g_getenv ("TERNION_TEST_WORKSPACE");
  g_autofree char *folder = NULL, *fresh = NULL;
  g_autoptr (GPtrArray) runs = NULL;
  g_autoptr (GArray) steps = g_array_new (FALSE, FALSE, 8), values = g_array_new (FALSE, FALSE, 8);

  if (g_test_subprocess ())
    {
      g_autoptr (TnWorkspace) workspace = open_workspace (path);
      gint64 run = tn_workspace_begin_run (workspace, "train", NULL, NULL, NULL);
      gint64 step = 1;
      double value = 2;

      g_assert_true (tn_workspace_append_series (workspace, run, "loss", 1, &step, &value, NULL));
      g_assert_true (tn_workspace_begin_batch (workspace, NULL));
      tn_workspace_append_series (workspace, run, "loss", 1, &step, &value, NULL);
      kill (getpid (), SIGKILL);
    }
  folder = g_dir_make_tmp ("ternion-workspace-XXXXXX", NULL);
  fresh = g_build_filename (folder, "workspace.db", NULL);
  g_setenv ("TERNION_TEST_WORKSPACE", fresh, TRUE);
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_failed ();
  {
    g_autoptr (TnWorkspace) workspace = open_workspace (fresh);

    runs = tn_workspace_list_runs (workspace, 0, NULL);
    g_assert_cmpuint (runs->len, ==, 1);
    g_assert_cmpint (((TnRunRow *) runs->pdata[0])->state, ==, TN_RUN_LOST);
    g_assert_false (tn_workspace_post_request (workspace, ((TnRunRow *) runs->pdata[0])->id, TN_REQUEST_PAUSE, NULL));
    g_assert_true (tn_workspace_read_series (workspace, ((TnRunRow *) runs->pdata[0])->id, "loss", steps, values, NULL));
    g_assert_cmpuint (values->len, ==, 1);
  }
  remove_folder (folder);
}

static void
test_default_path (void)
{
  g_autofree char *expected = NULL;
  g_autoptr (TnWorkspace) workspace = NULL;

  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
      g_test_trap_assert_passed ();
      return;
    }
  expected = g_build_filename (g_get_user_data_dir (), "ternion", "workspace.db", NULL);
  workspace = open_workspace (NULL);
  g_assert_cmpstr (tn_workspace_get_path (workspace), ==, expected);
  g_assert_true (g_file_test (expected, G_FILE_TEST_EXISTS));
}

#define ADD(name, function) g_test_add ("/workspace/" name, Fixture, NULL, fixture_set_up, function, fixture_tear_down)

int
main (int argc, char **argv)
{
  program = argv[0];
  if (argc == 3 && strcmp (argv[1], "--fill-small-disk") == 0)
    return fill_small_disk (argv[2]);
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  ADD ("models", test_models);
  ADD ("runs", test_runs);
  ADD ("requests", test_requests);
  ADD ("data-version", test_data_version);
  ADD ("batch", test_batch);
  ADD ("series", test_series);
  ADD ("snapshots", test_snapshots);
  ADD ("newer-version", test_newer_version);
  ADD ("foreign-files", test_foreign_files);
  ADD ("corrupt", test_corrupt);
  ADD ("flipped-bytes", test_flipped_bytes);
  ADD ("locked", test_locked);
  ADD ("exclusively-locked", test_exclusively_locked);
  ADD ("migrations", test_migrations);
  ADD ("created-at-once", test_created_at_once);
  ADD ("disk-full", test_disk_full);
  g_test_add_func ("/workspace/read-only", test_read_only);
  g_test_add_func ("/workspace/killed", test_killed);
  g_test_add_func ("/workspace/default-path", test_default_path);
  return g_test_run ();
}
