/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/memory/depot.h"

G_BEGIN_DECLS

/* TnThreadCache: small blocks by thread. A thread takes them from its own magazines, one a size, which the pool's depots fill
 * and empty by halves. Its lock is its owner's alone but for the moments in which another thread settles or flushes all
 * caches of the pool. A thread that ends gives back what it keeps. */

typedef struct _TnThreadCache TnThreadCache;

/* bytes: as asked for, at most TN_SMALL_MOST_BYTES with the redzone. */
void  *tn_thread_cache_alloc   (TnPool *pool, TnPurpose purpose, gsize bytes, GError **error);
/* A block of the span that is held, from any thread. */
void   tn_thread_cache_release (TnPool *pool, TnSpan *span, TnFreeBlock free_block, TnPurpose purpose);
/* All threads tell what they hold and give their credit back; returns how much credit that was. */
gsize  tn_thread_caches_settle (TnPool *pool);
/* All threads give their free blocks back to the depots, and the depots their free spans. */
void   tn_thread_caches_flush  (TnPool *pool);
/* With the pool: no thread uses it any more. */
void   tn_thread_caches_free   (TnPool *pool);
/* For threads that end to find the pool. */
void   tn_thread_caches_enter_pool (TnPool *pool);
void   tn_thread_caches_leave_pool (TnPool *pool);

G_END_DECLS
