/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/file-row.h"

#include <glib/gi18n-lib.h>

#include "ui/settings.h"

struct _TnFileRow
{
  AdwActionRow parent_instance;
  GtkWidget *choose_file;
  GtkWidget *choose_folder;
  GtkWidget *clear;
  char *path;
  char *hint;
  TnFileRowKind kind;
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
choose (TnFileRow *self, GtkFileChooserAction action)
{
  const char *title = adw_preferences_row_get_title (ADW_PREFERENCES_ROW (self));
  GtkFileChooserNative *dialog = gtk_file_chooser_native_new (title, GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))), action,
                                                              _ ("_Choose"), _ ("_Cancel"));

  tn_settings_apply_folder ("last-data-folder", GTK_FILE_CHOOSER (dialog));
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_response), self, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

static void
on_choose_file (TnFileRow *self)
{
  choose (self, GTK_FILE_CHOOSER_ACTION_OPEN);
}

static void
on_choose_folder (TnFileRow *self)
{
  choose (self, GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER);
}

static void
on_clear (TnFileRow *self)
{
  tn_file_row_set_path (self, NULL);
}

static gboolean
on_drop (GtkDropTarget *target, const GValue *value, double x, double y, TnFileRow *self)
{
  const GSList *files = g_value_get_boxed (value);
  g_autofree char *path = files != NULL ? g_file_get_path (files->data) : NULL;
  gboolean is_folder = path != NULL && g_file_test (path, G_FILE_TEST_IS_DIR);

  if (path == NULL || (is_folder ? self->kind == TN_FILE_ROW_FILE : self->kind == TN_FILE_ROW_FOLDER))
    return FALSE;
  tn_file_row_set_path (self, path);
  return TRUE;
}

static void
name_button (TnFileRow *self, GtkWidget *button, const char *format)
{
  const char *title = adw_preferences_row_get_title (ADW_PREFERENCES_ROW (self));
  g_autoptr (GString) name = g_string_new (format);

  g_string_replace (name, "%s", title, 1);
  gtk_widget_set_tooltip_text (button, name->str);
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, name->str, -1);
}

/* Each button says whose it is. */
static void
name_buttons (TnFileRow *self)
{
  name_button (self, self->choose_file, _ ("%s: choose a file"));
  name_button (self, self->choose_folder, _ ("%s: choose a folder"));
  name_button (self, self->clear,
               self->kind == TN_FILE_ROW_FILE     ? _ ("%s: no file")
               : self->kind == TN_FILE_ROW_FOLDER ? _ ("%s: no folder")
                                                  : _ ("%s: none"));
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

static GtkWidget *
add_button (TnFileRow *self, const char *icon, void (*on_clicked) (TnFileRow *))
{
  GtkWidget *button = gtk_button_new_from_icon_name (icon);

  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (button, "flat");
  g_signal_connect_swapped (button, "clicked", G_CALLBACK (on_clicked), self);
  adw_action_row_add_suffix (ADW_ACTION_ROW (self), button);
  return button;
}

static void
tn_file_row_init (TnFileRow *self)
{
  GtkDropTarget *target = gtk_drop_target_new (GDK_TYPE_FILE_LIST, GDK_ACTION_COPY);

  self->clear = add_button (self, "edit-clear-symbolic", on_clear);
  self->choose_file = add_button (self, "document-open-symbolic", on_choose_file);
  self->choose_folder = add_button (self, "folder-open-symbolic", on_choose_folder);
  gtk_widget_set_visible (self->choose_folder, FALSE);
  g_signal_connect (target, "drop", G_CALLBACK (on_drop), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (target));
  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (self), FALSE);
  adw_action_row_set_subtitle_lines (ADW_ACTION_ROW (self), 1);
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
tn_file_row_set_kind (TnFileRow *self, TnFileRowKind kind)
{
  g_return_if_fail (TN_IS_FILE_ROW (self));

  self->kind = kind;
  gtk_widget_set_visible (self->choose_file, kind != TN_FILE_ROW_FOLDER);
  gtk_widget_set_visible (self->choose_folder, kind != TN_FILE_ROW_FILE);
  if (kind == TN_FILE_ROW_EITHER) /* both at once look different */
    gtk_button_set_icon_name (GTK_BUTTON (self->choose_file), "text-x-generic-symbolic");
  name_buttons (self);
}
