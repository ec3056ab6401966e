/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/bench.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "engine/device/device.h"
#include "engine/error.h"

struct _TnBench
{
  const char *const *names;
  const TnBenchEntry *entry;
  GPtrArray *figures;
  TnFigureFunc listener;
  gpointer user_data;
  GCancellable *cancellable;
};

static void
figure_free (gpointer pointer)
{
  TnFigure *self = pointer;

  g_free (self->name);
  g_free (self);
}

gboolean
tn_figure_passes (const TnFigure *self)
{
  return self->goal == TN_GOAL_NONE ||
         (self->goal == TN_GOAL_AT_LEAST ? self->value >= self->target : self->value <= self->target);
}

gboolean
tn_bench_wants (TnBench *self, const char *name)
{
  if (self->names == NULL || self->names[0] == NULL)
    return TRUE;
  for (guint i = 0; self->names[i] != NULL; i++)
    if (g_str_has_prefix (name, self->names[i]))
      return TRUE;
  return FALSE;
}

gboolean
tn_bench_cancelled (TnBench *self)
{
  return g_cancellable_is_cancelled (self->cancellable);
}

void
tn_bench_add (TnBench *self, const char *name, double value, double best, const char *unit, TnGoal goal, double target, double limit)
{
  TnFigure *figure;

  if (!tn_bench_wants (self, name) || tn_bench_cancelled (self))
    return;
  figure = g_new (TnFigure, 1);
  *figure = (TnFigure){g_strdup (name), value, best, unit, goal, goal == TN_GOAL_NONE ? NAN : target, limit};
  g_ptr_array_add (self->figures, figure);
  if (self->listener != NULL)
    self->listener (figure, self->user_data);
}

void
tn_bench_remark (TnBench *self, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list list;

  va_start (list, format);
  text = g_strdup_vprintf (format, list);
  va_end (list);
  g_printerr ("# %s\n", text);
}

/* Whether the entry fills a figure that begins like a wanted name, or a wanted name goes on from the beginning it states. */
static gboolean
entry_is_wanted (const TnBenchEntry *entry, const char *group, const char *const *names)
{
  if (group != NULL && strcmp (group, entry->group) != 0)
    return FALSE;
  if (names == NULL || names[0] == NULL)
    return TRUE;
  for (guint i = 0; names[i] != NULL; i++)
    for (guint j = 0; j < G_N_ELEMENTS (entry->figures) && entry->figures[j] != NULL; j++)
      if (g_str_has_prefix (entry->figures[j], names[i]) || g_str_has_prefix (names[i], entry->figures[j]))
        return TRUE;
  return FALSE;
}

static void
run_entry (gpointer user_data)
{
  TnBench *self = user_data;

  self->entry->run (self);
}

GPtrArray *
tn_bench_run (const char *group, const char *const *names, TnFigureFunc listener, gpointer user_data, GCancellable *cancellable,
              GError **error)
{
  g_autoptr (GPtrArray) figures = g_ptr_array_new_with_free_func (figure_free);
  TnBench self = {.names = names, .figures = figures, .listener = listener, .user_data = user_data, .cancellable = cancellable};
  guint n, n_run = 0;
  const TnBenchEntry *entries = tn_bench_entries (&n);

  for (guint i = 0; i < n; i++)
    {
      if (!entry_is_wanted (&entries[i], group, names))
        continue;
      self.entry = &entries[i];
      n_run++;
      tn_compute_run (run_entry, &self);
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return NULL;
    }
  if (n_run == 0)
    {
      if (group != NULL && (names == NULL || names[0] == NULL))
        g_set_error (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("there are no figures of %s yet; ternion bench --list shows all"), group);
      else
        g_set_error_literal (error, TN_ERROR, TN_ERROR_ARGUMENT, _ ("no figure has such a name; ternion bench --list shows all"));
      return NULL;
    }
  return g_steal_pointer (&figures);
}
