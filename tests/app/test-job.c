/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "app/tasks/job.h"
#include "engine/error.h"

typedef struct
{
  char *folder, *path;
  TnWorkspace *workspace;
} Fixture;

/* What the work of a test does, and what it saw. */
typedef struct
{
  guint steps;
  guint step_us;
  gboolean fail;
  gint made;      /* steps, atomic */
  GString *order; /* who made a step, shared by two jobs */
  char letter;
  GMutex *lock;
} Work;

/* What the signals told. */
typedef struct
{
  GMainLoop *loop;
  GThread *thread;
  guint changed, finished, changed_after_end;
  GString *events;
} Witness;

static char *program;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->folder = g_dir_make_tmp ("ternion-job-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->path = g_build_filename (fixture->folder, "workspace.db", NULL);
  fixture->workspace = tn_workspace_open (fixture->path, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GDir) dir = g_dir_open (fixture->folder, 0, NULL);
  const char *name;

  tn_workspace_unref (fixture->workspace);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (fixture->folder, name, NULL);

      g_unlink (path);
    }
  g_rmdir (fixture->folder);
  g_free (fixture->folder);
  g_free (fixture->path);
}

static gboolean
do_work (TnJob *job, const TnListener *listener, GCancellable *cancellable, gpointer data, GError **error)
{
  Work *work = data;

  tn_listener_progress (listener, 0, work->steps, "steps");
  tn_listener_event (listener, "info", "begun");
  for (guint i = 0; i < work->steps; i++)
    {
      if (!tn_listener_boundary (listener, error))
        return FALSE;
      g_usleep (work->step_us);
      if (work->order != NULL)
        {
          g_mutex_lock (work->lock);
          g_string_append_c (work->order, work->letter);
          g_mutex_unlock (work->lock);
        }
      tn_listener_metric (listener, "loss", i, 1.0 / (i + 1));
      tn_listener_progress (listener, i + 1, work->steps, "steps");
      g_atomic_int_inc (&work->made);
    }
  if (work->fail)
    {
      g_set_error_literal (error, TN_ERROR, TN_ERROR_DATA, "the text holds no words");
      return FALSE;
    }
  tn_job_set_output (job, "out.safetensors");
  return TRUE;
}

static void
on_changed (TnJob *job, Witness *witness)
{
  g_assert_true (g_thread_self () == witness->thread);
  witness->changed++;
  if (witness->finished > 0)
    witness->changed_after_end++;
}

static void
on_event (TnJob *job, const char *kind, const char *text, Witness *witness)
{
  g_assert_true (g_thread_self () == witness->thread);
  g_string_append_printf (witness->events, "%s: %s\n", kind, text);
}

static void
on_finished (TnJob *job, Witness *witness)
{
  g_assert_true (g_thread_self () == witness->thread);
  witness->finished++;
  if (witness->loop != NULL)
    g_main_loop_quit (witness->loop);
}

static void
witness_watch (Witness *self, TnJob *job, gboolean with_loop)
{
  self->thread = g_thread_self ();
  self->loop = with_loop ? g_main_loop_new (NULL, FALSE) : NULL;
  self->events = g_string_new (NULL);
  g_signal_connect (job, "changed", G_CALLBACK (on_changed), self);
  g_signal_connect (job, "event", G_CALLBACK (on_event), self);
  g_signal_connect (job, "finished", G_CALLBACK (on_finished), self);
}

static void
witness_clear (Witness *self)
{
  g_clear_pointer (&self->loop, g_main_loop_unref);
  g_string_free (self->events, TRUE);
}

static TnJobState
state_of (TnJob *job)
{
  TnJobProgress progress;

  tn_job_get_progress (job, &progress);
  return progress.state;
}

/* Turns the main loop until the job is in the state; fails after within_ms. */
static void
wait_for_state (TnJob *job, TnJobState state, guint within_ms)
{
  gint64 end = g_get_monotonic_time () + within_ms * 1000;

  while (state_of (job) != state)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, end);
      while (g_main_context_iteration (NULL, FALSE))
        ;
      g_usleep (1000);
    }
}

static void
test_in_place (Fixture *fixture, gconstpointer data)
{
  Work work = {.steps = 100, .step_us = 2000};
  Witness witness = {0};
  g_autoptr (TnJob) job = tn_job_new ("train", "a title", "{}", fixture->workspace, do_work, &work, NULL);
  g_autoptr (GArray) steps = g_array_new (FALSE, FALSE, 8), values = g_array_new (FALSE, FALSE, 8);
  g_autoptr (TnRunRow) row = NULL;
  g_autoptr (GPtrArray) events = NULL;
  g_autoptr (GError) error = NULL;
  TnJobProgress progress;

  g_assert_cmpint (state_of (job), ==, TN_JOB_WAITING);
  g_assert_cmpint (tn_job_get_run (job), ==, -1);
  witness_watch (&witness, job, FALSE);
  g_assert_true (tn_job_run (job, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (witness.finished, ==, 1);
  g_assert_cmpuint (witness.changed_after_end, ==, 0);
  g_assert_cmpuint (witness.changed, >=, 3);
  g_assert_cmpuint (witness.changed, <=, 40);
  g_assert_cmpstr (witness.events->str, ==, "info: begun\n");
  tn_job_get_progress (job, &progress);
  g_assert_cmpint (progress.state, ==, TN_JOB_DONE);
  g_assert_cmpfloat (progress.done, ==, 100);
  g_assert_cmpfloat (progress.rate, >, 50);
  g_assert_cmpfloat (progress.rate, <=, 500);
  g_assert_cmpfloat (progress.seconds_elapsed, >=, 0.2);
  g_assert_cmpfloat (progress.seconds_left, ==, 0);
  g_assert_cmpuint (progress.rss_bytes, >, 0);
  g_assert_cmpstr (tn_job_get_output (job), ==, "out.safetensors");
  g_assert_null (tn_job_dup_error (job));

  row = tn_workspace_get_run (fixture->workspace, tn_job_get_run (job), &error);
  g_assert_no_error (error);
  g_assert_cmpint (row->state, ==, TN_RUN_DONE);
  g_assert_cmpstr (row->title, ==, "a title");
  g_assert_cmpstr (row->output, ==, "out.safetensors");
  g_assert_cmpfloat (row->done, ==, 100);
  g_assert_cmpstr (row->unit, ==, "steps");
  events = tn_workspace_list_events (fixture->workspace, row->id, NULL);
  g_assert_cmpuint (events->len, ==, 1);
  g_assert_true (tn_workspace_read_series (fixture->workspace, row->id, "loss", steps, values, &error));
  g_assert_cmpuint (steps->len, ==, 100);
  g_assert_cmpfloat (g_array_index (values, double, 99), ==, 0.01);
  g_array_set_size (steps, 0);
  g_array_set_size (values, 0);
  /* 0.2 s of work and at most four commits a second, and one at the end. */
  g_assert_true (tn_workspace_read_series (fixture->workspace, row->id, "job/done", steps, values, &error));
  g_assert_cmpuint (steps->len, >=, 1);
  g_assert_cmpuint (steps->len, <=, 4);
  g_assert_cmpfloat (g_array_index (values, double, values->len - 1), ==, 100);
  witness_clear (&witness);
}

static void
test_without_workspace (void)
{
  Work work = {.steps = 3};
  g_autoptr (TnJob) job = tn_job_new ("inspect", "t", NULL, NULL, do_work, &work, NULL);

  g_assert_true (tn_job_run (job, NULL));
  g_assert_cmpint (work.made, ==, 3);
  g_assert_cmpint (tn_job_get_run (job), ==, -1);
}

static void
test_on_thread (Fixture *fixture, gconstpointer data)
{
  Work work = {.steps = 300, .step_us = 1000};
  Witness witness = {0};
  g_autoptr (TnJob) job = tn_job_new ("train", "t", NULL, fixture->workspace, do_work, &work, NULL);

  witness_watch (&witness, job, TRUE);
  tn_job_start (job);
  g_main_loop_run (witness.loop);
  g_assert_cmpint (work.made, ==, 300);
  g_assert_cmpuint (witness.finished, ==, 1);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (witness.finished, ==, 1);
  g_assert_cmpuint (witness.changed_after_end, ==, 0);
  /* 300 reports in 0.3 s and more are a few dozen changes. */
  g_assert_cmpuint (witness.changed, >=, 4);
  g_assert_cmpuint (witness.changed, <, 150);
  g_assert_cmpstr (witness.events->str, ==, "info: begun\n");
  witness_clear (&witness);
}

static void
test_pause (Fixture *fixture, gconstpointer data)
{
  Work work = {.steps = 60, .step_us = 5000};
  Witness witness = {0};
  g_autoptr (TnJob) job = tn_job_new ("train", "t", NULL, fixture->workspace, do_work, &work, NULL);
  g_autoptr (TnRunRow) row = NULL;
  TnJobProgress before, after;
  int made;

  witness_watch (&witness, job, TRUE);
  tn_job_start (job);
  wait_for_state (job, TN_JOB_RUNNING, 1000);
  g_usleep (50000);
  tn_job_pause (job);
  wait_for_state (job, TN_JOB_PAUSED, 500);
  tn_job_get_progress (job, &before);
  made = g_atomic_int_get (&work.made);
  g_usleep (400000);
  row = tn_workspace_get_run (fixture->workspace, tn_job_get_run (job), NULL);
  g_assert_cmpint (row->state, ==, TN_RUN_PAUSED);
  tn_job_get_progress (job, &after);
  g_assert_cmpint (g_atomic_int_get (&work.made), ==, made);
  g_assert_cmpint (made, <, 60);
  g_assert_cmpfloat (after.seconds_elapsed, ==, before.seconds_elapsed);
  g_assert_cmpfloat (after.seconds_left, ==, before.seconds_left);
  tn_job_resume (job);
  g_main_loop_run (witness.loop);
  g_assert_cmpint (work.made, ==, 60);
  tn_job_get_progress (job, &after);
  /* The pause counts neither as time nor in the rate, which never fell. */
  g_assert_cmpfloat (after.rate, >, before.rate / 3);
  witness_clear (&witness);
}

static void
test_cancel (Fixture *fixture, gconstpointer data)
{
  for (int paused = 0; paused < 2; paused++)
    {
      Work work = {.steps = 100000, .step_us = 2000};
      Witness witness = {0};
      g_autoptr (TnJob) job = tn_job_new ("train", "t", NULL, fixture->workspace, do_work, &work, NULL);
      g_autoptr (TnRunRow) row = NULL;
      gint64 begin;

      witness_watch (&witness, job, TRUE);
      tn_job_start (job);
      wait_for_state (job, TN_JOB_RUNNING, 1000);
      if (paused)
        {
          tn_job_pause (job);
          wait_for_state (job, TN_JOB_PAUSED, 500);
        }
      begin = g_get_monotonic_time ();
      tn_job_cancel (job);
      g_main_loop_run (witness.loop);
      g_assert_cmpint (g_get_monotonic_time () - begin, <, 250000);
      g_assert_cmpint (state_of (job), ==, TN_JOB_CANCELLED);
      g_assert_null (tn_job_dup_error (job));
      row = tn_workspace_get_run (fixture->workspace, tn_job_get_run (job), NULL);
      g_assert_cmpint (row->state, ==, TN_RUN_CANCELLED);
      witness_clear (&witness);
    }
}

static void
test_cancelled_before (void)
{
  Work work = {.steps = 3};
  g_autoptr (TnJob) job = tn_job_new ("inspect", "t", NULL, NULL, do_work, &work, NULL);
  g_autoptr (GError) error = NULL;

  tn_job_cancel (job);
  g_assert_false (tn_job_run (job, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (work.made, ==, 0);
}

static void
test_failing (Fixture *fixture, gconstpointer data)
{
  Work work = {.steps = 2, .fail = TRUE};
  g_autoptr (TnJob) job = tn_job_new ("train", "t", NULL, fixture->workspace, do_work, &work, NULL);
  g_autoptr (TnRunRow) row = NULL;
  g_autoptr (GError) error = NULL, kept = NULL;

  g_assert_false (tn_job_run (job, &error));
  g_assert_error (error, TN_ERROR, TN_ERROR_DATA);
  g_assert_cmpint (state_of (job), ==, TN_JOB_FAILED);
  kept = tn_job_dup_error (job);
  g_assert_error (kept, TN_ERROR, TN_ERROR_DATA);
  row = tn_workspace_get_run (fixture->workspace, tn_job_get_run (job), NULL);
  g_assert_cmpint (row->state, ==, TN_RUN_FAILED);
  g_assert_cmpstr (row->message, ==, "the text holds no words");
  g_assert_null (row->output);
}

static void
test_two_at_once (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GString) order = g_string_new (NULL);
  GMutex lock;
  Work works[2] = {{.steps = 60, .step_us = 3000, .order = order, .letter = 'a', .lock = &lock},
                   {.steps = 60, .step_us = 3000, .order = order, .letter = 'b', .lock = &lock}};
  Witness witnesses[2] = {0};
  g_autoptr (TnJob) first = tn_job_new ("train", "a", NULL, fixture->workspace, do_work, &works[0], NULL);
  g_autoptr (TnJob) second = tn_job_new ("train", "b", NULL, fixture->workspace, do_work, &works[1], NULL);
  guint changes = 0;

  g_mutex_init (&lock);
  witness_watch (&witnesses[0], first, FALSE);
  witness_watch (&witnesses[1], second, FALSE);
  tn_job_start (first);
  tn_job_start (second);
  while (witnesses[0].finished + witnesses[1].finished < 2)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (order->len, ==, 120);
  for (gsize i = 1; i < order->len; i++)
    changes += order->str[i] != order->str[i - 1];
  /* They take turns step by step, but for the beginning and the end. */
  g_assert_cmpuint (changes, >, 80);
  g_assert_cmpint (tn_job_get_run (first), !=, tn_job_get_run (second));
  witness_clear (&witnesses[0]);
  witness_clear (&witnesses[1]);
  g_mutex_clear (&lock);
}

/* A paused job does not hold up another. */
static void
test_paused_beside_running (Fixture *fixture, gconstpointer data)
{
  Work works[2] = {{.steps = 1000, .step_us = 1000}, {.steps = 50, .step_us = 1000}};
  Witness witnesses[2] = {0};
  g_autoptr (TnJob) first = tn_job_new ("train", "a", NULL, fixture->workspace, do_work, &works[0], NULL);
  g_autoptr (TnJob) second = tn_job_new ("train", "b", NULL, fixture->workspace, do_work, &works[1], NULL);
  gint64 begin;

  witness_watch (&witnesses[0], first, TRUE);
  witness_watch (&witnesses[1], second, TRUE);
  tn_job_pause (first);
  tn_job_start (first);
  wait_for_state (first, TN_JOB_PAUSED, 1000);
  begin = g_get_monotonic_time ();
  tn_job_start (second);
  g_main_loop_run (witnesses[1].loop);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 800000);
  g_assert_cmpint (state_of (first), ==, TN_JOB_PAUSED);
  tn_job_cancel (first);
  g_main_loop_run (witnesses[0].loop);
  witness_clear (&witnesses[0]);
  witness_clear (&witnesses[1]);
}

static gboolean
nest_work (TnJob *job, const TnListener *listener, GCancellable *cancellable, gpointer data, GError **error)
{
  g_autoptr (TnJob) inner = tn_job_new ("train", "inner", NULL, NULL, do_work, data, NULL);

  return tn_listener_boundary (listener, error) && tn_job_run (inner, error) && tn_listener_boundary (listener, error);
}

static void
test_nested (void)
{
  Work work = {.steps = 5};
  g_autoptr (TnJob) job = tn_job_new ("demo", "outer", NULL, NULL, nest_work, &work, NULL);
  gint64 begin = g_get_monotonic_time ();

  g_assert_true (tn_job_run (job, NULL));
  g_assert_cmpint (work.made, ==, 5);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 500000);
}

/* The work goes on when the workspace is taken away from it, and says so once. */
static void
test_locked_workspace (Fixture *fixture, gconstpointer data)
{
  Work work = {.steps = 20, .step_us = 1000};
  Witness witness = {0};
  g_autoptr (TnJob) job = tn_job_new ("train", "t", NULL, fixture->workspace, do_work, &work, NULL);
  g_autoptr (TnWorkspace) other = tn_workspace_open (fixture->path, NULL);
  char *warning;

  witness_watch (&witness, job, FALSE);
  g_assert_true (tn_workspace_begin_batch (other, NULL));
  g_assert_true (tn_job_run (job, NULL));
  tn_workspace_end_batch (other, FALSE, NULL);
  g_assert_cmpint (work.made, ==, 20);
  warning = strstr (witness.events->str, "warning: ");
  g_assert_nonnull (warning);
  g_assert_nonnull (strstr (warning, "locked"));
  g_assert_null (strstr (warning + 1, "warning: "));
  witness_clear (&witness);
}

static void
call_helper (const char *what, const char *path, gint64 run)
{
  g_autofree char *run_text = g_strdup_printf ("%" G_GINT64_FORMAT, run);
  const char *arguments[] = {program, what, path, run_text, NULL};
  g_autoptr (GError) error = NULL;
  int status;

  g_assert_true (g_spawn_sync (NULL, (char **) arguments, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, &error));
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
}

/* In another process: sees the run live, and asks it for something. */
static int
helper_request (const char *path, gint64 run, TnRequest request)
{
  g_autoptr (TnWorkspace) workspace = tn_workspace_open (path, NULL);
  g_autoptr (TnRunRow) row = tn_workspace_get_run (workspace, run, NULL);

  g_assert_nonnull (row);
  g_assert_cmpint (row->state, ==, request == TN_REQUEST_RESUME ? TN_RUN_PAUSED : TN_RUN_RUNNING);
  g_assert_cmpfloat (row->done, >, 0);
  g_assert_cmpint (row->pid, ==, getppid ());
  g_assert_true (tn_workspace_post_request (workspace, run, request, NULL));
  return 0;
}

/* In another process that never ends by itself. */
static int
helper_work (const char *path)
{
  g_autoptr (TnWorkspace) workspace = tn_workspace_open (path, NULL);
  Work work = {.steps = 1000000, .step_us = 1000};
  g_autoptr (TnJob) job = tn_job_new ("train", "t", NULL, workspace, do_work, &work, NULL);

  return tn_job_run (job, NULL) ? 0 : 1;
}

static void
test_other_process_steers (Fixture *fixture, gconstpointer data)
{
  Work work = {.steps = 100000, .step_us = 1000};
  Witness witness = {0};
  g_autoptr (TnJob) job = tn_job_new ("train", "t", NULL, fixture->workspace, do_work, &work, NULL);

  witness_watch (&witness, job, TRUE);
  tn_job_start (job);
  wait_for_state (job, TN_JOB_RUNNING, 1000);
  g_usleep (400000);
  call_helper ("--pause", fixture->path, tn_job_get_run (job));
  wait_for_state (job, TN_JOB_PAUSED, 600);
  call_helper ("--resume", fixture->path, tn_job_get_run (job));
  wait_for_state (job, TN_JOB_RUNNING, 600);
  g_usleep (300000);
  call_helper ("--cancel", fixture->path, tn_job_get_run (job));
  g_main_loop_run (witness.loop);
  g_assert_cmpint (state_of (job), ==, TN_JOB_CANCELLED);
  witness_clear (&witness);
}

static GPtrArray *
wait_for_series (TnWorkspace *workspace, GArray *steps, GArray *values)
{
  gint64 end = g_get_monotonic_time () + 5 * G_USEC_PER_SEC;

  for (;;)
    {
      g_autoptr (GPtrArray) runs = tn_workspace_list_runs (workspace, 0, NULL);

      g_array_set_size (steps, 0);
      g_array_set_size (values, 0);
      if (runs->len == 1 && tn_workspace_read_series (workspace, ((TnRunRow *) runs->pdata[0])->id, "loss", steps, values, NULL))
        return g_steal_pointer (&runs);
      g_assert_cmpint (g_get_monotonic_time (), <, end);
      g_usleep (10000);
    }
}

static void
test_killed (Fixture *fixture, gconstpointer data)
{
  const char *arguments[] = {program, "--work", fixture->path, "0", NULL};
  g_autoptr (GArray) steps = g_array_new (FALSE, FALSE, 8), values = g_array_new (FALSE, FALSE, 8);
  g_autoptr (GPtrArray) live = NULL, lost = NULL;
  g_autoptr (GError) error = NULL;
  GPid pid;

  g_assert_true (g_spawn_async (NULL, (char **) arguments, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, &error));
  g_assert_no_error (error);
  live = wait_for_series (fixture->workspace, steps, values);
  g_assert_cmpint (((TnRunRow *) live->pdata[0])->state, ==, TN_RUN_RUNNING);
  g_assert_cmpint (((TnRunRow *) live->pdata[0])->pid, ==, pid);
  g_assert_cmpuint (steps->len, >, 0);
  kill (pid, SIGKILL);
  g_usleep (100000);
  lost = tn_workspace_list_runs (fixture->workspace, 0, &error);
  g_assert_no_error (error);
  g_assert_cmpint (((TnRunRow *) lost->pdata[0])->state, ==, TN_RUN_LOST);
  g_spawn_close_pid (pid);
}

#define ADD(name, function) g_test_add ("/job/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  program = argv[0];
  if (argc == 4 && strcmp (argv[1], "--work") == 0)
    return helper_work (argv[2]);
  if (argc == 4 && argv[1][0] == '-' && argv[2][0] == '/')
    return helper_request (argv[2], g_ascii_strtoll (argv[3], NULL, 10),
                           strcmp (argv[1], "--pause") == 0    ? TN_REQUEST_PAUSE
                           : strcmp (argv[1], "--resume") == 0 ? TN_REQUEST_RESUME
                                                               : TN_REQUEST_CANCEL);
  g_test_init (&argc, &argv, NULL);
  ADD ("in-place", test_in_place);
  ADD ("on-thread", test_on_thread);
  ADD ("pause", test_pause);
  ADD ("cancel", test_cancel);
  ADD ("failing", test_failing);
  ADD ("two-at-once", test_two_at_once);
  ADD ("paused-beside-running", test_paused_beside_running);
  ADD ("locked-workspace", test_locked_workspace);
  ADD ("other-process-steers", test_other_process_steers);
  ADD ("killed", test_killed);
  g_test_add_func ("/job/without-workspace", test_without_workspace);
  g_test_add_func ("/job/cancelled-before", test_cancelled_before);
  g_test_add_func ("/job/nested", test_nested);
  return g_test_run ();
}
