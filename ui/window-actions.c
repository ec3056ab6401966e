/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>

#include "app/tasks/sample.h"
#include "ui/settings.h"
#include "ui/window-private.h"

static void
on_model_chosen (GtkNativeDialog *dialog, int response, TnWindow *self)
{
  if (response == GTK_RESPONSE_ACCEPT)
    {
      g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));
      g_autofree char *path = g_file_get_path (file);

      tn_settings_remember_folder ("last-folder", file);
      if (path != NULL)
        tn_window_open (self, path);
      else
        tn_session_notice (self->session, _ ("Only files on this machine can be opened"));
    }
  g_object_unref (dialog);
}

static void
add_filter (GtkFileChooser *chooser, const char *name, const char *const *patterns)
{
  g_autoptr (GtkFileFilter) filter = gtk_file_filter_new ();

  gtk_file_filter_set_name (filter, name);
  for (; *patterns != NULL; patterns++)
    gtk_file_filter_add_pattern (filter, *patterns);
  gtk_file_chooser_add_filter (chooser, filter);
}

static void
choose_model (TnWindow *self, GtkFileChooserAction action, const char *title)
{
  GtkFileChooserNative *dialog = gtk_file_chooser_native_new (title, GTK_WINDOW (self), action, _ ("_Open"), _ ("_Cancel"));

  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  if (action == GTK_FILE_CHOOSER_ACTION_OPEN)
    {
      add_filter (GTK_FILE_CHOOSER (dialog), _ ("Models, statistics and analyses"),
                  (const char *const[]){"*.gguf", "*.safetensors", "*.bin", "*.json", NULL});
      add_filter (GTK_FILE_CHOOSER (dialog), _ ("All files"), (const char *const[]){"*", NULL});
    }
  tn_settings_apply_folder ("last-folder", GTK_FILE_CHOOSER (dialog));
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_model_chosen), self, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

static void
on_open (GtkWidget *widget, const char *action, GVariant *parameter)
{
  choose_model (TN_WINDOW (widget), GTK_FILE_CHOOSER_ACTION_OPEN, _ ("Open a Model, Statistics or an Analysis"));
}

static void
on_open_folder (GtkWidget *widget, const char *action, GVariant *parameter)
{
  choose_model (TN_WINDOW (widget), GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER, _ ("Open a Model Folder"));
}

static void
on_open_path (GtkWidget *widget, const char *action, GVariant *parameter)
{
  tn_window_open (TN_WINDOW (widget), g_variant_get_bytestring (parameter));
}

static void
on_open_sample (GtkWidget *widget, const char *action, GVariant *parameter)
{
  TnWindow *self = TN_WINDOW (widget);
  g_autoptr (GError) error = NULL;
  g_autofree char *path = tn_sample_find (&error);

  if (path != NULL)
    tn_window_open (self, path);
  else
    tn_session_notice (self->session, error->message);
}

static void
on_search (GtkWidget *widget, const char *action, GVariant *parameter)
{
  TnWindow *self = TN_WINDOW (widget);

  if (tn_session_get_state (self->session) != TN_SESSION_READY)
    return;
  tn_window_show_page (self, "layers");
  tn_layers_page_start_search (self->layers_page);
}

static void
on_show_page (GtkWidget *widget, const char *action, GVariant *parameter)
{
  tn_window_show_page (TN_WINDOW (widget), g_variant_get_string (parameter, NULL));
}

static void
on_fullscreen (GtkWidget *widget, const char *action, GVariant *parameter)
{
  if (gtk_window_is_fullscreen (GTK_WINDOW (widget)))
    gtk_window_unfullscreen (GTK_WINDOW (widget));
  else
    gtk_window_fullscreen (GTK_WINDOW (widget));
}

void
tn_window_class_install_actions (GtkWidgetClass *widget_class)
{
  gtk_widget_class_install_action (widget_class, "win.open", NULL, on_open);
  gtk_widget_class_install_action (widget_class, "win.open-folder", NULL, on_open_folder);
  gtk_widget_class_install_action (widget_class, "win.open-path", "ay", on_open_path);
  gtk_widget_class_install_action (widget_class, "win.open-sample", NULL, on_open_sample);
  gtk_widget_class_install_action (widget_class, "win.search", NULL, on_search);
  gtk_widget_class_install_action (widget_class, "win.show-page", "s", on_show_page);
  gtk_widget_class_install_action (widget_class, "win.fullscreen", NULL, on_fullscreen);
}

/* A menu is as wide as its longest item. */
#define MENU_CHARACTERS 40

static char *
shorten (const char *name)
{
  glong length = g_utf8_strlen (name, -1);

  if (length <= MENU_CHARACTERS)
    return g_strdup (name);
  else
    {
      g_autofree char *start = g_utf8_substring (name, 0, MENU_CHARACTERS / 2 - 1);

      return g_strconcat (start, "…", g_utf8_offset_to_pointer (name, length - MENU_CHARACTERS / 2), NULL);
    }
}

void
tn_window_update_recent_menu (TnWindow *self)
{
  g_menu_remove_all (self->recent_menu);
  for (const char *const *path = tn_session_get_recent (self->session); *path != NULL; path++)
    {
      g_autofree char *full_name = g_filename_display_basename (*path);
      g_autofree char *name = shorten (full_name);
      g_auto (GStrv) parts = g_strsplit (name, "_", -1);
      g_autofree char *label = g_strjoinv ("__", parts);
      g_autoptr (GMenuItem) item = g_menu_item_new (label, NULL);

      g_menu_item_set_action_and_target_value (item, "win.open-path", g_variant_new_bytestring (*path));
      g_menu_append_item (self->recent_menu, item);
    }
}
