/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/data-list.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "ui/settings.h"

struct _TnDataList
{
  GtkWidget parent_instance;
  AdwPreferencesGroup *group;
  AdwActionRow *empty;
  GPtrArray *rows; /* AdwActionRow, each with its path */
  gboolean recorded;
};

enum
{
  CHANGED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnDataList, tn_data_list, GTK_TYPE_WIDGET)

static const char *
get_path (GtkWidget *row)
{
  return g_object_get_data (G_OBJECT (row), "tn-path");
}

static void
on_changed (TnDataList *self)
{
  gtk_widget_set_visible (GTK_WIDGET (self->empty), self->rows->len == 0);
  tn_data_list_set_facts (self, NULL);
  g_signal_emit (self, signals[CHANGED], 0);
}

static void
on_remove_clicked (GtkButton *button, TnDataList *self)
{
  GtkWidget *row = gtk_widget_get_ancestor (GTK_WIDGET (button), ADW_TYPE_ACTION_ROW);

  g_ptr_array_remove (self->rows, row);
  adw_preferences_group_remove (self->group, row);
  on_changed (self);
}

static void
on_chosen (GtkNativeDialog *dialog, int response, TnDataList *self)
{
  if (response == GTK_RESPONSE_ACCEPT)
    {
      g_autoptr (GListModel) files = gtk_file_chooser_get_files (GTK_FILE_CHOOSER (dialog));

      for (guint i = 0; i < g_list_model_get_n_items (files); i++)
        {
          g_autoptr (GFile) file = g_list_model_get_item (files, i);
          g_autofree char *path = g_file_get_path (file);

          tn_settings_remember_folder ("last-data-folder", file);
          if (path != NULL)
            tn_data_list_add (self, path);
        }
    }
  g_object_unref (dialog);
}

static void
choose (TnDataList *self, GtkFileChooserAction action, const char *title)
{
  GtkFileChooserNative *dialog = gtk_file_chooser_native_new (title, GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))), action,
                                                              _ ("_Add"), _ ("_Cancel"));

  tn_settings_apply_folder ("last-data-folder", GTK_FILE_CHOOSER (dialog));
  gtk_file_chooser_set_select_multiple (GTK_FILE_CHOOSER (dialog), TRUE);
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_chosen), self, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

static void
on_add_files (TnDataList *self)
{
  choose (self, GTK_FILE_CHOOSER_ACTION_OPEN,
          self->recorded ? _ ("Add Recorded Activations") : _ ("Add Text or Token Files"));
}

static void
on_add_folder (TnDataList *self)
{
  choose (self, GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER,
          self->recorded ? _ ("Add a Folder of Recorded Activations") : _ ("Add a Folder of Text"));
}

static gboolean
on_drop (GtkDropTarget *target, const GValue *value, double x, double y, TnDataList *self)
{
  const GSList *files = g_value_get_boxed (value);

  for (const GSList *l = files; l != NULL; l = l->next)
    {
      g_autofree char *path = g_file_get_path (l->data);

      if (path != NULL)
        tn_data_list_add (self, path);
    }
  return files != NULL;
}

static void
tn_data_list_dispose (GObject *object)
{
  TnDataList *self = TN_DATA_LIST (object);
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))) != NULL)
    gtk_widget_unparent (child);
  g_clear_pointer (&self->rows, g_ptr_array_unref);
  G_OBJECT_CLASS (tn_data_list_parent_class)->dispose (object);
}

static void
tn_data_list_class_init (TnDataListClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_data_list_dispose;
  signals[CHANGED] = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/data-list.ui");
  gtk_widget_class_bind_template_child (widget_class, TnDataList, group);
  gtk_widget_class_bind_template_child (widget_class, TnDataList, empty);
  gtk_widget_class_bind_template_callback (widget_class, on_add_files);
  gtk_widget_class_bind_template_callback (widget_class, on_add_folder);
}

static void
tn_data_list_init (TnDataList *self)
{
  GtkDropTarget *target = gtk_drop_target_new (GDK_TYPE_FILE_LIST, GDK_ACTION_COPY);

  self->rows = g_ptr_array_new ();
  gtk_widget_init_template (GTK_WIDGET (self));
  g_signal_connect (target, "drop", G_CALLBACK (on_drop), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (target));
}

void
tn_data_list_add (TnDataList *self, const char *path)
{
  GtkWidget *row;
  GtkWidget *remove;
  g_autofree char *name = NULL;
  g_autofree char *folder = NULL;
  g_autofree char *remove_name = NULL;

  g_return_if_fail (TN_IS_DATA_LIST (self));

  for (guint i = 0; i < self->rows->len; i++)
    if (strcmp (get_path (g_ptr_array_index (self->rows, i)), path) == 0)
      return;

  name = g_filename_display_basename (path);
  folder = g_path_get_dirname (path);
  remove_name = g_strdup_printf (_ ("Remove %s"), name);
  row = adw_action_row_new ();
  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (row), FALSE);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), name);
  adw_action_row_set_subtitle (ADW_ACTION_ROW (row), folder);
  adw_action_row_set_title_lines (ADW_ACTION_ROW (row), 1);
  adw_action_row_set_subtitle_lines (ADW_ACTION_ROW (row), 1);
  gtk_widget_set_tooltip_text (row, path);
  remove = gtk_button_new_from_icon_name ("list-remove-symbolic");
  gtk_widget_set_valign (remove, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (remove, "flat");
  gtk_widget_set_tooltip_text (remove, remove_name);
  gtk_accessible_update_property (GTK_ACCESSIBLE (remove), GTK_ACCESSIBLE_PROPERTY_LABEL, remove_name, -1);
  g_signal_connect (remove, "clicked", G_CALLBACK (on_remove_clicked), self);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), remove);
  g_object_set_data_full (G_OBJECT (row), "tn-path", g_strdup (path), g_free);
  g_ptr_array_add (self->rows, row);
  adw_preferences_group_add (self->group, row);
  on_changed (self);
}

void
tn_data_list_clear (TnDataList *self)
{
  g_return_if_fail (TN_IS_DATA_LIST (self));

  if (self->rows->len == 0)
    return;
  for (guint i = 0; i < self->rows->len; i++)
    adw_preferences_group_remove (self->group, g_ptr_array_index (self->rows, i));
  g_ptr_array_set_size (self->rows, 0);
  on_changed (self);
}

char **
tn_data_list_dup_paths (TnDataList *self)
{
  g_autoptr (GStrvBuilder) paths = g_strv_builder_new ();

  g_return_val_if_fail (TN_IS_DATA_LIST (self), NULL);

  for (guint i = 0; i < self->rows->len; i++)
    g_strv_builder_add (paths, get_path (g_ptr_array_index (self->rows, i)));
  return g_strv_builder_end (paths);
}

void
tn_data_list_set_recorded (TnDataList *self)
{
  g_return_if_fail (TN_IS_DATA_LIST (self));

  self->recorded = TRUE;
  adw_preferences_group_set_title (self->group, _ ("Recorded Activations"));
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (self->empty), _ ("Add _arrays…"));
  adw_action_row_set_subtitle (self->empty, _ ("npy, npz, safetensors, IDX or CSV"));
}

void
tn_data_list_set_facts (TnDataList *self, const char *facts)
{
  g_return_if_fail (TN_IS_DATA_LIST (self));

  adw_preferences_group_set_description (self->group, facts);
}
