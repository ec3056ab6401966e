/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <pthread.h>

#include "engine/memory/pool.h"
#include "engine/memory/region.h"

G_BEGIN_DECLS

/* TnPageHeap: extents of whole pages out of regions. A free extent is joined with its free neighbours; the smallest that is
 * large enough, at the lowest address, is taken, and the rest of it stays free. What is free keeps its memory ("warm") up to
 * a limit, so that the buffers of the next batch cost no page faults; a region that is wholly free and cold goes back. */

typedef enum
{
  TN_EXTENT_FREE,
  TN_EXTENT_LARGE, /* one block */
  TN_EXTENT_SPAN,  /* small blocks */
} TnExtentUse;

/* The region's pages lead to it: all of a span's, the first and the last of the others. */
struct _TnExtent
{
  TnRegion   *region;
  guint8     *start;
  gsize       n_pages;
  gsize       warm_pages; /* of a free one */
  TnExtentUse use;
  TnPurpose   purpose;    /* of a large block */
};

struct _TnPageHeap
{
  pthread_mutex_t lock;       /* of all below */
  GTree          *free;       /* of TnExtent, by size, then by address */
  TnRegion       *regions;
  gsize           warm_pages;
  gsize           most_pages; /* used and warm together, as far as cooling can keep it; 0: no limit */
  _Atomic gsize   used_pages; /* readable without the lock */
};

void      tn_page_heap_init  (TnPageHeap *self);
/* Unmaps everything, used or not; free_span gets the extents of spans. */
void      tn_page_heap_clear (TnPageHeap *self, GDestroyNotify free_span);
/* NULL when the system has no more. zeroed: whether every byte is zero. */
TnExtent *tn_page_heap_alloc_block (TnPageHeap *self, gsize n_pages, TnPurpose purpose, gboolean *zeroed);
void      tn_page_heap_free_block  (TnPageHeap *self, TnExtent *extent);
/* The caller has the room for the extent of a span. */
gboolean  tn_page_heap_alloc_span  (TnPageHeap *self, gsize n_pages, TnExtent *extent);
void      tn_page_heap_free_span   (TnPageHeap *self, const TnExtent *extent);
/* Gives memory of free pages back until no more than most_warm of them are warm. */
void      tn_page_heap_cool  (TnPageHeap *self, gsize most_warm);
/* 0: no limit. */
void      tn_page_heap_set_most_pages (TnPageHeap *self, gsize most_pages);
/* Calls func for every extent in use, with the lock held. */
void      tn_page_heap_foreach (TnPageHeap *self, void (*func) (TnExtent *extent, gpointer user_data), gpointer user_data);

G_END_DECLS
