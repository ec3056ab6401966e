/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/job-record.h"

#define INTERVAL_US (G_USEC_PER_SEC / 4)
/* After a failure: waiting for a lock that another process holds must not slow the work down. */
#define RETRY_US (10 * G_USEC_PER_SEC)

typedef struct
{
  GArray *steps, *values;
} Series;

typedef struct
{
  char *kind, *text;
} Event;

struct _TnJobRecord
{
  TnWorkspace *workspace;
  GMutex lock;
  gint64 run;
  GHashTable *series; /* name -> Series */
  GPtrArray *events;  /* Event */
  gint64 rewind_step;  /* to be done by the next commit; G_MAXINT64: none */
  gint64 offset_ms;    /* running time of the run before this process */
  gint64 next_commit_us, next_poll_us, retry_us;
  gboolean warned;
};

static void
series_free (Series *self)
{
  g_array_unref (self->steps);
  g_array_unref (self->values);
  g_free (self);
}

static void
event_free (Event *self)
{
  g_free (self->kind);
  g_free (self->text);
  g_free (self);
}

TnJobRecord *
tn_job_record_new (TnWorkspace *workspace)
{
  TnJobRecord *self = g_new0 (TnJobRecord, 1);

  g_mutex_init (&self->lock);
  self->workspace = tn_workspace_ref (workspace);
  self->run = -1;
  self->rewind_step = G_MAXINT64;
  self->series = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) series_free);
  self->events = g_ptr_array_new_with_free_func ((GDestroyNotify) event_free);
  return self;
}

void
tn_job_record_free (TnJobRecord *self)
{
  tn_workspace_unref (self->workspace);
  g_hash_table_unref (self->series);
  g_ptr_array_unref (self->events);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* With the lock held; always returns FALSE. */
static gboolean
fail (TnJobRecord *self, GError *failure, GError **error)
{
  self->retry_us = g_get_monotonic_time () + RETRY_US;
  if (self->warned)
    g_error_free (failure);
  else
    g_propagate_error (error, failure);
  self->warned = TRUE;
  return FALSE;
}

/* Where the series over running time ended. */
static gint64
find_offset (TnJobRecord *self)
{
  g_autoptr (GPtrArray) latest = tn_workspace_list_latest (self->workspace, self->run, NULL);
  gint64 offset = 0;

  for (guint i = 0; latest != NULL && i < latest->len; i++)
    {
      const TnSeriesRow *row = g_ptr_array_index (latest, i);

      if (g_str_has_prefix (row->name, "job/"))
        offset = MAX (offset, row->step);
    }
  return offset;
}

gboolean
tn_job_record_begin (TnJobRecord *self, const char *verb, const char *title, const char *arguments_json, const char *identity,
                     GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  GError *failure = NULL;

  self->run = identity != NULL
                  ? tn_workspace_continue_run (self->workspace, identity, verb, title, arguments_json, &failure)
                  : tn_workspace_begin_run (self->workspace, verb, title, arguments_json, &failure);
  if (identity != NULL && self->run >= 0)
    self->offset_ms = find_offset (self);
  self->next_commit_us = g_get_monotonic_time () + INTERVAL_US;
  return self->run >= 0 || fail (self, failure, error);
}

gint64
tn_job_record_get_run (TnJobRecord *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return self->run;
}

/* With the lock held. */
static void
add_point (TnJobRecord *self, const char *name, gint64 step, double value)
{
  Series *series = g_hash_table_lookup (self->series, name);

  if (series == NULL)
    {
      series = g_new (Series, 1);
      series->steps = g_array_new (FALSE, FALSE, sizeof (gint64));
      series->values = g_array_new (FALSE, FALSE, sizeof (double));
      g_hash_table_insert (self->series, g_strdup (name), series);
    }
  g_array_append_val (series->steps, step);
  g_array_append_val (series->values, value);
}

void
tn_job_record_metric (TnJobRecord *self, const char *series, gint64 step, double value)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  if (self->run >= 0)
    add_point (self, series, step, value);
}

void
tn_job_record_rewind (TnJobRecord *self, gint64 first_step)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  GHashTableIter iter;
  gpointer name, value;

  self->rewind_step = MIN (self->rewind_step, first_step);
  g_hash_table_iter_init (&iter, self->series);
  while (g_hash_table_iter_next (&iter, &name, &value))
    {
      Series *series = value;
      guint left = series->steps->len;

      while (!g_str_has_prefix (name, "job/") && left > 0 && g_array_index (series->steps, gint64, left - 1) >= first_step)
        left--;
      g_array_set_size (series->steps, left);
      g_array_set_size (series->values, left);
    }
}

void
tn_job_record_event (TnJobRecord *self, const char *kind, const char *text)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  Event *event;

  if (self->run < 0)
    return;
  event = g_new (Event, 1);
  event->kind = g_strdup (kind);
  event->text = g_strdup (text);
  g_ptr_array_add (self->events, event);
}

static TnRunState
run_state (TnJobState state)
{
  switch (state)
    {
    case TN_JOB_PAUSED:
      return TN_RUN_PAUSED;
    case TN_JOB_DONE:
      return TN_RUN_DONE;
    case TN_JOB_FAILED:
      return TN_RUN_FAILED;
    case TN_JOB_CANCELLED:
      return TN_RUN_CANCELLED;
    case TN_JOB_WAITING:
    case TN_JOB_RUNNING:
    default:
      return TN_RUN_RUNNING;
    }
}

static gboolean
write_gathered (TnJobRecord *self, const TnJobProgress *progress, TnRunState state, GError **error)
{
  GHashTableIter iter;
  gpointer name, value;

  if (!tn_workspace_update_run (self->workspace, self->run, state, progress->done, progress->total, progress->unit,
                                progress->rate, progress->rss_bytes, error) ||
      (self->rewind_step < G_MAXINT64 && !tn_workspace_rewind_run (self->workspace, self->run, self->rewind_step, error)))
    return FALSE;
  for (guint i = 0; i < self->events->len; i++)
    {
      Event *event = g_ptr_array_index (self->events, i);

      if (!tn_workspace_add_event (self->workspace, self->run, event->kind, event->text, error))
        return FALSE;
    }
  g_hash_table_iter_init (&iter, self->series);
  while (g_hash_table_iter_next (&iter, &name, &value))
    {
      Series *series = value;

      if (series->steps->len > 0 &&
          !tn_workspace_append_series (self->workspace, self->run, name, series->steps->len,
                                       (gint64 *) (void *) series->steps->data, (double *) (void *) series->values->data, error))
        return FALSE;
    }
  return TRUE;
}

static void
forget_gathered (TnJobRecord *self)
{
  GHashTableIter iter;
  gpointer value;

  self->rewind_step = G_MAXINT64;
  g_ptr_array_set_size (self->events, 0);
  g_hash_table_iter_init (&iter, self->series);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Series *series = value;

      g_array_set_size (series->steps, 0);
      g_array_set_size (series->values, 0);
    }
}

/* How the job went, as series of the run itself over its running time. */
static void
add_progress_points (TnJobRecord *self, const TnJobProgress *progress)
{
  gint64 step = self->offset_ms + (gint64) (progress->seconds_elapsed * 1000.0);

  add_point (self, "job/done", step, progress->done);
  add_point (self, "job/rate", step, progress->rate);
  add_point (self, "job/memory", step, (double) progress->rss_bytes);
}

/* With the lock held. end: also closes the run. */
static gboolean
commit (TnJobRecord *self, const TnJobProgress *progress, gboolean end, const char *message, const char *output, GError **error)
{
  TnRunState state = run_state (progress->state);
  GError *failure = NULL;
  gboolean success;

  if (progress->unit[0] != '\0')
    add_progress_points (self, progress);
  success = tn_workspace_begin_batch (self->workspace, &failure);
  if (success)
    {
      success = write_gathered (self, progress, state, &failure) &&
                (!end || tn_workspace_end_run (self->workspace, self->run, state, message, output, &failure));
      success = tn_workspace_end_batch (self->workspace, success, failure == NULL ? &failure : NULL);
    }
  self->next_commit_us = g_get_monotonic_time () + INTERVAL_US;
  if (!success)
    return fail (self, failure, error);
  forget_gathered (self);
  return TRUE;
}

gboolean
tn_job_record_commit (TnJobRecord *self, const TnJobProgress *progress, gboolean forced, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  gint64 now = g_get_monotonic_time ();

  if (self->run < 0 || now < self->retry_us || (now < self->next_commit_us && !forced))
    return TRUE;
  return commit (self, progress, FALSE, NULL, NULL, error);
}

gboolean
tn_job_record_end (TnJobRecord *self, const TnJobProgress *progress, const char *message, const char *output, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return self->run < 0 || commit (self, progress, TRUE, message, output, error);
}

TnRequest
tn_job_record_poll (TnJobRecord *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  gint64 now = g_get_monotonic_time ();

  if (self->run < 0 || now < self->next_poll_us)
    return TN_REQUEST_NONE;
  self->next_poll_us = now + INTERVAL_US;
  return tn_workspace_take_request (self->workspace, self->run);
}
