/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "engine/memory/pool.h"

G_BEGIN_DECLS

/* What work asks of the default pool, recorded, and asked again of any allocator. */

typedef struct
{
  gsize     bytes;
  guint     slot;     /* where the block is kept meanwhile */
  TnPurpose purpose;
  gboolean  released;
} TnPoolEvent;

typedef struct
{
  GArray *events; /* TnPoolEvent; every block that is allocated is released, too */
  guint   n_slots;
  guint   n_blocks, n_small; /* small: up to 32 KiB */
  guint   n_threads;         /* that allocated */
  gsize   largest;
} TnPoolTrace;

typedef enum
{
  TN_ALLOCATOR_POOL,
  TN_ALLOCATOR_ALIGNED_ALLOC, /* aligned_alloc() of 64 and free() */
  TN_ALLOCATOR_MALLOC,
  TN_N_ALLOCATORS
} TnAllocator;

/* Runs work, which must allocate from the default pool in this process only. */
TnPoolTrace *tn_pool_trace_record (void (*work) (gpointer user_data), gpointer user_data);
TnPoolTrace *tn_pool_trace_new    (void);
/* Appends the small blocks of another one, as they came and went. */
void         tn_pool_trace_append_small (TnPoolTrace *self, const TnPoolTrace *other);
/* Blocks of 64 bytes to 8 KiB, the smaller ones more often, in a random order, `alive` at a time. */
TnPoolTrace *tn_pool_trace_random (guint n_blocks, guint alive);
void         tn_pool_trace_free   (TnPoolTrace *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnPoolTrace, tn_pool_trace_free)

/* Processor time of one replay in seconds, system time included, the slowest thread's, while so many threads each replay the
 * trace as often. A large block is written to once a page, for memory that is not used costs nothing; of a small one the
 * first byte. */
double       tn_pool_trace_replay (const TnPoolTrace *self, TnAllocator allocator, TnPool *pool, guint n_threads, guint repeats);

G_END_DECLS
