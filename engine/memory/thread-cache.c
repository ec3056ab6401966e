/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/memory/thread-cache.h"

#include <sched.h>
#include <string.h>

#include "engine/memory/poison.h"
#include "engine/memory/pool-private.h"

/* A thread tells what it holds for a purpose when that has changed by so much. */
#define TELL_BYTES ((gssize) 64 << 10)
/* Pools a thread finds its cache of without a lock. */
#define RECENT_POOLS 4
#define SPINS 64

typedef struct
{
  guint n, most;
  gsize bytes; /* of a block */
  TnFreeBlock blocks[TN_MAGAZINE_MOST];
} Magazine;

struct _TnThreadCache
{
  _Atomic gboolean locked; /* over all below but owner and next */
  gboolean held_more;      /* than the peak knows of, perhaps */
  gsize credit, lowest_credit;
  gssize change[TN_N_PURPOSES], highest[TN_N_PURPOSES]; /* since last told */
  guint64 owner;                                        /* serial of the thread */
  TnThreadCache *next;                                  /* of the pool */
  Magazine magazines[TN_N_SIZE_CLASSES];
};

static pthread_mutex_t pools_lock = PTHREAD_MUTEX_INITIALIZER; /* of the two below */
static TnPool *pools = NULL;
static guint64 last_pool_serial = 0;

static _Atomic guint64 last_thread_serial = 0;
static _Thread_local guint64 thread_serial = 0;
/* The model of what a program is linked with: in the other one each access is a call. */
static _Thread_local __attribute__ ((tls_model ("initial-exec"))) struct
{
  guint64 pool_serial; /* 0: none */
  TnThreadCache *cache;
} recent[RECENT_POOLS];

static void give_everything_back (gpointer data);
static GPrivate at_thread_exit = G_PRIVATE_INIT (give_everything_back);

static inline gboolean
try_lock (TnThreadCache *self)
{
  return !atomic_exchange_explicit (&self->locked, TRUE, memory_order_acquire);
}

static void
lock (TnThreadCache *self)
{
  for (guint spins = 0; !try_lock (self); spins++)
    if (spins >= SPINS)
      sched_yield ();
}

static inline void
unlock (TnThreadCache *self)
{
  atomic_store_explicit (&self->locked, FALSE, memory_order_release);
}

/* The calling thread's cache, or NULL when the thread has used too many pools since, or not this one yet. */
static inline TnThreadCache *
get_recent (const TnPool *pool)
{
  guint64 serial = pool->serial;

  return G_LIKELY (recent[serial % RECENT_POOLS].pool_serial == serial) ? recent[serial % RECENT_POOLS].cache : NULL;
}

static TnThreadCache *
find_or_make (TnPool *pool)
{
  TnThreadCache *self = get_recent (pool);

  if (self != NULL)
    return self;
  if (thread_serial == 0)
    thread_serial = atomic_fetch_add (&last_thread_serial, 1) + 1;
  pthread_mutex_lock (&pool->caches_lock);
  for (self = pool->caches; self != NULL && self->owner != thread_serial;)
    self = self->next;
  if (self == NULL)
    {
      self = g_aligned_alloc0 (1, (sizeof *self + 63) / 64 * 64, 64);
      self->owner = thread_serial;
      for (guint i = 0; i < TN_N_SIZE_CLASSES; i++)
        {
          self->magazines[i].most = tn_size_class_magazine (i);
          self->magazines[i].bytes = tn_size_class_bytes (i);
        }
      self->next = pool->caches;
      pool->caches = self;
      g_private_set (&at_thread_exit, GINT_TO_POINTER (TRUE));
    }
  pthread_mutex_unlock (&pool->caches_lock);
  recent[pool->serial % RECENT_POOLS].pool_serial = pool->serial;
  recent[pool->serial % RECENT_POOLS].cache = self;
  return self;
}

static void
tell (TnThreadCache *self, TnPool *pool, TnPurpose purpose)
{
  tn_accounts_tell (&pool->accounts, purpose, self->change[purpose], self->highest[purpose]);
  self->change[purpose] = self->highest[purpose] = 0;
}

static inline void
note_change (TnThreadCache *self, TnPurpose purpose, gssize bytes)
{
  self->change[purpose] += bytes;
  self->highest[purpose] = MAX (self->highest[purpose], self->change[purpose]);
}

static inline void
hold (TnThreadCache *self, TnPurpose purpose, gsize bytes)
{
  self->credit -= bytes;
  if (self->credit < self->lowest_credit)
    {
      self->lowest_credit = self->credit;
      self->held_more = TRUE;
    }
  note_change (self, purpose, (gssize) bytes);
}

static inline void *
hand_out (TnFreeBlock free_block, TnPurpose purpose, gsize bytes)
{
  atomic_store_explicit (free_block.state, (guint8) (TN_BLOCK_HELD | purpose), memory_order_relaxed);
  TN_UNPOISON (free_block.block, bytes);
  TN_FILL (free_block.block, bytes);
  return free_block.block;
}

/* Before less is reserved, whoever's blocks it was for. Nothing is new where this thread did nothing. */
static void
give_credit_back (TnThreadCache *self, TnPool *pool, gsize bytes)
{
  if (self->held_more || bytes > 0)
    tn_accounts_note_peak (&pool->accounts, atomic_load (&pool->accounts.reserved) - self->lowest_credit);
  self->held_more = FALSE;
  tn_accounts_unreserve (&pool->accounts, bytes);
  self->credit -= bytes;
  self->lowest_credit = self->credit;
}

/* Credit for at least a block, in *grant; what was granted before and is gone is told now. With the lock, which is not held any
 * more when this is FALSE. */
static gboolean
reserve_credit (TnThreadCache *self, TnPool *pool, TnPurpose purpose, gsize asked, gsize bytes, TnGrant *grant, GError **error)
{
  gsize wanted = MAX (bytes, atomic_load (&pool->accounts.credit));

  unlock (self);
  if (grant->bytes > 0)
    tn_pool_tell_pressure (pool, grant);
  *grant = (TnGrant){0};
  if (!tn_pool_reserve (pool, purpose, asked, bytes, wanted, grant, error))
    return FALSE;
  lock (self);
  /* More will be held than at any time since the peak was noted: hold() finds the lowest credit anew. */
  self->credit += grant->bytes;
  self->lowest_credit = self->credit;
  return TRUE;
}

/* Credit and a magazine that is not empty, found with all that it takes. *grant is what was reserved for it. With the lock,
 * which is not held any more when this is FALSE. */
static gboolean
prepare (TnThreadCache *self, TnPool *pool, TnPurpose purpose, gsize asked, guint size_class, TnGrant *grant, GError **error)
{
  Magazine *magazine = &self->magazines[size_class];

  for (gboolean trimmed = FALSE;; trimmed = TRUE)
    {
      /* Others may have settled while the lock was not held. */
      if (self->credit < magazine->bytes && !reserve_credit (self, pool, purpose, asked, magazine->bytes, grant, error))
        return FALSE;
      if (magazine->n == 0)
        magazine->n = tn_depot_take (&pool->depots[size_class], magazine->blocks, magazine->most / 2);
      if (magazine->n > 0)
        return TRUE;
      unlock (self);
      if (trimmed)
        {
          tn_pool_set_system_error (purpose, asked, error);
          return FALSE;
        }
      tn_pool_trim (pool);
      lock (self);
    }
}

G_GNUC_NO_INLINE static void *
alloc_slowly (TnPool *pool, TnPurpose purpose, gsize bytes, guint size_class, GError **error)
{
  TnThreadCache *self = find_or_make (pool);
  Magazine *magazine = &self->magazines[size_class];
  TnGrant grant = {0};
  void *block = NULL;

  lock (self);
  if (prepare (self, pool, purpose, bytes, size_class, &grant, error))
    {
      TnFreeBlock free_block = magazine->blocks[--magazine->n];

      hold (self, purpose, magazine->bytes);
      if (self->change[purpose] > TELL_BYTES)
        tell (self, pool, purpose);
      unlock (self);
      block = hand_out (free_block, purpose, bytes);
    }
  if (grant.bytes > 0)
    tn_pool_tell_pressure (pool, &grant);
  return block;
}

void *
tn_thread_cache_alloc (TnPool *pool, TnPurpose purpose, gsize bytes, GError **error)
{
  guint size_class = tn_size_class (bytes + TN_REDZONE_BYTES);
  TnThreadCache *self = get_recent (pool);

  /* Whatever is more than this is rare and done elsewhere, so that here no register has to be saved. */
  if (G_LIKELY (self != NULL && try_lock (self)))
    {
      Magazine *magazine = &self->magazines[size_class];

      if (G_LIKELY (magazine->n > 0 && self->credit >= magazine->bytes && self->change[purpose] < TELL_BYTES))
        {
          TnFreeBlock free_block = magazine->blocks[--magazine->n];

          hold (self, purpose, magazine->bytes);
          unlock (self);
          return hand_out (free_block, purpose, bytes);
        }
      unlock (self);
    }
  return alloc_slowly (pool, purpose, bytes, size_class, error);
}

/* The older half of a full magazine goes, for the newer is warmer. */
static void
empty_half (Magazine *self, TnDepot *depot)
{
  guint half = self->n / 2;

  tn_depot_give (depot, self->blocks, half);
  self->n -= half;
  memmove (self->blocks, self->blocks + half, self->n * sizeof *self->blocks);
}

static inline void
keep (TnThreadCache *self, Magazine *magazine, TnPurpose purpose, TnFreeBlock free_block)
{
  magazine->blocks[magazine->n++] = free_block;
  self->credit += magazine->bytes;
  self->change[purpose] -= (gssize) magazine->bytes;
}

G_GNUC_NO_INLINE static void
release_slowly (TnPool *pool, TnPurpose purpose, guint size_class, TnFreeBlock free_block)
{
  gsize most = atomic_load_explicit (&pool->accounts.credit, memory_order_relaxed);
  TnThreadCache *self = find_or_make (pool);
  Magazine *magazine = &self->magazines[size_class];

  lock (self);
  atomic_store_explicit (free_block.state, 0, memory_order_relaxed);
  if (magazine->n == magazine->most)
    empty_half (magazine, &pool->depots[size_class]);
  keep (self, magazine, purpose, free_block);
  if (self->change[purpose] < -TELL_BYTES)
    tell (self, pool, purpose);
  if (self->credit > most)
    give_credit_back (self, pool, self->credit - most / 2);
  unlock (self);
}

void
tn_thread_cache_release (TnPool *pool, TnSpan *span, TnFreeBlock free_block, TnPurpose purpose)
{
  TnThreadCache *self = get_recent (pool);

  TN_POISON (free_block.block, (gsize) span->block_units * TN_POOL_ALIGNMENT);
  if (G_LIKELY (self != NULL && try_lock (self)))
    {
      Magazine *magazine = &self->magazines[span->size_class];

      if (G_LIKELY (magazine->n < magazine->most && self->change[purpose] > -TELL_BYTES &&
                    self->credit <= atomic_load_explicit (&pool->accounts.credit, memory_order_relaxed)))
        {
          /* Not before: taking the lock waits for earlier stores. */
          atomic_store_explicit (free_block.state, 0, memory_order_relaxed);
          keep (self, magazine, purpose, free_block);
          unlock (self);
          return;
        }
      unlock (self);
    }
  release_slowly (pool, purpose, span->size_class, free_block);
}

/* With the cache's lock. */
static gsize
settle (TnThreadCache *self, TnPool *pool)
{
  gsize credit = self->credit;

  for (guint i = 0; i < TN_N_PURPOSES; i++)
    if (self->change[i] != 0 || self->highest[i] != 0)
      tell (self, pool, (TnPurpose) i);
  give_credit_back (self, pool, credit);
  return credit;
}

/* With the cache's lock. */
static void
flush (TnThreadCache *self, TnPool *pool)
{
  for (guint i = 0; i < TN_N_SIZE_CLASSES; i++)
    if (self->magazines[i].n > 0)
      {
        tn_depot_give (&pool->depots[i], self->magazines[i].blocks, self->magazines[i].n);
        self->magazines[i].n = 0;
      }
}

gsize
tn_thread_caches_settle (TnPool *pool)
{
  gsize credit = 0;

  pthread_mutex_lock (&pool->caches_lock);
  for (TnThreadCache *self = pool->caches; self != NULL; self = self->next)
    {
      lock (self);
      credit += settle (self, pool);
      unlock (self);
    }
  pthread_mutex_unlock (&pool->caches_lock);
  return credit;
}

void
tn_thread_caches_flush (TnPool *pool)
{
  pthread_mutex_lock (&pool->caches_lock);
  for (TnThreadCache *self = pool->caches; self != NULL; self = self->next)
    {
      lock (self);
      flush (self, pool);
      unlock (self);
    }
  pthread_mutex_unlock (&pool->caches_lock);
  for (guint i = 0; i < TN_N_SIZE_CLASSES; i++)
    tn_depot_trim (&pool->depots[i]);
}

void
tn_thread_caches_free (TnPool *pool)
{
  while (pool->caches != NULL)
    {
      TnThreadCache *self = pool->caches;

      pool->caches = self->next;
      g_aligned_free (self);
    }
}

static void
give_back_to_pool (TnPool *pool)
{
  TnThreadCache **place = &pool->caches, *self;

  pthread_mutex_lock (&pool->caches_lock);
  while (*place != NULL && (*place)->owner != thread_serial)
    place = &(*place)->next;
  self = *place;
  if (self != NULL)
    {
      *place = self->next;
      settle (self, pool);
      flush (self, pool);
      g_aligned_free (self);
    }
  pthread_mutex_unlock (&pool->caches_lock);
}

static void
give_everything_back (gpointer data)
{
  /* What ends after this and still releases blocks makes a cache anew, and this is called again. */
  memset (recent, 0, sizeof recent);
  pthread_mutex_lock (&pools_lock);
  for (TnPool *pool = pools; pool != NULL; pool = pool->next)
    give_back_to_pool (pool);
  pthread_mutex_unlock (&pools_lock);
}

void
tn_thread_caches_enter_pool (TnPool *pool)
{
  pthread_mutex_lock (&pools_lock);
  pool->serial = ++last_pool_serial;
  pool->next = pools;
  if (pools != NULL)
    pools->previous = pool;
  pools = pool;
  pthread_mutex_unlock (&pools_lock);
}

void
tn_thread_caches_leave_pool (TnPool *pool)
{
  pthread_mutex_lock (&pools_lock);
  if (pool->previous != NULL)
    pool->previous->next = pool->next;
  else
    pools = pool->next;
  if (pool->next != NULL)
    pool->next->previous = pool->previous;
  pthread_mutex_unlock (&pools_lock);
}
