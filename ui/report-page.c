/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/report-page.h"

#include <glib/gi18n-lib.h>

#include "app/tasks/report-analysis.h"
#include "ui/accessible.h"
#include "ui/settings.h"

static const struct
{
  const char *ending;
  const char *label;
} formats[] = {
    {".html", N_ ("Web Page (HTML)")}, {".pdf", N_ ("On Paper (PDF)")},   {".md", N_ ("Markdown")},
    {".csv", N_ ("Table (CSV)")},      {".json", N_ ("Analysis (JSON)")},
};

struct _TnReportPage
{
  GtkWidget parent_instance;
  GtkStack *stack;
  GtkLabel *title;
  GtkLabel *outcome;
  GtkWidget *open;
  GtkMenuButton *export_button;
  TnReportView *view;
  TnSession *session;
  TnSensitivity *sensitivity; /* whose signals are connected */
  gboolean written_up;        /* it is shown, or being written */
  gboolean exporting;
  char *written;
};

G_DEFINE_FINAL_TYPE (TnReportPage, tn_report_page, GTK_TYPE_WIDGET)

/* --- the preview -------------------------------------------------------- */

static void
write_on_worker (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  const TnAnalysis *analysis = tn_sensitivity_get_analysis (source);

  g_task_return_pointer (task, tn_report_analysis (analysis, g_get_language_names ()[0]), (GDestroyNotify) tn_report_free);
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (TnReportPage) self = user_data;
  g_autoptr (TnReport) report = g_task_propagate_pointer (G_TASK (result), NULL);

  if (TN_SENSITIVITY (source) != self->sensitivity || report == NULL)
    return;
  gtk_label_set_text (self->title, tn_report_get_title (report));
  tn_report_view_show (self->view, g_steal_pointer (&report));
  gtk_stack_set_visible_child_name (self->stack, "report");
}

/* A report is not written before somebody looks at it. */
static void
update (TnReportPage *self)
{
  g_autoptr (GTask) task = NULL;

  if (self->sensitivity == NULL || tn_sensitivity_get_analysis (self->sensitivity) == NULL)
    {
      gtk_stack_set_visible_child_name (self->stack, "empty");
      return;
    }
  if (self->written_up || !gtk_widget_get_mapped (GTK_WIDGET (self)))
    return;
  self->written_up = TRUE;
  gtk_stack_set_visible_child_name (self->stack, "waiting");
  task = g_task_new (self->sensitivity, NULL, on_written, g_object_ref (self));
  g_task_run_in_thread (task, write_on_worker);
}

static void
show_outcome (TnReportPage *self, const char *text, gboolean failed)
{
  gtk_label_set_text (self->outcome, text);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->outcome), text);
  gtk_widget_set_visible (GTK_WIDGET (self->outcome), *text != '\0');
  gtk_widget_set_visible (self->open, self->written != NULL);
  if (failed)
    gtk_widget_add_css_class (GTK_WIDGET (self->outcome), "error");
  else
    gtk_widget_remove_css_class (GTK_WIDGET (self->outcome), "error");
}

static void
on_sensitivity_changed (TnReportPage *self)
{
  if (self->sensitivity != NULL)
    g_signal_handlers_disconnect_by_data (self->sensitivity, self);
  g_set_object (&self->sensitivity, tn_session_get_sensitivity (self->session));
  self->written_up = FALSE;
  g_clear_pointer (&self->written, g_free);
  show_outcome (self, "", FALSE);
  tn_report_view_show (self->view, NULL);
  if (self->sensitivity != NULL)
    g_signal_connect_swapped (self->sensitivity, "changed", G_CALLBACK (update), self);
  update (self);
}

/* --- export ------------------------------------------------------------- */

static void
export_on_worker (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  GError *error = NULL;

  if (tn_report_analysis_save (tn_sensitivity_get_analysis (source), g_get_language_names ()[0], task_data, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
on_exported (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (TnReportPage) self = user_data;
  const char *path = g_task_get_task_data (G_TASK (result));
  g_autofree char *name = g_filename_display_basename (path), *text = NULL;
  g_autoptr (GError) error = NULL;
  gboolean exported = g_task_propagate_boolean (G_TASK (result), &error);

  self->exporting = FALSE;
  gtk_widget_set_sensitive (GTK_WIDGET (self->export_button), TRUE);
  g_clear_pointer (&self->written, g_free);
  if (exported)
    self->written = g_strdup (path);
  text = exported ? g_strdup_printf (_ ("Exported %s"), name) : g_strdup_printf (_ ("Not exported: %s"), error->message);
  show_outcome (self, text, !exported);
}

void
tn_report_page_export (TnReportPage *self, const char *path)
{
  g_autoptr (GTask) task = NULL;
  g_autofree char *text = NULL, *name = NULL;

  g_return_if_fail (TN_IS_REPORT_PAGE (self));
  g_return_if_fail (self->sensitivity != NULL && tn_sensitivity_get_analysis (self->sensitivity) != NULL);

  if (self->exporting)
    return;
  name = g_filename_display_basename (path);
  text = g_strdup_printf (_ ("Writing %s…"), name);
  self->exporting = TRUE;
  g_clear_pointer (&self->written, g_free);
  show_outcome (self, text, FALSE);
  gtk_widget_set_sensitive (GTK_WIDGET (self->export_button), FALSE);
  task = g_task_new (self->sensitivity, NULL, on_exported, g_object_ref (self));
  g_task_set_task_data (task, g_strdup (path), g_free);
  g_task_run_in_thread (task, export_on_worker);
}

static void
on_export_response (GtkNativeDialog *dialog, int response, TnReportPage *self)
{
  g_autoptr (GFile) file = response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog)) : NULL;
  g_autofree char *path = file != NULL ? g_file_get_path (file) : NULL;

  if (path != NULL)
    {
      tn_settings_remember_folder ("last-folder", file);
      tn_report_page_export (self, path);
    }
  g_object_unref (dialog);
}

static void
on_export (GtkWidget *widget, const char *action, GVariant *parameter)
{
  TnReportPage *self = TN_REPORT_PAGE (widget);
  guint format = g_variant_get_uint32 (parameter);
  const TnAnalysis *analysis = self->sensitivity != NULL ? tn_sensitivity_get_analysis (self->sensitivity) : NULL;
  GtkFileChooserNative *dialog;
  g_autofree char *name = NULL;

  if (analysis == NULL || format >= G_N_ELEMENTS (formats))
    return;
  dialog = gtk_file_chooser_native_new (_ ("Export Report"), GTK_WINDOW (gtk_widget_get_root (widget)),
                                        GTK_FILE_CHOOSER_ACTION_SAVE, _ ("_Export"), _ ("_Cancel"));
  name = g_strconcat (analysis->model_name != NULL ? analysis->model_name : "analysis", formats[format].ending, NULL);
  gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (dialog), name);
  tn_settings_apply_folder ("last-folder", GTK_FILE_CHOOSER (dialog));
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_export_response), self, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

static void
on_open_clicked (TnReportPage *self)
{
  g_autoptr (GFile) file = g_file_new_for_path (self->written);
  g_autofree char *uri = g_file_get_uri (file);

  gtk_show_uri (GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))), uri, GDK_CURRENT_TIME);
}

/* --- object ------------------------------------------------------------- */

static void
tn_report_page_map (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (tn_report_page_parent_class)->map (widget);
  update (TN_REPORT_PAGE (widget));
}

static void
tn_report_page_dispose (GObject *object)
{
  TnReportPage *self = TN_REPORT_PAGE (object);
  GtkWidget *child;

  if (self->sensitivity != NULL)
    g_signal_handlers_disconnect_by_data (self->sensitivity, self);
  g_clear_object (&self->sensitivity);
  g_clear_object (&self->session);
  g_clear_pointer (&self->written, g_free);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))) != NULL)
    gtk_widget_unparent (child);
  G_OBJECT_CLASS (tn_report_page_parent_class)->dispose (object);
}

static void
tn_report_page_class_init (TnReportPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_report_page_dispose;
  widget_class->map = tn_report_page_map;
  g_type_ensure (TN_TYPE_REPORT_VIEW);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/report-page.ui");
  gtk_widget_class_bind_template_child (widget_class, TnReportPage, stack);
  gtk_widget_class_bind_template_child (widget_class, TnReportPage, title);
  gtk_widget_class_bind_template_child (widget_class, TnReportPage, outcome);
  gtk_widget_class_bind_template_child (widget_class, TnReportPage, open);
  gtk_widget_class_bind_template_child (widget_class, TnReportPage, export_button);
  gtk_widget_class_bind_template_child (widget_class, TnReportPage, view);
  gtk_widget_class_bind_template_callback (widget_class, on_open_clicked);
  gtk_widget_class_install_action (widget_class, "report.export", "u", on_export);
}

static void
tn_report_page_init (TnReportPage *self)
{
  g_autoptr (GMenu) menu = g_menu_new ();

  gtk_widget_init_template (GTK_WIDGET (self));
  tn_accessible_fix_mnemonics (GTK_WIDGET (self));
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      g_autoptr (GMenuItem) item = g_menu_item_new (_ (formats[i].label), NULL);

      g_menu_item_set_action_and_target (item, "report.export", "u", i);
      g_menu_append_item (menu, item);
    }
  gtk_menu_button_set_menu_model (self->export_button, G_MENU_MODEL (menu));
}

void
tn_report_page_set_session (TnReportPage *self, TnSession *session)
{
  g_return_if_fail (TN_IS_REPORT_PAGE (self));
  g_return_if_fail (self->session == NULL);

  self->session = g_object_ref (session);
  g_signal_connect_object (session, "sensitivity-changed", G_CALLBACK (on_sensitivity_changed), self, G_CONNECT_SWAPPED);
  on_sensitivity_changed (self);
}

const char *
tn_report_page_get_state (TnReportPage *self)
{
  g_return_val_if_fail (TN_IS_REPORT_PAGE (self), NULL);

  return gtk_stack_get_visible_child_name (self->stack);
}

TnReportView *
tn_report_page_get_view (TnReportPage *self)
{
  g_return_val_if_fail (TN_IS_REPORT_PAGE (self), NULL);

  return self->view;
}

const char *
tn_report_page_get_written (TnReportPage *self)
{
  g_return_val_if_fail (TN_IS_REPORT_PAGE (self), NULL);

  return self->written;
}
