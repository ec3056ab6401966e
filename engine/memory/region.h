/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>
#include <stdatomic.h>

G_BEGIN_DECLS

/* TnRegion: a stretch of address space from the system, cut into pages, and which of them the system holds memory for.
 * Every address leads to the extent it lies in, without a lock. */

#define TN_PAGE_BYTES ((gsize) 4096)
/* Regions start at multiples of this and are as long as multiples of it. */
#define TN_REGION_UNIT_BITS 22
#define TN_REGION_UNIT ((gsize) 1 << TN_REGION_UNIT_BITS)

typedef struct _TnExtent TnExtent;
typedef struct _TnPageHeap TnPageHeap;

typedef struct _TnRegion
{
  guint8            *start;
  gsize              n_pages;
  TnPageHeap        *heap;
  struct _TnRegion  *previous, *next; /* of the heap */
  guint64           *warm;            /* [n_pages] bits: of free pages, those whose memory the system still holds for us */
  TnExtent *_Atomic  pages[];         /* [n_pages]: see TnExtent */
} TnRegion;

/* Of at least n_pages; NULL when the system refuses. Its memory is poisoned and comes zeroed, in small pages. */
TnRegion *tn_region_map         (TnPageHeap *heap, gsize n_pages);
void      tn_region_unmap       (TnRegion *self);
gsize     tn_region_count_warm  (const TnRegion *self, gsize first, gsize n);
void      tn_region_set_warm    (TnRegion *self, gsize first, gsize n);
/* Gives the memory of up to `most` warm pages of first .. first + n back, the last ones first. Returns how many. */
gsize     tn_region_cool        (TnRegion *self, gsize first, gsize n, gsize most);
/* Asks for huge pages where whole ones fit: the faults of a fresh buffer are most of what it costs. */
void      tn_region_advise_huge (TnRegion *self, gsize first, gsize n);

#define TN_ADDRESS_LEVEL_BITS 13

/* By unit of address space: the pages of the region it belongs to, from the unit's first one on. */
typedef TnExtent *_Atomic *_Atomic TnAddressLeaf[1 << TN_ADDRESS_LEVEL_BITS];
/* 48 bits of address: two levels of 13 bits above the unit. */
G_GNUC_INTERNAL extern TnAddressLeaf *_Atomic tn_address_root[1 << TN_ADDRESS_LEVEL_BITS];

/* The extent of an address, or NULL. Of a large or free one it is only found by its first and its last page. */
static inline TnExtent *
tn_extent_find (gconstpointer address)
{
  guint64 place = (guint64) (gsize) address, unit = place >> TN_REGION_UNIT_BITS;
  TnExtent *_Atomic *pages;
  TnAddressLeaf *leaf;

  if (G_UNLIKELY (unit >> 2 * TN_ADDRESS_LEVEL_BITS != 0))
    return NULL;
  leaf = atomic_load_explicit (&tn_address_root[unit >> TN_ADDRESS_LEVEL_BITS], memory_order_acquire);
  if (G_UNLIKELY (leaf == NULL))
    return NULL;
  pages = atomic_load_explicit (&(*leaf)[unit % (1 << TN_ADDRESS_LEVEL_BITS)], memory_order_acquire);
  if (G_UNLIKELY (pages == NULL))
    return NULL;
  return atomic_load_explicit (&pages[place % TN_REGION_UNIT / TN_PAGE_BYTES], memory_order_relaxed);
}

G_END_DECLS
