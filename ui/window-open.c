/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>

#include "data/analysis/analysis-file.h"
#include "data/statistics/stats-file.h"
#include "ui/window-private.h"

typedef enum
{
  HOLDS_OTHER,
  HOLDS_STATISTICS,
  HOLDS_ANALYSIS
} Holds;

/* What becomes of a file that holds neither statistics nor an analysis. */
typedef void (*Otherwise) (TnWindow *self, const char *path);

typedef struct
{
  char *path;
  Otherwise otherwise;
} Opening;

static void
opening_free (gpointer pointer)
{
  Opening *self = pointer;

  g_free (self->path);
  g_free (self);
}

static void
open_statistics (TnWindow *self, const char *path)
{
  if (tn_session_is_calibrating (self->session))
    {
      tn_session_notice (self->session, _ ("Statistics can be opened when the calibration has ended"));
      return;
    }
  tn_window_show_page (self, "calibration");
  tn_session_open_statistics (self->session, path);
}

static void
open_analysis (TnWindow *self, const char *path)
{
  if (tn_session_is_analyzing (self->session))
    {
      tn_session_notice (self->session, _ ("An analysis can be opened when the one that is being made has ended"));
      return;
    }
  tn_window_show_page (self, "sensitivity");
  tn_session_open_analysis (self->session, path);
}

static void
open_model (TnWindow *self, const char *path)
{
  tn_window_show_page (self, "layers");
  tn_session_open (self->session, path);
}

void
tn_window_add_data (TnWindow *self, const char *path)
{
  const char *page = adw_view_stack_get_visible_child_name (self->pages);

  if (g_strcmp0 (page, "training") == 0)
    tn_training_page_add_data (self->training_page, path);
  else if (g_strcmp0 (page, "sensitivity") == 0)
    tn_sensitivity_page_add_data (self->sensitivity_page, path);
  else
    tn_calibration_page_add_data (self->calibration_page, path);
}

static void
recognise_on_worker (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  const char *path = ((Opening *) task_data)->path;

  g_task_return_int (task, tn_stats_recognise (path)      ? HOLDS_STATISTICS
                           : tn_analysis_recognise (path) ? HOLDS_ANALYSIS
                                                          : HOLDS_OTHER);
}

static void
on_recognised (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TnWindow *self = TN_WINDOW (source);
  Opening *opening = g_task_get_task_data (G_TASK (result));
  g_autoptr (GError) error = NULL;
  gssize holds = g_task_propagate_int (G_TASK (result), &error);

  if (error != NULL) /* something else is opened instead, or the window is gone */
    return;
  if (holds == HOLDS_STATISTICS)
    open_statistics (self, opening->path);
  else if (holds == HOLDS_ANALYSIS)
    open_analysis (self, opening->path);
  else
    opening->otherwise (self, opening->path);
}

static void
recognise (TnWindow *self, const char *path, Otherwise otherwise)
{
  g_autoptr (GTask) task = g_task_new (self, self->recognising, on_recognised, NULL);
  Opening *opening = g_new0 (Opening, 1);

  *opening = (Opening){.path = g_canonicalize_filename (path, NULL), .otherwise = otherwise};
  g_task_set_task_data (task, opening, opening_free);
  g_task_run_in_thread (task, recognise_on_worker);
}

void
tn_window_forget_opening (TnWindow *self)
{
  if (self->recognising != NULL)
    g_cancellable_cancel (self->recognising);
  g_clear_object (&self->recognising);
}

void
tn_window_open (TnWindow *self, const char *path)
{
  g_return_if_fail (TN_IS_WINDOW (self));

  tn_window_forget_opening (self);
  self->recognising = g_cancellable_new ();
  recognise (self, path, open_model);
}

void
tn_window_open_or_add (TnWindow *self, const char *path)
{
  if (self->recognising == NULL)
    self->recognising = g_cancellable_new ();
  recognise (self, path, tn_window_add_data);
}
