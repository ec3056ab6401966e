/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/frame-times.h"

#define REPORT_US (5 * G_USEC_PER_SEC)

typedef struct
{
  GArray *intervals; /* double, milliseconds */
  gint64 last_us, reported_us;
} FrameTimes;

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

static void
report (FrameTimes *self)
{
  guint n = self->intervals->len;

  if (n == 0)
    return;
  g_array_sort (self->intervals, compare_doubles);
  g_print ("frames %u  median %.1f ms  p95 %.1f ms  p99 %.1f ms  worst %.1f ms\n", n,
           g_array_index (self->intervals, double, n / 2), g_array_index (self->intervals, double, n * 95 / 100),
           g_array_index (self->intervals, double, n * 99 / 100), g_array_index (self->intervals, double, n - 1));
  g_array_set_size (self->intervals, 0);
}

static gboolean
on_tick (GtkWidget *widget, GdkFrameClock *clock, gpointer user_data)
{
  FrameTimes *self = user_data;
  gint64 now = g_get_monotonic_time ();

  if (self->last_us != 0)
    {
      double interval = (double) (now - self->last_us) / 1000;

      g_array_append_val (self->intervals, interval);
    }
  self->last_us = now;
  if (now - self->reported_us > REPORT_US)
    {
      report (self);
      self->reported_us = now;
    }
  return G_SOURCE_CONTINUE;
}

static void
frame_times_free (gpointer pointer)
{
  FrameTimes *self = pointer;

  report (self);
  g_array_unref (self->intervals);
  g_free (self);
}

void
tn_frame_times_watch (GtkWidget *window)
{
  FrameTimes *self = g_new0 (FrameTimes, 1);

  self->intervals = g_array_new (FALSE, FALSE, sizeof (double));
  self->reported_us = g_get_monotonic_time ();
  gtk_widget_add_tick_callback (window, on_tick, self, frame_times_free);
}
