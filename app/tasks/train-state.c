/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/train-state.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "data/files/json-members.h"
#include "data/files/json-reader.h"
#include "engine/error.h"
#include "engine/hash.h"

/* Fields of a checkpoint that not every version of it has. */
#define FIELD_RECIPE "recipe"
#define FIELD_ARGUMENTS "arguments"
#define FIELD_IDENTITY "run"
#define FIELD_MODEL "model_fingerprint"
#define FIELD_TEACHER "teacher_fingerprint"
#define FIELD_ACCURACY "validation_accuracy"

/* Names and shapes of all arrays: what a checkpoint must agree with. */
static guint64
fingerprint (TnTrainer *trainer)
{
  guint64 hash = 0;
  guint n;
  const TnStateTensor *state = tn_trainer_get_state (trainer, &n);

  for (guint i = 0; i < n; i++)
    {
      hash = tn_hash_bytes (state[i].name, strlen (state[i].name), hash);
      hash = tn_hash_bytes (&state[i].dtype, sizeof state[i].dtype, hash);
      hash = tn_hash_bytes (state[i].shape.dims, state[i].shape.n_dims * sizeof (gsize), hash);
    }
  return hash;
}

TnCheckpoint *
tn_training_checkpoint_new (TnTrainer *trainer, GError **error)
{
  g_autoptr (TnCheckpoint) self = tn_checkpoint_new (fingerprint (trainer));
  guint n;
  const TnStateTensor *state = tn_trainer_get_state (trainer, &n);

  for (guint i = 0; i < n; i++)
    {
      guint64 shape[TN_SHAPE_MAX_DIMS];

      for (guint k = 0; k < state[i].shape.n_dims; k++)
        shape[k] = state[i].shape.dims[k];
      if (!tn_checkpoint_add_array (self, state[i].name, state[i].dtype, state[i].shape.n_dims, shape, state[i].data, error))
        return NULL;
    }
  return g_steal_pointer (&self);
}

static void
set_fingerprint (TnCheckpoint *self, const char *name, TnModelFile *model)
{
  if (model != NULL)
    tn_checkpoint_set_count (self, name, tn_model_file_get_fingerprint (model));
}

void
tn_training_checkpoint_set_run (TnCheckpoint *self, const char *identity, const TnTrainOptions *options, TnModelFile *model,
                                TnModelFile *teacher)
{
  g_autofree char *recipe = tn_recipe_print (options->recipe), *arguments = tn_train_arguments_to_json (options);

  tn_checkpoint_set_text (self, FIELD_RECIPE, recipe);
  tn_checkpoint_set_text (self, FIELD_ARGUMENTS, arguments);
  tn_checkpoint_set_text (self, FIELD_IDENTITY, identity);
  set_fingerprint (self, FIELD_MODEL, model);
  set_fingerprint (self, FIELD_TEACHER, teacher);
}

void
tn_training_checkpoint_update (TnCheckpoint *self, TnTrainer *trainer, TnTrainingData *data, const TnTrainProgress *progress)
{
  TnTrainerCounts counts = tn_trainer_get_counts (trainer);
  TnStreamPosition position = tn_training_data_get_position (data);

  tn_checkpoint_set_step (self, counts.step);
  tn_checkpoint_set_count (self, "skipped", counts.n_skipped);
  tn_checkpoint_set_number (self, "previous_norm", counts.previous_norm);
  tn_checkpoint_set_count (self, "data_fingerprint", tn_training_data_fingerprint (data));
  tn_checkpoint_set_count (self, "data_epoch", position.epoch);
  tn_checkpoint_set_count (self, "data_index", position.index);
  tn_checkpoint_set_number (self, TN_CHECKPOINT_VALIDATION, progress->validation_loss);
  tn_checkpoint_set_number (self, FIELD_ACCURACY, progress->validation_accuracy);
  tn_checkpoint_set_number (self, "best_validation_loss", progress->best_validation);
  tn_checkpoint_set_number (self, "smoothed_loss", progress->smoothed);
  tn_checkpoint_set_number (self, "least_smoothed_loss", progress->least);
  tn_checkpoint_set_count (self, "smoothed_steps", progress->n_smoothed);
}

static gboolean
check_model (TnCheckpointFile *file, const char *field, TnModelFile *model, const char *flag, GError **error)
{
  guint64 expected, found = model != NULL ? tn_model_file_get_fingerprint (model) : 0;

  if (!tn_checkpoint_file_has_field (file, field))
    return TRUE;
  if (!tn_checkpoint_file_get_count (file, field, &expected, error))
    return FALSE;
  if (found == expected)
    return TRUE;
  g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH, _ ("%s: %s is %016" PRIx64 ", that of %s %s is %016" PRIx64),
               tn_checkpoint_file_get_path (file), field, expected, flag,
               model != NULL ? tn_model_file_get_path (model) : _ ("(none)"), found);
  return FALSE;
}

gboolean
tn_training_checkpoint_check_model (TnCheckpointFile *file, TnModelFile *model, GError **error)
{
  return check_model (file, FIELD_MODEL, model, "--model", error);
}

gboolean
tn_training_checkpoint_check_models (TnCheckpointFile *file, TnModelFile *model, TnModelFile *teacher, GError **error)
{
  return tn_training_checkpoint_check_model (file, model, error) &&
         check_model (file, FIELD_TEACHER, teacher, "--teacher", error);
}

static const char *
find_text (TnCheckpointFile *file, const char *name)
{
  return tn_checkpoint_file_has_field (file, name) ? tn_checkpoint_file_get_text (file, name, NULL) : NULL;
}

const char *
tn_training_checkpoint_get_identity (TnCheckpointFile *file)
{
  return find_text (file, FIELD_IDENTITY);
}

const char *
tn_training_checkpoint_get_arguments (TnCheckpointFile *file)
{
  return find_text (file, FIELD_ARGUMENTS);
}

static gboolean
read_progress (TnCheckpointFile *file, TnTrainProgress *progress, GError **error)
{
  progress->validation_accuracy = NAN;
  return tn_checkpoint_file_get_number (file, TN_CHECKPOINT_VALIDATION, &progress->validation_loss, error) &&
         tn_checkpoint_file_get_number (file, "best_validation_loss", &progress->best_validation, error) &&
         tn_checkpoint_file_get_number (file, "smoothed_loss", &progress->smoothed, error) &&
         tn_checkpoint_file_get_number (file, "least_smoothed_loss", &progress->least, error) &&
         tn_checkpoint_file_get_count (file, "smoothed_steps", &progress->n_smoothed, error) &&
         (!tn_checkpoint_file_has_field (file, FIELD_ACCURACY) ||
          tn_checkpoint_file_get_number (file, FIELD_ACCURACY, &progress->validation_accuracy, error));
}

gboolean
tn_training_checkpoint_restore (TnCheckpoint *self, TnCheckpointFile *file, TnTrainer *trainer, TnTrainingData *data,
                                TnTrainProgress *progress, gboolean *same_data, GError **error)
{
  TnTrainerCounts counts = {.step = tn_checkpoint_file_get_step (file)};
  TnTrainProgress found;
  TnStreamPosition position;
  guint64 of_data;
  gboolean same;

  if (!tn_checkpoint_file_get_count (file, "skipped", &counts.n_skipped, error) ||
      !tn_checkpoint_file_get_number (file, "previous_norm", &counts.previous_norm, error) ||
      !tn_checkpoint_file_get_count (file, "data_fingerprint", &of_data, error) ||
      !tn_checkpoint_file_get_count (file, "data_epoch", &position.epoch, error) ||
      !tn_checkpoint_file_get_count (file, "data_index", &position.index, error) || !read_progress (file, &found, error))
    return FALSE;
  same = of_data == tn_training_data_fingerprint (data);
  if (!same && same_data == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_MISMATCH,
                   _ ("%s: data_fingerprint is %016" PRIx64 ", that of these data is %016" PRIx64
                      ": they changed, or are others"),
                   tn_checkpoint_file_get_path (file), of_data, tn_training_data_fingerprint (data));
      return FALSE;
    }
  if (!tn_checkpoint_restore (self, file, error) || (same && !tn_training_data_set_position (data, position, error)))
    return FALSE;
  tn_trainer_set_counts (trainer, &counts);
  *progress = found;
  if (same_data != NULL)
    *same_data = same;
  return TRUE;
}

static void
make_absolute (char **path)
{
  g_autofree char *given = *path;

  *path = given != NULL ? g_canonicalize_filename (given, NULL) : NULL;
}

/* Another process has another working directory. */
static TnTrainOptions *
dup_absolute (const TnTrainOptions *options)
{
  TnTrainOptions *copy = tn_train_options_copy (options);

  make_absolute (&copy->model_path);
  make_absolute (&copy->teacher_path);
  make_absolute (&copy->out_path);
  make_absolute (&copy->branch_path);
  make_absolute (&copy->events_path);
  for (char **path = copy->recipe->data_paths; path != NULL && *path != NULL; path++)
    make_absolute (path);
  make_absolute (&copy->recipe->labels_path);
  make_absolute (&copy->recipe->validation_path);
  make_absolute (&copy->recipe->test_path);
  make_absolute (&copy->recipe->stats_path);
  /* It may also be a tokenizer's name. */
  if (copy->recipe->tokenizer_path != NULL && g_file_test (copy->recipe->tokenizer_path, G_FILE_TEST_EXISTS))
    make_absolute (&copy->recipe->tokenizer_path);
  return copy;
}

char *
tn_train_arguments_to_json (const TnTrainOptions *given)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;
  TnTrainOptions *options = dup_absolute (given);
  g_autofree char *recipe = tn_recipe_print (options->recipe);

  json_builder_begin_object (builder);
  tn_json_add_string (builder, "recipe", recipe);
  tn_json_add_string (builder, "model", options->model_path);
  tn_json_add_string (builder, "teacher", options->teacher_path);
  tn_json_add_string (builder, "out", options->out_path);
  tn_json_add_string (builder, "branch", options->branch_path);
  tn_json_add_string (builder, "events", options->events_path);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  tn_train_options_free (options);
  return tn_json_print (root, FALSE);
}

TnTrainOptions *
tn_train_arguments_from_json (const char *json, GError **error)
{
  g_autoptr (TnJson) parsed = tn_json_parse (json, strlen (json), _ ("arguments of the run"), 0, error);
  const TnJsonNode *root = parsed != NULL ? tn_json_get_root (parsed) : NULL;
  const char *recipe = tn_json_find_text (root, "recipe"), *out = tn_json_find_text (root, "out");
  g_autoptr (TnRecipe) loaded = tn_recipe_new ();
  TnTrainOptions *options;

  if (parsed == NULL)
    return NULL;
  if (recipe == NULL || out == NULL)
    {
      g_set_error (error, TN_ERROR, TN_ERROR_FORMAT, _ ("arguments of the run: “%s” is missing"),
                   recipe == NULL ? "recipe" : "out");
      return NULL;
    }
  if (!tn_recipe_load_text (loaded, _ ("recipe of the run"), recipe, strlen (recipe), error))
    return NULL;
  options = g_new0 (TnTrainOptions, 1);
  options->recipe = g_steal_pointer (&loaded);
  options->out_path = g_strdup (out);
  options->model_path = g_strdup (tn_json_find_text (root, "model"));
  options->teacher_path = g_strdup (tn_json_find_text (root, "teacher"));
  options->branch_path = g_strdup (tn_json_find_text (root, "branch"));
  options->events_path = g_strdup (tn_json_find_text (root, "events"));
  return options;
}
