/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/start-page.h"

#include <glib/gi18n-lib.h>

#include "ui/accessible.h"

struct _TnStartPage
{
  GtkWidget parent_instance;
  GtkWidget *content;
  GtkWidget *recent_group;
  GtkListBox *recent;
  TnSession *session;
};

G_DEFINE_FINAL_TYPE (TnStartPage, tn_start_page, GTK_TYPE_WIDGET)

static void
add_recent (TnStartPage *self, const char *path)
{
  GtkWidget *row = adw_action_row_new ();
  g_autofree char *name = g_filename_display_basename (path);
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *folder_name = g_filename_display_name (folder);

  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (row), FALSE);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), name);
  adw_action_row_set_subtitle (ADW_ACTION_ROW (row), folder_name);
  adw_action_row_set_title_lines (ADW_ACTION_ROW (row), 1);
  adw_action_row_set_subtitle_lines (ADW_ACTION_ROW (row), 1);
  gtk_widget_set_tooltip_text (row, path);
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), TRUE);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), gtk_image_new_from_icon_name ("go-next-symbolic"));
  g_object_set_data_full (G_OBJECT (row), "tn-path", g_strdup (path), g_free);
  gtk_list_box_append (self->recent, row);
}

static void
on_recent_changed (TnStartPage *self)
{
  const char *const *paths = tn_session_get_recent (self->session);
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->recent))) != NULL)
    gtk_list_box_remove (self->recent, child);
  for (const char *const *path = paths; *path != NULL; path++)
    add_recent (self, *path);
  gtk_widget_set_visible (self->recent_group, *paths != NULL);
}

static void
on_recent_activated (TnStartPage *self, GtkListBoxRow *row)
{
  tn_session_open (self->session, g_object_get_data (G_OBJECT (row), "tn-path"));
}

static void
tn_start_page_dispose (GObject *object)
{
  TnStartPage *self = TN_START_PAGE (object);

  g_clear_object (&self->session);
  g_clear_pointer (&self->content, gtk_widget_unparent);
  G_OBJECT_CLASS (tn_start_page_parent_class)->dispose (object);
}

static void
tn_start_page_class_init (TnStartPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_start_page_dispose;
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/start-page.ui");
  gtk_widget_class_bind_template_child (widget_class, TnStartPage, content);
  gtk_widget_class_bind_template_child (widget_class, TnStartPage, recent_group);
  gtk_widget_class_bind_template_child (widget_class, TnStartPage, recent);
  gtk_widget_class_bind_template_callback (widget_class, on_recent_activated);
}

static void
tn_start_page_init (TnStartPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  tn_accessible_fix_mnemonics (GTK_WIDGET (self));
}

void
tn_start_page_set_session (TnStartPage *self, TnSession *session)
{
  g_return_if_fail (TN_IS_START_PAGE (self));
  g_return_if_fail (self->session == NULL);

  self->session = g_object_ref (session);
  g_signal_connect_object (session, "recent-changed", G_CALLBACK (on_recent_changed), self, G_CONNECT_SWAPPED);
  on_recent_changed (self);
}
