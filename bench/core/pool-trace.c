/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/core/pool-trace.h"

#include <stdlib.h>
#include <time.h>

#include "engine/random.h"

#define SMALL_BYTES ((gsize) 32 << 10)
#define PAGE_BYTES 4096
#define MOST_THREADS 8

typedef struct
{
  GMutex lock;
  GHashTable *slots;   /* of blocks that are held: block to slot + 1 */
  GHashTable *threads; /* set */
  GArray *free_slots;
  TnPoolTrace *trace;
} Recorder;

TnPoolTrace *
tn_pool_trace_new (void)
{
  TnPoolTrace *self = g_new0 (TnPoolTrace, 1);

  self->events = g_array_new (FALSE, FALSE, sizeof (TnPoolEvent));
  return self;
}

void
tn_pool_trace_free (TnPoolTrace *self)
{
  g_array_unref (self->events);
  g_free (self);
}

static void
add_block (TnPoolTrace *self, guint slot, gsize bytes, TnPurpose purpose)
{
  const TnPoolEvent event = {bytes, slot, purpose, FALSE};

  g_array_append_val (self->events, event);
  self->n_slots = MAX (self->n_slots, slot + 1);
  self->n_blocks++;
  self->n_small += bytes <= SMALL_BYTES;
  self->largest = MAX (self->largest, bytes);
}

static void
add_release (TnPoolTrace *self, guint slot)
{
  const TnPoolEvent event = {.slot = slot, .released = TRUE};

  g_array_append_val (self->events, event);
}

static void
record (TnPool *pool, const void *block, gsize bytes, TnPurpose purpose, gboolean released, gpointer user_data)
{
  Recorder *self = user_data;
  guint slot;

  g_mutex_lock (&self->lock);
  if (released)
    {
      slot = GPOINTER_TO_UINT (g_hash_table_lookup (self->slots, block));
      if (slot != 0)
        {
          slot--;
          add_release (self->trace, slot);
          g_array_append_val (self->free_slots, slot);
          g_hash_table_remove (self->slots, block);
        }
    }
  else
    {
      slot = self->trace->n_slots;
      if (self->free_slots->len > 0)
        {
          slot = g_array_index (self->free_slots, guint, self->free_slots->len - 1);
          g_array_set_size (self->free_slots, self->free_slots->len - 1);
        }
      add_block (self->trace, slot, bytes, purpose);
      g_hash_table_insert (self->slots, (gpointer) block, GUINT_TO_POINTER (slot + 1));
      g_hash_table_add (self->threads, g_thread_self ());
    }
  g_mutex_unlock (&self->lock);
}

TnPoolTrace *
tn_pool_trace_record (void (*work) (gpointer user_data), gpointer user_data)
{
  Recorder self = {
      .slots = g_hash_table_new (NULL, NULL),
      .threads = g_hash_table_new (NULL, NULL),
      .free_slots = g_array_new (FALSE, FALSE, sizeof (guint)),
      .trace = tn_pool_trace_new (),
  };
  GHashTableIter iter;
  gpointer slot;

  g_mutex_init (&self.lock);
  tn_pool_set_trace_func (tn_pool_default (), record, &self);
  work (user_data);
  tn_pool_set_trace_func (tn_pool_default (), NULL, NULL);
  g_hash_table_iter_init (&iter, self.slots);
  while (g_hash_table_iter_next (&iter, NULL, &slot))
    add_release (self.trace, GPOINTER_TO_UINT (slot) - 1);
  self.trace->n_threads = g_hash_table_size (self.threads);
  g_hash_table_unref (self.slots);
  g_hash_table_unref (self.threads);
  g_array_unref (self.free_slots);
  g_mutex_clear (&self.lock);
  return self.trace;
}

void
tn_pool_trace_append_small (TnPoolTrace *self, const TnPoolTrace *other)
{
  g_autofree gboolean *held = g_new0 (gboolean, MAX (other->n_slots, 1));

  for (guint i = 0; i < other->events->len; i++)
    {
      const TnPoolEvent *event = &g_array_index (other->events, TnPoolEvent, i);

      if (!event->released && event->bytes <= SMALL_BYTES)
        {
          held[event->slot] = TRUE;
          add_block (self, event->slot, event->bytes, event->purpose);
        }
      else if (event->released && held[event->slot])
        {
          held[event->slot] = FALSE;
          add_release (self, event->slot);
        }
    }
  self->n_threads = MAX (self->n_threads, other->n_threads);
}

TnPoolTrace *
tn_pool_trace_random (guint n_blocks, guint alive)
{
  TnPoolTrace *self = tn_pool_trace_new ();
  g_autofree gboolean *held = g_new0 (gboolean, alive);
  TnRandom random = tn_random_stream (1, "pool trace");

  while (self->n_blocks < n_blocks)
    {
      guint slot = (guint) tn_random_below (&random, alive);

      if (held[slot])
        add_release (self, slot);
      add_block (self, slot, 64 + (gsize) tn_random_below (&random, (guint64) 64 << tn_random_below (&random, 8)),
                 TN_PURPOSE_SCRATCH);
      held[slot] = TRUE;
    }
  for (guint slot = 0; slot < alive; slot++)
    if (held[slot])
      add_release (self, slot);
  return self;
}

typedef struct
{
  const TnPoolTrace *trace;
  TnAllocator allocator;
  TnPool *pool;
  guint repeats;
  gint *waiting; /* threads that have not started */
  double seconds;
} Replay;

static double
thread_seconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (double) now.tv_sec + (double) now.tv_nsec * 1e-9;
}

static inline void *
allocate (const Replay *self, gsize bytes, TnPurpose purpose)
{
  if (self->allocator == TN_ALLOCATOR_POOL)
    return tn_pool_alloc (self->pool, purpose, bytes, NULL);
  if (self->allocator == TN_ALLOCATOR_ALIGNED_ALLOC)
    return aligned_alloc (64, MAX ((bytes + 63) / 64 * 64, 64));
  return malloc (MAX (bytes, 1));
}

static inline void
release (const Replay *self, void *block)
{
  if (self->allocator == TN_ALLOCATOR_POOL)
    tn_pool_release (self->pool, block);
  else
    free (block);
}

static void
replay_once (const Replay *self, void **blocks)
{
  const TnPoolEvent *events = (const TnPoolEvent *) (gpointer) self->trace->events->data;

  for (guint i = 0; i < self->trace->events->len; i++)
    {
      const TnPoolEvent *event = &events[i];

      if (event->released)
        release (self, blocks[event->slot]);
      else
        {
          volatile guint8 *block = blocks[event->slot] = allocate (self, event->bytes, event->purpose);

          if (block == NULL)
            g_error ("the trace needs more memory than there is");
          /* A page and a line further: in steps of pages all would go to the same few sets of the caches. */
          for (gsize at = 0; at < (event->bytes <= SMALL_BYTES ? 1 : event->bytes); at += PAGE_BYTES + 64)
            block[at] = 1;
        }
    }
}

static gpointer
replay_thread (gpointer data)
{
  Replay *self = data;
  g_autofree void **blocks = g_new0 (void *, MAX (self->trace->n_slots, 1));
  double start;

  g_atomic_int_add (self->waiting, -1);
  while (g_atomic_int_get (self->waiting) > 0)
    g_thread_yield ();
  start = thread_seconds ();
  for (guint i = 0; i < self->repeats; i++)
    replay_once (self, blocks);
  self->seconds = (thread_seconds () - start) / self->repeats;
  return NULL;
}

double
tn_pool_trace_replay (const TnPoolTrace *self, TnAllocator allocator, TnPool *pool, guint n_threads, guint repeats)
{
  Replay replays[MOST_THREADS];
  GThread *threads[MOST_THREADS];
  gint waiting = (gint) n_threads;
  double slowest = 0.0;

  g_return_val_if_fail (n_threads > 0 && n_threads <= MOST_THREADS && repeats > 0, 0.0);

  for (guint i = 0; i < n_threads; i++)
    {
      replays[i] = (Replay){self, allocator, pool, repeats, &waiting, 0.0};
      threads[i] = g_thread_new ("replay", replay_thread, &replays[i]);
    }
  for (guint i = 0; i < n_threads; i++)
    {
      g_thread_join (threads[i]);
      slowest = MAX (slowest, replays[i].seconds);
    }
  return slowest;
}
