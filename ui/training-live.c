/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/training-live.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "ui/accessible.h"
#include "ui/numbers.h"
#include "ui/progress-text.h"

#define MOST_STEPS 1e12

struct _TnTrainingLive
{
  GtkWidget parent_instance;
  GtkWidget *bar;
  GtkDropDown *choice;
  GtkWidget *pause;
  GtkWidget *stop;
  GtkWidget *go_on;
  GtkWidget *branch;
  GtkProgressBar *progress;
  GtkLabel *text;
  GtkWidget *problem_box;
  GtkLabel *problem;
  GtkStack *stack;
  TnTrainingPlots *plots;

  TnSession *session;
  TnTraining *training; /* whose signals are connected */
  TnTrainingRun *run;
  GArray *ids;          /* gint64, by their places in choice */
  gint64 own;           /* run of training once it was shown; -1 */
  gboolean filling;
};

enum
{
  BRANCH,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnTrainingLive, tn_training_live, GTK_TYPE_WIDGET)

static const char *
get_state_name (TnRunState state)
{
  switch (state)
    {
    case TN_RUN_PAUSED:
      return _ ("Paused");
    case TN_RUN_DONE:
      return _ ("Done");
    case TN_RUN_FAILED:
      return _ ("Failed");
    case TN_RUN_CANCELLED:
      return _ ("Stopped");
    case TN_RUN_LOST:
      return _ ("Lost: its program is gone");
    case TN_RUN_RUNNING:
    default:
      return NULL;
    }
}

static void
append_latest (TnTrainingLive *self, GString *text, const char *series, const char *format)
{
  const TnSeriesRow *row = tn_training_run_find (self->run, series);

  if (row != NULL && isfinite (row->value))
    {
      g_autofree char *value = tn_format_value (row->value);

      g_string_append (text, " · ");
      g_string_append_printf (text, "%s %s", format, value);
    }
}

/* Before its first step a run reads data, which has a progress of its own. */
static gboolean
has_trained (TnTrainingLive *self)
{
  return tn_training_run_find (self->run, "loss") != NULL;
}

static double
get_fraction (TnTrainingLive *self, const TnRunRow *row)
{
  if (row == NULL || row->total <= 0 || (!tn_training_run_is_going_on (self->run) && !has_trained (self)))
    return 0;
  return CLAMP (row->done / row->total, 0, 1);
}

static char *
describe (TnTrainingLive *self, const TnRunRow *row)
{
  const char *state = get_state_name (row->state);
  gboolean going_on = tn_training_run_is_going_on (self->run);
  double left = row->rate > 0 && row->total > 0 ? (row->total - row->done) / row->rate : -1;
  g_autofree char *progress = NULL;
  GString *text = g_string_new (state);

  if (!going_on && !has_trained (self))
    progress = g_strdup (_ ("nothing was trained"));
  else if (row->done <= 0)
    progress = g_strdup (_ ("Preparing…"));
  else
    progress = tn_progress_text (row->done, row->total, row->unit, going_on ? row->rate : 0, going_on ? left : -1,
                                 going_on ? row->rss_bytes : 0);
  if (state != NULL)
    g_string_append (text, " · ");
  g_string_append (text, progress);
  append_latest (self, text, "loss", _ ("loss"));
  append_latest (self, text, "validation_loss", _ ("validation"));
  return g_string_free (text, FALSE);
}

/* A button that has nothing to start from says so. */
static void
set_possible (GtkWidget *button, gboolean possible, const char *tooltip)
{
  gtk_widget_set_sensitive (button, possible);
  gtk_widget_set_tooltip_text (button, tooltip != NULL ? tooltip : _ ("This run has no checkpoint to start from"));
}

static void
show_buttons (TnTrainingLive *self)
{
  const TnRunRow *row = self->run != NULL ? tn_training_run_get_row (self->run) : NULL;
  gboolean going_on = row != NULL && tn_training_run_is_going_on (self->run);
  gboolean has_checkpoint = row != NULL && tn_training_run_has_checkpoint (self->run);
  const char *label = row != NULL && row->state == TN_RUN_PAUSED ? _ ("_Resume") : _ ("_Pause");

  gtk_widget_set_visible (self->pause, going_on);
  gtk_widget_set_visible (self->stop, going_on);
  gtk_widget_set_visible (self->go_on, row != NULL && !going_on);
  gtk_widget_set_visible (self->branch, row != NULL && !going_on);
  set_possible (self->go_on, has_checkpoint && self->session != NULL && !tn_session_is_training (self->session),
                has_checkpoint ? _ ("Resume from the newest checkpoint, in the same folder") : NULL);
  set_possible (self->branch, has_checkpoint,
                has_checkpoint ? _ ("Start a new run from a checkpoint of this one, in another folder") : NULL);
  if (g_strcmp0 (gtk_button_get_label (GTK_BUTTON (self->pause)), label) != 0)
    {
      gtk_button_set_label (GTK_BUTTON (self->pause), label);
      tn_accessible_fix_mnemonics (self->pause);
    }
}

static const char *
find_problem (TnTrainingLive *self, const TnRunRow *row)
{
  const char *error = self->run != NULL ? tn_training_run_get_error (self->run) : NULL;

  if (error != NULL)
    return error;
  return row != NULL && row->state == TN_RUN_FAILED ? row->message : NULL;
}

static void
show (TnTrainingLive *self)
{
  const TnRunRow *row = self->run != NULL ? tn_training_run_get_row (self->run) : NULL;
  const char *problem = find_problem (self, row);
  gboolean waiting = self->training != NULL && tn_training_is_running (self->training) && tn_training_get_run (self->training) < 0;
  g_autofree char *text = row != NULL ? describe (self, row) : g_strdup ("");

  show_buttons (self);
  gtk_widget_set_visible (self->bar, self->run != NULL);
  gtk_stack_set_visible_child_name (self->stack, row != NULL && !waiting ? "run" : waiting || self->run != NULL ? "waiting" : "empty");
  gtk_label_set_text (self->text, text);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->text), text);
  gtk_progress_bar_set_fraction (self->progress, get_fraction (self, row));
  gtk_widget_set_visible (self->problem_box, problem != NULL);
  gtk_label_set_text (self->problem, problem != NULL ? problem : "");
}

static void
set_run (TnTrainingLive *self, gint64 id)
{
  if (self->run != NULL && tn_training_run_get_id (self->run) == id)
    return;
  if (self->run != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->run, self);
      tn_training_run_close (self->run);
    }
  g_clear_object (&self->run);
  self->run = tn_training_run_new (tn_session_get_workspace_path (self->session), id);
  g_signal_connect_swapped (self->run, "changed", G_CALLBACK (show), self);
  tn_training_plots_set_run (self->plots, self->run);
  show (self);
}

static void
select_run (TnTrainingLive *self)
{
  gint64 id = self->run != NULL ? tn_training_run_get_id (self->run) : -1;

  for (guint i = 0; i < self->ids->len; i++)
    if (g_array_index (self->ids, gint64, i) == id)
      {
        self->filling = TRUE;
        gtk_drop_down_set_selected (self->choice, i);
        self->filling = FALSE;
      }
}

static void
on_choice_changed (TnTrainingLive *self)
{
  guint selected = gtk_drop_down_get_selected (self->choice);

  if (!self->filling && selected < self->ids->len)
    set_run (self, g_array_index (self->ids, gint64, selected));
}

static char *
name_run (const TnRunRow *row)
{
  g_autoptr (GDateTime) started = g_date_time_new_from_unix_local (row->started_us / G_USEC_PER_SEC);
  g_autofree char *when = started != NULL ? g_date_time_format (started, "%x %H:%M") : g_strdup ("");

  /* The end of a long one is cut off. */
  return g_strdup_printf ("%s · %s", when, row->title != NULL ? row->title : "");
}

static GArray *
list_training (GPtrArray *runs)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint64));

  for (guint i = 0; runs != NULL && i < runs->len; i++)
    {
      const TnRunRow *row = g_ptr_array_index (runs, i);

      if (g_strcmp0 (row->verb, "train") == 0)
        g_array_append_val (ids, row->id);
    }
  return ids;
}

static void
fill_choice (TnTrainingLive *self, GPtrArray *runs)
{
  g_autoptr (GtkStringList) names = gtk_string_list_new (NULL);

  for (guint i = 0; i < runs->len; i++)
    {
      const TnRunRow *row = g_ptr_array_index (runs, i);
      g_autofree char *name = NULL;

      if (g_strcmp0 (row->verb, "train") != 0)
        continue;
      name = name_run (row);
      gtk_string_list_append (names, name);
    }
  self->filling = TRUE;
  gtk_drop_down_set_model (self->choice, G_LIST_MODEL (names));
  self->filling = FALSE;
}

/* A new run shows by itself unless one that goes on is being looked at. */
static void
on_runs_changed (TnTrainingLive *self)
{
  GPtrArray *runs = tn_run_watcher_get_runs (tn_session_get_runs (self->session));
  g_autoptr (GArray) ids = list_training (runs);
  gboolean same = ids->len == self->ids->len && (ids->len == 0 || memcmp (ids->data, self->ids->data, ids->len * sizeof (gint64)) == 0);

  if (same)
    return;
  g_array_unref (self->ids);
  self->ids = g_steal_pointer (&ids);
  fill_choice (self, runs);
  if (self->ids->len > 0 && (self->run == NULL || (tn_training_run_get_row (self->run) != NULL && !tn_training_run_is_going_on (self->run))))
    set_run (self, g_array_index (self->ids, gint64, 0));
  select_run (self);
}

/* The run has its row in the workspace once it has begun. */
static void
on_own_changed (TnTrainingLive *self)
{
  gint64 id = tn_training_get_run (self->training);

  if (id >= 0 && id != self->own)
    {
      self->own = id;
      set_run (self, id);
      select_run (self);
    }
  show (self);
}

static void
on_training_changed (TnTrainingLive *self)
{
  if (self->training != NULL)
    g_signal_handlers_disconnect_by_data (self->training, self);
  g_set_object (&self->training, tn_session_get_training (self->session));
  self->own = -1;
  if (self->training != NULL)
    {
      g_signal_connect_swapped (self->training, "changed", G_CALLBACK (on_own_changed), self);
      on_own_changed (self);
    }
}

static gboolean
is_own (TnTrainingLive *self)
{
  return self->training != NULL && tn_training_is_running (self->training) &&
         tn_training_get_run (self->training) == tn_training_run_get_id (self->run);
}

static void
on_pause_clicked (TnTrainingLive *self)
{
  const TnRunRow *row = tn_training_run_get_row (self->run);
  gboolean paused = row != NULL && row->state == TN_RUN_PAUSED;

  if (!is_own (self))
    tn_training_run_request (self->run, paused ? TN_REQUEST_RESUME : TN_REQUEST_PAUSE);
  else if (paused)
    tn_training_resume (self->training);
  else
    tn_training_pause (self->training);
}

static void
on_stop_clicked (TnTrainingLive *self)
{
  if (is_own (self))
    tn_training_stop (self->training);
  else
    tn_training_run_request (self->run, TN_REQUEST_CANCEL);
}

static void
go_on (TnTrainingLive *self, guint64 steps)
{
  g_autoptr (GError) error = NULL;
  TnTrainOptions *options = tn_training_run_dup_options (self->run, &error);

  if (options == NULL)
    {
      tn_session_notice (self->session, error->message);
      return;
    }
  if (steps > 0)
    options->recipe->steps = steps;
  options->resume = TRUE;
  g_clear_pointer (&options->branch_path, g_free);
  if (!tn_session_is_training (self->session))
    tn_session_train (self->session, options);
  tn_train_options_free (options);
}

static void
on_steps_response (AdwMessageDialog *dialog, const char *response, TnTrainingLive *self)
{
  GtkSpinButton *steps = GTK_SPIN_BUTTON (adw_message_dialog_get_extra_child (dialog));

  if (strcmp (response, "go-on") == 0)
    go_on (self, (guint64) gtk_spin_button_get_value (steps));
}

/* All its steps are done: how many more? */
static void
ask_for_steps (TnTrainingLive *self, double done)
{
  GtkWidget *dialog = adw_message_dialog_new (GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))), _ ("Train for More Steps?"),
                                              _ ("This run has done all its steps. How many is it to have in all?"));
  GtkWidget *steps = gtk_spin_button_new_with_range (done + 1, MOST_STEPS, 1);

  gtk_spin_button_set_value (GTK_SPIN_BUTTON (steps), 2 * done);
  gtk_widget_set_halign (steps, GTK_ALIGN_CENTER);
  gtk_text_set_activates_default (GTK_TEXT (gtk_editable_get_delegate (GTK_EDITABLE (steps))), TRUE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (steps), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Steps"), -1);
  adw_message_dialog_set_extra_child (ADW_MESSAGE_DIALOG (dialog), steps);
  adw_message_dialog_add_responses (ADW_MESSAGE_DIALOG (dialog), "cancel", _ ("_Cancel"), "go-on", _ ("_Go On"), NULL);
  adw_message_dialog_set_response_appearance (ADW_MESSAGE_DIALOG (dialog), "go-on", ADW_RESPONSE_SUGGESTED);
  adw_message_dialog_set_default_response (ADW_MESSAGE_DIALOG (dialog), "go-on");
  adw_message_dialog_set_close_response (ADW_MESSAGE_DIALOG (dialog), "cancel");
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_steps_response), self, 0);
  tn_accessible_fix_mnemonics (dialog);
  gtk_window_present (GTK_WINDOW (dialog));
}

static void
on_go_on_clicked (TnTrainingLive *self)
{
  const TnRunRow *row = tn_training_run_get_row (self->run);

  if (row->state == TN_RUN_DONE)
    ask_for_steps (self, row->done);
  else
    go_on (self, 0);
}

static void
on_branch_clicked (TnTrainingLive *self)
{
  g_signal_emit (self, signals[BRANCH], 0);
}

/* Names of runs are as long as those of their folders. */
static void
on_setup_name (GtkSignalListItemFactory *factory, GtkListItem *item)
{
  GtkWidget *label = gtk_label_new (NULL);

  gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_END);
  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_label_set_max_width_chars (GTK_LABEL (label), 48);
  gtk_list_item_set_child (item, label);
}

static void
on_bind_name (GtkSignalListItemFactory *factory, GtkListItem *item)
{
  const char *name = gtk_string_object_get_string (gtk_list_item_get_item (item));

  gtk_label_set_text (GTK_LABEL (gtk_list_item_get_child (item)), name);
}

static void
tn_training_live_dispose (GObject *object)
{
  TnTrainingLive *self = TN_TRAINING_LIVE (object);
  GtkWidget *child;

  if (self->training != NULL)
    g_signal_handlers_disconnect_by_data (self->training, self);
  g_clear_object (&self->training);
  if (self->run != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->run, self);
      tn_training_run_close (self->run);
    }
  g_clear_object (&self->run);
  g_clear_object (&self->session);
  g_clear_pointer (&self->ids, g_array_unref);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))) != NULL)
    gtk_widget_unparent (child);
  G_OBJECT_CLASS (tn_training_live_parent_class)->dispose (object);
}

static void
tn_training_live_class_init (TnTrainingLiveClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_training_live_dispose;
  signals[BRANCH] = g_signal_new ("branch", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  g_type_ensure (TN_TYPE_TRAINING_PLOTS);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/training-live.ui");
  gtk_widget_class_bind_template_child (widget_class, TnTrainingLive, bar);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingLive, choice);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingLive, pause);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingLive, stop);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingLive, go_on);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingLive, branch);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingLive, progress);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingLive, text);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingLive, problem_box);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingLive, problem);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingLive, stack);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingLive, plots);
  gtk_widget_class_bind_template_callback (widget_class, on_pause_clicked);
  gtk_widget_class_bind_template_callback (widget_class, on_stop_clicked);
  gtk_widget_class_bind_template_callback (widget_class, on_go_on_clicked);
  gtk_widget_class_bind_template_callback (widget_class, on_branch_clicked);
}

static void
tn_training_live_init (TnTrainingLive *self)
{
  g_autoptr (GtkListItemFactory) factory = gtk_signal_list_item_factory_new ();

  self->ids = g_array_new (FALSE, FALSE, sizeof (gint64));
  self->own = -1;
  gtk_widget_init_template (GTK_WIDGET (self));
  g_signal_connect (factory, "setup", G_CALLBACK (on_setup_name), NULL);
  g_signal_connect (factory, "bind", G_CALLBACK (on_bind_name), NULL);
  gtk_drop_down_set_factory (self->choice, factory);
  g_signal_connect_swapped (self->choice, "notify::selected", G_CALLBACK (on_choice_changed), self);
  tn_accessible_fix_mnemonics (GTK_WIDGET (self));
  tn_accessible_name_parts (GTK_WIDGET (self->choice), _ ("Training run"));
  show (self);
}

void
tn_training_live_set_session (TnTrainingLive *self, TnSession *session)
{
  g_return_if_fail (TN_IS_TRAINING_LIVE (self));
  g_return_if_fail (self->session == NULL);

  self->session = g_object_ref (session);
  g_signal_connect_object (session, "training-changed", G_CALLBACK (on_training_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (tn_session_get_runs (session), "changed", G_CALLBACK (on_runs_changed), self, G_CONNECT_SWAPPED);
  on_training_changed (self);
  on_runs_changed (self);
}

TnTrainingRun *
tn_training_live_get_run (TnTrainingLive *self)
{
  g_return_val_if_fail (TN_IS_TRAINING_LIVE (self), NULL);

  return self->run;
}

TnTrainingPlots *
tn_training_live_get_plots (TnTrainingLive *self)
{
  g_return_val_if_fail (TN_IS_TRAINING_LIVE (self), NULL);

  return self->plots;
}
