/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tasks/turns.h"

#define LONGEST_WAIT_US G_USEC_PER_SEC
/* So soon a waiting job sees that it was cancelled. */
#define LOOK_US (20 * 1000)

static GMutex turns_lock;
static GCond turns_changed;
static GQueue turns_waiting = G_QUEUE_INIT; /* GThread, not owned */
static GThread *turns_holder;

/* With the lock held. */
static void
wait_for_turn (GCancellable *cancellable)
{
  GThread *self = g_thread_self ();
  gint64 end = g_get_monotonic_time () + LONGEST_WAIT_US;

  g_queue_push_tail (&turns_waiting, self);
  while (turns_holder != NULL || g_queue_peek_head (&turns_waiting) != self)
    {
      gint64 now = g_get_monotonic_time ();

      if (now >= end || g_cancellable_is_cancelled (cancellable))
        break;
      g_cond_wait_until (&turns_changed, &turns_lock, MIN (end, now + LOOK_US));
    }
  if (turns_holder == NULL && g_queue_peek_head (&turns_waiting) == self)
    turns_holder = self;
  g_queue_remove (&turns_waiting, self);
  g_cond_broadcast (&turns_changed);
}

void
tn_turn_take (GCancellable *cancellable)
{
  g_mutex_lock (&turns_lock);
  if (turns_holder != g_thread_self ())
    wait_for_turn (cancellable);
  g_mutex_unlock (&turns_lock);
}

void
tn_turn_release (void)
{
  g_mutex_lock (&turns_lock);
  if (turns_holder == g_thread_self ())
    {
      turns_holder = NULL;
      g_cond_broadcast (&turns_changed);
    }
  g_mutex_unlock (&turns_lock);
}

void
tn_turn_pass (GCancellable *cancellable)
{
  g_mutex_lock (&turns_lock);
  if (turns_holder == g_thread_self ())
    {
      if (!g_queue_is_empty (&turns_waiting))
        {
          turns_holder = NULL;
          g_cond_broadcast (&turns_changed);
          wait_for_turn (cancellable);
        }
    }
  else
    wait_for_turn (cancellable);
  g_mutex_unlock (&turns_lock);
}
