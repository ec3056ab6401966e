/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>

#include "ui/window-private.h"

/* What is dropped becomes data on the page that asks for data, and a model everywhere else; statistics and analyses are themselves everywhere. */
static gboolean
is_on_page (TnWindow *self, const char *page)
{
  return g_strcmp0 (adw_view_stack_get_visible_child_name (self->pages), page) == 0;
}

static gboolean
wants_data (TnWindow *self)
{
  return is_on_page (self, "training") ||
         (is_on_page (self, "sensitivity") && tn_sensitivity_page_wants_data (self->sensitivity_page)) ||
         (is_on_page (self, "calibration") && tn_calibration_page_wants_data (self->calibration_page));
}

static gboolean
on_drop (GtkDropTarget *target, const GValue *value, double x, double y, TnWindow *self)
{
  const GSList *files = g_value_get_boxed (value);
  g_autofree char *path = files != NULL ? g_file_get_path (files->data) : NULL;

  gtk_widget_set_visible (self->drop_hint, FALSE);
  if (path == NULL)
    {
      tn_session_notice (self->session, _ ("Only files on this machine can be opened"));
      return FALSE;
    }
  if (!wants_data (self))
    {
      tn_window_open (self, path);
      return TRUE;
    }
  if (files->next == NULL)
    tn_window_open_or_add (self, path);
  else
    for (const GSList *l = files; l != NULL; l = l->next)
      {
        g_autofree char *more = g_file_get_path (l->data);

        if (more != NULL)
          tn_window_add_data (self, more);
      }
  return TRUE;
}

static GdkDragAction
on_enter (GtkDropTarget *target, double x, double y, TnWindow *self)
{
  gtk_label_set_text (self->drop_label, !wants_data (self)                 ? _ ("Drop Here to Open")
                                        : is_on_page (self, "training")    ? _ ("Drop Here to Train on This")
                                        : is_on_page (self, "sensitivity") ? _ ("Drop Here to Analyze on This")
                                                                           : _ ("Drop Here to Calibrate on This"));
  gtk_widget_set_visible (self->drop_hint, TRUE);
  return GDK_ACTION_COPY;
}

static void
on_leave (GtkDropTarget *target, TnWindow *self)
{
  gtk_widget_set_visible (self->drop_hint, FALSE);
}

void
tn_window_init_drop (TnWindow *self)
{
  GtkDropTarget *target = gtk_drop_target_new (GDK_TYPE_FILE_LIST, GDK_ACTION_COPY);

  g_signal_connect (target, "drop", G_CALLBACK (on_drop), self);
  g_signal_connect (target, "enter", G_CALLBACK (on_enter), self);
  g_signal_connect (target, "leave", G_CALLBACK (on_leave), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (target));
}
