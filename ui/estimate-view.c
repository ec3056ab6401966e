/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/estimate-view.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "ui/numbers.h"

struct _TnEstimateView
{
  GtkWidget parent_instance;
  GtkWidget *content;
  GtkLabel *memory;
  GtkLabel *disk;
  GtkLabel *time;
  GtkWidget *measure;
  TnCalibrationEstimate *estimate;
};

G_DEFINE_FINAL_TYPE (TnEstimateView, tn_estimate_view, GTK_TYPE_WIDGET)

static void
set (GtkLabel *label, const char *text, gboolean known, const char *why)
{
  gtk_label_set_text (label, text);
  gtk_widget_set_tooltip_text (GTK_WIDGET (label), why);
  if (known)
    gtk_widget_remove_css_class (GTK_WIDGET (label), "dim-label");
  else
    gtk_widget_add_css_class (GTK_WIDGET (label), "dim-label");
}

static void
show_memory (TnEstimateView *self)
{
  guint64 bytes = tn_calibration_estimate_get_memory (self->estimate);
  g_autofree char *size = bytes > 0 ? g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS) : g_strdup (TN_DASH);

  set (self->memory, size, bytes > 0, _ ("Weights, activations of a batch and statistics; the program itself comes on top"));
}

static void
show_disk (TnEstimateView *self, const char *unknown)
{
  guint64 bytes = tn_calibration_estimate_get_disk (self->estimate);
  g_autofree char *size = g_format_size (bytes);
  /* Translators: a size that is not exact */
  g_autofree char *text = bytes > 0 ? g_strdup_printf (_ ("about %s"), size) : g_strdup (unknown);

  set (self->disk, text, bytes > 0, _ ("The statistics file, as it was after a few batches; it grows little from there"));
}

static void
show_time (TnEstimateView *self, const char *unknown)
{
  double seconds = tn_calibration_estimate_get_seconds (self->estimate), rate = tn_calibration_estimate_get_rate (self->estimate);
  g_autofree char *duration = isnan (seconds) ? NULL : tn_format_seconds (seconds);
  /* Translators: a duration that may turn out shorter */
  g_autofree char *text = duration != NULL ? g_strdup_printf (_ ("up to %s"), duration)
                          : rate > 0       ? g_strdup (TN_DASH)
                                           : g_strdup (unknown);
  g_autofree char *speed = rate > 0 ? g_strdup_printf ("%.0f", rate) : NULL;
  g_autofree char *why = rate > 0 ? g_strdup_printf (_ ("Every sequence as long as allowed, at %s tokens a second as measured; the pass over the data comes on top"), speed)
                                  : g_strdup (_ ("Not measured yet for this model, these sites and lengths"));

  set (self->time, text, duration != NULL, why);
}

static void
show (TnEstimateView *self)
{
  gboolean measuring = tn_calibration_estimate_is_measuring (self->estimate);
  const char *error = tn_calibration_estimate_get_error (self->estimate);
  const char *unknown = measuring ? _ ("measuring…") : error != NULL ? _ ("failed") : _ ("not measured");

  show_memory (self);
  show_disk (self, unknown);
  show_time (self, unknown);
  if (error != NULL)
    gtk_widget_set_tooltip_text (GTK_WIDGET (self->time), error);
  gtk_widget_set_sensitive (self->measure, !measuring && tn_calibration_estimate_get_memory (self->estimate) > 0);
}

static void
on_measure_clicked (TnEstimateView *self)
{
  tn_calibration_estimate_measure (self->estimate);
}

static void
tn_estimate_view_dispose (GObject *object)
{
  TnEstimateView *self = TN_ESTIMATE_VIEW (object);

  if (self->estimate != NULL)
    g_signal_handlers_disconnect_by_data (self->estimate, self);
  g_clear_object (&self->estimate);
  g_clear_pointer (&self->content, gtk_widget_unparent);
  G_OBJECT_CLASS (tn_estimate_view_parent_class)->dispose (object);
}

static void
tn_estimate_view_class_init (TnEstimateViewClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_estimate_view_dispose;
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/estimate-view.ui");
  gtk_widget_class_bind_template_child (widget_class, TnEstimateView, content);
  gtk_widget_class_bind_template_child (widget_class, TnEstimateView, memory);
  gtk_widget_class_bind_template_child (widget_class, TnEstimateView, disk);
  gtk_widget_class_bind_template_child (widget_class, TnEstimateView, time);
  gtk_widget_class_bind_template_child (widget_class, TnEstimateView, measure);
  gtk_widget_class_bind_template_callback (widget_class, on_measure_clicked);
}

static void
tn_estimate_view_init (TnEstimateView *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->estimate = tn_calibration_estimate_new ();
  g_signal_connect_swapped (self->estimate, "changed", G_CALLBACK (show), self);
  show (self);
}

TnCalibrationEstimate *
tn_estimate_view_get_estimate (TnEstimateView *self)
{
  g_return_val_if_fail (TN_IS_ESTIMATE_VIEW (self), NULL);

  return self->estimate;
}
