/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/memory/pool.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/error.h"
#include "engine/memory/poison.h"
#include "engine/memory/pool-private.h"
#include "engine/memory/pool-report.h"

/* Others may take a credit again between settling and reserving. */
#define RESERVE_ATTEMPTS 8

static const char *const purpose_names[TN_N_PURPOSES] = {
    [TN_PURPOSE_WEIGHTS] = N_ ("weights"),       [TN_PURPOSE_ACTIVATIONS] = N_ ("activations"),
    [TN_PURPOSE_GRADIENTS] = N_ ("gradients"),   [TN_PURPOSE_OPTIMIZER] = N_ ("optimizer"),
    [TN_PURPOSE_STATISTICS] = N_ ("statistics"), [TN_PURPOSE_SCRATCH] = N_ ("scratch"),
};

static void
set_budget_error (TnPool *self, TnPurpose purpose, gsize bytes, GError **error)
{
  gsize budget = tn_pool_get_budget (self), total = tn_pool_get_total (self);
  g_autofree char *asked = g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *left = g_format_size_full (budget > total ? budget - total : 0, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *whole = g_format_size_full (budget, G_FORMAT_SIZE_IEC_UNITS);

  g_set_error (error, TN_ERROR, TN_ERROR_MEMORY, _ ("memory for %s: %s asked for, %s left of the limit of %s"),
               _ (purpose_names[purpose]), asked, left, whole);
}

void
tn_pool_set_system_error (TnPurpose purpose, gsize asked, GError **error)
{
  g_autofree char *text = g_format_size_full (asked, G_FORMAT_SIZE_IEC_UNITS);

  g_set_error (error, TN_ERROR, TN_ERROR_MEMORY, _ ("memory for %s: %s asked for, the system has no more"),
               _ (purpose_names[purpose]), text);
}

static void
set_overflow_error (TnPurpose purpose, gsize n, gsize size, GError **error)
{
  g_set_error (error, TN_ERROR, TN_ERROR_MEMORY, _ ("memory for %s: %zu times %zu bytes asked for, more than any system has"),
               _ (purpose_names[purpose]), n, size);
}

TnPool *
tn_pool_default (void)
{
  static TnPool *pool = NULL;

  if (g_once_init_enter (&pool))
    {
      TnPool *made = tn_pool_new (0);

      if (g_getenv ("TERNION_MEMORY_REPORT") != NULL)
        tn_pool_report_at_exit ();
      g_once_init_leave (&pool, made);
    }
  return pool;
}

TnPool *
tn_pool_new (gsize budget)
{
  TnPool *self =
      g_aligned_alloc0 (1, (sizeof *self + TN_POOL_ALIGNMENT - 1) / TN_POOL_ALIGNMENT * TN_POOL_ALIGNMENT, TN_POOL_ALIGNMENT);

  tn_page_heap_init (&self->heap);
  for (guint i = 0; i < TN_N_SIZE_CLASSES; i++)
    tn_depot_init (&self->depots[i], &self->heap, i);
  pthread_mutex_init (&self->caches_lock, NULL);
  pthread_mutex_init (&self->pressure_lock, NULL);
  tn_pool_set_budget (self, budget);
  tn_thread_caches_enter_pool (self);
  return self;
}

void
tn_pool_free (TnPool *self)
{
  if (self == NULL)
    return;

  tn_thread_caches_leave_pool (self);
  tn_thread_caches_settle (self);
  tn_pool_report_leaks (self);
  tn_thread_caches_free (self);
  for (guint i = 0; i < TN_N_SIZE_CLASSES; i++)
    tn_depot_clear (&self->depots[i]);
  tn_page_heap_clear (&self->heap, g_aligned_free);
  pthread_mutex_destroy (&self->caches_lock);
  pthread_mutex_destroy (&self->pressure_lock);
  g_aligned_free (self);
}

void
tn_pool_set_budget (TnPool *self, gsize budget)
{
  tn_accounts_set_budget (&self->accounts, budget);
  tn_thread_caches_settle (self);
  tn_page_heap_set_most_pages (&self->heap, budget == 0 ? 0 : MAX (budget / TN_PAGE_BYTES, 1));
}

gsize
tn_pool_get_budget (TnPool *self)
{
  return atomic_load (&self->accounts.budget);
}

gboolean
tn_pool_reserve (TnPool *self, TnPurpose purpose, gsize asked, gsize counted, gsize wanted, TnGrant *grant, GError **error)
{
  for (guint i = 0; i < RESERVE_ATTEMPTS; i++)
    {
      if (tn_accounts_reserve (&self->accounts, counted, wanted, i > 0, grant))
        return TRUE;
      tn_thread_caches_settle (self);
    }
  set_budget_error (self, purpose, asked, error);
  return FALSE;
}

void
tn_pool_tell_pressure (TnPool *self, const TnGrant *grant)
{
  TnPressureFunc func;
  gpointer data;

  pthread_mutex_lock (&self->pressure_lock);
  func = self->pressure_func;
  data = self->pressure_data;
  pthread_mutex_unlock (&self->pressure_lock);
  if (func != NULL)
    tn_accounts_pressure (&self->accounts, grant, func, self, data);
}

/* Pages for a block; what is free already gives way before the system is asked for more than the budget. */
static TnExtent *
take_pages (TnPool *self, TnPurpose purpose, gsize n_pages, gboolean *zeroed)
{
  gsize budget = tn_pool_get_budget (self), used = atomic_load_explicit (&self->heap.used_pages, memory_order_relaxed);
  TnExtent *extent;

  if (budget != 0 && used + n_pages > budget / TN_PAGE_BYTES)
    tn_thread_caches_flush (self);
  extent = tn_page_heap_alloc_block (&self->heap, n_pages, purpose, zeroed);
  if (extent != NULL)
    return extent;
  tn_pool_trim (self);
  return tn_page_heap_alloc_block (&self->heap, n_pages, purpose, zeroed);
}

static void *
alloc_large (TnPool *self, TnPurpose purpose, gsize bytes, gboolean *zeroed, GError **error)
{
  gsize counted = tn_pool_block_bytes (bytes);
  TnExtent *extent;
  TnGrant grant;

  /* With nothing but blocks reserved the peaks are exact. */
  tn_thread_caches_settle (self);
  if (!tn_pool_reserve (self, purpose, bytes, counted, counted, &grant, error))
    return NULL;
  extent = take_pages (self, purpose, counted / TN_PAGE_BYTES, zeroed);
  if (extent == NULL)
    {
      tn_accounts_unreserve (&self->accounts, counted);
      tn_pool_set_system_error (purpose, bytes, error);
      return NULL;
    }
  tn_accounts_note_peak (&self->accounts, grant.before + counted);
  tn_accounts_tell (&self->accounts, purpose, (gssize) counted, (gssize) counted);
  tn_pool_tell_pressure (self, &grant);
  TN_UNPOISON (extent->start, bytes);
  TN_FILL (extent->start, bytes);
  return extent->start;
}

static void
release_large (TnPool *self, TnExtent *extent)
{
  gsize counted = extent->n_pages * TN_PAGE_BYTES;
  TnPurpose purpose = extent->purpose;

  tn_thread_caches_settle (self);
  tn_page_heap_free_block (&self->heap, extent);
  tn_accounts_tell (&self->accounts, purpose, -(gssize) counted, 0);
  /* Other threads may have reserved more since. */
  tn_accounts_note_peak (&self->accounts, atomic_load (&self->accounts.reserved));
  tn_accounts_unreserve (&self->accounts, counted);
}

static inline gboolean
is_traced (TnPool *self)
{
  return atomic_load_explicit (&self->trace_func, memory_order_relaxed) != NULL;
}

static void
trace (TnPool *self, const void *block, gsize bytes, TnPurpose purpose, gboolean released)
{
  TnPoolTraceFunc func = atomic_load_explicit (&self->trace_func, memory_order_acquire);

  if (func != NULL)
    func (self, block, bytes, purpose, released, self->trace_data);
}

static inline gboolean
is_small (gsize bytes)
{
  return bytes <= TN_SMALL_MOST_BYTES - TN_REDZONE_BYTES;
}

/* *zeroed becomes TRUE when the block is known to be. */
static void *
alloc (TnPool *self, TnPurpose purpose, gsize bytes, gboolean *zeroed, GError **error)
{
  void *block;

  if (bytes > G_MAXSIZE / 2)
    {
      tn_pool_set_system_error (purpose, bytes, error);
      return NULL;
    }
  if (is_small (bytes))
    block = tn_thread_cache_alloc (self, purpose, bytes, error);
  else
    block = alloc_large (self, purpose, bytes, zeroed, error);
  if (block != NULL)
    trace (self, block, bytes, purpose, FALSE);
  return block;
}

void *
tn_pool_alloc (TnPool *self, TnPurpose purpose, gsize bytes, GError **error)
{
  gboolean zeroed;

  g_return_val_if_fail (self != NULL && purpose < TN_N_PURPOSES, NULL);

  /* The way most blocks go, and as short as it can be. */
  if (is_small (bytes) && !is_traced (self))
    return tn_thread_cache_alloc (self, purpose, bytes, error);
  return alloc (self, purpose, bytes, &zeroed, error);
}

void *
tn_pool_alloc0 (TnPool *self, TnPurpose purpose, gsize bytes, GError **error)
{
  gboolean zeroed = FALSE;
  void *block;

  g_return_val_if_fail (self != NULL && purpose < TN_N_PURPOSES, NULL);

  block = alloc (self, purpose, bytes, &zeroed, error);
  if (block != NULL && (TN_FILLS || !zeroed))
    memset (block, 0, bytes);
  return block;
}

void *
tn_pool_alloc_array (TnPool *self, TnPurpose purpose, gsize n, gsize size, GError **error)
{
  gsize bytes;

  g_return_val_if_fail (self != NULL && purpose < TN_N_PURPOSES, NULL);

  if (!g_size_checked_mul (&bytes, n, size))
    {
      set_overflow_error (purpose, n, size, error);
      return NULL;
    }
  return tn_pool_alloc (self, purpose, bytes, error);
}

/* A block released twice or not of a pool would corrupt what others hold: stop here. */
G_GNUC_NORETURN static void
stop (const void *block)
{
  g_error ("%p is no block of a memory pool, or was released before", block);
}

/* self: NULL for whatever pool it is of. */
static TnPool *
check_owner (TnPool *self, const TnExtent *extent, const void *block)
{
  TnPool *owner = tn_pool_of_heap (extent->region->heap);

  if (self != NULL && owner != self)
    g_error ("%p is a block of another memory pool", block);
  return owner;
}

static inline guint8
get_state (TnBlockState *state)
{
  return state != NULL ? atomic_load_explicit (state, memory_order_relaxed) : 0;
}

/* Every block, with every check. */
G_GNUC_NO_INLINE static void
release_slowly (TnPool *self, void *block)
{
  TnExtent *extent = tn_extent_find (block);

  if (extent != NULL && extent->use == TN_EXTENT_SPAN)
    {
      TnSpan *span = (TnSpan *) extent;
      TnBlockState *state = tn_span_state (span, block);
      TnPurpose purpose = (TnPurpose) (get_state (state) & ~TN_BLOCK_HELD);

      if (!(get_state (state) & TN_BLOCK_HELD))
        stop (block);
      self = check_owner (self, extent, block);
      trace (self, block, 0, purpose, TRUE);
      tn_thread_cache_release (self, span, (TnFreeBlock){block, state}, purpose);
    }
  else
    {
      if (extent == NULL || extent->use != TN_EXTENT_LARGE || extent->start != (guint8 *) block)
        stop (block);
      self = check_owner (self, extent, block);
      trace (self, block, 0, extent->purpose, TRUE);
      release_large (self, extent);
    }
}

void
tn_pool_release (TnPool *self, void *block)
{
  TnExtent *extent = tn_extent_find (block);

  if (G_LIKELY (extent != NULL && extent->use == TN_EXTENT_SPAN && extent->region->heap == &self->heap && !is_traced (self)))
    {
      TnSpan *span = (TnSpan *) extent;
      TnBlockState *state = tn_span_state (span, block);
      guint8 held = get_state (state);

      if (G_LIKELY (held & TN_BLOCK_HELD))
        {
          tn_thread_cache_release (self, span, (TnFreeBlock){block, state}, (TnPurpose) (held & ~TN_BLOCK_HELD));
          return;
        }
    }
  if (block != NULL)
    release_slowly (self, block);
}

void
tn_block_free (TnBlock *block)
{
  if (block != NULL)
    release_slowly (NULL, block);
}

gsize
tn_pool_block_bytes (gsize bytes)
{
  if (bytes > G_MAXSIZE / 2)
    return G_MAXSIZE;
  if (is_small (bytes))
    return tn_size_class_bytes (tn_size_class (bytes + TN_REDZONE_BYTES));
  return (bytes + TN_REDZONE_BYTES + TN_PAGE_BYTES - 1) / TN_PAGE_BYTES * TN_PAGE_BYTES;
}

gsize
tn_pool_get_current (TnPool *self, TnPurpose purpose)
{
  g_return_val_if_fail (purpose < TN_N_PURPOSES, 0);

  tn_thread_caches_settle (self);
  return (gsize) MAX (atomic_load (&self->accounts.current_of[purpose]), 0);
}

gsize
tn_pool_get_peak (TnPool *self, TnPurpose purpose)
{
  g_return_val_if_fail (purpose < TN_N_PURPOSES, 0);

  tn_thread_caches_settle (self);
  return (gsize) atomic_load (&self->accounts.peak_of[purpose]);
}

gsize
tn_pool_get_total (TnPool *self)
{
  tn_thread_caches_settle (self);
  return atomic_load (&self->accounts.reserved);
}

gsize
tn_pool_get_peak_total (TnPool *self)
{
  tn_thread_caches_settle (self);
  return atomic_load (&self->accounts.peak);
}

gsize
tn_pool_get_cached (TnPool *self)
{
  gsize total = tn_pool_get_total (self), pages;

  pthread_mutex_lock (&self->heap.lock);
  pages = atomic_load (&self->heap.used_pages) + self->heap.warm_pages;
  pthread_mutex_unlock (&self->heap.lock);
  return pages * TN_PAGE_BYTES > total ? pages * TN_PAGE_BYTES - total : 0;
}

void
tn_pool_trim (TnPool *self)
{
  tn_thread_caches_flush (self);
  tn_page_heap_cool (&self->heap, 0);
}

void
tn_pool_set_pressure_func (TnPool *self, TnPressureFunc func, gpointer user_data)
{
  pthread_mutex_lock (&self->pressure_lock);
  self->pressure_func = func;
  self->pressure_data = user_data;
  pthread_mutex_unlock (&self->pressure_lock);
}

void
tn_pool_set_trace_func (TnPool *self, TnPoolTraceFunc func, gpointer user_data)
{
  self->trace_data = user_data;
  atomic_store_explicit (&self->trace_func, func, memory_order_release);
}

const char *
tn_purpose_get_name (TnPurpose purpose)
{
  g_return_val_if_fail (purpose < TN_N_PURPOSES, NULL);
  return purpose_names[purpose];
}
