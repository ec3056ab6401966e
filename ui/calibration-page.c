/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/calibration-page.h"

#include <glib/gi18n-lib.h>

#include "ui/accessible.h"
#include "ui/calibration-form.h"
#include "ui/calibration-live.h"
#include "ui/estimate-view.h"

struct _TnCalibrationPage
{
  GtkWidget parent_instance;
  GtkStack *stack;
  TnCalibrationForm *form;
  TnCalibrationLive *live;
  TnEstimateView *estimate;
  GtkLabel *problem;
  GtkWidget *start;
  GtkWidget *pause;
  GtkWidget *cancel;
  TnSession *session;
  TnCalibration *calibration; /* whose signals are connected */
};

G_DEFINE_FINAL_TYPE (TnCalibrationPage, tn_calibration_page, GTK_TYPE_WIDGET)

static gboolean
is_paused (TnCalibrationPage *self)
{
  TnJobProgress progress;

  tn_calibration_get_progress (self->calibration, &progress);
  return progress.state == TN_JOB_PAUSED;
}

static void
name_pause (TnCalibrationPage *self, const char *label)
{
  if (g_strcmp0 (gtk_button_get_label (GTK_BUTTON (self->pause)), label) == 0)
    return;
  gtk_button_set_label (GTK_BUTTON (self->pause), label);
  tn_accessible_fix_mnemonics (self->pause);
}

static void
estimate (TnCalibrationPage *self, gboolean possible)
{
  g_autoptr (TnCalibrateOptions) options = possible ? tn_calibration_form_get_options (self->form) : NULL;

  tn_calibration_estimate_set_options (tn_estimate_view_get_estimate (self->estimate), options);
  tn_session_set_draft (self->session, options);
}

static void
update (TnCalibrationPage *self)
{
  gboolean running = tn_session_is_calibrating (self->session);
  gboolean recorded = tn_calibration_form_is_recorded (self->form);
  g_autofree char *problem = running ? NULL : tn_calibration_form_dup_problem (self->form);

  gtk_widget_set_sensitive (GTK_WIDGET (self->form), !running);
  gtk_widget_set_visible (self->start, !running);
  gtk_widget_set_sensitive (self->start, problem == NULL);
  gtk_widget_set_visible (self->pause, running);
  gtk_widget_set_visible (self->cancel, running);
  gtk_label_set_text (self->problem, problem != NULL ? problem : "");
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->problem), problem);
  gtk_widget_set_visible (GTK_WIDGET (self->problem), problem != NULL);
  gtk_widget_set_visible (GTK_WIDGET (self->estimate), !running && !recorded);
  if (!running)
    estimate (self, problem == NULL && !recorded);
  if (running)
    name_pause (self, is_paused (self) ? _ ("_Resume") : _ ("_Pause"));
}

static void
on_start_clicked (TnCalibrationPage *self)
{
  g_autoptr (TnCalibrateOptions) options = NULL;
  g_autofree char *problem = tn_calibration_form_dup_problem (self->form);

  if (problem != NULL || tn_session_is_calibrating (self->session))
    return;
  options = tn_calibration_form_get_options (self->form);
  tn_calibration_form_remember (self->form, options);
  tn_session_calibrate (self->session, options);
  update (self);
  gtk_widget_grab_focus (self->pause);
}

static void
on_pause_clicked (TnCalibrationPage *self)
{
  if (is_paused (self))
    tn_calibration_resume (self->calibration);
  else
    tn_calibration_pause (self->calibration);
}

static void
on_cancel_clicked (TnCalibrationPage *self)
{
  tn_calibration_cancel (self->calibration);
}

static void
show_what_there_is (TnCalibrationPage *self)
{
  gboolean useful = tn_session_get_state (self->session) == TN_SESSION_READY || tn_calibration_form_is_recorded (self->form) ||
                    tn_session_get_calibration (self->session) != NULL || tn_session_is_loading_statistics (self->session);

  gtk_stack_set_visible_child_name (self->stack, useful ? "calibration" : "no-model");
  update (self);
}

static void
on_recorded_clicked (TnCalibrationPage *self)
{
  tn_calibration_form_set_recorded (self->form, TRUE);
  show_what_there_is (self);
}

static void
on_calibration_changed (TnCalibrationPage *self)
{
  if (self->calibration != NULL)
    g_signal_handlers_disconnect_by_data (self->calibration, self);
  g_set_object (&self->calibration, tn_session_get_calibration (self->session));
  if (self->calibration != NULL)
    g_signal_connect_swapped (self->calibration, "changed", G_CALLBACK (update), self);
  show_what_there_is (self);
}

static void
tn_calibration_page_dispose (GObject *object)
{
  TnCalibrationPage *self = TN_CALIBRATION_PAGE (object);
  GtkWidget *child;

  if (self->calibration != NULL)
    g_signal_handlers_disconnect_by_data (self->calibration, self);
  g_clear_object (&self->calibration);
  g_clear_object (&self->session);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))) != NULL)
    gtk_widget_unparent (child);
  G_OBJECT_CLASS (tn_calibration_page_parent_class)->dispose (object);
}

static void
tn_calibration_page_class_init (TnCalibrationPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_calibration_page_dispose;
  g_type_ensure (TN_TYPE_CALIBRATION_FORM);
  g_type_ensure (TN_TYPE_CALIBRATION_LIVE);
  g_type_ensure (TN_TYPE_ESTIMATE_VIEW);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/calibration-page.ui");
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationPage, stack);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationPage, form);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationPage, live);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationPage, estimate);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationPage, problem);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationPage, start);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationPage, pause);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationPage, cancel);
  gtk_widget_class_bind_template_callback (widget_class, on_start_clicked);
  gtk_widget_class_bind_template_callback (widget_class, on_pause_clicked);
  gtk_widget_class_bind_template_callback (widget_class, on_recorded_clicked);
  gtk_widget_class_bind_template_callback (widget_class, on_cancel_clicked);
}

static void
tn_calibration_page_init (TnCalibrationPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  tn_accessible_fix_mnemonics (GTK_WIDGET (self));
}

void
tn_calibration_page_set_session (TnCalibrationPage *self, TnSession *session)
{
  g_return_if_fail (TN_IS_CALIBRATION_PAGE (self));
  g_return_if_fail (self->session == NULL);

  self->session = g_object_ref (session);
  tn_calibration_form_set_session (self->form, session);
  tn_calibration_live_set_session (self->live, session);
  g_signal_connect_object (self->form, "changed", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (session, "model-changed", G_CALLBACK (show_what_there_is), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (session, "loading-changed", G_CALLBACK (show_what_there_is), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (session, "calibration-changed", G_CALLBACK (on_calibration_changed), self, G_CONNECT_SWAPPED);
  on_calibration_changed (self);
}

gboolean
tn_calibration_page_wants_data (TnCalibrationPage *self)
{
  g_return_val_if_fail (TN_IS_CALIBRATION_PAGE (self), FALSE);

  return tn_session_get_state (self->session) == TN_SESSION_READY || tn_calibration_form_is_recorded (self->form);
}

void
tn_calibration_page_add_data (TnCalibrationPage *self, const char *path)
{
  g_return_if_fail (TN_IS_CALIBRATION_PAGE (self));

  tn_calibration_form_add_data (self->form, path);
}
