/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/compare-button.h"

#include <glib/gi18n-lib.h>

#include "ui/settings.h"

#define MOST_RUNS 8

struct _TnCompareButton
{
  GtkWidget parent_instance;
  GtkWidget *button;
  GMenu *runs;
  TnSession *session;
  TnCalibration *calibration; /* whose signals are connected */
};

enum
{
  CHOSEN,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnCompareButton, tn_compare_button, GTK_TYPE_WIDGET)

static void
on_response (GtkNativeDialog *dialog, int response, TnCompareButton *self)
{
  if (response == GTK_RESPONSE_ACCEPT)
    {
      g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));
      g_autofree char *path = g_file_get_path (file);

      if (path != NULL)
        g_signal_emit (self, signals[CHOSEN], 0, path);
    }
  g_object_unref (dialog);
}

static void
on_file (GtkWidget *widget, const char *action, GVariant *parameter)
{
  GtkFileChooserNative *dialog =
      gtk_file_chooser_native_new (_ ("Compare With Statistics"), GTK_WINDOW (gtk_widget_get_root (widget)),
                                   GTK_FILE_CHOOSER_ACTION_OPEN, _ ("_Compare"), _ ("_Cancel"));

  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_response), widget, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

static void
on_path (GtkWidget *widget, const char *action, GVariant *parameter)
{
  g_signal_emit (widget, signals[CHOSEN], 0, g_variant_get_bytestring (parameter));
}

static gboolean
is_comparable (TnCompareButton *self, const TnRunRow *run)
{
  const TnCalibrateResult *result = self->calibration != NULL ? tn_calibration_get_result (self->calibration) : NULL;

  return g_strcmp0 (run->verb, "calibrate") == 0 && run->output != NULL &&
         (result == NULL || g_strcmp0 (run->output, result->out) != 0) && g_file_test (run->output, G_FILE_TEST_IS_REGULAR);
}

static void
list_runs (TnCompareButton *self)
{
  GPtrArray *runs = tn_run_watcher_get_runs (tn_session_get_runs (self->session));
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  guint n = 0;

  g_menu_remove_all (self->runs);
  for (guint i = 0; runs != NULL && i < runs->len && n < MOST_RUNS; i++)
    {
      const TnRunRow *run = g_ptr_array_index (runs, i);
      g_autoptr (GDateTime) started = g_date_time_new_from_unix_local (run->started_us / G_USEC_PER_SEC);
      g_autofree char *when = started != NULL ? g_date_time_format (started, "%x %H:%M") : g_strdup ("");
      g_autofree char *label = NULL;
      g_autoptr (GMenuItem) item = NULL;

      if (!is_comparable (self, run) || !g_hash_table_add (seen, run->output))
        continue;
      label = g_strdup_printf ("%s · %s", when, run->title);
      g_strdelimit (label, "_", '-');
      item = g_menu_item_new (label, NULL);
      g_menu_item_set_action_and_target_value (item, "compare.path", g_variant_new_bytestring (run->output));
      g_menu_append_item (self->runs, item);
      n++;
    }
}

static void
update (TnCompareButton *self)
{
  gtk_widget_set_sensitive (self->button, self->calibration != NULL && tn_calibration_get_result (self->calibration) != NULL);
}

static void
tn_compare_button_dispose (GObject *object)
{
  TnCompareButton *self = TN_COMPARE_BUTTON (object);

  if (self->calibration != NULL)
    g_signal_handlers_disconnect_by_data (self->calibration, self);
  g_clear_object (&self->calibration);
  g_clear_object (&self->session);
  g_clear_object (&self->runs);
  g_clear_pointer (&self->button, gtk_widget_unparent);
  G_OBJECT_CLASS (tn_compare_button_parent_class)->dispose (object);
}

static void
tn_compare_button_class_init (TnCompareButtonClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_compare_button_dispose;
  signals[CHOSEN] =
      g_signal_new ("chosen", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_install_action (widget_class, "compare.file", NULL, on_file);
  gtk_widget_class_install_action (widget_class, "compare.path", "ay", on_path);
}

static void
tn_compare_button_init (TnCompareButton *self)
{
  g_autoptr (GMenu) menu = g_menu_new ();

  self->runs = g_menu_new ();
  g_menu_append (menu, _ ("With a Statistics _File…"), "compare.file");
  g_menu_append_section (menu, _ ("Earlier Runs"), G_MENU_MODEL (self->runs));
  self->button = gtk_menu_button_new ();
  gtk_menu_button_set_label (GTK_MENU_BUTTON (self->button), _ ("C_ompare"));
  gtk_menu_button_set_use_underline (GTK_MENU_BUTTON (self->button), TRUE);
  gtk_menu_button_set_menu_model (GTK_MENU_BUTTON (self->button), G_MENU_MODEL (menu));
  gtk_widget_set_tooltip_text (self->button, _ ("See what changed against other statistics"));
  gtk_widget_set_parent (self->button, GTK_WIDGET (self));
  update (self);
}

void
tn_compare_button_set_session (TnCompareButton *self, TnSession *session)
{
  g_return_if_fail (TN_IS_COMPARE_BUTTON (self));
  g_return_if_fail (self->session == NULL);

  self->session = g_object_ref (session);
  g_signal_connect_object (tn_session_get_runs (session), "changed", G_CALLBACK (list_runs), self, G_CONNECT_SWAPPED);
}

void
tn_compare_button_set_calibration (TnCompareButton *self, TnCalibration *calibration)
{
  g_return_if_fail (TN_IS_COMPARE_BUTTON (self));

  if (self->calibration != NULL)
    g_signal_handlers_disconnect_by_data (self->calibration, self);
  g_set_object (&self->calibration, calibration);
  if (calibration != NULL)
    g_signal_connect_swapped (calibration, "changed", G_CALLBACK (update), self);
  if (self->session != NULL)
    list_runs (self);
  update (self);
}
