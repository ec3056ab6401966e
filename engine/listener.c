/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/listener.h"

void
tn_listener_progress (const TnListener *self, double done, double total, const char *unit)
{
  if (self != NULL && self->progress != NULL)
    self->progress (self->user_data, done, total, unit);
}

void
tn_listener_metric (const TnListener *self, const char *series, gint64 step, double value)
{
  if (self != NULL && self->metric != NULL)
    self->metric (self->user_data, series, step, value);
}

void
tn_listener_event (const TnListener *self, const char *kind, const char *text)
{
  if (self != NULL && self->event != NULL)
    self->event (self->user_data, kind, text);
}

void
tn_listener_rewind (const TnListener *self, gint64 first_step)
{
  if (self != NULL && self->rewind != NULL)
    self->rewind (self->user_data, first_step);
}

gboolean
tn_listener_boundary (const TnListener *self, GError **error)
{
  if (self != NULL && self->boundary != NULL)
    return self->boundary (self->user_data, error);
  return TRUE;
}
