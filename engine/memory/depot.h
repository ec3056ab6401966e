/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/memory/page-heap.h"
#include "engine/memory/size-class.h"

G_BEGIN_DECLS

/* TnDepot: the free small blocks of one size that no thread keeps, in spans. What is known of a block lies beside the span,
 * never in it, so that a block can be poisoned as a whole. */

/* TN_BLOCK_HELD | purpose, or 0. */
typedef _Atomic guint8 TnBlockState;

#define TN_BLOCK_HELD 0x80

typedef struct
{
  void         *block;
  TnBlockState *state;
} TnFreeBlock;

typedef struct _TnSpan
{
  /* Never changes, and every release reads it: apart from what does. */
  TnExtent        extent;
  guint64         reciprocal;      /* of the size in units of alignment, times 2^32, rounded up */
  guint16         n_blocks, block_units;
  guint8          size_class, state_stride;
  guint8          padding[TN_POOL_ALIGNMENT - sizeof (TnExtent) - sizeof (guint64) - 6];
  /* With the depot's lock. */
  struct _TnSpan *previous, *next; /* of the depot, while a block is free */
  guint           n_free;
  guint64         free_blocks[16]; /* bits */
  guint8          more_padding[40];
  TnBlockState    states[];        /* of each block, state_stride apart */
} TnSpan;

G_STATIC_ASSERT (sizeof (TnSpan) % TN_POOL_ALIGNMENT == 0);

typedef struct
{
  pthread_mutex_t lock; /* of the spans */
  TnSpan         *spans;
  TnPageHeap     *heap;
  guint           size_class;
} TnDepot;

void  tn_depot_init  (TnDepot *self, TnPageHeap *heap, guint size_class);
/* Its spans end with the heap; each is one block of g_aligned_alloc(). */
void  tn_depot_clear (TnDepot *self);
/* Up to n blocks, neighbours where possible; 0 only when the system has no more memory. */
guint tn_depot_take  (TnDepot *self, TnFreeBlock *blocks, guint n);
void  tn_depot_give  (TnDepot *self, const TnFreeBlock *blocks, guint n);
/* Gives spans that are wholly free back to the heap. */
void  tn_depot_trim  (TnDepot *self);

/* The place of a block's state, or NULL when no block starts there. */
static inline TnBlockState *
tn_span_state (TnSpan *self, gconstpointer block)
{
  gsize offset = (gsize) ((const guint8 *) block - self->extent.start);
  guint64 units = offset / TN_POOL_ALIGNMENT, index = units * self->reciprocal >> 32;

  if (G_UNLIKELY (index >= self->n_blocks || index * self->block_units * TN_POOL_ALIGNMENT != offset))
    return NULL;
  return &self->states[index * self->state_stride];
}

G_END_DECLS
