/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/sensitivity-page.h"

#include <glib/gi18n-lib.h>
#include <math.h>

#include "app/tasks/analysis-figures.h"
#include "ui/accessible.h"
#include "ui/numbers.h"
#include "ui/progress-text.h"
#include "ui/sensitivity-row.h"
#include "ui/settings.h"

struct _TnSensitivityPage
{
  GtkWidget parent_instance;
  AdwFlap *flap;
  TnSensitivityForm *form;
  GtkLabel *problem;
  GtkWidget *start;
  GtkWidget *pause;
  GtkWidget *cancel;
  GtkLabel *title;
  GtkProgressBar *progress;
  GtkLabel *status;
  GtkLabel *error;
  GtkWidget *report;
  GtkStack *stack;
  GtkWidget *newest;
  GtkWidget *open_sample;
  GtkSearchEntry *search;
  GtkDropDown *scheme;
  GtkLabel *shown;
  GtkPaned *paned;
  GtkColumnView *view;
  GtkStack *behind;
  TnSensitivityDetail *detail;
  TnSensitivityPlots *plots;
  TnSensitivityPlan *plan;

  TnSession *session;
  TnSensitivity *sensitivity; /* whose signals are connected */
  const TnAnalysis *analysis; /* that is shown */
  TnTable *table;
  GPtrArray *all; /* TnSensitivityRow, as they are ranked */
  GListStore *rows;
  char *event; /* what the analysis does at the moment */
};

G_DEFINE_FINAL_TYPE (TnSensitivityPage, tn_sensitivity_page, GTK_TYPE_WIDGET)

/* --- the ranking -------------------------------------------------------- */

static void
show_counts (TnSensitivityPage *self)
{
  guint total = self->all->len, shown = tn_table_get_n_shown (self->table);
  g_autofree char *some = tn_format_count (shown), *all = tn_format_count (total), *text = NULL;

  if (shown == total)
    text = g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%s pair of layer and scheme", "%s pairs of layer and scheme", total),
                            all);
  else
    /* Translators: how many pairs the filter lets through, of how many */
    text = g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%s of %s pair", "%s of %s pairs", total), some, all);
  gtk_label_set_text (self->shown, text);
}

static TnSensitivityRow *
get_selected (TnSensitivityPage *self)
{
  TnTableRow *row = tn_table_get_selected (self->table);

  return row != NULL ? TN_SENSITIVITY_ROW (row) : NULL;
}

static void
on_selection_changed (TnSensitivityPage *self)
{
  TnSensitivityRow *row = get_selected (self);

  if (row == NULL || self->analysis == NULL)
    {
      tn_sensitivity_detail_show (self->detail, NULL, 0, 0);
      return;
    }
  tn_sensitivity_detail_show (self->detail, self->analysis, tn_sensitivity_row_get_layer (row),
                              (guint) tn_sensitivity_row_get_scheme (row));
  tn_session_choose_layer (self->session, tn_sensitivity_row_get_name (row));
}

/* Chosen on another page: the worst that is shown of it. */
static void
on_layer_chosen (TnSensitivityPage *self)
{
  const char *name = tn_session_get_layer (self->session);
  TnSensitivityRow *selected = get_selected (self);

  if (selected != NULL && g_strcmp0 (tn_sensitivity_row_get_name (selected), name) == 0)
    return;
  for (guint i = 0; i < tn_table_get_n_shown (self->table); i++)
    if (g_strcmp0 (tn_sensitivity_row_get_name (TN_SENSITIVITY_ROW (tn_table_get_shown (self->table, i))), name) == 0)
      {
        tn_table_select (self->table, i);
        return;
      }
}

/* The rows of the chosen scheme. */
static void
fill (TnSensitivityPage *self)
{
  guint choice = gtk_drop_down_get_selected (self->scheme);
  g_autoptr (GPtrArray) some = g_ptr_array_new ();

  if (self->table == NULL) /* while the template is built */
    return;
  for (guint i = 0; i < self->all->len; i++)
    {
      TnSensitivityRow *row = g_ptr_array_index (self->all, i);

      if (choice == 0 || choice == GTK_INVALID_LIST_POSITION || tn_sensitivity_row_get_scheme (row) == (gint) choice - 1)
        g_ptr_array_add (some, row);
    }
  g_list_store_splice (self->rows, 0, g_list_model_get_n_items (G_LIST_MODEL (self->rows)), some->pdata, some->len);
  if (tn_table_get_n_shown (self->table) > 0 && get_selected (self) == NULL)
    tn_table_select (self->table, 0);
  show_counts (self);
}

static void
add_row (TnSensitivityPage *self, guint layer, guint scheme)
{
  TnSensitivityRow *row = tn_sensitivity_row_new (G_OBJECT (self->sensitivity), self->analysis, layer, (gint) scheme);

  tn_table_row_set_place (TN_TABLE_ROW (row), self->all->len);
  g_ptr_array_add (self->all, row);
}

/* As reports rank them: measured pairs, then those with a score; after them those of which no loss is known. */
static void
rank (TnSensitivityPage *self)
{
  g_autoptr (GArray) ranked = tn_analysis_rank (self->analysis);

  g_ptr_array_set_size (self->all, 0);
  for (guint i = 0; i < ranked->len; i++)
    {
      const TnRankedPair *pair = &g_array_index (ranked, TnRankedPair, i);

      add_row (self, pair->layer, pair->scheme);
    }
  for (guint i = 0; i < self->analysis->layers->len; i++)
    for (guint k = 0; k < self->analysis->schemes->len; k++)
      {
        TnEstimate loss = tn_analysis_get_loss (self->analysis, i, k, NULL);

        if (!tn_estimate_is_set (&loss) && tn_analysis_get_cell (self->analysis, i, k)->applies)
          add_row (self, i, k);
      }
}

static void
show_schemes (TnSensitivityPage *self)
{
  g_autoptr (GtkStringList) names = gtk_string_list_new (NULL);

  gtk_string_list_append (names, _ ("All Schemes"));
  for (guint k = 0; self->analysis != NULL && k < self->analysis->schemes->len; k++)
    {
      g_autofree char *name = tn_scheme_to_string (tn_analysis_get_scheme (self->analysis, k));

      gtk_string_list_append (names, name);
    }
  gtk_drop_down_set_model (self->scheme, G_LIST_MODEL (names));
  gtk_drop_down_set_selected (self->scheme, 0);
}

static void
show_analysis (TnSensitivityPage *self)
{
  const TnAnalysis *analysis = self->sensitivity != NULL ? tn_sensitivity_get_analysis (self->sensitivity) : NULL;

  if (analysis == self->analysis)
    return;
  self->analysis = analysis;
  g_ptr_array_set_size (self->all, 0);
  if (analysis != NULL)
    rank (self);
  gtk_editable_set_text (GTK_EDITABLE (self->search), "");
  show_schemes (self);
  fill (self);
  if (analysis != NULL)
    on_layer_chosen (self);
  on_selection_changed (self);
}

/* What has just come is what the keys are for. */
static void
focus_ranking (TnSensitivityPage *self)
{
  if (gtk_widget_get_mapped (GTK_WIDGET (self->view)) && self->all->len > 0)
    gtk_widget_grab_focus (GTK_WIDGET (self->view));
}

static void
on_search_changed (TnSensitivityPage *self)
{
  tn_table_set_search (self->table, gtk_editable_get_text (GTK_EDITABLE (self->search)));
}

static void
on_search_stopped (TnSensitivityPage *self)
{
  gtk_editable_set_text (GTK_EDITABLE (self->search), "");
  gtk_widget_grab_focus (GTK_WIDGET (self->view));
}

/* --- how far it is ------------------------------------------------------ */

static char *
describe_analysis (const TnAnalysis *analysis)
{
  g_autofree char *layers = tn_format_count (analysis->layers->len);
  g_autofree char *loss = tn_estimate_is_set (&analysis->loss) ? g_strdup_printf ("%.4f", analysis->loss.value) : NULL;
  const char *model = analysis->model_name != NULL ? analysis->model_name : "?";

  if (loss == NULL)
    /* Translators: a model and the number of its linear layers */
    return g_strdup_printf (_ ("%s · %s layers · the loss was not measured"), model, layers);
  /* Translators: a model, the number of its linear layers, its loss, the data, how many samples losses were measured on */
  return g_strdup_printf (_ ("%s · %s layers · loss %s on %s · %u samples"), model, layers, loss,
                          analysis->data_name != NULL ? analysis->data_name : "?", analysis->measure_samples);
}

static char *
describe_progress (TnSensitivityPage *self, const TnJobProgress *progress)
{
  g_autofree char *text = NULL;

  if (progress->state == TN_JOB_WAITING)
    return g_strdup (_ ("Waiting for its turn…"));
  text = progress->done > 0 ? tn_progress_text (progress->done, progress->total, progress->unit, progress->rate,
                                                progress->seconds_left, progress->rss_bytes)
                            : g_strdup (_ ("Reading the model and the data…"));
  if (progress->state == TN_JOB_PAUSED)
    return g_strdup_printf (_ ("Paused · %s"), text);
  /* Translators: what is being done, and how far it is */
  return self->event != NULL ? g_strdup_printf (_ ("%s · %s"), self->event, text) : g_steal_pointer (&text);
}

static void
show_status (TnSensitivityPage *self)
{
  TnJobProgress progress = {.state = TN_JOB_DONE};
  gboolean running = self->sensitivity != NULL && tn_sensitivity_is_running (self->sensitivity);
  const char *error = self->sensitivity != NULL ? tn_sensitivity_get_error (self->sensitivity) : NULL;
  g_autofree char *text = NULL;

  if (self->sensitivity != NULL)
    tn_sensitivity_get_progress (self->sensitivity, &progress);
  if (running)
    text = describe_progress (self, &progress);
  else if (self->analysis != NULL)
    text = describe_analysis (self->analysis);
  else if (self->sensitivity != NULL)
    text = g_strdup (progress.state == TN_JOB_CANCELLED ? _ ("Cancelled") : _ ("Failed"));
  gtk_label_set_text (self->title, self->sensitivity != NULL ? tn_sensitivity_get_title (self->sensitivity) : _ ("No analysis"));
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->title),
                               self->sensitivity != NULL ? tn_sensitivity_get_path (self->sensitivity) : NULL);
  gtk_label_set_text (self->status, text != NULL ? text : "");
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->status), text);
  gtk_widget_set_visible (GTK_WIDGET (self->status), text != NULL);
  gtk_widget_set_visible (GTK_WIDGET (self->progress), running);
  if (running && progress.total > 0)
    gtk_progress_bar_set_fraction (self->progress, CLAMP (progress.done / progress.total, 0, 1));
  else if (running && progress.state == TN_JOB_RUNNING)
    gtk_progress_bar_pulse (self->progress);
  gtk_label_set_text (self->error, error != NULL ? error : "");
  gtk_widget_set_visible (GTK_WIDGET (self->error), error != NULL);
}

static gboolean
is_paused (TnSensitivityPage *self)
{
  TnJobProgress progress;

  tn_sensitivity_get_progress (self->sensitivity, &progress);
  return progress.state == TN_JOB_PAUSED;
}

static void
name_pause (TnSensitivityPage *self, const char *label)
{
  if (g_strcmp0 (gtk_button_get_label (GTK_BUTTON (self->pause)), label) == 0)
    return;
  gtk_button_set_label (GTK_BUTTON (self->pause), label);
  tn_accessible_fix_mnemonics (self->pause);
}

static char *
find_unmeasurable (TnSensitivityPage *self)
{
  g_auto (GStrv) data = tn_sensitivity_form_dup_data (self->form);
  TnModelFile *file = tn_session_get_file (self->session);

  if (self->analysis == NULL)
    return g_strdup ("");
  if (tn_sensitivity_get_path (self->sensitivity) == NULL)
    return g_strdup (_ ("The analysis is in no file: there is no workspace to keep it in"));
  if (file == NULL)
    return g_strdup (_ ("Open the model that was analyzed to measure its plans"));
  if (tn_model_file_get_fingerprint (file) != self->analysis->model_fingerprint)
    return g_strdup (_ ("The model that is open is another one than was analyzed"));
  if (data[0] == NULL)
    return g_strdup (_ ("Choose the data to measure on in the settings of the analysis"));
  return NULL;
}

static const char *
choose_state (TnSensitivityPage *self)
{
  if (self->analysis != NULL)
    return "analysis";
  if (self->sensitivity == NULL)
    return "empty";
  return tn_sensitivity_is_running (self->sensitivity) ? "waiting" : "nothing";
}

static const char *
find_newest (TnSensitivityPage *self)
{
  GPtrArray *runs = tn_run_watcher_get_runs (tn_session_get_runs (self->session));

  for (guint i = 0; runs != NULL && i < runs->len; i++)
    {
      const TnRunRow *run = g_ptr_array_index (runs, i);

      if (g_strcmp0 (run->verb, "analyze") == 0 && run->state == TN_RUN_DONE && run->output != NULL)
        return run->output;
    }
  return NULL;
}

static void
on_runs_changed (TnSensitivityPage *self)
{
  const char *newest = find_newest (self);

  gtk_widget_set_visible (self->newest, newest != NULL);
  gtk_widget_set_tooltip_text (self->newest, newest);
}

static void
update (TnSensitivityPage *self)
{
  gboolean running = tn_session_is_analyzing (self->session);
  g_autofree char *problem = running ? NULL : tn_sensitivity_form_dup_problem (self->form);
  g_autofree char *unmeasurable = NULL;

  show_analysis (self);
  unmeasurable = find_unmeasurable (self);
  tn_sensitivity_plan_set_unmeasurable (self->plan, unmeasurable);
  gtk_widget_set_sensitive (GTK_WIDGET (self->form), !running);
  gtk_widget_set_visible (self->start, !running);
  gtk_widget_set_sensitive (self->start, problem == NULL);
  gtk_widget_set_visible (self->pause, running);
  gtk_widget_set_visible (self->cancel, running);
  gtk_label_set_text (self->problem, problem != NULL ? problem : "");
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->problem), problem);
  gtk_widget_set_visible (GTK_WIDGET (self->problem), problem != NULL);
  gtk_widget_set_visible (self->report, self->analysis != NULL);
  gtk_widget_set_visible (self->open_sample, tn_session_get_state (self->session) == TN_SESSION_EMPTY);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "sensitivity.open", !running);
  if (g_strcmp0 (gtk_stack_get_visible_child_name (self->stack), choose_state (self)) != 0)
    {
      gtk_stack_set_visible_child_name (self->stack, choose_state (self));
      focus_ranking (self);
    }
  show_status (self);
  if (running)
    name_pause (self, is_paused (self) ? _ ("_Resume") : _ ("_Pause"));
}

/* --- what the user does ------------------------------------------------- */

static void
on_start_clicked (TnSensitivityPage *self)
{
  g_autofree char *problem = tn_sensitivity_form_dup_problem (self->form);

  if (problem != NULL || tn_session_is_analyzing (self->session))
    return;
  tn_session_analyze (self->session, tn_sensitivity_form_get_options (self->form));
  gtk_widget_grab_focus (self->pause);
}

static void
on_pause_clicked (TnSensitivityPage *self)
{
  if (is_paused (self))
    tn_sensitivity_resume (self->sensitivity);
  else
    tn_sensitivity_pause (self->sensitivity);
}

static void
on_cancel_clicked (TnSensitivityPage *self)
{
  tn_sensitivity_cancel (self->sensitivity);
}

static void
on_newest_clicked (TnSensitivityPage *self)
{
  const char *newest = find_newest (self);

  if (newest != NULL && !tn_session_is_analyzing (self->session))
    tn_session_open_analysis (self->session, newest);
}

static void
on_measure (TnSensitivityPage *self)
{
  g_auto (GStrv) data = tn_sensitivity_form_dup_data (self->form);
  g_autofree char *problem = find_unmeasurable (self);

  if (problem == NULL)
    tn_sensitivity_measure (self->sensitivity, tn_sensitivity_plan_get_point (self->plan), tn_session_get_path (self->session),
                            (const char *const *) data);
}

static void
on_plan_saved (TnSensitivityPage *self, const char *text)
{
  tn_session_notice (self->session, text);
}

static void
on_open_response (GtkNativeDialog *dialog, int response, TnSensitivityPage *self)
{
  g_autoptr (GFile) file = response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog)) : NULL;
  g_autofree char *path = file != NULL ? g_file_get_path (file) : NULL;

  if (path != NULL && !tn_session_is_analyzing (self->session))
    {
      tn_settings_remember_folder ("last-folder", file);
      tn_session_open_analysis (self->session, path);
    }
  g_object_unref (dialog);
}

static void
on_open (GtkWidget *widget, const char *action, GVariant *parameter)
{
  GtkFileChooserNative *dialog = gtk_file_chooser_native_new (_ ("Open an Analysis"), GTK_WINDOW (gtk_widget_get_root (widget)),
                                                              GTK_FILE_CHOOSER_ACTION_OPEN, _ ("_Open"), _ ("_Cancel"));

  tn_settings_apply_folder ("last-folder", GTK_FILE_CHOOSER (dialog));
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_open_response), widget, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

static void
on_event (TnSensitivityPage *self, const char *text)
{
  g_free (self->event);
  self->event = g_strdup (text);
  show_status (self);
}

static void
on_sensitivity_changed (TnSensitivityPage *self)
{
  if (self->sensitivity != NULL)
    g_signal_handlers_disconnect_by_data (self->sensitivity, self);
  /* Rows keep the analysis they are of. */
  self->analysis = NULL;
  g_ptr_array_set_size (self->all, 0);
  fill (self);
  g_set_object (&self->sensitivity, tn_session_get_sensitivity (self->session));
  g_clear_pointer (&self->event, g_free);
  tn_sensitivity_plots_set_sensitivity (self->plots, self->sensitivity);
  tn_sensitivity_plan_set_sensitivity (self->plan, self->sensitivity);
  if (self->sensitivity != NULL)
    {
      g_signal_connect_swapped (self->sensitivity, "changed", G_CALLBACK (update), self);
      g_signal_connect_swapped (self->sensitivity, "event", G_CALLBACK (on_event), self);
      /* What was read leaves its room to what is in it. */
      if (tn_sensitivity_is_loaded (self->sensitivity))
        adw_flap_set_reveal_flap (self->flap, FALSE);
    }
  update (self);
}

/* --- object ------------------------------------------------------------- */

static void
tn_sensitivity_page_dispose (GObject *object)
{
  TnSensitivityPage *self = TN_SENSITIVITY_PAGE (object);
  GtkWidget *child;

  if (self->sensitivity != NULL)
    g_signal_handlers_disconnect_by_data (self->sensitivity, self);
  if (self->table != NULL)
    g_signal_handlers_disconnect_by_data (self->table, self);
  self->analysis = NULL;
  g_clear_object (&self->table);
  g_clear_object (&self->rows);
  g_clear_pointer (&self->all, g_ptr_array_unref);
  g_clear_object (&self->sensitivity);
  g_clear_object (&self->session);
  g_clear_pointer (&self->event, g_free);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))) != NULL)
    gtk_widget_unparent (child);
  G_OBJECT_CLASS (tn_sensitivity_page_parent_class)->dispose (object);
}

static void
tn_sensitivity_page_class_init (TnSensitivityPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_sensitivity_page_dispose;
  g_type_ensure (TN_TYPE_SENSITIVITY_DETAIL);
  g_type_ensure (TN_TYPE_SENSITIVITY_FORM);
  g_type_ensure (TN_TYPE_SENSITIVITY_PLAN);
  g_type_ensure (TN_TYPE_SENSITIVITY_PLOTS);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/sensitivity-page.ui");
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPage, flap);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPage, form);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPage, problem);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPage, start);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPage, pause);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPage, cancel);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPage, title);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPage, progress);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPage, status);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPage, error);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPage, report);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPage, stack);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPage, newest);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPage, open_sample);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPage, search);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPage, scheme);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPage, shown);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPage, paned);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPage, view);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPage, behind);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPage, detail);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPage, plots);
  gtk_widget_class_bind_template_child (widget_class, TnSensitivityPage, plan);
  gtk_widget_class_bind_template_callback (widget_class, on_start_clicked);
  gtk_widget_class_bind_template_callback (widget_class, on_pause_clicked);
  gtk_widget_class_bind_template_callback (widget_class, on_cancel_clicked);
  gtk_widget_class_bind_template_callback (widget_class, on_newest_clicked);
  gtk_widget_class_bind_template_callback (widget_class, on_search_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_search_stopped);
  gtk_widget_class_bind_template_callback (widget_class, on_measure);
  gtk_widget_class_bind_template_callback (widget_class, on_plan_saved);
  gtk_widget_class_bind_template_callback (widget_class, fill);
  gtk_widget_class_install_action (widget_class, "sensitivity.open", NULL, on_open);
}

static void
tn_sensitivity_page_init (TnSensitivityPage *self)
{
  GSettings *settings = tn_settings_get ();

  self->all = g_ptr_array_new_with_free_func (g_object_unref);
  self->rows = g_list_store_new (TN_TYPE_SENSITIVITY_ROW);
  gtk_widget_init_template (GTK_WIDGET (self));
  tn_accessible_fix_mnemonics (GTK_WIDGET (self));
  self->table = tn_table_new (self->view, _ ("Ranking"), tn_sensitivity_columns, TN_N_SENSITIVITY_COLUMNS);
  tn_table_set_rows (self->table, G_LIST_MODEL (self->rows));
  show_schemes (self);
  tn_accessible_name_parts (GTK_WIDGET (self->scheme), _ ("Scheme"));
  g_signal_connect_swapped (self->table, "selection-changed", G_CALLBACK (on_selection_changed), self);
  g_signal_connect_swapped (self->table, "shown-changed", G_CALLBACK (show_counts), self);
  if (settings != NULL)
    g_settings_bind (settings, "sensitivity-pane", self->paned, "position", G_SETTINGS_BIND_DEFAULT);
}

void
tn_sensitivity_page_set_session (TnSensitivityPage *self, TnSession *session)
{
  g_return_if_fail (TN_IS_SENSITIVITY_PAGE (self));
  g_return_if_fail (self->session == NULL);

  self->session = g_object_ref (session);
  tn_sensitivity_form_set_session (self->form, session);
  g_signal_connect_object (self->form, "changed", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (session, "model-changed", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (session, "sensitivity-changed", G_CALLBACK (on_sensitivity_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (session, "layer-chosen", G_CALLBACK (on_layer_chosen), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (tn_session_get_runs (session), "changed", G_CALLBACK (on_runs_changed), self, G_CONNECT_SWAPPED);
  on_runs_changed (self);
  on_sensitivity_changed (self);
}

gboolean
tn_sensitivity_page_wants_data (TnSensitivityPage *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY_PAGE (self), FALSE);

  return tn_session_get_state (self->session) == TN_SESSION_READY;
}

void
tn_sensitivity_page_add_data (TnSensitivityPage *self, const char *path)
{
  g_return_if_fail (TN_IS_SENSITIVITY_PAGE (self));

  tn_sensitivity_form_add_data (self->form, path);
}

TnSensitivityForm *
tn_sensitivity_page_get_form (TnSensitivityPage *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY_PAGE (self), NULL);

  return self->form;
}

TnTable *
tn_sensitivity_page_get_table (TnSensitivityPage *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY_PAGE (self), NULL);

  return self->table;
}

TnSensitivityDetail *
tn_sensitivity_page_get_detail (TnSensitivityPage *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY_PAGE (self), NULL);

  return self->detail;
}

TnSensitivityPlots *
tn_sensitivity_page_get_plots (TnSensitivityPage *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY_PAGE (self), NULL);

  return self->plots;
}

TnSensitivityPlan *
tn_sensitivity_page_get_plan (TnSensitivityPage *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY_PAGE (self), NULL);

  return self->plan;
}

const char *
tn_sensitivity_page_get_state (TnSensitivityPage *self)
{
  g_return_val_if_fail (TN_IS_SENSITIVITY_PAGE (self), NULL);

  return gtk_stack_get_visible_child_name (self->stack);
}

void
tn_sensitivity_page_choose_scheme (TnSensitivityPage *self, guint choice)
{
  g_return_if_fail (TN_IS_SENSITIVITY_PAGE (self));

  gtk_drop_down_set_selected (self->scheme, choice);
}
