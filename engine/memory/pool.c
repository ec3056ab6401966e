/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/memory/pool.h"

#include <glib/gi18n-lib.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engine/error.h"

#define BLOCK_MAGIC G_GUINT64_CONSTANT (0x7e53b10c4a11c0de)

/* Lies in front of every block and takes one unit of alignment. */
typedef struct
{
  guint64 magic;
  TnPool *pool;
  gsize bytes; /* what the block is counted as, header included */
  TnPurpose purpose;
} BlockHeader;

G_STATIC_ASSERT (sizeof (BlockHeader) <= TN_POOL_ALIGNMENT);

typedef struct
{
  _Atomic gsize current;
  _Atomic gsize peak;
} Counter;

struct _TnPool
{
  _Atomic gsize budget;
  Counter total;
  Counter by_purpose[TN_N_PURPOSES];
  GMutex pressure_mutex; /* of the two fields below */
  TnPressureFunc pressure_func;
  gpointer pressure_data;
};

static const guint pressure_levels[] = {70, 80, 90, 95};

static const char *const purpose_names[TN_N_PURPOSES] = {
    [TN_PURPOSE_WEIGHTS] = N_ ("weights"),       [TN_PURPOSE_ACTIVATIONS] = N_ ("activations"),
    [TN_PURPOSE_GRADIENTS] = N_ ("gradients"),   [TN_PURPOSE_OPTIMIZER] = N_ ("optimizer"),
    [TN_PURPOSE_STATISTICS] = N_ ("statistics"), [TN_PURPOSE_SCRATCH] = N_ ("scratch"),
};

static void
raise_peak (Counter *counter, gsize value)
{
  gsize peak = atomic_load (&counter->peak);

  while (peak < value && !atomic_compare_exchange_weak (&counter->peak, &peak, value))
    ;
}

/* TRUE when the total went from *before to *before + bytes; FALSE when the budget does not allow it. */
static gboolean
reserve (TnPool *self, TnPurpose purpose, gsize bytes, gsize *before)
{
  gsize budget = atomic_load (&self->budget);
  gsize total = atomic_load (&self->total.current);

  do
    {
      if (bytes > G_MAXSIZE - total || (budget != 0 && (total > budget || bytes > budget - total)))
        {
          *before = total;
          return FALSE;
        }
    }
  while (!atomic_compare_exchange_weak (&self->total.current, &total, total + bytes));

  raise_peak (&self->total, total + bytes);
  raise_peak (&self->by_purpose[purpose], atomic_fetch_add (&self->by_purpose[purpose].current, bytes) + bytes);
  *before = total;
  return TRUE;
}

static void
unreserve (TnPool *self, TnPurpose purpose, gsize bytes)
{
  atomic_fetch_sub (&self->by_purpose[purpose].current, bytes);
  atomic_fetch_sub (&self->total.current, bytes);
}

/* The totals of all threads form one sequence of steps, so every crossing belongs to exactly one step. */
static void
tell_pressure (TnPool *self, gsize before, gsize after)
{
  gsize budget = atomic_load (&self->budget);
  TnPressureFunc func;
  gpointer data;

  if (budget == 0)
    return;

  g_mutex_lock (&self->pressure_mutex);
  func = self->pressure_func;
  data = self->pressure_data;
  g_mutex_unlock (&self->pressure_mutex);
  if (func == NULL)
    return;

  for (guint i = 0; i < G_N_ELEMENTS (pressure_levels); i++)
    {
      guint level = pressure_levels[i];
      gsize threshold = (gsize) (((unsigned __int128) budget * level + 99) / 100);

      if (before < threshold && after >= threshold)
        func (self, level, data);
    }
}

static void
set_budget_error (TnPool *self, TnPurpose purpose, gsize bytes, gsize total, GError **error)
{
  gsize budget = atomic_load (&self->budget);
  g_autofree char *asked = g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *left = g_format_size_full (budget > total ? budget - total : 0, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *whole = g_format_size_full (budget, G_FORMAT_SIZE_IEC_UNITS);

  g_set_error (error, TN_ERROR, TN_ERROR_MEMORY, _ ("memory for %s: %s asked for, %s left of the limit of %s"),
               _ (purpose_names[purpose]), asked, left, whole);
}

static void
set_system_error (TnPurpose purpose, gsize bytes, GError **error)
{
  g_autofree char *asked = g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);

  g_set_error (error, TN_ERROR, TN_ERROR_MEMORY, _ ("memory for %s: %s asked for, the system has no more"),
               _ (purpose_names[purpose]), asked);
}

TnPool *
tn_pool_default (void)
{
  static TnPool *pool = NULL;

  if (g_once_init_enter (&pool))
    g_once_init_leave (&pool, tn_pool_new (0));
  return pool;
}

TnPool *
tn_pool_new (gsize budget)
{
  TnPool *self = g_new0 (TnPool, 1);

  atomic_store (&self->budget, budget);
  g_mutex_init (&self->pressure_mutex);
  return self;
}

void
tn_pool_free (TnPool *self)
{
  if (self == NULL)
    return;

  for (guint i = 0; i < TN_N_PURPOSES; i++)
    {
      gsize bytes = atomic_load (&self->by_purpose[i].current);

      if (bytes != 0)
        g_warning ("memory pool freed with %" G_GSIZE_FORMAT " bytes still in use for %s", bytes, purpose_names[i]);
    }
  g_mutex_clear (&self->pressure_mutex);
  g_free (self);
}

void
tn_pool_set_budget (TnPool *self, gsize budget)
{
  atomic_store (&self->budget, budget);
}

gsize
tn_pool_get_budget (TnPool *self)
{
  return atomic_load (&self->budget);
}

void *
tn_pool_alloc (TnPool *self, TnPurpose purpose, gsize bytes, GError **error)
{
  BlockHeader *header;
  gsize whole, before;

  g_return_val_if_fail (self != NULL && purpose < TN_N_PURPOSES, NULL);

  if (bytes > G_MAXSIZE / 2)
    {
      set_system_error (purpose, bytes, error);
      return NULL;
    }

  whole = tn_pool_block_bytes (bytes);
  if (!reserve (self, purpose, whole, &before))
    {
      set_budget_error (self, purpose, bytes, before, error);
      return NULL;
    }

  header = aligned_alloc (TN_POOL_ALIGNMENT, whole);
  if (header == NULL)
    {
      unreserve (self, purpose, whole);
      set_system_error (purpose, bytes, error);
      return NULL;
    }

  *header = (BlockHeader){.magic = BLOCK_MAGIC, .pool = self, .bytes = whole, .purpose = purpose};
  tell_pressure (self, before, before + whole);
  return (guint8 *) header + TN_POOL_ALIGNMENT;
}

void *
tn_pool_alloc0 (TnPool *self, TnPurpose purpose, gsize bytes, GError **error)
{
  void *block = tn_pool_alloc (self, purpose, bytes, error);

  if (block != NULL)
    memset (block, 0, bytes);
  return block;
}

void *
tn_pool_alloc_array (TnPool *self, TnPurpose purpose, gsize n, gsize size, GError **error)
{
  gsize bytes;

  if (!g_size_checked_mul (&bytes, n, size))
    {
      set_system_error (purpose, G_MAXSIZE, error);
      return NULL;
    }
  return tn_pool_alloc (self, purpose, bytes, error);
}

static BlockHeader *
block_header (void *block)
{
  BlockHeader *header = (BlockHeader *) ((guint8 *) block - TN_POOL_ALIGNMENT);

  /* A block released twice or not of a pool would corrupt the heap further on: stop here. */
  if (G_UNLIKELY (header->magic != BLOCK_MAGIC))
    g_error ("%p is no block of a memory pool, or was released before", block);
  return header;
}

static void
release (BlockHeader *header)
{
  TnPool *pool = header->pool;
  TnPurpose purpose = header->purpose;
  gsize bytes = header->bytes;

  *(volatile guint64 *) &header->magic = 0; /* volatile: a plain store before free() would be dropped */
  free (header);
  unreserve (pool, purpose, bytes);
}

void
tn_pool_release (TnPool *self, void *block)
{
  BlockHeader *header;

  if (block == NULL)
    return;
  header = block_header (block);
  g_return_if_fail (header->pool == self);
  release (header);
}

void
tn_block_free (TnBlock *block)
{
  if (block != NULL)
    release (block_header (block));
}

gsize
tn_pool_block_bytes (gsize bytes)
{
  gsize rounded;

  if (bytes > G_MAXSIZE - 2 * TN_POOL_ALIGNMENT)
    return G_MAXSIZE;
  rounded = (bytes + TN_POOL_ALIGNMENT - 1) / TN_POOL_ALIGNMENT * TN_POOL_ALIGNMENT;
  return TN_POOL_ALIGNMENT + rounded;
}

gsize
tn_pool_get_current (TnPool *self, TnPurpose purpose)
{
  g_return_val_if_fail (purpose < TN_N_PURPOSES, 0);
  return atomic_load (&self->by_purpose[purpose].current);
}

gsize
tn_pool_get_peak (TnPool *self, TnPurpose purpose)
{
  g_return_val_if_fail (purpose < TN_N_PURPOSES, 0);
  return atomic_load (&self->by_purpose[purpose].peak);
}

gsize
tn_pool_get_total (TnPool *self)
{
  return atomic_load (&self->total.current);
}

gsize
tn_pool_get_peak_total (TnPool *self)
{
  return atomic_load (&self->total.peak);
}

void
tn_pool_set_pressure_func (TnPool *self, TnPressureFunc func, gpointer user_data)
{
  g_mutex_lock (&self->pressure_mutex);
  self->pressure_func = func;
  self->pressure_data = user_data;
  g_mutex_unlock (&self->pressure_mutex);
}

const char *
tn_purpose_get_name (TnPurpose purpose)
{
  g_return_val_if_fail (purpose < TN_N_PURPOSES, NULL);
  return purpose_names[purpose];
}
