/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/inspector.h"

#include <glib/gi18n-lib.h>

/* Rows are filled in so often that they seem to flow and so seldom that a model of thousands of tensors costs few frames. */
#define DELIVERY_MS 100

/* Where the worker leaves what it measured; outlives the inspector if it has to. */
typedef struct
{
  GMutex lock;
  GPtrArray *measured; /* TnTensorInspection */
  gboolean scheduled;
  GWeakRef inspector;
} Mailbox;

typedef struct
{
  TnModelFile *file;
  GArray *schemes;
  Mailbox *mailbox;
} InspectData;

struct _TnInspector
{
  GObject parent_instance;
  TnModelFile *file;
  TnWorkspace *workspace;
  GArray *schemes;
  GListStore *rows;
  GPtrArray *by_tensor; /* borrowed TnLayerRow */
  Mailbox *mailbox;
  TnJob *job;
  gboolean running;
};

enum
{
  MEASURED,
  FINISHED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnInspector, tn_inspector, G_TYPE_OBJECT)

static void
mailbox_clear (gpointer pointer)
{
  Mailbox *self = pointer;

  g_ptr_array_unref (self->measured);
  g_weak_ref_clear (&self->inspector);
  g_mutex_clear (&self->lock);
}

static void
mailbox_unref (gpointer self)
{
  g_atomic_rc_box_release_full (self, mailbox_clear);
}

static GPtrArray *
mailbox_take (Mailbox *self)
{
  GPtrArray *taken;

  g_mutex_lock (&self->lock);
  taken = self->measured;
  self->measured = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_tensor_inspection_free);
  self->scheduled = FALSE;
  g_mutex_unlock (&self->lock);
  return taken;
}

static void
deliver (TnInspector *self)
{
  g_autoptr (GPtrArray) measured = mailbox_take (self->mailbox);

  for (guint i = 0; i < measured->len; i++)
    {
      const TnTensorInspection *inspection = g_ptr_array_index (measured, i);

      tn_layer_row_measured (g_ptr_array_index (self->by_tensor, inspection->tensor), inspection);
    }
  if (measured->len > 0)
    g_signal_emit (self, signals[MEASURED], 0);
}

static gboolean
on_delivery (gpointer user_data)
{
  Mailbox *mailbox = user_data;
  g_autoptr (TnInspector) self = g_weak_ref_get (&mailbox->inspector);

  if (self != NULL)
    deliver (self);
  return G_SOURCE_REMOVE;
}

/* On the working thread. */
static void
on_measured (TnTensorInspection *inspection, gpointer user_data)
{
  Mailbox *mailbox = ((InspectData *) user_data)->mailbox;

  g_mutex_lock (&mailbox->lock);
  g_ptr_array_add (mailbox->measured, inspection);
  if (!mailbox->scheduled)
    {
      mailbox->scheduled = TRUE;
      g_timeout_add_full (G_PRIORITY_DEFAULT, DELIVERY_MS, on_delivery, g_atomic_rc_box_acquire (mailbox), mailbox_unref);
    }
  g_mutex_unlock (&mailbox->lock);
}

static gboolean
inspect (TnJob *job, const TnListener *listener, GCancellable *cancellable, gpointer data, GError **error)
{
  InspectData *self = data;

  return tn_inspect_model (self->file, NULL, self->schemes, FALSE, on_measured, self, listener, cancellable, error);
}

static void
inspect_data_free (gpointer pointer)
{
  InspectData *self = pointer;

  tn_model_file_unref (self->file);
  g_array_unref (self->schemes);
  mailbox_unref (self->mailbox);
  g_free (self);
}

static void
on_job_finished (TnInspector *self)
{
  g_autoptr (GError) error = tn_job_dup_error (self->job);

  deliver (self);
  for (guint i = 0; i < self->by_tensor->len; i++)
    tn_layer_row_give_up (g_ptr_array_index (self->by_tensor, i));
  self->running = FALSE;
  g_signal_emit (self, signals[MEASURED], 0);
  g_signal_emit (self, signals[FINISHED], 0, error != NULL ? error->message : NULL);
}

static void
tn_inspector_dispose (GObject *object)
{
  TnInspector *self = TN_INSPECTOR (object);

  if (self->job != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->job, self);
      tn_job_cancel (self->job);
    }
  g_clear_object (&self->job);
  g_clear_object (&self->rows);
  g_clear_pointer (&self->by_tensor, g_ptr_array_unref);
  g_clear_pointer (&self->schemes, g_array_unref);
  g_clear_pointer (&self->mailbox, mailbox_unref);
  g_clear_pointer (&self->workspace, tn_workspace_unref);
  g_clear_pointer (&self->file, tn_model_file_unref);
  G_OBJECT_CLASS (tn_inspector_parent_class)->dispose (object);
}

static void
tn_inspector_class_init (TnInspectorClass *klass)
{
  GType type = G_TYPE_FROM_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_inspector_dispose;

  signals[MEASURED] = g_signal_new ("measured", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[FINISHED] = g_signal_new ("finished", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
tn_inspector_init (TnInspector *self)
{
  self->schemes = tn_scheme_parse_list (TN_INSPECT_DEFAULT_SCHEMES, NULL);
  self->rows = g_list_store_new (TN_TYPE_LAYER_ROW);
  self->by_tensor = g_ptr_array_new ();
  self->mailbox = g_atomic_rc_box_new0 (Mailbox);
  g_mutex_init (&self->mailbox->lock);
  g_weak_ref_init (&self->mailbox->inspector, self);
  self->mailbox->measured = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_tensor_inspection_free);
}

TnInspector *
tn_inspector_new (TnModelFile *file, TnWorkspace *workspace)
{
  TnInspector *self = g_object_new (TN_TYPE_INSPECTOR, NULL);
  guint n = tn_model_file_n_tensors (file);
  g_autoptr (GPtrArray) rows = g_ptr_array_new_full (n, g_object_unref);

  self->file = tn_model_file_ref (file);
  self->workspace = workspace != NULL ? tn_workspace_ref (workspace) : NULL;
  for (guint i = 0; i < n; i++)
    {
      TnLayerRow *row = tn_layer_row_new (file, i);

      g_ptr_array_add (rows, row);
      g_ptr_array_add (self->by_tensor, row);
    }
  g_list_store_splice (self->rows, 0, 0, rows->pdata, rows->len);
  return self;
}

GListModel *
tn_inspector_get_rows (TnInspector *self)
{
  g_return_val_if_fail (TN_IS_INSPECTOR (self), NULL);

  return G_LIST_MODEL (self->rows);
}

GArray *
tn_inspector_get_schemes (TnInspector *self)
{
  g_return_val_if_fail (TN_IS_INSPECTOR (self), NULL);

  return self->schemes;
}

void
tn_inspector_start (TnInspector *self)
{
  InspectData *data;
  g_autofree char *name = NULL;
  g_autofree char *title = NULL;

  g_return_if_fail (TN_IS_INSPECTOR (self));
  g_return_if_fail (self->job == NULL);

  data = g_new0 (InspectData, 1);
  data->file = tn_model_file_ref (self->file);
  data->schemes = g_array_ref (self->schemes);
  data->mailbox = g_atomic_rc_box_acquire (self->mailbox);
  name = g_path_get_basename (tn_model_file_get_path (self->file));
  title = g_strdup_printf (_ ("Inspect %s"), name);
  self->job = tn_job_new ("inspect", title, NULL, self->workspace, inspect, data, inspect_data_free);
  self->running = TRUE;
  g_signal_connect_object (self->job, "finished", G_CALLBACK (on_job_finished), self, G_CONNECT_SWAPPED);
  tn_job_start (self->job);
}

void
tn_inspector_cancel (TnInspector *self)
{
  g_return_if_fail (TN_IS_INSPECTOR (self));

  if (self->job != NULL)
    tn_job_cancel (self->job);
}

gboolean
tn_inspector_is_running (TnInspector *self)
{
  g_return_val_if_fail (TN_IS_INSPECTOR (self), FALSE);

  return self->running;
}

double
tn_inspector_get_fraction (TnInspector *self)
{
  TnJobProgress progress;

  g_return_val_if_fail (TN_IS_INSPECTOR (self), 0);

  if (self->job == NULL)
    return 0;
  if (!self->running)
    return 1;
  tn_job_get_progress (self->job, &progress);
  return progress.total > 0 ? CLAMP (progress.done / progress.total, 0, 1) : 0;
}
