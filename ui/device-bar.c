/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/device-bar.h"

#include <glib/gi18n-lib.h>

#include "app/tasks/doctor.h"
#include "engine/device/device.h"
#include "engine/memory/pool.h"
#include "ui/numbers.h"

#define REFRESH_SECONDS 1

struct _TnDeviceBar
{
  GtkWidget parent_instance;
  GtkMenuButton *button;
  GtkLabel *device;
  GtkLabel *memory;
  GtkLabel *job;
  GtkListBox *facts;
  TnSession *session;
  guint timer;
};

G_DEFINE_FINAL_TYPE (TnDeviceBar, tn_device_bar, GTK_TYPE_WIDGET)

static void
set_text (GtkLabel *label, const char *text)
{
  if (g_strcmp0 (gtk_label_get_text (label), text) != 0)
    gtk_label_set_text (label, text);
}

static char *
describe_memory (void)
{
  gsize budget = tn_pool_get_budget (tn_pool_default ()), used = tn_process_get_rss ();
  g_autofree char *have = g_format_size_full (used, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *limit = budget > 0 ? g_format_size_full (budget, G_FORMAT_SIZE_IEC_UNITS) : NULL;

  if (used == 0)
    return g_strdup (_ ("Memory not known"));
  /* Translators: the memory this program uses, and what calculations may use */
  return limit != NULL ? g_strdup_printf (_ ("Memory %s, limit %s"), have, limit) : g_strdup_printf (_ ("Memory %s"), have);
}

static char *
describe_own (const char *title, const TnJobProgress *progress)
{
  if (progress->state == TN_JOB_PAUSED)
    return g_strdup_printf (_ ("Paused: %s"), title);
  if (progress->total > 0)
    return g_strdup_printf ("%s, %.0f %%", title, 100 * progress->done / progress->total);
  return g_strdup (title);
}

static char *
describe_job (TnDeviceBar *self)
{
  TnCalibration *calibration = tn_session_get_calibration (self->session);
  TnSensitivity *sensitivity = tn_session_get_sensitivity (self->session);
  guint n_running = tn_run_watcher_n_running (tn_session_get_runs (self->session));
  TnJobProgress progress;

  if (tn_session_is_calibrating (self->session))
    {
      tn_calibration_get_progress (calibration, &progress);
      return describe_own (tn_calibration_get_title (calibration), &progress);
    }
  if (tn_session_is_analyzing (self->session))
    {
      tn_sensitivity_get_progress (sensitivity, &progress);
      return describe_own (tn_sensitivity_get_title (sensitivity), &progress);
    }
  if (sensitivity != NULL && tn_sensitivity_is_measuring (sensitivity))
    return g_strdup (_ ("Measuring a plan"));
  if (n_running > 0)
    return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%u run of another program", "%u runs of other programs", n_running),
                            n_running);
  return g_strdup (_ ("Nothing is running"));
}

static void
refresh (TnDeviceBar *self)
{
  g_autofree char *memory = NULL, *job = NULL;

  if (self->session == NULL)
    return;
  memory = describe_memory ();
  job = describe_job (self);
  set_text (self->memory, memory);
  set_text (self->job, job);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->job), job);
}

static gboolean
on_timer (gpointer user_data)
{
  refresh (user_data);
  return G_SOURCE_CONTINUE;
}

static void
tn_device_bar_map (GtkWidget *widget)
{
  TnDeviceBar *self = TN_DEVICE_BAR (widget);

  GTK_WIDGET_CLASS (tn_device_bar_parent_class)->map (widget);
  self->timer = g_timeout_add_seconds (REFRESH_SECONDS, on_timer, self);
  refresh (self);
}

static void
tn_device_bar_unmap (GtkWidget *widget)
{
  TnDeviceBar *self = TN_DEVICE_BAR (widget);

  g_clear_handle_id (&self->timer, g_source_remove);
  GTK_WIDGET_CLASS (tn_device_bar_parent_class)->unmap (widget);
}

/* Choosing the device may take a short measurement the first time on a machine. */
static void
examine_on_worker (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  g_task_return_pointer (task, tn_doctor_examine (TN_DOCTOR_NO_RATES, task_data), (GDestroyNotify) g_ptr_array_unref);
}

static void
add_fact (TnDeviceBar *self, const TnDoctorFact *fact)
{
  GtkWidget *row = adw_action_row_new ();

  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (row), FALSE);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), fact->label);
  adw_action_row_set_subtitle (ADW_ACTION_ROW (row), fact->text != NULL ? fact->text : fact->value);
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), FALSE);
  gtk_list_box_append (self->facts, row);
}

static void
on_examined (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TnDeviceBar *self = TN_DEVICE_BAR (source);
  g_autoptr (GPtrArray) facts = g_task_propagate_pointer (G_TASK (result), NULL);
  const TnDevice *device = tn_device_auto_select ();
  g_autofree char *text = NULL;

  if (self->facts == NULL) /* the window is gone */
    return;
  /* Translators: the name of what computes, and how many threads it uses */
  text = g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%s · %u thread", "%s · %u threads", device->threads), device->name,
                          device->threads);
  set_text (self->device, text);
  for (guint i = 0; i < facts->len; i++)
    add_fact (self, g_ptr_array_index (facts, i));
}

static void
tn_device_bar_dispose (GObject *object)
{
  TnDeviceBar *self = TN_DEVICE_BAR (object);
  GtkWidget *child;

  g_clear_handle_id (&self->timer, g_source_remove);
  g_clear_object (&self->session);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))) != NULL)
    gtk_widget_unparent (child);
  self->facts = NULL;
  G_OBJECT_CLASS (tn_device_bar_parent_class)->dispose (object);
}

static void
tn_device_bar_class_init (TnDeviceBarClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_device_bar_dispose;
  widget_class->map = tn_device_bar_map;
  widget_class->unmap = tn_device_bar_unmap;
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/device-bar.ui");
  gtk_widget_class_bind_template_child (widget_class, TnDeviceBar, button);
  gtk_widget_class_bind_template_child (widget_class, TnDeviceBar, device);
  gtk_widget_class_bind_template_child (widget_class, TnDeviceBar, memory);
  gtk_widget_class_bind_template_child (widget_class, TnDeviceBar, job);
  gtk_widget_class_bind_template_child (widget_class, TnDeviceBar, facts);
}

static void
tn_device_bar_init (TnDeviceBar *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

void
tn_device_bar_set_session (TnDeviceBar *self, TnSession *session)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (TN_IS_DEVICE_BAR (self));
  g_return_if_fail (self->session == NULL);

  self->session = g_object_ref (session);
  g_signal_connect_object (session, "calibration-changed", G_CALLBACK (refresh), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (session, "calibration-finished", G_CALLBACK (refresh), self, G_CONNECT_SWAPPED);
  task = g_task_new (self, NULL, on_examined, NULL);
  g_task_set_task_data (task, g_strdup (tn_session_get_workspace_path (session)), g_free);
  g_task_run_in_thread (task, examine_on_worker);
  refresh (self);
}
