/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/calibration-status.h"

#include <glib/gi18n-lib.h>

#include "ui/numbers.h"
#include "ui/progress-text.h"

struct _TnCalibrationStatus
{
  GtkWidget parent_instance;
  GtkWidget *content;
  GtkLabel *title;
  GtkLabel *text;
  GtkLabel *event;
  GtkProgressBar *progress;
  GtkWidget *problem_box;
  GtkLabel *problem;
  TnCalibration *calibration;
};

G_DEFINE_FINAL_TYPE (TnCalibrationStatus, tn_calibration_status, GTK_TYPE_WIDGET)

static char *
describe_running (const TnJobProgress *progress)
{
  g_autofree char *text = NULL;

  if (progress->state == TN_JOB_WAITING)
    return g_strdup (_ ("Waiting for its turn…"));
  text = progress->done > 0 ? tn_progress_text (progress->done, progress->total, progress->unit, progress->rate,
                                                progress->seconds_left, progress->rss_bytes)
                            : g_strdup (_ ("Looking through the data…"));
  return progress->state == TN_JOB_PAUSED ? g_strdup_printf (_ ("Paused · %s"), text) : g_steal_pointer (&text);
}

static char *
describe_end (TnCalibration *calibration, const TnJobProgress *progress)
{
  const TnCalibrateResult *result = tn_calibration_get_result (calibration);
  g_autofree char *tokens = NULL;
  g_autofree char *seconds = NULL;
  g_autofree char *sequences = NULL;

  if (result == NULL)
    return g_strdup (progress->state == TN_JOB_CANCELLED ? _ ("Cancelled before anything was measured") : _ ("Failed"));
  sequences = tn_format_sequences (result->samples);
  tokens = tn_format_tokens (result->tokens);
  seconds = tn_format_seconds (progress->seconds_elapsed);
  if (tn_calibration_is_loaded (calibration) && !result->stats->partial)
    return g_strdup_printf (_ ("Statistics file · %s · %s"), sequences, tokens);
  if (tn_calibration_is_loaded (calibration))
    return g_strdup_printf (_ ("Statistics file, partial · %s · %s"), sequences, tokens);
  if (result->stats->partial)
    return g_strdup_printf (_ ("Cancelled · the statistics are partial: %s, %s"), sequences, tokens);
  return g_strdup_printf (_ ("Done · %s · %s · %s"), sequences, tokens, seconds != NULL ? seconds : "");
}

static char *
describe (TnCalibration *calibration, const TnJobProgress *progress)
{
  g_autofree char *text =
      tn_calibration_is_running (calibration) ? describe_running (progress) : describe_end (calibration, progress);
  guint unsearched = tn_calibration_get_n_unsearched (calibration);
  g_autofree char *count = tn_format_count (unsearched);
  g_autofree char *more = NULL;

  if (unsearched == 0)
    return g_steal_pointer (&text);
  more = g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "searching the ranges of %s more site", "searching the ranges of %s more sites",
                                       unsearched),
                          count);
  return g_strdup_printf ("%s · %s", text, more);
}

static void
show (TnCalibrationStatus *self)
{
  TnJobProgress progress;
  g_autofree char *text = NULL;
  const char *error;

  if (self->calibration == NULL)
    return;
  tn_calibration_get_progress (self->calibration, &progress);
  error = tn_calibration_get_error (self->calibration);
  gtk_label_set_text (self->title, tn_calibration_get_title (self->calibration));
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->title), tn_calibration_get_title (self->calibration));
  text = describe (self->calibration, &progress);
  gtk_label_set_text (self->text, text);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->text), text);
  if (progress.state == TN_JOB_DONE)
    gtk_progress_bar_set_fraction (self->progress, 1);
  else if (progress.total > 0 || !tn_calibration_is_running (self->calibration))
    gtk_progress_bar_set_fraction (self->progress, progress.total > 0 ? CLAMP (progress.done / progress.total, 0, 1) : 0);
  else if (progress.state == TN_JOB_RUNNING)
    gtk_progress_bar_pulse (self->progress);
  gtk_widget_set_visible (GTK_WIDGET (self->progress), !tn_calibration_is_loaded (self->calibration));
  gtk_widget_set_visible (self->problem_box, error != NULL);
  gtk_label_set_text (self->problem, error != NULL ? error : "");
}

static void
on_event (TnCalibrationStatus *self, const char *text)
{
  gtk_label_set_text (self->event, text);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->event), text);
  gtk_widget_set_visible (GTK_WIDGET (self->event), TRUE);
}

static void
tn_calibration_status_dispose (GObject *object)
{
  TnCalibrationStatus *self = TN_CALIBRATION_STATUS (object);

  if (self->calibration != NULL)
    g_signal_handlers_disconnect_by_data (self->calibration, self);
  g_clear_object (&self->calibration);
  g_clear_pointer (&self->content, gtk_widget_unparent);
  G_OBJECT_CLASS (tn_calibration_status_parent_class)->dispose (object);
}

static void
tn_calibration_status_class_init (TnCalibrationStatusClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_calibration_status_dispose;
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/calibration-status.ui");
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationStatus, content);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationStatus, title);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationStatus, text);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationStatus, event);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationStatus, progress);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationStatus, problem_box);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationStatus, problem);
}

static void
tn_calibration_status_init (TnCalibrationStatus *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

void
tn_calibration_status_set_calibration (TnCalibrationStatus *self, TnCalibration *calibration)
{
  g_return_if_fail (TN_IS_CALIBRATION_STATUS (self));

  if (self->calibration != NULL)
    g_signal_handlers_disconnect_by_data (self->calibration, self);
  g_set_object (&self->calibration, calibration);
  gtk_widget_set_visible (GTK_WIDGET (self->event), FALSE);
  if (calibration == NULL)
    return;
  g_signal_connect_swapped (calibration, "changed", G_CALLBACK (show), self);
  g_signal_connect_swapped (calibration, "event", G_CALLBACK (on_event), self);
  show (self);
}
