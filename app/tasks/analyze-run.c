/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/analyze-run.h"

#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <string.h>

#include "app/tasks/checkpoint-model.h"
#include "app/tasks/train-source.h"
#include "app/tasks/train-state.h"
#include "app/tasks/trend-figures.h"
#include "engine/error.h"

typedef struct
{
  TnAnalyzeRunOptions *options;
  TnWorkspace *workspace;
  TnTrend **result;
} RunData;

/* A checkpoint that is to be analyzed. */
typedef struct
{
  guint64 step;
  char *path;
} Checkpoint;

TnAnalyzeRunOptions *
tn_analyze_run_options_new (TnAnalyzeOptions *analyze)
{
  TnAnalyzeRunOptions *self = g_new0 (TnAnalyzeRunOptions, 1);

  self->analyze = analyze;
  return self;
}

void
tn_analyze_run_options_free (TnAnalyzeRunOptions *self)
{
  if (self == NULL)
    return;
  tn_analyze_options_free (self->analyze);
  g_free (self->run);
  g_strfreev (self->checkpoints);
  g_free (self);
}

static void
checkpoint_free (gpointer pointer)
{
  Checkpoint *self = pointer;

  g_free (self->path);
  g_free (self);
}

static void
add_checkpoint (GPtrArray *checkpoints, guint64 step, char *path)
{
  Checkpoint *checkpoint = g_new (Checkpoint, 1);

  *checkpoint = (Checkpoint){step, path};
  g_ptr_array_add (checkpoints, checkpoint);
}

static gint
by_step (gconstpointer a, gconstpointer b)
{
  const Checkpoint *const *x = a, *const *y = b;

  return ((*x)->step > (*y)->step) - ((*x)->step < (*y)->step);
}

static gboolean
list_given (char *const *paths, GPtrArray *checkpoints, GError **error)
{
  for (guint i = 0; paths[i] != NULL; i++)
    {
      g_autoptr (TnCheckpointFile) file = tn_checkpoint_file_peek (paths[i], error);

      if (file == NULL)
        return FALSE;
      add_checkpoint (checkpoints, tn_checkpoint_file_get_step (file), g_strdup (paths[i]));
    }
  g_ptr_array_sort (checkpoints, by_step);
  for (guint i = 1; i < checkpoints->len; i++)
    {
      const Checkpoint *before = g_ptr_array_index (checkpoints, i - 1), *now = g_ptr_array_index (checkpoints, i);

      if (before->step == now->step)
        {
          g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("%s and %s are both of step %" PRIu64 ": expected checkpoints of one run"),
                       before->path, now->path, now->step);
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
list_run (const char *folder, GPtrArray *checkpoints, GError **error)
{
  g_autofree char *inside = g_build_filename (folder, "checkpoints", NULL);
  g_autoptr (GArray) steps = tn_checkpoint_list (inside, error);

  for (guint i = 0; steps != NULL && i < steps->len; i++)
    {
      guint64 step = g_array_index (steps, guint64, i);
      g_autofree char *name = tn_checkpoint_make_name (step);

      add_checkpoint (checkpoints, step, g_build_filename (inside, name, NULL));
    }
  return steps != NULL;
}

/* What the run was started with; its checkpoints. */
static TnTrainOptions *
find_checkpoints (const RunData *data, GPtrArray *checkpoints, GError **error)
{
  const TnAnalyzeRunOptions *options = data->options;
  TnTrainOptions *train;

  if (options->run == NULL)
    return list_given (options->checkpoints, checkpoints, error)
               ? tn_train_find_branch (data->workspace, ((Checkpoint *) g_ptr_array_index (checkpoints, 0))->path, error)
               : NULL;
  train = tn_train_find_run (data->workspace, options->run, error);
  if (train == NULL || list_run (train->out_path, checkpoints, error))
    return train;
  tn_train_options_free (train);
  return NULL;
}

/* What is not said comes from the run. */
static void
complete_options (TnAnalyzeOptions *options, const TnTrainOptions *train)
{
  const TnRecipe *recipe = train->recipe;
  const char *validation[] = {recipe->validation_path, NULL};

  if (options->data == NULL)
    options->data = g_strdupv (recipe->validation_path != NULL ? (char **) validation : recipe->data_paths);
  if (options->tokenizer_path == NULL)
    options->tokenizer_path = g_strdup (recipe->tokenizer_path);
}

/* A folder of files and of folders with files. */
static void
remove_folder (const char *path)
{
  GDir *folder = g_dir_open (path, 0, NULL);
  const char *name;

  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *inside = g_build_filename (path, name, NULL);

      if (g_file_test (inside, G_FILE_TEST_IS_DIR) && !g_file_test (inside, G_FILE_TEST_IS_SYMLINK))
        remove_folder (inside);
      else
        g_unlink (inside);
    }
  if (folder != NULL)
    g_dir_close (folder);
  g_rmdir (path);
}

static TnAnalysis *
analyze_checkpoint (const RunData *data, const Checkpoint *checkpoint, const TnTrainOptions *train, const char *folder,
                    const TnListener *listener, GCancellable *cancellable, GError **error)
{
  TnAnalyzeOptions *options = data->options->analyze;
  g_autoptr (TnCheckpointFile) file = tn_checkpoint_file_open (checkpoint->path, error);
  g_autofree char *name = g_strdup_printf ("step-%08" PRIu64, checkpoint->step), *model = g_build_filename (folder, name, NULL);
  TnAnalysis *analysis;

  if (file == NULL || !tn_checkpoint_write_model (file, train, model, listener, cancellable, error))
    return NULL;
  g_free (options->model_path);
  options->model_path = g_strdup (model);
  analysis = tn_analyze_model (options, NULL, listener, cancellable, error);
  if (analysis == NULL)
    g_prefix_error (error, "%s: ", checkpoint->path);
  remove_folder (model);
  return analysis;
}

static void
report_point (const TnTrend *trend, guint point, const TnListener *listener)
{
  const TnTrendPoint *now = tn_trend_get_point (trend, point);

  for (guint i = 0; i < now->analysis->layers->len; i++)
    for (guint k = 0; k < now->analysis->schemes->len; k++)
      for (TnTrendQuantity quantity = 0; quantity < TN_N_TREND_QUANTITIES; quantity++)
        {
          const char *end = tn_trend_quantity_get_name (quantity);
          double value = tn_trend_get_value (trend, point, i, k, quantity);
          g_autofree char *scheme = tn_scheme_to_string (tn_analysis_get_scheme (now->analysis, k)),
                          *series = g_strdup_printf ("%s/%s/%s", tn_analysis_get_layer (now->analysis, i)->name, scheme, end);

          if (end != NULL && isfinite (value))
            tn_listener_metric (listener, series, (gint64) now->step, value);
        }
}

/* -1: the workspace does not have it. */
static gint64
find_row (TnWorkspace *workspace, const char *identity)
{
  g_autoptr (GPtrArray) runs = identity != NULL ? tn_workspace_list_runs (workspace, 0, NULL) : NULL;

  for (guint i = 0; runs != NULL && i < runs->len; i++)
    {
      const TnRunRow *row = g_ptr_array_index (runs, i);

      if (g_strcmp0 (row->identity, identity) == 0)
        return row->id;
    }
  return -1;
}

/* -1: the series is not there. */
static gint64
find_last_step (GPtrArray *latest, const char *series)
{
  for (guint i = 0; latest != NULL && i < latest->len; i++)
    {
      const TnSeriesRow *row = g_ptr_array_index (latest, i);

      if (strcmp (row->name, series) == 0)
        return row->step;
    }
  return -1;
}

static gboolean
append_whole (TnWorkspace *workspace, gint64 run, GPtrArray *latest, const TnTrend *trend, guint scheme, TnTrendQuantity quantity,
              GError **error)
{
  g_autofree char *name = tn_scheme_to_string (tn_analysis_get_scheme (tn_trend_get_point (trend, 0)->analysis, scheme)),
                  *series = g_strdup_printf ("analysis/%s/%s", name, tn_trend_quantity_get_name (quantity));
  gint64 last = find_last_step (latest, series);

  for (guint p = 0; p < trend->points->len; p++)
    {
      gint64 step = (gint64) tn_trend_get_point (trend, p)->step;
      double value = tn_trend_get_whole (trend, p, scheme, quantity);

      if (step > last && isfinite (value) && !tn_workspace_append_series (workspace, run, series, 1, &step, &value, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
append_all (TnWorkspace *workspace, gint64 run, const TnTrend *trend, GError **error)
{
  g_autoptr (GPtrArray) latest = tn_workspace_list_latest (workspace, run, error);

  if (latest == NULL)
    return FALSE;
  for (guint k = 0; k < tn_trend_get_point (trend, 0)->analysis->schemes->len; k++)
    if (!append_whole (workspace, run, latest, trend, k, TN_TREND_OUTPUT, error) ||
        !append_whole (workspace, run, latest, trend, k, TN_TREND_LOSS, error))
      return FALSE;
  return TRUE;
}

/* On the page of the run, beside its loss. That this fails is said, and no reason to lose the analysis. */
static void
report_to_run (const RunData *data, const char *checkpoint, const TnTrend *trend, const TnListener *listener)
{
  g_autoptr (TnCheckpointFile) file = tn_checkpoint_file_peek (checkpoint, NULL);
  const char *identity = file != NULL ? tn_training_checkpoint_get_identity (file) : NULL;
  gint64 run = data->workspace != NULL ? find_row (data->workspace, identity) : -1;
  g_autoptr (GError) local = NULL;

  if (run >= 0 && !append_all (data->workspace, run, trend, &local))
    tn_listener_event (listener, "warning", local->message);
}

/* By its folder, RUN/checkpoints/step-…; NULL: the checkpoints lie elsewhere. */
static char *
name_run (GPtrArray *checkpoints)
{
  g_autofree char *path = g_canonicalize_filename (((const Checkpoint *) g_ptr_array_index (checkpoints, 0))->path, NULL),
                  *folder = g_path_get_dirname (path), *name = g_path_get_basename (folder), *run = g_path_get_dirname (folder);

  return strcmp (name, "checkpoints") == 0 ? g_path_get_basename (run) : NULL;
}

static TnTrend *
analyze_all (const RunData *data, GPtrArray *checkpoints, const TnTrainOptions *train, const char *folder, const TnListener *listener,
             GCancellable *cancellable, GError **error)
{
  g_autofree char *run = name_run (checkpoints);
  g_autoptr (TnTrend) trend = tn_trend_new (run);

  for (guint i = 0; i < checkpoints->len; i++)
    {
      const Checkpoint *checkpoint = g_ptr_array_index (checkpoints, i);
      g_autofree char *text = g_strdup_printf (_ ("checkpoint %u of %u: step %" PRIu64), i + 1, checkpoints->len, checkpoint->step),
                      *name = g_path_get_basename (checkpoint->path);
      TnAnalysis *analysis;

      tn_listener_event (listener, "info", text);
      analysis = analyze_checkpoint (data, checkpoint, train, folder, listener, cancellable, error);
      if (analysis == NULL || !tn_trend_add (trend, checkpoint->step, name, analysis, error))
        return NULL;
      report_point (trend, i, listener);
      tn_listener_progress (listener, i + 1, checkpoints->len, _ ("checkpoints"));
    }
  return g_steal_pointer (&trend);
}

static gboolean
work_in (const RunData *data, GPtrArray *checkpoints, const TnTrainOptions *train, const char *out_path, const char *folder,
         const TnListener *listener, GCancellable *cancellable, GError **error)
{
  g_autoptr (TnTrend) trend = analyze_all (data, checkpoints, train, folder, listener, cancellable, error);

  if (trend == NULL || (out_path != NULL && !tn_trend_save (trend, out_path, error)))
    return FALSE;
  report_to_run (data, ((const Checkpoint *) g_ptr_array_index (checkpoints, 0))->path, trend, listener);
  *data->result = g_steal_pointer (&trend);
  return TRUE;
}

static gboolean
work (TnJob *job, const TnListener *listener, GCancellable *cancellable, gpointer user_data, GError **error)
{
  const RunData *data = user_data;
  TnAnalyzeOptions *options = data->options->analyze;
  g_autoptr (GPtrArray) checkpoints = g_ptr_array_new_with_free_func (checkpoint_free);
  TnTrainOptions *train = find_checkpoints (data, checkpoints, error);
  g_autofree char *folder = NULL, *out_path = g_steal_pointer (&options->out_path);
  gboolean ok = FALSE;

  if (train == NULL)
    return FALSE;
  complete_options (options, train);
  folder = g_dir_make_tmp ("ternion-XXXXXX", error);
  if (folder != NULL)
    {
      ok = work_in (data, checkpoints, train, out_path, folder, listener, cancellable, error);
      remove_folder (folder);
    }
  if (ok)
    tn_job_set_output (job, out_path);
  tn_train_options_free (train);
  return ok;
}

static void
run_data_free (gpointer pointer)
{
  RunData *data = pointer;

  tn_analyze_run_options_free (data->options);
  g_clear_pointer (&data->workspace, tn_workspace_unref);
  g_free (data);
}

TnJob *
tn_analyze_run_job_new (TnAnalyzeRunOptions *options, TnWorkspace *workspace, TnTrend **result)
{
  RunData *data = g_new0 (RunData, 1);
  g_autofree char *base = g_path_get_basename (options->run != NULL ? options->run : options->checkpoints[0]);
  g_autofree char *title = g_strdup_printf (_ ("Analyze the checkpoints of %s"), base);
  g_autofree char *arguments = tn_analyze_describe (options->analyze);

  data->options = options;
  data->workspace = workspace != NULL ? tn_workspace_ref (workspace) : NULL;
  data->result = result;
  return tn_job_new ("analyze", title, arguments, workspace, work, data, run_data_free);
}
