/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "app/tasks/train-state.h"
#include "data/training/checkpoint.h"
#include "tests/ui/ui-test.h"
#include "ui/recipe-form.h"
#include "ui/series-points.h"
#include "ui/settings.h"
#include "ui/training-page.h"

typedef struct
{
  char *folder, *data, *out, *second, *workspace;
  TnSession *session;
  GtkWidget *window;
  TnTrainingPage *page;
  TnTrainingForm *form;
  TnTrainingLive *live;
} Fixture;

/* Of one test are not those of the next. */
static const char *const remembered[] = {"training-recipe", "training-choice", "training-model", "training-teacher",
                                         "training-output"};

static gboolean
has_workspace (gpointer session)
{
  return tn_session_has_workspace (session);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GString) text = g_string_new (NULL);

  fixture->folder = tn_ui_test_make_folder ();
  fixture->data = g_build_filename (fixture->folder, "text.txt", NULL);
  fixture->out = g_build_filename (fixture->folder, "a run whose folder has a rather long name, longer than a row", NULL);
  fixture->second = g_build_filename (fixture->folder, "second", NULL);
  fixture->workspace = g_build_filename (fixture->folder, "workspace.db", NULL);
  for (guint i = 0; i < 300; i++)
    g_string_append_printf (text, "the cat number %u sat on the mat.\n", i % 7);
  g_assert_true (g_file_set_contents (fixture->data, text->str, -1, NULL));

  for (guint i = 0; i < G_N_ELEMENTS (remembered); i++)
    tn_settings_keep_text (remembered[i], NULL);
  fixture->session = tn_session_new (fixture->workspace);
  fixture->page = g_object_new (TN_TYPE_TRAINING_PAGE, NULL);
  fixture->form = tn_training_page_get_form (fixture->page);
  fixture->live = tn_training_page_get_live (fixture->page);
  fixture->window = gtk_window_new ();
  gtk_window_set_child (GTK_WINDOW (fixture->window), GTK_WIDGET (fixture->page));
  gtk_window_set_default_size (GTK_WINDOW (fixture->window), 800, 600);
  tn_training_page_set_session (fixture->page, fixture->session);
  gtk_window_present (GTK_WINDOW (fixture->window));
  g_assert_true (tn_ui_test_wait (has_workspace, fixture->session, 20));
  tn_run_watcher_set_awake (tn_session_get_runs (fixture->session), TRUE);
  tn_training_form_set_output (fixture->form, fixture->out);
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      remove_tree (child);
    }
  g_remove (path);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  gtk_window_destroy (GTK_WINDOW (fixture->window));
  tn_ui_test_spin ();
  g_object_unref (fixture->session);
  remove_tree (fixture->folder);
  g_free (fixture->folder);
  g_free (fixture->data);
  g_free (fixture->out);
  g_free (fixture->second);
  g_free (fixture->workspace);
}

static void
make_tiny (Fixture *fixture, const char *steps)
{
  static const char *const keys[][2] = {
      {"width", "32"},           {"layers", "1"},           {"heads", "2"},         {"seq-len", "16"},
      {"batch-size", "2"},       {"tokenizer", "bytes"},    {"weights", "ternary"}, {"metrics-every", "2"},
      {"validation-every", "4"}, {"checkpoint-every", "5"},
  };

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    tn_training_form_edit (fixture->form, keys[i][0], keys[i][1]);
  tn_training_form_edit (fixture->form, "steps", steps);
  tn_training_form_edit (fixture->form, "validation", fixture->data);
  tn_training_page_add_data (fixture->page, fixture->data);
}

static GtkWidget *
find_button (GtkWidget *widget, const char *label)
{
  GtkWidget *found = NULL;

  if (GTK_IS_BUTTON (widget) && g_strcmp0 (gtk_button_get_label (GTK_BUTTON (widget)), label) == 0)
    return widget;
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL && found == NULL;
       child = gtk_widget_get_next_sibling (child))
    found = find_button (child, label);
  return found;
}

static void
click_on (TnTrainingPage *page, const char *label)
{
  GtkWidget *button = find_button (GTK_WIDGET (page), label);

  g_assert_nonnull (button);
  g_assert_true (gtk_widget_get_visible (button));
  g_assert_true (gtk_widget_is_sensitive (button));
  g_signal_emit_by_name (button, "clicked");
}

static void
click (Fixture *fixture, const char *label)
{
  click_on (fixture->page, label);
}

static const TnRunRow *
get_row (Fixture *fixture)
{
  TnTrainingRun *run = tn_training_live_get_run (fixture->live);

  return run != NULL ? tn_training_run_get_row (run) : NULL;
}

static gboolean
is_over (gpointer data)
{
  Fixture *fixture = data;
  const TnRunRow *row = get_row (fixture);

  return !tn_session_is_training (fixture->session) && row != NULL && row->state != TN_RUN_RUNNING && row->state != TN_RUN_PAUSED;
}

static gboolean
has_points (gpointer data)
{
  return tn_training_plots_n_points (tn_training_live_get_plots (((Fixture *) data)->live)) > 0;
}

static gboolean
is_paused (gpointer data)
{
  const TnRunRow *row = get_row (data);

  return row != NULL && row->state == TN_RUN_PAUSED;
}

static gboolean
goes_on (gpointer data)
{
  const TnRunRow *row = get_row (data);

  return row != NULL && row->state == TN_RUN_RUNNING;
}

static GtkWidget *
find_tooltip (GtkWidget *widget, const char *text)
{
  GtkWidget *found = NULL;

  if (g_strcmp0 (gtk_widget_get_tooltip_text (widget), text) == 0)
    return widget;
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL && found == NULL;
       child = gtk_widget_get_next_sibling (child))
    found = find_tooltip (child, text);
  return found;
}

/* Models are files or folders, and so is data. */
static void
test_choosers (Fixture *fixture, gconstpointer data)
{
  static const char *const shown[] = {"Teacher: choose a file", "Teacher: choose a folder", "Output Folder: choose a folder",
                                      "Open a model…",          "Open a model folder…",     "Add files…",
                                      "Add a folder…"};
  GtkWidget *form = GTK_WIDGET (fixture->form);

  for (guint i = 0; i < G_N_ELEMENTS (shown); i++)
    {
      GtkWidget *button = find_tooltip (form, shown[i]);

      g_test_message ("%s", shown[i]);
      g_assert_true (GTK_IS_BUTTON (button));
      g_assert_true (gtk_widget_get_visible (button));
    }
  g_assert_false (gtk_widget_get_visible (find_tooltip (form, "Output Folder: choose a file")));
}

static void
collect_focusable (GtkWidget *widget, GHashTable *found)
{
  if (!gtk_widget_get_mapped (widget) || !gtk_widget_is_sensitive (widget) || GTK_IS_POPOVER (widget))
    return;
  if (gtk_widget_get_focusable (widget) && (GTK_IS_BUTTON (widget) || GTK_IS_TEXT (widget) || GTK_IS_SWITCH (widget)))
    g_hash_table_add (found, widget);
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL; child = gtk_widget_get_next_sibling (child))
    collect_focusable (child, found);
}

/* The tabulator reaches every control, from top to bottom, and the button that starts last. */
static void
test_keys (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GHashTable) left = g_hash_table_new (NULL, NULL);
  GtkWidget *form = GTK_WIDGET (fixture->form), *page = GTK_WIDGET (fixture->page),
            *start = find_button (page, "_Start Training");
  graphene_rect_t bounds;
  float last = -1, middle;

  tn_training_page_add_data (fixture->page, fixture->data);
  tn_ui_test_spin ();
  collect_focusable (form, left);
  g_assert_cmpuint (g_hash_table_size (left), >, 20);
  g_assert_true (gtk_widget_is_sensitive (start));
  gtk_window_set_focus (GTK_WINDOW (fixture->window), NULL);
  for (guint i = 0; i < 300; i++)
    {
      GtkWidget *focus;

      g_assert_true (gtk_widget_child_focus (page, GTK_DIR_TAB_FORWARD));
      focus = gtk_window_get_focus (GTK_WINDOW (fixture->window));
      g_assert_nonnull (focus);
      if (focus == start)
        break;
      if (!gtk_widget_is_ancestor (focus, form))
        continue;
      g_assert_true (gtk_widget_compute_bounds (focus, form, &bounds));
      middle = bounds.origin.y + bounds.size.height / 2;
      g_assert_cmpfloat (middle, >, last - 20);
      last = middle;
      g_hash_table_remove (left, focus);
    }
  g_assert_cmpuint (g_hash_table_size (left), ==, 0);
  g_assert_true (gtk_window_get_focus (GTK_WINDOW (fixture->window)) == start);
}

static void
check_problem (Fixture *fixture, const char *part)
{
  g_autofree char *problem = tn_training_form_dup_problem (fixture->form);

  if (part == NULL)
    g_assert_cmpstr (problem, ==, NULL);
  else
    {
      g_assert_nonnull (problem);
      g_assert_nonnull (g_strstr_len (problem, -1, part));
    }
  g_assert_true (gtk_widget_is_sensitive (find_button (GTK_WIDGET (fixture->page), "_Start Training")) == (part == NULL));
}

static void
test_form (Fixture *fixture, gconstpointer data)
{
  TnTrainOptions *options;

  check_problem (fixture, "data");
  g_assert_false (tn_training_form_is_wrong (fixture->form));
  tn_training_page_add_data (fixture->page, fixture->data);
  check_problem (fixture, NULL);
  tn_training_form_edit (fixture->form, "width", "wide");
  check_problem (fixture, "wide");
  g_assert_true (tn_training_form_is_wrong (fixture->form));
  tn_training_form_edit (fixture->form, "width", "130");
  check_problem (fixture, "twice the heads");
  tn_training_form_edit (fixture->form, "width", NULL); /* its default again */
  check_problem (fixture, NULL);
  tn_training_form_edit (fixture->form, "weights", "ternary:no");
  check_problem (fixture, "no");
  tn_training_form_edit (fixture->form, "weights", "ternary");
  check_problem (fixture, NULL);
  tn_training_form_edit (fixture->form, "distill", "0.5");
  check_problem (fixture, "teacher");
  tn_training_form_edit (fixture->form, "distill", NULL);
  check_problem (fixture, NULL);
  /* What an optimizer is made with follows from its name. */
  tn_training_form_edit (fixture->form, "optimizer", "sgd");
  check_problem (fixture, NULL);
  tn_training_form_set_output (fixture->form, NULL);
  check_problem (fixture, "folder");
  tn_training_form_set_output (fixture->form, fixture->out);

  options = tn_training_form_get_options (fixture->form);
  g_assert_cmpuint (options->recipe->width, ==, 256);
  g_assert_cmpstr (options->recipe->weights, ==, "ternary");
  g_assert_cmpint (options->recipe->optimizer.method, ==, TN_OPTIMIZER_SGD);
  g_assert_cmpfloat (options->recipe->optimizer.weight_decay, ==, 0.0);
  g_assert_cmpstr (options->recipe->data_paths[0], ==, fixture->data);
  g_assert_cmpstr (options->out_path, ==, fixture->out);
  g_assert_null (options->model_path);
  g_assert_null (options->branch_path);
  tn_train_options_free (options);
}

/* Each of 16 steps, and each validation. */
static gboolean
has_whole_run (gpointer data)
{
  return tn_training_plots_n_points (tn_training_live_get_plots (((Fixture *) data)->live)) == 16 + 4;
}

/* The dialog that asks how many steps a run is to have. */
static void
answer_steps (double steps)
{
  GListModel *windows = gtk_window_get_toplevels ();

  for (guint i = 0; i < g_list_model_get_n_items (windows); i++)
    {
      g_autoptr (GtkWidget) dialog = g_list_model_get_item (windows, i);

      if (!ADW_IS_MESSAGE_DIALOG (dialog))
        continue;
      gtk_spin_button_set_value (GTK_SPIN_BUTTON (adw_message_dialog_get_extra_child (ADW_MESSAGE_DIALOG (dialog))), steps);
      adw_message_dialog_response (ADW_MESSAGE_DIALOG (dialog), "go-on");
      return;
    }
  g_assert_not_reached ();
}

static TnTrainOptions *
get_options_of_another_window (Fixture *fixture)
{
  GtkWidget *page = g_object_ref_sink (g_object_new (TN_TYPE_TRAINING_PAGE, NULL));
  TnTrainOptions *options;

  tn_training_page_set_session (TN_TRAINING_PAGE (page), fixture->session);
  options = tn_training_form_get_options (tn_training_page_get_form (TN_TRAINING_PAGE (page)));
  g_object_unref (page);
  return options;
}

/* The next start of the program finds the form as it was left. */
static void
test_remembered (Fixture *fixture, gconstpointer data)
{
  g_autofree char *recipe_path = g_build_filename (fixture->folder, "mine.recipe", NULL), *first = NULL, *again = NULL;
  g_autoptr (GError) error = NULL;
  TnTrainOptions *options;

  if (tn_settings_get () == NULL)
    {
      g_test_skip ("the schema is not there");
      return;
    }
  g_assert_true (g_file_set_contents (recipe_path, "[optimizer]\noptimizer=sgd\n[model]\nwidth=64\n", -1, NULL));
  tn_training_form_load (fixture->form, recipe_path, &error);
  g_assert_no_error (error);
  tn_training_page_add_data (fixture->page, fixture->data);
  tn_training_form_edit (fixture->form, "steps", "77");
  tn_training_form_edit (fixture->form, "rate", "fast"); /* never was a recipe's */
  options = get_options_of_another_window (fixture);
  g_assert_cmpuint (options->recipe->steps, ==, 77);
  g_assert_cmpuint (options->recipe->width, ==, 64);
  g_assert_cmpstr (options->recipe->data_paths[0], ==, fixture->data);
  g_assert_cmpstr (options->out_path, ==, fixture->out);
  g_assert_null (options->model_path);
  /* What follows from the optimizer follows from it again. */
  g_assert_cmpfloat (options->recipe->optimizer.weight_decay, ==, 0.0);
  first = tn_recipe_print_given (options->recipe);
  tn_train_options_free (options);
  options = get_options_of_another_window (fixture);
  again = tn_recipe_print_given (options->recipe);
  g_assert_cmpstr (again, ==, first);
  tn_train_options_free (options);

  /* What is gone is not offered. */
  g_remove (fixture->data);
  options = get_options_of_another_window (fixture);
  g_assert_null (options->recipe->data_paths);
  tn_train_options_free (options);
}

static gboolean
has_sixteen_steps (gpointer user_data)
{
  return get_row (user_data)->done == 16;
}

static void
test_to_the_end (Fixture *fixture, gconstpointer data)
{
  TnTrainingPlots *plots = tn_training_live_get_plots (fixture->live);
  static const char *const pages[] = {"series", "layers", "loss"};
  const TnRunRow *row;
  TnTrainingRun *run;

  make_tiny (fixture, "12");
  check_problem (fixture, NULL);
  click (fixture, "_Start Training");
  g_assert_true (tn_session_is_training (fixture->session));
  g_assert_true (tn_ui_test_wait (is_over, fixture, 120));
  row = get_row (fixture);
  g_assert_cmpstr (row->state == TN_RUN_FAILED ? row->message : NULL, ==, NULL);
  g_assert_cmpint (row->state, ==, TN_RUN_DONE);
  g_assert_cmpfloat (row->done, ==, 12);
  run = tn_training_live_get_run (fixture->live);
  g_assert_cmpint (tn_training_run_find (run, "loss")->count, ==, 12);
  g_assert_nonnull (tn_training_run_find (run, "validation_loss"));
  g_assert_cmpuint (g_list_model_get_n_items (tn_training_run_get_layers (run)), >, 0);
  g_assert_cmpuint (tn_training_run_get_events (run)->len, >, 0);
  for (guint i = 0; i < G_N_ELEMENTS (pages); i++)
    {
      tn_training_plots_show_page (plots, pages[i]);
      g_assert_true (tn_ui_test_wait (has_points, fixture, 20));
    }
  g_assert_cmpuint (tn_training_plots_n_points (plots), ==, 12 + 3); /* each step, and each validation */
  /* The same folder would be written over. */
  check_problem (fixture, "checkpoints");

  click (fixture, "_Go On");
  answer_steps (16);
  g_assert_true (tn_session_is_training (fixture->session));
  g_assert_true (tn_ui_test_wait (is_over, fixture, 120));
  g_assert_cmpstr (tn_training_get_error (tn_session_get_training (fixture->session)), ==, NULL);
  /* The list of runs follows when it is read again. */
  g_assert_true (tn_ui_test_wait (has_sixteen_steps, fixture, 20));
  /* It is the same run, with all that it was before. */
  g_assert_true (tn_training_live_get_run (fixture->live) == run);
  g_assert_cmpint (tn_training_run_find (run, "loss")->count, ==, 16);
  g_assert_true (tn_ui_test_wait (has_whole_run, fixture, 20));
}

/* The data cannot be read: there is nothing to go on from, and no button says there is. */
static void
test_failed (Fixture *fixture, gconstpointer data)
{
  make_tiny (fixture, "12");
  g_assert_true (g_file_set_contents (fixture->data, "", 0, NULL));
  click (fixture, "_Start Training");
  g_assert_true (tn_ui_test_wait (is_over, fixture, 60));
  g_assert_cmpint (get_row (fixture)->state, ==, TN_RUN_FAILED);
  g_assert_nonnull (g_strstr_len (get_row (fixture)->message, -1, "text.txt"));
  g_assert_false (gtk_widget_is_sensitive (find_button (GTK_WIDGET (fixture->page), "_Go On")));
  g_assert_false (gtk_widget_is_sensitive (find_button (GTK_WIDGET (fixture->page), "_Branch…")));
}

static void
test_stop (Fixture *fixture, gconstpointer data)
{
  g_autofree char *checkpoints = g_build_filename (fixture->out, "checkpoints", NULL);
  g_autoptr (GArray) steps = NULL;
  TnTrainOptions *options;
  double reached;

  make_tiny (fixture, "1000000");
  click (fixture, "_Start Training");
  g_assert_true (tn_ui_test_wait (has_points, fixture, 60));
  click (fixture, "_Pause");
  g_assert_true (tn_ui_test_wait (is_paused, fixture, 60));
  click (fixture, "_Resume");
  g_assert_true (tn_ui_test_wait (goes_on, fixture, 60));
  click (fixture, "S_top");
  g_assert_true (tn_ui_test_wait (is_over, fixture, 60));
  g_assert_cmpint (get_row (fixture)->state, ==, TN_RUN_CANCELLED);
  reached = get_row (fixture)->done;
  steps = tn_checkpoint_list (checkpoints, NULL);
  g_assert_cmpuint (steps->len, >, 0);
  g_assert_cmpfloat ((double) g_array_index (steps, guint64, steps->len - 1), >=, reached);

  tn_training_page_add_data (fixture->page, checkpoints); /* not of the run */
  click (fixture, "_Branch…");
  tn_training_form_set_output (fixture->form, fixture->second);
  tn_training_form_edit (fixture->form, "rate", "0.0001");
  check_problem (fixture, NULL);
  tn_training_form_edit (fixture->form, "steps", "1");
  check_problem (fixture, "more steps");
  tn_training_form_edit (fixture->form, "steps", "1000000");
  check_problem (fixture, NULL);
  options = tn_training_form_get_options (fixture->form);
  g_assert_nonnull (options->branch_path);
  g_assert_true (g_file_test (options->branch_path, G_FILE_TEST_EXISTS));
  g_assert_cmpuint (options->recipe->width, ==, 32);
  g_assert_cmpuint (g_strv_length (options->recipe->data_paths), ==, 1);
  g_assert_cmpfloat (options->recipe->schedule.rate, ==, 0.0001);
  tn_train_options_free (options);

  click (fixture, "_Go On");
  g_assert_true (tn_session_is_training (fixture->session));
  g_assert_true (tn_ui_test_wait (goes_on, fixture, 60));
  tn_training_stop (tn_session_get_training (fixture->session));
  g_assert_true (tn_ui_test_wait (is_over, fixture, 60));
  g_assert_cmpstr (tn_training_get_error (tn_session_get_training (fixture->session)), ==, NULL);
}

static gboolean
page_goes_on (gpointer page)
{
  TnTrainingRun *run = tn_training_live_get_run (tn_training_page_get_live (page));
  const TnRunRow *row = run != NULL ? tn_training_run_get_row (run) : NULL;

  return row != NULL && row->state == TN_RUN_RUNNING && tn_training_run_find (run, "loss") != NULL;
}

/* A run that another window started is shown while it goes on, and obeys. */
static void
test_two_windows (Fixture *fixture, gconstpointer data)
{
  g_autoptr (TnSession) session = tn_session_new (fixture->workspace);
  TnTrainingPage *page = g_object_new (TN_TYPE_TRAINING_PAGE, NULL);
  GtkWidget *window = gtk_window_new ();

  gtk_window_set_child (GTK_WINDOW (window), GTK_WIDGET (page));
  tn_training_page_set_session (page, session);
  gtk_window_present (GTK_WINDOW (window));
  g_assert_true (tn_ui_test_wait (has_workspace, session, 20));
  tn_run_watcher_set_awake (tn_session_get_runs (session), TRUE);

  make_tiny (fixture, "1000000");
  click (fixture, "_Start Training");
  g_assert_true (tn_ui_test_wait (page_goes_on, page, 60));
  g_assert_false (tn_session_is_training (session));
  click_on (page, "_Pause");
  g_assert_true (tn_ui_test_wait (is_paused, fixture, 60));
  g_assert_true (tn_session_is_training (fixture->session));
  click (fixture, "_Resume");
  g_assert_true (tn_ui_test_wait (goes_on, fixture, 60));
  g_assert_true (tn_ui_test_wait (page_goes_on, page, 60));
  click_on (page, "S_top");
  g_assert_true (tn_ui_test_wait (is_over, fixture, 60));
  g_assert_cmpint (get_row (fixture)->state, ==, TN_RUN_CANCELLED);
  gtk_window_destroy (GTK_WINDOW (window));
}

static void
test_points (void)
{
  g_autoptr (GArray) entries = g_array_new (FALSE, FALSE, sizeof (TnPyramidEntry));
  g_autoptr (TnSeriesPoints) all = NULL, few = NULL, none = NULL;
  double sum = 0, decayed = 1;

  none = tn_series_points_new (entries, 0.5, 10);
  g_assert_cmpuint (none->n, ==, 0);
  for (gint64 i = 0; i < 7; i++)
    {
      TnPyramidEntry entry = {.first_step = i,
                              .last_step = i,
                              .count = 1,
                              .minimum = (double) (i * i),
                              .maximum = (double) (i * i)};

      if (i == 3)
        entry.minimum = entry.maximum = NAN;
      g_array_append_val (entries, entry);
    }
  all = tn_series_points_new (entries, 0.5, 10);
  g_assert_cmpuint (all->n, ==, 7);
  g_assert_false (all->spread);
  for (guint i = 0; i < 7; i++)
    {
      if (i == 3)
        continue;
      sum = 0.5 * sum + 0.5 * i * i;
      decayed *= 0.5;
      g_assert_cmpfloat_with_epsilon (all->smooth[i], sum / (1 - decayed), 1e-12);
      g_assert_cmpfloat (all->low[i], ==, i * i);
    }
  g_assert_true (isnan (all->low[3]));
  few = tn_series_points_new (entries, 0.0, 3);
  g_assert_cmpuint (few->n, ==, 3);
  g_assert_true (few->spread);
  g_assert_cmpfloat (few->low[1], ==, 4);
  g_assert_cmpfloat (few->high[1], ==, 4); /* the other one is not a number */
  g_assert_cmpfloat (few->high[2], ==, 36);
  g_assert_cmpfloat (few->steps[2], ==, 6);
}

static void
test_arguments (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *json = NULL, *out = g_canonicalize_filename ("out", NULL), *text = g_canonicalize_filename ("a.txt", NULL);
  const char *values[] = {"a.txt", NULL};
  TnTrainOptions options = {.recipe = tn_recipe_new (), .out_path = (char *) "out"}, *back;

  options.recipe->width = 96;
  g_assert_true (tn_recipe_set (options.recipe, "data", "data", values, NULL));
  json = tn_train_arguments_to_json (&options);
  back = tn_train_arguments_from_json (json, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (back->recipe->width, ==, 96);
  g_assert_cmpstr (back->out_path, ==, out);
  g_assert_cmpstr (back->recipe->data_paths[0], ==, text);
  g_assert_null (back->model_path);
  tn_train_options_free (back);
  tn_recipe_free (options.recipe);
  g_assert_null (tn_train_arguments_from_json ("{\"out\":\"x\"}", &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
  g_assert_null (tn_train_arguments_from_json ("", &error));
  g_assert_nonnull (error);
}

int
main (int argc, char **argv)
{
  tn_ui_test_init (&argc, &argv);
  g_test_add_func ("/training/points", test_points);
  g_test_add_func ("/training/arguments", test_arguments);
  g_test_add ("/training/choosers", Fixture, NULL, set_up, test_choosers, tear_down);
  g_test_add ("/training/keys", Fixture, NULL, set_up, test_keys, tear_down);
  g_test_add ("/training/form", Fixture, NULL, set_up, test_form, tear_down);
  g_test_add ("/training/remembered", Fixture, NULL, set_up, test_remembered, tear_down);
  g_test_add ("/training/to-the-end", Fixture, NULL, set_up, test_to_the_end, tear_down);
  g_test_add ("/training/failed", Fixture, NULL, set_up, test_failed, tear_down);
  g_test_add ("/training/stop", Fixture, NULL, set_up, test_stop, tear_down);
  g_test_add ("/training/two-windows", Fixture, NULL, set_up, test_two_windows, tear_down);
  return g_test_run ();
}
