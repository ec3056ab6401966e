/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* TnPool: where every tensor and scratch buffer of the engine comes from.
 *
 * Blocks are aligned to 64 bytes. Up to 32 KiB they come in fixed sizes that each thread keeps some of; larger ones are whole
 * pages, joined with their free neighbours when they are released, and of any size the system has. A block may be released by
 * another thread than the one that allocated it. All functions may be called from any thread.
 *
 * The budget counts what callers hold: each block as tn_pool_block_bytes() says, to the byte, and a block that fits is never
 * refused. What is free is no part of it, but stays within what the budget leaves: at most TN_POOL_MOST_WARM_BYTES of free
 * pages keep their memory, for the next batch, and fewer as soon as they and what is held would exceed the budget; threads
 * give their free small blocks back before a large block would. So the pool takes the budget from the system at most, and
 * beside it only what lies unused in runs of 64 or 256 KiB that small blocks were cut from, at most 2 MiB a thread of free
 * small blocks, and 1 % of tables.
 *
 * With the address sanitizer, memory that nobody holds is poisoned, and every block is counted as 64 bytes more, which lie
 * poisoned behind it. */

typedef enum
{
  TN_PURPOSE_WEIGHTS,
  TN_PURPOSE_ACTIVATIONS,
  TN_PURPOSE_GRADIENTS,
  TN_PURPOSE_OPTIMIZER,
  TN_PURPOSE_STATISTICS,
  TN_PURPOSE_SCRATCH,
  TN_N_PURPOSES
} TnPurpose;

typedef struct _TnPool TnPool;

#define TN_POOL_ALIGNMENT 64
/* Free memory that is kept from the system: the activations of a batch, mostly. */
#define TN_POOL_MOST_WARM_BYTES ((gsize) 256 << 20)
#define TN_POOL_N_LARGEST 4

/* level: 70, 80, 90 or 95 (percent of the budget), called once each time it is crossed upwards,
 * on the thread that allocates, with no lock held. Small blocks cross with a thread's reserve of a thousandth of the budget,
 * at most 64 KiB: going back and forth inside of that is no crossing. */
typedef void (*TnPressureFunc) (TnPool *pool, guint level, gpointer user_data);
/* Sees every block: as it was asked for, or released. With no lock held, on the thread that does it. */
typedef void (*TnPoolTraceFunc) (TnPool *pool, const void *block, gsize bytes, TnPurpose purpose, gboolean released, gpointer user_data);

/* What callers hold for one purpose. */
typedef struct
{
  guint64 blocks;
  gsize   bytes;                      /* as counted */
  gsize   largest[TN_POOL_N_LARGEST]; /* of the blocks, as counted; 0 where there are fewer */
} TnPoolUse;

/* The pool of the process; never freed. With TERNION_MEMORY_REPORT in the environment, what is in use at exit is printed on
 * standard error. */
TnPool     *tn_pool_default      (void);
/* budget in bytes, 0 for none. */
TnPool     *tn_pool_new          (gsize budget);
/* Reports blocks still in use as a warning naming purpose, number and bytes, then frees the pool with all of its memory. */
void        tn_pool_free         (TnPool *self);
void        tn_pool_set_budget   (TnPool *self, gsize budget);
gsize       tn_pool_get_budget   (TnPool *self);
/* NULL with TN_ERROR_MEMORY naming purpose, size and what is left. bytes == 0 gives a valid block.
 * Contents are undefined. Free with tn_pool_release(). */
void       *tn_pool_alloc        (TnPool *self, TnPurpose purpose, gsize bytes, GError **error);
/* Zeroed; costs nothing where the system's memory is fresh. */
void       *tn_pool_alloc0       (TnPool *self, TnPurpose purpose, gsize bytes, GError **error);
/* n * size with overflow check. */
void       *tn_pool_alloc_array  (TnPool *self, TnPurpose purpose, gsize n, gsize size, GError **error);
/* block may be NULL. The block must have come from this pool: one that did not, or was released before, ends the program. */
void        tn_pool_release      (TnPool *self, void *block);
/* What a block of so many bytes is counted as: up to 32 KiB the next of the fixed sizes (multiples of 64 up to 512, then four
 * in each doubling), above that whole pages of 4096 bytes; G_MAXSIZE for more than any system has. */
gsize       tn_pool_block_bytes  (gsize bytes);
/* In use now, and at most. The peaks are exact for one thread; small blocks of several threads at the same moment may be
 * seen up to 128 KiB a thread too many. */
gsize       tn_pool_get_current  (TnPool *self, TnPurpose purpose);
gsize       tn_pool_get_peak     (TnPool *self, TnPurpose purpose);
gsize       tn_pool_get_total    (TnPool *self);
gsize       tn_pool_get_peak_total (TnPool *self);
/* Memory of the system that is kept beside what callers hold. */
gsize       tn_pool_get_cached   (TnPool *self);
/* Gives all of that back but for the rests of runs in which a small block is in use. */
void        tn_pool_trim         (TnPool *self);
/* What is in use: visits every block, so not for a loop. */
void        tn_pool_get_use      (TnPool *self, TnPurpose purpose, TnPoolUse *use);
/* func may be NULL. */
void        tn_pool_set_pressure_func (TnPool *self, TnPressureFunc func, gpointer user_data);
/* For benchmarks and to find out who allocates; while no other thread uses the pool. func may be NULL. */
void        tn_pool_set_trace_func (TnPool *self, TnPoolTraceFunc func, gpointer user_data);
/* "weights", "activations", … (not translated: for JSON and logs). */
const char *tn_purpose_get_name  (TnPurpose purpose);

/* g_autoptr for a block of the default pool: g_autoptr (TnBlock) x = tn_pool_alloc (tn_pool_default (), …). */
typedef void TnBlock;
void        tn_block_free        (TnBlock *block);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnBlock, tn_block_free)

G_END_DECLS
