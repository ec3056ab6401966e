/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/about.h"

#include <glib/gi18n-lib.h>

#include "app/tasks/doctor.h"

static void
examine_on_worker (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  g_autoptr (GPtrArray) facts = tn_doctor_examine (TN_DOCTOR_NO_RATES, NULL);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < facts->len; i++)
    {
      const TnDoctorFact *fact = g_ptr_array_index (facts, i);

      g_string_append_printf (text, "%s: %s\n", fact->label, fact->text != NULL ? fact->text : fact->value);
    }
  g_string_append_printf (text, "GTK: %u.%u.%u\n", gtk_get_major_version (), gtk_get_minor_version (), gtk_get_micro_version ());
  g_string_append_printf (text, "libadwaita: %u.%u.%u\n", adw_get_major_version (), adw_get_minor_version (),
                          adw_get_micro_version ());
  g_string_append_printf (text, "GLib: %u.%u.%u\n", glib_major_version, glib_minor_version, glib_micro_version);
  g_task_return_pointer (task, g_string_free (text, FALSE), g_free);
}

static void
on_examined (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree char *text = g_task_propagate_pointer (G_TASK (result), NULL);

  adw_about_window_set_debug_info (ADW_ABOUT_WINDOW (source), text);
}

void
tn_about_present (GtkWindow *parent)
{
  GtkWidget *about = adw_about_window_new ();
  g_autoptr (GTask) task = NULL;

  gtk_window_set_transient_for (GTK_WINDOW (about), parent);
  gtk_window_set_modal (GTK_WINDOW (about), TRUE);
  adw_about_window_set_application_name (ADW_ABOUT_WINDOW (about), "Ternion");
  adw_about_window_set_application_icon (ADW_ABOUT_WINDOW (about), TN_APP_ID);
  adw_about_window_set_version (ADW_ABOUT_WINDOW (about), TN_VERSION);
  adw_about_window_set_developer_name (ADW_ABOUT_WINDOW (about), _ ("The Ternion project"));
  adw_about_window_set_license_type (ADW_ABOUT_WINDOW (about), GTK_LICENSE_APACHE_2_0);
  adw_about_window_set_comments (ADW_ABOUT_WINDOW (about),
                                 _ ("A workbench for taking neural networks to low precision, ternary above all."));
  adw_about_window_set_debug_info_filename (ADW_ABOUT_WINDOW (about), "ternion-diagnostics.txt");
  task = g_task_new (about, NULL, on_examined, NULL);
  g_task_run_in_thread (task, examine_on_worker);
  gtk_window_present (GTK_WINDOW (about));
}
