/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/memory/page-heap.h"

#include "engine/memory/poison.h"

/* Address space that is asked for at a time; larger blocks get a region of their own size. */
#define REGION_PAGES (((gsize) 64 << 20) / TN_PAGE_BYTES)
/* Blocks from here on ask for huge pages. */
#define HUGE_BLOCK_PAGES (((gsize) 4 << 20) / TN_PAGE_BYTES)
#define MOST_WARM_PAGES (TN_POOL_MOST_WARM_BYTES / TN_PAGE_BYTES)

static int
compare_extents (gconstpointer a, gconstpointer b, gpointer data)
{
  const TnExtent *x = a, *y = b;

  if (x->n_pages != y->n_pages)
    return x->n_pages < y->n_pages ? -1 : 1;
  return x->start < y->start ? -1 : x->start > y->start;
}

void
tn_page_heap_init (TnPageHeap *self)
{
  *self = (TnPageHeap){.free = g_tree_new_full (compare_extents, NULL, NULL, NULL)};
  pthread_mutex_init (&self->lock, NULL);
}

static void
set_page (TnRegion *region, gsize page, TnExtent *extent)
{
  atomic_store_explicit (&region->pages[page], extent, memory_order_relaxed);
}

static TnExtent *
get_page (TnRegion *region, gsize page)
{
  return atomic_load_explicit (&region->pages[page], memory_order_relaxed);
}

static gsize
first_page (const TnExtent *extent)
{
  return (gsize) (extent->start - extent->region->start) / TN_PAGE_BYTES;
}

/* The pages that lead to an extent, as its use wants it. */
static void
set_pages (const TnExtent *extent, TnExtent *value)
{
  gsize first = first_page (extent), last = first + extent->n_pages - 1;

  for (gsize page = first; extent->use == TN_EXTENT_SPAN && page < last; page++)
    set_page (extent->region, page, value);
  set_page (extent->region, first, value);
  set_page (extent->region, last, value);
}

static void
insert_free (TnPageHeap *self, TnExtent *extent)
{
  set_pages (extent, extent);
  g_tree_insert (self->free, extent, extent);
}

static void
remove_free (TnPageHeap *self, TnExtent *extent)
{
  g_tree_remove (self->free, extent);
  set_pages (extent, NULL);
}

static TnExtent *
add_region (TnPageHeap *self, gsize n_pages)
{
  TnRegion *region = tn_region_map (self, n_pages);
  TnExtent *extent;

  if (region == NULL)
    return NULL;
  region->next = self->regions;
  if (region->next != NULL)
    region->next->previous = region;
  self->regions = region;

  extent = g_new0 (TnExtent, 1);
  extent->region = region;
  extent->start = region->start;
  extent->n_pages = region->n_pages;
  insert_free (self, extent);
  return extent;
}

/* A region that is one free extent. */
static void
remove_region (TnPageHeap *self, TnExtent *extent)
{
  TnRegion *region = extent->region;

  remove_free (self, extent);
  g_free (extent);
  if (region->previous != NULL)
    region->previous->next = region->next;
  else
    self->regions = region->next;
  if (region->next != NULL)
    region->next->previous = region->previous;
  tn_region_unmap (region);
}

/* The largest first, for they give most for a call of the system. */
static void
cool (TnPageHeap *self, gsize most_warm)
{
  GTreeNode *node = g_tree_node_last (self->free);

  while (node != NULL && self->warm_pages > most_warm)
    {
      TnExtent *extent = g_tree_node_key (node);

      node = g_tree_node_previous (node);
      if (extent->warm_pages > 0)
        {
          gsize given = tn_region_cool (extent->region, first_page (extent), extent->n_pages, self->warm_pages - most_warm);

          extent->warm_pages -= given;
          self->warm_pages -= given;
          if (extent->warm_pages == 0 && extent->n_pages == extent->region->n_pages)
            remove_region (self, extent);
        }
    }
}

/* What the limit leaves for free pages beside the used ones. */
static void
cool_to_limit (TnPageHeap *self)
{
  gsize used = atomic_load_explicit (&self->used_pages, memory_order_relaxed);
  gsize most = MOST_WARM_PAGES;

  if (self->most_pages != 0)
    most = MIN (most, self->most_pages > used ? self->most_pages - used : 0);
  if (self->warm_pages > most)
    cool (self, most);
}

/* Makes extent n_pages long; what is behind becomes a free extent. */
static void
split (TnPageHeap *self, TnExtent *extent, gsize n_pages)
{
  TnExtent *rest;

  if (extent->n_pages == n_pages)
    return;
  rest = g_new0 (TnExtent, 1);
  rest->region = extent->region;
  rest->start = extent->start + n_pages * TN_PAGE_BYTES;
  rest->n_pages = extent->n_pages - n_pages;
  extent->n_pages = n_pages;
  if (extent->warm_pages > 0)
    {
      rest->warm_pages = extent->warm_pages;
      extent->warm_pages = tn_region_count_warm (extent->region, first_page (extent), n_pages);
      rest->warm_pages -= extent->warm_pages;
    }
  insert_free (self, rest);
}

/* With the lock: an extent that still counts as warm what it brings. */
static TnExtent *
take (TnPageHeap *self, gsize n_pages)
{
  const TnExtent wanted = {.n_pages = n_pages};
  GTreeNode *node = g_tree_lower_bound (self->free, &wanted);
  TnExtent *extent = node != NULL ? g_tree_node_key (node) : add_region (self, MAX (n_pages, REGION_PAGES));

  if (extent == NULL)
    return NULL;
  remove_free (self, extent);
  split (self, extent, n_pages);
  self->warm_pages -= extent->warm_pages;
  atomic_fetch_add_explicit (&self->used_pages, n_pages, memory_order_relaxed);
  cool_to_limit (self);
  return extent;
}

TnExtent *
tn_page_heap_alloc_block (TnPageHeap *self, gsize n_pages, TnPurpose purpose, gboolean *zeroed)
{
  TnExtent *extent;

  pthread_mutex_lock (&self->lock);
  extent = take (self, n_pages);
  if (extent != NULL)
    {
      *zeroed = extent->warm_pages == 0;
      if (n_pages >= HUGE_BLOCK_PAGES && extent->warm_pages < n_pages)
        tn_region_advise_huge (extent->region, first_page (extent), n_pages);
      extent->use = TN_EXTENT_LARGE;
      extent->purpose = purpose;
      set_pages (extent, extent);
    }
  pthread_mutex_unlock (&self->lock);
  return extent;
}

gboolean
tn_page_heap_alloc_span (TnPageHeap *self, gsize n_pages, TnExtent *extent)
{
  TnExtent *taken;

  pthread_mutex_lock (&self->lock);
  taken = take (self, n_pages);
  if (taken != NULL)
    {
      *extent = *taken;
      extent->use = TN_EXTENT_SPAN;
      set_pages (extent, extent);
      g_free (taken);
    }
  pthread_mutex_unlock (&self->lock);
  return taken != NULL;
}

/* Puts the neighbour into extent when it is free. */
static void
join (TnPageHeap *self, TnExtent *extent, TnExtent *neighbour)
{
  if (neighbour == NULL || neighbour->use != TN_EXTENT_FREE)
    return;
  remove_free (self, neighbour);
  extent->start = MIN (extent->start, neighbour->start);
  extent->n_pages += neighbour->n_pages;
  extent->warm_pages += neighbour->warm_pages;
  g_free (neighbour);
}

/* With the lock: an extent that no page leads to any more. */
static void
put (TnPageHeap *self, TnExtent *extent)
{
  TnRegion *region = extent->region;
  gsize first = first_page (extent), end = first + extent->n_pages;

  TN_POISON (extent->start, extent->n_pages * TN_PAGE_BYTES);
  extent->use = TN_EXTENT_FREE;
  extent->warm_pages = extent->n_pages;
  tn_region_set_warm (region, first, extent->n_pages);
  self->warm_pages += extent->n_pages;
  atomic_fetch_sub_explicit (&self->used_pages, extent->n_pages, memory_order_relaxed);
  if (first > 0)
    join (self, extent, get_page (region, first - 1));
  if (end < region->n_pages)
    join (self, extent, get_page (region, end));
  insert_free (self, extent);
  cool_to_limit (self);
}

void
tn_page_heap_free_block (TnPageHeap *self, TnExtent *extent)
{
  pthread_mutex_lock (&self->lock);
  set_pages (extent, NULL);
  put (self, extent);
  pthread_mutex_unlock (&self->lock);
}

void
tn_page_heap_free_span (TnPageHeap *self, const TnExtent *extent)
{
  TnExtent *own = g_memdup2 (extent, sizeof *extent);

  pthread_mutex_lock (&self->lock);
  set_pages (extent, NULL);
  put (self, own);
  pthread_mutex_unlock (&self->lock);
}

void
tn_page_heap_cool (TnPageHeap *self, gsize most_warm)
{
  pthread_mutex_lock (&self->lock);
  cool (self, most_warm);
  pthread_mutex_unlock (&self->lock);
}

void
tn_page_heap_set_most_pages (TnPageHeap *self, gsize most_pages)
{
  pthread_mutex_lock (&self->lock);
  self->most_pages = most_pages;
  cool_to_limit (self);
  pthread_mutex_unlock (&self->lock);
}

void
tn_page_heap_foreach (TnPageHeap *self, void (*func) (TnExtent *extent, gpointer user_data), gpointer user_data)
{
  pthread_mutex_lock (&self->lock);
  for (TnRegion *region = self->regions; region != NULL; region = region->next)
    for (gsize page = 0; page < region->n_pages;)
      {
        TnExtent *extent = get_page (region, page);

        page += extent->n_pages;
        if (extent->use != TN_EXTENT_FREE)
          func (extent, user_data);
      }
  pthread_mutex_unlock (&self->lock);
}

void
tn_page_heap_clear (TnPageHeap *self, GDestroyNotify free_span)
{
  while (self->regions != NULL)
    {
      TnRegion *region = self->regions;

      self->regions = region->next;
      for (gsize page = 0; page < region->n_pages;)
        {
          TnExtent *extent = get_page (region, page);

          page += extent->n_pages;
          if (extent->use == TN_EXTENT_SPAN)
            free_span (extent);
          else
            g_free (extent);
        }
      tn_region_unmap (region);
    }
  g_tree_unref (self->free);
  pthread_mutex_destroy (&self->lock);
}
