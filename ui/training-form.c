/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/training-form.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "app/tasks/recipe-presets.h"
#include "data/training/checkpoint.h"
#include "ui/accessible.h"
#include "ui/data-list.h"
#include "ui/file-row.h"
#include "ui/recipe-form.h"
#include "ui/settings.h"

enum
{
  SOURCE_SCRATCH,
  SOURCE_MODEL,
};

struct _TnTrainingForm
{
  GtkWidget parent_instance;
  GtkWidget *content;
  AdwComboRow *choice;
  AdwComboRow *source;
  AdwActionRow *model_row;
  AdwPreferencesGroup *branch_group;
  AdwActionRow *branch_row;
  AdwComboRow *checkpoint;
  TnFileRow *teacher;
  TnFileRow *output;
  TnDataList *data;
  TnRecipeForm *keys;

  TnSession *session;
  GPtrArray *recipes;  /* TnRecipe, by their places in choice */
  GPtrArray *summaries;
  char *model_path;    /* of the run that is branched from; NULL: the open one's */
  char *branch_folder; /* of checkpoints; NULL: no branch */
  GArray *branch_steps;
  char *suggested;     /* folder that output was set to here */
  gboolean restoring;  /* what is changed is not to be remembered */
};

enum
{
  CHANGED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnTrainingForm, tn_training_form, GTK_TYPE_WIDGET)

static TnRecipe *make_recipe (TnTrainingForm *self);
static const char *get_model_path (TnTrainingForm *self);
static gboolean is_from_model (TnTrainingForm *self);

/* At each change: a program that dies has not asked. A branch is for now alone. */
static void
remember (TnTrainingForm *self)
{
  g_autoptr (TnRecipe) recipe = NULL;
  g_autofree char *text = NULL;
  GtkStringObject *choice = adw_combo_row_get_selected_item (self->choice);
  const char *output = tn_file_row_get_path (self->output);

  if (self->restoring || self->branch_folder != NULL)
    return;
  recipe = make_recipe (self);
  text = tn_recipe_print_given (recipe);
  tn_settings_keep_text ("training-recipe", text);
  tn_settings_keep_text ("training-choice", choice != NULL ? gtk_string_object_get_string (choice) : NULL);
  tn_settings_keep_text ("training-model", is_from_model (self) ? get_model_path (self) : NULL);
  tn_settings_keep_text ("training-teacher", tn_file_row_get_path (self->teacher));
  tn_settings_keep_text ("training-output", g_strcmp0 (output, self->suggested) != 0 ? output : NULL);
}

static void
on_changed (TnTrainingForm *self)
{
  remember (self);
  g_signal_emit (self, signals[CHANGED], 0);
}

static const char *
get_model_path (TnTrainingForm *self)
{
  return self->model_path != NULL ? self->model_path : self->session != NULL ? tn_session_get_path (self->session) : NULL;
}

static gboolean
is_from_model (TnTrainingForm *self)
{
  return adw_combo_row_get_selected (self->source) == SOURCE_MODEL;
}

static void
show_source (TnTrainingForm *self)
{
  const char *path = get_model_path (self);
  g_autofree char *name = path != NULL ? g_filename_display_basename (path) : NULL;

  gtk_widget_set_visible (GTK_WIDGET (self->model_row), is_from_model (self));
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (self->model_row), name != NULL ? name : _ ("No model"));
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->model_row), path);
  tn_recipe_form_set_scratch (self->keys, !is_from_model (self));
}

static void
on_source_changed (TnTrainingForm *self)
{
  show_source (self);
  on_changed (self);
}

static void
on_model_changed (TnTrainingForm *self)
{
  g_clear_pointer (&self->model_path, g_free);
  show_source (self);
  on_changed (self);
}

/* A folder that is not there yet, so that a first run asks for nothing. */
static void
suggest_output (TnTrainingForm *self)
{
  g_autofree char *base = g_build_filename (g_get_user_data_dir (), "ternion", "training", NULL);
  const char *now = tn_file_row_get_path (self->output);

  if (now != NULL && g_strcmp0 (now, self->suggested) != 0)
    return;
  for (guint i = 1;; i++)
    {
      g_autofree char *name = g_strdup_printf ("run-%u", i), *path = g_build_filename (base, name, NULL);

      if (g_file_test (path, G_FILE_TEST_EXISTS))
        continue;
      g_free (self->suggested);
      self->suggested = g_steal_pointer (&path);
      tn_file_row_set_path (self->output, self->suggested);
      return;
    }
}

static void
add_recipe (TnTrainingForm *self, const char *name, const char *summary, const TnRecipe *recipe)
{
  GtkStringList *names = GTK_STRING_LIST (adw_combo_row_get_model (self->choice));

  g_ptr_array_add (self->recipes, tn_recipe_copy (recipe));
  g_ptr_array_add (self->summaries, g_strdup (summary));
  gtk_string_list_append (names, name);
}

static void
choose_last (TnTrainingForm *self)
{
  adw_combo_row_set_selected (self->choice, self->recipes->len - 1);
}

static void
on_choice_changed (TnTrainingForm *self)
{
  guint selected = adw_combo_row_get_selected (self->choice);

  if (selected >= self->recipes->len)
    return;
  adw_action_row_set_subtitle (ADW_ACTION_ROW (self->choice), g_ptr_array_index (self->summaries, selected));
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->choice), g_ptr_array_index (self->summaries, selected));
  tn_recipe_form_set_recipe (self->keys, g_ptr_array_index (self->recipes, selected));
  on_changed (self);
}

static void
fill_choice (TnTrainingForm *self)
{
  g_autoptr (GPtrArray) presets = tn_recipe_list_presets ();
  g_autoptr (GtkStringList) names = gtk_string_list_new (NULL);
  g_autoptr (TnRecipe) defaults = tn_recipe_new ();

  adw_combo_row_set_model (self->choice, G_LIST_MODEL (names));
  add_recipe (self, _ ("Defaults"), "", defaults);
  for (guint i = 0; i < presets->len; i++)
    {
      const TnRecipePreset *preset = g_ptr_array_index (presets, i);
      g_autoptr (TnRecipe) recipe = tn_recipe_new ();
      g_autoptr (GError) error = NULL;

      if (tn_recipe_load (recipe, preset->path, &error))
        add_recipe (self, preset->name, preset->summary, recipe);
      else
        g_message ("%s", error->message);
    }
}

gboolean
tn_training_form_load (TnTrainingForm *self, const char *path, GError **error)
{
  g_autoptr (TnRecipe) recipe = tn_recipe_new ();
  g_autofree char *name = NULL;

  g_return_val_if_fail (TN_IS_TRAINING_FORM (self), FALSE);

  if (!tn_recipe_load (recipe, path, error))
    return FALSE;
  name = g_filename_display_basename (path);
  add_recipe (self, name, path, recipe);
  choose_last (self);
  for (char **data = recipe->data_paths; data != NULL && *data != NULL; data++)
    tn_data_list_add (self->data, *data);
  return TRUE;
}

static TnRecipe *
make_recipe (TnTrainingForm *self)
{
  TnRecipe *recipe = tn_recipe_copy (tn_recipe_form_get_recipe (self->keys));
  g_auto (GStrv) paths = tn_data_list_dup_paths (self->data);

  g_clear_pointer (&recipe->data_paths, g_strfreev);
  if (*paths != NULL)
    tn_recipe_set (recipe, _ ("Data"), "data", (const char *const *) paths, NULL);
  return recipe;
}

static void
on_open_response (GtkNativeDialog *dialog, int response, TnTrainingForm *self)
{
  if (response == GTK_RESPONSE_ACCEPT)
    {
      g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));
      g_autofree char *path = g_file_get_path (file);
      g_autoptr (GError) error = NULL;

      tn_settings_remember_folder ("last-data-folder", file);
      if (path != NULL && !tn_training_form_load (self, path, &error))
        tn_session_notice (self->session, error->message);
    }
  g_object_unref (dialog);
}

static void
on_save_response (GtkNativeDialog *dialog, int response, TnTrainingForm *self)
{
  if (response == GTK_RESPONSE_ACCEPT)
    {
      g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));
      g_autofree char *path = g_file_get_path (file), *text = NULL;
      g_autoptr (TnRecipe) recipe = make_recipe (self);
      g_autoptr (GError) error = NULL;

      tn_settings_remember_folder ("last-data-folder", file);
      text = tn_recipe_print (recipe);
      if (path != NULL && !g_file_set_contents (path, text, -1, &error))
        tn_session_notice (self->session, error->message);
    }
  g_object_unref (dialog);
}

static void
ask_for_file (TnTrainingForm *self, GtkFileChooserAction action, const char *title, const char *accept, GCallback on_response)
{
  GtkFileChooserNative *dialog =
      gtk_file_chooser_native_new (title, GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))), action, accept, _ ("_Cancel"));

  tn_settings_apply_folder ("last-data-folder", GTK_FILE_CHOOSER (dialog));
  if (action == GTK_FILE_CHOOSER_ACTION_SAVE)
    gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (dialog), "training.recipe");
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  g_signal_connect_object (dialog, "response", on_response, self, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

static void
on_open_recipe (TnTrainingForm *self)
{
  ask_for_file (self, GTK_FILE_CHOOSER_ACTION_OPEN, _ ("Open a Recipe"), _ ("_Open"), G_CALLBACK (on_open_response));
}

static void
on_save_recipe (TnTrainingForm *self)
{
  ask_for_file (self, GTK_FILE_CHOOSER_ACTION_SAVE, _ ("Save the Recipe"), _ ("_Save"), G_CALLBACK (on_save_response));
}

static void
on_end_branch (TnTrainingForm *self)
{
  g_clear_pointer (&self->branch_folder, g_free);
  gtk_widget_set_visible (GTK_WIDGET (self->branch_group), FALSE);
  on_changed (self);
}

static void
tn_training_form_dispose (GObject *object)
{
  TnTrainingForm *self = TN_TRAINING_FORM (object);

  g_clear_object (&self->session);
  g_clear_pointer (&self->recipes, g_ptr_array_unref);
  g_clear_pointer (&self->summaries, g_ptr_array_unref);
  g_clear_pointer (&self->model_path, g_free);
  g_clear_pointer (&self->branch_folder, g_free);
  g_clear_pointer (&self->branch_steps, g_array_unref);
  g_clear_pointer (&self->suggested, g_free);
  g_clear_pointer (&self->content, gtk_widget_unparent);
  G_OBJECT_CLASS (tn_training_form_parent_class)->dispose (object);
}

static void
tn_training_form_class_init (TnTrainingFormClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = tn_training_form_dispose;
  signals[CHANGED] = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);

  g_type_ensure (TN_TYPE_DATA_LIST);
  g_type_ensure (TN_TYPE_FILE_ROW);
  g_type_ensure (TN_TYPE_RECIPE_FORM);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/ternion/Workbench/training-form.ui");
  gtk_widget_class_bind_template_child (widget_class, TnTrainingForm, content);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingForm, choice);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingForm, source);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingForm, model_row);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingForm, branch_group);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingForm, branch_row);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingForm, checkpoint);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingForm, teacher);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingForm, output);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingForm, data);
  gtk_widget_class_bind_template_child (widget_class, TnTrainingForm, keys);
  gtk_widget_class_bind_template_callback (widget_class, on_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_choice_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_source_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_open_recipe);
  gtk_widget_class_bind_template_callback (widget_class, on_save_recipe);
  gtk_widget_class_bind_template_callback (widget_class, on_end_branch);
}

static void
tn_training_form_init (TnTrainingForm *self)
{
  self->recipes = g_ptr_array_new_with_free_func ((GDestroyNotify) tn_recipe_free);
  self->summaries = g_ptr_array_new_with_free_func (g_free);
  self->restoring = TRUE;
  gtk_widget_init_template (GTK_WIDGET (self));
  tn_accessible_name_lists (self->content, _ ("Options"));
  tn_accessible_name_parts (GTK_WIDGET (self->choice), _ ("Recipe"));
  tn_accessible_name_parts (GTK_WIDGET (self->source), _ ("Weights"));
  tn_accessible_name_parts (GTK_WIDGET (self->checkpoint), _ ("Checkpoint"));
  tn_file_row_set_hint (self->teacher, _ ("None: it learns from the data alone"));
  tn_file_row_set_hint (self->output, _ ("For checkpoints and the model"));
  tn_file_row_set_kind (self->output, TN_FILE_ROW_FOLDER);
  tn_file_row_set_kind (self->teacher, TN_FILE_ROW_EITHER); /* as models are */
  fill_choice (self);
  suggest_output (self);
  self->restoring = FALSE;
  show_source (self);
}

static void
restore_recipe (TnTrainingForm *self)
{
  g_autofree char *text = tn_settings_dup_text ("training-recipe"), *choice = tn_settings_dup_text ("training-choice");
  GListModel *names = adw_combo_row_get_model (self->choice);
  g_autoptr (TnRecipe) recipe = tn_recipe_new ();
  g_autoptr (GError) error = NULL;
  guint i, n = g_list_model_get_n_items (names);

  if (text == NULL || choice == NULL)
    return;
  if (!tn_recipe_load_text (recipe, "training-recipe", text, strlen (text), &error))
    {
      g_message ("%s", error->message);
      return;
    }
  for (i = 0; i < n; i++)
    if (strcmp (gtk_string_list_get_string (GTK_STRING_LIST (names), i), choice) == 0)
      break;
  if (i == n) /* of a file, which need not be there any more */
    add_recipe (self, choice, _ ("As it was left"), recipe);
  adw_combo_row_set_selected (self->choice, i);
  tn_recipe_form_set_recipe (self->keys, recipe);
  for (char **data = recipe->data_paths; data != NULL && *data != NULL; data++)
    if (g_file_test (*data, G_FILE_TEST_EXISTS))
      tn_data_list_add (self->data, *data);
}

/* What was remembered; models and data that are gone are left out. */
static void
restore (TnTrainingForm *self)
{
  g_autofree char *model = tn_settings_dup_text ("training-model"), *teacher = tn_settings_dup_text ("training-teacher");
  g_autofree char *output = tn_settings_dup_text ("training-output");

  self->restoring = TRUE;
  restore_recipe (self);
  if (model != NULL && g_file_test (model, G_FILE_TEST_EXISTS))
    {
      self->model_path = g_steal_pointer (&model);
      adw_combo_row_set_selected (self->source, SOURCE_MODEL);
    }
  if (teacher != NULL && g_file_test (teacher, G_FILE_TEST_EXISTS))
    tn_file_row_set_path (self->teacher, teacher);
  if (output != NULL)
    tn_file_row_set_path (self->output, output);
  self->restoring = FALSE;
  on_changed (self);
}

void
tn_training_form_set_session (TnTrainingForm *self, TnSession *session)
{
  g_return_if_fail (TN_IS_TRAINING_FORM (self));
  g_return_if_fail (self->session == NULL);

  self->session = g_object_ref (session);
  g_signal_connect_object (session, "model-changed", G_CALLBACK (on_model_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (session, "recent-changed", G_CALLBACK (on_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (session, "training-finished", G_CALLBACK (suggest_output), self, G_CONNECT_SWAPPED);
  restore (self);
  show_source (self);
}

void
tn_training_form_add_data (TnTrainingForm *self, const char *path)
{
  g_return_if_fail (TN_IS_TRAINING_FORM (self));

  tn_data_list_add (self->data, path);
}

static char *
find_model_problem (TnTrainingForm *self)
{
  if (!is_from_model (self) || self->model_path != NULL)
    return NULL;
  if (tn_session_get_state (self->session) == TN_SESSION_EMPTY)
    return g_strdup (_ ("Open the model to start from"));
  if (tn_session_get_state (self->session) != TN_SESSION_READY)
    return g_strdup (_ ("The model is not open yet"));
  return NULL;
}

static gboolean
has_checkpoints (const char *folder)
{
  g_autofree char *checkpoints = g_build_filename (folder, "checkpoints", NULL);
  g_autoptr (GArray) steps = g_file_test (checkpoints, G_FILE_TEST_IS_DIR) ? tn_checkpoint_list (checkpoints, NULL) : NULL;

  return steps != NULL && steps->len > 0;
}

/* The newest one stands first. */
static guint64
get_branch_step (TnTrainingForm *self)
{
  guint selected = adw_combo_row_get_selected (self->checkpoint);

  return selected < self->branch_steps->len ? g_array_index (self->branch_steps, guint64, self->branch_steps->len - 1 - selected) : 0;
}

static char *
find_branch_problem (TnTrainingForm *self)
{
  if (self->branch_folder == NULL || get_branch_step (self) < tn_recipe_form_get_recipe (self->keys)->steps)
    return NULL;
  return g_strdup_printf (_ ("The branch begins at step %" PRIu64 ": there must be more steps than that"), get_branch_step (self));
}

static char *
find_output_problem (TnTrainingForm *self)
{
  const char *path = tn_file_row_get_path (self->output);

  if (path == NULL)
    return g_strdup (_ ("Choose a folder for checkpoints and the model"));
  return has_checkpoints (path) ? g_strdup (_ ("This output folder holds checkpoints of a run: choose another one")) : NULL;
}

char *
tn_training_form_dup_problem (TnTrainingForm *self)
{
  g_auto (GStrv) paths = NULL;
  g_autofree char *problem = NULL;

  g_return_val_if_fail (TN_IS_TRAINING_FORM (self), NULL);

  paths = tn_data_list_dup_paths (self->data);
  problem = tn_recipe_form_dup_problem (self->keys);
  if (problem == NULL)
    problem = find_model_problem (self);
  if (problem == NULL && *paths == NULL)
    problem = g_strdup (_ ("Choose the data to train on"));
  if (problem == NULL && tn_recipe_form_get_recipe (self->keys)->distill > 0.0 && tn_file_row_get_path (self->teacher) == NULL)
    problem = g_strdup (_ ("Choose the teacher that “distill” learns from"));
  if (problem == NULL)
    problem = find_branch_problem (self);
  if (problem == NULL)
    problem = find_output_problem (self);
  if (problem == NULL && !tn_session_has_workspace (self->session))
    problem = g_strdup (_ ("The workspace is not open: the run could not be followed"));
  return g_steal_pointer (&problem);
}

gboolean
tn_training_form_is_wrong (TnTrainingForm *self)
{
  g_autofree char *problem = NULL;

  g_return_val_if_fail (TN_IS_TRAINING_FORM (self), FALSE);

  problem = tn_recipe_form_dup_problem (self->keys);
  return problem != NULL;
}

static char *
dup_checkpoint_path (TnTrainingForm *self)
{
  g_autofree char *name = NULL;

  if (self->branch_folder == NULL)
    return NULL;
  name = tn_checkpoint_make_name (get_branch_step (self));
  return g_build_filename (self->branch_folder, name, NULL);
}

TnTrainOptions *
tn_training_form_get_options (TnTrainingForm *self)
{
  TnTrainOptions *options;

  g_return_val_if_fail (TN_IS_TRAINING_FORM (self), NULL);

  options = g_new0 (TnTrainOptions, 1);
  options->recipe = make_recipe (self);
  options->model_path = is_from_model (self) ? g_strdup (get_model_path (self)) : NULL;
  options->teacher_path = g_strdup (tn_file_row_get_path (self->teacher));
  options->out_path = g_strdup (tn_file_row_get_path (self->output));
  options->branch_path = dup_checkpoint_path (self);
  return options;
}

void
tn_training_form_branch (TnTrainingForm *self, const char *title, const TnTrainOptions *options)
{
  g_autofree char *folder = g_build_filename (options->out_path, "checkpoints", NULL), *name = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) steps = tn_checkpoint_list (folder, &error);
  g_autoptr (GtkStringList) labels = gtk_string_list_new (NULL);

  g_return_if_fail (TN_IS_TRAINING_FORM (self));

  if (steps == NULL || steps->len == 0)
    {
      tn_session_notice (self->session, error != NULL ? error->message : _ ("This run has no checkpoint to branch from"));
      return;
    }
  for (guint i = steps->len; i > 0; i--)
    {
      g_autofree char *label = g_strdup_printf (_ ("Step %" PRIu64), g_array_index (steps, guint64, i - 1));

      gtk_string_list_append (labels, label);
    }
  g_free (self->branch_folder);
  self->branch_folder = g_steal_pointer (&folder);
  g_clear_pointer (&self->branch_steps, g_array_unref);
  self->branch_steps = g_steal_pointer (&steps);
  adw_combo_row_set_model (self->checkpoint, G_LIST_MODEL (labels));
  adw_action_row_set_subtitle (self->branch_row, title);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->branch_row), self->branch_folder);
  gtk_widget_set_visible (GTK_WIDGET (self->branch_group), TRUE);

  name = g_path_get_basename (options->out_path);
  add_recipe (self, name, _ ("Recipe of the run that is branched from"), options->recipe);
  choose_last (self);
  tn_data_list_clear (self->data);
  for (char **data = options->recipe->data_paths; data != NULL && *data != NULL; data++)
    tn_data_list_add (self->data, *data);
  g_free (self->model_path);
  self->model_path = g_strdup (options->model_path);
  adw_combo_row_set_selected (self->source, options->model_path != NULL ? SOURCE_MODEL : SOURCE_SCRATCH);
  tn_file_row_set_path (self->teacher, options->teacher_path);
  if (g_strcmp0 (tn_file_row_get_path (self->output), options->out_path) == 0)
    tn_file_row_set_path (self->output, NULL);
  suggest_output (self);
  show_source (self);
  on_changed (self);
  gtk_widget_grab_focus (GTK_WIDGET (self->checkpoint)); /* in sight, too */
}

void
tn_training_form_started (TnTrainingForm *self)
{
  g_return_if_fail (TN_IS_TRAINING_FORM (self));

  on_end_branch (self);
}

void
tn_training_form_set_output (TnTrainingForm *self, const char *path)
{
  g_return_if_fail (TN_IS_TRAINING_FORM (self));

  tn_file_row_set_path (self->output, path);
}

void
tn_training_form_edit (TnTrainingForm *self, const char *name, const char *text)
{
  g_return_if_fail (TN_IS_TRAINING_FORM (self));

  tn_recipe_form_edit (self->keys, name, text);
}
