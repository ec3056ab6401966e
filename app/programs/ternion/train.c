/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "app/programs/ternion/command.h"
#include "app/programs/ternion/option-flags.h"
#include "app/tasks/recipe-presets.h"
#include "app/tasks/train-source.h"
#include "app/tasks/train.h"
#include "data/files/count-text.h"
#include "engine/error.h"

/* What was given on the command line; values and lists by the place of the option in the recipe's table. */
typedef struct
{
  TnOptionFlags flags;
  char   *recipe, *model, *teacher, *out, *branch, *tensorboard;
  gboolean print_recipe, list_recipes, resume;
} TrainArguments;

static void
train_arguments_clear (TrainArguments *self)
{
  tn_option_flags_clear (&self->flags);
  g_free (self->recipe);
  g_free (self->model);
  g_free (self->teacher);
  g_free (self->out);
  g_free (self->branch);
  g_free (self->tensorboard);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TrainArguments, train_arguments_clear)

static GOptionEntry *
make_entries (TrainArguments *arguments)
{
  const GOptionEntry own[] = {
    { "recipe", 0, 0, G_OPTION_ARG_FILENAME, &arguments->recipe, N_("Key file, or name of a recipe that is at hand; flags go before it"), N_("FILE|NAME") },
    { "model", 0, 0, G_OPTION_ARG_FILENAME, &arguments->model, N_("Start from this model (from scratch)"), N_("MODEL") },
    { "teacher", 0, 0, G_OPTION_ARG_FILENAME, &arguments->teacher, N_("Model that --distill learns from"), N_("MODEL") },
    { "out", 0, 0, G_OPTION_ARG_FILENAME, &arguments->out, N_("Folder for checkpoints and the model"), N_("DIR") },
    { "resume", 0, 0, G_OPTION_ARG_NONE, &arguments->resume, N_("Go on with RUN, its number or folder, or with that in --out, from its newest checkpoint, which knows the rest"), NULL },
    { "branch", 0, 0, G_OPTION_ARG_FILENAME, &arguments->branch, N_("Start a new run from this checkpoint of another one, with its recipe where nothing else is said"), N_("CHECKPOINT") },
    { "tensorboard", 0, 0, G_OPTION_ARG_FILENAME, &arguments->tensorboard, N_("Write the series into an event file in this folder, too, for TensorBoard"), N_("DIR") },
    { "print-recipe", 0, 0, G_OPTION_ARG_NONE, &arguments->print_recipe, N_("Print all of the recipe as such a file, and do nothing else"), NULL },
    { "list-recipes", 0, 0, G_OPTION_ARG_NONE, &arguments->list_recipes, N_("List the recipes that are at hand"), NULL },
  };
  g_autoptr (GArray) entries = g_array_new (TRUE, TRUE, sizeof (GOptionEntry));

  g_array_append_vals (entries, own, G_N_ELEMENTS (own));
  tn_option_flags_add (&arguments->flags, tn_recipe_get_option, entries);
  return (GOptionEntry *) (gpointer) g_array_free (g_steal_pointer (&entries), FALSE);
}

static const char *
get_given (const TnCommand *command, const TrainArguments *arguments, guint index, const char *name)
{
  if (strcmp (name, "tokenizer") == 0)
    return command->tokenizer;
  if (strcmp (name, "seed") == 0)
    return command->seed_text;
  return arguments->flags.values[index];
}

/* base: what is not said otherwise; NULL: the defaults. */
static TnRecipe *
make_recipe (const TnCommand *command, const TrainArguments *arguments, const TnRecipe *base, GError **error)
{
  g_autoptr (TnRecipe) recipe = base != NULL ? tn_recipe_copy (base) : tn_recipe_new ();
  g_autofree char *path = arguments->recipe != NULL ? tn_recipe_find (arguments->recipe, error) : NULL;
  const TnOption *option;

  if (arguments->recipe != NULL && (path == NULL || !tn_recipe_load (recipe, path, error)))
    return NULL;
  for (guint i = 0; (option = tn_recipe_get_option (i)) != NULL; i++)
    {
      const char *given[] = { get_given (command, arguments, i, option->name), NULL };
      const char *const *values = option->list ? (const char *const *) arguments->flags.lists[i] : given;
      g_autofree char *origin = g_strconcat ("--", option->name, NULL);

      if (values != NULL && values[0] != NULL && !tn_recipe_set (recipe, origin, option->name, values, error))
        return NULL;
    }
  return g_steal_pointer (&recipe);
}

static gboolean
print_json (const TnTrainResult *result, GError **error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  tn_json_add_integer (builder, "step", (gint64) result->step);
  tn_json_add_integer (builder, "steps", (gint64) result->steps);
  tn_json_add_integer (builder, "skipped", (gint64) result->n_skipped);
  tn_json_add_integer (builder, "parameters", (gint64) result->parameters);
  tn_json_add_integer (builder, "targets", (gint64) result->targets);
  tn_json_add_double (builder, "seconds", result->seconds);
  tn_json_add_double (builder, "loss", result->loss);
  tn_json_add_double (builder, "validation_loss", result->validation_loss);
  tn_json_add_double (builder, "validation_accuracy", result->validation_accuracy);
  tn_json_add_double (builder, "best_validation_loss", result->best_validation);
  tn_json_add_double (builder, "test_loss", result->test_loss);
  tn_json_add_double (builder, "test_accuracy", result->test_accuracy);
  tn_json_add_integer (builder, "peak_pool_bytes", (gint64) result->peak_bytes);
  tn_json_add_double (builder, "checkpoint_seconds", result->checkpoint_seconds);
  tn_json_add_integer (builder, "checkpoints", result->n_checkpoints);
  tn_json_add_string (builder, "checkpoint", result->checkpoint);
  tn_json_add_string (builder, "model", result->model);
  json_builder_end_object (builder);
  return tn_command_print_json (builder, error);
}

static void
print_text (const TnTrainResult *result)
{
  g_autofree char *parameters = tn_count_text (result->parameters), *targets = tn_count_text (result->targets);
  g_autofree char *memory = g_format_size_full (result->peak_bytes, G_FORMAT_SIZE_IEC_UNITS);

  g_print (_("%s parameters, step %" PRIu64 " of %" PRIu64 ", %s targets in %.1f s (%.0f a second), peak memory of the engine %s\n"), parameters,
           result->step, result->steps, targets, result->seconds, (double) result->targets / fmax (result->seconds, 1e-9), memory);
  g_print (_("%-18s %.6f nats (smoothed)\n"), _("loss"), result->loss);
  if (!isnan (result->validation_loss))
    g_print (_("%-18s %.6f nats, %.2f %% right\n"), _("validation"), result->validation_loss, 100.0 * result->validation_accuracy);
  if (!isnan (result->test_loss))
    g_print (_("%-18s %.6f nats, %.2f %% right\n"), _("test"), result->test_loss, 100.0 * result->test_accuracy);
  if (result->n_skipped > 0)
    g_print (_("%-18s %" PRIu64 " steps that were not finite\n"), _("skipped"), result->n_skipped);
  if (result->checkpoint != NULL)
    g_print (_("%-18s %s\n"), _("checkpoint"), result->checkpoint);
  if (result->model != NULL)
    g_print (_("%-18s %s\n"), _("model"), result->model);
}

static TnExitStatus
run (TnCommand *command, const TnTrainOptions *options)
{
  TnTrainResult result = { 0 };
  g_autoptr (TnJob) job = NULL;
  TnExitStatus status;
  GError *error = NULL;

  tn_command_set_saves_on_interrupt ();
  job = tn_train_job_new (options, command->workspace, &result);
  if (!tn_command_run_job (command, job, &error))
    status = tn_command_fail (command, error);
  else if (command->json ? !print_json (&result, &error) : (print_text (&result), FALSE))
    status = tn_command_fail (command, error);
  else
    status = tn_command_finish (command);
  tn_train_result_clear (&result);
  return status;
}

static void
print_recipes (void)
{
  g_autoptr (GPtrArray) presets = tn_recipe_list_presets ();

  for (guint i = 0; i < presets->len; i++)
    {
      const TnRecipePreset *preset = g_ptr_array_index (presets, i);

      g_print ("%-28s %s\n", preset->name, preset->summary);
    }
}

static void
replace (char **path, const char *given)
{
  if (given == NULL)
    return;
  g_free (*path);
  *path = g_strdup (given);
}

static gboolean
says_what_to_train (const TrainArguments *arguments)
{
  const TnOption *option;

  for (guint i = 0; (option = tn_recipe_get_option (i)) != NULL; i++)
    if (strcmp (option->name, "data") == 0 && arguments->flags.lists[i] != NULL)
      return TRUE;
  return arguments->recipe != NULL;
}

/* What an earlier run was started with. NULL without an error: its checkpoints do not say, but the command line does. */
static TnTrainOptions *
find_before (const TnCommand *command, const TrainArguments *arguments, GError **error)
{
  const char *run = command->n_arguments > 0 ? command->arguments[0] : arguments->out;
  GError *local = NULL;
  TnTrainOptions *before = arguments->branch != NULL ? tn_train_find_branch (command->workspace, arguments->branch, &local)
                                                     : tn_train_find_run (command->workspace, run, &local);

  if (before != NULL)
    return before;
  if (g_error_matches (local, TN_ERROR, TN_ERROR_DATA) && says_what_to_train (arguments) &&
      (arguments->branch == NULL ? arguments->out != NULL : g_file_test (arguments->branch, G_FILE_TEST_IS_REGULAR)))
    g_error_free (local);
  else
    g_propagate_error (error, local);
  return NULL;
}

/* All of it: what was before, with what was given in its place. */
static TnTrainOptions *
make_options (const TnCommand *command, const TrainArguments *arguments, GError **error)
{
  gboolean continues = arguments->resume || arguments->branch != NULL;
  GError *local = NULL;
  TnTrainOptions *before = continues ? find_before (command, arguments, &local) : NULL, *options = NULL;
  g_autoptr (TnRecipe) recipe = NULL;

  if (local == NULL)
    recipe = make_recipe (command, arguments, before != NULL ? before->recipe : NULL, &local);
  if (recipe != NULL)
    {
      options = before != NULL ? tn_train_options_copy (before) : g_new0 (TnTrainOptions, 1);
      tn_recipe_free (options->recipe);
      options->recipe = g_steal_pointer (&recipe);
      replace (&options->model_path, arguments->model);
      replace (&options->teacher_path, arguments->teacher);
      replace (&options->out_path, arguments->out);
      replace (&options->events_path, arguments->tensorboard);
      if (options->branch_path == NULL)
        replace (&options->branch_path, arguments->branch);
      options->resume = arguments->resume;
      if ((arguments->resume && before != NULL && !tn_train_check_resumed (before, options, &local)) ||
          !tn_recipe_check (options->recipe, &local))
        g_clear_pointer (&options, tn_train_options_free);
    }
  g_clear_pointer (&before, tn_train_options_free);
  if (local != NULL)
    g_propagate_error (error, local);
  return options;
}

static TnExitStatus
fail (TnCommand *command, GError *error)
{
  TnExitStatus status;

  if (!g_error_matches (error, TN_ERROR, TN_ERROR_ARGUMENT))
    return tn_command_fail (command, error);
  status = tn_command_usage_error (command, "%s", error->message);
  g_error_free (error);
  return status;
}

static TnExitStatus
start (TnCommand *command, const TrainArguments *arguments)
{
  TnTrainOptions *options = NULL;
  TnExitStatus status;
  GError *error = NULL;

  /* To print a recipe needs no workspace, unless one stands there. */
  if ((arguments->print_recipe && !arguments->resume && arguments->branch == NULL) || tn_command_open_workspace (command, &error))
    options = make_options (command, arguments, &error);
  if (options == NULL)
    return fail (command, error);
  if (arguments->print_recipe)
    {
      g_autofree char *text = tn_recipe_print (options->recipe);

      g_print ("%s", text);
      status = tn_command_finish (command);
    }
  else if (options->out_path == NULL)
    status = tn_command_usage_error (command, "%s", _("--out DIR is missing"));
  else
    status = run (command, options);
  tn_train_options_free (options);
  return status;
}

TnExitStatus
tn_verb_train (int argc, char **argv)
{
  g_auto (TnCommand) command = { NULL };
  g_auto (TrainArguments) arguments = { { { NULL } } };
  g_autofree GOptionEntry *entries = make_entries (&arguments);
  TnExitStatus status;

  if (!tn_command_parse (&command, argc, argv, "train", _("--recipe FILE|NAME --data PATH… --out DIR, or --resume RUN"),
                         _("train a network, in full or in low precision"), entries, 0, 1, &status))
    return status;
  if (arguments.list_recipes)
    {
      print_recipes ();
      return tn_command_finish (&command);
    }
  if (command.n_arguments > 0 && !arguments.resume)
    return tn_command_usage_error (&command, _("“%s” is one argument too many: a run is named with --resume only"), command.arguments[0]);
  if (arguments.resume && arguments.branch != NULL)
    return tn_command_usage_error (&command, "%s", _("--resume goes on with a run, --branch starts another one: one of both"));
  if (arguments.resume && command.n_arguments > 0 && arguments.out != NULL)
    return tn_command_usage_error (&command, "%s", _("--resume RUN goes on in the folder that the run has: without --out"));
  if (arguments.resume && command.n_arguments == 0 && arguments.out == NULL)
    return tn_command_usage_error (&command, "%s", _("--resume: which run? Its number, its folder, or --out DIR"));
  return start (&command, &arguments);
}

TnExitStatus
tn_runs_branch (int argc, char **argv)
{
  g_auto (TnCommand) command = { NULL };
  g_auto (TrainArguments) arguments = { { { NULL } } };
  g_autofree GOptionEntry *entries = make_entries (&arguments);
  TnExitStatus status;

  if (!tn_command_parse (&command, argc, argv, "runs branch", _("RUN|CHECKPOINT --out DIR"),
                         _("start a new run from a checkpoint of another one; every flag of ternion train may say what is to be another way"),
                         entries, 1, 1, &status))
    return status;
  if (arguments.resume || arguments.branch != NULL || arguments.list_recipes)
    return tn_command_usage_error (&command, "%s", _("--resume, --branch and --list-recipes go with ternion train"));
  arguments.branch = g_strdup (command.arguments[0]);
  return start (&command, &arguments);
}
