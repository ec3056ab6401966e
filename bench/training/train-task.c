/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "app/tasks/train.h"
#include "bench/calibration/made-files.h"
#include "bench/training/training.h"

/* What series and checkpoints add to the steps of a real run: the train task itself, 17 million parameters on packed numbers,
 * plain, with everything it records at its default interval, and with a checkpoint. Runs take turns; what is compared are medians
 * over the turns of each step of the run. */

#define VOCABULARY 4096
#define TOKENS 200000
/* Steps of a run: those that are measured come after some that warm up, as many as lie between two reports of the layers, of
 * which one and the step before it are among them. */
#define FIRST 2
#define STEPS 12
#define MEASURED (STEPS - FIRST)
/* In the middle of what is measured: it is written while the rest runs. */
#define CHECKPOINT_STEP "7"
#define TURNS 3
/* Steps between checkpoints that the figure is for. */
#define INTERVAL 100.0

typedef enum
{
  PLAIN,
  METRICS,
  CHECKPOINT,
  N_KINDS
} Kind;

typedef struct
{
  const char *key, *value;
} Setting;

static const Setting shape[] = {
    {"vocabulary", "4096"},
    {"width", "512"},
    {"layers", "4"},
    {"heads", "8"},
    {"hidden", "1376"},
    {"seq-len", "256"},
    {"batch-size", "4"},
    {"weights", "ternary"},
    {"activations", "int8:t"},
    {"integer", "true"},
    {"steps", "12"},
    {"validation-every", "0"},
    {"validation-batches", "1"},
    {"checkpoint-every", "0"},
    {"metrics-every", "0"},
    {"keep-last", "1"},
    {"backward-inputs", "int8"},
    {"backward-weights", "int8"},
};

typedef struct
{
  TnBench *bench;
  TnMadeFiles files;
  const char *tokens;
  TnWorkspace *workspace;
  guint n_runs;
  TnSamples seconds[N_KINDS][MEASURED];
} Task;

/* When the steps of a run ended. */
typedef struct
{
  double ends[STEPS + 1];
} Clock;

static void
on_changed (TnJob *job, gpointer user_data)
{
  Clock *clock = user_data;
  TnJobProgress progress;
  gsize done;

  tn_job_get_progress (job, &progress);
  done = (gsize) progress.done;
  if (done <= STEPS && clock->ends[done] == 0.0)
    clock->ends[done] = tn_time_now ();
}

static gboolean
set (TnRecipe *recipe, const char *key, const char *value, GError **error)
{
  return tn_recipe_set (recipe, key, key, (const char *const[]){value, NULL}, error);
}

static TnRecipe *
make_recipe (const Task *self, Kind kind, GError **error)
{
  g_autoptr (TnRecipe) recipe = tn_recipe_new ();
  gboolean ok = set (recipe, "data", self->tokens, error);

  for (guint i = 0; ok && i < G_N_ELEMENTS (shape); i++)
    ok = set (recipe, shape[i].key, shape[i].value, error);
  if (ok && kind == METRICS)
    {
      g_autoptr (TnRecipe) usual = tn_recipe_new ();
      g_autofree char *every = tn_recipe_print_value (usual, "metrics-every");

      ok = set (recipe, "metrics-every", every, error);
    }
  if (ok && kind == CHECKPOINT)
    ok = set (recipe, "checkpoint-every", CHECKPOINT_STEP, error);
  return ok ? g_steal_pointer (&recipe) : NULL;
}

static gboolean
run (Task *self, Kind kind, GError **error)
{
  g_autofree char *name = g_strdup_printf ("run-%u", self->n_runs++);
  g_autoptr (TnRecipe) recipe = make_recipe (self, kind, error);
  TnTrainOptions options = {.recipe = recipe, .out_path = (char *) tn_made_files_name (&self->files, name)};
  TnTrainResult result = {0};
  Clock clock = {{0}};
  g_autoptr (TnJob) job = NULL;
  gboolean ok;

  if (recipe == NULL)
    return FALSE;
  job = tn_train_job_new (&options, kind == METRICS ? self->workspace : NULL, &result);
  g_signal_connect (job, "changed", G_CALLBACK (on_changed), &clock);
  ok = tn_job_run (job, error);
  tn_train_result_clear (&result);
  for (guint i = 0; ok && i < MEASURED; i++)
    tn_samples_add (&self->seconds[kind][i], clock.ends[FIRST + i + 1] - clock.ends[FIRST + i]);
  return ok;
}

static double
add_up (const Task *self, Kind kind, double (*of) (const TnSamples *))
{
  double sum = 0.0;

  for (guint i = 0; i < MEASURED; i++)
    sum += of (&self->seconds[kind][i]);
  return sum;
}

/* Steps that a kind of run takes longer for, of a plain one. */
static double
compare (const Task *self, Kind kind, double (*of) (const TnSamples *))
{
  return MEASURED * (add_up (self, kind, of) / add_up (self, PLAIN, of) - 1.0);
}

static gboolean
measure (Task *self, GError **error)
{
  g_autofree char *workspace = g_build_filename (self->files.folder, "workspace.db", NULL);
  gboolean metrics = tn_bench_wants (self->bench, "metrics_overhead");
  gboolean checkpoint = tn_bench_wants (self->bench, "checkpoint_overhead");

  self->tokens = tn_make_tokens (&self->files, "tokens.bin", TOKENS, VOCABULARY, NULL, error);
  self->workspace = self->tokens != NULL ? tn_workspace_open (workspace, error) : NULL;
  if (self->workspace == NULL)
    return FALSE;
  for (guint turn = 0; turn < TURNS && !tn_bench_cancelled (self->bench); turn++)
    for (guint i = 0; i < N_KINDS; i++)
      {
        Kind kind = (Kind) ((i + turn) % N_KINDS);

        if ((kind == METRICS && !metrics) || (kind == CHECKPOINT && !checkpoint))
          continue;
        if (!run (self, kind, error))
          return FALSE;
      }
  tn_bench_add (self->bench, "train_task_step_ms", 1e3 * add_up (self, PLAIN, tn_samples_median) / MEASURED,
                1e3 * add_up (self, PLAIN, tn_samples_min) / MEASURED, "ms", TN_GOAL_NONE, NAN, NAN);
  if (metrics)
    tn_bench_add (self->bench, "metrics_overhead", compare (self, METRICS, tn_samples_median) / MEASURED,
                  compare (self, METRICS, tn_samples_min) / MEASURED, "fraction", TN_GOAL_AT_MOST, 0.05, NAN);
  if (checkpoint)
    tn_bench_add (self->bench, "checkpoint_overhead", compare (self, CHECKPOINT, tn_samples_median) / INTERVAL,
                  compare (self, CHECKPOINT, tn_samples_min) / INTERVAL, "fraction", TN_GOAL_AT_MOST, 0.05, NAN);
  return TRUE;
}

void
tn_bench_train_task (TnBench *bench)
{
  Task self = {.bench = bench};
  g_autoptr (GError) error = NULL;

  if (!tn_made_files_init (&self.files, &error) || !measure (&self, &error))
    tn_bench_remark (bench, "metrics_overhead, checkpoint_overhead: %s", error->message);
  g_clear_pointer (&self.workspace, tn_workspace_unref);
  tn_made_files_clear (&self.files);
}
