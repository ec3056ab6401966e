/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/train-source.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "app/tasks/train-state.h"
#include "engine/error.h"

/* Keys of a recipe that say how long and how closely a run is looked at, not what it computes. */
static const char *const changeable[] = {"steps",         "checkpoint-every", "keep-last",  "keep-every", "validation-every",
                                         "validation-batches", "metrics-every",    "stop-loss", "recompute", NULL};

static TnRunRow *
find_row (TnWorkspace *workspace, const char *run, GError **error)
{
  g_autoptr (TnRunRow) row = NULL;
  gint64 id;

  if (!g_ascii_string_to_signed (run, 10, 1, G_MAXINT64, &id, NULL) || workspace == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_NOT_FOUND,
                   _ ("“%s” is neither the number of a run, nor the folder of one, nor a checkpoint"), run);
      return NULL;
    }
  row = tn_workspace_get_run (workspace, id, error);
  if (row == NULL || strcmp (row->verb, "train") == 0)
    return g_steal_pointer (&row);
  g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("run %s is of ternion %s, expected one of ternion train"), run, row->verb);
  return NULL;
}

static TnTrainOptions *
read_arguments (TnCheckpointFile *file, const TnRunRow *row, GError **error)
{
  const char *arguments = tn_training_checkpoint_get_arguments (file);

  if (arguments == NULL && row != NULL)
    arguments = row->arguments;
  if (arguments != NULL)
    return tn_train_arguments_from_json (arguments, error);
  g_set_error (error, TN_ERROR, TN_ERROR_DATA,
               _ ("%s: is from before checkpoints held what their run was started with: give --recipe, --data and --model again"),
               tn_checkpoint_file_get_path (file));
  return NULL;
}

/* path: of the checkpoint. */
static TnTrainOptions *
find_in_folder (const char *folder, const TnRunRow *row, char **path, GError **error)
{
  g_autofree char *checkpoints = g_build_filename (folder, "checkpoints", NULL);
  g_autoptr (TnCheckpointFile) file = tn_checkpoint_peek_latest (checkpoints, error);
  TnTrainOptions *options = file != NULL ? read_arguments (file, row, error) : NULL;

  if (options == NULL)
    return NULL;
  g_free (options->out_path);
  options->out_path = g_strdup (folder);
  *path = g_strdup (tn_checkpoint_file_get_path (file));
  return options;
}

static TnTrainOptions *
find_options (TnWorkspace *workspace, const char *run, char **path, GError **error)
{
  g_autoptr (TnRunRow) row = NULL;
  TnTrainOptions *recorded, *options;

  if (g_file_test (run, G_FILE_TEST_IS_DIR))
    return find_in_folder (run, NULL, path, error);
  row = find_row (workspace, run, error);
  recorded = row != NULL ? tn_train_arguments_from_json (row->arguments != NULL ? row->arguments : "", error) : NULL;
  if (recorded == NULL)
    return NULL;
  options = find_in_folder (recorded->out_path, row, path, error);
  tn_train_options_free (recorded);
  return options;
}

TnTrainOptions *
tn_train_find_run (TnWorkspace *workspace, const char *run, GError **error)
{
  g_autofree char *path = NULL;
  TnTrainOptions *options = find_options (workspace, run, &path, error);

  if (options != NULL)
    options->resume = TRUE;
  return options;
}

TnTrainOptions *
tn_train_find_branch (TnWorkspace *workspace, const char *source, GError **error)
{
  g_autofree char *path = NULL;
  TnTrainOptions *options;

  if (g_file_test (source, G_FILE_TEST_IS_REGULAR))
    {
      g_autoptr (TnCheckpointFile) file = tn_checkpoint_file_peek (source, error);

      options = file != NULL ? read_arguments (file, NULL, error) : NULL;
      path = g_strdup (source);
    }
  else
    options = find_options (workspace, source, &path, error);
  if (options == NULL)
    return NULL;
  g_clear_pointer (&options->out_path, g_free);
  g_clear_pointer (&options->events_path, g_free);
  g_free (options->branch_path);
  options->branch_path = g_steal_pointer (&path);
  return options;
}

static gboolean
is_changed (const TnTrainOptions *before, const TnTrainOptions *now, const TnOption *option, char **was, char **is)
{
  if (option->path || g_strv_contains (changeable, option->name))
    return FALSE;
  *was = tn_recipe_print_value (before->recipe, option->name);
  *is = tn_recipe_print_value (now->recipe, option->name);
  return g_strcmp0 (*was, *is) != 0;
}

gboolean
tn_train_check_resumed (const TnTrainOptions *before, const TnTrainOptions *now, GError **error)
{
  const TnOption *option;

  for (guint i = 0; (option = tn_recipe_get_option (i)) != NULL; i++)
    {
      g_autofree char *was = NULL, *is = NULL;

      if (!is_changed (before, now, option, &was, &is))
        continue;
      g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT,
                   _ ("%s = %s: the run has %s; ternion runs branch starts another one from its checkpoints"), option->name,
                   is != NULL ? is : _ ("none"), was != NULL ? was : _ ("none"));
      return FALSE;
    }
  return TRUE;
}
