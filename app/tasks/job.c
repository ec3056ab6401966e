/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/job.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "app/tasks/job-record.h"
#include "app/tasks/turns.h"
#include "engine/device/device.h"
#include "engine/error.h"

/* Time constant of the rate. */
#define SMOOTHING_SECONDS 3.0
/* "changed" is emitted no more often: a screen shows 30 numbers a second at most. */
#define EMIT_US (33 * 1000)
#define RSS_US (G_USEC_PER_SEC / 4)
#define PAUSED_LOOK_US (G_USEC_PER_SEC / 4)
/* So often a paused job shows that it is alive. */
#define HEARTBEAT_US (10 * G_USEC_PER_SEC)

typedef struct
{
  char *kind, *text;
} PendingEvent;

struct _TnJob
{
  GObject parent_instance;
  char *verb, *title, *arguments, *identity;
  TnJobFunc func;
  gpointer data;
  GDestroyNotify data_free;
  GCancellable *cancellable;
  gulong cancelled_handler;
  TnJobRecord *record; /* or NULL */

  GMutex lock; /* of everything below */
  GCond wake;
  TnJobProgress progress;
  gboolean pause_wanted;
  char *output;
  GError *error;
  gint64 active_us, active_since_us; /* running time so far; since when it runs on, 0 while it does not */
  double weighted_units, weighted_seconds;
  gint64 measured_us; /* running time at the last call of progress, -1 before the first */
  gint64 next_rss_us;

  GMainContext *context; /* where signals go; NULL: in place */
  GQueue events;         /* PendingEvent */
  gboolean changed, finished, scheduled;
  gint64 emitted_us;
};

enum
{
  CHANGED,
  EVENT,
  FINISHED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnJob, tn_job, G_TYPE_OBJECT)

static void
pending_event_free (PendingEvent *self)
{
  g_free (self->kind);
  g_free (self->text);
  g_free (self);
}

/* Emits what has gathered; events first, the end last. */
static gboolean
emit_pending (gpointer user_data)
{
  TnJob *self = user_data;
  GQueue events = G_QUEUE_INIT;
  PendingEvent *event;
  gboolean changed, finished;

  g_mutex_lock (&self->lock);
  events = self->events;
  g_queue_init (&self->events);
  changed = self->changed;
  finished = self->finished;
  self->changed = self->finished = self->scheduled = FALSE;
  self->emitted_us = g_get_monotonic_time ();
  g_mutex_unlock (&self->lock);

  while ((event = g_queue_pop_head (&events)) != NULL)
    {
      g_signal_emit (self, signals[EVENT], 0, event->kind, event->text);
      pending_event_free (event);
    }
  if (changed)
    g_signal_emit (self, signals[CHANGED], 0);
  if (finished)
    g_signal_emit (self, signals[FINISHED], 0);
  return G_SOURCE_REMOVE;
}

/* With the lock held. A plain idle source would starve while frames are drawn, so the priority is the default one. */
static void
schedule (TnJob *self)
{
  g_autoptr (GSource) source = NULL;
  gint64 wait_us = self->emitted_us + EMIT_US - g_get_monotonic_time ();

  if (self->scheduled)
    return;
  self->scheduled = TRUE;
  source = wait_us > 0 ? g_timeout_source_new ((guint) (wait_us / 1000) + 1) : g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, emit_pending, g_object_ref (self), g_object_unref);
  g_source_attach (source, self->context);
}

/* at_once matters in place only, where nothing can be emitted later. */
static void
notify (TnJob *self, gboolean at_once)
{
  gboolean now;

  g_mutex_lock (&self->lock);
  self->changed = TRUE;
  if (self->context != NULL)
    schedule (self);
  now = self->context == NULL && (at_once || g_get_monotonic_time () >= self->emitted_us + EMIT_US);
  g_mutex_unlock (&self->lock);
  if (now)
    emit_pending (self);
}

static void
notify_event (TnJob *self, const char *kind, const char *text)
{
  PendingEvent *event = g_new (PendingEvent, 1);
  gboolean in_place;

  event->kind = g_strdup (kind);
  event->text = g_strdup (text);
  g_mutex_lock (&self->lock);
  g_queue_push_tail (&self->events, event);
  in_place = self->context == NULL;
  if (!in_place)
    schedule (self);
  g_mutex_unlock (&self->lock);
  if (in_place)
    emit_pending (self);
}

/* With the lock held. */
static gint64
get_active_us (TnJob *self)
{
  return self->active_us + (self->active_since_us != 0 ? g_get_monotonic_time () - self->active_since_us : 0);
}

/* With the lock held. */
static void
get_progress (TnJob *self, TnJobProgress *progress)
{
  gint64 active_us = get_active_us (self);

  *progress = self->progress;
  progress->seconds_elapsed = (double) active_us / G_USEC_PER_SEC;
  progress->seconds_left = -1;
  if (progress->rate > 0 && progress->total > 0)
    {
      double since = (double) (active_us - self->measured_us) / G_USEC_PER_SEC;

      progress->seconds_left = MAX (0.0, (progress->total - progress->done) / progress->rate - since);
    }
}

static void
set_state (TnJob *self, TnJobState state)
{
  g_mutex_lock (&self->lock);
  self->active_us = get_active_us (self);
  self->active_since_us = state == TN_JOB_RUNNING ? g_get_monotonic_time () : 0;
  self->progress.state = state;
  g_mutex_unlock (&self->lock);
}

static void
warn_about_workspace (TnJob *self, GError *failure)
{
  g_autofree char *text = g_strdup_printf (_ ("The run goes on, but is not recorded: %s"), failure->message);

  g_error_free (failure);
  notify_event (self, "warning", text);
}

static void
commit (TnJob *self, gboolean forced)
{
  GError *failure = NULL;
  TnJobProgress progress;

  if (self->record == NULL)
    return;
  tn_job_get_progress (self, &progress);
  if (!tn_job_record_commit (self->record, &progress, forced, &failure) && failure != NULL)
    warn_about_workspace (self, failure);
}

/* With the lock held. An exponential average over running time: steady however irregular the calls are. */
static void
measure_rate (TnJob *self, double done, const char *unit)
{
  gint64 now = get_active_us (self);

  if (self->measured_us >= 0 && done >= self->progress.done && g_str_equal (unit, self->progress.unit))
    {
      double seconds = (double) (now - self->measured_us) / G_USEC_PER_SEC;
      double keep = exp (-seconds / SMOOTHING_SECONDS);

      self->weighted_units = self->weighted_units * keep + (done - self->progress.done);
      self->weighted_seconds = self->weighted_seconds * keep + seconds;
      self->progress.rate = self->weighted_seconds > 0 ? self->weighted_units / self->weighted_seconds : 0;
    }
  else
    self->weighted_units = self->weighted_seconds = self->progress.rate = 0;
  self->measured_us = now;
}

static void
on_progress (gpointer user_data, double done, double total, const char *unit)
{
  TnJob *self = user_data;
  char shortened[sizeof self->progress.unit];
  gint64 now = g_get_monotonic_time ();

  g_strlcpy (shortened, unit != NULL ? unit : "", sizeof shortened);
  g_mutex_lock (&self->lock);
  measure_rate (self, done, shortened);
  self->progress.done = done;
  self->progress.total = total;
  g_strlcpy (self->progress.unit, shortened, sizeof self->progress.unit);
  if (now >= self->next_rss_us)
    {
      self->progress.rss_bytes = tn_process_get_rss ();
      self->next_rss_us = now + RSS_US;
    }
  g_mutex_unlock (&self->lock);
  commit (self, FALSE);
  notify (self, FALSE);
}

static void
on_metric (gpointer user_data, const char *series, gint64 step, double value)
{
  TnJob *self = user_data;

  if (self->record == NULL)
    return;
  tn_job_record_metric (self->record, series, step, value);
  commit (self, FALSE);
}

static void
on_rewind (gpointer user_data, gint64 first_step)
{
  TnJob *self = user_data;

  if (self->record != NULL)
    tn_job_record_rewind (self->record, first_step);
}

static void
on_event (gpointer user_data, const char *kind, const char *text)
{
  TnJob *self = user_data;

  if (self->record != NULL)
    {
      tn_job_record_event (self->record, kind, text);
      commit (self, FALSE);
    }
  notify_event (self, kind, text);
}

static void
obey_requests (TnJob *self)
{
  switch (self->record != NULL ? tn_job_record_poll (self->record) : TN_REQUEST_NONE)
    {
    case TN_REQUEST_PAUSE:
      tn_job_pause (self);
      break;
    case TN_REQUEST_RESUME:
      tn_job_resume (self);
      break;
    case TN_REQUEST_CANCEL:
      tn_job_cancel (self);
      break;
    case TN_REQUEST_NONE:
    default:
      break;
    }
}

/* With the lock held. */
static gboolean
is_held (TnJob *self)
{
  return self->pause_wanted && !g_cancellable_is_cancelled (self->cancellable);
}

static void
wait_while_paused (TnJob *self)
{
  gint64 heartbeat_us = g_get_monotonic_time () + HEARTBEAT_US;

  tn_turn_release ();
  set_state (self, TN_JOB_PAUSED);
  commit (self, TRUE);
  notify (self, TRUE);
  g_mutex_lock (&self->lock);
  while (is_held (self))
    {
      gint64 now = g_get_monotonic_time ();

      if (g_cond_wait_until (&self->wake, &self->lock, now + PAUSED_LOOK_US))
        continue;
      g_mutex_unlock (&self->lock);
      obey_requests (self);
      if (now >= heartbeat_us)
        {
          commit (self, TRUE);
          heartbeat_us = now + HEARTBEAT_US;
        }
      g_mutex_lock (&self->lock);
    }
  g_mutex_unlock (&self->lock);
  set_state (self, TN_JOB_RUNNING);
  commit (self, TRUE);
  notify (self, TRUE);
  tn_turn_take (self->cancellable);
}

static gboolean
on_boundary (gpointer user_data, GError **error)
{
  TnJob *self = user_data;
  gboolean held;

  obey_requests (self);
  commit (self, FALSE);
  g_mutex_lock (&self->lock);
  held = is_held (self);
  g_mutex_unlock (&self->lock);
  if (held)
    wait_while_paused (self);
  else
    tn_turn_pass (self->cancellable);
  return !g_cancellable_set_error_if_cancelled (self->cancellable, error);
}

static void
begin (TnJob *self)
{
  GError *failure = NULL;

  set_state (self, TN_JOB_RUNNING);
  if (self->record != NULL && !tn_job_record_begin (self->record, self->verb, self->title, self->arguments, self->identity, &failure) &&
      failure != NULL)
    warn_about_workspace (self, failure);
  notify (self, TRUE);
}

static void
end (TnJob *self, TnJobState state, GError *error)
{
  g_autofree char *output = NULL;
  GError *failure = NULL;
  TnJobProgress progress;

  set_state (self, state);
  g_mutex_lock (&self->lock);
  self->error = error;
  self->progress.rss_bytes = tn_process_get_rss ();
  output = g_strdup (self->output);
  get_progress (self, &progress);
  g_mutex_unlock (&self->lock);
  if (self->record != NULL &&
      !tn_job_record_end (self->record, &progress, error != NULL ? error->message : NULL, output, &failure) &&
      failure != NULL)
    warn_about_workspace (self, failure);
  g_mutex_lock (&self->lock);
  self->finished = TRUE;
  g_mutex_unlock (&self->lock);
  notify (self, TRUE);
}

static gboolean
work (TnJob *self)
{
  const TnListener listener = {.progress = on_progress,
                               .metric = on_metric,
                               .event = on_event,
                               .boundary = on_boundary,
                               .rewind = on_rewind,
                               .user_data = self};
  g_autoptr (GError) error = NULL;
  gboolean success;

  begin (self);
  tn_turn_take (self->cancellable);
  success = !g_cancellable_set_error_if_cancelled (self->cancellable, &error) &&
            self->func (self, &listener, self->cancellable, self->data, &error);
  tn_turn_release ();
  if (success)
    end (self, TN_JOB_DONE, NULL);
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    end (self, TN_JOB_CANCELLED, g_steal_pointer (&error));
  else
    end (self, TN_JOB_FAILED, g_steal_pointer (&error));
  return success;
}

static gpointer
work_on_thread (gpointer user_data)
{
  g_autoptr (TnJob) self = user_data;

  work (self);
  return NULL;
}

gboolean
tn_job_run (TnJob *self, GError **error)
{
  if (work (self))
    return TRUE;
  g_propagate_error (error, g_error_copy (self->error));
  return FALSE;
}

void
tn_job_start (TnJob *self)
{
  self->context = g_main_context_ref_thread_default ();
  g_thread_unref (g_thread_new ("ternion-job", work_on_thread, g_object_ref (self)));
}

static void
want_pause (TnJob *self, gboolean pause)
{
  g_mutex_lock (&self->lock);
  self->pause_wanted = pause;
  g_cond_broadcast (&self->wake);
  g_mutex_unlock (&self->lock);
}

void
tn_job_pause (TnJob *self)
{
  want_pause (self, TRUE);
}

void
tn_job_resume (TnJob *self)
{
  want_pause (self, FALSE);
}

void
tn_job_cancel (TnJob *self)
{
  g_cancellable_cancel (self->cancellable);
}

void
tn_job_get_progress (TnJob *self, TnJobProgress *progress)
{
  g_mutex_lock (&self->lock);
  get_progress (self, progress);
  g_mutex_unlock (&self->lock);
}

const char *
tn_job_get_title (TnJob *self)
{
  return self->title;
}

gint64
tn_job_get_run (TnJob *self)
{
  return self->record != NULL ? tn_job_record_get_run (self->record) : -1;
}

GCancellable *
tn_job_get_cancellable (TnJob *self)
{
  return self->cancellable;
}

GError *
tn_job_dup_error (TnJob *self)
{
  GError *error = NULL;

  g_mutex_lock (&self->lock);
  if (self->progress.state == TN_JOB_FAILED && self->error != NULL)
    error = g_error_copy (self->error);
  g_mutex_unlock (&self->lock);
  return error;
}

void
tn_job_commit (TnJob *self)
{
  commit (self, TRUE);
}

void
tn_job_set_output (TnJob *self, const char *path)
{
  g_mutex_lock (&self->lock);
  g_free (self->output);
  self->output = g_strdup (path);
  g_mutex_unlock (&self->lock);
}

const char *
tn_job_get_output (TnJob *self)
{
  return self->output;
}

static void
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  TnJob *self = user_data;

  g_mutex_lock (&self->lock);
  g_cond_broadcast (&self->wake);
  g_mutex_unlock (&self->lock);
}

TnJob *
tn_job_new (const char *verb, const char *title, const char *arguments_json, TnWorkspace *workspace, TnJobFunc func,
            gpointer data, GDestroyNotify data_free)
{
  TnJob *self = g_object_new (TN_TYPE_JOB, NULL);

  self->verb = g_strdup (verb);
  self->title = g_strdup (title);
  self->arguments = g_strdup (arguments_json);
  self->func = func;
  self->data = data;
  self->data_free = data_free;
  if (workspace != NULL)
    self->record = tn_job_record_new (workspace);
  return self;
}

void
tn_job_set_identity (TnJob *self, const char *identity)
{
  g_free (self->identity);
  self->identity = g_strdup (identity);
}

static void
tn_job_init (TnJob *self)
{
  g_mutex_init (&self->lock);
  g_cond_init (&self->wake);
  g_queue_init (&self->events);
  self->measured_us = -1;
  self->cancellable = g_cancellable_new ();
  self->cancelled_handler = g_cancellable_connect (self->cancellable, G_CALLBACK (on_cancelled), self, NULL);
}

static void
tn_job_finalize (GObject *object)
{
  TnJob *self = TN_JOB (object);

  g_cancellable_disconnect (self->cancellable, self->cancelled_handler);
  g_object_unref (self->cancellable);
  if (self->data_free != NULL)
    self->data_free (self->data);
  g_clear_pointer (&self->record, tn_job_record_free);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_queue_clear_full (&self->events, (GDestroyNotify) pending_event_free);
  g_clear_error (&self->error);
  g_free (self->verb);
  g_free (self->title);
  g_free (self->arguments);
  g_free (self->identity);
  g_free (self->output);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->wake);
  G_OBJECT_CLASS (tn_job_parent_class)->finalize (object);
}

static void
tn_job_class_init (TnJobClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = tn_job_finalize;
  signals[CHANGED] = g_signal_new ("changed", TN_TYPE_JOB, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[EVENT] =
      g_signal_new ("event", TN_TYPE_JOB, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_STRING);
  signals[FINISHED] = g_signal_new ("finished", TN_TYPE_JOB, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}
