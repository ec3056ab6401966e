/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/device/device.h"
#include "engine/error.h"
#include "engine/memory/pool.h"
#include "engine/random.h"

/* Where blocks lie and what becomes of the memory: alignment, joining, caches, threads. */

#define MIB ((gsize) 1 << 20)

/* The largest size that is counted as at most so much. */
static gsize
largest_within (gsize counted)
{
  gsize bytes = counted;

  while (tn_pool_block_bytes (bytes) > counted)
    bytes -= 64;
  return bytes;
}

static void
check_size (TnPool *pool, gsize bytes)
{
  gsize counted = tn_pool_block_bytes (bytes);
  guint8 *block = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, bytes, NULL);

  g_assert_nonnull (block);
  g_assert_cmpuint ((gsize) block % TN_POOL_ALIGNMENT, ==, 0);
  g_assert_cmpuint (counted, >=, bytes);
  g_assert_cmpuint (counted % TN_POOL_ALIGNMENT, ==, 0);
  /* A fifth at most is lost by rounding, or the step of the smallest ones. */
  g_assert_cmpuint (counted, <=, MAX (bytes + TN_POOL_ALIGNMENT, bytes + bytes / 4) + TN_POOL_ALIGNMENT + 64);
  g_assert_cmpuint (counted, <=, tn_pool_block_bytes (bytes + 1));
  g_assert_cmpuint (tn_pool_get_total (pool), ==, counted);
  if (bytes > 0)
    block[0] = block[bytes - 1] = 1;
  tn_pool_release (pool, block);
  g_assert_cmpuint (tn_pool_get_total (pool), ==, 0);
}

static void
test_sizes (void)
{
  TnPool *pool = tn_pool_new (0);

  for (gsize bytes = 0; bytes <= 4096; bytes++)
    check_size (pool, bytes);
  for (gsize power = 8192; power <= 64 * MIB; power *= 2)
    for (gsize bytes = power - 65; bytes <= power + 65; bytes++)
      check_size (pool, bytes);
  tn_pool_free (pool);
}

/* Every byte of many blocks is theirs alone. */
static void
test_blocks_do_not_overlap (void)
{
  enum
  {
    N = 1500
  };
  TnPool *pool = tn_pool_new (0);
  TnRandom random = tn_random_stream (1, "overlap");
  guint8 *blocks[N];
  gsize sizes[N];

  for (guint i = 0; i < N; i++)
    {
      sizes[i] = (gsize) tn_random_below (&random, (guint64) 1 << (1 + i % 17));
      blocks[i] = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, sizes[i], NULL);
      memset (blocks[i], (int) (i % 251), sizes[i]);
    }
  for (guint i = 0; i < N; i++)
    {
      for (gsize j = 0; j < sizes[i]; j++)
        g_assert_cmpuint (blocks[i][j], ==, i % 251);
      tn_pool_release (pool, blocks[i]);
    }
  tn_pool_free (pool);
}

/* Three neighbours, released in every order, are one block's room again. */
static void
test_neighbours_join (void)
{
  const guint orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  gsize bytes = largest_within (MIB);
  TnPool *pool = tn_pool_new (0);

  for (guint o = 0; o < 6; o++)
    {
      guint8 *blocks[3], *joined;

      for (guint i = 0; i < 3; i++)
        {
          blocks[i] = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, bytes, NULL);
          g_assert_true (i == 0 || blocks[i] == blocks[0] + i * MIB);
        }
      for (guint i = 0; i < 3; i++)
        tn_pool_release (pool, blocks[orders[o][i]]);
      joined = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, largest_within (3 * MIB), NULL);
      g_assert_true (joined == blocks[0]);
      tn_pool_release (pool, joined);
    }
  tn_pool_free (pool);
}

/* The smallest hole that is large enough is taken, and what is left of it stays usable. */
static void
test_best_fit (void)
{
  const guint sizes[] = {5, 1, 3, 1, 4, 1};
  TnPool *pool = tn_pool_new (0);
  guint8 *blocks[6], *three, *two, *more;

  for (guint i = 0; i < 6; i++)
    blocks[i] = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, largest_within (sizes[i] * MIB), NULL);
  for (guint i = 0; i < 6; i += 2)
    tn_pool_release (pool, blocks[i]);
  three = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, largest_within (3 * MIB), NULL);
  two = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, largest_within (2 * MIB), NULL);
  more = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, largest_within (2 * MIB), NULL);
  g_assert_true (three == blocks[2]);
  g_assert_true (two == blocks[4]);
  g_assert_true (more == blocks[4] + 2 * MIB);
  tn_pool_release (pool, three);
  tn_pool_release (pool, two);
  tn_pool_release (pool, more);
  for (guint i = 1; i < 6; i += 2)
    tn_pool_release (pool, blocks[i]);
  tn_pool_free (pool);
}

typedef struct
{
  TnPool *pool;
  void *blocks[400];
  gsize bytes[400];
  TnPurpose purposes[400];
  gsize current[TN_N_PURPOSES], peak[TN_N_PURPOSES];
  gsize total, peak_total;
} Model;

static gsize
random_size (TnRandom *random)
{
  guint64 kind = tn_random_below (random, 10);

  if (kind < 6)
    return (gsize) tn_random_below (random, 3000);
  if (kind < 9)
    return (gsize) tn_random_below (random, 100000);
  return (gsize) tn_random_below (random, 3000000);
}

static void
model_step (Model *self, TnRandom *random)
{
  guint i = (guint) tn_random_below (random, G_N_ELEMENTS (self->blocks));
  TnPurpose purpose = self->purposes[i];

  if (self->blocks[i] != NULL)
    {
      tn_pool_release (self->pool, self->blocks[i]);
      self->blocks[i] = NULL;
      self->current[purpose] -= self->bytes[i];
      self->total -= self->bytes[i];
      return;
    }
  {
    gsize bytes = random_size (random), counted = tn_pool_block_bytes (bytes);
    g_autoptr (GError) error = NULL;

    purpose = (TnPurpose) tn_random_below (random, TN_N_PURPOSES);
    self->blocks[i] = tn_pool_alloc (self->pool, purpose, bytes, &error);
    if (self->total + counted > tn_pool_get_budget (self->pool))
      {
        g_assert_error (error, TN_ERROR, TN_ERROR_MEMORY);
        g_assert_null (self->blocks[i]);
        return;
      }
    g_assert_no_error (error);
    self->bytes[i] = counted;
    self->purposes[i] = purpose;
    self->current[purpose] += counted;
    self->total += counted;
    self->peak[purpose] = MAX (self->peak[purpose], self->current[purpose]);
    self->peak_total = MAX (self->peak_total, self->total);
  }
}

/* A long random life agrees with a model of what is held, and afterwards one block can have the whole budget. */
static void
test_random_life (void)
{
  gsize budget = 24 * MIB;
  g_autofree Model *self = g_new0 (Model, 1);
  TnRandom random = tn_random_stream (1, "life");

  self->pool = tn_pool_new (budget);
  for (guint round = 0; round < 12; round++)
    {
      void *whole;

      for (guint i = 0; i < 5000; i++)
        {
          model_step (self, &random);
          if (i % 97 == 0)
            {
              for (guint p = 0; p < TN_N_PURPOSES; p++)
                {
                  g_assert_cmpuint (tn_pool_get_current (self->pool, (TnPurpose) p), ==, self->current[p]);
                  g_assert_cmpuint (tn_pool_get_peak (self->pool, (TnPurpose) p), ==, self->peak[p]);
                }
              g_assert_cmpuint (tn_pool_get_total (self->pool), ==, self->total);
              g_assert_cmpuint (tn_pool_get_peak_total (self->pool), ==, self->peak_total);
            }
        }
      for (guint i = 0; i < G_N_ELEMENTS (self->blocks); i++)
        {
          tn_pool_release (self->pool, self->blocks[i]);
          self->blocks[i] = NULL;
        }
      memset (self->current, 0, sizeof self->current);
      self->total = 0;
      g_assert_cmpuint (tn_pool_get_total (self->pool), ==, 0);
      whole = tn_pool_alloc (self->pool, TN_PURPOSE_WEIGHTS, largest_within (budget), NULL);
      g_assert_nonnull (whole);
      g_assert_cmpuint (tn_pool_get_total (self->pool), ==, budget);
      /* Nothing that is free is kept beside it. */
      g_assert_cmpuint (tn_pool_get_cached (self->pool), ==, 0);
      tn_pool_release (self->pool, whole);
      self->peak[TN_PURPOSE_WEIGHTS] = self->peak_total = budget;
    }
  tn_pool_free (self->pool);
}

/* Free pages give way: what is held and what is kept never exceed the budget together. */
static void
test_cache_stays_in_budget (void)
{
  gsize budget = 40 * MIB;
  TnPool *pool = tn_pool_new (budget);
  TnRandom random = tn_random_stream (1, "cache");
  void *blocks[20] = {NULL};

  for (guint i = 0; i < 4000; i++)
    {
      guint slot = (guint) tn_random_below (&random, 20);

      tn_pool_release (pool, blocks[slot]);
      blocks[slot] = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, 40000 + (gsize) tn_random_below (&random, 12 * MIB), NULL);
      g_assert_cmpuint (tn_pool_get_total (pool) + tn_pool_get_cached (pool), <=, budget);
    }
  for (guint slot = 0; slot < 20; slot++)
    tn_pool_release (pool, blocks[slot]);
  g_assert_cmpuint (tn_pool_get_cached (pool), >, 0);
  tn_pool_set_budget (pool, 5 * MIB);
  g_assert_cmpuint (tn_pool_get_cached (pool), <=, 5 * MIB);
  tn_pool_trim (pool);
  g_assert_cmpuint (tn_pool_get_cached (pool), ==, 0);
  tn_pool_free (pool);
}

static void
test_memory_is_given_back (void)
{
  gsize bytes = TN_POOL_MOST_WARM_BYTES + 96 * MIB;
  TnPool *pool = tn_pool_new (0);
  gsize before, held;
  guint8 *block, *again;

  tn_pool_release (pool, tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, MIB, NULL));
  before = tn_process_get_rss ();
  if (before == 0)
    {
      g_test_skip ("the system does not tell the resident set");
      tn_pool_free (pool);
      return;
    }
  block = tn_pool_alloc (pool, TN_PURPOSE_ACTIVATIONS, bytes, NULL);
  memset (block, 1, bytes);
  held = tn_process_get_rss ();
  g_assert_cmpuint (held, >=, before + bytes - 8 * MIB);

  tn_pool_release (pool, block);
  g_assert_cmpuint (tn_process_get_rss (), <=, held - 80 * MIB);
  g_assert_cmpuint (tn_pool_get_cached (pool), <=, TN_POOL_MOST_WARM_BYTES);

  /* What was kept is what the next one gets. */
  again = tn_pool_alloc (pool, TN_PURPOSE_ACTIVATIONS, bytes, NULL);
  g_assert_true (again == block);
  g_assert_cmpuint (again[MIB], ==, 1);
  tn_pool_release (pool, again);

  tn_pool_trim (pool);
  g_assert_cmpuint (tn_pool_get_cached (pool), ==, 0);
  g_assert_cmpuint (tn_process_get_rss (), <=, held - bytes + 8 * MIB);
  tn_pool_free (pool);
}

static void
test_zeroed (void)
{
  const gsize sizes[] = {1, 100, 5003, 40000, 3000000, 70 * MIB};
  TnPool *pool = tn_pool_new (0);

  for (guint round = 0; round < 3; round++)
    for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
      {
        guint8 *block = tn_pool_alloc0 (pool, TN_PURPOSE_STATISTICS, sizes[s], NULL);

        for (gsize i = 0; i<sizes[s]; i += sizes[s]> MIB ? 61 : 1)
          g_assert_cmpuint (block[i], ==, 0);
        memset (block, 0xff, sizes[s]);
        tn_pool_release (pool, block);
        if (round == 1)
          tn_pool_trim (pool);
      }
  tn_pool_free (pool);
}

/* Memory that is locked stays when it is given back; it is zeroed nevertheless. */
static void
test_locked (void)
{
  const gsize bytes = 128 << 10;
  TnPool *pool = tn_pool_new (0);
  /* Keeps the region. */
  void *first = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, bytes, NULL);
  guint8 *block = tn_pool_alloc (pool, TN_PURPOSE_SCRATCH, bytes, NULL);

  if (mlock (block, bytes) != 0)
    g_test_skip ("no memory may be locked here");
  memset (block, 0xff, bytes);
  tn_pool_release (pool, block);
  tn_pool_trim (pool);
  block = tn_pool_alloc0 (pool, TN_PURPOSE_SCRATCH, bytes, NULL);
  for (gsize i = 0; i < bytes; i++)
    g_assert_cmpuint (block[i], ==, 0);
  munlock (block, bytes);
  tn_pool_release (pool, block);
  tn_pool_release (pool, first);
  tn_pool_free (pool);
}

#define N_SLOTS 64

typedef struct
{
  TnPool *pool;
  guint64 seed;
  guint8 *_Atomic *slots;
} Worker;

/* The size is written into both ends of a block. */
static void
mark (guint8 *block, gsize bytes)
{
  memcpy (block, &bytes, sizeof bytes);
  memcpy (block + bytes - sizeof bytes, &bytes, sizeof bytes);
}

static void
check_and_release (TnPool *pool, guint8 *block)
{
  gsize first, last;

  if (block == NULL)
    return;
  memcpy (&first, block, sizeof first);
  memcpy (&last, block + first - sizeof first, sizeof last);
  g_assert_cmpuint (first, ==, last);
  tn_pool_release (pool, block);
}

static gpointer
exchange_blocks (gpointer data)
{
  Worker *self = data;
  TnRandom random = tn_random_stream (self->seed, "exchange");

  for (guint i = 0; i < 8000; i++)
    {
      gsize bytes = 2 * sizeof (gsize) + random_size (&random) / (i % 16 == 0 ? 1 : 20);
      guint8 *block = tn_pool_alloc (self->pool, (TnPurpose) tn_random_below (&random, TN_N_PURPOSES), bytes, NULL);

      if (block != NULL)
        mark (block, bytes);
      /* Most blocks are released by another thread than allocated them. */
      check_and_release (self->pool, atomic_exchange (&self->slots[tn_random_below (&random, N_SLOTS)], block));
      if (i % 1000 == 0)
        {
          g_assert_cmpuint (tn_pool_get_total (self->pool), <=, tn_pool_get_budget (self->pool));
          tn_pool_trim (self->pool);
        }
    }
  return NULL;
}

static void
test_threads_exchange_blocks (void)
{
  gsize budget = 6 * MIB;
  TnPool *pool = tn_pool_new (budget);
  guint8 *_Atomic slots[N_SLOTS] = {NULL};
  Worker workers[4];
  GThread *threads[4];
  void *whole;

  for (guint round = 0; round < 3; round++)
    {
      for (guint i = 0; i < 4; i++)
        {
          workers[i] = (Worker){pool, round * 4 + i, slots};
          threads[i] = g_thread_new ("exchange", exchange_blocks, &workers[i]);
        }
      for (guint i = 0; i < 4; i++)
        g_thread_join (threads[i]);
      for (guint i = 0; i < N_SLOTS; i++)
        check_and_release (pool, atomic_exchange (&slots[i], NULL));
      for (guint i = 0; i < TN_N_PURPOSES; i++)
        {
          g_assert_cmpuint (tn_pool_get_current (pool, (TnPurpose) i), ==, 0);
          g_assert_cmpuint (tn_pool_get_peak (pool, (TnPurpose) i), <=, budget + 4 * 128 * 1024);
        }
      g_assert_cmpuint (tn_pool_get_total (pool), ==, 0);
      g_assert_cmpuint (tn_pool_get_peak_total (pool), <=, budget);
      whole = tn_pool_alloc (pool, TN_PURPOSE_WEIGHTS, largest_within (budget), NULL);
      g_assert_nonnull (whole);
      tn_pool_release (pool, whole);
    }
  tn_pool_free (pool);
}

/* Other threads have credit and free blocks of every size; whoever then asks for all that is left gets it. */
typedef struct
{
  TnPool *pool;
  pthread_mutex_t mutex; /* the thread sanitizer does not know GLib's */
  pthread_cond_t cond;
  guint arrived;
  gboolean leave;
} Idle;

static gpointer
keep_caches_and_wait (gpointer data)
{
  Idle *self = data;
  void *blocks[40];

  for (gsize bytes = 50; bytes < 33000; bytes = bytes * 5 / 4)
    {
      for (guint i = 0; i < 40; i++)
        blocks[i] = tn_pool_alloc (self->pool, TN_PURPOSE_SCRATCH, bytes, NULL);
      for (guint i = 0; i < 40; i++)
        tn_pool_release (self->pool, blocks[i]);
    }
  pthread_mutex_lock (&self->mutex);
  self->arrived++;
  pthread_cond_broadcast (&self->cond);
  while (!self->leave)
    pthread_cond_wait (&self->cond, &self->mutex);
  pthread_mutex_unlock (&self->mutex);
  return NULL;
}

static void
test_idle_threads_keep_nothing (gconstpointer kind)
{
  gsize budget = 16 * MIB, bytes = GPOINTER_TO_INT (kind) ? largest_within (budget) : 64;
  Idle self = {.pool = tn_pool_new (budget)};
  g_autoptr (GPtrArray) blocks = g_ptr_array_new ();
  GThread *threads[4];
  void *block;

  pthread_mutex_init (&self.mutex, NULL);
  pthread_cond_init (&self.cond, NULL);
  for (guint i = 0; i < 4; i++)
    threads[i] = g_thread_new ("idle", keep_caches_and_wait, &self);
  pthread_mutex_lock (&self.mutex);
  while (self.arrived < 4)
    pthread_cond_wait (&self.cond, &self.mutex);
  pthread_mutex_unlock (&self.mutex);

  while ((block = tn_pool_alloc (self.pool, TN_PURPOSE_SCRATCH, bytes, NULL)) != NULL)
    g_ptr_array_add (blocks, block);
  g_assert_cmpuint (tn_pool_get_total (self.pool), ==, budget / tn_pool_block_bytes (bytes) * tn_pool_block_bytes (bytes));
  for (guint i = 0; i < blocks->len; i++)
    tn_pool_release (self.pool, blocks->pdata[i]);

  pthread_mutex_lock (&self.mutex);
  self.leave = TRUE;
  pthread_cond_broadcast (&self.cond);
  pthread_mutex_unlock (&self.mutex);
  for (guint i = 0; i < 4; i++)
    g_thread_join (threads[i]);
  tn_pool_free (self.pool);
  pthread_mutex_destroy (&self.mutex);
  pthread_cond_destroy (&self.cond);
}

#define HANDED 1000

typedef struct
{
  TnPool *pool;
  pthread_mutex_t mutex;
  pthread_cond_t cond;
  void *blocks[HANDED];
  guint n; /* that wait to be released */
  gboolean leave;
} Handing;

static gpointer
release_what_comes (gpointer data)
{
  Handing *self = data;

  pthread_mutex_lock (&self->mutex);
  while (!self->leave)
    {
      while (self->n > 0)
        tn_pool_release (self->pool, self->blocks[--self->n]);
      pthread_cond_broadcast (&self->cond);
      pthread_cond_wait (&self->cond, &self->mutex);
    }
  pthread_mutex_unlock (&self->mutex);
  return NULL;
}

/* One thread allocates and another releases, for long: the peaks are those of what was held at a time. */
static void
test_peaks_of_handed_blocks (void)
{
  Handing self = {.pool = tn_pool_new (0)};
  gsize most = HANDED * tn_pool_block_bytes (100) + 2 * 128 * 1024;
  GThread *thread;

  pthread_mutex_init (&self.mutex, NULL);
  pthread_cond_init (&self.cond, NULL);
  thread = g_thread_new ("release", release_what_comes, &self);
  for (guint round = 0; round < 100; round++)
    {
      pthread_mutex_lock (&self.mutex);
      while (self.n < HANDED)
        self.blocks[self.n++] = tn_pool_alloc (self.pool, TN_PURPOSE_OPTIMIZER, 100, NULL);
      pthread_cond_broadcast (&self.cond);
      while (self.n > 0)
        pthread_cond_wait (&self.cond, &self.mutex);
      pthread_mutex_unlock (&self.mutex);
    }
  pthread_mutex_lock (&self.mutex);
  self.leave = TRUE;
  pthread_cond_broadcast (&self.cond);
  pthread_mutex_unlock (&self.mutex);
  g_thread_join (thread);
  g_assert_cmpuint (tn_pool_get_peak (self.pool, TN_PURPOSE_OPTIMIZER), >=, HANDED * tn_pool_block_bytes (100));
  g_assert_cmpuint (tn_pool_get_peak (self.pool, TN_PURPOSE_OPTIMIZER), <=, most);
  g_assert_cmpuint (tn_pool_get_peak_total (self.pool), >=, HANDED * tn_pool_block_bytes (100));
  g_assert_cmpuint (tn_pool_get_peak_total (self.pool), <=, most);
  /* And the blocks themselves went round. */
  g_assert_cmpuint (tn_pool_get_cached (self.pool), <=, 2 * MIB);
  g_assert_cmpuint (tn_pool_get_total (self.pool), ==, 0);
  pthread_mutex_destroy (&self.mutex);
  pthread_cond_destroy (&self.cond);
  tn_pool_free (self.pool);
}

static gpointer
use_and_end (gpointer data)
{
  Idle self = {.pool = data, .leave = TRUE};

  pthread_mutex_init (&self.mutex, NULL);
  pthread_cond_init (&self.cond, NULL);
  keep_caches_and_wait (&self);
  pthread_mutex_destroy (&self.mutex);
  pthread_cond_destroy (&self.cond);
  return NULL;
}

static void
test_ended_threads_keep_nothing (void)
{
  TnPool *pool = tn_pool_new (0);
  gsize after_one = 0;

  for (guint i = 0; i < 60; i++)
    {
      g_thread_join (g_thread_new ("short", use_and_end, pool));
      if (i == 0)
        after_one = tn_pool_get_cached (pool);
      /* Each uses what the one before left. */
      g_assert_cmpuint (tn_pool_get_cached (pool), ==, after_one);
    }
  g_assert_cmpuint (tn_pool_get_total (pool), ==, 0);
  tn_pool_trim (pool);
  g_assert_cmpuint (tn_pool_get_cached (pool), ==, 0);
  tn_pool_free (pool);
}

/* More pools at a time than a thread remembers, and new ones where old ones were. */
static void
test_many_pools (void)
{
  TnPool *pools[9];
  void *blocks[9];

  for (guint round = 0; round < 20; round++)
    {
      for (guint i = 0; i < 9; i++)
        {
          pools[i] = tn_pool_new (1000000);
          blocks[i] = tn_pool_alloc (pools[i], TN_PURPOSE_SCRATCH, 100 * i, NULL);
        }
      for (guint i = 0; i < 9; i++)
        {
          g_assert_cmpuint (tn_pool_get_total (pools[i]), ==, tn_pool_block_bytes (100 * i));
          tn_block_free (blocks[i]);
          g_assert_cmpuint (tn_pool_get_total (pools[i]), ==, 0);
        }
      for (guint i = 0; i < 9; i++)
        tn_pool_free (pools[(i + round) % 9]);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pool-blocks/sizes", test_sizes);
  g_test_add_func ("/pool-blocks/do-not-overlap", test_blocks_do_not_overlap);
  g_test_add_func ("/pool-blocks/neighbours-join", test_neighbours_join);
  g_test_add_func ("/pool-blocks/best-fit", test_best_fit);
  g_test_add_func ("/pool-blocks/random-life", test_random_life);
  g_test_add_func ("/pool-blocks/cache-stays-in-budget", test_cache_stays_in_budget);
  g_test_add_func ("/pool-blocks/memory-is-given-back", test_memory_is_given_back);
  g_test_add_func ("/pool-blocks/zeroed", test_zeroed);
  g_test_add_func ("/pool-blocks/locked", test_locked);
  g_test_add_func ("/pool-blocks/threads-exchange-blocks", test_threads_exchange_blocks);
  g_test_add_data_func ("/pool-blocks/idle-threads/small", GINT_TO_POINTER (0), test_idle_threads_keep_nothing);
  g_test_add_data_func ("/pool-blocks/idle-threads/large", GINT_TO_POINTER (1), test_idle_threads_keep_nothing);
  g_test_add_func ("/pool-blocks/peaks-of-handed-blocks", test_peaks_of_handed_blocks);
  g_test_add_func ("/pool-blocks/ended-threads", test_ended_threads_keep_nothing);
  g_test_add_func ("/pool-blocks/many-pools", test_many_pools);
  return g_test_run ();
}
