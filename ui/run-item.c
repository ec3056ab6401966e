/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/run-item.h"

#include <glib/gi18n-lib.h>

#include "ui/progress-text.h"

struct _TnRunItem
{
  GtkListBoxRow parent_instance;
  GtkImage *icon;
  GtkLabel *title;
  GtkLabel *subtitle;
  GtkProgressBar *progress;
  GtkButton *pause;
  GtkButton *cancel;
  gint64 run;
  TnRunState state;
};

enum
{
  REQUESTED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnRunItem, tn_run_item, GTK_TYPE_LIST_BOX_ROW)

static const struct
{
  const char *icon;
  const char *name;
} states[] = {
    [TN_RUN_RUNNING] = {"media-playback-start-symbolic", N_ ("Running")},
    [TN_RUN_PAUSED] = {"media-playback-pause-symbolic", N_ ("Paused")},
    [TN_RUN_DONE] = {"emblem-ok-symbolic", N_ ("Done")},
    [TN_RUN_FAILED] = {"dialog-error-symbolic", N_ ("Failed")},
    [TN_RUN_CANCELLED] = {"process-stop-symbolic", N_ ("Cancelled")},
    [TN_RUN_LOST] = {"dialog-question-symbolic", N_ ("Lost: its program is gone")},
};

static void
on_pause_clicked (TnRunItem *self)
{
  g_signal_emit (self, signals[REQUESTED], 0, self->state == TN_RUN_PAUSED ? TN_REQUEST_RESUME : TN_REQUEST_PAUSE);
}

static void
on_cancel_clicked (TnRunItem *self)
{
  g_signal_emit (self, signals[REQUESTED], 0, TN_REQUEST_CANCEL);
}

static void
tn_run_item_class_init (TnRunItemClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  signals[REQUESTED] =
      g_signal_new ("requested", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_INT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/run-item.ui");
  gtk_widget_class_bind_template_child (widget_class, TnRunItem, icon);
  gtk_widget_class_bind_template_child (widget_class, TnRunItem, title);
  gtk_widget_class_bind_template_child (widget_class, TnRunItem, subtitle);
  gtk_widget_class_bind_template_child (widget_class, TnRunItem, progress);
  gtk_widget_class_bind_template_child (widget_class, TnRunItem, pause);
  gtk_widget_class_bind_template_child (widget_class, TnRunItem, cancel);
  gtk_widget_class_bind_template_callback (widget_class, on_pause_clicked);
  gtk_widget_class_bind_template_callback (widget_class, on_cancel_clicked);
}

static void
tn_run_item_init (TnRunItem *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
tn_run_item_new (void)
{
  return g_object_new (TN_TYPE_RUN_ITEM, NULL);
}

static char *
describe (const TnRunRow *run, gboolean going_on)
{
  g_autoptr (GDateTime) started = g_date_time_new_from_unix_local (run->started_us / G_USEC_PER_SEC);
  g_autofree char *when = started != NULL ? g_date_time_format (started, "%x %H:%M") : g_strdup ("");
  g_autofree char *progress = NULL;

  if (!going_on)
    return run->message != NULL && *run->message != '\0'
               ? g_strdup_printf ("%s · %s · %s", _ (states[run->state].name), when, run->message)
               : g_strdup_printf ("%s · %s", _ (states[run->state].name), when);
  progress = tn_progress_text (run->done, run->total, run->unit, run->rate,
                               run->rate > 0 && run->total > 0 ? (run->total - run->done) / run->rate : -1, run->rss_bytes);
  return g_strdup_printf ("%s · %s · %s", _ (states[run->state].name), when, progress);
}

void
tn_run_item_show (TnRunItem *self, const TnRunRow *run)
{
  gboolean going_on;
  g_autofree char *subtitle = NULL;
  g_autofree char *label = NULL;
  const char *pause_name;

  g_return_if_fail (TN_IS_RUN_ITEM (self));

  going_on = run->state == TN_RUN_RUNNING || run->state == TN_RUN_PAUSED;
  self->run = run->id;
  self->state = run->state;
  subtitle = describe (run, going_on);
  gtk_image_set_from_icon_name (self->icon, states[run->state].icon);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->icon), _ (states[run->state].name));
  gtk_label_set_text (self->title, run->title);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->title), run->title);
  gtk_label_set_text (self->subtitle, subtitle);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->subtitle), run->output != NULL ? run->output : subtitle);
  gtk_widget_set_visible (GTK_WIDGET (self->progress), going_on && run->total > 0);
  if (going_on && run->total > 0)
    gtk_progress_bar_set_fraction (self->progress, CLAMP (run->done / run->total, 0, 1));
  gtk_widget_set_visible (GTK_WIDGET (self->pause), going_on);
  gtk_widget_set_visible (GTK_WIDGET (self->cancel), going_on);
  pause_name = run->state == TN_RUN_PAUSED ? _ ("Resume") : _ ("Pause");
  gtk_button_set_icon_name (self->pause,
                            run->state == TN_RUN_PAUSED ? "media-playback-start-symbolic" : "media-playback-pause-symbolic");
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->pause), pause_name);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->pause), GTK_ACCESSIBLE_PROPERTY_LABEL, pause_name, -1);
  label = g_strdup_printf ("%s: %s", run->title, subtitle);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
}

gint64
tn_run_item_get_run (TnRunItem *self)
{
  g_return_val_if_fail (TN_IS_RUN_ITEM (self), 0);

  return self->run;
}
