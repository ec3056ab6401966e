/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/event-listener.h"

#define FLUSH_US (2 * G_USEC_PER_SEC)

static void
say (TnEventListener *self, GError *error)
{
  if (!self->said)
    tn_listener_event (self->next, "warning", error->message);
  self->said = TRUE;
  g_error_free (error);
}

static void
on_progress (gpointer user_data, double done, double total, const char *unit)
{
  tn_listener_progress (((TnEventListener *) user_data)->next, done, total, unit);
}

static void
on_metric (gpointer user_data, const char *series, gint64 step, double value)
{
  TnEventListener *self = user_data;
  GError *error = NULL;

  tn_listener_metric (self->next, series, step, value);
  if (!tn_event_file_add_scalar (self->file, series, step, (double) g_get_real_time () / G_USEC_PER_SEC, value, &error))
    say (self, error);
}

static void
on_event (gpointer user_data, const char *kind, const char *text)
{
  tn_listener_event (((TnEventListener *) user_data)->next, kind, text);
}

static gboolean
on_boundary (gpointer user_data, GError **error)
{
  TnEventListener *self = user_data;
  gint64 now = g_get_monotonic_time ();
  GError *local = NULL;

  if (now - self->flushed_us >= FLUSH_US)
    {
      self->flushed_us = now;
      if (!tn_event_file_flush (self->file, &local))
        say (self, local);
    }
  return tn_listener_boundary (self->next, error);
}

static void
on_rewind (gpointer user_data, gint64 first_step)
{
  TnEventListener *self = user_data;
  GError *error = NULL;

  tn_listener_rewind (self->next, first_step);
  if (!tn_event_file_rewind (self->file, first_step, (double) g_get_real_time () / G_USEC_PER_SEC, &error))
    say (self, error);
}

gboolean
tn_event_listener_begin (TnEventListener *self, const TnListener *next, const char *folder, gint64 first_step, GError **error)
{
  *self = (TnEventListener){
      .listener = {.progress = on_progress,
                   .metric = on_metric,
                   .event = on_event,
                   .boundary = on_boundary,
                   .rewind = on_rewind,
                   .user_data = self},
      .next = next,
      .flushed_us = g_get_monotonic_time (),
  };
  self->file = tn_event_file_create (folder, (double) g_get_real_time () / G_USEC_PER_SEC, first_step, error);
  return self->file != NULL;
}

void
tn_event_listener_clear (TnEventListener *self)
{
  GError *error = NULL;

  if (self->file != NULL && !tn_event_file_flush (self->file, &error))
    say (self, error);
  g_clear_pointer (&self->file, tn_event_file_free);
}
