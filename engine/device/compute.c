/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <omp.h>
#include <sys/resource.h>

#include "engine/device/device.h"

#define NICENESS 10

typedef struct
{
  TnComputeFunc func;
  gpointer user_data;
  gboolean done;
} Request;

static GMutex mutex; /* of the fields below */
static GCond arrived;
static GCond finished;
static GQueue requests = G_QUEUE_INIT;
static GThread *compute_thread = NULL;

/* The system keeps the priority by thread, and a new thread inherits it: the OpenMP team that the first parallel
 * region starts here runs at this priority too. */
static void
lower_priority (void)
{
  int current;

  errno = 0;
  current = getpriority (PRIO_PROCESS, 0);
  if (errno == 0 && setpriority (PRIO_PROCESS, 0, MIN (current + NICENESS, 19)) != 0)
    g_debug ("the compute thread keeps its priority: %s", g_strerror (errno));
}

static gpointer
compute_main (gpointer data)
{
  lower_priority ();
  for (;;)
    {
      Request *request;

      g_mutex_lock (&mutex);
      while ((request = g_queue_pop_head (&requests)) == NULL)
        g_cond_wait (&arrived, &mutex);
      g_mutex_unlock (&mutex);

      omp_set_num_threads ((int) tn_device_get_threads ());
      request->func (request->user_data);

      g_mutex_lock (&mutex);
      request->done = TRUE;
      g_cond_broadcast (&finished);
      g_mutex_unlock (&mutex);
    }
  return NULL;
}

void
tn_compute_run (TnComputeFunc func, gpointer user_data)
{
  Request request = {func, user_data, FALSE};

  g_mutex_lock (&mutex);
  if (compute_thread == NULL)
    compute_thread = g_thread_new ("compute", compute_main, NULL);
  if (compute_thread == g_thread_self ())
    {
      g_mutex_unlock (&mutex);
      func (user_data);
      return;
    }
  g_queue_push_tail (&requests, &request);
  g_cond_signal (&arrived);
  while (!request.done)
    g_cond_wait (&finished, &mutex);
  g_mutex_unlock (&mutex);
}
