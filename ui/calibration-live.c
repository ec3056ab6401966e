/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/calibration-live.h"

#include <glib/gi18n-lib.h>

#include "ui/accessible.h"
#include "ui/calibration-status.h"
#include "ui/compare-button.h"
#include "ui/comparison-view.h"
#include "ui/export-button.h"
#include "ui/settings.h"
#include "ui/site-detail.h"

struct _TnCalibrationLive
{
  GtkWidget parent_instance;
  GtkWidget *bar;
  GtkStack *stack;
  TnCalibrationStatus *status;
  TnCompareButton *compare_button;
  TnExportButton *export_button;
  TnComparisonView *comparison;
  GtkPaned *paned;
  GtkColumnView *view;
  TnSiteDetail *detail;

  TnSession *session;
  TnCalibration *calibration; /* whose signals are connected */
  TnTable *table;
};

G_DEFINE_FINAL_TYPE (TnCalibrationLive, tn_calibration_live, GTK_TYPE_WIDGET)

static void
on_selection_changed (TnCalibrationLive *self)
{
  TnTableRow *row = tn_table_get_selected (self->table);

  if (self->calibration != NULL && row != NULL)
    tn_calibration_choose_site (self->calibration, tn_site_row_get_findings (TN_SITE_ROW (row))->name);
}

static gboolean
is_comparing (TnCalibrationLive *self)
{
  return g_strcmp0 (gtk_stack_get_visible_child_name (self->stack), "comparison") == 0;
}

static void
on_compare_chosen (TnCalibrationLive *self, const char *path)
{
  const TnCalibrateResult *result = tn_calibration_get_result (self->calibration);

  if (result == NULL)
    return;
  tn_comparison_view_compare (self->comparison, result->stats, tn_calibration_get_title (self->calibration), path);
  gtk_stack_set_visible_child_name (self->stack, "comparison");
  gtk_widget_set_visible (self->bar, FALSE);
}

static const char *
choose_page (TnCalibrationLive *self)
{
  if (tn_session_is_loading_statistics (self->session))
    return "waiting";
  if (self->calibration == NULL)
    return "empty";
  if (tn_table_get_n_shown (self->table) > 0)
    return "sites";
  /* It may have ended before anything was measured. */
  return tn_calibration_is_running (self->calibration) || tn_calibration_get_result (self->calibration) != NULL ? "waiting" : "nothing";
}

static void
on_comparison_closed (TnCalibrationLive *self)
{
  gtk_stack_set_visible_child_name (self->stack, choose_page (self));
  gtk_widget_set_visible (self->bar, TRUE);
}

static void
on_open_response (GtkNativeDialog *dialog, int response, TnCalibrationLive *self)
{
  if (response == GTK_RESPONSE_ACCEPT && !tn_session_is_calibrating (self->session))
    {
      g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));
      g_autofree char *path = g_file_get_path (file);

      if (path != NULL)
        tn_session_open_statistics (self->session, path);
    }
  g_object_unref (dialog);
}

static void
on_open_statistics (GtkWidget *widget, const char *action, GVariant *parameter)
{
  GtkFileChooserNative *dialog = gtk_file_chooser_native_new (_ ("Open Statistics"), GTK_WINDOW (gtk_widget_get_root (widget)),
                                                              GTK_FILE_CHOOSER_ACTION_OPEN, _ ("_Open"), _ ("_Cancel"));

  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_open_response), widget, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

static void
show_page (TnCalibrationLive *self)
{
  if (!is_comparing (self))
    gtk_stack_set_visible_child_name (self->stack, choose_page (self));
}

static void
on_sites_changed (TnCalibrationLive *self)
{
  show_page (self);
  tn_table_refresh (self->table);
  if (tn_table_get_selected (self->table) == NULL && tn_table_get_n_shown (self->table) > 0)
    tn_table_select (self->table, 0);
}

static void
on_calibration_changed (TnCalibrationLive *self)
{
  TnCalibration *calibration = tn_session_get_calibration (self->session);

  if (self->calibration != NULL)
    g_signal_handlers_disconnect_by_data (self->calibration, self);
  g_set_object (&self->calibration, calibration);
  tn_calibration_status_set_calibration (self->status, calibration);
  tn_compare_button_set_calibration (self->compare_button, calibration);
  tn_export_button_set_calibration (self->export_button, calibration);
  tn_comparison_view_clear (self->comparison);
  tn_table_set_rows (self->table, calibration != NULL ? tn_calibration_get_sites (calibration) : NULL);
  tn_site_detail_set_calibration (self->detail, calibration);
  gtk_stack_set_visible_child_name (self->stack, choose_page (self));
  gtk_widget_set_visible (self->bar, calibration != NULL);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "calibration.open-statistics",
                                 calibration == NULL || tn_calibration_is_loaded (calibration));
  if (calibration == NULL)
    return;
  g_signal_connect_swapped (calibration, "sites-changed", G_CALLBACK (on_sites_changed), self);
}

static void
on_calibration_finished (TnCalibrationLive *self)
{
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "calibration.open-statistics", TRUE);
  show_page (self);
}

static void
tn_calibration_live_dispose (GObject *object)
{
  TnCalibrationLive *self = TN_CALIBRATION_LIVE (object);
  GtkWidget *child;

  if (self->calibration != NULL)
    g_signal_handlers_disconnect_by_data (self->calibration, self);
  g_clear_object (&self->calibration);
  if (self->table != NULL)
    g_signal_handlers_disconnect_by_data (self->table, self);
  g_clear_object (&self->table);
  g_clear_object (&self->session);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))) != NULL)
    gtk_widget_unparent (child);
  G_OBJECT_CLASS (tn_calibration_live_parent_class)->dispose (object);
}

static void
tn_calibration_live_class_init (TnCalibrationLiveClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_calibration_live_dispose;
  g_type_ensure (TN_TYPE_CALIBRATION_STATUS);
  g_type_ensure (TN_TYPE_COMPARE_BUTTON);
  g_type_ensure (TN_TYPE_COMPARISON_VIEW);
  g_type_ensure (TN_TYPE_EXPORT_BUTTON);
  g_type_ensure (TN_TYPE_SITE_DETAIL);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/calibration-live.ui");
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationLive, bar);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationLive, stack);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationLive, status);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationLive, compare_button);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationLive, export_button);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationLive, comparison);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationLive, paned);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationLive, view);
  gtk_widget_class_bind_template_child (widget_class, TnCalibrationLive, detail);
  gtk_widget_class_bind_template_callback (widget_class, on_compare_chosen);
  gtk_widget_class_bind_template_callback (widget_class, on_comparison_closed);
  gtk_widget_class_install_action (widget_class, "calibration.open-statistics", NULL, on_open_statistics);
}

static void
tn_calibration_live_init (TnCalibrationLive *self)
{
  GSettings *settings = tn_settings_get ();

  gtk_widget_init_template (GTK_WIDGET (self));
  tn_accessible_fix_mnemonics (GTK_WIDGET (self));
  self->table = tn_table_new (self->view, _ ("Sites"), tn_site_columns, TN_N_SITE_COLUMNS);
  tn_table_sort (self->table, "site", FALSE);
  g_signal_connect_swapped (self->table, "selection-changed", G_CALLBACK (on_selection_changed), self);
  if (settings != NULL)
    g_settings_bind (settings, "calibration-pane", self->paned, "position", G_SETTINGS_BIND_DEFAULT);
}

void
tn_calibration_live_set_session (TnCalibrationLive *self, TnSession *session)
{
  g_return_if_fail (TN_IS_CALIBRATION_LIVE (self));
  g_return_if_fail (self->session == NULL);

  self->session = g_object_ref (session);
  tn_compare_button_set_session (self->compare_button, session);
  tn_export_button_set_session (self->export_button, session);
  tn_site_detail_set_session (self->detail, session);
  g_signal_connect_object (session, "calibration-changed", G_CALLBACK (on_calibration_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (session, "loading-changed", G_CALLBACK (show_page), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (session, "calibration-finished", G_CALLBACK (on_calibration_finished), self, G_CONNECT_SWAPPED);
  on_calibration_changed (self);
}

TnTable *
tn_calibration_live_get_table (TnCalibrationLive *self)
{
  g_return_val_if_fail (TN_IS_CALIBRATION_LIVE (self), NULL);

  return self->table;
}
