/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/file-row.h"

#include <glib/gi18n-lib.h>

#include "ui/settings.h"

struct _TnFileRow
{
  AdwActionRow parent_instance;
  GtkWidget *choose;
  GtkWidget *clear;
  char *path;
  char *hint;
  gboolean folder;
};

enum
{
  CHANGED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnFileRow, tn_file_row, ADW_TYPE_ACTION_ROW)

static void
show (TnFileRow *self)
{
  g_autofree char *name = self->path != NULL ? g_filename_display_basename (self->path) : NULL;

  adw_action_row_set_subtitle (ADW_ACTION_ROW (self), name != NULL ? name : self->hint != NULL ? self->hint : "");
  gtk_widget_set_tooltip_text (GTK_WIDGET (self), self->path);
  gtk_widget_set_visible (self->clear, self->path != NULL);
}

static void
on_response (GtkNativeDialog *dialog, int response, TnFileRow *self)
{
  if (response == GTK_RESPONSE_ACCEPT)
    {
      g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));
      g_autofree char *path = g_file_get_path (file);

      tn_settings_remember_folder ("last-data-folder", file);
      tn_file_row_set_path (self, path);
    }
  g_object_unref (dialog);
}

static void
on_choose (TnFileRow *self)
{
  const char *title = adw_preferences_row_get_title (ADW_PREFERENCES_ROW (self));
  GtkFileChooserNative *dialog = gtk_file_chooser_native_new (title, GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))),
                                                              self->folder ? GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER
                                                                           : GTK_FILE_CHOOSER_ACTION_OPEN,
                                                              _ ("_Choose"), _ ("_Cancel"));

  tn_settings_apply_folder ("last-data-folder", GTK_FILE_CHOOSER (dialog));
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_response), self, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

static void
on_clear (TnFileRow *self)
{
  tn_file_row_set_path (self, NULL);
}

/* Each button says whose it is. */
static void
name_buttons (TnFileRow *self)
{
  const char *title = adw_preferences_row_get_title (ADW_PREFERENCES_ROW (self));
  g_autofree char *choose = g_strdup_printf (self->folder ? _ ("%s: choose a folder") : _ ("%s: choose a file"), title);
  g_autofree char *clear = g_strdup_printf (self->folder ? _ ("%s: no folder") : _ ("%s: no file"), title);

  gtk_widget_set_tooltip_text (self->choose, choose);
  gtk_widget_set_tooltip_text (self->clear, clear);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->choose), GTK_ACCESSIBLE_PROPERTY_LABEL, choose, -1);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->clear), GTK_ACCESSIBLE_PROPERTY_LABEL, clear, -1);
}

static void
tn_file_row_finalize (GObject *object)
{
  TnFileRow *self = TN_FILE_ROW (object);

  g_free (self->path);
  g_free (self->hint);
  G_OBJECT_CLASS (tn_file_row_parent_class)->finalize (object);
}

static void
tn_file_row_class_init (TnFileRowClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = tn_file_row_finalize;
  signals[CHANGED] = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
tn_file_row_init (TnFileRow *self)
{
  self->clear = gtk_button_new_from_icon_name ("edit-clear-symbolic");
  self->choose = gtk_button_new_from_icon_name ("document-open-symbolic");
  for (guint i = 0; i < 2; i++)
    {
      GtkWidget *button = i == 0 ? self->clear : self->choose;

      gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
      gtk_widget_add_css_class (button, "flat");
      adw_action_row_add_suffix (ADW_ACTION_ROW (self), button);
    }
  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (self), FALSE);
  adw_action_row_set_subtitle_lines (ADW_ACTION_ROW (self), 1);
  g_signal_connect_swapped (self->choose, "clicked", G_CALLBACK (on_choose), self);
  g_signal_connect_swapped (self->clear, "clicked", G_CALLBACK (on_clear), self);
  g_signal_connect (self, "notify::title", G_CALLBACK (name_buttons), NULL);
  show (self);
}

const char *
tn_file_row_get_path (TnFileRow *self)
{
  g_return_val_if_fail (TN_IS_FILE_ROW (self), NULL);

  return self->path;
}

void
tn_file_row_set_path (TnFileRow *self, const char *path)
{
  char *copy = g_strdup (path);

  g_return_if_fail (TN_IS_FILE_ROW (self));

  g_free (self->path);
  self->path = copy;
  show (self);
  g_signal_emit (self, signals[CHANGED], 0);
}

void
tn_file_row_set_hint (TnFileRow *self, const char *hint)
{
  g_return_if_fail (TN_IS_FILE_ROW (self));

  g_free (self->hint);
  self->hint = g_strdup (hint);
  show (self);
}

void
tn_file_row_set_folder (TnFileRow *self)
{
  g_return_if_fail (TN_IS_FILE_ROW (self));

  self->folder = TRUE;
  gtk_button_set_icon_name (GTK_BUTTON (self->choose), "folder-open-symbolic");
  name_buttons (self);
}
