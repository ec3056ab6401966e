/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/training-run.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "app/tasks/train-state.h"
#include "data/training/checkpoint.h"

#define LOOK_MS 250
/* Up to so many points a series is read whole, above it the pyramid, whose finest level has an entry for hundreds. */
#define MOST_ENTRIES 32768
/* Points of a line as it is drawn, and of one that is smoothed, whose spread is drawn around it. */
#define MOST_POINTS 1024
#define MOST_SMOOTHED 300
/* Even without a commit: a process that died commits no more, and asking finds that out. */
#define LOOK_AT_LEAST_US (5 * G_USEC_PER_SEC)

struct _TnTrainingRun
{
  GObject parent_instance;
  char *path;
  gint64 id;
  TnWorkspace *workspace; /* used by one thread at a time: by the worker while busy */
  TnRunRow *row;
  GHashTable *points; /* name -> TnSeriesPoints */
  GPtrArray *series;
  GPtrArray *events;
  GListStore *layers;
  GHashTable *layer_rows; /* name -> TnTrainingLayerRow, of layers */
  char *error;
  char **wanted;
  double smoothing;
  TnRequest request; /* to be posted at the next look */
  gint64 version;
  gint64 looked_us;
  guint timer;
  gboolean has_checkpoint;
  gboolean busy;
  gboolean again; /* other series are wanted than the look under way reads */
};

enum
{
  CHANGED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnTrainingRun, tn_training_run, G_TYPE_OBJECT)

typedef struct
{
  char *path;
  TnWorkspace *workspace;
  gint64 id;
  char **wanted;
  double smoothing;
  TnRequest request;
  /* Found: */
  TnRunRow *row;
  GHashTable *points;
  GPtrArray *series;
  GPtrArray *events;
  gboolean has_checkpoint;
} Look;

static void
look_free (gpointer pointer)
{
  Look *self = pointer;

  g_free (self->path);
  g_clear_pointer (&self->workspace, tn_workspace_unref);
  g_strfreev (self->wanted);
  g_clear_pointer (&self->row, tn_run_row_free);
  g_clear_pointer (&self->points, g_hash_table_unref);
  g_clear_pointer (&self->series, g_ptr_array_unref);
  g_clear_pointer (&self->events, g_ptr_array_unref);
  g_free (self);
}

static const TnSeriesRow *
find_series (GPtrArray *series, const char *name)
{
  for (guint i = 0; series != NULL && i < series->len; i++)
    if (strcmp (((TnSeriesRow *) g_ptr_array_index (series, i))->name, name) == 0)
      return g_ptr_array_index (series, i);
  return NULL;
}

static gboolean
read_all_points (Look *look, const char *name, GArray *entries, GError **error)
{
  g_autoptr (GArray) steps = g_array_new (FALSE, FALSE, sizeof (gint64)), values = g_array_new (FALSE, FALSE, sizeof (double));

  if (!tn_workspace_read_series (look->workspace, look->id, name, steps, values, error))
    return FALSE;
  for (guint i = 0; i < values->len; i++)
    {
      double value = g_array_index (values, double, i);
      gint64 step = g_array_index (steps, gint64, i);
      const TnPyramidEntry entry = {.first_step = step, .last_step = step, .count = 1, .minimum = value, .maximum = value};

      g_array_append_val (entries, entry);
    }
  return TRUE;
}

static gboolean
read_wanted (Look *look, GError **error)
{
  look->points = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) tn_series_points_free);
  for (char **name = look->wanted; name != NULL && *name != NULL; name++)
    {
      g_autoptr (GArray) entries = g_array_new (FALSE, FALSE, sizeof (TnPyramidEntry));
      const TnSeriesRow *series = find_series (look->series, *name);

      if (series == NULL)
        continue;
      if (series->count <= MOST_ENTRIES ? !read_all_points (look, *name, entries, error)
                                        : !tn_workspace_read_pyramid (look->workspace, look->id, *name, MOST_ENTRIES, entries, error))
        return FALSE;
      g_hash_table_insert (look->points, g_strdup (*name),
                           tn_series_points_new (entries, look->smoothing, look->smoothing > 0.0 ? MOST_SMOOTHED : MOST_POINTS));
    }
  return TRUE;
}

/* Of a run that ended: one that goes on writes them yet. */
static gboolean
find_checkpoint (const TnRunRow *row)
{
  TnTrainOptions *options;
  g_autofree char *folder = NULL;
  g_autoptr (GArray) steps = NULL;

  if (row->state == TN_RUN_RUNNING || row->state == TN_RUN_PAUSED || row->arguments == NULL)
    return FALSE;
  options = tn_train_arguments_from_json (row->arguments, NULL);
  if (options == NULL)
    return FALSE;
  folder = g_build_filename (options->out_path, "checkpoints", NULL);
  tn_train_options_free (options);
  steps = g_file_test (folder, G_FILE_TEST_IS_DIR) ? tn_checkpoint_list (folder, NULL) : NULL;
  return steps != NULL && steps->len > 0;
}

static gboolean
do_look (Look *look, GError **error)
{
  if (look->workspace == NULL && (look->workspace = tn_workspace_open (look->path, error)) == NULL)
    return FALSE;
  if ((look->request != TN_REQUEST_NONE && !tn_workspace_post_request (look->workspace, look->id, look->request, error)) ||
      (look->row = tn_workspace_get_run (look->workspace, look->id, error)) == NULL)
    return FALSE;
  look->has_checkpoint = find_checkpoint (look->row);
  return (look->series = tn_workspace_list_latest (look->workspace, look->id, error)) != NULL &&
         (look->events = tn_workspace_list_events (look->workspace, look->id, error)) != NULL && read_wanted (look, error);
}

static void
look_on_worker (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  GError *error = NULL;

  if (do_look (task_data, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
update_layers (TnTrainingRun *self)
{
  for (guint i = 0; i < self->series->len; i++)
    {
      const TnSeriesRow *series = g_ptr_array_index (self->series, i);
      g_autofree char *name = NULL;
      TnTrainingLayerRow *row;
      TnTrainingLayerColumn column;

      if (!tn_training_layer_parse_series (series->name, &name, &column))
        continue;
      row = g_hash_table_lookup (self->layer_rows, name);
      if (row == NULL)
        {
          row = tn_training_layer_row_new (name, g_hash_table_size (self->layer_rows));
          g_list_store_append (self->layers, row);
          g_hash_table_insert (self->layer_rows, g_strdup (name), row);
        }
      tn_training_layer_row_set (row, column, series->value);
    }
}

static void look_now (TnTrainingRun *self);

static void
adopt (TnTrainingRun *self, Look *look)
{
  g_clear_pointer (&self->row, tn_run_row_free);
  g_clear_pointer (&self->points, g_hash_table_unref);
  g_clear_pointer (&self->series, g_ptr_array_unref);
  g_clear_pointer (&self->events, g_ptr_array_unref);
  g_clear_pointer (&self->error, g_free);
  self->row = g_steal_pointer (&look->row);
  self->points = g_steal_pointer (&look->points);
  self->series = g_steal_pointer (&look->series);
  self->events = g_steal_pointer (&look->events);
  self->has_checkpoint = look->has_checkpoint;
  update_layers (self);
}

static void
on_looked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TnTrainingRun *self = TN_TRAINING_RUN (source);
  Look *look = g_task_get_task_data (G_TASK (result));
  g_autoptr (GError) error = NULL;
  gboolean found = g_task_propagate_boolean (G_TASK (result), &error);

  self->busy = FALSE;
  if (self->timer == 0) /* closed */
    return;
  if (self->workspace == NULL && look->workspace != NULL)
    self->workspace = tn_workspace_ref (look->workspace);
  if (found)
    adopt (self, look);
  else
    {
      g_free (self->error);
      self->error = g_strdup (error->message);
    }
  g_signal_emit (self, signals[CHANGED], 0);
  if (self->again && self->timer != 0)
    look_now (self);
}

static void
look_now (TnTrainingRun *self)
{
  g_autoptr (GTask) task = NULL;
  Look *look;

  self->again = self->busy;
  if (self->busy)
    return;
  task = g_task_new (self, NULL, on_looked, NULL);
  look = g_new0 (Look, 1);
  look->path = g_strdup (self->path);
  look->workspace = self->workspace != NULL ? tn_workspace_ref (self->workspace) : NULL;
  look->id = self->id;
  look->wanted = g_strdupv (self->wanted);
  look->smoothing = self->smoothing;
  look->request = self->request;
  self->request = TN_REQUEST_NONE;
  self->busy = TRUE;
  self->looked_us = g_get_monotonic_time ();
  g_task_set_task_data (task, look, look_free);
  g_task_run_in_thread (task, look_on_worker);
}

static gboolean
on_timer (gpointer user_data)
{
  TnTrainingRun *self = user_data;
  gint64 version;

  if (self->busy)
    return G_SOURCE_CONTINUE;
  version = self->workspace != NULL ? tn_workspace_data_version (self->workspace) : -1;
  if (version != self->version || g_get_monotonic_time () - self->looked_us > LOOK_AT_LEAST_US)
    {
      self->version = version;
      look_now (self);
    }
  return G_SOURCE_CONTINUE;
}

static void
tn_training_run_finalize (GObject *object)
{
  TnTrainingRun *self = TN_TRAINING_RUN (object);

  g_clear_handle_id (&self->timer, g_source_remove);
  g_clear_pointer (&self->workspace, tn_workspace_unref);
  g_clear_pointer (&self->row, tn_run_row_free);
  g_clear_pointer (&self->points, g_hash_table_unref);
  g_clear_pointer (&self->series, g_ptr_array_unref);
  g_clear_pointer (&self->events, g_ptr_array_unref);
  g_clear_pointer (&self->layer_rows, g_hash_table_unref);
  g_clear_object (&self->layers);
  g_strfreev (self->wanted);
  g_free (self->error);
  g_free (self->path);
  G_OBJECT_CLASS (tn_training_run_parent_class)->finalize (object);
}

static void
tn_training_run_class_init (TnTrainingRunClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = tn_training_run_finalize;
  signals[CHANGED] = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
tn_training_run_init (TnTrainingRun *self)
{
  self->layers = g_list_store_new (TN_TYPE_TRAINING_LAYER_ROW);
  self->layer_rows = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

TnTrainingRun *
tn_training_run_new (const char *workspace_path, gint64 id)
{
  TnTrainingRun *self = g_object_new (TN_TYPE_TRAINING_RUN, NULL);

  self->path = g_strdup (workspace_path);
  self->id = id;
  self->timer = g_timeout_add (LOOK_MS, on_timer, self);
  look_now (self);
  return self;
}

void
tn_training_run_close (TnTrainingRun *self)
{
  g_return_if_fail (TN_IS_TRAINING_RUN (self));

  g_clear_handle_id (&self->timer, g_source_remove);
}

gint64
tn_training_run_get_id (TnTrainingRun *self)
{
  g_return_val_if_fail (TN_IS_TRAINING_RUN (self), -1);

  return self->id;
}

const TnRunRow *
tn_training_run_get_row (TnTrainingRun *self)
{
  g_return_val_if_fail (TN_IS_TRAINING_RUN (self), NULL);

  return self->row;
}

gboolean
tn_training_run_is_going_on (TnTrainingRun *self)
{
  g_return_val_if_fail (TN_IS_TRAINING_RUN (self), FALSE);

  return self->row != NULL && (self->row->state == TN_RUN_RUNNING || self->row->state == TN_RUN_PAUSED);
}

gboolean
tn_training_run_has_checkpoint (TnTrainingRun *self)
{
  g_return_val_if_fail (TN_IS_TRAINING_RUN (self), FALSE);

  return self->has_checkpoint;
}

TnTrainOptions *
tn_training_run_dup_options (TnTrainingRun *self, GError **error)
{
  g_return_val_if_fail (TN_IS_TRAINING_RUN (self), NULL);
  g_return_val_if_fail (self->row != NULL, NULL);

  return tn_train_arguments_from_json (self->row->arguments != NULL ? self->row->arguments : "", error);
}

const char *
tn_training_run_get_error (TnTrainingRun *self)
{
  g_return_val_if_fail (TN_IS_TRAINING_RUN (self), NULL);

  return self->error;
}

void
tn_training_run_want (TnTrainingRun *self, const char *const *names, double smoothing)
{
  g_return_if_fail (TN_IS_TRAINING_RUN (self));

  if (self->wanted != NULL && g_strv_equal ((const char *const *) self->wanted, names) && self->smoothing == smoothing)
    return;
  g_strfreev (self->wanted);
  self->wanted = g_strdupv ((char **) names);
  self->smoothing = smoothing;
  look_now (self);
}

const TnSeriesPoints *
tn_training_run_get_points (TnTrainingRun *self, const char *name)
{
  g_return_val_if_fail (TN_IS_TRAINING_RUN (self), NULL);

  return self->points != NULL ? g_hash_table_lookup (self->points, name) : NULL;
}

GPtrArray *
tn_training_run_get_series (TnTrainingRun *self)
{
  g_return_val_if_fail (TN_IS_TRAINING_RUN (self), NULL);

  return self->series;
}

const TnSeriesRow *
tn_training_run_find (TnTrainingRun *self, const char *name)
{
  g_return_val_if_fail (TN_IS_TRAINING_RUN (self), NULL);

  return find_series (self->series, name);
}

GListModel *
tn_training_run_get_layers (TnTrainingRun *self)
{
  g_return_val_if_fail (TN_IS_TRAINING_RUN (self), NULL);

  return G_LIST_MODEL (self->layers);
}

GPtrArray *
tn_training_run_get_events (TnTrainingRun *self)
{
  g_return_val_if_fail (TN_IS_TRAINING_RUN (self), NULL);

  return self->events;
}

void
tn_training_run_request (TnTrainingRun *self, TnRequest request)
{
  g_return_if_fail (TN_IS_TRAINING_RUN (self));

  self->request = request;
  look_now (self);
}
