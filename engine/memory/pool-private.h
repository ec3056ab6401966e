/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/memory/accounts.h"
#include "engine/memory/depot.h"
#include "engine/memory/page-heap.h"
#include "engine/memory/thread-cache.h"

G_BEGIN_DECLS

struct _TnPool
{
  guint64                  serial; /* no other pool had it: a thread knows its cache by it */
  _Atomic TnPoolTraceFunc  trace_func;
  gpointer                 trace_data;
  guint8                   padding[TN_POOL_ALIGNMENT - 8 - 2 * sizeof (gpointer)];
  TnAccounts               accounts;
  TnPageHeap               heap;
  TnDepot                  depots[TN_N_SIZE_CLASSES];
  /* The thread sanitizer knows pthread's locks, not GLib's. Order: all pools, caches_lock, a cache, a depot, the heap. */
  pthread_mutex_t          caches_lock;
  TnThreadCache           *caches;
  pthread_mutex_t          pressure_lock;
  TnPressureFunc           pressure_func;
  gpointer                 pressure_data;
  TnPool                  *previous, *next; /* of all pools */
};

static inline TnPool *
tn_pool_of_heap (TnPageHeap *heap)
{
  return (TnPool *) (gpointer) ((guint8 *) heap - G_STRUCT_OFFSET (TnPool, heap));
}

/* Reserves wanted bytes, or at least counted; TN_ERROR_MEMORY naming asked. No lock may be held. */
gboolean tn_pool_reserve       (TnPool *self, TnPurpose purpose, gsize asked, gsize counted, gsize wanted, TnGrant *grant, GError **error);
void     tn_pool_set_system_error (TnPurpose purpose, gsize asked, GError **error);
/* The pressure levels that the grant crossed. No lock may be held. */
void     tn_pool_tell_pressure (TnPool *self, const TnGrant *grant);

G_END_DECLS
