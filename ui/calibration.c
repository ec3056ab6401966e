/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/calibration.h"

#include "engine/memory/pool.h"
#include "ui/site-survey.h"

#define LOOK_MS 250
/* What a look may cost, so that the calibration keeps the processor. */
#define BUDGET_US (100 * 1000)
/* The same once it has ended: long enough to get on, short enough that a site that is chosen meanwhile does not wait. */
#define FINAL_BUDGET_US (300 * 1000)
#define REST_FACTOR 3
/* Between the numbers of the table and the figure of the chosen site: both in one frame make it late. */
#define FRAME_GAP_MS 30

struct _TnCalibration
{
  GObject parent_instance;
  TnJob *job; /* NULL for statistics that were loaded */
  char *title;
  TnCalibrateOptions *options; /* NULL, likewise */
  TnCalibrateResult result;
  gsize memory_limit;
  char *data_name;
  char *error;
  GListStore *sites;
  char *chosen;
  TnSiteStats *site; /* the chosen one at the last look */
  TnChannelMap *channels;
  GPtrArray *histories; /* TnSiteHistory of each site */
  gboolean running;
  /* Looking: */
  guint timer;
  guint announcing; /* the chosen site is about to be drawn again */
  gboolean surveying;
  gboolean again;    /* something to look at came up meanwhile */
  gboolean final;    /* the final statistics are surveyed */
  guint left;        /* of their sites: still to be searched */
  guint next;
  guint version;
  gint64 not_before_us;
};

enum
{
  CHANGED,
  SITES_CHANGED,
  SITE_CHANGED,
  EVENT,
  FINISHED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (TnCalibration, tn_calibration, G_TYPE_OBJECT)

static void
tn_calibration_finalize (GObject *object)
{
  TnCalibration *self = TN_CALIBRATION (object);

  g_clear_handle_id (&self->timer, g_source_remove);
  g_clear_handle_id (&self->announcing, g_source_remove);
  g_clear_object (&self->job);
  g_free (self->title);
  tn_calibrate_options_free (self->options);
  tn_calibrate_result_clear (&self->result);
  g_clear_object (&self->sites);
  g_clear_pointer (&self->site, tn_site_stats_free);
  g_clear_pointer (&self->channels, tn_channel_map_free);
  g_ptr_array_unref (self->histories);
  g_free (self->chosen);
  g_free (self->error);
  g_free (self->data_name);
  G_OBJECT_CLASS (tn_calibration_parent_class)->finalize (object);
}

static void
tn_calibration_class_init (TnCalibrationClass *klass)
{
  GType type = G_TYPE_FROM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = tn_calibration_finalize;

  signals[CHANGED] = g_signal_new ("changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[SITES_CHANGED] = g_signal_new ("sites-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[SITE_CHANGED] = g_signal_new ("site-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[EVENT] = g_signal_new ("event", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  signals[FINISHED] = g_signal_new ("finished", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
tn_calibration_init (TnCalibration *self)
{
  self->sites = g_list_store_new (TN_TYPE_SITE_ROW);
  self->histories = g_ptr_array_new_with_free_func (g_free);
}

typedef struct
{
  TnJob *job;     /* running: its snapshot is surveyed */
  TnStats *stats; /* ended: these are */
  char *chosen;
  guint next;
  gint64 budget_us;
} SurveyTask;

static void
survey_task_free (gpointer pointer)
{
  SurveyTask *self = pointer;

  g_clear_object (&self->job);
  g_clear_pointer (&self->stats, tn_stats_unref);
  g_free (self->chosen);
  g_free (self);
}

static void
survey_on_worker (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  SurveyTask *survey = task_data;
  gint64 start = g_get_monotonic_time ();
  g_autoptr (TnStats) stats = survey->stats != NULL ? tn_stats_ref (survey->stats) : tn_calibrate_job_snapshot (survey->job);
  TnSiteSurvey *found = NULL;

  if (stats != NULL)
    {
      found = tn_site_survey_new (stats, survey->chosen, survey->next, survey->budget_us, NULL);
      found->took_us = g_get_monotonic_time () - start;
    }
  g_task_return_pointer (task, found, (GDestroyNotify) tn_site_survey_free);
}

static void
extend_histories (TnCalibration *self, const TnSiteSurvey *survey)
{
  while (self->histories->len < survey->findings->len)
    g_ptr_array_add (self->histories, g_new0 (TnSiteHistory, 1));
  for (guint i = 0; i < survey->findings->len; i++)
    tn_site_history_add (g_ptr_array_index (self->histories, i), (double) survey->samples,
                         ((TnSiteFindings *) g_ptr_array_index (survey->findings, i))->points);
}

static gboolean
on_announce (gpointer user_data)
{
  TnCalibration *self = user_data;

  self->announcing = 0;
  g_signal_emit (self, signals[SITE_CHANGED], 0);
  return G_SOURCE_REMOVE;
}

static void
adopt_findings (TnCalibration *self, TnSiteSurvey *survey)
{
  double tolerance = tn_calibrate_options_get_settled_tolerance (self->options);

  for (guint i = 0; i < survey->findings->len; i++)
    ((TnSiteFindings *) g_ptr_array_index (survey->findings, i))->tolerance = tolerance;
  if (g_list_model_get_n_items (G_LIST_MODEL (self->sites)) != survey->findings->len)
    {
      g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func (g_object_unref);

      for (guint i = 0; i < survey->findings->len; i++)
        g_ptr_array_add (rows, tn_site_row_new (g_ptr_array_index (survey->findings, i), i));
      g_list_store_splice (self->sites, 0, g_list_model_get_n_items (G_LIST_MODEL (self->sites)), rows->pdata, rows->len);
    }
  else
    for (guint i = 0; i < survey->findings->len; i++)
      {
        g_autoptr (TnSiteRow) row = g_list_model_get_item (G_LIST_MODEL (self->sites), i);

        tn_site_row_update (row, g_ptr_array_index (survey->findings, i));
      }
  extend_histories (self, survey);
  g_signal_emit (self, signals[SITES_CHANGED], 0);

  if (survey->site != NULL && g_strcmp0 (survey->chosen, self->chosen) == 0)
    {
      g_clear_pointer (&self->site, tn_site_stats_free);
      g_clear_pointer (&self->channels, tn_channel_map_free);
      self->site = g_steal_pointer (&survey->site);
      self->channels = g_steal_pointer (&survey->channels);
      if (self->announcing == 0)
        self->announcing = g_timeout_add (FRAME_GAP_MS, on_announce, self);
    }
}

static void survey (TnCalibration *self);

static void
on_surveyed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TnCalibration *self = TN_CALIBRATION (source);
  g_autoptr (TnSiteSurvey) found = g_task_propagate_pointer (G_TASK (result), NULL);

  self->surveying = FALSE;
  if (found != NULL)
    {
      self->next = found->next;
      if (self->final)
        {
          self->left -= MIN (self->left, found->n_searched);
          self->again = self->again || self->left > 0;
        }
      self->not_before_us = g_get_monotonic_time () + REST_FACTOR * found->took_us;
      adopt_findings (self, found);
      if (self->final)
        g_signal_emit (self, signals[CHANGED], 0);
    }
  if (self->again)
    survey (self);
}

static void
survey (TnCalibration *self)
{
  SurveyTask *data;
  g_autoptr (GTask) task = NULL;

  self->again = self->surveying;
  if (self->surveying || (!self->running && self->result.stats == NULL))
    return;
  data = g_new0 (SurveyTask, 1);
  data->job = self->job != NULL ? g_object_ref (self->job) : NULL;
  data->stats = !self->running && self->result.stats != NULL ? tn_stats_ref (self->result.stats) : NULL;
  data->chosen = g_strdup (self->chosen);
  data->next = self->next;
  if (data->stats != NULL && !self->final)
    {
      self->final = TRUE;
      self->left = data->stats->sites->len;
    }
  /* The chosen site always is searched. */
  data->budget_us = !self->final ? BUDGET_US : self->left > 0 ? FINAL_BUDGET_US : 1;
  self->surveying = TRUE;
  self->version = self->job != NULL ? tn_calibrate_job_version (self->job) : 0;
  task = g_task_new (self, NULL, on_surveyed, NULL);
  g_task_set_task_data (task, data, survey_task_free);
  g_task_run_in_thread (task, survey_on_worker);
}

static gboolean
on_look (gpointer user_data)
{
  TnCalibration *self = user_data;

  if (!self->surveying && tn_calibrate_job_version (self->job) != self->version && g_get_monotonic_time () >= self->not_before_us)
    survey (self);
  g_signal_emit (self, signals[CHANGED], 0);
  return G_SOURCE_CONTINUE;
}

static void
on_job_event (TnCalibration *self, const char *kind, const char *text)
{
  g_signal_emit (self, signals[EVENT], 0, text);
}

static void
on_job_finished (TnCalibration *self)
{
  g_autoptr (GError) error = tn_job_dup_error (self->job);

  self->running = FALSE;
  g_clear_handle_id (&self->timer, g_source_remove);
  if (error != NULL)
    self->error = g_strdup (error->message);
  if (self->memory_limit > 0)
    tn_pool_set_budget (tn_pool_default (), 0);
  survey (self);
  g_signal_emit (self, signals[CHANGED], 0);
  g_signal_emit (self, signals[FINISHED], 0);
  g_object_unref (self); /* of tn_calibration_start() */
}

static char *
join_base_names (char **paths)
{
  GString *names = g_string_new (NULL);

  for (char **path = paths; *path != NULL; path++)
    {
      g_autofree char *name = g_path_get_basename (*path);

      g_string_append_printf (names, "%s%s", names->len > 0 ? "," : "", name);
    }
  return g_string_free (names, FALSE);
}

TnCalibration *
tn_calibration_new (const TnCalibrateOptions *options, TnWorkspace *workspace)
{
  TnCalibration *self = g_object_new (TN_TYPE_CALIBRATION, NULL);

  self->options = tn_calibrate_options_copy (options);
  self->memory_limit = options->memory_limit;
  self->data_name = join_base_names (options->tensor_paths != NULL ? options->tensor_paths : options->data_paths);
  self->job = tn_calibrate_job_new (options, workspace, &self->result);
  g_signal_connect_swapped (self->job, "event", G_CALLBACK (on_job_event), self);
  g_signal_connect_swapped (self->job, "finished", G_CALLBACK (on_job_finished), self);
  return self;
}

TnCalibration *
tn_calibration_new_loaded (const char *path, TnStats *stats, guint64 bytes)
{
  TnCalibration *self = g_object_new (TN_TYPE_CALIBRATION, NULL);

  self->title = g_filename_display_basename (path);
  self->data_name = g_strdup (self->title);
  self->result = (TnCalibrateResult){.out = g_strdup (path),
                                     .samples = stats->samples,
                                     .tokens = stats->tokens,
                                     .sites = stats->sites->len,
                                     .stats_bytes = bytes,
                                     .stats = tn_stats_ref (stats)};
  survey (self);
  return self;
}

gboolean
tn_calibration_is_loaded (TnCalibration *self)
{
  g_return_val_if_fail (TN_IS_CALIBRATION (self), FALSE);

  return self->job == NULL;
}

const TnCalibrateOptions *
tn_calibration_get_options (TnCalibration *self)
{
  g_return_val_if_fail (TN_IS_CALIBRATION (self), NULL);

  return self->options;
}

void
tn_calibration_start (TnCalibration *self)
{
  g_return_if_fail (TN_IS_CALIBRATION (self));
  g_return_if_fail (self->job != NULL);
  g_return_if_fail (!self->running);

  /* The job writes into self until it has finished. */
  g_object_ref (self);
  self->running = TRUE;
  if (self->memory_limit > 0)
    tn_pool_set_budget (tn_pool_default (), self->memory_limit);
  self->timer = g_timeout_add (LOOK_MS, on_look, self);
  tn_job_start (self->job);
  g_signal_emit (self, signals[CHANGED], 0);
}

void
tn_calibration_pause (TnCalibration *self)
{
  g_return_if_fail (TN_IS_CALIBRATION (self));

  tn_job_pause (self->job);
}

void
tn_calibration_resume (TnCalibration *self)
{
  g_return_if_fail (TN_IS_CALIBRATION (self));

  tn_job_resume (self->job);
}

void
tn_calibration_cancel (TnCalibration *self)
{
  g_return_if_fail (TN_IS_CALIBRATION (self));

  tn_job_cancel (self->job);
}

gboolean
tn_calibration_is_running (TnCalibration *self)
{
  g_return_val_if_fail (TN_IS_CALIBRATION (self), FALSE);

  return self->running;
}

void
tn_calibration_get_progress (TnCalibration *self, TnJobProgress *progress)
{
  g_return_if_fail (TN_IS_CALIBRATION (self));

  if (self->job != NULL)
    tn_job_get_progress (self->job, progress);
  else
    *progress = (TnJobProgress){.state = TN_JOB_DONE};
}

gboolean
tn_calibration_is_searching (TnCalibration *self)
{
  g_return_val_if_fail (TN_IS_CALIBRATION (self), FALSE);

  return self->running || (self->result.stats != NULL && (!self->final || self->left > 0));
}

guint
tn_calibration_get_n_unsearched (TnCalibration *self)
{
  g_return_val_if_fail (TN_IS_CALIBRATION (self), 0);

  return self->final && self->left < self->result.stats->sites->len ? self->left : 0;
}

const char *
tn_calibration_get_title (TnCalibration *self)
{
  g_return_val_if_fail (TN_IS_CALIBRATION (self), NULL);

  return self->job != NULL ? tn_job_get_title (self->job) : self->title;
}

const char *
tn_calibration_get_data_name (TnCalibration *self)
{
  g_return_val_if_fail (TN_IS_CALIBRATION (self), NULL);

  return self->data_name;
}

const char *
tn_calibration_get_error (TnCalibration *self)
{
  g_return_val_if_fail (TN_IS_CALIBRATION (self), NULL);

  return self->error;
}

GListModel *
tn_calibration_get_sites (TnCalibration *self)
{
  g_return_val_if_fail (TN_IS_CALIBRATION (self), NULL);

  return G_LIST_MODEL (self->sites);
}

void
tn_calibration_choose_site (TnCalibration *self, const char *name)
{
  g_return_if_fail (TN_IS_CALIBRATION (self));

  if (g_strcmp0 (name, self->chosen) == 0)
    return;
  g_free (self->chosen);
  self->chosen = g_strdup (name);
  survey (self);
}

/* The place of the chosen site in the list as it was at the last look; FALSE when there is none. */
static gboolean
find_site (TnCalibration *self, guint *place, TnSiteRow **row)
{
  for (guint i = 0; self->site != NULL && i < g_list_model_get_n_items (G_LIST_MODEL (self->sites)); i++)
    {
      g_autoptr (TnSiteRow) candidate = g_list_model_get_item (G_LIST_MODEL (self->sites), i);

      if (g_strcmp0 (tn_site_row_get_findings (candidate)->name, self->site->name) != 0)
        continue;
      *place = i;
      *row = candidate; /* the list keeps it */
      return TRUE;
    }
  return FALSE;
}

const TnSiteStats *
tn_calibration_get_site (TnCalibration *self, TnSiteRow **row)
{
  guint place;

  g_return_val_if_fail (TN_IS_CALIBRATION (self), NULL);

  *row = NULL;
  return find_site (self, &place, row) ? self->site : NULL;
}

const TnChannelMap *
tn_calibration_get_channels (TnCalibration *self)
{
  g_return_val_if_fail (TN_IS_CALIBRATION (self), NULL);

  return self->channels;
}

const TnSiteHistory *
tn_calibration_get_history (TnCalibration *self)
{
  TnSiteRow *row;
  guint place;

  g_return_val_if_fail (TN_IS_CALIBRATION (self), NULL);

  return self->job != NULL && find_site (self, &place, &row) ? g_ptr_array_index (self->histories, place) : NULL;
}

const TnCalibrateResult *
tn_calibration_get_result (TnCalibration *self)
{
  g_return_val_if_fail (TN_IS_CALIBRATION (self), NULL);

  return !self->running && self->result.stats != NULL ? &self->result : NULL;
}
