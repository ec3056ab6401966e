/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/window.h"

#include <glib/gi18n-lib.h>

#include "ui/accessible.h"
#include "ui/settings.h"
#include "ui/window-private.h"

G_DEFINE_FINAL_TYPE (TnWindow, tn_window, ADW_TYPE_APPLICATION_WINDOW)

/* A toast shows at once or after those before it; libadwaita gives its button no name. */
static void
name_toast_buttons (TnWindow *self)
{
  GtkWidget *content = adw_toast_overlay_get_child (self->toasts);

  for (GtkWidget *child = gtk_widget_get_first_child (GTK_WIDGET (self->toasts)); child != NULL;
       child = gtk_widget_get_next_sibling (child))
    if (child != content)
      tn_accessible_name_icon_buttons (child, _ ("Dismiss"));
}

static void
on_notice (TnWindow *self, const char *text)
{
  g_autofree char *escaped = g_markup_escape_text (text, -1);
  AdwToast *toast = adw_toast_new (escaped);

  g_signal_connect_object (toast, "dismissed", G_CALLBACK (name_toast_buttons), self, G_CONNECT_SWAPPED | G_CONNECT_AFTER);
  adw_toast_overlay_add_toast (self->toasts, toast);
  name_toast_buttons (self);
}

static void
on_model_changed (TnWindow *self)
{
  const char *name = tn_session_get_display_name (self->session);
  g_autofree char *title = name != NULL ? g_strdup_printf (_ ("%s – Ternion"), name) : g_strdup (_ ("Ternion"));
  gboolean empty = tn_session_get_state (self->session) == TN_SESSION_EMPTY;

  gtk_window_set_title (GTK_WINDOW (self), title);
  adw_view_switcher_title_set_title (self->switcher_title, name != NULL ? name : _ ("Ternion"));
  gtk_stack_set_visible_child (self->layers_stack, empty ? GTK_WIDGET (self->start_page) : GTK_WIDGET (self->layers_page));
}

static void
on_runs_changed (TnWindow *self)
{
  adw_view_stack_page_set_badge_number (self->runs_stack_page, tn_run_watcher_n_running (tn_session_get_runs (self->session)));
}

static void
notify_unfocused (TnWindow *self, const char *id, const char *title, const char *body)
{
  g_autoptr (GNotification) notification = NULL;

  if (gtk_window_is_active (GTK_WINDOW (self)) || gtk_window_get_application (GTK_WINDOW (self)) == NULL)
    return;
  notification = g_notification_new (title);
  g_notification_set_body (notification, body);
  g_application_send_notification (G_APPLICATION (gtk_window_get_application (GTK_WINDOW (self))), id, notification);
}

static gboolean
is_working (TnWindow *self)
{
  return tn_session_is_calibrating (self->session) || tn_session_is_training (self->session) || tn_session_is_analyzing (self->session);
}

static void
close_when_done (TnWindow *self)
{
  if (!is_working (self))
    gtk_window_destroy (GTK_WINDOW (self));
}

static void
on_calibration_finished (TnWindow *self)
{
  TnCalibration *calibration = tn_session_get_calibration (self->session);
  const char *error = tn_calibration_get_error (calibration);

  if (self->closing)
    close_when_done (self);
  else
    notify_unfocused (self, "calibration", error != NULL ? _ ("Calibration failed") : _ ("Calibration ended"),
                      error != NULL ? error : tn_calibration_get_title (calibration));
}

static void
on_training_finished (TnWindow *self)
{
  TnTraining *training = tn_session_get_training (self->session);
  const char *error = tn_training_get_error (training);

  if (self->closing)
    close_when_done (self);
  else
    notify_unfocused (self, "training", error != NULL ? _ ("Training failed") : _ ("Training ended"),
                      error != NULL ? error : tn_training_get_title (training));
}

static void
on_sensitivity_finished (TnWindow *self)
{
  TnSensitivity *sensitivity = tn_session_get_sensitivity (self->session);
  const char *error = tn_sensitivity_get_error (sensitivity);

  if (self->closing)
    close_when_done (self);
  else
    notify_unfocused (self, "analysis", error != NULL ? _ ("Analysis failed") : _ ("Analysis ended"),
                      error != NULL ? error : tn_sensitivity_get_title (sensitivity));
}

static void
on_visible_page_changed (TnWindow *self)
{
  const char *page = adw_view_stack_get_visible_child_name (self->pages);
  GSettings *settings = tn_settings_get ();

  if (settings != NULL && page != NULL)
    g_settings_set_string (settings, "page", page);
}

static void
on_close_response (TnWindow *self, const char *response)
{
  if (g_strcmp0 (response, "stop") != 0)
    return;
  self->closing = TRUE;
  /* The window goes when what was reached is saved. */
  if (tn_session_is_calibrating (self->session))
    tn_calibration_cancel (tn_session_get_calibration (self->session));
  if (tn_session_is_training (self->session))
    tn_training_stop (tn_session_get_training (self->session));
  if (tn_session_is_analyzing (self->session))
    tn_sensitivity_cancel (tn_session_get_sensitivity (self->session));
  close_when_done (self);
}

static gboolean
tn_window_close_request (GtkWindow *window)
{
  TnWindow *self = TN_WINDOW (window);
  gboolean training = tn_session_is_training (self->session), calibrating = tn_session_is_calibrating (self->session);
  GtkWidget *dialog;

  if (!is_working (self))
    return GTK_WINDOW_CLASS (tn_window_parent_class)->close_request (window);

  dialog = adw_message_dialog_new (
      window,
      training      ? _ ("Stop the Training?")
      : calibrating ? _ ("Stop the Calibration?")
                    : _ ("Stop the Analysis?"),
      training      ? _ ("A training run is going on. A checkpoint is kept, from which it can go on later.")
      : calibrating ? _ ("A calibration is running. What it has measured so far is kept, marked as partial.")
                    : _ ("An analysis is being made. Nothing of it is kept."));
  adw_message_dialog_add_responses (ADW_MESSAGE_DIALOG (dialog), "continue",
                                    training      ? _ ("_Go On Training")
                                    : calibrating ? _ ("_Go On Calibrating")
                                                  : _ ("_Go On Analyzing"),
                                    "stop", _ ("_Stop and Close"), NULL);
  adw_message_dialog_set_response_appearance (ADW_MESSAGE_DIALOG (dialog), "stop", ADW_RESPONSE_DESTRUCTIVE);
  adw_message_dialog_set_default_response (ADW_MESSAGE_DIALOG (dialog), "continue");
  adw_message_dialog_set_close_response (ADW_MESSAGE_DIALOG (dialog), "continue");
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_close_response), self, G_CONNECT_SWAPPED);
  tn_accessible_fix_mnemonics (dialog);
  gtk_window_present (GTK_WINDOW (dialog));
  return TRUE;
}

static void
tn_window_map (GtkWidget *widget)
{
  TnWindow *self = TN_WINDOW (widget);

  GTK_WIDGET_CLASS (tn_window_parent_class)->map (widget);
  tn_run_watcher_set_awake (tn_session_get_runs (self->session), TRUE);
}

static void
tn_window_unmap (GtkWidget *widget)
{
  TnWindow *self = TN_WINDOW (widget);

  tn_run_watcher_set_awake (tn_session_get_runs (self->session), FALSE);
  GTK_WIDGET_CLASS (tn_window_parent_class)->unmap (widget);
}

static void
tn_window_dispose (GObject *object)
{
  TnWindow *self = TN_WINDOW (object);

  tn_window_forget_opening (self);
  g_clear_object (&self->session);
  G_OBJECT_CLASS (tn_window_parent_class)->dispose (object);
}

static void
tn_window_class_init (TnWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_window_dispose;
  widget_class->map = tn_window_map;
  widget_class->unmap = tn_window_unmap;
  GTK_WINDOW_CLASS (klass)->close_request = tn_window_close_request;
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/window.ui");
  gtk_widget_class_bind_template_child (widget_class, TnWindow, toasts);
  gtk_widget_class_bind_template_child (widget_class, TnWindow, drop_hint);
  gtk_widget_class_bind_template_child (widget_class, TnWindow, drop_label);
  gtk_widget_class_bind_template_child (widget_class, TnWindow, switcher_title);
  gtk_widget_class_bind_template_child (widget_class, TnWindow, menu_button);
  gtk_widget_class_bind_template_child (widget_class, TnWindow, pages);
  gtk_widget_class_bind_template_child (widget_class, TnWindow, runs_stack_page);
  gtk_widget_class_bind_template_child (widget_class, TnWindow, layers_stack);
  gtk_widget_class_bind_template_child (widget_class, TnWindow, start_page);
  gtk_widget_class_bind_template_child (widget_class, TnWindow, layers_page);
  gtk_widget_class_bind_template_child (widget_class, TnWindow, calibration_page);
  gtk_widget_class_bind_template_child (widget_class, TnWindow, sensitivity_page);
  gtk_widget_class_bind_template_child (widget_class, TnWindow, training_page);
  gtk_widget_class_bind_template_child (widget_class, TnWindow, report_page);
  gtk_widget_class_bind_template_child (widget_class, TnWindow, runs_page);
  gtk_widget_class_bind_template_child (widget_class, TnWindow, device_bar);
  gtk_widget_class_bind_template_child (widget_class, TnWindow, recent_menu);
  tn_window_class_install_actions (widget_class);
}

static void
tn_window_init (TnWindow *self)
{
  GSettings *settings = tn_settings_get ();

  gtk_widget_init_template (GTK_WIDGET (self));
  tn_accessible_fix_mnemonics (GTK_WIDGET (self));
  tn_window_init_drop (self);
  if (settings != NULL)
    {
      g_autofree char *page = g_settings_get_string (settings, "page");

      tn_window_show_page (self, page);
      g_settings_bind (settings, "window-width", self, "default-width", G_SETTINGS_BIND_DEFAULT);
      g_settings_bind (settings, "window-height", self, "default-height", G_SETTINGS_BIND_DEFAULT);
      g_settings_bind (settings, "window-maximized", self, "maximized", G_SETTINGS_BIND_DEFAULT);
    }
  g_signal_connect_object (self->pages, "notify::visible-child", G_CALLBACK (on_visible_page_changed), self, G_CONNECT_SWAPPED);
}

GtkWidget *
tn_window_new (AdwApplication *application, TnSession *session)
{
  TnWindow *self = g_object_new (TN_TYPE_WINDOW, "application", application, NULL);

  self->session = g_object_ref (session);
  tn_start_page_set_session (self->start_page, session);
  tn_layers_page_set_session (self->layers_page, session);
  tn_calibration_page_set_session (self->calibration_page, session);
  tn_sensitivity_page_set_session (self->sensitivity_page, session);
  tn_training_page_set_session (self->training_page, session);
  tn_report_page_set_session (self->report_page, session);
  tn_runs_page_set_session (self->runs_page, session);
  tn_device_bar_set_session (self->device_bar, session);
  g_signal_connect_object (session, "notice", G_CALLBACK (on_notice), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (session, "model-changed", G_CALLBACK (on_model_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (session, "recent-changed", G_CALLBACK (tn_window_update_recent_menu), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (session, "calibration-finished", G_CALLBACK (on_calibration_finished), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (session, "training-finished", G_CALLBACK (on_training_finished), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (session, "sensitivity-finished", G_CALLBACK (on_sensitivity_finished), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (tn_session_get_runs (session), "changed", G_CALLBACK (on_runs_changed), self, G_CONNECT_SWAPPED);
  on_model_changed (self);
  tn_window_update_recent_menu (self);
  return GTK_WIDGET (self);
}

TnSession *
tn_window_get_session (TnWindow *self)
{
  g_return_val_if_fail (TN_IS_WINDOW (self), NULL);

  return self->session;
}

void
tn_window_show_page (TnWindow *self, const char *page)
{
  g_return_if_fail (TN_IS_WINDOW (self));

  if (adw_view_stack_get_child_by_name (self->pages, page) != NULL)
    adw_view_stack_set_visible_child_name (self->pages, page);
}
