/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How long work speaks: filled in by jobs and commands, called by the engine
 * and data/ on the thread that does the work. Any pointer may be NULL. */
typedef struct
{
  /* done of total units ("sequences", "bytes", "tensors"); total <= 0: unknown. */
  void (*progress) (gpointer user_data, double done, double total, const char *unit);
  /* one point of a named series, e.g. ("loss", step, nats). */
  void (*metric) (gpointer user_data, const char *series, gint64 step, double value);
  /* something worth a line in the log; kind is "info", "warning" or "error". */
  void (*event) (gpointer user_data, const char *kind, const char *text);
  /* called at every batch boundary: blocks while paused, returns FALSE with
   * G_IO_ERROR_CANCELLED when the work has to end. */
  gboolean (*boundary) (gpointer user_data, GError **error);
  gpointer user_data;
  /* the work goes on from a state before: points of series from this step on are
   * void, and come anew. */
  void (*rewind) (gpointer user_data, gint64 first_step);
} TnListener;

void     tn_listener_progress (const TnListener *self, double done, double total, const char *unit);
void     tn_listener_metric   (const TnListener *self, const char *series, gint64 step, double value);
void     tn_listener_event    (const TnListener *self, const char *kind, const char *text);
void     tn_listener_rewind   (const TnListener *self, gint64 first_step);
/* TRUE when self is NULL or has no boundary call-back. */
gboolean tn_listener_boundary (const TnListener *self, GError **error);

G_END_DECLS
