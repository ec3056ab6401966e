/* SPDX-License-Identifier: Apache-2.0 */
#include "data/training/checkpoint-writer.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "engine/memory/pool.h"
#include "tests/data/checkpoint-fixtures.h"

static const char *program;

static void
assert_folder (Fixture *fixture, const char *expected)
{
  g_autoptr (GArray) steps = tn_checkpoint_list (fixture->folder, NULL);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GDir) folder = g_dir_open (fixture->folder, 0, NULL);
  guint n_files = 0;

  for (guint i = 0; i < steps->len; i++)
    g_string_append_printf (text, "%s%" G_GUINT64_FORMAT, i > 0 ? " " : "", g_array_index (steps, guint64, i));
  g_assert_cmpstr (text->str, ==, expected);
  while (g_dir_read_name (folder) != NULL)
    n_files++;
  g_assert_cmpuint (n_files, ==, steps->len);
}

static void
on_event (gpointer user_data, const char *kind, const char *text)
{
  g_string_append_printf (user_data, "%s: %s\n", kind, text);
}

/* Arrays go on changing while their copies are written. */
static void
test_writer (Fixture *fixture, gconstpointer data)
{
  const TnCheckpointRetention retention = {.keep_last = 2, .keep_every = 40, .keep_best = TRUE};
  static const double losses[] = {5.0, 3.0, 4.0, 3.5, 3.2, 3.3, (double) NAN, 3.1, 3.4};
  g_autoptr (TnCheckpointWriter) writer = NULL;
  g_autoptr (Run) run = run_new (LARGE), restored = run_new (LARGE);
  g_autoptr (GString) log = g_string_new (NULL);
  const TnListener listener = {.event = on_event, .user_data = log};
  g_autofree char *folder = g_build_filename (fixture->folder, "runs", NULL);
  g_autoptr (TnCheckpointFile) file = NULL;
  g_autoptr (GError) error = NULL;
  Fixture inside = {folder};

  writer = tn_checkpoint_writer_new (folder, &retention, TN_CHECKPOINT_ANY_COPY, &error);
  g_assert_no_error (error);
  g_assert_null (tn_checkpoint_writer_get_last (writer));
  g_assert_null (tn_checkpoint_writer_get_best (writer));
  for (guint64 i = 0; i < G_N_ELEMENTS (losses); i++)
    {
      run_set_step (run, (i + 1) * 10);
      tn_checkpoint_set_number (run->checkpoint, TN_CHECKPOINT_VALIDATION, losses[i]);
      g_assert_true (tn_checkpoint_writer_submit (writer, run->checkpoint, TRUE, &listener));
      run_set_step (run, 1000 + i);
    }
  g_assert_true (tn_checkpoint_writer_finish (writer, &listener, &error));
  g_assert_cmpstr (log->str, ==, "");
  g_assert_cmpuint (tn_checkpoint_writer_get_counts (writer)->written, ==, 9);
  g_assert_cmpuint (tn_checkpoint_writer_get_counts (writer)->removed, ==, 5);
  assert_folder (&inside, "20 40 80 90");
  g_assert_true (g_str_has_suffix (tn_checkpoint_writer_get_best (writer), "/step-00000020.checkpoint.safetensors"));
  g_assert_true (g_str_has_suffix (tn_checkpoint_writer_get_last (writer), "/step-00000090.checkpoint.safetensors"));
  file = tn_checkpoint_find_latest (folder, NULL, &error);
  g_assert_no_error (error);
  run_set_step (run, 90);
  g_assert_true (tn_checkpoint_restore (restored->checkpoint, file, NULL));
  assert_same (run, restored);
  tear_down (&(Fixture){g_steal_pointer (&folder)}, NULL);
}

/* A writer that comes later knows which one was best, and leaves alone what is damaged or of a later step. */
static void
test_writer_goes_on (Fixture *fixture, gconstpointer data)
{
  const TnCheckpointRetention retention = {.keep_best = TRUE};
  g_autoptr (Run) run = run_new (10);
  g_autoptr (TnCheckpointWriter) writer = NULL;
  g_autofree char *damaged = NULL, *best = NULL, *later = NULL;

  tn_checkpoint_set_number (run->checkpoint, TN_CHECKPOINT_VALIDATION, 1.0);
  best = write_step (fixture, run, 1);
  tn_checkpoint_set_number (run->checkpoint, TN_CHECKPOINT_VALIDATION, 2.0);
  g_free (write_step (fixture, run, 2));
  damaged = write_step (fixture, run, 3);
  later = write_step (fixture, run, 50);
  g_assert_cmpint (truncate (damaged, 100), ==, 0);
  writer = tn_checkpoint_writer_new (fixture->folder, &retention, TN_CHECKPOINT_ANY_COPY, NULL);
  g_assert_cmpstr (tn_checkpoint_writer_get_best (writer), ==, best);
  g_assert_cmpstr (tn_checkpoint_writer_get_last (writer), ==, later);
  for (guint64 step = 4; step < 7; step++)
    {
      run_set_step (run, step);
      g_assert_true (tn_checkpoint_writer_submit (writer, run->checkpoint, TRUE, NULL));
    }
  g_assert_true (tn_checkpoint_writer_finish (writer, NULL, NULL));
  assert_folder (fixture, "1 3 6 50");
}

/* One in flight: the next is left out, and says so once. */
static void
test_skipped (Fixture *fixture, gconstpointer data)
{
  const TnCheckpointRetention retention = {.keep_last = 10};
  g_autoptr (TnCheckpointWriter) writer = tn_checkpoint_writer_new (fixture->folder, &retention, TN_CHECKPOINT_ANY_COPY, NULL);
  g_autoptr (Run) run = run_new ((gsize) 8 << 20);
  g_autoptr (GString) log = g_string_new (NULL);
  const TnListener listener = {.event = on_event, .user_data = log};

  for (guint64 step = 1; step <= 3; step++)
    {
      tn_checkpoint_set_step (run->checkpoint, step);
      g_assert_true (tn_checkpoint_writer_submit (writer, run->checkpoint, FALSE, &listener) == (step == 1));
    }
  g_assert_true (tn_checkpoint_writer_finish (writer, &listener, NULL));
  g_assert_false (tn_checkpoint_writer_collect (writer, &listener));
  g_assert_cmpstr (log->str, ==, "info: the checkpoint of step 2 is left out: that of step 1 is still being written\n");
  g_assert_cmpuint (tn_checkpoint_writer_get_counts (writer)->skipped, ==, 2);
  assert_folder (fixture, "1");
}

/* A full disk: the run is told and goes on, the last good one stays, and later ones are written again. */
static void
check_full_disk (Fixture *fixture, gsize copy_bytes)
{
  const TnCheckpointRetention retention = {.keep_last = 1};
  g_autoptr (TnCheckpointWriter) writer = tn_checkpoint_writer_new (fixture->folder, &retention, copy_bytes, NULL);
  g_autoptr (Run) run = run_new (LARGE);
  g_autoptr (GString) log = g_string_new (NULL);
  const TnListener listener = {.event = on_event, .user_data = log};
  g_autoptr (GError) error = NULL;
  struct rlimit old, limit;

  run_set_step (run, 1);
  g_assert_true (tn_checkpoint_writer_submit (writer, run->checkpoint, TRUE, &listener));
  g_assert_true (tn_checkpoint_writer_finish (writer, &listener, NULL));
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &old), ==, 0);
  limit = old;
  limit.rlim_cur = 1000000;
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  for (guint64 step = 2; step <= 3; step++)
    {
      run_set_step (run, step);
      g_assert_true (tn_checkpoint_writer_submit (writer, run->checkpoint, TRUE, &listener));
      /* Without a copy submit() has found out itself. */
      while (copy_bytes > 0 && !tn_checkpoint_writer_collect (writer, &listener))
        g_usleep (1000);
    }
  g_assert_false (tn_checkpoint_writer_finish (writer, &listener, &error));
  assert_message (error, TN_ERROR_IO, "step-00000003");
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &old), ==, 0);
  assert_folder (fixture, "1");
  g_assert_cmpuint (tn_checkpoint_writer_get_counts (writer)->failed, ==, 2);
  g_assert_true (g_str_has_prefix (log->str, "warning: the checkpoint of step 2 was not written: "));
  g_string_truncate (log, 0);
  run_set_step (run, 4);
  g_assert_true (tn_checkpoint_writer_submit (writer, run->checkpoint, TRUE, &listener));
  g_assert_true (tn_checkpoint_writer_finish (writer, &listener, NULL));
  g_assert_cmpstr (log->str, ==, "info: the checkpoint of step 4 was written: checkpoints are kept again\n");
  assert_folder (fixture, "4");
}

static void
test_full_disk (Fixture *fixture, gconstpointer data)
{
  check_full_disk (fixture, TN_CHECKPOINT_ANY_COPY);
}

static void
test_full_disk_uncopied (Fixture *fixture, gconstpointer data)
{
  check_full_disk (fixture, 0);
}

/* No room for a copy, or none is wanted: what is in the file is what the arrays held then. */
static void
check_uncopied (Fixture *fixture, gsize copy_bytes, gsize room)
{
  const TnCheckpointRetention retention = {.keep_last = 1};
  g_autoptr (TnCheckpointWriter) writer = tn_checkpoint_writer_new (fixture->folder, &retention, copy_bytes, NULL);
  g_autoptr (Run) run = run_new (LARGE), restored = run_new (LARGE);
  TnPool *pool = tn_pool_default ();
  gsize before = tn_pool_get_total (pool);

  for (guint64 step = 1; step <= 3; step++)
    {
      g_autoptr (TnCheckpointFile) file = NULL;

      run_set_step (run, step);
      tn_pool_set_budget (pool, room > 0 ? before + room : 0);
      g_assert_true (tn_checkpoint_writer_submit (writer, run->checkpoint, TRUE, NULL));
      g_assert_cmpuint (tn_pool_get_total (pool), ==, before);
      tn_pool_set_budget (pool, 0);
      run_set_step (run, 100);
      g_assert_true (tn_checkpoint_writer_finish (writer, NULL, NULL));
      g_assert_cmpuint (tn_checkpoint_writer_get_counts (writer)->uncopied, ==, step);
      file = tn_checkpoint_find_latest (fixture->folder, NULL, NULL);
      g_assert_cmpuint (tn_checkpoint_file_get_step (file), ==, step);
      run_set_step (run, step);
      g_assert_true (tn_checkpoint_restore (restored->checkpoint, file, NULL));
      assert_same (run, restored);
    }
  assert_folder (fixture, "3");
}

static void
test_no_memory (Fixture *fixture, gconstpointer data)
{
  check_uncopied (fixture, TN_CHECKPOINT_ANY_COPY, 100000);
}

static void
test_uncopied (Fixture *fixture, gconstpointer data)
{
  check_uncopied (fixture, LARGE * sizeof (float), 0);
}

/* The copies are given back. */
static void
test_memory (Fixture *fixture, gconstpointer data)
{
  const TnCheckpointRetention retention = {.keep_last = 1};
  TnCheckpointWriter *writer = tn_checkpoint_writer_new (fixture->folder, &retention, TN_CHECKPOINT_ANY_COPY, NULL);
  g_autoptr (Run) run = run_new (LARGE);
  gsize before = tn_pool_get_total (tn_pool_default ());

  run_set_step (run, 1);
  g_assert_true (tn_checkpoint_writer_submit (writer, run->checkpoint, FALSE, NULL));
  g_assert_cmpuint (tn_pool_get_total (tn_pool_default ()), >=, before + LARGE * sizeof (float));
  tn_checkpoint_writer_free (writer);
  g_assert_cmpuint (tn_pool_get_total (tn_pool_default ()), ==, before);
  assert_folder (fixture, "1");
}

/* What the process of test_killed() does: goes on from the latest one, for ever. */
static int
write_for_ever (const char *folder)
{
  const TnCheckpointRetention retention = {.keep_last = 2};
  g_autoptr (TnCheckpointWriter) writer = tn_checkpoint_writer_new (folder, &retention, TN_CHECKPOINT_ANY_COPY, NULL);
  g_autoptr (TnCheckpointFile) file = tn_checkpoint_find_latest (folder, NULL, NULL);
  g_autoptr (Run) run = run_new (LARGE);
  guint64 step = file != NULL ? tn_checkpoint_file_get_step (file) : 0;

  do
    run_set_step (run, ++step);
  while (tn_checkpoint_writer_submit (writer, run->checkpoint, TRUE, NULL));
  return 1;
}

/* At whatever moment a run is killed: its newest checkpoint is whole, and no newer one is damaged. */
static void
test_killed (Fixture *fixture, gconstpointer data)
{
  TnRandom random = tn_random_stream (3, "moments");
  g_autoptr (Run) expected = run_new (LARGE), restored = run_new (LARGE);
  guint64 reached = 0;

  for (guint round = 0; round < 20; round++)
    {
      const char *const arguments[] = {program, "--write-for-ever", fixture->folder, NULL};
      g_autoptr (TnCheckpointFile) file = NULL;
      g_autoptr (GPtrArray) damaged = NULL;
      g_autoptr (GError) error = NULL;
      GPid process;

      g_spawn_async (NULL, (char **) arguments, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &process, &error);
      g_assert_no_error (error);
      for (gboolean more = FALSE; !more;)
        {
          g_autoptr (GArray) steps = tn_checkpoint_list (fixture->folder, NULL);

          more = steps->len > 0 && g_array_index (steps, guint64, steps->len - 1) > reached;
          g_usleep (500);
        }
      g_usleep (tn_random_below (&random, 40000));
      g_assert_cmpint (kill (process, SIGKILL), ==, 0);
      g_assert_cmpint (waitpid (process, NULL, 0), ==, process);
      file = tn_checkpoint_find_latest (fixture->folder, &damaged, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (damaged->len, ==, 0);
      g_assert_cmpuint (tn_checkpoint_file_get_step (file), >, reached);
      reached = tn_checkpoint_file_get_step (file);
      run_set_step (expected, reached);
      g_assert_true (tn_checkpoint_restore (restored->checkpoint, file, NULL));
      assert_same (expected, restored);
    }
  {
    /* What the killed ones left behind is swept by the next. */
    const TnCheckpointRetention retention = {.keep_last = 1};
    g_autoptr (TnCheckpointWriter) writer = tn_checkpoint_writer_new (fixture->folder, &retention, TN_CHECKPOINT_ANY_COPY, NULL);
    g_autofree char *last = g_strdup_printf ("%" G_GUINT64_FORMAT, reached + 1);

    run_set_step (expected, reached + 1);
    g_assert_true (tn_checkpoint_writer_submit (writer, expected->checkpoint, TRUE, NULL));
    g_assert_true (tn_checkpoint_writer_finish (writer, NULL, NULL));
    assert_folder (fixture, last);
  }
}

static void
test_folder_fails (Fixture *fixture, gconstpointer data)
{
  g_autofree char *file = g_build_filename (fixture->folder, "file", NULL), *folder = g_build_filename (file, "runs", NULL);
  const TnCheckpointRetention retention = {.keep_last = 1};
  g_autoptr (GError) error = NULL;

  overwrite (file, "x", 1);
  g_assert_null (tn_checkpoint_writer_new (folder, &retention, TN_CHECKPOINT_ANY_COPY, &error));
  assert_message (error, TN_ERROR_IO, folder);
}

int
main (int argc, char **argv)
{
  if (argc == 3 && strcmp (argv[1], "--write-for-ever") == 0)
    return write_for_ever (argv[2]);
  program = argv[0];
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/checkpoint-writer/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("killed", test_killed);
  ADD ("retention", test_writer);
  ADD ("goes-on", test_writer_goes_on);
  ADD ("skipped", test_skipped);
  ADD ("full-disk", test_full_disk);
  ADD ("full-disk-uncopied", test_full_disk_uncopied);
  ADD ("no-memory", test_no_memory);
  ADD ("uncopied", test_uncopied);
  ADD ("memory", test_memory);
  ADD ("folder-fails", test_folder_fails);
  return g_test_run ();
}
