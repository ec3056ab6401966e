/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/export-button.h"

#include <glib/gi18n-lib.h>

struct _TnExportButton
{
  GtkWidget parent_instance;
  GtkWidget *button;
  TnSession *session;
  TnCalibration *calibration;
};

G_DEFINE_FINAL_TYPE (TnExportButton, tn_export_button, GTK_TYPE_WIDGET)

typedef struct
{
  TnSession *session;
  char *name;
} Exporting;

static void
on_exported (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Exporting *exporting = user_data;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  if (tn_calibration_export_finish (TN_CALIBRATION (source), result, &error))
    text = g_strdup_printf (_ ("Exported %s"), exporting->name);
  else
    text = g_strdup_printf (_ ("Not exported: %s"), error->message);
  tn_session_notice (exporting->session, text);
  g_object_unref (exporting->session);
  g_free (exporting->name);
  g_free (exporting);
}

static void
on_response (GtkNativeDialog *dialog, int response, TnExportButton *self)
{
  TnCalibration *calibration = g_object_get_data (G_OBJECT (dialog), "tn-calibration");
  TnExportFormat format = GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (dialog), "tn-format"));

  if (response == GTK_RESPONSE_ACCEPT)
    {
      g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));
      g_autofree char *path = g_file_get_path (file);

      if (path != NULL)
        {
          Exporting *exporting = g_new0 (Exporting, 1);

          exporting->session = g_object_ref (self->session);
          exporting->name = g_filename_display_basename (path);
          tn_calibration_export_async (calibration, format, path, on_exported, exporting);
        }
    }
  g_object_unref (dialog);
}

static void
on_export (GtkWidget *widget, const char *action, GVariant *parameter)
{
  TnExportButton *self = TN_EXPORT_BUTTON (widget);
  TnExportFormat format = g_variant_get_uint32 (parameter);
  GtkFileChooserNative *dialog;
  g_autofree char *name = NULL;
  const char *model = tn_session_get_display_name (self->session);

  if (self->calibration == NULL || tn_calibration_get_result (self->calibration) == NULL)
    return;
  dialog = gtk_file_chooser_native_new (tn_export_get_label (format), GTK_WINDOW (gtk_widget_get_root (widget)),
                                        GTK_FILE_CHOOSER_ACTION_SAVE, _ ("_Export"), _ ("_Cancel"));
  name = g_strconcat (model != NULL ? model : "calibration", tn_export_get_ending (format), NULL);
  gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (dialog), name);
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  g_object_set_data_full (G_OBJECT (dialog), "tn-calibration", g_object_ref (self->calibration), g_object_unref);
  g_object_set_data (G_OBJECT (dialog), "tn-format", GUINT_TO_POINTER (format));
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_response), self, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

static void
update (TnExportButton *self)
{
  gtk_widget_set_sensitive (self->button, self->calibration != NULL && tn_calibration_get_result (self->calibration) != NULL);
}

static void
tn_export_button_dispose (GObject *object)
{
  TnExportButton *self = TN_EXPORT_BUTTON (object);

  if (self->calibration != NULL)
    g_signal_handlers_disconnect_by_data (self->calibration, self);
  g_clear_object (&self->calibration);
  g_clear_object (&self->session);
  g_clear_pointer (&self->button, gtk_widget_unparent);
  G_OBJECT_CLASS (tn_export_button_parent_class)->dispose (object);
}

static void
tn_export_button_class_init (TnExportButtonClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_export_button_dispose;
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_install_action (widget_class, "export.as", "u", on_export);
}

static void
tn_export_button_init (TnExportButton *self)
{
  g_autoptr (GMenu) menu = g_menu_new ();

  for (guint i = 0; i < TN_N_EXPORTS; i++)
    {
      g_autoptr (GMenuItem) item = g_menu_item_new (tn_export_get_label (i), NULL);

      g_menu_item_set_action_and_target (item, "export.as", "u", i);
      g_menu_append_item (menu, item);
    }
  self->button = gtk_menu_button_new ();
  gtk_menu_button_set_label (GTK_MENU_BUTTON (self->button), _ ("E_xport"));
  gtk_menu_button_set_use_underline (GTK_MENU_BUTTON (self->button), TRUE);
  gtk_menu_button_set_menu_model (GTK_MENU_BUTTON (self->button), G_MENU_MODEL (menu));
  gtk_widget_set_tooltip_text (self->button, _ ("Write the statistics into a file"));
  gtk_widget_set_parent (self->button, GTK_WIDGET (self));
  update (self);
}

void
tn_export_button_set_session (TnExportButton *self, TnSession *session)
{
  g_return_if_fail (TN_IS_EXPORT_BUTTON (self));

  g_set_object (&self->session, session);
}

void
tn_export_button_set_calibration (TnExportButton *self, TnCalibration *calibration)
{
  g_return_if_fail (TN_IS_EXPORT_BUTTON (self));

  if (self->calibration != NULL)
    g_signal_handlers_disconnect_by_data (self->calibration, self);
  g_set_object (&self->calibration, calibration);
  if (calibration != NULL)
    g_signal_connect_swapped (calibration, "changed", G_CALLBACK (update), self);
  update (self);
}
