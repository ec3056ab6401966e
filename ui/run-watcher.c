/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/run-watcher.h"

#define LOOK_MS 300
#define MAX_RUNS 200

/* Even without a commit: a process that died commits no more, and listing finds that out. */
#define LIST_AT_LEAST_US (5 * G_USEC_PER_SEC)

struct _TnRunWatcher
{
  GObject parent_instance;
  char *path;
  TnWorkspace *workspace; /* used by one thread at a time: by the worker while busy */
  GPtrArray *runs;
  char *error;
  gint64 version;
  gint64 listed_us;
  guint timer;
  gboolean busy;
  gboolean awake;
};

enum
{
  CHANGED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnRunWatcher, tn_run_watcher, G_TYPE_OBJECT)

typedef struct
{
  char *path;
  TnWorkspace *workspace;
  gint64 run; /* with request: whom to ask first */
  TnRequest request;
} Listing;

static void
listing_free (gpointer pointer)
{
  Listing *self = pointer;

  g_free (self->path);
  g_clear_pointer (&self->workspace, tn_workspace_unref);
  g_free (self);
}

static void
list_on_worker (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  Listing *listing = task_data;
  GError *error = NULL;
  GPtrArray *runs = NULL;

  if (listing->workspace == NULL)
    listing->workspace = tn_workspace_open (listing->path, &error);
  if (listing->workspace != NULL && listing->request != TN_REQUEST_NONE &&
      !tn_workspace_post_request (listing->workspace, listing->run, listing->request, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  if (listing->workspace != NULL)
    runs = tn_workspace_list_runs (listing->workspace, MAX_RUNS, &error);
  if (runs != NULL)
    g_task_return_pointer (task, runs, (GDestroyNotify) g_ptr_array_unref);
  else
    g_task_return_error (task, error);
}

static void
on_listed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TnRunWatcher *self = TN_RUN_WATCHER (source);
  Listing *listing = g_task_get_task_data (G_TASK (result));
  g_autoptr (GError) error = NULL;
  GPtrArray *runs = g_task_propagate_pointer (G_TASK (result), &error);

  self->busy = FALSE;
  if (self->workspace == NULL && listing->workspace != NULL)
    self->workspace = tn_workspace_ref (listing->workspace);
  if (runs == NULL)
    {
      tn_run_watcher_set_error (self, error->message);
      return;
    }
  g_clear_pointer (&self->error, g_free);
  g_clear_pointer (&self->runs, g_ptr_array_unref);
  self->runs = runs;
  g_signal_emit (self, signals[CHANGED], 0);
}

static void
list (TnRunWatcher *self, gint64 run, TnRequest request)
{
  g_autoptr (GTask) task = g_task_new (self, NULL, on_listed, NULL);
  Listing *listing = g_new0 (Listing, 1);

  listing->path = g_strdup (self->path);
  listing->workspace = self->workspace != NULL ? tn_workspace_ref (self->workspace) : NULL;
  listing->run = run;
  listing->request = request;
  self->busy = TRUE;
  self->listed_us = g_get_monotonic_time ();
  g_task_set_task_data (task, listing, listing_free);
  g_task_run_in_thread (task, list_on_worker);
}

static gboolean
on_look (gpointer user_data)
{
  TnRunWatcher *self = user_data;
  gint64 version;

  if (self->busy)
    return G_SOURCE_CONTINUE;
  version = self->workspace != NULL ? tn_workspace_data_version (self->workspace) : 0;
  if (self->runs == NULL || version != self->version || g_get_monotonic_time () - self->listed_us > LIST_AT_LEAST_US)
    {
      self->version = version;
      list (self, 0, TN_REQUEST_NONE);
    }
  return G_SOURCE_CONTINUE;
}

static void
update_timer (TnRunWatcher *self)
{
  gboolean wanted = self->awake && self->path != NULL;

  if (wanted && self->timer == 0)
    {
      self->timer = g_timeout_add (LOOK_MS, on_look, self);
      on_look (self);
    }
  else if (!wanted)
    g_clear_handle_id (&self->timer, g_source_remove);
}

static void
tn_run_watcher_finalize (GObject *object)
{
  TnRunWatcher *self = TN_RUN_WATCHER (object);

  g_clear_handle_id (&self->timer, g_source_remove);
  g_clear_pointer (&self->workspace, tn_workspace_unref);
  g_clear_pointer (&self->runs, g_ptr_array_unref);
  g_free (self->path);
  g_free (self->error);
  G_OBJECT_CLASS (tn_run_watcher_parent_class)->finalize (object);
}

static void
tn_run_watcher_class_init (TnRunWatcherClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = tn_run_watcher_finalize;

  signals[CHANGED] = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
tn_run_watcher_init (TnRunWatcher *self)
{
}

TnRunWatcher *
tn_run_watcher_new (void)
{
  return g_object_new (TN_TYPE_RUN_WATCHER, NULL);
}

void
tn_run_watcher_start (TnRunWatcher *self, const char *workspace_path)
{
  g_return_if_fail (TN_IS_RUN_WATCHER (self));
  g_return_if_fail (self->path == NULL);

  self->path = g_strdup (workspace_path);
  update_timer (self);
}

void
tn_run_watcher_set_awake (TnRunWatcher *self, gboolean awake)
{
  g_return_if_fail (TN_IS_RUN_WATCHER (self));

  self->awake = awake;
  update_timer (self);
}

GPtrArray *
tn_run_watcher_get_runs (TnRunWatcher *self)
{
  g_return_val_if_fail (TN_IS_RUN_WATCHER (self), NULL);

  return self->runs;
}

guint
tn_run_watcher_n_running (TnRunWatcher *self)
{
  guint n = 0;

  g_return_val_if_fail (TN_IS_RUN_WATCHER (self), 0);

  for (guint i = 0; self->runs != NULL && i < self->runs->len; i++)
    {
      const TnRunRow *run = g_ptr_array_index (self->runs, i);

      n += run->state == TN_RUN_RUNNING || run->state == TN_RUN_PAUSED;
    }
  return n;
}

void
tn_run_watcher_request (TnRunWatcher *self, gint64 run, TnRequest request)
{
  g_return_if_fail (TN_IS_RUN_WATCHER (self));

  list (self, run, request);
}

const char *
tn_run_watcher_get_error (TnRunWatcher *self)
{
  g_return_val_if_fail (TN_IS_RUN_WATCHER (self), NULL);

  return self->error;
}

void
tn_run_watcher_set_error (TnRunWatcher *self, const char *message)
{
  g_return_if_fail (TN_IS_RUN_WATCHER (self));

  g_free (self->error);
  self->error = g_strdup (message);
  g_signal_emit (self, signals[CHANGED], 0);
}
