/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "data/training/event-file.h"
#include "engine/listener.h"

G_BEGIN_DECLS

/* A listener that hands everything on to another one, and writes the points of series into an event file for TensorBoard. What cannot be written is said once
 * and lost; the work goes on. On the thread that does the work. */
typedef struct
{
  TnListener        listener; /* to be given to the work */
  const TnListener *next;
  TnEventFile      *file;     /* NULL: not begun */
  gint64            flushed_us;
  gboolean          said;
} TnEventListener;

/* folder and first_step: as for tn_event_file_create(). */
gboolean tn_event_listener_begin (TnEventListener *self, const TnListener *next, const char *folder, gint64 first_step, GError **error);
/* Writes what is left. */
void     tn_event_listener_clear (TnEventListener *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TnEventListener, tn_event_listener_clear)

G_END_DECLS
