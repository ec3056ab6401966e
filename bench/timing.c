/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/timing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void
tn_samples_add (TnSamples *self, double value)
{
  g_return_if_fail (self->n < TN_SAMPLES_MOST);

  self->values[self->n++] = value;
}

static int
compare (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

double
tn_samples_median (const TnSamples *self)
{
  double sorted[TN_SAMPLES_MOST];

  if (self->n == 0)
    return NAN;
  memcpy (sorted, self->values, self->n * sizeof *sorted);
  qsort (sorted, self->n, sizeof *sorted, compare);
  return 0.5 * (sorted[(self->n - 1) / 2] + sorted[self->n / 2]);
}

double
tn_samples_min (const TnSamples *self)
{
  double least = NAN;

  for (guint i = 0; i < self->n; i++)
    least = fmin (least, self->values[i]);
  return least;
}

double
tn_samples_max (const TnSamples *self)
{
  double most = NAN;

  for (guint i = 0; i < self->n; i++)
    most = fmax (most, self->values[i]);
  return most;
}

double
tn_time_now (void)
{
  return (double) g_get_monotonic_time () * 1e-6;
}

static double
read_clock (clockid_t clock)
{
  struct timespec now;

  clock_gettime (clock, &now);
  return (double) now.tv_sec + 1e-9 * (double) now.tv_nsec;
}

double
tn_time_thread_now (void)
{
  return read_clock (CLOCK_THREAD_CPUTIME_ID);
}

double
tn_time_process_now (void)
{
  return read_clock (CLOCK_PROCESS_CPUTIME_ID);
}

static double
time_calls (TnTimedFunc func, gpointer user_data, double least_seconds, double (*get_now) (void))
{
  double start = get_now (), elapsed;
  guint calls = 0;

  do
    {
      func (user_data);
      calls++;
      elapsed = get_now () - start;
    }
  while (elapsed < least_seconds);
  return elapsed / calls;
}

double
tn_time_calls (TnTimedFunc func, gpointer user_data, double least_seconds)
{
  return time_calls (func, user_data, least_seconds, tn_time_now);
}

double
tn_time_calls_alone (TnTimedFunc func, gpointer user_data, double least_seconds)
{
  return time_calls (func, user_data, least_seconds, tn_time_thread_now);
}
