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

struct _TnThreadCache
{
  _Atomic gboolean locked; /* over all below but owner and next */
  gboolean held_more;      /* than the peak knows of, perhaps */
  gsize credit, lowest_credit;
  gssize change[TN_N_PURPOSES], highest[TN_N_PURPOSES]; /* since last told */
  guint64 owner;                                        /* serial of the thread */
  TnThreadCache *next;                                  /* of the pool */
  guint8 counts[TN_N_SIZE_CLASSES];                     /* of the magazines */
  TnFreeBlock magazines[TN_N_SIZE_CLASSES][TN_MAGAZINE_MOST];
};

static pthread_mutex_t pools_lock = PTHREAD_MUTEX_INITIALIZER; /* of the two below */
static TnPool *pools = NULL;
static guint64 last_pool_serial = 0;

static _Atomic guint64 last_thread_serial = 0;
static _Thread_local guint64 thread_serial = 0;
static _Thread_local struct
{
  guint64 pool_serial; /* 0: none */
  TnThreadCache *cache;
} recent[RECENT_POOLS];

static void give_everything_back (gpointer data);
static GPrivate at_thread_exit = G_PRIVATE_INIT (give_everything_back);

static inline void
lock (TnThreadCache *self)
{
  for (guint spins = 0; atomic_exchange_explicit (&self->locked, TRUE, memory_order_acquire); spins++)
    if (spins >= SPINS)
      sched_yield ();
}

static inline void
unlock (TnThreadCache *self)
{
  atomic_store_explicit (&self->locked, FALSE, memory_order_release);
}

static TnThreadCache *
find_or_make (TnPool *pool)
{
  TnThreadCache *self;

  if (thread_serial == 0)
    thread_serial = atomic_fetch_add (&last_thread_serial, 1) + 1;
  pthread_mutex_lock (&pool->caches_lock);
  for (self = pool->caches; self != NULL && self->owner != thread_serial;)
    self = self->next;
  if (self == NULL)
    {
      self = g_aligned_alloc0 (1, (sizeof *self + 63) / 64 * 64, 64);
      self->owner = thread_serial;
      self->next = pool->caches;
      pool->caches = self;
      g_private_set (&at_thread_exit, GINT_TO_POINTER (TRUE));
    }
  pthread_mutex_unlock (&pool->caches_lock);
  recent[pool->serial % RECENT_POOLS].pool_serial = pool->serial;
  recent[pool->serial % RECENT_POOLS].cache = self;
  return self;
}

/* The calling thread's cache. */
static inline TnThreadCache *
get_cache (TnPool *pool)
{
  guint64 serial = pool->serial;

  if (G_LIKELY (recent[serial % RECENT_POOLS].pool_serial == serial))
    return recent[serial % RECENT_POOLS].cache;
  return find_or_make (pool);
}

static void
tell (TnThreadCache *self, TnPool *pool, TnPurpose purpose)
{
  tn_accounts_tell (&pool->accounts, purpose, self->change[purpose], self->highest[purpose]);
  self->change[purpose] = self->highest[purpose] = 0;
}

static inline void
hold (TnThreadCache *self, TnPool *pool, TnPurpose purpose, gsize bytes)
{
  self->credit -= bytes;
  if (self->credit < self->lowest_credit)
    {
      self->lowest_credit = self->credit;
      self->held_more = TRUE;
    }
  self->change[purpose] += (gssize) bytes;
  self->highest[purpose] = MAX (self->highest[purpose], self->change[purpose]);
  if (G_UNLIKELY (self->change[purpose] > TELL_BYTES))
    tell (self, pool, purpose);
}

static void
give_credit_back (TnThreadCache *self, TnPool *pool, gsize bytes)
{
  if (self->held_more)
    tn_accounts_note_peak (&pool->accounts, atomic_load (&pool->accounts.reserved) - self->lowest_credit);
  self->held_more = FALSE;
  tn_accounts_unreserve (&pool->accounts, bytes);
  self->credit -= bytes;
  self->lowest_credit = self->credit;
}

static inline void
let_go (TnThreadCache *self, TnPool *pool, TnPurpose purpose, gsize bytes)
{
  gsize most = atomic_load_explicit (&pool->accounts.credit, memory_order_relaxed);

  self->credit += bytes;
  self->change[purpose] -= (gssize) bytes;
  if (G_UNLIKELY (self->change[purpose] < -TELL_BYTES))
    tell (self, pool, purpose);
  if (G_UNLIKELY (self->credit > 2 * most))
    give_credit_back (self, pool, self->credit - most);
}

/* Credit and a magazine that is not empty, found with all that it takes. *grant is what was reserved for it. With the lock,
 * which is not held any more when this is FALSE. */
static gboolean
prepare (TnThreadCache *self, TnPool *pool, TnPurpose purpose, gsize asked, guint size_class, TnGrant *grant, GError **error)
{
  gsize bytes = tn_size_class_bytes (size_class);

  if (self->credit < bytes)
    {
      unlock (self);
      if (!tn_pool_reserve (pool, purpose, asked, bytes, MAX (bytes, atomic_load (&pool->accounts.credit)), grant, error))
        return FALSE;
      lock (self);
      /* More will be held than at any time since the peak was noted: hold() finds the lowest credit anew. */
      self->credit += grant->bytes;
      self->lowest_credit = self->credit;
    }
  for (gboolean trimmed = FALSE; self->counts[size_class] == 0; trimmed = TRUE)
    {
      self->counts[size_class] = (guint8) tn_depot_take (&pool->depots[size_class], self->magazines[size_class],
                                                         tn_size_class_magazine (size_class) / 2);
      if (self->counts[size_class] > 0)
        break;
      unlock (self);
      if (trimmed)
        {
          tn_pool_set_system_error (purpose, asked, error);
          return FALSE;
        }
      tn_pool_trim (pool);
      lock (self);
    }
  return TRUE;
}

static inline TnFreeBlock
pop (TnThreadCache *self, TnPool *pool, TnPurpose purpose, guint size_class)
{
  TnFreeBlock free_block = self->magazines[size_class][--self->counts[size_class]];

  hold (self, pool, purpose, tn_size_class_bytes (size_class));
  return free_block;
}

static gboolean
alloc_slowly (TnThreadCache *self, TnPool *pool, TnPurpose purpose, gsize bytes, guint size_class, TnFreeBlock *free_block,
              GError **error)
{
  TnGrant grant = {0};
  gboolean ok;

  lock (self);
  ok = prepare (self, pool, purpose, bytes, size_class, &grant, error);
  if (ok)
    {
      *free_block = pop (self, pool, purpose, size_class);
      unlock (self);
    }
  if (grant.bytes > 0)
    tn_pool_tell_pressure (pool, &grant);
  return ok;
}

void *
tn_thread_cache_alloc (TnPool *pool, TnPurpose purpose, gsize bytes, GError **error)
{
  guint size_class = tn_size_class (bytes + TN_REDZONE_BYTES);
  TnThreadCache *self = get_cache (pool);
  TnFreeBlock free_block;

  lock (self);
  if (G_LIKELY (self->counts[size_class] > 0 && self->credit >= tn_size_class_bytes (size_class)))
    {
      free_block = pop (self, pool, purpose, size_class);
      unlock (self);
    }
  else
    {
      unlock (self);
      if (!alloc_slowly (self, pool, purpose, bytes, size_class, &free_block, error))
        return NULL;
    }
  atomic_store_explicit (free_block.state, (guint8) (TN_BLOCK_HELD | purpose), memory_order_relaxed);
  TN_UNPOISON (free_block.block, bytes);
  TN_FILL (free_block.block, bytes);
  return free_block.block;
}

/* The older half of a full magazine goes, for the newer is warmer. */
static void
empty_half (TnThreadCache *self, TnPool *pool, guint size_class)
{
  TnFreeBlock *magazine = self->magazines[size_class];
  guint half = self->counts[size_class] / 2;

  tn_depot_give (&pool->depots[size_class], magazine, half);
  self->counts[size_class] = (guint8) (self->counts[size_class] - half);
  memmove (magazine, magazine + half, self->counts[size_class] * sizeof *magazine);
}

void
tn_thread_cache_release (TnPool *pool, TnSpan *span, TnBlockState *state, void *block)
{
  TnThreadCache *self = get_cache (pool);
  guint size_class = span->size_class;
  gsize bytes = (gsize) span->block_units * TN_POOL_ALIGNMENT;
  TnPurpose purpose = (TnPurpose) (atomic_load_explicit (state, memory_order_relaxed) & ~TN_BLOCK_HELD);

  TN_POISON (block, bytes);
  lock (self);
  /* Not before: taking the lock waits for earlier stores. */
  atomic_store_explicit (state, 0, memory_order_relaxed);
  if (G_UNLIKELY (self->counts[size_class] >= tn_size_class_magazine (size_class)))
    empty_half (self, pool, size_class);
  self->magazines[size_class][self->counts[size_class]++] = (TnFreeBlock){block, state};
  let_go (self, pool, purpose, bytes);
  unlock (self);
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
    if (self->counts[i] > 0)
      {
        tn_depot_give (&pool->depots[i], self->magazines[i], self->counts[i]);
        self->counts[i] = 0;
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
