/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/frame-times.h"

#include <time.h>

#define REPORT_US (5 * G_USEC_PER_SEC)

typedef struct
{
  GArray *intervals; /* double, milliseconds */
  GArray *work;      /* of these: on the processor */
  gint64 last_us, last_work_us, reported_us;
} FrameTimes;

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

static void
print_and_clear (const char *name, GArray *times)
{
  guint n = times->len;

  if (n == 0)
    return;
  g_array_sort (times, compare_doubles);
  g_print ("%s %u  median %.1f ms  p95 %.1f ms  p99 %.1f ms  worst %.1f ms\n", name, n, g_array_index (times, double, n / 2),
           g_array_index (times, double, n * 95 / 100), g_array_index (times, double, n * 99 / 100),
           g_array_index (times, double, n - 1));
  g_array_set_size (times, 0);
}

static void
report (FrameTimes *self)
{
  print_and_clear ("frames", self->intervals);
  print_and_clear ("work", self->work);
}

/* What a frame costs does not depend on who else wants the processor, as the time between frames does. */
static gint64
get_work_us (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static gboolean
on_tick (GtkWidget *widget, GdkFrameClock *clock, gpointer user_data)
{
  FrameTimes *self = user_data;
  gint64 now = g_get_monotonic_time (), work = get_work_us ();

  if (self->last_us != 0)
    {
      double interval = (double) (now - self->last_us) / 1000, busy = (double) (work - self->last_work_us) / 1000;

      g_array_append_val (self->intervals, interval);
      g_array_append_val (self->work, busy);
    }
  self->last_us = now;
  self->last_work_us = work;
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
  g_array_unref (self->work);
  g_free (self);
}

void
tn_frame_times_watch (GtkWidget *window)
{
  FrameTimes *self = g_new0 (FrameTimes, 1);

  self->intervals = g_array_new (FALSE, FALSE, sizeof (double));
  self->work = g_array_new (FALSE, FALSE, sizeof (double));
  self->reported_us = g_get_monotonic_time ();
  gtk_widget_add_tick_callback (window, on_tick, self, frame_times_free);
}
