/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* TnPool: where every tensor and scratch buffer of the engine comes from.
 * Blocks are aligned to 64 bytes. A budget is enforced here; counters tell by
 * purpose what is in use. All functions may be called from any thread. */

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

/* level: 70, 80, 90 or 95 (percent of the budget), called once each time it is crossed upwards,
 * on the thread that allocates, with no lock held. */
typedef void (*TnPressureFunc) (TnPool *pool, guint level, gpointer user_data);

/* The pool of the process; never freed. */
TnPool     *tn_pool_default      (void);
/* budget in bytes, 0 for none. */
TnPool     *tn_pool_new          (gsize budget);
/* Reports blocks still in use as a warning naming purpose and bytes, then frees the pool. */
void        tn_pool_free         (TnPool *self);
void        tn_pool_set_budget   (TnPool *self, gsize budget);
gsize       tn_pool_get_budget   (TnPool *self);
/* NULL with TN_ERROR_MEMORY naming purpose, size and what is left. bytes == 0 gives a valid block.
 * Contents are undefined. Free with tn_pool_release(). */
void       *tn_pool_alloc        (TnPool *self, TnPurpose purpose, gsize bytes, GError **error);
void       *tn_pool_alloc0       (TnPool *self, TnPurpose purpose, gsize bytes, GError **error);
/* n * size with overflow check. */
void       *tn_pool_alloc_array  (TnPool *self, TnPurpose purpose, gsize n, gsize size, GError **error);
/* block may be NULL. The block must have come from this pool. */
void        tn_pool_release      (TnPool *self, void *block);
/* What a block of so many bytes is counted as: rounded up to the alignment, with its header. */
gsize       tn_pool_block_bytes  (gsize bytes);
gsize       tn_pool_get_current  (TnPool *self, TnPurpose purpose);
gsize       tn_pool_get_peak     (TnPool *self, TnPurpose purpose);
gsize       tn_pool_get_total    (TnPool *self);
gsize       tn_pool_get_peak_total (TnPool *self);
void        tn_pool_set_pressure_func (TnPool *self, TnPressureFunc func, gpointer user_data);
/* "weights", "activations", … (not translated: for JSON and logs). */
const char *tn_purpose_get_name  (TnPurpose purpose);

/* g_autoptr for a block of the default pool: g_autoptr (TnBlock) x = tn_pool_alloc (tn_pool_default (), …). */
typedef void TnBlock;
void        tn_block_free        (TnBlock *block);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TnBlock, tn_block_free)

G_END_DECLS
