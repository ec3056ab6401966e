/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/memory/region.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/memory/poison.h"

#define HUGE_PAGE_BYTES ((gsize) 2 << 20)

TnAddressLeaf *_Atomic tn_address_root[1 << TN_ADDRESS_LEVEL_BITS];

/* The leaf of an address, made when first needed; never freed, for lookups take no lock. */
static TnAddressLeaf *
get_leaf (guint64 unit)
{
  TnAddressLeaf *_Atomic *place = &tn_address_root[unit >> TN_ADDRESS_LEVEL_BITS];
  TnAddressLeaf *leaf = atomic_load_explicit (place, memory_order_acquire), *made;

  if (leaf != NULL)
    return leaf;
  made = g_malloc0 (sizeof *made);
  if (atomic_compare_exchange_strong (place, &leaf, made))
    return made;
  g_free (made);
  return leaf;
}

/* pages: NULL where the addresses end to be ours. */
static void
enter_addresses (guint8 *start, gsize bytes, TnExtent *_Atomic *pages)
{
  for (gsize offset = 0; offset < bytes; offset += TN_REGION_UNIT)
    {
      guint64 unit = (guint64) (gsize) (start + offset) >> TN_REGION_UNIT_BITS;

      atomic_store_explicit (&(*get_leaf (unit))[unit % (1 << TN_ADDRESS_LEVEL_BITS)],
                             pages != NULL ? pages + offset / TN_PAGE_BYTES : NULL, memory_order_release);
    }
}

/* NULL when the system refuses, or gives addresses of more than 48 bits. */
static guint8 *
map_aligned (gsize bytes)
{
  gsize whole = bytes + TN_REGION_UNIT, skip;
  guint8 *start = mmap (NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (start == MAP_FAILED)
    return NULL;
  if (((guint64) (gsize) start + whole) >> (TN_REGION_UNIT_BITS + 2 * TN_ADDRESS_LEVEL_BITS) != 0)
    {
      munmap (start, whole);
      return NULL;
    }
  skip = (TN_REGION_UNIT - (gsize) start % TN_REGION_UNIT) % TN_REGION_UNIT;
  if (skip > 0)
    munmap (start, skip);
  munmap (start + skip + bytes, TN_REGION_UNIT - skip);
  return start + skip;
}

static gsize
table_bytes (gsize n_pages)
{
  return sizeof (TnRegion) + n_pages * sizeof (TnExtent *) + n_pages / 8;
}

TnRegion *
tn_region_map (TnPageHeap *heap, gsize n_pages)
{
  gsize bytes = (n_pages * TN_PAGE_BYTES + TN_REGION_UNIT - 1) / TN_REGION_UNIT * TN_REGION_UNIT;
  TnRegion *self;

  n_pages = bytes / TN_PAGE_BYTES;
  /* Mapped, too: of the table of a large region only what is used becomes memory. */
  self = mmap (NULL, table_bytes (n_pages), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (self == MAP_FAILED)
    return NULL;
  self->heap = heap;
  self->n_pages = n_pages;
  self->warm = (guint64 *) &self->pages[n_pages];
  self->start = map_aligned (bytes);
  if (self->start == NULL)
    {
      munmap (self, table_bytes (n_pages));
      return NULL;
    }
  /* Where the system gives huge pages to everybody, a small block would take 2 MiB of memory. */
  madvise (self->start, bytes, MADV_NOHUGEPAGE);
  TN_POISON (self->start, bytes);
  TN_ROOT (self->start, bytes);
  TN_ROOT (self, table_bytes (n_pages));
  enter_addresses (self->start, bytes, self->pages);
  return self;
}

void
tn_region_unmap (TnRegion *self)
{
  gsize bytes = self->n_pages * TN_PAGE_BYTES;

  enter_addresses (self->start, bytes, NULL);
  TN_UNPOISON (self->start, bytes);
  TN_UNROOT (self->start, bytes);
  TN_UNROOT (self, table_bytes (self->n_pages));
  munmap (self->start, bytes);
  munmap (self, table_bytes (self->n_pages));
}

/* The bits of pages first .. end that lie in one word. */
static guint64
word_mask (gsize word, gsize first, gsize end)
{
  guint64 mask = G_MAXUINT64;

  if (first > word * 64)
    mask &= G_MAXUINT64 << (first - word * 64);
  if (end < word * 64 + 64)
    mask &= G_MAXUINT64 >> (word * 64 + 64 - end);
  return mask;
}

gsize
tn_region_count_warm (const TnRegion *self, gsize first, gsize n)
{
  gsize count = 0;

  for (gsize word = first / 64; word * 64 < first + n; word++)
    {
      guint64 bits = self->warm[word] & word_mask (word, first, first + n);

      /* Mostly all or none: counting is slow where the processor may not be asked to do it. */
      count += bits == G_MAXUINT64 ? 64 : bits == 0 ? 0 : (gsize) __builtin_popcountll (bits);
    }
  return count;
}

void
tn_region_set_warm (TnRegion *self, gsize first, gsize n)
{
  for (gsize word = first / 64; word * 64 < first + n; word++)
    self->warm[word] |= word_mask (word, first, first + n);
}

static gboolean
is_warm (const TnRegion *self, gsize page)
{
  return self->warm[page / 64] >> page % 64 & 1;
}

static void
clear (TnRegion *self, gsize from, gsize to)
{
  TN_UNPOISON (self->start + from, to - from);
  memset (self->start + from, 0, to - from);
  TN_POISON (self->start + from, to - from);
}

/* Cold pages come zeroed when they are taken again, so what the system keeps is cleared here: where its pages are larger than
 * ours the parts that are shared with a neighbour, and memory that is locked. */
static void
give_back (TnRegion *self, gsize first, gsize end)
{
  gsize system_page = (gsize) sysconf (_SC_PAGESIZE);
  gsize from = first * TN_PAGE_BYTES, to = end * TN_PAGE_BYTES;
  gsize whole_from = (from + system_page - 1) / system_page * system_page, whole_to = to / system_page * system_page;

  if (whole_from < whole_to && madvise (self->start + whole_from, whole_to - whole_from, MADV_DONTNEED) == 0)
    {
      madvise (self->start + whole_from, whole_to - whole_from, MADV_NOHUGEPAGE);
      clear (self, from, whole_from);
      clear (self, whole_to, to);
    }
  else
    clear (self, from, to);
  for (gsize word = first / 64; word * 64 < end; word++)
    self->warm[word] &= ~word_mask (word, first, end);
}

gsize
tn_region_cool (TnRegion *self, gsize first, gsize n, gsize most)
{
  gsize page = first + n, given = 0;

  while (page > first && given < most)
    {
      gsize end;

      while (page > first && !is_warm (self, page - 1))
        page -= page % 64 == 0 && page - first >= 64 && self->warm[page / 64 - 1] == 0 ? 64 : 1;
      end = page;
      while (page > first && given < most && is_warm (self, page - 1))
        {
          page--;
          given++;
        }
      if (page < end)
        give_back (self, page, end);
    }
  return given;
}

void
tn_region_advise_huge (TnRegion *self, gsize first, gsize n)
{
  gsize from = (first * TN_PAGE_BYTES + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
  gsize to = (first + n) * TN_PAGE_BYTES / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;

  if (from < to)
    madvise (self->start + from, to - from, MADV_HUGEPAGE);
}
